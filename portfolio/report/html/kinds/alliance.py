"""The page of an alliance: each alone and all together, the split of the gain, agreements on and off."""

from __future__ import annotations

import pandas as pd

from portfolio.report.html.page import Block, Chart, Column, Page, Section, signed
from portfolio.report.html.plots import Change, Intervals
from portfolio.report.html.study import study_page
from portfolio.report.html.tidy import StudyFolder, shown
from portfolio.report.words import number, percent

VERDICTS = {"gain": "gain", "lose": "lose", "undecided": "undecided", "accepts": "accepts", "objects": "objects"}
CLEAR = {1: "clear", 0: "not clear"}


def alliance_page(found: StudyFolder) -> Page:
    """Return the page of an alliance."""
    charts = (*_together(found), *_shapley(found))
    first = Section("Together or alone", (*charts, *found.warnings))
    agree = Section("Who would object", (*_core(found), *_joining(found)))
    switches = Section("Agreements", _effects(found))
    return study_page(found.record, "Alliance", found.about, (first, agree, switches, found.evidence()))


def _together(found: StudyFolder) -> tuple[Chart, ...]:
    """Shortfall of each member's region: without, alone, together."""
    if not found.has("members", "member", "figure", "alone", "joint"):
        return ()
    rows = found.tables["members"]
    rows = rows.loc[rows["figure"] == "own_shortfall_tpy"].copy()
    rows["label"] = rows["member"] + " (" + rows["region"] + ")"
    said = "; ".join(
        f"{r['label']} {number(r['alone'])} alone, {number(r['joint'])} together"
        for r in rows.to_dict(orient="records")
    )
    chart = Chart(
        name="together",
        title="Shortfall at home: each member alone, and all together",
        unit="Mean shortfall of the member's region on fresh scenarios, t/y; mark: without any fund",
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
            "Would anybody have more apart?",
            "Worth of a coalition apart less what the split gives it; above 0 it would object", "more apart",
        ),
    )  # fmt: skip


def _joining(found: StudyFolder) -> tuple[Chart, ...]:
    if not found.has("joining", "members", "others", "gain", "low", "high", "verdict"):
        return ()
    rows = found.tables["joining"]
    labelled = rows.assign(label=rows["members"] + " with " + rows["others"])
    return (
        _interval(
            found, labelled, "gain", "joining", "What joining brings",
            "Worth of two coalitions together less that of both apart; above 0 they gain", "gained",
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
    """Main effects and interactions of agreements."""
    blocks: list[Block] = []
    if found.has("effects", "switches", "effect", "low", "high", "clear"):
        rows = found.tables["effects"]
        rows = rows.assign(label=rows["switches"].str.replace("_", " "), told=rows["clear"].map(CLEAR))
        chart = Chart(
            name="effects",
            title="What agreements change",
            unit=f"Mean weighted shortfall with the agreement less without it, over all settings; {found.interval}",
            alt="Dots with intervals: "
            + "; ".join(f"{r['label']} {signed(r['effect'])}" for r in rows.to_dict(orient="records")),
            data=rows,
            columns=(
                Column("label", "Agreement"),
                Column("effect", "Effect", signed),
                Column("low", "From", signed),
                Column("high", "To", signed),
                Column("gaps", "Left open by searches", number),
                Column("told", "Verdict"),
            ),
            plot=Intervals(
                "label", "effect", "low", "high", series="told", muted=(CLEAR[0],), beside=False, title="effect"
            ),
            note="Clear: neither sampling nor the gap of the searches explains it.",
        )
        blocks.append(chart)
    if found.has("switches"):
        blocks.append(shown("switches", found.tables["switches"], title="Every setting", folded=True))
    return tuple(blocks)
