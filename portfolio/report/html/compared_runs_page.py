"""The page of runs side by side: what moved, and what differs in their inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from portfolio.report.compared_runs_words import moved_words, shortfall_words, why
from portfolio.report.html.page import Block, Chart, Column, Notes, Page, Section, Table, signed, year
from portfolio.report.html.plots import Intervals, Matrix, Stacked
from portfolio.report.html.run_data import read_table
from portfolio.report.html.study import caveats, read_record, study_page
from portfolio.report.html.tidy import folded, text_of
from portfolio.report.words import count, number, percent

RECORD = "compared_runs.json"
WORLDS = {"without": "without the fund", "with": "with the fund", "difference": "what the fund adds"}
FIGURES = {"weighted": "Mean weighted shortfall", "weighted_cvar": "CVaR of weighted shortfall"}
MOST_INPUTS = 30
"""Inputs that are shown without opening the table."""


def compared_runs_page(folder: Path) -> Page:
    """Return the page of the folder."""
    record = read_record(folder, RECORD)
    runs = [str(r) for r in record["runs"]]
    page = {"title": f"{', '.join(runs[1:])} beside {runs[0]}"}
    about = f"{count(len(runs), 'run')}; each stands beside {runs[0]}."
    evidence: tuple[Block, ...] = (*_projects(folder, runs), *_differences(folder, record))
    moved: tuple[Block, ...] = (*_answers(folder, record), *caveats(record), *evidence)
    first = Section("What moved, and why", moved)
    inputs = Section("What differs in the inputs", _inputs(folder))
    money = Section("Commitments and charges", (*_charges(folder), *_changes(folder)))
    names = ("solves", "shortfalls", "decisions")
    tables = Section("Tables", tuple(folded(name, read_table(folder / f"{name}.csv")) for name in names))
    return study_page(page | record, "Runs side by side", about, (first, inputs, money, tables))


def _answers(folder: Path, record: dict[str, Any]) -> tuple[Notes, ...]:
    """What moved and why, in words, for each run beside the first."""
    inputs, changes, differences = (read_table(folder / f"{n}.csv") for n in ("inputs", "changes", "differences"))
    return tuple(
        Notes(
            f"{run} beside {record['runs'][0]}",
            tuple(
                text
                for text in (
                    moved_words(moved, changed=len(_of(changes, run))),
                    shortfall_words(_of(differences, run), float(record["level"])),
                    why(_of(inputs, run)),
                )
                if text
            ),
        )
        for run, moved in record["moved"].items()
    )


def _of(rows: pd.DataFrame, run: str) -> pd.DataFrame:
    """Rows of a run."""
    return rows.loc[text_of(rows["run"]) == run] if len(rows) else rows


def _differences(folder: Path, record: dict[str, Any]) -> tuple[Chart, ...]:
    """Shortfall of each run less that of the first, one chart for each figure."""
    rows = read_table(folder / "differences.csv")
    if rows.empty:
        return ()
    rows["what"] = rows["run"].astype(str) + ", " + rows["world"].map(WORLDS).fillna(rows["world"])
    rows["note"] = text_of(rows["note"])
    rows[["low", "high"]] = rows[["low", "high"]].astype(float).replace([np.inf, -np.inf], np.nan)
    return tuple(
        _difference(str(figure), rows.loc[rows["figure"] == figure], record) for figure in dict.fromkeys(rows["figure"])
    )


def _difference(figure: str, rows: pd.DataFrame, record: dict[str, Any]) -> Chart:
    title = FIGURES.get(figure, figure.replace("_", " "))
    said = "; ".join(f"{r['what']} {signed(r['difference'])}, {r['verdict']}" for r in rows.to_dict(orient="records"))
    return Chart(
        name=f"difference-{figure.replace('_', '-')}",
        title=f"{title}: difference from {record['runs'][0]}",
        unit=f"{rows['unit'].iloc[0]}, {percent(float(record['level']))} intervals where runs share their scenarios",
        alt=f"Dots with intervals: {said}.",
        data=rows,
        columns=(
            Column("what", "Run and world"),
            Column("before", f"{record['runs'][0]}", number),
            Column("after", "The run", number),
            Column("difference", "Difference", signed),
            Column("low", "From", signed),
            Column("high", "To", signed),
            Column("verdict", "Verdict"),
            Column("note", "Note"),
        ),
        plot=Intervals(
            "what", "difference", "low", "high", series="verdict", muted=("open", "same"), beside=False,
            title="difference",
        ),
        note="Open: nothing is claimed; the table says why.",
    )  # fmt: skip


def _projects(folder: Path, runs: list[str]) -> tuple[Chart, ...]:
    rows = read_table(folder / "decisions.csv")
    rows = rows.loc[rows["project"] != ""] if len(rows) else rows
    if rows.empty:
        return ()
    rows["run"] = text_of(rows["run"])
    held = rows.groupby(["project", "run"])["window"].min()
    often = rows.groupby("project")["run"].nunique()
    order = sorted(often.index, key=lambda p: (often[p], p))
    cells = [
        {"project": p, "run": r, "in": 0.75 * ((p, r) in held.index),
         "text": f"{held[p, r]:.0f}" if (p, r) in held.index else ""}
        for p in order
        for r in runs
    ]  # fmt: skip
    moved = [p for p in order if often[p] < len(runs)]
    chart = Chart(
        name="projects",
        title="Which projects each run supports",
        unit="Window of the support; those that are not in all runs come first",
        alt=f"Matrix of {len(order)} projects by {len(runs)} runs. Not in all: {', '.join(moved) or 'none'}.",
        data=pd.DataFrame(cells),
        columns=(Column("project", "Project"), Column("run", "Run"), Column("text", "Window")),
        plot=Matrix("project", "run", "in", "text"),
    )
    return (chart,)


def _inputs(folder: Path) -> tuple[Block, ...]:
    rows = read_table(folder / "inputs.csv")
    if rows.empty:
        return ()
    rows = pd.DataFrame({name: text_of(rows[name]) for name in rows.columns})
    columns = (
        Column("run", "Run"),
        Column("where", "Where"),
        Column("key", "Row"),
        Column("column", "Column"),
        Column("change", "Change"),
        Column("before", "Before"),
        Column("after", "After"),
        Column("counts", "Enters figures"),
    )
    note = "Enters figures: 0 for remarks and names."
    return (Table(count(len(rows), "difference"), rows, columns, note, folded=len(rows) > MOST_INPUTS),)


def _charges(folder: Path) -> tuple[Chart, ...]:
    rows = read_table(folder / "costs.csv")
    rows = rows.loc[rows["convention"] == "as_budgeted"].copy() if len(rows) else rows
    if rows.empty:
        return ()
    rows["run"] = text_of(rows["run"])
    chart = Chart(
        name="charges",
        title="What budgets are charged",
        unit="USD M, by the conventions of the members",
        alt="Stacked bars: "
        + "; ".join(f"{r['run']}, {r['member']} {number(r['usd_m'])}" for r in rows.to_dict(orient="records")),
        data=rows,
        columns=(Column("run", "Run"), Column("member", "Member"), Column("usd_m", "USD M", number)),
        plot=Stacked("run", "usd_m", "member", title="USD M"),
    )
    return (chart,)


def _changes(folder: Path) -> tuple[Block, ...]:
    rows = read_table(folder / "changes.csv")
    if rows.empty:
        return ()
    columns = (
        Column("run", "Run"),
        Column("project", "Project"),
        Column("instrument", "Instrument"),
        Column("member", "Member"),
        Column("change", "Change"),
        Column("window_before", "Window, before", year),
        Column("window_after", "after", year),
        Column("share_before", "Share, before", percent),
        Column("share_after", "after", percent),
        Column("charge_usd_m_before", "Charge, USD M, before", number),
        Column("charge_usd_m_after", "after", number),
    )
    return (Table("Commitments that differ", rows.assign(run=text_of(rows["run"])), columns),)
