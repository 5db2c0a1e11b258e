"""Demand against its quantiles and correlation."""

import numpy as np
import pytest

from portfolio.case.settings import Sampling
from portfolio.case.tables import Demand
from portfolio.scenarios.demand import base_demand, sample_demand
from portfolio.scenarios.sources import KeyedSource
from tests.builders import tiny_case, tiny_settings

COUNT = 20_000


def row(region="EU", material="NdPr", year=2027, low=800.0, base=1000.0, high=1600.0):
    return Demand(region=region, stage="separation", material=material, year=year, low=low, base=base, high=high)


def drawn(*rows, rho=0.5, count=COUNT):
    case = tiny_case(demand=rows, settings=tiny_settings(sampling=Sampling(demand_correlation=rho)))
    return sample_demand(case, KeyedSource(9, np.arange(count)))


def test_quantiles_are_low_base_and_high():
    demand = drawn(row())[:, 0, 1, 0, 0]
    for value, level in ((800.0, 0.05), (1000.0, 0.5), (1600.0, 0.95)):
        below = (demand < value).mean()
        assert abs(below - level) < 4 * np.sqrt(level * (1 - level) / COUNT)


def test_same_place_in_all_years():
    demand = drawn(row(), row(year=2032, low=1600.0, base=2000.0, high=3200.0), count=50)[:, 0, 1, 0]
    assert demand[:, 5] == pytest.approx(2.0 * demand[:, 0])
    inside = demand[:, 2] / np.array([1400.0])
    assert np.all((inside > 1) == (demand[:, 0] > 1000.0))


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
def test_paths_correlate(rho):
    demand = drawn(
        row(low=500.0, base=1000.0, high=2000.0),
        row(region="JP", material="Dy", low=50.0, base=100.0, high=200.0),
        rho=rho,
    )[:, :, 1, :, 0]
    correlation = np.corrcoef(np.log(demand[:, 0, 0]), np.log(demand[:, 1, 1]))[0, 1]
    assert abs(correlation - rho) < 4.5 * (1 - rho**2) / np.sqrt(COUNT) + 1e-12


def test_no_spread_is_the_base():
    demand = drawn(row(low=1000.0, high=1000.0), count=20)
    assert np.all(demand[:, 0, 1, 0] == 1000.0)


def test_low_of_zero_and_base_of_zero():
    demand = drawn(row(low=0.0), row(region="JP", low=0.0, base=0.0, high=50.0))
    assert np.isfinite(demand).all()
    assert np.all(demand[:, 1] == 0.0)
    falling = demand[:, 0, 1, 0, 0]
    assert abs((falling == 0.0).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / COUNT)
    assert abs((falling < 1000.0).mean() - 0.5) < 4 * np.sqrt(0.25 / COUNT)
    assert falling.min() >= 0.0


def test_demand_that_begins_later():
    demand = drawn(row(low=0.0, base=0.0, high=0.0), row(year=2029), count=30)[:, 0, 1, 0]
    assert np.all(demand[:, 0] == 0.0)
    assert np.all(demand[:, 1:] > 0.0)


def test_base_demand():
    case = tiny_case(demand=(row(), row(year=2031, low=900.0, base=1400.0, high=2000.0)))
    assert base_demand(case).shape == (2, 2, 2, 6)
    assert base_demand(case)[0, 1, 0].tolist() == pytest.approx([1000, 1100, 1200, 1300, 1400, 1400])
    assert base_demand(case).sum() == pytest.approx(7400.0)
