"""Verdicts on rules and moved numbers from answers made by hand: nothing is claimed that they do not prove."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from portfolio.assemble.rules import RULES
from portfolio.engine.protocol import Status
from portfolio.studies.lifting import BUDGETS, Lifting
from portfolio.studies.moving import against
from portfolio.studies.points import Answer, Point
from portfolio.studies.worlds import Pair
from tests.portfolio.studies.cases import risky_case

TICKETS = "the minimum tickets (2)"
CASE = risky_case()
NONE = float("inf")


def said(objective: float, bound: float, status: Status = Status.DECIDED) -> Answer:
    return Answer("", status, objective, bound, None)


class Script:
    """Answers by side and rules taken out; keeps what is asked."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers, self.asked, self.case = answers, [], CASE

    def ask(self, saying: str, point: Point) -> Answer:
        self.asked.append(point.name)
        return self.answers[point.name]


def lifted(answers: dict[str, Answer], rule: str = TICKETS) -> tuple[Any, list[str]]:
    """What is said of a rule of a project that is out: 100 (99) without it, 110 (105) with it."""
    script: Any = Script({"with_together": said(98.0, 90.0), **answers})
    pair = Pair("p", said(110.0, 105.0), said(100.0, 99.0))

    class Given(Lifting):
        def _in_force(self, rule: str) -> bool:
            return rule in (BUDGETS, TICKETS, "feed for processors (4c)")

    number = list(RULES).index(rule) + 1
    made = Given(script, pair, None)  # type: ignore[arg-type]
    return made._alone(rule, ""), [name for name in script.asked if f"_{number}" in name]


def named(rule: str = TICKETS) -> tuple[str, str, str]:
    n = list(RULES).index(rule) + 1
    return f"with_rule_{n}", f"with_rule_{n}_best", f"without_rule_{n}"


def test_a_bound_beyond_what_is_known_needs_one_question() -> None:
    first, _, _ = named()
    found, asked = lifted({first: said(NONE, 100.5)})
    assert (found.lets_in, found.high, asked) == (False, -0.5, [first])


def test_better_than_before_is_not_let_in_where_others_gain_more() -> None:
    """With it 97 instead of 110, but without it 95 instead of 100, and nothing with it is below 96: it stays out."""
    first, best, rival = named()
    found, asked = lifted({first: said(98.0, 90.0), best: said(97.0, 96.0), rival: said(95.0, 90.0)})
    assert (found.lets_in, found.low, found.high) == (False, -7.0, -1.0)
    assert asked == [first, best, rival]


@pytest.mark.parametrize(("bound", "lets_in"), [(97.5, True), (96.5, None)])
def test_let_in_only_where_the_bound_excludes_a_better_one_without_it(bound: float, lets_in: bool | None) -> None:
    first, best, rival = named()
    found, _ = lifted({first: said(98.0, 90.0), best: said(97.0, 96.0), rival: said(NONE, bound)})
    assert found.lets_in is lets_in
    assert found.low == pytest.approx(bound - 97.0)


def test_rules_together_say_no_of_each_and_yes_of_none() -> None:
    """A bound with all of them out settles each; a portfolio found settles none."""
    pair = Pair("p", said(110.0, 105.0), said(100.0, 99.0))
    for together, settled in ((said(NONE, 101.0), 2), (said(98.0, 90.0), 0), (said(NONE, 100.0), 0)):
        script: Any = Script({"with_together": together})
        found = Lifting(script, pair, None)._together([TICKETS, "feed for processors (4c)"])  # type: ignore[arg-type]
        assert len(found) == settled
        assert all(r.lets_in is False and r.high == -1.0 for r in found.values())
    open_pair = Pair("p", said(100.5, 98.0), said(100.0, 99.0))
    assert Lifting(Script({}), open_pair, None)._together([TICKETS, BUDGETS]) == {}  # type: ignore[arg-type]


def asking(optimum: float) -> Callable[[float], Answer]:
    """Questions about portfolios of which the best has a known objective: decided at once, and no further."""

    def ask(goal: float) -> Answer:
        return said(goal, optimum - 5.0) if optimum <= goal else said(NONE, min(goal + 0.01, optimum))

    return ask


@pytest.mark.parametrize("likely", [True, False])
@pytest.mark.parametrize(("optimum", "state"), [(98.0, True), (99.5, None), (101.0, False)])
def test_states_of_moved_numbers(likely: bool, optimum: float, state: bool | None) -> None:
    """Without it: found 100, proven 99. With it: in below 99, out above 100, open between."""
    assert against(said(100.0, 99.0), asking(optimum), likely=likely) is state
    late = against(said(100.0, 99.0), lambda _: said(NONE, 0.0, Status.TIME_LIMIT), likely=likely)
    assert late is None
