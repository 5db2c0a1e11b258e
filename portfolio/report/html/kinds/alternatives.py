"""The page of near-optimal portfolios: what all, some and none of them hold."""

from __future__ import annotations

import pandas as pd

from portfolio.report.html.page import Chart, Column, Fact, Facts, Page, Section, signed, signed_percent
from portfolio.report.html.plots import Intervals, Matrix
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder, text_of
from portfolio.report.words import count, number, percent

PROVEN = "proven of all"
STRENGTH = {"in all": 0.9, "in some": 0.35, "undecided": 0.12, "in none": 0.0}
"""Colour of a verdict."""


def alternatives_page(found: StudyFolder) -> Page:
    """Return the page of the alternatives to a run's portfolio."""
    projects, rows = found.tables["projects"], found.tables["alternatives"]
    blocks = (_facts(found, projects, rows), _matrix(found, projects, rows), *found.warnings)
    how = (*_above(rows), *_fresh(found, rows))
    sections = (Section("In all, some or none", blocks), Section("How good they are", how), found.evidence())
    return study_page(found.record, "Alternatives", found.about, sections)


def _facts(found: StudyFolder, projects: pd.DataFrame, rows: pd.DataFrame) -> Facts:
    record, counts = found.record, projects["support"].value_counts()
    said = [(name, int(counts.get(name, 0))) for name in STRENGTH]
    return Facts(
        (
            Fact(
                "Portfolios shown",
                f"{len(rows)}",
                f"within {percent(record['within'])} of the best known"
                + ("; there are provably no other sets of projects" if record["exhausted"] else ""),
            ),
            *(Fact(f"Projects {name}" if name != "undecided" else "Undecided", f"{n}", "") for name, n in said if n),
            Fact("Gap of the best", percent(record["gap"]), f"{number(record['objective'])}, proven at least "
                 f"{number(record['bound'])}"),
        )
    )  # fmt: skip


def _matrix(found: StudyFolder, projects: pd.DataFrame, rows: pd.DataFrame) -> Chart:
    """A row for each project that is in any near-optimal portfolio, or may be; the rest is in the table."""
    held = {f"no. {r['alternative']}": set(str(r["projects"]).split("; ")) for r in rows.to_dict(orient="records")}
    kept = projects.loc[(projects["support"] != "in none") | (projects["alternatives_with"] > 0)]
    left = projects.loc[~projects["project"].isin(kept["project"]), "project"]
    names = text_of(kept["name"])
    cells = []
    for (_, row), name in zip(kept.iterrows(), names, strict=True):
        known = {"project": row["project"], "name": name, "support": row["support"], "reason": row["reason"]}
        cells.append(known | {"column": PROVEN, "text": row["support"], "strength": STRENGTH.get(row["support"], 0.0)})
        for column, some in held.items():
            inside = row["project"] in some
            cells.append(known | {"column": column, "text": "●" if inside else "", "strength": 0.75 * inside})
    data = pd.DataFrame(cells, columns=["project", "name", "support", "reason", "column", "text", "strength"])
    data["reason"] = text_of(data["reason"])
    by = "; ".join(
        f"{s}: {', '.join(kept.loc[kept['support'] == s, 'project'])}" for s in STRENGTH if s in set(kept["support"])
    )
    note = f"In none of them, proven or without a way to finance them: {', '.join(left)}." if len(left) else ""
    return Chart(
        name="in-all-some-none",
        title="Which projects are in all, in some and in none",
        unit=f"What is proven of every portfolio within {percent(found.record['within'])} of the best, and the "
        f"{count(len(rows), 'portfolio')} shown; no. 1 is the best",
        alt=f"Matrix of projects. {by}.",
        data=data,
        columns=(
            Column("project", "Project"),
            Column("name", "Name"),
            Column("support", "Proven"),
            Column("column", "Portfolio"),
            Column("text", "In it"),
        ),
        plot=Matrix("project", "column", "strength", "text"),
        note=note,
    )


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    projects = [f"no. {n}: {k:.0f} projects, {d:.0f} differing" for n, k, d in zip(
        rows["alternative"], rows["number_of_projects"], rows["projects_differing"], strict=True)]  # fmt: skip
    return rows.assign(label=projects, none=float("nan"))


def _above(rows: pd.DataFrame) -> tuple[Chart, ...]:
    """Objectives beside that of the best; nothing where it is alone."""
    if len(rows) < 2:
        return ()
    data = _numbered(rows)
    chart = Chart(
        name="above-best",
        title="How far above the best each lies",
        unit="Objective on the sample above that of the best, as a share of it",
        alt="Dots: "
        + "; ".join(f"no. {n} {percent(v)}" for n, v in zip(rows["alternative"], rows["above_best"], strict=True)),
        data=data,
        columns=(
            Column("label", "Portfolio"),
            Column("above_best", "Above the best", percent),
            Column("objective", "Objective", number),
            Column("money_moved_share", "Money moved", percent),
            Column("public_cost_usd_m", "Public cost, USD M", number),
            Column("charge_usd_m", "Charged, USD M", number),
            Column("projects", "Projects"),
        ),
        plot=Intervals("label", "above_best", "none", "none", share=True, title="above the best"),
    )
    return (chart,)


def _fresh(found: StudyFolder, rows: pd.DataFrame) -> tuple[Chart, ...]:
    """Paired differences on fresh scenarios; nothing where none were drawn."""
    data = _numbered(rows)
    if "fresh_difference" not in data or not data["fresh_difference"].notna().any():
        return ()
    data = data.dropna(subset=["fresh_difference"])
    data["share"] = data["fresh_difference"] / max(abs(float(found.record["objective"])), 1e-10)
    chart = Chart(
        name="fresh-difference",
        title="On fresh scenarios",
        unit=f"Objective less that of the best portfolio, paired, with {found.interval}",
        alt="Dots with intervals: "
        + "; ".join(f"{r['label']} {signed(r['fresh_difference'])}" for r in data.to_dict(orient="records")),
        data=data,
        columns=(
            Column("label", "Portfolio"),
            Column("fresh_difference", "Difference", signed),
            Column("fresh_low", "From", signed),
            Column("fresh_high", "To", signed),
            Column("share", "Of the best objective in sample", signed_percent),
        ),
        plot=Intervals("label", "fresh_difference", "fresh_low", "fresh_high", title="more than the best"),
        note="Where an interval holds zero the sample does not say which of the two is better.",
    )
    return (chart,)
