"""A result folder as one workbook: what it says first, then every CSV file as a sheet."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portfolio.case.spreadsheet import LONGEST, TYPEFACE, CellTextError, fit_columns, for_print, put_number, put_text
from portfolio.case.workbook_writing import save_whole
from portfolio.report.errors import RunError, UsageError
from portfolio.report.folder import OutputError, check_target
from portfolio.report.result_columns import TITLES, About, about
from portfolio.report.workbook_cover import write_cover

if TYPE_CHECKING:
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

MOST_ROWS = 1_048_576
"""Rows of a sheet."""
NOT_SUMMARIES = ("decision.json",)
"""JSON files that say nothing to people."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_NO_NUMBERS = frozenset({"", "inf", "-inf", "nan"})
_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")


@dataclass(frozen=True)
class Table:
    """A CSV file as text."""

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def numeric(self, place: int) -> bool:
        """Whether a column holds numbers: all that is in it is written as :func:`write_csv` writes numbers."""
        if about(self.name, self.header[place]).text:
            return False
        texts = {row[place] for row in self.rows} - _NO_NUMBERS
        return bool(texts) and all(_is_number(text) for text in texts)


def write_workbook(folder: Path, path: Path) -> tuple[str, ...]:
    """Write a result folder as a workbook, whole or not at all; return the names of its sheets.

    Any folder of results will do: a run, or what a study of runs wrote. Its CSV files become sheets, in which numbers
    are exactly those of the files and text stays text; the first sheet says what to do (runs) or sums up (studies).

    Raises
    ------
    RunError
        Where the folder holds no tables, or one cannot be read.
    UsageError
        Where ``path`` does not end in ``.xlsx``.
    OutputError
        Where the file exists already, cannot be written, or a table does not fit into a sheet.
    """
    if path.suffix.lower() != ".xlsx":
        raise UsageError(f"{path}: the name of a workbook has to end in .xlsx")
    check_target(path)
    tables, record = read_tables(folder), _record(folder)
    book = _book(folder.resolve().name, record, tables)
    try:
        save_whole(path, book.save)
    except OSError as fault:
        raise OutputError(f"{path} cannot be written: {fault}") from fault
    return tuple(book.sheetnames)


def workbook_of(folder: Path) -> Path:
    """Return where the workbook of a result folder is written if nobody says: beside it, under its name."""
    place = folder.resolve()
    return place.with_name(f"{place.name}.xlsx")


def read_tables(folder: Path) -> tuple[Table, ...]:
    """Return every CSV file of a folder as text, those that are known first.

    Raises
    ------
    RunError
        Where there is none, or one cannot be read.
    """
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder: give a run folder, or one that a study wrote")
    if (folder / "case.toml").is_file():
        raise RunError(f"{folder} is a case; `portfolio init --workbook FILE.xlsx --from {folder}` makes it a workbook")
    order = {name: n for n, name in enumerate(TITLES)}
    files = sorted(folder.glob("*.csv"), key=lambda f: (order.get(f.stem, len(order)), f.stem))
    if not files:
        raise RunError(f"{folder} holds no tables (CSV files): give a run folder, or one that a study wrote")
    return tuple(_read(file) for file in files)


def _read(file: Path) -> Table:
    try:
        with file.open(newline="", encoding="utf-8") as text:
            rows = [tuple(row) for row in csv.reader(text, strict=True)]
    except (OSError, ValueError, csv.Error) as fault:
        raise RunError(f"{file} cannot be read ({fault})") from fault
    if not rows:
        return Table(file.stem, (), ())
    (header, *body) = rows
    # pandas writes a table without columns, or with one empty column, as blank lines.
    body = [row for row in body if row]
    if any(len(row) != len(header) for row in body):
        raise RunError(f"{file} has rows that are not as long as its header: it was edited")
    return Table(file.stem, header, tuple(body))


