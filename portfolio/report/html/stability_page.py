"""The page of stability: how much objective and portfolio depend on the sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.report.html.page import Block, Chart, Column, Fact, Facts, Page, Section, Table, signed, year
from portfolio.report.html.plots import Change, Intervals, Matrix
from portfolio.report.html.run_data import read_table
from portfolio.report.html.study import caveats, read_record, study_page
from portfolio.report.words import count, number, percent

RECORD = "stability.json"


def stability_page(folder: Path) -> Page:
    """Return the page of the folder."""
    record = read_record(folder, RECORD)
    sizes, rows = read_table(folder / "by_size.csv"), read_table(folder / "portfolios.csv")
    fresh = record["fresh"]
    about = (
        f"{count(record['samples'], 'sample')} of each size solved, all portfolios on the same "
        f"{count(fresh['scenarios'], 'fresh scenario')} (seed {fresh['seed']})."
    )
    found: tuple[Block, ...] = (_facts(record, sizes), _worse(rows, record), *caveats(record))
    first = Section("Is the sample large enough", found, str(record["verdict"]))
    claims = Section("What a run claims, and what holds", (_claims(rows), _sizes(sizes)))
    chosen = Section("Which projects depend on the sample", _projects(folder))
    return study_page(record, "Stability", about, (first, claims, chosen))


def _facts(record: dict[str, Any], sizes: pd.DataFrame) -> Facts:
    return Facts(
        tuple(
            Fact(
                f"{count(int(r['scenarios']), 'scenario')}: {r['verdict']}",
                percent(r["true_spread"] / max(abs(r["true"]), 1e-10)),
                f"worst less best portfolio, {percent(record['level'])} interval "
                f"{percent(r['true_spread_low'] / max(abs(r['true']), 1e-10))} to "
                f"{percent(r['true_spread_high'] / max(abs(r['true']), 1e-10))}; asked: {percent(record['accuracy'])}",
            )
            for r in sizes.to_dict(orient="records")
        )
    )


def _worse(rows: pd.DataFrame, record: dict[str, Any]) -> Chart:
    data = rows.assign(size=[count(int(n), "scenario") for n in rows["scenarios"]])
    most = data["worse"].max()
    return Chart(
        name="worse",
        title="How much worse each portfolio is than the best of all",
        unit=f"Objective on the fresh scenarios less that of the best, paired; all hold together at "
        f"{percent(record['level'])}",
        alt=f"Dots with intervals for {len(data)} portfolios; the worst lies {number(most)} above the best.",
        data=data,
        columns=_columns(),
        plot=Intervals(
            "portfolio", "worse", "worse_low", "worse_high", series="size", beside=False, title="worse than the best"
        ),
        note="Labels: size and number of the sample a portfolio was chosen on.",
    )


def _columns() -> tuple[Column, ...]:
    return (
        Column("portfolio", "Portfolio"),
        Column("scenarios", "Scenarios", year),
        Column("in_sample", "Claimed, in sample", number),
        Column("bound", "Bound", number),
        Column("true", "On fresh scenarios", number),
        Column("true_low", "From", number),
        Column("true_high", "To", number),
        Column("worse", "Worse than the best", number),
        Column("worse_low", "From", number),
        Column("worse_high", "To", number),
        Column("projects", "Projects", year),
        Column("status", "Search"),
    )


def _claims(rows: pd.DataFrame) -> Chart:
    return Chart(
        name="claims",
        title="What each sample claims, and what its portfolio is worth",
        unit="Objective on its own sample, and on the fresh scenarios",
        alt=f"Rings and dots for {len(rows)} portfolios: in sample from {number(rows['in_sample'].min())} to "
        f"{number(rows['in_sample'].max())}, on fresh scenarios from {number(rows['true'].min())} to "
        f"{number(rows['true'].max())}.",
        data=rows,
        columns=_columns(),
        plot=Change(
            "portfolio", "in_sample", "true", before_title="claimed, in sample", after_title="on fresh scenarios",
            title="objective",
        ),
    )  # fmt: skip


def _sizes(sizes: pd.DataFrame) -> Table:
    columns = (
        Column("scenarios", "Scenarios", year),
        Column("in_sample", "Claimed, mean", number),
        Column("in_sample_spread", "Worst less best claim", number),
        Column("true", "On fresh scenarios, mean", number),
        Column("optimism", "Claimed less fresh", signed),
        Column("regret", "Above the best of all", number),
        Column("gap", "Gap of searches", percent),
        Column("verdict", "Verdict"),
        Column("scenarios_needed", "Scenarios needed for the claim", number),
    )
    return Table("By size of sample", sizes, columns)


def _projects(folder: Path) -> tuple[Chart, ...]:
    rows = read_table(folder / "projects.csv")
    if rows.empty:
        return ()
    data = rows.assign(size=[count(int(n), "scenario") for n in rows["scenarios"]])
    # What is missing in a size was never chosen there.
    whole = pd.MultiIndex.from_product([dict.fromkeys(data["project"]), dict.fromkeys(data["size"])])
    filled = data.set_index(["project", "size"]).reindex(whole).rename_axis(["project", "size"]).reset_index()
    filled[["chosen", "first_window"]] = filled[["chosen", "first_window"]].fillna(0.0)
    filled[["windows", "structures"]] = filled[["windows", "structures"]].fillna("")
    often = filled.groupby("project")["chosen"].transform("sum")
    filled = filled.assign(often=often).sort_values(["often", "project"], ascending=[False, True], kind="stable")
    filled["text"] = [percent(v) for v in filled["chosen"]]
    always = [p for p, v in filled.groupby("project", sort=False)["chosen"].min().items() if v == 1]
    chart = Chart(
        name="projects",
        title="How often each project is chosen",
        unit="Share of the samples of a size whose portfolio holds the project",
        alt=f"Matrix of {filled['project'].nunique()} projects by size of sample. Always chosen: "
        f"{', '.join(map(str, always)) or 'none'}.",
        data=filled,
        columns=(
            Column("project", "Project"),
            Column("size", "Sample"),
            Column("chosen", "Chosen", percent),
            Column("first_window", "In the first window", percent),
            Column("windows", "Windows: samples"),
            Column("structures", "Structures: samples"),
        ),
        plot=Matrix("project", "size", "chosen", "text"),
    )
    return (chart,)
