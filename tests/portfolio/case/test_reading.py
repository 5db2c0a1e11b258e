"""Files that are missing, unknown, misspelt or damaged, and what is tolerated."""

from __future__ import annotations

from pathlib import Path

import pytest

from portfolio.case.problems import CaseError
from portfolio.case.reading import read_case
from portfolio.case.tables import OPTIONAL_TABLES, TABLES
from tests.portfolio.case.conftest import Folder


def places(folder: Folder) -> list[tuple[str, int | None, str | None]]:
    return [(p.file, p.row, p.column) for p in folder.problems()]


class TestFiles:
    def test_missing_folder(self, tmp_path: Path) -> None:
        with pytest.raises(CaseError, match=r"no such case folder or workbook; give the folder .* init"):
            read_case(tmp_path / "nowhere")

    def test_a_file_is_no_folder(self, folder: Folder) -> None:
        with pytest.raises(CaseError, match="a file, but neither a case folder nor a workbook"):
            read_case(folder.path / "case.toml")

    def test_missing_settings(self, folder: Folder) -> None:
        (folder.path / "case.toml").rename(folder.path / "cases.toml")
        (problem,) = folder.problems()
        assert (problem.file, problem.why, problem.remedy) == ("case.toml", "missing file", "rename cases.toml")

    @pytest.mark.parametrize("table", TABLES)
    def test_missing_table(self, folder: Folder, table: str) -> None:
        (folder.path / f"{table}.csv").unlink(missing_ok=True)
        if table in OPTIONAL_TABLES:
            assert getattr(read_case(folder.path), table) == ()
        else:
            (problem,) = folder.problems()
            assert (problem.file, problem.why) == (f"{table}.csv", "missing file")

    def test_misspelt_table(self, folder: Folder) -> None:
        (folder.path / "projects.csv").rename(folder.path / "project.csv")
        unknown, missing = sorted(folder.problems(), key=lambda p: p.file)
        assert (unknown.file, unknown.remedy) == ("project.csv", "did you mean 'projects.csv'?")
        assert (missing.file, missing.remedy) == ("projects.csv", "rename project.csv")

    def test_unknown_table(self, folder: Folder) -> None:
        (folder.path / "weather.csv").write_text("a\n1\n")
        assert places(folder) == [("weather.csv", None, None)]

    def test_other_files_are_left_alone(self, folder: Folder) -> None:
        before = read_case(folder.path)
        (folder.path / "README.md").write_text("notes")
        (folder.path / ".~lock.projects.csv").write_bytes(b"\xff")
        (folder.path / "sources").mkdir()
        (folder.path / "sources" / "odd.csv").write_text("x")
        assert read_case(folder.path) == before


