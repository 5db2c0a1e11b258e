"""Who competes, and how each is set up. Libraries are imported where they are used: each in its own process."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models import Instance
from tests.benchmarks.trajectory import Recorder


@dataclass(frozen=True)
class Job:
    """What to solve and when to stop: relative gap, seconds, threads in all, scenarios a bundle (0: by size)."""

    gap: float
    limit_s: float
    threads: int = 2
    bundle: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a contender ended; objective and bound are those of its recorder."""

    status: str
    phases: Mapping[str, float] = field(default_factory=dict)
    size: Mapping[str, int] = field(default_factory=dict)


Run = Callable[[Instance, Job, Recorder], Outcome]


@dataclass(frozen=True)
class Contender:
    """A way to solve an instance.

    ``imports`` are loaded before the clock starts; ``ranks`` above 0 means so many MPI ranks, ``needs`` modules beyond
    the product's.
    """

    name: str
    title: str
    run: Run
    imports: tuple[str, ...]
    ranks: int = 0
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """What would have to be installed to run it here."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if self.ranks and mpiexec() is None:
            absent.append("mpiexec")
        return tuple(absent)


def mpiexec() -> str | None:
    """Path of the MPI launcher beside this Python, or on the search path."""
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.is_file() else shutil.which("mpiexec")


def _product(method: str) -> Run:
    """An engine of the product, through its protocol."""

    def run(instance: Instance, job: Job, recorder: Recorder) -> Outcome:
        from portfolio.api import engine_for
        from portfolio.engine import Limits

        solution = engine_for(method, instance).solve(
            instance,
            Limits(gap=job.gap, time_limit_s=job.limit_s, threads=job.threads),
            progress=lambda state: recorder.add(state.objective, state.bound),
        )
        recorder.add(solution.objective, solution.bound)
        return Outcome(solution.status.value, dict(solution.seconds), dict(solution.size))

    return run


def _pyomo(instance: Instance, job: Job, recorder: Recorder) -> Outcome:
    """The extensive form as a Pyomo model, solved by Pyomo's persistent interface to HiGHS."""
    import pyomo.environ as pyo

    from models import build_extensive_form

    model = build_extensive_form(instance)
    built = recorder.seconds
    solver = pyo.SolverFactory("appsi_highs")
    solver.set_instance(model)
    given = recorder.seconds - built
    watch(solver, recorder)
    results = solver.solve(model, options=highs_options(job, recorder), load_solutions=False)
    recorder.add(results.problem.upper_bound, results.problem.lower_bound)
    phases = {"build model": built, "hand over": given, "solve": recorder.seconds - built - given}
    return Outcome(str(results.solver.termination_condition), phases, sizes(solver))


def highs_options(job: Job, recorder: Recorder) -> dict[str, Any]:
    """Options of HiGHS that every contender gets; the time already used counts."""
    left = max(1.0, job.limit_s - recorder.seconds)
    return {"mip_rel_gap": job.gap, "time_limit": left, "threads": job.threads}


def watch(solver: Any, recorder: Recorder) -> None:
    """Record HiGHS' bounds inside a Pyomo solver that holds its instance."""

    def report(event: Any) -> None:
        recorder.add(event.data_out.mip_primal_bound, event.data_out.mip_dual_bound)

    solver._solver_model.cbMipLogging += report
    solver.update_config.check_for_new_or_removed_constraints = False
    solver.update_config.check_for_new_or_removed_vars = False
    solver.update_config.check_for_new_or_removed_params = False
    solver.update_config.check_for_new_objective = False
    solver.update_config.update_constraints = False
    solver.update_config.update_vars = False
    solver.update_config.update_params = False
    solver.update_config.update_named_expressions = False
    solver.update_config.update_objective = False


def sizes(solver: Any) -> dict[str, int]:
    """Rows, columns and nonzeros inside a Pyomo solver that holds its instance."""
    highs = solver._solver_model
    return {"rows": highs.getNumRow(), "columns": highs.getNumCol(), "nonzeros": highs.getNumNz()}


def _mpisppy(name: str) -> Run:
    def run(instance: Instance, job: Job, recorder: Recorder) -> Outcome:
        chosen: Run = getattr(importlib.import_module(RUNS), name)
        return chosen(instance, job, recorder)

    return run


RUNS = "tests.benchmarks.mpisppy_runs"
MPISPPY = ("mpisppy", "mpi4py")
PRODUCT = ("portfolio.api", "portfolio.engine")
PYOMO = ("pyomo.environ", "models", "highspy", "pyomo.contrib.appsi.solvers.highs")

CONTENDERS = {
    c.name: c
    for c in (
        Contender("benders", "this product, decomposition", _product("benders"), PRODUCT),
        Contender("extensive", "extensive form, directly in HiGHS", _product("extensive"), PRODUCT),
        Contender("pyomo", "extensive form, Pyomo + HiGHS", _pyomo, PYOMO),
        Contender("mpisppy-ef", "mpi-sppy, extensive form", _mpisppy("extensive"), (RUNS,), 1, MPISPPY),
        Contender("mpisppy-lshaped", "mpi-sppy, L-shaped hub + xhat", _mpisppy("lshaped"), (RUNS,), 2, MPISPPY),
        Contender("mpisppy-ph", "mpi-sppy, PH hub + Lagrangian + xhat", _mpisppy("hedging"), (RUNS,), 3, MPISPPY),
    )
}
"""Contenders by name, in the order of tables."""

REFERENCE = "benders"
"""Contender whose seconds ratios refer to."""
