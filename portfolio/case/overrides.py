"""Values given on the command line or by a study in place of those in the files (``--set``).

Forms: ``section.key=value``, ``table.column=value`` for every row, ``table.column[key,...]=value`` for the rows with
that key (key columns in the order of the table; ``*`` matches any), and each with ``*=`` and a factor on a number.
Overrides act on the text of the files, so that a new value is typed and checked exactly as if it stood there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from portfolio.case.parsing import CellError, parse_cell, parse_number
from portfolio.case.problems import CaseError, Problem, advise, nearest
from portfolio.case.schema import Column, columns
from portfolio.case.settings import SECTIONS
from portfolio.case.sheets import Document, Folder, Line, Sheet, key_columns, known_names, table_file
from portfolio.case.tables import TABLES

_FORM = re.compile(r"\s*([\w-]+)\s*\.\s*([\w-]+)\s*(?:\[(.*)\])?\s*(\*?=)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Override:
    """One override, taken apart; ``keys`` is None where it is for every row."""

    text: str
    home: str
    name: str
    keys: tuple[str, ...] | None
    factor: bool
    value: str


class _RefusedError(Exception):
    """Why an override cannot be applied."""

    def __init__(self, why: str, remedy: str, file: str = "", name: str | None = None) -> None:
        super().__init__(why)
        self.why, self.remedy, self.file, self.name = why, remedy, file, name


def column_of(text: str) -> Column:
    """Return the description of the column or key that an override sets.

    Raises
    ------
    CaseError
        Where there is none, or the text is no override.
    """
    try:
        return _about(_take_apart(text))
    except _RefusedError as refused:
        raise CaseError([Problem("", None, refused.name, None, refused.why, refused.remedy, override=text)]) from None


def apply_overrides(folder: Folder, overrides: Sequence[str]) -> tuple[Folder, list[Problem]]:
    """Return the folder with the overrides applied in their order, and a problem for each that cannot be."""
    problems = []
    for text in overrides:
        try:
            folder = _apply(folder, _take_apart(text))
        except _RefusedError as refused:
            problems.append(Problem(refused.file, None, refused.name, None, refused.why, refused.remedy, override=text))
    return folder, problems


def _take_apart(text: str) -> Override:
    found = _FORM.fullmatch(text)
    if not found:
        raise _RefusedError(
            "not an override",
            "write section.key=value, table.column=value, table.column[key]=value, or *= with a factor",
        )
    home, name, keys, sign, value = found.groups()
    parts = None if keys is None else tuple(part.strip() for part in keys.split(","))
    override = Override(text, home, name, parts, sign == "*=", value.strip())
    if home not in SECTIONS and home not in TABLES:
        raise _RefusedError(f"unknown section or table {home!r}", advise(home, known_names()))
    known = {c.name: c for c in columns(SECTIONS.get(home) or TABLES[home])}
    if name not in known:
        what = "key" if home in SECTIONS else "column"
        raise _RefusedError(f"unknown {what} {name!r} of {home}", _remedy(name, known))
    if override.factor:
        if known[name].kind not in ("number", "integer"):
            raise _RefusedError(f"{name} is no number, so a factor has no meaning", "write = and the value")
        try:
            parse_number(override.value)
        except CellError as fault:
            raise _RefusedError(f"factor {override.value!r} is {fault.why}", fault.remedy) from None
    return override


def _remedy(name: str, known: Iterable[str]) -> str:
    """Return what is likely meant: a name close to it, or the places elsewhere that begin like it."""
    names = list(known)
    if nearest(name, names) is None:
        homes = {**SECTIONS, **TABLES}
        places = [f"{home}.{c.name}" for home, what in homes.items() for c in columns(what) if c.name.startswith(name)]
        if 0 < len(places) < 4:
            return f"did you mean {' or '.join(places)}?"
    return advise(name, names)


def _apply(folder: Folder, override: Override) -> Folder:
    if override.home in SECTIONS:
        return _apply_to_section(folder, override)
    return _apply_to_table(folder, override)


def _apply_to_section(folder: Folder, override: Override) -> Folder:
    if override.keys is not None:
        raise _RefusedError(
            f"{override.home} is a section, not a table", f"write {override.home}.{override.name}=value"
        )
    document = folder.document
    if document is None:
        return folder
    place = (override.home, override.name)
    value = override.value
    if override.factor:
        about = _about(override)
        old = _setting(document, about, place)
        if old is None:
            return folder  # the file's own check reports what is wrong with the number there
        value = _product(about, old, override.value)
    changed = {**document.overrides, place: (override.text, value)}
    return replace(folder, document=replace(document, overrides=changed))


def _setting(document: Document, about: Column, place: tuple[str, str]) -> float | None:
    """Return the number that a key has now, None where it has none or a wrong one."""
    section, key = place
    try:
        if place in document.overrides:
            return float(parse_cell(about, document.overrides[place][1]))
        if key in document.sections.get(section, {}):
            found = document.value(section, about)
            return None if found is None else float(found)
    except CellError:
        return None
    return _default(about)


def _apply_to_table(folder: Folder, override: Override) -> Folder:
    file = table_file(override.home)
    sheet = folder.sheets.get(override.home)
    if sheet is None:
        raise _RefusedError("the table is not in the case, or cannot be read", f"add {file}", file, override.name)
    about = _about(override)
    rows = _rows(sheet, override)
    lines = list(sheet.lines)
    changes = 0
    for number in rows:
        value = override.value
        if override.factor:
            old = _cell(lines[number], about)
            if old is None:
                continue
            value = _product(about, old, override.value)
        line = lines[number]
        lines[number] = replace(
            line,
            cells={**line.cells, override.name: value},
            changed={**line.changed, override.name: override.text},
        )
        changes += 1
    if override.factor and not changes:
        raise _RefusedError("there is no number to multiply", "write = and the value", file, override.name)
    header = sheet.header if override.name in sheet.header else (*sheet.header, override.name)
    return replace(folder, sheets={**folder.sheets, override.home: replace(sheet, header=header, lines=tuple(lines))})


def _rows(sheet: Sheet, override: Override) -> list[int]:
    """Return the places of the rows meant."""
    everything = range(len(sheet.lines))
    file = table_file(sheet.table)
    if override.keys is None:
        found = list(everything)
    else:
        names = key_columns(sheet.table)
        if len(override.keys) != len(names):
            form = f"write {override.home}.{override.name}[{','.join(names)}]=value"
            raise _RefusedError(f"{len(override.keys)} keys, but {override.home} has {len(names)}", form)
        found = [n for n in everything if _has_key(sheet.lines[n], names, override.keys)]
        if not found:
            known = [",".join(line.cells.get(n, "") for n in names) for line in sheet.lines]
            wanted = ",".join(override.keys)
            raise _RefusedError(f"no row has the key {wanted!r}", advise(wanted, known), file, override.name)
    if not found:
        raise _RefusedError("the table has no row", f"add rows to {file}", file, override.name)
    return found


def _has_key(line: Line, names: Sequence[str], wanted: Sequence[str]) -> bool:
    return all(key in ("*", line.cells.get(name, "")) for name, key in zip(names, wanted, strict=True))


def _cell(line: Line, about: Column) -> float | None:
    """Return the number in a cell, None where there is none or a wrong one (which the file's own check reports)."""
    text = line.cells.get(about.name, "")
    if not text:
        return _default(about)
    try:
        return parse_number(text)
    except CellError:
        return None


def _default(about: Column) -> float | None:
    default: Any = about.default
    return None if about.required or default is None else float(default)


def _product(about: Column, old: float, factor: str) -> str:
    value = old * parse_number(factor)
    # A factor such as 1.1 leaves 110.00000000000001 for a count of 100: the nearest whole number is meant.
    if about.kind == "integer" and abs(value - round(value)) < 1e-9 * max(1.0, abs(value)):
        return str(round(value))
    return repr(value)


def _about(override: Override) -> Column:
    record = SECTIONS.get(override.home) or TABLES[override.home]
    return next(c for c in columns(record) if c.name == override.name)
