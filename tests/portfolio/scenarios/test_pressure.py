"""Price pressure by hand: elasticity, slumps by incumbents, and nothing where both are zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portfolio.case.settings import Pressure
from portfolio.scenarios.pressure import dumping_factor, elastic_factor, pressed
from portfolio.scenarios.sampling import sample
from tests.builders import tiny_case


def test_elasticity_by_hand() -> None:
    """A quarter more supply at elasticity 2: 1/1.25^2 = 0.64."""
    assert elastic_factor(np.array([0.0, 0.25]), Pressure(elasticity=2.0)).tolist() == pytest.approx([1.0, 0.64])


def test_slumps_by_hand() -> None:
    """Supply of half the market at rate 2 a year: 1 - exp(-1) = 0.632, so 0.6 begins a slump and 0.65 none."""
    rules = Pressure(dumping_rate=2.0, dumping_factor=0.7, dumping_y=2)
    draws = np.array([[[0.9, 0.6, 0.65, 0.65, 0.6]]])
    found = dumping_factor(np.full(draws.shape, 0.5), draws, rules)
    assert found.tolist() == [[[1.0, 0.7, 0.7, 1.0, 0.7]]]
    assert dumping_factor(np.zeros(draws.shape), draws, rules).tolist() == [[[1.0] * 5]]


def test_a_slump_longer_than_the_horizon() -> None:
    rules = Pressure(dumping_rate=9.0, dumping_factor=0.5, dumping_y=7)
    draws = np.array([[[0.999, 0.001, 0.999]]])
    assert dumping_factor(np.full(draws.shape, 0.5), draws, rules).tolist() == [[[1.0, 0.5, 0.5]]]


def test_frequency_of_slumps() -> None:
    rules = Pressure(dumping_rate=1.0, dumping_factor=0.5, dumping_y=1)
    draws = np.random.default_rng(1).random((20_000, 1, 1))
    share = (dumping_factor(np.full(draws.shape, 0.1), draws, rules) < 1).mean()
    assert share == pytest.approx(1 - np.exp(-0.1), abs=0.006)


def test_nothing_without_elasticity_and_dumping() -> None:
    case = tiny_case()
    off = replace(case, settings=replace(case.settings, pressure=Pressure(elasticity=0.0, dumping_rate=0.0)))
    drivers = sample(off, 5, 3)
    under = pressed(off, drivers, np.full(drivers.price.shape, 0.4), 9)
    assert np.array_equal(under.price, drivers.price)
    assert np.array_equal(under.realised, drivers.realised)


def test_more_supply_never_raises_a_price() -> None:
    case = tiny_case()
    drivers = sample(case, 50, 3)
    less, more = (pressed(case, drivers, np.full(drivers.price.shape, x), 9) for x in (0.1, 0.6))
    assert (more.price <= less.price).all()
    assert (less.realised < drivers.realised).all()
    assert (more.price < less.price * 0.65).any()  # slumps among them
