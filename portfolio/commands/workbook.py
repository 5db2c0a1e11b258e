"""The command ``portfolio workbook``."""

from __future__ import annotations

from pathlib import Path

import click

from portfolio.commands.console import as_json_text, debug_option, say


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Workbook to write.  [default: beside FOLDER, as .xlsx]")
@click.option("--json", "as_json", is_flag=True, help="Print where it is as JSON.")
@debug_option
def workbook(folder: Path, out: Path | None, as_json: bool) -> None:
    """Write the results in FOLDER as one Excel workbook.

    \b
    portfolio workbook results/RUN
    portfolio workbook results/RUN-evaluation --out evaluation.xlsx

    FOLDER is a run, or what any study of a run wrote; it is read, never changed. The first sheet holds the decision (of
    a study: what it found), then every CSV file is a sheet with the same values, and the last explains the columns.
    """
    from portfolio import api

    target = api.workbook(folder, out)
    say(as_json_text({"workbook": str(target)}) if as_json else f"Workbook: {target}\n")
