"""The summary of a comparison of instrument mixes on a terminal."""

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
from portfolio.report.summary import count, number, percent, start_table

SHOWN = 12
"""Projects of a mix that are named; all are in ``projects.csv``."""


def summary(found: Study) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    rows = records(found.table)
    parts: list[RenderableType] = [_title(found), _shortfall(found, rows), _differences(found, rows), _costs(rows)]
    members = records(found.tables["members"])
    if members:
        parts.append(_members(members))
    parts.append(_projects(found, rows))
    return Group(*parts, notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))


def _title(found: Study) -> Text:
    f = found.figures
    return Text.assemble(
        (found.title, "bold"),
        "\n",
        f"{count(len(found.table), 'instrument mix').replace('mixs', 'mixes')}, each optimised over "
        f"{count(f['scenarios'], 'scenario')} (seed {f['seed']}) and measured on the same "
        f"{count(f['fresh'], 'fresh scenario')}\n",
    )


def spread(row: dict[str, Any], name: str, form: Any = number) -> str:
    """Write an estimate and its interval."""
    return f"{form(row[name])} ({form(row[f'{name}_low'])} to {form(row[f'{name}_high'])})"


def _missing(row: dict[str, Any]) -> bool:
    return bool(pd.isna(row["objective"]))


def _shortfall(found: Study, rows: list[dict[str, Any]]) -> Table:
    table = start_table(
        f"Mean weighted shortfall with the fund ({percent(found.figures['level'])} interval of each alone)",
        ("mix", "left"),
        ("group", "left"),
        ("weighted shortfall", "right"),
        ("removed by the fund", "right"),
        ("projects", "right"),
        ("solver gap", "right"),
    )
    for row in rows:
        if _missing(row):
            table.add_row(escape(row["mix"]), "", "no portfolio", "", "", "")
            continue
        reduction = spread(row, "reduction", percent) if "reduction" in row else ""
        table.add_row(
            escape(row["mix"]), row["group"], spread(row, "weighted"), reduction, str(row["projects"]),
            percent(row["solver_gap"]),
        )  # fmt: skip
    return table


def _differences(found: Study, rows: list[dict[str, Any]]) -> Table:
    table = start_table(
        f"Objective against {found.figures['reference']}, limits with solver gaps, all pairs together",
        ("mix", "left"),
        ("difference", "right"),
        ("from", "right"),
        ("to", "right"),
        ("verdict", "left"),
    )
    for row in rows:
        if _missing(row) or row["mix"] == found.figures["reference"]:
            continue
        better = "better" if row["difference"] < 0 else "worse"
        table.add_row(
            escape(row["mix"]),
            number(row["difference"]),
            number(row["difference_low"]),
            number(row["difference_high"]),
            better if row["told_apart"] else "not told apart",
        )
    return table


COSTS = ("cash", "provisioning", "subsidy", "fair_value")


def _costs(rows: list[dict[str, Any]]) -> Table:
    table = start_table(
        "What it costs, USD M: charged to the budgets with overhead and purchases; the shares under each convention",
        ("mix", "left"),
        ("expected cost", "right"),
        ("charged", "right"),
        ("exposure", "right"),
        *((name.replace("_", " "), "right") for name in COSTS),
    )
    for row in rows:
        if not _missing(row):
            names = ("public_cost", "budget", "exposure", *COSTS)
            table.add_row(escape(row["mix"]), *(number(row[f"{name}_usd_m"]) for name in names))
    return table


def _members(rows: list[dict[str, Any]]) -> Table:
    table = start_table(
        "The same by member, USD M",
        ("mix", "left"),
        ("member", "left"),
        ("charged", "right"),
        ("exposure", "right"),
        *((name.replace("_", " "), "right") for name in COSTS),
    )
    last = ""
    for row in rows:
        names = ("budget", "exposure", *COSTS)
        table.add_row(
            escape(row["mix"]) if row["mix"] != last else "",
            escape(row["member"]),
            *(number(row[f"{name}_usd_m"]) for name in names),
        )
        last = row["mix"]
    return table


def _projects(found: Study, rows: list[dict[str, Any]]) -> Table:
    table = start_table(
        "Projects",
        ("mix", "left"),
        ("can close", "right"),
        ("supports", "left"),
        ("only closes with it", "left"),
    )
    projects = found.tables["projects"]
    for row in rows:
        mine = projects[projects["mix"] == row["mix"]]
        chosen, only = (sorted(mine.loc[mine[name] == 1, "project"]) for name in ("supported", "only_it"))
        table.add_row(escape(row["mix"]), f"{int(mine['closable'].sum())} of {len(mine)}", _few(chosen), _few(only))
    return table


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return escape(" ".join(names[:SHOWN]) + more) or "none"
