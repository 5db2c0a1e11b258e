"""The extensive form: every scenario in one mixed-integer programme, given to HiGHS directly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from models import Decision, Instance, build_extensive_form
from portfolio.engine.compile import Compiled, compile_model
from portfolio.engine.highs import LinearProgram, Result, solve
from portfolio.engine.protocol import Limits, Progress, ProgressCall, Solution, Status

STATUS = {
    "optimal": Status.OPTIMAL,
    "time limit": Status.TIME_LIMIT,
    "interrupted": Status.INTERRUPTED,
    "infeasible": Status.INFEASIBLE,
}


@dataclass(frozen=True)
class ExtensiveForm:
    """Engine that solves the extensive form; the referee of every other engine."""

    def solve(
        self,
        instance: Instance,
        limits: Limits,
        *,
        start: Decision | None = None,
        progress: ProgressCall | None = None,
    ) -> Solution:
        """Minimise the objective; without ``start`` the search starts from supporting nothing, where allowed."""
        begin = time.perf_counter()
        compiled = compile_model(build_extensive_form(instance))
        built = time.perf_counter() - begin
        left = None if limits.time_limit_s is None else limits.time_limit_s - built
        if start is None and not instance.obliged:
            start = Decision()
        columns = compiled.first_stage.astype(np.int32)
        result = solve(
            compiled.program,
            gap=limits.gap,
            time_limit_s=left,
            threads=limits.threads,
            start=None if start is None else (columns, compiled.values(start)[columns]),
            progress=None if progress is None else _relay(progress, built),
        )
        if result.x is None and result.status in ("time limit", "interrupted") and start is not None:
            result = replace(held(compiled, start), status=result.status, bound=max(0.0, result.bound))
        return _solution(compiled, result, built)


def held(compiled: Compiled, start: Decision) -> Result:
    """Hold the first stage at a decision and solve the recourse: what a search that found nothing falls back on."""
    program, columns = compiled.program, compiled.first_stage
    lower, upper = program.lower.copy(), program.upper.copy()
    lower[columns] = upper[columns] = compiled.values(start)[columns]
    return solve(replace(program, lower=lower, upper=upper, integer=np.zeros_like(program.integer)))


def _relay(progress: ProgressCall, before: float) -> Callable[[float, float, float], None]:
    """Pass HiGHS' progress on, counted from the start of the engine."""
    return lambda seconds, objective, bound: progress(Progress(before + seconds, objective, bound))


def _solution(compiled: Compiled, result: Result, built: float) -> Solution:
    size = {
        "rows": int(compiled.program.matrix.shape[0]),
        "columns": int(compiled.program.matrix.shape[1]),
        "nonzeros": int(compiled.program.matrix.nnz),
        "integers": int(compiled.program.integer.sum()),
    }
    seconds = {"build": built, "solve": result.seconds}
    if result.x is None:
        return Solution(STATUS[result.status], "extensive", np.inf, result.bound, None, seconds, size)
    begin = time.perf_counter()
    polished = polish(compiled.program, result.x)
    seconds["polish"] = time.perf_counter() - begin
    x, objective = (polished.x, polished.objective) if polished.x is not None else (result.x, result.objective)
    bound = min(result.bound, objective)
    decision = compiled.decision(x)
    return Solution(STATUS[result.status], "extensive", objective, bound, decision, seconds, size)


def polish(program: LinearProgram, x: np.ndarray) -> Result:
    """Fix the integers of a solution at whole numbers and solve what is left, free of integrality tolerance."""
    whole = np.round(x)
    return solve(
        replace(
            program,
            lower=np.where(program.integer, whole, program.lower),
            upper=np.where(program.integer, whole, program.upper),
            integer=np.zeros_like(program.integer),
        )
    )
