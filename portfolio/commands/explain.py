"""The command ``portfolio explain``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from portfolio.commands.study import set_gap, set_patience, study_options
from portfolio.commands.work import answer, folder_for

EACH_SAMPLE_S = 60.0
"""Seconds of search for each sample of ``--frequency`` where nothing is said."""


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("project", required=False)
@click.option("--rules/--no-rules", default=True, show_default=True, help="Take rules out one at a time.")
@click.option(
    "--move",
    "moves",
    multiple=True,
    type=click.Choice(["capex", "strike", "price", "construction"]),
    help="Number to move until the project enters or leaves, by half at most either way: its capex, its strikes, its "
    "time to build, or all prices. May be repeated.  [default: capex and strike]",
)
@click.option("--frequency", is_flag=True, help="Instead: how often each project is chosen on fresh samples.")
@click.option("--batches", type=click.IntRange(min=2), default=20, show_default=True, help="Samples for --frequency.")
@study_options("RUN-explain-PROJECT")
@click.pass_context
def explain(
    ctx: click.Context,
    /,
    run: Path,
    project: str | None,
    out: Path | None,
    as_json: bool,
    moves: tuple[str, ...],
    frequency: bool,
    batches: int,
    **options: Any,
) -> None:
    """Say why PROJECT is in the portfolio of RUN, or is not.

    \b
    portfolio explain results/RUN LYN_HRE
    portfolio explain results/RUN ARU_NOL --move capex --move price
    portfolio explain results/RUN --frequency --batches 20 --scenarios 100
    portfolio explain results/RUN ARU_NOL --no-rules --json | jq .verdict

    The best portfolios with it and without it: what the project is worth, which others enter or make room, which rule
    alone keeps it out, how far its capex and strikes are from where it enters or leaves. Nothing is claimed that the
    solver's bounds leave open; a longer --time-limit and a smaller --gap decide more. RUN is read, never changed.

    --time-limit is for all searches together: a quarter of it at most for each of the two best portfolios, a sixteenth
    for each question about rules and numbers, which are asked in that order. What it leaves open is called open. With
    --frequency it is for each sample, 60 if nothing is said. Exit code 3: something was not asked in time.

    Finished work is kept in OUT.pieces until all is done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api

    if frequency:
        from portfolio.report.frequency_summary import summary as frequency_summary

        own = {k: v for k, v in options.items() if k not in ("rules", "fresh", "seed")}
        if ctx.get_parameter_source("time_limit") is ParameterSource.DEFAULT:
            own["time_limit"] = EACH_SAMPLE_S
        count = partial(api.selection_frequency, run, batches=batches, **own)
        answer(ctx, out or folder_for(run, "frequency"), as_json, count, frequency_summary)
        return
    if project is None:
        raise click.UsageError("give a PROJECT, or --frequency for all of them")
    from portfolio.report.explain_summary import summary
    from portfolio.studies.named import project_in

    # Folders go by the identifier, whatever the project was called by.
    project = project_in(run, project)
    do = partial(api.explain, run, project, moves=moves or ("capex", "strike"), **options)
    answer(ctx, out or folder_for(run, f"explain-{project}"), as_json, do, summary)


set_patience(explain)
set_gap(explain, 0.002, "Gap at which to stop; differences below it stay open.")
