"""First stage: limits that hold across projects, (6b) to (8a) and the first-stage part of (12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from models.expressions import Block, total
from models.instance import Instance
from models.terms import Frozen, OptionKey, ShareKey

ClaimKey = tuple[str, str, str, int]
"""(region, project, structure, window)."""
ROOM = 1e-6
"""Room around a share, or around a tonne, that is given (8b): ten times the tolerance to which solvers keep rows, so
that what one of them found cannot be infeasible to the next."""


def placeable(block: Block, instance: Instance) -> None:
    """(6b) sum capacity * offtake share <= placeable share * home demand (+ slots at the next stage), per r, k, m, t.

    Where nobody at home demands the product form, it is feed: home processing slots of the next stage, those of
    incumbents and those held by right in projects, are its demand.
    """
    terms = _Terms(instance)
    capacity = (instance.captive + instance.process).tolist()
    process = instance.process.tolist()
    final = len(instance.stages) - 1

    def rule(b: Block, r: int, k: int, m: int, t: int) -> Any:
        year, region = instance.years[t], instance.regions[r]
        taken = [capacity[p][k][m] * b.share[key] for key, p in terms.offtakes[region, year] if capacity[p][k][m] > 0]
        if not taken:
            return pyo.Constraint.Skip
        room = instance.placeable_share * (float(instance.forecast[r, k, m, t]) + _incumbent_slots(instance, r, k, m))
        held: list[Any] = []
        if k < final:
            recovery = float(instance.recovery[k + 1])
            held = [
                instance.placeable_share * process[p][k + 1][m] / recovery * b.rights[claim]
                for claim, p in terms.claims[region, year]
                if process[p][k + 1][m] > 0
            ]
        return total(taken) - total(held) <= room

    shape = (len(instance.regions), len(instance.stages), len(instance.materials), len(instance.years))
    rows = list(np.ndindex(*shape)) if terms.offtakes else []
    block.placeable = pyo.Constraint(rows, rule=rule)


class _Terms:
    """Offtake shares and rights by (region, year of the planned term), each with the number of its project."""

    def __init__(self, instance: Instance) -> None:
        self.offtakes: defaultdict[tuple[str, int], list[tuple[ShareKey, int]]] = defaultdict(list)
        self.claims: defaultdict[tuple[str, int], list[tuple[ClaimKey, int]]] = defaultdict(list)
        at = {name: p for p, name in enumerate(instance.projects)}
        for key in instance.shares:
            if instance.kind_of[key[2]] == "offtake":
                for year in _term(instance, (key[1], key[3], key[4])):
                    self.offtakes[instance.region_of[key[0]], year].append((key, at[key[1]]))
        for claim in instance.claims:
            for year in _term(instance, claim[1:]):
                self.claims[claim[0], year].append((claim, at[claim[1]]))


def _term(instance: Instance, key: OptionKey) -> Iterator[int]:
    """Years of the horizon in the planned term of an option's contracts."""
    option = instance.options[key]
    return (year for year in instance.years if option.first_year <= year <= option.last_year)


def _incumbent_slots(instance: Instance, r: int, k: int, m: int) -> float:
    """Feed of stage k that incumbent processors of region r can take, t/y."""
    if k + 1 >= len(instance.stages):
        return 0.0
    return float(instance.slots[r, k + 1, m] / instance.recovery[k + 1])


def charged(block: Block, instance: Instance, member: str, windows: Iterable[int]) -> Any:
    """Charge of a member's commitments in some windows, USD M: shares, fixed costs, administration, stockpile."""
    within = set(windows)
    terms = [
        instance.shares[k].charge_usd_m * block.share[k] for k in instance.shares_by["member"][member] if k[4] in within
    ]
    terms += [
        instance.fixed_cost[i] * instance.bearers[member, p, i, v] * block.use[p, i, v]
        for p, i, v in instance.packages
        if v in within and instance.fixed_cost[i] > 0 and instance.bearers.get((member, p, i, v), 0.0) > 0
    ]
    if instance.admin_usd_m > 0:
        terms += [instance.admin_usd_m * block.take[k] for k in instance.parties if k[0] == member and k[2] in within]
    terms += [
        float(instance.stock_cost[instance.materials.index(m), instance.windows.index(v)]) * block.purchase[f, m, v]
        for f, m, v in instance.purchases
        if f == member and v in within
    ]
    return total(terms)


