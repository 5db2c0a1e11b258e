"""A case on its way to being valid: typed rows, each value with the place it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from portfolio.case.parsing import CellError, parse_given, unwrapped
from portfolio.case.problems import Problem
from portfolio.case.schema import Column, columns
from portfolio.case.settings import SECTIONS
from portfolio.case.sheets import SETTINGS_FILE, Document, Folder, Line, Sheet, key_columns, table_file
from portfolio.case.tables import OPTIONAL_TABLES, TABLES


@dataclass(frozen=True)
class Row:
    """A row of a table, or a section of ``case.toml``: the values that could be read.

    A value that could not be read is missing from ``values``: :meth:`get` then gives None, and a check that needs
    it is left out. ``texts`` holds values as written, ``rows`` the row of a key where that differs from ``row``.
    """

    home: str
    row: int | None
    values: Mapping[str, Any]
    texts: Mapping[str, str]
    changed: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """Return a value, None where it could not be read or is not given."""
        return self.values.get(name)

    def key(self) -> tuple[Any, ...]:
        """Return the values of the key columns."""
        return tuple(self.values.get(name) for name in key_columns(self.home))

    def problem(self, name: str | None, why: str, remedy: str) -> Problem:
        """Return a problem of this row, at a column where one is named."""
        section = self.home in SECTIONS
        text = None if name is None else self.texts.get(name)
        shown = name if name is None or not section else f"{self.home}.{name}"
        row = self.row if name is None else self.rows.get(name, self.row)
        file = SETTINGS_FILE if section else table_file(self.home)
        override = "" if name is None else self.changed.get(name, "")
        return Problem(file, row, shown, text, why, remedy, override)


@dataclass(frozen=True)
class Draft:
    """All rows of a case that could be read; ``complete`` names the tables in which every key could."""

    settings: Mapping[str, Row]
    tables: Mapping[str, tuple[Row, ...]]
    complete: frozenset[str]

    def rows(self, table: str) -> tuple[Row, ...]:
        """Return the rows of a table."""
        return self.tables.get(table, ())

    def names(self, table: str) -> list[str]:
        """Return the values of the first key column, in file order."""
        first = key_columns(table)[0]
        return [row.get(first) for row in self.rows(table) if row.get(first) is not None]

    def known(self, *tables: str) -> bool:
        """Whether all these tables were read with all their keys, so that what is absent is truly absent."""
        return self.complete.issuperset(tables)

    def setting(self, section: str, key: str) -> Any:
        """Return the value of a key of ``case.toml``, None where it could not be read."""
        row = self.settings.get(section)
        return None if row is None else row.get(key)

    def horizon(self) -> tuple[int, int] | None:
        """Return the first and last year, None where they are not known or not in order."""
        first, last = self.setting("horizon", "first_year"), self.setting("horizon", "last_year")
        return None if first is None or last is None or first > last else (first, last)

    def windows(self) -> tuple[int, ...]:
        """Return the window years, empty where they could not be read."""
        return tuple(self.setting("horizon", "windows") or ())

    def each(self, table: str, *needed: str) -> Iterator[Row]:
        """Yield the rows of a table in which all the columns named have a value."""
        for row in self.rows(table):
            if all(row.get(name) is not None for name in needed):
                yield row


def make_draft(folder: Folder) -> tuple[Draft, list[Problem]]:
    """Return the typed values of a folder, and a problem for each that is not of its kind or out of bounds."""
    problems: list[Problem] = []
    settings: dict[str, Row] = {}
    if folder.document is not None:
        for section in SECTIONS:
            settings[section], found = _type_section(folder.document, section)
            problems += found
    tables: dict[str, tuple[Row, ...]] = {}
    complete = set()
    for table, sheet in folder.sheets.items():
        typed = [_type_line(sheet, line) for line in sheet.lines]
        tables[table] = tuple(row for row, _ in typed)
        problems += [problem for _, found in typed for problem in found]
        filled = bool(typed) or table in OPTIONAL_TABLES
        if sheet.whole and filled and all(None not in row.key() for row in tables[table]):
            complete.add(table)
    complete |= OPTIONAL_TABLES - set(folder.sheets)
    return Draft(settings, tables, frozenset(complete)), problems


def _type_section(document: Document, section: str) -> tuple[Row, list[Problem]]:
    content = document.sections.get(section, {})
    rows = {key: row for (home, key), row in document.rows.items() if home == section}
    changed = {key: text for (home, key), (text, _) in document.overrides.items() if home == section}
    new = {key: value for (home, key), (_, value) in document.overrides.items() if home == section}
    texts = {key: _shown(value) for key, value in content.items()} | new
    values: dict[str, Any] = {}
    problems = []
    for about in columns(SECTIONS[section]):
        try:
            if about.name in new:
                values[about.name] = parse_given(about, _unquoted(about, new[about.name]))
            elif about.name in content:
                values[about.name] = document.value(section, about)
            elif not about.required:
                values[about.name] = about.default
        except CellError as fault:
            row = Row(section, None, {}, texts, changed, rows)
            problems.append(row.problem(about.name, fault.why, fault.remedy))
    return Row(section, None, values, texts, changed, rows), problems


def _type_line(sheet: Sheet, line: Line) -> tuple[Row, list[Problem]]:
    values: dict[str, Any] = {}
    problems = []
    blank = Row(sheet.table, line.row, {}, line.cells, line.changed)
    for about in columns(TABLES[sheet.table]):
        if about.name not in sheet.header and about.required:
            continue
        if not line.whole and not about.key:
            continue
        try:
            fault = None if about.name in line.changed else line.faults.get(about.name)
            if fault is not None:
                raise CellError(fault.why, fault.remedy)
            values[about.name] = parse_given(about, line.cells.get(about.name, ""))
        except CellError as fault:
            if line.whole:
                problems.append(blank.problem(about.name, fault.why, fault.remedy))
    return Row(sheet.table, line.row, values, line.cells, line.changed), problems


def _unquoted(about: Column, text: str) -> str:
    """Return the text of an override of ``case.toml`` without the brackets and quotes of TOML."""
    if about.kind not in ("list", "numbers") and len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return unwrapped(about, text)


def _shown(value: object) -> str:
    """Return a value of ``case.toml`` much as it is written there."""
    if isinstance(value, (bool, list)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)
