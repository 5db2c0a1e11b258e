"""Reading a case, folder or workbook: all of its problems at once, or a validated :class:`Case`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from portfolio.case.draft import Draft, make_draft
from portfolio.case.overrides import apply_overrides
from portfolio.case.problems import CaseError, Problem
from portfolio.case.records import Case
from portfolio.case.settings import SECTIONS, Settings
from portfolio.case.sheets import SETTINGS_FILE, Folder, read_folder, table_file
from portfolio.case.spreadsheet import SUFFIXES
from portfolio.case.tables import TABLES
from portfolio.case.validation import validate
from portfolio.case.workbook import Layout, read_workbook


def read_case(path: str | PathLike[str], overrides: Sequence[str] = ()) -> Case:
    """Read and validate a case: a folder or a workbook.

    Parameters
    ----------
    path : path
        Folder with ``case.toml`` and the tables as CSV files, or a workbook (``.xlsx``) with the same as sheets.
    overrides : sequence of str
        Values in place of those in the files, such as ``risk.cvar_weight=0.5``,
        ``budgets.budget_usd_m[JOGMEC,2027]=300`` or ``budgets.budget_usd_m*=1.2``.

    Returns
    -------
    Case
        Rows in the order of their files, stages in the order of the chain.

    Raises
    ------
    CaseError
        With every problem of the case.
    """
    (found,) = read_cases(path, [overrides])
    return found


def read_cases(path: str | PathLike[str], variants: Sequence[Sequence[str]]) -> list[Case]:
    """Read and validate a case, folder or workbook, under several lists of overrides; the files are read once.

    Raises
    ------
    CaseError
        With every problem of every variant, each once.
    """
    files, problems, layout = _read_files(Path(path))
    drafts = []
    for overrides in variants:
        changed, found = apply_overrides(files, overrides)
        problems += found
        draft, found = make_draft(changed)
        problems += found
        problems += validate(draft)
        drafts.append(draft)
    if problems:
        ranked = _ordered(problems)
        raise CaseError(ranked if layout is None else [layout.locate(problem) for problem in ranked])
    return [_build(draft) for draft in drafts]


def _read_files(path: Path) -> tuple[Folder, list[Problem], Layout | None]:
    """Return the files of a folder, or the sheets of a workbook and where everything stands in it."""
    if path.is_dir():
        return *read_folder(path), None
    remedy = "give the folder that holds case.toml, or a workbook (.xlsx)"
    if not path.is_file():
        why = "there is no such case folder or workbook"
        remedy += "; `portfolio init` makes one"
    elif path.suffix.lower() not in SUFFIXES:
        why = "a file, but neither a case folder nor a workbook"
    else:
        return read_workbook(path)
    raise CaseError([Problem(str(path), None, None, None, why, remedy)])


def _ordered(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems by file in the order of the schema, then by row; each once.

    A wrong value that an override puts into every row of a table is one problem, shown at the first row.
    """
    order = {name: n for n, name in enumerate(["", SETTINGS_FILE, *map(table_file, TABLES)])}
    unique: dict[Problem, Problem] = {}
    for problem in problems:
        unique.setdefault(replace(problem, row=None) if problem.override else problem, problem)
    return sorted(unique.values(), key=lambda p: (order.get(p.file, len(order)), p.row or 0))


def _build(draft: Draft) -> Case:
    sections: dict[str, Any] = {name: record(**draft.settings[name].values) for name, record in SECTIONS.items()}
    tables: dict[str, Any] = {
        name: tuple(record(**row.values) for row in draft.rows(name)) for name, record in TABLES.items()
    }
    tables["stages"] = tuple(sorted(tables["stages"], key=lambda stage: stage.order))
    return Case(settings=Settings(**sections), **tables)
