"""A page as one file: nothing in it asks the network for anything, and nothing of the inputs is read as markup."""

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
import tempfile
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from portfolio.report.folder import OutputError
from portfolio.report.html.page import Chart, Column, Facts, Notes, Page, Table
from portfolio.report.html.render import Format, drawing, figure
from portfolio.report.html.theme import DARK, LIGHT

REPORT = "report.html"
"""Name of the page in a result folder."""


def render_page(page: Page) -> str:
    """Return the page as HTML."""
    style, script = _style(), _resource("page.js")
    return _environment().get_template("page.html").render(
        page=page,
        sections=[s for s in page.sections if s.blocks or s.prose or s.aside],
        style=Markup(style),  # noqa: S704  our own file
        script=Markup(script),  # noqa: S704  our own file
        policy=_policy(style, script),
    )  # fmt: skip


def write_page(page: Page, folder: Path) -> Path:
    """Write ``report.html`` into a folder, whole or not at all, in place of an older one; return its path.

    Raises
    ------
    OutputError
        Where it cannot be written.
    """
    target = folder / REPORT
    _write(target, render_page(page).encode())
    return target


def write_figures(page: Page, folder: Path, form: Format) -> tuple[Path, ...]:
    """Write every chart of a page as a file of its own, in place of older ones; return their paths.

    Raises
    ------
    OutputError
        Where the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise OutputError(f"{folder} cannot be written: {fault}") from fault
    paths = []
    for chart in page.charts:
        paths.append(folder / f"{chart.name}.{form}")
        _write(paths[-1], figure(chart, form))
    return tuple(paths)


def _write(target: Path, content: bytes) -> None:
    draft: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        draft = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        draft.chmod(0o644)
        draft.replace(target)
    except BaseException as fault:
        if draft is not None:
            draft.unlink(missing_ok=True)
        if isinstance(fault, OSError):
            raise OutputError(f"{target} cannot be written: {fault}") from fault
        raise


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("portfolio.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"svg": _drawn, "cells": cells, "tight": tight}
    made.tests["chart"] = lambda block: isinstance(block, Chart)
    made.tests["table"] = lambda block: isinstance(block, Table)
    made.tests["facts"] = lambda block: isinstance(block, Facts)
    made.tests["notes"] = lambda block: isinstance(block, Notes)
    return made


@lru_cache(maxsize=20_000)
def tight(text: str) -> str:
    """Keep numbers and their units on one line."""
    return re.sub(r"(?<=\d) (?=(?:%|M|t/y|t)(?!\w))|(?<=\bUSD) (?=[\d−])", "\u00a0", text)


def _drawn(chart: Chart) -> dict[str, Markup]:
    """Both widths of a chart; Vega escapes the text in them."""
    made = drawing(chart)
    return {"wide": Markup(made.wide), "slim": Markup(made.slim)}  # noqa: S704


def cells(block: Chart | Table) -> list[list[dict[str, Any]]]:
    """Return the rows of a table as text, with the exact value beside each number."""
    columns = [_column(block.data, column) for column in block.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _column(data: pd.DataFrame, column: Column) -> list[dict[str, Any]]:
    if column.form is None:
        return [{"text": "" if pd.isna(v) else str(v), "value": None} for v in data[column.name]]
    found = []
    for value in data[column.name].astype(float):
        known = math.isfinite(value)
        text = column.form(value).replace("-", "−") if known else ""
        found.append({"text": text, "value": f"{value:.12g}" if known else None})
    return found


@cache
def _resource(name: str) -> str:
    return (files("portfolio.report.html") / "templates" / name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    """Style of the page. Print is always light: the dark colours are for screens alone."""
    light, dark = (" ".join(f"--{k}: {v};" for k, v in colours.items()) for colours in (LIGHT, DARK))
    scheme = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    return f":root {{ {light} }}\n{scheme}\n{_resource('page.css')}"


def _policy(style: str, script: str) -> str:
    """What the page may load and run: its own style and its own script, nothing from anywhere."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
