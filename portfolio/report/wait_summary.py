"""The summary of the study of waiting, on a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.headline import records
from portfolio.report.replications_summary import notes
from portfolio.report.study import Study
from portfolio.report.summary import number, percent, signed, start_table


def summary(found: Study) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    f = found.figures
    title = Text.assemble(
        (found.title, "bold"),
        "\n",
        f"Windows {', '.join(map(str, f['windows']))}; later ones know what is seen until {f['known_until']}, in "
        f"{f['clusters']} clusters ({f['by']}); {f['scenarios']:,} scenarios, {f['fresh']:,} fresh ones\n",
    )
    said = Text("What it says", style="bold")
    parts: list[RenderableType] = [title, _policies(found), _differences(found), said, _verdicts(found), Text("")]
    parts.append(_clusters(found))
    return Group(*parts, notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))


def _policies(found: Study) -> Table:
    made = start_table(
        "Objective under each policy", ("policy", "left"), ("in sample", "right"), ("bound", "right"),
        ("fresh", "right"), (f"{100 * found.figures['level']:.3g} % interval", "right"),
    )  # fmt: skip
    for row in records(found.tables["policies"]):
        if "fresh" in row and row["fresh"] == row["fresh"]:
            made.add_row(
                row["meaning"], number(row["objective"]), number(row["bound"]), number(row["fresh"]),
                f"{number(row['low'])} to {number(row['high'])}",
            )  # fmt: skip
        else:
            made.add_row(row["meaning"], "none", "", "", "")
    return made


def _differences(found: Study) -> Table:
    """Values, those on fresh scenarios first: these are of what would be done, the others of what was found to fit."""
    made = start_table(
        "What is gained by (weighted t; below 0: lost)", ("", "left"), ("fresh", "right"),
        (f"{100 * found.figures['level']:.3g} % interval, all together", "right"), ("", "left"),
        ("in sample", "right"), ("by gaps between", "right"), ("", "left"),
    )  # fmt: skip
    for row in records(found.tables["differences"]):
        made.add_row(
            row["value_of"], signed(row["fresh"]), f"{signed(row['low'])} to {signed(row['high'])}", row["fresh_sign"],
            signed(row["in_sample"]), f"{signed(row['least'])} to {signed(row['most'])}", row["sample_sign"],
        )  # fmt: skip
    return made


def _verdicts(found: Study) -> Table:
    grid = Table.grid(padding=(0, 1))
    for row in records(found.tables["differences"]):
        grid.add_row("  -", Text(f"{row['value_of']}, {row['verdict']}."))
    return grid


def _clusters(found: Study) -> Table:
    made = start_table(
        "Clusters", ("policy", "left"), ("cluster", "right"), ("scenarios", "right"), ("share", "right"),
        ("of fresh", "right"), ("supports, beside the plan's projects", "left"),
    )  # fmt: skip
    held = found.tables["commitments"]
    plan = set(held.loc[held["point"] == "plan", "project"])
    for row in records(found.tables["clusters"]):
        made.add_row(
            row["policy"], str(row["cluster"]), f"{row['scenarios']:,}", percent(row["share"]),
            percent(row["fresh_share"]), escape(_beside(set(str(row["projects"] or "").split()), plan)),
        )  # fmt: skip
    return made


def _beside(projects: set[str], plan: set[str]) -> str:
    """What is supported more and less than in the plan."""
    more = [f"+ {p}" for p in sorted(projects - plan)]
    less = [f"− {p}" for p in sorted(plan - projects)]
    return ", ".join([*more, *less]) or "the same"
