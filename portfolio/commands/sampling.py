"""The command ``portfolio sampling``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.options import level_option, output_options, set_option, threads_option
from portfolio.commands.work import answer, new_folder

DESIGNS = ["monte_carlo", "sobol", "latin_hypercube"]


@click.command()
@click.argument("case", type=click.Path(path_type=Path))
@click.option(
    "--scenarios", type=click.IntRange(min=2), default=5000, show_default=True, help="Scenarios of the table."
)
@click.option("--seed", type=click.IntRange(min=0), help="Their seed.  [default: the case's]")
@click.option("--design", type=click.Choice(DESIGNS), help="How they are drawn.  [default: the case's]")
@click.option(
    "--against",
    type=click.Choice(DESIGNS[1:]),
    multiple=True,
    help="Compare the variance of a design with that of plain Monte Carlo. May be repeated.",
)
@click.option(
    "--points", type=click.IntRange(min=2), default=256, show_default=True, help="Scenarios of each randomisation."
)
@click.option(
    "--randomisations", type=click.IntRange(min=8), default=32, show_default=True, help="Randomisations of each design."
)
@level_option("Confidence level of the variance ratios.")
@set_option
@threads_option
@output_options("results/CASE-sampling-TIME")
@click.pass_context
def sampling(ctx: click.Context, /, case: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Check the scenarios of CASE, a case or run folder, against its parameters.

    \b
    portfolio sampling inputs/eu_japan_ree
    portfolio sampling mycase --design sobol --scenarios 8192
    portfolio sampling results/RUN --against sobol --against latin_hypercube

    Every hazard, price, demand and project: the parameter, what the documented law gives, what a sample shows, its
    standard error, and how many of these lie between. A row that luck does not explain is flagged.

    With --against the mean and the CVaR of the weighted shortfall are estimated from independent randomisations of each
    design, without the fund, and with the portfolio of a run; the variance ratio says what a design saves.
    """
    from portfolio import api
    from portfolio.report.sampling_summary import summary

    target = out or new_folder(case, "sampling")
    answer(ctx, target, as_json, partial(api.sampling, case, **options), summary)
