"""The page of price pressure: the same portfolio at base prices and under the pressure of its own supply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.report.html.page import Chart, Column, Fact, Facts, Page, Section, Table, signed, year
from portfolio.report.html.plots import Change, Intervals, Lines
from portfolio.report.html.run_data import read_table
from portfolio.report.html.study import caveats, read_record, study_page
from portfolio.report.html.tidy import general, heading
from portfolio.report.pressure import BALANCE
from portfolio.report.words import count, number, percent

RECORD = "pressure.json"
BASE, PRESSED = "at base prices", "under pressure"
DIFFERENCE = "difference by pressure"


def pressure_page(folder: Path) -> Page:
    """Return the page of the folder."""
    record = read_record(folder, RECORD)
    figures = read_table(folder / "figures.csv")
    about = (
        f"The run's portfolio on {count(record['scenarios'], 'fresh scenario')} (seed {record['seed']}), the same at "
        "both prices."
    )
    first = Section("What pressure does", (_facts(record, figures), _shortfall(figures, record), *caveats(record)),
                    _answer(figures, record))  # fmt: skip
    prices = read_table(folder / "prices.csv")
    supply = Section("Prices", (_prices(prices), Table("Rules", _rules(record), (
        Column("rule", "Rule"), Column("value", "Value", general)), folded=True)))  # fmt: skip
    projects = read_table(folder / "projects.csv")
    lives = Section("Projects and money", (*_projects(projects), *_money(read_table(folder / "flows.csv"))))
    return study_page(record, "Price pressure", about, (first, supply, lives))


def _answer(figures: pd.DataFrame, record: dict[str, Any]) -> str:
    """What pressure adds to the mean, in words."""
    rows = figures.loc[(figures["what"] == DIFFERENCE) & ~figures["figure"].str.startswith("CVaR")]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    return (
        f"At prices that the new supply presses, mean weighted shortfall with the fund changes by "
        f"{signed(row['estimate'])} ({percent(float(record['level']))} interval {signed(row['low'])} to "
        f"{signed(row['high'])})."
    )


def _facts(record: dict[str, Any], figures: pd.DataFrame) -> Facts:
    rows = figures.loc[figures["what"] == DIFFERENCE]
    level = percent(float(record["level"]))
    return Facts(
        tuple(
            Fact(
                f"Added to the {r['figure'] if str(r['figure']).startswith('CVaR') else 'mean weighted shortfall'}",
                signed(r["estimate"]),
                f"{level} interval {signed(r['low'])} to {signed(r['high'])}"
                + ("" if r["reliable"] else "; too few scenarios for it"),
            )
            for r in rows.to_dict(orient="records")
        )
    )


def _shortfall(figures: pd.DataFrame, record: dict[str, Any]) -> Chart:
    rows = figures.loc[figures["what"] != DIFFERENCE].copy()
    rows["world"] = rows["what"] + " the fund"
    rows["world"] = rows["world"].replace({"with, under pressure the fund": "with the fund, under pressure"})
    said = "; ".join(f"{r['world']} {number(r['estimate'])}" for r in rows.to_dict(orient="records"))
    return Chart(
        name="shortfall",
        title="What is left uncovered",
        unit=f"Mean weighted shortfall, with {percent(float(record['level']))} intervals of each alone",
        alt=f"Dots with intervals: {said}.",
        data=rows,
        columns=(
            Column("world", "World"),
            Column("estimate", "Weighted shortfall", number),
            Column("low", "From", number),
            Column("high", "To", number),
            Column("reliable", "Enough scenarios", year),
        ),
        plot=Intervals("world", "estimate", "low", "high", title="weighted shortfall"),
        note="What pressure adds is told by the paired difference above, not by whether these intervals overlap.",
    )


def _prices(prices: pd.DataFrame) -> Chart:
    last = prices.loc[prices["year"] == prices["year"].max()]
    said = "; ".join(f"{r['material']} {number(r['price_factor'])}" for r in last.to_dict(orient="records"))
    return Chart(
        name="prices",
        title="Prices under pressure",
        unit="Mean factor on the sampled price, by material; 1: no pressure",
        alt=f"Lines over the years; in {last['year'].iloc[0]:.0f}: {said}.",
        data=prices,
        columns=(
            Column("material", "Material"),
            Column("year", "Year", year),
            Column("price_factor", "Mean factor", number),
            Column("lowest_factor", "Lowest factor", number),
            Column("new_supply_share", "New supply, share of the market", percent),
        ),
        plot=Lines("year", "price_factor", "material"),
    )


def _rules(record: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([(heading(k), float(v)) for k, v in record["rules"].items()], columns=["rule", "value"])


def _projects(rows: pd.DataFrame) -> tuple[Chart, ...]:
    if rows.empty:
        return ()
    rows = rows.assign(label=[f"{p}, {w:.0f}" for p, w in zip(rows["project"], rows["window"], strict=True)])
    lost = rows["runs_with_base"] - rows["runs_with_pressed"]
    worst = rows.iloc[int(lost.to_numpy().argmax())]
    chart = Chart(
        name="projects",
        title="Which projects suffer",
        unit="Part of its years that a supported project runs, mean over scenarios",
        alt=f"Rings at base prices, dots under pressure. The largest loss: {worst['label']}, "
        f"{percent(worst['runs_with_base'])} to {percent(worst['runs_with_pressed'])}.",
        data=rows,
        columns=(
            Column("project", "Project"),
            Column("window", "Window", year),
            *(
                Column(f"{name}_with_{which}", f"{words}, {said}", percent)
                for name, words in (("closes", "Closes"), ("runs", "Runs"), ("output", "Output"))
                for which, said in (("base", BASE), ("pressed", PRESSED))
            ),
        ),
        plot=Change(
            "label", "runs_with_base", "runs_with_pressed", before_title=BASE, after_title=PRESSED, share=True
        ),
    )  # fmt: skip
    return (chart,)


def _money(flows: pd.DataFrame) -> tuple[Chart, ...]:
    """Cash flows by line at both prices; balances are left out."""
    cash = flows.loc[flows["line"] != BALANCE]
    if cash.empty:
        return ()
    sums = cash.pivot_table("usd_m", ["member", "line"], "prices", aggfunc="sum", sort=False).reset_index()
    sums = sums.reindex(columns=["member", "line", "base", "pressed"]).fillna(0.0)
    sums = sums.loc[sums[["base", "pressed"]].abs().max(axis=1) > 0.05]
    sums = sums.assign(words=[heading(str(line)) for line in sums["line"]], change=sums["pressed"] - sums["base"])
    net = sums[["base", "pressed"]].sum()
    chart = Chart(
        name="money",
        title="What members pay and receive",
        unit="Expected cash flows over the horizon, USD M, real and undiscounted; above 0: received",
        alt=f"Rings at base prices, dots under pressure, by member and line. All members, net: USD "
        f"{number(net['base'])} M at base prices, {number(net['pressed'])} M under pressure.",
        data=sums,
        columns=(
            Column("member", "Member"),
            Column("words", "Line"),
            Column("base", "At base prices, USD M", number),
            Column("pressed", "Under pressure, USD M", number),
            Column("change", "Change", signed),
        ),
        plot=Change("words", "base", "pressed", before_title=BASE, after_title=PRESSED, panel="member", title="USD M"),
        note="Loans owed and not yet due at the end of the horizon are no cash flow and left out.",
    )
    return (chart,)
