"""Regret on a matrix made by hand, its intervals against a known truth, choices and ties."""

from __future__ import annotations

import numpy as np
import pytest

from portfolio.evaluation.outcomes import cvar
from portfolio.evaluation.regret import Measure, regret_table

# Rows: opinions; columns: candidates A, B, C.
VALUES = np.array([[10.0, 12.0, 13.0], [30.0, 22.0, 20.0]])
"""Regrets A: 0, 10; B: 2, 2; C: 3, 0. Largest: 10, 2, 3. B is best nowhere, and regrets least."""


def noisy(values: np.ndarray, own: float, size: int = 2000, seed: int = 1) -> list[np.ndarray]:
    """Costs with noise common to all candidates, and some of their own; means are exact."""
    generator = np.random.default_rng(seed)
    common = generator.exponential(5.0, size)
    parts = own * generator.standard_normal((*values.shape, size))
    parts -= parts.mean(axis=2, keepdims=True)
    return list(values[:, :, None] + (common - common.mean()) + parts)


def test_by_hand() -> None:
    table = regret_table(noisy(VALUES, own=0.1), Measure())
    assert np.round(table.value, 9).tolist() == VALUES.tolist()
    regret = [[round(r.estimate, 9) for r in row] for row in table.regret]
    assert regret == [[0.0, 2.0, 3.0], [10.0, 2.0, 0.0]]
    assert [round(m.estimate, 9) for m in table.most] == [10.0, 2.0, 3.0]
    assert table.best == (0, 2)
    assert table.minmax == 1
    assert table.minmax_ties == (1,)
    assert table.tied(0) == (0,)
    most = table.most[0]
    assert (most.at, most.against) == (1, 2)
    assert most.low < 10.0 < most.high
    assert most.high - most.low < 0.05
    assert most.reliable


def test_noise_leaves_the_choice_open() -> None:
    table = regret_table(noisy(VALUES, own=60.0), Measure())
    assert table.minmax == 1
    assert set(table.minmax_ties) == {0, 1, 2}
    assert table.tied(0) == (0, 1, 2)
    assert table.most[2].low == 0.0


def test_only_counted_opinions_make_the_largest() -> None:
    table = regret_table(noisy(VALUES, own=0.1), Measure(), counted=[0])
    assert [round(m.estimate, 9) for m in table.most] == [0.0, 2.0, 3.0]


def test_one_candidate_regrets_nothing() -> None:
    (most,) = regret_table([c[:1] for c in noisy(VALUES, own=1.0)], Measure()).most
    assert (most.estimate, most.low, most.high) == (0.0, 0.0, 0.0)


def test_a_twin_changes_no_regret() -> None:
    costs = noisy(VALUES, own=0.1)
    twins = [np.concatenate([c, c[1:2]]) for c in costs]
    alone, together = regret_table(costs, Measure()), regret_table(twins, Measure())
    assert [m.estimate for m in together.most[:3]] == [m.estimate for m in alone.most]
    assert together.most[3].estimate == alone.most[1].estimate
    assert together.minmax_ties == (1, 3)


def test_with_a_cvar() -> None:
    """The measure is the mix of mean and CVaR, recomputed without it."""
    costs = noisy(VALUES, own=3.0, size=1500)
    p = np.full(1500, 1 / 1500)
    table = regret_table(costs, Measure(weight=0.4, tail=0.9))
    expected = [[0.6 * c.mean() + 0.4 * cvar(c, p, 0.9) for c in matrix] for matrix in costs]
    assert table.value == pytest.approx(np.array(expected), rel=1e-12)
    worst = np.array(expected) - np.min(expected, axis=1, keepdims=True)
    assert [m.estimate for m in table.most] == pytest.approx(worst.max(axis=0), rel=1e-9)


def test_intervals_hold_the_truth() -> None:
    """Of 300 samples at least 95 % hold the true largest regret; estimates themselves are too large on average."""
    generator, held, sums = np.random.default_rng(5), 0, 0.0
    close = np.array([[10.0, 10.2, 10.1], [20.0, 20.0, 20.0]])
    truth = (close - close.min(axis=1, keepdims=True)).max(axis=0)
    for _ in range(300):
        drawn = generator.exponential(1.0, (2, 3, 300)) - 1.0
        most = regret_table(list(close[:, :, None] + drawn), Measure()).most
        held += all(m.low <= t <= m.high for m, t in zip(most, truth, strict=True))
        sums += most[0].estimate
    assert held >= 285
    assert sums / 300 > truth[0] + 0.02


def test_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="same candidates"):
        regret_table([], Measure())
    with pytest.raises(ValueError, match="same candidates"):
        regret_table([np.ones((2, 3)), np.ones((1, 3))], Measure())
