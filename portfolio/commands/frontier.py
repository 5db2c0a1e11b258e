"""The command ``portfolio frontier``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.study import study_options
from portfolio.commands.work import answer, folder_for


class Values(click.ParamType[tuple[float, ...]]):
    """Numbers, ``0.5,1,2``, or ``a:b:n``, n of them from a to b evenly spaced."""

    name = "values"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Read the numbers."""
        try:
            return value if isinstance(value, tuple) else numbers(value)
        except ValueError:
            self.fail(f"{value!r}: write numbers, such as 0.5,1,2, or from:to:count, such as 0.25:1.5:6", param, ctx)


def numbers(text: str) -> tuple[float, ...]:
    """Read numbers from text.

    Raises
    ------
    ValueError
        Where there are none.
    """
    if ":" not in text:
        return tuple(float(part) for part in text.split(","))
    begin, end, count = text.split(":")
    if int(count) < 2:
        raise ValueError(text)
    step = (float(end) - float(begin)) / (int(count) - 1)
    return tuple(round(float(begin) + n * step, 12) for n in range(int(count)))


@click.command()
@click.argument("case", type=click.Path(path_type=Path))
@click.option(
    "--over",
    type=click.Choice(["budget", "risk", "cost"]),
    default="budget",
    show_default=True,
    help="What varies: factor on the budgets, weight on CVaR, weight on public cost.",
)
@click.option(
    "--at",
    type=Values(),
    default=(),
    metavar="VALUES",
    help="Values: 0.5,1,2 or from:to:count.  [default: six of them, five weights on CVaR]",
)
@click.option("--member", metavar="MEMBER", help="Scale the budgets of this member alone.")
@click.option(
    "--step",
    type=click.FloatRange(0),
    default=0.1,
    show_default=True,
    metavar="PART",
    help="Part of a member's budgets to add for the value of a million; 0 leaves it out.",
)
@click.option(
    "--target",
    type=click.FloatRange(0, min_open=True),
    metavar="X",
    help="Find the cheapest budget that removes this part of the weighted shortfall (below 1), or leaves at most so "
    "many weighted tonnes.",
)
@click.option(
    "--set", "overrides", multiple=True, metavar="NAME=VALUE", help="Use a value in place of the case's, at all points."
)
@study_options("CASE-frontier")
@click.pass_context
def frontier(ctx: click.Context, /, case: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Trade off budget, mean shortfall, its tail and public cost in CASE.

    \b
    portfolio frontier inputs/eu_japan_ree --at 0.5,1,1.5
    portfolio frontier mycase --member JOGMEC --at 0:2:5 --step 0
    portfolio frontier mycase --target 0.3 --at 0.5,1,2
    portfolio frontier mycase --over risk --at 0:1:5

    Points share random numbers, recourse and cuts. Over budgets, what a million more is worth to each member is bounded
    by proof in the sample, and estimated on fresh scenarios.

    Finished points are kept in OUT.pieces until all are done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.frontier_summary import summary

    do = partial(api.frontier, case, **options)
    answer(ctx, out or folder_for(case, "frontier"), as_json, do, summary)
