"""A fixed portfolio under stress: named events alone or on top of a sample, and the loss of its largest suppliers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import Instance
from portfolio.assemble.supply import forecast, offer, place
from portfolio.case.records import Case
from portfolio.case.tables import Event
from portfolio.evaluation.figures import SPECK
from portfolio.evaluation.fresh import CHUNK, FixedPortfolio, Measured, World
from portfolio.evaluation.intervals import mean_interval
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.events import effect_drivers, event_effects
from portfolio.scenarios.sampling import stressed_chunk

Array = npt.NDArray[np.float64]

EVENT, N_MINUS_ONE = "event", "n-1"
"""Kinds of stress."""
ALONE, ON_TOP = "alone", "on_top"
"""Nothing else happens, or the hazards of a sample as well."""
MONTHS_GONE = 12.0
"""How long a supplier country is gone."""


@dataclass(frozen=True)
class Trial:
    """One stress: its name, its kind and the effects that happen together."""

    name: str
    kind: str
    effects: tuple[Event, ...]


def event_trials(case: Case, names: Iterable[str] = ()) -> tuple[Trial, ...]:
    """Return a trial for every event named, or for every event of the case where none is.

    Raises
    ------
    ValueError
        Where the case has no event of a name.
    """
    wanted = tuple(dict.fromkeys(names)) or tuple(sorted({e.event for e in case.events}))
    return tuple(Trial(name, EVENT, event_effects(case, [name])) for name in wanted)


def largest_suppliers(case: Case) -> pd.DataFrame:
    """Largest third country of every region, stage and material: what it offers in a calm world.

    Columns: region, stage, material, country, mean_t (t/y over the horizon, at forecast demand), share (of all that is
    imported there). Countries that belong to the region are no third countries.
    """
    demand = forecast(case)
    shape = (len(case.regions), len(case.stages), len(case.materials), len(case.countries))
    imported = np.zeros(shape)
    for supplier in case.suppliers:
        if supplier.role == "import":
            r, k, m = place(case, supplier)
            c = case.country_names.index(supplier.country)
            imported[r, k, m, c] += float(offer(case, supplier, demand[r, k, m]).mean())
    rows = []
    for r, k, m in np.ndindex(*shape[:3]):
        abroad = [0.0 if c.home == case.region_names[r] else imported[r, k, m, n] for n, c in enumerate(case.countries)]
        worst = int(np.argmax(abroad))
        if abroad[worst] > 0:
            where = (case.region_names[r], case.stage_names[k], case.material_names[m], case.country_names[worst])
            rows.append((*where, abroad[worst], abroad[worst] / float(imported[r, k, m].sum())))
    return pd.DataFrame(rows, columns=["region", "stage", "material", "country", "mean_t", "share"])


def losses(case: Case) -> tuple[Trial, ...]:
    """Return a trial for every country that is somewhere the largest supplier: all its exports stop for a year."""
    countries = sorted(set(largest_suppliers(case)["country"]))
    return tuple(
        Trial(
            country,
            N_MINUS_ONE,
            (
                Event(
                    event=country,
                    effect="gone",
                    country=country,
                    kind="export",
                    duration_months=MONTHS_GONE,
                    severity=1.0,
                ),
            ),
        )
        for country in countries
    )


def alone(fixed: FixedPortfolio, trial: Trial) -> Measured:
    """Measure a trial that begins in January of a year: a scenario for every year of the horizon, in their order."""
    return fixed.on(effect_drivers(fixed.case, trial.effects, fixed.case.years))


def calm(fixed: FixedPortfolio) -> Measured:
    """Measure the scenario in which nothing happens."""
    return fixed.on(effect_drivers(fixed.case, (), fixed.case.years[:1]))


def stressed_sample(case: Case, trial: Trial, start_year: int, count: int, seed: int) -> Iterator[Drivers]:
    """Yield a Monte Carlo sample in every scenario of which a trial happens as well, in chunks."""
    for start in range(0, count, CHUNK):
        index = np.arange(start, min(start + CHUNK, count), dtype=np.int64)
        yield stressed_chunk(case, index, seed, count, trial.effects, start_year)


def alone_rows(trial: Trial, found: Measured, before: Measured, instance: Instance) -> list[dict[str, object]]:
    """Rows of a trial alone, one per start year and world.

    stress, kind, start_year, world, tonnes and weighted (over the horizon), added_tonnes and added_weighted (over the
    calm world), short_stage (where most of what is added is short), worst (1 for the start year of largest weighted
    shortfall with the fund).
    """
    worst = int(np.argmax(found.with_fund.weighted))
    rows: list[dict[str, object]] = []
    for n, year in enumerate(instance.years):
        for name, now, then in _worlds(found, before):
            added = now.shortfall[n] - then.shortfall[0]
            rows.append(
                {
                    "stress": trial.name,
                    "kind": trial.kind,
                    "start_year": year,
                    "world": name,
                    "tonnes": float(now.shortfall[n].sum()),
                    "weighted": float(now.weighted[n]),
                    "added_tonnes": float(added.sum()),
                    "added_weighted": float(now.weighted[n] - then.weighted[0]),
                    "short_stage": _short_stage(added, instance),
                    "worst": int(n == worst),
                }
            )
    return rows


def on_top_rows(
    trial: Trial, year: int, found: Measured, before: Measured, instance: Instance, level: float
) -> list[dict[str, object]]:
    """Rows of a trial on top of a sample, one per world, means over the scenarios.

    Columns as alone; added_weighted with the limits of its interval, since scenarios come in pairs; no ``worst``.
    """
    p = found.probability
    rows: list[dict[str, object]] = []
    for name, now, then in _worlds(found, before):
        added = mean_interval(now.weighted - then.weighted, p, level=level)
        short = np.tensordot(p, now.shortfall - then.shortfall, axes=1)
        rows.append(
            {
                "stress": trial.name,
                "kind": trial.kind,
                "start_year": year,
                "world": name,
                "tonnes": float(p @ now.shortfall.sum(axis=(1, 2, 3, 4))),
                "weighted": float(p @ now.weighted),
                "added_tonnes": float(short.sum()),
                "added_weighted": added.estimate,
                "added_weighted_low": added.low,
                "added_weighted_high": added.high,
                "short_stage": _short_stage(short, instance),
            }
        )
    return rows


def place_rows(
    trial: Trial, mode: str, year: int, found: Measured, before: Measured, instance: Instance, row: int | None = None
) -> list[dict[str, object]]:
    """Shortfall of a trial by region, stage, material and year in both worlds, means over the scenarios, or of one.

    stress, kind, mode (alone or on_top), start_year, world, region, stage, material, year, demand_t, shortfall_t,
    added_t. Places where nothing is short are left out.
    """
    p = found.probability if row is None else np.eye(found.size)[row]
    demand = np.tensordot(p, found.demand, axes=1)
    rows: list[dict[str, object]] = []
    for name, now, then in _worlds(found, before):
        short, was = np.tensordot(p, now.shortfall, axes=1), np.tensordot(before.probability, then.shortfall, axes=1)
        for r, k, m, t in np.argwhere((short > SPECK) | (was > SPECK)):
            rows.append(
                {
                    "stress": trial.name,
                    "kind": trial.kind,
                    "mode": mode,
                    "start_year": year,
                    "world": name,
                    "region": instance.regions[r],
                    "stage": instance.stages[k],
                    "material": instance.materials[m],
                    "year": instance.years[t],
                    "demand_t": float(demand[r, k, m, t]),
                    "shortfall_t": float(short[r, k, m, t]),
                    "added_t": float(short[r, k, m, t] - was[r, k, m, t]),
                }
            )
    return rows


def _worlds(found: Measured, before: Measured) -> tuple[tuple[str, World, World], ...]:
    return (WITHOUT, found.without, before.without), (WITH, found.with_fund, before.with_fund)


def _short_stage(added: Array, instance: Instance) -> str:
    """Stage at which most is short of what is added, (R, K, M, T); empty where nothing is."""
    by_stage = added.sum(axis=(0, 2, 3))
    worst = int(np.argmax(by_stage))
    return instance.stages[worst] if by_stage[worst] > SPECK else ""
