"""Near-optimal portfolios that differ as much as possible, and which projects all, some or none of them hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np

from models import Decision
from portfolio.case.records import Case
from portfolio.engine.protocol import Status
from portfolio.engine.variation import Changes
from portfolio.evaluation.errors import InternalError
from portfolio.evaluation.outcomes import Recourse, objective
from portfolio.report.errors import UsageError
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, StepCall
from portfolio.report.study import Study
from portfolio.studies.alternatives_tables import Alternative, Found, study_of
from portfolio.studies.asking import MAIN, PATIENCE_S, Asker, Patience, nothing, terms_of
from portfolio.studies.differing import Jump, Shared, SharedMoney, SharedProjects, jump
from portfolio.studies.points import FRESH, Answer, Point
from portfolio.studies.running import Desk, case_of
from portfolio.studies.solving import prepared
from portfolio.studies.support import Inquiry

KIND = "alternatives"
DIFFER = ("projects", "money")
"""What alternatives may differ in."""
SAME = 1e-5
"""Relative difference at which an objective measured again contradicts the search."""
PART = 0.1
"""Part of the slack to which portfolios are solved where no gap is given."""
JUMPING = 0.8
"""Part of the whole time after which alternatives are taken from the portfolios found: questions left need the rest."""


def alternatives(
    run: str | PathLike[str] | Run,
    *,
    within: float = 0.01,
    count: int = 5,
    differ: str = "projects",
    scenarios: int | None = None,
    seed: int | None = None,
    gap: float | None = None,
    time_limit: float | None = PATIENCE_S,
    fresh: int = FRESH,
    level: float = 0.95,
    jobs: int = 1,
    cluster: str | None = None,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Study:
    """Find near-optimal portfolios that differ as much as possible, and what all, some and none of them hold.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`portfolio.api.solve` returned.
    within : float
        Slack: an objective of at most (1 + within) times the best one known counts as near-optimal.
    count : int
        Portfolios to show, the best one included; fewer where there are provably no more sets of projects.
    differ : str
        Of :data:`DIFFER`: whether alternatives share as few projects as possible with those before, or as little money
        in the same project and instrument.
    scenarios, seed : int, optional
        Sample; the run's own where neither is given.
    gap : float, optional
        Gap of the search for the best portfolio and for that of a set of projects; a tenth of ``within`` by default.
    time_limit : float, optional
        Seconds of all searches together, no limit where None: at most a quarter of it for the best portfolio, a
        sixteenth for each question about alternatives. Questions about projects (is there a portfolio within the slack
        with it, without it?) have little time at first and all that is left in the end. They end when they are
        decided; what is not decided in time is called undecided.
    fresh : int
        Fresh scenarios on which alternatives are compared with the best; 0 for none.
    level, jobs, cluster, threads, out, progress
        As in all studies; see :class:`portfolio.studies.points.Terms`.

    Returns
    -------
    Study
        Tables ``alternatives`` (one row each), ``projects`` (in all, in some, in none, undecided), ``distances`` (every
        pair) and ``commitments`` (who funds what in each).

    Raises
    ------
    RunError
        If the run folder is incomplete, edited or of another version.
    UsageError
        If an argument is out of range, or no portfolio was found in time.
    OutputError, CheckpointError
        As all studies do.
    InternalError
        If a portfolio measured again contradicts the search.
    """
    clock = Clock(progress)
    if not 0 < within < np.inf or count < 1:
        raise UsageError("within has to be above 0, such as 0.01 for 1 %; count at least 1")
    if differ not in DIFFER:
        raise UsageError(f"alternatives cannot differ in {differ!r}: one of {', '.join(DIFFER)}")
    with clock.phase("reading"):
        saved = SavedRun.given(run)
        case = case_of(saved.case, (), scenarios, seed)
    terms = terms_of(PART * within if gap is None else gap, time_limit, threads, fresh, level, jobs, cluster)
    desk = Desk.of(out, terms, clock, KIND, case, saved.decision, within, count, differ)
    work = _Work.of(desk, Patience(time_limit), case, saved, differ)
    best = work.best()
    most, floor = best.objective + within * abs(best.objective), min(max(best.bound, work.floor), best.objective)
    work.tell(best, floor, most)
    work.remember(floor)
    inquiry = Inquiry(work.asker, work.projects, best, most, floor)
    inquiry.first()
    found = work.differing(best, most, count)
    verdicts = inquiry.verdicts()
    found = replace(found, run=saved.name, within=within, differ=differ, most=most, floor=floor, verdicts=verdicts)
    work.verify([*(a.answer for a in found.alternatives), *work.asker.within(most)])
    return desk.finish(lambda: study_of(found, prepared(case).assembly, terms))


@dataclass(frozen=True)
class _Work:
    """The case at work; ``floor`` is a bound proven before on all portfolios, ``own`` the run if of the same sample."""

    asker: Asker
    differ: str
    floor: float
    own: SavedRun | None = None

    @staticmethod
    def of(desk: Desk, patience: Patience, case: Case, saved: SavedRun, differ: str) -> _Work:
        """Begin with the run's own portfolio and bound where they are of the same sample."""
        mine = saved.case.settings.sampling == case.settings.sampling
        best = Point("best", case, baseline=False, time_limit_s=patience.part(MAIN),
                     start=saved.decision if mine else None)  # fmt: skip
        return _Work(Asker(desk, patience, best), differ, saved.bound if mine else 0.0, saved if mine else None)

    @property
    def case(self) -> Case:
        """The case."""
        return self.asker.case

    @property
    def projects(self) -> tuple[str, ...]:
        """Projects with a way to finance them."""
        return tuple(sorted({p for p, _, _ in prepared(self.case).assembly.instance.options}))

    def best(self) -> Answer:
        """The best portfolio known: the search begins with that of the run.

        Raises
        ------
        UsageError
            Where none was found in time.
        """
        found = self.asker.first("the best portfolio")
        if found.decision is None:
            raise UsageError("no portfolio was found on this sample in time: give it more, or leave the sample")
        return found

    def remember(self, floor: float) -> None:
        """Count the run's own portfolio among those found: the best one may be another."""
        if self.own is not None:
            own = Answer("run", Status.TIME_LIMIT, self.own.objective, floor, self.own.decision)
            self.asker.asked[own.name] = own

    def tell(self, best: Answer, floor: float, most: float) -> None:
        """Say what counts as near-optimal."""
        self.asker.tell(
            f"Best known {best.objective:,.0f}, proven at least {floor:,.0f}; within the slack: at most {most:,.0f}"
        )

    def differing(self, best: Answer, most: float, count: int) -> Found:
        """The best portfolio and those that differ most from the ones before, as long as there is time."""
        held = [Alternative(1, best, 0.0, 0.0)]
        exhausted = False
        while len(held) < count and not exhausted:
            number = len(held) + 1
            shared = self._shared([a.answer for a in held])
            saying = f"alternative {number} of {count}"
            leap = jump(
                self.asker.teacher, number, shared, self.asker.within(most), most,
                lambda point, saying=saying: self._unless_late(saying, point),  # type: ignore[misc]
            )  # fmt: skip
            exhausted = leap.exhausted
            if leap.answer is None:
                break
            held.append(Alternative(number, self._cheapest(leap, shared, number, most), leap.reuse, leap.least))
        return Found(tuple(held), exhausted)

    def _unless_late(self, saying: str, point: Point) -> Answer:
        """Answer of a question about alternatives; nothing is known of it after their part of the time."""
        return nothing(point) if self.asker.patience.past(JUMPING) else self.asker.ask(saying, point)

    def _shared(self, before: Sequence[Answer]) -> Shared:
        if self.differ == "money":
            return SharedMoney(prepared(self.case).assembly.instance, tuple(before))
        return SharedProjects(self.projects, tuple(a.supported for a in before))

    def _cheapest(self, leap: Jump, shared: Shared, number: int, most: float) -> Answer:
        """The best portfolio of the projects found that shares no more, measured; the one found where that fails."""
        found = leap.answer
        if found is None:
            raise ValueError("there is no portfolio to improve")
        rows = (shared.at_most(leap.reuse * (1.0 + SAME)),) if self.differ == "money" else ()
        changes = Changes(must=found.supported, never=frozenset(self.projects) - found.supported, rows=rows)
        point = Point(f"alternative_{number}", self.case, changes, baseline=False, start=found.decision)
        better = self.asker.solved(f"alternative {number}: its best shares", point)
        return better if better.objective <= most else found

    def verify(self, answers: Sequence[Answer]) -> None:
        """Measure portfolios again, on the same scenarios, without the search.

        Raises
        ------
        InternalError
            Where one is not worth what the search said.
        """
        ready = prepared(self.case)
        instance = ready.assembly.instance
        recourse = Recourse(instance, ready.variation.arrays, self.asker.desk.terms.limits.threads)
        for a in answers:
            decision = a.decision or Decision()
            again = objective(instance, decision, recourse.outcomes(decision))
            if abs(again - a.objective) > SAME * max(abs(again), 1e-6):
                raise InternalError(
                    f"{a.name} is worth {again:.9g} when measured again, but the search says {a.objective:.9g}"
                )
