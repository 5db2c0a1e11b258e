"""Why no portfolio is feasible: the first stage alone decides, since shortfall absorbs everything after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo

from models import Decision, Instance
from models.first_stage import add_first_stage, add_variables
from models.limits import charged, placeable
from portfolio.assemble import Assembly, LeftOut, assemble
from portfolio.assemble.rules import AMPLE, RULES, without_rule
from portfolio.engine.compile import compile_model
from portfolio.engine.highs import solve
from portfolio.evaluation.outcomes import cvar

TIME_LIMIT_S = 30.0
"""Seconds for each trial; the first stage has no scenarios."""


def unsupportable(instance: Instance, left_out: Iterable[LeftOut]) -> tuple[str, ...]:
    """Say for every project of the must list without any option why it has none."""
    why: defaultdict[str, list[str]] = defaultdict(list)
    for item in left_out:
        if item.why not in why[item.project]:
            why[item.project].append(item.why)
    having = {p for p, _, _ in instance.options}
    return tuple(
        f"{p} must be supported (policy.must), but no way to finance it is left: {'; '.join(why[p]) or 'unknown'}"
        for p in sorted(instance.must - having)
    )


def unfiltered(assembly: Assembly) -> Assembly:
    """Assemble again without leaving out options that budgets, lines or caps alone rule out.

    Those options are what a diagnosis has to try: the limits themselves are as they were.
    """
    case, known = assembly.case, assembly.instance
    policy = replace(case.settings.policy, max_project_share=1.0, max_country_share=1.0)
    ample = replace(
        case,
        settings=replace(case.settings, policy=policy),
        budgets=tuple(replace(b, budget_usd_m=b.budget_usd_m + AMPLE) for b in case.budgets),
        members=tuple(replace(m, liquidity_line_usd_m=AMPLE) for m in case.members),
        eligibility=tuple(replace(e, max_share=1.0) for e in case.eligibility),
    )
    found = assemble(ample, assembly.drivers, assembly.cost_drivers)
    caps = {(e.member, e.instrument): e.max_share for e in case.eligibility}
    instance = replace(
        found.instance,
        budget=known.budget,
        liquidity=known.liquidity,
        cost_key=known.cost_key,
        fixed_cost=known.fixed_cost,
        min_ticket=known.min_ticket,
        admin_usd_m=known.admin_usd_m,
        must=known.must,
        never=known.never,
        max_project_share=known.max_project_share,
        max_country_share=known.max_country_share,
        shares={key: replace(share, cap=caps[key[0], key[2]]) for key, share in found.instance.shares.items()},
    )
    return replace(found, case=case, instance=instance)


def explain(assembly: Assembly) -> tuple[str, ...]:
    """Say why an assembly admits no portfolio: projects without any option first, else rules one at a time."""
    whole = unfiltered(assembly)
    return unsupportable(whole.instance, whole.left_out) or diagnose(whole.instance)


def cheapest(instance: Instance) -> Decision | None:
    """Feasible first-stage decision of least total charge (within 1 %), or None where there is none."""
    model = pyo.ConcreteModel()
    add_first_stage(model, instance)
    model.objective = pyo.Objective(expr=sum(charged(model, instance, f, instance.windows) for f in instance.members))
    compiled = compile_model(model)
    result = solve(compiled.program, gap=0.01, time_limit_s=TIME_LIMIT_S)
    return None if result.x is None else compiled.decision(result.x)


def diagnose(instance: Instance) -> tuple[str, ...]:
    """Relax one rule at a time and say which of them alone would make a portfolio feasible.

    Returns
    -------
    tuple of str
        One sentence per rule that alone stands in the way; one saying so where several do together.
    """
    found = []
    for relaxations in (_relaxations(instance), _without_must(instance)):
        for what, relaxed in relaxations:
            decision = cheapest(relaxed)
            if decision is not None:
                found.append(f"without {what} there would be one{_needed(instance, decision)}")
        if found:
            break
    if not found:
        found.append("no single rule stands in the way: at least two of budgets, lines and policy have to give")
    return tuple(found)


def _relaxations(instance: Instance) -> Iterator[tuple[str, Instance]]:
    """Every rule but the must list in words, with the instance in which it alone has no force."""
    for rule in RULES:
        yield rule, without_rule(instance, rule)


def _without_must(instance: Instance) -> Iterator[tuple[str, Instance]]:
    """Every project of the must list, with the instance in which it need not be supported."""
    for project in sorted(instance.must):
        yield f"{project} on the must list (8)", replace(instance, must=instance.must - {project})


def _needed(instance: Instance, decision: Decision) -> str:
    """Where a decision of least total charge exceeds budgets or lines: what it would take, in words."""
    parts = []
    for window in instance.windows:
        until = [w for w in instance.windows if w <= window]
        spent = sum(charge(instance, decision, f, until) for f in instance.members)
        budget = sum(instance.budget.get((f, w), 0.0) for f in instance.members for w in until)
        if spent > budget + 1e-6:
            parts.append(
                f"it charges at least USD {spent:,.1f} M until {window}, and the budgets hold {budget:,.1f} M together"
            )
            break
    for member in instance.members:
        payout = sum(instance.shares[k].payout95_usd_m * x for k, x in decision.share.items() if k[0] == member)
        if payout > instance.liquidity[member] + 1e-6:
            parts.append(
                f"{member} could have to pay USD {payout:,.1f} M in a slump year; its line is "
                f"{instance.liquidity[member]:,.1f}"
            )
    return f": {'; '.join(parts)}" if parts else ""


def charge(instance: Instance, decision: Decision, member: str, windows: Iterable[int]) -> float:
    """Charge of a member's commitments in some windows, USD M, as in (7)."""
    within = set(windows)
    own = sum(
        instance.shares[k].charge_usd_m * x for k, x in decision.share.items() if k[0] == member and k[4] in within
    )
    fixed = sum(
        instance.fixed_cost[i] * instance.bearers.get((member, p, i, v), 0.0) * x
        for (p, i, v), x in decision.use.items()
        if v in within
    )
    admin = sum(instance.admin_usd_m * x for (f, _, v), x in decision.take.items() if f == member and v in within)
    stock = sum(
        float(instance.stock_cost[instance.materials.index(m), instance.windows.index(v)]) * x
        for (f, m, v), x in decision.purchase.items()
        if f == member and v in within
    )
    return float(own + fixed + admin + stock)


