"""Where along the quantiles of hazard rates one portfolio becomes better than another.

The difference of two portfolios is estimated on the same random numbers at every quantile. A switch is claimed only
where one is better beyond noise on one side and the other on the other side. Where it lies is the set of quantiles at
which the paired interval of the difference holds zero: by inversion of the test this set holds the true switching point
with the level of the interval. Its ends and the zero of the estimate are found by bisection, as if signs changed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from portfolio.evaluation.intervals import Interval

Difference = Callable[[float], Interval]
"""Cost of the one portfolio minus that of the other at a quantile, paired."""

WIDTH = 0.02
"""Bisection ends where the bracket is no wider, in quantiles."""


@dataclass(frozen=True)
class Switch:
    """Where ``before`` stops being the better one and ``after`` begins, in quantiles.

    ``quantile`` is the zero of the estimated difference, ``low`` and ``high`` enclose the true one. Where the switch is
    not ``claimed`` they are those between which the estimate changes sign, and ``note`` says what is missing.
    """

    before: int
    after: int
    quantile: float
    low: float
    high: float
    claimed: bool
    note: str = ""


@dataclass
class _Known:
    """Differences along the quantiles, each evaluated once."""

    difference: Difference
    known: dict[float, Interval] = field(default_factory=dict)

    def at(self, quantile: float) -> Interval:
        if quantile not in self.known:
            self.known[quantile] = self.difference(quantile)
        return self.known[quantile]

    def last(self, low: float, high: float, holds: Callable[[Interval], bool], width: float) -> tuple[float, float]:
        """Narrow a bracket from a lower end that ``holds`` to an upper end that does not, starting from what is known.

        Where the upper end holds too, or the lower end does not, the bracket shrinks to that end.
        """
        if holds(self.at(high)):
            return high, high
        if not holds(self.at(low)):
            return low, low
        for q in sorted(x for x in self.known if low < x < high):
            if not holds(self.known[q]):
                high = q
                break
            low = q
        while high - low > width:
            middle = 0.5 * (low + high)
            low, high = (middle, high) if holds(self.at(middle)) else (low, middle)
        return low, high


@dataclass(frozen=True)
class Line:
    """Candidates along the quantiles of one group.

    Attributes
    ----------
    quantiles : tuple of float
        Increasing.
    best : tuple of int
        Candidate of least estimated cost at each.
    """

    quantiles: tuple[float, ...]
    best: tuple[int, ...]

    @cached_property
    def changes(self) -> tuple[tuple[float, float, int, int], ...]:
        """Where the best candidate changes: between which quantiles, from which and to which."""
        steps = zip(self.quantiles, self.quantiles[1:], self.best, self.best[1:], strict=False)
        return tuple((low, high, a, b) for low, high, a, b in steps if a != b)

    def switches(self, pair: Callable[[int, int], Difference], width: float = WIDTH) -> tuple[Switch, ...]:
        """Locate every change; ``pair(a, b)`` gives cost of a minus cost of b at a quantile."""
        return tuple(locate(pair(a, b), self.quantiles, (low, high), (a, b), width) for low, high, a, b in self.changes)


def locate(
    difference: Difference,
    quantiles: Sequence[float],
    between: tuple[float, float],
    pair: tuple[int, int],
    width: float = WIDTH,
) -> Switch:
    """Locate the switch of a ``pair`` whose estimated difference changes sign ``between`` two quantiles.

    Parameters
    ----------
    difference : callable
        Cost of the first of the pair minus that of the second, at a quantile.
    quantiles : sequence of float
        Where it is looked at for clear signs, increasing.
    between : tuple of float
        Two of them: the first is the better one at the lower, the second at the higher, as far as estimates go.
    pair : tuple of int
        The candidates.
    width : float
        Of the brackets at which bisection ends.
    """
    line = _Known(difference)
    for q in quantiles:
        line.at(q)
    low, high = line.last(*between, lambda d: d.estimate < 0, width)
    zero = _zero(low, line.at(low).estimate, high, line.at(high).estimate)
    clear_before = [q for q in quantiles if q <= between[0] and line.at(q).high < 0]
    clear_after = [q for q in quantiles if q >= between[1] and line.at(q).low > 0]
    if not clear_before or not clear_after:
        return Switch(*pair, zero, *between, False, _unclear(bool(clear_before), bool(clear_after)))
    first, _ = line.last(clear_before[-1], low, lambda d: d.high < 0, width)
    _, last = line.last(high, clear_after[0], lambda d: d.low <= 0, width)
    return Switch(*pair, zero, first, last, True)


def _zero(low: float, below: float, high: float, above: float) -> float:
    """Zero of the straight line through two points."""
    return low if above == below else low - below * (high - low) / (above - below)


def _unclear(before: bool, after: bool) -> str:
    if before or after:
        side = "above" if before else "below"
        return f"no switch claimed: {side} it the two cannot be told apart"
    return "no switch claimed: the two cannot be told apart on either side"
