"""The headline of a run: shortfall without and with the fund, what it costs, what binds, how far to trust it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from models import Decision
from portfolio.assemble import Assembly
from portfolio.case.records import Case
from portfolio.case.tables import TABLES
from portfolio.engine.protocol import Solution
from portfolio.evaluation.measures import WITH, WITHOUT, Headline, by_region_material, headline
from portfolio.evaluation.outcomes import Outcomes
from portfolio.finance.types import CONVENTIONS

UNCERTAIN = ("low", "estimate")
"""Confidence words of inputs that a reader should know about."""


def uncertain_inputs(case: Case) -> tuple[int, int]:
    """Rows of the tables marked low or estimate, and rows that carry any confidence word."""
    words = [row.confidence for table in TABLES for row in getattr(case, table) if row.confidence]
    return sum(word in UNCERTAIN for word in words), len(words)


def build_headline(
    assembly: Assembly,
    tables: dict[str, pd.DataFrame],
    without: Outcomes,
    with_fund: Outcomes,
    decision: Decision,
) -> dict[str, Any]:
    """Return the headline figures as plain Python values, ready for JSON.

    Tonnes are contained t a year (mean over the horizon), ``weighted`` is the discounted value-weighted shortfall of
    the whole horizon, ``cvar`` its mean over the worst scenarios, shares are fractions of mean demand.
    """
    instance = assembly.instance
    worlds = {"without": headline(instance, without), "with": headline(instance, with_fund)}
    return {
        "shortfall": {name: _world(value) for name, value in worlds.items()},
        "reduction": _reduction(worlds["without"].weighted, worlds["with"].weighted),
        "cvar_level": instance.cvar_level,
        "by_region_material": records(by_region_material(instance, without, with_fund)),
        "benchmarks": _benchmarks(tables["benchmarks"]),
        "benchmark_penalty": {
            WITHOUT: Decision().penalty(instance),
            WITH: decision.penalty(instance),
        },
        "public_cost_usd_m": decision.public_cost(instance),
        "members": _members(assembly, tables),
        "budget_use": records(tables["budgets"]),
        "advice": records(_commitments(tables["portfolio"], advice=1)),
        "plan": records(_commitments(tables["portfolio"], advice=0)),
        "binds": records(tables["limits"].loc[tables["limits"]["binds"] == 1].drop(columns="binds")),
    }


def _benchmarks(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Level and probability of every benchmark without and with the fund, of dependence the country with it."""
    keys = ["benchmark", "region", "year", "material", "stage", "target"]
    merged = None
    for world in (WITHOUT, WITH):
        names = {name: f"{world}_{name}" for name in ("level", "probability", "country")}
        part = table.loc[table["world"] == world, [*keys, *names]].rename(columns=names)
        merged = part if merged is None else merged.merge(part, on=keys)
    return [] if merged is None else records(merged)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as dictionaries of plain Python values."""
    return [
        {str(k): v.item() if hasattr(v, "item") else v for k, v in row.items()}
        for row in table.to_dict(orient="records")
    ]


def _world(value: Headline) -> dict[str, float]:
    return {
        "tonnes_per_year": value.mean_t_per_year,
        "weighted": value.weighted,
        "weighted_cvar": value.weighted_cvar,
        "share_of_demand": value.share_of_demand,
        "probability": value.probability,
    }


def _reduction(before: float, after: float) -> float:
    """Part of the weighted mean shortfall that the fund removes; 0 where there is none."""
    return 1.0 - after / before if before > 0 else 0.0


def _members(assembly: Assembly, tables: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Charge of every member as budgeted, and of the same portfolio under each convention (simulated)."""
    rows = []
    charged, booked = tables["budgets"], tables["ledger"].loc[lambda t: t["line"] == "charge"]
    for member in assembly.instance.members:
        own = charged.loc[charged["member"] == member]
        mine = booked.loc[booked["member"] == member]
        by_convention = {c: float(mine.loc[mine["convention"] == c, "simulated_usd_m"].sum()) for c in CONVENTIONS}
        rows.append(
            {
                "member": member,
                "region": assembly.instance.region_of[member],
                "charge_usd_m": float(own["charge_usd_m"].sum()),
                "budget_usd_m": float(own["budget_usd_m"].sum()),
                "charge_by_convention_usd_m": by_convention,
            }
        )
    return rows


def _commitments(portfolio: pd.DataFrame, advice: int) -> pd.DataFrame:
    """Commitments of the first window (advice) or later ones, without overhead."""
    wanted = (portfolio["advice"] == advice) & (portfolio["kind"] != "overhead")
    columns = ["project", "window", "instrument", "member", "share", "usd_m", "tpy", "material", "charge_usd_m"]
    return portfolio.loc[wanted, columns]


MUCH = 1.1
"""A charge beyond this many times the money given is explained."""


def caveats(case: Case, solution: Solution, asked: float, scenarios: int, portfolio: pd.DataFrame) -> list[str]:
    """What a reader has to know before acting on a run, in plain sentences."""
    low, marked = uncertain_inputs(case)
    first = case.windows[0]
    sample = "the one scenario" if scenarios == 1 else f"the same {scenarios:,} scenarios"
    better = (
        f"A portfolio up to {100 * solution.gap:.1f} % better may exist (the solver's gap; asked for "
        f"{100 * asked:.1f} %)."
    )
    found = [
        better if solution.gap >= 5e-4 else "No portfolio is better on these scenarios: the solver proved it.",
        f"Figures are measured on {sample} the portfolio was chosen on, which flatters it.",
        *(solution.stability.warnings if solution.stability is not None else ()),
    ]
    if marked:
        found.append(f"{low:,} of {marked:,} input rows are estimates or of low confidence.")
    if len(case.windows) > 1:
        found.append(f"Only commitments of {first} are advice; later ones are a plan to solve again by then.")
    else:
        found.append(f"Commitments of {first} are advice; nothing is assumed to be committed later.")
    money = portfolio.loc[portfolio["kind"].isin(("loan", "equity", "grant"))]
    if dearer := sorted(set(money.loc[money["charge_usd_m"] > MUCH * money["usd_m"], "project"])):
        found.append(
            f"{', '.join(dearer)}: charged over {100 * (MUCH - 1):.0f} % more than the money given, since members "
            "answer for cost overruns too: expected calls come on top."
        )
    return found
