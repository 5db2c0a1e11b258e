"""The page of an alliance: each alone and all together, the split of the gain, agreements on and off."""

from __future__ import annotations

import pandas as pd

from portfolio.report.alliance_summary import ANOTHER
from portfolio.report.html.page import Block, Chart, Column, Fact, Facts, Page, Section, signed
from portfolio.report.html.plots import Change, Intervals
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder, shown
from portfolio.report.words import number, percent

VERDICTS = {"gain": "gains", "lose": "loses", "undecided": "undecided", "accepts": "accepts", "objects": "objects"}
MUTED = ("within gaps", "unclear")
"""Verdicts on agreements that are none."""


def alliance_page(found: StudyFolder) -> Page:
    """Return the page of an alliance."""
    first = Section("Together or alone", (*_facts(found), *_together(found), *found.warnings))
    agree = Section(
        "What it is worth to all regions, and the split",
        (*_shapley(found), *_core(found), *_joining(found)),
        prose=ANOTHER if found.has("shapley") else "",
    )
    switches = Section("Agreements", _effects(found))
    return study_page(found.record, "Alliance", found.about, (first, agree, switches, found.evidence()))


def _facts(found: StudyFolder) -> tuple[Facts, ...]:
    """What every member gains by the joint fund, in its own interest where that was asked."""
    if not found.has("members", "member", "interest", "figure", "difference", "verdict"):
        return ()
    rows = found.tables["members"]
    own = bool((rows["interest"] == "own").any())
    rows = rows.loc[rows["interest"] == ("own" if own else "common")].set_index(["member", "figure"])
    facts = []
    for member in dict.fromkeys(rows.index.get_level_values("member")):
        mine = rows.loc[member]
        verdict = VERDICTS[str(mine["verdict"].dropna().iloc[0])]
        home, cost = (float(mine.loc[f, "difference"]) for f in ("own_shortfall_tpy", "expected_cost_usd_m"))
        said = f"at home {signed(home)} t/y of shortfall, expected cost {signed(cost)} USD M, against its fund alone"
        facts.append(Fact(f"{member}, by the joint fund", verdict, said))
    return (Facts(tuple(facts)),)


def _together(found: StudyFolder) -> tuple[Chart, ...]:
    """Shortfall of each member's region: without, alone, together."""
    if not found.has("members", "member", "figure", "alone", "joint"):
        return ()
    rows = found.tables["members"]
    own = bool((rows["interest"] == "own").any())
    rows = rows.loc[(rows["figure"] == "own_shortfall_tpy") & (rows["interest"] == ("own" if own else "common"))].copy()
    rows["label"] = rows["member"] + " (" + rows["region"] + ")"
    world = ", without agreements" if found.record.get("alone") == "apart" else ""
    whose = f"its fund alone looks after its own region{world}" if own else "its fund alone looks after all regions"
    said = "; ".join(
        f"{r['label']} {number(r['alone'])} alone, {number(r['joint'])} together"
        for r in rows.to_dict(orient="records")
    )
    chart = Chart(
        name="together",
        title="Shortfall at home: each member alone, and all together",
        unit=f"Mean shortfall of the member's region on fresh scenarios, t/y; {whose}; mark: no fund in that world",
        alt=f"Rings and dots: {said}.",
        data=rows,
        columns=(
            Column("member", "Member"),
            Column("region", "Region"),
            Column("without", "Without any fund", number),
            Column("alone", "Alone", number),
            Column("joint", "Together", number),
            Column("difference", "Difference", signed),
            Column("low", "From", signed),
            Column("high", "To", signed),
        ),
        plot=Change(
            "label", "alone", "joint", before_title="its fund alone", after_title="joint fund", target="without",
            target_title="no fund", title="t/y",
        ),
        note=f"Difference: together less alone, paired, with {found.interval}.",
    )  # fmt: skip
    return (chart, *_costs(found, own))


def _costs(found: StudyFolder, own: bool) -> tuple[Chart, ...]:
    """What each member pays for it, alone and together, and the verdict on both."""
    rows = found.tables["members"]
    rows = rows.loc[rows["interest"] == ("own" if own else "common")]
    judged = rows.dropna(subset=["verdict"]).set_index("member")["verdict"].map(VERDICTS)
    rows = rows.loc[rows["figure"] == "expected_cost_usd_m"].copy()
    rows["label"], rows["words"] = rows["member"] + " (" + rows["region"] + ")", rows["member"].map(judged)
    said = "; ".join(
        f"{r['label']} {number(r['alone'])} alone, {number(r['joint'])} together"
        for r in rows.to_dict(orient="records")
    )
    verdicts = "; ".join(f"{member}: {words}" for member, words in judged.items())
    chart = Chart(
        name="costs",
        title="What it pays: each member alone, and all together",
        unit="Expected public cost borne by the member, USD M",
        alt=f"Rings and dots: {said}.",
        data=rows,
        columns=(
            Column("member", "Member"),
            Column("alone", "Alone, USD M", number),
            Column("joint", "Together, USD M", number),
            Column("difference", "Difference", signed),
            Column("words", "Shortfall and cost together"),
        ),
        plot=Change("label", "alone", "joint", before_title="its fund alone", after_title="joint fund", title="USD M"),
        note=f"By the joint fund, shortfall and cost weighed as in the objective: {verdicts}. Undecided: sampling, or "
        "what the searches left open, could turn it round.",
    )
    return (chart,)


