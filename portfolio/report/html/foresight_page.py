"""The page of what foresight in releasing the reserve flatters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.evaluation.measures import WITH
from portfolio.report.html.page import Chart, Column, Fact, Facts, Page, Section, signed, year
from portfolio.report.html.plots import Intervals, Lines
from portfolio.report.html.run_data import BEFORE, WORLDS, read_table
from portfolio.report.html.study import caveats, read_record, study_page
from portfolio.report.html.tidy import text_of
from portfolio.report.words import count, number, percent

RECORD = "foresight.json"
OPTIMISM = "optimism"
RELEASES = {"foresight": "with foresight", "greedy": "greedy"}
BOTH = "both worlds, paired"
"""World of a figure that is a difference of the worlds."""
WAYS = ("shortfall_foresight_t", "shortfall_greedy_t")


def foresight_page(folder: Path) -> Page:
    """Return the page of the folder."""
    record = read_record(folder, RECORD)
    figures = read_table(folder / "figures.csv")
    figures["in"] = figures["world"].map(WORLDS).fillna(BOTH)
    figures["note"] = text_of(figures["note"])
    about = f"On {count(record['scenarios'], 'fresh scenario')} (seed {record['seed']}), the same for both releases."
    flattered = figures.loc[figures["release"] == OPTIMISM]
    first = Section("What foresight flatters", (_facts(record, flattered), _optimism(flattered, record),
                                                *caveats(record)), _answer(flattered, record))  # fmt: skip
    more = Section("Shortfall under both", (_levels(figures, record), *_years(folder)))
    return study_page(record, "Optimism of foresight", about, (first, more))


def _answer(flattered: pd.DataFrame, record: dict[str, Any]) -> str:
    """How much of the mean with the fund foresight hides at most, in words."""
    rows = flattered.loc[(flattered["world"] == WITH) & (flattered["figure"] == "mean weighted shortfall")]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    return (
        f"Foresight of the reserve hides at most {number(row['estimate'])} weighted tonnes of mean shortfall with the "
        f"fund ({percent(float(record['level']))} interval {number(row['low'])} to {number(row['high'])})."
    )


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


def _short(figures: pd.Series) -> pd.Series:
    """Names that fit beside a chart on a telephone."""
    brief = figures.replace({"mean weighted shortfall": "mean", "what the fund takes off the mean": "fund's reduction"})
    return brief.str.removesuffix(" of weighted shortfall")


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
    flagged = rows.assign(label=_short(rows["figure"]) + rows["reliable"].map({0: " *", 1: ""}))
    return Chart(
        name="optimism",
        title="How much better foresight makes it look, at most",
        unit="Weighted shortfall hidden, and too much of what the fund takes off it: release with foresight against "
        f"greedy release, paired, {percent(float(record['level']))} intervals; * not to be relied on",
        alt=f"Dots with intervals: {said}.",
        data=flagged,
        columns=_columns(),
        plot=Intervals("label", "estimate", "low", "high", series="in", muted=(BEFORE, BOTH), title="weighted tonnes"),
    )


def _levels(figures: pd.DataFrame, record: dict[str, Any]) -> Chart:
    rows = figures.loc[figures["release"] != OPTIMISM].copy()
    own = rows["world"].isin(list(WORLDS))
    rows["label"] = _short(rows["figure"]) + (", " + rows["in"]).where(own, "")
    rows["how"] = rows["release"].map(RELEASES)
    said = "; ".join(f"{r['label']}, {r['how']} {number(r['estimate'])}" for r in rows.to_dict(orient="records"))
    return Chart(
        name="levels",
        title="Figures with foresight and without",
        unit=f"Weighted tonnes, with {percent(float(record['level']))} intervals of each alone",
        alt=f"Dots with intervals: {said}.",
        data=rows,
        columns=_columns(),
        plot=Intervals("label", "estimate", "low", "high", series="how", title="weighted tonnes"),
    )


def _years(folder: Path) -> tuple[Chart, ...]:
    """What greedy release leaves more in each year; later years pay for earlier ones, so that it may be less."""
    rows = read_table(folder / "years.csv")
    if rows.empty:
        return ()
    sums = rows.groupby(["world", "year"], sort=False)[list(WAYS)].sum().reset_index()
    more = sums["shortfall_greedy_t"] - sums["shortfall_foresight_t"]
    sums = sums.assign(more_t=more, words=sums["world"].map(WORLDS))
    worst = sums.iloc[int(sums["more_t"].to_numpy().argmax())]
    chart = Chart(
        name="years",
        title="What is short without foresight, year by year",
        unit="Mean shortfall with greedy release less that with foresight, t/y, all regions, stages and materials",
        alt=f"Lines over the years for both worlds; the most is {number(worst['more_t'])} t in {worst['year']:.0f}, "
        f"{worst['words']}.",
        data=sums,
        columns=(
            Column("words", "World"),
            Column("year", "Year", year),
            Column("shortfall_foresight_t", "With foresight, t/y", number),
            Column("shortfall_greedy_t", "Greedy, t/y", number),
            Column("more_t", "Difference, t/y", signed),
        ),
        plot=Lines("year", "more_t", "words", muted=(BEFORE,)),
    )
    return (chart,)
