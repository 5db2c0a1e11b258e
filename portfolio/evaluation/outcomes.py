"""What a fixed portfolio leads to, scenario by scenario: allocation, shortfall, weighted shortfall."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from models import Decision, Instance
from portfolio.engine.assembled import Arrays
from portfolio.engine.passes import Passes, threads

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

KINDS = ("shallow", "deep", "make", "release", "received", "sent")
"""Outcomes by cell."""


@dataclass(frozen=True)
class Outcomes:
    """Outcome of one decision in every scenario; tonnes a year, axes S, R regions, K stages, M materials, T years.

    Attributes
    ----------
    shallow, deep : (S, R, K, M, T)
        Shortfall by depth, both blocks together.
    make, release, received, sent : (S, R, K, M, T)
        Output of processing, stock released, transfers in and out, in the blocks that can be short.
    weighted : (S,)
        Z: weighted, discounted shortfall.
    by_region : (S, R)
        Weighted, discounted shortfall of each region, whatever it counts in Z.
    side : (S,)
        What the objective pays besides Z in each scenario: transfers and the worst ratio.
    """

    shallow: Array
    deep: Array
    make: Array
    release: Array
    received: Array
    sent: Array
    weighted: Array
    by_region: Array
    side: Array

    @property
    def shortfall(self) -> Array:
        """Shortfall of both depths, shape (S, R, K, M, T), t."""
        return self.shallow + self.deep


@dataclass(frozen=True)
class Recourse:
    """The recourse of every scenario, compiled once and kept warm."""

    instance: Instance
    arrays: Arrays
    threads: int = 0

    @cached_property
    def passes(self) -> Passes:
        """The recourse of all scenarios: what it minimises is Z plus side costs."""
        return Passes(self.arrays.programme, ThreadPoolExecutor(threads(self.threads)))

    def outcomes(self, decision: Decision) -> Outcomes:
        """Solve every scenario under a fixed decision."""
        return self.gathered(self.passes.allocate(self.arrays.first.values(decision)))

    def gathered(self, allocations: Iterable[tuple[slice, Array]]) -> Outcomes:
        """Outcomes of allocations: scenarios, and all columns of the recourse in them, shape (columns, scenarios)."""
        i = self.instance
        shape = (i.scenarios.size, len(i.regions), len(i.stages), len(i.materials), len(i.years))
        found = {name: np.zeros(shape) for name in KINDS}
        side = np.zeros(i.scenarios.size)
        for which, values in allocations:
            for name, (columns, cells) in self._places.items():
                part = found[name][which].reshape(which.stop - which.start, -1)
                np.add.at(part.T, cells, values[columns])
            side[which] = self._side_cost @ values
        by_region = self._weigh(found["shallow"], found["deep"])
        return Outcomes(**found, weighted=by_region @ i.region_factor, by_region=by_region, side=side)

    @cached_property
    def _places(self) -> dict[str, tuple[Integers, Integers]]:
        """Columns of the recourse and the cell (r, k, m, t), as one number, that each adds to, by kind of outcome."""
        i = self.instance
        shape = (len(i.regions), len(i.stages), len(i.materials), len(i.years))
        places: dict[str, list[tuple[int, tuple[int, ...]]]] = {name: [] for name in KINDS}
        for column, (name, index) in enumerate(self.arrays.template.columns):
            if name in ("shallow", "deep", "make"):
                places[name].append((column, index[:4]))
            elif name == "release":
                places[name].append((column, (index[0], i.stock_stage, *index[1:3])))
            elif name == "transfer":
                places["sent"].append((column, (index[0], *index[2:5])))
                places["received"].append((column, index[1:5]))
        return {
            name: (
                np.array([column for column, _ in held], dtype=np.int64),
                np.ravel_multi_index(np.array([cell for _, cell in held]).T, shape),
            )
            for name, held in places.items()
            if held
        }

    @cached_property
    def _side_cost(self) -> Array:
        """What the objective pays for a column besides Z."""
        i = self.instance
        cost = np.zeros(len(self.arrays.template.columns))
        for column, (name, index) in enumerate(self.arrays.template.columns):
            if name == "transfer":
                cost[column] = i.transfer_cost
            elif name == "worst":
                cost[column] = i.fairness_weight[index]
        return cost

    def _weigh(self, shallow: Array, deep: Array) -> Array:
        """Weighted shortfall by scenario and region, each region counting alike, shape (S, R)."""
        weight = self.instance.weight
        return np.asarray(np.einsum("srkmt,mt->sr", shallow, weight[0]) + np.einsum("srkmt,mt->sr", deep, weight[1]))


def cvar(values: Array, probability: Array, level: float) -> float:
    """Mean of the worst 1 - level of a discrete distribution (Rockafellar and Uryasev 2002), without a solver."""
    order = np.argsort(-values, kind="stable")
    worst, weight = values[order], probability[order]
    before = np.concatenate([[0.0], np.cumsum(weight)[:-1]])
    counted = np.clip((1.0 - level) - before, 0.0, weight)
    return float(counted @ worst / (1.0 - level))


def objective(instance: Instance, decision: Decision, outcomes: Outcomes) -> float:
    """Objective of a decision from its outcomes, recomputed without the programme."""
    p, risk = instance.scenarios.probability, instance.cvar_weight
    paid = outcomes.weighted + outcomes.side
    tail = cvar(paid, p, instance.cvar_level) if risk > 0 else 0.0
    cost = instance.cost_weight * decision.public_cost(instance) + decision.penalty(instance)
    return (1.0 - risk) * float(p @ paid) + risk * tail + cost
