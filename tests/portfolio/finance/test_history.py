"""Two plants of one price slump: Lynas lived with a patient lender, Molycorp closed with market debt.

Prices are yearly averages of NdPr oxide. Debt, dates and capacities are documented; figures marked E are estimates of
this test on the scale of what the companies reported. Lynas's capacity and ramp-up were set so that market debt would
have failed it; the contrast between the lenders is an illustration of the mechanism, not a validation.
"""

from __future__ import annotations

import numpy as np
import pytest

from portfolio.case.records import Case
from portfolio.case.settings import Finance
from portfolio.case.tables import Country, Structure
from portfolio.finance import Financing, PlantPath, simulate
from tests.portfolio.finance.cases import calm, instrument, material, output, project, small_case

PRICES = [119.5, 67.9, 61.1, 46.6, 38.8]
"""2012 to 2016, USD/kg."""

COMMERCIAL = Structure(structure="c", tranche=0.0, debt="commercial", index="none")
PATIENT = Structure(structure="p", tranche=0.0, debt="patient", index="none")


def history_case(**values: float) -> Case:
    return small_case(
        finance=Finance(),
        years=(2012, 2016),
        windows=(2012,),
        materials=(material(price=100.0),),
        projects=(project(construction_y=1.0, first_production=2013, **values),),
        project_outputs=(output(capacity_tpy=values_capacity(values), payable=0.97),),
        countries=(Country(country="AUS", tax_rate=0.3),),
        instruments=(instrument("loan", rate=0.025, tenor_y=10.0),),
    )


def values_capacity(values: dict[str, float]) -> float:
    """NdPr: Lynas 4,500 t/y (E; 22,000 t/y of oxides nominal), Mountain Pass 3,000 (19,050 t/y, about 16 %)."""
    return 4500.0 if values["capex_usd_m"] < 1000.0 else 3000.0


def lynas() -> Case:
    """Capex 900 M (E); opex 150 M a year (E); Ce and La 30 M a year (E); ramp-up 2013 to 2015 (E)."""
    return history_case(capex_usd_m=900.0, opex_usd_m_y=150.0, byproduct_usd_m_y=30.0, ramp_y=3.0)


def molycorp() -> Case:
    """Capex 1,250 M; opex 190 M a year (E); Ce and La 50 M a year (E); ramp-up from 2013."""
    return history_case(capex_usd_m=1250.0, opex_usd_m_y=190.0, byproduct_usd_m_y=50.0, ramp_y=2.0)


def financing(uses: float, private: float, gap: float, rate: float) -> Financing:
    return Financing(
        project="mine",
        structure="x",
        uses_usd_m=uses,
        sponsor_usd_m=uses - private - gap,
        third_equity_usd_m=0.0,
        third_loan_usd_m=0.0,
        third_grant_usd_m=0.0,
        private_debt_usd_m=private,
        guaranteed_debt_usd_m=0.0,
        debt_limit_usd_m=private + gap,
        gap_usd_m=gap,
        rate=rate,
        tenor_y=8.0,
        strike=np.zeros(1),
        obstacle="",
    )


def life(case: Case, structure: Structure, money: Financing) -> PlantPath:
    drivers = calm(case, price=np.array([PRICES]))
    return simulate(case, case.projects[0], structure, money, 2012, drivers)


def test_lynas_survives_with_patient_debt_and_market_prices() -> None:
    """250 M of public debt (2011) that defers: running through 2016, behind on service, not in default."""
    path = life(lynas(), PATIENT, financing(1050.0, 0.0, 250.0, 0.0))
    assert path.running[0, 1:] == pytest.approx(1.0)
    assert not path.defaulted[0]
    assert not path.floor.any()
    # The lender waited for nearly all of its money, as JARE did in 2013 and 2015.
    assert not path.loan_service[0, :4].any()
    assert path.loan_balance[0] > 0.8


def test_lynas_with_market_debt_would_have_defaulted() -> None:
    """The same plant and prices, the money of Molycorp's lenders: 650 M of notes, 8 % real."""
    path = life(lynas(), COMMERCIAL, financing(1050.0, 650.0, 0.0, 0.08))
    assert path.defaulted[0]


def test_molycorp_closes_in_2015() -> None:
    """650 M of senior notes at 10 % nominal (8 % real, E), no contract: default and closure in 2015."""
    path = life(molycorp(), COMMERCIAL, financing(1500.0, 650.0, 0.0, 0.08))
    assert path.defaulted[0]
    assert path.running[0, 1:3] == pytest.approx(1.0)
    assert path.running[0, 3] < 1.0
    assert path.running[0, 4] == 0.0
