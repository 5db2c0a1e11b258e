"""Opening a run to measure its portfolio: arguments checked, the run read, the portfolio ready, the seed chosen."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from portfolio.evaluation.fresh import FixedPortfolio, fix, fresh_seed
from portfolio.report.errors import RunError, UsageError
from portfolio.report.folder import check_target
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock


@dataclass(frozen=True)
class Opened:
    """A run with its portfolio ready to be measured on fresh scenarios of a seed; ``target`` is the folder to write."""

    target: Path | None
    saved: SavedRun
    fixed: FixedPortfolio
    seed: int


def open_run(
    run: str | PathLike[str] | Run,
    *,
    scenarios: int,
    seed: int | None,
    threads: int,
    out: str | PathLike[str] | None,
    clock: Clock,
    level: float = 0.95,
) -> Opened:
    """Open a run; the seed is derived from its own where none is given.

    Raises
    ------
    RunError
        If the run folder is incomplete, edited or of another version.
    UsageError
        If an argument is out of range, or the seed is that of the run's own scenarios.
    OutputError
        If ``out`` exists or cannot be written.
    """
    target = None if out is None else Path(out)
    if target is not None:
        check_target(target)
    if scenarios < 2:
        raise UsageError("scenarios has to be at least 2: one scenario says nothing of the spread")
    if not 0 < level < 1:
        raise UsageError("level is a share between 0 and 1, such as 0.95")
    if threads < 0 or (seed is not None and seed < 0):
        raise UsageError("threads and seed have to be at least 0")
    with clock.phase("reading"):
        saved = SavedRun.given(run)
    if seed == saved.case.settings.sampling.seed:
        raise UsageError(
            f"seed {seed} is that of the scenarios the portfolio was chosen on: they would come again; give another"
        )
    with clock.phase("assembling"):
        try:
            fixed = fix(saved.case, saved.decision, threads)
        except ValueError as fault:
            raise RunError(
                f"{saved.name}: its portfolio does not fit its case: {fault}; solve the case again"
            ) from fault
    return Opened(target, saved, fixed, fresh_seed(saved.case) if seed is None else seed)
