"""The page of an evaluation: the portfolio of a run on fresh scenarios, with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.evaluation.figures import DIFFERENCE
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.evaluation import figure_in_words
from portfolio.report.html.page import Block, Chart, Column, Fact, Facts, Page, Section, Table, signed, year
from portfolio.report.html.plots import Intervals, Lines
from portfolio.report.html.run_data import BEFORE, WORLDS, read_table
from portfolio.report.html.run_shortfall import curve, distribution
from portfolio.report.html.study import FreshFigures, caveats, doubt, read_record, study_page
from portfolio.report.words import count, number, percent

RECORD = "evaluation.json"
SHARES = ("share_of_demand", "reduction", "probability")
"""Figures that are fractions."""
IN_WORDS = WORLDS | {DIFFERENCE: "difference"}


def evaluation_page(folder: Path) -> Page:
    """Return the page of an evaluation's folder."""
    record = read_record(folder, RECORD)
    sample = record["in_sample"]
    about = (
        f"The portfolio on {count(record['scenarios'], 'fresh scenario')} (seed {record['seed']}); it was chosen on "
        f"{count(sample['scenarios'], 'other')} (seed {sample['seed']})."
    )
    first = Section("What the portfolio is worth", (*fresh_blocks(folder), *_figures(folder, record["level"])))
    return study_page(record, "Evaluation", about, (first, _places(folder, record)))


def fresh_blocks(folder: Path) -> tuple[Block, ...]:
    """Figures with intervals, what the run claimed beside them, and the distribution on fresh scenarios."""
    record = read_record(folder, RECORD)
    figures = read_table(folder / "figures.csv")
    scenarios = pd.read_parquet(folder / "scenarios.parquet")
    sample = f"; {count(len(scenarios), 'fresh scenario')}"
    return (
        _facts(FreshFigures(figures, float(record["level"]))),
        *caveats(record),
        _claims(figures, record),
        distribution(scenarios, sample).renamed("fresh-distribution"),
        curve(scenarios, sample).renamed("fresh-exceedance"),
    )


def _facts(fresh: FreshFigures) -> Facts:
    tonnes = fresh.row("tonnes_per_year", DIFFERENCE)
    removed = fresh.row("reduction", DIFFERENCE)
    optimism = fresh.row("weighted", WITH)
    any_short = fresh.row("probability", WITH)
    interval = fresh.interval
    return Facts(
        (
            Fact(
                "Change of mean shortfall by the fund",
                f"{signed(tonnes['estimate'])} t/y",
                f"{interval} {signed(tonnes['low'])} to {signed(tonnes['high'])}{doubt(tonnes)}",
            ),
            Fact(
                "Weighted shortfall removed",
                percent(removed["estimate"]),
                f"{interval} {percent(removed['low'])} to {percent(removed['high'])}{doubt(removed)}",
            ),
            Fact(
                "Weighted, with the fund: claimed − fresh",
                signed(optimism["optimism"]),
                f"{interval} {signed(optimism['optimism_low'])} to {signed(optimism['optimism_high'])}"
                f"{doubt(optimism)}",
            ),
            Fact(
                "Scenarios with any shortfall, with the fund",
                percent(any_short["estimate"]),
                f"{interval} {percent(any_short['low'])} to {percent(any_short['high'])}{doubt(any_short)}",
            ),
        )
    )


def _claims(figures: pd.DataFrame, record: dict[str, Any]) -> Chart:
    """Weighted shortfall of both worlds: fresh with its interval, and as the run claims it."""
    fresh = FreshFigures(figures, float(record["level"]))
    rows = []
    for name in ("weighted", "weighted_cvar"):
        for world in (WITHOUT, WITH):
            row = fresh.row(name, world)
            label = f"{'mean' if name == 'weighted' else 'worst scenarios'}, {WORLDS[world]}"
            rows.append((label, "on fresh scenarios", row["estimate"], row["low"], row["high"]))
            rows.append((label, "as the run claims", row["in_sample"], float("nan"), float("nan")))
    data = pd.DataFrame(rows, columns=["figure", "sample", "weighted", "low", "high"])
    mean = fresh.row("weighted", WITH)
    return Chart(
        name="claims",
        title="What the run claims, and what holds on fresh scenarios",
        unit=f"Weighted shortfall of the whole horizon, with {100 * record['level']:.3g} % intervals",
        alt=f"Dots with intervals. Mean weighted shortfall with the fund is {number(mean['estimate'])} on fresh "
        f"scenarios; the run claims {number(mean['in_sample'])}.",
        data=data,
        columns=(
            Column("figure", "Figure"),
            Column("sample", "Measured"),
            Column("weighted", "Weighted shortfall", number),
            Column("low", "From", number),
            Column("high", "To", number),
        ),
        plot=Intervals(
            "figure", "weighted", "low", "high", series="sample", reference=None, title="weighted shortfall"
        ),
    )


