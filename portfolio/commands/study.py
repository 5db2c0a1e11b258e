"""Options of studies: how their points are solved and measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from portfolio.commands.options import gap_option, level_option, output_options, time_limit_option

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--scenarios", type=click.IntRange(min=1), help="Scenarios to solve on.  [default: the case's]"),
    click.option("--seed", type=click.IntRange(min=0), help="Seed of the scenarios.  [default: the case's]"),
    gap_option(0.01, "Gap at which to stop."),
    time_limit_option(120.0, "Seconds of search for each point."),
    click.option(
        "--fresh",
        type=click.IntRange(min=0),
        default=2000,
        show_default=True,
        help="Fresh scenarios to measure each portfolio on.",
    ),
    level_option(),
    click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Points side by side."),
    click.option("--cluster", metavar="ADDRESS", help="Address of a Dask scheduler to work on instead."),
    click.option(
        "--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Threads of a job.  [default: all cores]"
    ),
)


def study_options(what: str) -> Callable[[F], F]:
    """Add the options of all studies that solve points; pass them on to the function of the same name as they are.

    ``what`` names the folder, in results, where none is given.
    """

    def add(command: F) -> F:
        found = output_options(f"results/{what}")(command)
        for option in reversed(OPTIONS):
            found = option(found)
        return found

    return add


def set_patience(command: click.Command) -> None:
    """Let ``--time-limit`` of a study of questions be that of all of them."""
    option = next(p for p in command.params if p.name == "time_limit")
    text = "Seconds for all searches together; what is left then stays open."
    command.params[command.params.index(option)] = click.Option(
        ["--time-limit"],
        type=click.FloatRange(0, min_open=True),
        default=240.0,
        show_default=True,
        metavar="S",
        help=text,
    )


def set_gap(command: click.Command, default: float | None, text: str) -> None:
    """Give a study's ``--gap`` a default and a help text of its own."""
    option = next(p for p in command.params if p.name == "gap")
    place = command.params.index(option)
    command.params[place] = click.Option(
        ["--gap"], type=click.FloatRange(0), default=default, show_default=default is not None, help=text
    )
