"""Charges: formulas by hand, order of instruments and conventions, no free lunch."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio.case.records import Case
from portfolio.case.settings import Finance
from portfolio.case.tables import Demand, Eligibility, Structure
from portfolio.finance import Commitment, commitments, simulate, size
from portfolio.scenarios.drivers import Drivers
from tests.portfolio.finance.cases import OPEN, calm, instrument, material, project, random_drivers, small_case

KINDS = ("loan", "equity", "grant", "guarantee", "cfd", "offtake")


def by_kind(case: Case, structure: Structure, drivers: Drivers, window: int = 2027) -> dict[str, Commitment]:
    mine = case.projects[0]
    expected = np.array([[m.price_longrun] * len(case.years) for m in case.materials])
    financing = size(case, mine, structure, expected)
    path = simulate(case, mine, structure, financing, window, drivers)
    rows = zip(case.instruments, case.eligibility, strict=True)
    return {i.kind: commitments(case, mine, structure, financing, window, path, i, e) for i, e in rows}


def pv(rate: float, years: int) -> float:
    return sum(1.0 / (1.0 + rate) ** n for n in range(1, years + 1))


SLUMP = np.array([[[80.0] * 10], [[80.0] * 3 + [50.0] * 3 + [80.0] * 4]])
FLOOR = Structure(structure="f", tranche=0.5, debt="patient", index="cpi", term_y=5.0, upside_share=0.5)


def priced_case(**values: float) -> Case:
    """Strike 75; one of two scenarios has three years at 50 USD/kg."""
    return small_case(
        finance=Finance(contingency=0.0, low_quantile=0.0, admin_rate=0.0, **values),
        projects=(project(strike_usd_kg=75.0, first_production=2028),),
    )


def test_cfd_by_hand() -> None:
    """P_low is 50 in 2030 to 2032: E_max = 25 M a year of the term 2028 to 2032, discounted; payouts half of it."""
    case = priced_case()
    found = by_kind(case, FLOOR, calm(case, 2, price=SLUMP))["cfd"]
    potential = 25.0 * sum(1.02**-n for n in (3, 4, 5))
    assert found.exposure_usd_m == pytest.approx(potential, abs=1e-9)
    # Half of E_max is also the provision; the undiscounted mean is 37.5.
    assert found.charge_usd_m[:3] == pytest.approx([37.5, potential / 2, potential / 2], abs=1e-9)
    neutral = [0.0, 0.0]
    for n in range(1, 6):
        for k in range(2):
            price = SLUMP[k, 0, n] / 1.03**n
            neutral[k] += max(75.0 - price, 0.0) / 1.02**n
    assert found.charge_usd_m[3] == pytest.approx(np.mean(neutral), abs=1e-9)
    assert found.payout95_usd_m == pytest.approx(np.quantile([0.0, 25.0], 0.95))
    assert found.tail_usd_m == pytest.approx(potential, abs=1e-9)
    # Upside of 0.5 (80 - 75) in the other years lowers the expected cost, never the charge.
    upside = 0.5 * 5.0 * (sum(1.02**-n for n in range(1, 6)) + sum(1.02**-n for n in (1, 2))) / 2
    assert found.cost_usd_m == pytest.approx(potential / 2 - upside, abs=1e-9)


def test_offtake_by_hand() -> None:
    """The CfD, 120 days of 75 USD/kg x 1,000 t, 12.8 % haircut on P_low, 1.5 % handling of the strike."""
    case = priced_case()
    found = by_kind(case, FLOOR, calm(case, 2, price=SLUMP))
    low = [80.0, 80.0, 50.0, 50.0, 50.0]
    placing = sum((0.128 * p + 0.015 * 75.0) / 1.02 ** (n + 1) for n, p in enumerate(low))
    capital = 75.0 * 120 / 365
    extra = found["offtake"].charge_usd_m - found["cfd"].charge_usd_m
    carry = [capital, capital, capital * (1 - 1.02**-6), capital * (1 - 1.06**-6)]
    assert extra == pytest.approx([c + placing for c in carry], abs=1e-9)
    assert found["offtake"].exposure_usd_m == pytest.approx(found["cfd"].exposure_usd_m + capital)


def test_loan_equity_and_grant_by_hand() -> None:
    """A safe loan of 120 M at 3 % is charged in full, at the floor, at nothing (risk-free), at the risk premium."""
    case = replace(
        priced_case(),
        instruments=tuple(instrument(k, rate=0.03, tenor_y=3.0) for k in KINDS),
    )
    found = by_kind(case, OPEN, calm(case, 2))
    level = 1.015 / pv(0.03, 3)
    drawn, back = 1.0, [level * 1.02**-n for n in (1, 2, 3)]
    assert drawn - sum(back) < 0.0
    fair = drawn - sum(level * 1.06**-n for n in (1, 2, 3))
    assert found["loan"].charge_usd_m == pytest.approx([120.0, 90.0, 0.0, 120 * max(fair, 0.0)], abs=1e-3)
    assert found["loan"].charge_usd_m[3] > 0.0
    for kind in ("equity", "grant"):
        assert found[kind].charge_usd_m == pytest.approx([120.0] * 4)
    assert found["grant"].cost_usd_m == pytest.approx(120.0)


def test_overrun_calls_are_charged_at_expectation() -> None:
    """A call of 15 M in one of two scenarios adds 7.5 M over the public money, per unit of uses."""
    case = priced_case()
    drivers = replace(calm(case, 2), overrun=np.array([[0.0], [0.085 + 0.15]]))
    calls = 0.5 * (0.5 * 8.5 + 15.0)
    with_calls = by_kind(case, OPEN, drivers)["grant"].charge_usd_m
    # Uses 120, sponsor 30, so a unit share of uses is 120 / 90 of the public money.
    assert with_calls - 120.0 == pytest.approx([calls * 120 / 90] * 4)


def test_guarantee_by_hand() -> None:
    """Provision on the amount covered and half a year's interest; fees do not lower it."""
    case = small_case(
        finance=Finance(admin_rate=0.0),
        projects=(project(capex_usd_m=300.0, sponsor_equity=0.1, first_production=2028),),
        instruments=tuple(instrument(k, fee_rate=0.01) for k in KINDS),
    )
    structure = Structure(structure="g", tranche=0.0, debt="guaranteed")
    financing = size(case, case.projects[0], structure, np.full((1, 10), 80.0))
    found = by_kind(case, structure, calm(case, 2))["guarantee"]
    covered = 0.9 * financing.uses_usd_m
    exposure = covered * (1 + financing.rate / 2)
    assert found.exposure_usd_m == pytest.approx(exposure)
    assert found.charge_usd_m[:3] == pytest.approx([0.5 * exposure] * 3)
    assert found.cost_usd_m == 0.0


