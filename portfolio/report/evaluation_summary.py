"""The summary of an evaluation on a terminal: what the portfolio is worth, how sure that is, what the run claimed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.evaluation.figures import DIFFERENCE
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.evaluation import Evaluation
from portfolio.report.headline import records
from portfolio.report.summary import count, number, percent, start_table

FIGURE = ("estimate", "low", "high")
"""Columns of a figure and its interval."""
FLAG = " *"
"""Marks an interval that is not to be relied on."""


def summary(found: Evaluation) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    return Group(_title(found), _worlds(found), _claims(found), _places(found), _notes(found))


def _title(found: Evaluation) -> Text:
    title = found.case.settings.case
    return Text.assemble(
        (title.title or title.name, "bold"),
        "\n",
        f"The portfolio of {found.run} on {count(found.scenario_count, 'fresh scenario')} (seed {found.seed}); it was "
        f"chosen on {count(found.in_sample_count, 'other')} (seed {found.in_sample_seed})\n",
    )


def _rows(found: Evaluation) -> tuple[tuple[str, str, Callable[[float], str]], ...]:
    worst = f"  the same, worst {100 * (1 - found.cvar_level):.3g} % of scenarios (CVaR)"
    return (
        ("tonnes a year (contained oxide)", "tonnes_per_year", number),
        ("share of demand", "share_of_demand", percent),
        ("weighted by value at stake", "weighted", number),
        (worst, "weighted_cvar", number),
        ("  one scenario in ten is above", "weighted_p90", number),
        ("scenarios with any shortfall", "probability", percent),
    )


def _worlds(found: Evaluation) -> Table:
    level = f"{100 * found.level:.3g} %"
    made = start_table(
        f"Mean shortfall on fresh scenarios, without → with the fund; below each its {level} interval",
        ("", "left"),
        ("without", "right"),
        ("with", "right"),
        ("difference", "right"),
    )
    for label, name, form in _rows(found):
        worlds = (WITHOUT, WITH) if name.startswith("weighted_p") else (WITHOUT, WITH, DIFFERENCE)
        made.add_row(label, *(_cell(found.figure(name, world), form) for world in worlds))
    made.add_row("weighted shortfall the fund removes", "", "", _cell(found.figure("reduction", DIFFERENCE), percent))
    return made


def _cell(row: dict[str, Any], form: Callable[[float], str], names: tuple[str, str, str] = FIGURE) -> str:
    """Estimate and, below it, its interval."""
    value, low, high = (row[name] for name in names)
    said = [_end(x, form) for x in (value, low, high)]
    flag = "" if row["reliable"] else FLAG
    limits = "no interval" if said[1:] == ["?", "?"] else f"{said[1]} to {said[2]}"
    return f"{said[0]}{flag}\n{limits}"


def _end(value: float, form: Callable[[float], str]) -> str:
    return "?" if abs(value) == float("inf") else form(value).replace("-", "−")


def _claims(found: Evaluation) -> Table:
    made = start_table(
        f"What the run claims, on the {count(found.in_sample_count, 'scenario')} it was chosen on",
        ("", "left"),
        ("claimed", "right"),
        ("fresh", "right"),
        ("claimed − fresh", "right"),
    )
    shown = (
        ("mean weighted shortfall with the fund", "weighted", WITH, number),
        ("  its worst scenarios (CVaR)", "weighted_cvar", WITH, number),
        ("  without the fund", "weighted", WITHOUT, number),
        ("weighted shortfall the fund removes", "reduction", DIFFERENCE, percent),
    )
    for label, name, world, form in shown:
        row = found.figure(name, world)
        gap = _cell(row, form, ("optimism", "optimism_low", "optimism_high"))
        made.add_row(label, form(row["in_sample"]), form(row["estimate"]), gap)
    return made


def _places(found: Evaluation) -> Table:
    made = start_table(
        "Mean shortfall by region and material, t/y; below each its interval",
        ("region", "left"),
        ("material", "left"),
        ("demand", "right"),
        ("without", "right"),
        ("with", "right"),
        ("difference", "right"),
    )
    places: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in records(found.by_region_material):
        places.setdefault((row["region"], row["material"]), {})[row["world"]] = row
    for (region, material), worlds in places.items():
        cells = (_cell(worlds[w], number, ("mean_t", "mean_t_low", "mean_t_high")) for w in (WITHOUT, WITH, DIFFERENCE))
        made.add_row(escape(region), escape(material), number(worlds[WITH]["demand_t"]), *cells)
    return made


def _notes(found: Evaluation) -> Group:
    grid = Table.grid(padding=(0, 1))
    for note in found.caveats:
        grid.add_row("  -", Text(note))
    starred = bool((found.figures["reliable"] == 0).any() or (found.by_region_material["reliable"] == 0).any())
    if starred:
        grid.add_row(" ", Text("* an interval not to be relied on: the tables say why"))
    parts: list[RenderableType] = [Text("Before you act on it", style="bold"), grid]
    if found.path is not None:
        # Not wrapped, so that the path can be copied whole.
        parts.append(Text(f"\nEvaluation folder: {found.path}", style="bold", overflow="ignore", no_wrap=True))
    return Group(*parts)
