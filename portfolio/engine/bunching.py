"""Bunching: many small linear programmes that share a matrix, solved by the bases others were solved with.

The recourse falls into pieces; pieces with one matrix have one :class:`Shape`. Right-hand sides, upper bounds and a few
costs differ between its instances (piece x scenario). A basis is optimal for every instance for which it is feasible in both
senses: a matrix product and a sign check for many instances at once (Wets 1988). Where it is dual feasible only,
instances trickle down to neighbours by steps of the dual simplex method, whole groups at a time; bases once met
are remembered, so that later passes hardly pivot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Basis:
    """A basis of a shape: m variables, columns before slacks; ``high`` are the columns at their upper bound."""

    basic: Integers
    high: Flags
    inverse: Array
    tableau: Array
    at_bound: Array
    moves: Array
    children: dict[tuple[int, bool, int], int] = field(default_factory=dict)


class Bases:
    """Bases of a shape met so far; the first has slacks alone."""

    def __init__(self, shape: Shape) -> None:
        (m, n), b = shape.matrix.shape, shape.bounded.size
        self.shape = shape
        self.whole = np.hstack([shape.matrix, -np.eye(m)])
        self.cost = np.hstack([shape.cost, np.zeros((shape.pieces, m))])
        self.limit_of = np.full(n + m, -1)  # place of a variable's upper bound among the limits; -1: none, -2: fixed
        self.limit_of[shape.bounded] = m + np.arange(b)
        self.limit_of[n:][shape.equal] = -2
        self.place = np.full(n + m, -1)
        self.place[shape.bounded] = np.arange(b)
        self.tolerance = DUAL * (1.0 + float(np.abs(shape.cost).max(initial=0.0)))
        self.all: list[Basis] = []
        self.number: dict[bytes, int] = {}
        self.add(np.arange(n, n + m), np.zeros(b, dtype=bool))

    def add(self, basic: Integers, high: Flags) -> int:
        """Number of a basis, new or known."""
        basic = np.sort(basic)
        key = basic.tobytes() + high.tobytes()
        known = self.number.get(key)
        if known is not None:
            return known
        shape = self.shape
        inverse = np.linalg.inv(self.whole[:, basic])
        tableau = inverse @ self.whole
        tableau[np.abs(tableau) < 1e-11] = 0.0
        selected = np.zeros((shape.moving.size, basic.size))
        q, at = np.nonzero(shape.moving[:, None] == basic[None, :])
        selected[q, at] = 1.0
        own = np.zeros((shape.moving.size, tableau.shape[1]))
        own[np.arange(shape.moving.size), shape.moving] = 1.0
        held = shape.bounded[high]
        moves = own - selected @ tableau
        self.all.append(Basis(basic, high, inverse, tableau, inverse @ shape.matrix[:, held], moves))
        self.number[key] = len(self.all) - 1
        return len(self.all) - 1

    def reduced(self, k: int) -> Array:
        """Reduced costs of all variables at base costs, shape (pieces, n + m)."""
        basis = self.all[k]
        found = self.cost - self.cost[:, basis.basic] @ basis.tableau
        found[:, basis.basic] = 0.0
        return np.asarray(found)

    def sign(self, k: int) -> Array:
        """Sign of the reduced cost of a dual-feasible basis; 0 where it is free, as for rows that are equalities."""
        found = np.where(self.limit_of == -2, 0.0, 1.0)
        found[self.shape.bounded[self.all[k].high]] = -1.0
        return found


class Bunch:
    """Instances of a shape in some scenarios: limits (right-hand sides, then upper bounds) and moved costs."""

    def __init__(self, shape: Shape, rows: Array, upper: Array, mu: Array) -> None:
        self.shape, scenarios, q = shape, rows.shape[1], shape.moving.size
        stacked = np.concatenate([rows[shape.rows], upper[shape.columns[:, shape.bounded]]], axis=1)
        self.limits = np.ascontiguousarray(stacked.transpose(1, 0, 2)).reshape(stacked.shape[1], -1)
        self.piece = np.repeat(np.arange(shape.pieces), scenarios)
        self.move = np.zeros((q, self.piece.size))
        if q:
            moved = -np.asarray(shape.prices @ mu).reshape(shape.pieces, q, scenarios)
            self.move = np.ascontiguousarray(moved.transpose(1, 0, 2)).reshape(q, -1)
        self.slack = PRIMAL * (1.0 + np.abs(self.limits).max(axis=0, initial=0.0))

    @property
    def count(self) -> int:
        """Number of instances."""
        return int(self.piece.size)

    def solve(self, bases: Bases, last: Integers, *, same_costs: bool) -> Integers:
        """Number of an optimal basis for every instance; ``last`` is where they start (-1: from the slacks).

        With ``same_costs`` they were solved at these costs before, so that ``last`` is dual feasible.
        """
        basis = np.maximum(last, 0)
        if not same_costs:
            self._make_dual_feasible(bases, basis)
        open_ = np.arange(self.count)
        for _ in range(STEPS):
            moved = [self._step(bases, k, which, basis) for k, which in _groups(basis, open_)]
            open_ = np.concatenate(moved) if moved else open_[:0]
            if open_.size == 0:
                return basis
        self._by_solver(bases, open_, basis)
        return basis

    def _make_dual_feasible(self, bases: Bases, basis: Integers) -> None:
        """Where costs moved so that a basis is not dual feasible, move its columns to their other bounds.

        Where that is not enough start from the slacks, or from HiGHS' basis.
        """
        if self.shape.moving.size:
            for k, which in list(_groups(basis, np.arange(self.count))):
                self._repair(bases, k, which, basis)
        open_ = np.flatnonzero(basis < 0) if self.shape.moving.size else np.flatnonzero(basis == 0)
        basis[open_] = 0
        if open_.size:
            self._repair(bases, 0, open_, basis)
            self._by_solver(bases, open_[basis[open_] < 0], basis)

    def _repair(self, bases: Bases, k: int, which: Integers, basis: Integers) -> None:
        """Dual feasible bases for instances at basis k by moving columns between bounds; -1 where there is none."""
        sign, moves = bases.sign(k), bases.all[k].moves
        level = bases.reduced(k) * sign
        moving = np.flatnonzero(moves.any(axis=0) & (sign != 0))
        off = (level < -bases.tolerance)[self.piece[which]]
        now = level[self.piece[which]][:, moving] + (self.move[:, which].T @ moves[:, moving]) * sign[moving]
        off[:, moving] = now < -bases.tolerance
        wrong = off.any(axis=1)
        if not wrong.any():
            return
        unbounded = np.ones(off.shape[1], dtype=bool)
        unbounded[self.shape.bounded] = False
        lost = off[:, unbounded].any(axis=1)
        basis[which[lost]] = -1
        flips = off[:, self.shape.bounded]
        todo = np.flatnonzero(wrong & ~lost)
        if todo.size == 0:
            return
        patterns, label = np.unique(flips[todo], axis=0, return_inverse=True)
        held = bases.all[k]
        for n, pattern in enumerate(patterns):
            basis[which[todo[label.ravel() == n]]] = bases.add(held.basic, held.high ^ pattern)

    def _step(self, bases: Bases, k: int, which: Integers, basis: Integers) -> Integers:
        """One dual simplex step of the instances at basis k that it does not solve; which of them moved."""
        held, m = bases.all[k], self.shape.matrix.shape[0]
        limits = self.limits[:, which]
        values = held.inverse @ limits[:m]
        if held.high.any():
            values -= held.at_bound @ limits[m:][held.high]
        excess = -values
        ends = bases.limit_of[held.basic]
        for row in np.flatnonzero(ends != -1):
            over = values[row] - (limits[ends[row]] if ends[row] >= 0 else 0.0)
            np.maximum(excess[row], over, out=excess[row])
        worst = excess.argmax(axis=0)
        off = np.flatnonzero(excess[worst, np.arange(which.size)] > self.slack[which])
        if off.size == 0:
            return off
        worst, up = worst[off], values[worst[off], off] > 0
        moved = which[off]
        for code, at in _groups(2 * worst + up, np.arange(off.size)):
            self._enter(bases, k, code // 2, bool(code % 2), moved[at], basis)
        return moved

    def _enter(self, bases: Bases, k: int, row: int, over: bool, which: Integers, basis: Integers) -> None:
        """Ratio test for the variable leaving in a row, over its upper bound or under zero; move on to the neighbours."""
        held = bases.all[k]
        sign = bases.sign(k)
        alpha = held.tableau[row] * sign * (1.0 if over else -1.0)
        alpha[held.basic] = 0.0
        may = np.flatnonzero(alpha > PIVOT)
        if may.size == 0:
            raise SolverError("a recourse problem is infeasible: the programme has no relatively complete recourse")
        if may.size == 1:
            chosen = np.zeros(which.size, dtype=np.int64)
        else:
            reduced = bases.reduced(k)[:, may] * sign[may]
            level = reduced[self.piece[which]]
            if self.shape.moving.size:
                level = level + self.move[:, which].T @ (held.moves[:, may] * sign[may])
            ratio = np.maximum(level, 0.0) / alpha[may]
            least = ratio.min(axis=1, keepdims=True)
            near = ratio <= least + 1e-12 * (1.0 + least)
            chosen = np.where(near, alpha[may], 0.0).argmax(axis=1)
        for c, at in _groups(chosen, np.arange(which.size)):
            entering = int(may[c])
            child = held.children.get((row, over, entering))
            if child is None:
                child = held.children[row, over, entering] = self._neighbour(bases, held, row, over, entering)
            basis[which[at]] = child

    @staticmethod
    def _neighbour(bases: Bases, held: Basis, row: int, over: bool, entering: int) -> int:
        basic, high = held.basic.copy(), held.high.copy()
        leaving = int(basic[row])
        basic[row] = entering
        if bases.place[entering] >= 0:
            high[bases.place[entering]] = False
        if over and bases.place[leaving] >= 0:
            high[bases.place[leaving]] = True
        return bases.add(basic, high)

    def _by_solver(self, bases: Bases, which: Integers, basis: Integers) -> None:
        """Optimal bases by HiGHS, one instance after the other."""
        if which.size == 0:
            return
        m, n = self.shape.matrix.shape
        solver = _small(self.shape)
        columns, rows = np.arange(n, dtype=np.int32), np.arange(m, dtype=np.int32)
        for j in which:
            cost = self.shape.cost[self.piece[j]].copy()
            cost[self.shape.moving] += self.move[:, j]
            upper = np.full(n, np.inf)
            upper[self.shape.bounded] = np.maximum(self.limits[m:, j], 0.0)
            h = self.limits[:m, j]
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
        """Values (instances,) and row duals (m, instances) under optimal bases."""
        m, n = self.shape.matrix.shape
        duals, value = np.empty((m, self.count)), np.empty(self.count)
        for k, at in _groups(basis, np.arange(self.count)):
            held, piece = bases.all[k], self.piece[at]
            reduced = bases.reduced(k)
            row = reduced[:, n:][piece].T
            if self.shape.moving.size:
                row = row + held.moves[:, n:].T @ self.move[:, at]
            row[~self.shape.equal] = np.maximum(row[~self.shape.equal], 0.0)
            duals[:, at] = row
            limits = self.limits[:, at]
            worth = np.einsum("ms,ms->s", row, limits[:m])
            if held.high.any():
                columns = self.shape.bounded[held.high]
                gain = reduced[:, columns][piece].T + held.moves[:, columns].T @ self.move[:, at]
                worth += np.einsum("bs,bs->s", np.minimum(gain, 0.0), limits[m:][held.high])
            value[at] = worth
        return value, duals

    def columns(self, bases: Bases, basis: Integers) -> Array:
        """Values of the columns, shape (n, instances), under optimal bases."""
        m, n = self.shape.matrix.shape
        found = np.zeros((n, self.count))
        for k, at in _groups(basis, np.arange(self.count)):
            held, limits = bases.all[k], self.limits[:, at]
            values = held.inverse @ limits[:m]
            if held.high.any():
                values -= held.at_bound @ limits[m:][held.high]
                found[np.ix_(self.shape.bounded[held.high], at)] = limits[m:][held.high]
            own = np.flatnonzero(held.basic < n)
            found[np.ix_(held.basic[own], at)] = np.maximum(values[own], 0.0)
        return found


def _groups(labels: Integers, which: Integers) -> Iterator[tuple[int, Integers]]:
    """Members of ``which`` by their label, in order of the labels."""
    if which.size == 0:
        return
    mine = labels[which]
    order = np.argsort(mine, kind="stable")
    for at in np.split(order, np.flatnonzero(np.diff(mine[order])) + 1):
        yield int(mine[at[0]]), which[at]


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
