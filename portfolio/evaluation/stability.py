"""In-sample and out-of-sample stability: how much the answer depends on which scenarios were drawn.

K independent samples of n scenarios are solved. *In-sample stability*: do their optimal objectives agree, so that one
can rely on what a run claims? *Out-of-sample stability*: do their portfolios cost the same in truth, so that any will
do? The truth is estimated for all on one and the same fresh sample, so that differences between portfolios are far more
certain than their values.

References
----------
Kaut and Wallace (2007), Evaluation of scenario-generation methods for stochastic programming, Pacific Journal of
Optimization 3, 257-271: both definitions. In-sample: F(x_k; T_k) ~ F(x_l; T_l); out-of-sample: F(x_k; xi) ~ F(x_l; xi).
King and Wallace (2012), Modeling with Stochastic Programming, chapter 4.
Hsu (1996), Multiple Comparisons, chapter 4: comparisons with the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from models import Decision
from portfolio.assemble import resampled
from portfolio.case.records import Case
from portfolio.engine.assembled import rebound
from portfolio.engine.passes import threads as cores
from portfolio.evaluation.fresh import AHEAD, FixedPortfolio, Report, fix, in_turn
from portfolio.evaluation.intervals import Interval, influence_interval
from portfolio.evaluation.outcomes import Recourse
from portfolio.evaluation.pointwise import contributions
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]

ENOUGH, NOT_ENOUGH, UNDECIDED = "enough", "not enough", "undecided"
"""Whether samples of a size are large enough for an accuracy; undecided where the fresh sample is too small to say."""


@dataclass(frozen=True)
class Several:
    """Portfolios measured side by side: their options in one programme, assembled and compiled once."""

    fixed: FixedPortfolio
    decisions: tuple[Decision, ...]

    def on(self, drivers: Drivers) -> Array:
        """Recourse cost, weighted shortfall and side costs, of every portfolio in some scenarios, (P, S)."""
        instance = resampled(self.fixed.assembly, drivers).instance
        recourse = Recourse(instance, rebound(self.fixed.arrays, instance), self.fixed.threads)
        found = []
        for decision in self.decisions:
            outcomes = recourse.outcomes(decision)
            found.append(outcomes.weighted + outcomes.side)
        return np.array(found)

    def measure(self, chunks: Iterable[Drivers], total: int, report: Report | None = None) -> Array:
        """Cost of every portfolio in every scenario of a sample, public cost included, (P, total)."""
        parts: list[Array] = []
        for part in in_turn(self.on, chunks, min(AHEAD, cores(self.fixed.threads))):
            parts.append(part)
            if report is not None:
                report(sum(p.shape[1] for p in parts), total)
        weight = self.fixed.case.settings.objective.cost_weight
        public = [weight * d.public_cost(self.fixed.instance) for d in self.decisions]
        return np.asarray(np.concatenate(parts, axis=1) + np.array(public)[:, None])


def several(case: Case, decisions: Sequence[Decision], threads: int = 0) -> Several:
    """Make portfolios of one case ready to be measured together.

    Raises
    ------
    ValueError
        Where an option of a portfolio is none of the case.
    """
    union = Decision(select={key: 1.0 for decision in decisions for key in decision.chosen})
    return Several(fix(case, union, threads), tuple(decisions))


@dataclass(frozen=True)
class Compared:
    """Portfolios on one fresh sample of equally likely scenarios, in units of the objective.

    Attributes
    ----------
    paid : (P, S)
        What each scenario adds to the objective of each portfolio; means are the objectives.
    level : float
        Confidence level; of all differences together for :meth:`difference`.
    tail : float
        beta where a CVaR is part of the objective, else 0.
    """

    paid: Array
    level: float
    tail: float

    @staticmethod
    def of(costs: Array, weight: float, beta: float, level: float) -> Compared:
        """Take costs (P, S), with the weight and level of the CVaR in the objective."""
        equal = np.full(costs.shape[1], 1.0 / costs.shape[1])
        paid = np.array([contributions(row, equal, weight, beta) for row in costs])
        return Compared(paid, level, beta if weight > 0 else 0.0)

    @property
    def objectives(self) -> Array:
        """Estimated true objective of each portfolio, (P,)."""
        return np.asarray(self.paid.mean(axis=1))

    @property
    def best(self) -> int:
        """The portfolio of least estimated objective."""
        return int(self.objectives.argmin())

    def value(self, one: int) -> Interval:
        """Interval of a portfolio's true objective, by itself."""
        return self._interval(self.paid[one], self.level)

    def difference(self, one: int, other: int) -> Interval:
        """Interval of what one portfolio truly costs more than another.

        Paired scenario by scenario. All pairs together hold at the level (Bonferroni), so that it may be asked of the
        worst and the best although they were picked on the same scenarios.
        """
        number = len(self.paid)
        pairs = max(number * (number - 1) // 2, 1)
        return self._interval(self.paid[one] - self.paid[other], 1.0 - (1.0 - self.level) / pairs)

    def spread(self, some: Sequence[int]) -> Interval:
        """Interval of the true objective of the seemingly worst of some portfolios less that of the seemingly best."""
        values = self.objectives[list(some)]
        return self.difference(some[int(values.argmax())], some[int(values.argmin())])

    def _interval(self, values: Array, level: float) -> Interval:
        mean = float(values.mean())
        weights = np.full(values.size, 1.0 / values.size)
        return influence_interval(mean, values - mean, weights, level=level, tail=self.tail)


@dataclass(frozen=True)
class InSample:
    """How far optimal objectives of samples of one size are apart.

    Attributes
    ----------
    mean, deviation : float
        Mean and standard deviation of the K objectives.
    deviation_low, deviation_high : float
        Limits of the latter (chi-square).
    spread : float
        Largest less smallest.
    reach : float
        One more sample's objective lies within mean +- reach with the confidence: t s sqrt(1 + 1/K).
    """

    mean: float
    deviation: float
    deviation_low: float
    deviation_high: float
    spread: float
    reach: float


def in_sample(objectives: Sequence[float], level: float) -> InSample:
    """Summarise the optimal objectives of at least two samples.

    Raises
    ------
    ValueError
        With fewer than two.
    """
    values = np.asarray(objectives, dtype=float)
    n = values.size
    if n < 2:
        raise ValueError("it takes two samples to see how they differ")
    s = float(values.std(ddof=1))
    low, high = (float(np.sqrt((n - 1) / stats.chi2.ppf(q, n - 1))) for q in ((1 + level) / 2, (1 - level) / 2))
    t = float(stats.t.ppf((1 + level) / 2, n - 1))
    return InSample(
        float(values.mean()), s, s * low, s * high, float(np.ptp(values)), t * s * float(np.sqrt(1 + 1 / n))
    )


def enough(spread: Interval, value: float, accuracy: float) -> str:
    """Whether portfolios of one size differ in truth by no more than an accuracy, a share of their objective."""
    allowed = accuracy * abs(value)
    if spread.high <= allowed:
        return ENOUGH
    return NOT_ENOUGH if spread.low > allowed else UNDECIDED


def scenarios_needed(found: InSample, scenarios: int, accuracy: float) -> float:
    """Scenarios with which an objective would lie within an accuracy of its mean: its deviation falls as 1/sqrt(n)."""
    return scenarios * (found.reach / (accuracy * max(abs(found.mean), 1e-10))) ** 2
