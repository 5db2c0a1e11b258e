"""Why a project is in the portfolio of a run, or is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

from portfolio.assemble.rules import RULES
from portfolio.case.records import Case
from portfolio.engine.protocol import Limits
from portfolio.engine.variation import Changes
from portfolio.report.errors import UsageError
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, StepCall
from portfolio.report.study import Study
from portfolio.studies.explain_tables import Explained, Moved, Pair, study_of
from portfolio.studies.moving import MOST, move
from portfolio.studies.named import project_named
from portfolio.studies.points import FRESH, Answer, Point, Terms
from portfolio.studies.running import Desk, case_of
from portfolio.studies.solving import prepared

KIND = "explain"
MOVES = ("capex", "price", "construction")
"""What may be moved until a project enters or leaves."""


def explain(
    run: str | PathLike[str] | Run,
    project: str,
    *,
    rules: bool = True,
    moves: Sequence[str] = ("capex",),
    scenarios: int | None = None,
    seed: int | None = None,
    gap: float = 0.002,
    time_limit: float | None = 120.0,
    fresh: int = FRESH,
    level: float = 0.95,
    jobs: int = 1,
    cluster: str | None = None,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Study:
    """Say why a project is in the portfolio of a run, or is not.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`portfolio.api.solve` returned.
    project : str
        Project of the case.
    rules : bool
        Where the project is out: whether to take rules out one at a time and see which of them lets it in.
    moves : sequence of str
        Of :data:`MOVES`: what to move until the project enters or leaves, at most by half.
    scenarios, seed : int, optional
        Sample; the run's own where neither is given.
    gap, time_limit, fresh, level, jobs, cluster, threads, out, progress
        As in all studies; see :class:`portfolio.studies.points.Terms`. Differences smaller than the gaps of both
        searches stay open, so a small one is worth its time.

    Returns
    -------
    Study
        Tables ``worlds`` (the best portfolio with it and without it), ``projects`` (which others enter or leave),
        ``commitments``, ``rules`` and ``moves``.

    Raises
    ------
    RunError
        If the run folder is incomplete, edited or of another version.
    UsageError
        If there is no such project, an argument is out of range, or no portfolio was found in time.
    OutputError, CheckpointError
        As all studies do.
    """
    clock = Clock(progress)
    with clock.phase("reading"):
        saved = SavedRun.given(run)
        case = case_of(saved.case, (), scenarios, seed)
    project = project_named(case, project)
    if unknown := [m for m in moves if m not in MOVES]:
        raise UsageError(f"cannot move {', '.join(unknown)}: one of {', '.join(MOVES)}")
    terms = Terms(Limits(gap, time_limit, threads), fresh, level, jobs, cluster)
    desk = Desk.of(out, terms, clock, KIND, case, project, saved.decision)
    work = _Work(desk, case, project)
    if not work.possible:
        return desk.finish(lambda: study_of(Explained(saved.name, project), prepared(case).assembly, terms))
    pair = work.pair("", case)
    if pair.with_it.decision is None and pair.without_it.decision is None:
        raise UsageError("no portfolio was found in time, neither with the project nor without it: give it more")
    tried = work.rules() if rules and not pair.chosen else {}
    moved = tuple(work.move(m, pair) for m in moves)
    found = Explained(saved.name, project, pair, tried, moved, project in _supported(saved))
    return desk.finish(lambda: study_of(found, prepared(case).assembly, terms))


def _supported(saved: SavedRun) -> frozenset[str]:
    return frozenset(p for p, _, _ in saved.decision.chosen)


@dataclass(frozen=True)
class _Work:
    """A project and the case at work."""

    desk: Desk
    case: Case
    project: str

    @property
    def possible(self) -> bool:
        """Whether there is any way to finance the project."""
        return any(p == self.project for p, _, _ in prepared(self.case).assembly.instance.options)

    def pair(self, label: str, case: Case, without: str | None = None, *, fresh: bool = True) -> Pair:
        """The best portfolio with the project and the best one without it, under the same rules."""
        with_it, without_it = self._solved([(label, case, without)], fresh=fresh)
        return Pair(self.project, with_it, without_it)

    def _solved(self, asked: Sequence[tuple[str, Case, str | None]], *, fresh: bool) -> list[Answer]:
        points = []
        for label, case, without in asked:
            own = frozenset({self.project})
            for side, changes in (
                ("with", Changes(must=own, without=without)),
                ("without", Changes(never=own, without=without)),
            ):
                points.append(Point(f"{side}{label}", case, changes, baseline=False, measured=fresh))
        return self.desk.solve([Point("best", self.case, measured=False), *points])[1:]

    def rules(self) -> dict[str, Pair]:
        """Pairs with one rule at a time taken out."""
        asked = [(f"_rule_{n + 1}", self.case, rule) for n, rule in enumerate(RULES)]
        found = self._solved(asked, fresh=False)
        return {rule: Pair(self.project, *found[2 * n : 2 * n + 2]) for n, rule in enumerate(RULES)}

    def move(self, what: str, pair: Pair) -> Moved:
        """How far a number of the case has to be moved until the project enters or leaves."""
        return move(
            what,
            self.case,
            self.project,
            pair,
            lambda factor, case: self.pair(f"_{what}_{factor:.6f}", case, fresh=False),
            MOST,
        )
