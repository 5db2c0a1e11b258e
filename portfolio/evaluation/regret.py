"""Regret of candidate portfolios across opinions, and the choice that regrets least.

The regret of a portfolio under an opinion is what it costs more than the best candidate under that opinion. It is the
largest of the differences to all candidates, each estimated on common random numbers; with intervals of the
differences that hold together (Bonferroni), the largest lower and the largest upper limit enclose the largest true
difference. The same holds of the largest regret over opinions. The best candidate need not be the best portfolio there
is: regret against that is larger by what the searches left open and by what their samples did not show.

References
----------
Savage (1951), The theory of statistical decision, J. Am. Stat. Assoc. 46, 55-67.
Kouvelis and Yu (1997), Robust Discrete Optimization and Its Applications: minmax regret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolio.evaluation.intervals import LEVEL, Interval, influence_interval
from portfolio.evaluation.pointwise import contributions

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """What is compared: (1 - lambda) mean + lambda CVaR_beta of costs over equally likely scenarios.

    ``weight`` is lambda, ``tail`` beta, ``level`` the confidence level of intervals.
    """

    weight: float = 0.0
    tail: float = 0.95
    level: float = LEVEL

    def added(self, costs: Array) -> Array:
        """What each scenario adds to the measure, shape (S,): its mean is the measure."""
        return contributions(costs, np.full(costs.size, 1.0 / costs.size), self.weight, self.tail)

    def value(self, costs: Array) -> float:
        """The measure of costs, (S,)."""
        return float(self.added(costs).mean())

    def interval(self, costs: Array) -> Interval:
        """The measure with its interval."""
        return self._of(self.added(costs), self.level)

    def difference(self, costs: Array, less: Array, together: int = 1) -> Interval:
        """Measure of ``costs`` minus that of ``less`` on the same scenarios, one of ``together`` that hold at once."""
        return self._of(self.added(costs) - self.added(less), 1.0 - (1.0 - self.level) / max(together, 1))

    def _of(self, values: Array, level: float) -> Interval:
        mean, weights = float(values.mean()), np.full(values.size, 1.0 / values.size)
        tail = self.tail if self.weight > 0 else 0.0
        return influence_interval(mean, values - mean, weights, level=level, tail=tail)


@dataclass(frozen=True)
class Largest:
    """A regret: the largest of several differences, and where the true one lies.

    ``against`` is the number of the candidate it is measured against, ``at`` that of the opinion.
    """

    estimate: float
    low: float
    high: float
    against: int
    at: int
    reliable: bool


@dataclass(frozen=True)
class Table:
    """Costs of C candidates under O opinions on common random numbers, and what follows from them.

    Attributes
    ----------
    value : array, (O, C)
        Measure of every candidate under every opinion, in units of the objective.
    regret : tuple of tuple of Largest
        By opinion and candidate; intervals of one regret hold on their own.
    most : tuple of Largest
        Largest regret of each candidate over the opinions that count.
    counted : tuple of int
        Opinions that count for the largest regret.
    """

    value: Array
    regret: tuple[tuple[Largest, ...], ...]
    most: tuple[Largest, ...]
    counted: tuple[int, ...]

    @property
    def best(self) -> tuple[int, ...]:
        """Candidate of least measure under each opinion."""
        return tuple(int(c) for c in np.argmin(self.value, axis=1))

    def tied(self, opinion: int) -> tuple[int, ...]:
        """Candidates that cannot be told apart from the best under an opinion, the best included."""
        return tuple(c for c, r in enumerate(self.regret[opinion]) if r.low <= 0.0)

    @property
    def minmax(self) -> int:
        """Candidate of least largest regret."""
        return int(np.argmin([m.estimate for m in self.most]))

    @property
    def minmax_ties(self) -> tuple[int, ...]:
        """Candidates whose largest regret may be as small as that of the choice, the choice included."""
        least = self.most[self.minmax].high
        return tuple(c for c, m in enumerate(self.most) if c == self.minmax or m.low <= least)


def regret_table(costs: Sequence[Array], measure: Measure, counted: Sequence[int] | None = None) -> Table:
    """Compare candidates under every opinion.

    Parameters
    ----------
    costs : sequence of array, (C, S) each
        Cost of every candidate in every scenario of an opinion.
    measure : Measure
        What is compared.
    counted : sequence of int, optional
        Opinions over which the largest regret is taken; all of them where not given.

    Raises
    ------
    ValueError
        Where there is nothing to compare, or opinions do not have the same candidates.
    """
    if not costs or not costs[0].size or len({c.shape[0] for c in costs}) != 1:
        raise ValueError("every opinion needs the costs of the same candidates, at least one")
    count, which = costs[0].shape[0], tuple(range(len(costs)) if counted is None else counted)
    alone = [_rows(costs, [o], measure, count - 1) for o in range(len(costs))]
    return Table(
        value=np.array([[measure.value(row) for row in matrix] for matrix in costs]),
        regret=tuple(alone),
        most=_rows(costs, which, measure, len(which) * (count - 1)),
        counted=which,
    )


def _rows(costs: Sequence[Array], opinions: Sequence[int], measure: Measure, together: int) -> tuple[Largest, ...]:
    """Largest regret of every candidate over some opinions, ``together`` differences holding at once."""
    return tuple(_largest(costs, opinions, c, measure, together) for c in range(costs[0].shape[0]))


def _largest(costs: Sequence[Array], opinions: Sequence[int], c: int, measure: Measure, together: int) -> Largest:
    # Against itself a candidate regrets exactly nothing, so no regret is below 0.
    found = Largest(0.0, 0.0, 0.0, c, opinions[0], True)
    for o in opinions:
        for other in range(costs[o].shape[0]):
            if other == c:
                continue
            d = measure.difference(costs[o][c], costs[o][other], together)
            larger = d.estimate > found.estimate
            found = Largest(
                estimate=max(found.estimate, d.estimate),
                low=max(found.low, d.low),
                high=max(found.high, d.high),
                against=other if larger else found.against,
                at=o if larger else found.at,
                reliable=found.reliable and (d.reliable or bool(np.array_equal(costs[o][c], costs[o][other]))),
            )
    return found
