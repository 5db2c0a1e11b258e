"""The summary of the optimism of foresight on a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from portfolio.report.foresight import FORESIGHT, GREEDY, Foresight
from portfolio.report.headline import records
from portfolio.report.replications_summary import notes
from portfolio.report.summary import count, number, percent, start_table


def summary(found: Foresight) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    title = found.case.settings.case
    head = Text.assemble(
        (title.title or title.name, "bold"),
        f"\nThe reserve under the portfolio of {found.run}, released with foresight and greedily, on "
        f"{count(found.scenario_count, 'fresh scenario')}\n",
    )
    share = found.differing
    lines = Text(
        f"Greedy release is worse in {percent(share['without'])} of the scenarios without the fund, in "
        f"{percent(share['with'])} with it.\n"
    )
    last = None if found.path is None else f"Folder: {found.path}"
    return Group(head, _figures(found), lines, notes((*_flags(found), *found.caveats), last))


def _figures(found: Foresight) -> Table:
    made = start_table(
        "Weighted tonnes", ("", "left"), ("world", "left"), ("with foresight", "right"), ("greedy", "right"),
        ("optimism", "right"), (f"{100 * found.level:.3g} % interval", "right"),
    )  # fmt: skip
    rows = {(row["figure"], row["world"], row["release"]): row for row in records(found.figures)}
    for figure, world in dict.fromkeys((f, w) for f, w, _ in rows):
        gap = rows[figure, world, "optimism"]
        made.add_row(
            figure,
            "" if world == "difference" else world,
            *(number(rows[figure, world, way]["estimate"]) for way in (FORESIGHT, GREEDY)),
            number(gap["estimate"]),
            f"{number(gap['low'])} to {number(gap['high'])}{'' if gap['reliable'] else ' *'}",
        )
    return made


def _flags(found: Foresight) -> tuple[str, ...]:
    """Why intervals with a star may be too short."""
    notes_of = found.figures.loc[found.figures["release"] == "optimism", "note"]
    return tuple(f"* {note}." for note in dict.fromkeys(notes_of) if note)
