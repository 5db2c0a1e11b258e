"""The page of waiting: what adapting later windows, deciding now and waiting are worth."""

from __future__ import annotations

import pandas as pd

from portfolio.report.html.page import Chart, Column, Notes, Page, Section, signed
from portfolio.report.html.plots import Intervals, Matrix
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder
from portfolio.report.words import number, percent

SIGNS = {"gains": "gains", "loses": "loses", "open": "not told from nothing"}


def wait_page(found: StudyFolder) -> Page:
    """Return the page of the value of waiting."""
    rows = found.tables["differences"].to_dict(orient="records")
    said = Notes("What it says", tuple(f"{_capital(str(r['value_of']))}, {r['verdict']}." for r in rows))
    first = Section("Decide now or wait", (said, _values(found), _policies(found), *found.warnings))
    adapted = Section("What is adapted", _clusters(found))
    return study_page(found.record, "Value of waiting", found.about, (first, adapted, found.evidence()))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _values(found: StudyFolder) -> Chart:
    rows = found.tables["differences"]
    rows = rows.assign(told=rows["fresh_sign"].map(SIGNS), found=rows["sample_sign"].map(SIGNS))
    said = "; ".join(f"{r['value_of']}: {r['verdict']}" for r in rows.to_dict(orient="records"))
    return Chart(
        name="values",
        title="What it is worth",
        unit=f"Objective removed on fresh scenarios, paired, with {found.interval} that hold together; below 0 it does "
        "harm",
        alt=f"Dots with intervals: {said}.",
        data=rows,
        columns=(
            Column("value_of", "Value of"),
            Column("fresh", "On fresh scenarios", signed),
            Column("low", "From", signed),
            Column("high", "To", signed),
            Column("told", "There"),
            Column("in_sample", "In sample", signed),
            Column("least", "At least, by gaps", signed),
            Column("most", "At most, by gaps", signed),
            Column("found", "There"),
            Column("verdict", "In words"),
        ),
        plot=Intervals(
            "value_of", "fresh", "low", "high", series="told", muted=(SIGNS["open"],), beside=False,
            title="objective removed",
        ),
    )  # fmt: skip


def _policies(found: StudyFolder) -> Chart:
    rows = found.tables["policies"].dropna(subset=["fresh"])
    said = "; ".join(f"{r['meaning']} {number(r['fresh'])}" for r in rows.to_dict(orient="records"))
    return Chart(
        name="policies",
        title="What each policy leaves",
        unit=f"Objective on fresh scenarios, with {found.interval} of each alone",
        alt=f"Dots with intervals: {said}.",
        data=rows,
        columns=(
            Column("meaning", "Policy"),
            Column("fresh", "On fresh scenarios", number),
            Column("low", "From", number),
            Column("high", "To", number),
            Column("objective", "In sample", number),
            Column("bound", "Bound", number),
        ),
        plot=Intervals("meaning", "fresh", "low", "high", title="objective"),
    )


def _clusters(found: StudyFolder) -> tuple[Chart, ...]:
    """Which projects are supported in which cluster of what was seen."""
    if not found.has("clusters", "policy", "cluster", "projects", "share"):
        return ()
    rows = found.tables["clusters"].copy()
    rows = rows.loc[rows["policy"] == "adapted"]
    if rows.empty:
        return ()
    cells = []
    projects = sorted({p for text in rows["projects"].fillna("") for p in str(text).split()})
    for row in rows.to_dict(orient="records"):
        inside = set(str(row["projects"]).split())
        label = f"{row['cluster']:.0f}: {percent(row['share'])}"
        for project in projects:
            held = project in inside
            cells.append({"project": project, "cluster": label, "in": 0.75 * held, "text": "●" if held else ""})
    chart = Chart(
        name="clusters",
        title="Which projects are supported after what was seen",
        unit="Clusters of scenarios by what is known before the second window, with their share; ●: supported",
        alt=f"Matrix of {len(projects)} projects by {len(rows)} clusters.",
        data=pd.DataFrame(cells, columns=["project", "cluster", "in", "text"]),
        columns=(Column("project", "Project"), Column("cluster", "Cluster"), Column("text", "Supported")),
        plot=Matrix("project", "cluster", "in", "text", title="cluster: share of scenarios"),
        note="The first window is the same in all of them.",
    )
    return (chart,)
