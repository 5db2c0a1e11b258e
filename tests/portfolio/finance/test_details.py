"""Rules of detail, each by hand: tax, deferral, recoupment, terms, grants, fees, lines of the ledger."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portfolio.case.records import Case
from portfolio.case.settings import Finance
from portfolio.case.tables import Country, Eligibility, Structure
from portfolio.finance import Financing, PlantPath, Position, cash_flows, commitments, ledger, simulate, size
from portfolio.scenarios.drivers import Drivers
from tests.portfolio.finance.cases import OPEN, calm, instrument, output, project, small_case

COMMERCIAL = Structure(structure="c", tranche=0.0, debt="commercial", index="cpi")


def hand_case(**changes: object) -> Case:
    """Opex 40, sustaining 2, royalty 3 %; built in 2027, runs from 2028; M = 0.97 P - 42."""
    values = {"first_production": 2028} | changes
    return small_case(projects=(project(**values),), structures=(OPEN,))


def financed(*, private: float = 0.0, sponsor: float = 120.0, gap: float = 0.0, strike: float = 0.0) -> Financing:
    return Financing(
        project="mine",
        structure="x",
        uses_usd_m=private + sponsor + gap,
        sponsor_usd_m=sponsor,
        third_equity_usd_m=0.0,
        third_loan_usd_m=0.0,
        third_grant_usd_m=0.0,
        private_debt_usd_m=private,
        guaranteed_debt_usd_m=private,
        debt_limit_usd_m=private + gap,
        gap_usd_m=gap,
        rate=0.05,
        tenor_y=4.0,
        strike=np.array([strike]),
        obstacle="",
    )


def run(case: Case, money: Financing, drivers: Drivers, structure: Structure = OPEN, **options: float) -> PlantPath:
    return simulate(case, case.projects[0], structure, money, 2027, drivers, **options)


def test_tax_and_dividends() -> None:
    """M = 35.6, depreciation 100 / 15, tax 30 %: 26.92 a year are left; six months of opex stay in the plant."""
    case = replace(hand_case(), countries=(Country(country="AUS", tax_rate=0.3),))
    path = run(case, financed(), calm(case))
    after = 35.6 - 0.3 * (35.6 - 100 / 15)
    assert path.dividends[0] * 120 == pytest.approx([0.0] + [after] * 9, abs=1e-4)


def test_arrears_beyond_the_deferral_are_written_off() -> None:
    """M = 0.68 a year never pays: three years of service are waited for, in the fourth the loan is lost."""
    case = hand_case()
    money = financed(sponsor=40.0, gap=300.0)
    path = run(case, money, calm(case, price=np.array([44.0] * 10)))
    assert not path.loan_service[0, :4].any()
    assert path.loan_service[0].argmax() == 4
    owed = 1.015 * 1.03**4
    assert path.loan_service[0, 4] == pytest.approx(0.25 * owed)
    assert path.loan_loss[0] == pytest.approx(0.75 * owed / 1.02**4)
    assert path.running[0, 1:] == pytest.approx(1.0)


def test_restart_is_paid_back_before_dividends() -> None:
    """10 M of restart and half a year of opex come before the first dividend."""
    case = hand_case()
    price = np.array([80, 80, 5, 5, 80, 80, 80, 80, 80, 80], dtype=float)
    path = run(case, financed(), calm(case, price=price))
    # Closed in 2029, good prices in 2031: back in mid-2033, M = 17.8 that year and 35.6 in each of the next two.
    assert path.running[0, 6:] == pytest.approx([0.5, 1.0, 1.0, 1.0])
    assert path.dividends[0, 6:].sum() * 120 == pytest.approx(17.8 + 3 * 35.6 - 20.0 - 10.0, abs=1e-4)


def test_a_bid_at_the_window_is_too_late() -> None:
    """Lost means strictly before the window."""
    case = hand_case()
    drivers = replace(calm(case, 2), rival_y=np.array([[0.0], [-1e-9]]))
    assert run(case, financed(), drivers).lost.tolist() == [False, True]


def test_payouts_end_with_the_term() -> None:
    """At 30 USD/kg a floor of 75 on 60 % keeps the plant open during the term; afterwards it closes."""
    case = hand_case()
    structure = Structure(structure="f", tranche=0.6, debt="patient", index="cpi", term_y=4.0)
    path = run(case, financed(strike=75.0), calm(case, price=np.array([30.0] * 10)), structure)
    assert path.running[0, 1:5] == pytest.approx(1.0)
    assert path.running[0, 5] > 0.0
    assert path.running[0, 7:] == pytest.approx(0.0)
    assert path.floor[0] == pytest.approx([0.0] + [45.0] * 4 + [0.0] * 5)


def test_grants_take_the_place_of_equity() -> None:
    """The same free cash on less equity."""
    case = hand_case()
    money = financed(sponsor=60.0, gap=60.0)
    whole = run(case, money, calm(case), public_loan_usd_m=0.0)
    granted = run(case, money, calm(case), public_loan_usd_m=0.0, public_grant_usd_m=40.0)
    assert granted.dividends[0] == pytest.approx(whole.dividends[0] * 120 / 80, abs=1e-6)


def test_strike_in_money_of_the_day_carries_less_debt() -> None:
    """Lenders count the mean real strike over the planned term 2028 to 2039."""
    case = hand_case(capex_usd_m=300.0, strike_usd_kg=90.0, opex_usd_m_y=50.0)
    price = np.full((1, 10), 80.0)
    fixed = Structure(structure="c", tranche=0.6, debt="commercial", index="none")
    found = size(case, case.projects[0], fixed, price)
    strike = 90.0 * sum(1.025**-n for n in range(1, 13)) / 12
    cfads = (0.6 * strike + 0.4 * 0.65 * 80) * 0.97 - 50 - 6
    assert found.private_debt_usd_m == pytest.approx(cfads / 1.35 * sum(1.065**-n for n in range(1, 12)), abs=1e-6)


def test_guarantee_charges_with_a_default() -> None:
    """The call of the worked example, with fees, under the four conventions and no provision."""
    case = replace(
        hand_case(),
        settings=replace(hand_case().settings, finance=Finance(admin_rate=0.0)),
        instruments=(instrument("guarantee", fee_rate=0.01, cover=0.9),),
        eligibility=(Eligibility(member="EUF", instrument="guarantee", convention="cash", provision_rate=0.0),),
    )
    mine = case.projects[0]
    money = financed(private=60.0, sponsor=60.0)
    drivers = calm(case, price=np.array([80.0, 80.0] + [30.0] * 8))
    path = run(case, money, drivers, COMMERCIAL)
    flows = cash_flows(case, mine, COMMERCIAL, money, 2027, path)
    found = commitments(
        case, mine, COMMERCIAL, money, 2027, path, case.instruments[0], case.eligibility[0], flows=flows
    )
    call = 32.82289954 * 0.475 / 60
    balances = [1.0, 1.0, (63.0 - 16.92070996) / 60]
    fees = [sum(b / g**n for n, b in enumerate(balances)) for g in (1.0, 1.02, 1.06)]
    covered = 0.9 * 120
    expected = [
        call - 0.01 * fees[0],
        call / 1.02**2 - 0.01 * fees[1],
        call / 1.02**2 - 0.01 * fees[1],
        call / 1.02**2 + 0.04 * fees[1] - 0.01 * fees[2],
    ]
    assert found.charge_usd_m == pytest.approx([covered * x for x in expected], abs=1e-5)
    assert found.cost_usd_m == pytest.approx(covered * expected[1], abs=1e-5)


def test_lines_of_equity_overruns_and_balances() -> None:
    """Equity of half the uses, a call, and a loan that outlives the horizon."""
    case = replace(hand_case(), instruments=tuple(instrument(k, tenor_y=15.0) for k in ("loan", "equity")))
    drivers = replace(calm(case), overrun=np.array([[0.12 + 0.085 + 0.1]]))
    financing = size(case, case.projects[0], OPEN, np.full((1, 10), 80.0))
    held = [
        Position("EUF", "mine", "loan", "open", 2027, 0.5),
        Position("EUF", "mine", "equity", "open", 2027, 0.25),
    ]
    frame = ledger(case, held, drivers, np.full((1, 10), 80.0))
    uses = financing.uses_usd_m
    assert uses == pytest.approx(132.0)
    totals = frame[frame["convention"] == "cash"].groupby(["instrument", "line"])["simulated_usd_m"].sum()
    # A call of 4.25 + 10 M, two thirds on the loan.
    assert totals["loan", "overrun"] == pytest.approx(-14.25 * 2 / 3)
    assert totals["equity", "overrun"] == pytest.approx(-14.25 / 3)
    owed = 1.015
    level = owed / sum(1.03**-n for n in range(1, 16))
    for _ in range(9):
        owed = owed * 1.03 - level
    assert totals["loan", "balance"] == pytest.approx(66.0 * owed)
    # Cash of M less service: the first year fills the account to half a year of opex and service.
    service = 66.0 * level
    equity = 0.25 * uses + (0.75 * uses - 66.0)
    free = 9 * (35.6 - service) + 20.0 - 0.5 * (40.0 + service)
    assert totals["equity", "dividends"] == pytest.approx(0.25 * uses * free / equity)


def test_processor_earns_on_processed_tonnes() -> None:
    """Half the slots filled: half the tolls and variable cost, whole output as a share of nameplate."""
    case = small_case(
        project_outputs=(output(mode="process", payable=0.0, fee_usd_kg=40.0),),
        projects=(project(utilisation=0.5, opex_usd_m_y=10.0, first_production=2028),),
    )
    path = run(case, financed(), calm(case))
    margin = 0.5 * 40 * 0.97 - 10 * (0.4 + 0.6 * 0.5) - 2
    assert path.dividends[0, 3] * 120 == pytest.approx(margin, abs=1e-4)
    assert path.output[0, 3] == 1.0
    assert path.value[0, 3] == pytest.approx(20.0)
