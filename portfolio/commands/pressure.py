"""The command ``portfolio pressure``."""

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
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [default: results/RUN-pressure-TIME]")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON and nothing else.")
@debug_option
@click.pass_context
def pressure(ctx: click.Context, /, run: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Simulate the portfolio of RUN again at prices pressed by its supply.

    \b
    portfolio pressure results/RUN
    portfolio pressure results/RUN --scenarios 5000 --json

    New supply lowers prices by the elasticity of demand, and incumbents may dump: section [pressure] of the case.
    Plants, cash flows and shortfall are simulated once more. RUN is read, never changed.
    """
    from portfolio import api
    from portfolio.report.pressure_summary import summary

    target = out or new_folder(run, "pressure")
    try:
        with redirect_stdout(sys.stderr), progress() as listen:
            found = api.pressure(run, out=target, progress=listen, **options)
    except KeyboardInterrupt:
        complain("Interrupted; nothing was written.")
        ctx.exit(INTERRUPTED)
    say(as_json_text(found.summary()) if as_json else render(summary(found)))
