"""The summary of the study of an alliance, on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.headline import records
from portfolio.report.replications_summary import notes
from portfolio.report.study import Study
from portfolio.report.summary import count, number, percent, signed, start_table

WORDS = {
    "own_shortfall_tpy": "shortfall at home, t/y",
    "own_objective": "its objective",
    "objective": "objective of all",
    "expected_cost_usd_m": "expected cost",
    "charge_usd_m": "charged",
    "exposure_usd_m": "exposure",
}
"""Figures shown of a member alone in its own interest; the rest is in ``members.csv``."""
FEW = ("own_shortfall_tpy", "objective", "expected_cost_usd_m")
"""Of these, those shown of a member alone in the common interest."""
ANOTHER = (
    "The split is another question: there each coalition minimises the shortfall of all regions and agreements stay "
    "in force, so that a member may gain by the joint fund over standing alone and still object to a split."
)
"""Said before the split, whose verdicts may seem to contradict those before."""
VERDICTS = {"gain": "gains", "lose": "loses", "undecided": "undecided"}


def summary(found: Study) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    level = found.figures["level"]
    parts: list[RenderableType] = [_title(found), *_members(found, level)]
    if "shapley" in found.tables:
        parts += [Text(f"{ANOTHER}\n"), _shapley(found, level), _core(found), _joining(found)]
    if "switches" in found.tables:
        parts.append(_switches(found, level))
    if "effects" in found.tables:
        parts.append(_effects(found, level))
    parts.append(notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))
    return Group(*parts)


def _title(found: Study) -> Text:
    f = found.figures
    return Text.assemble(
        (found.title, "bold"),
        "\n",
        f"Alliance of {', '.join(f['members'])}: solved on {count(f['scenarios'], 'scenario')} (seed {f['seed']}), "
        f"measured on {f['fresh']:,} fresh ones\n",
    )


def _span(low: Any, high: Any) -> str:
    """Limits of a difference or a value, with a minus that is one."""
    if low is None or high is None or low != low:
        return ""
    return f"{number(low)} to {number(high)}".replace("-", "−")


def _members(found: Study, level: float) -> list[Table]:
    """Each member alone, first in its own interest, then in that of all, against the joint fund."""
    world = "without agreements" if found.figures["alone"] == "apart" else "agreements in force"
    titles = {
        "own": f"Each member alone for its own region, {world}, and jointly (objective: weighted t; USD M)",
        "common": "Each member alone for all regions, agreements in force, and jointly (objective: weighted t; USD M)",
    }
    rows = records(found.tables["members"])
    return [
        _alone(title, [row for row in rows if row["interest"] == interest], level)
        for interest, title in titles.items()
        if any(row["interest"] == interest for row in rows)
    ]


def _alone(title: str, rows: list[dict[str, Any]], level: float) -> Table:
    made = start_table(
        title, ("member", "left"), ("", "left"), ("no fund", "right"), ("alone", "right"), ("joint", "right"),
        ("joint − alone", "right"), (f"{100 * level:.3g} % interval", "right"), ("", "left"),
    )  # fmt: skip
    last = ""
    for row in rows:
        if row["figure"] not in (WORDS if row["interest"] == "own" else FEW):
            continue
        verdict = row.get("verdict")
        made.add_row(
            escape(row["member"]) if row["member"] != last else "", WORDS[row["figure"]], number(row["without"]),
            number(row["alone"]), number(row["joint"]), signed(row["difference"]), _span(row["low"], row["high"]),
            VERDICTS.get(verdict, "") if isinstance(verdict, str) else "",
        )  # fmt: skip
        last = row["member"]
    return made


def _shapley(found: Study, level: float) -> Table:
    drawn = not found.figures["exact"]
    made = start_table(
        "Shapley split of what the joint fund is worth to all regions (weighted t)",
        ("member", "left"), ("of budgets", "right"), ("in sample, by gaps", "right"), ("fresh", "right"),
        (f"{100 * level:.3g} % interval", "right"), ("share", "right"),
        *([("left open by orders", "right")] if drawn else []),
    )  # fmt: skip
    for row in records(found.tables["shapley"]):
        made.add_row(
            escape(row["member"]), percent(row["share_of_budgets"]),
            _span(row["least"], row["most"]), number(row["value"]), _span(row["low"], row["high"]),
            percent(row["share"]), *([_span(row["order_low"], row["order_high"])] if drawn else []),
        )  # fmt: skip
    return made


def _core(found: Study) -> Table:
    made = start_table(
        "Would a coalition bring all regions more apart than the split gives it?",
        ("members", "left"), ("worth apart", "right"), ("allotted", "right"), ("excess", "right"),
        ("interval", "right"), ("", "left"),
    )  # fmt: skip
    for row in records(found.tables["core"])[:12]:
        made.add_row(
            escape(row["members"]), number(row["worth"]), number(row["allotted"]), signed(row["excess"]),
            _span(row["low"], row["high"]), row["verdict"],
        )  # fmt: skip
    return made


def _joining(found: Study) -> Table:
    made = start_table(
        "What joining brings all regions, over what each is worth apart", ("members", "left"), ("with", "left"),
        ("gain", "right"), ("interval", "right"), ("", "left"),
    )  # fmt: skip
    for row in records(found.tables["joining"])[:12]:
        made.add_row(
            escape(row["members"]), escape(row["others"]), signed(row["gain"]), _span(row["low"], row["high"]),
            VERDICTS[row["verdict"]],
        )  # fmt: skip
    return made


def _switches(found: Study, level: float) -> Table:
    made = start_table(
        "The joint fund under other agreements: weighted shortfall and cost, fresh scenarios (less is better)",
        ("agreements", "left"), ("weighted t", "right"), ("change", "right"),
        (f"{100 * level:.3g} %, all together", "right"), ("with gaps", "right"), ("", "left"),
    )  # fmt: skip
    for row in records(found.tables["switches"]):
        change = float("nan") if row.get("change") is None else float(row["change"])
        told = change == change
        made.add_row(
            row["setting"], number(row["shortfall_and_cost"]), signed(change) if told else "",
            _span(row["change_low"], row["change_high"]) if told else "", _span(row["least"], row["most"]) if told
            else "", str(row["verdict"]) if told else "",
        )  # fmt: skip
    return made


def _effects(found: Study, level: float) -> Table:
    made = start_table(
        "Effect of each agreement over all eight settings, alone and with others (less is better)",
        ("agreement", "left"), ("effect", "right"), (f"{100 * level:.3g} % interval, all together", "right"),
        ("with gaps", "right"), ("", "left"),
    )  # fmt: skip
    for row in records(found.tables["effects"]):
        made.add_row(
            row["switches"].replace("_", " "), signed(row["effect"]), _span(row["low"], row["high"]),
            _span(row["least"], row["most"]), row["verdict"],
        )  # fmt: skip
    return made
