"""Stability: estimators with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from portfolio.evaluation.intervals import Interval
from portfolio.evaluation.stability import ENOUGH, NOT_ENOUGH, UNDECIDED, Compared, enough, in_sample, scenarios_needed


def test_in_sample_by_hand() -> None:
    """2, 4, 6, 8: deviation sqrt(20/3); t_3 = 3.1824, chi-square of 3 degrees 0.2158 and 9.3484, from any table."""
    found = in_sample([2.0, 4.0, 6.0, 8.0], 0.95)
    s = (20 / 3) ** 0.5
    assert (found.mean, found.deviation, found.spread) == pytest.approx((5.0, s, 6.0))
    assert found.reach == pytest.approx(3.1824 * s * 1.25**0.5, rel=1e-4)
    assert found.deviation_low == pytest.approx(s * (3 / 9.3484) ** 0.5, rel=1e-4)
    assert found.deviation_high == pytest.approx(s * (3 / 0.2158) ** 0.5, rel=1e-3)
    # Reach falls as 1/sqrt(n): to a tenth of it with a hundred times the scenarios.
    assert scenarios_needed(found, 50, found.reach / 5.0 / 10.0) == pytest.approx(5000)
    with pytest.raises(ValueError, match="two samples"):
        in_sample([1.0], 0.95)


def test_reach_holds_the_next_sample() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(10.0, 2.0, (4000, 6))
    inside = 0
    for row in x:
        found = in_sample(row[:5].tolist(), 0.9)
        inside += abs(row[5] - found.mean) <= found.reach
    assert inside / len(x) == pytest.approx(0.9, abs=0.015)


def common(rng: np.random.Generator, shifts: list[float], size: int = 400) -> np.ndarray:
    """Portfolios that share the luck of the scenarios and differ by their shifts and a little luck of their own."""
    shared = 100 * rng.exponential(1.0, size)
    return np.array([shared + shift + 3 * rng.standard_normal(size) for shift in shifts])


def test_pairing_and_the_level_of_all_pairs_together() -> None:
    """Among equal portfolios, worst less best as picked on the sample holds 0 in at least 95 % of samples."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(400):
        found = Compared.of(common(rng, [0.0] * 6), 0.0, 0.95, 0.95)
        spread = found.spread(range(6))
        held += spread.covers(0.0)
        assert spread.half_width < 0.2 * found.value(0).half_width
    assert held / 400 >= 0.95


def test_true_difference_is_found() -> None:
    found = Compared.of(common(np.random.default_rng(3), [2.0, 0.0, 5.0], 2000), 0.0, 0.95, 0.95)
    assert found.best == 1
    assert found.spread([0, 1, 2]).covers(5.0)
    assert found.spread([0, 1]).covers(2.0)
    assert found.spread([0, 1]).low > 0
    assert found.difference(1, 1).estimate == 0.0


def test_with_a_tail_in_the_objective() -> None:
    """Half mean, half CVaR at 90 %: of 1 ... 10, mean 5.5 and worst tenth 10."""
    costs = np.array([np.arange(1.0, 11.0), np.arange(2.0, 12.0)])
    found = Compared.of(costs, 0.5, 0.9, 0.95)
    assert found.objectives == pytest.approx([7.75, 8.75])
    assert found.tail == 0.9


@pytest.mark.parametrize(("low", "high", "said"), [(0.1, 0.9, ENOUGH), (1.1, 2.0, NOT_ENOUGH), (0.5, 1.5, UNDECIDED)])
def test_verdict(low: float, high: float, said: str) -> None:
    spread = Interval(0.5 * (low + high), low, high, 0.95, 100, 100.0, "", True)
    assert enough(spread, 100.0, 0.01) == said
