"""The command ``portfolio alternatives``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from portfolio.commands.study import set_gap, set_patience, study_options
from portfolio.commands.work import answer, folder_for


class Share(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A share above 0: ``0.01`` or ``1%``."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        text = str(value).strip()
        try:
            found = float(text[:-1]) / 100.0 if text.endswith("%") else float(text)
        except ValueError:
            self.fail(f"{text!r} is no share: write 1% or 0.01", param, ctx)
        if not 0 < found < float("inf"):
            self.fail(f"{text!r} is not above 0: write 1% or 0.01", param, ctx)
        return found


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--within", type=Share(), default="1%", show_default=True, metavar="SHARE", help="Slack: 1% or 0.01.")
@click.option("--count", type=click.IntRange(min=1), default=5, show_default=True, help="Portfolios to show.")
@click.option(
    "--differ",
    type=click.Choice(["projects", "money"]),
    default="projects",
    show_default=True,
    help="What alternatives share as little of as possible: projects, or money by project and instrument.",
)
@study_options("RUN-alternatives")
@click.pass_context
def alternatives(ctx: click.Context, /, run: Path, out: Path | None, as_json: bool, **options: Any) -> None:
    """Find portfolios nearly as good as that of RUN and unlike it.

    \b
    portfolio alternatives results/RUN
    portfolio alternatives results/RUN --within 2% --count 8 --jobs 2
    portfolio alternatives results/RUN --differ money
    portfolio alternatives results/RUN --within 0.005 --json | jq .support

    Says which projects are in all portfolios within the slack, in some, in none; this is proven project by project.
    Portfolios are shown that share as few projects as possible with those before them. RUN is read, never changed.
    Exit code 3: for some projects the time was over before it was decided.

    --time-limit is for all searches together: a quarter of it at most for the best portfolio; then every project is
    asked about, alternatives are looked for, and what is still open is asked again with more time.

    Finished work is kept in OUT.pieces until all is done; after Ctrl-C or a crash the same command goes on.
    """
    from portfolio import api
    from portfolio.report.alternatives_summary import summary

    do = partial(api.alternatives, run, **options)
    answer(ctx, out or folder_for(run, "alternatives"), as_json, do, summary)


set_patience(alternatives)
set_gap(alternatives, None, "Gap of the best portfolio and of each alternative.  [default: a tenth of --within]")
