"""What a branch and cut keeps of its tree: nodes, ways to divide them, and what dividing them brought."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from portfolio.engine.programme import Array, Integers

EXACTLY = 1e-9
"""Absolute difference that counts as none."""


class TimeLimitError(Exception):
    """The time limit was reached."""


@dataclass(frozen=True)
class Side:
    """One way to go on: bounds that some columns get, or a branch that is forced to one."""

    columns: Integers
    lower: float | None = None
    upper: float | None = None
    force: int | None = None


Path = tuple[Side, ...]
"""Sides taken one after the other."""


@dataclass(order=True)
class Node:
    """A part of the search: bounds of first-stage columns, and branches forced to one; ordered by bound.

    ``basis`` is where its relaxation starts; ``origin`` the split and way it came from and the bound before it;
    ``fine`` says that its relaxation is the one in columns.
    """

    bound: float
    number: int
    lower: Array = field(compare=False, repr=False)
    upper: Array = field(compare=False, repr=False)
    forced: frozenset[int] = field(compare=False, default=frozenset())
    basis: Any = field(compare=False, default=None, repr=False)
    origin: tuple[int, int, float] | None = field(compare=False, default=None)
    fine: bool = field(compare=False, default=False)


@dataclass(frozen=True)
class Split:
    """Two ways to go on from a node; ``key`` names the choice, ``first`` the side to look at first."""

    key: int
    sides: tuple[Side, Side]
    first: int


@dataclass
class Grown:
    """How a tree divided the first stages: by number of a node its path, and what it was divided into at which bound.

    Only what any search of the same choices may take over is told; a node that went further on its own is a leaf here.
    """

    paths: dict[int, Path] = field(default_factory=dict)
    parts: dict[int, tuple[float, tuple[int, int]]] = field(default_factory=dict)
    roots: list[int] = field(default_factory=list)

    def plant(self, number: int, path: Path) -> None:
        """Begin with a node."""
        self.roots.append(number)
        self.paths[number] = path

    def divide(self, node: Node, split: Split, numbers: tuple[int, int]) -> None:
        """A node becomes two, one on each side."""
        self.parts[node.number] = node.bound, numbers
        for number, side in zip(numbers, split.sides, strict=True):
            self.paths[number] = (*self.paths[node.number], side)

    def leaves(self, proven: float) -> tuple[Path, ...]:
        """Paths to nodes that hold every first stage between them, divided no further than a bound was worth it."""
        found, due = [], self.roots[::-1]
        while due:
            number = due.pop()
            bound, parts = self.parts.get(number, (np.inf, ()))
            if bound < proven:
                due += parts[::-1]
            else:
                found.append(self.paths[number])
        return tuple(found)


@dataclass
class Costs:
    """What deciding a branch one way raised the bound by, on average (pseudocosts)."""

    total: dict[tuple[int, int], float] = field(default_factory=dict)
    count: dict[tuple[int, int], int] = field(default_factory=dict)

    def copy(self) -> Costs:
        """The same observations."""
        return Costs(dict(self.total), dict(self.count))

    def learn(self, branch: int, way: int, gain: float) -> None:
        """Take in an observation."""
        key = (branch, way)
        self.total[key] = self.total.get(key, 0.0) + max(gain, 0.0)
        self.count[key] = self.count.get(key, 0) + 1

    def known(self, branch: int) -> int:
        """Fewest observations of the two ways."""
        return min(self.count.get((branch, 0), 0), self.count.get((branch, 1), 0))

    def score(self, branch: int) -> float:
        """Product of both gains."""
        gains = [self.total.get((branch, w), 0.0) / max(1, self.count.get((branch, w), 0)) for w in (0, 1)]
        return max(gains[0], 1e-6) * max(gains[1], 1e-6)


def spread(values: Array) -> float:
    """How far the columns of a branch are from all but one of them being zero and that one whole."""
    return float(np.minimum(values, np.abs(1.0 - values)).max(initial=0.0))
