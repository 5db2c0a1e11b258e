"""Solving a case: the portfolio of least mean shortfall, measured beside the world without it, and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from models import Decision, Instance
from portfolio.assemble import Assembly, assemble
from portfolio.case import Case, case_hashes
from portfolio.case.ordering import ordered
from portfolio.engine import METHODS, choose
from portfolio.engine.assembled import compile_instance
from portfolio.engine.protocol import Engine, Limits, Progress, Solution, Status
from portfolio.evaluation.benchmarks import benchmark_table
from portfolio.evaluation.errors import InternalError
from portfolio.evaluation.feasibility import explain, unsupportable
from portfolio.evaluation.measures import WITH, WITHOUT, scenario_table, shortfall_table, supply_table
from portfolio.evaluation.outcomes import Outcomes, Recourse, objective
from portfolio.report.errors import UsageError
from portfolio.report.headline import build_headline, caveats
from portfolio.report.resume import Keeping, check_out
from portfolio.report.run import Run, write_run
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.report.tables import charges, full_ledger, limits_table, portfolio_table, projects_table, suppliers_table
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.sampling import sample
from portfolio.studies.running import case_of

TOLERANCE = 1e-5
"""Relative difference at which the recomputed objective contradicts the engine."""


class NoPortfolioError(RuntimeError):
    """No portfolio was found; ``reasons`` says which rules and budgets stand in the way."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("no feasible portfolio: " + "; ".join(self.reasons))


def engine_for(method: str, instance: Instance) -> Engine:
    """Return the engine of a method: ``extensive``, ``benders``, or ``auto`` to choose by the programme.

    Raises
    ------
    ValueError
        If there is no such method, or it does not serve the programme.
    """
    return choose(method, instance)


def solve(
    case: str | PathLike[str] | Case,
    *,
    scenarios: int | None = None,
    seed: int | None = None,
    method: str = "auto",
    gap: float = 0.01,
    time_limit: float | None = 240.0,
    threads: int = 0,
    overrides: Sequence[str] = (),
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Run:
    """Choose the portfolio of least mean shortfall and report the world without it on the same scenarios.

    Parameters
    ----------
    case : path or Case
        Case folder or workbook, or a validated case (to which ``overrides`` cannot be applied).
    scenarios, seed : int, optional
        In place of ``sampling.scenarios`` and ``sampling.seed``.
    method : str
        ``auto``, ``extensive`` or ``benders``.
    gap : float
        Relative gap at which to stop.
    time_limit : float, optional
        Seconds for the search.
    threads : int
        Threads of the solver; 0 leaves it to the solver.
    overrides : sequence of str
        Values in place of those in the files, such as ``risk.cvar_weight=0.5``.
    out : path, optional
        Run folder to write; nothing is written where it is not given. While the decomposition searches, what it
        knows is kept in a file beside it, ``out`` with ``.checkpoint`` appended: whatever stopped it, the same call
        goes on from there (gap, time limit and threads may differ), and replaces the folder of the stopped run. The
        file is removed when the case is solved.
    progress : callable, optional
        Called with a :class:`Step` as the solve goes on.

    Returns
    -------
    Run
        Tables, headline and how the solve ended; a solve stopped by a limit has the best portfolio found.

    Raises
    ------
    CaseError
        With every problem of the case.
    OutputError
        If ``out`` exists (unless it was stopped and has its checkpoint) or cannot be written; before any long work.
    UsageError
        If an argument is out of range, or the method does not serve the case.
    CheckpointError
        If the checkpoint beside ``out`` is of another case, sample or setting, cannot be read, or is in use; if it is
        of another case that is known before any long work.
    NoPortfolioError
        If no portfolio is feasible, or none was found before a limit.
    InternalError
        If the recomputed objective contradicts the engine.
    """
    target = None if out is None else Path(out)
    if target is not None:
        check_out(target)
    if not 0 <= gap < np.inf or (time_limit is not None and not time_limit > 0) or threads < 0:
        raise UsageError("gap and threads have to be at least 0, time_limit above 0")
    clock = Clock(progress)
    with clock.phase("reading"):
        record = case_of(case, overrides, scenarios, seed)
        hashes = {} if isinstance(case, Case) else case_hashes(case)
    _check_method(method)
    keeping = Keeping.of(target, record, method)
    if keeping.found is not None:
        found = keeping.found
        clock.tell(Step("going on", objective=found.objective, bound=max(found.bound, 0.0), seconds=found.seconds))
    assembly = _assemble(record, clock)
    engine = keeping.bind(engine_for(keeping.method(method), assembly.instance))
    solution = _search(engine, assembly, Limits(gap, time_limit, threads), clock)
    if solution.decision is None:
        raise NoPortfolioError(_why_none(assembly, solution, keeping))
    try:
        with clock.phase("evaluating"):
            run = _evaluate(record, assembly, solution, solution.decision, gap)
    except InternalError:
        keeping.end()
        raise
    run = replace(run, seconds=dict(clock.seconds), inputs=hashes, overrides=tuple(overrides))
    run = replace(run, checkpoint=keeping.stays(solution.status))
    if target is None:
        return run
    with clock.phase("writing"):
        written = write_run(run, target, replace_stopped=keeping.found is not None)
    if run.checkpoint is None:
        keeping.end()
    return written


def _check_method(method: str) -> None:
    """Refuse a method that cannot work before minutes of work."""
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}: one of {', '.join(METHODS)}")


