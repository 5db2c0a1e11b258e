"""Budgets of a case made larger or smaller, and the marginal value of a million."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from portfolio.assemble import liquidity
from portfolio.case.records import Case
from portfolio.engine.variation import Changes
from portfolio.evaluation.intervals import Interval
from portfolio.studies.differences import Weights, interval, paid
from portfolio.studies.points import Answer
from portfolio.studies.telling import NOISE

K = TypeVar("K")


def scaled(case: Case, factors: Mapping[str, float]) -> Case:
    """Return the case with the budgets of each member times a factor, 1 where none is given."""
    budgets = tuple(replace(b, budget_usd_m=b.budget_usd_m * factors.get(b.member, 1.0)) for b in case.budgets)
    return replace(case, budgets=budgets)


def budget_changes(case: Case, factors: Mapping[str, float], changes: Changes | None = None) -> Changes:
    """What :func:`scaled` changes in the first stage: budgets, and the payout lines that follow from them.

    An instrument's fixed cost is borne in the proportions of the case's own budgets.
    """
    changed = scaled(case, factors)
    budget = {(b.member, b.window): b.budget_usd_m for b in changed.budgets}
    return replace(changes or Changes(), budget=budget, liquidity=liquidity(changed))


def total(case: Case, member: str | None = None) -> float:
    """All budgets, or those of a member, USD M."""
    return float(sum(b.budget_usd_m for b in case.budgets if member in (None, b.member)))


@dataclass(frozen=True)
class Marginal:
    """What a million more for one member is worth: reduction of the objective per USD M.

    Attributes
    ----------
    member : str
    step_usd_m : float
        Budget added.
    estimate, low, high : float
        Of the optimum in the sample: difference quotient of the portfolios found, and what the bounds prove of it.
    fresh : Interval or None
        Of the two portfolios on the fresh scenarios.
    """

    member: str
    step_usd_m: float
    estimate: float
    low: float
    high: float
    fresh: Interval | None

    @property
    def certain(self) -> bool:
        """Whether a million is worth something, in the sample by proof and on fresh scenarios by the interval."""
        return self.low > 0 and (self.fresh is None or self.fresh.low > 0)


def marginal(here: Answer, more: Answer, member: str, step_usd_m: float, weights: Weights, level: float) -> Marginal:
    """Difference quotient of two answers, the second with a larger budget of a member.

    With bound <= optimum <= objective at both, the optimum falls by at least bound - objective', at most objective -
    bound', and never rises.
    """
    fall = here.objective - more.objective
    low, high = max(0.0, here.bound - more.objective), max(0.0, here.objective - more.bound)
    if low <= NOISE * max(1.0, abs(here.objective)):
        low = 0.0
    seen = None
    if here.fresh is not None and more.fresh is not None:
        seen = interval(paid(here, weights) - paid(more, weights), level, weights.tail)
        seen = seen.scaled(1.0 / step_usd_m)
    return Marginal(member, step_usd_m, fall / step_usd_m, low / step_usd_m, high / step_usd_m, seen)


def within(one: Changes, other: Changes) -> bool:
    """Whether no budget and no line of the first exceeds that of the second."""

    def below(a: Mapping[K, float] | None, b: Mapping[K, float] | None) -> bool:
        return a is not None and b is not None and all(a[key] <= b[key] for key in a)

    return below(one.budget, other.budget) and below(one.liquidity, other.liquidity)
