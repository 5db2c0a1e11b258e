"""Pairs told apart or not, letters, and what nested answers say of one another: known answers made by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from portfolio.engine.protocol import Status
from portfolio.studies.differences import Weights
from portfolio.studies.envelope import envelope
from portfolio.studies.telling import letters, pair, pairs
from tests.portfolio.studies.answers import answer

PLAIN = Weights(0.0, 0.0, 0.95)
NOISE = np.random.default_rng(3).normal(size=2000)
COMMON = 50 * np.random.default_rng(4).normal(size=2000)


class TestPairs:
    def test_common_scenarios_cancel(self) -> None:
        one, other = answer("one", 100 + COMMON), answer("other", 101 + COMMON + NOISE)
        found = pair(one, other, PLAIN, 0.95)
        spread = np.std(1 + NOISE, ddof=1) / np.sqrt(2000)
        assert found.objective.estimate == pytest.approx(-1 - NOISE.mean())
        assert found.objective.half_width == pytest.approx(stats.t.ppf(0.975, 1999) * spread, rel=0.01)
        assert found.better == "one"

    def test_not_told_apart_where_the_interval_holds_zero(self) -> None:
        found = pair(answer("one", 100 + COMMON), answer("other", 100.01 + COMMON + NOISE), PLAIN, 0.95)
        assert found.objective.covers(0.0)
        assert found.better == ""

    @pytest.mark.parametrize(("left_open", "better"), [(0.5, "one"), (2.0, "")])
    def test_what_the_other_search_left_open_counts(self, left_open: float, better: str) -> None:
        other = answer("other", 101 + COMMON + NOISE, bound=100.0 - left_open)
        found = pair(answer("one", 100 + COMMON), other, PLAIN, 0.95)
        assert found.high == pytest.approx(found.objective.high + left_open)
        assert found.low == pytest.approx(found.objective.low)
        assert found.better == better

    def test_its_own_gap_only_makes_the_better_one_better(self) -> None:
        one = answer("one", 100 + COMMON, bound=50.0)
        assert pair(one, answer("other", 101 + COMMON + NOISE), PLAIN, 0.95).better == "one"
        assert pair(answer("other", 101 + COMMON + NOISE), one, PLAIN, 0.95).better == "one"

    def test_rounding_is_no_difference(self) -> None:
        found = pair(answer("one", 100 + COMMON), answer("other", 100 + COMMON + 1e-9), PLAIN, 0.95)
        assert found.better == ""

    def test_cost_counts_with_its_weight(self) -> None:
        weights = Weights(0.1, 0.0, 0.95)
        found = pair(answer("one", 100 + COMMON, cost=30), answer("other", 100 + COMMON, cost=10), weights, 0.95)
        assert found.objective.estimate == pytest.approx(2.0)
        assert found.weighted.estimate == pytest.approx(0.0)
        assert found.better == "other"

    def test_all_hold_together(self) -> None:
        found = pairs([answer(name, 100 + COMMON + NOISE) for name in "abcd"], PLAIN, 0.95)
        assert len(found) == 6
        assert {p.objective.level for p in found} == {1 - 0.05 / 6}

    def test_family_of_equals_is_seldom_told_apart(self) -> None:
        """500 families of four equal mixes: at 95 % some pair is told apart in 5 % of them at most, but for luck."""
        rng, wrong = np.random.default_rng(11), 0
        for _ in range(500):
            four = [answer(name, rng.normal(size=200)) for name in "abcd"]
            wrong += any(p.better for p in pairs(four, PLAIN, 0.95))
        assert wrong <= stats.binom.ppf(0.999, 500, 0.05)
        assert wrong >= 5  # a test that never tells anything apart would pass too

    def test_other_scenarios_are_refused(self) -> None:
        with pytest.raises(ValueError, match="different scenarios"):
            pair(answer("one", COMMON, seed=1), answer("other", COMMON, seed=2), PLAIN, 0.95)


class TestLetters:
    def test_chain(self) -> None:
        """One and three differ, two is told apart from neither."""
        assert letters(["one", "two", "three"], [("one", "three")]) == {"one": "a", "two": "ab", "three": "b"}

    def test_nothing_told_apart(self) -> None:
        assert letters(["one", "two"], []) == {"one": "a", "two": "a"}

    def test_all_told_apart(self) -> None:
        names = ["one", "two", "three"]
        assert letters(names, list(combinations(names, 2))) == {"one": "a", "two": "b", "three": "c"}

    @given(st.sets(st.sampled_from(list(combinations("abcdefg", 2)))))
    def test_share_a_letter_exactly_where_not_told_apart(self, told: set[tuple[str, str]]) -> None:
        found = letters("abcdefg", sorted(told))
        for pair_of in combinations("abcdefg", 2):
            assert bool(set(found[pair_of[0]]) & set(found[pair_of[1]])) == (pair_of not in told)
        assert all(found.values())


class TestEnvelope:
    """Points 0 < 1 < 2: what a smaller one allows a larger one allows too."""

    def test_portfolio_of_a_smaller_and_bound_of_a_larger(self) -> None:
        answers = [
            answer("s", objective=90, bound=80),
            answer("m", objective=95, bound=70),
            answer("l", objective=86, bound=85),
        ]
        found = envelope(answers, lambda i, j: i <= j)
        assert [(e.answer.objective, e.answer.bound, e.taken_from) for e in found] == [
            (90, 85, ""),
            (90, 85, "s"),
            (86, 85, ""),
        ]
        assert [e.answer.name for e in found] == ["s", "m", "l"]

    def test_a_search_without_a_portfolio_gets_one(self) -> None:
        none = replace(answer("m", objective=np.inf, bound=0.0), decision=None, status=Status.TIME_LIMIT)
        (_, m, _) = envelope([answer("s"), none, answer("l", objective=90, bound=60)], lambda i, j: i <= j)
        assert (m.answer.objective, m.answer.bound, m.taken_from) == (100, 60, "s")
        assert m.answer.status is Status.TIME_LIMIT

    def test_bound_never_above_the_portfolio(self) -> None:
        found = envelope(
            [answer("s", objective=90, bound=80), answer("l", objective=91, bound=90.001)], lambda i, j: i <= j
        )
        assert found[0].answer.bound == 90
