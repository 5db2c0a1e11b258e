"""Reading a case from one workbook: a sheet of settings and a sheet for every table, as a folder would give it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portfolio.case.problems import SETTINGS_SHEET, CaseError, Problem, advise, nearest
from portfolio.case.schema import Column, columns
from portfolio.case.settings import SECTIONS
from portfolio.case.sheets import (
    SETTINGS_FILE,
    Document,
    Fault,
    Folder,
    Line,
    Sheet,
    check_header,
    check_sections,
    table_file,
)
from portfolio.case.spreadsheet import number_text, unescape
from portfolio.case.tables import OPTIONAL_TABLES, TABLES

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

FREE_SHEETS = ("about", "notes")
"""Sheets for people, which are not read."""
SETTINGS_COLUMNS = ("section", "key", "value")
"""Columns of the sheet of settings that are read."""
PERCENT_UNITS = frozenset({"", "fraction", "ratio", "1/y", "1/y^0.5", "t/t"})
"""Units in which a cell that shows 12 % means 0.12."""

_FILE = re.compile(rf"\b({'|'.join(TABLES)})\.csv\b")


@dataclass(frozen=True)
class Layout:
    """Where values stand in a workbook: the letter of each column, by sheet and name."""

    file: str
    letters: Mapping[str, Mapping[str, str]]

    def locate(self, problem: Problem) -> Problem:
        """Return a problem of a file and row as one of a cell."""
        if not problem.file or problem.file == self.file:
            return problem
        sheet = SETTINGS_SHEET if problem.file == SETTINGS_FILE else problem.file.removesuffix(".csv")
        place = problem.place or sheet
        if problem.row is not None and not problem.place:
            letter = self.letters.get(sheet, {}).get(self._column(sheet, problem.column))
            place = f"{sheet}!{letter}{problem.row}" if letter else f"{sheet}!{problem.row}:{problem.row}"
        return replace(
            problem, file=self.file, place=place, why=_in_sheets(problem.why), remedy=_in_sheets(problem.remedy)
        )

    @staticmethod
    def _column(sheet: str, name: str | None) -> str:
        """Return the column at fault; of settings the key where that is unknown, the section where that is."""
        if sheet != SETTINGS_SHEET or name is None:
            return name or ""
        section, _, key = name.partition(".")
        if not key:
            return "section"
        known = section in SECTIONS and key in {c.name for c in columns(SECTIONS[section])}
        return "value" if known else "key"


def _in_sheets(text: str) -> str:
    return _FILE.sub(r"sheet \1", text).replace(SETTINGS_FILE, f"sheet {SETTINGS_SHEET}")


@dataclass(frozen=True)
class _Grid:
    """The used cells of a sheet; ``stored`` holds the results of formulas by (row, column)."""

    name: str
    rows: tuple[tuple[int, tuple[Cell, ...]], ...]
    stored: Mapping[tuple[int, int], Cell]


@dataclass(frozen=True)
class _Header:
    """The header of a sheet: its row and the name that each column has, "" where none is meant."""

    row: int
    names: tuple[str, ...]
    written: tuple[str, ...]

    @property
    def letters(self) -> dict[str, str]:
        """Letter of each column, by the name written and by the one meant; the first where one stands twice."""
        found: dict[str, str] = {}
        for number, both in enumerate(zip(self.names, self.written, strict=True), start=1):
            for name in both:
                found.setdefault(name, _letter(number))
        found.pop("", None)
        return found


@dataclass
class _Found:
    """What has been read so far."""

    problems: list[Problem] = field(default_factory=list)
    letters: dict[str, Mapping[str, str]] = field(default_factory=dict)


def read_workbook(path: Path) -> tuple[Folder, list[Problem], Layout]:
    """Return the sheets of a workbook as text, what is wrong with them as sheets, and where everything stands.

    Formulas count with the result that the spreadsheet stored. Cells that hold no plain value (dates, errors, formulas
    without a result) carry a :class:`Fault`.

    Raises
    ------
    CaseError
        Where the file cannot be read as a workbook.
    """
    found = _Found()
    with closing(_open(path, results=False)) as book:
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        formulas = any(cell.data_type == "f" for sheet in book.worksheets for row in sheet.iter_rows() for cell in row)
        results = _open(path, results=True) if formulas else book
        grids = {
            name: _grid(sheet, results[name])
            for name, sheet in sheets.items()
            if name == SETTINGS_SHEET or name in TABLES
        }
        found.problems += _check_sheets(sheets)
        for name in grids:
            found.problems += _merged(sheets[name])
        document = _document(grids[SETTINGS_SHEET], found) if SETTINGS_SHEET in grids else None
        tables = {name: _table(grids[name], found) for name in TABLES if name in grids}
        if results is not book:
            results.close()
    read = {name: sheet for name, sheet in tables.items() if sheet is not None}
    return Folder(document, read), found.problems, Layout(path.name, found.letters)


def _open(path: Path, *, results: bool) -> Workbook:
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            # About decoration that openpyxl leaves out, which is not read anyway.
            warnings.simplefilter("ignore")
            return load_workbook(path, data_only=results, keep_links=False)
    except PermissionError as fault:
        why, remedy = f"cannot be read: {fault.strerror}", "check its permissions, and close it elsewhere"
    except Exception as fault:  # a damaged file may fail anywhere in the parser
        why = f"not a workbook that can be read ({type(fault).__name__})"
        remedy = "save it as Excel workbook (.xlsx), without a password"
    raise CaseError([Problem(str(path), None, None, None, why, remedy)])


def _check_sheets(sheets: Mapping[str, Worksheet]) -> list[Problem]:
    """Unknown and missing sheets; an unknown one without content, as new workbooks have, is let be."""
    known = [SETTINGS_SHEET, *TABLES]
    unknown = [n for n, s in sheets.items() if n not in known and n not in FREE_SHEETS and _has_content(s)]
    otherwise = f"remove it, or move it to another workbook; remarks may stand in a sheet {FREE_SHEETS[1]!r}"
    problems = [
        Problem(f"{n}.csv", None, None, None, "not a table of a case", advise(n, known, otherwise), place=n)
        for n in unknown
    ]
    for name in known:
        if name in sheets or name in OPTIONAL_TABLES:
            continue
        close = nearest(name, unknown)
        remedy = f"rename {close}" if close else "add it; `portfolio init --workbook` makes a template"
        file = SETTINGS_FILE if name == SETTINGS_SHEET else table_file(name)
        problems.append(Problem(file, None, None, None, "missing sheet", remedy))
    return problems


def _has_content(sheet: Worksheet) -> bool:
    return any(cell.value is not None for row in sheet.iter_rows() for cell in row)


def _merged(sheet: Worksheet) -> Iterator[Problem]:
    file = SETTINGS_FILE if sheet.title == SETTINGS_SHEET else table_file(sheet.title)
    for area in sorted(str(area) for area in sheet.merged_cells.ranges):
        why = "merged cells, of which only the first holds the value"
        remedy = "unmerge them, and write the value into every cell it is for"
        yield Problem(file, None, None, None, why, remedy, place=f"{sheet.title}!{area}")


def _grid(sheet: Worksheet, results: Worksheet) -> _Grid:
    rows: list[tuple[int, tuple[Cell, ...]]] = []
    stored: dict[tuple[int, int], Cell] = {}
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        if any(_plain(cell) for cell in cells):
            rows.append((number, cells))
        for cell in cells:
            if cell.data_type == "f":
                stored[cell.row, cell.column] = results.cell(cell.row, cell.column)
    return _Grid(sheet.title, tuple(rows), stored)


def _plain(cell: Cell) -> str:
    """Return the text of a cell as far as it has one; a formula counts."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return number_text(value) if isinstance(value, (int, float)) else unescape(str(value)).strip()


