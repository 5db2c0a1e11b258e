"""The page of a study of tidy tables: that of its kind where its tables are there, else the general one."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from pathlib import Path

from portfolio.report.html.generic_page import generic_page
from portfolio.report.html.kinds.answers import answer
from portfolio.report.html.page import Page
from portfolio.report.html.tidy import StudyFolder

KINDS = {
    "alliance": "portfolio.report.html.kinds.alliance:alliance_page",
    "alternatives": "portfolio.report.html.kinds.alternatives:alternatives_page",
    "compare": "portfolio.report.html.kinds.compare:compare_page",
    "explain": "portfolio.report.html.kinds.explain:explain_page",
    "frequency": "portfolio.report.html.kinds.frequency:frequency_page",
    "frontier": "portfolio.report.html.kinds.frontier:frontier_page",
    "sweep": "portfolio.report.html.kinds.sweep:sweep_page",
    "termsheet": "portfolio.report.html.kinds.termsheet:termsheet_page",
    "wait": "portfolio.report.html.kinds.wait:wait_page",
}
"""Function that makes the page of a kind of study."""

log = logging.getLogger(__name__)


def found_page(folder: Path) -> Page:
    """Return the page of a folder with ``study.json``."""
    found = StudyFolder.read(folder)
    place = KINDS.get(str(found.record.get("kind")))
    if place is None:
        return generic_page(found)
    home, _, name = place.partition(":")
    builder: Callable[[StudyFolder], Page] = getattr(importlib.import_module(home), name)
    try:
        return builder(found).answered(answer(found))
    except (KeyError, IndexError, ValueError, TypeError) as fault:
        # Of another version: its tables are shown all the same.
        log.info("the page of a %s has no charts (%s: %s)", found.record["kind"], type(fault).__name__, fault)
        return generic_page(found)