def _assemble(case: Case, clock: Clock) -> Assembly:
    """Sample and put the programme together, in an order that does not depend on that of the files' rows."""
    canonical, settings = ordered(case), case.settings.sampling
    with clock.phase("sampling"):
        drivers: Drivers = sample(canonical, settings.scenarios, settings.seed)
        cost_drivers = sample(canonical, settings.cost_scenarios, settings.cost_seed)
    with clock.phase("simulating projects"):
        return assemble(
            canonical, drivers, cost_drivers, lambda phase, done, total: clock.tell(Step(phase, done, total))
        )


def _search(engine: Engine, assembly: Assembly, limits: Limits, clock: Clock) -> Solution:
    """Solve, unless a project that must be supported cannot be."""
    if unsupportable(assembly.instance, assembly.left_out):
        raise NoPortfolioError(explain(assembly))

    def relay(state: Progress) -> None:
        clock.tell(Step("solving", objective=state.objective, bound=state.bound, seconds=state.seconds))

    clock.tell(Step("building"))
    solution = engine.solve(assembly.instance, limits, progress=None if clock.listen is None else relay)
    clock.seconds.update({f"engine: {name}": seconds for name, seconds in solution.seconds.items()})
    # Shortfall, side costs and public cost are at least 0, which bounds a search stopped before it had a bound.
    return replace(solution, bound=max(solution.bound, 0.0))


def _why_none(assembly: Assembly, solution: Solution, keeping: Keeping) -> tuple[str, ...]:
    if solution.status is Status.INFEASIBLE:
        return explain(assembly)
    kept = keeping.stays(solution.status)
    more = "" if kept is None else f"; the same command goes on from {kept}"
    return (f"{solution.status.value} before any portfolio was found; give it more time{more}",)


def _evaluate(case: Case, assembly: Assembly, solution: Solution, decision: Decision, gap: float) -> Run:
    """Measure both worlds on the same scenarios and gather the tables."""
    instance = assembly.instance
    recourse = Recourse(instance, solution.arrays or compile_instance(instance))
    without = recourse.outcomes(Decision())
    with_fund = recourse.outcomes(decision) if any(decision.select.values()) or decision.purchase else without
    _confirm(instance, solution, decision, without, with_fund)
    tables = _tables(assembly, decision, without, with_fund)
    return Run(
        case=case,
        assembly=assembly,
        solution=solution,
        decision=decision,
        portfolio=tables["portfolio"],
        projects=tables["projects"],
        ledger=tables["ledger"],
        shortfall=tables["shortfall"],
        supply=tables["supply"],
        benchmarks=tables["benchmarks"],
        scenarios=tables["scenarios"],
        budgets=tables["budgets"],
        limits=tables["limits"],
        headline=build_headline(assembly, tables, without, with_fund, decision),
        caveats=tuple(caveats(case, solution, gap, instance.scenarios.size, tables["portfolio"])),
        seed=case.settings.sampling.seed,
        asked_gap=gap,
        seconds={},
        inputs={},
        overrides=(),
    )


def _tables(assembly: Assembly, decision: Decision, without: Outcomes, with_fund: Outcomes) -> dict[str, pd.DataFrame]:
    """Return every table of a run by name."""
    instance = assembly.instance
    suppliers = suppliers_table(assembly)
    return {
        "portfolio": portfolio_table(assembly, decision),
        "projects": projects_table(assembly, decision),
        "ledger": full_ledger(assembly, decision),
        "shortfall": pd.concat(
            [shortfall_table(instance, without, WITHOUT), shortfall_table(instance, with_fund, WITH)],
            ignore_index=True,
        ),
        "supply": pd.concat(
            [
                supply_table(instance, Decision(), without, suppliers, WITHOUT),
                supply_table(instance, decision, with_fund, suppliers, WITH),
            ],
            ignore_index=True,
        ),
        "benchmarks": pd.concat(
            [benchmark_table(assembly, Decision(), WITHOUT), benchmark_table(assembly, decision, WITH)],
            ignore_index=True,
        ),
        "scenarios": scenario_table(instance, without, with_fund),
        "budgets": charges(instance, decision),
        "limits": limits_table(instance, decision),
    }


def _confirm(
    instance: Instance, solution: Solution, decision: Decision, without: Outcomes, with_fund: Outcomes
) -> None:
    """Refuse to report what an independent recomputation contradicts: a wrong number is worse than none."""
    found = objective(instance, decision, with_fund)
    if not _close(found, solution.objective):
        raise InternalError(
            f"the portfolio is worth {found:.9g} when measured again, but the engine says {solution.objective:.9g}"
        )
    nothing = objective(instance, Decision(), without)
    if not instance.obliged and nothing < solution.bound and not _close(nothing, solution.bound):
        raise InternalError(
            f"supporting nothing is worth {nothing:.9g}, better than the bound {solution.bound:.9g} on every portfolio"
        )


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b), 1e-6)
