"""The first screen of a run's page: the decision, what it changes, what it uses, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from portfolio.evaluation.figures import DIFFERENCE
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.html.page import Block, Chart, Column, Fact, Facts, Notes, Section, Table, signed_percent, year
from portfolio.report.html.plots import Stacked
from portfolio.report.html.run_data import KINDS, RunFolder, charges, commitments
from portfolio.report.html.study import FreshFigures, doubt
from portfolio.report.words import amount, change, count, number, percent

SHOWN = 3
"""Places of one rule that are named; ``run.json`` has all."""
UNSURE = 0.75
"""Chance of being built, and share of years in operation, below which a supported project is named as unsure."""


READING = (
    "Is built: probability that it ever produces, without → with support. Runs: share of the years from its planned "
    "start in which it produces. Charge: to the members' budgets, administration apart. Shares in brackets are of the "
    "uses of funds, of contracts of output."
)
"""How to read the table of commitments."""


def decision(run: RunFolder, fresh: FreshFigures | None) -> Section:
    """Return the section; ``fresh`` are those of an evaluation of this run, where there is one."""
    blocks: list[Block] = [_facts(run, fresh)]
    shown = commitments(run)
    first = run.case.windows[0]
    advice, plan = shown.loc[shown["advice"] == 1], shown.loc[shown["advice"] == 0]
    if len(shown):
        blocks.append(_packages(run, advice, f"Commit in {first}: advice", READING))
    if len(plan):
        blocks.append(_packages(run, plan, "Commit later: a plan, to be solved again by then"))
    aside = (
        Notes("What binds", _binds(run)),
        Notes("Before you act on it", _caveats(run, fresh), warning=True),
    )
    return Section("The decision", tuple(blocks), _answer(run, fresh), aside)


def _answer(run: RunFolder, fresh: FreshFigures | None) -> str:
    """What to do and what it brings, in two sentences."""
    shown = commitments(run)
    if shown.empty:
        return "The fund commits nothing: no commitment within its rules and budgets was found to pay."
    first = run.case.windows[0]
    budget = pd.DataFrame(run.headline["budget_use"])
    charged = float(budget.loc[budget["window"] == first, "charge_usd_m"].sum())
    now, later = _purposes(shown.loc[shown["advice"] == 1]), _purposes(shown.loc[shown["advice"] == 0])
    spent = f"In {first}, charge USD {number(charged)} M to the budgets, for {now}"
    what = spent if now else f"Commit nothing in {first}"
    plan = f"; planned for later: {later}" if later else ""
    if fresh is None:
        before, after = (run.headline["shortfall"][w]["tonnes_per_year"] for w in (WITHOUT, WITH))
    else:
        before, after = (fresh.row("tonnes_per_year", w)["estimate"] for w in (WITHOUT, WITH))
    return (
        f"{what}{plan}. With the fund mean shortfall is {number(after)} t/y instead of {number(before)} "
        f"({change(before, after) or 'no change'})."
    )


def _purposes(rows: pd.DataFrame) -> str:
    """How many projects commitments go to, and whether they fill the reserve; nothing where there are none."""
    bought = rows["kind"] == "stockpile"
    projects = rows.loc[~bought, "project"].nunique()
    said = [*([count(projects, "project")] if projects else []), *(["the reserve"] if bought.any() else [])]
    return " and ".join(said)


def _facts(run: RunFolder, fresh: FreshFigures | None) -> Facts:
    said = run.headline["shortfall"]
    budget = pd.DataFrame(run.headline["budget_use"])
    first = run.case.windows[0]
    now = budget.loc[budget["window"] == first, ["charge_usd_m", "budget_usd_m"]].sum()
    whole = budget[["charge_usd_m", "budget_usd_m"]].sum()
    money = run.case.settings.case.currency_year
    shares = _reduction(said, fresh)
    return Facts(
        (
            _shortfall(run, fresh),
            Fact("Change weighted by value at stake", *shares),
            Fact(
                f"Charged to budgets in {first}",
                f"USD {number(now['charge_usd_m'])} of {number(now['budget_usd_m'])} M",
                f"{_by_fund(budget.loc[budget['window'] == first])}; with the plan {number(whole['charge_usd_m'])} of "
                f"{number(whole['budget_usd_m'])}",
            ),
            Fact(
                "Expected public cost",
                f"USD {number(run.headline['public_cost_usd_m'])} M",
                f"present value, money of {money}",
            ),
        )
    )


def _by_fund(rows: pd.DataFrame) -> str:
    """Use of the budget of each member, in words."""
    return "; ".join(
        f"{row['member']} {number(row['charge_usd_m'])} of {number(row['budget_usd_m'])}"
        for row in rows.to_dict(orient="records")
    )


def _shortfall(run: RunFolder, fresh: FreshFigures | None) -> Fact:
    """Tonnes a year without and with the fund: on fresh scenarios with intervals, else in sample and said so."""
    label = "Mean shortfall, without → with fund"
    if fresh is None:
        said = run.headline["shortfall"]
        before, after = (said[world]["tonnes_per_year"] for world in (WITHOUT, WITH))
        sample = count(int(run.record["scenarios"]), "scenario")
        detail = f"{change(before, after)}; in sample ({sample}), flattered: portfolio evaluate gives intervals"
        return Fact(label, f"{number(before)} → {number(after)} t/y", detail)
    rows = {world: fresh.row("tonnes_per_year", world) for world in (WITHOUT, WITH)}
    limits = " → ".join(f"{number(row['low'])} to {number(row['high'])}" for row in rows.values())
    value = " → ".join(number(row["estimate"]) for row in rows.values())
    said = f"{fresh.interval}s {limits}; out of sample{doubt(rows[WITH])}"
    return Fact(label, f"{value} t/y", said)


def _reduction(said: dict[str, Any], fresh: FreshFigures | None) -> tuple[str, str]:
    """What the fund takes off the weighted shortfall, of the mean and of the worst scenarios."""
    before, after = said[WITHOUT], said[WITH]
    worst = change(before["weighted_cvar"], after["weighted_cvar"])
    if fresh is None:
        return (
            change(before["weighted"], after["weighted"]) or "none",
            f"{number(before['weighted'])} → {number(after['weighted'])}; worst scenarios {worst}; in sample",
        )
    row = fresh.row("reduction", DIFFERENCE)
    tails = [fresh.row("weighted_cvar", world)["estimate"] for world in (WITHOUT, WITH)]
    limits = " to ".join(signed_percent(-row[end]) for end in ("high", "low"))
    detail = f"{fresh.interval} {limits}; worst scenarios {change(*tails)}{doubt(row)}"
    return signed_percent(-row["estimate"]), detail


def _packages(run: RunFolder, rows: pd.DataFrame, title: str, note: str = "") -> Block:
    """Who gives what to each project, a row per project and year."""
    if rows.empty:
        return Notes(title, ("nothing",))
    made = []
    chances = {(r["project"], r["window"]): r for r in run.projects.to_dict(orient="records")}
    for (window, project, name, country), own in rows.groupby(["window", "project", "name", "country"], sort=False):
        chance = chances.get((project, window))
        made.append(
            {
                "window": window,
                "project": f"{name or project}{f' ({country})' if country else ''}",
                "package": "\n".join(_by_member(own)),
                "built": _arrow(chance, "closes"),
                "runs": _arrow(chance, "runs"),
                "charge": own["charge_usd_m"].sum(),
            }
        )
    columns = (
        *((Column("window", "Year", year),) if len(set(rows["window"])) > 1 else ()),
        Column("project", "Project"),
        Column("package", "Who funds what"),
        Column("built", "Is built"),
        Column("runs", "Runs"),
        Column("charge", "Charge, USD M", number),
    )
    return Table(title, pd.DataFrame(made), columns, note)


def _by_member(rows: pd.DataFrame) -> Iterator[str]:
    for member, own in rows.groupby("member", sort=False):
        parts = []
        for row in own.to_dict(orient="records"):
            said = {str(k): v for k, v in row.items()}
            kind = "" if row["kind"] == "stockpile" else f"{KINDS.get(row['kind'], row['kind'])} "
            parts.append(f"{kind}{amount(said)}")
        yield f"{member}: {', '.join(parts)}"


def _arrow(chance: dict[Any, Any] | None, name: str) -> str:
    return (
        "" if chance is None else f"{percent(chance[f'{name}_without'])}\u00a0→\u00a0{percent(chance[f'{name}_with'])}"
    )


def _caveats(run: RunFolder, fresh: FreshFigures | None) -> tuple[str, ...]:
    """What a reader has to know: the run's own caveats, projects that may fail, what was left out."""
    found = [c for c in run.record["caveats"] if fresh is None or "flatters" not in c]
    if fresh is not None:
        found.insert(1, f"Shortfall here is measured on {fresh.scenarios}; charts of the run itself are in sample.")
    unsure = [
        f"{row['name'] or row['project']} (built in {percent(row['closes_with'])} of scenarios, runs in "
        f"{percent(row['runs_with'])} of its years)"
        for row in run.projects.to_dict(orient="records")
        if row["closes_with"] < UNSURE or row["runs_with"] < UNSURE
    ]
    if unsure:
        found.append(f"Unsure even with support: {', '.join(unsure)}.")
    left_out = len({item["project"] for item in run.record["left_out"]})
    if left_out:
        found.append(f"Some ways to finance {count(left_out, 'project')} were left out; run.json says why.")
    return tuple(found)


