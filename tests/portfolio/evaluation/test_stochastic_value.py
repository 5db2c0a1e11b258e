"""What stochastics are worth: textbook figures, and the order of the bounds on random programmes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portfolio.engine.protocol import Limits
from portfolio.evaluation.errors import InternalError
from portfolio.evaluation.pointwise import composite, costs, solved
from portfolio.evaluation.stochastic_value import (
    Foresight,
    OfInformation,
    OfSolution,
    Standing,
    foresight,
    group_value,
    value_of_information,
    value_of_knowing,
    value_of_solution,
)
from portfolio.evaluation.subprogramme import chosen, coefficients, expected_value, of_coefficients
from tests.portfolio.engine.textbook import (
    Plain,
    anything,
    dakota,
    extensive,
    facilities,
    farmer,
    inventory,
    lands_three,
    recourse,
)

EXACT = Limits(gap=1e-9, time_limit_s=60, threads=1)
LOOSE = Limits(gap=0.2, time_limit_s=60, threads=1)


def measured(plain: Plain, limits: Limits = EXACT, *, through: bool = False) -> tuple[OfSolution, OfInformation]:
    """Both values of a programme, all scenarios one by one."""
    programme = plain.two_stage(through=through)
    best = solved(programme, limits)
    of_solution = value_of_solution(programme, Standing(best.x, best.bound), limits)
    starts = [best.x, of_solution.mean_problem.x]
    alone = [foresight(chosen(programme, np.array([s])), starts, limits) for s in range(programme.scenarios)]
    return of_solution, value_of_information(programme, best.x, alone)


class TestFarmer:
    """Birge and Louveaux, sections 1.1 and 4.3: profits; the programme minimises losses."""

    @pytest.mark.parametrize("through", [False, True])
    def test_published_figures(self, through: bool) -> None:
        solution, information = measured(farmer(), through=through)
        assert solution.mean_problem.x == pytest.approx([120, 80, 300], abs=1e-4)
        assert solution.mean_problem.objective == pytest.approx(-118_600, abs=0.5)
        assert solution.rp.estimate == pytest.approx(-108_390, abs=0.5)
        assert solution.eev.estimate == pytest.approx(-107_240, abs=0.5)
        assert solution.vss.estimate == pytest.approx(1_150, abs=0.5)
        assert solution.vss_most == pytest.approx(1_150, abs=0.5)
        assert information.ws.estimate == pytest.approx(-115_406, abs=0.5)
        assert information.ws_found == pytest.approx(-115_406, abs=0.5)
        assert information.evpi.estimate == pytest.approx(7_016, abs=0.5)
        assert information.evpi_least == pytest.approx(7_016, abs=0.5)

    def test_three_scenarios_are_flagged(self) -> None:
        solution, information = measured(farmer())
        assert not solution.vss.reliable
        assert not information.evpi.reliable


class TestMeanOfCoefficients:
    def test_right_hand_sides_are_the_means_at_any_point(self) -> None:
        """By the programme's own rows, term by term: two data multiplied in every scenario, then averaged."""
        for seed in range(20):
            programme = anything(seed).two_stage(through=seed % 2 == 0)
            mean = expected_value(programme)
            x = np.random.default_rng(seed).normal(size=programme.first.cost.size)
            every = programme.rows_at(x, programme.data(slice(0, programme.scenarios)))
            assert mean.rows_at(x, mean.data(slice(0, 1)))[:, 0] == pytest.approx(every @ programme.probability)

    def test_mean_of_a_product_is_not_the_product_of_means(self) -> None:
        """Two data that are never positive together: the effect is nothing, not a quarter."""
        programme = _product([[1.0, 0.0], [0.0, 1.0]])
        assert coefficients(expected_value(programme), np.ones(1)).T.toarray() == pytest.approx(np.zeros((1, 1)))
        together = _product([[1.0, 1.0], [0.0, 0.0]])
        assert coefficients(expected_value(together), np.ones(1)).T.toarray() == pytest.approx(np.array([[0.5]]))

    @pytest.mark.parametrize("seed", range(15))
    def test_same_optimum_as_the_programme_written_for_the_mean(self, seed: int) -> None:
        plain = anything(seed)
        found = solved(expected_value(plain.two_stage(through=seed % 2 == 0)), EXACT)
        assert found.objective == pytest.approx(extensive(plain.at_mean()).value, rel=1e-7, abs=1e-7)

    @pytest.mark.parametrize("seed", range(8))
    def test_one_scenario_written_out_is_that_scenario(self, seed: int) -> None:
        plain = anything(seed)
        programme = plain.two_stage(through=True)
        for s in range(programme.scenarios):
            written = of_coefficients(programme, coefficients(programme, programme.data(slice(s, s + 1))[:, 0]))
            optimum = extensive(plain.alone(s)).value
            assert solved(written, EXACT).objective == pytest.approx(optimum, rel=1e-7, abs=1e-7)
            part = chosen(programme, np.array([s]))
            assert solved(part, EXACT).objective == pytest.approx(optimum, rel=1e-7, abs=1e-7)


