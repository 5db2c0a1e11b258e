"""What is written reads back as the same case."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from portfolio.case.parsing import parse_cell, parse_setting
from portfolio.case.problems import CaseError
from portfolio.case.reading import read_case
from portfolio.case.records import Case
from portfolio.case.schema import Column, columns
from portfolio.case.settings import SECTIONS
from portfolio.case.tables import TABLES
from portfolio.case.writing import case_hashes, format_cell, format_setting, write_case
from tests.portfolio.case.conftest import INPUTS, Folder

CELLS = [c for record in TABLES.values() for c in columns(record)]
KEYS = [c for record in SECTIONS.values() for c in columns(record)]
# A surrogate has no UTF-8; NUL marks binary data; cells are stripped of spaces around them.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")).map(str.strip)
NAMES = st.text(st.characters(categories=["L", "N"], include_characters="_- "), min_size=1).map(str.strip).filter(bool)


def values(about: Column, texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Values that a column allows."""
    if about.kind == "flag":
        return st.booleans()
    if about.kind == "list":
        names = st.sampled_from(about.choices) if about.choices else NAMES
        return st.one_of(st.just(("*",)), st.lists(names, min_size=1, unique=True).map(tuple))
    if about.kind == "numbers":
        return st.lists(st.integers(1900, 2200)).map(tuple)
    if about.kind == "text":
        return st.sampled_from([c for c in about.choices if c]) if about.choices else texts
    lower = about.lower if about.lower is not None else about.above
    if about.kind == "integer":
        return st.integers(1900, 2200) if about.unit == "year" else st.integers(max(0, int(lower or 0)), 10**9)
    return st.floats(lower, about.upper, exclude_min=about.above is not None, allow_nan=False, allow_infinity=False)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_cell_reads_back(data: st.DataObject) -> None:
    about = data.draw(st.sampled_from(CELLS))
    value = data.draw(values(about, NAMES))
    assert parse_cell(about, format_cell(about, value)) == value


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_setting_reads_back_through_toml(data: st.DataObject) -> None:
    about = data.draw(st.sampled_from(KEYS))
    value = data.draw(values(about, TEXTS.filter(bool)))
    text = f"{about.name} = {format_setting(about, value)}"
    assert parse_setting(about, tomllib.loads(text)[about.name]) == value


def replaced(case: Case, text: str, number: float, fraction: float) -> Case:
    """Return the case with awkward values where no rule forbids them."""
    project = dataclasses.replace(
        case.projects[0], name=text, note=text, capex_usd_m=number, rival_allied=fraction, third_loan_usd_m=number
    )
    section = dataclasses.replace(case.settings.case, title=text)
    return dataclasses.replace(
        case,
        settings=dataclasses.replace(case.settings, case=section),
        projects=(project, *case.projects[1:]),
        suppliers=tuple(dataclasses.replace(s, capacity_tpy=number, source=text) for s in case.suppliers),
        hazards=(),
    )


@given(text=TEXTS, number=st.floats(0.001, 40_000), fraction=st.floats(0, 1))
@example(text='a,"b"\r\nc;d\r\te\\ \x7f \u2028 é', number=1 / 3, fraction=5e-324)
@settings(max_examples=60, deadline=None)
def test_a_case_reads_back(text: str, number: float, fraction: float) -> None:
    case = replaced(read_case(INPUTS / "tiny"), text, number, fraction)
    with tempfile.TemporaryDirectory() as home:
        assert read_case(write_case(case, Path(home) / "new" / "case")) == case


@pytest.mark.parametrize("path", sorted(p.parent for p in INPUTS.glob("*/case.toml")), ids=lambda p: p.name)
def test_a_shipped_case_reads_back(path: Path, tmp_path: Path) -> None:
    case = read_case(path)
    assert read_case(write_case(case, tmp_path)) == case


def test_defaults_are_written_out(folder: Folder, tmp_path: Path) -> None:
    target = write_case(read_case(folder.path), tmp_path / "out")
    written = tomllib.loads((target / "case.toml").read_text(encoding="utf-8"))
    assert {s: set(keys) for s, keys in written.items()} == {
        s: {c.name for c in columns(record)} for s, record in SECTIONS.items()
    }
    header = (target / "projects.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.split(",") == [c.name for c in columns(TABLES["projects"])]
    assert not (target / "stocks.csv").exists()


def test_a_folder_in_use_is_refused(folder: Folder) -> None:
    case = read_case(folder.path)
    before = case_hashes(folder.path)
    with pytest.raises(FileExistsError, match="not empty"):
        write_case(case, folder.path)
    assert case_hashes(folder.path) == before


def test_hashes(folder: Folder) -> None:
    (folder.path / "README.md").write_text("not an input")
    before = case_hashes(folder.path)
    assert set(before) == {"case.toml", *(f"{t}.csv" for t in TABLES if t != "stocks")}
    assert before["demand.csv"] == hashlib.sha256((folder.path / "demand.csv").read_bytes()).hexdigest()
    folder.cell("demand", 2, "source", "elsewhere")
    after = case_hashes(folder.path)
    assert {name for name in before if before[name] != after[name]} == {"demand.csv"}


def test_hashes_of_no_case(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="not a case folder"):
        case_hashes(tmp_path)
