"""Branch and cut over one warm linear programme: choices first, single columns last, cuts wherever it pays.

Bounds are proven at any time: the bound is the least of the open nodes and of those given up within the gap; the
objective is that of a whole point at which every scenario was solved exactly.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from portfolio.engine.choices import Choices
from portfolio.engine.completion import Completion
from portfolio.engine.cuts import CutPool, Layout, tail_mean
from portfolio.engine.packages import Packages, falls_apart
from portfolio.engine.passes import Passes
from portfolio.engine.pricing import Pricing
from portfolio.engine.programme import Array, TwoStage
from portfolio.engine.protocol import Limits
from portfolio.engine.relaxation import Point, Relaxation
from portfolio.engine.restricted import Restricted
from portfolio.engine.tree import EXACTLY, Costs, Grown, Node, Path, Split, TimeLimitError

ROUNDS = 500
"""Most rounds of the linear phase."""
COARSE = 0.01
"""Relative gap of the linear phase at which prices of linking rows are renewed."""
RENEWALS = 1
"""Most renewals of prices in the linear phase."""
PAYING = 0.3
"""Part of the way to the cutoff that a cut at a fractional point has to gain."""
PATIENCE = 16
"""Most nodes without a cut after cuts at fractional points did not pay."""
DIVISIONS = 4
"""Most rounds of dividing choices at a node."""
MANIFOLD = 5
"""Choices, in those there were at first, beyond which none is divided."""
BEYOND = 1e-9
"""Part of a target by which a bound has to lie beyond it."""
FINE_BOUND, COARSE_BOUND = 1e-9, 1e-4
"""Parts of the objective by which the bound of a relaxation in packages may fall short: least and most asked for."""


class Search:
    """State of a solve: incumbent, bound, cuts, and what is known of every scenario."""

    def __init__(
        self,
        programme: TwoStage,
        passes: Passes,
        limits: Limits,
        begin: float,
        tell: Callable[[float, float], None],
        packages: Packages | None = None,
    ) -> None:
        self.programme, self.passes, self.limits, self.begin, self.tell = programme, passes, limits, begin, tell
        self.pool = CutPool(Layout(programme.first.cost.size, programme.labels, programme.cvar_weight > 0))
        self.packages = packages or (Packages(Pricing(programme)) if falls_apart(programme) else None)
        self.relaxation: Relaxation | Restricted = self.full if self.packages is None else self.restricted
        self.best: Array | None = None
        self.objective = np.inf
        self.floor = np.inf
        self.root = -np.inf
        self.open: list[Node] = []
        self.branching = False
        self.current: Node | None = None
        self.points: list[Array] = []
        self.taught = False
        self.begun: tuple[Path, ...] = ()
        self.grown = Grown()
        self.made_at: list[int] = []
        self.costs = Costs()
        self.numbered = 0
        self.counts = {"passes": 0, "exact passes": 0, "nodes": 0, "patterns": 0}
        self.seen: set[bytes] = set()
        self.mark = -np.inf
        self.rest = self.pauses = 0
        self.single = programme.first.integer
        held = [branch.columns for branch in programme.branches]
        self.decided = np.unique(np.concatenate(held)) if held else np.zeros(0, dtype=np.int64)
        self.seconds = {"linear phase": 0.0, "integer phase": 0.0}
        self.completion, self.choices = Completion(self), Choices(self)
        self.pause: Callable[[], None] | None = None

    @cached_property
    def full(self) -> Relaxation:
        """The relaxation in columns."""
        return Relaxation(self.programme, self.pool)

    @cached_property
    def restricted(self) -> Restricted:
        """The relaxation in packages."""
        if self.packages is None:
            raise ValueError("a programme without choices has no packages")
        return Restricted(
            self.programme, self.pool, self.packages, max(FINE_BOUND, min(COARSE_BOUND, 0.05 * self.limits.gap))
        )

    # -- what is known ------------------------------------------------------------------------------------------

    @property
    def bound(self) -> float:
        """Proven lower bound on every portfolio."""
        if not self.branching:
            return self.root
        held = [self.floor, self.objective]
        if self.open:
            held.append(self.open[0].bound)
        if self.current is not None:
            held.append(self.current.bound)
        return max(self.root, min(held)) if np.isfinite(min(held)) else self.root

    @property
    def tolerance(self) -> float:
        """Distance from the incumbent within which nothing has to be looked for."""
        if self.limits.target is not None:
            return EXACTLY
        if not np.isfinite(self.objective):
            return 0.0
        return max(EXACTLY, self.limits.gap * abs(self.objective) * (1.0 - 1e-6))

    @property
    def cutoff(self) -> float:
        """Bound from which a node is given up."""
        target = self.limits.target
        usual = self.objective - self.tolerance
        return usual if target is None else min(usual, target + BEYOND * abs(target) + EXACTLY)

    @property
    def settled(self) -> bool:
        """Whether it is known if a first stage reaches the target: one was found, or none can."""
        target = self.limits.target
        return target is not None and (self.objective <= target or target < self.bound < np.inf)

    @property
    def done(self) -> bool:
        """Whether the gap is reached, or the target decided."""
        if self.limits.target is not None:
            return self.settled
        if not np.isfinite(self.objective):
            return False
        return self.objective - self.bound <= max(EXACTLY, self.limits.gap * abs(self.objective))

    def check(self) -> None:
        """Leave the search where time is over."""
        if self.pause is not None:
            self.pause()
        limit = self.limits.time_limit_s
        if limit is not None and time.perf_counter() - self.begin > limit:
            raise TimeLimitError

    # -- the recourse -------------------------------------------------------------------------------------------

    def evaluate(self, x: Array, *, exact: bool, whole: bool = False) -> float:
        """Objective at a first-stage point (a lower bound of it unless ``exact``), adding its cuts.

        A whole point that is exact may become the incumbent.
        """
        p = self.programme
        exact = exact or not self.passes.cheaper
        outcome = self.passes.evaluate(x, exact=exact)
        self.counts["passes"] += 1
        self.counts["exact passes"] += exact
        probability, before = p.probability, self.pool.count
        self.pool.add_means(probability @ outcome, self.passes.gradient(probability), x)
        if p.cvar_weight > 0:
            self._add_tails(outcome.sum(axis=1), x)
        if not self.branching:
            self.points.append(x.copy())
            self.made_at += [len(self.points) - 1] * (self.pool.count - before)
        total = self._objective(x, outcome.sum(axis=1))
        if exact and whole and total < self.objective:
            self.objective, self.best = total, x.copy()
        self.tell(self.objective, self.bound)
        return total

    def worth(self, x: Array) -> float:
        """Objective at a whole point: exactly where it may be the best, else a lower bound that shows it is not."""
        if self.passes.cheaper:
            value = self.evaluate(x, exact=False)
            if value >= self.cutoff:
                return value
        return self.evaluate(x, exact=True, whole=True)

    def _objective(self, x: Array, outcome: Array) -> float:
        p = self.programme
        total = float(p.first.cost @ x + p.first.offset + (1.0 - p.cvar_weight) * (p.probability @ outcome))
        return total + p.cvar_weight * tail_mean(outcome, p.probability, p.cvar_level) if p.cvar_weight > 0 else total

    def _add_tails(self, outcome: Array, x: Array) -> None:
        """Cuts of the scenarios beyond the quantile, without and with it: either alone leaves eta free on one side."""
        p = self.programme
        order = np.argsort(outcome, kind="stable")
        at = min(int(np.searchsorted(np.cumsum(p.probability[order]), p.cvar_level - 1e-12)), order.size - 1)
        quantile = float(outcome[order[at]])
        for tail in (outcome > quantile, outcome >= quantile):
            mass = np.where(tail, p.probability, 0.0)
            if mass.any():
                self.pool.add_tail(float(mass @ outcome), self.passes.gradient(mass).sum(axis=0), float(mass.sum()), x)

    # -- the linear phase ---------------------------------------------------------------------------------------

    def linear_phase(self, flat: float, inner: Array | None = None) -> bool:
        """Solve the relaxation by cuts between its solution and the best point so far (in-out); whether it is feasible.

        Ends where bound and best value of the relaxation agree to ``flat``, prices of linking rows renewed.
        ``inner`` is a point thought to be good.
        """
        begin = time.perf_counter()
        value, certain, renewals = np.inf, False, 0
        self.relaxation.restrict(self.programme.first.lower, self.programme.first.upper, frozenset())
        for _ in range(ROUNDS):
            self.check()
            point = self.relaxation.solve()
            if point is None:
                return False
            self.root = max(self.root, min(point.objective, self.objective))
            outer, gap = point.x[: self.pool.layout.x], value - point.objective
            near = bool(np.isfinite(value)) and gap <= flat * abs(value) + EXACTLY
            if self.done or (near and (certain or renewals == RENEWALS)):
                break
            exact = not self.passes.cheaper or near or (renewals == 0 and bool(gap <= COARSE * abs(value)))
            trial = outer if inner is None or near else 0.5 * (outer + inner)
            now = self.evaluate(self._inside(trial), exact=exact, whole=self.is_whole(trial))
            if exact and self.passes.cheaper:  # earlier values were at old prices: too low
                renewals, value, certain, inner = renewals + 1, now, True, trial
            elif now < value:
                value, certain, inner = now, exact, trial
        while not self.settled and self._divide():
            point = self.relaxation.solve()
            if point is None:
                return False
            self.root = max(self.root, min(point.objective, self.objective))
        self.seconds["linear phase"] += time.perf_counter() - begin
        return True

    def telling_points(self) -> list[Array]:
        """First stages whose cuts hold the relaxation where it is, the solution itself last."""
        point = self.relaxation.solve()
        if point is None:
            return []
        slack = self.pool.rows[self.relaxation.inside] @ point.x - self.pool.lower[self.relaxation.inside]
        tight = [
            c for c, room in zip(self.relaxation.inside, slack, strict=True) if room <= 1e-7 * (1.0 + abs(self.root))
        ]
        numbers = sorted({self.made_at[c] for c in tight})
        return [self.points[n] for n in numbers] + [self._inside(point.x)]

    def _inside(self, x: Array) -> Array:
        """First-stage part of a point, without what tolerances add beyond its bounds."""
        first = self.programme.first
        return np.clip(x[: self.pool.layout.x], first.lower, first.upper)

    def is_whole(self, x: Array) -> bool:
        """Whether all whole columns are whole."""
        whole = x[self.programme.first.integer]
        return bool((np.abs(whole - np.round(whole)) <= 1e-9).all())

    # -- the integer phase --------------------------------------------------------------------------------------

    def integer_phase(self) -> None:
        """Branch until bound and incumbent meet."""
        begin = time.perf_counter()
        try:
            if not self.branching:
                self.branching = True
                for path in self.begun or ((),):
                    self._plant(path)
                self.completion.begin()
                if self.begun:
                    self._sweep()
            while self.open and not self.done:
                self.check()
                self.current = heapq.heappop(self.open)
                while self.current is not None:
                    self.check()
                    self.current = self._visit(self.current)
                    self.tell(self.objective, self.bound)
        except BaseException:
            if self.current is not None:
                heapq.heappush(self.open, replace(self.current, basis=None))
                self.current = None
            raise
        finally:
            self.seconds["integer phase"] += time.perf_counter() - begin

    def _plant(self, path: Path) -> None:
        """Open the node that lies at the end of some sides taken."""
        first = self.programme.first
        node = self._node(self.root, first.lower.copy(), first.upper.copy(), frozenset())
        for side in path:
            lower, upper, forced = self.choices.bounds(node, side)
            node = replace(node, lower=lower, upper=upper, forced=forced)
        heapq.heappush(self.open, node)
        self.grown.plant(node.number, path)

    def _sweep(self) -> None:
        """Solve all open nodes for their bounds, without cuts of their own; those beyond the cutoff are given up."""
        self.relaxation = self.restricted if self.packages is not None else self.full
        for node in sorted(self.open):
            self.check()
            if self.done:
                return
            self.counts["nodes"] += 1
            self.relaxation.cutoff = self.cutoff
            self.relaxation.restrict(node.lower, node.upper, node.forced)
            point = self.relaxation.solve()
            self.open.remove(node)
            if point is not None and point.objective < self.cutoff:
                self.open.append(replace(node, bound=max(node.bound, point.objective)))
            elif point is not None:
                self.give_up(point.objective)
            heapq.heapify(self.open)

    def _node(self, bound: float, *rest: Any) -> Node:
        self.numbered += 1
        return Node(bound, self.numbered, *rest)

    def give_up(self, bound: float) -> None:
        """A node is left within the gap: what it could still hold bounds the answer."""
        self.floor = min(self.floor, bound)

    def _visit(self, node: Node) -> Node | None:
        """Solve a node; returns the child to go on with, None where the search goes back to the best open one."""
        if node.bound >= self.cutoff:
            self.give_up(node.bound)
            return None
        self.counts["nodes"] += 1
        self.relaxation = self.full if self.packages is None or node.fine else self.restricted
        self.relaxation.cutoff = self.cutoff
        self.relaxation.restrict(node.lower, node.upper, node.forced)
        if node.basis is not None:
            self.relaxation.restart(node.basis)
        point = self.relaxation.solve()
        if node.origin is not None and point is not None:
            key, way, before = node.origin
            self.costs.learn(key, way, min(point.objective, self.cutoff) - before)
        tried = divided = 0
        while point is not None:
            self.check()
            node = replace(node, bound=max(node.bound, point.objective))
            self.current = node
            if node.bound >= self.cutoff:
                self.give_up(node.bound)
                return None
            if divided < DIVISIONS and self._divide():
                divided += 1
                point = self.relaxation.solve()
                continue
            chosen = self.choices.branch(node, point)
            if isinstance(chosen, Node):
                node = chosen
                self.relaxation.restrict(node.lower, node.upper, node.forced)
                point = self.relaxation.solve()
                continue
            split = chosen
            if split is None:
                split = self.choices.column(point)
                if split is not None and self.completion.look_around(node, point):
                    point = self.relaxation.solve()
                    continue
                if split is not None and self.relaxation is not self.full:
                    if not self._met(point):
                        point = self.relaxation.solve()
                        continue
                    node, self.relaxation = replace(node, fine=True), self.full
                    self.relaxation.restrict(node.lower, node.upper, node.forced)
                    point = self.relaxation.solve()
                    continue
                if split is None:
                    if self._settled(point):
                        self.give_up(min(node.bound, self.objective))
                        return None
                    point = self.relaxation.solve()
                    continue
            elif tried < 20 and self._cut_at(point, tried):
                tried += 1
                point = self.relaxation.solve()
                continue
            lower, upper = self._fix(node, point)
            return self._branch(replace(node, lower=lower, upper=upper), split)
        return None

    def _settled(self, point: Point) -> bool:
        """Evaluate a whole solution of the relaxation; whether its bound is what it is worth."""
        x = self.rounded(point.x)
        value = self.worth(x)
        return value - point.objective <= max(0.1 * self.tolerance, 1e-9 * abs(value))

    def _divide(self) -> bool:
        """Divide choices whose packages use a binary in part; whether any was."""
        if self.packages is None or self.relaxation is not self.restricted:
            return False
        if self.restricted.layers.size > MANIFOLD * len(self.programme.choices):
            return False
        return self.restricted.divide() > 0

    def _met(self, point: Point) -> bool:
        """Evaluate a fractional solution of the relaxation; whether its bound is what it is worth."""
        for exact in (False, True) if self.passes.cheaper else (True,):
            value = self.evaluate(self._inside(point.x), exact=exact)
            if value - point.objective > max(0.1 * self.tolerance, 1e-9 * abs(value)):
                return False
        return True

    def _cut_at(self, point: Point, tried: int) -> bool:
        """Cut at a fractional solution; whether the relaxation there fell short of the recourse by enough."""
        room = self.objective - point.objective if np.isfinite(self.objective) else 0.1 * abs(point.objective)
        if tried and point.objective - self.mark <= PAYING * room:
            return False
        if not tried and self.rest > 0:
            self.rest -= 1
            return False
        self.mark = point.objective
        value = self.evaluate(self._inside(point.x), exact=False)
        pays = value - point.objective > PAYING * room
        self.pauses = 0 if pays else min(PATIENCE, 2 * self.pauses + 1)
        self.rest = self.pauses
        return pays

    def rounded(self, x: Array) -> Array:
        """First-stage part of a point with whole columns rounded."""
        found = self._inside(x)
        integer = self.programme.first.integer
        found[integer] = np.round(found[integer])
        return found

    def _fix(self, node: Node, point: Point) -> tuple[Array, Array]:
        """Bounds with binaries held where reduced costs say that nothing better lies on the other side."""
        room, n = self.cutoff - point.objective, self.pool.layout.x
        if not np.isfinite(room):
            return node.lower, node.upper
        x, reduced = point.x[:n], point.reduced[:n]
        binary = self.programme.first.integer & (node.upper - node.lower == 1.0)
        shut = binary & (x - node.lower < 1e-9) & (reduced > room + EXACTLY)
        held = binary & (node.upper - x < 1e-9) & (-reduced > room + EXACTLY)
        if (fixed := shut | held).any():  # what is lost lies beyond the cutoff, not beyond the incumbent
            self.give_up(point.objective + float(np.abs(reduced[fixed]).min()))
        return np.where(held, node.upper, node.lower), np.where(shut, node.lower, node.upper)

    def _branch(self, node: Node, split: Split) -> Node:
        """Open both children; returns the one to go on with."""
        snapshot: Any = self.relaxation.snapshot()
        other, child = (self._child(node, split, way) for way in (1 - split.first, split.first))
        if self._lasting(node, split):
            numbers = (child.number, other.number) if split.first == 0 else (other.number, child.number)
            self.grown.divide(node, split, numbers)
        heapq.heappush(self.open, replace(other, basis=snapshot))
        return child

    def _child(self, node: Node, split: Split, way: int) -> Node:
        origin = split.key, way, node.bound
        return self._node(node.bound, *self.choices.bounds(node, split.sides[way]), None, origin, node.fine)

    def _lasting(self, node: Node, split: Split) -> bool:
        """Whether other searches may begin with what a node is divided into: they first branch on choices."""
        return node.number in self.grown.paths and split.key >= 0 and not node.fine

    def shut(self, node: Node, split: Split, way: int) -> Node:
        """A node without one side of a split, which holds nothing better here; others may find something there."""
        kept = self._child(node, split, 1 - way)
        if self._lasting(node, split):
            self.numbered += 1
            self.grown.divide(node, split, (kept.number, self.numbered) if way else (self.numbered, kept.number))
        return replace(kept, origin=node.origin)
