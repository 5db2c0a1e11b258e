"""The world without the fund."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portfolio.case.records import Case
from portfolio.case.settings import Finance
from portfolio.finance import unaided
from portfolio.finance.unaided import close_probability
from portfolio.scenarios.drivers import Drivers
from tests.portfolio.finance.cases import calm, project, small_case


def case_with(**values: object) -> Case:
    return small_case(projects=(project(**values),), windows=(2028, 2030))


def output_of(case: Case, drivers: Drivers, price: float = 80.0) -> np.ndarray:
    return unaided(case, case.projects[0], drivers, np.full((1, len(case.years)), price))


@pytest.mark.parametrize(
    ("p", "covered", "expected"),
    [
        (0.6, 1.0, 0.75),
        (0.6, 0.9, 0.525),
        (0.6, 0.8, 0.525),
        (0.6, 0.79, 0.3),
        (0.9, 1.0, 0.9 / 0.95),
        (1.0, 1.0, 1.0),
        (0.0, 1.0, 0.0),
    ],
)
def test_probability_of_closing(p: float, covered: float, expected: float) -> None:
    assert close_probability(Finance(), project(p_by_2040=p), covered) == pytest.approx(expected)


def test_unconditional_probability_is_the_estimate() -> None:
    """Where private sources cover the uses, P(close) P(success) is p_by_2040."""
    case = case_with(p_by_2040=0.6, sponsor_equity=1.0)
    u = (np.arange(100) + 0.5) / 100
    close, success = (x.ravel()[:, None] for x in np.meshgrid(u, u))
    drivers = replace(calm(case, 10_000), unaided_u=close, success_u=success)
    assert output_of(case, drivers).any(axis=1).mean() == pytest.approx(0.6, abs=1e-9)


def test_closes_in_the_first_window() -> None:
    """First window 2028 and a year of construction: output from 2029."""
    case = case_with(sponsor_equity=1.0)
    assert output_of(case, calm(case))[0] == pytest.approx([0, 0] + [1] * 8)


def test_rivals() -> None:
    """An allied rival builds from its bid, any other leaves nothing; after close a bid comes too late."""
    case = case_with(p_by_2040=0.6, sponsor_equity=1.0)
    drivers = replace(
        calm(case, 6),
        rival_y=np.array([[0.5], [0.5], [3.0], [3.0], [3.0], [np.inf]]),
        rival_allied=np.array([[True], [False], [True], [False], [True], [True]]),
        unaided_u=np.array([[0.0], [0.0], [0.0], [0.9], [0.9], [0.9]]),
    )
    found = output_of(case, drivers)
    assert found[0] == pytest.approx([0, 0.5] + [1] * 8)  # won in mid-2027 by an ally, built by mid-2028
    assert not found[1].any()  # won by a hostile rival before the first window
    assert found[2] == pytest.approx([0, 0] + [1] * 8)  # closed in 2028, before the bid
    assert not found[3].any()
    assert found[4] == pytest.approx([0, 0, 0, 0] + [1] * 6)  # the ally bids in 2030
    assert not found[5].any()


def test_a_gap_lowers_the_chance() -> None:
    """At a price at which lenders give nothing, three quarters of uses are missing."""
    case = case_with(p_by_2040=0.6)
    u = ((np.arange(1000) + 0.5) / 1000)[:, None]
    drivers = replace(calm(case, 1000), unaided_u=u)
    assert output_of(case, drivers, price=50.0).any(axis=1).mean() == pytest.approx(0.3, abs=1e-3)
