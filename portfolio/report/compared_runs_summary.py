"""The summary of compared runs on a terminal: inputs, decision, shortfall, costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.compared_runs import ComparedRuns
from portfolio.report.headline import records
from portfolio.report.summary import count, number, percent, start_table

SHOWN = 15
"""Rows of one table that are shown; the rest is in the files."""


def summary(found: ComparedRuns) -> RenderableType:
    """Return the whole summary; each run beside the first."""
    first, *others = found.runs
    parts: list[RenderableType] = [_solves(found)]
    for run in others:
        parts += [Text(f"{run} beside {first}", style="bold"), Text()]
        parts += _inputs(found.inputs.loc[found.inputs["run"] == run])
        parts += _decision(found, run)
        parts.append(_differences(found.differences.loc[found.differences["run"] == run], found.level))
        parts += _notes(found.differences.loc[found.differences["run"] == run])
    parts += [_costs(found), Text("Before you act on it", style="bold")]
    parts += [Text(f"  - {caveat}") for caveat in found.caveats]
    if found.path is not None:
        parts += [Text(), Text(f"Folder: {found.path}")]
    return Group(*parts)


def _solves(found: ComparedRuns) -> Table:
    table = start_table(
        "Runs", ("run", "left"), ("scenarios", "right"), ("seed", "right"), ("gap", "right"), ("status", "left")
    )
    for row in records(found.solves):
        name, status = escape(row["run"]), escape(row["status"])
        table.add_row(name, f"{row['scenarios']:,}", str(row["seed"]), percent(row["gap"]), status)
    return table


def _inputs(rows: pd.DataFrame) -> Iterator[RenderableType]:
    told = rows.loc[rows["counts"] == 1]
    remarks = len(rows) - len(told)
    if told.empty:
        yield Text("Inputs, settings of the search and versions are the same.")
    else:
        table = start_table("What differs", ("", "left"), ("before", "left"), ("after", "left"))
        for row in records(told.head(SHOWN)):
            before, after = row["before"] or "(none)", row["after"] or "(none)"
            table.add_row(escape(_place(row)), escape(before), escape(after))
        yield table
        if len(told) > SHOWN:
            yield Text(f"  and {len(told) - SHOWN:,} more")
    if remarks:
        yield Text(f"  {count(remarks, 'remark')} or names differ too, which enter no figure.")
    yield Text()


def _place(row: dict[str, Any]) -> str:
    """Write an input as ``--set`` does: section.key, table.column[key]."""
    name = ".".join(part for part in (row["where"], row["column"]) if part)
    key = f"[{row['key']}]" if row["key"] else ""
    kind = "version of " if row["what"] == "version" else ""
    return f"{kind}{name}{key}" + (f" ({row['change']})" if row["change"] != "changed" else "")


def _decision(found: ComparedRuns, run: str) -> Iterator[RenderableType]:
    moved, rows = found.moved[run], found.changes.loc[found.changes["run"] == run]
    if rows.empty:
        yield Text("The portfolios are the same.")
        yield Text()
        return
    for words, key in (("Projects in", "in"), ("Projects out", "out"), ("Projects in another window", "window")):
        yield Text(f"{words}: {', '.join(moved[key]) or 'none'}")
    table = start_table(
        "Commitments that differ",
        ("project", "left"),
        ("instrument", "left"),
        ("member", "left"),
        ("year", "left"),
        ("share", "right"),
        ("USD M", "right"),
        ("t/y", "right"),
    )
    for row in records(rows.head(SHOWN)):
        names = (escape(row[n]) for n in ("project", "instrument", "member"))
        year = _arrow(str(row["window_before"]), str(row["window_after"]))
        amounts = (_arrow(number(row[f"{f}_before"]), number(row[f"{f}_after"])) for f in ("share", "usd_m", "tpy"))
        table.add_row(*names, year, *amounts)
    yield table
    if len(rows) > SHOWN:
        yield Text(f"  and {len(rows) - SHOWN:,} more")


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _differences(rows: pd.DataFrame, level: float) -> Table:
    table = start_table(
        "Shortfall weighted by value at stake (whole horizon)",
        ("", "left"),
        ("before", "right"),
        ("after", "right"),
        ("difference", "right"),
        (f"{100 * level:.3g} % interval", "right"),
        ("", "left"),
    )
    for row in records(rows):
        known = pd.notna(row["low"])
        words = {"weighted": "mean", "weighted_cvar": "CVaR"}[row["figure"]]
        world = "what the fund adds" if row["world"] == "difference" else f"{row['world']} the fund"
        interval = f"{_signed(row['low'])} to {_signed(row['high'])}" if known else "none"
        doubt = " (few scenarios)" if known and not row["reliable"] and row["verdict"] != "open" else ""
        table.add_row(
            f"{words}, {world}",
            _plain(row["before"]),
            _plain(row["after"]),
            _signed(row["difference"]),
            interval,
            {"open": "no claim"}.get(row["verdict"], row["verdict"]) + doubt,
        )
    return table


def _plain(value: float) -> str:
    return f"{'−' if value < 0 else ''}{number(abs(value))}"


def _signed(value: float) -> str:
    text = number(abs(value))
    return text if text == "0" else f"{'−' if value < 0 else '+'}{text}"


def _notes(rows: pd.DataFrame) -> Iterator[RenderableType]:
    """Why nothing is claimed, each reason once."""
    notes = dict.fromkeys(part for note in rows["note"] for part in note.split("; ") if part)
    yield from (Text(f"  - {note}") for note in notes)
    yield Text()


def _costs(found: ComparedRuns) -> Table:
    conventions = list(dict.fromkeys(found.costs["convention"]))
    headings = [(c.replace("_", " "), "right") for c in conventions]
    table = start_table("Charges under each budget convention, USD M", ("run", "left"), ("member", "left"), *headings)
    for (run, member), rows in found.costs.groupby(["run", "member"], sort=False):
        amounts = dict(zip(rows["convention"], rows["usd_m"], strict=True))
        table.add_row(escape(str(run)), escape(str(member)), *(number(amounts.get(c, 0.0)) for c in conventions))
    return table
