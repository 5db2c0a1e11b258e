"""The first sheet of a workbook of results: the decision of a run, or what a study says of itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portfolio.case.spreadsheet import TYPEFACE, for_print, put_number, put_text
from portfolio.report.errors import RunError

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

TONNES, MONEY, SHARE, YEAR = "#,##0", "#,##0.0", "0.0%", "0"

COMMITMENTS = (
    ("project", "project", ""),
    ("year", "window", YEAR),
    ("instrument", "instrument", ""),
    ("member", "member", ""),
    ("share", "share", SHARE),
    ("USD M", "usd_m", MONEY),
    ("t/y, t bought", "tpy", MONEY),
    ("material", "material", ""),
    ("charge, USD M", "charge_usd_m", MONEY),
)
"""Columns of commitments: heading with unit, field, number format."""
OTHER_FIELDS = frozenset({"made", "versions", "seconds", "files", "inputs", "exit_code"})
"""Fields of a record that are no results."""


@dataclass
class _Page:
    """A sheet written from the top down."""

    sheet: Worksheet
    row: int = 1

    def text(self, words: str, *, size: int = 11, bold: bool = False, wrap: int = 9) -> None:
        """Write a line across the page, as high as its text needs."""
        from openpyxl.styles import Alignment, Font

        cell = self.sheet.cell(self.row, 1)
        put_text(cell, words)
        cell.font = Font(name=TYPEFACE, size=size, bold=bold)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        self.sheet.merge_cells(start_row=self.row, end_row=self.row, start_column=1, end_column=wrap)
        self.sheet.row_dimensions[self.row].height = 1.4 * size * max(1, math.ceil(len(words) * size / 1350))
        self.row += 1

    def heading(self, words: str) -> None:
        """Begin a part of the page."""
        self.row += 1
        self.text(words, size=13, bold=True)

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]], formats: Sequence[str]) -> None:
        """Write a table; a format for each column, "" for text."""
        from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

        for column, (words, form) in enumerate(zip(header, formats, strict=True), start=1):
            cell = self.sheet.cell(self.row, column)
            put_text(cell, words)
            cell.font = Font(name=TYPEFACE, bold=True, color="FFFFFF")
            cell.fill = PatternFill("solid", start_color="1F3864")
            across = "right" if form else "left"
            cell.alignment = Alignment(horizontal=across, indent=int(not form and column > 1), wrap_text=True)
        self.sheet.row_dimensions[self.row].height = 30 if any(len(words) > 15 for words in header) else 15
        line = Border(bottom=Side(style="hair", color="A6A6A6"))
        for values in rows:
            self.row += 1
            for column, (value, form) in enumerate(zip(values, formats, strict=True), start=1):
                cell = self.sheet.cell(self.row, column)
                cell.border = line
                put(cell, value, form)
        self.row += 1


def put(cell: Cell, value: object, form: str) -> None:
    """Write a value of a record, numbers with the 12 digits that CSV files have; nothing where there is none."""
    from openpyxl.styles import Alignment

    if isinstance(value, bool):
        put_text(cell, "yes" if value else "no")
    elif isinstance(value, (int, float)) and math.isfinite(value):
        put_number(cell, value if isinstance(value, int) else float(f"{value:.12g}"))
        cell.number_format = form or "General"
    elif value is not None:
        put_text(cell, str(value))
        cell.alignment = Alignment(horizontal="left", indent=int(cell.column > 1))


def write_cover(sheet: Worksheet, name: str, record: Mapping[str, Any], contents: Mapping[str, str]) -> None:
    """Write the first sheet.

    Parameters
    ----------
    sheet : Worksheet
        Empty.
    name : str
        Name of the result folder.
    record : mapping
        Content of ``run.json``, or of the JSON file of a study.
    contents : mapping
        Title of each sheet that follows.

    Raises
    ------
    RunError
        Where the record of a run lacks what runs say of themselves.
    """
    page = _Page(sheet)
    sheet.column_dimensions["A"].width = 34
    for letter in "BCDEFGHI":
        sheet.column_dimensions[letter].width = 15
    sheet.sheet_view.showGridLines = False
    if "headline" in record:
        try:
            _decision(page, name, record)
        except (KeyError, TypeError, AttributeError, ValueError) as fault:
            raise RunError(f"run.json lacks what a run says of itself ({type(fault).__name__}: {fault})") from fault
    else:
        _summary(page, name, record)
    page.heading("In this workbook")
    page.table(("sheet", "holds"), contents.items(), ("", ""))
    page.text("Every sheet holds a CSV file of the folder, unrounded; the last explains the columns.")
    for_print(sheet)


def _decision(page: _Page, name: str, record: Mapping[str, Any]) -> None:
    headline = record["headline"]
    page.text(f"{record['case']}: {name}", size=16, bold=True)
    page.text(
        f"{str(record['status']).capitalize()}: gap {100 * record['gap']:.1f} % (asked for "
        f"{100 * record['asked_gap']:.1f} %), {record['scenarios']:,} scenarios, seed {record['seed']}."
    )
    _commitments(page, "Commit now (advice)", headline["advice"])
    if headline["plan"]:
        _commitments(page, "Later (a plan, to be solved again by then)", headline["plan"])
    _shortfall(page, headline)
    _budgets(page, headline)
    page.heading("What binds")
    binding = [(b["rule"], b["who"], b["used"], b["limit"], b["unit"]) for b in headline["binds"]]
    if binding:
        page.table(("rule", "for", "used", "limit", "unit"), binding, ("", "", MONEY, MONEY, ""))
    else:
        page.text("Nothing.")
    page.heading("Before you act on it")
    for caveat in record["caveats"]:
        page.text(f"• {caveat}")


def _commitments(page: _Page, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    page.heading(title)
    if not rows:
        page.text("Nothing.")
        return
    values = [[_shown(row, field) for _, field, _ in COMMITMENTS] for row in rows]
    page.table([heading for heading, _, _ in COMMITMENTS], values, [form for _, _, form in COMMITMENTS])


def _shown(row: Mapping[str, Any], field: str) -> object:
    """Return a field of a commitment; nothing where it has no meaning, as the money of a contract."""
    if field == "project" and not row["project"]:
        return f"({row['instrument']})"
    return None if field in ("share", "usd_m", "tpy") and row[field] == 0 else row[field]


def _shortfall(page: _Page, headline: Mapping[str, Any]) -> None:
    page.heading("Mean shortfall, without the fund and with it")
    before, after = headline["shortfall"]["without"], headline["shortfall"]["with"]
    for words, field, form in (
        ("contained oxide, t/y", "tonnes_per_year", TONNES),
        ("share of demand", "share_of_demand", SHARE),
        ("weighted by value, weighted t", "weighted", TONNES),
        ("the same, CVaR, weighted t", "weighted_cvar", TONNES),
        ("scenarios with any", "probability", SHARE),
    ):
        header = ("", "without", "with", "change") if field == "tonnes_per_year" else None
        change = after[field] / before[field] - 1 if before[field] > 0 else None
        _line(page, header, (words, before[field], after[field], change), ("", form, form, SHARE))


def _line(page: _Page, header: Sequence[str] | None, values: Sequence[object], formats: Sequence[str]) -> None:
    """Write one row whose formats are its own, under a header where one is given."""
    if header is not None:
        page.table(header, [], formats)
    for column, (value, form) in enumerate(zip(values, formats, strict=True), start=1):
        put(page.sheet.cell(page.row, column), value, form)
    page.row += 1


def _budgets(page: _Page, headline: Mapping[str, Any]) -> None:
    page.heading("Budgets, and the same portfolio charged under each convention")
    members = headline["members"]
    conventions = list(members[0]["charge_by_convention_usd_m"]) if members else []
    header = ("member", "budget, USD M", "charged, USD M", *(f"{c.replace('_', ' ')}, USD M" for c in conventions))
    rows = [
        (m["member"], m["budget_usd_m"], m["charge_usd_m"], *(m["charge_by_convention_usd_m"][c] for c in conventions))
        for m in members
    ]
    page.table(header, rows, ("", *[MONEY] * (2 + len(conventions))))
    page.text(f"Expected public cost: USD {headline['public_cost_usd_m']:,.1f} M, present value.")


def _summary(page: _Page, name: str, record: Mapping[str, Any]) -> None:
    """What a record of any study says in single values and sentences; its tables follow as sheets."""
    page.text(name, size=16, bold=True)
    rows: list[tuple[str, object]] = []
    sentences: list[tuple[str, list[str]]] = []
    for key, value in record.items():
        if key in OTHER_FIELDS:
            continue
        if isinstance(value, dict):
            rows += [(f"{key}: {k}", v) for k, v in value.items() if not isinstance(v, (dict, list))]
        elif isinstance(value, list):
            if value and all(isinstance(item, str) for item in value):
                sentences.append((key, value))
        elif value is not None:
            rows.append((key, value))
    page.table(("", "value"), [(k.replace("_", " "), v) for k, v in rows], ("", "#,##0.####"))
    for key, lines in sentences:
        page.heading("Before you act on it" if key == "caveats" else key.replace("_", " ").capitalize())
        for line in lines:
            page.text(f"• {line}")
