"""The page of a comparison of instrument mixes."""

from __future__ import annotations

import pandas as pd

from portfolio.report.html.page import Chart, Column, Fact, Facts, Page, Section, signed, year
from portfolio.report.html.plots import Intervals, Matrix, Stacked
from portfolio.report.html.run_data import KINDS
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder, text_of
from portfolio.report.words import number, percent

APART, OPEN = "told apart", "not told apart"
READING = "Mixes that share a letter are not told apart: sampling, or what the searches left open, could explain it."


def compare_page(found: StudyFolder) -> Page:
    """Return the page of a comparison."""
    mixes = found.tables["mixes"].copy()
    mixes["letters"] = text_of(mixes["group"])
    mixes["label"] = [f"{m} ({g})" if g else m for m, g in zip(mixes["mix"], mixes["letters"], strict=True)]
    solved = mixes.dropna(subset=["objective"])
    charts = (_differences(found, solved), *_reduction(found, solved))
    first = Section("Which mix", (_facts(found, solved), *charts, *found.warnings))
    what = (*_money(found, mixes), *_projects(found, mixes))
    return study_page(
        found.record, "Comparison of instrument mixes", found.about, (first, Section("What they fund", what),
                                                                      found.evidence())
    )  # fmt: skip


def _facts(found: StudyFolder, solved: pd.DataFrame) -> Facts:
    best, record = solved.iloc[0], found.record
    level, cost = percent(float(record["level"])), number(best["public_cost_usd_m"])
    return Facts(
        (
            Fact("Least objective", str(best["mix"]), f"{number(best['objective'])} on fresh scenarios"),
            Fact("Projects it supports", year(best["projects"]), f"public cost USD {cost} M"),
            Fact("Pairs told apart", f"{record['pairs_told_apart']} of {record['pairs']}", f"all together at {level}"),
        )
    )  # fmt: skip


def _differences(found: StudyFolder, solved: pd.DataFrame) -> Chart:
    """Objective of each mix less that of the reference, all pairs together."""
    reference = str(found.record["reference"])
    rows = solved.loc[(solved["mix"] != reference) & solved["difference"].notna()].copy()
    rows["told"] = rows["told_apart"].map({1: APART, 0: OPEN})
    said = "; ".join(
        f"{r['mix']} {signed(r['difference'])} ({signed(r['difference_low'])} to {signed(r['difference_high'])}), "
        f"{r['told']}"
        for r in rows.to_dict(orient="records")
    )
    return Chart(
        name="differences",
        title=f"What each mix leaves more than {reference}",
        unit=f"Objective less that of {reference} on the same fresh scenarios; limits hold for all pairs "
        f"together at {percent(float(found.record['level']))} and include what the searches left open",
        alt=f"Dots with intervals, right of zero is worse than {reference}: {said}.",
        data=rows,
        columns=(
            Column("mix", "Mix"),
            Column("letters", "Group"),
            Column("difference", "Difference", signed),
            Column("difference_low", "From", signed),
            Column("difference_high", "To", signed),
            Column("told", "Verdict"),
        ),
        plot=Intervals(
            "label", "difference", "difference_low", "difference_high", series="told", muted=(OPEN,), beside=False,
            title=f"more than {reference}",
        ),
        note=f"{int(rows['told_apart'].sum())} of {len(rows)} are told apart from {reference}. {READING}",
    )  # fmt: skip


