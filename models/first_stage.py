"""First stage: who supports which project, with which instruments, under which structure, in which window.

Every function adds one numbered constraint of ``MODEL.md`` to the block and says its formula.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyomo.environ as pyo

from models.expressions import Block, total
from models.instance import Instance
from models.limits import benchmarks, budget, given, liquidity, payout_tail, placeable, policy, purchase_limit
from models.terms import CONTRACTS, MONEY, OptionKey, ShareKey


def add_variables(block: Block, instance: Instance) -> None:
    """``select``, ``use``, ``take`` in {0, 1}; ``share``, ``rights``, ``purchase`` >= 0 (tonnes).

    What follows from these: ``miss`` >= 0 of (8a), t/y; ``payout_eta``, ``payout_excess`` >= 0 of (7c), USD M.
    """
    block.select = pyo.Var(list(instance.options), domain=pyo.Binary)
    block.use = pyo.Var(list(instance.packages), domain=pyo.Binary)
    block.take = pyo.Var(list(instance.parties), domain=pyo.Binary)
    block.share = pyo.Var(list(instance.shares), bounds=lambda _, f, p, i, a, v: (0.0, instance.share_bounds[i][1]))
    block.rights = pyo.Var(list(instance.claims), domain=pyo.NonNegativeReals)
    block.purchase = pyo.Var(list(instance.purchases), domain=pyo.NonNegativeReals)
    block.miss = pyo.Var(
        list(instance.benchmarks),
        bounds=lambda _, name: (
            0.0,
            0.0 if instance.benchmarks[name].penalty is None else max(0.0, instance.benchmarks[name].need_tpy),
        ),
    )
    limited = list(instance.limited_payouts)
    block.payout_eta = pyo.Var(limited, domain=pyo.NonNegativeReals)
    block.payout_excess = pyo.Var(limited, range(instance.cost_scenarios), domain=pyo.NonNegativeReals)


def one_close(block: Block, instance: Instance) -> None:
    """(1) sum_{a,v} select[p,a,v] <= 1; sum_a select[p,a,v] <= sum_i use[p,i,v]; use[p,i,v] <= sum_a select[p,a,v]."""
    by_project: defaultdict[str, list[OptionKey]] = defaultdict(list)
    by_window: defaultdict[tuple[str, int], list[OptionKey]] = defaultdict(list)
    packages: defaultdict[tuple[str, int], list[tuple[str, str, int]]] = defaultdict(list)
    for key in instance.options:
        by_project[key[0]].append(key)
        by_window[key[0], key[2]].append(key)
    for package in instance.packages:
        packages[package[0], package[2]].append(package)
    block.one_close = pyo.Constraint(list(by_project), rule=lambda b, p: total(b.select[k] for k in by_project[p]) <= 1)
    block.supported = pyo.Constraint(
        list(by_window),
        rule=lambda b, p, v: total(b.select[k] for k in by_window[p, v]) - total(b.use[k] for k in packages[p, v]) <= 0,
    )
    block.used = pyo.Constraint(
        list(instance.packages),
        rule=lambda b, p, i, v: b.use[p, i, v] - total(b.select[k] for k in by_window[p, v]) <= 0,
    )


def tickets(block: Block, instance: Instance) -> None:
    """(2) min_i use <= sum_{f,a} share <= max_i use; a member takes part wholly or not at all, above its ticket.

    sum_a share[f,p,i,a,v] <= max_i take[f,p,v]; sum_{i,a} charge share >= ticket_f take[f,p,v]. The upper limits are
    written as sum_{f,a} share / most_{i,a} <= use with most_{i,a} = min(max_i, what (3) or (4) lets through): the
    same for whole numbers, since one structure is chosen, and tighter for fractions.
    """
    package, seat, party = (instance.shares_by[name] for name in ("package", "seat", "party"))

    def least(b: Block, p: str, i: str, v: int) -> Any:
        lower = instance.share_bounds[i][0]
        if lower <= 0:
            return pyo.Constraint.Skip
        return total(b.share[k] for k in package[p, i, v]) - lower * b.use[p, i, v] >= 0

    def ticket(b: Block, f: str, p: str, v: int) -> Any:
        least_charge = instance.min_ticket.get(f, 0.0)
        if least_charge <= 0:
            return pyo.Constraint.Skip
        charged = total(instance.shares[k].charge_usd_m * b.share[k] for k in party[f, p, v])
        return charged - least_charge * b.take[f, p, v] >= 0

    block.least_share = pyo.Constraint(list(instance.packages), rule=least)
    block.most_share = pyo.Constraint(
        list(instance.packages),
        rule=lambda b, p, i, v: _parts(b, instance, package[p, i, v]) - b.use[p, i, v] <= 0,
    )
    block.takes_part = pyo.Constraint(
        list(seat),
        rule=lambda b, f, p, i, v: _parts(b, instance, seat[f, p, i, v]) - b.take[f, p, v] <= 0,
    )
    block.ticket = pyo.Constraint(list(instance.parties), rule=ticket)


def _parts(block: Block, instance: Instance, keys: list[ShareKey]) -> Any:
    """Sum of shares, each over the most it can be."""
    most = {k: _most(instance, k) for k in keys}
    return total(block.share[k] * (1.0 / most[k]) for k in keys if most[k] > 0)


def _most(instance: Instance, key: ShareKey) -> float:
    """Largest share that (2), (3) and (4) let through; 0 where one of them rules it out."""
    _, p, i, a, v = key
    return min(instance.share_bounds[i][1], _basis(instance.options[p, a, v], instance.kind_of[i])[1])


def _of_kinds(instance: Instance, key: OptionKey, kinds: frozenset[str]) -> list[ShareKey]:
    return [k for k in instance.shares_by["option"][key] if instance.kind_of[k[2]] in kinds]


def structure(block: Block, instance: Instance) -> None:
    """(3) sum_f (offtake + cfd share) = c_a select; sum_f guarantee share = guaranteed[p,a] select."""
    guarantee = frozenset({"guarantee"})
    block.tranche = pyo.Constraint(
        list(instance.options),
        rule=lambda b, p, a, v: _equal(
            total(b.share[k] for k in _of_kinds(instance, (p, a, v), CONTRACTS)),
            instance.options[p, a, v].tranche * b.select[p, a, v],
        ),
    )
    block.guaranteed = pyo.Constraint(
        list(instance.options),
        rule=lambda b, p, a, v: _equal(
            total(b.share[k] for k in _of_kinds(instance, (p, a, v), guarantee)),
            instance.options[p, a, v].guaranteed * b.select[p, a, v],
        ),
    )


def _equal(left: Any, right: Any) -> Any:
    """``left - right == 0``, or no constraint where both are nothing."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return pyo.Constraint.Skip
    return left - right == 0


