"""Aversion to the tail, limits on payouts and benchmarks: what has to hold for every instance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Benchmark, Decision, Instance, build_extensive_form
from portfolio.engine import Benders, ExtensiveForm, Limits
from portfolio.engine.assembled import compile_instance
from portfolio.engine.compile import Compiled, compile_model
from portfolio.engine.highs import Result, solve
from portfolio.engine.protocol import Solution
from portfolio.evaluation.feasibility import diagnose, payout_tail
from portfolio.evaluation.outcomes import Recourse, cvar, objective
from tests.models.instances import (
    ALL_KINDS,
    Shape,
    altered,
    only,
    random_instance,
    rich,
    tail_averse,
    tiny_instance,
    with_benchmarks,
    with_payout_limit,
    with_stock,
    with_transfers,
)
from tests.oracle import payout_tail as tail_by_referee

SEEDS = st.integers(1000, 9999)
few = settings(max_examples=8, deadline=None, derandomize=True)
CLOSE: dict[str, Any] = {"abs": 1e-6, "rel": 1e-7}
EXACT = Limits(gap=0.0, threads=1)


def solved(i: Instance) -> Solution:
    return ExtensiveForm().solve(i, EXACT)


def paid(i: Instance, decision: Decision) -> np.ndarray:
    """What the recourse costs in every scenario."""
    outcomes = Recourse(i, compile_instance(i)).outcomes(decision)
    return outcomes.weighted + outcomes.side


def minimised(model: Any) -> tuple[Compiled, Result]:
    """A model solved from the point of supporting nothing, as the extensive form is."""
    compiled = compile_model(model)
    columns = compiled.first_stage.astype(np.int32)
    return compiled, solve(compiled.program, gap=0.0, start=(columns, compiled.values(Decision())[columns]))


def dear_elsewhere(i: Instance) -> Instance:
    """Contracts cost other members than the first ten times as much: it gives what it may."""
    return altered(
        i,
        shares={
            k: replace(s, cost_usd_m=s.cost_usd_m * (1.0 if k[0] == i.members[0] or k[2] != "cfd" else 10.0))
            for k, s in i.shares.items()
        },
    )


def unrestricted(i: Instance) -> Instance:
    return altered(i, benchmarks={}, payout_limit={}, payouts={})


class TestTail:
    @given(seed=SEEDS, level=st.floats(0.0, 0.99))
    @few
    def test_no_weight_is_risk_neutral(self, seed: int, level: float) -> None:
        """lambda = 0: the level means nothing, and the objective is the mean."""
        i = altered(random_instance(seed), cvar_weight=0.0)
        found = solved(altered(i, cvar_level=level))
        assert found.objective == pytest.approx(solved(i).objective, **CLOSE)
        assert found.decision is not None
        mean = float(i.scenarios.probability @ paid(i, found.decision))
        first = i.cost_weight * found.decision.public_cost(i) + found.decision.penalty(i)
        assert found.objective == pytest.approx(mean + first, **CLOSE)

    @given(seed=SEEDS)
    @few
    def test_a_tail_of_one_scenario_is_the_worst_case(self, seed: int) -> None:
        """beta beyond 1 - the smallest probability: the same as min max over scenarios, stated without CVaR."""
        i = random_instance(seed)
        level = 1.0 - 0.5 * float(i.scenarios.probability.min())
        i = altered(i, cvar_weight=1.0, cvar_level=level)
        found = solved(i)
        model = build_extensive_form(i)
        for excess in model.excess.values():
            excess.fix(0.0)  # what is left of CVaR is eta, at least every outcome
        assert found.objective == pytest.approx(minimised(model)[1].objective, **CLOSE)
        assert found.decision is not None
        first = i.cost_weight * found.decision.public_cost(i) + found.decision.penalty(i)
        assert found.objective == pytest.approx(float(paid(i, found.decision).max()) + first, **CLOSE)

    @given(seed=SEEDS, weight=st.floats(0.05, 1.0), level=st.floats(0.05, 0.95))
    @few
    def test_cvar_of_the_solver_is_cvar_recomputed(self, seed: int, weight: float, level: float) -> None:
        """In both engines: value of the model's expression, sorted tail of the outcomes, objective."""
        i = tail_averse(random_instance(seed), weight, level)
        compiled, result = minimised(build_extensive_form(i))
        decision, by_name = compiled.decision(result.x), dict(zip(compiled.columns, result.x, strict=True))
        excess = np.array([by_name["excess", s] for s in range(i.scenarios.size)])
        solver = by_name["eta", None] + float(i.scenarios.probability @ excess) / (1.0 - level)
        assert solver == pytest.approx(cvar(paid(i, decision), i.scenarios.probability, level), **CLOSE)
        assert Benders().solve(i, EXACT).objective == pytest.approx(result.objective, **CLOSE)

    @given(seed=SEEDS)
    @few
    def test_duplicate_scenarios_change_nothing(self, seed: int) -> None:
        """Each scenario twice at half its probability, in the mean and in the tail."""
        i = tail_averse(random_instance(seed), 0.5, 0.6)
        s = i.scenarios
        twice = s.take(np.repeat(np.arange(s.size), 2))
        assert solved(replace(i, scenarios=twice)).objective == pytest.approx(solved(i).objective, **CLOSE)


