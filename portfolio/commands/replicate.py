"""The command ``portfolio replicate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from portfolio.commands.console import as_json_text, debug_option, render, say
from portfolio.commands.work import INTERRUPTED, StoppedError, folder_for, work


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--batches", type=click.IntRange(min=2), default=10, show_default=True, help="Fresh samples to solve.")
@click.option("--scenarios", type=click.IntRange(min=2), help="Scenarios in each batch.  [default: the run's]")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence of the upper limit, one-sided.",
)
@click.option("--gap", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="Gap to solve batches to.")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=120.0,
    show_default=True,
    metavar="S",
    help="Seconds for each batch; its best bound enters however it ends.",
)
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
@click.option("--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Threads.  [default: all cores]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [default: results/RUN-replications]")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON and nothing else.")
@debug_option
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
    try:
        with work(target) as listen:
            found = api.replicate(run, out=target, progress=listen, **options)
    except StoppedError:
        ctx.exit(INTERRUPTED)
    say(as_json_text(found.summary()) if as_json else render(summary(found)))
    ctx.exit(found.exit_code)
