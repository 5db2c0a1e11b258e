"""The commands as functions: start, validate, solve a case; evaluate a run, its gap, its worth, its stress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from models import Decision, Instance
from portfolio.assemble import Assembly, assemble
from portfolio.case import Case, CaseError, case_hashes, init_case, init_workbook, read_case
from portfolio.case.ordering import ordered
from portfolio.engine import METHODS, choose
from portfolio.engine.assembled import compile_instance
from portfolio.engine.checkpoint import CheckpointError
from portfolio.engine.protocol import Engine, Limits, Progress, Solution, Status
from portfolio.evaluation.benchmarks import benchmark_table
from portfolio.evaluation.errors import InternalError
from portfolio.evaluation.feasibility import explain as why_infeasible
from portfolio.evaluation.feasibility import unsupportable
from portfolio.evaluation.measures import WITH, WITHOUT, scenario_table, shortfall_table, supply_table
from portfolio.evaluation.outcomes import Outcomes, Recourse, objective
from portfolio.report.compared_runs import ComparedRuns
from portfolio.report.errors import RunError, UsageError
from portfolio.report.evaluation import Evaluation
from portfolio.report.folder import OutputError
from portfolio.report.headline import build_headline, caveats
from portfolio.report.made import Report, make_report
from portfolio.report.pressure import PricePressure
from portfolio.report.regret import Regret
from portfolio.report.replications import Replications
from portfolio.report.resume import Keeping, check_out
from portfolio.report.run import Run, write_run
from portfolio.report.sampling import Sampling
from portfolio.report.stability import Stability
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.report.stress import Stress
from portfolio.report.study import Study
from portfolio.report.tables import charges, full_ledger, limits_table, portfolio_table, projects_table, suppliers_table
from portfolio.report.workbook import workbook_of, write_workbook
from portfolio.report.worth import Worth
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.sampling import sample
from portfolio.studies.alliance import alliance
from portfolio.studies.alternatives import alternatives
from portfolio.studies.compare import compare
from portfolio.studies.compare_runs import compare_runs as put_side_by_side
from portfolio.studies.explain import explain
from portfolio.studies.frequency import selection_frequency
from portfolio.studies.frontier import frontier
from portfolio.studies.out_of_sample import SCENARIOS, out_of_sample
from portfolio.studies.pressure import pressure
from portfolio.studies.regret import regret
from portfolio.studies.replications import replicate
from portfolio.studies.sampling import sampling
from portfolio.studies.stability import stability
from portfolio.studies.stress import STRESSED, Ask, stress_test
from portfolio.studies.sweep import sweep
from portfolio.studies.termsheet import termsheet
from portfolio.studies.wait import wait
from portfolio.studies.worth import worth

__all__ = [
    "CaseError",
    "CheckpointError",
    "ComparedRuns",
    "Evaluation",
    "InternalError",
    "NoPortfolioError",
    "OutputError",
    "PricePressure",
    "Regret",
    "Replications",
    "Report",
    "Run",
    "RunError",
    "Sampling",
    "Stability",
    "Step",
    "Stress",
    "Study",
    "UsageError",
    "Worth",
    "alliance",
    "alternatives",
    "compare",
    "compare_runs",
    "engine_for",
    "evaluate",
    "explain",
    "frontier",
    "init",
    "make_report",
    "pressure",
    "regret",
    "replicate",
    "sampling",
    "selection_frequency",
    "solve",
    "stability",
    "stress",
    "sweep",
    "termsheet",
    "validate",
    "wait",
    "workbook",
    "worth",
]

TOLERANCE = 1e-5
"""Relative difference at which the recomputed objective contradicts the engine."""


class NoPortfolioError(RuntimeError):
    """No portfolio was found; ``reasons`` says which rules and budgets stand in the way."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("no feasible portfolio: " + "; ".join(self.reasons))


def init(target: str | PathLike[str], source: str = "eu_japan_ree") -> Path:
    """Start a case: a copy of a shipped one, or templates (``source="empty"``).

    A target that ends in ``.xlsx`` is made one workbook, any other a folder. The path of a workbook as source is turned
    into a folder, that of any case into a workbook.

    Raises
    ------
    FileExistsError
        If the target is a file or a folder that is not empty.
    ValueError
        If no case of that name is shipped.
    CaseError
        With every problem of the case at the path given as source.
    """
    if Path(target).suffix.lower() == ".xlsx":
        return init_workbook(target, source)
    return init_case(target, source)


def validate(case: str | PathLike[str], overrides: Sequence[str] = ()) -> Case:
    """Read a case and check it.

    Raises
    ------
    CaseError
        With every problem of the case.
    """
    return read_case(case, overrides)


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
        record, hashes = _read(case, scenarios, seed, overrides)
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


