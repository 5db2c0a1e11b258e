"""Arrivals, severities and durations against the moments of their distributions."""

import numpy as np
import pytest
from scipy import stats

from portfolio.case.settings import Horizon, Sampling
from portfolio.scenarios.hazards import (
    beta_parameters,
    event_counts,
    event_rates,
    occurrences,
    sorted_hazards,
    tension_path,
)
from portfolio.scenarios.sources import KeyedSource
from tests.builders import tiny_case, tiny_hazard, tiny_settings

COUNT = 20_000


def case_of(*hazards, uncertain=False, persistence=0.6):
    sampling = Sampling(uncertain_rates=uncertain, tension_persistence=persistence)
    return tiny_case(hazards=hazards, settings=tiny_settings(sampling=sampling))


def source(count=COUNT):
    return KeyedSource(11, np.arange(count))


def test_tension_is_a_stationary_standard_ar1():
    path = tension_path(case_of(tiny_hazard(), persistence=0.7), source())
    error = 4.5 / np.sqrt(COUNT)
    for t in range(path.shape[1]):
        assert abs(path[:, t].mean()) < error
        assert abs(path[:, t].var() - 1.0) < error * np.sqrt(2.0)
    for lag in (1, 2, 4):
        assert abs(np.corrcoef(path[:, 0], path[:, lag])[0, 1] - 0.7**lag) < error


def test_counts_are_poisson():
    case = case_of(tiny_hazard(rate=0.8))
    counts = event_counts(case, case.hazards, source())[0]
    seen = np.bincount(counts.ravel(), minlength=8)[:5] / counts.size
    expected = stats.poisson.pmf(np.arange(5), 0.8)
    assert np.all(np.abs(seen - expected) < 4.5 * np.sqrt(expected * (1 - expected) / counts.size))
    assert abs(counts.mean() - 0.8) < 4.5 * np.sqrt(0.8 / counts.size)
    assert abs(counts.var() - 0.8) < 4.5 * 0.8 * np.sqrt((2 + 1 / 0.8) / counts.size)
    assert abs(np.corrcoef(counts[:, 0], counts[:, 3])[0, 1]) < 4.5 / np.sqrt(COUNT)


def test_no_rate_no_events():
    case = case_of(tiny_hazard(rate=0.0), uncertain=True)
    assert occurrences(case, case.hazards, source(500)).effect.size == 0
    empty = occurrences(case_of(), (), source(5))
    assert empty.effect.size == empty.severity.size == 0


def test_tension_keeps_the_mean_rate_and_couples_hazards():
    case = case_of(
        tiny_hazard(hazard="a", rate=0.5, tension_loading=0.8),
        tiny_hazard(hazard="b", rate=0.5, tension_loading=0.8),
    )
    a, b = event_counts(case, case.hazards, source())
    # given g, counts are Poisson of rate 0.5·exp(0.8 g - 0.32): variance 0.5 + 0.25 (e^0.64 - 1)
    shared = 0.25 * (np.exp(0.64) - 1.0)
    assert abs(a.mean() - 0.5) < 4.5 * np.sqrt((0.5 + 6 * shared) / a.size)
    correlation = np.corrcoef(a[:, 2], b[:, 2])[0, 1]
    assert correlation == pytest.approx(shared / (0.5 + shared), abs=0.04)
    assert abs(a[:, 2].var() - (0.5 + shared)) < 0.05


def test_uncertain_rates_are_gamma():
    case = case_of(tiny_hazard(rate=0.125, rate_events=2.0), uncertain=True)
    rate = event_rates(case, case.hazards, source())[0]
    shape = 2.5
    assert abs(rate.mean() - 0.125) < 4.5 * 0.125 / np.sqrt(shape * COUNT)
    assert rate.var() == pytest.approx(0.125**2 / shape, rel=0.06)
    # two events in 16 years: the posterior's 95 % interval, 0.03 to 0.32
    assert stats.kstest(rate, stats.gamma(shape, scale=0.125 / shape).cdf).pvalue > 1e-3
    sure = event_rates(case_of(tiny_hazard(rate=0.125)), case.hazards, source())
    assert np.all(sure == 0.125)


def test_rate_is_one_draw_for_all_years_of_a_scenario():
    case = case_of(tiny_hazard(rate=2.0, rate_events=0.5), uncertain=True)
    counts = event_counts(case, case.hazards, source())[0]
    # Gamma of shape 1 mixes the Poisson: covariance of two years is the variance of the rate
    assert np.cov(counts[:, 0], counts[:, 4])[0, 1] == pytest.approx(4.0, rel=0.1)


def test_events_start_within_their_year_and_have_the_right_spread():
    case = case_of(tiny_hazard(rate=1.0, severity_mean=0.6, severity_sd=0.2, duration_sigma=0.9))
    events = occurrences(case, case.hazards, source(5000))
    counts = event_counts(case, case.hazards, source(5000))[0]
    years = (events.start // 12).astype(int)
    again = np.zeros_like(counts)
    np.add.at(again, (events.row, years), 1)
    assert np.array_equal(again, counts)
    assert stats.kstest(events.start / 12 - years, "uniform").pvalue > 1e-3
    assert stats.kstest(np.log(events.duration / 4.0) / 0.9, "norm").pvalue > 1e-3
    assert abs(events.severity.mean() - 0.6) < 4.5 * 0.2 / np.sqrt(events.severity.size)
    assert events.severity.std() == pytest.approx(0.2, rel=0.03)
    assert events.severity.min() >= 0.0
    assert events.severity.max() <= 1.0


def test_events_of_a_year_have_draws_of_their_own():
    case = case_of(tiny_hazard(rate=5.0))
    events = occurrences(case, case.hazards, source(300))
    for values in (events.start, events.duration, events.severity):
        assert np.unique(values).size == values.size


def test_fixed_severity_and_duration():
    case = case_of(tiny_hazard(rate=1.0, severity_sd=0.0, duration_sigma=0.0))
    events = occurrences(case, case.hazards, source(100))
    assert set(events.severity) == {0.7}
    assert set(events.duration) == {4.0}


def test_beta_parameters():
    a, b = beta_parameters(tiny_hazard(severity_mean=0.7, severity_sd=0.2))
    assert stats.beta(a, b).mean() == pytest.approx(0.7)
    assert stats.beta(a, b).std() == pytest.approx(0.2)
    with pytest.raises(ValueError, match=r"embargo.*stay below 0\.458"):
        beta_parameters(tiny_hazard(severity_mean=0.7, severity_sd=0.5))


def test_longer_horizon_keeps_earlier_events():
    long = tiny_settings(horizon=Horizon(first_year=2027, last_year=2040, windows=(2027,)))
    short, more = tiny_case(), tiny_case(settings=long)
    early = occurrences(short, short.hazards, source(400))
    late = occurrences(more, more.hazards, source(400))
    kept = late.start < 72
    assert np.array_equal(early.start, late.start[kept])
    assert np.array_equal(early.severity, late.severity[kept])


def test_hazards_are_taken_by_name():
    case = tiny_case(hazards=(tiny_hazard(hazard="b"), tiny_hazard(hazard="a")))
    assert [h.hazard for h in sorted_hazards(case)] == ["a", "b"]
