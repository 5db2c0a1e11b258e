"""What has to hold for every instance, solved to a gap of zero."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Decision, Instance, Scenarios
from portfolio.engine.assembled import compile_instance
from portfolio.engine.extensive import ExtensiveForm
from portfolio.engine.protocol import Limits
from portfolio.evaluation.outcomes import Recourse, objective
from tests.models.instances import altered, only, random_instance

SEEDS = st.integers(1000, 9999)
few = settings(max_examples=8, deadline=None, derandomize=True)
CLOSE: dict[str, Any] = {"abs": 1e-6, "rel": 1e-7}


def optimum(i: Instance) -> float:
    return ExtensiveForm().solve(i, Limits(gap=0.0, threads=1)).objective


def without(i: Instance) -> float:
    """Objective of supporting nothing."""
    outcomes = Recourse(i, compile_instance(i)).outcomes(Decision())
    return objective(i, Decision(), outcomes)


class TestMoreIsNeverWorse:
    @given(seed=SEEDS, factor=st.floats(1.0, 5.0))
    @few
    def test_budget(self, seed: int, factor: float) -> None:
        i = random_instance(seed)
        more = altered(i, budget={k: b * factor for k, b in i.budget.items()})
        assert optimum(more) <= optimum(i) + 1e-6

    @given(seed=SEEDS, drop=st.integers(0, 10))
    @few
    def test_options(self, seed: int, drop: int) -> None:
        i = random_instance(seed)
        keys = list(i.options)
        assert optimum(i) <= optimum(only(i, lambda key: key != keys[drop % len(keys)])) + 1e-6

    @given(seed=SEEDS, drop=st.integers(0, 10))
    @few
    def test_instruments(self, seed: int, drop: int) -> None:
        i = random_instance(seed)
        banned = i.instruments[drop % len(i.instruments)]
        fewer = altered(i, shares={k: s for k, s in i.shares.items() if k[2] != banned})
        assert optimum(i) <= optimum(fewer) + 1e-6

    @given(seed=SEEDS)
    @few
    def test_support(self, seed: int) -> None:
        """The optimum is at most the counterfactual."""
        i = random_instance(seed)
        assert optimum(i) <= without(i) + 1e-6

    @given(seed=SEEDS)
    @few
    def test_solidarity(self, seed: int) -> None:
        """Being allowed to share never hurts the objective of all."""
        i = random_instance(seed)
        assert optimum(altered(i, solidarity=np.ones(len(i.stages)))) <= optimum(i) + 1e-6


class TestOrderDoesNotMatter:
    @given(seed=SEEDS, data=st.data())
    @few
    def test_projects(self, seed: int, data: st.DataObject) -> None:
        i, s = random_instance(seed), random_instance(seed).scenarios
        order = data.draw(st.permutations(range(len(i.projects))))
        names = ("captive", "process", "precommitted", "precommitted_to", "access", "utilisation")
        moved = altered(
            i,
            projects=tuple(i.projects[p] for p in order),
            unaided=s.unaided[:, order],
            lost=s.lost[:, order],
            **{name: getattr(i, name)[order] for name in names},
        )
        assert optimum(moved) == pytest.approx(optimum(i), **CLOSE)

    @given(seed=SEEDS, data=st.data())
    @few
    def test_options_and_shares(self, seed: int, data: st.DataObject) -> None:
        i, s = random_instance(seed), random_instance(seed).scenarios
        order = data.draw(st.permutations(range(len(i.options))))
        keys, shares = list(i.options), list(i.shares.items())
        moved = altered(
            i,
            options={keys[j]: i.options[keys[j]] for j in order},
            shares=dict(data.draw(st.permutations(shares))),
            members=i.members[::-1],
            instruments=i.instruments[::-1],
            output=s.output[:, order],
            contracted=s.contracted[:, order],
        )
        assert optimum(moved) == pytest.approx(optimum(i), **CLOSE)

    @given(seed=SEEDS, data=st.data())
    @few
    def test_scenarios(self, seed: int, data: st.DataObject) -> None:
        i = random_instance(seed)
        order = data.draw(st.permutations(range(i.scenarios.size)))
        assert optimum(replace(i, scenarios=_chosen(i.scenarios, order))) == pytest.approx(optimum(i), **CLOSE)

    @given(seed=SEEDS)
    @few
    def test_materials(self, seed: int) -> None:
        """No equation couples materials other than by the projects that yield them."""
        i, s = random_instance(seed), random_instance(seed).scenarios
        back = slice(None, None, -1)
        axis = {
            **dict.fromkeys(("captive", "process", "precommitted_to", "slots"), 2),
            **dict.fromkeys(("precommitted", "forecast"), 2),
            **dict.fromkeys(("incumbent_feed", "opening", "purchase_limit", "weight", "fairness_weight"), 1),
            **dict.fromkeys(("stock_cost", "shallow_share"), 0),
        }
        inner = {"disrupted": 1, "demand": 3, "imports": 4, "toll": 4, "reexport": 5, "available": 4, "cut": 2}
        moved = altered(
            i,
            materials=i.materials[back],
            **{name: np.flip(getattr(i, name), at) for name, at in axis.items()},
            **{name: np.flip(getattr(s, name), at) for name, at in inner.items()},
        )
        assert optimum(moved) == pytest.approx(optimum(i), **CLOSE)


class TestUnits:
    @given(seed=SEEDS, c=st.floats(0.2, 5.0))
    @few
    def test_tonnes(self, seed: int, c: float) -> None:
        """All tonnes times c, money per tonne divided by it: shortfall times c."""
        i, s = random_instance(seed), random_instance(seed).scenarios
        names = ("captive", "process", "incumbent_feed", "forecast", "slots", "opening", "purchase_limit")
        scaled = altered(
            i,
            **{name: getattr(i, name) * c for name in names},
            **{name: getattr(s, name) * c for name in ("demand", "imports", "toll", "reexport")},
            fairness_weight=i.fairness_weight * c,
            stock_cost=i.stock_cost / c,
            cost_weight=i.cost_weight * c,
            benchmarks={
                name: replace(b, need_tpy=b.need_tpy * c, gain_tpy={k: gain * c for k, gain in b.gain_tpy.items()})
                for name, b in i.benchmarks.items()
            },
        )
        assert optimum(scaled) == pytest.approx(c * optimum(i), **CLOSE)

    @given(seed=SEEDS, c=st.floats(0.2, 5.0))
    @few
    def test_money(self, seed: int, c: float) -> None:
        """Money in another unit changes nothing."""
        i = random_instance(seed)
        money = ("uses_usd_m", "equity_usd_m", "debt_usd_m", "debt_limit_usd_m")
        priced = ("charge_usd_m", "cost_usd_m", "payout95_usd_m")
        scaled = altered(
            i,
            options={k: replace(o, **{n: getattr(o, n) * c for n in money}) for k, o in i.options.items()},
            shares={k: replace(x, **{n: getattr(x, n) * c for n in priced}) for k, x in i.shares.items()},
            **{
                n: {k: x * c for k, x in getattr(i, n).items()}
                for n in ("budget", "liquidity", "fixed_cost", "min_ticket")
            },
            admin_usd_m=i.admin_usd_m * c,
            stock_cost=i.stock_cost * c,
            cost_weight=i.cost_weight / c,
        )
        assert optimum(scaled) == pytest.approx(optimum(i), **CLOSE)

    @given(seed=SEEDS)
    @few
    def test_scenarios_in_two_halves(self, seed: int) -> None:
        i = random_instance(seed)
        twice = _chosen(i.scenarios, [*range(i.scenarios.size)] * 2)
        halved = replace(twice, probability=twice.probability / 2)
        assert optimum(replace(i, scenarios=halved)) == pytest.approx(optimum(i), **CLOSE)


class TestLimits:
    @given(seed=SEEDS)
    @few
    def test_no_hazard_and_ample_supply(self, seed: int) -> None:
        i, s = random_instance(seed), random_instance(seed).scenarios
        imports = np.maximum(s.imports, s.demand[:, None])
        calm = altered(i, imports=imports, disrupted=np.zeros_like(s.disrupted), benchmarks={})
        assert optimum(calm) == pytest.approx(0.0, abs=1e-9)

    @given(seed=SEEDS)
    @few
    def test_zero_budget_gives_the_counterfactual(self, seed: int) -> None:
        i = random_instance(seed)
        solution = ExtensiveForm().solve(altered(i, budget=dict.fromkeys(i.budget, 0.0)), Limits(gap=0.0, threads=1))
        assert solution.objective == pytest.approx(without(i), **CLOSE)
        assert solution.decision is not None
        assert solution.decision.chosen == ()

    @given(seed=SEEDS)
    @few
    def test_certain_blocks_are_left_out_rightly(self, seed: int) -> None:
        """Scarce feed imports or not, Z of supporting nothing never rises when imports do."""
        i, s = random_instance(seed), random_instance(seed).scenarios
        more = altered(i, imports=s.imports * 1.2, reexport=s.reexport * 1.2)
        assert without(more) <= without(i) + 1e-6


def _chosen(s: Scenarios, order: list[int]) -> Scenarios:
    """Scenarios in another order, or repeated, with their probabilities."""
    return Scenarios(**{name: np.asarray(getattr(s, name))[order] for name in s.__dataclass_fields__})
