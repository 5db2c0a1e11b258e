"""The door to the solver: statuses, bounds, starts; and equations compiled against a programme written by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy import sparse

from models import Decision, build_extensive_form
from portfolio.engine import ExtensiveForm, Limits, Progress, Status
from portfolio.engine.compile import FIRST_STAGE, compile_model
from portfolio.engine.extensive import polish
from portfolio.engine.highs import LinearProgram, SolverError, solve
from tests.models.instances import VARIATIONS, altered, tiny_instance
from tests.oracle import oracle_value


def knapsack(seed: int, items: int = 25, rows: int = 3, integer: bool = True) -> LinearProgram:
    """Max value within several capacities: hard enough not to be solved at once."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(10, 100, (rows, items)).astype(float)
    return LinearProgram(
        cost=-(weight.mean(axis=0) + rng.integers(1, 10, items)),
        offset=7.0,
        matrix=sparse.csc_array(weight),
        row_lower=np.full(rows, -np.inf),
        row_upper=weight.sum(axis=1) // 2,
        lower=np.zeros(items),
        upper=np.ones(items),
        integer=np.full(items, integer),
    )


def one(lower: float, upper: float, row: tuple[float, float], cost: float = 1.0) -> LinearProgram:
    """Min cost x with x and 2 x within bounds."""
    return LinearProgram(
        cost=np.array([cost]),
        offset=0.5,
        matrix=sparse.csc_array(np.array([[2.0]])),
        row_lower=np.array([row[0]]),
        row_upper=np.array([row[1]]),
        lower=np.array([lower]),
        upper=np.array([upper]),
        integer=np.array([False]),
    )


class TestStatus:
    def test_optimum_of_a_linear_programme(self) -> None:
        found = solve(one(0.0, 10.0, (3.0, np.inf)))
        assert found.status == "optimal"
        assert found.x == pytest.approx([1.5])
        assert found.objective == found.bound == pytest.approx(2.0)

    @pytest.mark.parametrize("integer", [False, True])
    def test_infeasible(self, integer: bool) -> None:
        found = solve(replace(one(0.0, 1.0, (3.0, np.inf)), integer=np.array([integer])))
        assert (found.status, found.x, found.objective) == ("infeasible", None, np.inf)

    def test_unbounded_is_an_error(self) -> None:
        with pytest.raises(SolverError, match="Unbounded"):
            solve(one(-np.inf, np.inf, (-np.inf, 3.0)))

    def test_time_limit_is_said(self) -> None:
        found = solve(knapsack(1, items=200, rows=20), time_limit_s=0.1, threads=1)
        assert found.status == "time limit"
        assert found.bound < found.objective

    def test_gap(self) -> None:
        exact, rough = solve(knapsack(2)), solve(knapsack(2), gap=0.05)
        assert exact.objective == pytest.approx(exact.bound)
        assert rough.bound <= exact.objective + 1e-9 <= rough.objective + 2e-9
        assert abs(rough.objective - rough.bound) <= 0.05 * abs(rough.objective) + 1e-9

    def test_relaxation_bounds(self) -> None:
        assert solve(knapsack(2, integer=False)).objective < solve(knapsack(2)).objective


class TestStart:
    def test_a_start_is_what_a_stopped_search_has_at_least(self) -> None:
        program = knapsack(3, items=200, rows=20)
        good = solve(program, time_limit_s=2.0, threads=1)
        columns = np.arange(200, dtype=np.int32)
        again = solve(program, time_limit_s=0.1, threads=1, start=(columns, np.round(good.x)))
        assert again.objective <= good.objective + 1e-6

    def test_a_part_of_a_start_is_completed(self) -> None:
        program = knapsack(4)
        best = solve(program)
        columns = np.arange(12, dtype=np.int32)
        found = solve(program, start=(columns, np.round(best.x[:12])))
        assert found.objective == pytest.approx(best.objective)

    def test_an_impossible_start_does_no_harm(self) -> None:
        columns = np.arange(25, dtype=np.int32)
        found = solve(knapsack(4), start=(columns, np.ones(25)))
        assert found.objective == pytest.approx(solve(knapsack(4)).objective)

    def test_better_portfolios_are_told(self) -> None:
        program, told = knapsack(5), []
        found = solve(program, improved=lambda x: told.append(x.copy()))
        values = [float(program.cost @ x) + program.offset for x in told]
        assert values[-1] == pytest.approx(found.objective)
        assert values == sorted(values, reverse=True)