def _shapley(found: StudyFolder) -> tuple[Chart, ...]:
    """The gain split: the Shapley value of every member."""
    if not found.has("shapley", "member", "value", "low", "high"):
        return ()
    rows = found.tables["shapley"]
    said = "; ".join(
        f"{r['member']} {number(r['value'])}, {percent(r['share'])}" for r in rows.to_dict(orient="records")
    )
    columns = (
        Column("member", "Member"),
        Column("value", "Shapley value", number),
        Column("low", "From", number),
        Column("high", "To", number),
        Column("least", "In sample, at least", number),
        Column("most", "In sample, at most", number),
        Column("share", "Share of the gain", percent),
        Column("budget_usd_m", "Budget, USD M", number),
        Column("share_of_budgets", "Share of budgets", percent),
    )
    value = Chart(
        name="shapley",
        title="Who brings what: the Shapley value",
        unit=f"Objective removed by the joint fund, split by what each member adds, with {found.interval}",
        alt=f"Dots with intervals: {said}.",
        data=rows,
        columns=columns,
        plot=Intervals("member", "value", "low", "high", title="objective removed"),
    )
    share = Chart(
        name="shapley-budgets",
        title="Share of the money, and share of what it brings",
        unit="Shares of all budgets, and of the objective removed",
        alt=f"Rings for shares of budgets, dots for shares of the gain: {said}.",
        data=rows,
        columns=columns,
        plot=Change(
            "member", "share_of_budgets", "share", before_title="of budgets", after_title="of the gain", share=True
        ),
    )
    return (value, share)


def _core(found: StudyFolder) -> tuple[Chart, ...]:
    """Whether a coalition would have more apart."""
    if not found.has("core", "members", "excess", "low", "high", "verdict"):
        return ()
    return (
        _interval(
            found, found.tables["core"].assign(label=lambda t: t["members"]), "excess", "core",
            "Would anybody bring all regions more apart?",
            "Worth to all regions of a coalition apart, less what the split gives it; above 0 it would object",
            "more apart",
        ),
    )  # fmt: skip


def _joining(found: StudyFolder) -> tuple[Chart, ...]:
    if not found.has("joining", "members", "others", "gain", "low", "high", "verdict"):
        return ()
    rows = found.tables["joining"]
    labelled = rows.assign(label=rows["members"] + " with " + rows["others"])
    return (
        _interval(
            found, labelled, "gain", "joining", "What joining brings all regions",
            "Worth to all regions of two coalitions together, less that of each apart; above 0 they gain", "gained",
        ),
    )  # fmt: skip


def _interval(found: StudyFolder, rows: pd.DataFrame, value: str, name: str, title: str, unit: str, axis: str) -> Chart:
    """Values of coalitions with sampling intervals, by verdict."""
    rows = rows.assign(words=rows["verdict"].map(VERDICTS).fillna(rows["verdict"]))
    said = "; ".join(f"{r['label']} {signed(r[value])}, {r['words']}" for r in rows.to_dict(orient="records"))
    counted = rows["words"].value_counts(sort=False)
    verdicts = ", ".join(f"{words} {n}" for words, n in counted.items())
    return Chart(
        name=name,
        title=title,
        unit=f"{unit}; with {found.interval}",
        alt=f"Dots with intervals: {said}.",
        data=rows,
        columns=(
            Column("label", "Coalition"),
            Column(value, "Value", signed),
            Column("low", "From", signed),
            Column("high", "To", signed),
            Column("least", "In sample, at least", signed),
            Column("most", "In sample, at most", signed),
            Column("words", "Verdict"),
        ),
        plot=Intervals("label", value, "low", "high", series="words", muted=("undecided",), beside=False, title=axis),
        note=f"Verdicts: {verdicts}. Undecided: sampling or the gap of the searches leaves the side of 0 open.",
    )


def _effects(found: StudyFolder) -> tuple[Block, ...]:
    """What agreements change: each setting against the case's own; main effects and interactions of all eight."""
    blocks: list[Block] = []
    if found.has("switches", "change", "change_low", "change_high", "verdict"):
        rows = found.tables["switches"].dropna(subset=["change"])
        rows = rows.assign(label=rows["setting"])
        title = "The joint fund under other agreements"
        unit = "Weighted shortfall and cost, less that under the case's own agreements; below 0 it is better"
        blocks.append(_agreements(found, rows, "switches", title, unit, ("change", "change_low", "change_high")))
    if found.has("effects", "switches", "effect", "low", "high", "verdict"):
        rows = found.tables["effects"]
        rows = rows.assign(label=rows["switches"].str.replace("_", " "))
        unit = "Weighted shortfall and cost with the agreement less without it, over all settings"
        blocks.append(_agreements(found, rows, "effects", "What agreements change", unit, ("effect", "low", "high")))
    if found.has("switches"):
        blocks.append(shown("switches", found.tables["switches"], title="Every setting", folded=True))
    return tuple(blocks)


def _agreements(
    found: StudyFolder, rows: pd.DataFrame, name: str, title: str, unit: str, of: tuple[str, str, str]
) -> Chart:
    """Changes by agreements, with intervals that hold together and a verdict."""
    value, low, high = of
    return Chart(
        name=name,
        title=title,
        unit=f"{unit}; {found.interval} that hold together",
        alt="Dots with intervals: "
        + "; ".join(f"{r['label']} {signed(r[value])}, {r['verdict']}" for r in rows.to_dict(orient="records")),
        data=rows,
        columns=(
            Column("label", "Agreements"),
            Column(value, "Change", signed),
            Column(low, "From", signed),
            Column(high, "To", signed),
            Column("least", "From, with gaps", signed),
            Column("most", "To, with gaps", signed),
            Column("verdict", "Verdict"),
        ),
        plot=Intervals("label", value, low, high, series="verdict", muted=MUTED, beside=False, title="change"),
        note="Clear: neither sampling nor the gap of the searches explains it. Within gaps: the portfolios found "
        "differ, but what the searches left open could explain it.",
    )
