"""The command ``portfolio alliance``."""

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
    "--switches/--no-switches", default=True, show_default=True, help="Agreements between regions on and off."
)
@click.option(
    "--exact",
    type=click.IntRange(1, 8),
    default=5,
    show_default=True,
    metavar="N",
    help="Members up to which every coalition is solved.",
)
@click.option(
    "--orders",
    type=click.IntRange(min=2),
    default=20,
    show_default=True,
    metavar="N",
    help="Random orders of arrival where there are more members.",
)
@click.option("--set", "overrides", multiple=True, metavar="NAME=VALUE", help="As for solve.")
@study_options("CASE-alliance")
@click.pass_context
def alliance(ctx: click.Context, /, case: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Measure what the members of CASE gain by a joint fund.

    \b
    portfolio alliance inputs/eu_japan_ree --scenarios 50
    portfolio alliance mycase --no-switches --jobs 2
    portfolio alliance mycase --json | jq .shapley

    Every coalition of members is solved with its own budgets and measured on the same fresh scenarios: what each
    member gains in the shortfall of its region and in cost, the Shapley split of the joint worth, whether any
    coalition would have more apart; and the joint fund with mutual support, joint procurement and fair distribution on
    and off.

    Finished points are kept in OUT.pieces until all are done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.alliance_summary import summary

    answer(ctx, out or folder_for(case, "alliance"), as_json, partial(api.alliance, case, **options), summary)
