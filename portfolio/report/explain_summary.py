"""The summary of why a project is in a portfolio, or is not, on a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.replications_summary import notes
from portfolio.report.study import Study
from portfolio.report.summary import count, number, start_table


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
    said = f"What it is worth (objective without it − with it): between {low} and {high}, by the solver's bounds."
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
    for row in found.figures["left_out"]:
        made.add_row("any" if row["structure"] == "*" else escape(row["structure"]), escape(row["why"]))
    return made


def _rules(found: Study) -> Table:
    made = start_table(
        "One rule at a time taken out", ("without", "left"), ("that alone", "left"), ("it is then worth", "right")
    )
    for row in found.figures["rules"]:
        made.add_row(escape(row["rule"]), escape(row["verdict"]), _span(row["worth_low"], row["worth_high"]))
    return made


def _span(low: float | None, high: float | None) -> str:
    """What a project is worth at least and at most, as far as that is known."""
    if low is None:
        return "" if high is None else f"at most {number(high)}"
    return f"at least {number(low)}" if high is None else f"{number(low)} to {number(high)}"


def _moves(found: Study) -> Table:
    made = start_table(
        "How far a number would have to move", ("number", "left"), ("now", "right"), ("", "left"), ("it", "left")
    )
    last = ""
    for row in found.figures["moves"]:
        first, last = row["what"] != last, row["what"]
        now = "" if not first or row["value_now"] is None else f"{row['value_now']:,.4g} {row['unit']}"
        made.add_row(row["what"] if first else "", escape(now), row["direction"], escape(row["words"]))
    return made
