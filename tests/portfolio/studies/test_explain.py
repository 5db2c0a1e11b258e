"""Why a project is in or out, against all sets of projects solved by the extensive form."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import portfolio
from models import Instance
from portfolio.assemble.rules import RULES, without_rule
from portfolio.case.records import Case
from portfolio.engine.protocol import Limits, Status
from portfolio.engine.variation import Changes
from portfolio.report.errors import UsageError
from portfolio.report.headline import records
from portfolio.report.run import Run
from portfolio.report.study import Study
from portfolio.studies.asking import Patience
from portfolio.studies.explain import explain
from portfolio.studies.lifting import Lifting
from portfolio.studies.moving import Moved, Side, Try, bisect
from portfolio.studies.moving_tables import words
from portfolio.studies.points import Answer
from portfolio.studies.solving import Prepared
from portfolio.studies.worlds import Pair, same_without
from tests.portfolio.studies.cases import several_case
from tests.portfolio.studies.test_alternatives import by_enumeration

EXACT: dict[str, Any] = {"gap": 0.0, "threads": 1, "fresh": 0}


@cache
def run() -> Run:
    return portfolio.solve(several_case(), gap=0.0)


@cache
def found(project: str) -> Study:
    return explain(run(), project, moves=(), **EXACT)


@pytest.mark.parametrize(
    "project", ["mine", "north", *(pytest.param(p, marks=pytest.mark.slow) for p in ("plant", "south"))]
)
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


@cache
def worth_without(rule: str, project: str) -> float:
    """What a project is worth without a rule, by the extensive form."""
    instance = without_rule(Prepared.of(several_case()).assembly.instance, rule)
    own, values = frozenset({project}), []
    for changes in (Changes(never=own), Changes(must=own)):
        changed = changes.of(instance)
        values.append(portfolio.engine_for("extensive", changed).solve(changed, Limits(0.0)).objective)
    return values[0] - values[1]


@pytest.mark.parametrize("project", ["south", pytest.param("plant", marks=pytest.mark.slow)])
def test_rules_by_enumeration(project: str) -> None:
    """Every verdict and bracket is that of the instance without the rule; nothing is left open at gap 0."""
    rules = {r["rule"]: r for r in found(project).figures["rules"]}
    assert set(rules) == set(RULES)
    idle = [rule for rule, row in rules.items() if "no force" in row["verdict"]]
    for rule in (set(rules) - set(idle)) | {idle[0]}:
        row, worth = rules[rule], worth_without(rule, project)
        assert row["lets_it_in"] == (worth > 0), rule
        assert row["worth_low"] is None or row["worth_low"] <= worth + 1e-2
        assert row["worth_high"] is None or worth <= row["worth_high"] + 1e-2
    assert any(r["lets_it_in"] for r in rules.values())
    assert not all(r["lets_it_in"] for r in rules.values())


@pytest.mark.slow
def test_rules_one_by_one_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question about rules taken out together saves searches and changes no verdict."""
    monkeypatch.setattr(Lifting, "_together", lambda *_: {})
    alone = {r["rule"]: r["lets_it_in"] for r in explain(run(), "plant", moves=(), **EXACT).figures["rules"]}
    assert alone == {r["rule"]: r["lets_it_in"] for r in found("plant").figures["rules"]}


