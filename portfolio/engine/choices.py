"""What a search branches on: the choice expected to raise its bounds most, and how it is divided."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from portfolio.engine.programme import Array
from portfolio.engine.relaxation import Point
from portfolio.engine.tree import Node, Side, Split, spread

if TYPE_CHECKING:
    from portfolio.engine.search import Search

WHOLE = 1e-6
"""Distance from a whole number up to which a value counts as one."""
PROBES = 5
"""Most choices probed at a node."""


class Choices:
    """Chooses what a search branches on."""

    def __init__(self, search: Search) -> None:
        self.search = search

    def branch(self, node: Node, point: Point) -> Split | Node | None:
        """Of all branches that are open the one expected to raise both bounds most; or the node, tightened."""
        x = point.x
        fraction = {n: spread(x[b.columns]) for n, b in enumerate(self.search.programme.branches)}
        found = {n: self._split(n, x) for n, part in fraction.items() if part > WHOLE}
        splits = {n: split for n, split in found.items() if split is not None}
        return self._most_promising(node, point, splits, fraction)

    def _most_promising(
        self, node: Node, point: Point, splits: dict[int, Split], fraction: dict[int, float]
    ) -> Split | Node | None:
        """The best by pseudocosts, after probing those of which too little is known.

        Where a probe shows that one side holds nothing better, the node is returned with the other side's bounds.
        """
        if not splits:
            return None
        doubtful = sorted((n for n in splits if self.search.costs.known(splits[n].key) < 1), key=lambda n: -fraction[n])
        for n in doubtful[:PROBES]:
            worth = self._probe(node, point, splits[n])
            shut = [way for way in (0, 1) if worth[way] >= self.search.cutoff]
            if shut:
                for way in shut:
                    self.search.give_up(worth[way])
                if len(shut) == 2:
                    return replace(node, bound=min(worth))
                return self.search.shut(node, splits[n], shut[0])
        return splits[max(splits, key=lambda n: (self.search.costs.score(splits[n].key), -n))]

    def column(self, point: Point) -> Split | None:
        """The most fractional whole column outside the branches."""
        x = point.x[: self.search.pool.layout.x]
        off = np.where(self.search.single, np.abs(x - np.round(x)), 0.0)
        column = int(off.argmax())
        if off[column] <= WHOLE:
            return None
        at = np.array([column])
        down, up = Side(at, upper=float(np.floor(x[column]))), Side(at, lower=float(np.ceil(x[column])))
        return Split(-1 - column, (down, up), int(x[column] - np.floor(x[column]) > 0.5))

    def _split(self, number: int, x: Array) -> Split | None:
        """Divide a branch: any of it or nothing, else in two at the coarsest part over which it is spread."""
        branch = self.search.programme.branches[number]
        values = x[branch.columns]
        mass = float(values.sum())
        if WHOLE < mass < 1.0 - WHOLE:
            some = Side(np.zeros(0, dtype=np.int64), force=number)
            return Split(number, (Side(branch.columns, upper=0.0), some), int(mass >= 0.5))
        for level, part in enumerate(branch.parts):
            weight = np.cumsum(np.bincount(part, weights=values))
            at = int(np.abs(weight - 0.5 * mass).argmin())
            if WHOLE < weight[at] < mass - WHOLE:
                early = part <= at
                sides = Side(branch.columns[early], upper=0.0), Side(branch.columns[~early], upper=0.0)
                return Split(
                    (1 + level) * len(self.search.programme.branches) + number, sides, int(weight[at] > 0.5 * mass)
                )
        return None

    @staticmethod
    def bounds(node: Node, side: Side) -> tuple[Array, Array, frozenset[int]]:
        """Bounds and forced branches of a child."""
        lower, upper = node.lower.copy(), node.upper.copy()
        if side.lower is not None:
            lower[side.columns] = np.maximum(lower[side.columns], side.lower)
        if side.upper is not None:
            upper[side.columns] = np.minimum(upper[side.columns], side.upper)
        return lower, upper, node.forced if side.force is None else node.forced | {side.force}

    def _probe(self, node: Node, point: Point, split: Split) -> list[float]:
        """Solve both children for what they cost (strong branching), without cuts of their own; their bounds."""
        snapshot: Any = self.search.relaxation.snapshot()
        top = self.search.cutoff if np.isfinite(self.search.cutoff) else point.objective + 0.1 * abs(point.objective)
        worth = []
        for way, side in enumerate(split.sides):
            self.search.relaxation.restrict(*self.bounds(node, side))
            self.search.relaxation.restart(snapshot)
            found = self.search.relaxation.solve()
            worth.append(np.inf if found is None else found.objective)
            self.search.costs.learn(split.key, way, min(worth[way], top) - point.objective)
        self.search.relaxation.restrict(node.lower, node.upper, node.forced)
        self.search.relaxation.restart(snapshot)
        return worth
