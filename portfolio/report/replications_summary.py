"""The summary of replications on a terminal: how far the portfolio may be from the best, and why."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from portfolio.report.replications import Replications
from portfolio.report.summary import count, number, percent, start_table


def summary(found: Replications) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    parts: list[RenderableType] = [_title(found), _gap(found), _reading(found)]
    if found.target is not None:
        parts.append(_looks(found))
    return Group(*parts, notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))


def _title(found: Replications) -> Text:
    title, answer = found.case.settings.case, found.answer
    return Text.assemble(
        (title.title or title.name, "bold"),
        "\n",
        f"The portfolio of {found.run} beside the best of {answer.batches:,} fresh batches of "
        f"{count(answer.scenarios, 'scenario')}, each solved to a gap of "
        f"{percent(found.asked_gap)} ({answer.method})\n",
    )


def _gap(found: Replications) -> Table:
    answer = found.answer
    made = start_table("Optimality gap of the portfolio", ("", "left"), ("objective", "right"), ("share", "right"))
    rows = (
        ("the portfolio costs, mean of the batches", answer.objective, 1.0),
        ("bound proven on every portfolio, mean of the batches", answer.bound, None),
        ("gap: the difference", answer.gap, answer.relative),
        ("  sampling gap: the portfolio − best found in each batch", answer.sampling_gap, None),
        ("  solver gap: best found − bound proven in each batch", answer.solver_gap, None),
        (f"upper limit of the true gap, {100 * answer.level:.4g} % one-sided", answer.upper, answer.relative_upper),
    )
    for label, value, share in rows:
        part = value / max(abs(answer.objective), 1e-10) if share is None else share
        made.add_row(label, number(value), percent(part))
    return made


def _reading(found: Replications) -> Text:
    answer, in_sample = found.answer, found.in_sample
    own = (in_sample - found.in_sample_bound) / max(abs(in_sample), 1e-10)
    return Text(
        f"With {100 * found.level:.3g} % confidence the portfolio costs at most {number(answer.upper)} "
        f"({percent(answer.relative_upper)}) more than the best there is. The run's own gap, {percent(own)} of "
        f"{number(in_sample)}, is the solver's on the run's own scenarios and says nothing of other ones.\n"
    )


def _looks(found: Replications) -> Table:
    made = start_table(
        f"Growing the batches until the upper limit is at most {percent(found.target or 0.0)}: "
        + ("reached" if found.reached else "not reached"),
        ("scenarios a batch", "right"),
        ("objective", "right"),
        ("gap", "right"),
        ("upper limit", "right"),
    )
    for look in found.looks:
        made.add_row(
            f"{look.scenarios:,}", number(look.objective), percent(look.relative), percent(look.relative_upper)
        )
    return made


def notes(caveats: tuple[str, ...], last: str | None) -> Group:
    """Caveats as a list, and a last line that is not wrapped so that a path can be copied whole."""
    grid = Table.grid(padding=(0, 1))
    for note in caveats:
        grid.add_row("  -", Text(note))
    parts: list[RenderableType] = [Text("Before you act on it", style="bold"), grid]
    if last is not None:
        parts.append(Text(f"\n{last}", style="bold", overflow="ignore", no_wrap=True))
    return Group(*parts)
