"""Supply and need of every stage, scenario by scenario, as rule (10) balances them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import Decision, Instance
from models.scenarios import CALM, DISRUPTED
from portfolio.evaluation.measures import TAIL, flows_to, operation, quantile
from portfolio.evaluation.outcomes import Outcomes

Array = npt.NDArray[np.float64]

EVERY = "all"
"""Name of the sum of all materials."""
COLUMNS = ("world", "region", "stage", "material", "year", "need_t", "mean_t", "p05_t", "p50_t", "p95_t")
"""Columns of :func:`balance_table`."""


def supplied(instance: Instance, decision: Decision, outcomes: Outcomes) -> Array:
    """Supply of a stage in every scenario, t/y, shape (S, R, K, M, T), both blocks together.

    The left side of (10) without shortfall: imports, output of projects that bring their own feed, what is processed
    in the region, releases of the reserve, and what partners send less what they are sent. Capacity that waits for
    feed is none.
    """
    s = instance.scenarios
    phi = s.disrupted[:, None, None]
    total = outcomes.make + outcomes.release + outcomes.received - outcomes.sent
    total += phi * s.imports[:, DISRUPTED] + (1.0 - phi) * s.imports[:, CALM]
    running, delivered = operation(instance, decision)
    for p, k, m in np.argwhere(instance.captive > 0):
        for r in range(len(instance.regions)):
            flows = flows_to(instance, (p, k, m), r, running[:, p], delivered[:, :, p])
            total[:, r, k, m] += instance.captive[p, k, m] * sum(flows)
    return total


def needed(instance: Instance, outcomes: Outcomes) -> Array:
    """Need of a stage in every scenario, t/y, shape (S, R, K, M, T): demand, and feed of what is processed next."""
    need = instance.scenarios.demand.copy()
    recovery = np.asarray(instance.recovery, dtype=float)[1:, None, None]
    need[:, :, :-1] += outcomes.make[:, :, 1:] / recovery
    return need


def balance_table(instance: Instance, decision: Decision, outcomes: Outcomes, world: str) -> pd.DataFrame:
    """Supply and need by region, stage, material and year, contained t/y, over the scenarios.

    Columns: world, region, stage, material (``all``: their sum, whose quantiles are not sums of quantiles), year,
    need_t (mean), and of the supply mean_t, p05_t, p50_t, p95_t.
    """
    p = instance.scenarios.probability
    supply, need = (_with_sum(a) for a in (supplied(instance, decision, outcomes), needed(instance, outcomes)))
    materials = (*instance.materials, EVERY)
    rows = []
    for r, k, m, t in np.ndindex(*supply.shape[1:]):
        values = supply[:, r, k, m, t]
        spread = (quantile(values, p, level) for level in (1 - TAIL, 0.5, TAIL))
        where = (instance.regions[r], instance.stages[k], materials[m], instance.years[t])
        rows.append((world, *where, float(p @ need[:, r, k, m, t]), float(p @ values), *spread))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _with_sum(values: Array) -> Array:
    """Add the sum of all materials as one more, (S, R, K, M + 1, T)."""
    return np.concatenate([values, values.sum(axis=3, keepdims=True)], axis=3)
