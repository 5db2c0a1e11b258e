"""Frontiers: budget against shortfall, mean against CVaR, public cost against shortfall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike

import numpy as np

from models import Decision
from portfolio.case.records import Case
from portfolio.engine.protocol import Limits, Status
from portfolio.engine.variation import Changes
from portfolio.evaluation.outcomes import Recourse
from portfolio.report.errors import UsageError
from portfolio.report.steps import Clock, StepCall
from portfolio.report.study import Study
from portfolio.studies.budgets import Marginal, budget_changes, marginal, scaled, total, within
from portfolio.studies.differences import Weights
from portfolio.studies.envelope import Enveloped, envelope, envelope_of_costs
from portfolio.studies.frontier_tables import Line, caveats, figures, tables
from portfolio.studies.points import FRESH, Answer, Point, Terms
from portfolio.studies.running import CaseLike, Desk, case_of
from portfolio.studies.solving import prepared
from portfolio.studies.target import Cheapest, cheapest

OVER = {
    "budget": (0.25, 0.5, 0.75, 1.0, 1.25, 1.5),
    "risk": (0.0, 0.25, 0.5, 0.75, 1.0),
    "cost": (0.0, 0.1, 1.0, 3.0, 10.0, 30.0),
}
"""What may be varied, and the values where none are given: factor on budgets, weight on CVaR, weight on public cost."""
ROUNDS = 9
"""Most scales tried for a target."""
WIDTH = 0.02
"""Part of the largest scale to which a target's budget is narrowed down."""

LATE = (Status.TIME_LIMIT, Status.INTERRUPTED)
"""How a search ends that did not come to its end."""


@dataclass(frozen=True)
class Ask:
    """What a frontier is over; see :func:`frontier`."""

    over: str
    at: tuple[float, ...]
    member: str | None
    step: float
    target: float | None

    @staticmethod
    def of(case: Case, over: str, at: Sequence[float], member: str | None, step: float, target: float | None) -> Ask:
        """Check what is asked.

        Raises
        ------
        UsageError
            Where it cannot be done.
        """
        if over not in OVER:
            raise UsageError(f"over {over!r} is none of {', '.join(OVER)}")
        values = tuple(sorted(set(map(float, at)))) or OVER[over]
        if not all(0 <= v < np.inf for v in values) or (over == "risk" and values[-1] > 1):
            raise UsageError("values are at least 0, weights on CVaR at most 1")
        members = [m.member for m in case.members]
        if member is not None and (member not in members or over != "budget"):
            raise UsageError(f"member {member!r}: give one of {', '.join(members)}, for a frontier over budgets")
        if not 0 <= step < np.inf:
            raise UsageError("step is a part of a member's budget, at least 0")
        if target is not None and (over != "budget" or not 0 < target < np.inf or values[-1] <= 0):
            raise UsageError("a target is above 0 and needs a frontier over budgets above 0")
        if target is not None and case.settings.benchmarks.penalise:
            raise UsageError(
                "with penalties for benchmarks missed no bound on the shortfall alone is proven: set "
                "benchmarks.penalise=[], or require them"
            )
        return Ask(over, values, member, step, target)

    def factors(self, case: Case, scale: float) -> dict[str, float]:
        """Return the factor on each member's budgets at a scale."""
        return {m.member: scale for m in case.members if self.member in (None, m.member)}

    def loosest(self, case: Case) -> Case:
        """Return the case in whose options all points have theirs: all budgets at the largest factor there is."""
        if self.over != "budget":
            return case
        most = self.at[-1] if self.member is None else max(1.0, self.at[-1])
        return scaled(case, dict.fromkeys((m.member for m in case.members), most + self.step))

    def changes(self, case: Case, value: float) -> Changes:
        """What a point on the frontier changes."""
        if self.over == "budget":
            return budget_changes(case, self.factors(case, value))
        return Changes(cvar_weight=value) if self.over == "risk" else Changes(cost_weight=value)


