"""The command ``portfolio compare-runs``."""

from __future__ import annotations

from pathlib import Path

import click

from portfolio.commands.console import as_json_text, debug_option, render, say


@click.command("compare-runs")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence level of the intervals.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [default: none]")
@click.option("--json", "as_json", is_flag=True, help="Print the tables as JSON and nothing else.")
@debug_option
def compare_runs(runs: tuple[Path, ...], level: float, out: Path | None, as_json: bool) -> None:
    """Put two or more RUNS side by side: what moved, and why.

    \b
    portfolio compare-runs results/A results/B
    portfolio compare-runs results/A results/B results/C --out results/ABC
    portfolio compare-runs results/A results/B --json | jq .moved

    Each run stands beside the first: inputs that differ, cell by cell; projects in, out or moved; shortfall and costs.
    Runs on the same sample share their random numbers: their difference then has an interval. Nothing is called better
    where that holds zero, or where the solver gaps overlap.
    """
    from portfolio import api
    from portfolio.report.compared_runs_summary import summary

    found = api.compare_runs(*runs, level=level, out=out)
    say(as_json_text(found.summary()) if as_json else render(summary(found)))
