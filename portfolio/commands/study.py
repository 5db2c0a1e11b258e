"""What commands of studies share: options for how points are solved and measured, and how an answer is given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from portfolio.commands.console import as_json_text, debug_option, render, say
from portfolio.commands.work import INTERRUPTED, StoppedError, folder_for, work

if TYPE_CHECKING:
    from rich.console import RenderableType

    from portfolio.report.study import Study

F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = (
    click.option("--scenarios", type=click.IntRange(min=1), help="Scenarios to solve on.  [default: the case's]"),
    click.option("--seed", type=click.IntRange(min=0), help="Seed of the scenarios.  [default: the case's]"),
    click.option("--gap", type=click.FloatRange(0), default=0.01, show_default=True, help="Gap at which to stop."),
    click.option(
        "--time-limit",
        type=click.FloatRange(0, min_open=True),
        default=120.0,
        show_default=True,
        metavar="S",
        help="Seconds of search for each point.",
    ),
    click.option(
        "--fresh",
        type=click.IntRange(min=0),
        default=2000,
        show_default=True,
        help="Fresh scenarios to measure each portfolio on.",
    ),
    click.option(
        "--level",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.95,
        show_default=True,
        help="Confidence level of intervals.",
    ),
    click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Points side by side."),
    click.option("--cluster", metavar="ADDRESS", help="Address of a Dask scheduler to work on instead."),
    click.option(
        "--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Threads of a job.  [default: all cores]"
    ),
)


def output_options(command: F) -> F:
    """Add where and how a study answers: ``--out``, ``--json``, ``--debug``."""
    command = debug_option(command)
    command = click.option("--json", "as_json", is_flag=True, help="Print figures as JSON and nothing else.")(command)
    return click.option("--out", type=click.Path(path_type=Path), help="Folder to write.")(command)


def study_options(command: F) -> F:
    """Add the options of all studies that solve points; pass them on to the function of the same name as they are."""
    command = output_options(command)
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def answer(
    ctx: click.Context,
    source: Path,
    kind: str,
    out: Path | None,
    as_json: bool,
    do: Callable[..., Study],
    summary: Callable[[Study], RenderableType],
) -> None:
    """Do a study (called with ``out`` and ``progress``), say what it found, and leave with its exit code.

    The folder is ``out``, or ``results/NAME-KIND`` of the case or run given.
    """
    target = out or folder_for(source, kind)
    try:
        with work(target) as listen:
            found = do(out=target, progress=listen)
    except StoppedError:
        ctx.exit(INTERRUPTED)
    say(as_json_text(found.summary()) if as_json else render(summary(found)))
    ctx.exit(found.exit_code)


def set_gap(command: click.Command, default: float | None, text: str) -> None:
    """Give a study's ``--gap`` a default and a help text of its own."""
    option = next(p for p in command.params if p.name == "gap")
    place = command.params.index(option)
    command.params[place] = click.Option(
        ["--gap"], type=click.FloatRange(0), default=default, show_default=default is not None, help=text
    )
