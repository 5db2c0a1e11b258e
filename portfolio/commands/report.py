"""The command ``portfolio report``."""

from __future__ import annotations

from pathlib import Path

import click

from portfolio.commands.console import as_json_text, debug_option, say


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--figures", type=click.Choice(["png", "svg"]), help="Write every chart as a file too.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the figures.  [default: FOLDER/figures]")
@click.option("--json", "as_json", is_flag=True, help="Print the paths as JSON and nothing else.")
@debug_option
def report(folder: Path, figures: str | None, out: Path | None, as_json: bool) -> None:
    """Make report.html in FOLDER again, a run or a study.

    \b
    portfolio report results/RUN
    portfolio report results/RUN --figures svg --out slides

    The page of a run shows the newest evaluation and stress test of that run among the folders beside it: make it again
    after `portfolio evaluate`. It is one file that asks the network for nothing. All else in FOLDER stays as it is.
    """
    from portfolio import api

    found = api.make_report(folder, figures=figures, out=out)
    if as_json:
        say(as_json_text(found.summary()))
        return
    say(f"Page: {found.page}\n")
    if found.figures:
        say(f"Figures: {len(found.figures)} in {found.figures[0].parent}\n")