def evaluate(
    run: str | PathLike[str] | Run,
    *,
    scenarios: int = SCENARIOS,
    seed: int | None = None,
    level: float = 0.95,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Evaluation:
    """Measure the portfolio of a run on scenarios it was not chosen on, without and with the fund, with intervals.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`solve` returned.
    scenarios : int
        Fresh scenarios.
    seed : int, optional
        Their seed; derived from the run's own where it is not given. The run's own is refused.
    level : float
        Confidence level of the intervals.
    threads : int
        Threads; 0 takes all cores. They change no figure.
    out : path, optional
        Folder to write; nothing is written where it is not given.
    progress : callable, optional
        Called with a :class:`Step` as scenarios are measured.

    Raises
    ------
    RunError
        If the run folder is incomplete, edited or of another version, or the portfolio does not lead to what the run
        says on its own scenarios.
    UsageError
        If an argument is out of range.
    OutputError
        If ``out`` exists or cannot be written; before any long work.
    """
    return out_of_sample(
        run, scenarios=scenarios, seed=seed, level=level, threads=threads, out=out, clock=Clock(progress)
    )


def stress(
    run: str | PathLike[str] | Run,
    *,
    events: Sequence[str] = (),
    year: int | None = None,
    scenarios: int = STRESSED,
    seed: int | None = None,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Stress:
    """Put the portfolio of a run under stress, without and with the fund.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`solve` returned.
    events : sequence of str
        Named events of the case; all of them where none is given. Each is tried alone, beginning in January of every
        year of the horizon, and on top of a sample, added to every scenario.
    year : int, optional
        When events begin on top of the sample; where it is not given, the start year of each that is worst alone.
    scenarios, seed : int
        The sample; its seed is derived from the run's own where it is not given.
    threads : int
        Threads; 0 takes all cores. They change no figure.
    out : path, optional
        Folder to write; nothing is written where it is not given.
    progress : callable, optional
        Called with a :class:`Step` as scenarios are measured.

    Returns
    -------
    Stress
        Events alone and on top; and N-1: every country that is the largest third-country supplier of a region, stage
        and material, gone for a year, for every year of the horizon.

    Raises
    ------
    RunError
        If the run folder is incomplete, edited or of another version.
    UsageError
        If an argument is out of range, or the case has no such event.
    OutputError
        If ``out`` exists or cannot be written; before any long work.
    """
    ask = Ask(tuple(events), year, scenarios, seed, threads)
    return stress_test(run, ask, out=out, clock=Clock(progress))


def compare_runs(
    *runs: str | PathLike[str], level: float = 0.95, out: str | PathLike[str] | None = None
) -> ComparedRuns:
    """Put two or more runs side by side: what differs in their inputs, what moved in the decision and its figures.

    Parameters
    ----------
    *runs : path
        Run folders, of any version; each is compared with the first. They are read, never changed.
    level : float
        Confidence level of the intervals of differences, which runs on the same sample have (common random numbers).
    out : path, optional
        Folder to write; nothing is written where it is not given.

    Raises
    ------
    RunError
        If a run folder is incomplete or edited.
    UsageError
        If there are less than two runs, or the level is out of range.
    OutputError
        If ``out`` exists or cannot be written.
    """
    return put_side_by_side(runs, level=level, out=out)


def workbook(folder: str | PathLike[str], out: str | PathLike[str] | None = None) -> Path:
    """Write a result folder as one Excel workbook: the decision first, then every CSV file as a sheet.

    Parameters
    ----------
    folder : path
        A run folder, or one that any study of a run wrote; it is read, never changed.
    out : path, optional
        File to write, ending in ``.xlsx``; beside the folder, under its name, where it is not given.

    Raises
    ------
    RunError
        Where the folder holds no tables, or one cannot be read.
    UsageError
        Where ``out`` does not end in ``.xlsx``.
    OutputError
        Where the file exists or cannot be written.
    """
    place = Path(folder)
    target = workbook_of(place) if out is None else Path(out)
    write_workbook(place, target)
    return target


def _check_method(method: str) -> None:
    """Refuse a method that cannot work before minutes of work."""
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}: one of {', '.join(METHODS)}")


def _read(
    case: str | PathLike[str] | Case, scenarios: int | None, seed: int | None, overrides: Sequence[str]
) -> tuple[Case, dict[str, str]]:
    """Return the case with its settings final, and the hashes of the files it was read from."""
    counts = {"scenarios": scenarios, "seed": seed}
    given = {name: value for name, value in counts.items() if value is not None}
    if not isinstance(case, Case):
        final = [*overrides, *(f"sampling.{name}={value}" for name, value in given.items())]
        record = read_case(case, final)
        return record, case_hashes(case)
    if overrides:
        raise UsageError("overrides apply to the files of a case: give its folder, or change the record")
    if given.get("scenarios", 1) < 1 or given.get("seed", 0) < 0:
        raise UsageError("scenarios has to be at least 1, seed at least 0")
    usual = case.settings.sampling
    sampling = replace(usual, scenarios=given.get("scenarios", usual.scenarios), seed=given.get("seed", usual.seed))
    return replace(case, settings=replace(case.settings, sampling=sampling)), {}


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
        raise NoPortfolioError(why_infeasible(assembly))

    def relay(state: Progress) -> None:
        clock.tell(Step("solving", objective=state.objective, bound=state.bound, seconds=state.seconds))

    clock.tell(Step("building"))
    solution = engine.solve(assembly.instance, limits, progress=None if clock.listen is None else relay)
    clock.seconds.update({f"engine: {name}": seconds for name, seconds in solution.seconds.items()})
    # Shortfall, side costs and public cost are at least 0, which bounds a search stopped before it had a bound.
    return replace(solution, bound=max(solution.bound, 0.0))


def _why_none(assembly: Assembly, solution: Solution, keeping: Keeping) -> tuple[str, ...]:
    if solution.status is Status.INFEASIBLE:
        return why_infeasible(assembly)
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
        caveats=tuple(caveats(case, solution, gap, instance.scenarios.size)),
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