def budget(block: Block, instance: Instance) -> None:
    """(7) cumulative: sum_{v'<=v} (charge share + fixed cost + administration + stock cost) <= sum_{v'<=v} budget.

    Repayments received before v are added to the right-hand side only where ``relend`` is set.
    """

    def rule(b: Block, f: str, v: int) -> Any:
        until = [w for w in instance.windows if w <= v]
        spent = charged(b, instance, f, until)
        if instance.relend:
            spent -= total(
                dict(instance.shares[k].repaid_usd_m).get(v, 0.0) * b.share[k]
                for k in instance.shares_by["member"][f]
                if k[4] < v
            )
        if isinstance(spent, int | float):
            return pyo.Constraint.Skip
        return spent <= sum(instance.budget.get((f, w), 0.0) for w in until)

    block.budget = pyo.Constraint(list(instance.members), list(instance.windows), rule=rule)


def liquidity(block: Block, instance: Instance) -> None:
    """(7b) sum (95 % yearly payout) share <= the member's line."""

    def rule(b: Block, f: str) -> Any:
        terms = [
            instance.shares[k].payout95_usd_m * b.share[k]
            for k in instance.shares_by["member"][f]
            if instance.shares[k].payout95_usd_m > 0
        ]
        return total(terms) <= instance.liquidity[f] if terms else pyo.Constraint.Skip

    block.liquidity = pyo.Constraint(list(instance.members), rule=rule)


def payout_tail(block: Block, instance: Instance) -> None:
    """(7c) CVaR_beta of a member's payouts <= its limit: eta + sum_n excess_n / ((1 - beta) N) <= limit.

    excess_n >= sum payout_n share - eta for every scenario n of the cost sample (Rockafellar and Uryasev 2000).
    """
    held, size = instance.limited_payouts, instance.cost_scenarios
    weight = 1.0 / ((1.0 - instance.payout_level) * size) if size else 0.0

    def excess(b: Block, f: str, n: int) -> Any:
        paid = total(float(instance.payouts[k][n]) * b.share[k] for k in held[f] if instance.payouts[k][n] > 0)
        return b.payout_excess[f, n] + b.payout_eta[f] - paid >= 0

    block.payout_beyond = pyo.Constraint(list(held), range(size), rule=excess)
    block.payout_tail = pyo.Constraint(
        list(held),
        rule=lambda b, f: (
            b.payout_eta[f] + weight * total(b.payout_excess[f, n] for n in range(size)) <= instance.payout_limit[f]
        ),
    )


def policy(block: Block, instance: Instance) -> None:
    """(8) charges of a project or country <= its share of all budgets; must list: sum_{a,v} select = 1; never list:
    sum_{a,v} select = 0.

    Eligibility is in the keys of ``options`` and ``shares``, and so is the never list of a case.
    """
    by_project = instance.shares_by["project"]
    by_country: defaultdict[str, list[ShareKey]] = defaultdict(list)
    for project, keys in by_project.items():
        by_country[instance.country_of[project]] += keys

    def most(share: float, keys: list[ShareKey], b: Block) -> Any:
        if share >= 1 or not keys:
            return pyo.Constraint.Skip
        return total(instance.shares[k].charge_usd_m * b.share[k] for k in keys) <= share * instance.total_budget

    block.project_share = pyo.Constraint(
        list(by_project), rule=lambda b, p: most(instance.max_project_share, by_project[p], b)
    )
    block.country_share = pyo.Constraint(
        list(by_country), rule=lambda b, c: most(instance.max_country_share, by_country[c], b)
    )

    def must(b: Block, p: str) -> Any:
        keys = [k for k in instance.options if k[0] == p]
        if not keys:
            raise ValueError(f"project {p} must be supported, but no option to support it exists")
        return total(b.select[k] for k in keys) == 1

    block.must = pyo.Constraint(sorted(instance.must), rule=must)
    block.never = pyo.Constraint(
        sorted(instance.never & by_project.keys()),
        rule=lambda b, p: total(b.select[k] for k in instance.options if k[0] == p) == 0,
    )


