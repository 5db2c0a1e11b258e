"""What events do to goods, plants and prices: from occurrences to the yearly arrays of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import cast

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case, matches
from portfolio.case.tables import Event, Hazard
from portfolio.scenarios.cells import Cells
from portfolio.scenarios.hazards import Occurrences
from portfolio.scenarios.months import MONTHS, Coverage, MonthGrids, coverage
from portfolio.scenarios.philox import Array

Flags = npt.NDArray[np.bool_]
Effects = Sequence[Hazard | Event]
Cell = tuple[int, int, int, int]
"""Country, region, stage and material, by number."""
Group = frozenset[int]
"""Numbers of the effects that hit the same goods or plants."""


@dataclass(frozen=True)
class Disruption:
    """Yearly effects of all events of a chunk; shapes and meaning as in ``Drivers``.

    ``factor`` is the mean over the months of the year of the product of price factors, (N, M, T).
    """

    disrupted: Array
    available: Array
    running: Array
    cut: Flags
    factor: Array


def disruption(case: Case, effects: Effects, events: Occurrences, size: int) -> Disruption:
    """Return the yearly effects of events on ``size`` scenarios.

    With cov the share of a month that an event covers, yearly values being means over the twelve months:

    - disrupted = 1 − Π (1 − cov) over export events of positive severity that hit the material in any region;
    - lost = 1 − Π (1 − severity·cov) over export events of the country that hit region, stage and material;
    - available = 1 − lost / disrupted, and 1 where nothing is disrupted; lost ≤ disrupted, factor by factor;
    - running = Π (1 − severity·cov) over outages of the country that hit stage and material;
    - factor = Π price_factor^cov over all events that hit the material, whatever their kind.

    Parameters
    ----------
    case : Case
        Regions, materials, stages, countries and years.
    effects : sequence of Hazard or Event
        What ``events.effect`` counts.
    events : Occurrences
        The events that happen.
    size : int
        Number of scenarios N.
    """
    months = MONTHS * len(case.years)
    goods, plants = _groups(case, effects, "export"), _groups(case, effects, "outage")
    groups = set(goods.values()) | set(plants.values())
    left: MonthGrids[Group] = MonthGrids(size, months)
    calm: MonthGrids[int] = MonthGrids(size, months)
    factor: MonthGrids[int] = MonthGrids(size, months)
    cut = np.zeros((size, len(case.regions), len(case.materials), len(case.years)), dtype=bool)
    for number, effect in enumerate(effects):
        covered = coverage(events, number, months)
        hits = [m for m, name in enumerate(case.material_names) if matches(effect.materials, name)]
        kept = 1.0 - covered.severity * covered.share
        left.multiply([g for g in groups if number in g], covered.cell, kept)
        if effect.kind == "export":
            cutting = covered.severity > 0.0
            calm.multiply(hits, covered.cell[cutting], 1.0 - covered.share[cutting])
            _mark_cut(case, effect, covered, cut)
        if effect.price_factor != 1.0:
            factor.multiply(hits, covered.cell, effect.price_factor**covered.share)
    disrupted = 1.0 - _by_material(case, calm.yearly(), size)
    yearly = left.yearly()
    return Disruption(
        disrupted=disrupted,
        available=_available(case, goods, yearly, disrupted),
        running=_running(case, plants, yearly, size),
        cut=cut,
        factor=_by_material(case, factor.yearly(), size),
    )


def _groups(case: Case, effects: Effects, kind: str) -> dict[Cell, Group]:
    """Return the effects of a kind on every (country, region, stage, material) that is hit by any.

    Outages hit plants, not the goods of a region: their lists of regions do not count.
    """
    found: dict[Cell, Group] = {}
    axes = (case.country_names, case.region_names, case.stage_names, case.material_names)
    for (c, country), (r, region), (k, stage), (m, material) in product(*map(enumerate, axes)):
        group = frozenset(
            n
            for n, e in enumerate(effects)
            if e.kind == kind
            and e.country == country
            and (kind == "outage" or matches(e.regions, region))
            and matches(e.stages, stage)
            and matches(e.materials, material)
        )
        if group:
            found[c, r, k, m] = group
    return found


def _mark_cut(case: Case, effect: Hazard | Event, covered: Coverage, cut: Flags) -> None:
    """Mark in place the regions, materials and years that an export effect cuts."""
    size, _, _, years = cut.shape
    touched = np.zeros(size * years, dtype=bool)
    touched[covered.cell[(covered.severity > 0.0) & (covered.share > 0.0)] // MONTHS] = True
    for r, region in enumerate(case.region_names):
        for m, material in enumerate(case.material_names):
            if matches(effect.regions, region) and matches(effect.materials, material):
                cut[:, r, m] |= touched.reshape(size, years)


def _by_material(case: Case, yearly: dict[int, Array], size: int) -> Array:
    """Return yearly values by material, (N, M, T), 1 where nothing was hit."""
    values = np.ones((size, len(case.materials), len(case.years)))
    for m, value in yearly.items():
        values[:, m] = value
    return values


def _available(case: Case, goods: dict[Cell, Group], yearly: dict[Group, Array], disrupted: Array) -> Array:
    """Return the share of goods that arrives in the disrupted block, (N, C, R, K, M, T)."""
    length = np.where(disrupted > 0.0, disrupted, 1.0)
    shape = (len(case.countries), len(case.regions), len(case.stages), len(case.materials))
    index = np.zeros(shape, dtype=np.int64)
    numbers: dict[tuple[Group, int], int] = {}
    for cell, group in goods.items():
        index[cell] = numbers.setdefault((group, cell[3]), len(numbers) + 1)
    values = np.ones((len(numbers) + 1, disrupted.shape[0], disrupted.shape[2]))
    for (group, m), number in numbers.items():
        if group in yearly:
            # Rounding alone can take the quotient past its bounds.
            values[number] = np.clip(1.0 - (1.0 - yearly[group]) / length[:, m], 0.0, 1.0)
    return cast(Array, Cells(index, values))


def _running(case: Case, plants: dict[Cell, Group], yearly: dict[Group, Array], size: int) -> Array:
    """Return the share of output that outages leave, (N, C, K, M, T)."""
    index = np.zeros((len(case.countries), len(case.stages), len(case.materials)), dtype=np.int64)
    numbers: dict[Group, int] = {}
    for (c, _, k, m), group in plants.items():
        index[c, k, m] = numbers.setdefault(group, len(numbers) + 1)
    values = np.ones((len(numbers) + 1, size, len(case.years)))
    for group, number in numbers.items():
        if group in yearly:
            values[number] = yearly[group]
    return cast(Array, Cells(index, values))
