"""Studies of tidy tables as pages read them: the folder, its tables with headings, what the figures rest on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.report.html.page import Block, Column, Notes, Section, Table, year
from portfolio.report.html.run_data import read_table
from portfolio.report.html.study import read_record
from portfolio.report.words import count, number, percent

FILE = "study.json"
MOST_ROWS = 400
"""Rows of a table that a page shows; the rest is in the file."""
WHOLE = frozenset(("window", "year", "start_year", "seed", "year_of_p95", "alive_in"))
"""Columns of whole numbers that are no amounts."""
UNITS = {"_usd_m": ", USD M", "_usd_kg": ", USD/kg", "_tpy": ", t/y", "_t": ", t", "_y": ", years", "_s": ", s"}
"""Ends of column names in words."""


@dataclass(frozen=True)
class StudyFolder:
    """What a study's folder holds: ``study.json`` and its tables by name, the main one first."""

    record: dict[str, Any]
    tables: dict[str, pd.DataFrame]

    @staticmethod
    def read(folder: Path) -> StudyFolder:
        """Read a folder that is whole."""
        record = read_record(folder, FILE)
        return StudyFolder(record, {name: read_table(folder / f"{name}.csv") for name in record["tables"]})

    def has(self, name: str, *columns: str) -> bool:
        """Whether there is a table with rows and these columns."""
        table = self.tables.get(name)
        return table is not None and not table.empty and set(columns) <= set(table.columns)

    @property
    def interval(self) -> str:
        """What its intervals are, in words."""
        level = self.record.get("level")
        return "intervals" if level is None else f"{percent(float(level))} intervals"

    @property
    def about(self) -> str:
        """On what the figures rest."""
        said, record = [], self.record
        if record.get("scenarios"):
            seed = f" (seed {record['seed']})" if "seed" in record else ""
            said.append(f"portfolios chosen on {count(int(record['scenarios']), 'scenario')}{seed}")
        if record.get("fresh") and isinstance(record["fresh"], int):
            said.append(f"measured on {count(record['fresh'], 'fresh scenario')}, the same for all")
        if isinstance(record.get("gap"), float):
            said.append(f"gap asked of each search {percent(record['gap'])}")
        text = "; ".join(said)
        return f"{text[:1].upper()}{text[1:]}." if text else ""

    @property
    def warnings(self) -> tuple[Block, ...]:
        """What to know before acting on it."""
        said = [str(c) for c in self.record.get("caveats", ())]
        if self.record.get("exit_code") == 3:
            said.insert(0, "A limit stopped part of it before it was finished.")
        return (Notes("Before you act on it", tuple(said), warning=True),) if said else ()

    def evidence(self) -> Section:
        """Every table, folded."""
        return Section("All tables", tuple(folded(name, table) for name, table in self.tables.items()))


def heading(name: str) -> str:
    """Name of a column in words, with its unit."""
    for end, unit in UNITS.items():
        if name.endswith(end) and name != end:
            return heading(name.removesuffix(end)) + unit
    text = name.replace("_", " ") if name.islower() or "_" in name else name
    return f"{text[:1].upper()}{text[1:]}"


def general(value: float) -> str:
    """Write a number of which nothing is known: small ones with two digits."""
    return f"{value:.2g}" if 0 < abs(value) < 0.1 else number(value)


def columns_of(table: pd.DataFrame) -> tuple[Column, ...]:
    """Columns of a table as the data has them: numbers as numbers, all else as text."""
    return tuple(Column(str(name), heading(str(name)), _form(table, str(name))) for name in table.columns)


def _form(table: pd.DataFrame, name: str) -> Any:
    values = table[name]
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return None
    return year if name in WHOLE else general


def shown(name: str, table: pd.DataFrame, *, title: str = "", folded: bool = False) -> Table:
    """Table of a study; of a long one the first rows."""
    note = "" if len(table) <= MOST_ROWS else f"The first {MOST_ROWS} of {len(table):,} rows; all are in {name}.csv."
    text = title or heading(name)
    data = table.head(MOST_ROWS) if len(table.columns) else pd.DataFrame()
    return Table(text, data, columns_of(table), note, folded)


def folded(name: str, table: pd.DataFrame) -> Table:
    """Table behind a line that opens it, with the name of its file."""
    return shown(name, table, title=f"{heading(name)} ({name}.csv, {count(len(table), 'row')})", folded=True)


def text_of(values: pd.Series) -> pd.Series:
    """Values as names: whole numbers without decimals, nothing for what is missing."""
    if pd.api.types.is_float_dtype(values):
        return pd.Series(["" if pd.isna(v) else f"{v:g}" for v in values], index=values.index)
    return values.fillna("").astype(str)
