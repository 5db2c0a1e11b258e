"""Options that several commands have, each said once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from portfolio.commands.console import debug_option

F = TypeVar("F", bound=Callable[..., Any])

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="Use a value in place of the case's: section.key=V, table.column=V, table.column[KEY]=V, or *= and a factor. "
    "May be repeated.",
)

seed_option = click.option(
    "--seed", type=click.IntRange(min=0), help="Seed of the scenarios.  [default: derived from the run's]"
)

threads_option = click.option(
    "--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Threads.  [default: all cores]"
)


def level_option(text: str = "Confidence level of the intervals.") -> Callable[[F], F]:
    """Return ``--level``, a share between 0 and 1."""
    share = click.FloatRange(0, 1, min_open=True, max_open=True)
    return click.option("--level", type=share, default=0.95, show_default=True, help=text)


def gap_option(default: float, text: str) -> Callable[[F], F]:
    """Return ``--gap``, at which searches stop."""
    return click.option("--gap", type=click.FloatRange(0), default=default, show_default=True, help=text)


def time_limit_option(default: float, text: str) -> Callable[[F], F]:
    """Return ``--time-limit`` in seconds."""
    above = click.FloatRange(0, min_open=True)
    return click.option("--time-limit", type=above, default=default, show_default=True, metavar="S", help=text)


def output_options(where: str) -> Callable[[F], F]:
    """Add where and how a command answers: ``--out`` (``where`` says its default), ``--json``, ``--debug``."""

    def add(command: F) -> F:
        folder = click.option("--out", type=click.Path(path_type=Path), help=f"Folder to write.  [default: {where}]")
        found = debug_option(command)
        found = click.option("--json", "as_json", is_flag=True, help="Print figures as JSON and nothing else.")(found)
        return folder(found)

    return add
