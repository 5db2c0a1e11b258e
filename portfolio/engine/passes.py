"""A pass: the recourse of every scenario at a first-stage point, and cuts from its duals.

Scenarios are taken in chunks, chunks in lanes, lanes on threads. What a lane does depends on the lane alone, so that
results do not depend on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import sparse

from portfolio.engine.bunching import Bases, Bunch, Shape
from portfolio.engine.effects import Effects, make_effects
from portfolio.engine.linking import Component, Exact, components, connected
from portfolio.engine.programme import Array, Integers, TwoStage

CHUNK = 512
"""Most scenarios in a chunk."""
LANES = 4
"""Most lanes; each remembers bases and warm models of its own."""
CACHE = 400e6
"""Bytes of data that may be kept between passes; beyond that they are gathered anew."""
MANY = 500
"""Scenarios from which on passes at old prices pay."""
SPECK = 1e-6
"""Part of a row's largest effect by which solver tolerances of the first stage may push a limit beyond zero."""


def threads(wanted: int) -> int:
    """Threads to use: those wanted, or all cores this process may use."""
    if wanted > 0:
        return wanted
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Chunk:
    """A run of scenarios and what is remembered of it: last bases by shape, prices, last duals."""

    which: slice
    last: list[Integers]
    mu: Array
    settled: bool = False
    duals: Array | None = None
    cached: Array | None = None

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
        self.effects: Effects = make_effects(programme)
        self.components: tuple[Component, ...] = components(programme)
        self.shapes, self.alone = _shapes(programme, self.components)
        self.priced: Integers = np.flatnonzero(programme.priced)
        chunks = [self._chunk(which) for which in _slices(programme.scenarios)]
        self.lanes = [self._lane(chunks[n::LANES]) for n in range(min(LANES, len(chunks)))]

    def _lane(self, chunks: list[_Chunk]) -> _Lane:
        bases = [Bases(shape) for shape in self.shapes]
        return _Lane(chunks, bases, [Exact(self.programme, c) for c in self.components])

    def _chunk(self, which: slice) -> _Chunk:
        size = which.stop - which.start
        last = [np.full(shape.pieces * size, -1, dtype=np.int64) for shape in self.shapes]
        return _Chunk(which, last, np.zeros((self.priced.size, size)))

    @cached_property
    def held(self) -> list[bool]:
        """Whether the pieces of each shape belong to components."""
        rows = np.zeros(self.programme.matrix.shape[0], dtype=bool)
        for c in self.components:
            rows[c.rows] = True
        return [bool(rows[shape.rows[0, 0]]) for shape in self.shapes]

    @cached_property
    def cheaper(self) -> bool:
        """Whether a pass at old prices is cheaper than an exact one: with many scenarios and linking rows."""
        return bool(self.components) and self.programme.scenarios > MANY

    @cached_property
    def keeps(self) -> bool:
        """Whether the data of all scenarios are kept."""
        return self.programme.define.shape[1] * self.programme.scenarios * 8 <= CACHE

    @cached_property
    def speck(self) -> Array:
        """What counts as zero in each row."""
        found = np.zeros(self.programme.matrix.shape[0])
        for products in (self.programme.indirect, self.programme.direct):
            np.maximum.at(found, products.row, np.abs(products.coefficient))
        return SPECK * found

    def data(self, chunk: _Chunk) -> Array:
        """Data of a chunk."""
        if chunk.cached is None:
            data = self.programme.data(chunk.which)
            if not self.keeps:
                return data
            chunk.cached = data
        return chunk.cached

    def evaluate(self, x: Array, *, exact: bool) -> Array:
        """Recourse at x, shape (scenarios, labels); the duals are kept for :meth:`gradient`.

        An exact pass solves what linking rows hold together as a whole; others keep its prices, which gives lower
        bounds. Without linking rows every pass is exact.
        """
        outcome = np.zeros((self.programme.scenarios, self.programme.labels))
        list(self.workers.map(lambda lane: self._run(lane, x, exact, outcome), self.lanes))
        return outcome

    def _run(self, lane: _Lane, x: Array, exact: bool, outcome: Array) -> None:
        for chunk in lane.chunks:
            self._evaluate(lane, chunk, x, exact, outcome)

    def allocate(self, x: Array) -> Iterator[tuple[slice, Array]]:
        """Optimal recourse at x, exactly: scenarios, and all columns in them, shape (columns, scenarios)."""
        outcome = np.zeros((self.programme.scenarios, self.programme.labels))

        def solve(work: tuple[_Lane, _Chunk]) -> tuple[slice, Array]:
            values = np.zeros((self.programme.cost.size, work[1].size))
            self._evaluate(*work, x, True, outcome, values)
            return work[1].which, values

        # A chunk of each lane at a time: lanes side by side, and no more columns held than theirs.
        for turn in range(max(len(lane.chunks) for lane in self.lanes)):
            due = [(lane, lane.chunks[turn]) for lane in self.lanes if turn < len(lane.chunks)]
            yield from self.workers.map(solve, due)

    def gradient(self, weight: Array) -> Array:
        """Sum over the scenarios of weight times the subgradient of the last pass, shape (labels, x)."""
        found = np.zeros((self.programme.labels, self.programme.first.cost.size))
        for parts in self.workers.map(
            lambda lane: [self._gradient(c, weight[c.which]) for c in lane.chunks], self.lanes
        ):
            for part in parts:
                found += part
        return found

    def _gradient(self, chunk: _Chunk, weight: Array) -> Array:
        used = np.flatnonzero(weight)
        if used.size == 0 or chunk.duals is None:
            return np.zeros((self.programme.labels, self.programme.first.cost.size))
        data, duals = self.data(chunk), chunk.duals
        if used.size < 0.5 * weight.size:
            data, duals, weight = data[:, used], duals[:, used], weight[used]
        return self.effects.adjoint(duals * weight, data)

    def _evaluate(
        self, lane: _Lane, chunk: _Chunk, x: Array, exact: bool, outcome: Array, columns: Array | None = None
    ) -> None:
        """Solve a chunk; ``columns`` takes the allocation of an exact pass."""
        p, data = self.programme, self.data(chunk)
        rows, upper = self.limits(x, data)
        duals, values = np.empty_like(rows), np.zeros((p.labels, chunk.size))
        if exact:
            self._solve_components(lane, chunk, rows, upper, duals, values, columns)
        for n, shape in enumerate(self.shapes):
            if exact and self.held[n]:
                continue
            bunch = Bunch(shape, rows, upper, chunk.mu)
            chunk.last[n] = bunch.solve(lane.bases[n], chunk.last[n], same_costs=chunk.settled or not self.held[n])
            value, dual = bunch.outcome(lane.bases[n], chunk.last[n])
            if columns is not None:
                self._fill(columns, shape, bunch.columns(lane.bases[n], chunk.last[n]), chunk.size)
            duals[shape.rows] = dual.reshape(shape.pieces, chunk.size, -1).transpose(0, 2, 1)
            np.add.at(values, p.row_label[shape.rows[:, 0]], value.reshape(shape.pieces, chunk.size))
        if not exact:
            duals[self.priced] = chunk.mu
            np.add.at(values, p.row_label[self.priced], chunk.mu * rows[self.priced])
        self._lone_columns(chunk, upper, values, exact=exact)
        if columns is not None:
            columns[self.free] = np.where(p.cost[self.free, None] < 0, upper[self.free], 0.0)
        chunk.duals, chunk.settled = duals, not exact
        outcome[chunk.which] = values.T

    @staticmethod
    def _fill(columns: Array, shape: Shape, values: Array, scenarios: int) -> None:
        """Take the columns of a shape's pieces."""
        columns[shape.columns] = values.reshape(shape.pieces, scenarios, -1).transpose(0, 2, 1)

    def limits(self, x: Array, data: Array) -> tuple[Array, Array]:
        """Right-hand sides of rows and upper bounds of columns at x.

        What tolerances of the first stage push a speck beyond zero counts as zero: values stay lower bounds.
        """
        p = self.programme
        rows = self.effects.rows(x, data)
        speck = np.where(p.equal, 0.0, self.speck)[:, None]
        rows[(rows > 0) & (rows < speck)] = 0.0
        moving = np.diff(p.upper_data.indptr) > 0
        upper = np.where(moving, 0.0, p.upper)[:, None] + p.upper_data @ data
        return rows, np.maximum(upper, 0.0)

    def _solve_components(
        self,
        lane: _Lane,
        chunk: _Chunk,
        rows: Array,
        upper: Array,
        duals: Array,
        values: Array,
        columns: Array | None,
    ) -> None:
        """Solve components as a whole: values, duals, and new prices."""
        place = np.full(rows.shape[0], -1)
        place[self.priced] = np.arange(self.priced.size)
        for c, exact in zip(self.components, lane.exact, strict=True):
            at = place[c.rows[c.priced]]
            for s in range(chunk.size):
                value, dual = exact.solve(chunk.which.start + s, rows[:, s], upper[:, s])
                values[c.label, s] += value
                duals[c.rows, s] = dual
                chunk.mu[at, s] = dual[c.priced]
                if columns is not None:
                    columns[c.columns, s] = exact.columns()

    def _lone_columns(self, chunk: _Chunk, upper: Array, values: Array, *, exact: bool) -> None:
        """Add what columns in linking rows alone are worth at the prices (nothing, but for rounding), and free ones."""
        p = self.programme
        columns = self.free if exact else self.alone
        if columns.size == 0:
            return
        linking = sparse.csr_array(p.matrix[self.priced][:, columns])
        reduced = p.cost[columns][:, None] - linking.T @ chunk.mu
        noise = 1e-9 * (1.0 + np.abs(p.cost[columns]).max(initial=0.0) + np.abs(chunk.mu).max(initial=0.0))
        pays = (reduced < 0) & (np.isfinite(upper[columns]) | (reduced < -noise))
        np.add.at(values, p.label[columns], np.where(pays, reduced * np.where(pays, upper[columns], 0.0), 0.0))

    @cached_property
    def free(self) -> Integers:
        """Columns in no row at all."""
        held = np.zeros(self.programme.cost.size, dtype=bool)
        held[self.programme.matrix.indices] = True
        return np.flatnonzero(~held)


def _slices(scenarios: int) -> Iterator[slice]:
    """Chunks of about one size, at least two where there is enough for two threads."""
    count = max(-(-scenarios // CHUNK), min(2, scenarios))
    ends = np.linspace(0, scenarios, count + 1).astype(int)
    return (slice(int(a), int(b)) for a, b in pairwise(ends))


def _shapes(programme: TwoStage, linked: tuple[Component, ...]) -> tuple[list[Shape], Integers]:
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
    together = np.zeros(programme.matrix.shape[0], dtype=bool)
    for component in linked:
        together[component.rows] = True
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
            )
        )
    return found, np.flatnonzero(~inside)


def _members(part: Integers) -> dict[int, Integers]:
    order = np.argsort(part, kind="stable")
    ends = np.flatnonzero(np.diff(part[order])) + 1
    return {int(part[at[0]]): at for at in np.split(order, ends) if at.size}
