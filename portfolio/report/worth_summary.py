"""The summary of what stochastics are worth, on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from portfolio.report.headline import records
from portfolio.report.replications_summary import notes
from portfolio.report.summary import count, number, percent, start_table
from portfolio.report.worth import FRESH, KNOWN, NESTED, OWN, Worth

FLAG = " *"
"""Marks an interval that is not to be relied on."""
WORDS = {
    "RP": "RP: the portfolio of the run",
    "EEV": "EEV: the one that plans for the mean",
    "VSS": "VSS = EEV − RP: planning for the mean",
    "WS": "WS: with the future known",
    "EVPI": "EVPI = RP − WS: knowing the future",
}


def summary(found: Worth) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    rows = records(found.measures)
    parts: list[RenderableType] = [_title(found)]
    for sample, title in (
        (OWN, f"On the run's own {count(found.case.settings.sampling.scenarios, 'scenario')}"),
        (KNOWN, _known(found)),
        (FRESH, "" if found.fresh is None else f"On {count(found.fresh.scenarios, 'fresh scenario')}"),
        (NESTED, _nested(found)),
    ):
        shown = [row for row in rows if row["sample"] == sample]
        if shown:
            parts.append(_table(title, shown, found.level))
    caveats = list(found.caveats)
    if any(not row["reliable"] for row in rows):
        caveats.append("* an interval not to be relied on")
    return Group(*parts, notes(tuple(caveats), None if found.path is None else f"Folder: {found.path}"))


def _title(found: Worth) -> Text:
    title = found.case.settings.case
    return Text.assemble(
        (title.title or title.name, "bold"), "\n", f"What stochastics are worth to the portfolio of {found.run}\n"
    )


def _known(found: Worth) -> str:
    own = found.case.settings.sampling.scenarios
    if found.information is None:
        return ""
    return f"On {found.information.scenarios:,} of these {count(own, 'scenario')}, each solved as if it were known"


def _nested(found: Worth) -> str:
    if not found.knowing:
        return ""
    k = found.knowing[0]
    return f"Knowing some drivers alone: {k.groups:,} draws of them, {k.scenarios:,} scenarios of the rest for each"


def _table(title: str, rows: list[dict[str, Any]], level: float) -> Table:
    made = start_table(
        title, ("", "left"), ("estimate", "right"), (f"{100 * level:.3g} % interval", "right"), ("of RP", "right"),
        ("open by gaps", "right"),
    )  # fmt: skip
    for row in rows:
        bounded = abs(row["low"]) < float("inf") and abs(row["high"]) < float("inf")
        ends = f"{number(row['low'])} to {number(row['high'])}" if bounded else "no interval"
        made.add_row(
            WORDS.get(row["measure"], row["measure"]),
            number(row["estimate"]),
            ends + ("" if row["reliable"] else FLAG),
            percent(row["share"]),
            "" if row["least"] is None or row["least"] != row["least"] else _span(row),
        )
    return made


def _span(row: dict[str, Any]) -> str:
    return f"{number(row['least'])} to {number(row['most'])}"
