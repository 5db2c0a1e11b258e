"""The split of what an alliance is worth: coalitions in the common interest, Shapley values, who would object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats

from portfolio.case.records import Case
from portfolio.engine.programme import Array
from portfolio.evaluation.games import Coalition, Orders, bracket, excess, excess_bracket, joining, shapley
from portfolio.evaluation.intervals import Interval
from portfolio.studies.differences import Weights, fresh, interval, paid
from portfolio.studies.points import Answer

ACCEPTS, OBJECTS, OPEN = "accepts", "objects", "undecided"
GAINS, LOSES = "gain", "lose"
Settings = tuple[bool, ...]


@dataclass(frozen=True)
class Funds:
    """Answers by coalition, and how their worths are read: v(S) = -objective, so that more is better."""

    case: Case
    weights: Weights
    level: float
    arrivals: Orders
    funds: Mapping[Coalition, Answer]

    @property
    def all(self) -> Coalition:
        """All members."""
        return frozenset(self.arrivals.players)

    @cached_property
    def whole(self) -> bool:
        """Whether every coalition that a split takes has a portfolio."""
        return all(self.funds[s].decision is not None for s in self.arrivals.coalitions)

    @property
    def years(self) -> int:
        """Years of the horizon."""
        return len(self.case.years)

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions in the order of measured tonnes."""
        return tuple(sorted(self.case.region_names))

    def label(self, coalition: Coalition) -> str:
        """Members of a coalition in words."""
        return " + ".join(sorted(coalition)) or "nobody"

    @cached_property
    def worths(self) -> dict[Coalition, Array]:
        """Worth of every coalition with a portfolio on the fresh scenarios, (S,)."""
        return {s: -paid(a, self.weights) for s, a in self.funds.items() if a.fresh is not None}

    @cached_property
    def least(self) -> dict[Coalition, Array]:
        """Worth in sample of the portfolio found: at least that."""
        return {s: np.array(-a.objective) for s, a in self.funds.items() if a.decision is not None}

    @cached_property
    def most(self) -> dict[Coalition, Array]:
        """Worth in sample at most: by the proven bound. Nobody's is known exactly."""
        return {s: np.array(-(a.bound if s else a.objective)) for s, a in self.funds.items() if a.decision is not None}

    def interval(self, values: Array) -> Interval:
        """Interval of a mean, or of a difference, of parts of objectives."""
        return interval(values, self.level, self.weights.tail)

    def mean(self, values: Array) -> Interval:
        """Interval of a mean of what no CVaR is taken of."""
        return interval(values, self.level)

    def per_year(self, answer: Answer, region: str, *, without: bool = False) -> Array:
        """Shortfall of a region on the fresh scenarios, t/y, (S,)."""
        found = fresh(answer)
        tonnes = found.regions_without if without else found.regions
        return np.asarray(tonnes[:, self.regions.index(region)] / self.years)


def regions(found: Funds) -> pd.DataFrame:
    """Mean shortfall of every region under every coalition, t/y, and less that of nobody's fund."""
    rows = []
    joint = found.funds[found.all]
    for s, a in found.funds.items():
        for region in found.regions if a.fresh is not None and joint.fresh is not None else ():
            tonnes = found.per_year(a, region)
            without = found.per_year(joint, region, without=True)
            whole, change = found.mean(tonnes), found.mean(tonnes - without)
            rows.append(
                {
                    "point": a.name,
                    "members": found.label(s),
                    "region": region,
                    "shortfall_tpy": whole.estimate,
                    "low": whole.low,
                    "high": whole.high,
                    "change_tpy": change.estimate,
                    "change_low": change.low,
                    "change_high": change.high,
                }
            )
    return pd.DataFrame(rows)


def shapley_table(found: Funds) -> pd.DataFrame:
    """The Shapley value of every member: of the reduction of the objective that all together bring."""
    split, open_ = shapley(found.worths, found.arrivals), bracket(found.least, found.most, found.arrivals)
    in_sample = shapley(found.least, found.arrivals)
    budgets = _budgets(found)
    together = float(sum(v.mean() for v in split.values()))
    rows = []
    for member in found.arrivals.players:
        between = found.interval(split[member])
        low, high = _order_limits(found, member)
        rows.append(
            {
                "member": member,
                "budget_usd_m": budgets[member],
                "share_of_budgets": budgets[member] / sum(budgets.values()) if sum(budgets.values()) > 0 else np.nan,
                "in_sample": float(in_sample[member]),
                "least": open_[member][0],
                "most": open_[member][1],
                "value": between.estimate,
                "low": between.low,
                "high": between.high,
                "reliable": int(between.reliable),
                "share": between.estimate / together if together else np.nan,
                "order_low": low,
                "order_high": high,
            }
        )
    return pd.DataFrame(rows)


def _budgets(found: Funds) -> dict[str, float]:
    """All budgets of each member, USD M."""
    return {f: float(sum(b.budget_usd_m for b in found.case.budgets if b.member == f)) for f in found.arrivals.players}


def _order_limits(found: Funds, member: str) -> tuple[float, float]:
    """Interval of the mean over orders of arrival where they are a sample: Student's, on means of antithetic pairs."""
    if found.arrivals.exact:
        return np.nan, np.nan
    means = {s: np.array(w.mean()) for s, w in found.worths.items()}
    pairs = found.arrivals.marginals(means, member).reshape(-1, 2).mean(axis=1)
    half = stats.t.ppf((1 + found.level) / 2, pairs.size - 1) * pairs.std(ddof=1) / np.sqrt(pairs.size)
    return float(pairs.mean() - half), float(pairs.mean() + half)


def core(found: Funds) -> pd.DataFrame:
    """Whether a coalition would have more apart than the Shapley split gives it; objections are above 0."""
    split = shapley(found.worths, found.arrivals)
    nobody = frozenset[str]()
    rows = []
    known = {s: w for s, w in found.worths.items() if not s or s in found.least}
    for s, over in excess(known, split).items():
        between = found.interval(over)
        least, most = excess_bracket(found.least, found.most, found.arrivals, s)
        allotted = np.asarray(sum(split[p] for p in sorted(s)))
        rows.append(
            {
                "members": found.label(s),
                "worth": float((found.worths[s] - found.worths[nobody]).mean()),
                "allotted": float(allotted.mean()),
                "excess": between.estimate,
                "low": between.low,
                "high": between.high,
                "least": least,
                "most": most,
                "verdict": _verdict(between, least, most, OBJECTS, ACCEPTS),
            }
        )
    return pd.DataFrame(rows)


def joined(found: Funds) -> pd.DataFrame:
    """What coalitions without a common member gain by joining; superadditive where none loses."""
    nobody = frozenset[str]()
    rows = []
    for a, b, gain in joining(found.worths):
        between = found.interval(gain)
        least = float(found.least[a | b] - found.most[a] - found.most[b] + found.least[nobody])
        most = float(found.most[a | b] - found.least[a] - found.least[b] + found.most[nobody])
        rows.append(
            {
                "members": found.label(a),
                "others": found.label(b),
                "gain": between.estimate,
                "low": between.low,
                "high": between.high,
                "least": least,
                "most": most,
                "verdict": _verdict(between, least, most, GAINS, LOSES),
            }
        )
    return pd.DataFrame(rows)


def _verdict(between: Interval, least: float, most: float, above: str, below: str) -> str:
    """Say on which side of 0 something is where neither sampling nor the solver's gap leaves it open."""
    if between.low > 0 and least > 0:
        return above
    if between.high < 0 and most < 0:
        return below
    return OPEN
