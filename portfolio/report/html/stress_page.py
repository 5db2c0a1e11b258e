"""The page of a stress test: events and lost suppliers, without the fund and with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.evaluation.stress import EVENT, N_MINUS_ONE
from portfolio.report.html.page import Block, Chart, Column, Notes, Page, Section, Table, year
from portfolio.report.html.plots import Intervals, Stacked
from portfolio.report.html.run_data import BEFORE, WORLDS, read_table
from portfolio.report.html.study import read_record, study_page
from portfolio.report.words import count, number, percent

RECORD = "stress.json"
READING = (
    "Alone, everything else is as expected: what if, not how likely.",
    "Weighted shortfall is discounted, so that early years weigh more; the table has the start year that is worst.",
    "What a stress adds may be more with the fund, which leaves less to lose in calm; the whole is what counts.",
)
"""How to read a stress test."""


def stress_page(folder: Path) -> Page:
    """Return the page of a stress test's folder."""
    record = read_record(folder, RECORD)
    about = (
        f"Named events alone and on top of {count(record['scenarios'], 'scenario')} (seed {record['seed']}), and every "
        "largest supplier country gone for a year."
    )
    return study_page(
        record, "Stress test", about, (Section("Stress", stress_blocks(folder), _answer(folder)), _suppliers(folder))
    )


def _answer(folder: Path) -> str:
    """The event that leaves most weighted shortfall with the fund, and what it leaves without."""
    rows = read_table(folder / "alone.csv").loc[lambda t: (t["worst"] == 1) & (t["kind"] == EVENT)]
    with_fund = rows.loc[rows["world"] == WITH]
    if with_fund.empty:
        return ""
    most = with_fund.nlargest(1, "weighted").iloc[0]
    without = rows.loc[(rows["world"] == WITHOUT) & (rows["stress"] == most["stress"]), "weighted"].tolist()
    beside = f", {number(without[0])} without it" if without else ""
    return (
        f"Of the events alone, {most['stress']} from {most['start_year']:.0f} leaves most: weighted shortfall of "
        f"{number(most['weighted'])} with the fund{beside}."
    )


def stress_blocks(folder: Path) -> tuple[Block, ...]:
    """What each stress leads to, alone and on top of a sample."""
    record = read_record(folder, RECORD)
    worst = read_table(folder / "alone.csv").loc[lambda t: t["worst"] == 1].copy()
    charts = (
        _alone(worst.loc[worst["kind"] == EVENT], "stress-events", "Events alone, from the start year that is worst"),
        _on_top(read_table(folder / "on_top.csv"), record),
        _alone(worst.loc[worst["kind"] == N_MINUS_ONE], "stress-losses", "A supplier country gone, the worst year"),
    )  # fmt: skip
    return (*(chart for chart in charts if chart is not None), Notes("How to read it", READING))


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    found = rows.copy()
    found["in"] = found["world"].map(WORLDS)
    years = found["start_year"].map("{:.0f}".format)
    same = found.groupby("stress")["start_year"].transform("nunique") == 1
    found["label"] = [f"{s}, {y}" if one else s for s, y, one in zip(found["stress"], years, same, strict=True)]
    # Longest bars first, worlds side by side.
    rank = found.groupby("stress")["weighted"].transform("max")
    return found.assign(rank=rank).sort_values(["rank", "stress"], ascending=False, kind="stable").drop(columns="rank")


STRESS_COLUMNS = (
    Column("stress", "Stress"),
    Column("start_year", "From", year),
    Column("in", "World"),
    Column("tonnes", "Shortfall, t", number),
    Column("added_tonnes", "Added, t", number),
    Column("weighted", "Weighted", number),
    Column("added_weighted", "Added, weighted", number),
    Column("short_stage", "Short at"),
)
"""Columns of a stress."""


def _alone(rows: pd.DataFrame, name: str, title: str) -> Chart | None:
    """Calm and added shortfall of every stress; None where there is no such stress."""
    if rows.empty:
        return None
    named = _named(rows)
    parts = named.assign(calm=named["weighted"] - named["added_weighted"])
    frames = [parts.assign(part=w, value=parts[c]) for c, w in (("calm", "in calm"), ("added_weighted", "added"))]
    long = pd.concat(frames, ignore_index=True)
    worst = named.loc[named["world"] == WITH].nlargest(1, "weighted").iloc[0]
    return Chart(
        name=name,
        title=title,
        unit="Weighted shortfall of the whole horizon: what there is in calm, and what the stress adds",
        alt=f"Stacked bars for {named['stress'].nunique()} stresses, without and with the fund. The worst with "
        f"the fund is {worst['stress']}: {number(worst['weighted'])}.",
        data=long,
        columns=(
            *STRESS_COLUMNS[:5],
            Column("part", "Part"),
            Column("value", "Weighted, part", number),
            *STRESS_COLUMNS[5:],
        ),
        plot=Stacked("label", "value", "part", panel="in", muted=("in calm",)),
    )


def _on_top(rows: pd.DataFrame, record: dict[str, Any]) -> Chart | None:
    """What events add to the mean of a sample, with intervals; None where no event was tried."""
    if rows.empty:
        return None
    named = _named(rows)
    return Chart(
        name="stress-on-top",
        title=f"Events on top of {count(record['scenarios'], 'scenario')}: what they add to the mean",
        unit=f"Weighted shortfall added, with {100 * record['level']:.3g} % intervals",
        alt="Dots with intervals of what each event adds to mean weighted shortfall, without and with the fund.",
        data=named,
        columns=(
            *STRESS_COLUMNS[:6],
            Column("added_weighted", "Added, weighted", number),
            Column("added_weighted_low", "From", number),
            Column("added_weighted_high", "To", number),
        ),
        plot=Intervals(
            "label", "added_weighted", "added_weighted_low", "added_weighted_high", series="in", muted=(BEFORE,),
            title="weighted shortfall added",
        ),
    )  # fmt: skip


def _suppliers(folder: Path) -> Section:
    columns = (
        Column("region", "Region"),
        Column("stage", "Stage"),
        Column("material", "Material"),
        Column("country", "Country"),
        Column("mean_t", "Imports, t/y", number),
        Column("share", "Share of imports", percent),
    )
    table = Table(
        "Largest third country by region, stage and material, in calm", read_table(folder / "suppliers.csv"), columns
    )
    return Section("Who would be missed", (table,))
