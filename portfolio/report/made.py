"""Making the page of a result folder again, and its charts as files."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from portfolio.report.errors import UsageError
from portfolio.report.folder import check_target, write_whole
from portfolio.report.pages import page_of, record_of
from portfolio.report.saved import read_run

FORMATS = ("png", "svg")
"""Formats of static figures."""
FIGURES = "figures"
"""Folder of the figures within a result folder, where no other is asked for."""


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes
    ----------
    page : Path
        ``report.html`` in the result folder.
    figures : tuple of Path
        Charts as files, in the order of the page; empty where none were asked for.
    """

    page: Path
    figures: tuple[Path, ...] = ()

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {"page": str(self.page), "figures": [str(path) for path in self.figures]}


def make_report(
    folder: str | PathLike[str], *, figures: str | None = None, out: str | PathLike[str] | None = None
) -> Report:
    """Make the page of a result folder again, ``report.html`` in it; and its charts as files.

    The page of a run also shows the newest evaluation and stress test of that run among the folders beside it.

    Parameters
    ----------
    folder : path
        A run folder, or that of a study. Nothing else in it is changed.
    figures : str, optional
        ``png`` or ``svg``: write every chart as a file too.
    out : path, optional
        Folder of the figures, which must not exist; ``figures`` in the result folder where it is not given.

    Raises
    ------
    RunError
        If it is no result folder, or is incomplete, edited or of another version.
    UsageError
        If there is no such format, or ``out`` is given without ``figures``.
    OutputError
        If ``out`` exists, or a file cannot be written.
    """
    from portfolio.report.html.writing import write_figures, write_page

    form = _format(figures, given=out is not None)
    home = Path(folder)
    if record_of(home) == "run.json":
        read_run(home)
    target = home / FIGURES if out is None else Path(out)
    if out is not None:
        check_target(target)
    page = page_of(home)
    written = write_page(page, home)
    if form is None:
        return Report(written)

    def fill(draft: Path) -> None:
        write_figures(page, draft, form)

    write_whole(target, fill, replace=out is None)
    return Report(written, tuple(target / f"{chart.name}.{form}" for chart in page.charts))


def _format(figures: str | None, *, given: bool) -> Literal["png", "svg"] | None:
    if figures is None:
        if given:
            raise UsageError("out is the folder of the figures: ask for figures too, as png or svg")
        return None
    if figures not in FORMATS:
        raise UsageError(f"no figures in the format {figures!r}: {' or '.join(FORMATS)}")
    return "png" if figures == "png" else "svg"
