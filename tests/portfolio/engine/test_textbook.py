"""Textbook programmes given to the decomposition through its own protocol, against print and against scipy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from portfolio.engine.decomposition import Found, minimise, zero_start
from portfolio.engine.highs import SolverError
from portfolio.engine.passes import Passes
from portfolio.engine.programme import TwoStage
from portfolio.engine.protocol import Limits, Progress, Status
from tests.portfolio.engine.textbook import (
    FARMER_TOPS,
    Plain,
    aircraft,
    anything,
    dakota,
    distance,
    extensive,
    facilities,
    farmer,
    farmer_with_fields,
    inventory,
    lands,
    lands_three,
    newsvendor,
    recourse,
    same,
    two_products,
)

EXACT = Limits(gap=1e-9, time_limit_s=60, threads=1)
NEWS = newsvendor([10, 20, 30, 40, 60], [0.1, 0.2, 0.3, 0.3, 0.1], cost=10, price=25, salvage=5)

PUBLISHED: dict[str, tuple[Plain, float, float]] = {
    # Birge and Louveaux, section 1.1: here and now, perfect foresight by scenario, the mean, four whole fields.
    "farmer": (farmer(), -108_390, 0.5),
    "farmer, good year": (farmer().alone(0), -167_667, 0.5),
    "farmer, average year": (farmer().alone(1), -118_600, 0.5),
    "farmer, bad year": (farmer().alone(2), -59_950, 0.5),
    "farmer, mean": (farmer().at_mean(), -118_600, 0.5),
    "farmer, mean decision": (farmer().fixed([120, 80, 300]), -107_240, 0.5),
    "farmer, four fields": (farmer_with_fields(), -107_975, 0.5),
    # Birge and Louveaux, section 5.1.
    "two products": (two_products(), -855.83, 0.005),
    "distance": (distance(), 1.0, 1e-9),
    # Louveaux and Smeers 1988.
    "lands": (lands(), 381.853, 0.0005),
    # Ferguson and Dantzig 1956; the optimum as the GAMS model library (aircraft) reports it.
    "aircraft": (aircraft(), 1566.042, 0.0005),
    # Higle 2005.
    "dakota": (dakota(), -1730, 1e-5),
}

VARIANTS: dict[str, Plain] = {
    "farmer without negative costs": farmer().complemented(FARMER_TOPS),
    "farmer in whole acres": replace(farmer((1.213, 1.01, 0.797)), whole=[0, 1, 2]),
    "farmer, CVaR": replace(farmer(), weight=0.5, level=0.6),
    "farmer, the worst alone": replace(farmer(), weight=1.0, level=0.9),
    "farmer without negative costs, CVaR": replace(farmer().complemented(FARMER_TOPS), weight=0.5, level=0.6),
    "four fields, CVaR": replace(farmer_with_fields(), weight=0.4, level=0.5),
    "newsvendor": NEWS,
    "newsvendor, CVaR": replace(NEWS, weight=0.7, level=0.8),
    "lands, three demands": lands_three(),
    "lands, three demands, whole": replace(lands_three(), whole=range(4)),
    "lands, three demands, CVaR": replace(lands_three(), weight=0.5, level=0.9),
    "two products, whole": replace(two_products(), whole=[0, 1]),
    "dakota, CVaR": replace(dakota(), weight=0.3, level=0.5),
    "aircraft, three routes, whole": replace(aircraft((0, 1, 4)), whole=range(9)),
    "aircraft, one part": replace(aircraft((0, 2, 3)), label=()),
    "aircraft, CVaR": replace(aircraft((0, 1, 2)), weight=0.5, level=0.9),
    "left of zero": replace(distance(), h=[[-1], [-2], [-4]], lower=[-10], upper=[10]),
    "negative sums": replace(
        distance(), c=[0, 0.1], lower=[-10, -10], upper=[10, 10], T=same([[1, 0]], 3), h=[[-1], [-2], [-4]],
        rows=[([1, 1], "=", -5)],
    ),
    "free column": Plain(
        c=[1], upper=[10], q=[0, 3, 1], W=[[1, 1, 0], [-1, 0, 1]], sense=[">=", "="], free=[0],
        h=[[5, 1], [2, -3], [9, 0]], T=same([[1], [0.5]], 3), probability=[0.2, 0.3, 0.5],
    ),
    "column in no row": replace(
        distance(), q=[1, 1, -2], W=[[1, -1, 0]], y_upper=[[np.inf, np.inf, d] for d in (3, 1, 5)]
    ),
    "nothing moves": replace(distance(), T=same([[0]], 3)),
    **{f"facilities {s}": facilities(s) for s in range(3)},
    **{f"facilities {s}, CVaR": replace(facilities(s), weight=0.4, level=0.7) for s in range(3)},
    **{f"inventory {s}": inventory(s) for s in range(3)},
    **{f"inventory {s}, CVaR": replace(inventory(s), weight=0.4, level=0.7) for s in range(3)},
    **{f"inventory {s}, little room": inventory(s, room=5.0) for s in range(3)},
    **{f"inventory {s}, whole": replace(inventory(s, room=5.0), whole=range(5)) for s in range(2)},
    **{f"inventory {s}, rows not marked": inventory(s, linked=False) for s in range(2)},
}  # fmt: skip
EVERY = {name: plain for name, (plain, _, _) in PUBLISHED.items()} | VARIANTS


def solved(plain: Plain, *, through: bool = False, limits: Limits = EXACT, start: bool = True) -> Found:
    """What the engine finds; that its bound was never above the optimum is checked on the way."""
    programme, optimum = plain.two_stage(through=through), extensive(plain).value
    nothing = zero_start(programme) if start else None
    told: list[Progress] = []
    found = minimise(programme, limits, starts=[] if nothing is None else [nothing], progress=told.append)
    slack = 1e-6 * (1.0 + abs(optimum))
    assert all(t.bound <= optimum + slack and t.objective >= optimum - slack for t in told)
    assert found.bound <= optimum + slack
    return found


def close(value: float, to: float) -> bool:
    return bool(value == pytest.approx(to, rel=1e-7, abs=1e-7))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_optimum(name: str) -> None:
    plain, value, digits = PUBLISHED[name]
    assert extensive(plain).value == pytest.approx(value, abs=digits)
    assert solved(plain).objective == pytest.approx(value, abs=digits)


@pytest.mark.parametrize("through", [False, True])
@pytest.mark.parametrize("name", EVERY)
def test_same_optimum_as_the_extensive_form(name: str, through: bool) -> None:
    plain = EVERY[name]
    found, optimum = solved(plain, through=through), extensive(plain)
    assert found.status is Status.OPTIMAL
    assert close(found.objective, optimum.value)
    assert close(found.bound, optimum.value)
    assert_feasible(plain, found.x)
    assert close(worth(plain, found.x), optimum.value)


def worth(plain: Plain, x: np.ndarray) -> float:
    """Objective of a first stage, by linprog; the CVaR by its definition as the least over eta."""
    value, p = recourse(plain, x), np.array(plain.probability)
    total = float(np.dot(plain.c, x)) + plain.offset + (1 - plain.weight) * float(p @ value)
    tail = min(eta + p @ np.maximum(value - eta, 0.0) / (1.0 - plain.level) for eta in value)
    return total + plain.weight * float(tail)


def assert_feasible(plain: Plain, x: np.ndarray) -> None:
    low, high = plain.bounds
    assert (x >= low - 1e-7).all()
    assert (x <= high + 1e-7).all()
    assert x[list(plain.whole)] == pytest.approx(np.round(x[list(plain.whole)]), abs=1e-9)
    for row, sense, b in plain.rows:
        value, slack = float(np.dot(row, x)), 1e-6 * (1 + abs(b))
        assert sense == "<=" or value >= b - slack
        assert sense == ">=" or value <= b + slack


@pytest.mark.parametrize("name", EVERY)
def test_no_start_is_needed(name: str) -> None:
    found = solved(EVERY[name], start=False)
    assert found.status is Status.OPTIMAL
    assert close(found.objective, extensive(EVERY[name]).value)


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("seed", [*range(60), 144, 208, 336, 375])
def test_anything(seed: int, start: bool) -> None:
    """Random programmes of every kind, to the end and to a loose gap."""
    plain = anything(seed)
    optimum = extensive(plain).value
    found = solved(plain, through=seed % 2 == 1, start=start)
    assert found.status is Status.OPTIMAL
    assert close(found.objective, optimum)
    assert_feasible(plain, found.x)
    loose = solved(plain, limits=Limits(gap=0.1, time_limit_s=60, threads=1), start=start)
    assert loose.status is Status.OPTIMAL
    assert loose.objective - loose.bound <= 0.1 * abs(loose.objective) + 1e-9


class TestFarmer:
    """Birge and Louveaux, section 1.1 and chapter 4."""

    def test_value_of_information_and_of_the_stochastic_solution(self) -> None:
        wait = np.mean([solved(farmer().alone(s)).objective for s in range(3)])
        recourse_problem = solved(farmer()).objective
        mean = solved(farmer().at_mean())
        assert mean.x == pytest.approx([120, 80, 300], abs=1e-4)
        expected = solved(farmer().fixed(mean.x)).objective
        assert -wait == pytest.approx(115_406, abs=0.5)
        assert recourse_problem - wait == pytest.approx(7_016, abs=0.5)
        assert expected - recourse_problem == pytest.approx(1_150, abs=0.5)

    def test_acres(self) -> None:
        assert solved(farmer()).x == pytest.approx([170, 80, 250], abs=1e-4)

    def test_allocation(self) -> None:
        """What is bought and sold with 170, 80 and 250 acres: table 5 of the book."""
        bought = allocation(farmer().two_stage(), np.array([170.0, 80.0, 250.0]))
        assert bought[0] == pytest.approx([0, 0, 0])
        assert bought[1] == pytest.approx([0, 0, 48])
        assert bought[2] == pytest.approx([310, 225, 140])
        assert bought[3] == pytest.approx([48, 0, 0])
        assert bought[4] == pytest.approx([6000, 5000, 4000])
        assert bought[5] == pytest.approx([0, 0, 0])


def allocation(programme: TwoStage, x: np.ndarray) -> np.ndarray:
    with ThreadPoolExecutor(1) as workers:
        parts = list(Passes(programme, workers).allocate(x))
    return np.concatenate([values for _, values in parts], axis=1)


@pytest.mark.parametrize("name", EVERY)
def test_allocation_is_feasible_and_optimal(name: str) -> None:
    """In its own rows, written term by term, and worth what linprog says."""
    plain = EVERY[name]
    if name == "aircraft":
        pytest.skip("750 calls of linprog")
    programme = plain.two_stage()
    low, high = plain.bounds
    for x in (extensive(plain).x, 0.7 * low + 0.3 * np.minimum(high, 100.0)):
        try:
            expected = recourse(plain, x)
        except AssertionError:
            continue  # a point without recourse
        y = allocation(programme, x)
        data = programme.data(slice(0, programme.scenarios))
        rows, sides = programme.matrix @ y, programme.rows_at(x, data)
        slack = 1e-6 * (1.0 + np.abs(sides).max())
        assert (rows >= sides - slack).all()
        assert (rows <= sides + slack)[programme.equal].all()
        assert (y >= 0).all()
        top = np.where(np.diff(programme.upper_data.indptr) > 0, 0.0, programme.upper)[:, None]
        assert (y <= top + programme.upper_data @ data + slack).all()
        assert programme.cost @ y == pytest.approx(expected, rel=1e-7, abs=1e-6)


@pytest.mark.parametrize("room", [np.inf, 5.0])
@pytest.mark.parametrize("seed", range(6))
def test_prices_kept_bound_from_below(seed: int, room: float) -> None:
    """Passes that keep the prices of the balances: below the value everywhere, equal to it where the prices are of."""
    plain = inventory(seed, room=room)
    rng, n = np.random.default_rng(seed), len(plain.c)
    points = [rng.uniform(0, 12, n) for _ in range(5)]
    with ThreadPoolExecutor(1) as workers:
        passes = Passes(plain.two_stage(), workers)
        for x in points:
            exact = passes.evaluate(x, exact=True).sum(axis=1)
            assert exact == pytest.approx(recourse(plain, x), rel=1e-8)
            assert passes.evaluate(x, exact=False).sum(axis=1) == pytest.approx(exact, rel=1e-7)
            for other in points:
                low = passes.evaluate(other, exact=False).sum(axis=1)
                assert np.isfinite(low).all()
                assert (low <= recourse(plain, other) * (1 + 1e-8) + 1e-7).all()


class TestNewsvendor:
    """Order the quantile (price - cost) / (price - salvage) of demand."""

    @pytest.mark.parametrize("cost", [6, 9, 12, 17, 22])
    def test_quantile(self, cost: float) -> None:
        demand, probability = np.array([10, 20, 30, 40, 60]), np.array([0.11, 0.2, 0.3, 0.28, 0.11])
        plain = newsvendor(demand.tolist(), probability.tolist(), cost=cost, price=25, salvage=5)
        best = demand[np.searchsorted(np.cumsum(probability), (25 - cost) / (25 - 5))]
        sold = np.minimum(demand, best)
        profit = probability @ (25 * sold + 5 * (best - sold)) - cost * best
        found = solved(plain)
        assert found.x == pytest.approx([best], abs=1e-5)
        assert close(found.objective, -profit)

    def test_large_coefficients_and_small_amounts(self) -> None:
        """The amount in millionths: nothing of it may count as rounding."""
        unit = 1e6
        plain = newsvendor([0.1, 0.2, 0.3], [0.3, 0.4, 0.3], cost=10 * unit, price=25, salvage=5)
        plain = replace(plain, T=same([[-unit]], 3), upper=[1 / unit])
        assert close(solved(plain).objective, extensive(plain).value)


@pytest.mark.parametrize("seed", range(4))
def test_facilities_by_enumeration(seed: int) -> None:
    plain = facilities(seed, sites=4, scenarios=5)
    best = min(worth(plain, np.array(x, dtype=float)) for x in product((0, 1), repeat=4))
    assert close(solved(plain).objective, best)


@pytest.mark.parametrize("scale", [1e-5, 1e-2, 1e2, 1e4])
@pytest.mark.parametrize("make", [farmer, lands, lambda: facilities(1), lambda: inventory(1)])
def test_units_of_money_change_nothing(make: Callable[[], Plain], scale: float) -> None:
    plain = make()
    paid = replace(plain, c=[scale * v for v in plain.c], q=[scale * v for v in plain.q])
    assert solved(paid).objective == pytest.approx(scale * extensive(plain).value, rel=1e-6, abs=2e-9)


@pytest.mark.parametrize("name", ["farmer", "lands, three demands, CVaR", "inventory 1", "aircraft"])
def test_threads_change_nothing(name: str) -> None:
    one, three = (solved(EVERY[name], limits=replace(EXACT, threads=n)) for n in (1, 3))
    assert one.objective == three.objective
    assert (one.x == three.x).all()


def test_infeasible_first_stage() -> None:
    plain = replace(farmer(), rows=[([1, 1, 1], "<=", 500), ([1, 1, 1], ">=", 501)])
    assert minimise(plain.two_stage(), EXACT).status is Status.INFEASIBLE


def test_infeasible_in_whole_numbers_only() -> None:
    plain = replace(distance(), rows=[([2], "=", 5)], whole=[0])
    found = minimise(plain.two_stage(), EXACT)
    assert found.status is Status.INFEASIBLE
    assert found.x is None


def test_recourse_that_is_not_complete_is_an_error() -> None:
    plain = replace(distance(), W=[[1, 1]], T=same([[2]], 3))
    with pytest.raises(SolverError, match="recourse"):
        minimise(plain.two_stage(), EXACT)
