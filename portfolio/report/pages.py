"""Which page belongs to which result folder, made from the files in it."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from portfolio.report.errors import RunError
from portfolio.report.folder import OutputError

if TYPE_CHECKING:
    from portfolio.report.html.page import Page

BUILDERS = {
    "run.json": "portfolio.report.html.run_page:run_page",
    "evaluation.json": "portfolio.report.html.evaluation_page:evaluation_page",
    "replications.json": "portfolio.report.html.replications_page:replications_page",
    "worth.json": "portfolio.report.html.worth_page:worth_page",
    "stress.json": "portfolio.report.html.stress_page:stress_page",
    "stability.json": "portfolio.report.html.stability_page:stability_page",
    "sampling.json": "portfolio.report.html.sampling_page:sampling_page",
    "compared_runs.json": "portfolio.report.html.compared_runs_page:compared_runs_page",
    "regret.json": "portfolio.report.html.regret_page:regret_page",
    "foresight.json": "portfolio.report.html.foresight_page:foresight_page",
    "pressure.json": "portfolio.report.html.pressure_page:pressure_page",
    "study.json": "portfolio.report.html.found_page:found_page",
}
"""Function that makes the page of a folder, by the record the folder holds. Named, not imported: charts take a while to
load, and only whoever writes a page needs them.
"""

log = logging.getLogger(__name__)


def record_of(folder: Path) -> str:
    """Return the name of the record a result folder holds.

    Raises
    ------
    RunError
        If it is no result folder that has a page.
    """
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder: give a run folder, or that of a study, such as one in results/")
    for name in BUILDERS:
        if (folder / name).is_file():
            return name
    raise RunError(f"{folder} is no result folder: it holds none of {', '.join(BUILDERS)}")


def page_of(folder: Path) -> Page:
    """Return the page of a result folder.

    Raises
    ------
    RunError
        If it is no result folder, or lacks files or columns.
    """
    home, _, name = BUILDERS[record_of(folder)].partition(":")
    builder: Callable[[Path], Page] = getattr(importlib.import_module(home), name)
    try:
        return builder(folder)
    except (OSError, KeyError, IndexError, ValueError) as fault:
        raise RunError(
            f"{folder} cannot be read as a result folder ({type(fault).__name__}: {fault}): it is incomplete, edited "
            "or of another version; make it again"
        ) from fault


def write_report(folder: Path) -> None:
    """Write the page of a result folder that is being made.

    A result that took hours is worth more than its page: where the page cannot be made, that is logged, and
    ``portfolio report`` makes it later. A full disk is an error all the same.
    """
    from portfolio.report.html.writing import write_page

    try:
        write_page(page_of(folder), folder)
    except OutputError as fault:
        raise OSError(str(fault)) from fault
    except Exception as fault:
        log.warning(
            "report.html could not be made (%s: %s); portfolio report makes it again", type(fault).__name__, fault
        )
