"""Expected values of what events do to goods, plants and prices in a scenario: the arrays the programme is made of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from portfolio.case.records import Case, matches
from portfolio.case.tables import Hazard
from portfolio.scenarios.quality.drawn import Drawn
from portfolio.scenarios.quality.overlap import MONTHS, Mark, Overlap
from portfolio.scenarios.quality.rows import Array, Observe, Row

Cell = tuple[int, int, int, int]


def effect_rows(case: Case) -> Iterator[Row]:
    """Rows of disrupted months, goods lost, output lost to outages, and of what hazards and premiums do to prices."""
    overlap = Overlap(case)
    disrupted: dict[int, float] = {}
    for m, name in enumerate(case.material_names):
        hits = [h for h in case.hazards if matches(h.materials, name) and h.rate > 0]
        export = [h for h in hits if h.kind == "export" and h.severity_mean > 0]
        share = overlap.products({h.hazard: Mark(-1.0) for h in export})
        disrupted[m] = float(1.0 - share.mean())
        if export:
            yield _row("disrupted", name, "disrupted", export, MONTHS * disrupted[m], _disrupted(m))
        yield from _price_factor(overlap, m, name, hits)
        yield from _premium(case, m, name, disrupted[m])
    yield from _lost(case, overlap)
    yield from _stopped(case, overlap)


def _row(driver: str, entity: str, quantity: str, hazards: list[Hazard], expected: float, observe: Observe) -> Row:
    rate = float(sum(h.rate for h in hazards))
    return Row(driver, entity, quantity, "months/y", "hazards.rate", rate, expected, "mean", observe)


def _disrupted(m: int) -> Observe:
    return lambda d: MONTHS * d.drivers.disrupted[:, m].mean(axis=1)[:, None]


def _price_factor(overlap: Overlap, m: int, name: str, hits: list[Hazard]) -> Iterator[Row]:
    """Mean factor of events on the reference price; moves the mean away from the forecast."""
    moving = [h for h in hits if h.price_factor != 1.0]
    if not moving:
        return
    expected = float(overlap.products({h.hazard: Mark(1.0, h.price_factor) for h in moving}).mean())
    if np.isfinite(expected):
        yield Row(
            "price",
            name,
            "factor of events on the price",
            "ratio",
            "hazards.price_factor",
            float(np.mean([h.price_factor for h in moving])),
            expected,
            "mean",
            lambda d: (d.drivers.price[:, m] / d.price[:, m]).mean(axis=1)[:, None],
        )


def _premium(case: Case, m: int, name: str, disrupted: float) -> Iterator[Row]:
    """What sellers realise over the reference price."""
    row = case.materials[m]
    crisis = row.crisis_volume * (row.crisis_premium - 1.0)
    if row.ex_china_premium == 0 and crisis == 0:
        return
    yield Row(
        "price",
        name,
        "realised over reference price",
        "ratio",
        "materials.ex_china_premium",
        row.ex_china_premium,
        (1.0 + row.ex_china_premium) * (1.0 + crisis * disrupted),
        "mean",
        lambda d: (d.drivers.realised[:, m] / d.drivers.price[:, m]).mean(axis=1)[:, None],
    )


def _groups(case: Case, kind: str) -> dict[frozenset[str], Cell]:
    """First (country, region, stage, material) that each set of hazards hits, by the names of the set."""
    found: dict[frozenset[str], Cell] = {}
    axes = (case.country_names, case.region_names, case.stage_names, case.material_names)
    for (c, country), (r, region), (k, stage), (m, material) in product(*map(enumerate, axes)):
        group = frozenset(
            h.hazard
            for h in case.hazards
            if (h.kind, h.country) == (kind, country)
            and h.rate > 0
            and (kind == "outage" or matches(h.regions, region))
            and matches(h.stages, stage)
            and matches(h.materials, material)
        )
        if group:
            found.setdefault(group, (c, r, k, m))
    return found


def _lost(case: Case, overlap: Overlap) -> Iterator[Row]:
    """Goods that do not arrive, in months of supply a year, for every set of export hazards that hit the same goods."""
    for group, (c, r, k, m) in _groups(case, "export").items():
        hazards = [h for h in case.hazards if h.hazard in group]
        share = overlap.products({h.hazard: Mark(-h.severity_mean) for h in hazards})
        entity = f"{case.country_names[c]} to {case.region_names[r]}, {case.stage_names[k]}, {case.material_names[m]}"

        def observe(d: Drawn, c: int = c, r: int = r, k: int = k, m: int = m) -> Array:
            lost = d.drivers.disrupted[:, m] * (1.0 - d.drivers.available[:, c, r, k, m])
            return np.asarray(MONTHS * lost.mean(axis=1)[:, None])

        yield _row("goods lost", entity, "lost", hazards, MONTHS * float(1.0 - share.mean()), observe)


def _stopped(case: Case, overlap: Overlap) -> Iterator[Row]:
    """Output that outages take, in months a year."""
    for group, (c, _, k, m) in _groups(case, "outage").items():
        hazards = [h for h in case.hazards if h.hazard in group]
        share = overlap.products({h.hazard: Mark(-h.severity_mean) for h in hazards})

        def observe(d: Drawn, c: int = c, k: int = k, m: int = m) -> Array:
            return np.asarray(MONTHS * (1.0 - d.drivers.running[:, c, k, m]).mean(axis=1)[:, None])

        entity = f"{case.country_names[c]}, {case.stage_names[k]}, {case.material_names[m]}"
        yield _row("output lost", entity, "lost", hazards, MONTHS * float(1.0 - share.mean()), observe)
