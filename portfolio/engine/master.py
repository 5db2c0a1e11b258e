"""The master of the decomposition: first stage, knapsack rows, and cuts on the recourse of groups of scenarios.

Columns are x (first stage), theta[g, m] (expected recourse of group g and material m) and, where a CVaR counts, eta
and tau[g]: tau[g] >= sum_{s in A} p_s (Q_s(x) - eta) for any subset A of the group, tau >= 0, so that
CVaR = eta + sum_g tau[g] / (1 - beta). A tail cut is one per group and never per material: excess over eta belongs to
a scenario as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from models import Instance
from portfolio.assemble.affordable import knapsack_rows, least_charges
from portfolio.engine.compile import FIRST_STAGE, Compiled
from portfolio.engine.highs import LinearProgram

Array = npt.NDArray[np.float64]


@dataclass
class Master:
    """A growing programme: ``program`` holds columns and rows without cuts; ``size`` counts x, theta and tau."""

    program: LinearProgram
    size: tuple[int, int, int]
    rows: list[sparse.csr_array] = field(default_factory=list)
    lower: list[Array] = field(default_factory=list)

    def add(self, values: Array, gradients: Array, x: Array) -> None:
        """Add theta >= values + gradients (x' - x); shapes (thetas,), (thetas, x)."""
        _, thetas, tails = self.size
        rest = sparse.csr_array((thetas, tails + 1 if tails else 0))
        block = sparse.hstack([_clean(-gradients), sparse.eye_array(thetas), rest], format="csr")
        self._append(block, values - gradients @ x)

    def add_tail(self, values: Array, gradients: Array, mass: Array, x: Array) -> None:
        """Add tau >= values + gradients (x' - x) - mass eta for the groups with mass; sums over p_s Q_s of a subset."""
        _, thetas, tails = self.size
        held = np.flatnonzero(mass > 0)
        if held.size == 0:
            return
        gap = sparse.csr_array((held.size, thetas))
        tau = sparse.csr_array(sparse.eye_array(tails))[held]
        column = sparse.csr_array(sparse.diags_array(mass[held]) @ np.ones((held.size, 1)))
        parts = [_clean(-gradients[held]), gap, column, tau]
        self._append(sparse.hstack(parts, format="csr"), values[held] - gradients[held] @ x)

    def _append(self, block: sparse.csr_array, lower: Array) -> None:
        self.rows.append(block)
        self.lower.append(lower)

    def purge(self, point: Array) -> None:
        """Drop cuts that are slack at a point; what they said is learnt again where it matters."""
        kept: list[sparse.csr_array] = []
        lower: list[Array] = []
        for block, constants in zip(self.rows, self.lower, strict=True):
            tight = np.flatnonzero(block @ point - constants <= 1e-6 * (1.0 + np.abs(constants)))
            if tight.size:
                kept.append(sparse.csr_array(block[tight]))
                lower.append(constants[tight])
        self.rows, self.lower = kept, lower

    def with_cuts(self) -> LinearProgram:
        """The whole master as one programme."""
        matrix = sparse.csc_array(sparse.vstack([sparse.csr_array(self.program.matrix), *self.rows]))
        extra = np.concatenate([np.zeros(0), *self.lower])
        return replace(
            self.program,
            matrix=matrix,
            row_lower=np.concatenate([self.program.row_lower, extra]),
            row_upper=np.concatenate([self.program.row_upper, np.full(extra.size, np.inf)]),
        )


def _clean(gradients: Array) -> sparse.csr_array:
    """Gradients without rounding noise."""
    kept = sparse.csr_array(gradients)
    kept.data[np.abs(kept.data) < 1e-11] = 0.0
    kept.eliminate_zeros()
    return kept


def make_master(compiled: Compiled, instance: Instance, groups: int) -> Master:
    """First stage alone with knapsack rows on least charges; theta, eta, tau >= 0 (all weights are non-negative)."""
    program, first = compiled.program, compiled.first_stage
    thetas, risk = groups * len(instance.materials), instance.cvar_weight
    tails = groups if risk > 0 else 0
    rows = _first_rows(compiled)
    own = sparse.csr_array(program.matrix)[rows][:, first]
    fits, room = _knapsack(compiled, instance)
    matrix = sparse.vstack([own, fits])
    tail_cost = [risk] + [risk / (1.0 - instance.cvar_level)] * tails if tails else []
    extra = thetas + len(tail_cost)
    return Master(
        LinearProgram(
            cost=np.concatenate([program.cost[first], np.full(thetas, 1.0 - risk), tail_cost]),
            offset=program.offset,
            matrix=sparse.csc_array(sparse.hstack([matrix, sparse.csr_array((matrix.shape[0], extra))])),
            row_lower=np.concatenate([program.row_lower[rows], np.full(room.size, -np.inf)]),
            row_upper=np.concatenate([program.row_upper[rows], room]),
            lower=np.concatenate([program.lower[first], np.zeros(extra)]),
            upper=np.concatenate([program.upper[first], np.full(extra, np.inf)]),
            integer=np.concatenate([program.integer[first], np.zeros(extra, dtype=bool)]),
        ),
        (first.size, thetas, tails),
    )


def _first_rows(compiled: Compiled) -> npt.NDArray[np.int64]:
    """Rows over first-stage columns alone: the CVaR's own rows hold scenario columns and are left to the cuts."""
    rows = np.flatnonzero(compiled.row_owner == FIRST_STAGE)
    other = np.ones(compiled.column_owner.size)
    other[compiled.first_stage] = 0.0
    count = np.asarray(abs(sparse.csr_array(compiled.program.matrix)[rows]) @ other)
    return np.asarray(rows[count == 0], dtype=np.int64)


def _knapsack(compiled: Compiled, instance: Instance) -> tuple[sparse.csr_array, Array]:
    """Knapsack rows over the first-stage columns and their limits."""
    place = {compiled.columns[c]: n for n, c in enumerate(compiled.first_stage)}
    found = list(knapsack_rows(instance, least_charges(instance)))
    matrix = sparse.lil_array((len(found), compiled.first_stage.size))
    for n, (row, _) in enumerate(found):
        for key, charge in row.items():
            matrix[n, place["select", key]] = charge
    return sparse.csr_array(matrix), np.array([limit for _, limit in found])
