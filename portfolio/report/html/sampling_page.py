"""The page of the check of the sampler: every parameter beside what the sample shows, and what designs save."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from portfolio.report.html.page import Chart, Column, Fact, Facts, Page, Section, Table, signed, year
from portfolio.report.html.plots import Histogram, Intervals
from portfolio.report.html.run_data import read_table
from portfolio.report.html.study import caveats, read_record, study_page
from portfolio.report.html.tidy import general
from portfolio.report.words import count, number
from portfolio.scenarios.quality.moments import FEW

RECORD = "sampling.json"
FURTHEST = 12
"""Rows shown without opening a table."""
SEEN, LUCK = "rows", "what luck gives (standard normal)"


def sampling_page(folder: Path) -> Page:
    """Return the page of the folder."""
    record = read_record(folder, RECORD)
    rows = read_table(folder / "moments.csv")
    rows["flag"] = rows["flag"].astype(object).where(rows["flag"].notna(), "")
    rows["row"] = [f"{d} {e}, {q}" for d, e, q in zip(rows["driver"], rows["entity"], rows["quantity"], strict=True)]
    about = f"{count(record['scenarios'], 'scenario')} by {record['design'].replace('_', ' ')} (seed {record['seed']})."
    judged = rows.loc[rows["flag"] != FEW]
    charts = (_distances(judged, float(record["z_limit"])),) if len(judged) else ()
    found = (_facts(record, rows, judged), *charts, *caveats(record))
    first = Section("Is the sampler true", found, str(record["verdict"]))
    designs = Section("What designs save", _ratios(folder))
    return study_page(record, "Check of the sampler", about, (first, designs, _rows(rows, judged)))


def _facts(record: dict[str, Any], rows: pd.DataFrame, judged: pd.DataFrame) -> Facts:
    few = len(rows) - len(judged)
    seen = f"; of {few:,} more too little was seen" if few else ""
    facts = [Fact("Rows flagged", f"{record['flagged']}", f"of {len(judged):,} judged{seen}")]
    if len(judged):
        worst = judged.iloc[int(judged["z"].abs().to_numpy().argmax())]
        facts.append(Fact("Furthest off", f"{number(abs(worst['z']))} standard errors", str(worst["row"])))
    facts.append(Fact("Flagged beyond", number(record["z_limit"]), "standard errors, for all rows together"))
    return Facts(tuple(facts))


def _distances(judged: pd.DataFrame, limit: float) -> Chart:
    """How far rows are off, beside what luck gives."""
    z = judged["z"].to_numpy(dtype=float)
    most = max(4.0, float(np.ceil(np.abs(z).max() * 2) / 2))
    edges = np.arange(-most, most + 0.25, 0.5)
    seen, _ = np.histogram(z, edges)
    parts = [(SEEN, seen / z.size), (LUCK, np.diff(norm.cdf(edges)))]
    data = pd.concat(
        [pd.DataFrame({"of": of, "from": edges[:-1], "to": edges[1:], "share": share}) for of, share in parts],
        ignore_index=True,
    )
    inside = float((np.abs(z) <= 2).mean())
    return Chart(
        name="distances",
        title="How far statistics are from what the parameters give",
        unit=f"Share of rows by distance in standard errors; flagged beyond {number(limit)}",
        alt=f"Histograms: {100 * inside:.0f} % of {z.size} rows lie within two standard errors, where luck gives 95 %.",
        data=data,
        columns=(
            Column("of", "Of"),
            Column("from", "From", signed),
            Column("to", "To", signed),
            Column("share", "Share", general),
        ),
        plot=Histogram("from", "to", "share", "of", "standard errors", muted=(LUCK,), of="rows"),
        note="Rows share scenarios, so that their distances are not independent: the shapes need not agree exactly.",
    )


def _ratios(folder: Path) -> tuple[Chart, ...]:
    """Variance ratios of designs; nothing where none were tried."""
    path = folder / "variance_ratios.csv"
    if not path.is_file():
        return ()
    rows = read_table(path)
    rows["label"] = rows["design"].str.replace("_", " ") + ", " + rows["figure"].str.replace("_", " ")
    rows["in"] = rows["world"] + " the fund"
    chart = Chart(
        name="variance-ratios",
        title="How much a design saves",
        unit="Variance of plain Monte Carlo over that of the design, with intervals; above 1 the design is better",
        alt="Dots with intervals: "
        + "; ".join(f"{r['label']}, {r['in']} {number(r['ratio'])}" for r in rows.to_dict(orient="records")),
        data=rows,
        columns=(
            Column("label", "Design and figure"),
            Column("in", "World"),
            Column("points", "Points", year),
            Column("randomisations", "Randomisations", year),
            Column("plain", "Plain estimate", number),
            Column("under_design", "Estimate of the design", number),
            Column("ratio", "Variance ratio", number),
            Column("low", "From", number),
            Column("high", "To", number),
        ),
        plot=Intervals("label", "ratio", "low", "high", series="in", reference=1.0, title="variance ratio"),
    )
    return (chart,)


def _rows(rows: pd.DataFrame, judged: pd.DataFrame) -> Section:
    far = judged.reindex(judged["z"].abs().sort_values(ascending=False, kind="stable").index).head(FURTHEST)
    return Section(
        "Every parameter",
        (
            Table("The furthest off", far, _columns()[1:], "", folded=False),
            Table(f"All {len(rows):,} rows", rows, _columns(), folded=True),
        ),
    )


def _columns() -> tuple[Column, ...]:
    return (
        Column("driver", "Driver"),
        Column("row", "What"),
        Column("parameter", "Parameter"),
        Column("value", "Its value", general),
        Column("expected", "Expected", general),
        Column("estimate", "Seen", general),
        Column("standard_error", "Standard error", general),
        Column("z", "Standard errors off", signed),
        Column("seen", "Seen times", number),
        Column("flag", "Flag"),
    )
