"""The command ``portfolio stress``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.options import output_options, seed_option, threads_option
from portfolio.commands.work import answer, new_folder


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--event", "events", multiple=True, metavar="NAME", help="Event of the case.  [default: all of them]")
@click.option("--year", type=int, help="Year in which events begin on top of a sample.  [default: the worst alone]")
@click.option(
    "--scenarios", type=click.IntRange(min=2), default=1_000, show_default=True, help="Scenarios to add events to."
)
@seed_option
@threads_option
@output_options("results/RUN-stress-TIME")
@click.pass_context
def stress(ctx: click.Context, /, run: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Put the portfolio of RUN under stress: named events, lost suppliers.

    \b
    portfolio stress results/RUN
    portfolio stress results/RUN --event 2010_embargo --year 2031
    portfolio stress results/RUN --json | jq .worst_loss

    Each event is tried alone, beginning in every year of the horizon, and on top of sampled scenarios. Every country
    that is somewhere the largest supplier is taken away for a year, in every year (N-1). All without the fund and with
    it. RUN is read, never changed.
    """
    from portfolio import api
    from portfolio.report.stress_summary import summary

    target = out or new_folder(run, "stress")
    answer(ctx, target, as_json, partial(api.stress, run, **options), summary)
