"""Numerical stability of a programme before it is solved: ranges of its numbers, warnings in plain words, units.

Solvers work to absolute tolerances of about 1e-7 with numbers of 16 digits, so that numbers far from one, or spread
over more than nine orders of magnitude, make answers doubtful. The report follows that of SDDP.jl (Dowson and
Kapelevich 2021).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor, log2, log10
from typing import Any

import numpy as np

from portfolio.engine.programme import Array, Products, TwoStage

WIDE = {"cost": 9.0, "matrix": 9.0, "amount": 9.0, "random": 12.0}
"""By kind, orders of magnitude of a range beyond which it is warned of; random numbers may come close to zero."""
TINY = {"cost": 1e-4, "matrix": 1e-6, "amount": 1e-7, "random": 1e-7}
"""By kind, the size under which all numbers of a range, or for matrices a single one, are extreme."""
HUGE = {"cost": 1e8, "matrix": 1e8, "amount": 1e10, "random": 1e10}
"""By kind, the size above which a number is extreme."""
MEASURE = {"cost": "money", "matrix": "what these rows measure", "amount": "amounts", "random": "amounts"}
"""By kind, what has units."""
SAMPLE = 500
"""Most scenarios whose data are looked at."""
PLAIN = (1e-3, 1e4)
"""Typical size of a cost between which an objective stays as it is."""


@dataclass(frozen=True)
class Range:
    """Absolute values of the numbers of a group that are not zero.

    ``kind`` is cost, matrix, amount, or random for amounts by scenario; or data, which have units of all kinds and
    matter only by what they are multiplied with. ``least`` and ``largest`` are 0 where there is none.
    """

    name: str
    kind: str
    least: float
    largest: float
    count: int

    @property
    def orders(self) -> float:
        """Orders of magnitude between the least and the largest."""
        return log10(self.largest / self.least) if self.count else 0.0

    @property
    def unit(self) -> float:
        """Power of ten in whose multiples these numbers lie around one: log10 is the rounded middle of the range."""
        return 10.0 ** round(0.5 * (log10(self.least) + log10(self.largest))) if self.count else 1.0


@dataclass(frozen=True)
class Stability:
    """Ranges of a programme's numbers, and what to know of them."""

    ranges: tuple[Range, ...]
    warnings: tuple[str, ...]

    def as_lines(self) -> list[str]:
        """Report for people: a line for each range, then the warnings."""
        width = max(len(r.name) for r in self.ranges)
        lines = [
            f"{r.name:<{width}}  {r.least:8.1e} to {r.largest:8.1e}  ({r.orders:.1f} orders)"
            if r.count
            else f"{r.name:<{width}}  none"
            for r in self.ranges
        ]
        return lines + [f"warning: {text}" for text in self.warnings]

    def as_record(self) -> dict[str, Any]:
        """Report for ``run.json``: ``ranges`` by name with least, largest and orders, and ``warnings``."""
        return {
            "ranges": {
                r.name: {"least": r.least, "largest": r.largest, "orders": round(r.orders, 2)} for r in self.ranges
            },
            "warnings": list(self.warnings),
        }


def stability(programme: TwoStage) -> Stability:
    """Report on the numbers of a programme.

    Data are looked at in no more than :data:`SAMPLE` scenarios, in runs spread over all of them. Effects are shown
    with the data they are multiplied by, as coefficients of x in the rows (or in the definitions) of a scenario.
    """
    first = programme.first
    low, high = _extent(programme)
    ranges = (
        _range("first-stage costs", "cost", first.cost),
        _range("first-stage coefficients", "matrix", first.matrix.data),
        _range("first-stage right-hand sides", "amount", first.row_lower, first.row_upper),
        _range("first-stage bounds", "amount", first.lower, first.upper),
        _range("recourse costs", "cost", programme.cost),
        _range("recourse coefficients", "matrix", programme.matrix.data),
        _range("recourse bounds", "random", programme.upper, *_times(programme.upper_data, low, high)),
        _range("right-hand sides", "random", *_times(programme.constant, low, high)),
        _range("effects in one step", "random", *_effects(programme.direct, low, high)),
        _range("effects on definitions", "random", *_effects(programme.defined, low, high)),
        _range("effects of definitions", "random", *_effects(programme.indirect, low, high)),
        _range("data", "data", low, high),
    )
    return Stability(ranges, tuple(text for r in ranges for text in _warnings(r)))


