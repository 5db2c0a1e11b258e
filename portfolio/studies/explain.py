"""Why a project is in the portfolio of a run, or is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

from portfolio.case.records import Case
from portfolio.engine.variation import Changes
from portfolio.report.errors import UsageError
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, StepCall
from portfolio.report.study import Study
from portfolio.studies.asking import MAIN, PATIENCE_S, Asker, Patience, terms_of
from portfolio.studies.explain_tables import Explained, study_of
from portfolio.studies.lifting import Lifted, Lifting
from portfolio.studies.moving import WAYS, Moved, Mover
from portfolio.studies.named import project_named
from portfolio.studies.points import FRESH, Point
from portfolio.studies.running import Desk, case_of
from portfolio.studies.solving import prepared
from portfolio.studies.worlds import Pair

KIND = "explain"
MOVES = tuple(WAYS)
"""What may be moved until a project enters or leaves."""
USUAL = ("capex", "strike")
"""What is moved where nothing is said."""


def explain(
    run: str | PathLike[str] | Run,
    project: str,
    *,
    rules: bool = True,
    moves: Sequence[str] = USUAL,
    scenarios: int | None = None,
    seed: int | None = None,
    gap: float = 0.002,
    time_limit: float | None = PATIENCE_S,
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
    gap : float
        Gap at which the searches for the best portfolios stop. Differences smaller than the gaps they leave stay open.
    time_limit : float, optional
        Seconds of all searches together, no limit where None: at most a quarter of it for each of the two best
        portfolios, a sixteenth for each other question. What is not asked in time stays open.
    fresh, level, jobs, cluster, threads, out, progress
        As in all studies; see :class:`portfolio.studies.points.Terms`.

    Returns
    -------
    Study
        Tables ``worlds`` (the best portfolio with it and without it), ``projects`` (which others enter or leave),
        ``commitments``, ``rules``, ``moves``, ``tries`` (every factor tried) and ``left_out``.

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
    terms = terms_of(gap, time_limit, threads, fresh, level, jobs, cluster)
    desk = Desk.of(out, terms, clock, KIND, case, project, saved.decision)
    if not any(p == project for p, _, _ in prepared(case).assembly.instance.options):
        return desk.finish(lambda: study_of(Explained(saved.name, project), prepared(case).assembly, terms))
    work = _Work.of(desk, Patience(time_limit), case, project, saved)
    pair = work.pair()
    work.say(pair)
    lifted = work.rules(pair) if rules and not pair.chosen else ()
    moved = work.moves(pair, moves)
    found = Explained(saved.name, project, pair, lifted, moved, project in _supported(saved))
    return desk.finish(lambda: study_of(found, prepared(case).assembly, terms))


def _supported(saved: SavedRun) -> frozenset[str]:
    return frozenset(p for p, _, _ in saved.decision.chosen)


@dataclass(frozen=True)
class _Work:
    """A project and the case at work; ``floor`` is a bound proven before on all portfolios."""

    asker: Asker
    project: str
    floor: float

    @staticmethod
    def of(desk: Desk, patience: Patience, case: Case, project: str, saved: SavedRun) -> _Work:
        """Begin with the run's own portfolio and bound where they are of the same sample."""
        mine = saved.case.settings.sampling == case.settings.sampling
        best = Point("best", case, baseline=False, time_limit_s=patience.part(MAIN),
                     start=saved.decision if mine else None)  # fmt: skip
        return _Work(Asker(desk, patience, best), project, saved.bound if mine else 0.0)

    def pair(self) -> Pair:
        """The best portfolio with the project and the best one without it: one of them is the best of all.

        Raises
        ------
        UsageError
            Where no portfolio was found in time.
        """
        best = self.asker.first("the best portfolio")
        if best.decision is None:
            why = "; ".join(best.reasons) or best.status.value
            raise UsageError(f"no portfolio was found ({why}): give it more time")
        own, inside = frozenset({self.project}), self.project in best.supported
        name, changes = ("without", Changes(never=own)) if inside else ("with", Changes(must=own))
        other = self.asker.ask(f"the best portfolio {name} {self.project}", self._main(name, changes))
        floor = max(self.floor, best.bound)
        return (Pair(self.project, best, other) if inside else Pair(self.project, other, best)).known(floor)

    def _main(self, name: str, changes: Changes) -> Point:
        seconds = self.asker.patience.part(MAIN)
        return Point(name, self.asker.case, changes, baseline=False, time_limit_s=seconds)

    def say(self, pair: Pair) -> None:
        """Tell the main answer as soon as it is there."""
        self.asker.tell(f"{self.project} is {pair.verdict} (worth {_said(pair.low)} to {_said(pair.high)})")

    def rules(self, pair: Pair) -> tuple[Lifted, ...]:
        """What taking one rule at a time out does."""
        found = Lifting(self.asker, pair, prepared(self.asker.case).variation).all()
        letting = [r.rule for r in found if r.lets_in]
        self.asker.tell(f"Rules that alone let it in: {', '.join(letting) or 'none proven'}")
        return found

    def moves(self, pair: Pair, moves: Sequence[str]) -> tuple[Moved, ...]:
        """How far numbers of the case have to be moved until the project enters or leaves."""
        mover = Mover(self.asker, pair, prepared(self.asker.case).assembly.instance)
        return tuple(mover.move(what) for what in dict.fromkeys(moves))


def _said(value: float) -> str:
    return f"{value:,.0f}" if abs(value) < float("inf") else "without limit"
