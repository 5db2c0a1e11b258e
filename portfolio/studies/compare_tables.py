"""Tables of a comparison of instrument mixes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from models import Instance
from portfolio.case.records import Case
from portfolio.evaluation.intervals import Interval, cvar_interval, mean_interval, ratio_interval
from portfolio.finance.types import CONVENTIONS
from portfolio.report.headline import records
from portfolio.report.words import count
from portfolio.studies.differences import Weights, fresh, interval, paid
from portfolio.studies.envelope import Enveloped
from portfolio.studies.mixes import Mix
from portfolio.studies.points import Answer, Sampled, Terms
from portfolio.studies.telling import Pair, letters, open_gap

MONEY = ("budget", "exposure", *CONVENTIONS)
"""Sums of money by member: charged to its budgets, largest exposure, charge of the shares under each convention."""


@dataclass(frozen=True)
class Compared:
    """A mix, its answer, its programme, why it can close projects or not, and the world without the fund."""

    mix: Mix
    found: Enveloped
    instance: Instance
    closed: dict[str, str]
    without: Sampled | None

    @property
    def answer(self) -> Answer:
        """The answer, enveloped."""
        return self.found.answer


def tables(
    compared: Sequence[Compared], told: Sequence[Pair], weights: Weights, reference: str, level: float
) -> dict[str, pd.DataFrame]:
    """All tables of a comparison; the first holds a row for every mix, best first, those without a portfolio last."""
    rows = [_row(c, weights, level) for c in compared]
    rows.sort(key=lambda row: (np.isnan(row["objective"]), row["objective"], row["mix"]))
    group = letters(
        [row["mix"] for row in rows if not np.isnan(row["objective"])],
        [(p.one, p.other) for p in told if p.better],
    )
    for row in rows:
        row["group"] = group.get(row["mix"], "")
        row |= _against(row["mix"], reference, told)
    return {
        "mixes": pd.DataFrame(rows),
        "pairs": pd.DataFrame([_pair(p) for p in told], columns=PAIR),
        "members": pd.DataFrame([row for c in compared for row in _members(c)]),
        "projects": pd.DataFrame([row for c in compared for row in _projects(c, compared)]),
        "funded": pd.DataFrame([row for c in compared for row in _funded(c)], columns=FUNDED),
    }


def _row(c: Compared, weights: Weights, level: float) -> dict[str, Any]:
    a = c.answer
    row: dict[str, Any] = {
        "mix": c.mix.name,
        "instruments": " ".join(c.mix.instruments),
        "terms": "; ".join(c.mix.terms),
        "group": "",
        "status": a.status.value,
        "projects": len(a.supported),
        "supported": " ".join(sorted(a.supported)),
    }
    row |= _measured(c, weights, level)
    row |= {
        "objective_in_sample": a.objective if a.decision is not None else np.nan,
        "bound_in_sample": a.bound if a.decision is not None else np.nan,
        "solver_gap": a.gap if a.decision is not None else np.nan,
        "portfolio_of": c.found.taken_from or c.mix.name,
        "public_cost_usd_m": a.public_cost_usd_m,
    }
    row |= {f"{name}_usd_m": sum(m[name] for m in a.charges_usd_m.values()) for name in MONEY}
    return row | {"seconds": a.seconds, "reasons": "; ".join(a.reasons)}


def _measured(c: Compared, weights: Weights, level: float) -> dict[str, Any]:
    """Figures on the fresh scenarios, with intervals of their own."""
    if c.answer.fresh is None:
        nothing = ("objective", "weighted", "weighted_cvar", "reduction", "tonnes_per_year")
        return {f"{name}{end}": np.nan for name in nothing for end in ("", "_low", "_high")}
    found, years = fresh(c.answer), len(c.instance.years)
    row = spread("objective", interval(paid(c.answer, weights), level, weights.tail))
    row |= spread("weighted", mean_interval(found.weighted, level=level))
    row |= spread("weighted_cvar", cvar_interval(found.weighted, weights.cvar_level, level=level))
    if c.without is not None and c.without.weighted_without.size == found.weighted.size:
        before = c.without.weighted_without
        row |= {"weighted_without": float(before.mean())}
        row |= spread("reduction", ratio_interval(before - found.weighted, before, level=level))
    return row | spread("tonnes_per_year", mean_interval(found.tonnes / years, level=level))


def spread(name: str, i: Interval) -> dict[str, float]:
    """Columns of a figure with its limits."""
    return {name: i.estimate, f"{name}_low": i.low, f"{name}_high": i.high}


def _against(mix: str, reference: str, told: Sequence[Pair]) -> dict[str, Any]:
    """Objective of a mix minus that of the reference, limits with solver gaps, holding for all pairs together."""
    for p in told:
        sign = {(mix, reference): 1.0, (reference, mix): -1.0}.get((p.one, p.other))
        if sign is not None:
            low, high = sorted((sign * p.low, sign * p.high))
            return {
                "against": reference, "difference": sign * p.objective.estimate, "difference_low": low,
                "difference_high": high, "told_apart": int(bool(p.better)),
            }  # fmt: skip
    nothing = 0.0 if mix == reference else np.nan
    return {
        "against": reference, "difference": nothing, "difference_low": nothing, "difference_high": nothing,
        "told_apart": 0,
    }  # fmt: skip


PAIR = [
    "mix", "other", "difference", "sampling_low", "sampling_high", "low", "high", "better", "level", "reliable",
    "weighted_difference", "weighted_low", "weighted_high",
]  # fmt: skip


def _pair(p: Pair) -> list[Any]:
    o, w = p.objective, p.weighted
    return [
        p.one, p.other, o.estimate, o.low, o.high, p.low, p.high, p.better, o.level, int(o.reliable),
        w.estimate, w.low, w.high,
    ]  # fmt: skip


def _members(c: Compared) -> list[dict[str, Any]]:
    return [
        {"mix": c.mix.name, "member": member} | {f"{name}_usd_m": values[name] for name in MONEY}
        for member, values in c.answer.charges_usd_m.items()
    ]


def _projects(c: Compared, all_of: Sequence[Compared]) -> list[dict[str, Any]]:
    """Which projects a mix can close at all, which it chose, and which no mix can that does not contain it."""
    others = [o for o in all_of if o.mix.name != c.mix.name and not c.mix.within(o.mix)]
    return [
        {
            "mix": c.mix.name,
            "project": project,
            "closable": int(not why),
            "supported": int(project in c.answer.supported),
            "only_it": int(not why and all(o.closed[project] for o in others)),
            "why_not": why,
        }
        for project, why in c.closed.items()
    ]


FUNDED = [
    "mix", "project", "window", "structure", "member", "instrument", "kind", "share", "usd_m", "charge_usd_m", "t",
]  # fmt: skip


def _funded(c: Compared) -> list[list[Any]]:
    """Commitments; USD M of the money kinds and guarantees, whose shares are of the uses of funds; purchases in t."""
    if c.answer.decision is None:
        return []
    rows: list[list[Any]] = []
    for key, share in sorted(c.answer.decision.share.items(), key=lambda item: (item[0][4], *item[0][:4])):
        member, project, instrument, structure, window = key
        kind = c.instance.kind_of[instrument]
        uses = c.instance.options[project, structure, window].uses_usd_m
        money = np.nan if kind in ("cfd", "offtake") else share * uses
        charge = share * c.instance.shares[key].charge_usd_m
        rows.append([c.mix.name, project, window, structure, member, instrument, kind, share, money, charge, np.nan])
    for (member, material, window), tonnes in sorted(c.answer.decision.purchase.items()):
        at = c.instance.materials.index(material), c.instance.windows.index(window)
        cost = tonnes * float(c.instance.stock_cost[at])
        rows.append([c.mix.name, material, window, "", member, "", "stockpile", np.nan, cost, cost, tonnes])
    return rows


def plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON has them: what is no finite number is nothing."""
    return [
        {name: None if isinstance(v, float) and not np.isfinite(v) else v for name, v in row.items()}
        for row in records(table)
    ]