def _binds(run: RunFolder) -> tuple[str, ...]:
    """What stands in the way of doing more, a line per rule."""
    found: dict[str, list[str]] = {}
    for use in run.headline["binds"]:
        found.setdefault(use["rule"], []).append(f"{use['who']} ({_limit(use)})")
    lines = []
    for rule, places in found.items():
        more = f" and {len(places) - SHOWN} more, see run.json" if len(places) > SHOWN else ""
        lines.append(f"{rule}: {', '.join(places[:SHOWN])}{more}")
    return tuple(lines) or ("no budget, line or market limit is used up",)


def _limit(use: dict[str, Any]) -> str:
    """A limit with its unit, amounts of money as elsewhere on the page."""
    value, unit = number(use["limit"]), str(use["unit"])
    return f"USD {value} {unit.removeprefix('USD ')}" if unit.startswith("USD ") else f"{value} {unit}"


def money(run: RunFolder) -> Chart | None:
    """Charges by member and instrument up to each window, beside the budgets; None where nothing is charged."""
    data = charges(run)
    if not data["charge_usd_m"].any():
        return None
    last = data.loc[data["window"] == f"to {run.case.windows[-1]}"]
    said = []
    for member, own in last.groupby("member", sort=False):
        most = own.iloc[int(own["charge_usd_m"].to_numpy().argmax())]
        said.append(
            f"{member}: USD {number(own['charge_usd_m'].sum())} M of {number(own['budget_usd_m'].iloc[0])} M, most "
            f"of it by {most['instrument']} (USD {number(most['charge_usd_m'])} M)"
        )
    return Chart(
        name="commitments",
        title="Commitments by member and instrument",
        unit="USD M charged to budgets up to each window, cumulative; line across: budget up to then",
        alt=f"Stacked bars of charges by instrument for each member and window. {'; '.join(said)}.",
        data=data,
        columns=(
            Column("member", "Member"),
            Column("window", "Window"),
            Column("instrument", "Instrument"),
            Column("charge_usd_m", "Charged, USD M", number),
            Column("budget_usd_m", "Budget, USD M", number),
        ),
        plot=Stacked(
            category="window",
            value="charge_usd_m",
            series="instrument",
            panel="member",
            mark="budget_usd_m",
            mark_title="budget, USD M",
            muted=(KINDS["overhead"],),
        ),
    )