class TestBenchmarks:
    @given(seed=SEEDS, more=st.floats(0.0, 30.0))
    @few
    def test_a_stricter_target_is_never_better(self, seed: int, more: float) -> None:
        for penalty in (None, 1.5):
            i = unrestricted(random_instance(seed))
            looser, stricter = with_benchmarks(i, 20.0, penalty), with_benchmarks(i, 20.0 + more, penalty)
            assert solved(stricter).objective >= solved(looser).objective - 1e-6
            assert solved(looser).objective >= solved(i).objective - 1e-6

    @given(seed=SEEDS)
    @few
    def test_what_is_met_anyway_changes_nothing(self, seed: int) -> None:
        i = unrestricted(random_instance(seed))
        for penalty in (None, 5.0):
            idle = altered(i, benchmarks={"met": Benchmark(-3.0, dict.fromkeys(i.options, 1.0), penalty)})
            assert solved(idle).objective == pytest.approx(solved(i).objective, **CLOSE)

    @given(seed=SEEDS)
    @few
    def test_a_high_penalty_is_a_requirement(self, seed: int) -> None:
        """Where the target can be met."""
        i = unrestricted(random_instance(seed))
        required = solved(with_benchmarks(i, 15.0))
        if required.decision is None:
            return
        penalised = solved(with_benchmarks(i, 15.0, 1e5))
        assert penalised.objective == pytest.approx(required.objective, **CLOSE)

    def test_the_penalty_is_in_the_objective(self) -> None:
        """42 of 50 t/y can be had: 8 are missing at 3 each."""
        i = tiny_instance()
        benchmark = Benchmark(50.0, {k: 42.0 for k in i.options if k[0] == "plant"}, 3.0)
        found = solved(altered(i, benchmarks={"processing": benchmark}))
        assert found.decision is not None
        assert found.decision.penalty(altered(i, benchmarks={"processing": benchmark})) == pytest.approx(24.0)
        assert found.objective == pytest.approx(solved(i).objective + 24.0)

    @pytest.mark.parametrize("penalty", [None, 2.0])
    def test_both_engines_agree(self, penalty: float | None) -> None:
        i = with_benchmarks(with_transfers(tiny_instance()), penalty=penalty, names=("extraction",))
        assert Benders().solve(i, EXACT).objective == pytest.approx(solved(i).objective, **CLOSE)

    def test_out_of_reach(self) -> None:
        """No portfolio, in either engine, and the benchmark is named."""
        i = with_benchmarks(tiny_instance(), 1000.0, names=("processing",))
        assert not solved(i).status.feasible
        assert not Benders().solve(i, EXACT).status.feasible
        assert any("benchmarks required (8a)" in why for why in diagnose(i))
        nobody = altered(i, benchmarks={"processing": Benchmark(1.0, {})})
        assert not solved(nobody).status.feasible