class TestSettings:
    def test_syntax_error_names_the_row(self, folder: Folder) -> None:
        folder.replace("case.toml", "first_year = 2027", "first_year 2027")
        ((file, row, _),) = places(folder)
        assert (file, row) == ("case.toml", 10)

    def test_unknown_key(self, folder: Folder) -> None:
        folder.settings("risk", "cvar_wieght = 0.5")
        (problem,) = folder.problems()
        assert problem.column == "risk.cvar_wieght"
        assert problem.remedy == "did you mean 'cvar_weight'?"

    def test_key_of_another_section(self, folder: Folder) -> None:
        folder.settings("risk", "relend = true")
        (problem,) = folder.problems()
        assert problem.remedy == "it belongs under [policy]"

    def test_key_outside_a_section(self, folder: Folder) -> None:
        text = (folder.path / "case.toml").read_text()
        (folder.path / "case.toml").write_text("relend = true\n" + text)
        (problem,) = folder.problems()
        assert (problem.row, problem.remedy) == (1, "put it under [policy]")

    def test_unknown_section(self, folder: Folder) -> None:
        folder.replace("case.toml", "[policy]", "[polices]")
        (problem,) = folder.problems()
        assert (problem.column, problem.row, problem.remedy) == ("[polices]", 23, "did you mean 'policy'?")

    def test_missing_section(self, folder: Folder) -> None:
        text = (folder.path / "case.toml").read_text()
        (folder.path / "case.toml").write_text(text[: text.index("[horizon]")])
        (problem,) = [p for p in folder.problems() if p.file == "case.toml"]
        assert (problem.column, problem.why) == ("[horizon]", "missing section")

    def test_missing_key(self, folder: Folder) -> None:
        folder.replace("case.toml", "currency_year = 2025\n", "")
        (problem,) = folder.problems()
        assert (problem.column, problem.why) == ("case.currency_year", "missing key")

    @pytest.mark.parametrize(
        ("section", "line", "why"),
        [
            ("risk", 'cvar_weight = "0.5"', "text instead of a number"),
            ("risk", "cvar_weight = true", "true or false instead of a number"),
            ("risk", "cvar_weight = nan", "not a finite number"),
            ("risk", "cvar_weight = 50", "shares are fractions of 1"),
            ("sampling", "scenarios = 1.5", "not a whole number"),
            ("sampling", 'method = "sobl"', "not one of the words"),
            ("sampling", "uncertain_rates = 0", "a number instead of true or false"),
            ("policy", 'must = "MINE"', "text instead of a list"),
            ("policy", "must = [1]", "not text"),
            ("horizon", 'windows = ["2027"]', "text instead of a number"),
            ("case", "name = 5", "a number instead of text"),
            ("case", 'name = " "', "empty, but required"),
        ],
    )
    def test_wrong_type(self, folder: Folder, section: str, line: str, why: str) -> None:
        folder.settings(section, line)
        (problem,) = folder.problems()
        assert problem.file == "case.toml"
        assert problem.column == f"{section}.{line.split(' =')[0]}"
        assert why in problem.why
        assert problem.row is not None

    def test_whole_numbers_do_for_numbers(self, folder: Folder) -> None:
        folder.settings("risk", "cvar_weight = 1")
        assert isinstance(read_case(folder.path).settings.risk.cvar_weight, float)


class TestColumns:
    def test_unknown_column(self, folder: Folder) -> None:
        folder.cell("projects", 2, "weather", "fine")
        assert places(folder) == [("projects.csv", 1, "weather")]

    @pytest.mark.parametrize(
        ("table", "column", "wrong"), [("projects", "capex_usd_m", "capex_usd"), ("regions", "region", "Region")]
    )
    def test_misspelt_column_is_one_problem(self, folder: Folder, table: str, column: str, wrong: str) -> None:
        folder.replace(f"{table}.csv", column, wrong)
        (problem,) = folder.problems()
        assert (problem.file, problem.row, problem.column) == (f"{table}.csv", 1, wrong)
        assert problem.remedy == f"did you mean {column!r}?"

    @pytest.mark.parametrize(
        ("table", "column"), [("projects", "project"), ("projects", "capex_usd_m"), ("countries", "country")]
    )
    def test_missing_column_is_one_problem(self, folder: Folder, table: str, column: str) -> None:
        folder.drop_column(table, column)
        (problem,) = folder.problems()
        assert (problem.file, problem.row, problem.column, problem.why) == (f"{table}.csv", 1, column, "missing column")

    def test_a_column_with_a_default_may_be_left_out(self, folder: Folder) -> None:
        folder.drop_column("countries", "tax_rate")
        assert read_case(folder.path).countries[0].tax_rate == 0.25

    def test_column_twice(self, folder: Folder) -> None:
        folder.write("stages", [[*row, row[0]] for row in folder.rows("stages")])
        (problem,) = folder.problems()
        assert (problem.row, problem.column, problem.why) == (1, "stage", "column twice in the header")

    def test_column_without_a_name(self, folder: Folder) -> None:
        folder.write("stages", [[*row, ""] for row in folder.rows("stages")])
        assert places(folder) == [("stages.csv", 1, None)]

    def test_columns_come_in_any_order(self, folder: Folder) -> None:
        before = read_case(folder.path)
        folder.write("projects", [row[::-1] for row in folder.rows("projects")])
        assert read_case(folder.path) == before


