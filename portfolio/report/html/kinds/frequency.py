"""The page of how often each project is chosen when the sample is drawn anew."""

from __future__ import annotations

from portfolio.report.html.page import Chart, Column, Page, Section, year
from portfolio.report.html.plots import Intervals
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder
from portfolio.report.words import count, percent

IN, OUT = "in the run's portfolio", "not in it"


def frequency_page(found: StudyFolder) -> Page:
    """Return the page of the frequencies."""
    first = Section("How often each project is chosen", (_often(found), *found.warnings))
    return study_page(found.record, "Frequency of projects", found.about, (first, found.evidence()))


def _often(found: StudyFolder) -> Chart:
    """Shares of the samples with exact intervals; projects never chosen and not in the run are left to the table."""
    rows = found.tables["frequency"].dropna(subset=["share"])
    held = rows["in_run"].astype(str) == "True"
    rows = rows.assign(held=held.map({True: IN, False: OUT}))
    drawn = rows.loc[(rows["chosen"] > 0) | held]
    never = rows.loc[~rows["project"].isin(drawn["project"]), "project"]
    said = "; ".join(f"{r['project']} {percent(r['share'])}" for r in drawn.to_dict(orient="records"))
    samples = count(int(found.record["solved"]), "sample")
    return Chart(
        name="frequency",
        title="How often each project is chosen",
        unit=f"Share of {samples} whose portfolio holds it, with {found.interval} of each alone (Clopper-Pearson)",
        alt=f"Dots with intervals: {said}.",
        data=drawn,
        columns=(
            Column("project", "Project"),
            Column("held", "In the run"),
            Column("chosen", "Samples that hold it", year),
            Column("share", "Share", percent),
            Column("low", "From", percent),
            Column("high", "To", percent),
        ),
        plot=Intervals(
            "project", "share", "low", "high", series="held", muted=(OUT,), beside=False, share=True,
            title="share of samples",
        ),
        note=f"In none of them: {', '.join(never)}." if len(never) else "",
    )  # fmt: skip
