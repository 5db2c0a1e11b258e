"""The page of a term sheet: least terms, offers, what is asked of whom."""

from __future__ import annotations

from typing import Any

import pandas as pd

from portfolio.report.html.page import Block, Chart, Column, Fact, Facts, Page, Section, Table, year
from portfolio.report.html.plots import Intervals, Stacked
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder, general, shown, text_of
from portfolio.report.termsheet_summary import works
from portfolio.report.words import number, percent

MOST_OFFERS = 20
APART = frozenset(("charge", "exposure", "payout_es95", "balance"))
"""Lines of the ledger that are no cash flows, or kept apart."""


def termsheet_page(found: StudyFolder) -> Page:
    """Return the page of a term sheet."""
    blocks: tuple[Block, ...] = (_facts(found.record), *_terms(found), *found.warnings)
    of = "of the package as it is" if found.record["in_portfolio"] else "of the least terms"
    sections = (
        Section("Terms", blocks),
        Section("Conditions precedent", _sheet(found, "conditions", f"What has to hold at close, {of}")),
        Section("Offers", _offers(found)),
        Section("What is asked of members", (*_payments(found), *_sheet(found, "members", "Cash calls and exposures"))),
        found.evidence(),
    )
    record = found.record
    kind = f"Term sheet of {record['project']}, closing {record['window']}"
    about = (
        f"Alive until {record['until'] or 'the end of its contracts'} with a probability of at least "
        f"{percent(float(record['survival']))}, on {number(record['scenarios'])} fresh scenarios."
    )
    return study_page(record, kind, about, sections)


def _facts(record: dict[str, Any]) -> Facts:
    best: dict[str, Any] | None = record["recommended"]
    if best is None:
        return Facts((Fact("Recommended", "none", "no offer tried keeps it alive as asked"),))
    charge = best.get("charge_usd_m")
    charged = "" if charge is None or charge != charge else f"charge to budgets USD {number(float(charge))} M"
    facts = [
        Fact("Public money", f"USD {number(best['public_money_usd_m'])} M", charged),
        Fact(
            "Strike",
            f"USD {number(best['strike_usd_kg'])}/kg" if best["share"] > 0 else "no price protection",
            f"{percent(best['share'])} of output, {best['term_y']:g} years" if best["share"] > 0 else "",
        ),
    ]
    if best["survival"] is not None:
        limits = f"{percent(float(record['level']))} interval {percent(best['low'])} to {percent(best['high'])}"
        facts.append(Fact("Alive", percent(best["survival"]), limits))
    facts.insert(0, Fact("Recommended" if best["works"] else "No offer tried works", best["debt"], "private debt"))
    facts.append(Fact("Can be split among members", "yes" if best["works"] else "no", str(best["why"] or "")))
    return Facts(tuple(facts))


def _sheet(found: StudyFolder, name: str, title: str) -> tuple[Block, ...]:
    return (shown(name, found.tables[name], title=title),) if found.has(name) else ()


def _terms(found: StudyFolder) -> tuple[Block, ...]:
    """Terms side by side; words and numbers share a column, so that numbers are rounded as text."""
    if not found.has("sheet", "item", "unit", "as_it_is", "least", "source"):
        return ()
    rows = found.tables["sheet"]
    rows = rows.assign(**{name: [_rounded(v) for v in text_of(rows[name])] for name in ("as_it_is", "least")})
    tried = "Least" if works(found.record) else "Nearest tried"
    headings = {"item": "Term", "unit": "Unit", "as_it_is": "As it is", "least": tried, "source": "Source"}
    if not found.record["in_portfolio"]:
        headings.pop("as_it_is")
    note = "Exact values are in sheet.csv."
    return (Table("Terms side by side", rows, tuple(Column(k, v) for k, v in headings.items()), note),)


def _rounded(text: str) -> str:
    try:
        return general(float(text))
    except ValueError:
        return text


