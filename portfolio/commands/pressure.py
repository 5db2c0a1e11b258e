"""The command ``portfolio pressure``."""

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
@output_options("results/RUN-pressure-TIME")
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
    answer(ctx, target, as_json, partial(api.pressure, run, **options), summary)
