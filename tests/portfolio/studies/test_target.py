"""The cheapest budget: bisection on functions whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from portfolio.studies.points import Answer
from portfolio.studies.target import Try, Verdict, cheapest, following, verdict
from tests.portfolio.studies.answers import answer


def steps(optimum: Callable[[float], float], loose: float = 0.0) -> Callable[[float], Answer]:
    """A search that leaves ``loose`` open above and below a known optimum."""
    return lambda scale: answer(f"{scale}", objective=optimum(scale) + loose, bound=optimum(scale) - loose)


@pytest.mark.parametrize("where", [0.001, 0.31, 0.5, 0.7501, 0.999])
def test_a_step_is_enclosed(where: float) -> None:
    found = cheapest(steps(lambda s: 50.0 if s >= where else 100.0), 60.0, 100.0, 1.0, width=1 / 64, rounds=20)
    assert found.reached_at is not None
    assert found.impossible_at is not None
    assert found.impossible_at < where <= found.reached_at
    assert found.reached_at - found.impossible_at <= 1 / 64
    assert len(found.tries) == 7
    assert found.portfolio is not None
    assert found.portfolio.objective == 50.0


@pytest.mark.parametrize("loose", [1.0, 5.0])
def test_the_truth_is_enclosed_by_loose_searches(loose: float) -> None:
    """The optimum falls from 100 to 0; the goal 40 lies at 0.6, and loose searches leave loose/100 to both sides."""
    found = cheapest(steps(lambda s: 100.0 * (1 - s), loose), 40.0, 100.0, 1.0, width=0.01, rounds=40)
    assert found.reached_at is not None
    assert found.impossible_at is not None
    assert found.impossible_at <= 0.6 <= found.reached_at
    assert found.reached_at == pytest.approx(0.6 + loose / 100, abs=0.011)
    assert found.impossible_at == pytest.approx(0.6 - loose / 100, abs=0.011)
    assert Verdict.UNDECIDED in {t.verdict for t in found.tries}


def test_out_of_reach_ends_at_once() -> None:
    found = cheapest(steps(lambda s: 100.0 - s), 40.0, 100.0, 1.0, width=0.01, rounds=9)
    assert (found.impossible_at, found.reached_at, len(found.tries)) == (1.0, None, 1)
    assert found.portfolio is None


def test_reached_without_a_fund() -> None:
    found = cheapest(steps(lambda s: 0.0), 100.0, 90.0, 1.0, width=0.01, rounds=9)
    assert (found.reached_at, found.tries) == (0.0, ())


@pytest.mark.parametrize(
    ("at_zero", "limits"), [(30.0, (None, 0.0)), (70.0, (0.0, 0.01)), (50.0, (None, 0.0)), (None, (None, 0.01))]
)
def test_what_others_do_at_scale_0_is_asked_and_not_taken_for_nothing(
    at_zero: float | None, limits: tuple[float | None, float | None]
) -> None:
    """One member of several is scaled: without it the others may reach the goal 50, or nothing is proven (None)."""

    def solve(scale: float) -> Answer:
        if scale == 0:
            return answer("0", objective=at_zero or 60.0, bound=at_zero or 40.0)
        return answer(f"{scale}", objective=40.0, bound=40.0)

    found = cheapest(solve, 50.0, None, 1.0, width=0.01, rounds=20)
    assert 0.0 in {t.scale for t in found.tries}
    assert found.impossible_at == limits[0]
    assert found.reached_at == pytest.approx(limits[1], abs=0.01)


def test_rounds_end_it() -> None:
    assert len(cheapest(steps(lambda s: 100.0 * (1 - s)), 40.0, 100.0, 1.0, width=0.0, rounds=5).tries) == 5


@pytest.mark.parametrize(
    ("objective", "bound", "expected"),
    [
        (59.0, 0.0, Verdict.REACHED),
        (60.0 + 1e-9, 0.0, Verdict.REACHED),
        (61.0, 60.5, Verdict.IMPOSSIBLE),
        (61.0, 60.0, Verdict.UNDECIDED),
        (np.inf, 0.0, Verdict.UNDECIDED),
    ],
)
def test_verdicts(objective: float, bound: float, expected: Verdict) -> None:
    assert verdict(answer("x", objective=objective, bound=bound), 60.0) is expected


def test_following_leaves_alone_what_is_undecided() -> None:
    def tried(scale: float, what: Verdict) -> Try:
        return Try(scale, answer("x"), what)

    tries = [tried(1.0, Verdict.REACHED), tried(0.5, Verdict.UNDECIDED)]
    assert following(tries, 0.01) in (0.25, 0.75)
    tries += [tried(0.49, Verdict.IMPOSSIBLE)]
    assert following(tries, 0.02) == 0.75
    assert following([*tries, tried(0.515, Verdict.REACHED)], 0.02) is None
