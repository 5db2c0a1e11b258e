"""Intervals against closed forms, published figures and known truths; their coverage by simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from portfolio.engine.assembled import compile_instance
from portfolio.evaluation.intervals import (
    Interval,
    cvar_interval,
    event_difference,
    mean_interval,
    paired_difference,
    probability_interval,
    quantile_interval,
    ratio_interval,
)
from portfolio.evaluation.outcomes import Recourse, cvar
from tests.models.instances import altered, random_instance
from tests.portfolio.evaluation.test_measures import EXACT, ExtensiveForm

BETA = 0.95


def ends(found: Interval) -> tuple[float, float]:
    return found.low, found.high


class TestKnownAnswers:
    def test_mean_without_skewness_is_students(self) -> None:
        x = np.concatenate([np.arange(-30.0, 31.0), [7.0, -7.0]]) + 4.0
        expected = stats.t.interval(0.9, x.size - 1, loc=x.mean(), scale=stats.sem(x))
        assert ends(mean_interval(x, level=0.9)) == pytest.approx(expected, rel=1e-9)

    def test_skewness_is_removed(self) -> None:
        """The limits are where Hall's transformation of the standardised distance is Student's quantile."""
        x = np.random.default_rng(3).exponential(size=200)
        n, s = x.size, x.std(ddof=1)
        g = np.mean((x - x.mean()) ** 3) / s**3
        found = mean_interval(x)
        for limit, sign in ((found.low, 1.0), (found.high, -1.0)):
            u = (x.mean() - limit) / s
            transformed = u + g * u**2 / 3 + g**2 * u**3 / 27 + g / (6 * n)
            assert np.sqrt(n) * transformed == pytest.approx(sign * stats.t.ppf(0.975, n - 1), rel=1e-9)
        assert found.high - x.mean() > x.mean() - found.low

    def test_cvar_of_exponential(self) -> None:
        """Var[(X - VaR)^+]/(1 - beta)^2 = 2/(1 - beta) - 1, since what exceeds VaR is exponential again."""
        n = 200_000
        x = -np.log1p(-(np.arange(n) + 0.5) / n)
        found = cvar_interval(x, BETA)
        assert found.estimate == pytest.approx(1 - np.log(1 - BETA), abs=2e-3)
        assert found.half_width == pytest.approx(1.96 * np.sqrt((2 / (1 - BETA) - 1) / n), rel=0.02)

    def test_cvar_estimate_is_that_of_the_measures(self) -> None:
        rng = np.random.default_rng(5)
        for _ in range(50):
            x, w = np.round(rng.exponential(size=40), 1), rng.random(40)
            assert cvar_interval(x, 0.8, w).estimate == pytest.approx(cvar(x, w / w.sum(), 0.8))

    def test_cvar_at_level_zero_is_the_mean(self) -> None:
        x = np.random.default_rng(1).exponential(size=300)
        assert ends(cvar_interval(x, 0.0)) == pytest.approx(ends(mean_interval(x)))

    def test_order_statistics(self) -> None:
        """Textbook: the 40th and 61st of 100 hold the median with 95 %."""
        assert ends(quantile_interval(np.arange(1.0, 101.0), 0.5)) == (40.0, 61.0)
        assert quantile_interval(np.arange(1.0, 101.0), 0.5).estimate == 50.0

    @pytest.mark.parametrize(
        ("yes", "n", "expected"), [(0, 20, (0.0, 0.1684)), (10, 20, (0.2720, 0.7280)), (20, 20, (0.8316, 1.0))]
    )
    def test_clopper_and_pearson(self, yes: int, n: int, expected: tuple[float, float]) -> None:
        found = probability_interval(np.arange(n) < yes)
        assert ends(found) == pytest.approx(expected, abs=5e-5)
        assert found.reliable

    def test_events_of_two_worlds(self) -> None:
        """Only scenarios in which the worlds differ count; with none of n both limits are 1 - (0.0125)^(1/n)."""
        none = event_difference(np.ones(1000, dtype=bool), np.ones(1000, dtype=bool))
        bound = 1 - 0.0125 ** (1 / 1000)
        assert (none.estimate, *ends(none)) == pytest.approx((0.0, -bound, bound))
        before, after = np.arange(1000) < 300, (np.arange(1000) >= 100) & (np.arange(1000) < 320)
        found = event_difference(after, before)
        more, less = (probability_interval(np.arange(1000) < k, level=0.975) for k in (20, 100))
        assert (found.estimate, *ends(found)) == pytest.approx((-0.08, more.low - less.high, more.high - less.low))
        assert found.level == 0.95

    def test_scaled(self) -> None:
        found = mean_interval(np.arange(50.0))
        assert ends(found.scaled(2.0)) == pytest.approx(ends(mean_interval(2.0 * np.arange(50.0))))

    def test_ratio(self) -> None:
        """Where the denominator is certain the ratio is a mean; where both rise together it is certain."""
        a = np.random.default_rng(2).exponential(size=400)
        assert ends(ratio_interval(a, np.full(400, 4.0))) == pytest.approx(ends(mean_interval(a / 4.0)))
        same = ratio_interval(3.0 * a, a)
        assert ends(same) == pytest.approx((3.0, 3.0))
        assert ratio_interval(a, np.zeros(400)).estimate == 0.0

    def test_ratio_by_delta_method(self) -> None:
        rng = np.random.default_rng(8)
        b = rng.normal(10.0, 1.0, 100_000)
        a = 0.5 * b + rng.normal(0.0, 1.0, b.size)
        cov = np.cov(a, b)
        r = a.mean() / b.mean()
        se = np.sqrt((cov[0, 0] - 2 * r * cov[0, 1] + r**2 * cov[1, 1]) / b.size) / b.mean()
        assert ratio_interval(a, b).half_width == pytest.approx(1.96 * se, rel=1e-4)

    def test_common_random_numbers(self) -> None:
        rng = np.random.default_rng(4)
        before = rng.exponential(size=2000)
        after = before - 0.1 + 0.01 * rng.standard_normal(2000)
        for tail, one in ((None, mean_interval(before)), (0.9, cvar_interval(before, 0.9))):
            found = paired_difference(after, before, tail=tail)
            assert found.covers(-0.1)
            assert found.half_width < 0.05 * one.half_width
        exact = paired_difference(after, before, tail=0.9)
        assert exact.estimate == pytest.approx(cvar_interval(after, 0.9).estimate - cvar_interval(before, 0.9).estimate)


class TestWeights:
    def test_even_weights_are_none(self) -> None:
        x = np.random.default_rng(6).exponential(size=100)
        w = np.full(100, 3.0)
        for estimator in ESTIMATORS.values():
            assert ends(estimator(x, w)) == pytest.approx(ends(estimator(x, None)))

    def test_duplicates_change_no_estimate(self) -> None:
        rng = np.random.default_rng(7)
        x, w = rng.exponential(size=60), rng.random(60)
        at = np.repeat(np.arange(60), rng.integers(1, 4, 60))
        split = w[at] / np.bincount(at)[at]
        for estimator in ESTIMATORS.values():
            assert estimator(x[at], split).estimate == pytest.approx(estimator(x, w).estimate)

    def test_error_of_a_weighted_mean(self) -> None:
        """Without skewness: Student's t times the square root of n/(n - 1) sum w^2 (x - mean)^2."""
        x = np.concatenate([np.linspace(-3.0, 3.0, 41), np.linspace(-1.0, 1.0, 60)])
        w = np.concatenate([np.full(41, 1.0), np.full(60, 5.0)])
        p = w / w.sum()
        error = np.sqrt(101 / 100 * np.sum(p**2 * x**2))
        t = stats.t.ppf(0.975, 1 / np.sum(p**2) - 1)
        assert ends(mean_interval(x, w)) == pytest.approx((-t * error, t * error))

    def test_effective_sample(self) -> None:
        found = mean_interval(np.arange(4.0), [1.0, 1.0, 0.0, 0.0])
        assert (found.n, found.effective) == (4, pytest.approx(2.0))

    @pytest.mark.parametrize(
        ("values", "weights"), [([], None), ([1.0, np.nan], None), ([1.0, 2.0], [1.0]), ([1.0, 2.0], [0.0, 0.0]),
                                ([1.0, 2.0], [2.0, -1.0]), ([[1.0]], None)]
    )  # fmt: skip
    def test_refused(self, values: list[float], weights: list[float] | None) -> None:
        with pytest.raises(ValueError, match=r"one finite value|one weight"):
            mean_interval(values, weights)

    def test_levels_out_of_range(self) -> None:
        for call in (lambda: mean_interval([1.0, 2.0], level=1.0), lambda: cvar_interval([1.0, 2.0], 1.0),
                     lambda: quantile_interval([1.0, 2.0], 0.0)):  # fmt: skip
            with pytest.raises(ValueError, match=r"between 0 and 1|below 1"):
                call()
        with pytest.raises(ValueError, match="same scenarios"):
            paired_difference([1.0, 2.0], [1.0])
        with pytest.raises(ValueError, match="same scenarios"):
            event_difference([True, False], [True])


