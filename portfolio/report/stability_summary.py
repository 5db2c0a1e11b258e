"""Stability on a terminal: how far claims and portfolios are apart, and which projects do not depend on the sample."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.headline import records
from portfolio.report.replications_summary import notes
from portfolio.report.stability import FEW, Stability
from portfolio.report.summary import count, number, percent, start_table


def summary(found: Stability) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    parts: list[RenderableType] = [_title(found), _sizes(found), _portfolios(found), _projects(found)]
    parts.append(Text(f"{found.verdict}\n"))
    return Group(*parts, notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))


def _title(found: Stability) -> Text:
    title = found.case.settings.case
    return Text.assemble(
        (title.title or title.name, "bold"),
        "\n",
        f"{found.samples} independent samples of each size, solved to a gap of {percent(found.asked_gap)}; every "
        f"portfolio tried on the same {count(found.fresh, 'fresh scenario')}\n",
    )


def _sizes(found: Stability) -> Table:
    made = start_table(
        "Objective in-sample (what runs claim) and out-of-sample (what their portfolios cost in truth)",
        ("scenarios", "right"),
        ("claimed, mean", "right"),
        ("next claim within", "right"),
        ("true, mean", "right"),
        ("worst − best in truth", "right"),
        ("regret", "right"),
        (f"within {percent(found.accuracy)}?", "left"),
    )
    for row in records(found.by_size):
        limits = (row["true_spread_low"], row["true_spread_high"])
        made.add_row(
            f"{row['scenarios']:,}",
            number(row["in_sample"]),
            f"± {percent(row['in_sample_reach'] / max(abs(row['in_sample']), 1e-10))}"
            if found.samples >= FEW
            else f"needs {FEW} samples",
            number(row["true"]),
            f"{_part(row['true_spread'], row)}\n{_part(limits[0], row).removesuffix(' %')} to {_part(limits[1], row)}",
            _part(row["regret"], row),
            row["verdict"],
        )
    return made


def _part(value: float, row: dict[str, Any]) -> str:
    """Share of the mean true objective."""
    return f"{100 * value / max(abs(row['true']), 1e-10):.2f} %".replace("-", "−") if abs(value) < 1e300 else "?"


def _portfolios(found: Stability) -> Table:
    made = start_table(
        f"Portfolios on the fresh scenarios; intervals of {100 * found.level:.3g} %",
        ("sample", "left"),
        ("projects", "right"),
        ("claimed", "right"),
        ("true", "right"),
        ("interval", "right"),
        ("more than the best", "right"),
        ("interval", "right"),
    )
    for row in records(found.portfolios):
        made.add_row(
            row["portfolio"],
            f"{row['projects']}",
            number(row["in_sample"]),
            number(row["true"]),
            _limits(row, "true"),
            number(row["worse"]),
            _limits(row, "worse"),
        )
    return made


def _limits(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{number(low)} to {number(high)}".replace("-", "−") if abs(low) < 1e300 else "no interval"


def _projects(found: Stability) -> Table:
    made = start_table(
        "Samples in which a project is chosen: in any window (in the first)",
        ("project", "left"),
        *((f"{size:,} scenarios", "right") for size in found.sizes),
    )
    cells = {(row["project"], row["scenarios"]): row for row in records(found.projects)}
    names = sorted({p for p, _ in cells}, key=lambda p: -sum(r["chosen"] for (q, _), r in cells.items() if q == p))
    for name in names:
        shown = []
        for size in found.sizes:
            row = cells.get((name, size), {"chosen": 0.0, "first_window": 0.0})
            shown.append(f"{percent(row['chosen'])} ({percent(row['first_window'])})")
        made.add_row(escape(name), *shown)
    return made
