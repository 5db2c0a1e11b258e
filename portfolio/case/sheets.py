"""The files of a case as they are written: cells of CSV tables and keys of ``case.toml``, with their rows."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portfolio.case.parsing import CellError, parse_given, parse_setting, unwrapped
from portfolio.case.problems import Problem, advise, nearest
from portfolio.case.schema import Column, columns
from portfolio.case.settings import REQUIRED_SECTIONS, SECTIONS
from portfolio.case.tables import OPTIONAL_TABLES, TABLES

SETTINGS_FILE = "case.toml"


@dataclass(frozen=True)
class Fault:
    """Why a cell of a workbook cannot be taken, whatever its column asks for, and the remedy."""

    why: str
    remedy: str


@dataclass(frozen=True)
class Line:
    """A row of a table as text.

    ``row`` is the line on which it starts; ``cells`` are by column; ``changed`` names the override behind a cell;
    ``whole`` is False where the row is of the wrong length, so that only its keys can be trusted; ``faults`` are of
    cells of a workbook that hold no plain value.
    """

    row: int
    cells: Mapping[str, str]
    changed: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True
    faults: Mapping[str, Fault] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """A table as text: its known columns and its rows; ``whole`` is False where rows could not be read."""

    table: str
    header: tuple[str, ...]
    lines: tuple[Line, ...]
    whole: bool = True


@dataclass(frozen=True)
class Document:
    """``case.toml`` as parsed, or the sheet of settings of a workbook.

    ``rows`` gives the row of a (section, key); ``overrides`` maps a (section, key) to the override and its text.
    ``cells`` says that values are the texts of cells, as in tables, instead of values of TOML; ``faults`` are of cells
    that hold no plain value.
    """

    sections: Mapping[str, Mapping[str, object]]
    rows: Mapping[tuple[str, str], int]
    overrides: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    cells: bool = False
    faults: Mapping[tuple[str, str], Fault] = field(default_factory=dict)

    def value(self, section: str, about: Column) -> Any:
        """Return the typed value of a key that is given.

        Raises
        ------
        CellError
            Where it is not of the key's kind or out of its bounds.
        """
        raw = self.sections[section][about.name]
        fault = self.faults.get((section, about.name))
        if fault is not None:
            raise CellError(fault.why, fault.remedy)
        return parse_given(about, unwrapped(about, str(raw))) if self.cells else parse_setting(about, raw)


@dataclass(frozen=True)
class Folder:
    """Every file of a case as text; ``document`` is None where it could not be read."""

    document: Document | None
    sheets: Mapping[str, Sheet]


def read_folder(path: Path) -> tuple[Folder, list[Problem]]:
    """Return the files of a case folder as text, and what is wrong with them as files."""
    problems = _check_files(path)
    document: Document | None = None
    if (path / SETTINGS_FILE).is_file():
        document, found = _read_document(path / SETTINGS_FILE)
        problems += found
    sheets: dict[str, Sheet] = {}
    for table in TABLES:
        file = path / f"{table}.csv"
        if file.is_file():
            sheet, found = _read_sheet(file, table)
            problems += found
            if sheet is not None:
                sheets[table] = sheet
    return Folder(document, sheets), problems


def table_file(table: str) -> str:
    """Return the file name of a table."""
    return f"{table}.csv"


def _check_files(path: Path) -> list[Problem]:
    names = sorted(p.name for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    known = [table_file(t) for t in TABLES]
    unknown = [n for n in names if n.lower().endswith(".csv") and n not in known]
    missing = [t for t in TABLES if table_file(t) not in names and t not in OPTIONAL_TABLES]
    problems = [
        Problem(n, None, None, None, "not a table of a case", advise(n, known, "remove it or move it elsewhere"))
        for n in unknown
    ]
    if SETTINGS_FILE not in names:
        close = nearest(SETTINGS_FILE, [n for n in names if not n.endswith(".csv")])
        remedy = f"rename {close}" if close else "write one; `portfolio init` makes a template"
        problems.append(Problem(SETTINGS_FILE, None, None, None, "missing file", remedy))
    for table in missing:
        close = nearest(table_file(table), unknown)
        remedy = f"rename {close}" if close else "add it; inputs/README.md describes its columns"
        problems.append(Problem(table_file(table), None, None, None, "missing file", remedy))
    return problems


def decode(file: Path) -> tuple[str | None, list[Problem]]:
    """Return the text of a UTF-8 file (a byte order mark is dropped) and a problem per row that is not UTF-8.

    Such rows are read on as Windows-1252, so that one accent does not hide what else is wrong; text is None where
    the file cannot be read at all.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        return None, [Problem(file.name, None, None, None, f"cannot be read: {reason}", "check its permissions")]
    remedy = "save the file as UTF-8 (in a spreadsheet: `CSV UTF-8`)"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in data:
        return None, [Problem(file.name, None, None, None, "UTF-16 or binary data instead of text", remedy)]
    data = data.removeprefix(b"\xef\xbb\xbf")
    problems = []
    parts = []
    for number, raw in enumerate(data.split(b"\n"), start=1):
        try:
            parts.append(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            guess = raw.decode("cp1252", errors="replace")
            byte = raw[error.start]
            why = f"byte 0x{byte:02x} is not UTF-8 (perhaps {guess[len(raw[: error.start].decode('utf-8'))]!r})"
            problems.append(Problem(file.name, number, None, None, why, remedy))
            parts.append(guess)
    return "\n".join(parts), problems


def _read_sheet(file: Path, table: str) -> tuple[Sheet | None, list[Problem]]:
    text, problems = decode(file)
    if text is None:
        return None, problems
    raw, unmatched = _read_rows(file.name, text)
    problems += unmatched
    if not raw:
        if not unmatched:
            remedy = "write the header and a row; `portfolio init` makes templates"
            problems.append(Problem(file.name, None, None, None, "empty file", remedy))
        return None, problems
    (first, names), *body = raw
    header = [name.strip() for name in names]
    if len(header) == 1 and header[0].count(";") > 1:
        remedy = "save it with commas between cells; `;` separates the items of a list"
        problems.append(Problem(file.name, first, None, None, "cells separated by semicolons", remedy))
        return None, problems
    meant, found = check_header(table, first, header)
    problems += found
    lines = []
    for row, cells in body:
        line, wrong = _line(file.name, row, meant, cells)
        lines.append(line)
        problems += wrong
    if not lines and not unmatched and table not in OPTIONAL_TABLES:
        problems.append(Problem(file.name, None, None, None, "empty table", "add at least one row"))
    return Sheet(table, tuple(name for name in meant if name), tuple(lines), not unmatched), problems


def _read_rows(file: str, text: str) -> tuple[list[tuple[int, list[str]]], list[Problem]]:
    """Return (line, cells) of every row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((start, cells))
            start = reader.line_num + 1
    except csv.Error as error:
        remedy = 'close every quote, and write a quote within a quoted cell twice ("")'
        return rows, [Problem(file, start, None, None, f"quotes that do not match ({error})", remedy)]
    return rows, []


def check_header(table: str, row: int, header: list[str]) -> tuple[list[str], list[Problem]]:
    """Return the column meant by each cell of the header ("" for none) and its problems."""
    file = table_file(table)
    known = {c.name: c for c in columns(TABLES[table])}
    meant: list[str] = []
    problems = []
    for place, name in enumerate(header, start=1):
        if name in known and name not in meant:
            meant.append(name)
            continue
        close = nearest(name, [k for k in known if k not in header])
        if name in known:
            problems.append(Problem(file, row, name, None, "column twice in the header", "remove one of them"))
            close = None
        elif not name:
            problems.append(
                Problem(file, row, None, None, f"cell {place} of the header is empty", "name the column or remove it")
            )
        else:
            remedy = f"did you mean {close!r}?" if close else advise(name, known, "remove it")
            problems.append(Problem(file, row, name, None, "unknown column", remedy))
        meant.append(close if close and close not in meant else "")
    for name, about in known.items():
        if about.required and name not in meant:
            problems.append(Problem(file, row, name, None, "missing column", f"add it: {about.meaning}"))
    return meant, problems


def _line(file: str, row: int, header: list[str], cells: list[str]) -> tuple[Line, list[Problem]]:
    filled = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name}
    extra = cells[len(header) :]
    if len(cells) < len(header) or any(cell.strip() for cell in extra):
        why = f"{len(cells)} cells, but the header has {len(header)}"
        remedy = "quote a cell that holds a comma" if extra else "add the commas of the empty cells"
        return Line(row, filled, whole=False), [Problem(file, row, None, None, why, remedy)]
    return Line(row, filled), []


def _read_document(file: Path) -> tuple[Document | None, list[Problem]]:
    text, problems = decode(file)
    if text is None:
        return None, problems
    try:
        parsed = tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        row = int(at[1]) if at else None
        why = f"not TOML: {error}"
        remedy = 'write keys as `key = value`, text in "quotes", sections as [section]'
        return None, [*problems, Problem(file.name, row, None, None, why, remedy)]
    rows = _rows_of_keys(text)
    sections, found = check_sections(parsed, rows)
    return Document(sections, rows), problems + found


def check_sections(
    parsed: Mapping[str, object], rows: Mapping[tuple[str, str], int]
) -> tuple[dict[str, Mapping[str, object]], list[Problem]]:
    """Return the known keys of the known sections, near names taken for what they mean."""
    problems: list[Problem] = []
    sections: dict[str, Mapping[str, object]] = {}
    for name, content in parsed.items():
        if not isinstance(content, dict):
            homes = [s for s, record in SECTIONS.items() if name in {c.name for c in columns(record)}]
            where = f"put it under [{homes[0]}]" if homes else "put it under a section or remove it"
            problems.append(Problem(SETTINGS_FILE, rows.get(("", name)), name, None, "key outside a section", where))
            continue
        section: str | None = name
        if name not in SECTIONS:
            row = rows.get((name, ""))
            problems.append(Problem(SETTINGS_FILE, row, f"[{name}]", None, "unknown section", advise(name, SECTIONS)))
            section = nearest(name, [s for s in SECTIONS if s not in parsed])
        if section is not None:
            sections[section], found = _check_keys(section, name, content, rows)
            problems += found
    for section in sorted(REQUIRED_SECTIONS - set(sections)):
        problems.append(Problem(SETTINGS_FILE, None, f"[{section}]", None, "missing section", "add it"))
    return sections, problems


def _check_keys(
    section: str, written: str, content: Mapping[str, object], rows: Mapping[tuple[str, str], int]
) -> tuple[dict[str, object], list[Problem]]:
    known = {c.name: c for c in columns(SECTIONS[section])}
    kept: dict[str, object] = {}
    problems = []
    for key, value in content.items():
        if key in known:
            kept[key] = value
            continue
        place = rows.get((written, key))
        close = nearest(key, [k for k in known if k not in content])
        elsewhere = [s for s, record in SECTIONS.items() if key in {c.name for c in columns(record)}]
        remedy = f"it belongs under [{elsewhere[0]}]" if elsewhere else advise(key, known)
        problems.append(Problem(SETTINGS_FILE, place, f"{section}.{key}", None, "unknown key", remedy))
        if close and close not in kept and not elsewhere:
            kept[close] = value
    for key, about in known.items():
        if about.required and key not in kept:
            why, remedy = "missing key", f"add it: {about.meaning}"
            problems.append(Problem(SETTINGS_FILE, None, f"{section}.{key}", None, why, remedy))
    return kept, problems


def _rows_of_keys(text: str) -> dict[tuple[str, str], int]:
    """Return the row of each (section, key), and of each section under the key ""; for messages only."""
    rows: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        head = re.match(r"\s*\[\s*([\w-]+)\s*\]", line)
        entry = re.match(r"\s*(?:([\w-]+)\s*\.\s*)?([\w-]+)\s*=", line)
        if head:
            section = head[1]
            rows.setdefault((section, ""), number)
        elif entry:
            rows.setdefault((entry[1] or section, entry[2]), number)
    return rows


def key_columns(table: str) -> tuple[str, ...]:
    """Return the columns that identify a row of a table, in their order."""
    return tuple(c.name for c in columns(TABLES[table]) if c.key)


def known_names() -> Iterable[str]:
    """Return the names of all sections and tables."""
    return (*SECTIONS, *TABLES)