def _product(data: list[list[float]]):  # type: ignore[no-untyped-def]
    """One row y >= a b x with data a and b by scenario: the effect goes through a definition u = b x."""
    base = replace(farmer(), c=[1], upper=[1], rows=(), q=[1], W=[[1]], sense=[">="], h=[[0]] * 2, T=[[[0]]] * 2)
    programme = replace(base, probability=[0.5, 0.5]).two_stage()
    held = np.vstack([np.ones(2), np.array(data).T])
    from portfolio.engine.programme import Products

    one = np.ones(1, dtype=np.int64)
    return replace(
        programme,
        constant=type(programme.constant)((1, 3)),
        upper_data=type(programme.upper_data)((1, 3)),
        define=type(programme.define)((1, 3)),
        direct=Products.none(),
        defined=Products(0 * one, 2 * one, 0 * one, np.ones(1)),
        indirect=Products(0 * one, one, 0 * one, np.ones(1)),
        data=lambda which: held[:, which],
    )


ORDERED: dict[str, Plain] = {
    "lands": lands_three(),
    "dakota": dakota(),
    "farmer, CVaR": replace(farmer(), weight=0.5, level=0.6),
    "lands, CVaR": replace(lands_three(), weight=0.5, level=0.9),
    **{f"facilities {s}": facilities(s) for s in range(3)},
    **{f"inventory {s}": inventory(s) for s in range(2)},
    **{f"anything {s}": anything(s) for s in range(40)},
}


@pytest.mark.parametrize("limits", [EXACT, LOOSE], ids=["to the end", "to 20 %"])
@pytest.mark.parametrize("name", ORDERED)
def test_order_of_the_values(name: str, limits: Limits) -> None:
    """WS <= RP <= EEV and EV <= RP, the optima by scipy from the lists; bounds and costs on the right sides of them."""
    plain = ORDERED[name]
    solution, information = measured(plain, limits)
    optimum, mean = extensive(plain).value, extensive(plain.at_mean()).value
    alone = np.array([extensive(plain.alone(s)).value for s in range(len(plain.h))])
    programme = plain.two_stage()
    wait = float(programme.probability @ composite(programme, alone))
    slack = 1e-6 * (1.0 + abs(optimum))
    assert wait <= optimum + slack
    assert mean <= optimum + slack
    assert solution.mean_problem.bound <= mean + slack
    assert information.ws.estimate <= wait + slack
    assert information.ws_found >= wait - slack
    assert information.ws.estimate <= solution.rp.estimate + slack
    assert solution.rp_bound <= optimum + slack <= solution.eev.estimate + 2 * slack
    assert solution.rp.estimate >= optimum - slack
    if limits is EXACT:
        assert solution.vss.estimate >= -slack
        assert information.evpi.estimate == pytest.approx(optimum - wait, abs=10 * slack)


