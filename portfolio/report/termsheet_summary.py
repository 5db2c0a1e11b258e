"""The term sheet on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.finance.types import CONVENTIONS
from portfolio.report.headline import records
from portfolio.report.replications_summary import notes
from portfolio.report.study import Study
from portfolio.report.summary import number, percent, start_table

SHOWN = 12
"""Offers shown; the rest is in ``offers.csv``."""


def summary(found: Study) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    parts: list[RenderableType] = [_title(found), _sheet(found), _offers(found), _conditions(found)]
    if len(found.tables["members"]):
        parts += [_members(found), _payments(found), _charges(found)]
    parts.append(notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))
    return Group(*parts)


def _title(found: Study) -> Text:
    f = found.figures
    until = "to the end of its contract" if f["until"] is None else f"in {f['until']}"
    best = f["recommended"]
    short = "" if works(f) else "No offer tried works" + (f"; the nearest: {best['why']}" if best else "") + ".\n"
    return Text.assemble(
        (f"Term sheet: {found.title}", "bold"),
        "\n",
        f"Close in {f['window']}; alive {until} with probability {percent(f['survival'])} or more; {f['scenarios']:,} "
        f"fresh scenarios; {'in' if f['in_portfolio'] else 'not in'} the portfolio of the run\n{short}",
    )


def _value(value: Any) -> str:
    if value is None or value != value:
        return ""
    return value if isinstance(value, str) else number(float(value))


def works(figures: Mapping[str, Any]) -> bool:
    """Whether the offer recommended closes the project and keeps it alive as asked."""
    best = figures["recommended"]
    return best is not None and bool(best["works"])


def _sheet(found: Study) -> Table:
    """Terms as they are, where the project is in the portfolio, and the least or else the nearest tried."""
    sides = [("least", "least" if works(found.figures) else "nearest")]
    if found.figures["in_portfolio"]:
        sides.insert(0, ("as_it_is", "as it is"))
    made = start_table(
        "Terms", ("", "left"), ("unit", "left"), *((name, "right") for _, name in sides), ("source", "left")
    )
    for row in records(found.tables["sheet"]):
        made.add_row(row["item"], row["unit"], *(_value(row[side]) for side, _ in sides), row["source"])
    return made


def _offers(found: Study) -> Table:
    rows = records(found.tables["offers"])
    best = [r for r in rows if r["frontier"]] or [r for r in rows if r["survives"]] or rows
    best = sorted(best, key=lambda r: (r["public_money_usd_m"], r["charge_usd_m"] or 0.0))
    more = f"; {SHOWN} of {len(best)}, see offers.csv" if len(best) > SHOWN else ""
    made = start_table(
        "What works, the least public money first: at the least strike, and at that of least money; none asks "
        f"for less of all{more}" if best[0]["frontier"]
        else "Nothing tried works; nearest", ("debt", "left"), ("share", "right"), ("term, y", "right"),
        ("strike, USD/kg", "right"), ("public money", "right"), ("charge", "right"), ("survival", "right"),
        ("interval", "right"),
    )  # fmt: skip
    for row in best[:SHOWN]:
        alive = row["survival"] == row["survival"] and row["survival"] is not None
        made.add_row(
            row["debt"], percent(row["share"]), _value(row["term_y"] or None), _value(row["strike_usd_kg"] or None),
            number(row["public_money_usd_m"]), _value(row["charge_usd_m"]), percent(row["survival"]) if alive else "",
            f"{percent(row['low'])} to {percent(row['high'])}" if alive else "",
        )  # fmt: skip
    return made


def _conditions(found: Study) -> Table:
    title = f"Conditions precedent of {'the package as it is' if found.figures['in_portfolio'] else 'the least terms'}"
    made = start_table(title, ("", "left"), ("value", "right"), ("unit", "left"), ("source", "left"))
    for row in records(found.tables["conditions"]):
        made.add_row(escape(row["condition"]), number(row["value"]), row["unit"], escape(row["source"]))
    return made


def _members(found: Study) -> Table:
    made = start_table(
        "Asked of each member, USD M", ("package", "left"), ("member", "left"), ("P95 yearly cash call", "right"),
        ("in", "right"), ("maximum exposure", "right"),
    )  # fmt: skip
    for row in records(found.tables["members"]):
        made.add_row(
            row["package"], escape(row["member"]), number(row["p95_call_usd_m"]), str(row["year_of_p95"]),
            number(row["exposure_usd_m"]),
        )  # fmt: skip
    return made


def _payments(found: Study) -> Table:
    """Expected cash by member and line: whole horizon, and the years it falls in."""
    made = start_table(
        "Who pays what when: expected cash, USD M (positive: received)", ("package", "left"), ("member", "left"),
        ("line", "left"), ("years", "left"), ("whole horizon", "right"),
    )  # fmt: skip
    flows = found.tables["payments"]
    cash = flows[~flows["line"].isin(["charge", "exposure", "payout_es95", "balance"])]
    for (package, member, line), part in cash.groupby(["package", "member", "line"], sort=False):
        made.add_row(
            str(package), escape(str(member)), str(line), f"{part['year'].min()} to {part['year'].max()}",
            number(float(part["simulated_usd_m"].sum())),
        )  # fmt: skip
    return made


def _charges(found: Study) -> Table:
    made = start_table(
        "Charge to each member's budget under the four conventions, USD M", ("package", "left"), ("member", "left"),
        *((name.replace("_", " "), "right") for name in CONVENTIONS),
    )  # fmt: skip
    flows = found.tables["payments"]
    charged = flows[flows["line"] == "charge"]
    for (package, member), part in charged.groupby(["package", "member"], sort=False):
        by = part.groupby("convention")["simulated_usd_m"].sum()
        made.add_row(str(package), escape(str(member)), *(number(float(by.get(name, 0.0))) for name in CONVENTIONS))
    return made
