"""What the points of a study cost, scenario by scenario, and paired differences between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from portfolio.case.records import Case
from portfolio.engine.programme import Array
from portfolio.evaluation.intervals import Interval, influence_interval
from portfolio.evaluation.pointwise import contributions
from portfolio.studies.points import Answer, Sampled


@dataclass(frozen=True)
class Weights:
    """Weights of the objective: cost, and CVaR with its level."""

    cost_weight: float
    cvar_weight: float
    cvar_level: float

    @staticmethod
    def of(case: Case) -> Weights:
        """Those of a case."""
        risk = case.settings.risk
        return Weights(case.settings.objective.cost_weight, risk.cvar_weight, risk.cvar_level)

    @property
    def tail(self) -> float:
        """Level of the tail that counts; 0 where none does."""
        return self.cvar_level if self.cvar_weight > 0 else 0.0


def fresh(answer: Answer) -> Sampled:
    """What was measured of an answer on fresh scenarios.

    Raises
    ------
    ValueError
        Where nothing was.
    """
    if answer.fresh is None:
        raise ValueError(f"{answer.name} was not measured on fresh scenarios")
    return answer.fresh


def paid(answer: Answer, weights: Weights) -> Array:
    """What each fresh scenario adds to the objective of an answer's portfolio, (S,); benchmark penalties left out."""
    found = fresh(answer)
    return objective_parts(found.weighted + found.side, weights) + weights.cost_weight * answer.public_cost_usd_m


def objective_parts(cost: Array, weights: Weights) -> Array:
    """What each of equally likely scenarios adds to the objective, (S,), from Z and side costs."""
    probability = np.full(cost.size, 1.0 / cost.size)
    return contributions(cost, probability, weights.cvar_weight, weights.cvar_level)


def interval(values: Array, level: float, tail: float = 0.0) -> Interval:
    """Interval of the mean of equally likely contributions, or of their differences; ``tail`` where a CVaR counts."""
    probability = np.full(values.size, 1.0 / values.size)
    mean = float(values.mean())
    return influence_interval(mean, values - mean, probability, level=level, tail=tail)