def _offers(found: StudyFolder) -> tuple[Block, ...]:
    """Offers that close, by how likely they keep the plant alive; those on the frontier in colour."""
    if not found.has("offers", "debt", "share", "term_y", "survival", "low", "high", "frontier", "works"):
        return ()
    rows = found.tables["offers"].dropna(subset=["survival"]).copy()
    if rows.empty:
        return ()
    rows["label"] = [
        f"{percent(r['share'])}, {r['term_y']:g} y, {number(r['strike_usd_kg'])}, {r['debt']}"
        if r["share"] > 0
        else f"{percent(0.0)}, {r['debt']}"
        for r in rows.to_dict(orient="records")
    ]
    rows["sort"] = [
        "works, nothing less does" if f else "works" if w else "does not work"
        for f, w in zip(rows["frontier"], rows["works"], strict=True)
    ]
    order = ["frontier", "works", "public_money_usd_m"]
    rows = rows.sort_values(order, ascending=[False, False, True], kind="stable").head(MOST_OFFERS)
    asked = float(found.record["survival"])
    chart = Chart(
        name="offers",
        title="Offers at their least strike, and at that of least public money: how likely the plant stays alive",
        unit=f"Probability of being alive, with {found.interval}; line: what is asked, {percent(asked)}. Labels: "
        "share of output and years under price protection, strike in USD/kg, private debt",
        alt=f"Dots with intervals for {len(rows)} offers; {int(rows['works'].sum())} of them work.",
        data=rows,
        columns=(
            Column("label", "Offer"),
            Column("sort", "Verdict"),
            Column("survival", "Alive", percent),
            Column("low", "From", percent),
            Column("high", "To", percent),
            Column("strike_usd_kg", "Strike, USD/kg", number),
            Column("aim", "Which is the one of"),
            Column("volume_tpy", "Volume, t/y", number),
            Column("public_money_usd_m", "Public money, USD M", number),
            Column("guaranteed_usd_m", "Guaranteed, USD M", number),
            Column("charge_usd_m", "Charge, USD M", number),
            Column("why", "Why not"),
        ),
        plot=Intervals(
            "label", "survival", "low", "high", series="sort", muted=("does not work",), beside=False,
            reference=asked, share=True, title="alive",
        ),
        note=f"The first {MOST_OFFERS} offers; all are in the table below." if len(found.tables["offers"]) > len(rows)
        else "",
    )  # fmt: skip
    return (chart,)


def _payments(found: StudyFolder) -> tuple[Block, ...]:
    """Expected cash flows of the package that is least, by year and line."""
    if not found.has("payments", "package", "member", "year", "line", "simulated_usd_m"):
        return ()
    rows = found.tables["payments"]
    flows = rows.loc[~rows["line"].isin(APART)]
    package = "least" if (flows["package"] == "least").any() else str(flows["package"].iloc[0])
    flows = flows.loc[flows["package"] == package]
    data = flows.groupby(["member", "year", "line"], sort=False)["simulated_usd_m"].sum().reset_index()
    data = data.loc[data.groupby("line")["simulated_usd_m"].transform(lambda v: v.abs().sum()) > 1e-6]
    if data.empty:
        return ()
    data["words"] = data["line"].str.replace("_", " ")
    data = data.sort_values(["member", "year"], kind="stable")
    chart = Chart(
        name="payments",
        title="Who pays and receives when",
        unit=f"Expected cash flows of the package ({package}), USD M a year; above 0: received by the member",
        alt=f"Stacked bars by year for {data['member'].nunique()} members; in all "
        f"{number(float(data['simulated_usd_m'].sum()))} USD M net.",
        data=pd.DataFrame(data),
        columns=(
            Column("member", "Member"),
            Column("year", "Year", year),
            Column("words", "Line"),
            Column("simulated_usd_m", "USD M", number),
        ),
        plot=Stacked("year", "simulated_usd_m", "words", panel="member", upright=True, years=True, title="USD M"),
    )
    return (chart,)
