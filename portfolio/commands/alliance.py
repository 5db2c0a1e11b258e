"""The command ``portfolio alliance``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.study import set_gap, study_options
from portfolio.commands.work import answer, folder_for


@click.command()
@click.argument("case", type=click.Path(path_type=Path))
@click.option(
    "--switches",
    type=click.Choice(["each", "all", "none"]),
    default="each",
    show_default=True,
    help="Agreements tried: each one the other way and none at all; all eight combinations; as they are.",
)
@click.option(
    "--alone",
    type=click.Choice(["apart", "agreed", "none"]),
    default="apart",
    show_default=True,
    help="A member alone in its own interest: apart from all agreements, with those of the case, or left out.",
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
    portfolio alliance mycase --switches none --jobs 2
    portfolio alliance mycase --switches all --alone agreed
    portfolio alliance mycase --json | jq .shapley

    Each member alone, with a fund that looks after its own region, against the joint fund: what it gains in shortfall
    and cost. Every coalition in the common interest: the Shapley split of the joint worth, and whether any would have
    more apart. The joint fund with mutual support, joint procurement and fair distribution on and off. All portfolios
    are measured on the same fresh scenarios.

    Finished points are kept in OUT.pieces until all are done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.alliance_summary import summary

    answer(ctx, out or folder_for(case, "alliance"), as_json, partial(api.alliance, case, **options), summary)


set_gap(alliance, 0.02, "Gap at which to stop each search.")
