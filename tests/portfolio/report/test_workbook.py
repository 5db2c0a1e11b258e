"""A workbook of results holds what the CSV files hold: the same numbers, and text as text."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner

from portfolio import api
from portfolio.case.spreadsheet import LONGEST, unescape
from portfolio.cli import main
from portfolio.report.errors import RunError, UsageError
from portfolio.report.folder import OutputError
from portfolio.report.result_columns import TITLES, about
from portfolio.report.workbook import write_workbook

TINY = Path(__file__).resolve().parents[3] / "inputs" / "tiny"
HOSTILE = (
    "=1+1",
    '=cmd|"/c calc"!A1',
    "+1",
    "-x",
    "@SUM(A1)",
    "\tx",
    "<script>alert(1)</script>",
    'a "quote" & more',
    "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd",
    "_x0041_",
    "#N/A",
    "0012",
    "1e5",
    "TRUE",
    "2027-01-01",
    "line\nbreak",
    "x" * 5000,
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the tiny case and what studies of it wrote, side by side."""
    home = tmp_path_factory.mktemp("results")
    run = home / "run"
    api.solve(TINY, scenarios=5, overrides=["sampling.cost_scenarios=20"], out=run)
    api.evaluate(run, scenarios=20, out=home / "evaluation")
    api.stress(run, scenarios=5, out=home / "stress")
    api.worth(run, foresight=2, fresh=10, out=home / "worth")
    api.replicate(run, batches=2, scenarios=3, out=home / "replications")
    return home


def rows_of(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.reader(text))


def same(cell: Any, text: str) -> bool:
    """Whether a cell holds what a CSV file says: a number exactly, text as it is, nothing where there is nothing."""
    if cell.value is None:
        return text == ""
    if cell.data_type == "n":
        return float(text) == cell.value
    return cell.data_type == "s" and unescape(cell.value) == text


