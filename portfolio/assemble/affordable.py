"""Least charge of every option: what it takes from the budgets alone, and knapsack rows made of it.

The budget rows (7) run over continuous shares, from which a solver cannot see that a large project fits or does not.
The least total charge of an option is a linear programme over its own shares; with it every window has a row
sum_{v' <= v} least charge select <= all budgets to v, which is valid for whole numbers and gives cover cuts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from models import Instance
from models.instance import CONTRACTS, MONEY, OptionKey, ShareKey
from portfolio.assemble.options import LeftOut

Array = npt.NDArray[np.float64]
Row = tuple[Array, float]


def least_charges(instance: Instance) -> dict[OptionKey, float]:
    """Least total charge of each option to all members, USD M; infinite where it cannot be had even alone."""
    return {key: _least(instance, key, instance.shares_by["option"][key]) for key in instance.options}


def without_impossible(instance: Instance) -> tuple[Instance, tuple[LeftOut, ...]]:
    """Leave out the options that no member budget, line or rule lets through even alone."""
    least = least_charges(instance)
    kept = [key for key in instance.options if least[key] < np.inf]
    if len(kept) == len(instance.options):
        return instance, ()
    left = tuple(
        LeftOut(p, a, f"closing in {v} it exceeds budgets, liquidity lines or caps even if nothing else is supported")
        for (p, a, v), charge in least.items()
        if charge == np.inf
    )
    at = np.array([instance.option_index[key] for key in kept], dtype=np.int64)
    s = instance.scenarios
    held = set(kept)
    return (
        replace(
            instance,
            options={key: instance.options[key] for key in kept},
            shares={k: data for k, data in instance.shares.items() if (k[1], k[3], k[4]) in held},
            scenarios=replace(s, output=s.output[:, at], contracted=s.contracted[:, at]),
        ),
        left,
    )


def knapsack_rows(
    instance: Instance, least: Mapping[OptionKey, float]
) -> Iterator[tuple[dict[OptionKey, float], float]]:
    """Rows sum coefficient select <= limit, one per window, over options that can be had."""
    for window in instance.windows:
        row = {k: c for k, c in least.items() if k[2] <= window and 0 < c < np.inf}
        limit = sum(instance.budget.get((f, w), 0.0) for f in instance.members for w in instance.windows if w <= window)
        if row and not instance.relend:
            yield row, limit


def _least(instance: Instance, key: OptionKey, shares: list[ShareKey]) -> float:
    """Least total charge of one option supported alone."""
    if not shares:
        return np.inf
    equal = list(_equalities(instance, key, shares))
    below = list(_limits(instance, key, shares))
    result = linprog(
        [instance.shares[k].charge_usd_m for k in shares],
        A_ub=np.array([row for row, _ in below]) if below else None,
        b_ub=[limit for _, limit in below] if below else None,
        A_eq=np.array([row for row, _ in equal]),
        b_eq=[value for _, value in equal],
        bounds=[(0.0, instance.share_bounds[k[2]][1]) for k in shares],
        method="highs",
    )
    if result.status == 2:
        return np.inf
    return max(0.0, float(result.fun or 0.0) * (1.0 - 1e-9)) if result.status == 0 else 0.0


def _row(shares: list[ShareKey], value: Mapping[ShareKey, float]) -> Array:
    return np.array([value.get(k, 0.0) for k in shares])


def _equalities(instance: Instance, key: OptionKey, shares: list[ShareKey]) -> Iterator[Row]:
    """(3) and (4)."""
    option = instance.options[key]
    for kinds, value in (
        (CONTRACTS, option.tranche),
        (frozenset({"guarantee"}), option.guaranteed),
        (MONEY, option.gap),
    ):
        yield _row(shares, {k: 1.0 for k in shares if instance.kind_of[k[2]] in kinds}), value


def _limits(instance: Instance, key: OptionKey, shares: list[ShareKey]) -> Iterator[Row]:
    """(2) above, (4b), (5), (7), (7b), (8) for the option alone, with a speck of room for tolerances."""
    option, window = instance.options[key], key[2]
    data = instance.shares
    for i in {k[2] for k in shares}:
        yield _row(shares, {k: 1.0 for k in shares if k[2] == i}), instance.share_bounds[i][1]
    loans = {k: option.uses_usd_m for k in shares if instance.kind_of[k[2]] == "loan"}
    yield _row(shares, loans), option.debt_limit_usd_m - option.debt_usd_m + 1e-6
    for f in {k[0] for k in shares}:
        budget = sum(b for (member, w), b in instance.budget.items() if member == f and w <= window)
        if not instance.relend:
            yield _row(shares, {k: data[k].charge_usd_m for k in shares if k[0] == f}), budget + 1e-6
        yield _row(shares, {k: data[k].payout95_usd_m for k in shares if k[0] == f}), instance.liquidity[f] + 1e-6
    most = min(instance.max_project_share, instance.max_country_share) * instance.total_budget
    yield _row(shares, {k: data[k].charge_usd_m for k in shares}), most + 1e-6
    for k in shares:
        kind = instance.kind_of[k[2]]
        if kind == "equity":
            own = option.equity_usd_m / option.uses_usd_m
            row = {other: -data[k].cap for other in shares if instance.kind_of[other[2]] == "equity"}
            row[k] = row[k] + 1.0
            yield _row(shares, row), data[k].cap * own + 1e-9
        else:
            basis = option.guaranteed if kind == "guarantee" else 1.0
            yield _row(shares, {k: 1.0}), data[k].cap * basis + 1e-9