class TestFlags:
    def test_small_samples(self) -> None:
        x = np.random.default_rng(9).exponential(size=900)
        assert not mean_interval(x).reliable
        assert "only 900 scenarios" in mean_interval(x).note
        assert mean_interval(x, enough=900).reliable
        assert "only 45 scenarios in the tail" in cvar_interval(x, BETA).note

    def test_large_samples(self) -> None:
        x = np.random.default_rng(9).exponential(size=2000)
        for estimator in ESTIMATORS.values():
            assert estimator(x, None).reliable
            assert estimator(x, None).note == ""

    def test_one_scenario_decides(self) -> None:
        x = np.ones(2000)
        x[:2] = 0.0, 1e6
        assert "single scenario" in mean_interval(x).note

    def test_nothing_varies(self) -> None:
        found = mean_interval(np.full(5000, 2.0))
        assert ends(found) == pytest.approx((2.0, 2.0), rel=1e-12)
        assert not found.reliable

    def test_no_interval_can_be_given(self) -> None:
        for found in (cvar_interval(np.arange(20.0), 0.95), mean_interval([3.0])):
            assert ends(found) == (-np.inf, np.inf)
            assert not found.reliable
        assert quantile_interval(np.arange(20.0), 0.99).high == np.inf


ESTIMATORS: dict[str, Callable[..., Interval]] = {
    "mean": mean_interval,
    "cvar": lambda x, w=None: cvar_interval(x, 0.9, w),
    "quantile": lambda x, w=None: quantile_interval(x, 0.9, w),
    "probability": lambda x, w=None: probability_interval(np.asarray(x) > 1.5, w),
    "events": lambda x, w=None: event_difference(np.asarray(x) > 2.0, np.asarray(x) > 1.0, w),
    "difference": lambda x, w=None: paired_difference(np.asarray(x) ** 0.5, x, w),
    "difference of tails": lambda x, w=None: paired_difference(np.asarray(x) ** 0.5, x, w, tail=0.9),
    "ratio": lambda x, w=None: ratio_interval(x, 1.0 + np.asarray(x) ** 0.5, w),
}


