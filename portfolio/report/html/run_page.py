"""The page of a run."""

from __future__ import annotations

from pathlib import Path

from portfolio.report.html.beside import beside
from portfolio.report.html.evaluation_page import fresh_blocks
from portfolio.report.html.page import Page, Section
from portfolio.report.html.run_data import RunFolder, read_table
from portfolio.report.html.run_decision import decision
from portfolio.report.html.run_money import portfolio
from portfolio.report.html.run_shortfall import benchmarks, shortfall
from portfolio.report.html.run_supply import supply
from portfolio.report.html.stress_page import stress_blocks
from portfolio.report.html.study import FreshFigures, read_record
from portfolio.report.words import count, percent


def run_page(folder: Path) -> Page:
    """Return the page of a run folder, with the newest evaluation and stress test of the run that lie beside it."""
    run = RunFolder.read(folder)
    near = beside(folder, run.record)
    fresh: FreshFigures | None = None
    sections: list[Section | None] = []
    if near.evaluation is not None:
        level = float(read_record(near.evaluation, "evaluation.json")["level"])
        fresh = FreshFigures(read_table(near.evaluation / "figures.csv"), level)
        sections.append(Section("Out of sample", fresh_blocks(near.evaluation), f"From {near.evaluation.name}."))
    sections += [shortfall(run, spread=fresh is None), portfolio(run), supply(run), benchmarks(run)]
    if near.stress is not None:
        sections.append(Section("Stress", stress_blocks(near.stress), f"From {near.stress.name}."))
    case, record = run.case.settings.case, run.record
    status = str(record["status"])
    return Page(
        title=case.title or case.name,
        kind="Run",
        about=f"{status[:1].upper()}{status[1:]}: gap {percent(record['gap'])} (asked for "
        f"{percent(record['asked_gap'])}), {count(record['scenarios'], 'scenario')}, seed {record['seed']}, method "
        f"{record['method']}. Money is real USD of {case.currency_year}, tonnes are contained oxide.",
        sections=(decision(run, fresh), *(s for s in sections if s is not None)),
        made=_made(run),
    )


def _made(run: RunFolder) -> str:
    record = run.record
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    overrides = f" Overrides: {'; '.join(record['overrides'])}." if record["overrides"] else ""
    return (
        f"Run made {record['made']}. Seeds: scenarios {record['seeds']['scenarios']}, charges "
        f"{record['seeds']['charges']}.{overrides} Versions: {versions}. run.json "
        "in this folder has everything, inputs/ the case as solved."
    )