class TestRows:
    def test_too_long(self, folder: Folder) -> None:
        folder.replace("projects.csv", "Integrated plant", "Plant, integrated")
        (problem,) = folder.problems()
        assert (problem.file, problem.row) == ("projects.csv", 2)
        assert problem.remedy == "quote a cell that holds a comma"

    def test_too_short(self, folder: Folder) -> None:
        folder.write("projects", [row if n != 2 else row[:-3] for n, row in enumerate(folder.rows("projects"))])
        assert places(folder) == [("projects.csv", 3, None)]

    def test_row_numbers_count_lines_of_the_file(self, folder: Folder) -> None:
        folder.replace("projects.csv", "Integrated plant", '"Integrated\nplant"')
        folder.replace("projects.csv", "MINE,Mine,BRA,dfs,100", "\nMINE,Mine,BRA,dfs,1OO")
        assert places(folder) == [("projects.csv", 5, "capex_usd_m")]

    def test_blank_rows_and_cells_are_nothing(self, folder: Folder) -> None:
        before = read_case(folder.path)
        rows = folder.rows("regions")
        folder.write("regions", [rows[0], *([f"  {c} " for c in row] for row in rows[1:]), [""] * len(rows[0])])
        assert read_case(folder.path) == before

    def test_unmatched_quote(self, folder: Folder) -> None:
        folder.replace("projects.csv", "Mine,", '"Mine,')
        (problem,) = folder.problems()
        assert (problem.file, problem.row) == ("projects.csv", 3)
        assert "quote" in problem.why

    def test_semicolons(self, folder: Folder) -> None:
        text = (folder.path / "projects.csv").read_text()
        (folder.path / "projects.csv").write_text(text.replace(",", ";"))
        (problem,) = folder.problems()
        assert (problem.file, problem.row, problem.why) == ("projects.csv", 1, "cells separated by semicolons")

    @pytest.mark.parametrize("table", sorted(set(TABLES) - {"stocks"}))
    def test_empty_table(self, folder: Folder, table: str) -> None:
        folder.write(table, folder.rows(table)[:1])
        if table in OPTIONAL_TABLES:
            assert getattr(read_case(folder.path), table) == ()
        else:
            (problem,) = folder.problems()
            assert (problem.file, problem.why) == (f"{table}.csv", "empty table")

    def test_empty_file(self, folder: Folder) -> None:
        (folder.path / "projects.csv").write_text("")
        (problem,) = folder.problems()
        assert (problem.file, problem.why) == ("projects.csv", "empty file")

    def test_defaults(self, folder: Folder) -> None:
        case = read_case(folder.path)
        assert case.structures[0].index == "cpi"
        assert case.eligibility[0].countries == ("*",)
        assert case.suppliers[0].last_year is None
        assert case.stages[0].stock is False

    def test_spreadsheets_write_true_and_whole_floats(self, folder: Folder) -> None:
        folder.cell("stages", 3, "stock", "TRUE")
        folder.cell("projects", 2, "first_production", "2029.0")
        case = read_case(folder.path)
        assert case.stages[1].stock is True
        assert case.projects[0].first_production == 2029

    def test_stages_come_in_the_order_of_the_chain(self, folder: Folder) -> None:
        head, mining, separation = folder.rows("stages")
        folder.write("stages", [head, separation, mining])
        assert read_case(folder.path).stage_names == ("mining", "separation")


class TestBytes:
    def test_latin_1_names_the_row_and_hides_nothing_else(self, folder: Folder) -> None:
        folder.replace("countries.csv", "Brazil", "Brésil")
        folder.cell("countries", 6, "tax_rate", "25")
        file = folder.path / "countries.csv"
        file.write_bytes(file.read_text(encoding="utf-8").encode("latin-1"))
        encoding, tax = folder.problems()
        assert (encoding.file, encoding.row) == ("countries.csv", 3)
        assert "0xe9" in encoding.why
        assert "'é'" in encoding.why
        assert (tax.row, tax.column) == (6, "tax_rate")

    def test_settings_too(self, folder: Folder) -> None:
        file = folder.path / "case.toml"
        file.write_bytes(file.read_bytes().replace(b"Two funds", b"Two f\xfcnds"))
        assert places(folder) == [("case.toml", 6, None)]

    def test_utf_16(self, folder: Folder) -> None:
        file = folder.path / "countries.csv"
        file.write_bytes(file.read_text(encoding="utf-8").encode("utf-16"))
        (problem,) = folder.problems()
        assert problem.file == "countries.csv"
        assert "UTF-16" in problem.why

    @pytest.mark.parametrize("name", ["countries.csv", "case.toml"])
    def test_byte_order_mark_and_line_ends_of_windows(self, folder: Folder, name: str) -> None:
        before = read_case(folder.path)
        file = folder.path / name
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
        assert read_case(folder.path) == before