def figures(
    case: Case, made: dict[str, pd.DataFrame], told: Sequence[Pair], terms: Terms, reference: str
) -> dict[str, Any]:
    """What ``--json`` prints."""
    sampling = case.settings.sampling
    rows = plain(made["mixes"])
    projects = made["projects"]
    only = projects[projects["only_it"] == 1]
    return {
        "scenarios": sampling.scenarios,
        "seed": sampling.seed,
        "fresh": terms.fresh,
        "gap": terms.limits.gap,
        "level": terms.level,
        "level_of_each_pair": told[0].objective.level if told else None,
        "pairs": len(told),
        "pairs_told_apart": sum(bool(p.better) for p in told),
        "reference": reference,
        "mixes": rows,
        "only_closable_by": {str(mix): sorted(part["project"]) for mix, part in only.groupby("mix")},
    }


def caveats(case: Case, compared: Sequence[Compared], told: Sequence[Pair], terms: Terms) -> tuple[str, ...]:
    """What to know before acting on it."""
    level = f"{100 * terms.level:g} %"
    all_pairs = f" for all {len(told)} pairs together" if len(told) > 1 else ""
    correction = " (Bonferroni)" if len(told) > 1 else ""
    found = [
        f"Differences hold{all_pairs} at {level}{correction}, and are widened by what the searches left open: mixes "
        "that share a letter are not told apart.",
        f"Portfolios were chosen on {count(case.settings.sampling.scenarios, 'scenario')}: on more, a mix could do "
        "better; no interval covers that.",
        "Only closes with a mix: of the mixes compared none has a way to finance the project but this one and those "
        "that contain it. It need not be in the portfolio found, where other projects do more.",
    ]
    widest = max((open_gap(c.answer) for c in compared if c.answer.decision is not None), default=0.0)
    blurred = sum(not p.better and not p.objective.covers(0.0) for p in told)
    if blurred:
        found.append(
            f"{blurred} {'pair differs' if blurred == 1 else 'pairs differ'} on the fresh scenarios, but by less than "
            f"the searches left open (up to {widest:,.0f}): a smaller --gap may tell them apart."
        )
    if any(not p.objective.reliable for p in told if p.one != p.other and p.objective.half_width > 0):
        found.append(f"{terms.fresh:,} fresh scenarios are few for such intervals: take 1,000 or more.")
    if any(c.answer.decision is not None and c.answer.decision.purchase for c in compared):
        found.append(
            "Every mix may buy for the stockpile too, which is part of what it does; --set policy.purchase_share=0 "
            "compares the instruments alone."
        )
    if case.settings.benchmarks.penalise:
        found.append("Penalties for benchmarks missed count in the search, not in the differences.")
    found += [f"{c.mix.name} has no portfolio: {'; '.join(c.answer.reasons)}." for c in compared
              if c.answer.decision is None]  # fmt: skip
    taken = [f"{c.mix.name} from {c.found.taken_from}" for c in compared if c.found.taken_from]
    if taken:
        found.append(f"Portfolios taken from a narrower mix, whose search found a better one: {', '.join(taken)}.")
    return tuple(found)