@pytest.mark.parametrize("seed", range(12))
def test_costs_by_linprog(seed: int) -> None:
    """What a point costs in every scenario, and the objective from the scenarios' parts: CVaR by its definition."""
    plain = anything(seed)
    programme = plain.two_stage()
    x = extensive(plain).x
    (mine,) = costs(programme, [x])
    value = recourse(plain, x) + float(np.dot(plain.c, x))
    assert mine == pytest.approx(value, rel=1e-7, abs=1e-6)
    p = np.array(plain.probability)
    tail = min(eta + p @ np.maximum(value - eta, 0) / (1 - plain.level) for eta in value)
    expected = (1 - plain.weight) * (p @ value) + plain.weight * tail
    assert p @ composite(programme, mine) == pytest.approx(expected, rel=1e-7, abs=1e-6)
    for eta in np.linspace(value.min() - 1, value.max() + 1, 7):
        assert p @ composite(programme, mine, eta) >= expected - 1e-6 * (1 + abs(expected))


class TestContradictions:
    """Numbers in the wrong order are refused."""

    def test_bound_above_what_the_mean_costs(self) -> None:
        programme = farmer().two_stage()
        with pytest.raises(InternalError, match="RP"):
            value_of_solution(programme, Standing(np.array([170.0, 80.0, 250.0]), -100_000.0), EXACT)

    def test_foresight_dearer_than_the_portfolio(self) -> None:
        programme = farmer().two_stage()
        wrong = [Foresight(0.0, 0.0, "")] * 3
        with pytest.raises(InternalError, match="foresight of scenario 0"):
            value_of_information(programme, np.array([170.0, 80.0, 250.0]), wrong)


class TestKnowing:
    """Knowing which of two groups of scenarios is true, by enumeration."""

    def test_bracket_holds_the_value(self) -> None:
        """Groups of a newsvendor's kind: demand around a known level; inner samples of four."""
        rng = np.random.default_rng(5)
        levels = rng.choice([20.0, 60.0], 40)
        found = []
        for level in levels:
            demand = level + rng.choice([-5.0, 5.0], 4)
            found.append(group_value(_orders(demand).two_stage(), np.array([25.0]), EXACT))
        value = value_of_knowing("level", 4, found)
        # By enumeration: 25 costs 25 or 20 in the low state, 40 or 30 short in the high one; the best is the median.
        truth = 0.5 * (_expected(25, 20) - _best(20)) + 0.5 * (_expected(25, 60) - _best(60))
        assert value.least.low <= truth <= value.most.high
        assert value.least.estimate <= value.most.estimate
        assert (value.groups, value.scenarios) == (40, 4)

    def test_needs_two_scenarios_and_no_tail(self) -> None:
        with pytest.raises(ValueError, match="two scenarios"):
            group_value(_orders(np.array([5.0])).two_stage(), np.array([25.0]), EXACT)
        with pytest.raises(ValueError, match="CVaR"):
            group_value(replace(_orders(np.ones(2)), weight=0.5).two_stage(), np.array([25.0]), EXACT)


def _orders(demand: np.ndarray) -> Plain:
    """Order x at 1, leave demand unmet at 3: min x + 3 max(demand - x, 0)."""
    n = len(demand)
    return Plain(
        c=[1], upper=[100], q=[3], W=[[1]], sense=[">="], h=[[float(d)] for d in demand], T=[[[1]]] * n,
        probability=[1 / n] * n,
    )  # fmt: skip


def _expected(x: float, level: float) -> float:
    return x + 3 * 0.5 * sum(max(level + step - x, 0.0) for step in (-5.0, 5.0))


def _best(level: float) -> float:
    return min(_expected(x, level) for x in (level - 5, level + 5))