def _reduction(found: StudyFolder, solved: pd.DataFrame) -> tuple[Chart, ...]:
    """What each mix takes off the shortfall; nothing where the world without the fund was not measured."""
    if "reduction" not in solved or not solved["reduction"].notna().any():
        return ()
    said = "; ".join(f"{r['mix']} {percent(r['reduction'])}" for r in solved.to_dict(orient="records"))
    chart = Chart(
        name="reduction",
        title="What each mix takes off the shortfall",
        unit=f"Share of mean weighted shortfall removed, with {found.interval}, each alone",
        alt=f"Dots with intervals: {said}.",
        data=solved,
        columns=(
            Column("mix", "Mix"),
            Column("letters", "Group"),
            Column("reduction", "Removed", percent),
            Column("reduction_low", "From", percent),
            Column("reduction_high", "To", percent),
            Column("weighted", "Weighted shortfall left", number),
            Column("weighted_cvar", "CVaR", number),
            Column("tonnes_per_year", "Shortfall left, t/y", number),
            Column("public_cost_usd_m", "Public cost, USD M", number),
        ),
        plot=Intervals("label", "reduction", "reduction_low", "reduction_high", share=True, title="removed"),
        note="To tell mixes apart read the chart above: these intervals are of each mix alone.",
    )
    return (chart,)


def _money(found: StudyFolder, mixes: pd.DataFrame) -> tuple[Chart, ...]:
    if not found.has("funded", "mix", "kind", "charge_usd_m"):
        return ()
    names = dict(zip(mixes["mix"], mixes["label"], strict=True))
    sums = found.tables["funded"].groupby(["mix", "kind"], sort=False)["charge_usd_m"].sum().reset_index()
    order = {name: n for n, name in enumerate(mixes["mix"])}
    ranks = {kind: n for n, kind in enumerate(KINDS)}
    sums = sums.assign(rank=sums["mix"].map(order), kinds=sums["kind"].map(ranks)).sort_values(["rank", "kinds"])
    rows = sums.assign(label=sums["mix"].map(names), instrument=sums["kind"].map(KINDS).fillna(sums["kind"]))
    chart = Chart(
        name="money",
        title="What budgets are charged for",
        unit="USD M over all windows, overheads left out",
        alt=f"Stacked bars of charges by instrument for {rows['mix'].nunique()} mixes.",
        data=rows,
        columns=(Column("mix", "Mix"), Column("instrument", "Instrument"), Column("charge_usd_m", "USD M", number)),
        plot=Stacked("label", "charge_usd_m", "instrument", title="USD M"),
    )
    return (chart,)


def _projects(found: StudyFolder, mixes: pd.DataFrame) -> tuple[Chart, ...]:
    """Who is supported by which mix, and who could close; projects that no mix can close are left out."""
    if not found.has("projects", "mix", "project", "closable", "supported"):
        return ()
    rows = found.tables["projects"]
    some = rows.groupby("project")["closable"].transform("max") > 0
    order = {name: n for n, name in enumerate(mixes["mix"])}
    rows = rows.loc[some].assign(
        rank=rows["mix"].map(order), often=rows.groupby("project")["supported"].transform("sum")
    )
    rows = rows.sort_values(["often", "project", "rank"], ascending=[False, True, True], kind="stable")
    rows["strength"] = rows["supported"] * 0.75 + rows["closable"] * 0.12
    rows["text"] = [
        ("●" if s else "○" if c else "") + ("*" if only else "")
        for s, c, only in zip(rows["supported"], rows["closable"], rows["only_it"], strict=True)
    ]
    whole = rows.groupby("project")["supported"].sum()
    chart = Chart(
        name="projects",
        title="Which projects each mix supports",
        unit="●: in the portfolio found; ○: the mix has a way to finance it; *: only this one of those compared "
        "has, and those that contain it",
        alt=f"Matrix of {rows['project'].nunique()} projects by {rows['mix'].nunique()} mixes. Supported by every mix: "
        f"{', '.join(whole.index[whole == rows['mix'].nunique()]) or 'none'}.",
        data=rows,
        columns=(
            Column("project", "Project"),
            Column("mix", "Mix"),
            Column("supported", "Supported", year),
            Column("closable", "Can close", year),
            Column("only_it", "Only closes with this mix", year),
        ),
        plot=Matrix("project", "mix", "strength", "text"),
    )
    return (chart,)
