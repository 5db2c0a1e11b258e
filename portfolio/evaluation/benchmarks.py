"""How far benchmarks of a region are met: mean levels, and the probability of meeting each over the scenarios."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import Decision, Instance
from portfolio.assemble import Assembly
from portfolio.assemble.benchmarks import Domestic, targets
from portfolio.assemble.supply import offer, place
from portfolio.case.settings import BENCHMARKS
from portfolio.evaluation.measures import flows_to, operation

Array = npt.NDArray[np.float64]
Row = tuple[str, str, int, str, str, str, float, float, float, float, float]

THIRD_COUNTRY = "third_country"
"""Name of the benchmark on dependence, beside those of :data:`portfolio.case.settings.BENCHMARKS`."""
COLUMNS = (
    "world",
    "benchmark",
    "region",
    "year",
    "material",
    "stage",
    "country",
    "target",
    "tonnes",
    "consumption_t",
    "level",
    "probability",
)
TOLERANCE = 1e-9
"""Part of consumption by which a target may be missed through rounding."""


def benchmark_table(assembly: Assembly, decision: Decision, world: str) -> pd.DataFrame:
    """Every benchmark of the case's region by material, under a decision; no rows where the case names no region.

    Columns: world, benchmark, region, year, material; stage and country (third_country alone: the country from which
    most comes in the mean); target; tonnes (mean t/y: domestic capacity in operation, or goods of that country),
    consumption_t (mean t/y), level (the one over the other: a ratio of means), probability (that a scenario meets the
    target; of third_country, that no country exceeds it).
    """
    found = assembly.domestic
    rows: list[Row] = []
    if found is not None:
        running, delivered = operation(assembly.instance, decision)
        rows += _domestic(assembly, found, running)
        rows += _third_countries(assembly, found, running, delivered)
    return pd.DataFrame([(world, *row) for row in rows], columns=list(COLUMNS))


def capacity_at_home(found: Domestic, running: Array) -> Array:
    """Domestic capacity in operation in every scenario, (S, B, M), t/y of processed material.

    ``running`` (S, P, T) is what projects run at.
    """
    return np.asarray(found.incumbents + np.einsum("bpm,sp->sbm", found.plants, running[:, :, found.at]))


def _domestic(assembly: Assembly, found: Domestic, running: Array) -> Iterator[Row]:
    """Rows of the benchmarks on domestic capacity."""
    p, year = assembly.instance.scenarios.probability, assembly.instance.years[found.at]
    capacity, wanted = capacity_at_home(found, running), targets(assembly.case)
    for b, name in enumerate(BENCHMARKS):
        for m, material in enumerate(assembly.instance.materials):
            has, consumed = capacity[:, b, m], found.consumption[:, m]
            met = has >= (wanted[b] - TOLERANCE) * consumed
            amounts = _levels(p, has, consumed)
            yield name, found.region, year, material, "", "", float(wanted[b]), *amounts, float(p @ met)


def _levels(p: Array, tonnes: Array, consumption: Array) -> tuple[float, float, float]:
    """Mean tonnes, mean consumption, and the one over the other (0 where nothing is consumed)."""
    mean, consumed = float(p @ tonnes), float(p @ consumption)
    return mean, consumed, mean / consumed if consumed > 0 else 0.0


def _third_countries(assembly: Assembly, found: Domestic, running: Array, delivered: Array) -> Iterator[Row]:
    """Rows of the benchmark on dependence, for every form and material that the region demands."""
    i, case = assembly.instance, assembly.case
    p, r, target = i.scenarios.probability, i.regions.index(found.region), case.settings.benchmarks.third_country
    third = np.array([c.home != found.region for c in case.countries])
    offers = _offers(assembly, found, running, delivered)
    for k, m in np.ndindex(len(i.stages), len(i.materials)):
        demand = i.scenarios.demand[:, r, k, m, found.at]
        if not demand.any():
            continue
        # Where more is offered than demanded, every source is taken in proportion.
        base = np.maximum(demand, offers[:, :, k, m].sum(axis=1))
        abroad = np.where(third[:, None], offers[:, :, k, m].T, 0.0)
        worst = int(np.argmax(abroad @ p))
        met = (abroad <= (target + TOLERANCE) * base).all(axis=0)
        where = (found.region, i.years[found.at], i.materials[m], i.stages[k], case.country_names[worst])
        yield THIRD_COUNTRY, *where, target, *_levels(p, abroad[worst], base), float(p @ met)


def _offers(assembly: Assembly, found: Domestic, running: Array, delivered: Array) -> Array:
    """Goods that the region is offered from each country in the year of the targets, (S, C, K, M), t/y.

    Imports and what projects offer, slots of processors included, as mean over the blocks of the year; spare
    processing of incumbents apart, whose feed has an origin of its own.
    """
    i, case, drivers = assembly.instance, assembly.case, assembly.drivers
    s, r, t = i.scenarios, i.regions.index(found.region), found.at
    offers = np.zeros((s.size, len(case.countries), len(i.stages), len(i.materials)))
    for supplier in case.suppliers:
        to, k, m = place(case, supplier)
        if supplier.role != "import" or to != r:
            continue
        c = case.country_names.index(supplier.country)
        calm = offer(case, supplier, drivers.demand[:, r, k, m])[:, t] * drivers.running[:, c, k, m, t]
        lost = s.disrupted[:, m, t] * (1.0 - drivers.available[:, c, r, k, m, t])
        offers[:, c, k, m] += calm * (1.0 - lost)
    for p, k, m in np.argwhere(i.captive + i.process > 0):
        c = case.country_names.index(i.country_of[i.projects[p]])
        flows = _flows_in(i, (p, k, m), r, running, delivered, t)
        offers[:, c, k, m] += (i.captive + i.process)[p, k, m] * flows
    return offers


def _flows_in(
    instance: Instance, output: tuple[int, int, int], r: int, running: Array, delivered: Array, t: int
) -> Array:
    """What a project offers the region in one year, all ways together, (S,), share of nameplate."""
    flows = flows_to(instance, output, r, running[:, output[0]], delivered[:, :, output[0]])
    return np.asarray(sum(flow[:, t] for flow in flows), dtype=float)
