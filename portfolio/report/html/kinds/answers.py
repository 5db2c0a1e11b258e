"""The answer of a study in one or two sentences, with which its page begins.

Sentences repeat estimates with their intervals and verdicts from the tables; they rank nothing that the study itself
leaves open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from portfolio.report.html.kinds.sweep import OUTPUTS
from portfolio.report.html.tidy import StudyFolder, text_of
from portfolio.report.words import count, number, percent

MOST_NAMED = 3
"""Things that are named one by one."""


def answer(found: StudyFolder) -> str:
    """Return the answer of a study; nothing where its kind has none, or its tables are of another version."""
    said = ANSWERS.get(str(found.record.get("kind")))
    if said is None:
        return ""
    try:
        return said(found)
    except (KeyError, IndexError, ValueError, TypeError):
        return ""


def _span(low: Any, high: Any, form: Callable[[float], str] = number) -> str:
    """Write an interval in brackets; nothing where a limit is missing."""
    return "" if pd.isna(low) or pd.isna(high) else f" ({form(float(low))} to {form(float(high))})"


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return f"{', '.join(known[:MOST_NAMED])}{more}"


def _compare(found: StudyFolder) -> str:
    rows = found.tables["mixes"].dropna(subset=["objective"])
    rows = rows.assign(letters=text_of(rows["group"])).sort_values("objective", kind="stable")
    best = rows.iloc[0]
    others = rows.iloc[1:]
    tied = others.loc[[bool(set(letters) & set(best["letters"])) for letters in others["letters"]], "mix"]
    told = f"not told apart from it: {_listed(tied)}" if len(tied) else "told apart from all others"
    return (
        f"Of {count(len(rows), 'mix').replace('mixs', 'mixes')}, {best['mix']} has the least objective, "
        f"{number(best['objective'])}; {told if len(others) else 'it is the only one'}."
    )


def _frontier(found: StudyFolder) -> str:
    goal = found.record.get("target")
    if goal:
        reached = goal["reached_budget_usd_m"]
        cheapest = "No budget tried reaches" if reached is None else f"A budget of USD {number(reached)} M reaches"
        return (
            f"{cheapest} the target of at most {number(goal['shortfall_at_most'])} weighted tonnes, in sample; "
            f"USD {number(goal['impossible_budget_usd_m'])} M is proven too little."
        )
    rows = found.tables["frontier"].dropna(subset=["weighted"])
    if len(rows) < 2:
        return ""
    name = {"budget": "× budgets", "risk": "on CVaR", "cost": "on cost"}[str(found.record["over"])]
    ends = [
        f"{number(r['weighted'])}{_span(r.get('weighted_low'), r.get('weighted_high'))} at {r['value']:g} {name}"
        for r in rows.iloc[[0, -1]].to_dict(orient="records")
    ]
    return (
        f"Mean weighted shortfall is {ends[0]} and {ends[1]}, with {found.interval} of each alone; the changes from "
        "point to point below say which steps are told apart."
    )


def _output(name: str) -> str:
    """An output within a sentence."""
    words = OUTPUTS.get(name, name)
    return words if words.startswith("CVaR") else f"{words[:1].lower()}{words[1:]}"


def _sweep(found: StudyFolder) -> str:
    if found.has("tornado", "number", "end", "output", "at_base", "at_value", "told"):
        rows = found.tables["tornado"]
        output = str(rows["output"].iloc[0])
        rows = rows.loc[(rows["output"] == output) & (rows["told"] == 1)]
        if rows.empty:
            return f"Sampling and the gaps of the searches could explain every change of {_output(output)}."
        swing = (rows["at_value"] - rows["at_base"]).abs()
        most = rows.assign(swing=swing).nlargest(1, "swing").iloc[0]
        return (
            f"Of the changes told from the case, that by {most['number']} = {most['value']:g} is estimated largest: "
            f"{_output(output)} goes from {number(most['at_base'])} to {number(most['at_value'])}."
        )
    if found.has("indices", "output", "number", "index", "estimate", "low", "high"):
        rows = found.tables["indices"]
        output = str(rows["output"].iloc[0])
        rows = rows.loc[(rows["output"] == output) & (rows["index"] == "total")]
        rows = rows.loc[rows["low"] > 0]
        if rows.empty:
            return f"No total index of {_output(output)} is told from 0: more points are needed."
        most = rows.nlargest(1, "estimate").iloc[0]
        return (
            f"Of the total indices told from 0, that of {most['number']} is estimated largest: it has part in "
            f"{percent(most['estimate'])} of the variance of {_output(output)}"
            f"{_span(most['low'], most['high'], percent)}."
        )
    along = next((s for s in found.record["spread"] if s["least"] is not None and s["base"] is not None), None)
    if along is None:
        return ""
    return (
        f"Over the cases solved {_output(str(along['output']))} lies between {number(along['least'])} and "
        f"{number(along['most'])}; it is {number(along['base'])} in the case as it is."
    )


def _alternatives(found: StudyFolder) -> str:
    counts = found.tables["projects"]["support"].value_counts()
    said = [f"{int(counts[name])} {name}" for name in ("in all", "in some", "in none", "undecided") if name in counts]
    return (
        f"Of {count(len(found.tables['projects']), 'project')}, as proven of every portfolio within "
        f"{percent(found.record['within'])} of the best known: {', '.join(said)}."
    )


def _explain(found: StudyFolder) -> str:
    record = found.record
    inside = "in the portfolio of the run" if record["in_run"] else "not in the portfolio of the run"
    return f"{record['project']} is {inside}. Verdict: {record['verdict']}."


def _frequency(found: StudyFolder) -> str:
    rows = found.tables["frequency"]
    always = rows.loc[rows["chosen"] == rows["samples"], "project"]
    samples = int(rows["samples"].max())
    ever = int((rows["chosen"] > 0).sum())
    return f"{count(ever, 'project')} of {len(rows)} are chosen in some of {samples} samples, {len(always)} in all."


def _termsheet(found: StudyFolder) -> str:
    best = found.record["recommended"]
    if best is None:
        return "No offer tried keeps it alive as asked."
    if not best["works"]:
        return f"No offer tried works; the nearest is shown. Why it does not: {best['why']}."
    price = (
        f"{percent(best['share'])} of output protected at USD {number(best['strike_usd_kg'])}/kg for "
        f"{best['term_y']:g} years"
        if best["share"] > 0
        else "no price protection"
    )
    alive = "" if best["survival"] is None else f"; alive with {percent(best['survival'])}"
    span = _span(best.get("low"), best.get("high"), percent) if alive else ""
    return f"With {price} and USD {number(best['public_money_usd_m'])} M of public money it closes{alive}{span}."


ANSWERS: dict[str, Callable[[StudyFolder], str]] = {
    "alternatives": _alternatives,
    "compare": _compare,
    "explain": _explain,
    "frequency": _frequency,
    "frontier": _frontier,
    "sweep": _sweep,
    "termsheet": _termsheet,
}
"""Function that answers a kind of study."""
