"""Near-optimal portfolios against all sets of projects, each solved as a whole by the extensive form."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import portfolio
from portfolio.engine.protocol import Limits
from portfolio.engine.variation import Changes
from portfolio.evaluation.errors import InternalError
from portfolio.report.errors import UsageError
from portfolio.report.headline import records
from portfolio.report.run import Run
from portfolio.report.study import Study
from portfolio.studies import rounds
from portfolio.studies.alternatives import _Work, alternatives
from portfolio.studies.points import Point
from portfolio.studies.solving import Prepared
from portfolio.studies.support import Side, Support, Verdict
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


def near(within: float) -> dict[frozenset[str], float]:
    value = by_enumeration()
    most = (1.0 + within) * min(value.values())
    return {s: v for s, v in value.items() if v <= most}


@pytest.mark.parametrize("within", [0.01, 0.05, 0.25, 0.45])
def test_all_near_optimal_sets_are_listed(within: float) -> None:
    study = found(within)
    assert study.figures["exhausted"]
    expected = near(within)
    assert set(sets(study)) == set(expected)
    for s, objective in sets(study).items():
        assert objective == pytest.approx(expected[s], rel=1e-6)


@pytest.mark.parametrize("within", [0.01, 0.05, 0.25, 0.45])
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


def test_the_bound_of_the_polished_run_is_that_of_all_portfolios(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run better than the search, made better still with its projects: 94 bounds these projects alone."""
    made = {"run": answer("run", objective=95.0, bound=94.0), "found": answer("best", objective=100.0, bound=80.0)}
    case = several_case()
    saved = SimpleNamespace(case=case, objective=97.0)
    work = _Work(SimpleNamespace(solve=lambda _: [made["found"]]), case, Point("best", case))  # type: ignore[arg-type]
    monkeypatch.setattr(_Work, "_as_answer", lambda *_: answer("run", objective=97.0, bound=82.0))
    monkeypatch.setattr(_Work, "_cheapest", lambda *_: made["run"])
    best = work.best(saved)  # type: ignore[arg-type]
    assert (best.objective, best.bound) == (95.0, 82.0)


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
