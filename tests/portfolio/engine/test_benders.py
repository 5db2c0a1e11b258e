"""The decomposition against the extensive form and an independent statement of the programme."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from models import Decision, Instance
from portfolio.engine import METHODS, Benders, ExtensiveForm, Limits, Progress, Solution, Status, choose
from portfolio.engine.assembled import compile_instance
from portfolio.engine.completion import Completion
from portfolio.engine.kernels import one_by_one, side_by_side
from portfolio.engine.passes import Passes
from portfolio.engine.protocol import Engine
from portfolio.engine.tree import TimeLimitError
from tests.models.instances import VARIATIONS, Shape, altered, random_instance, rich, tiny_instance, with_transfers
from tests.oracle import objective_value, oracle_value, recourse_value, violations

EXACT = Limits(gap=0.0, threads=1)
NAMES: tuple[str | int, ...] = (*VARIATIONS, *range(20, 40))
CLOSE = {"abs": 1e-6, "rel": 1e-9}


def instance(name: str | int) -> Instance:
    """An instance of that name or seed; some weigh the tail."""
    return random_instance(name) if isinstance(name, int) else VARIATIONS[name]()


@cache
def referee(name: str | int) -> float:
    return oracle_value(instance(name))[0]


@cache
def solved(name: str | int) -> Solution:
    return Benders().solve(instance(name), EXACT)


@pytest.mark.parametrize("name", NAMES)
def test_same_optimum_by_three_routes(name: str | int) -> None:
    i, found = instance(name), solved(name)
    assert found.status is Status.OPTIMAL
    assert found.objective == pytest.approx(referee(name), **CLOSE)
    assert ExtensiveForm().solve(i, EXACT).objective == pytest.approx(referee(name), **CLOSE)
    assert violations(i, found.decision) == []
    assert objective_value(i, found.decision) == pytest.approx(found.objective, **CLOSE)
    assert found.bound <= referee(name) + 1e-6


def test_must_support() -> None:
    """The project is selected although nothing would be better."""
    i = altered(instance("must support"), cost_weight=5.0)
    free = Benders().solve(altered(i, must=frozenset()), EXACT)
    bound = Benders().solve(i, EXACT)
    assert [key[0] for key in bound.decision.chosen if key[0] == "mine"]
    assert bound.objective == pytest.approx(oracle_value(i)[0], **CLOSE)
    assert bound.objective > free.objective + 1e-3


@pytest.mark.parametrize("engine", [Benders(), ExtensiveForm()])
def test_no_portfolio(engine: Engine) -> None:
    """The charge of a project that must be supported exceeds all budgets."""
    i = altered(instance("must support"), budget=dict.fromkeys(instance("must support").budget, 1.0))
    found = engine.solve(i, EXACT)
    assert found.status is Status.INFEASIBLE
    assert not found.status.feasible
    assert found.decision is None
    assert found.objective == np.inf


def test_no_portfolio_in_whole_numbers_only() -> None:
    """Shares of the relaxation could pay for half a project; no portfolio can."""
    i = altered(instance("must support"), must=frozenset({"mine", "plant", "refinery"}))
    assert oracle_value(i)[0] == np.inf
    for engine in (Benders(), ExtensiveForm()):
        assert engine.solve(i, EXACT).status is Status.INFEASIBLE


@pytest.mark.parametrize("engine", [Benders(), ExtensiveForm()])
def test_start_is_used(engine: Engine) -> None:
    """A start known to be optimal is the answer when there is no time to look for another."""
    i = instance("whole chain")
    best = solved("whole chain")
    again = engine.solve(i, EXACT, start=best.decision)
    assert again.objective == pytest.approx(best.objective, **CLOSE)
    hurried = engine.solve(i, Limits(gap=0.0, time_limit_s=1e-6, threads=1), start=best.decision)
    assert hurried.objective == pytest.approx(best.objective, **CLOSE)
    assert hurried.bound <= best.objective + 1e-9
    assert best.objective < objective_value(i, Decision()) - 1.0


@pytest.mark.parametrize("limit", [1e-6, 0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("engine", [Benders(), ExtensiveForm()])
def test_bounds_hold_however_early_it_stops(engine: Engine, limit: float) -> None:
    for name in (25, 29, "caps on every kind"):
        i = instance(name)
        found = engine.solve(i, Limits(gap=0.0, time_limit_s=limit, threads=1))
        assert found.bound <= referee(name) + 1e-6
        assert referee(name) <= found.objective + 1e-6
        if found.status is Status.OPTIMAL:
            assert found.objective == pytest.approx(referee(name), **CLOSE)
        if found.decision is not None:
            assert violations(i, found.decision) == []
            assert objective_value(i, found.decision) == pytest.approx(found.objective, abs=1e-6)


@pytest.mark.parametrize("gap", [0.5, 0.1, 0.02])
def test_the_gap_asked_for_is_kept(gap: float) -> None:
    for name in (24, 36, "transfers"):
        found = Benders().solve(instance(name), Limits(gap=gap, threads=1))
        assert found.status is Status.OPTIMAL
        assert found.gap <= gap
        assert found.bound <= referee(name) + 1e-6 <= found.objective + 2e-6


@pytest.mark.parametrize("after", [1, 2, 4])
def test_interruption_keeps_what_is_found(after: int) -> None:
    told: list[Progress] = []

    def stop(state: Progress) -> None:
        told.append(state)
        if len(told) == after:
            raise KeyboardInterrupt

    i = instance(25)
    found = Benders().solve(i, EXACT, progress=stop)
    assert found.status is Status.INTERRUPTED
    assert found.status.feasible
    assert found.objective == told[-1].objective
    assert objective_value(i, found.decision) == pytest.approx(found.objective, abs=1e-6)
    assert violations(i, found.decision) == []
    assert found.bound <= referee(25) + 1e-6 <= found.objective + 2e-6


def test_interruption_before_any_portfolio_claims_nothing() -> None:
    """Stopped is not infeasible: nothing was proven."""

    def stop(state: Progress) -> None:
        raise KeyboardInterrupt

    found = Benders().solve(instance("must support"), EXACT, progress=stop)
    assert found.status is Status.INTERRUPTED
    assert found.decision is None


def test_time_limit_before_any_portfolio_claims_nothing() -> None:
    found = Benders().solve(instance("must support"), Limits(gap=0.0, time_limit_s=1e-6, threads=1))
    assert found.decision is not None or found.status is Status.TIME_LIMIT


def test_progress_only_improves() -> None:
    told: list[Progress] = []
    found = Benders().solve(instance(25), EXACT, progress=told.append)
    for before, after in pairwise(told):
        assert after.objective <= before.objective
        assert after.bound >= before.bound
        assert after.seconds >= before.seconds
    assert all(t.bound <= referee(25) + 1e-6 <= t.objective + 2e-6 for t in told)
    assert told[-1].objective == found.objective


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_and_repetition_change_nothing(threads: int) -> None:
    for name in (29, "caps on every kind"):
        found = Benders().solve(instance(name), Limits(gap=0.0, threads=threads))
        assert found.objective == pytest.approx(solved(name).objective, abs=1e-9)
        again = Benders().solve(instance(name), EXACT)
        assert (again.objective, again.decision) == (solved(name).objective, solved(name).decision)


def test_choose() -> None:
    small, large = tiny_instance(), tiny_instance(Shape(scenarios=150))
    assert isinstance(choose("auto", small), ExtensiveForm)
    assert isinstance(choose("auto", large), Benders)
    assert isinstance(choose("auto", altered(large, cvar_weight=0.5)), Benders)
    assert isinstance(choose("extensive", large), ExtensiveForm)
    assert isinstance(choose("benders", small), Benders)
    assert METHODS == ("auto", "extensive", "benders")
    with pytest.raises(ValueError, match="unknown method 'magic'"):
        choose("magic", small)


class TestTail:
    """Weights and levels of the CVaR, from the mean alone to the tail alone."""

    @pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
    @pytest.mark.parametrize("level", [0.0, 0.5, 0.95])
    def test_every_weight_and_level(self, weight: float, level: float) -> None:
        for seed in (24, 33):
            i = altered(random_instance(seed), cvar_weight=weight, cvar_level=level)
            found = Benders().solve(i, EXACT)
            assert found.objective == pytest.approx(oracle_value(i)[0], **CLOSE)
            assert found.bound <= found.objective
            assert objective_value(i, found.decision) == pytest.approx(found.objective, **CLOSE)

    def test_many_scenarios_in_few_groups(self) -> None:
        """Scenarios of one group lie on both sides of the quantile."""
        i = altered(tiny_instance(Shape(scenarios=12, rng=np.random.default_rng(3))), cvar_weight=0.7, cvar_level=0.6)
        exact = ExtensiveForm().solve(i, EXACT).objective
        found = Benders().solve(i, EXACT)
        assert found.objective == pytest.approx(exact, **CLOSE)
        assert found.bound <= exact + 1e-6

    def test_bounds_hold_when_stopped(self) -> None:
        i = altered(random_instance(25), cvar_weight=0.6, cvar_level=0.7)
        exact = oracle_value(i)[0]
        for limit in (1e-6, 0.05, 0.1, 0.2):
            found = Benders().solve(i, Limits(gap=0.0, time_limit_s=limit, threads=1))
            assert found.bound <= exact + 1e-6 <= found.objective + 2e-6


class TestPasses:
    """Value and gradient of the recourse at random first-stage points."""

    names = ("stock", "transfers", "three stages", "fairness", "two materials", "partly available", 24, 29, 33)

    @staticmethod
    def points(i: Instance, count: int, seed: int) -> tuple[Passes, list[np.ndarray], list[Decision]]:
        """Points of whole and of fractional select and rights within what is supplied."""
        arrays = compile_instance(i)
        rng = np.random.default_rng(seed)
        decisions = []
        for _ in range(count):
            raw = {key: rng.random() for key in i.options}
            taken = {p: sum(x for key, x in raw.items() if key[0] == p) for p in i.projects}
            part = {p: rng.random() for p in i.projects}
            select = {key: x / taken[key[0]] * part[key[0]] for key, x in raw.items()}
            free = {key: 1.0 - i.max_precommitted[i.projects.index(key[0])] for key in i.options}
            rights = {c: rng.random() * free[c[1:]] * select[c[1:]] / len(i.regions) for c in i.claims}
            purchase = {key: 10.0 * rng.random() for key in i.purchases}
            decisions.append(Decision(select=select, rights=rights, purchase=purchase))
        passes = Passes(arrays.programme, ThreadPoolExecutor(2))
        return passes, [arrays.first.values(d) for d in decisions], decisions

    @staticmethod
    def by_scenario(passes: Passes) -> np.ndarray:
        """Gradient of every scenario, shape (S, L, x)."""
        weights = np.eye(passes.programme.scenarios)
        return np.array([passes.gradient(weight) for weight in weights])

    @pytest.mark.parametrize("name", names)
    def test_values_are_the_recourse(self, name: str | int) -> None:
        """An exact pass finds the value of every scenario, and so do prices and pieces after it."""
        i = instance(name)
        passes, points, decisions = self.points(i, 3, 1)
        for x, decision in zip(points, decisions, strict=True):
            found = passes.evaluate(x, exact=True)
            for s in range(i.scenarios.size):
                expected = recourse_value(i, decision, s)[1]["total"]
                assert found[s].sum() == pytest.approx(expected, abs=1e-6)
            again = passes.evaluate(x, exact=False)
            assert again == pytest.approx(found, abs=1e-6)

    @pytest.mark.parametrize("name", names)
    def test_old_prices_bound_from_below(self, name: str | int) -> None:
        passes, points, _ = self.points(instance(name), 6, 6)
        passes.evaluate(points[0], exact=True)
        cheap = [passes.evaluate(x, exact=False) for x in points]
        exact = [passes.evaluate(x, exact=True) for x in points]
        for low, value in zip(cheap, exact, strict=True):
            assert (low <= value + 1e-7).all()
        assert cheap[0] == pytest.approx(exact[0], abs=1e-7)

    @pytest.mark.parametrize("exact", [True, False])
    @pytest.mark.parametrize("name", names)
    def test_cuts_never_cut_off_a_value(self, name: str | int, exact: bool) -> None:
        """value(y) >= value(x) + gradient(x) (y - x), for every scenario and material."""
        passes, points, _ = self.points(instance(name), 8, 2)
        cuts = []
        for x in points:
            value = passes.evaluate(x, exact=exact)
            cuts.append((x, value, self.by_scenario(passes)))
        for y in points:
            worth = passes.evaluate(y, exact=True)
            for x, value, gradient in cuts:
                assert (worth >= value + gradient @ (y - x) - 1e-7).all()

    @pytest.mark.parametrize("name", names)
    def test_gradient_by_finite_differences(self, name: str | int) -> None:
        """Along random directions; a kink within the step shows in a one-sided slope below the other."""
        passes, points, _ = self.points(instance(name), 4, 3)
        rng, step, smooth = np.random.default_rng(4), 1e-5, 0
        for x in points:
            along = rng.normal(size=x.size) * (x > 0)
            middle = passes.evaluate(x, exact=True)
            slope = self.by_scenario(passes) @ along
            ahead, back = (passes.evaluate(x + sign * step * along, exact=True) for sign in (1, -1))
            right, left = (ahead - middle) / step, (middle - back) / step
            assert (left - 1e-4 <= slope).all()
            assert (slope <= right + 1e-4).all()
            smooth += int(np.abs(right - left).max() < 1e-3)
        assert smooth >= 2

    @pytest.mark.parametrize("name", names)
    def test_effects_and_their_adjoint(self, name: str | int) -> None:
        """Right-hand sides term by term; <y, T x> = <T' y, x> for random y and x."""
        passes, points, _ = self.points(instance(name), 2, 7)
        programme, rng = passes.programme, np.random.default_rng(8)
        data = programme.data(slice(0, programme.scenarios))
        stored, effects = passes.effects.store(data), passes.effects

        def rows_at(x: np.ndarray) -> np.ndarray:
            return one_by_one(effects.limits(effects.at(x), stored)[0], programme.scenarios).T

        base = rows_at(np.zeros_like(points[0]))
        for x in points:
            rows = rows_at(x)
            assert rows == pytest.approx(programme.rows_at(x, data), abs=1e-9)
            y = rng.normal(size=rows.shape)
            moved = float(effects.adjoint(side_by_side(y.T), stored).sum(axis=0) @ x)
            assert moved == pytest.approx(float((y * (rows - base)).sum()), rel=1e-9, abs=1e-9)

    @pytest.mark.parametrize("name", ["stock", "three stages", 24])
    def test_nothing_depends_on_threads(self, name: str | int) -> None:
        i = instance(name)
        _, points, _ = self.points(i, 4, 9)
        found = []
        for workers in (1, 2, 3):
            passes = Passes(compile_instance(i).programme, ThreadPoolExecutor(workers))
            values = [passes.evaluate(x, exact=n == 1) for n, x in enumerate(points)]
            found.append((np.array(values), passes.gradient(passes.programme.probability)))
        for values, gradient in found[1:]:
            assert (values == found[0][0]).all()
            assert (gradient == found[0][1]).all()

    def test_a_part_per_material(self) -> None:
        passes, _, _ = self.points(instance("two materials"), 1, 1)
        assert passes.programme.labels == 2

    def test_specks_of_tolerance_are_no_error(self) -> None:
        """Rights a hair above what is selected would make supply negative: it counts as zero."""
        i = with_transfers(rich(tiny_instance()))
        passes, points, _ = self.points(i, 1, 5)
        x = np.zeros_like(points[0])
        rights = [n for n, c in enumerate(compile_instance(i).first.columns) if c[0] == "rights"]
        plain = passes.evaluate(x, exact=True)
        x[rights] = 1e-9
        assert passes.evaluate(x, exact=True) == pytest.approx(plain, abs=1e-6)


def test_a_search_that_ends_before_its_first_node_keeps_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time over while first portfolios are made: the root is open, so the incumbent is no bound."""

    def over(_: Completion) -> None:
        raise TimeLimitError

    monkeypatch.setattr(Completion, "begin", over)
    found = Benders().solve(instance(25), EXACT)
    assert found.status is Status.TIME_LIMIT
    assert found.bound <= referee(25) + 1e-6 < found.objective
