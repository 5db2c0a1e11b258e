"""What replications say of a portfolio, in one record, and the folder made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.case.records import Case
from portfolio.evaluation.replications import Batch, GapEstimate
from portfolio.report.headline import records, uncertain_inputs
from portfolio.report.result import write_result

STOPPED = 3
"""Exit code where the target was not reached."""


@dataclass(frozen=True)
class Replications:
    """How far the portfolio of a run may be from the best, in units of the objective.

    Attributes
    ----------
    case : Case
        The case as solved.
    run : str
        Name of the run.
    run_path : Path or None
        Its folder.
    target : float or None
        Upper limit asked for, as a fraction of the objective.
    asked_gap, time_limit_s : float
        Limits of the search of each batch.
    in_sample, in_sample_bound : float
        Objective of the portfolio on the run's own scenarios, and the bound proven there.
    looks : tuple of GapEstimate
        One for each size of batch, the last one being the answer.
    level : float
        Confidence of the answer; that of a single look is higher where there may be several.
    reached : bool or None
        Whether the target was met; None without one.
    batches : tuple of Batch
        Every batch solved.
    seconds : mapping
        Wall time by phase.
    path : Path or None
        The folder written, None where there is none.
    """

    case: Case
    run: str
    run_path: Path | None
    target: float | None
    asked_gap: float
    time_limit_s: float | None
    in_sample: float
    in_sample_bound: float
    looks: tuple[GapEstimate, ...]
    level: float
    reached: bool | None
    batches: tuple[Batch, ...]
    seconds: Mapping[str, float]
    path: Path | None = None

    @property
    def answer(self) -> GapEstimate:
        """The last look."""
        return self.looks[-1]

    @property
    def exit_code(self) -> int:
        """Exit code of the command: 0, or 3 where the cap was reached before the target."""
        return STOPPED if self.reached is False else 0

    @property
    def looks_table(self) -> pd.DataFrame:
        """Columns batches, scenarios, level, gap, upper, sampling_gap, solver_gap, objective, bound, bound_low, note,
        relative, relative_upper, method; one row per look.
        """
        rows = [asdict(one) | {"relative": one.relative, "relative_upper": one.relative_upper} for one in self.looks]
        return pd.DataFrame(rows)

    @property
    def batches_table(self) -> pd.DataFrame:
        """Columns seed, scenarios, candidate, found, bound, gap, sampling_gap, solver_gap, deviation, status."""
        rows = [
            asdict(b) | {"gap": b.gap, "sampling_gap": b.sampling_gap, "solver_gap": b.solver_gap} for b in self.batches
        ]
        return pd.DataFrame(rows)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before acting on it, in plain sentences."""
        found = [
            "The limit covers the luck of sampling and the searches' gaps, not wrong inputs.",
            "It is against the best portfolio of this model and case, by the objective that was optimised.",
        ]
        if self.answer.note:
            found.append(f"The confidence may be less than it says: {self.answer.note}.")
        if self.answer.solver_gap > self.answer.sampling_gap:
            found.append(
                "Most of the gap is the solver's: a smaller --gap or a longer --time-limit for the batches would show "
                "whether it is real."
            )
        if self.reached is False:
            found.append(
                "The target was not reached at the largest batches: the portfolio may be that far from the best. Solve "
                "the case with more scenarios and try that portfolio, or allow larger batches."
            )
        low, marked = uncertain_inputs(self.case)
        if marked:
            found.append(f"{low:,} of {marked:,} input rows are estimates or of low confidence.")
        return tuple(found)

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``replications.json`` holds."""
        return {
            "case": self.case.settings.case.name,
            "run": self.run if self.run_path is None else str(self.run_path),
            "level": self.level,
            "target": self.target,
            "reached": self.reached,
            "exit_code": self.exit_code,
            "asked_gap": self.asked_gap,
            "time_limit_s": self.time_limit_s,
            "in_sample": {
                "objective": self.in_sample,
                "bound": self.in_sample_bound,
                "solver_gap": self.in_sample - self.in_sample_bound,
            },
            "answer": records(self.looks_table)[-1],
            "looks": records(self.looks_table),
            "batches": records(self.batches_table),
            "caveats": list(self.caveats),
            "replications": None if self.path is None else str(self.path),
        }


def write_replications(found: Replications, target: Path) -> Replications:
    """Write the folder, whole or not at all; return the record with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = {"title": found.case.settings.case.title, **found.summary()}
    record.pop("replications")
    write_result(
        target,
        "replications.json",
        record,
        {"looks": found.looks_table, "batches": found.batches_table},
        seconds=found.seconds,
    )
    return replace(found, path=target)
