"""The command ``portfolio evaluate``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portfolio.commands.console import as_json_text, complain, debug_option, render, say

if TYPE_CHECKING:
    from portfolio.api import Step

INTERRUPTED = 130
"""Exit code of Ctrl-C, as shells have it."""


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--scenarios", type=click.IntRange(min=2), default=10_000, show_default=True, help="Fresh scenarios to measure on."
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the scenarios.  [default: derived from the run's]")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence level of the intervals.",
)
@click.option("--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Threads.  [default: all cores]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [default: results/RUN-evaluation-TIME]")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON and nothing else.")
@debug_option
@click.pass_context
def evaluate(
    ctx: click.Context,
    /,
    run: Path,
    scenarios: int,
    seed: int | None,
    level: float,
    threads: int,
    out: Path | None,
    as_json: bool,
) -> None:
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
    try:
        with redirect_stdout(sys.stderr), progress() as listen:
            found = api.evaluate(
                run, scenarios=scenarios, seed=seed, level=level, threads=threads, out=target, progress=listen
            )
    except KeyboardInterrupt:
        complain("Interrupted; nothing was written.")
        ctx.exit(INTERRUPTED)
    say(as_json_text(found.summary()) if as_json else render(summary(found)))


def new_folder(run: Path, what: str) -> Path:
    """Return a folder that does not exist yet, named after the run, what is in it and the time."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    base = Path("results") / f"{run.resolve().name or 'run'}-{what}-{stamp}"
    target, again = base, 2
    while target.exists():
        target, again = base.with_name(f"{base.name}-{again}"), again + 1
    return target


@contextmanager
def progress() -> Iterator[Callable[[Step], None] | None]:
    """On a terminal, show how many scenarios are measured; elsewhere stay quiet."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with console.status("reading") as status:

        def show(step: Step) -> None:
            status.update(f"{step.phase} {step.done:,}/{step.total:,}" if step.total else step.phase)

        yield show
