"""The summary of how often projects are chosen on fresh samples, on a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from portfolio.report.replications_summary import notes
from portfolio.report.study import Study
from portfolio.report.summary import count, percent, start_table


def summary(found: Study) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    f = found.figures
    head = Text.assemble(
        (found.title, "bold"), "\n",
        f"How often projects are chosen on {f['solved']:,} fresh samples of {count(f['scenarios'], 'scenario')} "
        f"(run {f['run']})\n",
    )  # fmt: skip
    made = start_table(
        "Share of samples whose portfolio holds the project",
        ("project", "left"), ("in run", "left"), ("share", "right"), (f"{100 * f['level']:.3g} % interval", "right"),
    )  # fmt: skip
    for row in f["frequency"]:
        if row["chosen"] or row["in_run"]:
            share = "" if row["share"] is None else percent(row["share"])
            ends = f"{percent(row['low'])} to {percent(row['high'])}"
            made.add_row(escape(row["project"]), "yes" if row["in_run"] else "", share, ends)
    return Group(head, made, notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))