@dataclass(frozen=True)
class Atoms:
    """A finite distribution of both worlds: everything about it is known by enumeration."""

    without: np.ndarray
    with_fund: np.ndarray
    probability: np.ndarray

    def truths(self) -> dict[str, float]:
        p, x, y = self.probability, self.without, self.with_fund
        return {
            "mean": p @ x,
            "cvar": cvar(x, p, 0.9),
            "quantile": float(np.sort(x)[np.searchsorted(np.cumsum(p[np.argsort(x)]), 0.9)]),
            "probability": p @ (x > self.middle),
            "events": p @ (y > self.middle) - p @ (x > self.middle),
            "difference": p @ (y - x),
            "difference of tails": cvar(y, p, 0.9) - cvar(x, p, 0.9),
            "ratio": (p @ y) / (p @ x),
        }

    @property
    def middle(self) -> float:
        return float(np.median(self.without))

    def intervals(self, n: int, rng: np.random.Generator) -> dict[str, Interval]:
        at = rng.choice(self.probability.size, size=n, p=self.probability)
        x, y = self.without[at], self.with_fund[at]
        return {
            "mean": mean_interval(x),
            "cvar": cvar_interval(x, 0.9),
            "quantile": quantile_interval(x, 0.9),
            "probability": probability_interval(x > self.middle),
            "events": event_difference(y > self.middle, x > self.middle),
            "difference": paired_difference(y, x),
            "difference of tails": paired_difference(y, x, tail=0.9),
            "ratio": ratio_interval(y, x),
        }


