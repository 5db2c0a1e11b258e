"""A pass: the recourse of every scenario at a first-stage point, and cuts from its duals.

Scenarios are taken in chunks, chunks in lanes, lanes on threads. What a lane does depends on the lane alone, so that
results do not depend on the number of threads.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import sparse

from portfolio.engine.bunching import Bases, Instances, Shape
from portfolio.engine.effects import Effects, Moved, Stored, make_effects
from portfolio.engine.kernels import WIDTH, one_by_one, side_by_side
from portfolio.engine.linking import Component, Exact, components, connected
from portfolio.engine.programme import Array, Flags, Integers, TwoStage
from portfolio.engine.simplex import Small

CHUNK = 128
"""Most scenarios in a chunk: what is computed for one stays near the processor."""
LANES = 4
"""Most lanes; each remembers bases and warm models of its own."""
CACHE = 2e9
"""Bytes of data that may be kept between passes; beyond that they are gathered anew."""
MANY = 20
"""Scenarios from which on passes at old prices pay."""
DOUBTFUL, MORE, OLDEST = 0.06, 12.0, 0.1
"""Part of all prices that a pass at old prices renews, those that gained most when last renewed; what is added to it
over the number of scenarios; and, in that part, how many of the oldest are renewed besides. Measured: less leaves weak
cuts, more takes longer."""
FADING = 0.7
"""What is left of a gain when it does not come again."""
SAME = 1e-12
"""Relative difference up to which prices are the same: that of rounding."""
SPECK = 1e-6
"""Part of a row's largest effect by which solver tolerances of the first stage may push a limit beyond zero."""


def threads(wanted: int) -> int:
    """Threads to use: those wanted, or all cores this process may use."""
    if wanted > 0:
        return wanted
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Chunk:
    """A run of scenarios and what is remembered of it.

    Attributes
    ----------
    last : bases by shape, each (scenarios, pieces)
    mu : (scenarios, priced rows)
        Prices.
    moved : (scenarios,)
        Whether prices moved since the bases were found.
    live : by shape, each (scenarios, pieces)
        False for pieces whose limits are zero whatever the point, as in blocks of length zero.
    doubt, age : (components, scenarios)
        What renewing the prices of a component gained when that was last done, and how many passes ago that was.
    """

    which: slice
    last: list[Small]
    mu: Array
    moved: Flags
    doubt: Array
    age: Integers
    live: list[Flags] = field(default_factory=list)
    cached: Stored | None = None

    @property
    def size(self) -> int:
        return int(self.which.stop - self.which.start)


@dataclass
class _Lane:
    """Chunks taken one after the other, and what they share: bases by shape, a warm model of each component."""

    chunks: list[_Chunk]
    bases: list[Bases]
    exact: list[Exact]


