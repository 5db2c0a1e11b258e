"""The summary of price pressure on a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.headline import records
from portfolio.report.pressure import BASE, PRESSED, PricePressure
from portfolio.report.replications_summary import notes
from portfolio.report.summary import count, number, percent, start_table


def summary(found: PricePressure) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    title = found.case.settings.case
    head = Text.assemble(
        (title.title or title.name, "bold"),
        f"\nThe portfolio of {found.run} at prices under the pressure of its own supply, on "
        f"{count(found.scenario_count, 'fresh scenario')}\n",
    )
    cash, owed = found.net_cash_usd_m, found.owed_usd_m
    money = Text(
        f"Expected net cash flow of the members over the horizon, undiscounted: {number(cash[BASE])} USD M at base "
        f"prices, {number(cash[PRESSED])} under pressure; owed to them and not yet due at its end: "
        f"{number(owed[BASE])} and {number(owed[PRESSED])}.\n"
    )
    last = None if found.path is None else f"Folder: {found.path}"
    return Group(head, _figures(found), _projects(found), money, notes(found.caveats, last))


def _figures(found: PricePressure) -> Table:
    made = start_table(
        "Weighted shortfall", ("", "left"), ("", "left"), ("estimate", "right"),
        (f"{100 * found.level:.3g} % interval", "right"),
    )  # fmt: skip
    for row in records(found.figures):
        flag = "" if row["reliable"] else " *"
        made.add_row(
            row["figure"], row["what"], number(row["estimate"]), f"{number(row['low'])} to {number(row['high'])}{flag}"
        )
    return made


def _projects(found: PricePressure) -> Table:
    made = start_table(
        "Share of the years from planned start in which a project runs, and mean output",
        ("project", "left"), ("close", "right"), ("runs, base", "right"), ("under pressure", "right"),
        ("output, base", "right"), ("under pressure", "right"),
    )  # fmt: skip
    for row in records(found.projects):
        shares = (row[f"{name}_{prices}"] for name in ("runs_with", "output_with") for prices in (BASE, PRESSED))
        made.add_row(escape(row["project"]), str(row["window"]), *map(percent, shares))
    return made
