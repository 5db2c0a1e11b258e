"""Near-optimal portfolios that differ as much as possible, and which projects all, some or none of them hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np

from models import Decision
from portfolio.case.records import Case
from portfolio.engine.protocol import Limits, Status
from portfolio.engine.variation import Changes
from portfolio.evaluation.errors import InternalError
from portfolio.evaluation.outcomes import Recourse, objective
from portfolio.report.errors import UsageError
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, StepCall
from portfolio.report.study import Study
from portfolio.studies.alternatives_tables import Alternative, Found, study_of
from portfolio.studies.differing import jump
from portfolio.studies.points import FRESH, Answer, Point, Terms
from portfolio.studies.running import Desk, case_of
from portfolio.studies.solving import charged, prepared
from portfolio.studies.support import questions, verdict

KIND = "alternatives"
SAME = 1e-5
"""Relative difference at which an objective measured again contradicts the search."""
PART = 0.1
"""Part of the slack to which portfolios are solved where no gap is given."""


def alternatives(
    run: str | PathLike[str] | Run,
    *,
    within: float = 0.01,
    count: int = 5,
    scenarios: int | None = None,
    seed: int | None = None,
    gap: float | None = None,
    time_limit: float | None = 120.0,
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
    scenarios, seed : int, optional
        Sample; the run's own where neither is given.
    gap, time_limit : float, optional
        When to stop the search for the best portfolio of a case or of a set of projects; a tenth of ``within`` where no
        gap is given. Questions (is there a portfolio within the slack with this project?) end when they are decided,
        or when the time is over.
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
    with clock.phase("reading"):
        saved = SavedRun.given(run)
        case = case_of(saved.case, (), scenarios, seed)
    limits = Limits(PART * within if gap is None else gap, time_limit, threads)
    terms = Terms(limits, fresh, level, jobs, cluster)
    desk = Desk.of(out, terms, clock, KIND, case, saved.decision, within, count)
    work = _Work(desk, case, Point("best", case))
    best = work.best(saved)
    most = best.objective + within * abs(best.objective)
    if saved.case.settings.sampling == case.settings.sampling:
        floor = min(max(best.bound, saved.bound), best.objective)
    else:
        floor = best.bound
    asked = work.ask(*questions(work.point, work.projects, [best], most))
    verdicts = tuple(verdict(p, [best], asked, floor) for p in work.projects)
    found = work.differing(best, asked, most, count)
    found = replace(found, run=saved.name, within=within, most=most, floor=floor, verdicts=verdicts)
    work.verify([*(a.answer for a in found.alternatives), *(a for a in asked if a.objective <= most)])
    return desk.finish(lambda: study_of(found, prepared(case).assembly, terms))


@dataclass(frozen=True)
class _Work:
    """The case at work."""

    desk: Desk
    case: Case
    point: Point

    @property
    def projects(self) -> tuple[str, ...]:
        """Projects with a way to finance them."""
        return tuple(sorted({p for p, _, _ in prepared(self.case).assembly.instance.options}))

    def ask(self, *points: Point) -> list[Answer]:
        """Answer points."""
        return self.desk.solve([self.point, *points])[1:]

    def best(self, saved: SavedRun) -> Answer:
        """The best portfolio known: that of the search, or the run's own where it is better on the same sample."""
        found = self.desk.solve([self.point])[0]
        if saved.case.settings.sampling != self.case.settings.sampling:
            if found.decision is None:
                raise UsageError("no portfolio was found on this sample in time: give it more, or leave the sample")
            return found
        if found.objective <= saved.objective:
            return found
        mine = self._as_answer(saved, found)
        polished = self._cheapest(mine.supported, "run")
        if polished.objective >= mine.objective:
            return mine
        # Its own bound is of portfolios of the same projects alone.
        return replace(polished, bound=min(mine.bound, polished.objective))

    def _as_answer(self, saved: SavedRun, found: Answer) -> Answer:
        assembly = prepared(self.case).assembly
        return Answer(
            name="run",
            status=Status.OPTIMAL,
            objective=saved.objective,
            bound=max(saved.bound, found.bound if np.isfinite(found.bound) else 0.0),
            decision=saved.decision,
            public_cost_usd_m=saved.decision.public_cost(assembly.instance),
            charges_usd_m=charged(assembly, assembly.instance, saved.decision),
        )

    def _cheapest(self, supported: frozenset[str], name: str) -> Answer:
        """The best portfolio of a set of projects."""
        changes = Changes(must=supported, never=frozenset(self.projects) - supported)
        return self.ask(Point(name, self.case, changes, baseline=False))[0]

    def differing(self, best: Answer, known: Sequence[Answer], most: float, count: int) -> Found:
        """The best portfolio and those that differ most from the ones before."""
        held = [Alternative(1, best, 0, 0)]
        exhausted = False
        while len(held) < count and not exhausted:
            before = [a.answer.supported for a in held]
            leap = jump(self.point, self.projects, before, known, most, lambda point: self.ask(point)[0])
            exhausted = leap.exhausted
            if leap.answer is None:
                break
            polished = self._cheapest(leap.answer.supported, f"alternative_{len(held) + 1}")
            answer = polished if polished.objective <= most else leap.answer
            held.append(Alternative(len(held) + 1, answer, leap.reuse, leap.least))
        return Found(tuple(held), exhausted)

    def verify(self, answers: Sequence[Answer]) -> None:
        """Measure portfolios again, on the same scenarios, without the search.

        Raises
        ------
        InternalError
            Where one is not worth what the search said.
        """
        ready = prepared(self.case)
        instance = ready.assembly.instance
        recourse = Recourse(instance, ready.variation.arrays, self.desk.terms.limits.threads)
        for a in answers:
            decision = a.decision or Decision()
            again = objective(instance, decision, recourse.outcomes(decision))
            if abs(again - a.objective) > SAME * max(abs(again), 1e-6):
                raise InternalError(
                    f"{a.name} is worth {again:.9g} when measured again, but the search says {a.objective:.9g}"
                )
