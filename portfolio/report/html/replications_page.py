"""The page of replications: how far a portfolio is from the best there is."""

from __future__ import annotations

from pathlib import Path

from portfolio.report.html.page import Chart, Column, Fact, Facts, Page, Section, Table, year
from portfolio.report.html.plots import Stacked
from portfolio.report.html.run_data import read_table
from portfolio.report.html.study import caveats, read_record, study_page
from portfolio.report.words import count, number, percent

RECORD = "replications.json"


def replications_page(folder: Path) -> Page:
    """Return the page of the folder of replications."""
    record = read_record(folder, RECORD)
    answer = record["answer"]
    about = (
        f"The portfolio beside the best of {count(answer['batches'], 'fresh batch').replace('batchs', 'batches')} of "
        f"{count(answer['scenarios'], 'scenario')}, each solved to a gap of {percent(record['asked_gap'])} "
        f"({answer['method']})."
    )
    target = "none was asked for" if record["target"] is None else percent(record["target"])
    facts = Facts(
        (
            Fact(
                f"Upper limit of the gap, {100 * record['level']:.3g} % one-sided",
                percent(answer["relative_upper"]),
                f"{number(answer['upper'])} of {number(answer['objective'])}; target: {target}",
            ),
            Fact("Gap estimated", percent(answer["relative"]), number(answer["gap"])),
            Fact("Of it sampling", number(answer["sampling_gap"]), "the portfolio − best found in each batch"),
            Fact("Of it the solver", number(answer["solver_gap"]), "best found − bound proven in each batch"),
        )
    )
    said = (
        f"With {100 * record['level']:.3g} % confidence the objective of the portfolio is at most "
        f"{percent(answer['relative_upper'])} above that of the best portfolio there is."
    )
    first = Section("How far from the best", (facts, *caveats(record), _batches(folder)), said)
    return study_page(record, "Replications", about, (first, Section("Looks", (_looks(folder),))))


def _batches(folder: Path) -> Chart:
    batches = read_table(folder / "batches.csv").reset_index(names="batch")
    batches["batch"] = [f"batch {n + 1}" for n in batches["batch"]]
    parts = {"sampling_gap": "sampling gap", "solver_gap": "solver gap"}
    data = batches.melt(
        ["batch", "scenarios", "candidate", "found", "bound", "status"], list(parts), "part", "part_gap"
    )
    data["part"] = data["part"].map(parts)
    gaps = batches["gap"]
    return Chart(
        name="batches",
        title="Gap in each batch",
        unit="Objective of the portfolio less the bound proven on every portfolio, in units of the objective",
        alt=f"Stacked bars of {len(batches)} batches: the gap lies between {number(gaps.min())} and "
        f"{number(gaps.max())}.",
        data=data,
        columns=(
            Column("batch", "Batch"),
            Column("scenarios", "Scenarios", number),
            Column("candidate", "Portfolio", number),
            Column("found", "Best found", number),
            Column("bound", "Bound", number),
            Column("part", "Part"),
            Column("part_gap", "Gap, part", number),
            Column("status", "Search"),
        ),
        plot=Stacked("batch", "part_gap", "part", title="gap"),
    )


def _looks(folder: Path) -> Table:
    columns = (
        Column("batches", "Batches", year),
        Column("scenarios", "Scenarios each", number),
        Column("gap", "Gap", number),
        Column("upper", "Upper limit", number),
        Column("relative", "Gap, share", percent),
        Column("relative_upper", "Upper limit, share", percent),
        Column("note", "Note"),
    )
    return Table("Every look at the gap; the last one is the answer", read_table(folder / "looks.csv"), columns)