def test_without_time_all_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The main answer is given; rules and numbers that were not asked are open, and said to be."""
    monkeypatch.setattr(Patience, "over", property(lambda self: len(taken) > 1))
    taken: list[object] = []
    monkeypatch.setattr(Patience, "spend", lambda self, answers, jobs: taken.extend(answers))
    study = explain(run(), "south", **EXACT)
    assert study.figures["verdict"] == "not in the best portfolio, proven"
    said = {r["rule"]: r for r in study.figures["rules"]}
    asked = [r for r in said.values() if "no force" not in r["verdict"]]
    assert asked
    assert all(r["lets_it_in"] is None and "before it was asked" in r["verdict"] for r in asked)
    assert {m["what"] for m in study.figures["moves"]} == {"capex", "strike"}
    assert all("time was over" in m["words"] or "no way" in m["words"] for m in study.figures["moves"])
    assert any("longer --time-limit" in c for c in study.caveats)


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


@pytest.mark.parametrize(("gap", "switch"), [(0.0, 0.8), (0.1, 0.8), (0.0, 0.97)])
@pytest.mark.parametrize("end", [0.5, 1.5])
def test_bisection_brackets_the_switch(gap: float, switch: float, end: float) -> None:
    """It is out above a known factor and in below it, open within a gap: no proven factor lies on the wrong side."""

    def state(factor: float) -> bool | None:
        return None if abs(factor - switch) < gap else factor < switch

    tries = bisect(False, end, state)
    assert all(t.state == state(t.factor) for t in tries)
    side = Moved("capex", False, tries).side(-1 if end < 1 else 1)
    if end > 1:
        assert (side.stays, side.changes, len(tries)) == (1.5, None, 1)
        return
    assert side.stays is not None
    assert side.changes is not None
    assert side.changes <= switch <= side.stays
    assert side.stays - side.changes <= (0.5 / 16 + 1e-9 if gap == 0 else 0.5)


def test_where_it_is_open_now() -> None:
    """In below 0.75, out above 1.2, open between: the nearest proven factors on either side."""

    def state(factor: float) -> bool | None:
        return True if factor <= 0.75 else False if factor >= 1.2 else None

    moved = Moved("capex", None, (*bisect(None, 0.5, state), *bisect(None, 1.5, state)), "USD M", 100.0)
    assert "proven to be in from −25 % (75 USD M) on" in words(moved, moved.side(-1), "USD M")
    assert "proven to be out from +21.9 % (122 USD M) on" in words(moved, moved.side(1), "USD M")
    assert "still open at −50 %" in words(
        Moved("capex", None, (Try(0.5, None),)), Side(None, (Try(0.5, None),)), "USD M"
    )


def test_not_within_half() -> None:
    moved = Moved("capex", False, bisect(False, 0.5, lambda _: False), "USD M", 100.0)
    assert (moved.side(-1).stays, moved.side(-1).changes) == (0.5, None)
    assert "still out at −50 % (50 USD M), proven" in words(moved, moved.side(-1), "USD M")


COLUMNS = {"capex": "capex_usd_m", "strike": "strike_factor", "construction": "construction_y"}


def at_the_switch(study: Study) -> dict[float, str]:
    """Factors on either side of a switch, or at the ends where there is none, with what is proven there."""
    rows = records(study.tables["moves"])
    factors = {f for r in rows for f in (r["stays_factor"], r["changes_factor"]) if f == f and f not in (None, 1.0)}
    return {r["factor"]: r["state"] for r in records(study.tables["tries"]) if r["factor"] in factors}


@cache
def tiny_run() -> Run:
    return portfolio.solve("inputs/tiny", scenarios=5, gap=0.0)


CASES = {"tiny": tiny_run, "floored": lambda: floored_run()}


@pytest.mark.parametrize(
    ("made", "what", "project"),
    [
        ("tiny", "capex", "INTEG"),
        ("tiny", "strike", "INTEG"),
        pytest.param("floored", "capex", "south", marks=pytest.mark.slow),
        pytest.param("floored", "strike", "north", marks=pytest.mark.slow),
        pytest.param("floored", "construction", "north", marks=pytest.mark.slow),
    ],
)
def test_numbers_moved_in_the_case(made: str, what: str, project: str) -> None:
    """States proven on either side of a switch are confirmed by solving the case with the number moved."""
    given = CASES[made]()
    study = explain(given, project, rules=False, moves=(what,), **EXACT)
    proven = at_the_switch(study)
    assert len(proven) >= 2
    for factor, state in proven.items():
        projects = tuple(
            replace(p, **{COLUMNS[what]: factor * getattr(p, COLUMNS[what])}) if p.project == project else p
            for p in given.case.projects
        )
        again = portfolio.solve(replace(given.case, projects=projects), gap=0.0)
        assert state == ("in" if any(p == project for p, _, _ in again.decision.chosen) else "out")


@pytest.mark.slow
def test_prices_moved_in_the_case() -> None:
    """Prices change the programme for all projects: the best portfolio without it is looked for anew."""
    for factor, state in at_the_switch(explain(run(), "south", rules=False, moves=("price",), **EXACT)).items():
        case = several_case()
        materials = tuple(
            replace(m, price_now=factor * m.price_now, price_longrun=factor * m.price_longrun) for m in case.materials
        )
        again = portfolio.solve(replace(case, materials=materials), gap=0.0)
        assert state == ("in" if any(p == "south" for p, _, _ in again.decision.chosen) else "out")


@cache
def floored_run() -> Run:
    return portfolio.solve(floored_case(), gap=0.0)


def floored_case() -> Case:
    """Projects that may be given a floor under a part of their output as well."""
    case = several_case()
    floor = replace(case.structures[0], structure="floor", tranche=0.5, debt="patient")
    return replace(case, structures=(*case.structures, floor))


def test_the_same_without_a_project() -> None:
    """Capex of a project changes portfolios without it only through the world without support."""
    case = floored_case()

    def instance(**change: float) -> Instance:
        projects = tuple(replace(p, **change) if p.project == "south" else p for p in case.projects)  # type: ignore[arg-type]
        return Prepared.of(replace(case, projects=projects)).assembly.instance

    base = instance()
    assert same_without(base, instance(strike_factor=0.7), "south")
    assert not same_without(base, instance(strike_factor=0.7), "north")
    own = Changes(never=frozenset({"south"}))
    values = [
        portfolio.engine_for("extensive", i).solve(own.of(i), Limits(0.0)).objective
        for i in (base, instance(strike_factor=0.7))
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-9)
    assert not same_without(base, instance(p_by_2040=0.1), "south")


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