def scaled(programme: TwoStage) -> tuple[TwoStage, float]:
    """The programme with its objective times a power of two, and that number: 1 where costs are of a plain size.

    A power of two changes no digit: objective and bound of the programme are those of the scaled one divided by
    the number, exactly; first stages and allocations are the same.
    """
    costs = np.abs(np.concatenate([programme.first.cost, programme.cost]))
    costs = costs[costs > 0]
    if costs.size == 0:
        return programme, 1.0
    middle = float(np.exp(np.log(costs).mean()))
    if PLAIN[0] <= middle <= PLAIN[1]:
        return programme, 1.0
    factor = 2.0 ** -floor(log2(middle))
    first = replace(programme.first, cost=programme.first.cost * factor, offset=programme.first.offset * factor)
    return replace(programme, first=first, cost=programme.cost * factor), factor


def _range(name: str, kind: str, *numbers: Array) -> Range:
    sizes = np.abs(np.concatenate([np.ravel(n) for n in numbers]))
    sizes = sizes[(sizes > 0) & np.isfinite(sizes)]
    if sizes.size == 0:
        return Range(name, kind, 0.0, 0.0, 0)
    return Range(name, kind, float(sizes.min()), float(sizes.max()), int(sizes.size))


def _extent(programme: TwoStage) -> tuple[Array, Array]:
    """Least and largest absolute value of each datum that is not zero; 0 where it is always zero."""
    size = programme.define.shape[1]
    low, high = np.full(size, np.inf), np.zeros(size)
    for which in _runs(programme.scenarios):
        sizes = np.abs(programme.data(which))
        np.maximum(high, sizes.max(axis=1, initial=0.0), out=high)
        np.minimum(low, np.where(sizes > 0, sizes, np.inf).min(axis=1, initial=np.inf), out=low)
    return np.where(np.isfinite(low), low, 0.0), high


def _runs(scenarios: int) -> list[slice]:
    """Runs of 100 scenarios, all of them or evenly spread."""
    every = [slice(at, min(at + 100, scenarios)) for at in range(0, scenarios, 100)]
    most = SAMPLE // 100
    if len(every) <= most:
        return every
    return [every[int(n)] for n in np.linspace(0, len(every) - 1, most)]


def _times(matrix: Any, low: Array, high: Array) -> tuple[Array, Array]:
    """Least and largest of each entry of a matrix over the data times its datum."""
    sizes = np.abs(matrix.data)
    return sizes * low[matrix.indices], sizes * high[matrix.indices]


def _effects(products: Products, low: Array, high: Array) -> tuple[Array, Array]:
    sizes = np.abs(products.coefficient)
    return sizes * low[products.datum], sizes * high[products.datum]


def _warnings(r: Range) -> list[str]:
    """What is wrong with a range, and what to do about it."""
    if r.count == 0 or r.kind == "data":
        return []
    found = []
    size = f"{r.least:.1e} to {r.largest:.1e}"
    if r.orders > WIDE[r.kind]:
        found.append(
            f"{r.name} spread over {r.orders:.0f} orders of magnitude ({size}): the smallest may count as zero; "
            f"look for rounding that should be zero, and for large numbers that stand for no limit"
        )
    small = r.least if r.kind == "matrix" else r.largest
    if r.largest > HUGE[r.kind] or small < TINY[r.kind]:
        found.append(f"{r.name} are extreme ({size}): state {MEASURE[r.kind]} in units {r.unit:.0e} times as large")
    return found
