"""Cooperative games: what each player is worth to all together, and whether a split leaves any of them better apart.

A game gives every coalition S, a set of players, a worth v(S). Worths may be arrays, one entry a scenario: everything
here is linear in them, so that a split scenario by scenario has a paired interval.

References
----------
Shapley (1953), A value for n-person games, Contributions to the Theory of Games II, 307-317.
Littlechild and Owen (1973), A simple expression for the Shapley value in a special case, Manag. Sci. 20, 370-372.
Castro, Gomez and Tejada (2009), Polynomial calculation of the Shapley value based on sampling, Comput. Oper. Res. 36,
1726-1730: the mean of marginal worths over random orders of arrival.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, permutations
from math import factorial

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Coalition = frozenset[str]
Worths = Mapping[Coalition, Array]
"""Worth of every coalition asked for, an array of any one shape; the empty one too."""


@dataclass(frozen=True)
class Orders:
    """Orders in which players arrive: all of them (``exact``), or a sample."""

    players: tuple[str, ...]
    arrivals: tuple[tuple[str, ...], ...]
    exact: bool

    @staticmethod
    def of(players: Sequence[str], most: int, count: int, seed: int) -> Orders:
        """All orders of up to ``most`` players; of more players ``count`` drawn with a seed, each also backwards.

        An order and the same backwards are one draw of two: what comes early in one comes late in the other, so that
        their mean varies less (antithetic variates).
        """
        names = tuple(sorted(players))
        if len(names) <= most:
            return Orders(names, tuple(permutations(names)), True)
        rng = np.random.default_rng(seed)
        drawn = [tuple(names[n] for n in rng.permutation(len(names))) for _ in range(count)]
        return Orders(names, tuple(chain.from_iterable((one, one[::-1]) for one in drawn)), False)

    @property
    def coalitions(self) -> tuple[Coalition, ...]:
        """Coalitions met on the way, the whole one first and the empty one last; all of them where exact."""
        met = {frozenset(one[:n]) for one in self.arrivals for n in range(len(one) + 1)}
        return tuple(sorted(met, key=lambda s: (-len(s), sorted(s))))

    def marginals(self, worths: Worths, player: str) -> Array:
        """What a player adds when it arrives, by order, (orders, ...)."""
        met = ((frozenset(one[: one.index(player)]), player) for one in self.arrivals)
        return np.array([np.asarray(worths[s | {p}]) - np.asarray(worths[s]) for s, p in met])


def shapley(worths: Worths, orders: Orders) -> dict[str, Array]:
    """Shapley value of every player: the mean of what it adds over the orders of arrival.

    Splits v(all) - v(nobody) exactly, whether the orders are all or a sample.
    """
    found = {}
    for p in orders.players:
        added = [w * (np.asarray(worths[s | {p}]) - np.asarray(worths[s])) for s, w in _parts(orders, p).items()]
        found[p] = np.asarray(np.sum(added, axis=0))
    return found


def bracket(least: Worths, most: Worths, orders: Orders) -> dict[str, tuple[float, float]]:
    """Least and most each Shapley value may be where worths are known between limits, each on its own.

    Worth of a coalition with the player counts at one end, without it at the other.
    """
    found = {}
    for p in orders.players:
        parts = _parts(orders, p).items()
        low = sum(weight * float(least[s | {p}] - most[s]) for s, weight in parts)
        high = sum(weight * float(most[s | {p}] - least[s]) for s, weight in parts)
        found[p] = (low, high)
    return found


def _parts(orders: Orders, player: str) -> dict[Coalition, float]:
    """Probability of each coalition a player may find when it arrives; |S|! (n - |S| - 1)! / n! where exact."""
    n = len(orders.players)
    if orders.exact:
        others = [p for p in orders.players if p != player]
        return {
            frozenset(s): factorial(len(s)) * factorial(n - len(s) - 1) / factorial(n)
            for size in range(n)
            for s in combinations(others, size)
        }
    found: dict[Coalition, float] = {}
    for one in orders.arrivals:
        s = frozenset(one[: one.index(player)])
        found[s] = found.get(s, 0.0) + 1.0 / len(orders.arrivals)
    return found


def excess(worths: Worths, split: Mapping[str, Array]) -> dict[Coalition, Array]:
    """What each coalition would have more on its own than under a split: v(S) - v(nobody) - sum of its parts.

    A split is in the core where it leaves no coalition an excess above 0. Of the coalitions in ``worths``.
    """
    nobody = np.asarray(worths[frozenset()])
    return {
        s: np.asarray(worths[s]) - nobody - sum(np.asarray(split[p]) for p in sorted(s))
        for s in worths
        if 0 < len(s) < len(split)
    }


def excess_bracket(least: Worths, most: Worths, orders: Orders, coalition: Coalition) -> tuple[float, float]:
    """Least and most the excess of a coalition under the Shapley split may be, worths known between limits.

    The excess is linear in the worths; each counts once, in the coalition's worth and in the split together.
    """
    weight: dict[Coalition, float] = {coalition: 1.0, frozenset(): -1.0}
    for p in coalition:
        for s, part in _parts(orders, p).items():
            weight[s | {p}] = weight.get(s | {p}, 0.0) - part
            weight[s] = weight.get(s, 0.0) + part
    ends = [(w * float(least[s]), w * float(most[s])) for s, w in weight.items()]
    return sum(min(pair) for pair in ends), sum(max(pair) for pair in ends)


def joining(worths: Worths) -> Iterator[tuple[Coalition, Coalition, Array]]:
    """Pairs of coalitions without a common player, and what they gain by joining: v(S + T) - v(S) - v(T) + v(nobody).

    A game is superadditive where no pair loses. Of the pairs whose worths and union are known.
    """
    nobody = np.asarray(worths[frozenset()])
    known = sorted((s for s in worths if s), key=lambda s: (len(s), sorted(s)))
    for a, b in combinations(known, 2):
        if not a & b and a | b in worths:
            yield a, b, np.asarray(worths[a | b]) - np.asarray(worths[a]) - np.asarray(worths[b]) + nobody
