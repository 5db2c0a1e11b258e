"""Cuts: linear lower bounds on the recourse, and the pool that keeps every one of them.

theta_l >= value + gradient (x' - x) bounds the expected recourse of part l. For a CVaR
tau >= sum_{s in A} p_s (Q_s(x') - eta) for any set A of scenarios and tau >= 0, and CVaR is the least
eta + tau / (1 - beta): a cut for the tail as a whole, never for a part, since excess over eta belongs to a scenario.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from portfolio.engine.programme import Array, Integers

TINY = 1e-11
"""Gradient, relative to its largest, that counts as rounding."""


@dataclass(frozen=True)
class Layout:
    """Columns of the master: ``x`` of the first stage, then ``labels`` thetas, then eta and tau where ``tail``."""

    x: int
    labels: int
    tail: bool

    @property
    def size(self) -> int:
        """Number of columns."""
        return self.x + self.labels + (2 if self.tail else 0)


@dataclass
class CutPool:
    """All cuts: rows (cuts, columns of the master) >= lower. Grows by doubling; nothing is ever forgotten.

    ``support`` are the columns in which any cut differs from zero, ``dense`` the rows in these alone.
    """

    layout: Layout
    rows: Array = field(init=False)
    lower: Array = field(init=False)
    support: Integers = field(init=False)
    dense: Array = field(init=False)
    count: int = 0

    def __post_init__(self) -> None:
        """Start empty."""
        self.rows, self.lower = np.zeros((64, self.layout.size)), np.zeros(64)
        self.support, self.dense = np.zeros(0, dtype=np.int64), np.zeros((64, 0))

    def add_means(self, values: Array, gradients: Array, x: Array) -> None:
        """Add theta_l >= values_l + gradients_l (x' - x) for every part."""
        n = self.layout.x
        for label, (value, gradient) in enumerate(zip(values, gradients, strict=True)):
            row = np.zeros(self.layout.size)
            row[:n], row[n + label] = -_clean(gradient), 1.0
            self.append(row, float(value - _clean(gradient) @ x))

    def add_tail(self, value: float, gradient: Array, mass: float, x: Array) -> None:
        """Add tau >= value + gradient (x' - x) - mass eta, sums over the scenarios of a tail."""
        row, n = np.zeros(self.layout.size), self.layout.x + self.layout.labels
        row[: self.layout.x], row[n], row[n + 1] = -_clean(gradient), mass, 1.0
        self.append(row, float(value - _clean(gradient) @ x))

    def append(self, row: Array, lower: float) -> None:
        """Add a row."""
        if self.count == self.lower.size:
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
            self.lower = np.concatenate([self.lower, np.zeros_like(self.lower)])
            self.dense = np.concatenate([self.dense, np.zeros_like(self.dense)])
        self.rows[self.count], self.lower[self.count] = row, lower
        new = row != 0
        new[self.support] = False
        if new.any():
            self.support = np.union1d(self.support, np.flatnonzero(new))
            self.dense = self.rows[:, self.support]
        self.dense[self.count] = row[self.support]
        self.count += 1

    def summed(self, which: list[int], weight: Array) -> Array:
        """Sum of some cuts times their weights, by column of the master."""
        found, used = np.zeros(self.layout.size), np.flatnonzero(weight)
        found[self.support] = weight[used] @ self.dense[np.array(which, dtype=np.int64)[used]]
        return found

    def of_first_stages(self, which: list[int], points: sparse.csr_array) -> Array:
        """What some cuts make of some first stages (points, x), thetas apart: shape (points, cuts)."""
        inside = self.support < self.layout.x
        return np.asarray(points[:, self.support[inside]] @ self.dense[which][:, inside].T)

    def violated(self, point: Array, tolerance: float) -> Array:
        """How far each cut is violated at a point of the master, shape (count,), 0 where by less than the tolerance."""
        short = self.lower[: self.count] - self.dense[: self.count] @ point[self.support]
        return np.where(short > tolerance, short, 0.0)


def _clean(gradient: Array) -> Array:
    """A gradient without rounding noise."""
    return np.where(np.abs(gradient) > TINY * (1.0 + np.abs(gradient).max(initial=0.0)), gradient, 0.0)


def tail_mean(values: Array, probability: Array, level: float) -> float:
    """Mean of the worst 1 - level (Rockafellar and Uryasev 2002)."""
    order = np.argsort(-values, kind="stable")
    worst, weight = values[order], probability[order]
    before = np.concatenate([[0.0], np.cumsum(weight)[:-1]])
    return float(np.clip((1.0 - level) - before, 0.0, weight) @ worst / (1.0 - level))
