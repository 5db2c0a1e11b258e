"""The summary of opinions about hazard rates on a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.headline import records
from portfolio.report.regret import Regret
from portfolio.report.replications_summary import notes
from portfolio.report.summary import count, number, percent, start_table

FLAG = " *"
"""Marks the best candidates that cannot be told apart from others."""
SHOWN = 6
"""Hazards shown by how much their rate matters."""


def summary(found: Regret) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    parts: list[RenderableType] = [_title(found), _candidates(found), _opinions(found), _choice(found)]
    if found.switches:
        parts.append(_switches(found))
    if found.swings:
        parts.append(_swings(found))
    return Group(*parts, notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))


def _title(found: Regret) -> Text:
    title = found.case.settings.case
    return Text.assemble(
        (title.title or title.name, "bold"),
        f"\nHazard rates as opinions: the portfolio of {found.run} and those found under each, all on the same "
        f"{count(found.scenario_count, 'fresh scenario')}\n",
    )


def _letter(found: Regret, name: str) -> str:
    """Short name of a candidate: the run, or a letter in their order."""
    at = next(n for n, c in enumerate(found.candidates) if c.name == name)
    return "run" if at == 0 else f"P{at}"


def _candidates(found: Regret) -> Table:
    made = start_table(
        "Candidates", ("", "left"), ("found under", "left"), ("largest regret", "right"),
        (f"{100 * found.level:.3g} % interval", "right"), ("share", "right"), ("where", "left"), ("least?", "left"),
    )  # fmt: skip
    tie = len(found.table.minmax_ties) > 1
    for row in records(found.candidate_table):
        ends = f"{number(row['max_regret_low'])} to {number(row['max_regret_high'])}"
        made.add_row(
            _letter(found, row["candidate"]),
            escape(row["found_under"]),
            number(row["max_regret"]),
            ends,
            percent(row["share"]),
            escape(row["at"]),
            ("tie" if tie else "least") if row["minmax_tied"] and len(found.candidates) > 1 else "",
        )
    return made


def _opinions(found: Regret) -> Table:
    names = [c.name for c in found.candidates]
    made = start_table(
        "Cost under every opinion, and regret of every candidate",
        ("opinion", "left"), ("without", "right"), ("least", "right"), *((_letter(found, n), "right") for n in names),
    )  # fmt: skip
    for n, row in enumerate(records(found.opinions)):
        regrets = []
        for c, regret in enumerate(found.table.regret[n]):
            best = c == found.table.best[n]
            text = "best" if best else number(regret.estimate)
            regrets.append(text + (FLAG if not best and c in found.table.tied(n) else ""))
        made.add_row(escape(row["opinion"]), number(row["without"]), number(row["best_cost"]), *regrets)
    return made


def _choice(found: Regret) -> Text:
    t = found.table
    if len(found.candidates) == 1:
        return Text(
            "Every search ended at the same portfolio, so there is nothing to compare: more quantiles, groups or a "
            "smaller gap would show whether another is better under some opinion.\n"
        )
    rows = records(found.candidate_table)
    least = rows[t.minmax]
    tie = len(t.minmax_ties) > 1
    letters = [_letter(found, found.candidates[c].name) for c in t.minmax_ties]
    parts = [
        (
            f"Least largest regret: a tie between {', '.join(letters)}. The least estimate is that of "
            if tie
            else "Least largest regret: "
        )
        + f"{_letter(found, least['candidate'])}, at most {number(least['max_regret'])} "
        f"({percent(least['share'])}; {100 * found.level:.3g} % interval {number(least['max_regret_low'])} to "
        f"{number(least['max_regret_high'])})" + (f", attained under {least['at']}" if least["at"] else "") + ". "
    ]
    if not tie:
        parts.append("The others regret more, beyond noise. ")
    elif 0 in t.minmax_ties:
        parts.append("The run's own is among them: nothing here says that another should replace it. ")
    parts.append(f"Least cost under {found.held[0].opinion.name}: {_letter(found, rows[t.best[0]]['candidate'])}. ")
    parts.append(_tie(found, [c for c in t.tied(0) if c != t.best[0]]))
    if any(len(t.tied(n)) > 1 for n in range(len(found.held))):
        parts.append("* cannot be told apart from the best on these scenarios. ")
    return Text("".join(parts).rstrip() + "\n")


def _tie(found: Regret, others: list[int]) -> str:
    if not others:
        return "The others are worse beyond noise. "
    names = ", ".join(_letter(found, found.candidates[c].name) for c in others)
    return f"Noise does not tell it apart from {names}. "


def _switches(found: Regret) -> Table:
    made = start_table(
        "Switching points", ("rates", "left"), ("from", "left"), ("to", "left"), ("quantile", "right"),
        ("between", "right"), ("events a year", "right"),
    )  # fmt: skip
    for row in records(found.switch_table.drop_duplicates(["group", "before", "after", "quantile"])):
        between = f"{row['quantile_low']:.2f} to {row['quantile_high']:.2f}"
        rate = f"{row['rate']:.3g} ({row['rate_low']:.2g} to {row['rate_high']:.2g})"
        several = found.switch_table["group"].eq(row["group"]) & found.switch_table["quantile"].eq(row["quantile"])
        made.add_row(
            escape(row["group"]),
            _letter(found, row["before"]),
            _letter(found, row["after"]),
            f"{row['quantile']:.2f}",
            between if row["claimed"] else "not claimed",
            "see switches.csv" if several.sum() > 1 else rate,
        )
    return made


def _swings(found: Regret) -> Table:
    low, high = found.swings[0].quantiles
    made = start_table(
        f"Hazards by how much their rate matters to the run's portfolio, from quantile {low:g} to {high:g}",
        ("hazard", "left"), ("cost at low", "right"), ("at high", "right"), ("difference", "right"),
        (f"{100 * found.level:.3g} % interval", "right"),
    )  # fmt: skip
    for swing in found.swings[:SHOWN]:
        d = swing.difference
        made.add_row(
            escape(swing.hazard), *map(number, swing.costs), number(d.estimate), f"{number(d.low)} to {number(d.high)}"
        )
    return made
