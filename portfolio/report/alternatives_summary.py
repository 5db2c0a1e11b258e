"""The summary of near-optimal portfolios, on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.headline import records
from portfolio.report.replications_summary import notes
from portfolio.report.study import Study
from portfolio.report.summary import count, number, percent, start_table

MEANING = {
    "in all": "no portfolio within the slack does without them",
    "in some": "there is one with and one without",
    "in none": "no portfolio within the slack has them",
    "undecided": "not decided in the time given",
}
"""What the groups of projects mean."""


def summary(found: Study) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    last = None if found.path is None else f"Folder: {found.path}"
    parts: list[RenderableType] = [_title(found), _support(found), _alternatives(found)]
    return Group(*parts, *_sets(found), notes(found.caveats, last))


def _title(found: Study) -> Text:
    f = found.figures
    return Text.assemble(
        (found.title, "bold"), "\n",
        f"Portfolios within {percent(f['within'])} of the best one known of {f['run']}: objective at most "
        f"{number(f['most'])}, best {number(f['objective'])} (solver gap {percent(f['gap'])}), "
        f"{count(f['scenarios'], 'scenario')}, seed {f['seed']}\n",
    )  # fmt: skip


def _support(found: Study) -> Table:
    made = start_table("Projects in all, some or none of them", ("", "left"), ("projects", "left"), ("", "left"))
    nobody = "none proven" if found.figures["support"]["undecided"] else "none"
    for group, meaning in MEANING.items():
        names = found.figures["support"][group]
        if names or group != "undecided":
            made.add_row(group, escape(", ".join(names)) or nobody, meaning)
    return made


def _alternatives(found: Study) -> Table:
    level = 100 * found.figures["level"]
    made = start_table(
        f"Alternatives, each as unlike those before it in {found.figures['differ']} as possible",
        ("", "right"), ("above the best", "right"), ("projects that differ", "right"), ("money moved", "right"),
        ("charge, USD M", "right"), (f"fresh scenarios: difference ({level:.3g} %)", "right"),
    )  # fmt: skip
    for row in records(found.tables["alternatives"]):
        first = row["alternative"] == 1
        made.add_row(
            "best" if first else str(row["alternative"]),
            "" if first else percent(row["above_best"]),
            "" if first else str(row["projects_differing"]),
            "" if first else percent(row["money_moved_share"]),
            number(row["charge_usd_m"]),
            "" if first else _fresh(row),
        )
    return made


def _fresh(row: dict[str, Any]) -> str:
    low, high = row["fresh_low"], row["fresh_high"]
    if low is None or low != low:
        return "not measured"
    said = f"{number(low)} to {number(high)}"
    return f"{said}, cannot be told apart" if low <= 0 <= high else said


def _sets(found: Study) -> list[RenderableType]:
    """What each alternative adds to the best and leaves out of it, in words."""
    rows = records(found.tables["alternatives"])
    best = set(rows[0]["projects"].split("; ")) - {""}
    lines: list[RenderableType] = [Text(f"Best: {', '.join(sorted(best)) or 'no project'}")]
    for row in rows[1:]:
        mine = set(row["projects"].split("; ")) - {""}
        gone, come = ", ".join(sorted(best - mine)) or "nothing", ", ".join(sorted(mine - best)) or "nothing"
        lines.append(Text(f"{row['alternative']}: without {gone}; instead {come}"))
    return [*lines, Text("")]
