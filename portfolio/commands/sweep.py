"""The command ``portfolio sweep``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.study import study_options
from portfolio.commands.work import answer, folder_for


@click.command()
@click.argument("case", type=click.Path(path_type=Path))
@click.option(
    "--vary",
    multiple=True,
    required=True,
    metavar="NAME=A:B:N",
    help="What to vary: table.column[KEY]=A:B:N, section.key=X,Y,Z, or *= and factors. May be repeated.",
)
@click.option(
    "--design",
    type=click.Choice(["grid", "oat", "lhs", "sobol", "morris"]),
    default="grid",
    show_default=True,
    help="All values with all; one at a time; hypercube; Sobol' indices; Morris effects.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=2),
    metavar="N",
    help="Points of lhs; sobol takes N (k + 2) for k numbers, morris N (k + 1).  [default: 50, 64, 10]",
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    type=click.Choice(["weighted", "reduction", "cvar", "public_cost_usd_m", "objective"]),
    help="Output to look at. May be repeated.  [default: all]",
)
@click.option(
    "--refine",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="How often to halve the brackets of switching values.",
)
@click.option("--set", "overrides", multiple=True, metavar="NAME=VALUE", help="As in solve, before any is varied.")
@study_options("CASE-sweep")
@click.pass_context
def sweep(ctx: click.Context, /, case: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Solve CASE at many values of its numbers: what moves what.

    \b
    portfolio sweep CASE --vary 'budgets.budget_usd_m*=0.5:2:7' --refine 3
    portfolio sweep CASE --design oat --vary 'hazards.rate*=0.5:2' \\
        --vary 'projects.capex_usd_m*=0.8:1.3'
    portfolio sweep CASE --design sobol --vary 'hazards.rate*=0.5:2' \\
        --vary objective.cost_weight=0:0.1

    All points are checked before any is solved, and share their random numbers. A grid and one number at a time also
    say between which values projects enter or leave. Finished points are kept in OUT.pieces until all are done; after
    Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.sweep_summary import summary

    answer(ctx, out or folder_for(case, "sweep"), as_json, partial(api.sweep, case, **options), summary)
