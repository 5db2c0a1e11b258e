"""What a fixed portfolio leads to, scenario by scenario: allocation, shortfall, weighted shortfall."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from models import Decision, Instance
from portfolio.engine.compile import Compiled
from portfolio.engine.subproblems import Subproblems, recourse_cost, split

Array = npt.NDArray[np.float64]


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
    side: Array

    @property
    def shortfall(self) -> Array:
        """Shortfall of both depths, shape (S, R, K, M, T), t."""
        return self.shallow + self.deep


@dataclass(frozen=True)
class Recourse:
    """The recourse of every scenario, cut once out of a compiled extensive form and kept warm."""

    instance: Instance
    compiled: Compiled

    @cached_property
    def problems(self) -> Subproblems:
        """Scenario subproblems whose value is what the recourse minimises: Z plus side costs."""
        return split(
            self.compiled,
            self.instance.scenarios.size,
            len(self.instance.materials),
            recourse_cost(self.instance, self.compiled),
        )

    def outcomes(self, decision: Decision) -> Outcomes:
        """Solve every scenario under a fixed decision."""
        i = self.instance
        shape = (i.scenarios.size, len(i.regions), len(i.stages), len(i.materials), len(i.years))
        found = {name: np.zeros(shape) for name in ("shallow", "deep", "make", "release", "received", "sent")}
        side = np.zeros(i.scenarios.size)
        first = self.compiled.values(decision)
        for s, scenario in enumerate(self.problems.scenarios):
            scenario.evaluate(first)
            for part in scenario.parts.values():
                side[s] += self._collect(found, s, part.columns, part.values())
        return Outcomes(**found, weighted=self._weigh(found["shallow"], found["deep"]), side=side)

    def _collect(self, found: dict[str, Array], s: int, columns: npt.NDArray[np.int64], x: Array) -> float:
        """Add the values of scenario s to the arrays; return what the objective pays besides Z."""
        i, side = self.instance, 0.0
        for c, value in zip(columns, x, strict=True):
            name, index = self.compiled.columns[c]
            if value <= 1e-12:
                continue
            if name in ("shallow", "deep", "make"):
                found[name][(s, *index[:4])] += value
            elif name == "release":
                r, m, t, _ = index
                found[name][s, r, i.stock_stage, m, t] += value
            elif name == "transfer":
                r, to, k, m, t, _ = index
                found["sent"][s, r, k, m, t] += value
                found["received"][s, to, k, m, t] += value
                side += i.transfer_cost * value
            elif name == "worst":
                side += float(i.fairness_weight[index]) * value
        return side

    def _weigh(self, shallow: Array, deep: Array) -> Array:
        """Z by scenario, shape (S,)."""
        weight = self.instance.weight
        return np.asarray(np.einsum("srkmt,mt->s", shallow, weight[0]) + np.einsum("srkmt,mt->s", deep, weight[1]))


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
    cost = instance.cost_weight * decision.public_cost(instance)
    return (1.0 - risk) * float(p @ paid) + risk * tail + cost
