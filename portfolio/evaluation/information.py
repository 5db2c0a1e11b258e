"""What is known of a scenario by a year, and clusters of scenarios that cannot be told apart by it.

Only what happens before the year enters: events, prices and demand of earlier years, delays as far as they show by
then, projects that rivals have won. Two scenarios that agree until then are in the same cluster whatever follows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2, vq

from portfolio.case.records import Case
from portfolio.finance.schedule import planned_start
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

METHODS = ("kmeans", "quantile")
TRIES = 10
"""Starts of k-means; the best one counts."""
ROUNDS = 100
"""Most rounds of each."""


@dataclass(frozen=True)
class Seen:
    """What is known of N scenarios: ``values`` (N, F), with the ``names`` and ``groups`` of the features."""

    values: Array
    names: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def columns(self) -> list[Array]:
        """Values of each feature, (N,)."""
        return list(self.values.T)


def seen(case: Case, drivers: Drivers, until: int, committed: Collection[str] = ()) -> Seen:
    """Return what is known at the start of year ``until``.

    Parameters
    ----------
    case : Case
        Whose axes the drivers have.
    drivers : Drivers
        N scenarios.
    until : int
        Calendar year; years before it are known.
    committed : collection of str
        Projects that closed in the first window: their delays show, as far as their planned start lies before
        ``until``; of all others it shows whether a rival won them.
    """
    n = until - case.settings.horizon.first_year
    columns: list[tuple[str, str, Array]] = []
    phi = drivers.disrupted[:, :, :n]
    for m, material in enumerate(case.material_names):
        columns.append(("hazards", f"disrupted {material}, y", phi[:, m].sum(axis=1)))
    lost, out = _losses(case, drivers, n)
    for m, material in enumerate(case.material_names):
        for r, region in enumerate(case.region_names):
            columns.append(("hazards", f"lost {material} to {region}", lost[:, r, m]))
        columns.append(("hazards", f"outages {material}", out[:, m]))
        columns.append(("prices", f"log price {material}", np.log(drivers.price[:, m, n - 1])))
    for r, region in enumerate(case.region_names):
        for k, stage in enumerate(case.stage_names):
            for m, material in enumerate(case.material_names):
                columns.append(("demand", f"demand {material} {stage} {region}", drivers.demand[:, r, k, m, n - 1]))
    for p, project in enumerate(case.projects):
        if project.project in committed:
            shows = max(0.0, n - float(planned_start(case, project, case.windows[0])))
            delay = np.minimum(np.maximum(drivers.delay_y[:, p], 0.0), shows)
            columns.append(("delays", f"delay {project.project}, y", delay))
        else:
            columns.append(("rivals", f"lost {project.project}", (drivers.rival_y[:, p] < n).astype(float)))
    groups, names, values = zip(*columns, strict=True)
    return Seen(np.stack(values, axis=1), names, groups)


def _losses(case: Case, drivers: Drivers, years: int) -> tuple[Array, Array]:
    """Years of goods lost by export hazards, (N, R, M), and by outages, (N, M), summed over countries and stages."""
    size, regions, materials = drivers.size, len(case.region_names), len(case.material_names)
    lost, out = np.zeros((size, regions, materials)), np.zeros((size, materials))
    phi = drivers.disrupted[:, None, None, :, :years]
    for c in range(len(case.country_names)):
        gone = 1.0 - np.asarray(drivers.available[:, c])[..., :years]
        lost += (phi * gone).sum(axis=(2, 4))
        out += (1.0 - np.asarray(drivers.running[:, c])[..., :years]).sum(axis=(1, 3))
    return lost, out


@dataclass(frozen=True)
class Clusters:
    """A rule that puts what is known of a scenario into one of k clusters, made from a sample and fit for any other.

    Features are standardised by the sample's means and deviations; those that do not vary in it are left out, and each
    group counts the same, however many features it has. ``kmeans``: the nearest centre. ``quantile``: by the first
    principal component, in classes of the same size.
    """

    method: str
    kept: npt.NDArray[np.bool_]
    mean: Array
    scale: Array
    centres: Array
    axis: Array
    edges: Array

    @staticmethod
    def of(known: Seen, count: int, method: str = "kmeans", seed: int = 0) -> Clusters:
        """Make the rule from a sample; k-means is started from a seed, so that it is the same every time."""
        spread = known.values.std(axis=0)
        kept = spread > 1e-9 * (1.0 + np.abs(known.values).max(axis=0, initial=0.0))
        groups = np.array(known.groups)[kept]
        many = np.array([(groups == g).sum() for g in groups], dtype=float)
        mean, scale = known.values[:, kept].mean(axis=0), spread[kept] * np.sqrt(many)
        data = (known.values[:, kept] - mean) / scale
        nothing = np.zeros((1, data.shape[1]))
        if count <= 1 or not kept.any():
            return Clusters("kmeans", kept, mean, scale, nothing, nothing[0], np.zeros(0))
        if method == "kmeans":
            return Clusters(method, kept, mean, scale, _centres(data, count, seed), nothing[0], np.zeros(0))
        axis = np.linalg.svd(data, full_matrices=False)[2][0]
        axis = axis * np.sign(axis[np.abs(axis).argmax()])
        edges = np.unique(np.quantile(data @ axis, np.arange(1, count) / count))
        # Only classes that hold scenarios: where many are equal, there may be none below the first edge.
        held = np.unique(np.searchsorted(edges, data @ axis, side="right"))
        return Clusters(method, kept, mean, scale, nothing, axis, edges[held[1:] - 1])

    @property
    def count(self) -> int:
        """Number of clusters."""
        return len(self.centres) if self.method == "kmeans" else self.edges.size + 1

    def assign(self, known: Seen) -> Integers:
        """Cluster of every scenario, (N,)."""
        data = (known.values[:, self.kept] - self.mean) / self.scale
        if self.count == 1:
            return np.zeros(len(data), dtype=np.int64)
        if self.method == "kmeans":
            return vq(data, self.centres)[0].astype(np.int64)
        return np.searchsorted(self.edges, data @ self.axis, side="right").astype(np.int64)


def _centres(data: Array, count: int, seed: int) -> Array:
    """Centres of k-means (Lloyd, k-means++ starts), the best of some tries, in the order of their first coordinates."""
    count = min(count, len(np.unique(data, axis=0)))
    best, least = data[:1], np.inf
    for attempt in range(TRIES):
        rng = np.random.default_rng([seed, attempt])
        centres, _ = kmeans2(data, count, iter=ROUNDS, minit="++", seed=rng, missing="warn")
        label, far = vq(data, centres)
        if float((far**2).sum()) < least - 1e-12:
            best, least = centres[np.unique(label)], float((far**2).sum())
    return np.asarray(best[np.lexsort(best.T[::-1])])