class TestProgress:
    hard = knapsack(1, items=100, rows=10)

    def test_it_is_told_and_nothing_is_printed(self, capfd: pytest.CaptureFixture[str]) -> None:
        told: list[tuple[float, float, float]] = []
        found = solve(self.hard, time_limit_s=1.0, progress=lambda *state: told.append(state))
        assert told
        assert all(bound <= found.objective + 1e-6 for _, _, bound in told)
        assert capfd.readouterr() == ("", "")

    def test_an_interruption_keeps_what_is_found(self) -> None:
        told: list[float] = []

        def stop(seconds: float, objective: float, bound: float) -> None:
            told.append(objective)
            if len(told) == 3:
                raise KeyboardInterrupt

        found = solve(self.hard, time_limit_s=60.0, progress=stop)
        assert found.status == "interrupted"
        assert found.x is not None
        assert found.bound < found.objective <= told[2] + 1e-6

    def test_an_error_of_the_listener_comes_through(self) -> None:
        def fail(seconds: float, objective: float, bound: float) -> None:
            raise LookupError("no terminal")

        with pytest.raises(LookupError, match="no terminal"):
            solve(self.hard, time_limit_s=60.0, progress=fail)


class TestExtensiveForm:
    def test_stopped_before_any_portfolio_is_not_infeasible(self) -> None:
        """Without a portfolio and without proof the status is the limit's."""
        i = VARIATIONS["must support"]()
        found = ExtensiveForm().solve(i, Limits(gap=0.0, time_limit_s=1e-9, threads=1))
        assert found.decision is not None or found.status is Status.TIME_LIMIT

    def test_progress_counts_from_the_start_of_the_engine(self) -> None:
        told: list[Progress] = []
        found = ExtensiveForm().solve(VARIATIONS["structures"](), Limits(gap=0.0, threads=1), progress=told.append)
        assert all(t.seconds >= found.seconds["build"] for t in told)
        assert all(t.bound <= found.objective + 1e-6 for t in told)

    def test_threads_and_repetition_change_nothing(self) -> None:
        i = VARIATIONS["caps on every kind"]()
        one_, two = (ExtensiveForm().solve(i, Limits(gap=0.0, threads=n)) for n in (1, 2))
        again = ExtensiveForm().solve(i, Limits(gap=0.0, threads=1))
        assert one_.objective == pytest.approx(two.objective, abs=1e-9)
        assert (again.objective, again.decision) == (one_.objective, one_.decision)

    def test_sizes_are_those_of_the_programme(self) -> None:
        i = tiny_instance()
        size = ExtensiveForm().solve(i, Limits()).size
        model = build_extensive_form(i)
        rows = [c for c in model.component_data_objects(pyo.Constraint) if c.body.polynomial_degree() == 1]
        assert 0 <= len(rows) - size["rows"] <= 10  # rows whose every coefficient cancels are dropped
        binaries = [v for v in model.component_data_objects(pyo.Var) if v.is_binary()]
        assert size["integers"] == len(binaries)

    def test_polish_gives_whole_numbers_and_no_worse_value(self) -> None:
        compiled = compile_model(build_extensive_form(tiny_instance()))
        raw = solve(compiled.program)
        shaken = raw.x + np.where(compiled.program.integer, 1e-7, 0.0)
        found = polish(compiled.program, shaken)
        whole = found.x[compiled.program.integer]
        assert (whole == np.round(whole)).all()
        assert found.objective == pytest.approx(oracle_value(tiny_instance())[0], abs=1e-7)