@pytest.mark.parametrize("name", ["run", "evaluation", "stress", "worth", "replications"])
def test_every_table_is_a_sheet_with_the_same_values(name: str, results: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.xlsx"
    sheets = write_workbook(results / name, path)
    book = openpyxl.load_workbook(path)
    files = {f.stem: rows_of(f) for f in (results / name).glob("*.csv")}
    assert tuple(book.sheetnames) == sheets
    assert set(sheets) == {"decision" if name == "run" else "summary", *files, "columns"}
    numbers = 0
    for stem, (header, *body) in files.items():
        sheet = book[stem]
        assert [c.value for c in sheet[1]] == header
        assert [c.value or "" for c in sheet[2]] == [about(stem, h).unit for h in header]
        assert sheet.freeze_panes == "B3"
        assert sheet.max_row == 2 + len(body)
        for cells, texts in zip(sheet.iter_rows(min_row=3), body, strict=True):
            assert all(same(cell, text) for cell, text in zip(cells, texts, strict=True))
            numbers += sum(c.data_type == "n" and c.value is not None for c in cells)
    assert numbers > 5
    with zipfile.ZipFile(path) as packed:
        assert not any(b"<f>" in packed.read(n) for n in packed.namelist() if n.startswith("xl/worksheets/sheet"))


@pytest.mark.parametrize("name", ["run", "evaluation", "stress", "worth", "replications"])
def test_every_column_is_explained(name: str, results: Path, tmp_path: Path) -> None:
    write_workbook(results / name, tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx")["columns"]
    found = [tuple(c.value for c in row) for row in sheet.iter_rows(min_row=3)]
    files = {f.stem: rows_of(f)[0] for f in (results / name).glob("*.csv")}
    assert {(sheet, column) for sheet, column, _, _ in found} == {(s, c) for s, names in files.items() for c in names}
    assert [row for row in found if not row[3]] == []
    assert set(files) <= set(TITLES)


def test_the_decision_comes_first(results: Path, tmp_path: Path) -> None:
    write_workbook(results / "run", tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert book.sheetnames[:2] == ["decision", "portfolio"]
    rows = [[c.value for c in row] for row in book["decision"].iter_rows()]
    record = json.loads((results / "run" / "run.json").read_text(encoding="utf-8"))
    start = next(n for n, row in enumerate(rows) if row[0] == "project")
    for row, said in zip(rows[start + 1 :], record["headline"]["advice"], strict=False):
        assert row[:4] == [said["project"], said["window"], said["instrument"], said["member"]]
        assert row[8] == pytest.approx(said["charge_usd_m"], rel=1e-11)
    tonnes = next(row for row in rows if row[0] == "contained oxide, t/y")
    worlds = record["headline"]["shortfall"]
    assert tonnes[1:3] == pytest.approx([worlds[w]["tonnes_per_year"] for w in ("without", "with")], rel=1e-11)
    member = next(row for row in rows if row[0] == record["headline"]["members"][0]["member"])
    by_convention = record["headline"]["members"][0]["charge_by_convention_usd_m"]
    assert member[3:7] == pytest.approx(list(by_convention.values()), rel=1e-11)
    said = [row[0] for row in rows]
    assert all(f"• {caveat}" in said for caveat in record["caveats"])
    assert all(isinstance(v, (int, float)) for v in tonnes[1:4])


def hostile(home: Path) -> Path:
    folder = home / "hostile"
    folder.mkdir()
    with (folder / "other.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [["project", "=label", "value"], *([text, text, str(n)] for n, text in enumerate(HOSTILE))]
        )
    (folder / "other.json").write_text(
        json.dumps({"case": "=1+1", "caveats": ["@x", "<b>"], "nested": {"a": 0.1 + 0.2}, "none": None})
    )
    return folder


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    write_workbook(hostile(tmp_path), tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    sheet = book["other"]
    for row, text in enumerate(HOSTILE, start=3):
        for cell in (sheet.cell(row, 1), sheet.cell(row, 2)):
            assert cell.data_type == "s"
            assert unescape(cell.value) == text
            assert cell.quotePrefix == text.startswith(("=", "+", "-", "@", "\t"))
        assert sheet.cell(row, 3).value == row - 3
    assert {c.data_type for s in book for r in s.iter_rows() for c in r if c.value is not None} == {"s", "n"}
    assert sheet["B1"].data_type == "s"


def test_names_of_sheets_are_legal_and_differ(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    names = ["summary", "Columns", "history", "a" * 40 + "1", "a" * 40 + "2", "x[1]"]
    for name in names:
        (folder / f"{name}.csv").write_text("a\n1\n")
    sheets = write_workbook(folder, tmp_path / "out.xlsx")
    assert len({s.casefold() for s in sheets}) == len(names) + 2
    assert all(len(s) <= 31 and not set(s) & set("[]:*?/\\") for s in sheets)
    assert openpyxl.load_workbook(tmp_path / "out.xlsx").sheetnames == list(sheets)


def test_numbers_without_limits_and_empty_tables(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "figures.csv").write_text("figure,low,high\na,-inf,1.5\nb,0.25,inf\nc,,\n")
    (folder / "empty.csv").write_text("\n")
    (folder / "header.csv").write_text("project,usd_m\n")
    write_workbook(folder, tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    values = [[c.value for c in row] for row in book["figures"].iter_rows(min_row=3)]
    assert values == [["a", "-inf", 1.5], ["b", 0.25, "inf"], ["c", None, None]]
    assert book["header"].max_row == 2


def test_refusals(results: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a folder"):
        write_workbook(tmp_path / "nowhere", tmp_path / "x.xlsx")
    with pytest.raises(RunError, match="is a case"):
        write_workbook(TINY, tmp_path / "x.xlsx")
    (tmp_path / "bare").mkdir()
    with pytest.raises(RunError, match="no tables"):
        write_workbook(tmp_path / "bare", tmp_path / "x.xlsx")
    with pytest.raises(UsageError, match=r"\.xlsx"):
        write_workbook(results / "run", tmp_path / "x.xls")
    (tmp_path / "bare" / "long.csv").write_text(f"a\n{'x' * (LONGEST + 1)}\n")
    with pytest.raises(OutputError, match=r"long\.csv: a text of 32,768 characters"):
        write_workbook(tmp_path / "bare", tmp_path / "x.xlsx")
    (tmp_path / "bare" / "long.csv").write_text("a,b\n1\n")
    with pytest.raises(RunError, match="edited"):
        write_workbook(tmp_path / "bare", tmp_path / "x.xlsx")
    (tmp_path / "bare" / "long.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bare" / "run.json").write_text('{"headline": {}}')
    with pytest.raises(RunError, match="lacks what a run says"):
        write_workbook(tmp_path / "bare", tmp_path / "x.xlsx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bare"]


def test_the_command(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, ["workbook", str(results / "run"), "--out", "a.xlsx", "--json"])
    assert (found.exit_code, json.loads(found.stdout)) == (0, {"workbook": "a.xlsx"})
    assert (tmp_path / "a.xlsx").is_file()
    before = {p: p.read_bytes() for p in (results / "run").iterdir() if p.is_file()}
    again = CliRunner().invoke(main, ["workbook", str(results / "run"), "--out", "a.xlsx"])
    assert (again.exit_code, again.stdout) == (2, "")
    assert "exists already" in again.stderr
    assert CliRunner().invoke(main, ["workbook", str(results / "run")]).exit_code == 0
    assert (results / "run.xlsx").is_file()
    assert {p: p.read_bytes() for p in (results / "run").iterdir() if p.is_file()} == before
