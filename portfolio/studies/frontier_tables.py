"""Tables of a frontier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from portfolio.case.records import Case
from portfolio.evaluation.intervals import cvar_interval, mean_interval, paired_difference, ratio_interval
from portfolio.report.words import count
from portfolio.studies.budgets import Marginal
from portfolio.studies.compare_tables import plain, spread
from portfolio.studies.differences import Weights
from portfolio.studies.envelope import Enveloped
from portfolio.studies.points import Answer, Terms
from portfolio.studies.target import Cheapest
from portfolio.studies.telling import clear, pair


@dataclass(frozen=True)
class Line:
    """A point of the frontier: its value, all budgets in USD M, its answer."""

    value: float
    budget_usd_m: float
    found: Enveloped

    @property
    def answer(self) -> Answer:
        """The answer, enveloped."""
        return self.found.answer


def tables(
    case: Case,
    over: str,
    lines: Sequence[Line],
    first: Answer,
    marginals: Sequence[tuple[float, Marginal]],
    goal: Cheapest | None,
    level: float,
    budget: Callable[[float], float],
) -> dict[str, pd.DataFrame]:
    """All tables; ``first`` is the answer with which the world without the fund was measured."""
    rows = [_row(case, over, line, first, level) for line in lines]
    for n, row in enumerate(rows):
        row |= _change(case, over, lines[n - 1] if n else None, lines[n], level, len(lines) - 1)
    found = {"frontier": pd.DataFrame(rows)}
    if over == "budget":
        found["marginal"] = pd.DataFrame([_marginal(v, m) for v, m in marginals], columns=MARGINAL)
    if goal is not None:
        found["target"] = pd.DataFrame([_try(t.scale, budget(t.scale), t.answer, t.verdict.value) for t in goal.tries])
    return found


def _row(case: Case, over: str, line: Line, first: Answer, level: float) -> dict[str, Any]:
    a, none = line.answer, line.answer.decision is None
    row: dict[str, Any] = {
        "over": over,
        "value": line.value,
        "budget_usd_m": line.budget_usd_m,
        "status": a.status.value,
        "objective_in_sample": np.nan if none else a.objective,
        "bound_in_sample": np.nan if none else a.bound,
        "solver_gap": np.nan if none else a.gap,
        "portfolio_of": line.found.taken_from or a.name,
        "projects": len(a.supported),
        "supported": " ".join(sorted(a.supported)),
        "public_cost_usd_m": np.nan if none else a.public_cost_usd_m,
        "charged_usd_m": np.nan if none else sum(m["budget"] for m in a.charges_usd_m.values()),
    }
    row |= _measured(case, a, first, level)
    return row | {"seconds": a.seconds, "reasons": "; ".join(a.reasons)}


def _measured(case: Case, a: Answer, first: Answer, level: float) -> dict[str, Any]:
    if a.fresh is None:
        names = ("weighted", "weighted_cvar", "reduction", "tonnes_per_year")
        return {f"{name}{end}": np.nan for name in names for end in ("", "_low", "_high")}
    f = a.fresh
    row = spread("weighted", mean_interval(f.weighted, level=level))
    row |= spread("weighted_cvar", cvar_interval(f.weighted, case.settings.risk.cvar_level, level=level))
    before = first.fresh.weighted_without if first.fresh is not None else f.weighted_without
    if before.size == f.weighted.size:
        row |= spread("reduction", ratio_interval(before - f.weighted, before, level=level))
    return row | spread("tonnes_per_year", mean_interval(f.tonnes / len(case.years), level=level))


MEASURES = ("weighted", "cvar")
"""What the portfolios found are compared by, besides the objective."""


def _change(case: Case, over: str, before: Line | None, here: Line, level: float, neighbours: int) -> dict[str, Any]:
    """Differences from the point before; those of all neighbours, in all measures, hold together (Bonferroni).

    ``told_apart`` is of objectives, limits with what both searches left open: a gap is of the objective, and says
    nothing of shortfall alone, which a search may trade against cost or tail. Where points differ in a weight of the
    objective there is no such comparison. ``differs`` is of the portfolios found, by sampling alone.
    """
    ends = ("change", "change_low", "change_high")
    row: dict[str, Any] = {f"objective_{end}": np.nan for end in ends} | {"told_apart": np.nan}
    row |= {f"{name}_{end}": np.nan for name in MEASURES for end in (*ends, "differs")}
    a, b = here.answer.fresh, None if before is None else before.answer.fresh
    if before is None or a is None or b is None:
        return row
    each = 1.0 - (1.0 - level) / (neighbours * (len(MEASURES) + (over == "budget")))
    if over == "budget":
        both = pair(here.answer, before.answer, Weights.of(case), each)
        row |= dict(
            zip((f"objective_{end}" for end in ends), (both.objective.estimate, both.low, both.high), strict=True)
        )
        row["told_apart"] = int(bool(both.better))
    for name, tail in zip(MEASURES, (None, case.settings.risk.cvar_level), strict=True):
        i = paired_difference(a.weighted, b.weighted, tail=tail, level=each)
        row |= dict(zip((f"{name}_{end}" for end in ends), (i.estimate, i.low, i.high), strict=True))
        row[f"{name}_differs"] = int(clear(i))
    return row


MARGINAL = [
    "value", "member", "step_usd_m", "per_usd_m", "proven_low", "proven_high", "fresh_per_usd_m", "fresh_low",
    "fresh_high", "certain",
]  # fmt: skip


def _marginal(value: float, m: Marginal) -> list[Any]:
    seen = (np.nan, np.nan, np.nan) if m.fresh is None else (m.fresh.estimate, m.fresh.low, m.fresh.high)
    return [value, m.member, m.step_usd_m, m.estimate, m.low, m.high, *seen, int(m.certain)]


def _try(scale: float, budget: float, a: Answer, verdict: str) -> dict[str, Any]:
    found = {"scale": scale, "budget_usd_m": budget, "verdict": verdict, "status": a.status.value}
    return found | {"shortfall_in_sample": a.objective, "bound_in_sample": a.bound, "solver_gap": a.gap}


def figures(
    case: Case,
    over: str,
    member: str | None,
    made: dict[str, pd.DataFrame],
    goal: Cheapest | None,
    terms: Terms,
    budget: Callable[[float], float],
) -> dict[str, Any]:
    """What ``--json`` prints."""
    sampling = case.settings.sampling
    return {
        "over": over,
        "member": member,
        "scenarios": sampling.scenarios,
        "seed": sampling.seed,
        "fresh": terms.fresh,
        "gap": terms.limits.gap,
        "level": terms.level,
        "cvar_level": case.settings.risk.cvar_level,
        "points": plain(made["frontier"]),
        "marginal": plain(made["marginal"]) if "marginal" in made else [],
        "target": None if goal is None else _goal(goal, budget),
    }


def _goal(goal: Cheapest, budget: Callable[[float], float]) -> dict[str, Any]:
    reached, found = goal.reached_at, goal.portfolio
    seen = None if found is None or found.fresh is None else found.fresh
    return {
        "shortfall_at_most": goal.goal,
        "impossible_at": goal.impossible_at,
        "impossible_budget_usd_m": None if goal.impossible_at is None else budget(goal.impossible_at),
        "reached_at": reached,
        "reached_budget_usd_m": None if reached is None else budget(reached),
        "supported": [] if found is None else sorted(found.supported),
        "tries": len(goal.tries),
        "fresh_weighted": None if seen is None else float(seen.weighted.mean()),
    }


def caveats(
    case: Case,
    over: str,
    lines: Sequence[Line],
    marginals: Sequence[tuple[float, Marginal]],
    goal: Cheapest | None,
    terms: Terms,
) -> tuple[str, ...]:
    """What to know before acting on it."""
    found = [
        f"Portfolios were chosen on {count(case.settings.sampling.scenarios, 'scenario')}: on more, each could do "
        "better; no interval covers that.",
    ]
    if over != "budget":
        found.append(
            "Varying a weight finds portfolios on the hull of the frontier alone; there can be others between."
        )
    if over == "risk":
        found.append("Within its gap a search may trade mean against CVaR: small steps along the curve say little.")
    if over != "budget":
        found.append(
            "From point to point the portfolios found are compared, by sampling alone: objectives of other weights are "
            "not comparable, so that no gap says how far the best ones differ."
        )
    dull = sum(1 for _, m in marginals if not m.certain)
    if dull:
        found.append(
            f"{dull} of {len(marginals)} values of a million may be nothing: their proven range or their interval "
            "(those of all values hold together) begins at 0. A smaller --gap or a larger --step narrows the range."
        )
    taken = [f"{x.value:g} from {x.found.taken_from}" for x in lines if x.found.taken_from]
    if taken:
        found.append(f"Portfolios taken from another point, which found a better one: {', '.join(taken)}.")
    if goal is not None:
        found.append(
            "The target is proven in the sample, for the mean weighted shortfall with the recourse's side costs; on "
            "fresh scenarios the portfolio may miss it."
        )
    found += [f"At {x.value:g} there is no portfolio: {'; '.join(x.answer.reasons)}." for x in lines
              if x.answer.decision is None]  # fmt: skip
    return tuple(found)