def payout_tail(instance: Instance, decision: Decision, member: str) -> float:
    """CVaR of the present value of a member's payouts over the cost sample, USD M, as in (7c); 0 without a limit."""
    paid = np.zeros(max(1, instance.cost_scenarios))
    for key, x in decision.share.items():
        if key[0] == member and key in instance.payouts:
            paid = paid + x * instance.payouts[key]
    return cvar(paid, np.full(paid.size, 1.0 / paid.size), instance.payout_level)


def placed_offtake(instance: Instance, decision: Decision) -> tuple[tuple[str, str, str, int, float, float], ...]:
    """Use of (6b) under a decision, read from the equation itself; the year of largest use of each row.

    Returns
    -------
    tuple
        (region, stage, material, year, used, limit), t/y, for every region, stage and material in which offtake is
        taken.
    """
    # Options without a commitment add nothing: the equation is stated without them.
    held = {(p, a, v) for _, p, _, a, v in decision.share} | {claim[1:] for claim in decision.rights}
    instance = replace(instance, shares={k: data for k, data in instance.shares.items() if (k[1], k[3], k[4]) in held})
    model = pyo.ConcreteModel()
    add_variables(model, instance)
    placeable(model, instance)
    # Solvers keep bounds to a tolerance only, which is no reason for Pyomo to warn.
    for key in instance.shares:
        model.share[key].set_value(decision.share.get(key, 0.0), skip_validation=True)
    for claim in instance.claims:
        model.rights[claim].set_value(decision.rights.get(claim, 0.0), skip_validation=True)
    worst: dict[tuple[int, int, int], tuple[int, float, float]] = {}
    for r, k, m, t in model.placeable:
        row = model.placeable[r, k, m, t]
        if not _taken(instance, decision, r, k, m):
            continue
        used, limit = float(pyo.value(row.body)), float(pyo.value(row.upper))
        known = worst.get((r, k, m))
        if known is None or limit - used < known[2] - known[1]:
            worst[r, k, m] = (t, used, limit)
    return tuple(
        (instance.regions[r], instance.stages[k], instance.materials[m], instance.years[t], used, limit)
        for (r, k, m), (t, used, limit) in sorted(worst.items())
    )


def _taken(instance: Instance, decision: Decision, r: int, k: int, m: int) -> bool:
    """Whether members of a region take any offtake of a form of a material."""
    capacity = instance.captive + instance.process
    return any(
        instance.kind_of[i] == "offtake"
        and instance.region_of[f] == instance.regions[r]
        and capacity[instance.projects.index(p), k, m] > 0
        for f, p, i, _, _ in decision.share
    )
