"""Evidence on a run's page: commitments one by one, what they change, and the ledger."""

from __future__ import annotations

import pandas as pd

from portfolio.finance.types import CONVENTIONS
from portfolio.report.html.page import Block, Chart, Column, Section, Table, year
from portfolio.report.html.plots import Change, Lines, Stacked
from portfolio.report.html.run_data import RunFolder, commitments
from portfolio.report.html.run_decision import money
from portfolio.report.words import number, percent

CONVENTION_WORDS = {"cash": "cash", "provisioning": "provisioning", "subsidy": "subsidy", "fair_value": "fair value"}
"""Budget conventions in words."""
FLOWS = {
    "outlay": "loans, equity, grants paid out",
    "overrun": "loans, equity, grants paid out",
    "purchase": "stockpile",
    "payout": "contracts and guarantees",
    "call": "contracts and guarantees",
    "haircut": "contracts and guarantees",
    "handling": "contracts and guarantees",
    "working_capital": "contracts and guarantees",
    "administration": "administration and set-up",
    "set_up": "administration and set-up",
    "service": "service of loans",
    "dividends": "dividends",
    "fee": "fees and upside",
    "upside": "fees and upside",
}
"""Lines of the ledger that are cash flows, in words."""


def portfolio(run: RunFolder) -> Section | None:
    """Return the commitments, what they change for projects, and the ledger; None where nothing is committed."""
    if commitments(run).empty:
        return None
    charts = (money(run), _projects(run), _conventions(run), _flows(run))
    blocks: list[Block] = [chart for chart in charts if chart is not None]
    blocks.append(_rows(run))
    return Section("Commitments and the ledger", tuple(blocks))


def _projects(run: RunFolder) -> Chart | None:
    """Chance of being built and of running, without and with support."""
    if run.projects.empty:
        return None
    rows = run.projects.copy()
    rows["label"] = [f"{name or project}" for name, project in zip(rows["name"], rows["project"], strict=True)]
    rights = [name for name in rows.columns if name.startswith("rights_")]
    mean = rows[["closes_without", "closes_with"]].mean()
    return Chart(
        name="projects",
        title="What support changes for each project",
        unit="Probability that it ever produces, without support → with it",
        alt=f"Probability of being built for {len(rows)} supported projects; the mean goes from "
        f"{percent(mean['closes_without'])} without to {percent(mean['closes_with'])} with support.",
        data=rows,
        columns=(
            Column("label", "Project"),
            Column("country", "Country"),
            Column("window", "Year", year),
            Column("uses_usd_m", "Uses of funds, USD M", number),
            Column("support_usd_m", "Support, USD M", number),
            Column("private_debt_usd_m", "Private debt, USD M", number),
            Column("closes_without", "Is built, without", percent),
            Column("closes_with", "Is built, with", percent),
            Column("runs_without", "Runs, without", percent),
            Column("runs_with", "Runs, with", percent),
            *(Column(name, f"Rights of {name.removeprefix('rights_')}", percent) for name in rights),
        ),
        plot=Change("label", "closes_without", "closes_with", "without support", "with support", share=True),
    )


def _conventions(run: RunFolder) -> Chart | None:
    """What each member's budget would be charged under each convention, cumulative over the years."""
    charged = run.ledger.loc[run.ledger["line"] == "charge"]
    if charged.empty:
        return None
    keys = ["member", "convention", "year"]
    sums = charged.groupby(keys)["simulated_usd_m"].sum()
    years = sorted({*run.case.windows, *(int(y) for y in charged["year"])})
    rows = []
    for member in dict.fromkeys(charged["member"]):
        for convention in CONVENTIONS:
            total = 0.0
            for at in years:
                total += float(sums.get((member, convention, at), 0.0))
                rows.append((member, CONVENTION_WORDS.get(convention, convention), at, total))
    data = pd.DataFrame(rows, columns=["member", "convention", "year", "charged_usd_m"])
    last = data.loc[data["year"] == years[-1]].groupby("convention", sort=False)["charged_usd_m"].sum()
    said = ", ".join(f"{name} {number(value)}" for name, value in last.items())
    return Chart(
        name="conventions",
        title="The same portfolio under four budget conventions",
        unit="USD M charged up to each year, simulated contract by contract",
        alt=f"Lines of cumulative charges by member. In the end all members together are charged, USD M: {said}.",
        data=data,
        columns=(
            Column("member", "Member"),
            Column("convention", "Convention"),
            Column("year", "Year", year),
            Column("charged_usd_m", "Charged so far, USD M", number),
        ),
        plot=Lines("year", "charged_usd_m", "convention", panel="member", height=210),
    )


def _flows(run: RunFolder) -> Chart | None:
    """Expected cash flows of all members by year and line."""
    cash = run.ledger.loc[(run.ledger["convention"] == "cash") & run.ledger["line"].isin(FLOWS)].copy()
    if cash.empty:
        return None
    cash["flow"] = cash["line"].map(FLOWS)
    sums = cash.groupby(["flow", "year", "member"])["simulated_usd_m"].sum()
    years, members = range(int(cash["year"].min()), int(cash["year"].max()) + 1), dict.fromkeys(cash["member"])
    flows = [f for f in dict.fromkeys(FLOWS.values()) if f in set(cash["flow"])]
    rows = [(m, y, f, float(sums.get((f, y, m), 0.0))) for m in members for y in years for f in flows]
    data = pd.DataFrame(rows, columns=["member", "year", "flow", "usd_m"])
    out, back = (float(data.loc[sign, "usd_m"].sum()) for sign in (data["usd_m"] < 0, data["usd_m"] > 0))
    return Chart(
        name="cash-flows",
        title="Cash out and back over the years",
        unit="Expected USD M a year, undiscounted, simulated contract by contract; paid below zero, received above",
        alt=f"Stacked bars of yearly cash flows by member. Over all years USD {number(-out)} M go out and "
        f"{number(back)} M come back.",
        data=data,
        columns=(
            Column("member", "Member"),
            Column("year", "Year", year),
            Column("flow", "Flow"),
            Column("usd_m", "USD M", number),
        ),
        plot=Stacked("year", "usd_m", "flow", panel="member", upright=True, years=True, height=220),
    )


def _rows(run: RunFolder) -> Table:
    """Every commitment, as in ``portfolio.csv``."""
    columns = (
        Column("project", "Project"),
        Column("name", "Name"),
        Column("window", "Year", year),
        Column("member", "Member"),
        Column("instrument", "Instrument"),
        Column("kind", "Kind"),
        Column("share", "Share", percent),
        Column("usd_m", "Amount, USD M", number),
        Column("tpy", "Contracted, t/y", number),
        Column("material", "Material"),
        Column("charge_usd_m", "Charge, USD M", number),
    )
    note = "Share: of the uses of funds, for contracts of output. Stockpile: tonnes bought. As in portfolio.csv."
    return Table("All commitments, one by one", run.portfolio, columns, note, folded=True)