def financial_close(block: Block, instance: Instance) -> None:
    """(4) sum of money shares[p,a,v] = gap[p,a] select[p,a,v]: support fills the gap, never more."""
    block.financial_close = pyo.Constraint(
        list(instance.options),
        rule=lambda b, p, a, v: _equal(
            total(b.share[k] for k in _of_kinds(instance, (p, a, v), MONEY)),
            instance.options[p, a, v].gap * b.select[p, a, v],
        ),
    )


def serviceable_debt(block: Block, instance: Instance) -> None:
    """(4b) uses * sum of loan shares + (private and third-party debt) select <= limit select."""
    loan = frozenset({"loan"})

    def rule(b: Block, p: str, a: str, v: int) -> Any:
        option = instance.options[p, a, v]
        loans = _of_kinds(instance, (p, a, v), loan)
        headroom = option.debt_limit_usd_m - option.debt_usd_m
        if headroom >= option.gap * option.uses_usd_m or (not loans and headroom >= 0):
            return pyo.Constraint.Skip
        return option.uses_usd_m * total(b.share[k] for k in loans) - headroom * b.select[p, a, v] <= 0

    block.serviceable_debt = pyo.Constraint(list(instance.options), rule=rule)


def feed(block: Block, instance: Instance) -> None:
    """(4c) sum utilisation process/recovery_k select <= incumbent feed_{k-1} + sum captive_{k-1} select, per k and m.

    Processors at the stage before count as feed too, at their utilisation.
    """
    projects = {p: at for at, p in enumerate(instance.projects)}

    def rule(b: Block, k: int, m: int) -> Any:
        need = instance.utilisation * instance.process[:, k, m] / instance.recovery[k]
        offer = instance.captive[:, k - 1, m] + instance.utilisation * instance.process[:, k - 1, m]
        taken = (need - offer).tolist()
        terms = [taken[projects[key[0]]] * b.select[key] for key in instance.options if taken[projects[key[0]]] != 0]
        if not terms:
            return pyo.Constraint.Skip
        return total(terms) <= instance.incumbent_feed[k - 1, m]

    block.feed = pyo.Constraint(range(1, len(instance.stages)), range(len(instance.materials)), rule=rule)