class TestPayouts:
    @given(seed=SEEDS, factor=st.floats(0.0, 0.95))
    @few
    def test_a_limit_below_the_optimum_binds(self, seed: int, factor: float) -> None:
        """It is kept, in exact terms, and costs; one at what the optimum uses costs nothing."""
        i = unrestricted(random_instance(seed))
        free = with_payout_limit(i, 1e6)
        best = solved(free)
        assert best.decision is not None
        used = payout_tail(free, best.decision, i.members[0])
        assert solved(with_payout_limit(i, used + 1e-6)).objective == pytest.approx(best.objective, **CLOSE)
        assert best.objective == pytest.approx(solved(i).objective, **CLOSE)
        tight = with_payout_limit(i, used * factor)
        found = solved(tight)
        assert found.decision is not None
        assert found.objective >= best.objective - 1e-6
        assert payout_tail(tight, found.decision, i.members[0]) <= used * factor + 1e-6

    def test_cvar_of_the_solver_is_cvar_recomputed(self) -> None:
        """A limit that binds: the row, the sorted tail and the referee say the same."""
        free = only(
            dear_elsewhere(rich(tiny_instance(Shape(kinds=("loan", "cfd"))))), lambda key: key[1] == "contracted"
        )
        i = with_payout_limit(free, 12.0)
        found = solved(i)
        assert found.decision is not None
        member = i.members[0]
        assert payout_tail(i, found.decision, member) == pytest.approx(12.0, abs=1e-6)
        assert tail_by_referee(i, found.decision, member) == pytest.approx(12.0, abs=1e-6)
        assert solved(with_payout_limit(free, 1e6)).objective < found.objective - 1e-3
        assert Benders().solve(i, EXACT).objective == pytest.approx(found.objective, **CLOSE)

    def test_it_is_the_tail_of_the_sum(self) -> None:
        """Two contracts that never pay together: the joint tail is half the sum of the single ones."""
        i = tiny_instance(ALL_KINDS)
        keys = [k for k in i.shares if k[0] == i.members[0] and k[2] in ("cfd", "offtake")][:2]
        payouts = {keys[0]: np.array([100.0, 0.0]), keys[1]: np.array([0.0, 100.0])}
        i = altered(i, payout_limit={i.members[0]: 1.0}, payouts=payouts, payout_level=0.5)
        both = Decision(share=dict.fromkeys(keys, 0.5))
        assert payout_tail(i, both, i.members[0]) == pytest.approx(50.0)
        assert payout_tail(i, Decision(share={keys[0]: 0.5}), i.members[0]) == pytest.approx(50.0)

    def test_the_rule_that_stands_in_the_way_is_named(self) -> None:
        i = with_payout_limit(tiny_instance(ALL_KINDS, must=frozenset({"plant"})), 0.0)
        only_contracts = {k: s for k, s in i.shares.items() if k[0] == i.members[0] and k[3] != "merchant"}
        options = {k: o for k, o in i.options.items() if k[1] == "contracted"}
        poor = altered(
            i,
            shares={k: s for k, s in only_contracts.items() if (k[1], k[3], k[4]) in options},
            options=options,
            output=i.scenarios.output[:, [list(i.options).index(k) for k in options]],
            contracted=i.scenarios.contracted[:, [list(i.options).index(k) for k in options]],
            budget=dict.fromkeys(i.budget, 500.0),
            liquidity=dict.fromkeys(i.liquidity, 500.0),
        )
        assert any("tail of payouts (7c)" in why for why in diagnose(poor))


def test_a_purchase_at_its_limit_to_a_solvers_tolerance() -> None:
    """Purchases keep (12a) to 1e-7 or so; the recourse must not fail on what is beyond."""
    i = with_stock(tiny_instance(), stock_loss=0.0)
    key = i.purchases[0]
    recourse = Recourse(i, compile_instance(i))
    at, over = (Decision(purchase={key: 15.0 + beyond}) for beyond in (0.0, 8e-7))
    value, more = (objective(i, d, recourse.outcomes(d)) for d in (at, over))
    assert more == pytest.approx(value, abs=1e-5)


def test_models_have_no_rows_for_what_is_off() -> None:
    """Without benchmarks and limits the programme is what it was."""
    model = build_extensive_form(tiny_instance())
    for name in ("benchmark", "payout_tail", "payout_beyond", "miss", "payout_eta", "payout_excess"):
        assert len(getattr(model, name)) == 0
    assert not any(v.name.startswith(("miss", "payout")) for v in model.component_data_objects(pyo.Var))