def frontier(
    case: CaseLike,
    *,
    over: str = "budget",
    at: Sequence[float] = (),
    member: str | None = None,
    step: float = 0.1,
    target: float | None = None,
    overrides: Sequence[str] = (),
    scenarios: int | None = None,
    seed: int | None = None,
    gap: float = 0.01,
    time_limit: float | None = 120.0,
    fresh: int = FRESH,
    level: float = 0.95,
    jobs: int = 1,
    cluster: str | None = None,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Study:
    """Trade off budget, mean shortfall, tail and public cost.

    Parameters
    ----------
    case : path or Case
        A case folder, or a validated case.
    over : str
        ``budget``: factor on the budgets; ``risk``: weight on CVaR; ``cost``: weight on public cost, weighted tonnes
        per USD M.
    at : sequence of float, optional
        Values; those of :data:`OVER` where none are given.
    member : str, optional
        Whose budgets alone are scaled.
    step : float
        Part of a member's budgets added to measure what a million is worth; 0 leaves that out. Over budgets alone.
    target : float, optional
        Find the cheapest scale of the budgets that removes this part of the mean weighted shortfall, or, from 1 on,
        leaves at most so many weighted tonnes; up to the largest value of ``at``.
    overrides, scenarios, seed, gap, time_limit, fresh, level, jobs, cluster, threads, out, progress
        As for :func:`portfolio.compare`; ``fresh`` may be 0.

    Returns
    -------
    Study
        Tables ``frontier`` (the first), ``marginal`` and ``target``.

    Raises
    ------
    CaseError
        With every problem of the case.
    UsageError
        If an argument is out of range.
    OutputError, CheckpointError
        If ``out`` exists or cannot be written, or what is kept beside it is of another study.
    """
    base = case_of(case, overrides, scenarios, seed)
    ask = Ask.of(base, over, at, member, step, target)
    terms = Terms(Limits(gap, time_limit, threads), fresh, level, jobs, cluster)
    desk = Desk.of(out, terms, Clock(progress), "frontier", base, ask)
    work = _Work(base, ask, desk, ask.loosest(base))
    line, points = work.line()
    steps = work.steps() if over == "budget" and step > 0 else []
    answers = desk.solve([*points, *(p for _, _, p in steps)])
    found = work.enveloped([*points, *(p for _, _, p in steps)], answers)
    goal = None if target is None else work.reach(points[0])
    return desk.finish(lambda: work.study(line, found, steps, answers[0], goal))


Steps = list[tuple[float, str, Point]]
"""Value on the frontier, member with more, and its point."""


@dataclass(frozen=True)
class _Work:
    """A frontier under way: points of ``loosest`` stand for the case with its budgets scaled."""

    case: Case
    ask: Ask
    desk: Desk
    loosest: Case = field(repr=False)

    def line(self) -> tuple[tuple[float, ...], list[Point]]:
        """Values and points, the loosest budget first: it teaches the others."""
        values = self.ask.at[::-1] if self.ask.over == "budget" else self.ask.at
        points = [
            Point(f"{self.ask.over}-{v!r}", self.loosest, self.ask.changes(self.case, v), baseline=v == values[0])
            for v in values
        ]
        return values, points

    def steps(self) -> Steps:
        """Every value again with more for one member after the other."""
        found = []
        for v in self.ask.at:
            for n, m in enumerate(self.case.members):
                factors = {f.member: 1.0 for f in self.case.members} | self.ask.factors(self.case, v)
                factors[m.member] += self.ask.step
                changes = budget_changes(self.case, factors)
                if total(self.case, m.member) > 0:
                    point = Point(f"budget-{v!r}-more-{n}", self.loosest, changes, baseline=False)
                    found.append((v, m.member, point))
        return found

    def enveloped(self, points: Sequence[Point], answers: Sequence[Answer]) -> list[Enveloped]:
        """Answers with what they say of one another; with another weight on CVaR they say nothing."""
        if self.ask.over == "budget":
            return envelope(answers, lambda i, j: within(points[i].changes, points[j].changes))
        if self.ask.over == "cost":
            return envelope_of_costs(answers, self.ask.at)
        return [Enveloped(a) for a in answers]

    def reach(self, teacher: Point) -> Cheapest:
        """Find the cheapest scale for the target, for the mean weighted shortfall alone."""
        alone = Changes(cost_weight=0.0, cvar_weight=0.0)

        def solve(scale: float) -> Answer:
            changes = budget_changes(self.case, self.ask.factors(self.case, scale), alone)
            point = Point(f"target-{scale!r}", self.loosest, changes, baseline=False)
            return self.desk.solve([teacher, point])[1]

        without, target = self._without(), self.ask.target or 0.0
        goal = (1.0 - target) * without if target < 1 else target
        most = self.ask.at[-1]
        s = self.case.settings
        idle = self.ask.member is None and not s.policy.must and not s.benchmarks.require
        return cheapest(solve, goal, without if idle else None, most, width=WIDTH * most, rounds=ROUNDS)

    def _without(self) -> float:
        """Mean weighted shortfall without the fund in the sample, side costs included."""
        kept = self.desk.pieces.get("without")
        if kept is None:
            ready = prepared(self.loosest)
            instance = ready.assembly.instance
            recourse = Recourse(instance, ready.variation.arrays, self.desk.terms.limits.threads)
            found = recourse.outcomes(Decision())
            kept = {"cost": float(instance.scenarios.probability @ (found.weighted + found.side))}
            self.desk.pieces.put("without", kept)
        return float(kept["cost"])

    def study(
        self, values: Sequence[float], found: Sequence[Enveloped], steps: Steps, first: Answer, goal: Cheapest | None
    ) -> Study:
        """Put the study together."""
        terms, weights = self.desk.terms, Weights.of(self.case)
        by_value = dict(zip(values, found, strict=False))
        lines = [Line(v, self._budget(v), by_value[v]) for v in self.ask.at]
        marginals: list[tuple[float, Marginal]] = []
        each = 1.0 - (1.0 - terms.level) / max(1, len(steps))
        for (v, member, _), more in zip(steps, found[len(values) :], strict=True):
            here, size = by_value[v].answer, self.ask.step * total(self.case, member)
            if here.decision is not None and more.answer.decision is not None:
                marginals.append((v, marginal(here, more.answer, member, size, weights, each)))
        made = tables(self.case, self.ask.over, lines, first, marginals, goal, terms.level, self._budget)
        stopped = [e.answer for e in found] + ([] if goal is None else [t.answer for t in goal.tries])
        late = sum(a.status in LATE and not a.gap <= terms.limits.gap for a in stopped)
        known = caveats(self.case, self.ask.over, lines, marginals, goal, terms)
        if late:
            known += (f"{late} of {len(stopped)} searches were stopped by the time limit before the gap.",)
        title = self.case.settings.case
        return Study(
            kind="frontier",
            title=title.title or title.name,
            tables=made,
            figures=figures(self.case, self.ask.over, self.ask.member, made, goal, terms, self._budget),
            caveats=known,
            exit_code=3 if late else 0,
        )

    def _budget(self, value: float) -> float:
        """All budgets at a value, USD M."""
        if self.ask.over != "budget":
            return total(self.case)
        return total(scaled(self.case, self.ask.factors(self.case, value)))
