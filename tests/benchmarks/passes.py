"""A pass over all scenarios against solving each recourse programme by warm HiGHS, at the same points.

:func:`engine_pass` is the one place that knows how the engine makes a pass.
"""

from __future__ import annotations

import json
import pickle
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
from scipy import sparse

from models import Decision, Instance, build_extensive_form
from portfolio.engine import Limits, choose
from portfolio.engine.assembled import compile_instance
from portfolio.engine.compile import Compiled, compile_model
from portfolio.engine.highs import LinearProgram, load
from portfolio.engine.passes import Passes

Array = npt.NDArray[np.float64]

Pass = Callable[[Array], float]
"""Mean recourse cost at a first-stage point, in the order of ``Compiled.first_stage``."""

AGREE = 1e-6
"""Relative difference of the two at the same point beyond which the comparison is void."""


@dataclass(frozen=True)
class Compared:
    """Seconds of one pass (median over points after the first) by the engine and scenario by scenario.

    ``engine_s`` is of exact passes, ``prices_s`` of those at old prices, whose values are lower by ``below`` at most.
    """

    scenarios: int
    points: int
    engine_s: float
    prices_s: float
    each_s: float
    difference: float
    below: float

    @property
    def ratio(self) -> float:
        """Exact pass over solving each."""
        return self.engine_s / self.each_s

    @property
    def prices_ratio(self) -> float:
        """Pass at old prices over solving each."""
        return self.prices_s / self.each_s


def engine_pass(instance: Instance, compiled: Compiled, threads: int, *, exact: bool) -> Pass:
    """Make the engine's own pass: values and cuts of every scenario at a point.

    One that is not exact keeps the prices of linking rows that the last exact one found: its values are lower bounds.
    """
    arrays = compile_instance(instance)
    programme = arrays.programme
    passes = Passes(programme, ThreadPoolExecutor(threads))
    at = {key: n for n, key in enumerate(arrays.first.columns)}
    place = np.array([at[compiled.columns[c]] for c in compiled.first_stage])
    begun: list[bool] = []

    def run(x: Array) -> float:
        point = np.zeros(programme.first.cost.size)
        point[place] = x
        values = passes.evaluate(point, exact=exact or not begun)
        begun.append(True)
        passes.gradient(programme.probability)
        return float(programme.probability @ values.sum(axis=1))

    return run


def each_pass(instance: Instance, compiled: Compiled) -> Pass:
    """Solve the recourse of every scenario by a HiGHS model of its own that keeps its last basis, on one thread."""
    matrix, first = sparse.csr_array(compiled.program.matrix), compiled.first_stage
    models = [_Warm(compiled, matrix, first, s) for s in range(instance.scenarios.size)]
    return lambda x: sum(model.value(x) for model in models)


class _Warm:
    """One scenario's recourse, objective with its probability: min q y, l - T x <= W y <= u - T x."""

    def __init__(self, compiled: Compiled, matrix: sparse.csr_array, first: npt.NDArray[np.int64], number: int) -> None:
        program = compiled.program
        rows = np.flatnonzero(compiled.row_owner == number)
        columns = np.flatnonzero(compiled.column_owner == number)
        slab = sparse.csr_array(matrix[rows])
        self.effect = sparse.csr_array(slab[:, first])
        self.lower, self.upper = program.row_lower[rows], program.row_upper[rows]
        self.rows = np.arange(rows.size, dtype=np.int32)
        own = LinearProgram(
            cost=program.cost[columns],
            offset=0.0,
            matrix=sparse.csc_array(slab[:, columns]),
            row_lower=self.lower,
            row_upper=self.upper,
            lower=program.lower[columns],
            upper=program.upper[columns],
            integer=np.zeros(columns.size, dtype=bool),
        )
        self.solver = load(own)
        self.solver.setOptionValue("threads", 1)
        self.solver.setOptionValue("solver", "simplex")

    def value(self, x: Array) -> float:
        """Objective at a point.

        Raises
        ------
        RuntimeError
            Where HiGHS does not solve it.
        """
        shift = self.effect @ x
        self.solver.changeRowsBounds(self.rows.size, self.rows, self.lower - shift, self.upper - shift)
        self.solver.run()
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"recourse: {self.solver.modelStatusToString(self.solver.getModelStatus())}")
        return float(self.solver.getInfo().objective_function_value)


def walk(instance: Instance, compiled: Compiled, count: int, seed: int = 1) -> list[Array]:
    """First-stage points as a search would visit them: parts of a found portfolio, blended with it by chance.

    The recourse is complete, so that any of them is feasible for it.
    """
    found = choose("benders", instance).solve(instance, Limits(gap=0.2, time_limit_s=30.0)).decision or Decision()
    best = compiled.values(found)[compiled.first_stage]
    project = np.array([_project(*compiled.columns[c]) for c in compiled.first_stage])
    chosen = sorted({p for p, _, _ in found.chosen})
    rng = np.random.Generator(np.random.Philox(seed))
    points = []
    for _ in range(count):
        dropped = [p for p in chosen if rng.random() < 0.3]
        points.append(np.where(np.isin(project, dropped), rng.random(), 1.0) * best)
    return points


def _project(name: str, index: Any) -> str:
    """Project of a first-stage column, empty for purchases."""
    if name == "purchase":
        return ""
    return str(index[0 if name in ("select", "use") else 1])


def compare(instance: Instance, points: int = 6, threads: int = 2) -> Compared:
    """Time both passes at the same points, the first of which warms them up.

    Raises
    ------
    ValueError
        Where the two disagree on a value, or a CVaR counts (costs then do not stand in the recourse).
    """
    if instance.cvar_weight > 0:
        raise ValueError("a pass is compared on the mean: set risk.cvar_weight to 0")
    compiled = compile_model(build_extensive_form(instance))
    visited = walk(instance, compiled, points + 1)
    runs = (
        engine_pass(instance, compiled, threads, exact=True),
        engine_pass(instance, compiled, threads, exact=False),
        each_pass(instance, compiled),
    )
    spans, values = [], []
    for run in runs:
        seconds, seen = [], []
        for x in visited:
            begin = time.perf_counter()
            seen.append(run(x))
            seconds.append(time.perf_counter() - begin)
        spans.append(statistics.median(seconds[1:]))
        values.append(np.array(seen))
    scale = np.maximum(np.abs(values[2]), 1e-9)
    difference = float(np.max(np.abs(values[0] - values[2]) / scale))
    below = float(np.max((values[2] - values[1]) / scale))
    if difference > AGREE or below < -AGREE:
        raise ValueError(f"the passes disagree by {difference:.1e} and {below:.1e}")
    return Compared(instance.scenarios.size, points, spans[0], spans[1], spans[2], difference, below)


def main(folder: str, threads: str) -> None:
    """Compare on the instance pickled in a folder and leave ``passes.json`` there."""
    with (Path(folder) / "instance.pkl").open("rb") as file:
        instance = pickle.load(file)  # noqa: S301 - written by the parent process
    found = compare(instance, threads=int(threads))
    record = vars(found) | {"ratio": found.ratio, "prices_ratio": found.prices_ratio}
    (Path(folder) / "passes.json").write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
