"""A finished run: everything known about it in one record, and the run folder made of it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from models import Decision
from portfolio import __version__
from portfolio.assemble import Assembly
from portfolio.case.records import Case
from portfolio.case.writing import write_case
from portfolio.engine.protocol import Solution, Status
from portfolio.report.decision_file import FILE, decision_record
from portfolio.report.folder import write_csv, write_json, write_whole
from portfolio.report.headline import records
from portfolio.report.pages import write_report
from portfolio.report.resume import replaceable

EXIT_CODES = {Status.OPTIMAL: 0, Status.TIME_LIMIT: 3, Status.INTERRUPTED: 3, Status.INFEASIBLE: 4}
"""Exit code of a solve by how it ended."""

LIBRARIES = ("pyomo", "highspy", "numpy", "scipy", "pandas")
"""Libraries whose version goes into ``run.json``."""


@dataclass(frozen=True)
class Run:
    """Result of a solve.

    Attributes
    ----------
    case : Case
        The case as solved, overrides applied.
    assembly : Assembly
        The programme and the financing behind its options.
    solution : Solution
        Status, objective, bound, gap.
    decision : Decision
        The portfolio as values of the first-stage variables.
    portfolio : DataFrame
        Every commitment; see :func:`portfolio.report.tables.portfolio_table`.
    projects : DataFrame
        What support changed for every supported project.
    ledger : DataFrame
        Flows and charges by member, year, project, instrument and line, simulated contract by contract.
    shortfall : DataFrame
        By world, region, material and year.
    supply : DataFrame
        Who supplies what, by world.
    balance : DataFrame
        Supply and need of every stage, with quantiles; see :func:`portfolio.evaluation.balance.balance_table`.
    benchmarks : DataFrame
        Benchmarks of the case's region by world; see :func:`portfolio.evaluation.benchmarks.benchmark_table`.
    scenarios : DataFrame
        One row per scenario.
    budgets : DataFrame
        Charges and budgets by member and window, USD M.
    limits : DataFrame
        How far every limit is used, and whether it binds.
    headline : dict
        The headline figures, ready for JSON.
    caveats : tuple of str
        What to know before acting on the run.
    seed : int
        Seed of the scenarios.
    asked_gap : float
        Relative gap asked for.
    seconds : mapping
        Wall time by phase.
    inputs : mapping
        SHA-256 of every input file read, by name; empty where the case was not read from files.
    overrides : tuple of str
        Overrides as given.
    path : Path or None
        The run folder, None where none was written.
    checkpoint : Path or None
        Where a search that was stopped is kept: the same solve goes on from it.
    """

    case: Case
    assembly: Assembly
    solution: Solution
    decision: Decision
    portfolio: pd.DataFrame
    projects: pd.DataFrame
    ledger: pd.DataFrame
    shortfall: pd.DataFrame
    supply: pd.DataFrame
    balance: pd.DataFrame
    benchmarks: pd.DataFrame
    scenarios: pd.DataFrame
    budgets: pd.DataFrame
    limits: pd.DataFrame
    headline: dict[str, Any]
    caveats: tuple[str, ...]
    seed: int
    asked_gap: float
    seconds: Mapping[str, float]
    inputs: Mapping[str, str]
    overrides: tuple[str, ...]
    path: Path | None = None
    checkpoint: Path | None = None

    @property
    def exit_code(self) -> int:
        """Exit code of the command: 0 solved within the gap, 3 stopped by a limit."""
        return EXIT_CODES[self.solution.status]

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints: how the solve ended, the headline and the caveats."""
        solution = self.solution
        return {
            "case": self.case.settings.case.name,
            "status": solution.status.value,
            "exit_code": self.exit_code,
            "method": solution.method,
            "objective": solution.objective,
            "bound": solution.bound,
            "gap": solution.gap,
            "asked_gap": self.asked_gap,
            "scenarios": len(self.scenarios),
            "seed": self.seed,
            "headline": self.headline,
            "caveats": list(self.caveats),
            "run": None if self.path is None else str(self.path),
            "checkpoint": None if self.checkpoint is None else str(self.checkpoint),
        }


def run_record(run: Run, written: Mapping[str, str], files: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of ``run.json``.

    ``written`` holds the hashes of the files in ``inputs/``, ``files`` those of the files beside it that are read back.
    """
    summary = run.summary()
    summary.pop("run")
    summary["checkpoint"] = None if run.checkpoint is None else run.checkpoint.name
    sampling = run.case.settings.sampling
    return summary | {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "seeds": {"scenarios": run.seed, "charges": sampling.cost_seed},
        "cost_scenarios": sampling.cost_scenarios,
        "overrides": list(run.overrides),
        "projects": records(run.projects),
        "left_out": [
            {"project": item.project, "structure": item.structure, "why": item.why} for item in run.assembly.left_out
        ],
        "size": dict(run.solution.size),
        "stability": None if run.solution.stability is None else run.solution.stability.as_record(),
        "seconds": {name: round(value, 3) for name, value in run.seconds.items()},
        "versions": versions(),
        "inputs": {"read": dict(run.inputs), "written": dict(written)},
        "files": dict(files),
    }


def sha256(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python, of this product and of the libraries that numbers depend on."""
    found = {"python": platform.python_version(), "portfolio": __version__}
    return found | {name: importlib.metadata.version(name) for name in LIBRARIES}


def write_run(run: Run, target: Path, *, replace_stopped: bool = False) -> Run:
    """Write the run folder, whole or not at all; return the run with its path.

    With ``replace_stopped`` it may take the place of a run that was stopped by a limit.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """

    def fill(folder: Path) -> None:
        inputs = write_case(run.case, folder / "inputs")
        hashes = {f.name: sha256(f) for f in sorted(inputs.iterdir())}
        for name in ("portfolio", "projects", "ledger", "shortfall", "supply", "balance", "benchmarks"):
            write_csv(getattr(run, name), folder / f"{name}.csv")
        run.scenarios.to_parquet(folder / "scenarios.parquet", index=False)
        write_json(decision_record(run.decision), folder / FILE)
        write_json(run_record(run, hashes, {FILE: sha256(folder / FILE)}), folder / "run.json")
        write_report(folder)

    write_whole(target, fill, replace=replace_stopped and replaceable(target))
    return replace(run, path=target)
