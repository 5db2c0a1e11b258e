"""Writing a case back as files, exactly, and telling input files apart by their hashes."""

from __future__ import annotations

import hashlib
import json
from os import PathLike
from pathlib import Path
from typing import Any

from portfolio.case.problems import CaseError, Problem
from portfolio.case.records import Case
from portfolio.case.schema import Column, columns
from portfolio.case.settings import SECTIONS
from portfolio.case.sheets import SETTINGS_FILE, table_file
from portfolio.case.spreadsheet import SUFFIXES
from portfolio.case.tables import OPTIONAL_TABLES, TABLES


def write_case(case: Case, folder: str | PathLike[str]) -> Path:
    """Write a case as ``case.toml`` and CSV tables, so that reading it gives an equal case.

    Every column and key is written out, defaults too: the folder says what the case was even after a default has
    changed. Optional tables without rows are left out.

    Returns
    -------
    Path
        The folder, made if need be.

    Raises
    ------
    FileExistsError
        If the folder holds anything already.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty")
    (target / SETTINGS_FILE).write_bytes(_settings_text(case).encode("utf-8"))
    for table in TABLES:
        rows = getattr(case, table)
        if rows or table not in OPTIONAL_TABLES:
            (target / table_file(table)).write_bytes(_table_text(table, rows).encode("utf-8"))
    return target


def case_hashes(path: str | PathLike[str]) -> dict[str, str]:
    """Return the SHA-256 of every input file of a case, as hexadecimal digits by file name.

    Raises
    ------
    CaseError
        If it is neither a workbook nor a folder that holds ``case.toml``.
    """
    place = Path(path)
    names = [SETTINGS_FILE, *map(table_file, TABLES)]
    if place.is_file() and place.suffix.lower() in SUFFIXES:
        files = [place]
    elif (place / SETTINGS_FILE).is_file():
        files = [place / name for name in names if (place / name).is_file()]
    else:
        remedy = "give the folder that holds case.toml, or a workbook (.xlsx)"
        raise CaseError([Problem(str(place), None, None, None, "not a case folder or workbook", remedy)])
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def format_cell(column: Column, value: Any) -> str:
    """Return a value as the text of a CSV cell; the inverse of :func:`portfolio.case.parsing.parse_cell`."""
    if value is None:
        return ""
    if column.kind == "number":
        return _number(value)
    if column.kind == "flag":
        return "1" if value else "0"
    if column.kind in ("list", "numbers"):
        return ";".join(str(item) for item in value)
    return str(value)


def format_setting(column: Column, value: Any) -> str:
    """Return a value as TOML; the inverse of :func:`portfolio.case.parsing.parse_setting`."""
    if column.kind == "number":
        return _number(value)
    if column.kind == "flag":
        return "true" if value else "false"
    if column.kind == "list":
        return f"[{', '.join(_quoted(item) for item in value)}]"
    if column.kind == "numbers":
        return f"[{', '.join(str(item) for item in value)}]"
    return _quoted(value) if column.kind == "text" else str(value)


def _number(value: float) -> str:
    text = repr(float(value))
    return text.removesuffix(".0")


def _quoted(text: str) -> str:
    # JSON escapes are TOML escapes; TOML also forbids a raw DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _settings_text(case: Case) -> str:
    parts = []
    for section, record in SECTIONS.items():
        values = getattr(case.settings, section)
        lines = [f"{c.name} = {format_setting(c, getattr(values, c.name))}" for c in columns(record)]
        parts.append("\n".join([f"[{section}]", *lines]))
    return "\n\n".join(parts) + "\n"


def _table_text(table: str, rows: tuple[Any, ...]) -> str:
    described = list(columns(TABLES[table]))
    lines = [[c.name for c in described], *([format_cell(c, getattr(row, c.name)) for c in described] for row in rows)]
    return "".join(",".join(map(_field, cells)) + "\n" for cells in lines)


def _field(text: str) -> str:
    # The csv module leaves a lone carriage return unquoted, and then reads it as the end of a row.
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
