"""Confidence intervals of what is estimated from sampled scenarios.

Every estimator here is a mean of independent contributions, or behaves like one to first order: its *influence values*,
one a scenario, sum to zero under the weights, and their spread is the estimator's. That one routine
(:func:`influence_interval`) serves means, CVaRs, differences of both on common random numbers, and ratios.

Shortfall is skewed: few scenarios carry much of it, and a sample without them looks both low and certain. Student's
interval then misses on one side. The interval is therefore taken on a scale on which the skewness is removed (Hall
1992) and transformed back, which makes it longer towards the tail. Coverage as measured is in ``docs/evaluation.md``.

Scenarios have to be independent draws. Weights are probabilities or importance weights (estimates are self-normalised).
A scenario that stands twice, at half its probability, changes no estimate, but the intervals count it as two draws.

References
----------
Hall (1992), On the removal of skewness by transformation, J. R. Stat. Soc. B 54, 221-228.
Rockafellar and Uryasev (2002), Conditional value-at-risk for general loss distributions, J. Bank. Financ. 26.
Trindade, Uryasev, Shapiro and Zrazhevsky (2007), Financial prediction with constrained tail risk, J. Bank. Financ. 31,
3524-3538: the sample CVaR is asymptotically normal.
Hong, Hu and Liu (2014), Monte Carlo methods for value-at-risk and conditional value-at-risk: a review, ACM TOMACS 24.
Woodruff (1952), Confidence intervals for medians and other position measures, J. Am. Stat. Assoc. 47, 635-646.
Clopper and Pearson (1934), The use of confidence or fiducial limits, Biometrika 26, 404-413.
Kish (1965), Survey Sampling: effective sample size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[np.float64]

LEVEL = 0.95
"""Confidence level where none is given."""
ENOUGH = 1000
"""Independent scenarios from which on the interval of a mean is taken at its word."""
ENOUGH_IN_TAIL = 50
"""Scenarios in the tail from which on the interval of a CVaR or quantile is."""
DOMINANT = 2.5
"""A sample has to hold this many scenarios times its squared skewness; below, one of them decides."""


@dataclass(frozen=True)
class Interval:
    """An estimate and where the truth lies with a given confidence.

    Attributes
    ----------
    estimate, low, high : float
        In the unit of the sample; infinite limits where no interval can be given.
    level : float
        Confidence level, fraction of 1.
    n : int
        Scenarios.
    effective : float
        Effective number of scenarios, (sum w)^2 / sum w^2; ``n`` where all weigh the same.
    method : str
        How the interval was found.
    reliable : bool
        Whether the sample is large enough for the level to hold, nearly.
    note : str
        Why it is not, in plain words; empty where it is.
    """

    estimate: float
    low: float
    high: float
    level: float
    n: int
    effective: float
    method: str
    reliable: bool
    note: str = ""

    @property
    def half_width(self) -> float:
        """Half of the length of the interval."""
        return 0.5 * (self.high - self.low)

    def covers(self, value: float) -> bool:
        """Whether a value lies in the interval."""
        return self.low <= value <= self.high

    def scaled(self, factor: float) -> Interval:
        """Return the interval of the estimate times a positive factor."""
        return replace(self, estimate=factor * self.estimate, low=factor * self.low, high=factor * self.high)


def mean_interval(
    values: npt.ArrayLike, weights: npt.ArrayLike | None = None, *, level: float = LEVEL, enough: int = ENOUGH
) -> Interval:
    """Interval of the mean: Student's t on the scale without skewness.

    Parameters
    ----------
    values : array, (S,)
        One value per scenario.
    weights : array, (S,), optional
        Probabilities or importance weights; the same for all where not given.
    level : float
        Confidence level.
    enough : int
        Scenarios below which the interval is flagged.
    """
    x, w = _sample(values, weights)
    return influence_interval(float(w @ x), x - w @ x, w, level=level, enough=enough)


def cvar_interval(
    values: npt.ArrayLike, tail: float, weights: npt.ArrayLike | None = None, *, level: float = LEVEL
) -> Interval:
    """Interval of CVaR_beta, the mean of the worst 1 - beta, from the asymptotic variance of its estimator.

    sqrt(n) (CVaR_n - CVaR) tends to a normal of variance Var[(X - VaR)^+] / (1 - beta)^2 (Trindade et al. 2007; Hong,
    Hu and Liu 2014, theorem 2). Degrees of freedom are those of the tail, n (1 - beta) - 1.

    Parameters
    ----------
    values : array, (S,)
        One loss per scenario; large is bad.
    tail : float
        beta, at least 0 and below 1.
    weights, level
        As in :func:`mean_interval`.
    """
    x, w = _sample(values, weights)
    estimate, influence = cvar_influence(x, w, tail)
    return influence_interval(estimate, influence, w, level=level, tail=tail)


def quantile_interval(
    values: npt.ArrayLike, share: float, weights: npt.ArrayLike | None = None, *, level: float = LEVEL
) -> Interval:
    """Interval of a quantile between two order statistics, whose numbers are binomial quantiles (no normality).

    The estimate is the smallest value with cumulative probability of at least ``share``. Weighted samples: the binomial
    limits of the effective number of scenarios, read off the weighted distribution (Woodruff 1952).

    Parameters
    ----------
    values : array, (S,)
        One value per scenario.
    share : float
        Cumulative probability, between 0 and 1.
    weights, level
        As in :func:`mean_interval`.
    """
    x, w = _sample(values, weights)
    if not 0 < share < 1:
        raise ValueError(f"a quantile has a share between 0 and 1, not {share}")
    order = np.argsort(x, kind="stable")
    ranked, reached = x[order], np.cumsum(w[order])
    n = _effective(w)
    # P(X_(l) <= q <= X_(u)) >= level with l and u - 1 the binomial quantiles of (1 -+ level)/2.
    lower, upper = (float(stats.binom.ppf(p, max(round(n), 1), share)) for p in ((1 - level) / 2, (1 + level) / 2))
    ends = lower / n, (upper + 1) / n
    low = _at(ranked, reached, ends[0]) if lower >= 1 else -np.inf
    high = _at(ranked, reached, ends[1]) if upper + 1 <= round(n) else np.inf
    rare = n * min(share, 1 - share)
    enough = rare >= ENOUGH_IN_TAIL * (1 - 1e-9) and np.isfinite([low, high]).all()
    note = "" if enough else _few(rare, "beyond the quantile")
    return Interval(
        _at(ranked, reached, share), low, high, level, x.size, n, "order statistics (binomial)", not note, note
    )


def probability_interval(
    happens: npt.ArrayLike, weights: npt.ArrayLike | None = None, *, level: float = LEVEL
) -> Interval:
    """Interval of a probability (Clopper and Pearson): it covers at least at its level, however rare the event.

    Parameters
    ----------
    happens : array of bool, (S,)
        Whether the event happens.
    weights, level
        As in :func:`mean_interval`; with unequal weights the effective number of scenarios counts.
    """
    x, w = _sample(np.asarray(happens, dtype=bool), weights)
    share, n = min(max(float(w @ x), 0.0), 1.0), _effective(w)
    yes, no = n * share, n * (1 - share)
    low = float(stats.beta.ppf((1 - level) / 2, yes, no + 1)) if yes > 0 else 0.0
    high = float(stats.beta.ppf((1 + level) / 2, yes + 1, no)) if no > 0 else 1.0
    return Interval(share, low, high, level, x.size, n, "Clopper-Pearson", True)


def event_difference(
    after: npt.ArrayLike, before: npt.ArrayLike, weights: npt.ArrayLike | None = None, *, level: float = LEVEL
) -> Interval:
    """Interval of the difference of an event's probabilities in two worlds on the same scenarios.

    Only scenarios in which the worlds differ count: P(only after) - P(only before), each with its Clopper-Pearson
    limits at the level (1 + level)/2, so that both hold together at the level at least (Bonferroni).

    Parameters
    ----------
    after, before : array of bool, (S,)
        Whether the event happens, by world.
    weights, level
        As in :func:`mean_interval`.
    """
    x, y = np.asarray(after, dtype=bool), np.asarray(before, dtype=bool)
    if x.shape != y.shape:
        raise ValueError(f"both worlds need the same scenarios, not {x.size} and {y.size}")
    more, less = (probability_interval(z, weights, level=(1 + level) / 2) for z in (x & ~y, y & ~x))
    return replace(
        more,
        estimate=more.estimate - less.estimate,
        low=more.low - less.high,
        high=more.high - less.low,
        level=level,
        method="Clopper-Pearson, where worlds differ",
    )


def paired_difference(
    after: npt.ArrayLike,
    before: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    tail: float | None = None,
    level: float = LEVEL,
    enough: int = ENOUGH,
) -> Interval:
    """Interval of ``after`` minus ``before`` on the same scenarios: of means, or of CVaRs where ``tail`` is given.

    Common random numbers: what both worlds share cancels scenario by scenario, so the interval is far shorter than
    that of either.

    Parameters
    ----------
    after, before : array, (S,)
        One value per scenario and world.
    tail : float, optional
        beta of the CVaRs compared; means are compared where it is not given.
    weights, level, enough
        As in :func:`mean_interval`.
    """
    x, w = _sample(after, weights)
    y, _ = _sample(before, weights)
    if x.shape != y.shape:
        raise ValueError(f"both worlds need the same scenarios, not {x.size} and {y.size}")
    if tail is None:
        return mean_interval(x - y, w, level=level, enough=enough)
    (first, up), (second, down) = cvar_influence(x, w, tail), cvar_influence(y, w, tail)
    return influence_interval(first - second, up - down, w, level=level, tail=tail)


def ratio_interval(
    numerator: npt.ArrayLike,
    denominator: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    level: float = LEVEL,
    enough: int = ENOUGH,
) -> Interval:
    """Interval of a ratio of means, such as shortfall over demand, by the delta method.

    Influence of R = E[A]/E[B]: (a - R b)/E[B]. Where E[B] is 0 the ratio counts as 0.

    Parameters
    ----------
    numerator, denominator : array, (S,)
        One value of each per scenario.
    weights, level, enough
        As in :func:`mean_interval`.
    """
    a, w = _sample(numerator, weights)
    b, _ = _sample(denominator, weights)
    below = float(w @ b)
    if below == 0:
        return influence_interval(0.0, np.zeros_like(a), w, level=level, enough=enough)
    ratio = float(w @ a) / below
    return influence_interval(ratio, (a - ratio * b) / below, w, level=level, enough=enough)


def cvar_influence(values: Array, weights: Array, tail: float) -> tuple[float, Array]:
    """CVaR_beta of a discrete distribution and its influence values, VaR + (x - VaR)^+/(1 - beta) - CVaR.

    Parameters
    ----------
    values, weights : array, (S,)
        Losses and probabilities; the latter sum to one.
    tail : float
        beta, at least 0 and below 1.
    """
    if not 0 <= tail < 1:
        raise ValueError(f"a CVaR has a level of at least 0 and below 1, not {tail}")
    order = np.argsort(values, kind="stable")
    var = _at(values[order], np.cumsum(weights[order]), tail)
    paid = var + np.maximum(values - var, 0.0) / (1.0 - tail)
    estimate = float(weights @ paid)
    return estimate, paid - estimate


def influence_interval(
    estimate: float,
    influence: Array,
    weights: Array,
    *,
    level: float = LEVEL,
    tail: float = 0.0,
    enough: int = ENOUGH,
) -> Interval:
    """Interval of an estimator with given influence values.

    With contributions y = n w influence of variance s^2 and skewness g, an estimate's distance in standard errors,
    (estimate - truth) sqrt(n)/s, is skewed by g/sqrt(n). Hall's monotone transformation removes that; its inverse at
    x = t/sqrt(n) is 3/g ((1 + g (x - g/(6 n)))^(1/3) - 1), and the limits are estimate - s inverse(+-x).

    Parameters
    ----------
    estimate : float
        The estimate.
    influence : array, (S,)
        Influence value of each scenario; their weighted sum is 0.
    weights : array, (S,)
        Weights that sum to one.
    level : float
        Confidence level.
    tail : float
        beta of an estimator of the tail: only 1 - beta of the scenarios tell anything.
    enough : int
        Scenarios below which a mean is flagged; for a tail :data:`ENOUGH_IN_TAIL` of it.
    """
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not {level}")
    n, effective = influence.size, _effective(weights)
    telling = effective * (1.0 - tail)
    method = "Student t, skewness removed" if tail == 0 else "influence function, skewness removed"
    if telling < 2 - 1e-9:
        note = _few(telling, "in the tail" if tail > 0 else "in the sample") + ": no interval can be given"
        return Interval(estimate, -np.inf, np.inf, level, n, effective, method, False, note)
    parts = n * weights * influence
    spread = float(np.sqrt((parts @ parts) / (n - 1)))
    if spread <= 1e-12 * abs(estimate) or spread == 0:
        note = "nothing varies in this sample, which says little of what it does not hold"
        return Interval(estimate, estimate, estimate, level, n, effective, method, False, note)
    skewness = float(np.mean((parts / spread) ** 3))
    step = float(stats.t.ppf((1 + level) / 2, telling - 1)) / np.sqrt(n)
    low = estimate - spread * _with_skewness(step, skewness, n)
    high = estimate - spread * _with_skewness(-step, skewness, n)
    note = _doubt(telling, n, skewness, ENOUGH_IN_TAIL if tail > 0 else enough, "in the tail" if tail > 0 else "")
    return Interval(estimate, low, high, level, n, effective, method, not note, note)


def _with_skewness(x: float, skewness: float, n: int) -> float:
    """Hall's transformation inverted; the identity where there is no skewness."""
    if abs(skewness) < 1e-6:
        return x
    return float(3.0 / skewness * (np.cbrt(1.0 + skewness * (x - skewness / (6.0 * n))) - 1.0))


