"""The command ``portfolio stress``."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from portfolio.commands.console import as_json_text, complain, debug_option, render, say
from portfolio.commands.evaluate import INTERRUPTED, new_folder, progress


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--event", "events", multiple=True, metavar="NAME", help="Event of the case.  [default: all of them]")
@click.option("--year", type=int, help="Year in which events begin on top of a sample.  [default: the worst alone]")
@click.option(
    "--scenarios", type=click.IntRange(min=2), default=1_000, show_default=True, help="Scenarios to add events to."
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the scenarios.  [default: derived from the run's]")
@click.option("--threads", type=click.IntRange(min=0), default=0, metavar="N", help="Threads.  [default: all cores]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [default: results/RUN-stress-TIME]")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON and nothing else.")
@debug_option
@click.pass_context
def stress(
    ctx: click.Context,
    /,
    run: Path,
    events: tuple[str, ...],
    year: int | None,
    scenarios: int,
    seed: int | None,
    threads: int,
    out: Path | None,
    as_json: bool,
) -> None:
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
    try:
        with redirect_stdout(sys.stderr), progress() as listen:
            found = api.stress(
                run,
                events=events,
                year=year,
                scenarios=scenarios,
                seed=seed,
                threads=threads,
                out=target,
                progress=listen,
            )
    except KeyboardInterrupt:
        complain("Interrupted; nothing was written.")
        ctx.exit(INTERRUPTED)
    say(as_json_text(found.summary()) if as_json else render(summary(found)))
