"""The page of a sweep: tornado, indices, lines of one number, switches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from portfolio.report.html.page import Block, Chart, Column, Fact, Facts, Page, Section, signed
from portfolio.report.html.plots import Intervals, Lines, Matrix, Tornado
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder, general, shown, text_of
from portfolio.report.words import number, percent

OUTPUTS = {
    "weighted": "Mean weighted shortfall with the fund",
    "reduction": "Weighted shortfall removed by the fund",
    "cvar": "CVaR of weighted shortfall with the fund",
    "public_cost_usd_m": "Expected public cost, USD M",
    "objective": "Objective, in sample",
}
"""Outputs in words."""
INDICES = {
    "first": "alone",
    "total": "with interactions",
    "mu_star": "mean size of effects",
    "mu": "mean effect",
    "sigma": "spread of effects",
    "rank": "rank correlation",
}
"""Measures of influence in words."""
SWITCH = ("number", "low", "high", "others", "enters", "leaves", "verdict")
"""Columns of a switch that are read."""
NOT_DRAWN = frozenset(("mu", "sigma"))
UNIT_OF_INDEX = {
    "sobol": "Part of the variance of the output (Sobol' indices)",
    "morris": "Mean size of the elementary effects of a whole range, in units of the output (Morris' mu*)",
    "lhs": "Spearman's rank correlation",
}


def sweep_page(found: StudyFolder) -> Page:
    """Return the page of a sweep."""
    charts = [*_tornados(found), *_indices(found), *_lines(found), *_plane(found)]
    first = Section("What moves the result", (_facts(found), *charts[:1], *found.warnings, *charts[1:]))
    switches: tuple[Block, ...] = ()
    if found.has("switches"):
        note = "tie: the projects of one point were not proven worse at the other."
        rows = found.tables["switches"][list(SWITCH)]
        rows = rows.assign(**{c: [t.replace(";", ", ") for t in text_of(rows[c])] for c in ("enters", "leaves")})
        switches = (replace(shown("switches", rows, title="Where projects enter and leave"), note=note),)
    return study_page(found.record, "Sweep", found.about, (first, Section("Switches", switches), found.evidence()))


def _facts(found: StudyFolder) -> Facts:
    record = found.record
    spread: list[dict[str, Any]] = record["spread"]
    numbers = ", ".join(str(n["number"]) for n in record["numbers"])
    return Facts(
        (
            Fact("Numbers varied", f"{len(record['numbers'])}", numbers),
            Fact("Cases solved", f"{record['points']:,}", f"design {record['design']}"),
            *(
                Fact(OUTPUTS.get(s["output"], s["output"]), f"{number(s['least'])} to {number(s['most'])}",
                     f"{number(s['base'])} in the case as it is")
                for s in spread[:2]
                if s["least"] is not None and s["base"] is not None
            ),
        )
    )  # fmt: skip


def _tornados(found: StudyFolder) -> tuple[Chart, ...]:
    """One for each output: what it becomes at the least and the greatest value of each number alone."""
    if not found.has("tornado", "number", "end", "output", "at_base", "at_value"):
        return ()
    rows = found.tables["tornado"]
    return tuple(_tornado(found, str(o), rows.loc[rows["output"] == o]) for o in dict.fromkeys(rows["output"]))


def _tornado(found: StudyFolder, output: str, rows: pd.DataFrame) -> Chart:
    wide = rows.pivot_table(aggfunc="first", index="number", columns="end", values=["value", "at_value", "told"])
    data = pd.DataFrame(
        {
            "number": wide.index,
            "low_value": wide["value", "low"].to_numpy(),
            "high_value": wide["value", "high"].to_numpy(),
            "low": wide["at_value", "low"].astype(float).to_numpy(),
            "high": wide["at_value", "high"].astype(float).to_numpy(),
            "told_low": wide["told", "low"].map({1: "yes", 0: "no"}).to_numpy(),
            "told_high": wide["told", "high"].map({1: "yes", 0: "no"}).to_numpy(),
        }
    )
    base = float(rows["at_base"].iloc[0])
    data["swing"] = (data[["low", "high"]] - base).abs().max(axis=1)
    data = data.sort_values("swing", ascending=False)
    said = "; ".join(f"{r['number']} {number(r['low'])} to {number(r['high'])}" for r in data.to_dict(orient="records"))
    name = OUTPUTS.get(output, output)
    return Chart(
        name=f"tornado-{output.replace('_', '-')}",
        title=name,
        unit=f"At the least and the greatest value of each number alone; line: {number(base)} in the case as it is",
        alt=f"Tornado, base {number(base)}: {said}.",
        data=data,
        columns=(
            Column("number", "Number"),
            Column("low_value", "Least"),
            Column("high_value", "Greatest"),
            Column("low", "At the least", number),
            Column("high", "At the greatest", number),
            Column("told_low", "Told from the case, least"),
            Column("told_high", "Told from the case, greatest"),
        ),
        plot=Tornado("number", "low", "high", base, low_title="at its least", high_title="at its greatest", title=""),
        note="Told: neither sampling nor, where it is part of the objective, the gap of the searches explains it.",
    )


def _indices(found: StudyFolder) -> tuple[Chart, ...]:
    """How much each number matters, by output."""
    if not found.has("indices", "output", "number", "index", "estimate", "low", "high"):
        return ()
    rows = found.tables["indices"].dropna(subset=["estimate"])
    return tuple(_index(found, str(o), rows.loc[rows["output"] == o]) for o in dict.fromkeys(rows["output"]))


def _index(found: StudyFolder, output: str, rows: pd.DataFrame) -> Chart:
    drawn = rows.loc[~rows["index"].isin(NOT_DRAWN)].copy()
    drawn["words"] = drawn["index"].map(INDICES).fillna(drawn["index"])
    size = drawn.groupby("number")["estimate"].transform(lambda values: values.abs().max())
    drawn = drawn.assign(size=size).sort_values(["size", "number"], ascending=False, kind="stable")
    said = "; ".join(f"{r['number']}, {r['words']}: {general(r['estimate'])}" for r in drawn.to_dict(orient="records"))
    design = str(found.record["design"])
    return Chart(
        name=f"influence-{output.replace('_', '-')}",
        title=f"What moves: {OUTPUTS.get(output, output)}",
        unit=f"{UNIT_OF_INDEX.get(design, 'Influence')}, with {found.interval}",
        alt=f"Dots with intervals: {said}.",
        data=drawn,
        columns=(
            Column("number", "Number"),
            Column("words", "Measure"),
            Column("estimate", "Estimate", general),
            Column("low", "From", general),
            Column("high", "To", general),
        ),
        plot=Intervals("number", "estimate", "low", "high", series="words", share=design == "sobol"),
    )


def _varied(found: StudyFolder) -> list[str]:
    return [str(n["number"]) for n in found.record["numbers"]]


def _lines(found: StudyFolder) -> tuple[Chart, ...]:
    """Shortfall without and with the fund along the one number that was varied."""
    names, points = _varied(found), found.tables["points"]
    if len(names) != 1 or not pd.api.types.is_numeric_dtype(points[names[0]]):
        return ()
    if not points["weighted_with"].notna().any():
        return ()
    worlds = {"without": "without the fund", "with": "with the fund"}
    rows = points.dropna(subset=["weighted_with"]).sort_values(names[0])
    parts = [
        pd.DataFrame(
            {
                "x": rows[names[0]],
                "point": rows["point"],
                "world": words,
                "value": rows[f"weighted_{world}"],
                "low": rows[f"weighted_{world}_low"],
                "high": rows[f"weighted_{world}_high"],
            }
        )
        for world, words in worlds.items()
    ]
    data = pd.concat(parts, ignore_index=True)
    chart = Chart(
        name="along",
        title=f"Shortfall along {names[0]}",
        unit=f"Mean weighted shortfall on fresh scenarios, with {found.interval}",
        alt=f"Lines over {names[0]} from {general(float(data['x'].min()))} to {general(float(data['x'].max()))}.",
        data=data,
        columns=(
            Column("x", names[0], general),
            Column("world", "World"),
            Column("value", "Weighted shortfall", number),
            Column("low", "From", number),
            Column("high", "To", number),
        ),
        plot=Lines("x", "value", "world", "low", "high", x_title=names[0], muted=(worlds["without"],), years=False),
    )
    return (chart,)


def _plane(found: StudyFolder) -> tuple[Chart, ...]:
    """What the fund removes over the plane of two numbers."""
    names, points = _varied(found), found.tables["points"]
    if len(names) != 2 or found.record["design"] != "grid" or not points["reduction"].notna().any():
        return ()
    # The design alone: the case as it is need not be a point of the grid.
    rows = points.loc[points["point"].isin(found.tables["design"]["point"])].dropna(subset=["reduction"]).copy()
    rows["share"] = rows["reduction"] / rows["weighted_without"].where(rows["weighted_without"] > 0)
    rows["text"] = [percent(v) if pd.notna(v) else "" for v in rows["share"]]
    rows = rows.sort_values(names)
    for axis, name in zip(("down", "across"), names, strict=True):
        values = [f"{v:g}" if isinstance(v, float | int) else str(v) for v in rows[name]]
        rows[axis] = [f"{name} = {v}" if axis == "down" else v for v in values]
    rows["strength"] = rows["share"] / max(float(rows["share"].max()), 1e-10)
    chart = Chart(
        name="plane",
        title="What the fund removes",
        unit=f"Share of mean weighted shortfall removed on fresh scenarios; across: {names[1]}",
        alt=f"Heat map over {names[0]} and {names[1]}.",
        data=rows,
        columns=(
            Column("down", names[0]),
            Column("across", names[1]),
            Column("share", "Removed", percent),
            Column("reduction", "Removed, weighted", number),
            Column("reduction_low", "From", signed),
            Column("reduction_high", "To", signed),
        ),
        plot=Matrix("down", "across", "strength", "text", title=names[1]),
    )
    return (chart,)
