"""Effects of events worked out by hand, and against a loop over minutes of the month."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio.scenarios import sample
from portfolio.scenarios.effects import disruption
from portfolio.scenarios.hazards import Occurrences
from tests.builders import tiny_case, tiny_hazard

# axes of tiny_case: countries CHN AUS MYS EST, regions EU JP, stages mining separation, materials NdPr Dy
CHN, AUS = 0, 1
EU, JP = 0, 1
MINING, SEPARATION = 0, 1
NDPR, DY = 0, 1


def happen(*events):
    """Events as (effect, start month, months, severity) in one scenario."""
    effect, start, duration, severity = zip(*events, strict=True)
    return Occurrences(
        effect=np.array(effect),
        row=np.zeros(len(effect), dtype=np.int64),
        start=np.array(start, dtype=float),
        duration=np.array(duration, dtype=float),
        severity=np.array(severity, dtype=float),
    )


def apply(hazards, *events):
    case = tiny_case(hazards=tuple(hazards))
    return disruption(case, case.hazards, happen(*events), 1)


@pytest.mark.parametrize("start", [0.0, 3.0, 2.37, 7.999])
def test_a_four_month_cut_of_seventy_per_cent(start):
    got = apply([tiny_hazard()], (0, start, 4.0, 0.7))
    assert got.disrupted[0, NDPR, 0] == pytest.approx(1 / 3, abs=1e-14)
    assert got.available[0, CHN, JP, SEPARATION, NDPR, 0] == pytest.approx(0.3, abs=1e-13)
    assert np.all(got.disrupted[0, :, 1:] == 0.0)
    assert np.all(got.available[:, :, :, :, :, 1:] == 1.0)
    assert np.all(got.available[:, 1:] == 1.0)
    assert got.cut[0, :, :, 0].all()
    assert not got.cut[0, :, :, 1:].any()


def test_overlapping_events_multiply():
    hazards = [tiny_hazard(hazard="a"), tiny_hazard(hazard="b", regions=("JP",))]
    got = apply(hazards, (0, 0.0, 6.0, 0.5), (1, 3.0, 6.0, 0.4))
    # months 0-2 lose 0.5, 3-5 lose 1 - 0.5·0.6 = 0.7, 6-8 lose 0.4
    assert got.disrupted[0, NDPR, 0] == pytest.approx(9 / 12)
    lost = (3 * 0.5 + 3 * 0.7 + 3 * 0.4) / 12
    assert got.available[0, CHN, JP, SEPARATION, NDPR, 0] == pytest.approx(1 - lost / (9 / 12))
    assert got.available[0, CHN, EU, SEPARATION, NDPR, 0] == pytest.approx(1 - (6 * 0.5 / 12) / (9 / 12))


def test_two_events_of_one_hazard_multiply():
    got = apply([tiny_hazard()], (0, 0.0, 2.0, 0.5), (0, 1.0, 2.0, 0.5))
    lost = (0.5 + 0.75 + 0.5) / 12
    assert got.disrupted[0, NDPR, 0] == pytest.approx(3 / 12)
    assert got.available[0, CHN, JP, SEPARATION, NDPR, 0] == pytest.approx(1 - lost / (3 / 12))


def test_an_event_across_new_year_keeps_its_volume():
    got = apply([tiny_hazard()], (0, 10.25, 4.0, 0.7))
    phi = got.disrupted[0, NDPR]
    assert phi[:2] == pytest.approx([1.75 / 12, 2.25 / 12])
    lost = phi * (1.0 - got.available[0, CHN, JP, SEPARATION, NDPR])
    assert lost.sum() == pytest.approx(0.7 * 4 / 12)
    assert got.cut[0, JP, NDPR].tolist() == [True, True, False, False, False, False]


def test_an_event_ending_at_new_year_does_not_cut_the_next():
    got = apply([tiny_hazard()], (0, 10.0, 2.0, 0.7))
    assert got.cut[0, JP, NDPR].tolist() == [True] + [False] * 5


def test_events_run_over_the_end():
    got = apply([tiny_hazard()], (0, 70.0, 60.0, 1.0))
    assert got.disrupted[0, NDPR].tolist() == pytest.approx([0, 0, 0, 0, 0, 2 / 12])
    assert got.available[0, CHN, JP, SEPARATION, NDPR, -1] == 0.0


def test_targets():
    hazard = tiny_hazard(country="AUS", regions=("EU",), stages=("mining",), materials=("Dy",))
    got = apply([hazard], (0, 0.0, 12.0, 0.5))
    expected = np.ones_like(got.available)
    expected[0, AUS, EU, MINING, DY, 0] = 0.5
    assert got.available == pytest.approx(expected)
    assert got.disrupted[0, :, 0].tolist() == [0.0, 1.0]
    assert got.cut[0, :, :, 0].tolist() == [[False, True], [False, False]]
    assert np.all(got.running == 1.0)


def test_phi_is_common_to_regions():
    got = apply([tiny_hazard(regions=("JP",))], (0, 0.0, 6.0, 0.5))
    assert got.disrupted[0, NDPR, 0] == pytest.approx(0.5)
    assert got.available[0, CHN, EU, SEPARATION, NDPR, 0] == 1.0
    assert not got.cut[0, EU].any()


def test_outages_stop_plants_and_nothing_else():
    hazard = tiny_hazard(kind="outage", country="AUS", regions=("EU",), stages=("separation",))
    got = apply([hazard], (0, 6.0, 3.0, 0.8))
    expected = np.ones_like(got.running)
    expected[0, AUS, SEPARATION, :, 0] = 1 - 0.8 * 3 / 12
    assert got.running == pytest.approx(expected)
    assert np.all(got.available == 1.0)
    assert not got.cut.any()
    assert not got.disrupted.any()


def test_outages_multiply_whatever_regions_their_rows_name():
    hazards = [
        tiny_hazard(hazard="a", kind="outage", country="AUS", regions=("EU",)),
        tiny_hazard(hazard="b", kind="outage", country="AUS", regions=("JP",)),
    ]
    got = apply(hazards, (0, 0.0, 12.0, 0.5), (1, 0.0, 12.0, 0.2))
    assert got.running[0, AUS, MINING, NDPR, 0] == pytest.approx(0.4)


def test_an_event_too_short_to_count_cuts_nothing():
    got = apply([tiny_hazard()], (0, 5.5, 1e-20, 0.7))
    assert not got.cut.any()
    assert not got.disrupted.any()


def test_price_factors_of_overlapping_events():
    hazards = [
        tiny_hazard(hazard="a", kind="price", price_factor=0.6, materials=("NdPr",)),
        tiny_hazard(hazard="b", price_factor=2.0),
    ]
    got = apply(hazards, (0, 0.0, 6.0, 0.0), (1, 5.5, 1.0, 0.7))
    # months 0-4 at 0.6; month 5 at 0.6·2^0.5; month 6 at 2^0.5; five more at 1
    assert got.factor[0, NDPR, 0] == pytest.approx((5 * 0.6 + 0.6 * 2**0.5 + 2**0.5 + 5) / 12)
    assert got.factor[0, DY, 0] == pytest.approx((2 * 2**0.5 + 10) / 12)
    assert np.all(got.factor[:, :, 1:] == 1.0)


def test_an_export_event_without_severity_cuts_nothing():
    got = apply([tiny_hazard(price_factor=1.5)], (0, 0.0, 6.0, 0.0))
    assert not got.cut.any()
    assert not got.disrupted.any()
    assert np.all(got.available == 1.0)
    assert got.factor[0, NDPR, 0] == pytest.approx(1.25)


def test_nothing_happens():
    drivers = sample(tiny_case(hazards=()), 5, 1)
    assert np.all(drivers.available == 1.0)
    assert np.all(drivers.running == 1.0)
    assert not drivers.disrupted.any()
    assert not drivers.cut.any()
    assert drivers.price == pytest.approx(np.broadcast_to([[80.0], [300.0]], (5, 2, 6)))


def by_loop(hazards, events, country, region):
    """Disrupted and lost of NdPr at separation, month by month in plain loops."""
    phi, lost = np.zeros(6), np.zeros(6)
    for month in range(72):
        calm = kept = 1.0
        for effect, start, length, severity in events:
            share = max(0.0, min(start + length, month + 1) - max(start, month))
            hazard = hazards[effect]
            if severity > 0:
                calm *= 1 - share
            if hazard.country == country and region in hazard.regions:
                kept *= 1 - severity * share
        phi[month // 12] += (1 - calm) / 12
        lost[month // 12] += (1 - kept) / 12
    return phi, lost


EVENTS = st.lists(
    st.tuples(st.integers(0, 2), st.floats(0, 71.9), st.floats(0.01, 40), st.sampled_from([0.0, 0.3, 0.99, 1.0])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_any_events_agree_with_plain_loops(events):
    hazards = [
        tiny_hazard(hazard="a", regions=("EU", "JP")),
        tiny_hazard(hazard="b", regions=("JP",)),
        tiny_hazard(hazard="c", country="AUS", regions=("EU",)),
    ]
    got = apply(hazards, *events)
    for c, country in ((CHN, "CHN"), (AUS, "AUS")):
        for r, region in ((EU, "EU"), (JP, "JP")):
            phi, lost = by_loop(hazards, events, country, region)
            assert got.disrupted[0, NDPR] == pytest.approx(phi, abs=1e-12)
            available = got.available[0, c, r, SEPARATION, NDPR]
            assert phi * (1 - available) == pytest.approx(lost, abs=1e-12)
            assert np.all((available >= 0) & (available <= 1))


def test_lost_never_exceeds_disrupted_and_cuts_agree():
    hazards = (
        tiny_hazard(hazard="a", rate=1.5, tension_loading=0.5),
        tiny_hazard(hazard="b", rate=1.0, regions=("JP",), materials=("Dy",)),
        tiny_hazard(hazard="c", rate=1.0, country="MYS", stages=("mining",)),
    )
    drivers = sample(tiny_case(hazards=hazards), 500, 3)
    assert drivers.available.min() >= 0.0
    assert drivers.available.max() <= 1.0
    assert np.all((drivers.disrupted >= 0) & (drivers.disrupted <= 1))
    hit = (drivers.available < 1.0).any(axis=(1, 3))
    assert np.array_equal(hit, drivers.cut)
    assert np.array_equal(drivers.cut.any(axis=1), drivers.disrupted > 0)
