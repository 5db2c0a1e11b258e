"""The tiny case as a folder that a test may break."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from portfolio.case.problems import CaseError, Problem
from portfolio.case.reading import read_case

INPUTS = Path(__file__).resolve().parents[3] / "inputs"


@dataclass(frozen=True)
class Folder:
    path: Path

    def rows(self, table: str) -> list[list[str]]:
        with (self.path / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))

    def write(self, table: str, rows: list[list[str]]) -> None:
        with (self.path / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)

    def cell(self, table: str, row: int, column: str, value: str) -> None:
        """Set a cell by the row an editor shows; a column that is not there is added."""
        rows = self.rows(table)
        if column not in rows[0]:
            rows = [[*cells, column if n == 0 else ""] for n, cells in enumerate(rows)]
        rows[row - 1][rows[0].index(column)] = value
        self.write(table, rows)

    def add(self, table: str, **cells: str) -> int:
        """Append a row, columns not named left empty, and return its row number."""
        rows = self.rows(table)
        header = [*rows[0], *(name for name in cells if name not in rows[0])]
        rows = [header, *([*row, *[""] * (len(header) - len(row))] for row in rows[1:])]
        rows.append([cells.get(name, "") for name in header])
        self.write(table, rows)
        return len(rows)

    def drop_column(self, table: str, column: str) -> None:
        rows = self.rows(table)
        place = rows[0].index(column)
        self.write(table, [cells[:place] + cells[place + 1 :] for cells in rows])

    def drop_row(self, table: str, row: int) -> None:
        rows = self.rows(table)
        self.write(table, rows[: row - 1] + rows[row:])

    def replace(self, file: str, old: str, new: str) -> None:
        text = (self.path / file).read_text(encoding="utf-8")
        assert old in text
        (self.path / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    def settings(self, section: str, line: str) -> None:
        """Put a line first into a section of case.toml, which is made where it is not there."""
        text = (self.path / "case.toml").read_text(encoding="utf-8")
        if f"[{section}]" not in text:
            text += f"\n[{section}]\n"
        key = line.split("=")[0].strip()
        head, body = text.split(f"[{section}]\n", 1)
        own, *rest = body.split("\n[", 1)
        own = "\n".join(x for x in own.split("\n") if x.split("=")[0].strip() != key)
        text = head + f"[{section}]\n{line}\n" + own + "".join(f"\n[{r}" for r in rest)
        (self.path / "case.toml").write_text(text, encoding="utf-8")

    def problems(self, *overrides: str) -> tuple[Problem, ...]:
        with pytest.raises(CaseError) as caught:
            read_case(self.path, overrides)
        return caught.value.problems


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[[], Folder]:
    def make() -> Folder:
        target = tmp_path / "case"
        shutil.copytree(INPUTS / "tiny", target)
        return Folder(target)

    return make


@pytest.fixture
def folder(make_folder: Callable[[], Folder]) -> Folder:
    return make_folder()
