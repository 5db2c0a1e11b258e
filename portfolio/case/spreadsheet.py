"""Cells of workbooks: text that stays text, numbers that stay exact, and their way back."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

TYPEFACE = "Calibri"
LONGEST = 32_767
"""Characters a cell can hold."""
SUFFIXES = (".xlsx", ".xlsm")
"""Workbooks that are read."""

# What XML cannot hold, a carriage return (XML makes a line feed of it), and text that looks like an escape itself.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LIKE_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CellTextError(ValueError):
    """A text that no cell can hold."""


def escape(text: str) -> str:
    """Return text as workbooks store it: ``_x000D_`` for a carriage return (ECMA-376, part 1, 22.4.2.4)."""
    return _UNSAFE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def unescape(text: str) -> str:
    """Return the text that :func:`escape` was given."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def put_text(cell: Cell, text: str) -> None:
    """Write text that stays text, whatever it begins with: no formula, number, date or error is made of it.

    Raises
    ------
    CellTextError
        If the text is longer than a cell can hold.
    """
    stored = escape(text)
    if len(stored) > LONGEST:
        raise CellTextError(f"a text of {len(text):,} characters, but a cell of a workbook holds {LONGEST:,}")
    cell.value = stored
    cell.data_type = "s"
    # The mark by which spreadsheets keep it text when somebody edits the cell.
    if text.startswith(_LIKE_A_FORMULA):
        cell.quotePrefix = True


def put_number(cell: Cell, value: float) -> None:
    """Write a number; one that would lose its last digit (16 are stored) as text, so that reading gives it back.

    Raises
    ------
    ValueError
        If it is not finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number of a workbook")
    if float(f"{value:.16g}") != value:
        put_text(cell, repr(float(value)))
        return
    cell.value = value


def number_text(value: float) -> str:
    """Return a number of a cell as text, in all its digits."""
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def fit_columns(sheet: Worksheet, *, least: float = 8.0, most: float = 48.0) -> None:
    """Set the width of every column by its texts, between limits, in characters."""
    from openpyxl.utils import get_column_letter

    for number, cells in enumerate(sheet.iter_cols(max_row=200), start=1):
        longest = max((len(_widest(cell.value)) for cell in cells if cell.value is not None), default=0)
        sheet.column_dimensions[get_column_letter(number)].width = min(max(longest + 2.5, least), most)


def for_print(sheet: Worksheet, *, titles: str = "1:1") -> None:
    """Print a sheet across one page, landscape, its header on every page."""
    from openpyxl.worksheet.properties import PageSetupProperties

    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.fitToHeight = 0
    sheet.print_title_rows = titles
    sheet.oddFooter.left.text, sheet.oddFooter.right.text = "&A", "&P / &N"


def _widest(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return max(str(value).split("\n"), key=len)
