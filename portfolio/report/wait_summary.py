"""The summary of the study of waiting, on a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from portfolio.report.headline import records
from portfolio.report.replications_summary import notes
from portfolio.report.study import Study
from portfolio.report.summary import number, percent, start_table


def summary(found: Study) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    f = found.figures
    title = Text.assemble(
        (found.title, "bold"),
        "\n",
        f"Windows {', '.join(map(str, f['windows']))}; later ones know what is seen until {f['known_until']}, in "
        f"{f['clusters']} clusters ({f['by']}); {f['scenarios']:,} scenarios, {f['fresh']:,} fresh ones\n",
    )
    parts: list[RenderableType] = [title, _policies(found), _differences(found), _clusters(found)]
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
    made = start_table(
        "What is gained by", ("", "left"), ("in sample", "right"), ("open by gaps", "right"), ("fresh", "right"),
        (f"{100 * found.figures['level']:.3g} % interval", "right"), ("", "left"),
    )  # fmt: skip
    for row in records(found.tables["differences"]):
        made.add_row(
            row["value_of"], number(row["in_sample"]), f"{number(row['least'])} to {number(row['most'])}",
            number(row["fresh"]), f"{number(row['low'])} to {number(row['high'])}", "" if row["clear"] else "unclear",
        )  # fmt: skip
    return made


def _clusters(found: Study) -> Table:
    made = start_table(
        "Clusters", ("policy", "left"), ("cluster", "right"), ("scenarios", "right"), ("share", "right"),
        ("of fresh", "right"), ("supports", "left"),
    )  # fmt: skip
    for row in records(found.tables["clusters"]):
        made.add_row(
            row["policy"], str(row["cluster"]), f"{row['scenarios']:,}", percent(row["share"]),
            percent(row["fresh_share"]), row["projects"],
        )  # fmt: skip
    return made
