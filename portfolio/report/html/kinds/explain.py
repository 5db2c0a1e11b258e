"""The page of why a project is in the portfolio, or is not."""

from __future__ import annotations

from typing import Any

import pandas as pd

from portfolio.report.html.page import Block, Chart, Column, Fact, Facts, Page, Section, signed
from portfolio.report.html.plots import Intervals
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder, shown
from portfolio.report.words import count, percent

TABLES = (
    ("rules", "One rule at a time taken out", ("rule", "verdict", "worth_low", "worth_high")),
    ("moves", "How far a number would have to move", ("what", "now", "direction", "words")),
    ("projects", "Who comes and goes with it", ("project", "change")),
    ("left_out", "Ways to finance it that are left out, and why", ("structure", "why")),
)
"""Tables that are read: name, title, columns; the whole ones are at the end of the page."""


def explain_page(found: StudyFolder) -> Page:
    """Return the page of a project."""
    blocks: tuple[Block, ...] = (_facts(found.record), *_worth(found), *found.warnings)
    tables = tuple(
        shown(name, found.tables[name][list(columns)], title=title)
        for name, title, columns in TABLES
        if found.has(name, *columns)
    )
    project = str(found.record["project"])
    sections = (
        Section(f"Why {project}, or why not", blocks),
        Section("What would change it", tables),
        found.evidence(),
    )
    return study_page(found.record, f"{project}, in or out: explanation", found.about, sections)


def _facts(record: dict[str, Any]) -> Facts:
    facts = [
        Fact("Verdict", str(record["verdict"]), f"in the run's portfolio: {'yes' if record['in_run'] else 'no'}"),
    ]
    if record["worth_low"] is not None and record["worth_high"] is not None:
        worth = f"{signed(record['worth_low'])} to {signed(record['worth_high'])}"
        facts.append(Fact("What it is worth, in sample", worth, "objective without it less with it, as far as proven"))
    fresh = record.get("fresh")
    if fresh and fresh["low"] is not None and fresh["high"] is not None:
        facts.append(
            Fact(
                "On fresh scenarios",
                signed(fresh["estimate"]),
                f"{percent(record['level'])} interval {signed(fresh['low'])} to {signed(fresh['high'])}, "
                f"{count(int(fresh['scenarios']), 'scenario')}",
            )
        )
    return Facts(tuple(facts))


def _worth(found: StudyFolder) -> tuple[Chart, ...]:
    """What the project would be worth with one rule after the other taken out; the case as it is first."""
    rows = []
    record = found.record
    if record["worth_low"] is not None and record["worth_high"] is not None:
        rows.append(("the case as it is", record["worth_low"], record["worth_high"], str(record["verdict"])))
    if found.has("rules", "rule", "worth_low", "worth_high", "verdict"):
        bracketed = found.tables["rules"].dropna(subset=["worth_low", "worth_high"])
        rows += [
            (f"without: {r['rule']}", r["worth_low"], r["worth_high"], str(r["verdict"]))
            for r in bracketed.to_dict(orient="records")
        ]
    if not rows:
        return ()
    data = pd.DataFrame(rows, columns=["rule", "low", "high", "verdict"])
    data["middle"] = (data["low"] + data["high"]) / 2
    chart = Chart(
        name="worth",
        title="What it would be worth",
        unit="Objective without it less with it: the range proven in the sample. Right of 0: in every best portfolio; "
        "left of 0: in none",
        alt="Ranges: "
        + "; ".join(f"{r['rule']} {signed(r['low'])} to {signed(r['high'])}" for r in data.to_dict(orient="records")),
        data=data,
        columns=(
            Column("rule", "Rules"),
            Column("low", "At least", signed),
            Column("high", "At most", signed),
            Column("verdict", "Verdict"),
        ),
        plot=Intervals("rule", "middle", "low", "high", title="objective removed by it"),
        note="Dots are in the middle of the range; nothing says that it is worth that.",
    )
    return (chart,)
