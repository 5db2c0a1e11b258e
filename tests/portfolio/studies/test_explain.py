"""Why a project is in or out, against all sets of projects solved by the extensive form."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import portfolio
from portfolio.assemble.rules import RULES, without_rule
from portfolio.case.records import Case
from portfolio.engine.protocol import Limits, Status
from portfolio.engine.variation import Changes
from portfolio.report.errors import UsageError
from portfolio.report.run import Run
from portfolio.report.study import Study
from portfolio.studies.explain import explain
from portfolio.studies.explain_tables import Moved, Pair
from portfolio.studies.moving import move
from portfolio.studies.points import Answer
from portfolio.studies.solving import Prepared
from tests.portfolio.studies.cases import several_case
from tests.portfolio.studies.test_alternatives import by_enumeration

EXACT: dict[str, Any] = {"gap": 0.0, "threads": 1, "fresh": 0}


@cache
def run() -> Run:
    return portfolio.solve(several_case(), gap=0.0)


@cache
def found(project: str) -> Study:
    return explain(run(), project, moves=(), **EXACT)


@pytest.mark.parametrize("project", ["mine", "north", "plant", "south"])
def test_worth_by_enumeration(project: str) -> None:
    """Least objective of the sets without it minus that of the sets with it; the solver leaves nothing open."""
    value = by_enumeration()
    worth = min(v for s, v in value.items() if project not in s) - min(v for s, v in value.items() if project in s)
    figures = found(project).figures
    assert figures["worth_low"] == pytest.approx(worth, abs=1e-3)
    assert figures["worth_high"] == pytest.approx(worth, abs=1e-3)
    assert figures["worth_low"] <= worth + 1e-6
    assert figures["verdict"] == ("in" if worth > 0 else "not in") + " the best portfolio, proven"
    assert figures["in_run"] == (worth > 0)


def test_what_enters_and_makes_room() -> None:
    """The best with south is {mine, plant, south}, the best without it {mine, north}."""
    change = {r["project"]: r["change"] for r in found("south").figures["projects"]}
    assert change == {"mine": "stays", "north": "makes room for it", "plant": "enters with it"}


def test_rules_by_enumeration() -> None:
    """With ample budgets all may be supported; the pairs are those of the instance without the rule."""
    rules = {r["rule"]: r for r in found("south").figures["rules"]}
    assert set(rules) == set(RULES)
    ready = Prepared.of(several_case())
    for rule in ("the budgets (7)", "the liquidity lines (7b)"):
        values = {}
        for side, changes in (("with", {"must": frozenset({"south"})}), ("without", {"never": frozenset({"south"})})):
            instance = Changes(**changes).of(without_rule(ready.assembly.instance, rule))  # type: ignore[arg-type]
            values[side] = portfolio.engine_for("extensive", instance).solve(instance, Limits(0.0)).objective
        worth = values["without"] - values["with"]
        assert rules[rule]["worth_low"] == pytest.approx(worth, abs=1e-2)
        assert rules[rule]["lets_it_in"] == (worth > 0)


def answer(objective: float, bound: float, status: Status = Status.OPTIMAL) -> Answer:
    return Answer("", status, objective, bound, None)


def test_nothing_is_claimed_within_the_gap() -> None:
    never = answer(float("inf"), float("inf"), Status.INFEASIBLE)
    assert Pair("p", answer(100.0, 99.0), answer(102.0, 101.0)).proven is True
    assert Pair("p", answer(100.0, 99.0), answer(101.0, 99.5)).proven is None
    assert Pair("p", answer(102.0, 101.0), answer(100.0, 99.0)).proven is False
    assert Pair("p", never, answer(100.0, 99.0)).proven is False
    assert Pair("p", answer(100.0, 99.0), never).proven is True
    assert Pair("p", never, never).proven is None


def at(worth: float, gap: float) -> Pair:
    return Pair("p", answer(100.0, 100.0 - gap), answer(100.0 + worth, 100.0 + worth - gap))


@pytest.mark.parametrize(("gap", "switch"), [(0.0, 0.8), (0.0, 1.3), (2.0, 0.8)])
def test_bisection_brackets_the_switch(gap: float, switch: float) -> None:
    """Worth falls in capex and is zero at a known factor; the interval holds it, and gaps make it wider."""

    def ask(factor: float, case: Case) -> Pair:
        assert case.projects[0].capex_usd_m == pytest.approx(factor * several_case().projects[0].capex_usd_m)
        return at(100.0 * (switch - factor), gap)

    moved = move("capex", several_case(), "mine", at(100.0 * (switch - 1.0), gap), ask)
    assert moved.stays is not None
    assert moved.changes is not None
    low, high = sorted((moved.stays, moved.changes))
    assert low <= switch <= high
    assert high - low <= (0.5 / 16 + 1e-9 if gap == 0 else 0.5)


def test_not_within_half() -> None:
    moved = move("capex", several_case(), "mine", at(-60.0, 0.0), lambda f, _: at(-60.0, 0.0))
    assert (moved.stays, moved.changes) == (0.5, None)
    assert "nowhere shown until −50 %" in moved.words
    assert move("capex", several_case(), "mine", at(0.5, 2.0), lambda f, _: at(-60.0, 0.0)).stays is None
    assert "open" in Moved("capex", True, None, None, 0).words


def test_capex_moved_in_the_case() -> None:
    """The factor found is confirmed by solving the case with the capex of either end."""
    study = explain(run(), "south", rules=False, moves=("capex",), **EXACT)
    (row,) = study.figures["moves"]
    assert row["changes_factor"] is not None
    for factor, inside in ((row["stays_factor"], False), (row["changes_factor"], True)):
        case = several_case()
        projects = tuple(
            replace(p, capex_usd_m=factor * p.capex_usd_m) if p.project == "south" else p for p in case.projects
        )
        again = portfolio.solve(replace(case, projects=projects), gap=0.0)
        assert any(p == "south" for p, _, _ in again.decision.chosen) == inside


def test_no_way_to_finance_it() -> None:
    case = several_case()
    case = replace(case, settings=replace(case.settings, policy=replace(case.settings.policy, never=("south",))))
    study = explain(portfolio.solve(case, gap=0.0), "south", **EXACT)
    assert study.figures["verdict"] == "no way to finance it is left"
    assert "never list" in study.figures["left_out"][0]["why"]


def test_kept_and_written(tmp_path: Path) -> None:
    study = explain(run(), "south", rules=False, moves=(), **(EXACT | {"fresh": 20}), out=tmp_path / "why")
    assert study.figures["fresh"]["low"] <= study.figures["fresh"]["estimate"] <= study.figures["fresh"]["high"]
    assert {p.name for p in (tmp_path / "why").iterdir()} >= {"worlds.csv", "projects.csv", "rules.csv", "study.json"}


def test_unknown_project() -> None:
    with pytest.raises(UsageError, match="no project"):
        explain(run(), "nowhere")
    with pytest.raises(UsageError, match="cannot move"):
        explain(run(), "south", moves=("weather",))
