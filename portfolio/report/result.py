"""Writing what a command found: its tables, its record and its page, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.report.folder import write_csv, write_json, write_whole
from portfolio.report.pages import write_report
from portfolio.report.run import versions


def write_result(
    target: Path,
    file: str,
    record: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    *,
    seconds: Mapping[str, float],
    scenarios: pd.DataFrame | None = None,
) -> None:
    """Write a folder.

    Parameters
    ----------
    target : Path
        The folder.
    file : str
        Name of the record in it, by which its page is found (:data:`portfolio.report.pages.BUILDERS`).
    record : mapping
        What ``--json`` prints; when and with which versions it was made is added.
    tables : mapping of DataFrame
        Each becomes ``NAME.csv``.
    seconds : mapping
        Wall time by phase.
    scenarios : DataFrame, optional
        One row per scenario, for ``scenarios.parquet``.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """

    def fill(folder: Path) -> None:
        for name, table in tables.items():
            write_csv(table, folder / f"{name}.csv")
        if scenarios is not None:
            scenarios.to_parquet(folder / "scenarios.parquet", index=False)
        made = {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
            "versions": versions(),
        }
        write_json({**record, **made}, folder / file)
        write_report(folder)

    write_whole(target, fill)
