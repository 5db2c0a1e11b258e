"""The command ``portfolio regret``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.options import gap_option, level_option, output_options, threads_option, time_limit_option
from portfolio.commands.work import answer, folder_for


def _numbers(_: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...]:
    """Read numbers with commas between them."""
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 0.05,0.5,0.95", param=parameter) from None


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--group",
    "groups",
    multiple=True,
    default=("export",),
    show_default=True,
    metavar="GROUP",
    help="Hazards at the same quantile: export, price, outage, or a pattern of names. May be repeated.",
)
@click.option(
    "--quantiles",
    callback=_numbers,
    default="0.05,0.25,0.5,0.75,0.95",
    show_default=True,
    metavar="Q,Q,...",
    help="Quantiles of the rates' posteriors.",
)
@click.option(
    "--single",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    metavar="N",
    help="Also the N hazards that matter most, one at a time.",
)
@click.option(
    "--screen",
    type=click.IntRange(min=2),
    default=200,
    show_default=True,
    metavar="N",
    help="Scenarios on which they are looked for.",
)
@click.option(
    "--fresh",
    type=click.IntRange(min=2),
    default=1000,
    show_default=True,
    metavar="N",
    help="Fresh scenarios to try all portfolios on.",
)
@level_option()
@gap_option(0.005, "Gap of each search.")
@time_limit_option(60.0, "Seconds for each search; the best portfolio found counts however it ends.")
@threads_option
@output_options("results/RUN-regret")
@click.pass_context
def regret(ctx: click.Context, /, run: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Take hazard rates as opinions: what the portfolio of RUN would regret.

    \b
    portfolio regret results/RUN
    portfolio regret results/RUN --group export --group price --quantiles 0.1,0.9
    portfolio regret results/RUN --group CHN_coercion_JP --single 0 --fresh 5000

    A portfolio is found for every quantile of the rates, and all are tried under all opinions on the same draws:
    regrets with intervals, where the best portfolio changes, the choice that regrets least.

    Finished searches are kept in OUT.pieces until all are done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.regret_summary import summary

    target = out or folder_for(run, "regret")
    answer(ctx, target, as_json, partial(api.regret, run, **options), summary)
