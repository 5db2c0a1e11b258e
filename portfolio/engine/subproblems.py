"""Scenario subproblems of a compiled programme: value and subgradient at any first-stage point.

Scenario s is min q y subject to row_lower <= W y + T x <= row_upper within bounds. Free columns that an equality
alone defines (``running``, ``delivered``) are replaced by that definition; what is left falls into independent parts,
one per material, each a persistent HiGHS model whose last basis is its next start.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import highspy
import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from models import Instance
from portfolio.engine.compile import Compiled
from portfolio.engine.highs import LinearProgram, SolverError, load

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


SPECK = 1e-6
"""Part of its largest effect by which solver tolerances of the first stage may push a limit below zero."""


@dataclass
class Part:
    """An independent part of a scenario: a warm HiGHS model whose row bounds move with the first stage.

    ``effect`` maps the scenario's definitions u and first stage x, stacked, to the rows of the part; ``columns`` are
    its columns in the compiled programme, ``speck`` what counts as zero in each row.
    """

    solver: highspy.Highs
    columns: Integers
    row_lower: Array
    row_upper: Array
    effect: sparse.csr_array
    speck: Array

    def solve(self, point: Array) -> tuple[float, Array]:
        """Value and row duals at a stacked point (u, x).

        Supply that tolerances of the first stage make a speck negative counts as zero: a larger supply, so that
        values and cuts stay valid lower bounds.
        """
        shift = self.effect @ point
        lower, upper = self.row_lower - shift, self.row_upper - shift
        inequality = self.row_lower < self.row_upper
        lower[inequality & (lower > 0) & (lower < self.speck)] = 0.0
        upper[inequality & (upper < 0) & (upper > -self.speck)] = 0.0
        self._run(lower, upper)
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            self.solver.clearSolver()
            slack = np.where(inequality, 10.0 * self.speck, 0.0)
            self._run(lower - slack, upper + slack)
        status = self.solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverError(f"a recourse problem ended with status {self.solver.modelStatusToString(status)}")
        return self.solver.getInfo().objective_function_value, np.asarray(self.solver.getSolution().row_dual)

    def _run(self, lower: Array, upper: Array) -> None:
        rows = np.arange(lower.size, dtype=np.int32)
        self.solver.changeRowsBounds(rows.size, rows, lower, upper)
        self.solver.run()

    def values(self) -> Array:
        """Values of the columns in the last solution."""
        return np.asarray(self.solver.getSolution().col_value)


@dataclass
class Scenario:
    """One scenario: u = constant - define x, and its parts by label."""

    define: sparse.csr_array
    constant: Array
    parts: dict[int, Part]

    def evaluate(self, x: Array) -> dict[int, tuple[float, Array]]:
        """Value and gradient in x by label."""
        point = np.concatenate([self.constant - self.define @ x, x])
        split = self.constant.size
        found = {}
        for label, part in self.parts.items():
            value, dual = part.solve(point)
            along = part.effect.T @ dual
            found[label] = (value, self.define.T @ along[:split] - along[split:])
        return found


@dataclass(frozen=True)
class Subproblems:
    """All scenarios of a compiled programme; values are those of the scenario, not times its probability."""

    scenarios: tuple[Scenario, ...]
    labels: int
    columns: int

    def evaluate(self, x: Array, pool: ThreadPoolExecutor) -> tuple[Array, Array]:
        """Values (S, L) and gradients (S, L, columns) at a first-stage point."""
        values = np.zeros((len(self.scenarios), self.labels))
        gradients = np.zeros((len(self.scenarios), self.labels, self.columns))
        for s, found in enumerate(pool.map(lambda item: item.evaluate(x), self.scenarios)):
            for label, (value, gradient) in found.items():
                values[s, label], gradients[s, label] = value, gradient
        return values, gradients


def threads(wanted: int) -> int:
    """Threads to use: those wanted, or all cores this process may use."""
    return wanted if wanted > 0 else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def recourse_cost(instance: Instance, compiled: Compiled) -> Array:
    """What a tonne of every recourse column costs in its scenario: Z plus side costs, not times the probability."""
    cost = np.zeros(len(compiled.columns))
    for c, (name, index) in enumerate(compiled.columns):
        if name == "shallow":
            cost[c] = instance.weight[0, index[2], index[3]]
        elif name == "deep":
            cost[c] = instance.weight[1, index[2], index[3]]
        elif name == "transfer":
            cost[c] = instance.transfer_cost
        elif name == "worst":
            cost[c] = instance.fairness_weight[index]
    return cost


def split(compiled: Compiled, count: int, labels: int, cost: Array) -> Subproblems:
    """Cut a compiled extensive form into its scenarios; labels are materials.

    ``cost`` replaces the programme's costs of all columns, which hold the probabilities (and do not hold the
    recourse where a CVaR counts).
    """
    compiled = replace(compiled, program=replace(compiled.program, cost=cost))
    matrix = sparse.csr_array(compiled.program.matrix)
    first = compiled.first_stage
    return Subproblems(
        tuple(_scenario(compiled, matrix, first, s) for s in range(count)), labels=labels, columns=first.size
    )


def _scenario(compiled: Compiled, matrix: sparse.csr_array, first: Integers, s: int) -> Scenario:
    program = compiled.program
    rows, columns = np.flatnonzero(compiled.row_owner == s), np.flatnonzero(compiled.column_owner == s)
    slab = sparse.csr_array(matrix[rows])
    own, outer = sparse.csr_array(slab[:, columns]), sparse.csr_array(slab[:, first])
    defining, defined = _definitions(program, own, rows, columns)
    kept_rows = np.setdiff1d(np.arange(rows.size), defining)
    kept_columns = np.setdiff1d(np.arange(columns.size), defined)
    effect = sparse.csr_array(sparse.hstack([own[kept_rows][:, defined], outer[kept_rows]]))
    inner = sparse.csr_array(own[kept_rows][:, kept_columns])
    parts = {}
    labels = _labels(compiled, columns[kept_columns], inner)
    for label in np.unique(labels[1]):
        at_rows, at_columns = np.flatnonzero(labels[0] == label), np.flatnonzero(labels[1] == label)
        parts[int(label)] = _part(
            program,
            inner[at_rows][:, at_columns],
            effect[at_rows],
            rows[kept_rows[at_rows]],
            columns[kept_columns[at_columns]],
        )
    return Scenario(sparse.csr_array(outer[defining]), program.row_lower[rows[defining]], parts)


def _definitions(
    program: LinearProgram, own: sparse.csr_array, rows: Integers, columns: Integers
) -> tuple[Integers, Integers]:
    """Equalities with a single own column, of coefficient one, free and without cost; and those columns."""
    counts = np.diff(own.indptr)
    single = np.flatnonzero((counts == 1) & (program.row_lower[rows] == program.row_upper[rows]))
    column = own.indices[own.indptr[single]]
    free = np.isinf(program.lower[columns[column]]) & np.isinf(program.upper[columns[column]])
    plain = free & (program.cost[columns[column]] == 0) & (own.data[own.indptr[single]] == 1.0)
    return single[plain].astype(np.int64), column[plain].astype(np.int64)


def _labels(compiled: Compiled, columns: Integers, inner: sparse.csr_array) -> tuple[Integers, Integers]:
    """Label of every row and column: the material of the independent part it belongs to."""
    n_rows, n_columns = inner.shape
    if n_rows == 0 or n_columns == 0:
        return np.zeros(n_rows, dtype=np.int64), np.zeros(n_columns, dtype=np.int64)
    empty_rows, empty_columns = sparse.csr_array((n_rows, n_rows)), sparse.csr_array((n_columns, n_columns))
    graph = sparse.vstack([sparse.hstack([empty_rows, inner]), sparse.hstack([inner.T, empty_columns])])
    count, component = csgraph.connected_components(graph, directed=False)
    material = np.zeros(count, dtype=np.int64)
    for c, at in zip(columns, component[n_rows:], strict=True):
        material[at] = _material(*compiled.columns[c])
    return material[component[:n_rows]], material[component[n_rows:]]


def _material(name: str, index: Sequence[int]) -> int:
    """Material of a recourse column: its place in the index depends on the variable."""
    place = {"transfer": 3, "stock": 1, "release": 1, "worst": 1}.get(name, 2)
    return int(index[place])


def _part(
    program: LinearProgram, inner: sparse.csr_array, effect: sparse.csr_array, rows: Integers, columns: Integers
) -> Part:
    lower, upper = program.row_lower[rows], program.row_upper[rows]
    solver = load(
        LinearProgram(
            cost=program.cost[columns],
            offset=0.0,
            matrix=sparse.csc_array(inner),
            row_lower=lower,
            row_upper=upper,
            lower=program.lower[columns],
            upper=program.upper[columns],
            integer=np.zeros(columns.size, dtype=bool),
        )
    )
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("solver", "simplex")
    speck = SPECK * np.asarray(abs(effect).max(axis=1).todense()).ravel()
    return Part(solver, columns, lower, upper, sparse.csr_array(effect), speck)
