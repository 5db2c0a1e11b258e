"""The commands as functions: start, validate, solve a case; evaluate a run, its gap, its worth, its stress."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from portfolio.case import Case, CaseError, init_case, init_workbook, read_case
from portfolio.engine.checkpoint import CheckpointError
from portfolio.evaluation.errors import InternalError
from portfolio.report.compared_runs import ComparedRuns
from portfolio.report.errors import RunError, UsageError
from portfolio.report.evaluation import Evaluation
from portfolio.report.folder import OutputError
from portfolio.report.foresight import Foresight
from portfolio.report.made import Report, make_report
from portfolio.report.pressure import PricePressure
from portfolio.report.regret import Regret
from portfolio.report.replications import Replications
from portfolio.report.run import Run
from portfolio.report.sampling import Sampling
from portfolio.report.stability import Stability
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.report.stress import Stress
from portfolio.report.study import Study
from portfolio.report.workbook import workbook_of, write_workbook
from portfolio.report.worth import Worth
from portfolio.studies.alliance import alliance
from portfolio.studies.alternatives import alternatives
from portfolio.studies.compare import compare
from portfolio.studies.compare_runs import compare_runs as put_side_by_side
from portfolio.studies.explain import explain
from portfolio.studies.foresight import foresight
from portfolio.studies.frequency import selection_frequency
from portfolio.studies.frontier import frontier
from portfolio.studies.out_of_sample import SCENARIOS, out_of_sample
from portfolio.studies.pressure import pressure
from portfolio.studies.regret import regret
from portfolio.studies.replications import replicate
from portfolio.studies.sampling import sampling
from portfolio.studies.solve import NoPortfolioError, engine_for, solve
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
    "Foresight",
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
    "foresight",
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
