"""The product against an independent statement of the programme."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models.first_stage
import models.recourse
from models import Decision, Instance
from portfolio.engine.assembled import compile_instance
from portfolio.engine.extensive import ExtensiveForm
from portfolio.engine.protocol import Limits, Solution
from portfolio.evaluation.outcomes import Recourse, cvar, objective
from tests.models.instances import VARIATIONS, altered, random_instance
from tests.oracle import (
    cost_value,
    milp_value,
    objective_value,
    oracle_value,
    recourse_value,
    tail_mean,
    violations,
)

NAMES: tuple[str | int, ...] = (*VARIATIONS, *range(20))
EXACT = Limits(gap=0.0, threads=1)


def instance(name: str | int) -> Instance:
    return random_instance(name) if isinstance(name, int) else VARIATIONS[name]()


@cache
def solved(name: str | int) -> Solution:
    return ExtensiveForm().solve(instance(name), EXACT)


def test_instances_are_worth_solving() -> None:
    """In most instances support pays, so that agreement says something."""
    supported = [name for name in NAMES if solved(name).decision.chosen]
    assert len(supported) >= 0.8 * len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_optimum(name: str | int) -> None:
    i, solution = instance(name), solved(name)
    value, decision = oracle_value(i)
    assert solution.objective == pytest.approx(value, abs=1e-6, rel=1e-9)
    assert violations(i, solution.decision) == []
    assert objective_value(i, solution.decision) == pytest.approx(value, abs=1e-6)
    assert objective_value(i, decision) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("name", ["structures", "tickets", "repayments", "joint procurement", 0, 9])
def test_oracle_against_mixed_integer_solver(name: str | int) -> None:
    """The oracle's enumeration and SciPy's branch and bound agree on the oracle's statement."""
    i = instance(name)
    assert oracle_value(i)[0] == pytest.approx(milp_value(i), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_recourse(name: str | int) -> None:
    """Every scenario under the optimal decision and under none, and the objective made of them."""
    i = instance(name)
    recourse = Recourse(i, compile_instance(i))
    for decision in (solved(name).decision, Decision()):
        found = recourse.outcomes(decision)
        for s in range(i.scenarios.size):
            z, arrays = recourse_value(i, decision, s)
            assert found.weighted[s] + found.side[s] == pytest.approx(arrays["total"], abs=1e-6)
            if i.transfer_cost == 0 or (not i.fairness_weight.any() and not i.solidarity.any()):
                assert found.weighted[s] == pytest.approx(z, abs=1e-6)
        assert objective(i, decision, found) == pytest.approx(objective_value(i, decision), abs=1e-6)
        assert decision.public_cost(i) == pytest.approx(cost_value(i, decision), abs=1e-9)


def test_infeasible() -> None:
    """A project that has to be supported and cannot be paid: no portfolio, here and there."""
    i = VARIATIONS["must support"]()
    poor = altered(i, budget=dict.fromkeys(i.budget, 1.0))
    assert oracle_value(poor) == (np.inf, None)
    assert not ExtensiveForm().solve(poor, EXACT).status.feasible


@given(
    values=st.lists(st.floats(0, 1e4), min_size=1, max_size=8),
    level=st.floats(0.0, 0.95),
    seed=st.integers(0, 100),
)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_cvar(values: list[float], level: float, seed: int) -> None:
    """Sorted tail, dual linear programme and minimisation over all candidate quantiles."""
    weight = np.random.default_rng(seed).uniform(0.1, 1.0, len(values))
    z, p = np.array(values), weight / weight.sum()
    by_hand = min(eta + float(p @ np.maximum(z - eta, 0.0)) / (1.0 - level) for eta in [0.0, *values])
    assert cvar(z, p, level) == pytest.approx(by_hand, abs=1e-6, rel=1e-9)
    assert tail_mean(z, p, level) == pytest.approx(by_hand, abs=1e-6, rel=1e-9)


WITNESS = {
    "1": "joint procurement",
    "2": "plain",
    "3": "plain",
    "4": "plain",
    "4b": "must support",
    "4c": "feed binds",
    "5": "caps",
    "6": "plain",
    "6b": "placement binds",
    "7": "plain",
    "7b": "plain",
    "7c": "payouts in the tail",
    "8": "concentration",
    "8a": "benchmarks",
    "8b": "a member outside",
    "9": "plain",
    "10": "plain",
    "12": "stock",
    "12a": "stock",
    "13": "transfers",
}
"""An instance in which dropping the equation changes the optimum; (11), (14) and production define what others use."""


def test_every_equation_has_a_witness() -> None:
    numbers = {*models.first_stage.CONSTRAINTS, *models.recourse.CONSTRAINTS}
    assert numbers - set(WITNESS) == {"11", "14", "production"}


@pytest.mark.parametrize("number", WITNESS)
def test_witness(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the equation the comparison above would fail: the instances have teeth."""
    full = solved(WITNESS[number])  # before anything is taken away
    for module in (models.first_stage, models.recourse):
        if number in module.CONSTRAINTS:
            monkeypatch.delitem(module.CONSTRAINTS, number)
    loose = ExtensiveForm().solve(instance(WITNESS[number]), EXACT)
    assert loose.objective < full.objective - 1e-5
