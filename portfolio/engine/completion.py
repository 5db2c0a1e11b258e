"""Whole first stages for a search: the best of a pattern of choices, and patterns from packages mixed whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from portfolio.engine.highs import solve
from portfolio.engine.programme import Array
from portfolio.engine.relaxation import Point, relaxed, whole_programme
from portfolio.engine.tree import EXACTLY, Node, TimeLimitError

if TYPE_CHECKING:
    from portfolio.engine.search import Search

MIXES = 8
"""Most rounds of mixing packages before the search branches."""
MIX_GAP = 0.004
"""Gap to which packages are mixed."""
MIX_NODES = 20
"""Most nodes of one round: mostly the root is enough. A limit in seconds would make answers depend on the machine."""
ROOM = 0.004
"""Part of the objective that a package may cost the relaxation by being used, for it to be mixed."""
RECENT = 50
"""Cuts last made that count for the best point of a pattern besides those in the relaxation."""
NEARLY = 0.3
"""Part of the gap asked for to which the best point of a pattern is looked for."""
PATTERN = 3
"""Most rounds for the best point of one pattern of the branches."""


class Completion:
    """Finds and evaluates whole first stages for a search."""

    def __init__(self, search: Search) -> None:
        self.search = search

    def look_around(self, node: Node, point: Point) -> bool:
        """Once for every pattern of the branches: the best whole point of that pattern, evaluated; whether any was.

        What the branches leave open is a small programme with integers under the cuts as they stand.
        """
        return self.complete(np.round(point.x[self.search.decided]), node.lower, node.upper, node.forced)

    def complete(self, pattern: Array, lower: Array, upper: Array, forced: frozenset[int]) -> bool:
        """Evaluate the best whole points of a pattern within bounds; False where it was met before."""
        mark = pattern.astype(np.int8).tobytes()
        if mark in self.search.seen:
            return False
        self.search.seen.add(mark)
        self.search.counts["patterns"] += 1
        lower, upper = lower.copy(), upper.copy()
        lower[self.search.decided] = upper[self.search.decided] = pattern
        small = max(0.1 * self.search.tolerance, EXACTLY)
        for left in reversed(range(PATTERN)):
            found = self.whole_point(lower, upper, forced)
            if found is None:
                break
            x, lowest = found
            if left and self.search.passes.cheaper and self.search.evaluate(x, exact=False) - lowest > small:
                continue  # cuts were missing: look again before a pass that is exact
            if self.search.worth(x) - lowest <= small:
                break
        return True

    def reach(self, lower: Array, upper: Array) -> Array:
        """Upper bounds without the columns of choices that cannot be made."""
        if self.search.packages is None:
            return upper
        owned, reached = np.zeros(upper.size, dtype=bool), np.zeros(upper.size, dtype=bool)
        for choice in self.search.programme.choices:
            owned[choice.others] = True
            if upper[choice.column] > 0.5:
                reached[choice.others] = True
        return np.where(owned & ~reached, lower, upper)

    def begin(self) -> None:
        """First portfolios: packages mixed whole, completed and evaluated, as long as they are new and pay.

        The cuts made at one move the relaxation, so that the next mix is another.
        """
        if self.search.packages is None:
            return
        first = self.search.programme.first
        for _ in range(MIXES):
            self.search.check()
            if self.search.settled:
                return
            found, before = self._mix(), self.search.objective
            if found is None or not self.complete(found, first.lower, first.upper, frozenset()):
                return
            if self.search.objective >= before:
                return

    def _mix(self) -> Array | None:
        """Choices of the best mix of packages, whole, of those that cost the relaxation least."""
        self.search.relaxation = relaxation = self.search.restricted
        first = self.search.programme.first
        relaxation.restrict(first.lower, first.upper, frozenset())
        point = relaxation.solve()
        if point is None:
            return None
        gap = max(MIX_GAP, 0.5 * self.search.limits.gap)
        for room in (ROOM, np.inf):
            mix, which = relaxation.whole_mix(room)
            result = solve(
                mix,
                gap=gap,
                time_limit_s=self.left(),
                nodes=MIX_NODES,
                enough=self.enough(point),
                threads=1,
            )
            if result.status != "infeasible":
                break
        if result.status == "interrupted":
            raise KeyboardInterrupt
        if result.x is None:
            return None
        chosen = which[result.x[mix.integer] > 0.5]
        pattern = np.zeros(first.cost.size)
        pattern[relaxation.layers.select[relaxation.packages.choice[chosen]]] = 1.0
        return pattern[self.search.decided]

    def enough(self, point: Point) -> float | None:
        """Value of a mix that will do where there is a target; None where the best is looked for.

        Half way from the relaxation, since cuts are missing at a new point.
        """
        target = self.search.limits.target
        return None if target is None or point.objective >= target else 0.5 * (point.objective + target)

    def left(self) -> float | None:
        """Seconds left; None without a limit."""
        limit = self.search.limits.time_limit_s
        return None if limit is None else limit - (time.perf_counter() - self.search.begin)

    def whole_point(self, lower: Array, upper: Array, forced: frozenset[int]) -> tuple[Array, float] | None:
        """Best whole point under the cuts and some bounds, and a bound on all of them; None without one that pays."""
        cuts = sorted(
            set(self.search.relaxation.inside)
            | set(range(max(0, self.search.pool.count - RECENT), self.search.pool.count))
        )
        programme, kept = whole_programme(
            self.search.programme, self.search.pool, cuts, lower, self.reach(lower, upper), forced
        )
        if solve(relaxed(programme)).objective >= self.search.cutoff:
            return None
        result = solve(
            programme,
            gap=max(NEARLY * self.search.limits.gap, 1e-9),
            time_limit_s=self.left(),
        )
        if result.status == "interrupted":
            raise KeyboardInterrupt
        if result.x is None:
            if result.status == "infeasible":
                return None
            raise TimeLimitError
        if result.bound >= self.search.cutoff:
            return None
        x = np.zeros(self.search.pool.layout.size)
        x[kept] = result.x
        return self.search.rounded(x), result.bound
