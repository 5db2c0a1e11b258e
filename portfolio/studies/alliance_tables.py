"""Tables of the study of an alliance, from the answers of its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from portfolio.case.records import Case
from portfolio.engine.programme import Array
from portfolio.evaluation.games import Coalition, Orders, bracket, excess, excess_bracket, joining, shapley
from portfolio.evaluation.intervals import Interval
from portfolio.studies.differences import Weights, fresh, interval, objective_parts, paid
from portfolio.studies.points import Answer
from portfolio.studies.telling import NOISE

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


def points(found: Funds, settings: Mapping[Settings, Answer], names: Sequence[str]) -> pd.DataFrame:
    """Every point: what was varied and what came of it."""
    agreed = found.case.settings.alliance
    own = tuple(bool(getattr(agreed, name)) for name in names)
    asked = [("coalition", s, own, a) for s, a in found.funds.items()]
    asked += [("switches", found.all, on, a) for on, a in settings.items() if on != own]
    rows = []
    for kind, coalition, on, a in asked:
        rows.append(
            {
                "point": a.name,
                "kind": kind,
                "members": found.label(coalition),
                **{name: int(x) for name, x in zip(names, on, strict=True)},
                "status": a.status.value,
                "objective": a.objective,
                "bound": a.bound,
                **_fresh_columns(found, a),
                "public_cost_usd_m": a.public_cost_usd_m,
                "projects": " ".join(sorted(a.supported)),
            }
        )
    return pd.DataFrame(rows)


def _fresh_columns(found: Funds, answer: Answer) -> dict[str, float]:
    """Objective, weighted shortfall and tonnes a year on the fresh scenarios; nothing without a portfolio."""
    if answer.fresh is None:
        return {}
    whole = found.interval(paid(answer, found.weights))
    return {
        "fresh_objective": whole.estimate,
        "fresh_objective_low": whole.low,
        "fresh_objective_high": whole.high,
        "fresh_weighted": float(answer.fresh.weighted.mean()),
        "fresh_shortfall_tpy": float(answer.fresh.tonnes.mean()) / found.years,
    }


def members(found: Funds) -> pd.DataFrame:
    """Each member alone against the joint fund; the difference is joint less alone."""
    joint, rows = found.funds[found.all], []
    spent_on = {"expected_cost_usd_m": "cost", "charge_usd_m": "budget", "exposure_usd_m": "exposure"}
    for member in found.case.members:
        name, region = member.member, member.region
        alone = found.funds[frozenset({name})]
        if alone.fresh is None or joint.fresh is None:
            continue
        tonnes = [found.per_year(a, region) for a in (alone, joint)]
        without = found.per_year(joint, region, without=True)
        between = found.mean(tonnes[1] - tonnes[0])
        rows.append(
            _member(name, region, "own_shortfall_tpy", float(without.mean()), *(float(t.mean()) for t in tonnes))
            | _limits(between)
            | {"clear": int(_clear(between) and not _overlap(alone, joint))}
        )
        costs = [paid(a, found.weights) for a in (alone, joint)]
        empty = objective_parts(joint.fresh.weighted_without + joint.fresh.side_without, found.weights)
        between = found.interval(costs[1] - costs[0])
        rows.append(
            _member(name, region, "objective", float(empty.mean()), *(float(c.mean()) for c in costs))
            | _limits(between)
            | {"clear": int(_clear(between) and not _overlap(alone, joint))}
        )
        for figure, key in spent_on.items():
            spent = [a.charges_usd_m[name][key] for a in (alone, joint)]
            rows.append(_member(name, region, figure, 0.0, *spent))
    return pd.DataFrame(rows)


def _member(member: str, region: str, figure: str, without: float, alone: float, joint: float) -> dict[str, object]:
    return {
        "member": member, "region": region, "figure": figure, "without": without, "alone": alone, "joint": joint,
        "difference": joint - alone,
    }  # fmt: skip


def _limits(between: Interval) -> dict[str, object]:
    return {
        "low": between.low, "high": between.high, "clear": int(_clear(between)), "reliable": int(between.reliable)
    }  # fmt: skip


def _clear(between: Interval) -> bool:
    """Whether an interval lies on one side of zero, by more than rounding."""
    room = NOISE * max(1.0, abs(between.estimate))
    return between.low > room or between.high < -room


def _overlap(a: Answer, b: Answer) -> bool:
    """Whether the solver's gaps leave open which of two is the better."""
    return max(a.bound, b.bound) <= min(a.objective, b.objective)


def _gap(answer: Answer) -> float:
    """What the solver's gap leaves open of an objective."""
    return answer.objective - answer.bound


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


def switches(found: Funds, settings: Mapping[Settings, Answer], names: Sequence[str], own: Settings) -> pd.DataFrame:
    """The fund of all members under every combination of agreements, and less that under the case's own."""
    usual = settings.get(own)
    rows = []
    for on, a in sorted(settings.items()):
        whole = found.mean(fresh(a).weighted)
        row: dict[str, object] = {name: int(x) for name, x in zip(names, on, strict=True)}
        row |= {"own": int(on == own), "weighted": whole.estimate, "low": whole.low, "high": whole.high}
        row |= {f"shortfall_tpy_{region}": float(found.per_year(a, region).mean()) for region in found.regions} | {
            "public_cost_usd_m": a.public_cost_usd_m
        }
        if usual is not None:
            change = found.mean(fresh(a).weighted - fresh(usual).weighted)
            row |= {"change": change.estimate, "change_low": change.low, "change_high": change.high}
            gaps = 0.0 if a is usual else _gap(a) + _gap(usual)
            row |= {"gaps": gaps, "clear": int(_clear(change) and abs(change.estimate) > gaps)}
        rows.append(row)
    return pd.DataFrame(rows)


def effects(found: Funds, settings: Mapping[Settings, Answer], names: Sequence[str]) -> pd.DataFrame:
    """Main effects and interactions of a full factorial on the weighted shortfall.

    The effect of a set A of switches is 2^(1 - n) times the sum over all settings of the product over A of +1 (on) or
    -1 (off) times the result: for one switch the mean of on less off (Box, Hunter and Hunter 2005, ch. 5). ``gaps`` is
    what the solver's gaps alone may make of it: smaller effects are not clear.
    """
    n = len(names)
    rows = []
    for size in range(1, n + 1):
        for some in combinations(range(n), size):
            values = sum(
                np.prod([1.0 if on[k] else -1.0 for k in some]) * fresh(a).weighted for on, a in settings.items()
            )
            between = found.mean(np.asarray(values) * 2.0 ** (1 - n))
            gaps = 2.0 ** (1 - n) * sum(_gap(a) for a in settings.values())
            rows.append(
                {
                    "switches": " x ".join(names[k] for k in some),
                    "effect": between.estimate,
                    "low": between.low,
                    "high": between.high,
                    "gaps": gaps,
                    "clear": int(_clear(between) and abs(between.estimate) > gaps),
                    "reliable": int(between.reliable),
                }
            )
    return pd.DataFrame(rows)