def benchmarks(block: Block, instance: Instance) -> None:
    """(8a) sum gain[p,a,v] select[p,a,v] + miss >= need, per benchmark; without a penalty miss is bounded by 0."""
    block.benchmark = pyo.Constraint(
        list(instance.benchmarks),
        rule=lambda b, name: (
            total(g * b.select[key] for key, g in instance.benchmarks[name].gain_tpy.items() if g != 0) + b.miss[name]
            >= instance.benchmarks[name].need_tpy
        ),
    )


def given(block: Block, instance: Instance) -> None:
    """(8b) members outside: take = 0, purchase = 0; windows frozen: select = given, and with room e
    (given - e) select <= share, rights <= (given + e) select, given - e <= purchase <= given + e.
    """
    frozen = instance.frozen or Frozen(frozenset())
    stays = frozen.chosen
    out = instance.outside
    block.outside = pyo.Constraint(
        [k for k in instance.parties if k[0] in out], rule=lambda b, f, p, v: b.take[f, p, v] == 0
    )
    block.outside_purchase = pyo.Constraint(
        [k for k in instance.purchases if k[0] in out], rule=lambda b, f, m, v: b.purchase[f, m, v] == 0
    )
    block.frozen = pyo.Constraint(
        [k for k in instance.options if k[2] in frozen.windows],
        rule=lambda b, p, a, v: b.select[p, a, v] == float((p, a, v) in stays),
    )
    shares = [k for k in instance.shares if (k[1], k[3], k[4]) in stays]
    claims = [k for k in instance.claims if k[1:] in stays]
    least, most = _within(block.share, frozen.share)
    block.frozen_share_least = pyo.Constraint(shares, rule=lambda b, f, p, i, a, v: least((f, p, i, a, v), (p, a, v)))
    block.frozen_share_most = pyo.Constraint(shares, rule=lambda b, f, p, i, a, v: most((f, p, i, a, v), (p, a, v)))
    least_right, most_right = _within(block.rights, frozen.rights)
    block.frozen_rights_least = pyo.Constraint(claims, rule=lambda b, *key: least_right(key, key[1:]))
    block.frozen_rights_most = pyo.Constraint(claims, rule=lambda b, *key: most_right(key, key[1:]))
    block.frozen_purchase = pyo.Constraint(
        [k for k in instance.purchases if k[2] in frozen.windows],
        rule=lambda b, f, m, v: _near(b.purchase[f, m, v], frozen.purchase.get((f, m, v), 0.0)),
    )


def _within(variable: Any, values: Mapping[Any, float]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Rules that keep shares or rights of an option within :data:`ROOM` of what is given, where it is selected."""
    select = variable.parent_block().select

    def least(key: Any, option: Any) -> Any:
        value = values.get(key, 0.0) - ROOM
        return pyo.Constraint.Skip if value <= 0 else variable[key] - value * select[option] >= 0

    def most(key: Any, option: Any) -> Any:
        return variable[key] - (max(values.get(key, 0.0), 0.0) + ROOM) * select[option] <= 0

    return least, most


def _near(variable: Any, value: float) -> Any:
    """Keep a purchase within :data:`ROOM` of what it was, in tonnes or in part of it."""
    room = ROOM * max(1.0, value)
    return (max(0.0, value - room), variable, value + room)


def purchase_limit(block: Block, instance: Instance) -> None:
    """(12) first-stage part: sum_{f in r} purchase[f,m,v] <= share of calm trade."""
    where: defaultdict[tuple[str, str, int], list[tuple[str, str, int]]] = defaultdict(list)
    for f, m, v in instance.purchases:
        where[instance.region_of[f], m, v].append((f, m, v))
    block.purchase_limit = pyo.Constraint(
        list(where),
        rule=lambda b, r, m, v: (
            total(b.purchase[k] for k in where[r, m, v])
            <= instance.purchase_limit[
                instance.regions.index(r), instance.materials.index(m), instance.windows.index(v)
            ]
        ),
    )
