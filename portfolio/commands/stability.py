"""The command ``portfolio stability``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.options import (
    gap_option,
    level_option,
    output_options,
    set_option,
    threads_option,
    time_limit_option,
)
from portfolio.commands.work import answer, folder_for


@click.command()
@click.argument("case", type=click.Path(path_type=Path))
@click.option(
    "--samples",
    type=click.IntRange(min=2),
    default=5,
    show_default=True,
    help="Samples of each size to solve; fewer than 5 say little.",
)
@click.option(
    "--scenarios",
    type=click.IntRange(min=1),
    multiple=True,
    help="Scenarios in each sample; may be repeated to compare sizes.  [default: the case's]",
)
@click.option(
    "--fresh",
    type=click.IntRange(min=2),
    default=2000,
    show_default=True,
    help="Scenarios all portfolios are tried on.",
)
@click.option(
    "--accuracy",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Share of the objective within which portfolios count as equal.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of all samples.  [default: the case's]")
@level_option()
@gap_option(0.01, "Gap to solve samples to.")
@time_limit_option(120.0, "Seconds for each sample.")
@set_option
@threads_option
@output_options("results/CASE-stability")
@click.pass_context
def stability(ctx: click.Context, /, case: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Measure how much the answer to CASE, a case or run folder, depends on the sample.

    \b
    portfolio stability inputs/eu_japan_ree
    portfolio stability mycase --scenarios 50 --scenarios 200 --samples 10
    portfolio stability results/RUN --accuracy 0.02

    Independent samples are solved and their portfolios tried on one fresh sample. Do runs claim the same (in-sample
    stability), do their portfolios cost the same in truth (out-of-sample stability), which projects are always chosen,
    and how many scenarios are enough?

    Finished samples are kept in OUT.pieces until all are done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.stability_summary import summary

    target = out or folder_for(case, "stability")
    answer(ctx, target, as_json, partial(api.stability, case, **options), summary)
