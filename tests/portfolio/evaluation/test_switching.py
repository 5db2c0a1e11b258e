"""Switching points against a switching rate that is known, and that noise claims none."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from portfolio.evaluation.intervals import Interval, mean_interval
from portfolio.evaluation.switching import Line, locate

TRUE = 0.6
GRID = (0.05, 0.25, 0.5, 0.75, 0.95)


def difference(seed: int, spread: float, size: int = 1000, *, centred: bool = False) -> Callable[[float], Interval]:
    """Cost of the first less that of the second: q - 0.6 in the mean, the same draws at every quantile."""
    noise = spread * np.random.default_rng(seed).standard_normal(size)
    noise -= noise.mean() if centred else 0.0
    return lambda q: mean_interval(q - TRUE + noise)


def between(at: Callable[[float], Interval]) -> tuple[float, float]:
    """The neighbours in the grid between which the estimate changes sign."""
    steps = itertools.pairwise(GRID)
    return next((a, b) for a, b in steps if at(a).estimate < 0 <= at(b).estimate)


def test_found_where_it_is() -> None:
    at = difference(1, 1e-4)
    found = locate(at, GRID, (0.5, 0.75), (3, 4), 0.001)
    assert (found.before, found.after, found.claimed, found.note) == (3, 4, True, "")
    assert found.quantile == pytest.approx(TRUE, abs=1e-4)
    assert TRUE - 0.002 < found.low < TRUE < found.high < TRUE + 0.002


def test_ends_are_where_the_interval_begins_to_hold_zero() -> None:
    at = difference(2, 1.5)
    found = locate(at, GRID, between(at), (0, 1), 1e-4)
    assert found.claimed
    # The interval's width is the same everywhere here: its ends are the zero's, moved by it.
    shift = at(0.5)
    assert found.quantile == pytest.approx(0.5 - shift.estimate, abs=1e-9)
    assert found.low == pytest.approx(0.5 - shift.high, abs=2e-4)
    assert found.high == pytest.approx(0.5 - shift.low, abs=2e-4)
    assert at(found.low).high < 0 < at(found.high).low


def test_level_of_the_bracket() -> None:
    held = 0
    for seed in range(300):
        at = difference(seed, 2.0, 400)
        found = locate(at, GRID, between(at), (0, 1), 0.005)
        held += found.low <= TRUE <= found.high
    assert held >= 279  # 93 %


def test_noise_claims_nothing() -> None:
    at = difference(3, 40.0, centred=True)
    found = locate(at, GRID, between(at), (0, 1))
    assert not found.claimed
    assert "cannot be told apart on either side" in found.note
    assert (found.low, found.high) == between(at)


def test_one_side_is_not_enough() -> None:
    """Clear above, open below: no switch."""
    above, below = difference(4, 0.01), difference(9, 40.0, centred=True)
    found = locate(lambda q: above(q) if q > TRUE else below(q), GRID, (0.5, 0.75), (0, 1))
    assert not found.claimed
    assert "below it" in found.note


def test_each_quantile_is_looked_at_once() -> None:
    asked: list[float] = []
    at = difference(5, 0.5)

    def counted(q: float) -> Interval:
        asked.append(q)
        return at(q)

    locate(counted, GRID, between(at), (0, 1), 0.01)
    assert len(asked) == len(set(asked))


def test_changes_along_a_line() -> None:
    line = Line((0.1, 0.2, 0.3, 0.4), (2, 2, 0, 1))
    assert line.changes == ((0.2, 0.3, 2, 0), (0.3, 0.4, 0, 1))
    found = line.switches(lambda a, b: difference(1, 1e-3) if a == 0 else lambda q: mean_interval([q - 0.25] * 9))
    assert [(s.before, s.after) for s in found] == [(2, 0), (0, 1)]
    assert found[0].claimed
    assert found[0].quantile == pytest.approx(0.25)
