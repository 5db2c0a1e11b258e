"""The command ``portfolio wait``."""

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
    "--clusters",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Clusters of what is seen until the second window.",
)
@click.option(
    "--by",
    type=click.Choice(["kmeans", "quantile"]),
    default="kmeans",
    show_default=True,
    help="How scenarios are told apart.",
)
@click.option("--set", "overrides", multiple=True, metavar="NAME=VALUE", help="As for solve.")
@study_options("CASE-wait")
@click.pass_context
def wait(ctx: click.Context, /, case: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Measure what waiting and deciding now are worth in CASE.

    \b
    portfolio wait inputs/eu_japan_ree --scenarios 100
    portfolio wait mycase --clusters 3 --by quantile
    portfolio wait mycase --json

    The first window as planned with later ones adapted to what was seen until the second window (events, prices,
    demand, delays), against one plan for all windows, nothing later, and nothing now. In sample, and on fresh scenarios
    that are put into clusters by the same rule.

    Finished points are kept in OUT.pieces until all are done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.wait_summary import summary

    answer(ctx, out or folder_for(case, "wait"), as_json, partial(api.wait, case, **options), summary)
