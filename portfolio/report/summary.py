"""The summary of a run on a terminal: what to do, what it changes, what it uses, how far to trust it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.run import Run
from portfolio.report.words import BENCHMARKS, amount, change
from portfolio.report.words import count as count
from portfolio.report.words import number as number
from portfolio.report.words import percent as percent

SHOWN = 6
"""Places of one rule that are named; the rest is in ``run.json``."""


def summary(run: Run) -> RenderableType:
    """Return the whole summary; fits 80 columns."""
    parts: list[RenderableType] = [_title(run), _shortfall(run), _by_region(run)]
    parts += _funding(run)
    if len(run.projects):
        parts.append(_changes(run))
    parts.append(_budgets(run))
    if len(run.portfolio):
        parts.append(_conventions(run))
    if run.headline["benchmarks"]:
        parts.append(_benchmarks(run))
    parts += [_binding(run), _notes(run)]
    return Group(*parts)


def start_table(title: str, *columns: tuple[str, str]) -> Table:
    """Start a table; columns are (heading, justification)."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1))
    for heading, justify in columns:
        table.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    return table


def _title(run: Run) -> Text:
    solution, title = run.solution, run.case.settings.case
    return Text.assemble(
        (title.title or title.name, "bold"),
        "\n",
        f"{solution.status.value[0].upper()}{solution.status.value[1:]}: gap {percent(solution.gap)} "
        f"(asked for {percent(run.asked_gap)}), {count(len(run.scenarios), 'scenario')}, seed {run.seed}, "
        f"method {solution.method}\n",
    )


def _shortfall(run: Run) -> Table:
    figures, level = run.headline["shortfall"], run.headline["cvar_level"]
    before, after = figures["without"], figures["with"]
    table = start_table(
        "Mean shortfall, without → with the fund",
        ("", "left"),
        ("without", "right"),
        ("with", "right"),
        ("change", "right"),
    )
    rows = (
        ("tonnes a year (contained oxide)", "tonnes_per_year", number),
        ("share of demand", "share_of_demand", percent),
        ("weighted by value at stake (whole horizon)", "weighted", number),
        (f"  the same, worst {100 * (1 - level):.3g} % of scenarios (CVaR)", "weighted_cvar", number),
        ("scenarios with any shortfall", "probability", percent),
    )
    for label, key, form in rows:
        table.add_row(label, form(before[key]), form(after[key]), change(before[key], after[key]))
    return table


def _by_region(run: Run) -> Table:
    table = start_table(
        "Mean shortfall by region and material, t/y (share of demand)",
        ("region", "left"),
        ("material", "left"),
        ("demand", "right"),
        ("without", "right"),
        ("with", "right"),
        ("change", "right"),
    )
    for row in run.headline["by_region_material"]:
        if row["demand_t_per_year"] <= 0:
            continue
        without, with_fund = row["without_t_per_year"], row["with_t_per_year"]
        table.add_row(
            escape(row["region"]),
            escape(row["material"]),
            number(row["demand_t_per_year"]),
            f"{number(without)} ({percent(row['without_share'])})",
            f"{number(with_fund)} ({percent(row['with_share'])})",
            change(without, with_fund),
        )
    return table


def _benchmarks(run: Run) -> Table:
    """Mean level of every benchmark, and how likely it is met."""
    rows = run.headline["benchmarks"]
    table = start_table(
        f"Benchmarks of {rows[0]['region']}, {rows[0]['year']}: mean share of consumption (probability of meeting it)",
        ("benchmark", "left"),
        ("material", "left"),
        ("without", "right"),
        ("with", "right"),
    )
    last = ""
    for row in rows:
        head = f"{BENCHMARKS[row['benchmark']]} {percent(row['target'])}"
        head += f", {row['stage']}" if row["stage"] else ""
        table.add_row(
            escape(head) if head != last else "",
            escape(row["material"]),
            *(_level(row, world) for world in ("without", "with")),
        )
        last = head
    return table


def _level(row: dict[str, Any], world: str) -> str:
    country = f" {row[f'{world}_country']}" if row[f"{world}_country"] else ""
    return f"{percent(row[f'{world}_level'])}{country} ({percent(row[f'{world}_probability'])})"


def _funding(run: Run) -> Iterator[RenderableType]:
    """Tables of who funds what in the first window (advice) and later (plan)."""
    shown = run.portfolio.loc[run.portfolio["kind"] != "overhead"]
    if shown.empty:
        yield Text("The fund commits nothing: no commitment within its rules and budgets was found to pay.\n")
        return
    first = run.case.windows[0]
    for advice, what in ((1, f"Commit in {first} (advice)"), (0, "Commit later (a plan, to be solved again by then)")):
        rows = shown.loc[shown["advice"] == advice]
        if rows.empty:
            if advice:
                yield Text(f"{what}: nothing\n", style="bold")
            continue
        fixed = run.portfolio.loc[(run.portfolio["kind"] == "overhead") & (run.portfolio["advice"] == advice)]
        yield _commitments(what, rows, fixed, years=not advice)


