"""The page of a frontier: budget, tail or public cost against shortfall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from portfolio.report.html.page import Block, Chart, Column, Fact, Facts, Page, Section, signed, year
from portfolio.report.html.plots import Frontier, Intervals, Matrix
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder, shown, text_of
from portfolio.report.words import number, percent


@dataclass(frozen=True)
class Axes:
    """What a frontier trades off: columns and titles."""

    x: str
    x_title: str
    y: str
    y_title: str
    varied: str


AXES = {
    "budget": Axes("budget_usd_m", "all budgets, USD M", "weighted", "mean weighted shortfall", "× budgets"),
    "risk": Axes("weighted", "mean weighted shortfall", "weighted_cvar", "CVaR of weighted shortfall", "on CVaR"),
    "cost": Axes("public_cost_usd_m", "expected public cost, USD M", "weighted", "mean weighted shortfall", "on cost"),
}
"""By what is varied."""


def frontier_page(found: StudyFolder) -> Page:
    """Return the page of a frontier."""
    axes = AXES[str(found.record["over"])]
    rows = found.tables["frontier"].dropna(subset=["objective_in_sample"]).copy()
    rows["label"] = [f"{value:g} {axes.varied}" for value in rows["value"]]
    if not rows["weighted"].notna().any():
        # Without fresh scenarios the sample alone is known.
        rows["weighted"] = rows["objective_in_sample"]
    first = Section("The frontier", (*_target(found), _curve(found, rows, axes), *found.warnings))
    more = Section("What more money brings", (*_marginal(found), *_steps(found, rows)))
    inside = Section("What is supported", (_supported(rows),))
    return study_page(found.record, "Frontier", found.about, (first, more, inside, found.evidence()))


def _target(found: StudyFolder) -> tuple[Block, ...]:
    goal: dict[str, Any] | None = found.record.get("target")
    if not goal:
        return ()
    reached = goal["reached_budget_usd_m"]
    facts = [
        Fact(
            "Cheapest budget for the target",
            "not reached" if reached is None else f"USD {number(reached)} M",
            f"for at most {number(goal['shortfall_at_most'])} weighted tonnes, in sample",
        ),
        Fact("Proven too little", f"USD {number(goal['impossible_budget_usd_m'])} M", "no portfolio reaches it there"),
    ]
    return (Facts(tuple(facts)),)


def _curve(found: StudyFolder, rows: pd.DataFrame, axes: Axes) -> Chart:
    said = "; ".join(f"{r['label']}: {number(r[axes.x])}, {number(r[axes.y])}" for r in rows.to_dict(orient="records"))
    spread = f"{axes.y}_low" in rows and bool(rows[f"{axes.y}_low"].notna().any())
    limits = (f"{axes.y}_low", f"{axes.y}_high") if spread else ("", "")
    return Chart(
        name="frontier",
        title=f"{axes.y_title[:1].upper()}{axes.y_title[1:]} against {axes.x_title}",
        unit=f"Weighted tonnes on fresh scenarios, with {found.interval} of each point alone"
        if spread
        else "Weighted tonnes in the sample the portfolios were chosen on",
        alt=f"Points joined in order: {said}.",
        data=rows,
        columns=(
            Column("label", "Point"),
            Column("budget_usd_m", "Budgets, USD M", number),
            Column("weighted", "Mean weighted shortfall", number),
            Column("weighted_low", "From", number),
            Column("weighted_high", "To", number),
            Column("weighted_cvar", "CVaR", number),
            Column("weighted_cvar_low", "From", number),
            Column("weighted_cvar_high", "To", number),
            Column("public_cost_usd_m", "Public cost, USD M", number),
            Column("charged_usd_m", "Charged, USD M", number),
            Column("projects", "Projects", year),
            Column("solver_gap", "Gap of the search", percent),
        ),
        plot=Frontier(axes.x, axes.y, axes.x_title, axes.y_title, *limits, label="label"),
        note="Points share their scenarios: intervals that overlap may still belong to points that are told apart.",
    )


def _marginal(found: StudyFolder) -> tuple[Chart, ...]:
    """What one more million is worth at each point."""
    if not found.has("marginal", "per_usd_m", "proven_low", "proven_high"):
        return ()
    rows = found.tables["marginal"].copy()
    rows["label"] = [f"{value:g} × budgets" for value in rows["value"]]
    said = "; ".join(
        f"{r['label']}, {r['member']}: {number(r['proven_low'])} to {number(r['proven_high'])}"
        for r in rows.to_dict(orient="records")
    )
    chart = Chart(
        name="marginal",
        title="What one more million is worth",
        unit="Objective removed per USD M more for a member, in sample; lines: what is proven of it",
        alt=f"Dots with what is proven: {said}.",
        data=rows,
        columns=(
            Column("label", "At"),
            Column("member", "More for"),
            Column("step_usd_m", "Step, USD M", number),
            Column("per_usd_m", "Per USD M", number),
            Column("proven_low", "Proven, at least", number),
            Column("proven_high", "Proven, at most", number),
            Column("fresh_per_usd_m", "On fresh scenarios", number),
            Column("fresh_low", "From", number),
            Column("fresh_high", "To", number),
            Column("certain", "Certainly more than nothing", year),
        ),
        plot=Intervals("label", "per_usd_m", "proven_low", "proven_high", series="member", title="per USD M"),
        note="Intervals on fresh scenarios, in the table, hold all together.",
    )
    return (chart,)


def _steps(found: StudyFolder, rows: pd.DataFrame) -> tuple[Block, ...]:
    """Differences of neighbours, all together."""
    if "weighted_change" not in rows or not rows["weighted_change"].notna().any():
        return ()
    steps = rows.loc[rows["weighted_change"].notna()].assign(
        step=[f"{a} → {b}" for a, b in zip(rows["label"].iloc[:-1], rows["label"].iloc[1:], strict=True)]
        if len(rows) == rows["weighted_change"].notna().sum() + 1
        else rows.loc[rows["weighted_change"].notna(), "label"]
    )
    one = "told_apart" in steps and bool(steps["told_apart"].notna().any())
    name = "objective" if one else "weighted"
    unit = (
        "Change of the objective, paired; limits hold for all steps together and include what the searches left open"
        if one
        else "Change of mean weighted shortfall of the portfolios found, paired; limits hold for all steps together"
    )
    chart = Chart(
        name="steps",
        title="From point to point",
        unit=unit,
        alt="Dots with intervals of the change from each point to the next.",
        data=steps,
        columns=(
            Column("step", "Step"),
            Column("objective_change", "Change of the objective", signed),
            Column("objective_change_low", "From, with gaps", signed),
            Column("objective_change_high", "To, with gaps", signed),
            Column("told_apart", "Told apart", year),
            Column("weighted_change", "Change of shortfall", signed),
            Column("weighted_change_low", "From", signed),
            Column("weighted_change_high", "To", signed),
            Column("weighted_differs", "Portfolios found differ", year),
        ),
        plot=Intervals("step", f"{name}_change", f"{name}_change_low", f"{name}_change_high", title="change"),
    )
    if not found.has("target"):
        return (chart,)
    return (chart, shown("target", found.tables["target"], title="Budgets tried for the target", folded=True))


def _supported(rows: pd.DataFrame) -> Chart:
    """Which projects are supported at which point."""
    held = dict(zip(rows["label"], (set(text.split()) for text in text_of(rows["supported"])), strict=True))
    projects = sorted(set().union(*held.values()), key=lambda p: (-sum(p in some for some in held.values()), p))
    cells = [
        {"project": p, "point": label, "in": 0.75 * (p in some), "text": "●" if p in some else ""}
        for p in projects
        for label, some in held.items()
    ]
    data = pd.DataFrame(cells, columns=["project", "point", "in", "text"])
    return Chart(
        name="supported",
        title="Which projects come and go",
        unit="●: supported at that point of the frontier",
        alt=f"Matrix of {len(projects)} projects by {len(held)} points.",
        data=data,
        columns=(Column("project", "Project"), Column("point", "Point"), Column("text", "Supported")),
        plot=Matrix("project", "point", "in", "text"),
    )
