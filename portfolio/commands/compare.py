"""The command ``portfolio compare``."""

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
    "--mix",
    "mixes",
    multiple=True,
    metavar="MIX",
    help="Instruments that may be used: cfd, offtake+loan, all; or singles, pairs for sets of mixes. May be repeated.  "
    "[default: singles and all]",
)
@click.option(
    "--mixes",
    "mix_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML file of mixes: [NAME] with instruments = [...] and set = [...], terms as for --set.",
)
@click.option("--against", metavar="MIX", help="Mix to show the others against.  [default: all, else the first]")
@click.option(
    "--set", "overrides", multiple=True, metavar="NAME=VALUE", help="Use a value in place of the case's, for all mixes."
)
@study_options("CASE-compare")
@click.pass_context
def compare(ctx: click.Context, /, case: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Compare what a fund reaches with different instrument mixes in CASE.

    \b
    portfolio compare inputs/eu_japan_ree --mix singles --mix all
    portfolio compare mycase --mix cfd --mix offtake+loan --against cfd
    portfolio compare mycase --mixes mixes.toml --jobs 2 --json

    Each mix is optimised, then measured on the same fresh scenarios. Differences between all mixes hold together;
    mixes that cannot be told apart share a letter and are not ranked.

    Finished mixes are kept in OUT.pieces until all are done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.compare_summary import summary

    do = partial(api.compare, case, **options)
    answer(ctx, out or folder_for(case, "compare"), as_json, do, summary)
