"""A case as one workbook: it reads back as the same case, and what a spreadsheet does to cells is found."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portfolio import api
from portfolio.case.problems import CaseError, Problem
from portfolio.case.reading import read_case
from portfolio.case.schema import columns
from portfolio.case.settings import SECTIONS
from portfolio.case.spreadsheet import LONGEST, CellTextError, escape, put_text, unescape
from portfolio.case.tables import OPTIONAL_TABLES, TABLES
from portfolio.case.templates import init_case, init_workbook, shipped_cases
from portfolio.case.workbook_writing import write_workbook
from portfolio.case.writing import case_hashes
from tests.portfolio.case.conftest import INPUTS
from tests.portfolio.case.test_writing import TEXTS, replaced

Edit = Callable[[openpyxl.Workbook], object]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write_workbook(read_case(INPUTS / "tiny"), tmp_path / "tiny.xlsx")


def edit(path: Path, change: Edit) -> None:
    book = openpyxl.load_workbook(path)
    change(book)
    book.save(path)


def put(sheet: str, cell: str, value: Any, number_format: str | None = None) -> Edit:
    def change(book: openpyxl.Workbook) -> None:
        book[sheet][cell] = value
        if number_format is not None:
            book[sheet][cell].number_format = number_format

    return change


def cell_of(table: str, column: str, row: int) -> str:
    place = [c.name for c in columns(TABLES[table])].index(column) + 1
    return f"{openpyxl.utils.get_column_letter(place)}{row}"


def setting(path: Path, section: str, key: str) -> str:
    sheet = openpyxl.load_workbook(path)["settings"]
    return next(f"C{row[0].row}" for row in sheet.iter_rows() if (row[0].value, row[1].value) == (section, key))


def problems(path: Path, *overrides: str) -> tuple[Problem, ...]:
    with pytest.raises(CaseError) as caught:
        read_case(path, overrides)
    return caught.value.problems


@pytest.mark.parametrize("name", shipped_cases())
def test_a_shipped_case_reads_back(name: str, tmp_path: Path) -> None:
    case = read_case(INPUTS / name)
    path = init_workbook(tmp_path / "deep" / "case.xlsx", name)
    assert read_case(path) == case
    assert [p.name for p in path.parent.iterdir()] == ["case.xlsx"]


@given(text=TEXTS, number=st.floats(0.001, 40_000), fraction=st.floats(0, 1))
@example(text='=cmd|"/c calc"!A1', number=0.1 + 0.2, fraction=5e-324)
@example(text="_x000D_ a\r\nb\x00c _x005F_x0041_ x005F_ \uffff <b>&amp;", number=1 / 3, fraction=1 / 7)
@example(text="#N/A", number=1e-3, fraction=1.0)
@settings(max_examples=6, deadline=None)
def test_a_case_reads_back(text: str, number: float, fraction: float) -> None:
    case = replaced(read_case(INPUTS / "tiny"), text.strip(), number, fraction)
    with tempfile.TemporaryDirectory() as home:
        assert read_case(write_workbook(case, Path(home) / "case.xlsx")) == case


@given(text=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("_x0A\r")))
@settings(max_examples=500, deadline=None)
def test_text_survives_the_escapes_of_workbooks(text: str) -> None:
    stored = escape(text)
    assert unescape(stored) == text
    assert not set(stored) & {chr(n) for n in range(32) if n not in (9, 10)}


def test_a_text_too_long_for_a_cell_is_refused() -> None:
    cell = openpyxl.Workbook().active["A1"]
    put_text(cell, "x" * LONGEST)
    with pytest.raises(CellTextError, match="32,768 characters"):
        put_text(cell, "x" * (LONGEST + 1))


def test_text_that_looks_like_a_formula_stays_text(tmp_path: Path) -> None:
    hostile = ["=1+1", "-1", "#REF!", "2027-01-01", "TRUE"]
    for text in hostile:
        case = replaced(read_case(INPUTS / "tiny"), text, 1.0, 0.5)
        path = write_workbook(case, tmp_path / f"{hostile.index(text)}.xlsx")
        cell = openpyxl.load_workbook(path)["projects"][cell_of("projects", "name", 2)]
        assert (cell.value, cell.data_type) == (text, "s")
        assert cell.quotePrefix == (text[0] in "=+-@")
        assert read_case(path).projects[0].name == text
        with zipfile.ZipFile(path) as packed:
            assert not any(b"<f>" in packed.read(n) for n in packed.namelist() if n.startswith("xl/worksheets/sheet"))


def test_a_sheet_says_what_its_columns_mean(made: Path) -> None:
    book = openpyxl.load_workbook(made)
    assert book.sheetnames == ["about", "settings", *TABLES]
    for table, record in TABLES.items():
        sheet = book[table]
        for about, head in zip(columns(record), sheet[1], strict=True):
            assert head.value == about.name
            note = head.comment.text.casefold()
            assert about.meaning.casefold() in note
            assert not about.unit or f"unit: {about.unit}".casefold() in note
        assert sheet.freeze_panes[-1] == "2"
    keys = [(row[0].value, row[1].value) for row in book["settings"].iter_rows(min_row=2)]
    assert keys == [(s, c.name) for s, record in SECTIONS.items() for c in columns(record)]


def test_words_allowed_are_offered(made: Path) -> None:
    book = openpyxl.load_workbook(made)

    def offered(table: str, column: str) -> list[str]:
        cell = cell_of(table, column, 2)
        return [v.formula1 for v in book[table].data_validations.dataValidation if cell in v.sqref]

    assert offered("hazards", "kind") == ['"export,outage,price"']
    assert offered("members", "region") == ["=regions!$A$2:$A$1001"]
    assert offered("projects", "name") == []
    assert any(v.formula1 == '"embargo,any"' for v in book["settings"].data_validations.dataValidation)


def test_templates_lack_nothing_but_rows_and_required_settings(tmp_path: Path) -> None:
    path = init_workbook(tmp_path / "new.xlsx", "empty")
    found = {(p.place, p.why) for p in problems(path)}
    empty = {(t, "empty table") for t in TABLES if t not in OPTIONAL_TABLES}
    required = [(s, c.name) for s, record in SECTIONS.items() for c in columns(record) if c.required]
    cells = {(f"settings!{setting(path, *key)}", "empty, but required") for key in required}
    assert found == empty | cells


def test_overrides_work_as_on_files(made: Path) -> None:
    given = ["risk.cvar_weight=0.5", "projects.capex_usd_m*=1.1", "horizon.windows=[2027]", "sampling.scenarios*=2"]
    assert read_case(made, given) == read_case(INPUTS / "tiny", given)
    wrong = problems(made, "projects.capex_usd_m=abc", "members.nme=1")
    assert [(p.place, p.override) for p in wrong] == [
        ("", "members.nme=1"),
        (f"projects!{cell_of('projects', 'capex_usd_m', 2)}", "projects.capex_usd_m=abc"),
    ]


def test_numbers_in_every_dress_are_read(made: Path) -> None:
    capex = cell_of("projects", "capex_usd_m", 2)
    share = cell_of("regions", "market_access", 2)

    def change(book: openpyxl.Workbook) -> None:
        book["projects"][capex] = " 120.5 "
        book["projects"][capex].data_type = "s"
        book["regions"][share] = 0.25
        book["regions"][share].number_format = "0 %"
        book["projects"][cell_of("projects", "name", 2)] = 2024
        book["settings"][setting(made, "alliance", "mutual_support")] = False
        book["settings"][setting(made, "horizon", "windows")] = 2027

    edit(made, change)
    case = read_case(made)
    assert case.projects[0].capex_usd_m == 120.5
    assert case.regions[0].market_access == 0.25
    assert case.projects[0].name == "2024"
    assert case.settings.alliance.mutual_support is False
    assert case.windows == (2027,)


@pytest.mark.parametrize(
    ("table", "column", "value", "number_format", "why"),
    [
        ("projects", "capex_usd_m", "abc", None, "not a number"),
        ("projects", "capex_usd_m", "1,200", None, "a thousands separator"),
        ("projects", "capex_usd_m", 5.0, "0%", "shown as 500 %, but the column is in USD M"),
        ("projects", "capex_usd_m", dt.datetime(2027, 1, 1), None, "a date or time"),
        ("demand", "year", dt.date(2027, 1, 1), None, "a date or time"),
        ("projects", "name", dt.time(12, 30), None, "a date or time"),
        ("projects", "capex_usd_m", True, None, "a logical value"),
        ("projects", "project", True, None, "a logical value"),
        ("projects", "capex_usd_m", "=1+1", None, "a formula without a stored result"),
        ("projects", "capex_usd_m", "#DIV/0!", None, "an error of the spreadsheet"),
        ("projects", "capex_usd_m", None, None, "empty, but required"),
        ("regions", "market_access", 12, None, "above 1"),
        ("members", "region", "Atlantis", None, "is not in sheet regions"),
    ],
)
def test_a_wrong_cell_is_named(
    table: str, column: str, value: Any, number_format: str | None, why: str, made: Path
) -> None:
    cell = cell_of(table, column, 2)
    edit(made, put(table, cell, value, number_format))
    found = [p for p in problems(made) if p.place == f"{table}!{cell}"]
    assert len(found) == 1
    assert why in found[0].why
    assert found[0].file == "tiny.xlsx"
    assert str(found[0]).startswith(f"{table}!{cell}, column {column}")


def test_a_wrong_cell_may_be_replaced_by_an_override(made: Path) -> None:
    edit(made, put("projects", cell_of("projects", "capex_usd_m", 2), "=1+1"))
    assert problems(made)
    assert read_case(made, ["projects.capex_usd_m=50"]).projects[0].capex_usd_m == 50


def test_wrong_settings_are_named(made: Path) -> None:
    weight, scenarios = setting(made, "risk", "cvar_weight"), setting(made, "sampling", "scenarios")

    def change(book: openpyxl.Workbook) -> None:
        sheet = book["settings"]
        sheet[weight] = "much"
        sheet[scenarios] = dt.datetime(2026, 1, 1)
        last = sheet.max_row
        for n, row in enumerate(
            [("risk", "cvar_wait", 1), ("risky", "x", 1), ("", "seed", 3), ("risk", "", 3), ("risk", "cvar_weight", 1)],
            start=1,
        ):
            for column, value in enumerate(row, start=1):
                sheet.cell(last + n, column).value = value or None

    last = openpyxl.load_workbook(made)["settings"].max_row
    edit(made, change)
    found = {p.place: p.why for p in problems(made)}
    assert found == {
        f"settings!{weight}": "not a number",
        f"settings!{scenarios}": "a date or time, which spreadsheets make of what looks like one",
        f"settings!B{last + 1}": "unknown key",
        f"settings!A{last + 2}": "unknown section",
        f"settings!{last + 3}:{last + 3}": "the key seed without a section",
        f"settings!{last + 4}:{last + 4}": "a value without a key",
        f"settings!{last + 5}:{last + 5}": f"risk.cvar_weight stands already in row {weight[1:]}",
    }
    first = next(p for p in problems(made) if p.place == f"settings!{weight}")
    assert str(first).startswith(f"settings!{weight}, key risk.cvar_weight, value 'much': not a number")


def test_results_of_formulas_count(made: Path, tmp_path: Path) -> None:
    """The library writes no results, so one is put into the file as a spreadsheet stores it."""
    cell = cell_of("projects", "capex_usd_m", 2)
    edit(made, put("projects", cell, "=10*5"))
    stored = tmp_path / "stored.xlsx"
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(stored, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, text.replace(b"<f>10*5</f><v></v>", b"<f>10*5</f><v>50</v>").replace(
                b"<f>10*5</f><v />", b"<f>10*5</f><v>50</v>"
            ))  # fmt: skip
    assert read_case(stored).projects[0].capex_usd_m == 50


def test_merged_cells_are_refused(made: Path) -> None:
    edit(made, lambda book: book["projects"].merge_cells("B2:B3"))
    first = [p for p in problems(made) if p.place == "projects!B2:B3"]
    assert len(first) == 1
    assert "merged" in first[0].why


def test_empty_rows_and_columns_are_let_be(made: Path) -> None:
    def change(book: openpyxl.Workbook) -> None:
        sheet = book["projects"]
        sheet.cell(sheet.max_row + 50, 3).value = "  "
        sheet.insert_rows(3)
        sheet.cell(1, sheet.max_column + 3).number_format = "0.0"
        book.create_sheet("Sheet1")
        book.create_sheet("notes")["A1"] = "anything"

    edit(made, change)
    assert read_case(made) == read_case(INPUTS / "tiny")


def test_values_beyond_the_header_are_named(made: Path) -> None:
    edit(made, put("regions", "Z2", 7))
    assert [(p.place, p.why) for p in problems(made)] == [("regions!Z2", "a value in a column without a name")]


def test_unknown_and_missing_names_are_named(made: Path) -> None:
    def change(book: openpyxl.Workbook) -> None:
        book["projects"].title = "Project"
        book.create_sheet("extra")["A1"] = 1
        book["regions"]["C1"] = "market_acess"

    edit(made, change)
    found = {p.place: p.remedy for p in problems(made) if p.place in ("Project", "projects", "extra", "regions!C1")}
    assert found["Project"] == "did you mean 'projects'?"
    assert found["projects"] == "rename Project"
    assert found["extra"].startswith("remove it")
    assert found["regions!C1"] == "did you mean 'market_access'?"


def test_messages_name_sheets_instead_of_files(made: Path) -> None:
    edit(made, lambda book: book["project_outputs"].delete_rows(2, 99))
    edit(made, lambda book: book["project_outputs"].append(["ghost", *[1] * 3]))
    assert not any(".csv" in str(p) or ".toml" in str(p) for p in problems(made))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 broken"])
def test_a_damaged_workbook_is_one_problem(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(content)
    assert "not a workbook" in problems(tmp_path / "x.xlsx")[0].why


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ods").write_bytes(b"")
    assert "neither a case folder nor a workbook" in problems(tmp_path / "x.ods")[0].why


def test_a_workbook_is_not_written_over(made: Path, tmp_path: Path) -> None:
    before = made.read_bytes()
    with pytest.raises(FileExistsError, match="give another name"):
        init_workbook(made)
    assert made.read_bytes() == before
    with pytest.raises(ValueError, match=r"end in \.xlsx"):
        init_workbook(tmp_path / "x.xls")


def test_folders_and_workbooks_turn_into_one_another(tmp_path: Path) -> None:
    folder = init_case(tmp_path / "folder", "tiny")
    book = init_workbook(tmp_path / "book.xlsx", str(folder))
    again = init_case(tmp_path / "again", str(book))
    assert read_case(again) == read_case(book) == read_case(folder)


def test_a_run_of_a_workbook_holds_the_exact_case(made: Path, tmp_path: Path) -> None:
    run = api.solve(made, scenarios=5, out=tmp_path / "run")
    assert run.inputs == {"tiny.xlsx": hashlib.sha256(made.read_bytes()).hexdigest()} == case_hashes(made)
    assert read_case(tmp_path / "run" / "inputs") == run.case
    other = api.solve(INPUTS / "tiny", scenarios=5)
    assert run.solution.objective == other.solution.objective
    found = api.evaluate(tmp_path / "run", scenarios=20)
    assert found.in_sample_count == 5