def caps(block: Block, instance: Instance) -> None:
    """(5) share <= cap * basis * select, and the private share of uses >= the minimum.

    Basis: output for contracts, uses for loans and grants, guaranteed debt for guarantees, and for equity all
    equity: uses share <= cap (equity select + uses sum of equity shares).
    """

    def member_cap(b: Block, f: str, p: str, i: str, a: str, v: int) -> Any:
        option, cap, kind = instance.options[p, a, v], instance.shares[f, p, i, a, v].cap, instance.kind_of[i]
        share, select = b.share[f, p, i, a, v], b.select[p, a, v]
        if kind == "equity":
            if cap >= 1:
                return pyo.Constraint.Skip
            equity = total(b.share[k] for k in _of_kinds(instance, (p, a, v), frozenset({"equity"})))
            own = option.equity_usd_m / option.uses_usd_m
            return share - cap * equity - cap * own * select <= 0
        basis, largest = _basis(option, kind)
        if cap * basis >= largest:
            return pyo.Constraint.Skip
        return share - cap * basis * select <= 0

    block.member_cap = pyo.Constraint(list(instance.shares), rule=member_cap)
    short = [key for key, o in instance.options.items() if o.private_share < instance.private_minimum - 1e-12]
    block.private_minimum = pyo.Constraint(
        short,
        rule=lambda b, p, a, v: (
            (instance.private_minimum - instance.options[p, a, v].private_share) * b.select[p, a, v] <= 0
        ),
    )


def _basis(option: Any, kind: str) -> tuple[float, float]:
    """What a cap refers to, and the largest share that (3) or (4) lets through anyway."""
    if kind == "guarantee":
        return option.guaranteed, option.guaranteed
    if kind in CONTRACTS:
        return 1.0, option.tranche
    return 1.0, option.gap


def rights(block: Block, instance: Instance) -> None:
    """(6) rights[r,p,a,v] <= sum_{f in r} rho_i share; per m: sum_r rights <= (1 - precommitted) select.

    The same for what is taken by offtake: a tonne is promised once.
    """
    option = instance.shares_by["option"]

    def earned(b: Block, r: str, p: str, a: str, v: int) -> Any:
        terms = (
            instance.rights_ratio[k[2]] * b.share[k]
            for k in option[p, a, v]
            if instance.region_of[k[0]] == r and instance.rights_ratio[k[2]] > 0
        )
        return b.rights[r, p, a, v] - total(terms) <= 0

    claims: defaultdict[OptionKey, list[tuple[str, str, str, int]]] = defaultdict(list)
    for claim in instance.claims:
        claims[claim[1], claim[2], claim[3]].append(claim)

    def once(b: Block, p: str, a: str, v: int) -> Any:
        if not claims[p, a, v]:
            return pyo.Constraint.Skip
        free = 1.0 - float(instance.max_precommitted[instance.projects.index(p)])
        return total(b.rights[c] for c in claims[p, a, v]) - free * b.select[p, a, v] <= 0

    def offtaken(b: Block, p: str, a: str, v: int) -> Any:
        taken = _of_kinds(instance, (p, a, v), frozenset({"offtake"}))
        free = 1.0 - float(instance.max_precommitted[instance.projects.index(p)])
        if not taken or free >= instance.options[p, a, v].tranche:
            return pyo.Constraint.Skip
        return total(b.share[k] for k in taken) - free * b.select[p, a, v] <= 0

    block.rights_earned = pyo.Constraint(list(instance.claims), rule=earned)
    block.promised_once = pyo.Constraint(list(instance.options), rule=once)
    block.offtaken_once = pyo.Constraint(list(instance.options), rule=offtaken)


CONSTRAINTS = {
    "1": one_close,
    "2": tickets,
    "3": structure,
    "4": financial_close,
    "4b": serviceable_debt,
    "4c": feed,
    "5": caps,
    "6": rights,
    "6b": placeable,
    "7": budget,
    "7b": liquidity,
    "7c": payout_tail,
    "8": policy,
    "8a": benchmarks,
    "8b": given,
    "12a": purchase_limit,
}
"""Every numbered constraint of the first stage."""


def add_first_stage(block: Block, instance: Instance) -> None:
    """Add the variables and constraints (1) to (8b) to a block."""
    add_variables(block, instance)
    for add in CONSTRAINTS.values():
        add(block, instance)


def public_cost(block: Block, instance: Instance) -> Any:
    """Expected public cost of the commitments, USD M, >= 0 term by term."""
    terms = [data.cost_usd_m * block.share[k] for k, data in instance.shares.items()]
    terms += [instance.fixed_cost[k[1]] * block.use[k] for k in instance.packages]
    terms += [instance.admin_usd_m * block.take[k] for k in instance.parties]
    terms += [
        float(instance.stock_cost[instance.materials.index(m), instance.windows.index(v)]) * block.purchase[f, m, v]
        for f, m, v in instance.purchases
    ]
    return total(terms)


def first_stage_cost(block: Block, instance: Instance) -> Any:
    """What the objective pays for the first stage: cost weight * public cost + sum penalty * miss, weighted tonnes."""
    priced = [(b.penalty, name) for name, b in instance.benchmarks.items() if b.penalty is not None]
    return instance.cost_weight * total([public_cost(block, instance)]) + total(
        penalty * block.miss[name] for penalty, name in priced
    )
