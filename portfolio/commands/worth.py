"""The command ``portfolio worth``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.options import gap_option, level_option, output_options, threads_option, time_limit_option
from portfolio.commands.work import answer, folder_for


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
@level_option()
@gap_option(0.02, "Gap of each search.")
@time_limit_option(60.0, "Seconds for each search; its best bound enters however it ends.")
@threads_option
@output_options("results/RUN-worth")
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
    answer(ctx, target, as_json, partial(api.worth, run, **options), summary)
