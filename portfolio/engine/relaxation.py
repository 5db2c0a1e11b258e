"""The master's linear relaxation: one warm HiGHS model from the root to the last node.

Cuts live in a pool; the model holds those that matter. A cut that is slack for long leaves the model, not the
pool, and comes back when a solution violates it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from portfolio.engine.cuts import CutPool, Layout
from portfolio.engine.highs import LinearProgram, SolverError, load
from portfolio.engine.programme import Array, Flags, Integers, TwoStage

VIOLATION = 1e-7
"""Violation of a pooled cut, relative to the objective, at which it returns."""
MOST = 100
"""Cuts in the model above which slack ones leave."""


@dataclass(frozen=True)
class Point:
    """Solution of the relaxation: objective, columns of the master, reduced costs."""

    objective: float
    x: Array
    reduced: Array


class Relaxation:
    """min c x + (1 - lambda) sum theta + lambda (eta + tau / (1 - beta)) over the first stage relaxed and the cuts."""

    def __init__(self, programme: TwoStage, pool: CutPool) -> None:
        self.programme, self.pool, self.layout = programme, pool, pool.layout
        self.master = master(programme, pool.layout)
        self.solver = load(relaxed(self.master))
        self.solver.setOptionValue("threads", 1)
        self.solver.setOptionValue("solver", "simplex")
        self.base = self.master.matrix.shape[0]
        self.inside: list[int] = []
        self.lower, self.upper = self.master.lower.copy(), self.master.upper.copy()
        self.forced: frozenset[int] = frozenset()
        self.cutoff = np.inf
        self.first = True
        self.known = 0

    @property
    def thetas(self) -> slice:
        """Columns of theta."""
        return slice(self.layout.x, self.layout.x + self.layout.labels)

    def restrict(self, lower: Array, upper: Array, forced: frozenset[int]) -> None:
        """Set bounds of the first-stage columns, and the branches whose columns have to sum to one."""
        n = self.layout.x
        moved = np.flatnonzero((self.upper[:n] != upper) | (self.lower[:n] != lower)).astype(np.int32)
        if moved.size:
            self.solver.changeColsBounds(moved.size, moved, lower[moved], upper[moved])
            self.lower[moved], self.upper[moved] = lower[moved], upper[moved]
        for branch in self.forced ^ forced:
            row = self.base - len(self.programme.branches) + branch
            self.solver.changeRowBounds(row, 1.0 if branch in forced else 0.0, 1.0)
        self.forced = forced

    def solve(self) -> Point | None:
        """Solve, with every pooled cut that the solution violates; None where nothing is feasible."""
        while True:
            self._add_new()
            if not self._run():
                return None
            solution, info = self.solver.getSolution(), self.solver.getInfo()
            x = np.asarray(solution.col_value)
            short = self.pool.violated(x, VIOLATION * (1.0 + abs(info.objective_function_value)))
            short[self.inside] = 0.0
            back = np.flatnonzero(short)
            if back.size == 0:
                reduced = np.asarray(solution.col_dual)
                point = Point(info.objective_function_value, x, reduced)
                self._drop_slack(x)
                return point
            self._add(back[np.argsort(-short[back], kind="stable")[:20]].tolist())

    def restart(self, basis: Any) -> None:
        """Start the next solve from a :meth:`snapshot` of an earlier model, whose cuts may have come and gone since."""
        columns, rows, held = basis
        kept = dict(zip(held, rows[self.base :], strict=True))
        start = highspy.HighsBasis()
        start.col_status = columns
        start.row_status = rows[: self.base] + [kept.get(c, highspy.HighsBasisStatus.kBasic) for c in self.inside]
        start.valid = True
        self.solver.setBasis(start)

    def snapshot(self) -> tuple[list[highspy.HighsBasisStatus], list[highspy.HighsBasisStatus], list[int]]:
        """The last basis with the cuts it is of, for :meth:`restart`."""
        state = self.solver.getBasis()
        return list(state.col_status), list(state.row_status), list(self.inside)

    def _run(self) -> bool:
        """Run HiGHS; whether there is an optimum."""
        self.solver.setOptionValue("presolve", "on" if self.first else "off")
        self.solver.run()
        self.first = False
        kind = highspy.HighsModelStatus
        status = self.solver.getModelStatus()
        if status not in (kind.kOptimal, kind.kInfeasible):
            self.solver.clearSolver()
            self.solver.setOptionValue("presolve", "on")
            self.solver.run()
            status = self.solver.getModelStatus()
        if status == kind.kOptimal:
            return True
        if status in (kind.kInfeasible, kind.kUnboundedOrInfeasible):
            return False
        raise SolverError(f"the master ended with status {self.solver.modelStatusToString(status)}")

    def _add_new(self) -> None:
        """Put cuts into the model that it has never had."""
        if self.pool.count > self.known:
            self._add(list(range(self.known, self.pool.count)))
            self.known = self.pool.count

    def _add(self, cuts: list[int]) -> None:
        block = sparse.csr_array(self.pool.rows[cuts])
        self.solver.addRows(
            len(cuts),
            self.pool.lower[cuts],
            np.full(len(cuts), np.inf),
            block.nnz,
            block.indptr[:-1].astype(np.int32),
            block.indices.astype(np.int32),
            block.data,
        )
        self.inside += cuts

    def _drop_slack(self, x: Array) -> None:
        """Take cuts out of a model that has too many: those that are slackest."""
        if len(self.inside) <= MOST:
            return
        state = self.solver.getBasis()
        basic = np.array([s == highspy.HighsBasisStatus.kBasic for s in state.row_status[self.base :]])
        leave = slackest(self.pool, self.inside, x, basic)
        if leave.size:
            self.solver.deleteRows(leave.size, (self.base + leave).astype(np.int32))
            gone = set(leave.tolist())
            self.inside = [c for n, c in enumerate(self.inside) if n not in gone]


def slackest(pool: CutPool, inside: list[int], x: Array, basic: Flags) -> Integers:
    """Places of the cuts that leave a model which has too many: the slackest among those whose slack is basic."""
    slack = pool.dense[inside] @ x[pool.support] - pool.lower[inside]
    order = np.argsort(-np.where(basic, slack, -1.0), kind="stable")
    return np.sort(np.array([c for c in order[: len(inside) - MOST // 2] if basic[c]], dtype=np.int64))


def whole_programme(
    programme: TwoStage, pool: CutPool, cuts: list[int], lower: Array, upper: Array, forced: frozenset[int]
) -> tuple[LinearProgram, Integers]:
    """The master with integrality, some cuts and bounds, without the columns these hold at zero; and those it keeps."""
    held = master(programme, pool.layout)
    n = pool.layout.x
    low, high = held.lower.copy(), held.upper.copy()
    low[:n], high[:n] = lower, upper
    keep = np.flatnonzero((low != 0) | (high != 0))
    matrix = sparse.csc_array(held.matrix[:, keep])
    row_lower = held.row_lower.copy()
    row_lower[[row_lower.size - len(programme.branches) + b for b in forced]] = 1.0
    used = np.flatnonzero(np.diff(sparse.csr_array(matrix).indptr) + ((row_lower > 0) | (held.row_upper < 0)))
    rows = [sparse.csr_array(matrix)[used]] + ([sparse.csr_array(pool.rows[cuts][:, keep])] if cuts else [])
    return LinearProgram(
        cost=held.cost[keep],
        offset=held.offset,
        matrix=sparse.csc_array(sparse.vstack(rows)),
        row_lower=np.concatenate([row_lower[used], pool.lower[cuts]]),
        row_upper=np.concatenate([held.row_upper[used], np.full(len(cuts), np.inf)]),
        lower=low[keep],
        upper=high[keep],
        integer=held.integer[keep],
    ), keep


def relaxed(programme: LinearProgram) -> LinearProgram:
    """The programme without integrality."""
    return LinearProgram(
        programme.cost,
        programme.offset,
        programme.matrix,
        programme.row_lower,
        programme.row_upper,
        programme.lower,
        programme.upper,
        np.zeros_like(programme.integer),
    )


def master(programme: TwoStage, layout: Layout) -> LinearProgram:
    """First stage with columns for the recourse, and a row for every branch, as yet without effect."""
    first, risk = programme.first, programme.cvar_weight
    low = 0.0 if (programme.cost >= 0).all() else -np.inf
    extra = layout.size - layout.x
    sums = sparse.lil_array((len(programme.branches), layout.x))
    for n, branch in enumerate(programme.branches):
        sums[n, branch.columns] = 1.0
    matrix = sparse.vstack([sparse.csr_array(first.matrix), sparse.csr_array(sums)])
    tail = [risk, risk / (1.0 - programme.cvar_level)] if layout.tail else []
    bounds = np.concatenate([np.full(layout.labels, low), [low, 0.0] if layout.tail else []])
    branches = len(programme.branches)
    return LinearProgram(
        cost=np.concatenate([first.cost, np.full(layout.labels, 1.0 - risk), tail]),
        offset=first.offset,
        matrix=sparse.csc_array(sparse.hstack([matrix, sparse.csr_array((matrix.shape[0], extra))])),
        row_lower=np.concatenate([first.row_lower, np.zeros(branches)]),
        row_upper=np.concatenate([first.row_upper, np.ones(branches)]),
        lower=np.concatenate([first.lower, bounds]),
        upper=np.concatenate([first.upper, np.full(extra, np.inf)]),
        integer=np.concatenate([first.integer, np.zeros(extra, dtype=bool)]),
    )
