"""The command ``portfolio foresight``."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click

from portfolio.commands.console import as_json_text, complain, debug_option, render, say
from portfolio.commands.evaluate import INTERRUPTED, new_folder, progress


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--scenarios", type=click.IntRange(min=2), default=1_000, show_default=True, help="Fresh scenarios.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the scenarios.  [default: derived from the run's]")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence level of the intervals.",
)
@click.option("--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Threads.  [default: all cores]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [default: results/RUN-foresight-TIME]")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON and nothing else.")
@debug_option
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
    try:
        with redirect_stdout(sys.stderr), progress() as listen:
            found = api.foresight(run, out=target, progress=listen, **options)
    except KeyboardInterrupt:
        complain("Interrupted; nothing was written.")
        ctx.exit(INTERRUPTED)
    say(as_json_text(found.summary()) if as_json else render(summary(found)))
