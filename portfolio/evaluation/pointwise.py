"""What a first stage costs in every scenario, and how much each scenario adds to the objective."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from portfolio.engine.decomposition import Found, minimise
from portfolio.engine.passes import Passes, threads
from portfolio.engine.programme import Array, TwoStage
from portfolio.engine.protocol import Limits, Status
from portfolio.engine.stability import scaled
from portfolio.evaluation.intervals import LEVEL, Interval, influence_interval
from portfolio.evaluation.measures import quantile


def costs(programme: TwoStage, points: Sequence[Array], workers: int = 1) -> list[Array]:
    """Cost c x + Q(x, s) of every point in every scenario, by an exact pass; each of shape (scenarios,)."""
    with ThreadPoolExecutor(threads(workers)) as pool:
        passes = Passes(programme, pool)
        return [_first(programme, x) + passes.evaluate(x, exact=True).sum(axis=1) for x in points]


def _first(programme: TwoStage, x: Array) -> float:
    return float(programme.first.cost @ x) + programme.first.offset


def value_at_risk(programme: TwoStage, cost: Array) -> float:
    """The quantile of level beta of the costs: an optimal eta of their CVaR."""
    return quantile(cost, programme.probability, programme.cvar_level)


def composite(programme: TwoStage, cost: Array, eta: float | None = None) -> Array:
    """What each scenario adds to the objective of a programme; see :func:`contributions`."""
    return contributions(cost, programme.probability, programme.cvar_weight, programme.cvar_level, eta)


def contributions(cost: Array, probability: Array, weight: float, level: float, eta: float | None = None) -> Array:
    """What each scenario adds to the objective, shape (scenarios,): its mean by probability is the objective.

    (1 - lambda) cost + lambda (eta + (cost - eta)+ / (1 - beta)), after Rockafellar and Uryasev (2000); eta is the
    value at risk of the costs unless it is given, and for any eta the mean is at least the objective. Without a CVaR
    it is the cost itself. The difference between two such means is, to first order in the sampling error, that between
    the two objectives, so that paired intervals hold for a CVaR too.

    Parameters
    ----------
    cost, probability : (scenarios,)
        Cost and probability of each scenario.
    weight, level : float
        lambda and beta.
    eta : float, optional
        In place of the value at risk.
    """
    if weight == 0.0:
        return cost
    at = quantile(cost, probability, level) if eta is None else eta
    return np.asarray((1.0 - weight) * cost + weight * (at + np.maximum(cost - at, 0.0) / (1.0 - level)))


def interval(programme: TwoStage, paid: Array, less: Array | None = None, *, level: float = LEVEL) -> Interval:
    """Interval of an objective, or of one ``less`` another on the same scenarios, from what each scenario adds to it.

    Parameters
    ----------
    programme : TwoStage
        Whose probabilities weigh the scenarios.
    paid, less : (scenarios,)
        From :func:`composite`.
    level : float
        Confidence level.
    """
    values = paid if less is None else paid - less
    estimate = float(programme.probability @ values)
    tail = programme.cvar_level if programme.cvar_weight > 0 else 0.0
    return influence_interval(estimate, values - estimate, programme.probability, level=level, tail=tail)


@dataclass(frozen=True)
class Solved:
    """A programme solved: best first stage found, and bound <= optimum <= objective in its own units."""

    x: Array
    objective: float
    bound: float
    status: Status


def solved(
    programme: TwoStage, limits: Limits, starts: Sequence[Array] = (), pause: Callable[[], None] | None = None
) -> Solved:
    """Solve a programme by decomposition; ``pause`` is called now and then and may raise ``KeyboardInterrupt``.

    Raises
    ------
    KeyboardInterrupt
        Where the search was interrupted: half a search is nothing to estimate from.
    RuntimeError
        Where no first stage was found.
    """
    in_units, factor = scaled(programme)
    found: Found = minimise(in_units, limits, starts=starts, progress=None if pause is None else lambda _: pause())
    if found.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    if found.x is None:
        raise RuntimeError(f"no first stage was found: {found.status.value}; give it more time")
    return Solved(found.x, found.objective / factor, found.bound / factor, found.status)
