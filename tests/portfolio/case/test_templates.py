"""The description of the format, starting a case, and the shipped cases."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from portfolio.case import templates
from portfolio.case.problems import CaseError
from portfolio.case.reading import read_case
from portfolio.case.readme import describe_schema
from portfolio.case.schema import columns
from portfolio.case.settings import SECTIONS
from portfolio.case.tables import OPTIONAL_TABLES, TABLES
from portfolio.case.templates import init_case, shipped_case, shipped_cases
from portfolio.case.writing import case_hashes
from tests.portfolio.case.conftest import INPUTS, Folder


def test_the_page_in_inputs_is_the_schema() -> None:
    written = (INPUTS / "README.md").read_text(encoding="utf-8")
    assert written == describe_schema(), "run: python -m portfolio.case.readme > inputs/README.md"


def test_the_page_is_written_by_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(Path(templates.__file__).with_name("readme.py")), run_name="__main__")
    assert capsys.readouterr().out == describe_schema()


def test_the_page_has_a_row_for_every_column_and_key() -> None:
    page = describe_schema()
    for name, record in {**SECTIONS, **TABLES}.items():
        head = f"### `[{name}]`" if name in SECTIONS else f"### `{name}.csv`"
        part = page.split(head)[1].split("\n### ")[0]
        rows = re.findall(r"^\| `(\w+)`.* \|$", part, flags=re.MULTILINE)
        assert rows == [c.name for c in columns(record)]


def test_tiny_is_shipped() -> None:
    assert "tiny" in shipped_cases()
    with shipped_case("tiny") as path:
        assert read_case(path) == read_case(INPUTS / "tiny")


@pytest.mark.parametrize("name", shipped_cases())
@pytest.mark.parametrize("exists", [True, False])
def test_a_copy_is_the_case(name: str, exists: bool, tmp_path: Path) -> None:
    target = tmp_path / "mine" / "case"
    if exists:
        target.mkdir(parents=True)
    assert init_case(target, name) == target
    assert case_hashes(target) == case_hashes(INPUTS / name)
    assert [p.name for p in target.parent.iterdir()] == ["case"]


def test_empty_templates_lack_nothing_but_rows(tmp_path: Path) -> None:
    init_case(tmp_path / "new", "empty")
    with pytest.raises(CaseError) as caught:
        read_case(tmp_path / "new")
    found = {(p.file, p.why) for p in caught.value.problems}
    assert found == {(f"{t}.csv", "empty table") for t in TABLES if t not in OPTIONAL_TABLES}


def test_templates_filled_in_are_a_case(tmp_path: Path, folder: Folder) -> None:
    init_case(tmp_path / "new", "empty")
    made = Folder(tmp_path / "new")
    tiny = read_case(folder.path)
    for table in TABLES:
        if not (folder.path / f"{table}.csv").exists():
            continue
        head, *rows = folder.rows(table)
        for row in rows:
            made.add(table, **dict(zip(head, row, strict=True)))
    case = read_case(made.path, ["horizon.last_year=2030"])
    assert (case.projects, case.suppliers, case.instruments) == (tiny.projects, tiny.suppliers, tiny.instruments)


def test_commented_defaults_are_the_defaults(tmp_path: Path) -> None:
    init_case(tmp_path / "new", "empty")
    text = (tmp_path / "new" / "case.toml").read_text(encoding="utf-8")
    given = re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)
    assert given.count("\n# ") == 0
    (tmp_path / "new" / "case.toml").write_text(given, encoding="utf-8")
    with pytest.raises(CaseError) as caught:
        read_case(tmp_path / "new")
    assert not [p for p in caught.value.problems if p.file == "case.toml"]


@pytest.mark.parametrize("kind", ["file", "folder in use"])
def test_a_target_in_use_is_refused(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "case"
    if kind == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "notes.txt").write_text("mine")
    before = sorted(p for p in tmp_path.rglob("*"))
    with pytest.raises(FileExistsError, match="not an empty folder"):
        init_case(target, "tiny")
    assert sorted(p for p in tmp_path.rglob("*")) == before


def test_an_unknown_source_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'tiny'"):
        init_case(tmp_path / "deep" / "case", "tinny")
    assert not (tmp_path / "deep" / "case").exists()


def test_a_copy_that_breaks_off_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(origin: Path, target: Path, **_: object) -> None:
        target.mkdir()
        (target / "case.toml").write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr("portfolio.case.templates.shutil.copytree", broken)
    with pytest.raises(OSError, match="disk full"):
        init_case(tmp_path / "case", "tiny")
    assert list(tmp_path.iterdir()) == []


def test_an_installed_package_ships_the_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a checkout around it, the package looks beside itself."""
    installed = tmp_path / "site" / "portfolio"
    (installed / "shipped" / "tiny").mkdir(parents=True)
    (installed / "shipped" / "tiny" / "case.toml").write_text("")
    monkeypatch.setattr(templates, "__file__", str(installed / "case" / "templates.py"))
    monkeypatch.setattr(templates, "files", lambda _: installed)
    assert shipped_cases() == ("tiny",)
