"""Samples in which some drivers are held and all others drawn anew."""

from __future__ import annotations

import numpy as np
import pytest

from portfolio.case import Case, read_case
from portfolio.scenarios.sampling import HELD, sample, sample_knowing


@pytest.fixture(scope="module")
def case() -> Case:
    return read_case("inputs/eu_japan_ree")


OF_HAZARDS = ("disrupted", "cut", "available", "running")
OTHERS = ("demand", "overrun", "success_u", "unaided_u", "restart_u", "rival_y")


def repeated(values: np.ndarray, each: int) -> np.ndarray:
    return np.repeat(np.asarray(values[:]), each, axis=0)


def test_hazards_are_held_and_nothing_else(case: Case) -> None:
    found, outer = sample_knowing(case, "hazards", 5, 4, 9), sample(case, 5, 9, method="monte_carlo")
    for name in OF_HAZARDS:
        assert (np.asarray(getattr(found, name)[:]) == repeated(getattr(outer, name), 4)).all(), name
    for name in (*OTHERS, "delay_y", "price"):
        values = np.nan_to_num(getattr(found, name), posinf=0.0)
        assert (np.ptp(values.reshape(5, 4, -1), axis=1).max(axis=1) > 0).all(), name


def test_delays_are_held_and_nothing_else(case: Case) -> None:
    found, outer = sample_knowing(case, "delays", 5, 4, 9), sample(case, 5, 9, method="monte_carlo")
    assert (found.delay_y == repeated(outer.delay_y, 4)).all()
    for name in (*OTHERS, "price", "disrupted"):
        values = np.nan_to_num(getattr(found, name), posinf=0.0)
        assert np.ptp(values.reshape(5, 4, -1), axis=1).max() > 0, name


@pytest.mark.parametrize("known", HELD)
def test_drawn_anew_means_drawn_from_the_same_distribution(case: Case, known: str) -> None:
    """Over many groups of one, means and spreads are those of an ordinary sample; so is that of delay with overrun."""
    found, usual = sample_knowing(case, known, 3000, 1, 3), sample(case, 3000, 4, method="monte_carlo")
    for name in ("demand", "price", "delay_y", "overrun", "disrupted"):
        one, other = (getattr(d, name).reshape(3000, -1) for d in (found, usual))
        spread = other.std(axis=0) + 1e-12
        assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 6 * spread / 3000**0.5 + 1e-9).all(), name
    moving = np.flatnonzero(usual.delay_y.std(axis=0) * usual.overrun.std(axis=0) > 0)
    together = [np.mean([np.corrcoef(d.delay_y[:, p], d.overrun[:, p])[0, 1] for p in moving]) for d in (found, usual)]
    assert together[0] == pytest.approx(together[1], abs=0.02)
    assert together[1] > 0.3


def test_a_group_does_not_depend_on_how_many_there_are(case: Case) -> None:
    few, many = sample_knowing(case, "hazards", 2, 4, 9), sample_knowing(case, "hazards", 6, 4, 9)
    assert (few.demand == many.demand[:8]).all()
    assert (few.disrupted == many.disrupted[:8]).all()


@pytest.mark.parametrize(
    "wrong", [("weather", 2, 2, 1), ("delays", 0, 2, 1), ("delays", 2, 0, 1), ("delays", 2, 2, -1)]
)
def test_refused(case: Case, wrong: tuple[str, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"unknown drivers|at least"):
        sample_knowing(case, *wrong)
