"""How far a portfolio may be from the best there is: the sampling gap, by solving fresh samples.

A portfolio chosen on one sample is tried on K fresh ones of n scenarios ("batches"). In each, what the portfolio costs
is compared with the best that could have been done on the same scenarios, known from above by the best first stage
found and from below by the bound proven:

gap_k = f_k(x) - bound_k = (f_k(x) - best found_k) + (best found_k - bound_k) = sampling gap + solver gap.

E[f_k(x)] is the true cost of x and E[bound_k] <= E[optimum_k] <= true optimum: a sample's own optimum is optimistic.
So the mean of gap_k overstates the true optimality gap, and mean + t s/sqrt(K) is an upper confidence limit on it.

With a CVaR, eta is part of the decision: x is tried with the eta it was chosen with. Taken anew from each batch it
would make the batch's CVaR too low on average, and the gap with it.

References
----------
Mak, Morton and Wood (1999), Monte Carlo bounding techniques for determining solution quality in stochastic programs,
Operations Research Letters 24, 47-56: multiple replications with common random numbers.
Bayraksan and Morton (2006), Assessing solution quality in stochastic programs, Mathematical Programming 108, 495-514:
averaged two-replication procedure.
Bayraksan and Pierre-Louis (2012), Fixed-width sequential stopping rules for a class of stochastic programs, SIAM
Journal on Optimization 22, 1518-1548.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from portfolio.engine.programme import Array, TwoStage
from portfolio.engine.protocol import Limits
from portfolio.evaluation.errors import check_at_most
from portfolio.evaluation.pointwise import composite, costs, solved

LEVEL = 0.95
"""Confidence level where none is given."""
ENOUGH = 1000
"""Scenarios in all batches together below which a limit is flagged."""
FEW = 5
"""Batches below which it is flagged too."""


@dataclass(frozen=True)
class Batch:
    """One replication: a portfolio beside the optimum of a fresh sample.

    Attributes
    ----------
    seed, scenarios : int
        The sample.
    candidate : float
        f_k(x): objective of the portfolio on it.
    found : float
        Objective of the best first stage found on it; the portfolio itself is tried, so it is at most ``candidate``.
    bound : float
        Best bound proven: no first stage costs less on this sample.
    deviation : float
        Standard deviation over the scenarios of what the portfolio costs more than the best found.
    status : str
        How the search ended.
    """

    seed: int
    scenarios: int
    candidate: float
    found: float
    bound: float
    deviation: float
    status: str

    @property
    def gap(self) -> float:
        """Candidate minus bound: sampling gap and solver gap together."""
        return self.candidate - self.bound

    @property
    def sampling_gap(self) -> float:
        """Candidate minus best found: what is known to be better on this sample."""
        return self.candidate - self.found

    @property
    def solver_gap(self) -> float:
        """Best found minus bound: what the search left open."""
        return self.found - self.bound


def replicate_batch(
    programme: TwoStage, x: Array, limits: Limits, *, seed: int = 0, eta: float | None = None, least: float = -np.inf
) -> Batch:
    """Solve one batch and compare a portfolio with it on the same scenarios.

    Parameters
    ----------
    programme : TwoStage
        The programme over the batch's scenarios.
    x : (x,) array
        The portfolio.
    limits : Limits
        Of the search.
    seed : int
        Noted in the result.
    eta : float, optional
        Value at risk the portfolio was chosen with; the batch's own where it is not given.
    least : float
        No first stage can cost less, whatever the sample: a bound where the search proves none.

    Raises
    ------
    InternalError
        Where the portfolio costs less than the bound proven.
    """
    best = solved(programme, limits, [x])
    mine, other = costs(programme, [x, best.x], limits.threads)
    paid = composite(programme, mine, eta)
    candidate = float(programme.probability @ paid)
    check_at_most(best.bound, candidate, "bound of a batch and what the portfolio costs on it")
    difference = paid - composite(programme, other)
    return Batch(
        seed=seed,
        scenarios=programme.scenarios,
        candidate=candidate,
        found=min(best.objective, candidate),
        bound=min(max(best.bound, least), best.objective, candidate),
        deviation=float(np.std(difference, ddof=1)) if difference.size > 1 else float("nan"),
        status=best.status.value,
    )


@dataclass(frozen=True)
class GapEstimate:
    """Upper confidence limit on how much more a portfolio costs than the best one; in units of the objective.

    Attributes
    ----------
    method : str
        How the limit was found.
    batches, scenarios : int
        Batches, and scenarios in each.
    level : float
        Confidence of each limit, one-sided.
    gap, upper : float
        Mean of gap_k and upper confidence limit of the true gap.
    sampling_gap, solver_gap : float
        Parts of ``gap``: against the best found in the batches, and from there to the bounds proven.
    objective : float
        Mean of f_k(x): what the portfolio costs, estimated out of sample.
    bound, bound_low : float
        Mean of the batches' bounds, and its lower confidence limit: no portfolio costs less.
    note : str
        Why the level may not hold; empty where nothing is known against it.
    """

    method: str
    batches: int
    scenarios: int
    level: float
    gap: float
    upper: float
    sampling_gap: float
    solver_gap: float
    objective: float
    bound: float
    bound_low: float
    note: str

    @property
    def relative(self) -> float:
        """Gap as a fraction of the objective."""
        return _part(self.gap, self.objective)

    @property
    def relative_upper(self) -> float:
        """Upper limit of the gap as a fraction of the objective."""
        return _part(self.upper, self.objective)


def _part(value: float, whole: float) -> float:
    return value / max(abs(whole), 1e-10)


def multiple_replications(batches: Sequence[Batch], level: float = LEVEL) -> GapEstimate:
    """Mean + t_{K-1} s/sqrt(K) over K batches (Mak, Morton and Wood 1999), at least two.

    Raises
    ------
    ValueError
        With fewer than two batches, or batches of unequal size.
    """
    if len(batches) < 2:
        raise ValueError(f"{len(batches)} batch: it takes two to see how they differ")
    gaps, bounds = np.array([b.gap for b in batches]), np.array([b.bound for b in batches])
    t = float(stats.t.ppf(level, len(batches) - 1)) / np.sqrt(len(batches))
    upper = float(gaps.mean() + t * gaps.std(ddof=1))
    return _estimate("multiple replications", batches, level, upper, float(bounds.mean() - t * bounds.std(ddof=1)))


def averaged_two_replications(batches: Sequence[Batch], level: float = LEVEL) -> GapEstimate:
    """Two batches, whose deviations within stand for the one between them (Bayraksan and Morton 2006).

    Mean gap + t_{2n-2} s/sqrt(2n) with s the root mean square of both deviations. Scenarios within a batch have to be
    independent (plain Monte Carlo). Quick, and less sure than many batches: where both batches' best is the portfolio
    itself, both deviations are zero and the limit is the solver's gap alone.

    Raises
    ------
    ValueError
        Unless there are two batches of equal size, of at least two scenarios.
    """
    if len(batches) != 2 or batches[0].scenarios < 2:
        raise ValueError("two batches of at least two scenarios are needed")
    n = batches[0].scenarios
    t = float(stats.t.ppf(level, 2 * n - 2)) / np.sqrt(2 * n)
    spread = float(np.sqrt(np.mean([b.deviation**2 for b in batches])))
    gap = float(np.mean([b.gap for b in batches]))
    # Bounds of two batches say nothing of their own spread but through t with one degree of freedom.
    bounds = np.array([b.bound for b in batches])
    low = float(bounds.mean() - stats.t.ppf(level, 1) * bounds.std(ddof=1) / np.sqrt(2))
    return _estimate("averaged two replications", batches, level, gap + t * spread, low)


def _estimate(method: str, batches: Sequence[Batch], level: float, upper: float, bound_low: float) -> GapEstimate:
    sizes = {b.scenarios for b in batches}
    if len(sizes) > 1:
        raise ValueError("batches differ in size; an estimate takes batches of one size")

    def mean(name: str) -> float:
        return float(np.mean([getattr(b, name) for b in batches]))

    return GapEstimate(
        method=method,
        batches=len(batches),
        scenarios=batches[0].scenarios,
        level=level,
        gap=mean("gap"),
        upper=upper,
        sampling_gap=mean("sampling_gap"),
        solver_gap=mean("solver_gap"),
        objective=mean("candidate"),
        bound=mean("bound"),
        bound_low=bound_low,
        note=_doubt(batches),
    )


def _doubt(batches: Sequence[Batch]) -> str:
    """Say why the confidence level may not hold; empty where nothing is known against it."""
    count, total = len(batches), sum(b.scenarios for b in batches)
    found = []
    if count < FEW:
        found.append(f"only {count} batches")
    if np.ptp([b.candidate for b in batches]) == 0:
        found.append("the portfolio costs the same in every batch, which says little of what no batch holds")
    if total < ENOUGH:
        found.append(f"only {total:,} scenarios in all: rare events may not be among them")
    return "; ".join(found)


@dataclass(frozen=True)
class StoppingRule:
    """Grow the sample until the upper limit of the gap is small enough.

    Fixed width (Bayraksan and Pierre-Louis 2012): stop at the first look at which the upper confidence limit is at most
    the target. Their confidence holds as the target tends to 0; here every look of at most L has level
    1 - (1 - level)/L (Bonferroni), so that it holds together for any target and whatever look is the last. Every look
    takes fresh batches.

    Attributes
    ----------
    target : float
        Largest gap, as a fraction of the objective estimated at that look.
    level : float
        Confidence of the answer.
    batches : int
        K, in every look.
    first, most : int
        Scenarios a batch at the first look, and the most.
    growth : float
        Factor from look to look.
    """

    target: float
    level: float = LEVEL
    batches: int = 10
    first: int = 50
    most: int = 800
    growth: float = 2.0

    def __post_init__(self) -> None:
        """Refuse rules that never end.

        Raises
        ------
        ValueError
            Where a number is out of range.
        """
        if not (self.target > 0 and 0 < self.level < 1 and self.batches >= 2 and self.growth > 1):
            raise ValueError("target has to be positive, level within (0, 1), batches at least 2, growth above 1")
        if not 1 <= self.first <= self.most:
            raise ValueError(f"first is {self.first} and most {self.most}: 1 <= first <= most is needed")

    @property
    def looks(self) -> tuple[int, ...]:
        """Scenarios a batch, look by look; the last one is at most ``most``."""
        found, size = [], float(self.first)
        while size <= self.most * (1 + 1e-9):
            found.append(int(size))
            size *= self.growth
        return tuple(dict.fromkeys(found))

    @property
    def look_level(self) -> float:
        """Confidence level of a single look."""
        return 1.0 - (1.0 - self.level) / len(self.looks)


@dataclass(frozen=True)
class Sequential:
    """Looks taken, and whether the last met the target."""

    looks: tuple[GapEstimate, ...]
    reached: bool


def sequential(
    rule: StoppingRule,
    batch: Callable[[int, int, int], Batch],
    report: Callable[[GapEstimate], None] = lambda _: None,
) -> Sequential:
    """Take looks by a stopping rule; ``batch(look, k, scenarios)`` solves the k-th fresh batch of a look."""
    taken: list[GapEstimate] = []
    for look, size in enumerate(rule.looks):
        found = multiple_replications([batch(look, k, size) for k in range(rule.batches)], rule.look_level)
        taken.append(found)
        report(found)
        if found.relative_upper <= rule.target:
            return Sequential(tuple(taken), True)
    return Sequential(tuple(taken), False)
