"""Frontiers: the tiny case by hand, every point against a solve of its own, monotone, going on, jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import portfolio
from portfolio.report.errors import UsageError
from portfolio.report.study import Study
from portfolio.studies import points, rounds
from portfolio.studies.budgets import budget_changes, marginal, scaled, within
from portfolio.studies.differences import Weights
from portfolio.studies.envelope import envelope_of_costs
from tests.builders import tiny_case
from tests.portfolio.studies.answers import answer, check_same
from tests.portfolio.studies.cases import risky_case

TINY = Path(__file__).resolve().parents[3] / "inputs" / "tiny"
FAST: dict[str, Any] = {"scenarios": 6, "gap": 1e-4, "fresh": 40, "threads": 1}
BUDGETS: dict[str, Any] = {"at": (0.5, 1.0, 2.0, 4.0), "step": 0.5}


@pytest.fixture(scope="module")
def risky() -> Study:
    return portfolio.frontier(risky_case(), **BUDGETS, **FAST)


class TestTiny:
    """docs/tiny.md: the chain takes 90 and leaves 570, INTEG 112.48 (400); with 240 all three are had."""

    @pytest.fixture(scope="class")
    @staticmethod
    def found() -> Study:
        at = (0.5, 0.75, 1.0, 2.0)
        return portfolio.frontier(TINY, at=at, target=0.5, scenarios=3, fresh=20, gap=1e-6)

    def test_known_points(self, found: Study) -> None:
        rows = found.table.set_index("value")
        assert rows["weighted"].round(6).to_dict() == {0.5: 1200, 0.75: 570, 1.0: 400, 2.0: 0}
        assert rows["budget_usd_m"].to_dict() == {0.5: 60, 0.75: 90, 1.0: 120, 2.0: 240}
        assert rows["supported"].to_dict() == {0.5: "", 0.75: "MINE SEPAR", 1.0: "INTEG", 2.0: "INTEG MINE SEPAR"}
        assert rows["reduction"][1.0] == pytest.approx(2 / 3)

    def test_known_changes(self, found: Study) -> None:
        rows = found.table.set_index("value")
        assert rows["weighted_change"].round(6).tolist()[1:] == [-630, -170, -400]
        assert np.isnan(rows["weighted_change"][0.5])
        assert (rows["weighted_told_apart"][1:] == 1).all()

    def test_cheapest_budget_is_that_of_the_chain(self, found: Study) -> None:
        goal = found.figures["target"]
        assert goal["shortfall_at_most"] == pytest.approx(600)
        assert goal["impossible_budget_usd_m"] < 90 <= goal["reached_budget_usd_m"]
        assert goal["reached_budget_usd_m"] - goal["impossible_budget_usd_m"] <= 0.04 * 120
        assert goal["supported"] == ["MINE", "SEPAR"]
        assert goal["fresh_weighted"] == pytest.approx(570)

    def test_no_claim_of_value_where_there_is_none(self, found: Study) -> None:
        rows = found.tables["marginal"]
        last = rows[rows["value"] == 2.0]
        assert len(last) == 2
        assert (last["proven_high"].abs() < 1e-4).all()
        assert not last["certain"].any()


def test_every_point_agrees_with_a_solve_of_its_own(risky: Study) -> None:
    """The case's budgets times a factor, assembled and solved with nothing shared."""
    for row in risky.table.to_dict(orient="records"):
        factors = dict.fromkeys(("EUF", "JOG"), row["value"])
        run = portfolio.solve(scaled(risky_case(), factors), scenarios=6, gap=1e-4, method="extensive")
        assert row["bound_in_sample"] <= run.solution.objective * (1 + 1e-6)
        assert row["objective_in_sample"] >= run.solution.bound * (1 - 1e-6)


def test_marginals_agree_with_solves_of_their_own(risky: Study) -> None:
    for row in risky.tables["marginal"].to_dict(orient="records"):
        factors = dict.fromkeys(("EUF", "JOG"), row["value"])
        values = []
        for more in (0.0, 0.5):
            now = factors | {row["member"]: row["value"] + more}
            run = portfolio.solve(scaled(risky_case(), now), scenarios=6, gap=1e-5, method="extensive")
            values.append((run.solution.bound, run.solution.objective))
        (low, high), (low_more, high_more) = values
        assert row["step_usd_m"] == pytest.approx(80)
        assert row["proven_high"] * 80 >= low - high_more - 1e-6
        assert row["proven_low"] * 80 <= high - low_more + 1e-6
        assert row["proven_low"] <= row["per_usd_m"] + 1e-12
        assert row["per_usd_m"] <= row["proven_high"] + 1e-12


def test_more_budget_never_hurts(risky: Study) -> None:
    assert (np.diff(risky.table["objective_in_sample"]) <= 1e-9).all()
    assert (np.diff(risky.table["bound_in_sample"]) <= 1e-9).all()
    assert (risky.tables["marginal"]["per_usd_m"] >= 0).all()
    assert risky.table["objective_in_sample"].iloc[0] > risky.table["objective_in_sample"].iloc[-1] + 1


@pytest.mark.parametrize(("over", "key"), [("risk", "risk.cvar_weight"), ("cost", "objective.cost_weight")])
def test_weights_agree_with_solves_of_their_own(over: str, key: str) -> None:
    at = (0.0, 0.5) if over == "risk" else (0.0, 0.01, 5.0)
    found = portfolio.frontier(TINY, over=over, at=at, scenarios=6, gap=1e-5, fresh=0, overrides=["hazards.rate=0.4"])
    assert list(found.tables) == ["frontier"]
    for row in found.table.to_dict(orient="records"):
        run = portfolio.solve(TINY, scenarios=6, gap=1e-5, overrides=["hazards.rate=0.4", f"{key}={row['value']}"])
        assert row["objective_in_sample"] == pytest.approx(run.solution.objective, rel=1e-4)
    if over == "cost":
        assert (np.diff(found.table["public_cost_usd_m"]) <= 1e-9).all()


