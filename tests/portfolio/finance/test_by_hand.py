"""Ledgers of five instruments by hand: plain loops over years, numbers as in docs/finance.md."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from portfolio.case.records import Case
from portfolio.case.settings import Finance
from portfolio.case.tables import Structure
from portfolio.finance import Financing, Position, ledger, simulate, size
from portfolio.finance.ledger import Deal, position_flows
from tests.portfolio.finance.cases import OPEN, calm, instrument, project, small_case

PRICES = [80.0, 80.0, 60.0, 45.0, 90.0, 120.0, 80.0, 80.0]
"""2027 to 2034, USD/kg."""


def the_case(*structures: Structure, **changes: object) -> Case:
    """1,000 t/y at a payable share of 1, opex 40, sustaining 2, royalty 3 %; built in 2027, runs from 2028."""
    instruments = tuple(
        instrument(k, rate=0.03, tenor_y=3.0, fee_rate=0.01, cover=0.9)
        for k in ("loan", "equity", "grant", "guarantee", "cfd", "offtake")
    )
    return small_case(
        finance=Finance(contingency=0.0, admin_usd_m=0.0),
        years=(2027, 2034),
        structures=(OPEN, *structures),
        instruments=instruments,
        projects=(project(strike_usd_kg=75.0, first_production=2028),),
        **changes,
    )


def lines(frame: pd.DataFrame, line: str, column: str = "simulated_usd_m") -> list[float]:
    """Flows of a line by year, 2027 to 2034."""
    rows = frame[(frame["line"] == line) & (frame["convention"] == "cash")]
    by_year = rows.groupby("year")[column].sum()
    return [float(by_year.get(y, 0.0)) for y in range(2027, 2035)]


def awarded(case: Case, kind: str, structure: str, share: float) -> pd.DataFrame:
    position = Position("EUF", "mine", kind, structure, 2027, share)
    drivers = calm(case, price=np.array([PRICES]))
    return ledger(case, [position], drivers, np.full((1, 8), 80.0))


def test_loan() -> None:
    """A loan of 60 M at 3 % over three years, half a year's interest on the draw, level service."""
    case = the_case()
    financing = size(case, case.projects[0], OPEN, np.full((1, 8), 80.0))
    # Uses: capex 100 and half a year's opex 20; sponsor 30, gap 90.
    assert financing.uses_usd_m == pytest.approx(120.0)
    frame = awarded(case, "loan", "open", 0.5)
    owed = 60.0 * (1 + 0.03 / 2)
    level = owed / (1 / 1.03 + 1 / 1.03**2 + 1 / 1.03**3)
    cash, arrears, paid = 20.0, 0.0, [0.0]
    for price in PRICES[1:]:
        due = min(level, owed * 1.03)
        liquid = cash + 0.97 * price - 42.0
        service = min(due, liquid)
        owed = owed * 1.03 - service
        arrears = min(arrears + due - service, owed)
        cash = liquid - service
        excess = max(0.0, cash - 0.5 * (40.0 + due))
        sweep = min(excess, arrears)
        owed, arrears, cash = owed - sweep, arrears - sweep, cash - excess
        paid.append(service + sweep)
    assert lines(frame, "service") == pytest.approx(paid, abs=1e-6)
    assert lines(frame, "service") == pytest.approx([0.0, *[21.52999913] * 3, 0.0, 0.0, 0.0, 0.0], abs=1e-6)
    assert lines(frame, "outlay") == pytest.approx([-60.0] + [0.0] * 7)


def test_loan_is_deferred_in_a_slump() -> None:
    """Two years of slump: the missed service is capitalised and paid later, nothing is lost."""
    case = the_case()
    prices = [80.0, 80.0, 44.0, 46.0, 90.0, 120.0, 80.0, 80.0]
    position = Position("EUF", "mine", "loan", "open", 2027, 0.7)
    frame = ledger(case, [position], calm(case, price=np.array([prices])), np.full((1, 8), 80.0))
    owed = 84.0 * 1.015
    level = owed / (1 / 1.03 + 1 / 1.03**2 + 1 / 1.03**3)
    assert level == pytest.approx(30.14199878, abs=1e-6)
    # 2028: 20 + 35.6 - 30.142 = 25.458 stay. 2029: M = 0.68 makes 26.138, too little: deferred. 2030: 28.758.
    owed_2028 = owed * 1.03 - level
    owed_2030 = owed_2028 * 1.03**2
    # 2031: 28.758 + 45.3 - 30.142 = 43.916; above half a year of opex and service, 35.071, it repays arrears.
    sweep_2031 = 20 + 35.6 + 0.68 + 2.62 + 45.3 - 2 * level - 0.5 * (40 + level)
    owed_2031 = owed_2030 * 1.03 - level - sweep_2031
    # 2032: what is left with its interest is less than the level service.
    last = owed_2031 * 1.03
    assert last < level
    expected = [0.0, level, 0.0, 0.0, level + sweep_2031, last, 0.0, 0.0]
    assert lines(frame, "service") == pytest.approx(expected, abs=1e-6)
    assert expected[4:6] == pytest.approx([38.98700183, 24.75801051], abs=1e-6)