def enumerable() -> Atoms:
    """Both worlds of a small programme: its scenarios are all there are, with uneven probabilities."""
    some = [random_instance(seed) for seed in (24, 29)]
    parts = []
    for i in some:
        p = np.linspace(3.0, 0.2, i.scenarios.size)
        i = altered(i, probability=p / p.sum())
        decision = ExtensiveForm().solve(i, EXACT).decision
        recourse = Recourse(i, compile_instance(i))
        parts.append((recourse.outcomes(type(decision)()).weighted, recourse.outcomes(decision).weighted, p / p.sum()))
    # One or the other of two independent programmes, and their sum: more atoms, all enumerated.
    (a, b, p), (c, d, q) = parts
    return Atoms(np.add.outer(a, c).ravel(), np.add.outer(b, d).ravel(), np.outer(p, q).ravel())


def coverage(n: int, replications: int, draw: Callable[[int, np.random.Generator], dict[str, Interval]],
             truths: dict[str, float]) -> dict[str, float]:  # fmt: skip
    rng = np.random.default_rng(2024)
    hits = dict.fromkeys(truths, 0)
    for _ in range(replications):
        for name, found in draw(n, rng).items():
            hits[name] += found.covers(truths[name])
    return {name: count / replications for name, count in hits.items()}


def heavy(n: int, rng: np.random.Generator) -> dict[str, Interval]:
    """Half of the scenarios without shortfall, the worst 5 % with half of it."""
    x = np.where(rng.random(n) < 0.5, 0.0, np.exp(HEAVY * rng.standard_normal(n)))
    return {"mean": mean_interval(x), "cvar": cvar_interval(x, BETA)}


HEAVY = 1.2816
"""Standard deviation of the logarithm, the normal 90 % quantile: the tail then carries exactly half."""


def heavy_truths() -> dict[str, float]:
    """Closed forms of the lognormal: the worst 5 % of all are the worst 10 % of those short."""
    whole = np.exp(HEAVY**2 / 2)
    tail = whole * stats.norm.cdf(HEAVY - stats.norm.ppf(0.9))
    return {"mean": 0.5 * whole, "cvar": tail / 0.1}


def test_the_heavy_tail_is_as_heavy_as_said() -> None:
    truths = heavy_truths()
    assert 0.05 * truths["cvar"] / truths["mean"] == pytest.approx(0.5, abs=0.01)


def test_coverage_fast() -> None:
    atoms = enumerable()
    found = coverage(400, 200, atoms.intervals, atoms.truths())
    assert min(found.values()) >= 0.90, found
    found = coverage(1000, 200, heavy, heavy_truths())
    assert min(found.values()) >= 0.90, found


@pytest.mark.slow
@pytest.mark.parametrize("n", [1000, 10_000])
def test_coverage_on_an_enumerable_case(n: int) -> None:
    atoms = enumerable()
    found = coverage(n, 500, atoms.intervals, atoms.truths())
    assert min(found.values()) >= 0.93, found


@pytest.mark.slow
@pytest.mark.parametrize(("n", "least"), [(150, 0.90), (1000, 0.92), (10_000, 0.93)])
def test_coverage_on_a_heavy_tail(n: int, least: float) -> None:
    found = coverage(n, 500, heavy, heavy_truths())
    assert min(found.values()) >= least, found
