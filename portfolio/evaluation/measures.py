"""Measures of what a portfolio leads to, as tidy tables; computed from outcomes, without a solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import Decision, Instance
from portfolio.evaluation.outcomes import Outcomes, cvar

Array = npt.NDArray[np.float64]

WITHOUT, WITH = "without", "with"
"""Names of the two worlds: without the fund, and with it."""

TAIL = 0.95
"""Level of quantiles and CVaR in tables."""


def quantile(values: Array, probability: Array, level: float) -> float:
    """Smallest value whose cumulative probability reaches ``level``."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(probability[order]) >= level - 1e-12
    return float(values[order][int(np.argmax(reached))]) if reached.any() else float(values[order][-1])


def shortfall_table(instance: Instance, outcomes: Outcomes, world: str) -> pd.DataFrame:
    """Shortfall by region, material and year, all stages together.

    Columns: world, region, material, year, demand_t (mean), mean_t, p05_t, p50_t, p95_t, cvar95_t, weighted (mean,
    discounted), share_of_demand (mean shortfall over mean demand), coverage (one minus it), probability (of any).
    """
    p, demand = instance.scenarios.probability, instance.scenarios.demand.sum(axis=2)
    short = outcomes.shortfall.sum(axis=2)
    weighted = outcomes.shallow.sum(axis=2) * instance.weight[0] + outcomes.deep.sum(axis=2) * instance.weight[1]
    rows = []
    for r, m, t in np.ndindex(*short.shape[1:]):
        values, wanted = short[:, r, m, t], float(p @ demand[:, r, m, t])
        mean = float(p @ values)
        part = mean / wanted if wanted > 0 else 0.0
        rows.append(
            {
                "world": world,
                "region": instance.regions[r],
                "material": instance.materials[m],
                "year": instance.years[t],
                "demand_t": wanted,
                "mean_t": mean,
                "p05_t": quantile(values, p, 1 - TAIL),
                "p50_t": quantile(values, p, 0.5),
                "p95_t": quantile(values, p, TAIL),
                "cvar95_t": cvar(values, p, TAIL),
                "weighted": float(p @ weighted[:, r, m, t]),
                "share_of_demand": part,
                "coverage": 1.0 - part,
                "probability": float(p @ (values > 1e-6)),
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Headline:
    """Shortfall over the whole horizon in one world: mean per year in tonnes, weighted, and as a share of demand."""

    mean_t_per_year: float
    weighted: float
    weighted_cvar: float
    share_of_demand: float
    probability: float


def headline(instance: Instance, outcomes: Outcomes) -> Headline:
    """Headline figures: mean tonnes a year over the horizon, mean and CVaR of Z, share of demand."""
    p = instance.scenarios.probability
    tonnes = outcomes.shortfall.sum(axis=(1, 2, 3, 4))
    demand = instance.scenarios.demand.sum(axis=(1, 2, 3, 4))
    return Headline(
        mean_t_per_year=float(p @ tonnes) / len(instance.years),
        weighted=float(p @ outcomes.weighted),
        weighted_cvar=cvar(outcomes.weighted, p, instance.cvar_level),
        share_of_demand=float(p @ tonnes) / float(p @ demand) if (p @ demand) > 0 else 0.0,
        probability=float(p @ (tonnes > 1e-6)),
    )


def by_region_material(instance: Instance, without: Outcomes, with_fund: Outcomes) -> pd.DataFrame:
    """Mean shortfall a year without and with the fund, t and share of demand, by region and material."""
    p = instance.scenarios.probability
    years = len(instance.years)
    rows = []
    for r, region in enumerate(instance.regions):
        for m, material in enumerate(instance.materials):
            wanted = float(p @ instance.scenarios.demand[:, r, :, m].sum(axis=(1, 2)))
            before = float(p @ without.shortfall[:, r, :, m].sum(axis=(1, 2)))
            after = float(p @ with_fund.shortfall[:, r, :, m].sum(axis=(1, 2)))
            rows.append(
                {
                    "region": region,
                    "material": material,
                    "demand_t_per_year": wanted / years,
                    "without_t_per_year": before / years,
                    "with_t_per_year": after / years,
                    "without_share": before / wanted if wanted > 0 else 0.0,
                    "with_share": after / wanted if wanted > 0 else 0.0,
                    "without_weighted": _weighted(instance, without, r, m),
                    "with_weighted": _weighted(instance, with_fund, r, m),
                }
            )
    return pd.DataFrame(rows)


def _weighted(instance: Instance, outcomes: Outcomes, r: int, m: int) -> float:
    p = instance.scenarios.probability
    shallow, deep = outcomes.shallow[:, r, :, m].sum(axis=1), outcomes.deep[:, r, :, m].sum(axis=1)
    return float(p @ (shallow @ instance.weight[0, m] + deep @ instance.weight[1, m]))


@dataclass(frozen=True)
class ProjectFlows:
    """Mean offer of projects to regions, t/y: by right, on the market, and promised; axes (P, R, K, M, T)."""

    right: Array
    market: Array
    promised: Array


def project_flows(instance: Instance, decision: Decision) -> ProjectFlows:
    """Mean tonnes every project offers each region under a decision, both modes, hazards included."""
    i, s = instance, instance.scenarios
    capacity = i.captive + i.process
    shape = (len(i.projects), len(i.regions), *capacity.shape[1:], len(i.years))
    found = ProjectFlows(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    running, delivered = operation(i, decision)
    for p, k, m in np.argwhere(capacity > 0):
        for r in range(len(i.regions)):
            flows = flows_to(i, (p, k, m), r, running[:, p], delivered[:, :, p])
            for array, flow in zip((found.right, found.market, found.promised), flows, strict=True):
                array[p, r, k, m] = capacity[p, k, m] * (s.probability @ flow)
    return found


def flows_to(
    instance: Instance, output: tuple[int, int, int], r: int, running: Array, delivered: Array
) -> tuple[Array, Array, Array]:
    """Offer of one output (project, stage, material) to region r in every scenario and year, shares of nameplate.

    Parameters
    ----------
    running : array, (S, T)
        Of the project.
    delivered : array, (S, R, T)
        By right, of the project.

    Returns
    -------
    tuple of three (S, T) arrays
        By right, on the market, and promised.
    """
    i, s = instance, instance.scenarios
    p, k, m = output
    c, phi = i.countries.index(i.country_of[i.projects[p]]), s.disrupted[:, m]
    # Tonnes arrive with the weight of both blocks: performance and market access are lower in a disrupted one.
    cut = phi * s.available[:, c, r, k, m]
    performed = i.crisis_performance * cut + (1.0 - phi)
    reached = i.access[p, r] * (i.crisis_access * cut + (1.0 - phi))
    market = reached * ((1.0 - i.precommitted[p, k, m]) * running - delivered.sum(axis=1))
    promised = performed * i.precommitted[p, k, m] * running if i.precommitted_to[p, k, m] == r else 0.0 * running
    return performed * delivered[:, r], market, promised


def operation(instance: Instance, decision: Decision) -> tuple[Array, Array]:
    """``running`` (S, P, T) and ``delivered`` (S, R, P, T) under a decision, shares of nameplate."""
    s = instance.scenarios
    running = s.unaided.copy()
    delivered = np.zeros((s.size, len(instance.regions), len(instance.projects), len(instance.years)))
    for (p, a, v), value in decision.select.items():
        at, j = instance.projects.index(p), instance.option_index[p, a, v]
        kept = ~s.lost[:, at, instance.windows.index(v)]
        running[:, at] += value * (s.output[:, j] - kept[:, None] * s.unaided[:, at])
    for (r, p, a, v), value in decision.rights.items():
        at, j = instance.projects.index(p), instance.option_index[p, a, v]
        delivered[:, instance.regions.index(r), at] += value * s.contracted[:, j]
    return running, delivered


def supply_table(
    instance: Instance, decision: Decision, outcomes: Outcomes, suppliers: pd.DataFrame, world: str
) -> pd.DataFrame:
    """Who offers what: mean t/y by source, region, stage, material and year.

    Columns: world, source, kind, region, stage, material, year, mean_t. Kinds: import and toll (incumbents),
    project_right, project_market, project_promised, processed, released, received, sent.
    ``suppliers`` holds the incumbents' rows in the same columns, world apart.
    """
    frames = [suppliers.assign(world=world)]
    flows = project_flows(instance, decision)
    for kind, array in (
        ("project_right", flows.right),
        ("project_market", flows.market),
        ("project_promised", flows.promised),
    ):
        frames.append(_tidy(instance, array, instance.projects, kind, world))
    p = instance.scenarios.probability
    for kind, values in (
        ("processed", outcomes.make),
        ("released", outcomes.release),
        ("received", outcomes.received),
        ("sent", outcomes.sent),
    ):
        mean = np.tensordot(p, values, axes=1)[None]
        frames.append(_tidy(instance, mean, ("all",), kind, world))
    columns = ["world", "source", "kind", "region", "stage", "material", "year", "mean_t"]
    found = [f for f in frames if len(f)]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def _tidy(instance: Instance, array: Array, sources: tuple[str, ...], kind: str, world: str) -> pd.DataFrame:
    """Rows of the positive entries of an array (source, R, K, M, T)."""
    at = np.argwhere(array > 1e-9)
    return pd.DataFrame(
        {
            "world": world,
            "source": [sources[n[0]] for n in at],
            "kind": kind,
            "region": [instance.regions[n[1]] for n in at],
            "stage": [instance.stages[n[2]] for n in at],
            "material": [instance.materials[n[3]] for n in at],
            "year": [instance.years[n[4]] for n in at],
            "mean_t": array[tuple(at.T)],
        }
    )


def scenario_table(instance: Instance, without: Outcomes, with_fund: Outcomes) -> pd.DataFrame:
    """One row per scenario: probability, weighted and physical shortfall in both worlds, by region and material."""
    data: dict[str, npt.NDArray[np.generic]] = {
        "scenario": np.arange(instance.scenarios.size),
        "probability": instance.scenarios.probability,
        "without_weighted": without.weighted,
        "with_weighted": with_fund.weighted,
        "without_side": without.side,
        "with_side": with_fund.side,
    }
    for world, outcome in ((WITHOUT, without), (WITH, with_fund)):
        short = outcome.shortfall.sum(axis=(2, 4))
        for r, region in enumerate(instance.regions):
            for m, material in enumerate(instance.materials):
                data[f"{world}_t_{region}_{material}"] = short[:, r, m]
    for m, material in enumerate(instance.materials):
        data[f"disrupted_months_{material}"] = 12.0 * instance.scenarios.disrupted[:, m].sum(axis=1)
    return pd.DataFrame(data)
