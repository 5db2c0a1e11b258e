"""Points of a study: the answers of separate solves, kept, the same whichever way they are done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import portfolio
from portfolio.engine import Limits, Status
from portfolio.engine.variation import Changes
from portfolio.evaluation.fresh import fix, fresh_seed, in_chunks
from portfolio.report.pieces import Pieces
from portfolio.report.steps import Clock
from portfolio.studies.differences import Weights, interval, paid
from portfolio.studies.points import Answer, Point, Terms
from portfolio.studies.rounds import mark, solve_points
from portfolio.studies.solving import Prepared, charged
from tests.portfolio.studies.cases import risky_case

TERMS = Terms(Limits(gap=0.0, threads=1), fresh=40)
NOWHERE = Pieces(None, "")


def points() -> list[Point]:
    case = risky_case()
    dear = replace(case, hazards=tuple(replace(h, rate=0.5 * h.rate) for h in case.hazards))
    none = dict.fromkeys(((b.member, b.window) for b in case.budgets), 0.0)
    return [
        Point("base", case),
        Point("without the plant", case, Changes(never=frozenset({"plant"})), baseline=False),
        Point("fewer hazards", dear),
        Point("no money but a must", case, Changes(must=frozenset({"plant"}), budget=none)),
    ]


def solved(terms: Terms = TERMS, pieces: Pieces = NOWHERE) -> list[Answer]:
    return solve_points(points(), terms, pieces, Clock(None))


def check_same(one: Answer, other: Answer) -> None:
    assert (one.name, one.status, one.objective, one.bound) == (other.name, other.status, other.objective, other.bound)
    assert one.decision == other.decision
    assert one.charges_usd_m == other.charges_usd_m
    if one.fresh is not None:
        assert other.fresh is not None
        assert np.array_equal(one.fresh.weighted, other.fresh.weighted)


def test_answers_are_those_of_separate_solves() -> None:
    base, without, fewer, nothing = solved()
    for answer, case in ((base, points()[0].case), (fewer, points()[2].case)):
        run = portfolio.solve(case, gap=0.0)
        assert answer.status is Status.OPTIMAL
        assert answer.objective == pytest.approx(run.solution.objective, rel=1e-9)
        assert answer.public_cost_usd_m == pytest.approx(run.headline["public_cost_usd_m"], rel=1e-6, abs=1e-9)
        mine = {m["member"]: m["charge_usd_m"] for m in run.headline["members"]}
        assert {f: c["budget"] for f, c in answer.charges_usd_m.items()} == pytest.approx(mine, rel=1e-6)
    assert "plant" in base.supported
    assert "plant" not in without.supported
    assert without.objective >= base.objective
    assert nothing.decision is None
    assert nothing.status is Status.INFEASIBLE
    assert nothing.reasons


def test_conventions_are_those_of_the_ledger() -> None:
    """Charges by convention of a portfolio as its ledger has them before contracts are simulated."""
    case = risky_case()
    run, ready = portfolio.solve(case, gap=0.0), Prepared.of(case)
    found = charged(ready.assembly, ready.assembly.instance, run.decision)
    rows = run.ledger.loc[run.ledger["line"] == "charge"]
    for member, mine in found.items():
        own = rows.loc[rows["member"] == member]
        for convention in ("cash", "provisioning", "subsidy", "fair_value"):
            booked = float(own.loc[own["convention"] == convention, "linear_usd_m"].sum())
            assert mine[convention] == pytest.approx(booked, rel=1e-6, abs=1e-9)
    assert sum(mine["cash"] for mine in found.values()) > 0


def test_measured_on_fresh_scenarios() -> None:
    """As the evaluation of the portfolio measures it; the world without the fund only where it was asked for."""
    base, without, *_ = solved()
    case = points()[0].case
    assert base.decision is not None
    assert base.fresh is not None
    assert without.fresh is not None
    seed = fresh_seed(case)
    fixed = fix(case, base.decision)
    measured = fixed.measure(in_chunks(fixed.case, 40, seed, "monte_carlo"), 40)
    assert np.array_equal(base.fresh.weighted, measured.with_fund.weighted)
    assert np.array_equal(base.fresh.weighted_without, measured.without.weighted)
    assert base.fresh.tonnes.sum() == pytest.approx(measured.with_fund.shortfall.sum())
    assert without.fresh.weighted_without.size == 0
    difference = interval(paid(without, Weights.of(case)) - paid(base, Weights.of(case)), 0.95)
    assert difference.n == 40
    assert difference.low <= difference.estimate <= difference.high


def test_side_by_side_changes_nothing() -> None:
    for one, other in zip(solved(), solved(replace(TERMS, jobs=2)), strict=True):
        check_same(one, other)


def test_finished_points_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after two points, the same call solves the others alone, and the first again for what it teaches."""
    whole = solved()
    from portfolio.studies import rounds as module

    real, done = module.solve_point, []

    def stops(point: Point, *rest: object, **named: object) -> object:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(point.name)
        return real(point, *rest, **named)

    pieces = Pieces.of(tmp_path / "study", mark(TERMS, "test"))
    monkeypatch.setattr(module, "solve_point", stops)
    with pytest.raises(KeyboardInterrupt):
        solved(pieces=pieces)
    assert pieces.count == 2
    again: list[str] = []
    monkeypatch.setattr(module, "solve_point", lambda p, *r, **n: (again.append(p.name), real(p, *r, **n))[1])
    for one, other in zip(whole, solved(pieces=Pieces.of(tmp_path / "study", mark(TERMS, "test"))), strict=True):
        check_same(one, other)
    assert again == ["base", "fewer hazards", "no money but a must"]
    again.clear()
    solved(pieces=pieces)
    assert again == []


def test_a_name_that_stood_for_another_point_is_solved_anew(tmp_path: Path) -> None:
    pieces = Pieces.of(tmp_path / "study", mark(TERMS, "test"))
    base, without, *_ = points()
    first, _ = solve_points([base, without], TERMS, pieces, Clock(None))
    changed = replace(without, changes=Changes())
    _, other = solve_points([base, changed], TERMS, pieces, Clock(None))
    assert other.objective == pytest.approx(first.objective)


def test_names_are_unique() -> None:
    base = points()[0]
    with pytest.raises(ValueError, match="different names"):
        solve_points([base, base], TERMS, NOWHERE, Clock(None))


def test_a_mark_does_not_depend_on_how_the_work_is_shared() -> None:
    assert mark(TERMS, 1) == mark(replace(TERMS, jobs=4, cluster="tcp://somewhere:1"), 1)
    assert mark(TERMS, 1) != mark(replace(TERMS, fresh=41), 1)
    assert mark(TERMS, 1) != mark(TERMS, 2)
