"""What a sweep looks at: outputs of a point, as means of what each fresh scenario adds to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from portfolio.case.records import Case
from portfolio.engine.programme import Array
from portfolio.evaluation.intervals import Interval
from portfolio.studies.differences import Weights, fresh, interval, objective_parts
from portfolio.studies.points import Answer

OUTPUTS = ("weighted", "reduction", "cvar", "public_cost_usd_m", "objective")
"""Mean weighted shortfall with the fund, what the fund takes off it, its CVaR; public cost; objective in the sample."""
SAMPLED = ("weighted", "reduction", "cvar")
"""Outputs measured on fresh scenarios; the others are numbers of the portfolio found."""
IN_OBJECTIVE = ("weighted", "reduction", "objective")
"""Outputs in the unit of the objective, which the gap of the search is about."""


@dataclass(frozen=True)
class Tried:
    """A point of a sweep: its case, its answer, and the world without the fund on the same fresh scenarios.

    Attributes
    ----------
    name, role : str
        ``base``, ``design`` or ``refine``.
    case : Case
    answer : Answer
    weighted_without, tonnes_without : (S,)
        Empty where nothing was measured.
    in_sample_without : float or None
        Mean weighted shortfall without the fund on the scenarios of the point.
    """

    name: str
    role: str
    case: Case
    answer: Answer
    weighted_without: Array
    tonnes_without: Array
    in_sample_without: float | None

    @property
    def found(self) -> bool:
        """Whether there is a portfolio."""
        return self.answer.decision is not None

    @property
    def slack(self) -> float:
        """What the search left open, in the unit of the objective."""
        return self.answer.objective - self.answer.bound

    @property
    def tail(self) -> float:
        """Level of the CVaR."""
        return self.case.settings.risk.cvar_level


def parts(output: str, point: Tried) -> Array:
    """What each fresh scenario adds to an output, (S,), its mean is the output; (1,) where no scenario enters."""
    if output == "public_cost_usd_m":
        return np.array([point.answer.public_cost_usd_m])
    if output == "objective":
        return np.array([point.answer.objective])
    found = fresh(point.answer).weighted
    if output == "reduction":
        return point.weighted_without - found
    return tail_parts(found, point.tail) if output == "cvar" else found


def tail_parts(values: Array, level: float) -> Array:
    """What each scenario adds to the CVaR of values, (S,)."""
    return objective_parts(values, Weights(0.0, 1.0, level))


def value(output: str, point: Tried) -> float:
    """Return an output of a point; not a number where there is no portfolio."""
    return float(parts(output, point).mean()) if point.found else float("nan")


def estimate(output: str, values: Array, point: Tried, level: float) -> Interval:
    """Interval of an output, or of a difference of two, from what each scenario adds to it; a point where none does."""
    if values.size > 1:
        return interval(values, level, point.tail if output == "cvar" else 0.0)
    only = float(values[0])
    return Interval(only, only, only, level, 1, 1.0, "a number of the portfolio", reliable=True)
