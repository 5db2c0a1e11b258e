"""The page of what foresight in releasing the reserve flatters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.report.html.page import Chart, Column, Fact, Facts, Page, Section, signed, year
from portfolio.report.html.plots import Intervals, Lines
from portfolio.report.html.run_data import BEFORE, WORLDS, read_table
from portfolio.report.html.study import caveats, read_record, study_page
from portfolio.report.html.tidy import text_of
from portfolio.report.words import count, number, percent

RECORD = "foresight.json"
OPTIMISM = "optimism"
RELEASES = {"foresight": "shortfall with foresight", "greedy": "shortfall without"}
WAYS = {"shortfall_foresight_t": RELEASES["foresight"], "shortfall_greedy_t": RELEASES["greedy"]}


def foresight_page(folder: Path) -> Page:
    """Return the page of the folder."""
    record = read_record(folder, RECORD)
    figures = read_table(folder / "figures.csv")
    figures["in"] = figures["world"].map(WORLDS)
    figures["note"] = text_of(figures["note"])
    about = f"On {count(record['scenarios'], 'fresh scenario')} (seed {record['seed']}), the same for both releases."
    flattered = figures.loc[figures["release"] == OPTIMISM]
    first = Section("What foresight flatters", (_facts(record, flattered), _optimism(flattered, record),
                                                *caveats(record)))  # fmt: skip
    more = Section("Shortfall under both", (_levels(figures, record), *_years(folder)))
    return study_page(record, "Optimism of foresight", about, (first, more))


def _facts(record: dict[str, Any], flattered: pd.DataFrame) -> Facts:
    return Facts(
        tuple(
            Fact(
                f"Scenarios that look better, {words}",
                percent(record["scenarios_that_differ"][world]),
                f"{number(record['released_greedy_t'].get(world, 0.0))} t released over the horizon without foresight",
            )
            for world, words in WORLDS.items()
            if world in set(flattered["world"])
        )
    )


def _columns() -> tuple[Column, ...]:
    return (
        Column("figure", "Figure"),
        Column("in", "World"),
        Column("release", "Release"),
        Column("estimate", "Estimate", number),
        Column("low", "From", number),
        Column("high", "To", number),
        Column("reliable", "Enough scenarios", year),
        Column("note", "Note"),
    )


def _optimism(rows: pd.DataFrame, record: dict[str, Any]) -> Chart:
    said = "; ".join(f"{r['figure']}, {r['in']} {signed(r['estimate'])}" for r in rows.to_dict(orient="records"))
    flagged = rows.assign(label=rows["figure"] + rows["reliable"].map({0: " *", 1: ""}))
    return Chart(
        name="optimism",
        title="Shortfall hidden by foresight, at most",
        unit=f"Weighted shortfall with greedy release less that with foresight, paired, "
        f"{percent(float(record['level']))} intervals; * not to be relied on",
        alt=f"Dots with intervals: {said}.",
        data=flagged,
        columns=_columns(),
        plot=Intervals(
            "label", "estimate", "low", "high", series="in", muted=(BEFORE,), title="weighted shortfall hidden"
        ),
    )


def _levels(figures: pd.DataFrame, record: dict[str, Any]) -> Chart:
    rows = figures.loc[figures["release"] != OPTIMISM].copy()
    rows["label"] = rows["figure"] + ", " + rows["in"]
    rows["how"] = rows["release"].map(RELEASES)
    said = "; ".join(f"{r['label']}, {r['how']} {number(r['estimate'])}" for r in rows.to_dict(orient="records"))
    return Chart(
        name="levels",
        title="Shortfall with foresight and without",
        unit=f"Weighted shortfall, with {percent(float(record['level']))} intervals of each alone",
        alt=f"Dots with intervals: {said}.",
        data=rows,
        columns=_columns(),
        plot=Intervals("label", "estimate", "low", "high", series="how", title="weighted shortfall"),
    )


def _years(folder: Path) -> tuple[Chart, ...]:
    rows = read_table(folder / "years.csv")
    if rows.empty:
        return ()
    sums = rows.groupby(["world", "year"], sort=False)[list(WAYS)].sum().reset_index()
    long = sums.melt(["world", "year"], list(WAYS), "way", "shortfall_t")
    long = long.assign(way=long["way"].map(WAYS), panel=long["world"].map(WORLDS)).sort_values(["panel", "year"])
    chart = Chart(
        name="years",
        title="Shortfall over the years",
        unit="Mean shortfall, t/y, all regions, stages and materials",
        alt="Lines over the years with foresight and without, for the world without the fund and with it.",
        data=pd.DataFrame(long),
        columns=(
            Column("panel", "World"),
            Column("year", "Year", year),
            Column("way", "Release"),
            Column("shortfall_t", "Shortfall, t/y", number),
        ),
        plot=Lines("year", "shortfall_t", "way", panel="panel"),
    )
    return (chart,)
