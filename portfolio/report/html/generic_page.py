"""The page of any study of tidy tables: its key figures, its main table, what to know, and all tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from portfolio.report.html.page import Block, Fact, Facts, Page, Section
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder, general, heading, shown

ABOUT = frozenset(
    ("kind", "title", "run", "case", "subject", "exit_code", "caveats", "tables", "made", "seconds", "versions",
     "scenarios", "seed", "fresh", "gap", "level")
)  # fmt: skip
"""Parts of the record that are said elsewhere."""
MOST_FACTS = 8
MOST_COLUMNS = 8
SHORT = 40
"""Characters of a text that is a figure."""


def generic_page(found: StudyFolder) -> Page:
    """Return the page of a study of which nothing is known but its tables."""
    facts = tuple(_facts(found.record))[:MOST_FACTS]
    first: tuple[Block, ...] = (Facts(facts),) if facts else ()
    name, table = next(iter(found.tables.items()), ("", pd.DataFrame()))
    main: tuple[Block, ...] = (shown(name, brief(table)),) if name else ()
    sections = (Section("What was found", (*first, *main, *found.warnings)), found.evidence())
    return study_page(found.record, heading(str(found.record.get("kind", "study"))), found.about, sections)


def _facts(record: dict[str, Any]) -> Iterator[Fact]:
    for key, value in record.items():
        if key in ABOUT or value is None or value == "":
            continue
        if isinstance(value, bool):
            yield Fact(heading(key), "yes" if value else "no")
        elif isinstance(value, int | float):
            yield Fact(heading(key), general(value))
        elif isinstance(value, str) and len(value) <= SHORT:
            yield Fact(heading(key), value)


def brief(table: pd.DataFrame) -> pd.DataFrame:
    """The first columns that differ between rows, limits of intervals left out."""
    wanted = [
        name
        for name in table.columns
        if not str(name).endswith(("_low", "_high"))
        and (len(table) < 2 or (table[name].astype(str) != str(table[name].iloc[0])).any())
    ]
    return table[wanted[:MOST_COLUMNS]]