FLOOR = Structure(
    structure="floor",
    tranche=0.5,
    debt="patient",
    upside_threshold=1.2,
    upside_share=0.3,
    upside_cap_usd_m=6.0,
    term_y=5.0,
    index="cpi",
)
TWO_WAY = Structure(structure="two_way", tranche=0.5, debt="patient", upside_share=1.0, term_y=5.0, index="none")


def test_floor_with_cap() -> None:
    """K = 75, K2 = 90, u = 0.3, cap 6 M on the whole output, half of it covered, 2028 to 2032."""
    frame = awarded(the_case(FLOOR), "cfd", "floor", 0.5)
    # 60: (75 - 60) x 1 kt x 0.5 = 7.5; 45: 15; 120: 0.3 x 30 = 9, capped at 6, half: 3. The term ends in 2032.
    assert lines(frame, "payout") == pytest.approx([0, 0, -7.5, -15.0, 0, 0, 0, 0], abs=1e-6)
    assert lines(frame, "upside") == pytest.approx([0, 0, 0, 0, 0, 3.0, 0, 0], abs=1e-6)


def test_two_way_contract_without_indexation() -> None:
    """The strike of 75 loses 2.5 % a year; both sides settle on it."""
    frame = awarded(the_case(TWO_WAY), "cfd", "two_way", 0.5)
    payout, upside = [0.0] * 8, [0.0] * 8
    for n in range(1, 6):
        strike = 75.0 / 1.025**n
        payout[n] = -0.5 * max(strike - PRICES[n], 0.0)
        upside[n] = 0.5 * max(PRICES[n] - strike, 0.0)
    assert lines(frame, "payout") == pytest.approx(payout, abs=1e-6)
    assert lines(frame, "upside") == pytest.approx(upside, abs=1e-6)
    assert payout[3] == pytest.approx(-12.32247792, abs=1e-6)
    assert upside[5] == pytest.approx(26.85546421, abs=1e-6)


def test_offtake() -> None:
    """The payout of the floor, 120 days of working capital, handling of 1.5 % of the strike, haircut.

    Home demand 600 t of which 480 placeable, of 1,000 t an offtake may take: haircut 0.48 x 5 % + 0.52 x 20 %.
    """
    frame = awarded(the_case(FLOOR), "offtake", "floor", 0.5)
    cut = 0.48 * 0.05 + 0.52 * 0.20
    assert cut == pytest.approx(0.128)
    assert lines(frame, "payout") == pytest.approx([0, 0, -7.5, -15.0, 0, 0, 0, 0], abs=1e-6)
    assert lines(frame, "haircut") == pytest.approx(
        [0.0] + [-0.5 * cut * p for p in PRICES[1:6]] + [0.0, 0.0], abs=1e-6
    )
    assert lines(frame, "handling") == pytest.approx([0.0] + [-0.5625] * 5 + [0.0, 0.0], abs=1e-6)
    capital = 0.5 * 75.0 * 120 / 365
    assert capital == pytest.approx(12.32876712, abs=1e-6)
    assert lines(frame, "working_capital") == pytest.approx([0, -capital, 0, 0, 0, 0, capital, 0], abs=1e-6)


