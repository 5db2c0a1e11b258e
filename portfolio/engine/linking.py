"""Rows that link pieces, such as a stock carried from year to year: priced, so that the pieces stay small.

With prices mu on the linking rows, min cost y + mu (b - A y) falls into pieces: a lower bound on the recourse for
any mu, and its value where mu is optimal (Lagrangian duality). Optimal prices come from the whole linear programme
of a component, one warm HiGHS model for all its scenarios, each with the basis it had last.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import highspy
import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from portfolio.engine.highs import LinearProgram, SolverError, load
from portfolio.engine.programme import Array, Flags, Integers, TwoStage

"""Of HiGHS, with Devex pricing (1): exact edge weights for a new basis would cost more than the steps they save."""


@dataclass(frozen=True)
class Component:
    """Rows and columns that linking rows hold together; ``priced`` are the places of those rows within ``rows``."""

    rows: Integers
    columns: Integers
    priced: Integers
    label: int


def connected(matrix: sparse.csr_array) -> tuple[Integers, Integers]:
    """Number of the connected part of every row and column of a matrix."""
    rows, columns = matrix.shape
    graph = sparse.block_array([[None, matrix], [sparse.csr_array(matrix.T), None]]) if matrix.nnz else None
    if graph is None:
        return np.arange(rows, dtype=np.int64), rows + np.arange(columns, dtype=np.int64)
    _, part = csgraph.connected_components(graph, directed=False)
    return part[:rows].astype(np.int64), part[rows:].astype(np.int64)


def components(programme: TwoStage) -> tuple[Component, ...]:
    """Parts of the recourse that hold a priced row."""
    if not programme.priced.any():
        return ()
    row_part, column_part = connected(programme.matrix)
    found = []
    for part in np.unique(row_part[programme.priced]):
        rows, columns = np.flatnonzero(row_part == part), np.flatnonzero(column_part == part)
        found.append(
            Component(rows, columns, np.flatnonzero(programme.priced[rows]), int(programme.row_label[rows[0]]))
        )
    return tuple(found)


@dataclass
class Exact:
    """Solves a component in scenario after scenario, warm; ``bases`` holds the last basis of each scenario."""

    programme: TwoStage
    component: Component
    bases: dict[int, highspy.HighsBasis] = field(default_factory=dict)
    solver: highspy.Highs | None = None

    def solve(self, scenario: int, rows: Array, upper: Array) -> Array:
        """Optimal prices of the component's linking rows under its right-hand sides and upper bounds.

        Raises
        ------
        SolverError
            Where HiGHS does not solve it.
        """
        solver, c = self._solver(), self.component
        lower = np.ascontiguousarray(rows)
        solver.changeRowsBounds(lower.size, self._rows, lower, np.where(self._equal, lower, np.inf))
        solver.changeColsBounds(self._bounded.size, self._bounded, self._zeros, upper[self._bounded])
        held = self.bases.get(scenario)
        if held is not None:
            solver.setBasis(held)
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            solver.clearSolver()
            solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            word = solver.modelStatusToString(solver.getModelStatus())
            raise SolverError(f"the recourse of scenario {scenario} ended with status {word}")
        self.bases[scenario] = solver.getBasis()
        return np.asarray(solver.getSolution().row_dual)[c.priced]

    def columns(self) -> Array:
        """Values of the component's columns in the last solution."""
        return np.asarray(self._solver().getSolution().col_value)

    @cached_property
    def _equal(self) -> Flags:
        return self.programme.equal[self.component.rows]

    @cached_property
    def _rows(self) -> npt.NDArray[np.int32]:
        return np.arange(self.component.rows.size, dtype=np.int32)

    @cached_property
    def _bounded(self) -> npt.NDArray[np.int32]:
        """Columns with an upper bound."""
        p, columns = self.programme, self.component.columns
        bounded = np.isfinite(p.upper) | (np.diff(p.upper_data.indptr) > 0)
        return np.flatnonzero(bounded[columns]).astype(np.int32)

    @cached_property
    def _zeros(self) -> Array:
        return np.zeros(self._bounded.size)

    def _solver(self) -> highspy.Highs:
        if self.solver is None:
            c, p = self.component, self.programme
            rows = p.equal[c.rows]
            self.solver = load(
                LinearProgram(
                    cost=p.cost[c.columns],
                    offset=0.0,
                    matrix=sparse.csc_array(p.matrix[c.rows][:, c.columns]),
                    row_lower=np.zeros(c.rows.size),
                    row_upper=np.where(rows, 0.0, np.inf),
                    lower=np.zeros(c.columns.size),
                    upper=np.full(c.columns.size, np.inf),
                    integer=np.zeros(c.columns.size, dtype=bool),
                )
            )
            for option, value in (("presolve", "off"), ("threads", 1), ("solver", "simplex")):
                self.solver.setOptionValue(option, value)
        return self.solver
