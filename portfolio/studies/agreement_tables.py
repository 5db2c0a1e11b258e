"""Tables of the agreements between members: the joint fund under each setting, and effects of a full factorial.

Settings are compared by weighted shortfall and cost, Z + cost weight * public cost, mean or with its CVaR as in the
objective. A search minimises that and side costs besides (transfers, and the worst ratio with fair distribution), so a
portfolio that its gap allows may have less by the gap and by what the one found pays for those, and by no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from portfolio.engine.programme import Array
from portfolio.evaluation.intervals import Interval
from portfolio.studies.alliance_tables import Funds, Settings
from portfolio.studies.differences import Weights, fresh, interval, objective_parts
from portfolio.studies.points import Answer
from portfolio.studies.telling import clear, open_gap

CLEAR, WITHIN, UNCLEAR = "clear", "within gaps", "unclear"
"""Beyond sampling and gaps; beyond sampling alone, of the portfolios found; neither."""


def _value(answer: Answer, weights: Weights) -> Array:
    """What each fresh scenario adds to shortfall and cost, (S,)."""
    return objective_parts(fresh(answer).weighted, weights) + weights.cost_weight * answer.public_cost_usd_m


def _open(answer: Answer, weights: Weights) -> float:
    """How much less shortfall and cost a portfolio within the gap may have."""
    return open_gap(answer) + float(objective_parts(fresh(answer).side, weights).mean())


def _verdict(between: Interval, less: float, more: float) -> str:
    """Whether a difference stands: it may be smaller by ``less`` and larger by ``more`` through the gaps."""
    if clear(between):
        return CLEAR if between.low - less > 0 or between.high + more < 0 else WITHIN
    return UNCLEAR


def switches_table(
    found: Funds, settings: Mapping[Settings, Answer], names: Sequence[str], own: Settings
) -> pd.DataFrame:
    """The fund of all members under combinations of agreements, and less that under the case's own.

    Changes hold together (Bonferroni). ``least`` and ``most`` are their limits with what the searches left open.
    """
    usual, rows = settings.get(own), []
    each = 1.0 - (1.0 - found.level) / max(1, len(settings) - 1)
    for on, a in sorted(settings.items()):
        whole = found.interval(_value(a, found.weights))
        row: dict[str, object] = {name: int(x) for name, x in zip(names, on, strict=True)}
        row |= {"own": int(on == own), "setting": in_words(on, own, names)}
        row |= {"shortfall_and_cost": whole.estimate, "low": whole.low, "high": whole.high}
        row |= {"weighted": float(fresh(a).weighted.mean())}
        row |= {f"shortfall_tpy_{region}": float(found.per_year(a, region).mean()) for region in found.regions}
        row |= {"public_cost_usd_m": a.public_cost_usd_m}
        if usual is not None and a is not usual:
            values = _value(a, found.weights) - _value(usual, found.weights)
            change = interval(values, each, found.weights.tail)
            less, more = _open(a, found.weights), _open(usual, found.weights)
            row |= {"change": change.estimate, "change_low": change.low, "change_high": change.high}
            row |= {"least": change.low - less, "most": change.high + more, "verdict": _verdict(change, less, more)}
        rows.append(row)
    return pd.DataFrame(rows)


def in_words(on: Settings, own: Settings, names: Sequence[str]) -> str:
    """Name a setting by what it changes."""
    if on == own:
        return "as in the case"
    if not any(on):
        return "no agreement"
    words = [name.replace("_", " ") for name in names]
    return ", ".join(f"{'with' if x else 'without'} {w}" for x, y, w in zip(on, own, words, strict=True) if x != y)


def effects_table(found: Funds, settings: Mapping[Settings, Answer], names: Sequence[str]) -> pd.DataFrame:
    """Main effects and interactions of a full factorial on shortfall and cost.

    The effect of a set A of switches is 2^(1 - n) times the sum over all settings of the product over A of +1 (on) or
    -1 (off) times the result: for one switch the mean of on less off (Box, Hunter and Hunter 2005, ch. 5). They hold
    together (Bonferroni); ``least`` and ``most`` are limits with what the searches left open.
    """
    n, rows = len(names), []
    each = 1.0 - (1.0 - found.level) / (2**n - 1)
    for some in (s for size in range(1, n + 1) for s in combinations(range(n), size)):
        signs = {on: float(np.prod([1.0 if on[k] else -1.0 for k in some])) * 2.0 ** (1 - n) for on in settings}
        values = np.sum([signs[on] * _value(a, found.weights) for on, a in settings.items()], axis=0)
        between = interval(values, each, found.weights.tail)
        less = sum(signs[on] * _open(a, found.weights) for on, a in settings.items() if signs[on] > 0)
        more = sum(-signs[on] * _open(a, found.weights) for on, a in settings.items() if signs[on] < 0)
        rows.append(
            {
                "switches": " x ".join(names[k] for k in some),
                "effect": between.estimate,
                "low": between.low,
                "high": between.high,
                "least": between.low - less,
                "most": between.high + more,
                "verdict": _verdict(between, less, more),
                "reliable": int(between.reliable),
            }
        )
    return pd.DataFrame(rows)