class TestCompile:
    def test_a_programme_written_by_hand(self) -> None:
        """min 2 x + 3 y + 4 - z: every kind of row and bound, each in its place."""
        m = pyo.ConcreteModel()
        m.x = pyo.Var(domain=pyo.NonNegativeReals)
        m.y = pyo.Var(["a", "b"], bounds=(-1.0, 5.0))
        m.z = pyo.Var(domain=pyo.Binary)
        m.free = pyo.Var()
        m.low = pyo.Constraint(expr=m.x + 2 * m.y["a"] >= 1.0)
        m.high = pyo.Constraint(expr=m.y["b"] - m.z <= 2.0 - m.x)
        m.same = pyo.Constraint(expr=m.free - 3 * m.x == 6.0)
        m.objective = pyo.Objective(expr=2 * m.x + 3 * m.y["a"] + 4.0 - m.z)
        found = compile_model(m)
        p, at = found.program, {column: n for n, column in enumerate(found.columns)}
        x, a, b, z, free = (at["x", None], at["y", "a"], at["y", "b"], at["z", None], at["free", None])
        assert p.offset == 4.0
        assert (p.cost[[x, a, b, z, free]] == [2.0, 3.0, 0.0, -1.0, 0.0]).all()
        assert (p.lower[[x, a, b, z, free]] == [0.0, -1.0, -1.0, 0.0, -np.inf]).all()
        assert (p.upper[[x, a, b, z, free]] == [np.inf, 5.0, 5.0, 1.0, np.inf]).all()
        assert set(np.flatnonzero(p.integer)) == {z}
        rows = {tuple(row[[x, a, b, z, free]]): n for n, row in enumerate(p.matrix.toarray())}
        low, high, same = (
            rows[1.0, 2.0, 0.0, 0.0, 0.0],
            rows[1.0, 0.0, 1.0, -1.0, 0.0],
            rows[-3.0, 0.0, 0.0, 0.0, 1.0],
        )
        assert (p.row_lower[[low, high, same]] == [1.0, -np.inf, 6.0]).all()
        assert (p.row_upper[[low, high, same]] == [np.inf, 2.0, 6.0]).all()
        assert (found.row_owner == FIRST_STAGE).all()

    def test_every_column_and_row_has_its_scenario(self) -> None:
        i = tiny_instance()
        model = build_extensive_form(i)
        found = compile_model(model)
        for s in range(i.scenarios.size):
            block = model.scenario[s]
            assert (found.row_owner == s).sum() == len(list(block.component_data_objects(pyo.Constraint)))
            used = {name for (name, _), owner in zip(found.columns, found.column_owner, strict=True) if owner == s}
            assert {"shallow", "deep", "make", "running"} <= used
        names = {found.columns[c][0] for c in found.first_stage}
        assert names == {"select", "use", "take", "share", "rights"}

    def test_risk_columns_are_no_decision(self) -> None:
        found = compile_model(build_extensive_form(altered(tiny_instance(), cvar_weight=0.5)))
        outer = {found.columns[c][0] for c in np.flatnonzero(found.column_owner == FIRST_STAGE)}
        assert {"eta", "excess"} <= outer
        assert not {"eta", "excess"} & {found.columns[c][0] for c in found.first_stage}

    def test_decision_and_values_are_inverse(self) -> None:
        i = tiny_instance()
        found = compile_model(build_extensive_form(i))
        best = ExtensiveForm().solve(i, Limits(gap=0.0)).decision
        x = np.zeros(found.program.cost.size)
        x[found.first_stage] = found.values(best)[found.first_stage]
        assert found.decision(x) == best
        x[found.first_stage[0]] -= 1e-7
        assert set(found.decision(x).select.values()) <= {0.0, 1.0}
        assert found.decision(np.zeros_like(x)) == Decision()


def test_enough_ends_a_search_at_the_first_point_that_good() -> None:
    """What is found is good enough, bounds still hold, and out of reach it changes nothing."""
    programme = knapsack(3)
    best = solve(programme)
    enough = best.objective + 0.2 * abs(best.objective)
    found = solve(programme, enough=enough)
    assert found.status in ("enough", "optimal")
    assert best.objective - 1e-6 <= found.objective <= enough
    assert found.bound <= best.objective + 1e-6
    beyond = solve(programme, enough=best.objective - 1.0)
    assert (beyond.status, beyond.objective) == ("optimal", pytest.approx(best.objective))
