"""The command ``portfolio foresight``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.options import level_option, output_options, seed_option, threads_option
from portfolio.commands.work import answer, new_folder


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--scenarios", type=click.IntRange(min=2), default=1_000, show_default=True, help="Fresh scenarios.")
@seed_option
@level_option()
@threads_option
@output_options("results/RUN-foresight-TIME")
@click.pass_context
def foresight(ctx: click.Context, /, run: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Measure how much foresight of the reserve flatters the portfolio of RUN.

    \b
    portfolio foresight results/RUN
    portfolio foresight results/RUN --scenarios 5000 --json

    The optimisation knows all years of a scenario when it releases the reserve. Here it is also released greedily, year
    by year, on the same scenarios: what that costs is an upper limit of the optimism. RUN is read, never changed.
    """
    from portfolio import api
    from portfolio.report.foresight_summary import summary

    target = out or new_folder(run, "foresight")
    answer(ctx, target, as_json, partial(api.foresight, run, **options), summary)
