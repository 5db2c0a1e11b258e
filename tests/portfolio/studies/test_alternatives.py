"""Near-optimal portfolios against all sets of projects, each solved as a whole by the extensive form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyomo.environ as pyo
import pytest

import portfolio
from models import Decision
from models.build import build_extensive_form
from portfolio.engine.compile import compile_model
from portfolio.engine.highs import solve
from portfolio.engine.protocol import Limits
from portfolio.engine.variation import Changes
from portfolio.evaluation.errors import InternalError
from portfolio.report.errors import UsageError
from portfolio.report.headline import records
from portfolio.report.run import Run
from portfolio.report.study import Study
from portfolio.studies import rounds
from portfolio.studies.alternatives import _Work, alternatives
from portfolio.studies.asking import Asker, Patience
from portfolio.studies.points import Answer, Point
from portfolio.studies.solving import Prepared
from portfolio.studies.support import Inquiry, Side, Support, Verdict
from tests.portfolio.studies.answers import answer
from tests.portfolio.studies.cases import several_case

PROJECTS = ("mine", "north", "plant", "south")
EXACT: dict[str, Any] = {"gap": 0.0, "threads": 1, "fresh": 0}


@cache
def run() -> Run:
    return portfolio.solve(several_case(), gap=0.0)


@cache
def by_enumeration() -> dict[frozenset[str], float]:
    """Best objective of every set of projects, by the extensive form."""
    ready = Prepared.of(several_case())
    found = {}
    for n in range(len(PROJECTS) + 1):
        for s in map(frozenset, combinations(PROJECTS, n)):
            changes = Changes(must=s, never=frozenset(PROJECTS) - s)
            solution = ready.solve(changes, Limits(0.0, threads=1))
            assert solution.method == "extensive"
            found[s] = solution.objective
    return found


@cache
def found(within: float, count: int = 20) -> Study:
    return alternatives(run(), within=within, count=count, **EXACT)


def sets(study: Study) -> dict[frozenset[str], float]:
    return {frozenset(r["projects"].split("; ")) - {""}: r["objective"] for r in records(study.tables["alternatives"])}


SOME = [0.05, 0.25, *(pytest.param(within, marks=pytest.mark.slow) for within in (0.01, 0.45))]


def near(within: float) -> dict[frozenset[str], float]:
    value = by_enumeration()
    most = (1.0 + within) * min(value.values())
    return {s: v for s, v in value.items() if v <= most}


@pytest.mark.parametrize("within", SOME)
def test_all_near_optimal_sets_are_listed(within: float) -> None:
    study = found(within)
    assert study.figures["exhausted"]
    expected = near(within)
    assert set(sets(study)) == set(expected)
    for s, objective in sets(study).items():
        assert objective == pytest.approx(expected[s], rel=1e-6)


@pytest.mark.parametrize("within", SOME)
@pytest.mark.parametrize("count", [1, 2])
def test_in_all_in_some_in_none(within: float, count: int) -> None:
    """With few alternatives known, the questions have to find out the rest."""
    expected = near(within)
    for row in records(found(within, count).tables["projects"]):
        holding = sum(row["project"] in s for s in expected)
        support = Support.ALL if holding == len(expected) else Support.SOME if holding else Support.NONE
        assert row["support"] == support.value
    assert found(within, count).exit_code == 0


def test_the_second_differs_most_from_the_first() -> None:
    """Hop, skip and jump by enumeration: the least reuse of any other near-optimal set."""
    study = found(0.45)
    listed = list(sets(study))
    for n, row in enumerate(records(study.tables["alternatives"])):
        before = listed[:n]
        reuse = {s: sum(p in b for p in s for b in before) for s in near(0.45) if s not in before}
        assert row["reuse"] == row["least_reuse"] == min(reuse.values(), default=0)
        assert n == 0 or reuse[listed[n]] == row["reuse"]


def test_distances_by_hand() -> None:
    study = found(0.05)
    (row,) = records(study.tables["distances"])
    assert row["projects_differing"] == 3  # mine, north against mine, plant, south
    commitments = study.tables["commitments"].query("kind != 'overhead' and kind != 'stockpile'")
    money = commitments.groupby(["alternative", "project", "instrument"])["charge_usd_m"].sum()
    one, other = (money.loc[n] for n in (1, 2))
    common = pd.concat([one, other], axis=1).min(axis=1, skipna=False).fillna(0.0).sum()
    assert row["money_moved_share"] == pytest.approx(1.0 - common / max(one.sum(), other.sum()), rel=1e-6)


def test_nothing_is_claimed_where_nothing_is_proven() -> None:
    """Bounds and objectives on either side of the slack."""
    never, open_ = float("inf"), Side(float("inf"), 90.0)
    assert Verdict("p", Side(100.0, 90.0), Side(102.0, 101.5)).support(101.0) is Support.ALL
    assert Verdict("p", Side(100.0, 90.0), Side(102.0, 101.0)).support(101.0) is Support.UNDECIDED
    assert Verdict("p", Side(never, never), Side(100.0, 90.0)).support(101.0) is Support.NONE
    assert Verdict("p", open_, Side(100.0, 90.0)).support(101.0) is Support.UNDECIDED
    assert Verdict("p", Side(101.0, 90.0), Side(100.0, 90.0)).support(101.0) is Support.SOME


def test_the_search_begins_with_the_run() -> None:
    """The bound proven for the run holds where its sample is the same, and is not taken for another sample."""
    saved = SimpleNamespace(case=several_case(), bound=90.0, decision=Decision())
    same = _Work.of(None, Patience(None), saved.case, saved, "projects")  # type: ignore[arg-type]
    sampling = replace(saved.case.settings.sampling, seed=99)
    other = replace(saved.case, settings=replace(saved.case.settings, sampling=sampling))
    fresh = _Work.of(None, Patience(None), other, saved, "projects")  # type: ignore[arg-type]
    assert (same.floor, same.asker.teacher.start) == (90.0, Decision())
    assert (fresh.floor, fresh.asker.teacher.start) == (0.0, None)


def test_what_is_not_asked_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without time nothing is said but what the best portfolio shows; the exit code tells."""
    monkeypatch.setattr(Patience, "over", True)
    monkeypatch.setattr(Patience, "past", lambda *_: True)
    study = alternatives(run(), within=0.05, **EXACT)
    assert {r["support"] for r in records(study.tables["projects"])} == {"undecided"}
    assert study.exit_code == 3


