"""The page of what stochastics are worth."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from portfolio.report.html.page import Block, Chart, Column, Page, Section, Table, year
from portfolio.report.html.plots import Intervals
from portfolio.report.html.run_data import read_table
from portfolio.report.html.study import caveats, read_record, study_page
from portfolio.report.words import count, number, percent

RECORD = "worth.json"
SAMPLES = {
    "own": "the run's own scenarios",
    "foresight": "scenarios solved with foresight",
    "fresh": "fresh scenarios",
    "nested": "groups that share what is known",
}
"""Samples in words."""
MEASURES = {
    "RP": "RP: the portfolio of the run",
    "EEV": "EEV: the one that plans for the mean",
    "VSS": "VSS: planning with scenarios",
    "WS": "WS: with the future known",
    "EVPI": "EVPI: knowing the future",
}
"""Measures in words."""


def worth_page(folder: Path) -> Page:
    """Return the page of the folder."""
    record = read_record(folder, RECORD)
    rows = read_table(folder / "measures.csv")
    rows["what"] = [MEASURES.get(name, name) for name in rows["measure"]]
    rows["where"] = rows["sample"].map(SAMPLES)
    values = rows.loc[~rows["measure"].isin(["RP", "EEV", "WS"])].copy()
    about = f"Of the portfolio chosen on {count(record['scenarios'], 'scenario')} (seed {record['seed']})."
    level = float(record["level"])
    charts: tuple[Block, ...] = (_values(values, level),) if len(values) else ()
    blocks = (*charts, *caveats(record), _table(rows, level))
    return study_page(record, "Worth of stochastics", about, (Section("What it is worth", blocks, _answer(values)),))


def _answer(values: pd.DataFrame) -> str:
    """Each measure as a share of the objective, in words."""
    said = [
        f"{r['what'].partition(': ')[2]} is worth {percent(r['share'])} ({r['where']})"
        for r in values.to_dict(orient="records")
    ]
    return f"As shares of the objective: {'; '.join(said)}. The chart has their intervals." if said else ""


def _values(rows: pd.DataFrame, level: float) -> Chart:
    flag = rows["reliable"].map({0: " *", 1: ""})
    rows = rows.assign(label=rows["measure"] + ", " + rows["where"] + flag)
    # Shares of RP on the same sample, so that samples can be read side by side.
    scale = rows["share"] / rows["estimate"].where(rows["estimate"] != 0)
    rows = rows.assign(share_low=rows["low"] * scale, share_high=rows["high"] * scale)
    said = "; ".join(f"{r['label']} {percent(r['share'])}" for r in rows.to_dict(orient="records"))
    return Chart(
        name="worth",
        title="What planning with scenarios, and knowing more, is worth",
        unit=f"Share of the objective, {100 * level:.3g} % intervals; 0: worth nothing; *: not to be relied on",
        alt=f"Dots with intervals, as shares of the objective: {said}.",
        data=rows,
        columns=_columns(),
        plot=Intervals("label", "share", "share_low", "share_high", share=True, title="share of the objective"),
    )


def _columns() -> tuple[Column, ...]:
    return (
        Column("what", "Measure"),
        Column("where", "Measured on"),
        Column("scenarios", "Scenarios", year),
        Column("estimate", "Estimate", number),
        Column("low", "From", number),
        Column("high", "To", number),
        Column("share", "Share of RP", percent),
        Column("least", "At least, by gaps", number),
        Column("most", "At most, by gaps", number),
        Column("note", "Note"),
    )


def _table(rows: pd.DataFrame, level: float) -> Table:
    note = "By gaps: where the measure lies on this very sample, whatever the searches left open."
    return Table(f"All measures with {100 * level:.3g} % intervals", rows, _columns(), note, folded=True)
