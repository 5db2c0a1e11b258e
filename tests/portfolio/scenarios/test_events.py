"""A named event against arrays built by hand."""

import numpy as np
import pytest

from portfolio.case.tables import Event
from portfolio.scenarios import event_drivers, expected_price
from tests.builders import tiny_case, tiny_hazard, tiny_material, tiny_project

STOP = Event(
    event="stop", effect="cut", country="CHN", kind="export", regions=("JP",), duration_months=4.0,
    severity=0.7, price_factor=1.5,
)  # fmt: skip
OUTAGE = Event(
    event="storm", effect="mine", country="AUS", kind="outage", stages=("mining",), materials=("Dy",),
    start_month=18.0, duration_months=6.0, severity=0.5,
)  # fmt: skip


def case_of(**tables):
    return tiny_case(
        events=(STOP, OUTAGE),
        hazards=(tiny_hazard(rate=50.0),),
        materials=(
            tiny_material(price_now=60.0, volatility=0.9, crisis_premium=3.0, crisis_volume=0.1),
            tiny_material(material="Dy", price_now=300.0, price_longrun=300.0),
        ),
        **tables,
    )


def test_the_event_and_nothing_else():
    got = event_drivers(case_of(), ["stop"], 2029)
    assert got.size == 1
    assert got.probability.tolist() == [1.0]
    available = np.ones((1, 4, 2, 2, 2, 6))
    available[0, 0, 1, :, :, 2] = 0.3
    assert got.available == pytest.approx(available)
    disrupted = np.zeros((1, 2, 6))
    disrupted[:, :, 2] = 1 / 3
    assert got.disrupted == pytest.approx(disrupted)
    cut = np.zeros((1, 2, 2, 6), dtype=bool)
    cut[0, 1, :, 2] = True
    assert np.array_equal(got.cut, cut)
    assert np.all(got.running == 1.0)


def test_prices_and_demand_are_the_forecast_times_the_factor():
    case = case_of()
    got = event_drivers(case, ["stop"], 2029)
    factor = np.ones(6)
    factor[2] = (4 * 1.5 + 8) / 12
    assert got.price[0] == pytest.approx(expected_price(case) * factor)
    assert got.realised[0, 0, 2] == pytest.approx(got.price[0, 0, 2] * (1 + 0.1 * 2 / 3))
    assert got.demand[0, 1, 1, 0].tolist() == [2000.0] * 6
    assert got.demand.sum() == pytest.approx(6 * 3150.0)


def test_events_together_and_effects_that_start_later():
    both = event_drivers(case_of(), ["storm", "stop"], 2028)
    running = np.ones((1, 4, 2, 2, 6))
    running[0, 1, 0, 1, 2] = 0.75
    assert both.running == pytest.approx(running)
    assert both.available[0, 0, 1, 0, 0, 1] == pytest.approx(0.3)
    other = event_drivers(case_of(), ["stop", "storm"], 2028)
    assert np.array_equal(both.running, other.running)


def test_project_luck():
    projects = (
        tiny_project(
            delay_mean_y=1.5, delay_sd_y=1.0, overrun_mean=0.2, overrun_sd=0.3, rival_rate=0.1, rival_allied=0.4
        ),
        tiny_project(project="sure", rival_allied=1.0),
    )
    got = event_drivers(case_of(projects=projects), [], 2027)
    assert got.delay_y.tolist() == [[1.5, 0.0]]
    assert got.overrun.tolist() == [[0.2, 0.0]]
    for values in (got.success_u, got.unaided_u, got.restart_u):
        assert values.tolist() == [[0.5, 0.5]]
    assert got.rival_y.tolist() == [[pytest.approx(np.log(2) / 0.1), np.inf]]
    assert got.takeover_y.tolist() == [[pytest.approx(np.log(2) / (0.02 * 0.6)), np.inf]]
    assert got.rival_allied.tolist() == [[False, True]]


def test_no_event_is_the_calm_world():
    got = event_drivers(case_of(), [], 2027)
    assert np.all(got.available == 1.0)
    assert not got.disrupted.any()
    assert got.price[0] == pytest.approx(expected_price(case_of()))


def test_unknown_names_and_years():
    with pytest.raises(ValueError, match="did you mean 'storm'"):
        event_drivers(case_of(), ["strom"], 2027)
    with pytest.raises(ValueError, match="the case has stop, storm"):
        event_drivers(case_of(), ["zzz"], 2027)
    with pytest.raises(ValueError, match="outside the horizon 2027–2032"):
        event_drivers(case_of(), ["stop"], 2033)
