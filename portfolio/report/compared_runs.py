"""Two or more runs side by side: the first beside each of the others, and the folder made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.report.evaluation import finite
from portfolio.report.headline import records
from portfolio.report.result import write_result

TABLES = ("inputs", "changes", "differences", "solves", "decisions", "shortfalls", "costs")
"""Tables of a comparison."""


@dataclass(frozen=True)
class ComparedRuns:
    """What differs between runs, each beside the first.

    Attributes
    ----------
    runs : tuple of str
        Names of the runs; the first is the one the others stand beside.
    paths : mapping
        Folder of each run by name.
    level : float
        Confidence level of intervals.
    inputs : DataFrame
        Every input that differs: run, what (setting, table, solve, version), where, key, column, change (changed,
        added, removed), before, after, counts (0 for remarks and names, which enter no figure).
    changes : DataFrame
        Every commitment that differs: run, project, instrument, member, material, change (in, out, changed), and
        window, structure, share, usd_m, tpy, charge_usd_m ``_before`` and ``_after``.
    differences : DataFrame
        Shortfall of a run less that of the first: run, figure, world (without, with, or difference: what the fund
        adds), unit, before, after, difference, low, high, reliable, verdict (lower, higher, same, open), note (why the
        verdict is open, or an interval not reliable).
    solves : DataFrame
        How each run was solved: run, status, method, asked_gap, gap, objective, bound, scenarios, seed.
    decisions : DataFrame
        Every commitment of every run.
    shortfalls : DataFrame
        Headline figures of every run: run, world, figure, value.
    costs : DataFrame
        Charges: run, member, convention (as_budgeted and the four conventions), usd_m.
    moved : mapping
        By run: projects that came in, went out, or moved to another window.
    caveats : tuple of str
        What to know before acting on it.
    path : Path or None
        The folder written, None where there is none.
    """

    runs: tuple[str, ...]
    paths: Mapping[str, Path]
    level: float
    inputs: pd.DataFrame
    changes: pd.DataFrame
    differences: pd.DataFrame
    solves: pd.DataFrame
    decisions: pd.DataFrame
    shortfalls: pd.DataFrame
    costs: pd.DataFrame
    moved: Mapping[str, Mapping[str, list[str]]]
    caveats: tuple[str, ...]
    path: Path | None = None

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``compared_runs.json`` holds."""
        return {
            "runs": list(self.runs),
            "paths": {name: str(path) for name, path in self.paths.items()},
            "level": self.level,
            "inputs": records(self.inputs),
            "moved": {run: dict(projects) for run, projects in self.moved.items()},
            "changes": finite(records(self.changes)),
            "differences": finite(records(self.differences)),
            "solves": records(self.solves),
            "shortfalls": records(self.shortfalls),
            "costs": records(self.costs),
            "caveats": list(self.caveats),
            "compared_runs": None if self.path is None else str(self.path),
        }


def write_compared_runs(found: ComparedRuns, target: Path) -> ComparedRuns:
    """Write the folder of a comparison, whole or not at all; return it with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = found.summary()
    record.pop("compared_runs")
    write_result(target, "compared_runs.json", record, {name: getattr(found, name) for name in TABLES}, seconds={})
    return replace(found, path=target)
