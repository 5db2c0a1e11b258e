"""Bunching: many small linear programmes that share a matrix, solved by the bases others were solved with.

The recourse falls into pieces; pieces with one matrix have one :class:`Shape`. Right-hand sides, upper bounds and a few
costs differ between its instances (piece x scenario). A basis is optimal for every instance for which it is feasible in
both senses: a product with its inverse and a sign check (Wets 1988). Each instance starts from the basis it had last;
where that is dual feasible only, it goes on to neighbours by steps of the dual simplex method
(:mod:`portfolio.engine.simplex`). Bases once met are remembered with their inverses, so that later passes hardly
pivot, and those that no instance has any more are forgotten when there are too many.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
import numpy.typing as npt
from scipy import sparse

from portfolio.engine import simplex
from portfolio.engine.highs import LinearProgram, SolverError, load
from portfolio.engine.kernels import WIDTH, Number
from portfolio.engine.programme import Array, Flags, Integers
from portfolio.engine.simplex import Pieces, Pool, Small

DUAL = 1e-9
"""Reduced cost, relative to the largest cost of a shape, up to which a basis counts as dual feasible."""
STEPS = 300
"""Most dual simplex steps before HiGHS takes over."""
ROOM, MANY = 64, 2048
"""Bases there is room for at first, and from how many on those that no instance has are forgotten."""


@dataclass(frozen=True)
class Shape:
    """Pieces with one matrix: min cost y, matrix y >= (or =) h, 0 <= y <= upper.

    Attributes
    ----------
    matrix : (m, n)
    equal : (m,)
    bounded : columns with an upper bound, (b,)
    moving : columns whose cost moves with prices, (q,)
    rows, columns : (pieces, m), (pieces, n)
        Where the pieces are in the programme.
    cost : (pieces, n)
    prices : (pieces * q, priced rows)
        The cost of a moving column is cost - prices @ mu.
    label : (pieces,)
        What their values are added up by.
    """

    matrix: Array
    equal: Flags
    bounded: Integers
    moving: Integers
    rows: Integers
    columns: Integers
    cost: Array
    prices: sparse.csr_array
    label: Integers

    @property
    def pieces(self) -> int:
        """Number of pieces."""
        return int(self.rows.shape[0])


@dataclass(frozen=True)
class Instances:
    """Instances of all shapes in some scenarios.

    Attributes
    ----------
    rows, upper : (blocks, rows of the programme, WIDTH), (blocks, columns of the programme, WIDTH)
        Right-hand sides and upper bounds, side by side.
    mu : (scenarios, priced rows)
        Prices.
    """

    rows: Array
    upper: Array
    mu: Array


class Bases:
    """Bases of a shape met so far; the first has slacks alone, none of the columns at their bound.

    ``last`` are the arrays (scenarios, pieces) that :meth:`start` gave out: the basis of each instance.
    """

    def __init__(self, shape: Shape) -> None:
        (m, n), b = shape.matrix.shape, shape.bounded.size
        self.shape = shape
        self.pieces = _pieces(shape)
        self.pool = Pool(
            np.zeros((0, m, m)), np.zeros((0, m), np.int32), np.zeros((0, b), bool), np.zeros(0, np.int64),
            np.zeros(1, np.int32), np.zeros(1, np.int32),
        )  # fmt: skip
        self.last: list[Small] = []
        self._move_to(ROOM, np.zeros(0, dtype=np.int64))
        self.add(np.arange(n, n + m), np.zeros(b, dtype=bool))

    @property
    def size(self) -> int:
        """Number of bases."""
        return int(self.pool.size[0])

    def start(self, scenarios: int) -> Small:
        """Bases for the instances of some scenarios: none yet."""
        found = np.full((scenarios, self.shape.pieces), -1, dtype=np.int32)
        self.last.append(found)
        return found

    def add(self, basic: Integers, high: Flags) -> int:
        """Number of a basis, new or known.

        Raises
        ------
        SolverError
            Where it is singular.
        """
        if self.size == self.pool.mark.size:
            self._make_room()
        work = simplex.work(self.pieces)
        work.basic[:], work.high[:] = np.sort(basic), high
        k = int(simplex.add(self.pool, self.pieces, work))
        if k < 0:
            raise SolverError("a basis of a recourse problem is singular")
        return k

    def solve(self, given: Instances, live: Flags, moved: Flags, last: Small, found: Array) -> None:
        """Bring ``last`` to optimal bases and add values to ``found`` (scenarios, labels).

        Parameters
        ----------
        live : (scenarios, pieces)
            False where limits are zero whatever the point: not looked at after the first time.
        moved : (scenarios,)
            Where prices moved since the last time.

        Raises
        ------
        SolverError
            Where an instance has no solution.
        """
        at, full, taken = 0, -1, False
        while True:
            at, state = simplex.solve_all(
                self.pool, self.pieces, given.rows, given.upper, given.mu, live, moved, last, found, STEPS, at, taken
            )
            if state == simplex.DONE:
                return
            if state == simplex.INFEASIBLE:
                raise SolverError("a recourse problem is infeasible: the programme has no relatively complete recourse")
            taken = state == simplex.OPEN
            if taken:
                number, place = divmod(at, WIDTH)
                block, piece = divmod(number, self.shape.pieces)
                last[block * WIDTH + place, piece] = self._by_solver(given, block, piece, place)
            else:
                self._make_room(grow=at == full)
                full = at

    def duals(self, mu: Array, live: Flags, last: Small, weight: Array, found: Array) -> None:
        """Write row duals times ``weight`` (scenarios,) to zeros ``found`` (blocks, rows, WIDTH)."""
        simplex.duals_of(self.pool, self.pieces, mu, live, last, weight, found)

    def columns(self, given: Instances, last: Small, found: Array) -> None:
        """Write the values of the columns to ``found`` (scenarios, columns)."""
        simplex.columns_of(self.pool, self.pieces, given.rows, given.upper, last, found)

    def _make_room(self, *, grow: bool = True) -> None:
        """Forget bases that no instance has where there are many; twice the room where that does not help."""
        held = np.unique(np.concatenate([np.zeros(1, np.int32), *(last.ravel() for last in self.last)]))
        held = held[held >= 0]
        room = self.pool.mark.size
        if grow or room < MANY or held.size > room // 2:
            held, room = np.arange(self.size), 2 * room
        place = np.zeros(self.size, dtype=np.int32)
        place[held] = np.arange(held.size)
        for last in self.last:
            last[:] = np.where(last >= 0, place[last], last)
        self._move_to(room, held)

    def _move_to(self, room: int, held: Integers) -> None:
        """Take some bases to a pool with that much room."""
        old = self.pool
        pool = Pool(
            inverse=_resized(old.inverse, room, held),
            basic=_resized(old.basic, room, held),
            high=_resized(old.high, room, held),
            mark=_resized(old.mark, room, held),
            table=np.zeros(4 * room, np.int32),
            size=np.array([held.size], np.int32),
        )
        mask = 4 * room - 1
        for k, mark in enumerate(pool.mark[: held.size]):
            at = int(mark) & mask
            while pool.table[at]:
                at = (at + 1) & mask
            pool.table[at] = k + 1
        self.pool = pool

    def _by_solver(self, given: Instances, block: int, piece: int, place: int) -> int:
        """Optimal basis of an instance by HiGHS."""
        shape, n = self.shape, self.shape.matrix.shape[1]
        cost, upper, h = shape.cost[piece].copy(), np.full(n, np.inf), given.rows[block, shape.rows[piece], place]
        q = shape.moving.size
        if q:
            cost[shape.moving] -= shape.prices[piece * q : (piece + 1) * q] @ given.mu[block * WIDTH + place]
        upper[shape.bounded] = given.upper[block, shape.columns[piece, shape.bounded], place]
        solver = load(
            LinearProgram(
                cost=cost,
                offset=0.0,
                matrix=sparse.csc_array(shape.matrix),
                row_lower=h,
                row_upper=np.where(shape.equal, h, np.inf),
                lower=np.zeros(n),
                upper=upper,
                integer=np.zeros(n, dtype=bool),
            )
        )
        for option, value in (("presolve", "off"), ("threads", 1), ("solver", "simplex")):
            solver.setOptionValue(option, value)
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            word = solver.modelStatusToString(solver.getModelStatus())
            raise SolverError(f"a recourse problem ended with status {word}")
        return self.add(*_basis(solver, shape))


def _resized(values: npt.NDArray[Number], room: int, held: Integers) -> npt.NDArray[Number]:
    """Some of the values, with room for others behind them."""
    found = np.zeros((room, *values.shape[1:]), values.dtype)
    found[: held.size] = values[held]
    return found


def _pieces(shape: Shape) -> Pieces:
    (m, n), b = shape.matrix.shape, shape.bounded.size
    whole = sparse.csc_array(np.hstack([shape.matrix, -np.eye(m)]))
    end = np.zeros(n + m, dtype=np.int64)
    end[shape.bounded] = 2 + np.arange(b)
    end[n:][shape.equal] = 1
    prices = sparse.csr_array(shape.prices)
    return Pieces(
        start=whole.indptr.astype(np.int64),
        place=whole.indices.astype(np.int64),
        value=whole.data.astype(float),
        end=end,
        bounded=shape.bounded.astype(np.int64),
        rows=np.ascontiguousarray(shape.rows, dtype=np.int64),
        columns=np.ascontiguousarray(shape.columns, dtype=np.int64),
        tops=np.ascontiguousarray(shape.columns[:, shape.bounded], dtype=np.int64),
        cost=np.hstack([shape.cost, np.zeros((shape.pieces, m))]),
        moving=shape.moving.astype(np.int64),
        price_start=prices.indptr.astype(np.int64),
        price_index=prices.indices.astype(np.int64),
        price_value=prices.data.astype(float),
        label=shape.label.astype(np.int64),
        mark=np.random.default_rng(0).integers(0, 2**62, n + m + b),
        tolerance=np.array([DUAL * (1.0 + float(np.abs(shape.cost).max(initial=0.0)))]),
    )


def _basis(solver: highspy.Highs, shape: Shape) -> tuple[Integers, Flags]:
    """Basic variables and bounded columns at their bound, as HiGHS left them."""
    state = solver.getBasis()
    kind = highspy.HighsBasisStatus
    columns = np.array([s == kind.kBasic for s in state.col_status], dtype=bool)
    rows = np.array([s == kind.kBasic for s in state.row_status], dtype=bool)
    basic = np.concatenate([np.flatnonzero(columns), shape.matrix.shape[1] + np.flatnonzero(rows)])
    high = np.array([state.col_status[c] == kind.kUpper for c in shape.bounded], dtype=bool)
    return basic.astype(np.int64), high