def _read(grid: _Grid, cell: Cell, about: Column | None) -> tuple[str, Fault | None]:
    """Return the text of a cell, and why it cannot be taken for a value of its column."""
    if cell.data_type == "f":
        formula = getattr(cell.value, "text", cell.value)
        cell = grid.stored[cell.row, cell.column]
        if cell.value is None:
            remedy = "open and save the workbook in a spreadsheet, which stores results, or write the value itself"
            return str(formula), Fault("a formula without a stored result", remedy)
    value: Any = cell.value
    if cell.data_type == "e":
        return str(value), Fault("an error of the spreadsheet", "mend the formula, or write the value itself")
    if isinstance(value, (date, time, timedelta)):
        remedy = "give the cell the format Text (or General for a number), and write the value again"
        return str(value), Fault("a date or time, which spreadsheets make of what looks like one", remedy)
    if isinstance(value, bool):
        if about is None or about.kind == "flag":
            return ("1" if value else "0"), None
        remedy = (
            "give the cell the format Text, and write it again" if about.kind == "text" else f"give {about.meaning}"
        )
        return _plain(cell), Fault("a logical value, which is for columns of 0 and 1", remedy)
    percent = isinstance(value, (int, float)) and "%" in (cell.number_format or "")
    if percent and about is not None and about.kind in ("number", "integer") and about.unit not in PERCENT_UNITS:
        shown = f"shown as {100 * value:g} %, but the column is in {about.unit}"
        return _plain(cell), Fault(shown, "give the cell the format General, and check the value")
    return _plain(cell), None