def _commitments(title: str, rows: pd.DataFrame, fixed: pd.DataFrame, *, years: bool) -> Table:
    table = start_table(
        title,
        *((("year", "left"),) if years else ()),
        ("project", "left"),
        ("member", "left"),
        ("instrument", "left"),
        ("amount (of uses or output)", "left"),
        ("charge, USD M", "right"),
    )
    last: tuple[Any, Any] | None = None
    for row in rows.to_dict(orient="records"):
        place = (row["project"] or row["name"], row["window"])
        head = [str(row["window"])] if years else []
        head.append(escape(_called(row)))
        table.add_row(
            *(head if place != last else [""] * len(head)),
            escape(str(row["member"])),
            escape(str(row["instrument"])),
            escape(amount({str(k): v for k, v in row.items()})),
            number(float(row["charge_usd_m"])),
        )
        last = place
    by = fixed.groupby(["window", "member"], sort=True)[["charge_usd_m"]].sum().reset_index()
    for n, row in enumerate(by.to_dict(orient="records")):
        head = [str(row["window"])] if years else []
        head.append("fixed costs of instruments" if n == 0 else "")
        table.add_row(*head, escape(str(row["member"])), "", "", number(float(row["charge_usd_m"])))
    return table


def _called(row: dict[Hashable, Any]) -> str:
    """Name, identifier and country: commands take the name or the identifier."""
    known = [str(part) for part in (row["project"] if row["name"] else "", row["country"]) if part]
    return f"{row['name'] or row['project']}" + (f" ({', '.join(known)})" if known else "")


def _changes(run: Run) -> Table:
    table = start_table(
        "What the support changes (chance that it is built; share of years it runs; rights to output)",
        ("project", "left"),
        ("year", "left"),
        ("is built", "right"),
        ("runs", "right"),
        ("rights to output", "left"),
    )
    prefix = "rights_"
    for row in run.projects.to_dict(orient="records"):
        rights = [
            f"{str(key).removeprefix(prefix)} {percent(float(value))}"
            for key, value in row.items()
            if str(key).startswith(prefix) and float(value) > 1e-6
        ]
        table.add_row(
            escape(str(row["name"] or row["project"])),
            str(row["window"]),
            f"{percent(row['closes_without'])} → {percent(row['closes_with'])}",
            f"{percent(row['runs_without'])} → {percent(row['runs_with'])}",
            ", ".join(rights) or "none",
        )
    return table


def _budgets(run: Run) -> Table:
    table = start_table(
        "Budgets, USD M (what is left carries over)",
        ("member", "left"),
        ("window", "left"),
        ("new budget", "right"),
        ("charged", "right"),
        ("left", "right"),
    )
    left: dict[str, float] = {}
    for row in run.budgets.to_dict(orient="records"):
        member = str(row["member"])
        left[member] = left.get(member, 0.0) + row["budget_usd_m"] - row["charge_usd_m"]
        table.add_row(
            escape(member),
            str(row["window"]),
            number(row["budget_usd_m"]),
            number(row["charge_usd_m"]),
            number(max(0.0, left[member])),
        )
    return table


def _conventions(run: Run) -> Table:
    table = start_table(
        "The same portfolio under each budget convention, USD M charged (simulated contract by contract)",
        ("member", "left"),
        ("as budgeted", "right"),
        ("cash", "right"),
        ("provisioning", "right"),
        ("subsidy", "right"),
        ("fair value", "right"),
    )
    for row in run.headline["members"]:
        charges = row["charge_by_convention_usd_m"].values()
        table.add_row(escape(row["member"]), number(row["charge_usd_m"]), *(number(v) for v in charges))
    return table


def _binding(run: Run) -> Group:
    """What stands in the way of doing more, a line per rule."""
    found: dict[str, list[str]] = {}
    for use in run.headline["binds"]:
        found.setdefault(use["rule"], []).append(f"{use['who']} ({number(use['limit'])} {use['unit']})")
    grid = Table.grid(padding=(0, 1))
    for rule, places in found.items():
        more = f" and {len(places) - SHOWN} more, see run.json" if len(places) > SHOWN else ""
        grid.add_row("  -", Text(f"{rule}: {', '.join(places[:SHOWN])}{more}"))
    if not found:
        grid.add_row("  -", "no budget, line or market limit is used up")
    return Group(Text("What binds", style="bold"), grid, Text(""))


def _notes(run: Run) -> Group:
    cost = number(run.headline["public_cost_usd_m"])
    year = run.case.settings.case.currency_year
    notes = list(run.caveats)
    left_out = len({item.project for item in run.assembly.left_out})
    if left_out and run.path is not None:
        notes.append(f"Some ways to finance {count(left_out, 'project')} were left out; run.json says why.")
    grid = Table.grid(padding=(0, 1))
    for note in notes:
        grid.add_row("  -", Text(note))
    parts: list[RenderableType] = [
        Text(f"Expected public cost: USD {cost} M, present value, money of {year}\n"),
        Text("Before you act on it", style="bold"),
        grid,
    ]
    if run.path is not None:
        # Not wrapped, so that the path can be copied whole.
        parts.append(Text(f"\nRun folder: {run.path}", style="bold", overflow="ignore", no_wrap=True))
    return Group(*parts)
