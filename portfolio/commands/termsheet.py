"""The command ``portfolio termsheet``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.options import output_options
from portfolio.commands.work import answer, folder_for


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("project")
@click.option(
    "--survival",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Probability of being alive that is asked for.",
)
@click.option("--until", type=int, metavar="YEAR", help="Year to be alive in.  [default: the last of the contract]")
@click.option("--window", type=int, metavar="YEAR", help="Year of close.  [default: the run's, or the first]")
@click.option(
    "--share",
    "shares",
    type=click.FloatRange(0, 1),
    multiple=True,
    default=(0.0, 0.2, 0.4, 0.6),
    show_default=True,
    help="Share of output under price protection to try. May be repeated.",
)
@click.option(
    "--term",
    "terms_y",
    type=click.FloatRange(0, min_open=True),
    multiple=True,
    default=(8.0, 12.0, 15.0),
    show_default=True,
    help="Length of contracts to try, years. May be repeated.",
)
@click.option(
    "--least",
    type=click.Choice(["money", "strike"]),
    default="money",
    show_default=True,
    help="What the package recommended has the least of.",
)
@click.option("--scenarios", type=click.IntRange(min=2), default=2000, show_default=True, help="Fresh scenarios.")
@click.option("--seed", type=click.IntRange(min=0), help="Their seed.  [default: derived from the run's]")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence level of intervals.",
)
@output_options("results/RUN-termsheet-PROJECT")
@click.pass_context
def termsheet(ctx: click.Context, /, run: Path, project: str, out: Path | None, as_json: bool, **options: Any) -> None:
    """Find the least terms that close PROJECT and keep it alive.

    \b
    portfolio termsheet results/RUN ARU_NOL
    portfolio termsheet results/RUN ARU_NOL --survival 0.95 --least strike
    portfolio termsheet results/RUN ARU_NOL --share 0 --share 0.5 --term 10

    For every kind of private debt, share and length of contract: the least strike with which the plant, simulated on
    fresh scenarios, stays alive as asked; the public money that is left to give; who may give it; the cash calls and
    exposures of each member. PROJECT may be in the portfolio of RUN or not.

    Offers tried are kept in OUT.pieces until all are done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.termsheet_summary import summary
    from portfolio.studies.named import project_in

    project = project_in(run, project)
    do = partial(api.termsheet, run, project, **options)
    answer(ctx, out or folder_for(run, f"termsheet-{project}"), as_json, do, summary)
