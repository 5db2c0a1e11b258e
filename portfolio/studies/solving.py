"""Solving and measuring one point of a study."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models import Decision, Instance
from portfolio.assemble import Assembly, assemble
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.engine import Benders, choose
from portfolio.engine.learned import Learned
from portfolio.engine.protocol import Engine, Limits, Solution, Status
from portfolio.engine.variation import Changes, Variation
from portfolio.evaluation.errors import TOLERANCE, InternalError
from portfolio.evaluation.feasibility import charge, explain, unsupportable
from portfolio.evaluation.fresh import fix, fresh_seed, in_chunks
from portfolio.evaluation.outcomes import Recourse, objective
from portfolio.finance.types import CONVENTIONS
from portfolio.report.decision_file import decision_record
from portfolio.scenarios.sampling import sample
from portfolio.studies.points import Point, Terms


@dataclass(frozen=True)
class Prepared:
    """A case put together and compiled, ready for its variations."""

    assembly: Assembly
    variation: Variation

    @staticmethod
    def of(case: Case) -> Prepared:
        """Sample, assemble and compile a case."""
        canonical, s = ordered(case), case.settings.sampling
        drivers = sample(canonical, s.scenarios, s.seed)
        assembly = assemble(canonical, drivers, sample(canonical, s.cost_scenarios, s.cost_seed))
        return Prepared(assembly, Variation.of(assembly.instance))

    def solve(
        self,
        changes: Changes,
        limits: Limits,
        teacher: Learned | None = None,
        *,
        learn: bool = False,
        part: Sequence[int] | None = None,
        start: Decision | None = None,
    ) -> Solution:
        """Solve a variation, on some of the scenarios; see :class:`portfolio.engine.Benders` for the rest."""
        varied = self.on(part).changed(changes)
        engine: Engine = choose("auto", varied.instance)
        if changes.rows or limits.target is not None:  # the extensive form knows neither
            engine = Benders()
        if isinstance(engine, Benders):
            taught = replace(engine, teacher=teacher, learn=learn)
            return taught.solve_arrays(varied.arrays, varied.instance, limits, start=start)
        return engine.solve(varied.instance, limits, start=start)

    def on(self, part: Sequence[int] | None) -> Variation:
        """Return the programme on some of the scenarios of the sample, their probabilities rescaled; all where None."""
        if part is None:
            return self.variation
        instance = self.variation.instance
        return Variation.of(replace(instance, scenarios=instance.scenarios.take(np.array(part, dtype=np.int64))))


_PREPARED: list[tuple[Case, Prepared]] = []
"""The case prepared last in this process: points with the same case come one after the other."""


def prepared(case: Case) -> Prepared:
    """Return a case prepared, as it was left by the point before where that had the same."""
    for held, ready in list(_PREPARED):
        if held == case:
            return ready
    # What is returned is never read from the list again: workers of a cluster may be threads of one process.
    ready = Prepared.of(case)
    _PREPARED[:] = [(case, ready)]
    return ready


def solve_point(
    point: Point, terms: Terms, teacher: Learned | None, *, learn: bool = False
) -> tuple[dict[str, Any], Learned | None]:
    """Solve and measure a point: the content of its piece, and what others may learn from it."""
    begin = time.perf_counter()
    ready = prepared(point.case)
    instance = point.changes.of(ready.assembly.instance)
    asked = point.target is not None or bool(point.changes.rows)
    if unsupportable(instance, ready.assembly.left_out):
        return _nothing(Status.INFEASIBLE, ready.assembly, instance, begin, explained=not asked), None
    gap = terms.limits.gap if point.gap is None else point.gap
    seconds = terms.limits.time_limit_s if point.time_limit_s is None else point.time_limit_s
    limits = replace(terms.limits, gap=gap, time_limit_s=seconds, target=point.target)
    solution = ready.solve(point.changes, limits, teacher, learn=learn, part=point.part, start=point.start)
    if solution.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    if solution.decision is None:
        nothing = _nothing(solution.status, ready.assembly, instance, begin, explained=not asked)
        return nothing | {"bound": max(solution.bound, 0.0) if np.isfinite(solution.bound) else None}, solution.learned
    found: dict[str, Any] = {
        "status": solution.status.name,
        "objective": solution.objective,
        "bound": max(solution.bound, 0.0),
        "decision": decision_record(solution.decision),
        "reasons": [],
        "public_cost_usd_m": solution.decision.public_cost(instance),
        "charges_usd_m": charged(ready.assembly, instance, solution.decision),
        "fresh": _measured(point, terms, solution.decision),
        **_on_its_own(point, ready, instance, solution, terms),
    }
    return found | {"seconds": time.perf_counter() - begin}, solution.learned


def _nothing(
    status: Status, assembly: Assembly, instance: Instance, begin: float, *, explained: bool
) -> dict[str, Any]:
    """Without a portfolio; reasons are looked for where ``explained`` asks for them."""
    look = explained and status is Status.INFEASIBLE
    reasons = list(explain(replace(assembly, instance=instance))) if look else [status.value]
    return {"status": status.name, "reasons": reasons, "bound": None, "seconds": time.perf_counter() - begin}


def charged(assembly: Assembly, instance: Instance, decision: Decision) -> dict[str, dict[str, float]]:
    """USD M by member: ``budget``, what its budgets are charged; ``cost``, its part of the expected public cost;
    ``exposure``; and the charge under each convention.

    Under conventions as in the ledger's lines ``charge``: of shares and purchases, without overhead.
    """
    found = {f: dict.fromkeys(("budget", "cost", "exposure", *CONVENTIONS), 0.0) for f in instance.members}
    for key, share in sorted(decision.share.items()):
        mine, unit = found[key[0]], assembly.commitments[key]
        mine["exposure"] += share * unit.exposure_usd_m
        for convention, part in zip(CONVENTIONS, unit.charge_usd_m, strict=True):
            mine[convention] += share * float(part)
    for (member, material, window), tonnes in sorted(decision.purchase.items()):
        at = instance.materials.index(material), instance.windows.index(window)
        for convention in CONVENTIONS:
            found[member][convention] += tonnes * float(instance.stock_cost[at])
    for member, mine in found.items():
        mine["budget"] = charge(instance, decision, member, instance.windows)
        mine["cost"] = _own(instance, decision, member).public_cost(instance)
    return found


def _own(instance: Instance, decision: Decision, member: str) -> Decision:
    """What of a decision is one member's: its shares, purchases, and its part of packages that are used."""
    borne = instance.bearers
    return Decision(
        use={k: value * borne.get((member, *k), 0.0) for k, value in decision.use.items()},
        take={k: value for k, value in decision.take.items() if k[0] == member},
        share={k: value for k, value in decision.share.items() if k[0] == member},
        purchase={k: value for k, value in decision.purchase.items() if k[0] == member},
    )