def test_portfolios_found_answer_for_all_projects() -> None:
    """No question is asked that a portfolio found before answers."""
    asked: list[str] = []

    class Counting(Asker):
        def all(self, saying: str, points: Sequence[Point]) -> list[Answer]:
            asked.extend(p.name for p in points)
            return super().all(saying, points)

    ready = Prepared.of(several_case())
    best = answer("best", objective=100.0, bound=99.0)
    other = replace(best, name="other", decision=Decision(select=dict.fromkeys(ready.assembly.instance.options, 1.0)))
    asker = Counting(None, Patience(None), Point("best", several_case()), {"best": best, "other": other})  # type: ignore[arg-type]
    inquiry = Inquiry(asker, PROJECTS, best, 101.0, 99.0)
    inquiry.first()
    verdicts = inquiry.verdicts()
    assert not asked
    assert {v.support(101.0) for v in verdicts} == {Support.SOME}


@pytest.mark.parametrize("within", [0.05, pytest.param(0.25, marks=pytest.mark.slow)])
def test_least_money_shared(within: float) -> None:
    """The second alternative by money: the least is that of a programme that minimises the money shared itself."""
    study = alternatives(run(), within=within, count=2, differ="money", **EXACT)
    first, second = records(study.tables["alternatives"])
    ready = Prepared.of(several_case())
    instance = ready.assembly.instance
    held = study.tables["commitments"].query("alternative == 1 and kind != 'overhead' and kind != 'stockpile'")
    before = {(r["project"], r["instrument"]) for r in records(held) if r["charge_usd_m"] > 1e-6}
    mine = study.tables["commitments"].query("alternative == 2 and kind != 'overhead' and kind != 'stockpile'")
    shared = sum(r["charge_usd_m"] for r in records(mine) if (r["project"], r["instrument"]) in before)
    assert second["reuse"] == pytest.approx(shared, rel=1e-3, abs=1e-3)
    assert second["above_best"] <= within
    assert second["reuse_unit"] == "usd_m"
    # No portfolio within the slack shares less than what is said to be the least: asked of the extensive form.
    model = build_extensive_form(instance)
    model.slack = pyo.Constraint(expr=model.objective.expr <= (1.0 + within) * first["objective"])
    model.objective.set_value(
        sum(instance.shares[key].charge_usd_m * model.share[key] for key in instance.shares if key[1:3] in before)
    )
    least = solve(compile_model(model).program).objective
    assert second["least_reuse"] <= least + 1e-3 <= second["reuse"] + 2e-3
    assert second["reuse"] - least <= 0.05 * (first["charge_usd_m"] + 1.0) + 1e-3


