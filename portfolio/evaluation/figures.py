"""Figures of a fixed portfolio with their intervals: without the fund, with it, and the difference between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import Instance
from portfolio.evaluation.fresh import Measured, World
from portfolio.evaluation.intervals import (
    Interval,
    cvar_influence,
    cvar_interval,
    event_difference,
    influence_interval,
    mean_interval,
    paired_difference,
    probability_interval,
    quantile_interval,
    ratio_interval,
)
from portfolio.evaluation.measures import TAIL, WITH, WITHOUT

Array = npt.NDArray[np.float64]

DIFFERENCE = "difference"
"""With the fund minus without it, on the same scenarios."""
WORLDS = (WITHOUT, WITH, DIFFERENCE)
QUANTILES = (0.5, 0.9, 0.95, 0.99)
"""Quantiles of the weighted shortfall that are reported."""
SPECK = 1e-6
"""Tonnes below which nothing is short."""
AXES = ("region", "stage", "material", "year")
"""What tables may be by, in the order of the axes."""


@dataclass(frozen=True)
class Figure:
    """One figure of one world: ``name`` as in :func:`figures`, ``unit`` in words."""

    name: str
    world: str
    unit: str
    interval: Interval


@dataclass(frozen=True)
class Terms:
    """What the objective is made of, but for the scenarios.

    ``cost`` is what it pays for the portfolio whatever happens, ``without`` what it pays without the fund.
    """

    cvar_weight: float
    cvar_level: float
    cost: float
    without: float = 0.0

    @staticmethod
    def of(instance: Instance, public_cost_usd_m: float, missed: tuple[float, float] = (0.0, 0.0)) -> Terms:
        """Read them from a programme; ``missed`` are penalties for benchmarks, without the fund and with it.

        Benchmarks are about means over the scenarios a portfolio was chosen on: the same on any other sample.
        """
        cost = instance.cost_weight * public_cost_usd_m + missed[1]
        return Terms(instance.cvar_weight, instance.cvar_level, cost, missed[0])


def figures(measured: Measured, terms: Terms, level: float) -> tuple[Figure, ...]:
    """Figures over the whole horizon.

    ``weighted`` mean of Z; ``weighted_cvar`` its mean over the worst 1 - beta at the case's level; ``weighted_p50`` and
    so on its quantiles (no difference: quantiles of the two worlds are not of the same scenarios); ``probability`` of
    any shortfall; ``tonnes_per_year``; ``share_of_demand`` mean shortfall over mean demand; ``objective`` as in the
    solve; ``reduction`` part of the mean weighted shortfall that the fund removes.
    """
    return tuple(_figures(measured, terms, level))


def _figures(measured: Measured, terms: Terms, level: float) -> Iterator[Figure]:
    p, beta = measured.probability, terms.cvar_level
    without, fund = measured.without, measured.with_fund
    years = measured.demand.shape[-1]
    demand = _total(measured.demand)
    tonnes = {WITHOUT: _total(without.shortfall), WITH: _total(fund.shortfall)}
    z = {WITHOUT: without.weighted, WITH: fund.weighted}

    yield from _three("weighted", "weighted t", z, lambda x: mean_interval(x, p, level=level))
    for world in (WITHOUT, WITH):
        yield Figure("weighted_cvar", world, "weighted t", cvar_interval(z[world], beta, p, level=level))
    change = paired_difference(z[WITH], z[WITHOUT], p, tail=beta, level=level)
    yield Figure("weighted_cvar", DIFFERENCE, "weighted t", change)
    for share in QUANTILES:
        for world in (WITHOUT, WITH):
            name = f"weighted_p{100 * share:.0f}"
            yield Figure(name, world, "weighted t", quantile_interval(z[world], share, p, level=level))
    for world in (WITHOUT, WITH):
        found = probability_interval(tonnes[world] > SPECK, p, level=level)
        yield Figure("probability", world, "probability", found)
    change = event_difference(tonnes[WITH] > SPECK, tonnes[WITHOUT] > SPECK, p, level=level)
    yield Figure("probability", DIFFERENCE, "probability", change)
    yearly = {world: x / years for world, x in tonnes.items()}
    yield from _three("tonnes_per_year", "t/y", yearly, lambda x: mean_interval(x, p, level=level))
    yield from _three("share_of_demand", "share", tonnes, lambda x: ratio_interval(x, demand, p, level=level))
    for world in WORLDS:
        yield Figure("objective", world, "weighted t", _objective(measured, terms, world, level))
    removed = ratio_interval(z[WITHOUT] - z[WITH], z[WITHOUT], p, level=level)
    yield Figure("reduction", DIFFERENCE, "share", removed)


def _three(name: str, unit: str, by_world: dict[str, Array], interval: Callable[[Array], Interval]) -> Iterator[Figure]:
    """Both worlds and their difference, scenario by scenario."""
    for world in (WITHOUT, WITH):
        yield Figure(name, world, unit, interval(by_world[world]))
    yield Figure(name, DIFFERENCE, unit, interval(by_world[WITH] - by_world[WITHOUT]))


def _objective(measured: Measured, terms: Terms, world: str, level: float) -> Interval:
    """(1 - lambda) mean + lambda CVaR of Z and side costs, plus the cost of the portfolio where there is the fund."""
    p = measured.probability
    without = _paid(measured.without, p, terms)
    fund = _paid(measured.with_fund, p, terms)
    estimate, influence = {
        WITHOUT: (without[0] + terms.without, without[1]),
        WITH: (fund[0] + terms.cost, fund[1]),
        DIFFERENCE: (fund[0] + terms.cost - without[0] - terms.without, fund[1] - without[1]),
    }[world]
    tail = terms.cvar_level if terms.cvar_weight > 0 else 0.0
    return influence_interval(estimate, influence, p, level=level, tail=tail)


def _paid(world: World, probability: Array, terms: Terms) -> tuple[float, Array]:
    """Mean and CVaR of what scenarios cost, mixed, and its influence values."""
    paid = world.weighted + world.side
    mean = float(probability @ paid)
    if terms.cvar_weight <= 0:
        return mean, paid - mean
    tail, influence = cvar_influence(paid, probability, terms.cvar_level)
    mixed = (1 - terms.cvar_weight) * mean + terms.cvar_weight * tail
    return mixed, (1 - terms.cvar_weight) * (paid - mean) + terms.cvar_weight * influence


def shortfall_by(measured: Measured, instance: Instance, by: tuple[str, ...], level: float) -> pd.DataFrame:
    """Shortfall by some of region, stage, material and year, without the fund, with it, and the difference.

    Columns: those of ``by``; world; demand_t and mean_t (a year; of the year where it is one of ``by``);
    share_of_demand; probability (of any); cvar95_t (mean over the worst 5 %); each but demand with the limits of its
    interval, ``_low`` and ``_high``; reliable (1 where all four are) and note. Cells without demand are left out.
    """
    labels = _labels(instance)
    kept = [n for n, axis in enumerate(AXES) if axis in by]
    years = 1 if "year" in by else len(instance.years)
    demand, before, after = (
        _over_others(x, kept) / years
        for x in (measured.demand, measured.without.shortfall, measured.with_fund.shortfall)
    )
    rows = []
    for cell in np.ndindex(*demand.shape[1:]):
        at = (slice(None), *cell)
        wanted = float(measured.probability @ demand[at])
        if wanted <= 0:
            continue
        place = {AXES[n]: labels[n][c] for n, c in zip(kept, cell, strict=True)}
        for world in WORLDS:
            found = _cell(demand[at], before[at], after[at], measured.probability, world, level)
            rows.append({**place, "world": world, "demand_t": wanted, **_columns(found)})
    return pd.DataFrame(rows)


def _cell(
    demand: Array, before: Array, after: Array, probability: Array, world: str, level: float
) -> dict[str, Interval]:
    """Intervals of one cell in one world."""
    x = {WITHOUT: before, WITH: after, DIFFERENCE: after - before}[world]
    found = {
        "mean_t": mean_interval(x, probability, level=level),
        "share_of_demand": ratio_interval(x, demand, probability, level=level),
    }
    if world == DIFFERENCE:
        found["probability"] = event_difference(after > SPECK, before > SPECK, probability, level=level)
        found["cvar95_t"] = paired_difference(after, before, probability, tail=TAIL, level=level)
    else:
        found["probability"] = probability_interval(x > SPECK, probability, level=level)
        found["cvar95_t"] = cvar_interval(x, TAIL, probability, level=level)
    return found


def _columns(found: dict[str, Interval]) -> dict[str, object]:
    """Spread intervals over columns."""
    row: dict[str, object] = {}
    for name, interval in found.items():
        row |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
    row["reliable"] = int(all(i.reliable for i in found.values()))
    row["note"] = "; ".join(dict.fromkeys(i.note for i in found.values() if i.note))
    return row


def _labels(instance: Instance) -> tuple[tuple[object, ...], ...]:
    return instance.regions, instance.stages, instance.materials, instance.years


def _over_others(values: Array, kept: list[int]) -> Array:
    """Sum (S, R, K, M, T) over the axes that are not kept."""
    return np.asarray(values.sum(axis=tuple(n + 1 for n in range(len(AXES)) if n not in kept)))


def _total(values: Array) -> Array:
    """Sum over all cells, (S,)."""
    return np.asarray(values.sum(axis=(1, 2, 3, 4)))
