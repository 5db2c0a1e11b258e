"""The summary of a stress test on a terminal."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.evaluation.stress import EVENT, N_MINUS_ONE
from portfolio.report.headline import records
from portfolio.report.stress import Stress
from portfolio.report.summary import count, number, percent, start_table


def summary(found: Stress) -> RenderableType:
    """Return the whole summary; fits 80 columns."""
    title = found.case.settings.case
    scenarios = count(found.scenario_count, "scenario")
    kind = found.worst["kind"]
    parts: list[RenderableType] = [
        Text.assemble(
            (title.title or title.name, "bold"),
            f"\nStress of the portfolio of {found.run}: weighted shortfall of the whole horizon, and what of it the "
            "stress adds\n",
        ),
        _table("Events alone, from the start year that is worst", found.worst.loc[kind == EVENT]),
        _table(f"Events on top of {scenarios}, means", found.on_top),
        _table("A supplier country gone for a year (N-1), the worst year", found.worst.loc[kind == N_MINUS_ONE]),
        _suppliers(found),
        _notes(found),
    ]
    return Group(*parts)


def _table(title: str, rows: pd.DataFrame) -> RenderableType:
    """Both worlds of every stress side by side."""
    if rows.empty:
        return Text(f"{title}: none\n", style="bold")
    made = start_table(
        title,
        ("", "left"),
        ("from", "left"),
        ("without", "right"),
        ("with", "right"),
        ("added without", "right"),
        ("added with", "right"),
        ("short at", "left"),
    )
    for without, fund in _paired(rows):
        figures = [number(row[name]) for name in ("weighted", "added_weighted") for row in (without, fund)]
        made.add_row(escape(without["stress"]), str(without["start_year"]), *figures, escape(fund["short_stage"]))
    return made


def _paired(table: pd.DataFrame) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows without and with the fund, in their order."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for row in records(table):
        rows.setdefault(row["stress"], {})[row["world"]] = row
    return [(pair[WITHOUT], pair[WITH]) for pair in rows.values()]


def _suppliers(found: Stress) -> Table:
    """Who is the largest where, a row per country."""
    made = start_table("Largest third country, share of imports in calm", ("country", "left"), ("where", "left"))
    for country, rows in found.suppliers.groupby("country", sort=True):
        places = [f"{r['region']} {r['stage']} {r['material']} {percent(r['share'])}" for r in records(rows)]
        made.add_row(escape(str(country)), escape(", ".join(places)))
    return made


def _notes(found: Stress) -> Group:
    worst = found.worst_loss
    calm = ", ".join(f"{number(found.calm[world])} {world}" for world in (WITHOUT, WITH))
    notes = [
        f"Alone, everything else is as expected (weighted shortfall then: {calm} the fund): what if, not how likely.",
        "Weighted shortfall is discounted, so that early years weigh more; alone.csv has every start year.",
        "What a stress adds may be more with the fund, which leaves less to lose in calm; the whole is what counts.",
    ]
    if worst is not None:
        short = f"{number(worst['tonnes'])} t short over the horizon, {number(worst['added_tonnes'])} t of them by it"
        notes.insert(0, f"Worst loss with the fund: {worst['stress']} in {worst['start_year']}, {short}.")
    worse = [f"{w['stress']} in {w['start_year']}" for w in found.worse_with_fund]
    if worse:
        notes.append(
            f"With the fund the whole weighted shortfall is larger in {len(worse)} of the trials alone, such as "
            f"{worse[0]}: see alone.csv. One reason may be that what is committed to later windows counts as closing "
            "then, though it might have closed unaided before."
        )
    grid = Table.grid(padding=(0, 1))
    for note in notes:
        grid.add_row("  -", Text(note))
    parts: list[RenderableType] = [Text("Before you act on it", style="bold"), grid]
    if found.path is not None:
        # Not wrapped, so that the path can be copied whole.
        parts.append(Text(f"\nStress folder: {found.path}", style="bold", overflow="ignore", no_wrap=True))
    return Group(*parts)
