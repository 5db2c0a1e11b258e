"""The summary of a sweep on a terminal: what moves the answers, and where the portfolio changes."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.study import Study
from portfolio.report.summary import count, number, percent, start_table

MOST = 20
"""Rows of a table that are shown; all are in the files."""
WORDS = {
    "weighted": "weighted shortfall, with the fund",
    "reduction": "reduction of it by the fund",
    "cvar": "CVaR of it, with the fund",
    "public_cost_usd_m": "public cost, USD M",
    "objective": "objective, in the sample",
}
"""Outputs in words."""


def summary(study: Study) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    f = study.figures
    head = (
        f"{count(f['rows'], 'row')} of a design {f['design']}, {count(f['points'], 'case')} solved, the case itself "
        f"among them; {count(f['scenarios'], 'scenario')}, seed {f['seed']}, gap {percent(f['gap'])}\n"
    )
    parts: list[RenderableType] = [Text.assemble((study.title, "bold"), "\n", head), _spread(study)]
    parts += [make(study.tables[name], study) for name, make in PARTS.items() if name in study.tables]
    grid = Table.grid(padding=(0, 1))
    for note in study.caveats:
        grid.add_row("  -", Text(note))
    parts += [Text("Before you act on it", style="bold"), grid]
    if study.path is not None:
        parts.append(Text(f"\nStudy folder: {study.path}", style="bold", overflow="ignore", no_wrap=True))
    return Group(*parts)


def _spread(study: Study) -> Table:
    table = start_table(
        "Outputs over the design (means over fresh scenarios, but for the last two)",
        ("output", "left"),
        ("the case itself", "right"),
        ("least", "right"),
        ("mean", "right"),
        ("most", "right"),
    )
    for row in study.figures["spread"]:
        table.add_row(WORDS[row["output"]], *(_figure(row[k]) for k in ("base", "least", "mean", "most")))
    return table


def _figure(value: float | None) -> str:
    """A number, empty where there is none."""
    return "" if value is None or value != value else f"{'−' if value < 0 else ''}{number(abs(value))}"


def _span(row: dict[str, Any], low: str, high: str) -> str:
    return f"{_figure(row[low])} to {_figure(row[high])}"


def _tornado(table: pd.DataFrame, study: Study) -> RenderableType:
    """Changes of the first output, the widest first."""
    output = study.figures["outputs"][0]
    rows = table.loc[table["output"] == output]
    width = rows.groupby("number")["change"].agg(lambda c: c.abs().max()).sort_values(ascending=False)
    shown = start_table(
        f"One number at a time: change of {WORDS[output]} ({percent(study.figures['level'])} interval, paired)",
        ("number", "left"),
        ("value", "right"),
        ("change", "right"),
        ("interval", "right"),
        ("told apart", "left"),
    )
    for name in list(width.index)[:MOST]:
        for row in rows.loc[rows["number"] == name].to_dict(orient="records"):
            cells = {str(k): v for k, v in row.items()}
            shown.add_row(
                escape(str(name)) if cells["end"] == "low" else "",
                escape(str(cells["value"])),
                _figure(cells["change"]),
                _span(cells, "change_low", "change_high"),
                "yes" if cells["told"] else "no",
            )
    return shown


def _switches(table: pd.DataFrame, _: Study) -> RenderableType:
    if table.empty:
        return Text("No switching values: neighbouring points support the same projects.\n")
    shown = start_table(
        "Switching values: between which values projects enter or leave",
        ("number", "left"),
        ("between", "left"),
        ("enter", "left"),
        ("leave", "left"),
        ("", "left"),
    )
    for row in table.head(MOST).to_dict(orient="records"):
        where = f"\n({row['others']})" if row["others"] else ""
        shown.add_row(
            escape(f"{row['number']}{where}"),
            f"{row['low']} and {row['high']}",
            escape(str(row["enters"]).replace(";", ", ")),
            escape(str(row["leaves"]).replace(";", ", ")),
            row["verdict"],
        )
    return Group(shown, _more(len(table), "switches"))


def _indices(table: pd.DataFrame, study: Study) -> RenderableType:
    shown = start_table(
        f"Indices ({percent(study.figures['level'])} interval)",
        ("output", "left"),
        ("number", "left"),
        ("index", "left"),
        ("estimate", "right"),
        ("interval", "right"),
    )
    last = ""
    for row in table.to_dict(orient="records"):
        cells = {str(k): v for k, v in row.items()}
        shown.add_row(
            WORDS[cells["output"]] if cells["output"] != last else "",
            escape(str(cells["number"])),
            str(cells["index"]),
            _figure(cells["estimate"]),
            _span(cells, "low", "high"),
        )
        last = cells["output"]
    return shown


def _more(rows: int, name: str) -> Text:
    return Text(f"{rows - MOST} more in {name}.csv\n" if rows > MOST else "")


PARTS = {"tornado": _tornado, "switches": _switches, "indices": _indices}
"""Tables that are shown, with how."""
