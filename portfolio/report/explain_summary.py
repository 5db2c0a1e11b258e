"""The summary of why a project is in a portfolio, or is not, on a terminal."""

from __future__ import annotations

import re

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.replications_summary import notes
from portfolio.report.study import Study
from portfolio.report.summary import count, number, start_table

CLOSING = re.compile(r"closing in (\d+)")
"""Reasons that hold for one window."""
SMALL = 1e-4
"""Part of the objective below which what is proven is told from zero alone."""


def summary(found: Study) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    parts: list[RenderableType] = [_title(found)]
    if found.figures["worth_high"] is not None or found.figures["worth_low"] is not None:
        parts.append(_worth(found))
    if found.figures["projects"]:
        parts.append(_others(found))
    if found.figures["left_out"]:
        parts.append(_left_out(found))
    if found.figures["rules"]:
        parts.append(_rules(found))
    if found.figures["moves"]:
        parts.append(_moves(found))
    return Group(*parts, notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))


def _title(found: Study) -> Text:
    f = found.figures
    held = "is in" if f["in_run"] else "is not in"
    return Text.assemble(
        (found.title, "bold"), "\n",
        f"{f['project']} {held} the portfolio of {f['run']}. On {count(f['scenarios'], 'scenario')}: {f['verdict']}\n",
    )  # fmt: skip


def _worth(found: Study) -> Text:
    f = found.figures
    low = "without limit" if f["worth_low"] is None else number(f["worth_low"])
    high = "without limit" if f["worth_high"] is None else number(f["worth_high"])
    said = f"What it is worth (objective without it − with it, weighted t): {low} to {high}, by the solver's bounds."
    if f["fresh"] is not None and f["fresh"]["low"] is not None:
        fresh = f["fresh"]
        said += (
            f"\nOn {count(fresh['scenarios'], 'fresh scenario')}: {number(fresh['estimate'])}, "
            f"{100 * f['level']:.3g} % interval {number(fresh['low'])} to {number(fresh['high'])}"
        )
        said += " (holds zero: no difference shown)" if fresh["low"] <= 0 <= fresh["high"] else ""
    return Text(said + "\n")


def _others(found: Study) -> Table:
    made = start_table("Other projects", ("when it is supported", "left"), ("projects", "left"))
    for change in ("enters with it", "makes room for it", "stays"):
        names = [r["project"] for r in found.figures["projects"] if r["change"] == change]
        made.add_row(change, escape(", ".join(names)) or "none")
    return made


def _left_out(found: Study) -> Table:
    made = start_table("Ways to finance it that are left out", ("structure", "left"), ("why", "left"))
    windows: dict[tuple[str, str], list[str]] = {}
    for row in found.figures["left_out"]:
        closing = CLOSING.match(row["why"])
        why = row["why"] if closing is None else row["why"][closing.end() :]
        windows.setdefault((row["structure"], why), []).extend([] if closing is None else [closing[1]])
    for (structure, why), years in windows.items():
        text = f"closing in {', '.join(years)}{why}" if years else why
        made.add_row("any" if structure == "*" else escape(structure), escape(text))
    return made


def _rules(found: Study) -> Table:
    made = start_table(
        "One rule at a time taken out", ("without", "left"), ("that alone", "left"), ("it is then worth", "right")
    )
    least = SMALL * float(found.tables["worlds"]["objective"].abs().min())
    for row in found.figures["rules"]:
        made.add_row(escape(row["rule"]), escape(row["verdict"]), _span(row["worth_low"], row["worth_high"], least))
    return made


def _span(low: float | None, high: float | None, least: float) -> str:
    """What a project is worth at least and at most; a question ends as soon as it is decided, often just off zero."""
    under = None if high is None else "less than 0" if -least < high < 0 else f"at most {number(high)}"
    over = None if low is None else "more than 0" if 0 < low < least else f"at least {number(low)}"
    if low is None or high is None or "than" in f"{under}{over}":
        return ", ".join(text for text in (over, under) if text)
    return f"{number(low)} to {number(high)}"


def _moves(found: Study) -> Table:
    made = start_table(
        "How far a number would have to move", ("number", "left"), ("now", "right"), ("", "left"), ("it", "left")
    )
    last = ""
    for row in found.figures["moves"]:
        first, last = row["what"] != last, row["what"]
        made.add_row(row["what"] if first else "", escape(row["now"]) if first else "", row["direction"],
                     escape(row["words"]))  # fmt: skip
    return made
