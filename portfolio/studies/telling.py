"""What can be told apart: all pairs of answers at one confidence, solver gaps included, and groups of the others.

References
----------
Bonferroni: m intervals at 1 - (1 - level)/m hold together with at least the level.
Piepho (2004), An algorithm for a letter-based representation of all-pairwise comparisons, J. Comput. Graph. Stat. 13,
456-466: insert and absorb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from portfolio.evaluation.intervals import Interval
from portfolio.studies.differences import Weights, fresh, interval, paid
from portfolio.studies.points import Answer

NOISE = 1e-9
"""Part of an objective below which a difference is rounding."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Pair:
    """Two answers compared; differences are ``one`` minus ``other``, in the unit of the objective.

    Attributes
    ----------
    one, other : str
    objective : Interval
        Of the objectives on the fresh scenarios, at the simultaneous level.
    low, high : float
        The same interval with what the searches left open: ``one`` could be better by its gap, ``other`` by its own.
    weighted : Interval
        Of the mean weighted shortfalls, at the simultaneous level.
    noise : float
        Least difference that is more than rounding.
    """

    one: str
    other: str
    objective: Interval
    low: float
    high: float
    weighted: Interval
    noise: float = 0.0

    @property
    def better(self) -> str:
        """The answer that leads to less; "" where the two cannot be told apart."""
        if self.high < -self.noise:
            return self.one
        return self.other if self.low > self.noise else ""


def pairs(answers: Sequence[Answer], weights: Weights, level: float) -> list[Pair]:
    """Compare all pairs of answers measured on the same fresh scenarios; all intervals hold together (Bonferroni)."""
    number = len(answers) * (len(answers) - 1) // 2
    each = 1.0 - (1.0 - level) / max(1, number)
    return [pair(a, b, weights, each) for a, b in combinations(answers, 2)]


def pair(one: Answer, other: Answer, weights: Weights, level: float) -> Pair:
    """Compare two answers at a level of their own.

    Raises
    ------
    ValueError
        Where they were not measured on the same scenarios.
    """
    a, b = fresh(one), fresh(other)
    if a.seed != b.seed or a.weighted.size != b.weighted.size:
        raise ValueError(f"{one.name} and {other.name} were measured on different scenarios")
    found = interval(paid(one, weights) - paid(other, weights), level, weights.tail)
    return Pair(
        one=one.name,
        other=other.name,
        objective=found,
        low=found.low - open_gap(one),
        high=found.high + open_gap(other),
        weighted=interval(a.weighted - b.weighted, level),
        noise=NOISE * max(1.0, abs(one.objective), abs(other.objective)),
    )


def open_gap(answer: Answer) -> float:
    """What the search left open, in the unit of the objective."""
    return max(0.0, answer.objective - answer.bound)


def clear(between: Interval) -> bool:
    """Whether an interval lies on one side of zero, by more than rounding."""
    room = NOISE * max(1.0, abs(between.estimate))
    return between.low > room or between.high < -room


def letters(order: Sequence[str], told_apart: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Compact letter display: two names share a letter exactly where they are not told apart.

    Parameters
    ----------
    order : sequence of str
        Names, best first: the first one has the letter a.
    told_apart : sequence of (str, str)
        Pairs that differ.
    """
    groups: list[set[str]] = [set(order)]
    for one, other in told_apart:
        split: list[set[str]] = []
        for group in groups:
            split += [group - {one}, group - {other}] if {one, other} <= group else [group]
        groups = [g for n, g in enumerate(split) if not any(g < h or (g == h and m < n) for m, h in enumerate(split))]
    rank = {name: n for n, name in enumerate(order)}
    groups.sort(key=lambda group: sorted(rank[name] for name in group))
    return {name: "".join(_letter(n) for n, group in enumerate(groups) if name in group) for name in order}


def _letter(number: int) -> str:
    """A to z, then with a number behind."""
    return LETTERS[number % 26] + (str(number // 26) if number >= 26 else "")