class Passes:
    """The recourse of a programme, ready for pass after pass."""

    def __init__(self, programme: TwoStage, workers: ThreadPoolExecutor) -> None:
        self.programme = programme
        self.workers = workers
        self.effects: Effects = make_effects(programme, _speck(programme))
        self.components: tuple[Component, ...] = components(programme)
        self.shapes, self.alone = _shapes(programme)
        self.priced: Integers = np.flatnonzero(programme.priced)
        slices = list(_slices(programme.scenarios))
        self.lanes = [self._lane(slices[n::LANES]) for n in range(min(LANES, len(slices)))]

    def _lane(self, slices: list[slice]) -> _Lane:
        bases = [Bases(shape) for shape in self.shapes]
        chunks = [self._chunk(which, bases) for which in slices]
        return _Lane(chunks, bases, [Exact(self.programme, c) for c in self.components])

    def _chunk(self, which: slice, bases: list[Bases]) -> _Chunk:
        size = which.stop - which.start
        last = [one.start(size) for one in bases]
        shape = (len(self.components), size)
        return _Chunk(
            which, last, np.zeros((size, self.priced.size)), np.zeros(size, dtype=bool), np.zeros(shape),
            np.zeros(shape, dtype=np.int64),
        )  # fmt: skip

    @cached_property
    def cheaper(self) -> bool:
        """Whether a pass at old prices is cheaper than an exact one: with many scenarios and linking rows."""
        return bool(self.components) and self.programme.scenarios > MANY

    @cached_property
    def keeps(self) -> bool:
        """Whether the data of all scenarios are kept."""
        return self.programme.define.shape[1] * self.programme.scenarios * 8 <= CACHE

    def data(self, chunk: _Chunk) -> Stored:
        """Data of a chunk."""
        if chunk.cached is not None:
            return chunk.cached
        stored = self.effects.store(self.programme.data(chunk.which))
        if not chunk.live:
            rows, columns = self.effects.moves(stored)
            for shape in self.shapes:
                tops = shape.columns[:, shape.bounded]
                live = np.logical_or(rows[:, shape.rows].any(axis=2), columns[:, tops].any(axis=2))
                chunk.live.append(one_by_one(live, chunk.size))
        if self.keeps:
            chunk.cached = stored
        return stored

    def evaluate(self, x: Array, *, exact: bool) -> Array:
        """Recourse at x, shape (scenarios, labels); bases and prices are kept for :meth:`gradient`.

        An exact pass finds optimal prices of the linking rows at x first; others keep those there are, which gives
        lower bounds. Without linking rows every pass is exact.
        """
        outcome = np.zeros((self.programme.scenarios, self.programme.labels))
        moved = self.effects.at(x)
        list(self.workers.map(lambda lane: self._run(lane, moved, exact, outcome), self.lanes))
        return outcome

    def _run(self, lane: _Lane, moved: Moved, exact: bool, outcome: Array) -> None:
        for chunk in lane.chunks:
            self._evaluate(lane, chunk, moved, exact, outcome[chunk.which])

    def allocate(self, x: Array) -> Iterator[tuple[slice, Array]]:
        """Optimal recourse at x, exactly: scenarios, and all columns in them, shape (columns, scenarios)."""
        outcome = np.zeros((self.programme.scenarios, self.programme.labels))
        moved = self.effects.at(x)

        def solve(work: tuple[_Lane, _Chunk]) -> tuple[slice, Array]:
            lane, chunk = work
            values = np.zeros((chunk.size, self.programme.cost.size))
            self._evaluate(lane, chunk, moved, True, outcome[chunk.which], values)
            return chunk.which, values.T

        # A chunk of each lane at a time: lanes side by side, and no more columns held than theirs.
        for turn in range(max(len(lane.chunks) for lane in self.lanes)):
            due = [(lane, lane.chunks[turn]) for lane in self.lanes if turn < len(lane.chunks)]
            yield from self.workers.map(solve, due)

    def limits(self, x: Array) -> tuple[Array, Array]:
        """Right-hand sides at x, shape (rows, scenarios), and upper bounds, shape (columns, scenarios)."""
        moved = self.effects.at(x)
        chunks = [chunk for lane in self.lanes for chunk in lane.chunks]
        p = self.programme
        rows, upper = (np.empty((size, p.scenarios)) for size in (p.matrix.shape[0], p.cost.size))

        def fill(chunk: _Chunk) -> None:
            some, tops = self.effects.limits(moved, self.data(chunk))
            rows[:, chunk.which], upper[:, chunk.which] = one_by_one(some, chunk.size).T, one_by_one(tops, chunk.size).T

        list(self.workers.map(fill, chunks))
        return rows, upper

    def gradient(self, weight: Array) -> Array:
        """Sum over the scenarios of weight times the subgradient of the last pass, shape (labels, x)."""
        found = np.zeros((self.programme.labels, self.programme.first.cost.size))
        for parts in self.workers.map(lambda lane: list(self._gradients(lane, weight)), self.lanes):
            for part in parts:
                found += part
        return found

    def _gradients(self, lane: _Lane, weight: Array) -> Iterator[Array]:
        for chunk in lane.chunks:
            part = np.ascontiguousarray(weight[chunk.which], dtype=float)
            if part.any():
                stored = self.data(chunk)
                duals = np.zeros((len(stored.rest), self.programme.matrix.shape[0], WIDTH))
                duals[:, self.priced] = side_by_side(chunk.mu * part[:, None])
                for n, bases in enumerate(lane.bases):
                    bases.duals(chunk.mu, chunk.live[n], chunk.last[n], part, duals)
                yield self.effects.adjoint(duals, stored)

    def _evaluate(
        self, lane: _Lane, chunk: _Chunk, moved: Moved, exact: bool, found: Array, columns: Array | None = None
    ) -> None:
        """Add the values of a chunk to ``found`` (scenarios, labels); ``columns`` takes the allocation."""
        given = Instances(*self.effects.limits(moved, self.data(chunk)), chunk.mu)
        self._add_values(lane, chunk, given, np.ones(chunk.size, dtype=bool), found)
        if self.components:
            which = np.ones(chunk.doubt.shape, dtype=bool) if exact else self._doubtful(chunk)
            self._renew(lane, chunk, given, which, found, columns)
        if columns is not None:
            for n, bases in enumerate(lane.bases):
                if not self.held[n]:
                    bases.columns(given, chunk.last[n], columns)
            free = one_by_one(given.upper[:, self.free], chunk.size)
            columns[:, self.free] = np.where(self.programme.cost[self.free] < 0, free, 0.0)

    def _doubtful(self, chunk: _Chunk) -> Flags:
        """Components and scenarios whose prices a pass at old prices renews, (components, scenarios).

        Those that gained most when last renewed, and the oldest: few hold nearly all that old prices lose, and
        which they are changes slowly from point to point.
        """
        chosen = np.zeros(chunk.doubt.size, dtype=bool)
        most = min(1.0, DOUBTFUL + MORE / self.programme.scenarios)
        for order, part in ((chunk.doubt, most), (chunk.age, OLDEST * most)):
            chosen[np.argsort(-order.ravel(), kind="stable")[: math.ceil(part * chosen.size)]] = True
        return chosen.reshape(chunk.doubt.shape)

    def _renew(
        self, lane: _Lane, chunk: _Chunk, given: Instances, which: Flags, found: Array, columns: Array | None
    ) -> None:
        """Make prices optimal where ``which`` (components, scenarios); values gain where they were not."""
        self._find_prices(lane, chunk, given, which, columns)
        again = chunk.moved.copy()
        before = found[again].copy()
        found[again] = 0.0
        self._add_values(lane, chunk, given, again, found)
        gain = np.zeros_like(found)
        gain[again] = found[again] - before
        for c, component in enumerate(self.components):
            chunk.doubt[c, which[c]] = np.maximum(gain[which[c], component.label], FADING * chunk.doubt[c, which[c]])

    def _add_values(self, lane: _Lane, chunk: _Chunk, given: Instances, which: Flags, found: Array) -> None:
        """Add what some scenarios of a chunk are worth at its prices to ``found`` (scenarios, labels)."""
        p = self.programme
        for n, bases in enumerate(lane.bases):
            bases.solve(given, chunk.live[n] & which[:, None], chunk.moved, chunk.last[n], found)
        chunk.moved[which] = False
        rows = one_by_one(given.rows[:, self.priced], chunk.size)
        part = np.zeros_like(found)
        np.add.at(part.T, p.row_label[self.priced], (chunk.mu * rows).T)
        self._add_lone_columns(given, part)
        found[which] += part[which]

    def _find_prices(self, lane: _Lane, chunk: _Chunk, given: Instances, which: Flags, columns: Array | None) -> None:
        """Optimal prices at these limits where ``which`` (components, scenarios); ``columns`` takes the allocation.

        With them the pieces alone are worth what the component is (strong duality), and duals of the pieces
        with the prices are duals of the component.
        """
        chunk.age += 1
        chunk.age[which] = 0
        for c, (component, exact) in enumerate(zip(self.components, lane.exact, strict=True)):
            at = np.searchsorted(self.priced, component.rows[component.priced])
            rows = one_by_one(given.rows[:, component.rows], chunk.size)
            upper = one_by_one(given.upper[:, component.columns], chunk.size)
            for s in np.flatnonzero(which[c]):
                mu = exact.solve(int(chunk.which.start + s), rows[s], upper[s])
                if (np.abs(mu - chunk.mu[s, at]) > SAME * (1.0 + np.abs(mu))).any():
                    chunk.mu[s, at], chunk.moved[s] = mu, True
                if columns is not None:
                    columns[s, component.columns] = exact.columns()

    def _add_lone_columns(self, given: Instances, found: Array) -> None:
        """Add what columns in no piece are worth at the prices: in linking rows alone (nothing but for rounding), free.

        Without an upper bound a cost below zero is rounding too, or the prices would be worth nothing.
        """
        p, columns = self.programme, self.alone
        if columns.size == 0:
            return
        linking = sparse.csr_array(p.matrix[self.priced][:, columns])
        reduced = p.cost[columns] - given.mu @ linking
        upper = one_by_one(given.upper[:, columns], len(given.mu))
        noise = 1e-9 * (1.0 + np.abs(p.cost[columns]).max(initial=0.0) + np.abs(given.mu).max(initial=0.0))
        pays = (reduced < 0) & (np.isfinite(upper) | (reduced < -noise))
        np.add.at(found.T, p.label[columns], np.where(pays, reduced * np.where(pays, upper, 0.0), 0.0).T)

    @cached_property
    def held(self) -> list[bool]:
        """Whether the pieces of each shape belong to components."""
        rows = np.zeros(self.programme.matrix.shape[0], dtype=bool)
        for c in self.components:
            rows[c.rows] = True
        return [bool(rows[shape.rows[0, 0]]) for shape in self.shapes]

    @cached_property
    def free(self) -> Integers:
        """Columns in no row at all."""
        held = np.zeros(self.programme.cost.size, dtype=bool)
        held[self.programme.matrix.indices] = True
        return np.flatnonzero(~held)