def _doubt(telling: float, n: int, skewness: float, enough: int, where: str) -> str:
    """Why the level may not hold ("" where it does, nearly)."""
    if telling < enough * (1 - 1e-9):
        return _few(telling, where)
    if n < DOMINANT * skewness**2:
        return "a single scenario or a few make up most of it: the worst may not be in the sample"
    return ""


def _few(count: float, where: str) -> str:
    """Say how few scenarios there are."""
    return f"only {count:,.0f} scenarios {where}".rstrip() + ", so the true value may well lie outside"


def _at(ranked: Array, reached: Array, share: float) -> float:
    """Smallest value whose cumulative probability is at least ``share``."""
    return float(ranked[min(int(np.searchsorted(reached, share - 1e-12)), ranked.size - 1)])


def _effective(weights: Array) -> float:
    """Effective number of scenarios (Kish) of weights that sum to one."""
    return float(1.0 / (weights @ weights))


def _sample(values: npt.ArrayLike, weights: npt.ArrayLike | None) -> tuple[Array, Array]:
    """Return a sample and weights that sum to one.

    Raises
    ------
    ValueError
        If there is no value, a value is not finite, or the weights do not fit.
    """
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or x.size == 0 or not np.isfinite(x).all():
        raise ValueError("an interval needs a flat array of at least one finite value")
    if weights is None:
        return x, np.full(x.size, 1.0 / x.size)
    w = np.asarray(weights, dtype=float)
    if w.shape != x.shape or not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise ValueError("there has to be one weight, at least 0, for every value, and not all may be 0")
    return x, w / w.sum()
