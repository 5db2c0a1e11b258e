"""The summary of a frontier on a terminal."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.headline import records
from portfolio.report.replications_summary import notes
from portfolio.report.study import Study
from portfolio.report.summary import count, number, percent, signed, start_table

VALUES = {"budget": "scale", "risk": "CVaR weight", "cost": "cost weight"}
TITLES = {
    "budget": "Budget against shortfall",
    "risk": "Mean shortfall against its tail",
    "cost": "Public cost against shortfall",
}


def summary(found: Study) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    rows = records(found.table)
    parts: list[RenderableType] = [_title(found), _frontier(found, rows), _changes(found, rows)]
    marginal = found.tables.get("marginal")
    if marginal is not None and len(marginal):
        parts.append(_marginal(records(marginal)))
    if found.figures["target"] is not None:
        parts.append(_target(found.figures["target"]))
    return Group(*parts, notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))


def _title(found: Study) -> Text:
    f = found.figures
    whose = f", budgets of {f['member']} alone" if f["member"] else ""
    seen = f", measured on {count(f['fresh'], 'fresh scenario')}" if f["fresh"] else ""
    return Text.assemble(
        (found.title, "bold"),
        f"\n{TITLES[f['over']]}{whose}: {count(len(found.table), 'point')}, each optimised over "
        f"{count(f['scenarios'], 'scenario')} (seed {f['seed']}){seen}\n",
    )


def _cell(row: dict[str, Any], name: str, form: Any = number) -> str:
    if pd.isna(row.get(name, float("nan"))):
        return ""
    return f"{form(row[name])} ({form(row[f'{name}_low'])} to {form(row[f'{name}_high'])})"


def _frontier(found: Study, rows: list[dict[str, Any]]) -> Table:
    over, f = found.figures["over"], found.figures
    table = start_table(
        f"On fresh scenarios, {percent(f['level'])} interval of each alone; money in USD M",
        (VALUES[over], "right"),
        ("budget", "right"),
        ("cost", "right"),
        ("weighted shortfall", "right"),
        ("removed", "right"),
        (f"worst {100 * (1 - f['cvar_level']):.3g} %", "right"),
        ("gap", "right"),
    )
    for row in rows:
        table.add_row(
            f"{row['value']:g}",
            number(row["budget_usd_m"]),
            "" if pd.isna(row["public_cost_usd_m"]) else number(row["public_cost_usd_m"]),
            _cell(row, "weighted"),
            "" if pd.isna(row.get("reduction", float("nan"))) else percent(row["reduction"]),
            _cell(row, "weighted_cvar"),
            "none" if pd.isna(row["solver_gap"]) else percent(row["solver_gap"]),
        )
    return table


def _changes(found: Study, rows: list[dict[str, Any]]) -> Table:
    """Objectives with gaps, where points share one; shortfall and tail of the portfolios found, by sampling alone."""
    one = found.figures["over"] == "budget"
    columns = [("objective, with both gaps", "right"), ("", "left")] if one else []
    table = start_table(
        "From each point to the next: paired differences, intervals hold all together (~: not told from nothing)",
        ("to", "right"),
        *columns,
        ("shortfall of those found", "right"),
        ("its worst part", "right"),
        ("projects", "right"),
    )
    for row in rows[1:]:
        told = row["told_apart"]
        cells = [_difference(row, "objective"), "" if pd.isna(told) or told else "not told apart"] if one else []
        for name in ("weighted", "cvar"):
            differs = row[f"{name}_differs"]
            cells.append(("" if pd.isna(differs) or differs else "~ ") + _difference(row, name))
        table.add_row(f"{row['value']:g}", *cells, str(row["projects"]))
    return table


def _difference(row: dict[str, Any], name: str) -> str:
    return _cell(row, f"{name}_change", signed)


def _marginal(rows: list[dict[str, Any]]) -> Table:
    table = start_table(
        "What a million more is worth: shortfall and cost avoided per USD M; intervals hold all together",
        ("scale", "right"),
        ("member", "left"),
        ("step", "right"),
        ("found", "right"),
        ("proven, in the sample", "right"),
        ("on fresh scenarios", "right"),
        ("", "left"),
    )
    for row in rows:
        table.add_row(
            f"{row['value']:g}",
            escape(row["member"]),
            number(row["step_usd_m"]),
            number(row["per_usd_m"]),
            f"{number(row['proven_low'])} to {number(row['proven_high'])}",
            "" if pd.isna(row["fresh_per_usd_m"]) else f"{number(row['fresh_low'])} to {number(row['fresh_high'])}",
            _worth(row),
        )
    return table


def _worth(row: dict[str, Any]) -> str:
    if row["proven_high"] <= 0:
        return "nothing"
    return "" if row["certain"] else "may be nothing"


def _target(goal: dict[str, Any]) -> Text:
    head = f"Cheapest budget for a weighted shortfall of at most {number(goal['shortfall_at_most'])} in the sample: "
    below = "with how much it is impossible is not proven"
    if goal["impossible_at"] is not None:
        below = f"proven impossible with {number(goal['impossible_budget_usd_m'])} (scale {goal['impossible_at']:.3g})"
    if goal["reached_at"] is None:
        return Text(f"{head}not reached; {below}.\n")
    seen = goal["fresh_weighted"]
    fresh = "" if seen is None else f" On fresh scenarios that portfolio leaves {number(seen)}."
    return Text(
        f"{head}reached with USD {number(goal['reached_budget_usd_m'])} M (scale {goal['reached_at']:.3g}), "
        f"{below}.{fresh}\n"
    )