def _speck(programme: TwoStage) -> Array:
    """What counts as zero in each row; nothing in equalities.

    What tolerances of the first stage push a speck beyond zero counts as zero: values stay lower bounds.
    """
    found = np.zeros(programme.matrix.shape[0])
    for products in (programme.indirect, programme.direct):
        np.maximum.at(found, products.row, np.abs(products.coefficient))
    return np.where(programme.equal, 0.0, SPECK * found)


def _slices(scenarios: int) -> Iterator[slice]:
    """Chunks of about one size, at least two where there is enough for two threads."""
    count = max(-(-scenarios // CHUNK), min(2, scenarios))
    ends = np.linspace(0, scenarios, count + 1).astype(int)
    return (slice(int(a), int(b)) for a, b in pairwise(ends))


def _shapes(programme: TwoStage) -> tuple[list[Shape], Integers]:
    """Pieces by shape, and the columns that are in linking rows alone."""
    free = np.flatnonzero(~programme.priced)
    matrix = sparse.csr_array(programme.matrix[free])
    row_part, column_part = connected(matrix)
    groups: dict[bytes, list[tuple[Integers, Integers]]] = {}
    prices = sparse.csr_array(programme.matrix[np.flatnonzero(programme.priced)])
    moving = np.zeros(programme.cost.size, dtype=bool)
    moving[np.unique(prices.indices)] = True
    bounded = np.isfinite(programme.upper) | (np.diff(programme.upper_data.indptr) > 0)
    columns_of = _members(column_part)
    for part, at in _members(row_part).items():
        rows, columns = free[at], columns_of.get(part, np.zeros(0, dtype=np.int64))
        dense = matrix[at][:, columns].toarray()
        marks = (dense.shape, dense.tobytes(), programme.equal[rows].tobytes(), bounded[columns].tobytes(),
                 moving[columns].tobytes())  # fmt: skip
        groups.setdefault(repr(marks).encode(), []).append((rows, columns))
    inside = np.zeros(programme.cost.size, dtype=bool)
    found = []
    for members in groups.values():
        rows, columns = np.array([r for r, _ in members]), np.array([c for _, c in members], dtype=np.int64)
        columns = columns.reshape(len(members), -1)
        inside[columns] = True
        q = np.flatnonzero(moving[columns[0]])
        found.append(
            Shape(
                matrix=programme.matrix[rows[0]][:, columns[0]].toarray(),
                equal=programme.equal[rows[0]],
                bounded=np.flatnonzero(bounded[columns[0]]),
                moving=q,
                rows=rows,
                columns=columns,
                cost=programme.cost[columns],
                prices=sparse.csr_array(prices[:, columns[:, q].ravel()].T),
                label=programme.row_label[rows[:, 0]],
            )
        )
    return found, np.flatnonzero(~inside)


def _members(part: Integers) -> dict[int, Integers]:
    order = np.argsort(part, kind="stable")
    ends = np.flatnonzero(np.diff(part[order])) + 1
    return {int(part[at[0]]): at for at in np.split(order, ends) if at.size}
