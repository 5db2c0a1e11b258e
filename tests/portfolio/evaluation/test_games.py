"""Games with known splits: gloves, an airport, unanimity; the axioms on random games; samples of orders."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from portfolio.evaluation.games import Coalition, Orders, bracket, excess, excess_bracket, joining, shapley


def game(players: str, worth: Callable[[Coalition], float]) -> dict[Coalition, np.ndarray]:
    return {
        frozenset(s): np.array(worth(frozenset(s))) for n in range(len(players) + 1) for s in combinations(players, n)
    }


def exact(players: str) -> Orders:
    return Orders.of(players, most=8, count=0, seed=0)


def gloves(s: Coalition) -> float:
    """One left glove (l), two right ones: a pair is worth 1."""
    return min(len(s & {"l"}), len(s & {"r", "q"}))


COSTS = {"a": 12.0, "b": 28.0, "c": 30.0, "d": 40.0}


def runway(s: Coalition) -> float:
    """A runway costs what the largest plane needs; worths are costs saved, so that v = -cost."""
    return -max((COSTS[p] for p in s), default=0.0)


class TestKnownAnswers:
    def test_gloves(self) -> None:
        found = shapley(game("lrq", gloves), exact("lrq"))
        assert {p: float(x) for p, x in found.items()} == pytest.approx({"l": 2 / 3, "r": 1 / 6, "q": 1 / 6})

    def test_the_core_of_gloves_gives_all_to_the_left_one(self) -> None:
        worths = game("lrq", gloves)
        inside = excess(worths, {"l": np.array(1.0), "r": np.array(0.0), "q": np.array(0.0)})
        assert max(map(float, inside.values())) <= 0
        outside = excess(worths, shapley(worths, exact("lrq")))
        assert float(outside[frozenset("lr")]) == pytest.approx(1 - 2 / 3 - 1 / 6)

    def test_airport(self) -> None:
        """Littlechild and Owen: each piece of the runway is shared evenly by those who need it."""
        found = shapley(game("abcd", runway), exact("abcd"))
        wanted = {"a": 12 / 4, "b": 12 / 4 + 16 / 3, "c": 12 / 4 + 16 / 3 + 2 / 2, "d": 12 / 4 + 16 / 3 + 2 / 2 + 10.0}
        assert {p: -float(x) for p, x in found.items()} == pytest.approx(wanted)

    def test_sampled_orders_come_near(self) -> None:
        orders = Orders.of("abcd", most=3, count=2000, seed=1)
        assert not orders.exact
        found, whole = (shapley(game("abcd", runway), o) for o in (orders, exact("abcd")))
        for p in "abcd":
            assert float(found[p]) == pytest.approx(float(whole[p]), abs=0.4)
        assert float(sum(found.values())) == pytest.approx(-40.0)
        marginal = orders.marginals(game("abcd", runway), "d")
        assert marginal.mean() == pytest.approx(float(found["d"]))

    def test_the_same_seed_gives_the_same_orders(self) -> None:
        assert Orders.of("abcd", 3, 5, 1) == Orders.of("dcba", 3, 5, 1)
        assert Orders.of("abcd", 3, 5, 1) != Orders.of("abcd", 3, 5, 2)


@pytest.mark.parametrize("seed", range(5))
class TestAxioms:
    """On random games; player z adds nothing, x and y add the same."""

    def worths(self, seed: int) -> dict[Coalition, np.ndarray]:
        rng = np.random.default_rng(seed)
        drawn: dict[tuple[int, bool], np.ndarray] = {}

        def worth(s: Coalition) -> np.ndarray:
            key = (len(s & {"x", "y"}), "w" in s)
            return drawn.setdefault(key, rng.normal(size=3))

        return {s: np.asarray(worth(s)) for s in game("wxyz", lambda _: 0.0)}

    def test_axioms(self, seed: int) -> None:
        worths = self.worths(seed)
        found = shapley(worths, exact("wxyz"))
        np.testing.assert_allclose(sum(found.values()), worths[frozenset("wxyz")] - worths[frozenset()])
        np.testing.assert_allclose(found["x"], found["y"])
        np.testing.assert_allclose(found["z"], 0.0, atol=1e-12)

    def test_additive(self, seed: int) -> None:
        one, other = self.worths(seed), self.worths(seed + 100)
        both = shapley({s: one[s] + other[s] for s in one}, exact("wxyz"))
        parts = [shapley(w, exact("wxyz")) for w in (one, other)]
        for p in "wxyz":
            np.testing.assert_allclose(both[p], parts[0][p] + parts[1][p])

    def test_all_orders_by_another_route(self, seed: int) -> None:
        worths, orders = self.worths(seed), exact("wxyz")
        for p, value in shapley(worths, orders).items():
            np.testing.assert_allclose(value, orders.marginals(worths, p).mean(axis=0))

    def test_bracket(self, seed: int) -> None:
        worths = {s: w[0] for s, w in self.worths(seed).items()}
        rng = np.random.default_rng(seed)
        least = {s: w - rng.uniform(0, 0.2) for s, w in worths.items()}
        most = {s: w + rng.uniform(0, 0.2) for s, w in worths.items()}
        found, limits = shapley(worths, exact("wxyz")), bracket(least, most, exact("wxyz"))
        for p in "wxyz":
            assert limits[p][0] <= float(found[p]) <= limits[p][1]
        over = excess(worths, found)
        for s in over:
            low, high = excess_bracket(least, most, exact("wxyz"), s)
            assert low <= float(over[s]) <= high
            assert excess_bracket(worths, worths, exact("wxyz"), s) == pytest.approx((float(over[s]),) * 2)
        same = bracket(worths, worths, exact("wxyz"))
        assert same["x"] == pytest.approx((float(found["x"]),) * 2)


def test_joining() -> None:
    """Gloves are superadditive; what is worth the less the more join is not."""
    assert min(float(x) for _, _, x in joining(game("lrq", gloves))) == 0
    rivals = list(joining(game("ab", lambda s: {0: 0.0, 1: 3.0, 2: 4.0}[len(s)])))
    assert [(sorted(a), sorted(b), float(x)) for a, b, x in rivals] == [(["a"], ["b"], -2.0)]


def test_two_players_object_alike() -> None:
    """Both excesses are half of what is lost by joining, and so are their limits."""
    worths = game("ab", lambda s: {0: 0.0, 1: 3.0, 2: 4.0}[len(s)])
    least, most = ({s: w + d for s, w in worths.items()} for d in (np.array(-0.1), np.array(0.2)))
    one, other = (excess_bracket(least, most, exact("ab"), frozenset(p)) for p in "ab")
    assert one == pytest.approx(other)
    assert one[0] < 1.0 < one[1]
