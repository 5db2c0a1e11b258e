"""Bunching: many small linear programmes that share a matrix, solved by the bases others were solved with.

The recourse falls into pieces; pieces with one matrix have one :class:`Shape`. Right-hand sides, upper bounds and a few
costs differ between its instances (piece x scenario). A basis is optimal for every instance for which it is feasible in
both senses: a matrix product and a sign check for many instances at once (Wets 1988). Where it is dual feasible only,
instances trickle down to neighbours by steps of the dual simplex method, whole groups at a time; bases once met
are remembered, so that later passes hardly pivot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

from portfolio.engine.highs import LinearProgram, SolverError, load
from portfolio.engine.programme import Array, Flags, Integers

PRIMAL = 1e-9
"""Infeasibility, relative to an instance's largest right-hand side, up to which a basis counts as feasible."""
DUAL = 1e-9
"""Reduced cost, relative to the largest cost of a shape, up to which a basis counts as dual feasible."""
PIVOT = 1e-7
"""Least pivot."""
STEPS = 300
"""Most dual simplex steps before HiGHS takes over."""
BLOCK = 2_000_000
"""Numbers in the inverses that are gathered at a time."""


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
    """

    matrix: Array
    equal: Flags
    bounded: Integers
    moving: Integers
    rows: Integers
    columns: Integers
    cost: Array
    prices: sparse.csr_array

    @property
    def pieces(self) -> int:
        """Number of pieces."""
        return int(self.rows.shape[0])


class Bases:
    """Bases of a shape met so far; the first has slacks alone. Variables are columns, then slacks.

    Attributes
    ----------
    inverse : (K, m, m)
    basic : (K, m)
        Basic variables.
    high : (K, b)
        Bounded columns at their upper bound.
    """

    def __init__(self, shape: Shape) -> None:
        (m, n), b = shape.matrix.shape, shape.bounded.size
        self.shape = shape
        self.whole = np.hstack([shape.matrix, -np.eye(m)])
        self.cost = np.hstack([shape.cost, np.zeros((shape.pieces, m))])
        self.tolerance = DUAL * (1.0 + float(np.abs(shape.cost).max(initial=0.0)))
        self.place = np.full(n + m, -1)
        self.place[shape.bounded] = np.arange(b)
        self.end = np.where(self.place >= 0, 2 + self.place, 0)  # 0: no upper bound, 1: fixed at zero, 2 and on: bounds
        self.end[n:][shape.equal] = 1
        self.number: dict[bytes, int] = {}
        self.children: dict[int, int] = {}
        self.inverse, self.basic = np.zeros((16, m, m)), np.zeros((16, m), dtype=np.int64)
        self.high = np.zeros((16, b), dtype=bool)
        self.add(np.arange(n, n + m), np.zeros(b, dtype=bool))

    @property
    def size(self) -> int:
        """Number of bases."""
        return len(self.number)

    def add(self, basic: Integers, high: Flags) -> int:
        """Number of a basis, new or known."""
        basic = np.sort(basic)
        key = basic.tobytes() + high.tobytes()
        known = self.number.get(key)
        if known is not None:
            return known
        k = self.size
        if k == self.inverse.shape[0]:
            self.inverse, self.basic, self.high = (
                np.concatenate([old, np.zeros_like(old)]) for old in (self.inverse, self.basic, self.high)
            )
        self.inverse[k] = np.linalg.inv(self.whole[:, basic])
        self.basic[k], self.high[k] = basic, high
        self.number[key] = k
        return k

    def child(self, k: int, row: int, over: bool, entering: int) -> int:
        """The neighbour of a basis where the variable of a row leaves and another enters."""
        variables = self.whole.shape[1]
        code = ((k * self.basic.shape[1] + row) * 2 + over) * variables + entering
        known = self.children.get(code)
        if known is None:
            basic, high = self.basic[k].copy(), self.high[k].copy()
            leaving = int(basic[row])
            basic[row] = entering
            if self.place[entering] >= 0:
                high[self.place[entering]] = False
            if over and self.place[leaving] >= 0:
                high[self.place[leaving]] = True
            known = self.children[code] = self.add(basic, high)
        return known

    def sign(self, which: Integers) -> Array:
        """Sign of reduced costs under dual-feasible bases, (bases, n + m); 0 for slacks that are fixed."""
        found = np.where(self.end == 1, 0.0, 1.0)[None].repeat(which.size, axis=0)
        found[:, self.shape.bounded] = np.where(self.high[which], -1.0, 1.0)
        return np.asarray(found)


class Bunch:
    """Instances of a shape in some scenarios: limits (right-hand sides, then upper bounds) and moved costs."""

    def __init__(self, shape: Shape, rows: Array, upper: Array, mu: Array) -> None:
        self.shape, scenarios, q = shape, rows.shape[1], shape.moving.size
        m = shape.matrix.shape[0]
        both = np.concatenate([rows[shape.rows], upper[shape.columns[:, shape.bounded]]], axis=1)
        limits = np.ascontiguousarray(both.transpose(0, 2, 1)).reshape(-1, both.shape[1])
        self.rows, self.upper = limits[:, :m], limits[:, m:]
        self.piece = np.repeat(np.arange(shape.pieces), scenarios)
        self.move = np.zeros((self.piece.size, q))
        if q:
            moved = -np.asarray(shape.prices @ mu).reshape(shape.pieces, q, scenarios)
            self.move = np.ascontiguousarray(moved.transpose(0, 2, 1)).reshape(-1, q)
        self.slack = PRIMAL * (1.0 + np.abs(limits).max(axis=1, initial=0.0))

    @property
    def count(self) -> int:
        """Number of instances."""
        return int(self.piece.size)

    def solve(self, bases: Bases, last: Integers, *, same_costs: bool) -> Integers:
        """Number of an optimal basis for every instance; ``last`` is where they start (-1: from the slacks).

        With ``same_costs`` they were solved at these costs before, so that ``last`` is dual feasible.
        """
        basis = np.maximum(last, 0)
        if not same_costs or (last < 0).any():
            self._make_dual_feasible(bases, basis)
        open_ = np.arange(self.count)
        for _ in range(STEPS):
            open_ = np.concatenate([self._step(bases, block, basis) for block in self._blocks(open_)] or [open_[:0]])
            if open_.size == 0:
                return basis
        self._by_solver(bases, open_, basis)
        return basis

    def _blocks(self, which: Integers) -> Iterator[Integers]:
        """Parts of some instances whose inverses fit into the cache of a processor."""
        size = max(1, BLOCK // self.shape.matrix.shape[0] ** 2)
        return (which[at : at + size] for at in range(0, which.size, size))

    def _costs(self, bases: Bases, which: Integers) -> Array:
        """Costs of all variables, shape (instances, n + m)."""
        cost = bases.cost[self.piece[which]]
        if self.shape.moving.size:
            cost[:, self.shape.moving] += self.move[which]
        return cost

    def _reduced(self, bases: Bases, which: Integers, k: Integers, inverse: Array) -> tuple[Array, Array]:
        """Row duals (instances, m) and reduced costs (instances, n + m) under bases."""
        cost, basic = self._costs(bases, which), bases.basic[k]
        row = np.matmul(np.take_along_axis(cost, basic, 1)[:, None], inverse)[:, 0]
        reduced = cost - row @ bases.whole
        np.put_along_axis(reduced, basic, 0.0, 1)
        return row, reduced

    def _values(self, bases: Bases, which: Integers, k: Integers, inverse: Array) -> Array:
        """Values of basic variables, (instances, m)."""
        rest = self.rows[which] - (bases.high[k] * self.upper[which]) @ self.shape.matrix[:, self.shape.bounded].T
        return np.asarray(np.matmul(inverse, rest[:, :, None])[:, :, 0])

    def _make_dual_feasible(self, bases: Bases, basis: Integers) -> None:
        """Where costs moved so that a basis is not dual feasible, move columns to their other bounds.

        Where that is not enough start from the slacks, or from HiGHS' basis.
        """
        for block in self._blocks(np.arange(self.count)):
            self._repair(bases, block, basis)
        lost = np.flatnonzero(basis < 0)
        basis[lost] = 0
        for block in self._blocks(lost):
            self._repair(bases, block, basis)
        self._by_solver(bases, lost[basis[lost] < 0], basis)

    def _repair(self, bases: Bases, which: Integers, basis: Integers) -> None:
        """Dual feasible bases by moving columns between their bounds; -1 where there is none."""
        k, bounded = basis[which], self.shape.bounded
        _, reduced = self._reduced(bases, which, k, bases.inverse[k])
        off = reduced * bases.sign(k) < -bases.tolerance
        flips = off[:, bounded]
        off[:, bounded] = False
        lost = off.any(axis=1)
        basis[which[lost]] = -1
        todo = np.flatnonzero(flips.any(axis=1) & ~lost)
        if todo.size == 0:
            return
        marks = np.hstack([k[todo, None], flips[todo]])
        kinds, label = np.unique(marks, axis=0, return_inverse=True)
        found = [bases.add(bases.basic[kind[0]], bases.high[kind[0]] ^ (kind[1:] > 0)) for kind in kinds]
        basis[which[todo]] = np.array(found)[label.ravel()]

    def _step(self, bases: Bases, which: Integers, basis: Integers) -> Integers:
        """One dual simplex step of the instances that their bases do not solve; which of them moved."""
        k = basis[which]
        inverse = bases.inverse[k]
        values = self._values(bases, which, k, inverse)
        ends = np.hstack([np.full((which.size, 1), np.inf), np.zeros((which.size, 1)), self.upper[which]])
        high = np.take_along_axis(ends, bases.end[bases.basic[k]], 1)
        excess = np.maximum(-values, values - high)
        worst = excess.argmax(axis=1)
        off = np.flatnonzero(excess[np.arange(which.size), worst] > self.slack[which])
        if off.size:
            worst = worst[off]
            over = values[off, worst] > 0
            entering = self._entering(bases, which[off], k[off], inverse[off], worst, over)
            codes = np.stack([k[off], worst, over, entering], axis=1)
            kinds, label = np.unique(codes, axis=0, return_inverse=True)
            found = [bases.child(int(a), int(b), bool(c), int(d)) for a, b, c, d in kinds]
            basis[which[off]] = np.array(found)[label.ravel()]
        return which[off]

    def _entering(
        self, bases: Bases, which: Integers, k: Integers, inverse: Array, row: Integers, over: Flags
    ) -> Integers:
        """Ratio test: the variable that enters where that of a row leaves, over its upper bound or under zero."""
        sign = bases.sign(k)
        alpha = (inverse[np.arange(which.size), row] @ bases.whole) * sign * np.where(over, 1.0, -1.0)[:, None]
        np.put_along_axis(alpha, bases.basic[k], 0.0, 1)
        may = alpha > PIVOT
        if not may.any(axis=1).all():
            raise SolverError("a recourse problem is infeasible: the programme has no relatively complete recourse")
        _, reduced = self._reduced(bases, which, k, inverse)
        ratio = np.where(may, np.maximum(reduced * sign, 0.0) / np.where(may, alpha, 1.0), np.inf)
        least = ratio.min(axis=1, keepdims=True)
        return np.asarray(np.where(ratio <= least + 1e-12 * (1.0 + least), alpha, 0.0).argmax(axis=1))

    def _by_solver(self, bases: Bases, which: Integers, basis: Integers) -> None:
        """Optimal bases by HiGHS, one instance after the other."""
        if which.size == 0:
            return
        m, n = self.shape.matrix.shape
        solver = _small(self.shape)
        columns, rows = np.arange(n, dtype=np.int32), np.arange(m, dtype=np.int32)
        for j in which:
            cost = self._costs(bases, np.array([j]))[0, :n]
            upper = np.full(n, np.inf)
            upper[self.shape.bounded] = np.maximum(self.upper[j], 0.0)
            h = self.rows[j]
            solver.clearSolver()
            solver.changeColsCost(n, columns, cost)
            solver.changeColsBounds(n, columns, np.zeros(n), upper)
            solver.changeRowsBounds(m, rows, h, np.where(self.shape.equal, h, np.inf))
            solver.run()
            if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                word = solver.modelStatusToString(solver.getModelStatus())
                raise SolverError(f"a recourse problem ended with status {word}")
            basis[j] = bases.add(*_basis(solver, self.shape))

    def outcome(self, bases: Bases, basis: Integers) -> tuple[Array, Array]:
        """Values (instances,) and row duals (instances, m) under optimal bases."""
        value, duals = np.empty(self.count), np.empty(self.rows.shape)
        for which in self._blocks(np.arange(self.count)):
            k = basis[which]
            row, reduced = self._reduced(bases, which, k, bases.inverse[k])
            row = np.where(self.shape.equal, row, np.maximum(row, 0.0))
            gain = np.where(bases.high[k], np.minimum(reduced[:, self.shape.bounded], 0.0), 0.0)
            value[which] = (row * self.rows[which]).sum(axis=1) + (gain * self.upper[which]).sum(axis=1)
            duals[which] = row
        return value, duals

    def columns(self, bases: Bases, basis: Integers) -> Array:
        """Values of the columns, shape (instances, n), under optimal bases."""
        m, n = self.shape.matrix.shape
        found = np.zeros((self.count, n))
        for which in self._blocks(np.arange(self.count)):
            k = basis[which]
            every = np.zeros((which.size, n + m))
            every[:, self.shape.bounded] = bases.high[k] * self.upper[which]
            values = np.maximum(self._values(bases, which, k, bases.inverse[k]), 0.0)
            np.put_along_axis(every, bases.basic[k], values, 1)
            found[which] = every[:, :n]
        return found


def _small(shape: Shape) -> highspy.Highs:
    m, n = shape.matrix.shape
    solver = load(
        LinearProgram(
            cost=np.zeros(n),
            offset=0.0,
            matrix=sparse.csc_array(shape.matrix),
            row_lower=np.zeros(m),
            row_upper=np.where(shape.equal, 0.0, np.inf),
            lower=np.zeros(n),
            upper=np.full(n, np.inf),
            integer=np.zeros(n, dtype=bool),
        )
    )
    for option, value in (("presolve", "off"), ("threads", 1), ("solver", "simplex")):
        solver.setOptionValue(option, value)
    return solver


def _basis(solver: highspy.Highs, shape: Shape) -> tuple[Integers, Flags]:
    """Basic variables and bounded columns at their bound, as HiGHS left them."""
    state = solver.getBasis()
    kind = highspy.HighsBasisStatus
    columns = np.array([s == kind.kBasic for s in state.col_status])
    rows = np.array([s == kind.kBasic for s in state.row_status])
    basic = np.concatenate([np.flatnonzero(columns), shape.matrix.shape[1] + np.flatnonzero(rows)])
    high = np.array([state.col_status[c] == kind.kUpper for c in shape.bounded], dtype=bool)
    return basic.astype(np.int64), high
