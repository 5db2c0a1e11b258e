"""The command ``portfolio replicate``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.options import gap_option, level_option, output_options, threads_option, time_limit_option
from portfolio.commands.work import answer, folder_for


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--batches", type=click.IntRange(min=2), default=10, show_default=True, help="Fresh samples to solve.")
@click.option("--scenarios", type=click.IntRange(min=2), help="Scenarios in each batch.  [default: the run's]")
@level_option("Confidence of the upper limit, one-sided.")
@gap_option(0.01, "Gap to solve batches to.")
@time_limit_option(120.0, "Seconds for each batch; its best bound enters however it ends.")
@click.option(
    "--target",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Grow the batches until the upper limit is at most this share of the objective.",
)
@click.option(
    "--max-scenarios",
    type=click.IntRange(min=2),
    metavar="N",
    help="Most scenarios in a batch that is grown.  [default: 8 times]",
)
@threads_option
@output_options("results/RUN-replications")
@click.pass_context
def replicate(ctx: click.Context, /, run: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Estimate how far the portfolio of RUN is from the best.

    \b
    portfolio replicate results/RUN
    portfolio replicate results/RUN --batches 20 --scenarios 200
    portfolio replicate results/RUN --scenarios 100 --target 0.03

    Fresh samples are solved, and the portfolio is compared with the bound proven on each. The answer is an upper
    confidence limit on its optimality gap, sampling and solver together, with both named apart. Two batches use the
    averaged two-replication procedure. Exit code 3: the target was not reached at the largest batches.

    Finished batches are kept in OUT.pieces until all are done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.replications_summary import summary

    target = out or folder_for(run, "replications")
    answer(ctx, target, as_json, partial(api.replicate, run, **options), summary)
