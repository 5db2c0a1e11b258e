"""The description of the case format, made from the schema.

``python -m portfolio.case.readme > inputs/README.md`` writes it anew after a change of the schema.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from portfolio.case.parsing import range_in_words
from portfolio.case.schema import Column, columns
from portfolio.case.settings import REQUIRED_SECTIONS, SECTIONS
from portfolio.case.sheets import SETTINGS_FILE, table_file
from portfolio.case.tables import OPTIONAL_TABLES, TABLES
from portfolio.case.writing import format_cell, format_setting

_HEAD = """# Cases

A case is a folder with `case.toml` and the CSV tables below. `eu_japan_ree/` is the shipped case, `tiny/` one small
enough to solve by hand. `portfolio init DIR` copies a case, `portfolio validate DIR` lists everything that is wrong
with one. `portfolio init --workbook FILE.xlsx` makes a case one workbook instead, with a sheet for each table and one
for the settings, which every command takes in place of the folder.

This page is made from the schema: `python -m portfolio.case.readme > inputs/README.md`.

- Files are UTF-8, cells are separated by commas; write numbers with a decimal point and without thousands separators.
- Money is real USD million of `case.currency_year`, t is metric tonnes of contained oxide equivalent, rates are per
  year, shares are fractions of 1.
- An empty cell, or a column left out, takes the default; where the default is "required" it must be given.
- Lists are separated by `;` in tables (`EU;JP`) and written as `["EU", "JP"]` in `case.toml`; `*` means all.
- Flags are 0 or 1 in tables, `false` or `true` in `case.toml`.
- Columns marked *key* together identify a row. Names hold none of `; * , = [ ]`.
- Unknown files, sections, keys and columns are errors. Other files than CSV, such as a README, are left alone.

Any value can be replaced from the command line: `--set risk.cvar_weight=0.5`, for every row
`--set projects.capex_usd_m*=1.2`, for one row `--set budgets.budget_usd_m[JOGMEC,2027]=300` with the key columns in
their order (`*` matches any).
"""


def describe_schema() -> str:
    """Return the Markdown page that describes every file, section, key and column of a case."""
    parts = [_HEAD, f"## `{SETTINGS_FILE}`\n"]
    for section, record in SECTIONS.items():
        need = "" if section in REQUIRED_SECTIONS else " (may be left out)"
        parts.append(f"### `[{section}]`{need}\n\n{_about(record)}\n\n{_table(columns(record), 'key')}")
    parts.append("## Tables\n")
    for table, record in TABLES.items():
        need = " (may be left out)" if table in OPTIONAL_TABLES else ""
        parts.append(f"### `{table_file(table)}`{need}\n\n{_about(record)}\n\n{_table(columns(record), 'column')}")
    return "\n".join(parts)


def _about(record: type) -> str:
    """Return the first line of the docstring of a record, without the name of its section."""
    text = (record.__doc__ or "").strip().splitlines()[0]
    if text.startswith("Section") and ": " in text:
        text = text.split(": ", 1)[1]
    return text[:1].upper() + text[1:].replace("``", "`")


def _table(described: Iterable[Column], head: str) -> str:
    rows = [f"| {head} | type | unit | bounds | default | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    for about in described:
        cells = (
            f"`{about.name}`" + (" *key*" if about.key else ""),
            _type(about),
            about.unit,
            _bounds(about),
            _default(about, toml=head == "key"),
            about.meaning.replace("|", "\\|"),
        )
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _type(about: Column) -> str:
    if about.kind == "flag":
        return "flag"
    if about.refers:
        whose = "`horizon.windows`" if about.refers == "windows" else f"`{about.refers}`"
        return f"{'names' if about.kind == 'list' else 'name' if about.kind == 'text' else about.kind} of {whose}"
    return {"list": "list", "numbers": "list of integers"}.get(about.kind, about.kind)


def _bounds(about: Column) -> str:
    if about.choices:
        return ", ".join(f"`{word}`" for word in about.choices if word)
    words = range_in_words(about)
    return words.removesuffix(f" ({about.unit})") if about.unit else words


def _default(about: Column, *, toml: bool) -> str:
    if about.required:
        return "required"
    shown = "" if about.default is None else (format_setting if toml else format_cell)(about, about.default)
    return f"`{shown}`" if shown not in ("", '""', "[]") else ""


if __name__ == "__main__":
    sys.stdout.write(describe_schema())
