"""Opinions about hazard rates: quantiles of the posterior, and that nothing but the rates changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from portfolio.case.records import Case
from portfolio.scenarios.hazards import event_counts, event_rates, sorted_hazards
from portfolio.scenarios.opinions import Opinion, believing, hazards_of, posterior_rate
from portfolio.scenarios.sampling import sample
from portfolio.scenarios.sources import KeyedSource
from tests.builders import tiny_case, tiny_hazard


@pytest.fixture
def case() -> Case:
    base = tiny_case(
        hazards=(
            tiny_hazard(rate=0.5),
            tiny_hazard(hazard="CHN_slump", kind="price", rate=0.3, severity_mean=0.0, severity_sd=0.0),
            tiny_hazard(hazard="strike", country="AUS", kind="outage", rate=0.4),
        )
    )
    sampling = replace(base.settings.sampling, uncertain_rates=True)
    return replace(base, settings=replace(base.settings, sampling=sampling))


@pytest.mark.parametrize("quantile", [0.025, 0.5, 0.975])
def test_quantile_of_the_posterior(quantile: float) -> None:
    """By chi-squared: 2 r T with T = (events + 1/2)/rate years has 2 events + 1 degrees of freedom."""
    years = 2.5 / 0.125
    expected = stats.chi2.ppf(quantile, 5) / (2 * years)
    assert posterior_rate(tiny_hazard(rate=0.125, rate_events=2.0), quantile) == pytest.approx(expected, rel=1e-12)


def test_rates_drawn_are_quantiles_at_the_draws(case: Case) -> None:
    """What is drawn from the posterior is the quantile at a uniform draw: the opinion of every scenario."""
    hazards, source = sorted_hazards(case), KeyedSource(7, np.arange(20))
    u = source.draws("hazard", tuple(h.hazard for h in hazards), "rate", 1)[:, :, 0]
    expected = [[posterior_rate(h, q) for q in row] for h, row in zip(hazards, u, strict=True)]
    assert event_rates(case, hazards, source) == pytest.approx(np.array(expected), rel=1e-12)


@pytest.mark.parametrize("uncertain", [True, False])
def test_only_the_rates_believed_change(case: Case, uncertain: bool) -> None:
    sampling = replace(case.settings.sampling, uncertain_rates=uncertain)
    base = replace(case, settings=replace(case.settings, sampling=sampling))
    sure = believing(base, {"embargo": 0.9})
    source = KeyedSource(7, np.arange(50))
    before, after = (event_rates(c, sorted_hazards(c), source) for c in (base, sure))
    at = [h.hazard for h in sorted_hazards(base)].index("embargo")
    believed = posterior_rate(tiny_hazard(rate=0.5), 0.9)
    assert after[at] == pytest.approx(np.full(50, believed), rel=1e-15)
    others = np.arange(3) != at
    assert np.array_equal(before[others], after[others])
    assert not np.allclose(before[at], after[at])


def test_a_higher_rate_adds_events_and_takes_none_away(case: Case) -> None:
    source = KeyedSource(3, np.arange(400))
    low, high = (believing(case, {"embargo": q}) for q in (0.2, 0.8))
    few, many = (event_counts(c, sorted_hazards(c), source) for c in (low, high))
    assert (many >= few).all()
    assert many.sum() > few.sum()


def test_a_rate_that_is_certain_has_no_posterior_left() -> None:
    assert posterior_rate(tiny_hazard(rate=0.3, rate_events=float("inf")), 0.99) == 0.3


def test_all_other_drivers_stay(case: Case) -> None:
    one, other = (sample(believing(case, {"embargo": q}), 30, 5) for q in (0.05, 0.95))
    assert not np.array_equal(one.disrupted, other.disrupted)
    for name in ("demand", "delay_y", "success_u", "rival_y", "unaided_u"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_groups(case: Case) -> None:
    assert hazards_of(case, "export") == ("embargo",)
    assert hazards_of(case, "price") == ("CHN_slump",)
    assert hazards_of(case, "CHN_*") == ("CHN_slump",)
    assert hazards_of(case, "*") == ("CHN_slump", "embargo", "strike")
    with pytest.raises(ValueError, match=r"no hazard is of the group 'flood'.*CHN_slump, embargo, strike"):
        hazards_of(case, "flood")


def test_names_and_refusals(case: Case) -> None:
    assert Opinion.at("export", ("embargo",), 0.05).name == "export at 5 %"
    assert Opinion.of_case(case).name == "posterior"
    assert Opinion.of_case(case).of(case) is case
    with pytest.raises(ValueError, match="no such hazards: flood"):
        believing(case, {"flood": 0.5})
    with pytest.raises(ValueError, match="between 0 and 1"):
        believing(case, {"embargo": 1.0})
