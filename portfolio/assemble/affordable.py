"""Least charge of every option: what it takes from the budgets alone, and knapsack rows made of it.

The budget rows (7) run over continuous shares, from which a solver cannot see that a large project fits or does not.
The least total charge of an option is a linear programme over its own shares; with it every window has a row
sum_{v' <= v} least charge select <= all budgets to v, which is valid for whole numbers and gives cover cuts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linprog

from models import Instance, Option
from models.terms import CONTRACTS, MONEY, OptionKey, ShareKey
from portfolio.assemble.options import LeftOut

Array = npt.NDArray[np.float64]

FEASIBLE = 1e-7
"""Part of (3) and (4) that may be missing, in shares: the tolerance of the solver."""
Row = tuple[dict[ShareKey, float], float]


def least_charges(instance: Instance) -> dict[OptionKey, float]:
    """Least total charge of each option to all members, USD M; infinite where it cannot be had even alone.

    The options have no share in common, so one programme of them all, minimised over the sum, gives each its own
    least. A first one, over what is missing in (3) and (4), says which options cannot be had.
    """
    least = dict.fromkeys(instance.options, np.inf)
    groups = instance.shares_by["option"]
    tried = [k for k in instance.options if groups.get(k) and _debt_room(instance.options[k]) >= 0.0]
    if not tried:
        return least
    shares = [groups[key] for key in tried]
    owner = np.repeat(np.arange(len(tried)), [len(some) for some in shares])
    programme = _programme(instance, tried, shares)
    rows = len(programme.value)
    missing = _solve(programme, np.zeros(owner.size), np.ones(rows), np.full(rows, np.inf))[owner.size :]
    possible = np.all(missing.reshape(len(tried), -1) <= FEASIBLE, axis=1)
    charge = np.where(possible[owner], programme.charge, 0.0)
    allowed = np.where(np.repeat(possible, rows // len(tried)), 0.0, np.inf)
    found = _solve(programme, charge, np.zeros(rows), allowed)[: owner.size]
    total = np.bincount(owner, weights=charge * found, minlength=len(tried))
    for key, had, paid in zip(tried, possible, total, strict=True):
        if had:
            least[key] = max(0.0, float(paid) * (1.0 - 1e-9))
    return least


def without_impossible(instance: Instance) -> tuple[Instance, tuple[LeftOut, ...]]:
    """Leave out the options that no member budget, line or rule lets through even alone; scenarios stay as they are."""
    least = least_charges(instance)
    kept = [key for key in instance.options if least[key] < np.inf]
    if len(kept) == len(instance.options):
        return instance, ()
    left = tuple(
        LeftOut(p, a, f"closing in {v} it exceeds budgets, liquidity lines or caps even if nothing else is supported")
        for (p, a, v), charge in least.items()
        if charge == np.inf
    )
    held = set(kept)
    return (
        replace(
            instance,
            options={key: instance.options[key] for key in kept},
            shares={k: data for k, data in instance.shares.items() if (k[1], k[3], k[4]) in held},
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


@dataclass(frozen=True)
class _Programme:
    """All options side by side: E x + e = value, U x <= limit, 0 <= x <= most, e >= 0 what is missing of E x."""

    charge: Array
    most: Array
    equal: sparse.csr_array
    value: Array
    below: sparse.csr_array
    limit: Array


def _solve(programme: _Programme, charge: Array, penalty: Array, allowed: Array) -> Array:
    """Return the optimal shares, followed by what is missing of each equation, at most ``allowed``.

    Raises
    ------
    RuntimeError
        If no optimum is found, which the bounds on shares rule out but for numerical trouble.
    """
    rows = len(penalty)
    nothing = sparse.csr_array((len(programme.limit), rows))
    below: Any = sparse.hstack([programme.below, nothing], format="csr")
    equal: Any = sparse.hstack([programme.equal, sparse.eye_array(rows)], format="csr")
    most = np.concatenate([programme.most, allowed])
    bounds: Any = np.array([np.zeros_like(most), most]).T
    found = linprog(
        np.concatenate([charge, penalty]),
        A_ub=below,
        b_ub=programme.limit,
        A_eq=equal,
        b_eq=programme.value,
        bounds=bounds,
        method="highs",
    )
    if found.status != 0:
        raise RuntimeError(f"least charges of the options: {found.message}")
    return np.asarray(found.x, dtype=float)


def _programme(instance: Instance, tried: list[OptionKey], shares: list[list[ShareKey]]) -> _Programme:
    """Put the rules of every option alone beside each other."""
    flat = [k for some in shares for k in some]
    at = {k: n for n, k in enumerate(flat)}
    equal, below = _Rows(at), _Rows(at)
    budgets = _cumulative(instance)
    for key, some in zip(tried, shares, strict=True):
        for row, value in _equalities(instance, key, some):
            equal.add(row, value)
        for row, limit in _limits(instance, key, some, budgets):
            below.add(row, limit)
    return _Programme(
        charge=np.array([instance.shares[k].charge_usd_m for k in flat]),
        most=np.array([instance.share_bounds[k[2]][1] for k in flat]),
        equal=equal.matrix(),
        value=np.array(equal.limit),
        below=below.matrix(),
        limit=np.array(below.limit),
    )


class _Rows:
    """Rows of a sparse matrix over shares, with their right-hand sides."""

    def __init__(self, at: Mapping[ShareKey, int]) -> None:
        self.at = at
        self.limit: list[float] = []
        self._entries: list[float] = []
        self._columns: list[int] = []
        self._starts = [0]

    def add(self, row: Mapping[ShareKey, float], limit: float) -> None:
        """Append one row."""
        self._columns += [self.at[k] for k in row]
        self._entries += row.values()
        self._starts.append(len(self._columns))
        self.limit.append(limit)

    def matrix(self) -> sparse.csr_array:
        """All rows."""
        shape = (len(self.limit), len(self.at))
        return sparse.csr_array((self._entries, self._columns, self._starts), shape=shape)


def _debt_room(option: Option) -> float:
    """What public loans may be (4b), USD M, with a speck of room for tolerances."""
    return option.debt_limit_usd_m - option.debt_usd_m + 1e-6


def _cumulative(instance: Instance) -> dict[tuple[str, int], float]:
    """Budget of each member up to each window, USD M."""
    return {
        (f, v): sum(instance.budget.get((f, w), 0.0) for w in instance.windows if w <= v)
        for f in instance.members
        for v in instance.windows
    }


def _equalities(instance: Instance, key: OptionKey, shares: list[ShareKey]) -> Iterator[Row]:
    """(3) and (4)."""
    option = instance.options[key]
    for kinds, value in (
        (CONTRACTS, option.tranche),
        (frozenset({"guarantee"}), option.guaranteed),
        (MONEY, option.gap),
    ):
        yield {k: 1.0 for k in shares if instance.kind_of[k[2]] in kinds}, value


def _limits(
    instance: Instance, key: OptionKey, shares: list[ShareKey], budgets: Mapping[tuple[str, int], float]
) -> Iterator[Row]:
    """(2) above, (4b), (5), (7), (7b), (8) for the option alone, with a speck of room for tolerances."""
    option, data, kinds = instance.options[key], instance.shares, instance.kind_of
    charge = {k: data[k].charge_usd_m for k in shares}
    for i in {k[2] for k in shares}:
        yield {k: 1.0 for k in shares if k[2] == i}, instance.share_bounds[i][1]
    yield {k: option.uses_usd_m for k in shares if kinds[k[2]] == "loan"}, _debt_room(option)
    for f in {k[0] for k in shares}:
        if not instance.relend:
            yield {k: charge[k] for k in shares if k[0] == f}, budgets[f, key[2]] + 1e-6
        yield {k: data[k].payout95_usd_m for k in shares if k[0] == f}, instance.liquidity[f] + 1e-6
    most = min(instance.max_project_share, instance.max_country_share) * instance.total_budget
    yield charge, most + 1e-6
    equity = [k for k in shares if kinds[k[2]] == "equity"]
    for k in shares:
        if kinds[k[2]] == "equity":
            own = option.equity_usd_m / option.uses_usd_m
            row = {other: -data[k].cap + (1.0 if other == k else 0.0) for other in equity}
            yield row, data[k].cap * own + 1e-9
        else:
            basis = option.guaranteed if kinds[k[2]] == "guarantee" else 1.0
            yield {k: 1.0}, data[k].cap * basis + 1e-9