def test_guarantee() -> None:
    """A bank loan of 60 M at 5 % over four years, 90 % covered, called when the plant closes in the second year."""
    case = the_case()
    mine = case.projects[0]
    structure = Structure(structure="bank", tranche=0.0, debt="guaranteed", index="cpi")
    financing = Financing(
        project="mine",
        structure="bank",
        uses_usd_m=120.0,
        sponsor_usd_m=60.0,
        third_equity_usd_m=0.0,
        third_loan_usd_m=0.0,
        third_grant_usd_m=0.0,
        private_debt_usd_m=60.0,
        guaranteed_debt_usd_m=60.0,
        debt_limit_usd_m=84.0,
        gap_usd_m=0.0,
        rate=0.05,
        tenor_y=4.0,
        strike=np.zeros(1),
        obstacle="",
    )
    drivers = calm(case, price=np.array([[80.0, 80.0, 30.0, 30.0, 30.0, 30.0, 30.0, 30.0]]))
    path = simulate(case, mine, structure, financing, 2027, drivers, public_loan_usd_m=0.0)
    position = Position("EUF", "mine", "guarantee", "bank", 2027, 0.5)
    deal = Deal(mine, structure, financing, 2027, (position,), path, path, 0.0)
    flows = position_flows(case, deal, position, path, 0.0)
    level = 60.0 / sum(1 / 1.05**n for n in range(1, 5))
    assert level == pytest.approx(16.92070996, abs=1e-6)
    # 2028: reserve 8.46 + 20 + 35.6 - 16.92 = 47.14; 28.46 stays (half a year of opex and service).
    # 2029: M = 30 x 0.97 - 42 = -12.9; 15.56 goes to the bank, the rest is in default and the plant closes.
    owed = 60.0 * 1.05 - level
    paid = 0.5 * (40.0 + level) - 12.9
    left = owed * 1.05 - paid
    call = 0.9 * 60.0 * (left / 60.0) * (0.45 + 0.05 / 2)
    assert left == pytest.approx(32.82289954, abs=1e-6)
    assert flows["call"][0] == pytest.approx([0, 0, -call, 0, 0, 0, 0, 0], abs=1e-5)
    fee = [0.9 * 0.01 * b for b in (60.0, 60.0, owed, 0, 0, 0, 0, 0)]
    assert flows["fee"][0] == pytest.approx(fee, abs=1e-6)
    assert path.running[0] == pytest.approx([0, 1, 1, 0, 0, 0, 0, 0], abs=1e-6)


def test_linear_value_and_difference() -> None:
    """With less loan than assumed the ledger says how far the linear value is off."""
    case = the_case()
    frame = awarded(case, "loan", "open", 0.5)
    assert (frame["difference_usd_m"] == frame["simulated_usd_m"] - frame["linear_usd_m"]).all()
    service = frame[frame["line"] == "service"]
    assert service["difference_usd_m"].abs().max() > 0.1
    assumed = awarded(case, "loan", "open", 0.7)
    service = assumed[assumed["line"] == "service"]
    assert service["difference_usd_m"].abs().max() < 1e-6


def test_charges_stand_side_by_side() -> None:
    """Four conventions in the window's year, and administration."""
    frame = awarded(the_case(FLOOR), "offtake", "floor", 0.5)
    charges = frame[frame["line"] == "charge"]
    assert list(charges["convention"]) == ["cash", "provisioning", "subsidy", "fair_value"]
    assert (charges["simulated_usd_m"] > 0).all()
    assert set(charges["year"]) == {2027}


def test_one_project_one_structure() -> None:
    """Positions that contradict one another are refused."""
    case = the_case(FLOOR)
    held = [Position("EUF", "mine", "loan", s, 2027, 0.1) for s in ("open", "floor")]
    with pytest.raises(ValueError, match="several structures"):
        ledger(case, held, calm(case), np.full((1, 8), 80.0))


def test_lost_projects_pay_nothing() -> None:
    """Where a rival was first there is no flow, but the charge stays reserved."""
    case = replace(the_case(FLOOR), settings=replace(the_case().settings))
    drivers = calm(case, 2, price=np.array([PRICES]))
    lost = replace(drivers, rival_y=np.array([[np.inf], [-0.5]]))
    held = [Position("EUF", "mine", "offtake", "floor", 2027, 0.5)]
    whole = ledger(case, held, drivers, np.full((1, 8), 80.0))
    half = ledger(case, held, lost, np.full((1, 8), 80.0))
    assert lines(half, "payout") == pytest.approx([0.5 * x for x in lines(whole, "payout")])
    a = whole[whole["line"] == "charge"]["simulated_usd_m"]
    b = half[half["line"] == "charge"]["simulated_usd_m"]
    assert list(a) == pytest.approx(list(b))
