"""Writing a case as one workbook: what every column means stands in notes at its header, words allowed in lists."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portfolio.case.parsing import range_in_words
from portfolio.case.problems import SETTINGS_SHEET
from portfolio.case.records import Case
from portfolio.case.schema import Column, columns
from portfolio.case.settings import SECTIONS
from portfolio.case.sheets import key_columns
from portfolio.case.spreadsheet import SUFFIXES, TYPEFACE, CellTextError, fit_columns, for_print, put_number, put_text
from portfolio.case.tables import TABLES
from portfolio.case.writing import format_cell

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

SPARE_ROWS = 200
"""Rows below the data that have the formats and lists of the table too."""
KEY_FILL, NEEDED_FILL, OTHER_FILL, QUIET_FILL = "1F3864", "2F5597", "8497B0", "F2F2F2"
SETTINGS_HEADER = ("section", "key", "value", "unit", "allowed", "default", "meaning")

_ABOUT = (
    "A case of `portfolio`, as one workbook",
    "The sheet settings holds one row for every setting, every other sheet one table. Sheets, columns and keys have to "
    "keep their names; rows may stand in any order.",
    "A note at each column's header says what it means, its unit, what is allowed and what an empty cell stands for. "
    "Dark headers: the key that identifies a row. Blue: required in every row. Light: may be left empty.",
    "Money is real USD million of the case's currency year, t is metric tonnes of contained oxide equivalent, rates "
    "are per year, shares are fractions of 1 (a cell that shows 12 % holds 0.12).",
    "Lists are separated by ; and * means all. Flags are 0 or 1.",
    "Formulas count with the result the spreadsheet stored when it saved the workbook. Rows that are hidden or "
    "filtered away are read all the same.",
    "This sheet and one named notes are not read. Check the workbook with `portfolio validate FILE.xlsx`; problems are "
    "named by their cells.",
)


def write_workbook(case: Case | None, target: str | PathLike[str]) -> Path:
    """Write a case as a workbook, so that reading it gives an equal case; templates without data for None.

    Every column and key is written out, defaults too. The file is written under another name and renamed when whole.

    Raises
    ------
    FileExistsError
        If the file exists.
    ValueError
        If its name does not end in ``.xlsx``, or a text is longer than a cell can hold.
    """
    path = Path(target)
    if path.suffix.lower() != SUFFIXES[0]:
        raise ValueError(f"{path}: the name of a workbook has to end in {SUFFIXES[0]}")
    if path.exists() or path.is_symlink():
        raise FileExistsError(f"{path} exists: give another name, or remove it")
    book = _book(case)
    save_whole(path, book.save)
    return path


def save_whole(path: Path, save: Callable[[str], None]) -> None:
    """Save a file under a name of its own beside the target, then rename it: it is there whole or not at all."""
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.absolute().parent) as home:
        draft = Path(home) / path.name
        save(str(draft))
        draft.replace(path)


def _book(case: Case | None) -> Workbook:
    from openpyxl import Workbook

    book = Workbook()
    about = book.active
    about.title = "about"
    _write_about(about, case)
    _write_settings(book.create_sheet(SETTINGS_SHEET), case)
    for table in TABLES:
        _write_table(book.create_sheet(table), table, () if case is None else getattr(case, table))
    book.active = 0
    return book


def _write_about(sheet: Worksheet, case: Case | None) -> None:
    from openpyxl.styles import Alignment, Font

    title = "" if case is None else case.settings.case.title
    for row, text in enumerate([title or _ABOUT[0], *_ABOUT[1:]], start=1):
        cell = sheet.cell(row, 1)
        put_text(cell, text)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.cell(1, 1).font = Font(name=TYPEFACE, bold=True, size=14)
    sheet.column_dimensions["A"].width = 100
    sheet.sheet_view.showGridLines = False


def _write_settings(sheet: Worksheet, case: Case | None) -> None:
    """One row for every key; in templates required ones are empty."""
    from openpyxl.styles import Alignment

    for number, name in enumerate(SETTINGS_HEADER, start=1):
        put_text(sheet.cell(1, number), name)
        _dress_header(sheet.cell(1, number), KEY_FILL if number < 3 else NEEDED_FILL if number == 3 else OTHER_FILL)
    row = 2
    for section, record in SECTIONS.items():
        for about in columns(record):
            value = _setting(case, section, about)
            put_text(sheet.cell(row, 1), section)
            put_text(sheet.cell(row, 2), about.name)
            _put(sheet.cell(row, 3), about, value)
            sheet.cell(row, 3).alignment = Alignment(horizontal="left")
            default = "required" if about.required else format_cell(about, about.default)
            for number, text in enumerate((about.unit, _allowed(about), default, about.meaning), start=4):
                put_text(sheet.cell(row, number), text)
            for number in (1, 2, 4, 5, 6, 7):
                _quieten(sheet.cell(row, number))
            _restrict(sheet, about, f"C{row}")
            row += 1
    sheet.freeze_panes = "D2"
    fit_columns(sheet)
    for_print(sheet)
    sheet.column_dimensions["C"].width = 30
    sheet.column_dimensions["G"].width = 90


def _setting(case: Case | None, section: str, about: Column) -> Any:
    if case is not None:
        return getattr(getattr(case.settings, section), about.name)
    return None if about.required else about.default


def _write_table(sheet: Worksheet, table: str, rows: Sequence[Any]) -> None:
    described = list(columns(TABLES[table]))
    last = 1 + len(rows) + SPARE_ROWS
    for number, about in enumerate(described, start=1):
        head = sheet.cell(1, number)
        put_text(head, about.name)
        _dress_header(head, KEY_FILL if about.key else NEEDED_FILL if about.required else OTHER_FILL)
        head.comment = _note(about)
        letter = head.column_letter
        if about.kind in ("text", "list"):
            sheet.column_dimensions[letter].number_format = "@"
        for row, record in enumerate(rows, start=2):
            _put(sheet.cell(row, number), about, getattr(record, about.name))
        _restrict(sheet, about, f"{letter}2:{letter}{last}")
    keys = len(key_columns(table))
    sheet.freeze_panes = sheet.cell(2, min(keys, 3) + 1)
    fit_columns(sheet)
    for_print(sheet)


def _put(cell: Cell, about: Column, value: Any) -> None:
    """Write a value; text has the format Text, so that a spreadsheet makes no date of what is typed there."""
    if about.kind in ("text", "list", "numbers"):
        cell.number_format = "@"
    if value is None or value in ("", ()):
        return
    if about.kind == "number":
        put_number(cell, value)
    elif about.kind in ("integer", "flag"):
        cell.value = int(value)
    else:
        try:
            put_text(cell, format_cell(about, value))
        except CellTextError as fault:
            raise ValueError(f"{about.name}: {fault}; keep the case as a folder") from None


def _dress_header(cell: Cell, fill: str) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill

    cell.font = Font(name=TYPEFACE, bold=True, color="FFFFFF")
    cell.fill = PatternFill("solid", start_color=fill)
    cell.alignment = Alignment(vertical="center")


def _quieten(cell: Cell) -> None:
    from openpyxl.styles import Font, PatternFill

    cell.font = Font(name=TYPEFACE, color="595959")
    cell.fill = PatternFill("solid", start_color=QUIET_FILL)


def _note(about: Column) -> Any:
    """Note at a header: meaning, unit, what is allowed, default."""
    from openpyxl.comments import Comment

    note = Comment("\n".join(_about_lines(about)), "portfolio")
    note.width, note.height = 320, 130
    return note


def _about_lines(about: Column) -> Iterator[str]:
    yield about.meaning[:1].upper() + about.meaning[1:]
    if about.unit:
        yield f"Unit: {about.unit}"
    allowed = _allowed(about)
    if allowed:
        yield f"Allowed: {allowed}"
    if about.key:
        yield "Part of the key of a row"
    if about.required:
        yield "Required"
    elif about.default in (None, "", ()):
        yield "May be left empty"
    else:
        yield f"Empty: {format_cell(about, about.default)}"


def _allowed(about: Column) -> str:
    """What a value may be, in words."""
    if about.kind == "flag":
        return "0 or 1"
    if about.choices:
        return ", ".join(word for word in about.choices if word)
    if about.refers:
        several = "names" if about.kind == "list" else "a name"
        return "a year of horizon.windows" if about.refers == "windows" else f"{several} of sheet {about.refers}"
    words = range_in_words(about)
    return words.removesuffix(f" ({about.unit})") if about.unit else words


@dataclass(frozen=True)
class _Choice:
    """Source of a list in a cell, as a formula."""

    formula: str

    @staticmethod
    def of(about: Column) -> _Choice | None:
        """Return the list of a column, None where it has none; a list of several names cannot be chosen from one."""
        if about.kind == "flag":
            return _Choice('"0,1"')
        if about.kind != "text":
            return None
        words = [word for word in about.choices if word]
        if words:
            return _Choice(f'"{",".join(words)}"')
        if about.refers in TABLES:
            first = key_columns(about.refers)[0]
            place = [c.name for c in columns(TABLES[about.refers])].index(first) + 1
            return _Choice(_range(about.refers, place))
        return None


def _range(sheet: str, column: int) -> str:
    from openpyxl.utils import get_column_letter

    letter = get_column_letter(column)
    return f"={sheet}!${letter}$2:${letter}${1 + 5 * SPARE_ROWS}"


def _restrict(sheet: Worksheet, about: Column, cells: str) -> None:
    """Offer the words allowed as a list in the cells; others are warned of when typed."""
    from openpyxl.worksheet.datavalidation import DataValidation

    choice = _Choice.of(about)
    if choice is None:
        return
    rule = DataValidation("list", formula1=choice.formula, allow_blank=True, showErrorMessage=True)
    rule.errorTitle, rule.error = about.name, f"Allowed: {_allowed(about)}"[:250]
    rule.add(cells)
    sheet.add_data_validation(rule)
