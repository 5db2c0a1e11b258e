"""How much less an estimate varies under another way of drawing scenarios, at the same number of them.

A standard error from the spread within one sample is not valid for a space-filling design, since its points depend on
each other. Independent randomisations of the whole design are independent draws of the estimate: their variance is the
estimate's, whatever goes on within. The ratio of two such variances says how many times as many plain scenarios would
do the same.

References
----------
Owen (1997), Monte Carlo variance of scrambled net quadrature, SIAM J. Numer. Anal. 34, 1884-1910.
McKay, Beckman and Conover (1979), A comparison of three methods for selecting values of input variables, Technometrics
21, 239-245: Latin hypercubes.
Miller (1968), Jackknifing variances, Annals of Mathematical Statistics 39, 567-582.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from portfolio.engine.passes import threads
from portfolio.evaluation.fresh import AHEAD, FixedPortfolio, Measured, in_turn, joined
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.evaluation.outcomes import cvar
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]

MEAN, CVAR = "weighted", "weighted_cvar"
"""Figures compared: mean of the weighted shortfall, and its CVaR."""
LEAST = 8
"""Randomisations below which a variance says nothing."""

Chunks = Callable[[int], Iterable[Drivers]]
"""Scenarios of the randomisation of a number."""
Report = Callable[[int], None]


@dataclass(frozen=True)
class VarianceRatio:
    """Variance of an estimate under plain Monte Carlo over that under a design, both of as many scenarios.

    Attributes
    ----------
    ratio, low, high : float
        Above 1 the design varies less: it does with 1/ratio of the scenarios.
    level : float
        Confidence level of the limits.
    """

    ratio: float
    low: float
    high: float
    level: float


def log_variance(values: Array) -> tuple[float, float]:
    """Jackknife estimate of the log of a variance, and its standard error (Miller 1968).

    Pseudo-values R ln s^2 - (R - 1) ln s_(-i)^2 are nearly independent of mean ln sigma^2, whatever the distribution;
    the classical F interval holds for normal values alone.

    Raises
    ------
    ValueError
        With fewer than :data:`LEAST` values, or where they do not vary.
    """
    n = values.size
    if n < LEAST:
        raise ValueError(f"{n} randomisations say nothing of a variance: take at least {LEAST}")
    d = values - values.mean()
    total = float(d @ d)
    if total <= 1e-24 * n * float(values.mean()) ** 2:
        raise ValueError("the estimate does not vary between randomisations")
    left = (total - d**2 * n / (n - 1)) / (n - 2)
    pseudo = n * np.log(total / (n - 1)) - (n - 1) * np.log(left)
    return float(pseudo.mean()), float(pseudo.std(ddof=1) / np.sqrt(n))


def variance_ratio(plain: Array, design: Array, level: float) -> VarianceRatio:
    """Variance of one set of independent estimates over that of another, with Miller's interval.

    Raises
    ------
    ValueError
        As :func:`log_variance`.
    """
    (a, a_error), (b, b_error) = log_variance(plain), log_variance(design)
    t = float(stats.t.ppf((1 + level) / 2, min(plain.size, design.size) - 1))
    half = t * float(np.hypot(a_error, b_error))
    ratio = float(plain.var(ddof=1) / design.var(ddof=1))
    return VarianceRatio(ratio, float(np.exp(a - b - half)), float(np.exp(a - b + half)), level)


def randomised(
    fixed: FixedPortfolio, chunks: Chunks, count: int, report: Report | None = None
) -> dict[tuple[str, str], Array]:
    """Estimates of a fixed portfolio from independent randomisations, by figure and world, each (count,)."""

    def one(number: int) -> Measured:
        return joined([fixed.on(part) for part in chunks(number)])

    found: list[Mapping[tuple[str, str], float]] = []
    for measured in in_turn(one, range(count), min(AHEAD, threads(fixed.threads))):
        found.append(estimates(measured, fixed.case.settings.risk.cvar_level))
        if report is not None:
            report(len(found))
    return {key: np.array([each[key] for each in found]) for key in found[0]}


def estimates(measured: Measured, tail: float) -> dict[tuple[str, str], float]:
    """Mean and CVaR of the weighted shortfall by figure and world."""
    p, found = measured.probability, {}
    for world, of in ((WITHOUT, measured.without), (WITH, measured.with_fund)):
        found[MEAN, world] = float(p @ of.weighted)
        found[CVAR, world] = cvar(of.weighted, p, tail)
    return found
