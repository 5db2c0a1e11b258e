"""The page of regret: candidates under opinions about hazard rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.report.html.page import Block, Chart, Column, Fact, Facts, Notes, Page, Section, Table, signed, year
from portfolio.report.html.plots import Intervals, Matrix
from portfolio.report.html.run_data import read_table
from portfolio.report.html.study import caveats, read_record, study_page
from portfolio.report.html.tidy import folded, text_of
from portfolio.report.words import count, number, percent

RECORD = "regret.json"
SIGNED_OFF = {1: "claimed", 0: "not claimed"}
MOST_HAZARDS = 15


def regret_page(folder: Path) -> Page:
    """Return the page of the folder."""
    record = read_record(folder, RECORD)
    rows = read_table(folder / "candidates.csv")
    about = (
        f"{count(len(rows), 'candidate')}, each best under some opinion about hazard rates, on "
        f"{count(record['scenarios'], 'fresh scenario')} (seed {record['seed']}), the same draws under every opinion."
    )
    choice = Notes("What it says", (str(record["recommendation"]),))
    first = Section(
        "Which portfolio regrets least", (_facts(record, rows), choice, _largest(rows, record), _cells(folder, rows),
                                          *caveats(record))
    )  # fmt: skip
    hazards = Section("Which hazards matter", (*_swings(folder, record), *_switches(folder)))
    inside = Section("What the candidates hold", _projects(folder))
    names = ("opinions", "candidates", "rates")
    tables = Section("Tables", tuple(folded(name, read_table(folder / f"{name}.csv")) for name in names))
    return study_page(record, "Regret", about, (first, hazards, inside, tables))


def _facts(record: dict[str, Any], rows: pd.DataFrame) -> Facts:
    named = rows.set_index("candidate")

    def fact(label: str, key: str) -> Fact:
        name = record[key]
        tied = record[f"{key}_tied"]
        regret = number(named.loc[name, "max_regret"])
        if tied:
            among = ", ".join((str(name), *tied))
            return Fact(label, "a tie", f"between {among}; least estimate: {name}, largest regret {regret}")
        return Fact(label, str(name), f"largest regret {regret}")

    run = named.iloc[0]
    return Facts(
        (
            fact("Least largest regret", "minmax_regret"),
            fact("Least cost under the case's opinion", "least_mean"),
            Fact(
                "Largest regret of the run's portfolio",
                f"{number(run['max_regret'])} ({percent(run['share'])})",
                f"{percent(record['level'])} interval {number(run['max_regret_low'])} to "
                f"{number(run['max_regret_high'])}" + (f"; {run['at']}" if isinstance(run["at"], str) else ""),
            ),
        )
    )


def _largest(rows: pd.DataFrame, record: dict[str, Any]) -> Chart:
    said = "; ".join(f"{r['candidate']} {number(r['max_regret'])}" for r in rows.to_dict(orient="records"))
    return Chart(
        name="largest-regret",
        title="Largest regret of each candidate",
        unit=f"Objective above that of the best candidate, under the opinion where that is most; "
        f"{percent(record['level'])} intervals",
        alt=f"Dots with intervals: {said}.",
        data=rows.assign(at=text_of(rows["at"]), against=text_of(rows["against"])),
        columns=(
            Column("candidate", "Candidate: best under"),
            Column("max_regret", "Largest regret", number),
            Column("max_regret_low", "From", number),
            Column("max_regret_high", "To", number),
            Column("share", "Share of the least objective", percent),
            Column("at", "Under"),
            Column("against", "Against"),
            Column("posterior_regret", "Regret under the case's opinion", number),
            Column("public_cost_usd_m", "Public cost, USD M", number),
            Column("projects", "Projects"),
        ),
        plot=Intervals("candidate", "max_regret", "max_regret_low", "max_regret_high", title="regret"),
    )


def _cells(folder: Path, candidates: pd.DataFrame) -> Chart:
    """Regret of every candidate under every opinion."""
    rows = read_table(folder / "matrix.csv")
    numbers = {name: f"{n}" for n, name in enumerate(candidates["candidate"], start=1)}
    rows["number"] = rows["candidate"].map(numbers)
    rows["text"] = [
        f"{percent(s).removesuffix(' %')}{'' if t else '*'}" for s, t in zip(rows["share"], rows["tied"], strict=True)
    ]
    rows["strength"] = rows["share"] / max(float(rows["share"].max()), 1e-10)
    key = "; ".join(f"{n} {name}" for name, n in numbers.items())
    worst = rows.iloc[int(rows["share"].to_numpy().argmax())]
    return Chart(
        name="matrix",
        title="Regret of every candidate under every opinion",
        unit="%, of the least objective under the opinion; * told apart from the best there",
        alt=f"Heat map of {rows['opinion'].nunique()} opinions by {len(numbers)} candidates. The largest: "
        f"{worst['candidate']} under {worst['opinion']}, {percent(worst['share'])}.",
        data=rows,
        columns=(
            Column("opinion", "Opinion"),
            Column("candidate", "Candidate"),
            Column("cost", "Objective", number),
            Column("regret", "Regret", number),
            Column("regret_low", "From", number),
            Column("regret_high", "To", number),
            Column("share", "Share", percent),
            Column("best", "Least objective", year),
            Column("tied", "Not told apart from it", year),
        ),
        plot=Matrix("opinion", "number", "strength", "text", title="candidate"),
        note=f"Candidates by the opinion under which each was found: {key}.",
    )


def _swings(folder: Path, record: dict[str, Any]) -> tuple[Chart, ...]:
    rows = read_table(folder / "swings.csv")
    if rows.empty:
        return ()
    drawn = rows.head(MOST_HAZARDS).copy()
    flag = drawn["reliable"].map({0: " *", 1: ""})
    drawn["label"] = drawn["hazard"] + flag
    low, high = (percent(drawn[f"quantile_{end}"].iloc[0]) for end in ("low", "high"))
    chart = Chart(
        name="swings",
        title="Which rates move what the run's portfolio leaves",
        unit=f"Objective with one hazard's rate at its {high} quantile less that at {low}, paired, "
        f"{percent(record['level'])} intervals; * too few scenarios for it",
        alt="Dots with intervals: "
        + "; ".join(f"{r['hazard']} {signed(r['difference'])}" for r in drawn.to_dict(orient="records")),
        data=drawn,
        columns=(
            Column("hazard", "Hazard"),
            Column("kind", "Kind"),
            Column("cost_low", "At the low rate", number),
            Column("cost_high", "At the high rate", number),
            Column("difference", "Difference", signed),
            Column("difference_low", "From", signed),
            Column("difference_high", "To", signed),
        ),
        plot=Intervals("label", "difference", "difference_low", "difference_high", title="objective"),
        note="" if len(drawn) == len(rows) else f"The first {MOST_HAZARDS} of {len(rows)}; all are in swings.csv.",
    )
    return (chart,)


def _switches(folder: Path) -> tuple[Block, ...]:
    rows = read_table(folder / "switches.csv")
    if rows.empty:
        return ()
    rows = rows.assign(claim=rows["claimed"].map(SIGNED_OFF), note=text_of(rows["note"]))
    columns = (
        Column("group", "Group"),
        Column("before", "Best below"),
        Column("after", "Best above"),
        Column("claim", "Switch"),
        Column("hazard", "Hazard"),
        Column("rate", "At events a year", number),
        Column("rate_low", "From", number),
        Column("rate_high", "To", number),
        Column("quantile", "Quantile", percent),
        Column("note", "Note"),
    )
    return (Table("Where the best candidate changes", rows, columns, folded=len(rows) > MOST_HAZARDS),)


def _projects(folder: Path) -> tuple[Chart, ...]:
    rows = read_table(folder / "projects.csv")
    if rows.empty:
        return ()
    candidates = list(dict.fromkeys(read_table(folder / "candidates.csv")["candidate"]))
    held = {(r["project"], r["candidate"]): r for r in rows.to_dict(orient="records")}
    often = rows["project"].value_counts()
    order = sorted(often.index, key=lambda p: (-often[p], p))
    cells = [
        {
            "project": p,
            "candidate": c,
            "number": f"{n}",
            "in": 0.75 * ((p, c) in held),
            "text": f"{held[p, c]['window']:.0f}" if (p, c) in held else "",
        }
        for p in order
        for n, c in enumerate(candidates, start=1)
    ]
    chart = Chart(
        name="projects",
        title="Which projects each candidate holds",
        unit="Window in which a project is supported; candidates by number, as above",
        alt=f"Matrix of {len(order)} projects by {len(candidates)} candidates. In all of them: "
        f"{', '.join(p for p in order if often[p] == len(candidates)) or 'none'}.",
        data=pd.DataFrame(cells),
        columns=(Column("project", "Project"), Column("candidate", "Candidate"), Column("text", "Window")),
        plot=Matrix("project", "number", "in", "text", title="candidate"),
    )
    return (chart,)
