"""Time of all questions together: what is counted, what is asked, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from portfolio.engine.protocol import Status
from portfolio.studies.asking import QUESTION, Asker, Patience, terms_of, unasked
from portfolio.studies.points import Answer, Point
from tests.portfolio.studies.answers import answer
from tests.portfolio.studies.cases import risky_case

CASE = risky_case()


def asker(whole: float | None, seconds: float, jobs: int = 1) -> tuple[Asker, list[str]]:
    """An asker whose every answer takes so many seconds; returns the names of what is solved."""
    solved: list[str] = []

    def solve(points: list[Point], saying: str) -> list[Answer]:
        solved.extend(p.name for p in points[1:])
        return [replace(answer(p.name), seconds=seconds) for p in points]

    desk: Any = SimpleNamespace(solve=solve, terms=SimpleNamespace(jobs=jobs))
    return Asker(desk, Patience(whole), Point("best", CASE)), solved


def points(number: int) -> list[Point]:
    return [Point(f"q{n}", CASE) for n in range(number)]


def test_questions_are_asked_until_the_time_is_over() -> None:
    """Best, then two questions of 4 s each: 12 s are over after them, the others say nothing."""
    made, solved = asker(12.0, 4.0)
    made.first("")
    found = made.all("", points(5))
    assert solved == ["q0", "q1"]
    assert [unasked(a) for a in found] == [False, False, True, True, True]
    late = found[-1]
    assert (late.status, late.objective, late.bound, late.decision) == (Status.TIME_LIMIT, float("inf"), 0.0, None)
    assert made.patience.used_s == pytest.approx(12.0)


def test_side_by_side_costs_less_time() -> None:
    """Two jobs: the teacher 4 s, then pairs of 4 s."""
    made, solved = asker(12.0, 4.0, jobs=2)
    made.first("")
    made.all("", points(5))
    assert solved == ["q0", "q1", "q2", "q3"]


def test_the_teacher_is_counted_once() -> None:
    made, _ = asker(None, 4.0)
    made.first("")
    made.ask("", points(1)[0])
    made.ask("", points(2)[1])
    assert made.patience.used_s == pytest.approx(12.0)
    assert not made.patience.over
    assert made.patience.part(0.5) is None


def test_the_limit_of_one_question_is_a_part_of_the_whole() -> None:
    terms = terms_of(0.01, 160.0, 1, 0, 0.95, 1, None)
    assert terms.limits.time_limit_s == pytest.approx(160.0 * QUESTION)
    assert terms_of(0.01, None, 1, 0, 0.95, 1, None).limits.time_limit_s is None