def test_lost_projects_stay_charged() -> None:
    """A rival that wins in half the scenarios changes no charge; it halves the expected cost."""
    case = priced_case()
    price = np.concatenate([SLUMP, SLUMP])
    free = calm(case, 4, price=price)
    lost = replace(free, rival_y=np.array([[np.inf], [np.inf], [-1.0], [-1.0]]))
    for kind, a in by_kind(case, FLOOR, free).items():
        b = by_kind(case, FLOOR, lost)[kind]
        assert a.charge_usd_m == pytest.approx(b.charge_usd_m), kind
        if kind == "cfd":
            assert b.cost_usd_m == pytest.approx(a.cost_usd_m / 2)


def test_all_lost_leaves_the_provision() -> None:
    """With no scenario left the charge is the provision on the maximum exposure."""
    case = priced_case()
    drivers = replace(calm(case, 2, price=SLUMP), rival_y=np.full((2, 1), -1.0))
    found = by_kind(case, FLOOR, drivers)
    assert found["cfd"].charge_usd_m == pytest.approx([0.5 * found["cfd"].exposure_usd_m] * 4)
    assert all(np.isfinite(c.charge_usd_m).all() for c in found.values())


@cache
def sample(seed: int, windows: int) -> tuple[Case, Drivers]:
    case = small_case(
        years=(2027, 2040),
        materials=(material(price=82.0),),
        windows=(2027 + windows,),
        projects=(project(p_by_2040=0.6, ramp_y=1.5, capex_usd_m=180.0, construction_y=2.0),),
    )
    return case, random_drivers(case, 60, seed)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 5),
    window=st.integers(0, 3),
    tranche=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    debt=st.sampled_from(["patient", "commercial", "guaranteed"]),
    factor=st.floats(0.4, 2.0),
    threshold=st.floats(1.0, 2.0),
    upside=st.floats(0.0, 1.0),
    cap=st.one_of(st.none(), st.floats(0.0, 50.0)),
    index=st.sampled_from(["none", "cpi"]),
    rho=st.floats(0.0, 1.0),
    demand=st.floats(0.0, 5000.0),
    rate=st.floats(0.0, 0.2),
)
def test_no_free_lunch(
    seed: int,
    window: int,
    tranche: float,
    debt: str,
    factor: float,
    threshold: float,
    upside: float,
    cap: float | None,
    index: str,
    rho: float,
    demand: float,
    rate: float,
) -> None:
    """No negative charge; the provision is a floor; offtake >= CfD; fair value >= subsidy."""
    case, drivers = sample(seed, window)
    case = replace(
        case,
        demand=(Demand(region="EU", stage="separation", material="NdPr", year=2027, low=0.0, base=demand, high=9e3),),
        eligibility=tuple(
            Eligibility(member="EUF", instrument=k, convention="cash", provision_rate=rho) for k in KINDS
        ),
        instruments=tuple(instrument(k, rate=rate, fee_rate=rate) for k in KINDS),
    )
    structure = Structure(
        structure="s",
        tranche=tranche,
        debt=debt,
        strike_factor=factor,
        upside_threshold=threshold,
        upside_share=upside,
        upside_cap_usd_m=cap,
        index=index,
    )
    found = by_kind(case, structure, drivers, 2027 + window)
    for kind, c in found.items():
        assert (c.charge_usd_m >= 0.0).all(), kind
        assert c.cost_usd_m >= 0.0
        assert c.charge_usd_m[3] >= c.charge_usd_m[2] - 1e-9, kind
        if kind in ("cfd", "offtake", "guarantee"):
            assert (c.charge_usd_m >= rho * c.exposure_usd_m - 1e-9).all(), kind
    cfd, offtake = found["cfd"], found["offtake"]
    assert (offtake.charge_usd_m >= cfd.charge_usd_m - 1e-9).all()
    assert offtake.cost_usd_m >= cfd.cost_usd_m - 1e-9
    assert offtake.exposure_usd_m >= cfd.exposure_usd_m - 1e-9
    assert offtake.payout95_usd_m >= cfd.payout95_usd_m - 1e-9
