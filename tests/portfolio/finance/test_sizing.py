"""Sizing against hand calculations: uses, sources, strikes, obstacles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portfolio.case.settings import Finance
from portfolio.case.tables import Country, Structure
from portfolio.finance import size
from tests.portfolio.finance.cases import OPEN, instrument, material, output, project, small_case

DEBTS = ("patient", "commercial", "guaranteed")


def pv(rate: float, years: int) -> float:
    """Present value of 1 a year at the end of each of so many years: a plain sum."""
    return sum(1.0 / (1.0 + rate) ** n for n in range(1, years + 1))


def nolans_like(**finance: float):
    """4,440 t/y of NdPr without payables, royalty and tax: capex 1,220 M, opex 43.95 USD/kg, base price 85."""
    terms = Finance(royalty=0.0, **finance)
    return small_case(
        finance=terms,
        years=(2027, 2045),
        materials=(material(price=85.0),),
        projects=(
            project(capex_usd_m=1220.0, opex_usd_m_y=4440 * 43.95 / 1000, construction_y=3.0, first_production=2029),
        ),
        project_outputs=(output(capacity_tpy=4440.0),),
    )


def test_hand_calculation_of_a_nolans_like_project() -> None:
    """Merchant debt is small, contracted debt large: 81 and 899 M without payables, royalty and tax.

    At 0.65 x 85 = 55.25 USD/kg the year leaves 4.44 (55.25 - 43.95) = 50.172 M before and 25.772 M after 24.4 M of
    sustaining capital; at 85 it leaves 182.262 and 157.862 M.
    """
    price = np.full((1, 19), 85.0)
    case = nolans_like()
    merchant = Structure(structure="m", tranche=0.0, debt="commercial")
    found = size(case, case.projects[0], merchant, price)
    assert found.private_debt_usd_m == pytest.approx((50.172 - 24.4) / 1.8 * pv(0.085, 8), abs=1e-6)
    assert found.private_debt_usd_m == pytest.approx(80.7397, abs=1e-3)
    # Whole output at a strike of 85, tenor 12 - 1 years, no gearing limit: large.
    case = nolans_like(max_gearing=1.0, sponsor_equity_dfs=0.0)
    whole = Structure(structure="c", tranche=1.0, debt="commercial", index="cpi")
    agreed = replace(case.projects[0], strike_usd_kg=85.0)
    found = size(case, agreed, whole, price)
    assert found.strike[0] == pytest.approx(85.0)
    assert found.private_debt_usd_m == pytest.approx((182.262 - 24.4) / 1.35 * pv(0.065, 11), abs=1e-6)
    assert found.private_debt_usd_m == pytest.approx(899.1168, abs=1e-3)


def test_uses_by_hand() -> None:
    """Every part of uses of a commercial structure, written out."""
    case = small_case()
    mine = replace(case.projects[0], capex_usd_m=200.0, overrun_mean=0.1, construction_y=2.0)
    structure = Structure(structure="m", tranche=0.0, debt="commercial")
    found = size(case, mine, structure, np.full((1, 10), 100.0))
    # CFADS at 65 USD/kg: 65 x 0.97 - 40 - 4 = 19.05 M.
    debt = 19.05 / 1.8 * pv(0.085, 8)
    uses = 200 * 1.1 * 1.12 + 0.5 * 0.085 * 2 * debt + 0.025 * debt + 0.5 * 19.05 / 1.8 + 0.5 * 40.0
    assert found.private_debt_usd_m == pytest.approx(debt, abs=1e-9)
    assert found.uses_usd_m == pytest.approx(uses, abs=1e-9)
    assert found.sponsor_usd_m == pytest.approx(0.25 * uses)
    expected = (100 * 0.97 - 44.0) / 1.15 * pv(0.035, 15)
    assert found.debt_limit_usd_m == pytest.approx(min(0.7 * uses, expected))


def test_terms_between_merchant_and_contracted_and_country_premium() -> None:
    """Half the contracted tranche gives half-way terms; the premium is added to the private rate."""
    case = small_case(countries=(Country(country="AUS", tax_rate=0.0, premium=0.02),))
    structure = Structure(structure="h", tranche=0.3, debt="commercial", index="cpi")
    mine = replace(case.projects[0], capex_usd_m=300.0, strike_usd_kg=90.0, opex_usd_m_y=50.0)
    found = size(case, mine, structure, np.full((1, 10), 80.0))
    assert found.rate == pytest.approx(0.095)
    assert found.tenor_y == pytest.approx(10.0)
    cfads = (0.3 * 90 + 0.7 * 0.65 * 80) * 0.97 - 50 - 6
    assert found.private_debt_usd_m == pytest.approx(cfads / 1.575 * pv(0.095, 10), abs=1e-9)


def test_tax_lowers_cash_for_debt() -> None:
    """CFADS is after tax on what depreciation leaves."""
    case = small_case(countries=(Country(country="AUS", tax_rate=0.3),))
    mine = replace(case.projects[0], capex_usd_m=300.0, opex_usd_m_y=20.0)
    found = size(case, mine, Structure(structure="m", tranche=0.0, debt="commercial"), np.full((1, 10), 100.0))
    before = 65 * 0.97 - 20 - 6
    after = before - 0.3 * (before - 300 / 15)
    assert found.private_debt_usd_m == pytest.approx(after / 1.8 * pv(0.085, 8), abs=1e-9)


def test_strike_earns_full_cost() -> None:
    """Strikes of two materials are in proportion to price and earn kappa times full cost with by-products."""
    case = small_case(
        materials=(material(), material("Dy", 300.0, ex_china_premium=0.5)),
        project_outputs=(output(payable=0.9), output(material="Dy", capacity_tpy=50.0, payable=0.8, fee_usd_kg=2.0)),
    )
    structure = Structure(structure="p", tranche=0.6, debt="patient", strike_factor=1.05)
    mine = replace(case.projects[0], byproduct_usd_m_y=3.0, third_grant_usd_m=10.0, capex_usd_m=250.0)
    found = size(case, mine, structure, np.repeat([[80.0], [300.0]], 10, axis=1))
    full = 40 + 5 + (found.uses_usd_m - 10.0) / pv(0.10, 20)
    earned = (1000 * 0.9 * found.strike[0] + 50 * 0.8 * found.strike[1]) / 1000
    assert earned == pytest.approx(1.05 * (full - 3.0 - 0.1))
    assert found.strike[1] / found.strike[0] == pytest.approx(300 * 1.5 / 80)


def test_a_factor_on_strikes_is_that_of_an_agreed_strike() -> None:
    """0.9 times an agreed 85 is sized like 76.5 agreed; by formula without debt the strike alone is multiplied."""
    case, price = nolans_like(), np.full((1, 19), 85.0)
    structure = Structure(structure="c", tranche=1.0, debt="commercial", index="cpi")
    agreed = replace(case.projects[0], strike_usd_kg=85.0)
    factor = size(case, replace(agreed, strike_factor=0.9), structure, price)
    direct = size(case, replace(agreed, strike_usd_kg=76.5), structure, price)
    assert factor.strike[0] == pytest.approx(76.5)
    assert factor.private_debt_usd_m == pytest.approx(direct.private_debt_usd_m)
    assert factor.private_debt_usd_m < size(case, agreed, structure, price).private_debt_usd_m
    patient = replace(structure, debt="patient")
    usual = size(case, case.projects[0], patient, price)
    lower = size(case, replace(case.projects[0], strike_factor=0.9), patient, price)
    assert lower.strike[0] == pytest.approx(0.9 * usual.strike[0])
    assert lower.uses_usd_m == pytest.approx(usual.uses_usd_m)


def test_guarantee_covers_what_lenders_would_not_lend() -> None:
    """The uncovered part of all private debt is what the lenders take without guarantee."""
    case = small_case()
    mine = replace(case.projects[0], capex_usd_m=500.0, sponsor_equity=0.1)
    price = np.full((1, 10), 90.0)
    own = size(case, mine, Structure(structure="m", tranche=0.0, debt="commercial"), price)
    found = size(case, mine, Structure(structure="g", tranche=0.0, debt="guaranteed"), price)
    assert own.private_debt_usd_m < found.private_debt_usd_m
    uncovered = found.private_debt_usd_m - 0.9 * found.guaranteed_debt_usd_m
    assert uncovered == pytest.approx(own.private_debt_usd_m, abs=1e-6)
    assert found.guaranteed_debt_usd_m <= found.private_debt_usd_m


@pytest.mark.parametrize("debt", DEBTS)
@pytest.mark.parametrize("tranche", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("price", [45.0, 80.0, 200.0])
@pytest.mark.parametrize("third", [(0.0, 0.0, 0.0), (5.0, 30.0, 10.0)])
def test_sources_equal_uses(debt: str, tranche: float, price: float, third: tuple[float, float, float]) -> None:
    """Conservation, and private debt within the limit."""
    case = small_case()
    mine = replace(
        case.projects[0],
        capex_usd_m=300.0,
        third_equity_usd_m=third[0],
        third_loan_usd_m=third[1],
        third_grant_usd_m=third[2],
    )
    found = size(case, mine, Structure(structure="s", tranche=tranche, debt=debt), np.full((1, 10), price))
    sources = found.sponsor_usd_m + sum(third) + found.private_debt_usd_m + found.gap_usd_m
    assert sources == pytest.approx(found.uses_usd_m, abs=1e-6)
    assert found.gap_usd_m >= 0.0
    assert found.private_debt_usd_m <= max(0.0, found.debt_limit_usd_m - third[1]) + 1e-9
    assert found.guaranteed_debt_usd_m <= found.private_debt_usd_m + 1e-9
    if debt == "patient":
        assert found.private_debt_usd_m == 0.0


def test_more_protection_carries_more_debt() -> None:
    """Private debt rises with the tranche."""
    case = nolans_like()
    price = np.full((1, 19), 82.0)
    debts = [
        size(case, case.projects[0], Structure(structure="s", tranche=c, debt="commercial"), price).private_debt_usd_m
        for c in (0.0, 0.2, 0.4, 0.6)
    ]
    assert debts == sorted(debts)
    assert debts[-1] > 3 * debts[0] + 100


@pytest.mark.parametrize(
    ("changes", "structure", "price", "words"),
    [
        ({"capex_usd_m": 900.0}, Structure(structure="s", tranche=0.6, debt="patient"), 50.0, "ceiling"),
        ({"third_grant_usd_m": 500.0}, OPEN, 80.0, "exceeds uses"),
        ({"third_loan_usd_m": 100.0, "opex_usd_m_y": 75.0}, OPEN, 80.0, "can serve"),
        ({}, Structure(structure="s", tranche=0.0, debt="commercial"), 50.0, "no private lender"),
        ({"sponsor_equity": 1.0}, OPEN, 80.0, "nothing to support"),
    ],
)
def test_obstacles(changes: dict[str, float], structure: Structure, price: float, words: str) -> None:
    """Options that are not to be had say why."""
    case = small_case()
    mine = replace(case.projects[0], **changes)
    assert words in size(case, mine, structure, np.full((1, 10), price)).obstacle


def test_guarantee_without_a_guarantee_in_the_case_is_an_obstacle() -> None:
    """No instrument of that kind: no guaranteed debt."""
    case = small_case(instruments=(instrument("loan"),))
    mine = replace(case.projects[0], capex_usd_m=500.0, sponsor_equity=0.1)
    found = size(case, mine, Structure(structure="g", tranche=0.0, debt="guaranteed"), np.full((1, 10), 90.0))
    assert "adds nothing" in found.obstacle


def test_processor_on_tolls_has_no_strike_and_no_obstacle() -> None:
    """A tranche protects nothing but the fee; cash counts utilised slots."""
    case = small_case(
        project_outputs=(output(mode="process", payable=0.0, fee_usd_kg=40.0),),
        projects=(project(utilisation=0.5, opex_usd_m_y=10.0, capex_usd_m=50.0),),
    )
    structure = Structure(structure="s", tranche=0.6, debt="commercial")
    found = size(case, case.projects[0], structure, np.full((1, 10), 80.0))
    assert found.obstacle == ""
    assert not found.strike.any()
    cfads = 0.5 * 40 * 0.97 - 10 * (0.4 + 0.6 * 0.5) - 1.0
    unlimited = cfads / 1.35 * pv(0.065, 11)
    assert found.private_debt_usd_m == pytest.approx(min(unlimited, 0.7 * found.uses_usd_m), abs=1e-6)


def test_protection_never_lowers_what_can_be_served() -> None:
    """The limit on all debt does not fall because the contract ends before the public tenor."""
    case = nolans_like(max_gearing=1.0)
    price = np.full((1, 19), 60.0)
    limits = [
        size(case, case.projects[0], Structure(structure="s", tranche=c, debt="patient"), price).debt_limit_usd_m
        for c in (0.0, 0.3, 0.6)
    ]
    assert limits == sorted(limits)
    assert limits[0] == pytest.approx((4.44 * 60 - 195.138 - 24.4) / 1.15 * pv(0.035, 15), abs=1e-6)