def _figures(folder: Path, level: float) -> Iterator[Table]:
    """Every figure with its interval, shares apart from tonnes."""
    rows = read_table(folder / "figures.csv")
    rows["what"] = rows["figure"].map(figure_in_words)
    rows["in"] = rows["world"].map(IN_WORDS)
    rows["trust"] = ["" if reliable else note for reliable, note in zip(rows["reliable"], rows["note"], strict=True)]
    shares = rows["figure"].isin(SHARES)
    for part, form, kind in ((rows.loc[~shares], number, "tonnes"), (rows.loc[shares], percent, "shares")):
        columns = (
            Column("what", "Figure"),
            Column("in", "World"),
            Column("unit", "Unit"),
            Column("estimate", "Estimate", form),
            Column("low", "From", form),
            Column("high", "To", form),
            Column("in_sample", "Run claims", form),
            Column("optimism", "Claimed − fresh", form),
            Column("trust", "Not to be relied on"),
        )
        yield Table(f"All figures with {100 * level:.3g} % intervals: {kind}", part, columns, folded=True)


def _places(folder: Path, record: dict[str, Any]) -> Section:
    interval = f"{100 * record['level']:.3g} % intervals"
    places = read_table(folder / "by_region_material.csv")
    places["place"] = places["region"] + " " + places["material"]
    places["in"] = places["world"].map(IN_WORDS)
    both = places.loc[places["world"] != DIFFERENCE]
    columns = (
        Column("in", "World"),
        Column("place", "Region and material"),
        Column("demand_t", "Demand, t/y", number),
        Column("mean_t", "Mean, t/y", number),
        Column("mean_t_low", "From", number),
        Column("mean_t_high", "To", number),
        Column("share_of_demand", "Share of demand", percent),
        Column("share_of_demand_low", "From", percent),
        Column("share_of_demand_high", "To", percent),
    )
    chart = Chart(
        name="fresh-places",
        title="Mean shortfall by region and material",
        unit=f"Share of demand on fresh scenarios, {interval}",
        alt="Dots with intervals of mean shortfall as a share of demand, without and with the fund, for "
        f"{count(both['place'].nunique(), 'place')}.",
        data=both,
        columns=columns,
        plot=Intervals(
            "place", "share_of_demand", "share_of_demand_low", "share_of_demand_high", "in", muted=(BEFORE,),
            reference=None, share=True,
        ),
    )  # fmt: skip
    return Section("Where and when", (chart, _years(folder, interval)))


def _years(folder: Path, interval: str) -> Chart:
    rows = read_table(folder / "by_region_material_year.csv")
    rows = rows.loc[(rows["world"] != DIFFERENCE) & (rows["demand_t"] > 0)].copy()
    rows["panel"] = rows["region"] + " " + rows["material"]
    rows["in"] = rows["world"].map(WORLDS)
    return Chart(
        name="fresh-years",
        title="Mean shortfall over the years",
        unit=f"Share of demand on fresh scenarios; bands: {interval} of the mean",
        alt="Lines of mean shortfall by year for each region and material, without and with the fund, with bands of "
        "their intervals.",
        data=rows,
        columns=(
            Column("in", "World"),
            Column("region", "Region"),
            Column("material", "Material"),
            Column("year", "Year", year),
            Column("mean_t", "Mean, t", number),
            Column("mean_t_low", "From", number),
            Column("mean_t_high", "To", number),
            Column("share_of_demand", "Share of demand", percent),
        ),
        plot=Lines(
            "year", "share_of_demand", "in", "share_of_demand_low", "share_of_demand_high", panel="panel",
            muted=(BEFORE,), share=True, height=130,
        ),
    )  # fmt: skip
