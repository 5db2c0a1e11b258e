"""The summary of compared runs on a terminal: what moved and why in words, then decision, shortfall, inputs, costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.compared_runs import ComparedRuns
from portfolio.report.compared_runs_words import moved_words, shortfall_words, why
from portfolio.report.headline import records
from portfolio.report.summary import count, number, percent, start_table
from portfolio.report.words import signed

SHOWN = 15
"""Rows of one table that are shown; the rest is in the files."""


def summary(found: ComparedRuns) -> RenderableType:
    """Return the whole summary; each run beside the first."""
    first, *others = found.runs
    parts: list[RenderableType] = [_solves(found)]
    for run in others:
        inputs, differences = (t.loc[t["run"] == run] for t in (found.inputs, found.differences))
        parts += [Text(f"{run} beside {first}", style="bold"), *_answer(found, run, inputs, differences), Text()]
        parts += _decision(found, run)
        parts += [_differences(differences, found.level), *_notes(differences), *_inputs(inputs)]
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


def _answer(found: ComparedRuns, run: str, inputs: pd.DataFrame, differences: pd.DataFrame) -> Iterator[Text]:
    """What moved and why, in words."""
    changed = int((found.changes["run"] == run).sum())
    said = (moved_words(found.moved[run], changed=changed), shortfall_words(differences, found.level), why(inputs))
    yield from (Text(f"  {text}") for text in said if text)


def _inputs(rows: pd.DataFrame) -> Iterator[RenderableType]:
    told = rows.loc[rows["counts"] == 1]
    remarks = len(rows) - len(told)
    if len(told):
        table = start_table(
            "Inputs, settings and versions that differ", ("", "left"), ("before", "left"), ("after", "left")
        )
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
    rows = found.changes.loc[found.changes["run"] == run]
    if rows.empty:
        return
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
        year = _arrow(str(row["window_before"]) or "none", str(row["window_after"]) or "none")
        amounts = (_arrow(number(row[f"{f}_before"]), number(row[f"{f}_after"])) for f in ("share", "usd_m", "tpy"))
        table.add_row(*names, year, *amounts)
    yield table
    if len(rows) > SHOWN:
        yield Text(f"  and {len(rows) - SHOWN:,} more")
    yield Text()


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
        interval = f"{signed(row['low'])} to {signed(row['high'])}" if known else "none"
        doubt = " (few scenarios)" if known and not row["reliable"] and row["verdict"] != "open" else ""
        table.add_row(
            f"{words}, {world}",
            _plain(row["before"]),
            _plain(row["after"]),
            signed(row["difference"]),
            interval,
            {"open": "no claim"}.get(row["verdict"], row["verdict"]) + doubt,
        )
    return table


def _plain(value: float) -> str:
    return f"{'−' if value < 0 else ''}{number(abs(value))}"


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