def _record(folder: Path) -> Mapping[str, Any]:
    """Return what the folder says of itself in JSON: ``run.json``, or the record of a study."""
    files = [f for f in sorted(folder.glob("*.json")) if f.name not in NOT_SUMMARIES]
    files.sort(key=lambda f: f.name != "run.json")
    if not files:
        return {}
    try:
        record = json.loads(files[0].read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise RunError(f"{files[0]} cannot be read ({fault})") from fault
    return record if isinstance(record, dict) else {}


def _is_number(text: str) -> bool:
    """Whether a text is a number that is written back as the same text."""
    if not _NUMBER.fullmatch(text):
        return False
    return text == str(int(text)) if text.removeprefix("-").isdigit() else text == f"{float(text):.12g}"


def _book(name: str, record: Mapping[str, Any], tables: Sequence[Table]) -> Workbook:
    from openpyxl import Workbook

    book = Workbook()
    cover = book.active
    titles = ["decision" if "headline" in record else "summary"]
    cover.title = titles[0]
    for table in tables:
        titles.append(_title(table.name, titles))
    titles.append(_title("columns", titles))
    for table, title in zip(tables, titles[1:-1], strict=True):
        try:
            _write_table(book.create_sheet(title), table)
        except CellTextError as fault:
            raise OutputError(f"{table.name}.csv: {fault} of at most {LONGEST:,} characters") from fault
    shown = {title: TITLES.get(t.name, t.name) for t, title in zip(tables, titles[1:-1], strict=True)}
    write_cover(cover, name, record, shown)
    _write_columns(book.create_sheet(titles[-1]), tables, titles[1:-1])
    book.active = 0
    return book


def _title(name: str, taken: Sequence[str]) -> str:
    """Name of a sheet: at most 31 characters, none of them special, different from the others but for capitals."""
    base = _FORBIDDEN.sub("_", name).strip("'")[:31] or "table"
    used, title, again = {t.casefold() for t in taken} | {"history"}, base, 2
    while title.casefold() in used:
        title, again = f"{base[:28]}~{again}", again + 1
    return title


def _write_table(sheet: Worksheet, table: Table) -> None:
    """Names of columns in the first row, units in the second, both frozen; then the rows of the file."""
    from openpyxl.utils import get_column_letter

    if len(table.rows) + 2 > MOST_ROWS:
        raise OutputError(f"{table.name}.csv has {len(table.rows):,} rows, more than a sheet holds")
    for place, name in enumerate(table.header):
        numeric = table.numeric(place)
        _write_head(sheet, place + 1, name, about(table.name, name), numeric=numeric)
        form = _format([row[place] for row in table.rows], about(table.name, name)) if numeric else "@"
        for number, row in enumerate(table.rows, start=3):
            text = row[place]
            if not text:
                continue
            cell = sheet.cell(number, place + 1)
            if numeric and text not in _NO_NUMBERS:
                put_number(cell, int(text) if text.removeprefix("-").isdigit() else float(text))
            else:
                put_text(cell, text)
            cell.number_format = form
    if not table.header:
        return
    sheet.freeze_panes = "B3"
    sheet.auto_filter.ref = f"A2:{get_column_letter(len(table.header))}{len(table.rows) + 2}"
    fit_columns(sheet)
    for_print(sheet, titles="1:2")


def _write_head(sheet: Worksheet, column: int, name: str, known: About, *, numeric: bool = False) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font, PatternFill

    head, unit = sheet.cell(1, column), sheet.cell(2, column)
    put_text(head, name)
    put_text(unit, known.unit)
    head.font, unit.font = Font(name=TYPEFACE, bold=True, color="FFFFFF"), Font(name=TYPEFACE, italic=True)
    head.fill, unit.fill = PatternFill("solid", start_color="1F3864"), PatternFill("solid", start_color="D9E1F2")
    head.alignment = unit.alignment = Alignment(horizontal="right" if numeric else "left")
    if known.meaning:
        head.comment = Comment(known.meaning + (f" ({known.unit})" if known.unit else ""), "portfolio")


def _format(texts: Sequence[str], known: About) -> str:
    """Format of a column of numbers by their size: what is shown is rounded, what is stored is not."""
    values = [abs(float(text)) for text in texts if text not in _NO_NUMBERS]
    if known.unit in ("year", "0 or 1") or all(t.removeprefix("-").isdigit() for t in texts if t not in _NO_NUMBERS):
        return "0" if known.unit == "year" or max(values) < 10_000 or known.meaning.startswith("Seed") else "#,##0"
    most = max(values)
    if known.unit == "fraction" or most < 1:
        return "0.0000"
    return "#,##0.00" if most < 100 else "#,##0.0"


def _write_columns(sheet: Worksheet, tables: Sequence[Table], titles: Sequence[str]) -> None:
    """What every column of every sheet means."""
    header = ("sheet", "column", "unit", "meaning")
    for column, name in enumerate(header, start=1):
        _write_head(sheet, column, name, About())
    for row, texts in enumerate(_meanings(tables, titles), start=3):
        for column, text in enumerate(texts, start=1):
            put_text(sheet.cell(row, column), text)
    sheet.freeze_panes = "A3"
    fit_columns(sheet, most=90)
    for_print(sheet)


def _meanings(tables: Sequence[Table], titles: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    for table, title in zip(tables, titles, strict=True):
        for name in table.header:
            known = about(table.name, name)
            yield title, name, known.unit, known.meaning