def test_a_portfolio_that_is_not_worth_what_was_said_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from portfolio.studies import alternatives as module

    real = module.objective
    monkeypatch.setattr(module, "objective", lambda *rest: 1.001 * real(*rest))
    with pytest.raises(InternalError, match="measured again"):
        alternatives(run(), within=0.01, count=1, **EXACT)


def test_the_same_side_by_side_and_after_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs, and a study stopped after four points: the same tables."""
    whole = found(0.05, 2)
    beside = alternatives(run(), within=0.05, count=2, **EXACT, jobs=2)
    real, done = rounds.solve_point, []

    def stops(*rest: Any, **named: Any) -> Any:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(rest[0].name)
        return real(*rest, **named)

    monkeypatch.setattr(rounds, "solve_point", stops)
    with pytest.raises(KeyboardInterrupt):
        alternatives(run(), within=0.05, count=2, **EXACT, out=tmp_path / "study")
    monkeypatch.setattr(rounds, "solve_point", real)
    again = alternatives(run(), within=0.05, count=2, **EXACT, out=tmp_path / "study")
    for name, table in whole.tables.items():
        pd.testing.assert_frame_equal(table, beside.tables[name])
        pd.testing.assert_frame_equal(table, again.tables[name])
        assert (tmp_path / "study" / f"{name}.csv").is_file()
    assert not (tmp_path / "study.pieces").exists()


def test_differences_on_fresh_scenarios() -> None:
    study = alternatives(run(), within=0.05, count=2, **(EXACT | {"fresh": 30}))
    first, second = records(study.tables["alternatives"])
    assert first["fresh_difference"] != first["fresh_difference"]
    assert second["fresh_low"] <= second["fresh_difference"] <= second["fresh_high"]


def test_out_of_range() -> None:
    with pytest.raises(UsageError, match="within"):
        alternatives(run(), within=0.0)


def test_the_run_itself_answers_for_its_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A portfolio of the run within the slack, other than the best one, shows that its projects may be in."""
    mine = sorted(by_enumeration().items(), key=lambda item: item[1])
    best, other = mine[0], mine[1]
    ready = Prepared.of(several_case())
    changes = Changes(must=other[0], never=frozenset(PROJECTS) - other[0])
    solved = run()
    kept = ready.solve(changes, Limits(0.0, threads=1))
    assert kept.decision is not None
    second = replace(
        solved,
        decision=kept.decision,
        solution=replace(solved.solution, objective=kept.objective, decision=kept.decision),
    )
    monkeypatch.setattr(Inquiry, "_sweep", lambda *_: None)
    within = 1.01 * (other[1] / best[1] - 1.0)
    study = alternatives(second, within=within, count=1, **EXACT)
    support = {r["project"]: r["support"] for r in records(study.tables["projects"])}
    assert {p for p, s in support.items() if s == Support.SOME.value} >= best[0] ^ other[0]