def _table(grid: _Grid, found: _Found) -> Sheet | None:
    file = table_file(grid.name)
    if not grid.rows:
        remedy = "write the header and a row; `portfolio init --workbook` makes templates"
        found.problems.append(Problem(file, None, None, None, "empty sheet", remedy))
        return None
    (row, first), *body = grid.rows
    written = _written(first)
    meant, wrong = check_header(grid.name, row, list(written))
    header = _Header(row, tuple(meant), written)
    found.letters[grid.name] = header.letters
    found.problems += wrong
    known = {c.name: c for c in columns(TABLES[grid.name])}
    lines = []
    for number, cells in body:
        line = _line(grid, number, [(known[n], cell) for n, cell in zip(meant, cells, strict=False) if n])
        lines.append(line)
        found.problems += _beyond(grid.name, file, cells[len(written) :])
    if not lines and grid.name not in OPTIONAL_TABLES:
        found.problems.append(Problem(file, None, None, None, "empty table", "add at least one row"))
    return Sheet(grid.name, tuple(name for name in meant if name), tuple(lines))


def _written(cells: tuple[Cell, ...]) -> tuple[str, ...]:
    """Return the header as written, without the empty cells after its last name."""
    names = [_plain(cell) for cell in cells]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def _line(grid: _Grid, row: int, cells: list[tuple[Column, Cell]]) -> Line:
    texts: dict[str, str] = {}
    faults: dict[str, Fault] = {}
    for about, cell in cells:
        texts[about.name], fault = _read(grid, cell, about)
        if fault is not None:
            faults[about.name] = fault
    return Line(row, texts, faults=faults)


def _beyond(sheet: str, file: str, cells: tuple[Cell, ...]) -> Iterator[Problem]:
    """Values to the right of the header."""
    for cell in cells:
        if _plain(cell):
            remedy = "name the column in the header, or clear the cell"
            why = "a value in a column without a name"
            yield Problem(file, cell.row, None, _plain(cell), why, remedy, place=f"{sheet}!{cell.coordinate}")


def _document(grid: _Grid, found: _Found) -> Document | None:
    """Settings: a row for every key, of which section, key and value are read."""
    rows = grid.rows or ((1, ()),)
    (row, first), *body = rows
    names = _written(first)
    header = _Header(row, names, names)
    found.letters[SETTINGS_SHEET] = header.letters
    missing = [name for name in SETTINGS_COLUMNS if name not in names]
    if missing:
        for name in missing:
            remedy = f"the first row has to name the columns {', '.join(SETTINGS_COLUMNS)}"
            found.problems.append(Problem(SETTINGS_FILE, row, name, None, "missing column", remedy))
        return None
    at = {name: names.index(name) for name in SETTINGS_COLUMNS}
    parsed: dict[str, dict[str, object]] = {}
    places: dict[tuple[str, str], int] = {}
    faults: dict[tuple[str, str], Fault] = {}
    for number, cells in body:
        section, key = _plain(cells[at["section"]]), _plain(cells[at["key"]])
        text, fault = _read(grid, cells[at["value"]], _about(section, key))
        wrong = _misplaced(section, key, text, places)
        if wrong is not None:
            found.problems.append(Problem(SETTINGS_FILE, number, None, text or None, wrong.why, wrong.remedy))
        elif key:
            parsed.setdefault(section, {})[key] = text
            places.setdefault((section, ""), number)
            places[section, key] = number
            if fault is not None:
                faults[section, key] = fault
    sections, problems = check_sections(parsed, places)
    found.problems += problems
    return Document(sections, places, cells=True, faults=faults)


def _misplaced(section: str, key: str, text: str, places: Mapping[tuple[str, str], int]) -> Fault | None:
    """What is wrong with a row of settings as a row."""
    if key and not section:
        return Fault(f"the key {key} without a section", "name its section in the first column")
    if text and not key:
        return Fault("a value without a key", "name section and key, or clear the row")
    if key and (section, key) in places:
        return Fault(f"{section}.{key} stands already in row {places[section, key]}", "remove one of the two")
    return None


def _about(section: str, key: str) -> Column | None:
    record = SECTIONS.get(section)
    return None if record is None else next((c for c in columns(record) if c.name == key), None)


def _letter(number: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(number))
