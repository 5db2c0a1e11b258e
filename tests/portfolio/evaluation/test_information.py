"""What is known by a year: nothing of what follows; clusters that are found again, and are the same every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portfolio.case.ordering import ordered
from portfolio.evaluation.information import Clusters, Seen, seen
from portfolio.scenarios.sampling import sample
from tests.portfolio.studies.cases import risky_case

CASE = ordered(risky_case())
UNTIL = 2030
YEARS = UNTIL - 2027


def drawn(count: int = 60):
    return sample(CASE, count, 3)


class TestSeen:
    @pytest.mark.parametrize("committed", [(), ("mine", "plant")])
    @pytest.mark.parametrize("method", ["kmeans", "quantile"])
    def test_permuting_the_future_changes_nothing(self, committed: tuple[str, ...], method: str) -> None:
        """Years from ``until`` on are those of other scenarios, and so is luck that shows only later."""
        drivers, other = drawn(), drawn().rows(np.random.default_rng(1).permutation(60))

        def mixed(name: str) -> np.ndarray:
            mine, theirs = np.array(getattr(drivers, name)), np.array(getattr(other, name))
            mine[..., YEARS:] = theirs[..., YEARS:]
            return mine

        yearly = ("disrupted", "available", "running", "cut", "price", "realised", "demand")
        later = {name: mixed(name) for name in yearly}
        # Of a delay that reaches beyond what shows by then, the rest may be anything; the same for rivals.
        shows = np.array([YEARS - 1.0 if p.project in committed else 0.0 for p in CASE.projects])
        delay = np.where(drivers.delay_y >= shows, shows + other.delay_y, drivers.delay_y)
        rival = np.where(drivers.rival_y >= YEARS, YEARS + other.rival_y, drivers.rival_y)
        luck = {name: getattr(other, name) for name in ("success_u", "restart_u", "takeover_y", "overrun", "unaided_u")}
        changed = replace(drivers, **later, **luck, delay_y=delay, rival_y=rival)
        before, after = seen(CASE, drivers, UNTIL, committed), seen(CASE, changed, UNTIL, committed)
        assert not np.array_equal(drivers.price, changed.price)
        np.testing.assert_allclose(before.values, after.values)
        rule = Clusters.of(before, 3, method)
        np.testing.assert_array_equal(rule.assign(before), rule.assign(after))

    def test_by_hand(self) -> None:
        drivers = drawn(5)
        known = seen(CASE, drivers, UNTIL, ("mine",))
        columns = dict(zip(known.names, known.values.T, strict=True))
        np.testing.assert_allclose(columns["log price NdPr"], np.log(drivers.price[:, 1, 2]))
        np.testing.assert_allclose(columns["disrupted Dy, y"], drivers.disrupted[:, 0, :3].sum(axis=1))
        # The mine closes in 2027 and is to start in 2028: by 2030 up to two years of its delay show.
        mine = CASE.project_names.index("mine")
        np.testing.assert_allclose(columns["delay mine, y"], np.minimum(drivers.delay_y[:, mine], 2.0))
        assert "delay plant, y" not in columns
        china, phi = CASE.country_names.index("CHN"), drivers.disrupted[:, None, 1, :3]
        gone = 1.0 - np.asarray(drivers.available)[:, china, 0, :, 1, :3]
        np.testing.assert_allclose(columns["lost NdPr to EU"], (phi * gone).sum(axis=(1, 2)))


def known(values: np.ndarray, groups: tuple[str, ...] | None = None) -> Seen:
    names = tuple(f"f{n}" for n in range(values.shape[1]))
    return Seen(values, names, groups or names)


class TestClusters:
    def blobs(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        label = rng.integers(0, 3, 90)
        centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
        return centres[label] + rng.normal(size=(90, 2)), label

    def test_finds_what_is_there(self) -> None:
        values, label = self.blobs()
        found = Clusters.of(known(values), 3).assign(known(values))
        assert len({(a, b) for a, b in zip(label, found, strict=True)}) == 3

    def test_same_every_time_whatever_the_seed_of_numpy(self) -> None:
        values, _ = self.blobs()
        rules = []
        for state in (1, 2):
            np.random.seed(state)  # noqa: NPY002
            rules.append(Clusters.of(known(values), 4, seed=7).assign(known(values)))
        np.testing.assert_array_equal(*rules)

    def test_quantiles_are_of_the_same_size(self) -> None:
        values, _ = self.blobs()
        assert np.bincount(Clusters.of(known(values), 3, "quantile").assign(known(values))).tolist() == [30, 30, 30]

    def test_no_quantile_class_is_empty(self) -> None:
        """Most scenarios equal, a fresh one below all of them: it belongs to a class that has a plan."""
        values = np.array([[0.0]] * 20 + [[1.0]] * 4)
        rule = Clusters.of(known(values), 3, "quantile")
        assert sorted(set(rule.assign(known(values)))) == list(range(rule.count))
        assert rule.assign(known(np.array([[-1.0], [-1e-15], [2.0]]))).max() < rule.count

    def test_nothing_known_is_one_cluster(self) -> None:
        rule = Clusters.of(known(np.ones((10, 2))), 3)
        assert rule.count == 1
        assert not rule.assign(known(np.ones((10, 2)))).any()

    def test_units_do_not_matter(self) -> None:
        values, _ = self.blobs()
        scaled = values * np.array([1.0, 1e4]) + 5.0
        one, other = (Clusters.of(known(v), 3).assign(known(v)) for v in (values, scaled))
        np.testing.assert_array_equal(one, other)

    def test_groups_count_the_same(self) -> None:
        """A feature that stands four times in one group decides no more than one that stands once in another."""
        values, _ = self.blobs()
        repeated = np.column_stack([values[:, [0]]] * 4 + [values[:, [1]]])
        one = Clusters.of(known(values), 3).assign(known(values))
        other = Clusters.of(known(repeated, ("a",) * 4 + ("b",)), 3)
        np.testing.assert_array_equal(one, other.assign(known(repeated)))
