"""In which inputs two cases differ: settings, and the cells and rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portfolio.case.records import Case
from portfolio.case.schema import Column, columns
from portfolio.case.settings import SECTIONS
from portfolio.case.sheets import key_columns
from portfolio.case.tables import TABLES
from portfolio.case.writing import format_cell

REMARKS = frozenset({"name", "title", "note", "source", "confidence"})
"""Columns for people, which enter no figure."""


@dataclass(frozen=True)
class Difference:
    """One input that differs.

    ``what`` is setting or table (solve and version are of the runs, not the case), ``where`` section or table, ``key``
    the row, ``change`` changed, added or removed, ``counts`` False for remarks.
    """

    what: str
    where: str
    key: str
    column: str
    change: str
    before: str
    after: str
    counts: bool = True


def case_differences(before: Case, after: Case) -> Iterator[Difference]:
    """Yield every input in which two cases differ, in the order of the schema; the order of rows is none.

    A row that is in one case alone is one difference, its values in ``before`` or ``after``.
    """
    for section, record in SECTIONS.items():
        for about in columns(record):
            old, new = (getattr(getattr(case.settings, section), about.name) for case in (before, after))
            if old != new:
                yield _changed("setting", section, "", about, old, new)
    for table in TABLES:
        yield from _table_differences(table, getattr(before, table), getattr(after, table))


def _table_differences(table: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> Iterator[Difference]:
    described = list(columns(TABLES[table]))
    old, new = _by_key(table, before), _by_key(table, after)
    for key in [*old, *(key for key in new if key not in old)]:
        if key not in new:
            yield Difference("table", table, key, "", "removed", _row(described, old[key]), "")
        elif key not in old:
            yield Difference("table", table, key, "", "added", "", _row(described, new[key]))
        else:
            for about in described:
                was, now = getattr(old[key], about.name), getattr(new[key], about.name)
                if was != now:
                    yield _changed("table", table, key, about, was, now)


def _by_key(table: str, rows: tuple[Any, ...]) -> Mapping[str, Any]:
    """Return rows by the text of their key; rows that share one, as effects of an event do, are numbered."""
    known = {c.name: c for c in columns(TABLES[table])}
    names = key_columns(table)
    found: dict[str, Any] = {}
    for row in rows:
        base = key = ",".join(format_cell(known[n], getattr(row, n)) for n in names)
        again = 2
        while key in found:
            key, again = f"{base} ({again})", again + 1
        found[key] = row
    return found


def _row(described: list[Column], row: Any) -> str:
    """Return the values of a row that are not left empty."""
    texts = {c.name: format_cell(c, getattr(row, c.name)) for c in described if c.name not in REMARKS}
    return ", ".join(f"{name}={text}" for name, text in texts.items() if text)


def _changed(what: str, where: str, key: str, about: Column, old: object, new: object) -> Difference:
    texts = format_cell(about, old), format_cell(about, new)
    return Difference(what, where, key, about.name, "changed", *texts, counts=about.name not in REMARKS)