def test_one_member_alone() -> None:
    found = portfolio.frontier(TINY, at=(0.0, 1.0), member="EUF", step=0, scenarios=3, fresh=0)
    assert found.table["budget_usd_m"].tolist() == [60, 120]
    assert found.tables["marginal"].empty
    run = portfolio.solve(TINY, scenarios=3, overrides=["budgets.budget_usd_m[EUF,*]=0"])
    assert found.table["objective_in_sample"][0] == pytest.approx(run.solution.objective, rel=0.01)


def test_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, solved = rounds.solve_point, []
    ask: dict[str, Any] = {"at": (0.5, 1.0, 2.0), "step": 0.0, "target": 0.5, "scenarios": 3, "fresh": 20}
    whole = portfolio.frontier(TINY, **ask)

    def killed(point: points.Point, *given: Any, **named: Any) -> Any:
        if len(solved) == 5:
            raise KeyboardInterrupt
        solved.append(point.name)
        return usual(point, *given, **named)

    monkeypatch.setattr(rounds, "solve_point", killed)
    with pytest.raises(KeyboardInterrupt):
        portfolio.frontier(TINY, **ask, out=tmp_path / "study")
    before = list(solved)
    assert before[:3] == ["budget-2.0", "budget-1.0", "budget-0.5"]
    assert before[3] == "target-2.0"
    monkeypatch.setattr(rounds, "solve_point", lambda p, *a, **k: solved.append(p.name) or usual(p, *a, **k))
    solved.clear()
    found = portfolio.frontier(TINY, **ask, out=tmp_path / "study")
    assert solved[0] == "budget-2.0"  # solved again, to teach, once for all rounds
    assert not set(solved[1:]) & set(before)
    check_same(found, whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["study"]


def test_jobs_change_no_number(risky: Study) -> None:
    check_same(portfolio.frontier(risky_case(), **BUDGETS, **FAST, jobs=2), risky)


class TestMarginal:
    PLAIN = Weights(0.0, 0.0, 0.95)

    def test_bounds_enclose_the_quotient(self) -> None:
        here, more = answer("here", objective=100, bound=98), answer("more", objective=90, bound=89)
        found = marginal(here, more, "EUF", 4.0, self.PLAIN, 0.95)
        assert (found.estimate, found.low, found.high) == (2.5, 2.0, 2.75)
        assert found.certain

    def test_overlapping_gaps_prove_nothing(self) -> None:
        here, more = answer("here", objective=100, bound=85), answer("more", objective=90, bound=84)
        found = marginal(here, more, "EUF", 4.0, self.PLAIN, 0.95)
        assert (found.low, found.high, found.certain) == (0.0, 4.0, False)

    def test_rounding_is_worth_nothing(self) -> None:
        here, more = answer("here", objective=100, bound=100), answer("more", objective=100 - 1e-9, bound=100 - 1e-9)
        assert not marginal(here, more, "EUF", 4.0, self.PLAIN, 0.95).certain

    def test_fresh_interval_that_holds_zero_is_no_certain_value(self) -> None:
        rng = np.random.default_rng(1)
        z = rng.normal(100, 10, 2000)
        here = answer("here", z, objective=100, bound=98)
        more = answer("more", z + rng.normal(0, 1, 2000), objective=90, bound=89)
        found = marginal(here, more, "EUF", 4.0, self.PLAIN, 0.95)
        assert found.fresh is not None
        assert found.fresh.low < 0 < found.fresh.high
        assert found.low > 0
        assert not found.certain


def test_budgets_and_lines_scale_together() -> None:
    case = tiny_case()
    half, whole = (budget_changes(case, {"EUF": f}) for f in (0.5, 1.0))
    assert half.budget is not None
    assert half.liquidity is not None
    assert half.budget["EUF", 2027] == 75
    assert half.budget["JOG", 2027] == 150
    assert half.liquidity == {"EUF": 0.1 * 150, "JOG": 0.1 * 300}
    assert within(half, whole)
    assert not within(whole, half)
    assert not within(half, budget_changes(case, {"JOG": 0.5}))


def test_envelope_of_costs() -> None:
    """At weight 2 the portfolio of weight 0 costs 100 + 2*10 = 120, less than the 125 found; its bound 95 holds too."""
    cheap = answer("0", objective=100, bound=95, cost=10)
    dear = answer("2", objective=125, bound=90, cost=5)
    first, second = envelope_of_costs([cheap, dear], [0.0, 2.0])
    assert (second.answer.objective, second.answer.bound, second.taken_from) == (120, 95, "0")
    assert (first.answer.objective, first.answer.bound, first.taken_from) == (100, 95, "")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"over": "time"}, "none of budget, risk, cost"),
        ({"at": (-1.0,)}, "at least 0"),
        ({"over": "risk", "at": (0.0, 1.5)}, "at most 1"),
        ({"member": "XX"}, "give one of EUF, JOG"),
        ({"over": "cost", "member": "EUF"}, "for a frontier over budgets"),
        ({"step": -0.1}, "step is a part"),
        ({"over": "risk", "target": 0.3}, "needs a frontier over budgets"),
        ({"target": 0.0}, "above 0"),
    ],
)
def test_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        portfolio.frontier(tiny_case(), **given)
