"""HiGHS behind a small door: arrays in, arrays out, no files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
from scipy import sparse

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearProgram:
    """min cost x + offset, row_lower <= matrix x <= row_upper, lower <= x <= upper, x integer where ``integer``.

    ``matrix`` is CSC with shape (rows, columns).
    """

    cost: Array
    offset: float
    matrix: sparse.csc_array
    row_lower: Array
    row_upper: Array
    lower: Array
    upper: Array
    integer: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Result:
    """Outcome of a solve: ``status`` is HiGHS' model status in words, ``x`` None where nothing feasible was found."""

    status: str
    objective: float
    bound: float
    x: Array | None
    seconds: float


class SolverError(RuntimeError):
    """HiGHS failed in a way that is neither a limit nor infeasibility."""


def load(program: LinearProgram) -> highspy.Highs:
    """Hand a programme to a new, silent HiGHS object."""
    solver = highspy.Highs()
    solver.silent()
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = program.matrix.shape
    model.col_cost_, model.offset_ = program.cost, program.offset
    model.col_lower_, model.col_upper_ = program.lower, program.upper
    model.row_lower_, model.row_upper_ = program.row_lower, program.row_upper
    matrix = model.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kColwise
    matrix.start_ = program.matrix.indptr.astype(np.int32)
    matrix.index_ = program.matrix.indices.astype(np.int32)
    matrix.value_ = program.matrix.data
    if program.integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        model.integrality_ = [kinds[int(i)] for i in program.integer]
    solver.passModel(model)
    return solver


def solve(
    program: LinearProgram,
    *,
    gap: float = 0.0,
    time_limit_s: float | None = None,
    nodes: int | None = None,
    enough: float | None = None,
    threads: int = 0,
    start: tuple[npt.NDArray[np.int32], Array] | None = None,
    progress: Callable[[float, float, float], None] | None = None,
    improved: Callable[[Array], None] | None = None,
) -> Result:
    """Solve a programme; ``start`` gives columns and their values in a feasible point (the rest is completed).

    ``nodes`` limits the nodes of a mixed-integer programme; with ``enough`` it ends at the first point whose objective
    is at most that.

    ``progress(seconds, objective, bound)`` is called while a mixed-integer programme is solved. Ctrl-C ends the
    solve with what was found and status ``interrupted``.

    Raises
    ------
    SolverError
        Where HiGHS neither solves the programme nor proves it infeasible nor reaches a limit.
    """
    begin = time.perf_counter()
    faults: list[Exception] = []
    solver = load(program)
    solver.setOptionValue("mip_rel_gap", gap)
    solver.setOptionValue("mip_abs_gap", 1e-9)
    solver.setOptionValue("mip_feasibility_tolerance", 1e-9)
    if time_limit_s is not None:
        solver.setOptionValue("time_limit", max(time_limit_s, 0.1))
    if nodes is not None:
        solver.setOptionValue("mip_max_nodes", nodes)
    if enough is not None:
        solver.setOptionValue("objective_target", enough)
    if threads > 0:
        solver.resetGlobalScheduler(True)
        solver.setOptionValue("threads", threads)
    if start is not None:
        solver.setSolution(start[0].size, start[0], start[1])
    if progress is not None:
        # A silent HiGHS does not call back: let it log, but not to the terminal.
        solver.setOptionValue("output_flag", True)
        solver.setOptionValue("log_to_console", False)
        solver.cbMipLogging += _reporter(solver, progress, faults)
    if improved is not None:
        solver.cbMipImprovingSolution += lambda event: improved(np.asarray(event.data_out.mip_solution))
    interrupted = _run(solver)
    if faults:
        raise faults[0]
    return _result(solver, program, interrupted, time.perf_counter() - begin)


def _reporter(
    solver: highspy.Highs, progress: Callable[[float, float, float], None], faults: list[Exception]
) -> Callable[[Any], None]:
    """Pass progress on; what it raises ends the solve, since HiGHS loses exceptions of its callbacks."""

    def report(event: Any) -> None:
        data = event.data_out
        try:
            progress(data.running_time, data.mip_primal_bound, data.mip_dual_bound)
        except KeyboardInterrupt:
            solver.cancelSolve()
        except Exception as fault:
            faults.append(fault)
            solver.cancelSolve()

    return report


def _run(solver: highspy.Highs) -> bool:
    """Run to the end or to Ctrl-C; whether it was interrupted.

    Ctrl-C reaches the main thread only, and highspy's way to handle it allows for one solve at a time in a process.
    """
    solver.HandleKeyboardInterrupt = threading.current_thread() is threading.main_thread()
    try:
        solver.solve()
    except KeyboardInterrupt:
        return True
    return False


def _result(solver: highspy.Highs, program: LinearProgram, interrupted: bool, seconds: float) -> Result:
    status, info = solver.getModelStatus(), solver.getInfo()
    words = {
        "kOptimal": "optimal",
        "kModelEmpty": "optimal",
        "kInfeasible": "infeasible",
        "kUnboundedOrInfeasible": "infeasible",
        "kTimeLimit": "time limit",
        "kSolutionLimit": "node limit",
        "kObjectiveTarget": "enough",
        "kInterrupt": "interrupted",
        "kHighsInterrupt": "interrupted",
    }
    word = "interrupted" if interrupted else words.get(status.name, "")
    if not word:
        raise SolverError(f"HiGHS stopped with status {solver.modelStatusToString(status)}")
    feasible = info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
    x = np.asarray(solver.getSolution().col_value, dtype=float) if feasible else None
    mixed = bool(program.integer.any())
    objective = float(info.objective_function_value) if x is not None else np.inf
    bound = float(info.mip_dual_bound) if mixed else (objective if word == "optimal" else -np.inf)
    return Result(word, objective, min(bound, objective), x, seconds)
