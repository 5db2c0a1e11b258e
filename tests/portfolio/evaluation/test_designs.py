"""Variance ratios: the jackknife by hand, coverage with a known ratio, the gain of a design in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from portfolio.evaluation.designs import log_variance, variance_ratio


def test_jackknife_one_by_one() -> None:
    x = np.random.default_rng(1).exponential(2.0, 12)
    whole = np.log(x.var(ddof=1))
    pseudo = [12 * whole - 11 * np.log(np.delete(x, i).var(ddof=1)) for i in range(12)]
    value, error = log_variance(x)
    assert value == pytest.approx(np.mean(pseudo))
    assert error == pytest.approx(np.std(pseudo, ddof=1) / 12**0.5)


@pytest.mark.parametrize("shape", ["normal", "skewed"])
def test_coverage(shape: str) -> None:
    rng, held = np.random.default_rng(2), 0
    for _ in range(1000):
        a, b = rng.standard_normal((2, 32)) if shape == "normal" else rng.gamma(4.0, 0.5, (2, 32))
        held += variance_ratio(3**0.5 * a, b, 0.95).low <= 3.0 <= variance_ratio(3**0.5 * a, b, 0.95).high
    assert held / 1000 >= 0.93


def test_latin_hypercube_of_a_sum_and_a_product() -> None:
    """f = u + v + c (u - 1/2)(v - 1/2): of its variance 1/6 + c^2/144 a Latin hypercube removes the additive part.

    With n points what is left of a main effect is of order 1/n^2, so the ratio is 1 + 24/c^2.
    """

    def means(design: str, c: float, seed: int) -> np.ndarray:
        rng, found = np.random.default_rng(seed), []
        for _ in range(400):
            x = qmc.LatinHypercube(2, seed=rng).random(64) if design == "lhs" else rng.random((64, 2))
            found.append(np.mean(x.sum(axis=1) + c * (x[:, 0] - 0.5) * (x[:, 1] - 0.5)))
        return np.array(found)

    found = variance_ratio(means("plain", 4.0, 1), means("lhs", 4.0, 2), 0.95)
    assert found.low <= 1 + 24 / 16 <= found.high
    assert found.low < found.ratio < found.high


def test_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="at least 8"):
        log_variance(np.arange(7.0))
    with pytest.raises(ValueError, match="does not vary"):
        log_variance(np.full(10, 3.0))
