"""The command ``portfolio worth``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from portfolio.commands.console import as_json_text, debug_option, render, say
from portfolio.commands.work import INTERRUPTED, StoppedError, folder_for, work


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--foresight",
    type=click.IntRange(min=0),
    metavar="N",
    help="Scenarios of the run to solve with foresight; 0 for none.  [default: all, at most 50]",
)
@click.option(
    "--fresh",
    type=click.IntRange(min=0),
    default=2000,
    show_default=True,
    metavar="N",
    help="Fresh scenarios to try both portfolios on; 0 for none.",
)
@click.option(
    "--knowing",
    type=click.Choice(["hazards", "delays"]),
    multiple=True,
    help="Also: what knowing these drivers alone is worth. May be repeated.",
)
@click.option("--groups", type=click.IntRange(min=2), default=20, show_default=True, help="Draws of those drivers.")
@click.option(
    "--each", type=click.IntRange(min=2), default=10, show_default=True, help="Scenarios of the rest for each draw."
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence level of the intervals.",
)
@click.option("--gap", type=click.FloatRange(0, 1), default=0.02, show_default=True, help="Gap of each search.")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds for each search; its best bound enters however it ends.",
)
@click.option("--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Threads.  [default: all cores]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [default: results/RUN-worth]")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON and nothing else.")
@debug_option
@click.pass_context
def worth(ctx: click.Context, /, run: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Measure what stochastics are worth to the portfolio of RUN.

    \b
    portfolio worth results/RUN
    portfolio worth results/RUN --foresight 20 --gap 0.05
    portfolio worth results/RUN --foresight 0 --knowing hazards --knowing delays

    Planning for the mean (EEV, VSS), the future known (WS, EVPI), the hazards or the delays alone known. Every
    measure has an interval, and stands beside what the searches left open.

    Finished searches are kept in OUT.pieces until all are done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.worth_summary import summary

    target = out or folder_for(run, "worth")
    try:
        with work(target) as listen:
            found = api.worth(run, out=target, progress=listen, **options)
    except StoppedError:
        ctx.exit(INTERRUPTED)
    say(as_json_text(found.summary()) if as_json else render(summary(found)))
