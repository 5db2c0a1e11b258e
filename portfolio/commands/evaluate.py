"""The command ``portfolio evaluate``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.options import level_option, output_options, seed_option, threads_option
from portfolio.commands.work import answer, new_folder


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--scenarios", type=click.IntRange(min=2), default=10_000, show_default=True, help="Fresh scenarios to measure on."
)
@seed_option
@level_option()
@threads_option
@output_options("results/RUN-evaluation-TIME")
@click.pass_context
def evaluate(ctx: click.Context, /, run: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Measure the portfolio of RUN on fresh scenarios, with intervals.

    \b
    portfolio evaluate results/RUN
    portfolio evaluate results/RUN --scenarios 2000 --seed 7
    portfolio evaluate results/RUN --json | jq '.figures[0]'

    RUN is a run folder made by solve; it is read, never changed. The scenarios are none of those the portfolio was
    chosen on. Every figure stands beside what the run claims, with a confidence interval.
    """
    from portfolio import api
    from portfolio.report.evaluation_summary import summary

    target = out or new_folder(run, "evaluation")
    answer(ctx, target, as_json, partial(api.evaluate, run, **options), summary)
