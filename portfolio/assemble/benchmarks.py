"""Benchmarks of a region: what plants in it could produce in the year of the targets, and what it consumes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models import Benchmark, Instance
from portfolio.assemble.supply import active
from portfolio.case.records import Case, matches
from portfolio.case.settings import BENCHMARKS
from portfolio.case.tables import ProjectOutput, Supplier
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chain:
    """Stages of the targets by number, and what a tonne of every form yields in processed form, (K,)."""

    extraction: int
    processing: int
    processed: Array

    @classmethod
    def of(cls, case: Case) -> Chain:
        """Return the chain of a case: stages named in its settings, else the first and the second."""
        rules, stages = case.settings.benchmarks, case.stage_names
        first = stages.index(rules.extraction_stage) if rules.extraction_stage else 0
        second = stages.index(rules.processing_stage) if rules.processing_stage else min(1, len(stages) - 1)
        recovery = np.array([s.recovery for s in case.stages])
        processed = [float(np.prod(recovery[k + 1 : second + 1])) for k in range(len(stages))]
        return cls(first, second, np.array(processed))


@dataclass(frozen=True)
class Domestic:
    """What a region could produce and consumes in the year of the targets; axes S, B :data:`BENCHMARKS`, P, M.

    Attributes
    ----------
    region : str
        The region.
    at : int
        Number of the year.
    consumption : (S, M)
        t/y; demand in processed form or before, and embedded in products where the case says so.
    incumbents : (S, B, M)
        Capacity of suppliers in the region that is in operation, t/y of processed material.
    plants : (B, P, M)
        Nameplate of projects in the region, t/y of processed material; in operation to the share that runs.
    """

    region: str
    at: int
    consumption: Array
    incumbents: Array
    plants: Array


def domestic(case: Case, drivers: Drivers) -> Domestic | None:
    """Return domestic capacity and consumption on a sample; None where the case names no region.

    By kind, in tonnes of processed material (forms before processing times the recoveries in between):

    - extraction: captive output and suppliers at the stage of extraction, and captive output of later stages, which
      has a mine behind it; without what is made from scrap;
    - processing: output and slots of the stage of processing, spare ones included, and captive output of later
      stages; without what is made from scrap;
    - recycling: what is made from scrap, at any stage.
    """
    rules = case.settings.benchmarks
    if not rules.region:
        return None
    chain, at = Chain.of(case), case.years.index(rules.year)
    counted = slice(None) if rules.embedded else slice(0, chain.processing + 1)
    return Domestic(
        region=rules.region,
        at=at,
        consumption=drivers.demand[:, case.region_names.index(rules.region), counted, :, at].sum(axis=1),
        incumbents=_incumbents(case, drivers, chain, at),
        plants=_plants(case, chain),
    )


def targets(case: Case) -> Array:
    """Return the targets on domestic capacity over consumption, in the order of :data:`BENCHMARKS`."""
    return np.array([getattr(case.settings.benchmarks, name) for name in BENCHMARKS])


def counted_benchmarks(case: Case, found: Domestic | None, instance: Instance) -> dict[str, Benchmark]:
    """Return the benchmarks that the case requires or penalises, one per material, for (8a).

    need = target * mean consumption - mean capacity without support; gain = capacity * mean of output less what is
    lost of the output without support: means over the scenarios of the programme.
    """
    rules, s = case.settings.benchmarks, instance.scenarios
    names = [name for name in BENCHMARKS if matches(rules.require, name) or matches(rules.penalise, name)]
    if found is None or not names:
        return {}
    mean_unaided = s.probability @ s.unaided[:, :, found.at]
    without = np.tensordot(s.probability, found.incumbents, axes=1) + found.plants.swapaxes(1, 2) @ mean_unaided
    need = targets(case)[:, None] * (s.probability @ found.consumption) - without
    added = _mean_effects(instance, found.at)
    benchmarks = {}
    for b, name in enumerate(BENCHMARKS):
        for m, material in enumerate(case.materials) if name in names else ():
            gain = {
                key: float(found.plants[b, p, m] * added[j])
                for j, key in enumerate(instance.options)
                if found.plants[b, p := instance.projects.index(key[0]), m] > 0
            }
            penalty = None if matches(rules.require, name) else rules.penalty * material.weight
            benchmarks[f"{name} {material.material}"] = Benchmark(float(need[b, m]), gain, penalty)
    return benchmarks


def _mean_effects(instance: Instance, at: int) -> Array:
    """Mean of what each option adds to the running share of its project in a year, (J,)."""
    s = instance.scenarios
    added = np.array(s.probability @ s.output[:, :, at])
    for j, (project, _, window) in enumerate(instance.options):
        p = instance.projects.index(project)
        kept = ~s.lost[:, p, instance.windows.index(window)]
        added[j] -= s.probability @ (kept * s.unaided[:, p, at])
    return added


def _counts(chain: Chain, stage: int, captive: bool, recycled: float) -> Array:
    """Which part of a tonne counts for each benchmark, in processed form, (B,)."""
    fresh = 1.0 - recycled
    extracts = stage >= chain.extraction and captive
    processes = stage == chain.processing or (stage > chain.processing and captive)
    parts = np.array([fresh * extracts, fresh * processes, recycled])
    return np.asarray(parts * chain.processed[stage], dtype=float)


def _output(case: Case, chain: Chain, row: ProjectOutput) -> Array:
    return row.capacity_tpy * _counts(chain, case.stage_names.index(row.stage), row.mode == "captive", row.recycled)


def _plants(case: Case, chain: Chain) -> Array:
    """Nameplate of projects at home, (B, P, M)."""
    found = np.zeros((len(BENCHMARKS), len(case.projects), len(case.materials)))
    for p, project in enumerate(case.projects):
        if case.country[project.country].home == case.settings.benchmarks.region:
            for row in case.outputs[project.project]:
                found[:, p, case.material_names.index(row.material)] += _output(case, chain, row)
    return found


def _supply(case: Case, chain: Chain, supplier: Supplier) -> Array:
    """What a supplier's capacity counts for; only at the stage of extraction is it known to extract."""
    stage = case.stage_names.index(supplier.stage)
    return supplier.capacity_tpy * _counts(chain, stage, stage == chain.extraction, supplier.recycled)


def _incumbents(case: Case, drivers: Drivers, chain: Chain, at: int) -> Array:
    """Capacity of suppliers at home in operation, (S, B, M)."""
    found = np.zeros((drivers.size, len(BENCHMARKS), len(case.materials)))
    for supplier in case.suppliers:
        if case.country[supplier.country].home != case.settings.benchmarks.region:
            continue
        m, k = case.material_names.index(supplier.material), case.stage_names.index(supplier.stage)
        c = case.country_names.index(supplier.country)
        running = drivers.running[:, c, k, m, at] * active(case, supplier)[at]
        found[:, :, m] += running[:, None] * _supply(case, chain, supplier)
    return found
