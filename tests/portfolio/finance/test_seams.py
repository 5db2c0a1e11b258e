"""Where sizing, contracts and charges meet: what is agreed, paid and delivered is the same on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portfolio.case.records import Case
from portfolio.case.tables import Demand, Structure
from portfolio.finance import size
from portfolio.finance.contracts import strike_path
from portfolio.finance.economics import economics
from portfolio.finance.offtake import haircut, mean_cut, working_capital
from tests.portfolio.finance.cases import instrument, output, project, small_case

FLOOR = Structure(structure="floor", tranche=0.6, debt="commercial", index="none")
GUARANTEED = Structure(structure="safe", tranche=0.0, debt="guaranteed", index="cpi")


def test_a_fixed_strike_erodes_from_its_close() -> None:
    """It is agreed in money of the day it is agreed: waiting does not make it cheaper."""
    case = small_case()
    found = strike_path(case, FLOOR, np.array([100.0]), agreed=2.0)
    assert found[0, :4] == pytest.approx([100.0, 100.0, 100.0, 100.0 / 1.025])
    indexed = replace(FLOOR, index="cpi")
    assert strike_path(case, indexed, np.array([100.0]), agreed=0.0)[0].tolist() == [100.0] * 10


def test_the_borrower_pays_the_guarantee_fee() -> None:
    """The fee a member receives is in the rate of the guaranteed loan: fee x cover on the part guaranteed."""
    price = np.full((1, 10), 80.0)

    def financed(fee: float) -> tuple[float, float]:
        case = small_case(instruments=(instrument("guarantee", fee_rate=fee, cover=0.9),))
        found = size(case, case.projects[0], GUARANTEED, price)
        assert found.obstacle == ""
        return found.rate, found.guaranteed_debt_usd_m / found.private_debt_usd_m

    (free, part), (paid, part_paid) = financed(0.0), financed(0.01)
    assert part == pytest.approx(part_paid, rel=0.05)
    assert paid - free == pytest.approx(0.01 * 0.9 * part_paid, rel=0.05)


def processor(**values: float) -> Case:
    return small_case(
        projects=(project(utilisation=0.8),),
        project_outputs=(
            output(mode="process", payable=values.get("payable", 0.25), fee_usd_kg=values.get("fee", 0.0)),
        ),
    )


def test_an_offtaker_of_processed_oxide_pays_for_the_feed_in_it() -> None:
    """Working capital: 0.97 x K x Q for 120 days, not the spread; K the long-run price where nothing is protected."""
    plant = economics(processor(), processor().projects[0])
    assert working_capital(processor(), plant, np.array([90.0])) == pytest.approx(0.97 * 90.0 * 0.8 * 120 / 365)
    toll = processor(payable=0.0, fee=13.0)
    expected = (0.97 * 80.0 + 13.0) * 0.8 * 120 / 365
    assert working_capital(toll, economics(toll, toll.projects[0]), np.zeros(1)) == pytest.approx(expected)


@pytest.mark.parametrize(("demand", "expected"), [(1e6, 0.05), (0.0, 0.20)])
def test_the_haircut_of_a_plant_paid_by_fees_is_that_of_its_goods(demand: float, expected: float) -> None:
    base = processor(payable=0.0, fee=13.0)
    rows = tuple(
        Demand(region=r.region, stage="separation", material="NdPr", year=2027, low=demand, base=demand, high=demand)
        for r in base.regions
    )
    case = replace(base, demand=rows)
    cut = haircut(case, case.projects[0], instrument("offtake"), case.regions[0].region)
    assert mean_cut(case, economics(case, case.projects[0]), cut) == pytest.approx(expected)
