"""A validated case: what every later stage starts from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from portfolio.case.settings import Settings
from portfolio.case.tables import (
    Budget,
    Country,
    Demand,
    Eligibility,
    Event,
    Hazard,
    Instrument,
    Material,
    Member,
    Project,
    ProjectOutput,
    Region,
    Stage,
    Stock,
    Structure,
    Supplier,
)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """Settings and tables of a case that has passed validation; rows keep the order of their files.

    ``stages`` are in the order of the chain. Lists of ``*`` are still ``("*",)``: see :func:`matches`.
    """

    settings: Settings
    members: tuple[Member, ...]
    regions: tuple[Region, ...]
    materials: tuple[Material, ...]
    stages: tuple[Stage, ...]
    stocks: tuple[Stock, ...]
    suppliers: tuple[Supplier, ...]
    demand: tuple[Demand, ...]
    hazards: tuple[Hazard, ...]
    projects: tuple[Project, ...]
    project_outputs: tuple[ProjectOutput, ...]
    structures: tuple[Structure, ...]
    instruments: tuple[Instrument, ...]
    eligibility: tuple[Eligibility, ...]
    budgets: tuple[Budget, ...]
    countries: tuple[Country, ...]
    events: tuple[Event, ...]

    @property
    def years(self) -> tuple[int, ...]:
        """All years of the horizon."""
        return self.settings.years

    @property
    def windows(self) -> tuple[int, ...]:
        """Years in which the fund may commit."""
        return self.settings.horizon.windows

    @cached_property
    def region_names(self) -> tuple[str, ...]:
        """Short names of the regions, in file order."""
        return tuple(r.region for r in self.regions)

    @cached_property
    def material_names(self) -> tuple[str, ...]:
        """Short names of the materials, in file order."""
        return tuple(m.material for m in self.materials)

    @cached_property
    def stage_names(self) -> tuple[str, ...]:
        """Short names of the stages, in the order of the chain."""
        return tuple(s.stage for s in self.stages)

    @cached_property
    def project_names(self) -> tuple[str, ...]:
        """Short names of the projects, in file order."""
        return tuple(p.project for p in self.projects)

    @cached_property
    def country_names(self) -> tuple[str, ...]:
        """ISO codes of the countries, in file order."""
        return tuple(c.country for c in self.countries)

    @cached_property
    def country(self) -> dict[str, Country]:
        """Countries by code."""
        return {c.country: c for c in self.countries}

    @cached_property
    def outputs(self) -> dict[str, tuple[ProjectOutput, ...]]:
        """Outputs by project."""
        found: defaultdict[str, list[ProjectOutput]] = defaultdict(list)
        for row in self.project_outputs:
            found[row.project].append(row)
        return {name: tuple(found[name]) for name in self.project_names}

    def demand_path(self, region: str, stage: str, material: str) -> Array:
        """Return low, base and high demand by year, shape (3, years), t/y; zeros where none is given.

        Years between two rows are interpolated linearly; before the first and after the last row the value is
        held.
        """
        rows = sorted(
            (d for d in self.demand if (d.region, d.stage, d.material) == (region, stage, material)),
            key=lambda d: d.year,
        )
        years = np.array(self.years, dtype=float)
        if not rows:
            return np.zeros((3, len(years)))
        at = [float(d.year) for d in rows]
        paths = ([d.low for d in rows], [d.base for d in rows], [d.high for d in rows])
        return np.array([np.interp(years, at, path) for path in paths])


def matches(names: tuple[str, ...], name: str) -> bool:
    """Whether a list of a case, in which ``*`` means all, holds a name."""
    return "*" in names or name in names