def _measured(point: Point, terms: Terms, decision: Decision) -> dict[str, Any] | None:
    """Measure a portfolio on the fresh scenarios of its study."""
    if terms.fresh == 0 or point.target is not None or not point.measured:
        return None
    seed = fresh_seed(point.case)
    fixed = fix(point.case, decision, terms.limits.threads)
    found = fixed.measure(in_chunks(fixed.case, terms.fresh, seed, "monte_carlo"), terms.fresh, baseline=point.baseline)
    tonnes = {"": found.with_fund, "_without": found.without}
    record: dict[str, Any] = {"seed": seed}
    for suffix, world in tonnes.items():
        record[f"weighted{suffix}"] = world.weighted.tolist()
        record[f"side{suffix}"] = world.side.tolist()
        record[f"tonnes{suffix}"] = world.shortfall.sum(axis=(1, 2, 3, 4)).tolist()
        record[f"regions{suffix}"] = world.shortfall.sum(axis=(2, 3, 4)).tolist()
        record[f"weighted_regions{suffix}"] = world.by_region.tolist()
    return record


def _on_its_own(
    point: Point, ready: Prepared, instance: Instance, solution: Solution, terms: Terms
) -> dict[str, float | None]:
    """Measure a portfolio on the scenarios it was chosen on, and refuse an objective that this contradicts.

    Raises
    ------
    InternalError
        Where the recomputed objective is another.
    """
    if not terms.in_sample or not point.measured:
        return {}
    decision = solution.decision or Decision()
    arrays = solution.arrays or ready.variation.changed(point.changes).arrays
    recourse = Recourse(instance, arrays, terms.limits.threads)
    outcomes, p = recourse.outcomes(decision), instance.scenarios.probability
    value = objective(instance, decision, outcomes)
    if abs(value - solution.objective) > TOLERANCE * max(abs(value), abs(solution.objective), 1e-6):
        raise InternalError(
            f"{point.name}: the portfolio is worth {value:.9g} when measured again, but the engine says "
            f"{solution.objective:.9g}"
        )
    without = float(p @ recourse.outcomes(Decision()).weighted) if point.baseline else None
    return {"weighted": float(p @ outcomes.weighted), "weighted_without": without}
