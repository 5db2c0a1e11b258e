"""Prices against their moments, by a fixed seed and standard errors."""

import numpy as np
import pytest

from portfolio.case.settings import Title
from portfolio.scenarios import expected_price, sample
from portfolio.scenarios.prices import log_variance, realised_price, sample_price
from portfolio.scenarios.sources import KeyedSource
from tests.builders import tiny_case, tiny_hazard, tiny_material, tiny_settings

COUNT = 20_000


def case_of(currency_year=2027, **values):
    defaults = {"price_now": 60.0, "price_longrun": 90.0, "volatility": 0.3, "halflife_y": 2.0}
    first = tiny_material(**(defaults | values))
    second = tiny_material(
        material="Dy", price_now=400.0, price_longrun=200.0, volatility=0.4, halflife_y=1.0, price_loading=-0.8
    )
    title = Title(name="x", currency_year=currency_year)
    return tiny_case(materials=(first, second), hazards=(), settings=tiny_settings(case=title))


def prices(case, count=COUNT):
    return sample_price(case, KeyedSource(5, np.arange(count)))


def test_forecast_halves_its_distance_in_a_half_life():
    path = expected_price(case_of())
    assert path[0, [0, 2, 4]].tolist() == pytest.approx([60.0, 75.0, 82.5])
    assert path[1, :4].tolist() == pytest.approx([400.0, 300.0, 250.0, 225.0])


def test_forecast_starts_in_the_base_year_or_the_first_year():
    assert expected_price(case_of(2025))[0, [0, 2]].tolist() == pytest.approx([75.0, 82.5])
    assert expected_price(case_of(2030))[0, 0] == pytest.approx(60.0)


@pytest.mark.parametrize("currency_year", [2025, 2027])
def test_mean_is_the_forecast(currency_year):
    case = case_of(currency_year)
    drawn = prices(case)
    error = drawn.std(axis=0) / np.sqrt(COUNT)
    assert np.all(np.abs(drawn.mean(axis=0) - expected_price(case)) < 4 * error)


@pytest.mark.parametrize("currency_year", [2025, 2027])
def test_log_deviation_is_an_ar1(currency_year):
    case = case_of(currency_year)
    deviation = np.log(prices(case)[:, 0] / expected_price(case)[0])
    decay = 2**-0.5
    variances = []
    variance = 0.0
    for _ in range(2 * (currency_year == 2025) + (currency_year == 2027)):
        variance = decay**2 * variance + 0.09
    for _ in range(6):
        variances.append(variance)
        variance = decay**2 * variance + 0.09
    assert log_variance(case)[0].tolist() == pytest.approx(variances)
    assert deviation.var(axis=0) == pytest.approx(variances, rel=4.5 * np.sqrt(2 / COUNT))
    for t in range(5):
        slope = np.cov(deviation[:, t], deviation[:, t + 1])[0, 1] / deviation[:, t].var()
        assert abs(slope - decay) < 4.5 * 0.3 / np.sqrt(variances[t] * COUNT)
    innovation = deviation[:, 4] - decay * deviation[:, 3]
    assert innovation.std() == pytest.approx(0.3, rel=4.5 / np.sqrt(2 * COUNT))


def test_innovations_correlate_by_the_product_of_loadings():
    case = case_of(price_loading=0.9)
    deviation = np.log(prices(case))
    first = deviation[:, 0, 1:] - 2**-0.5 * deviation[:, 0, :-1]
    second = deviation[:, 1, 1:] - 0.5 * deviation[:, 1, :-1]
    for t in range(5):
        correlation = np.corrcoef(first[:, t], second[:, t])[0, 1]
        assert abs(correlation - 0.9 * -0.8) < 4.5 * (1 - 0.72**2) / np.sqrt(COUNT)
        assert abs(np.corrcoef(first[:, t], second[:, t - 1])[0, 1]) < 4.5 / np.sqrt(COUNT)


def test_no_volatility_is_the_forecast():
    drawn = prices(case_of(volatility=0.0), 10)
    assert np.array_equal(drawn[:, 0], np.broadcast_to(expected_price(case_of())[0], (10, 6)))


def test_a_half_life_of_ages_is_a_random_walk():
    case = case_of(halflife_y=1e18)
    assert log_variance(case)[0].tolist() == pytest.approx([0.09 * k for k in range(1, 7)])
    assert np.isfinite(prices(case, 10)).all()


def test_realised_price():
    material = tiny_material(ex_china_premium=0.1, crisis_premium=3.5, crisis_volume=0.04)
    case = tiny_case(materials=(material, tiny_material(material="Dy")))
    price = np.full((1, 2, 6), 50.0)
    disrupted = np.array([[[0.0, 0.5, 1.0, 0, 0, 0]] * 2])
    got = realised_price(case, price, disrupted)
    assert got[0, 0, :3].tolist() == pytest.approx([55.0, 55.0 * 1.05, 55.0 * 1.1])
    assert np.all(got[0, 1] == 50.0)


def test_slumps_multiply_the_reference_price():
    slump = tiny_hazard(
        kind="price", rate=0.5, severity_mean=0.0, severity_sd=0.0, price_factor=0.6, materials=("NdPr",),
        duration_median_months=24.0,
    )  # fmt: skip
    case = case_of()
    calm = sample(case, 300, 2)
    slumped = sample(tiny_case(materials=case.materials, settings=case.settings, hazards=(slump,)), 300, 2)
    ratio = slumped.price / calm.price
    assert ratio[:, 0].min() < 0.61
    assert np.all(ratio[:, 0] < 1.0 + 1e-12)
    assert ratio[:, 1] == pytest.approx(np.ones((300, 6)))
    assert not slumped.cut.any()
