"""Making the page of a result folder again, and its charts as files."""

from __future__ import annotations

from dataclasses import dataclass
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


def make_report(folder: Path, figures: str | None, out: Path | None) -> Report:
    """Write the page of a result folder, and its charts where asked; see :func:`portfolio.api.report`."""
    from portfolio.report.html.writing import write_figures, write_page

    form = _format(figures, out)
    if record_of(folder) == "run.json":
        read_run(folder)
    target = folder / FIGURES if out is None else out
    if out is not None:
        check_target(out)
    page = page_of(folder)
    written = write_page(page, folder)
    if form is None:
        return Report(written)

    def fill(draft: Path) -> None:
        write_figures(page, draft, form)

    write_whole(target, fill, replace=out is None)
    return Report(written, tuple(target / f"{chart.name}.{form}" for chart in page.charts))


def _format(figures: str | None, out: Path | None) -> Literal["png", "svg"] | None:
    if figures is None:
        if out is not None:
            raise UsageError("out is the folder of the figures: ask for figures too, as png or svg")
        return None
    if figures not in FORMATS:
        raise UsageError(f"no figures in the format {figures!r}: {' or '.join(FORMATS)}")
    return "png" if figures == "png" else "svg"
