"""What the equations of a scenario share: where its data come from, and which indices they have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.data import Numbers, Source, partner_sets
from models.instance import Instance
from models.scenarios import BLOCKS, DISRUPTED
from models.terms import OptionKey

Spell = tuple[int, int, int]
"""(material, year, block), all as indices."""
Cell = tuple[int, int, int, int, int]
"""(region, stage, material, year, block), all as indices."""


@dataclass(frozen=True)
class View:
    """What the equations of a scenario share: where its data come from, and which indices they have.

    ``number`` is the scenario; ``None`` stands for any of them, whose data ``source`` gives as Pyomo variables.
    """

    instance: Instance
    number: int | None
    source: Source

    @cached_property
    def symbolic(self) -> bool:
        """Whether the data are variables."""
        return self.number is None

    @cached_property
    def spells(self) -> tuple[Spell, ...]:
        """Blocks that can be short: of positive length, with imports below demand at some stage of some region."""
        shape = (len(self.instance.materials), len(self.instance.years), len(BLOCKS))
        if self.number is None:
            return tuple((m, t, b) for m, t, b in np.ndindex(*shape))
        s, phi = self.instance.scenarios, self.instance.scenarios.disrupted[self.number]
        length = np.stack([phi, 1.0 - phi], axis=-1)
        short = (s.imports[self.number] < s.demand[self.number][None] * (1 - 1e-9)).any(axis=(1, 2))
        return tuple((m, t, b) for m, t, b in np.ndindex(*shape) if length[m, t, b] > 1e-9 and short[b, m, t])

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All regions and stages of all spells."""
        shape = (len(self.instance.regions), len(self.instance.stages))
        return tuple((r, k, *spell) for spell in self.spells for r, k in np.ndindex(*shape))

    @cached_property
    def years(self) -> tuple[int, ...]:
        """Years with a spell, as indices."""
        return tuple(sorted({t for _, t, _ in self.spells}))

    @cached_property
    def holders(self) -> tuple[tuple[int, int], ...]:
        """(region, material) that can have a stock."""
        i = self.instance
        if i.stock_stage < 0:
            return ()
        buyers = {(i.regions.index(i.region_of[f]), i.materials.index(m)) for f, m, _ in i.purchases}
        held = {(int(r), int(m)) for r, m in np.argwhere(i.opening > 0)}
        return tuple(sorted(buyers | held))

    @cached_property
    def releases(self) -> tuple[tuple[int, int, int, int], ...]:
        """(region, material, year, block) in which stock may be released: the reserve is for embargoes, not prices."""
        i = self.instance
        return tuple(
            (r, m, t, b)
            for m, t, b in self.spells
            for r in range(len(i.regions))
            if (r, m) in self.holders
            and (i.release_any or (b == DISRUPTED and (self.symbolic or self.source("releasable", r, m, t, b) > 0)))
        )

    @cached_property
    def partners(self) -> tuple[tuple[int, int, int, int, int, int], ...]:
        """(from, to, stage, material, year, block) of possible transfers."""
        n = len(self.instance.regions)
        return tuple(
            (r, to, k, m, t, b)
            for r, k, m, t, b in self.cells
            if self.instance.solidarity[k] > 0
            for to in range(n)
            if to != r
        )

    @cached_property
    def options_of(self) -> dict[int, list[OptionKey]]:
        """Options of each project, by its index."""
        found: dict[int, list[OptionKey]] = {p: [] for p in range(len(self.instance.projects))}
        index = {name: p for p, name in enumerate(self.instance.projects)}
        for key in self.instance.options:
            found[index[key[0]]].append(key)
        return found

    @cached_property
    def country(self) -> tuple[int, ...]:
        """Index of the country of each project."""
        i = self.instance
        return tuple(i.countries.index(i.country_of[p]) for p in i.projects)

    @cached_property
    def made_at(self) -> dict[tuple[str, int, int], tuple[int, ...]]:
        """Projects with capacity by (mode, stage, material)."""
        i = self.instance
        return {
            (mode, k, m): tuple(int(p) for p in np.flatnonzero(capacity[:, k, m]))
            for mode, capacity in (("captive", i.captive), ("process", i.process))
            for k, m in np.ndindex(len(i.stages), len(i.materials))
        }

    @cached_property
    def groups(self) -> list[tuple[int, ...]]:
        """Every set of partners."""
        return partner_sets(len(self.instance.regions))

    def wanted(self, cell: Cell) -> bool:
        """Whether there may be demand."""
        r, k, m, t, _ = cell
        return bool(self.instance.forecast[r, k, m, t] > 0) if self.symbolic else self.source("demand", *cell) > 0

    def embargoes(self, group: int, cell: Cell) -> bool:
        """Whether a project with slots at the cell's stage may be in a country that cuts all of the partners."""
        r, k, m, t, b = cell
        slots = self.made_at["process", k, m]
        if k == 0 or b != DISRUPTED or not slots:
            return False
        s = self.source
        return self.symbolic or any(
            s("spared", self.country[p], r, group, k, m, t, b) <= 0 < s("reach", self.country[p], r, k, m, t, b)
            for p in slots
        )


def view_of(instance: Instance, number: int) -> View:
    """Return the view of scenario ``number``."""
    return View(instance, number, Numbers(instance, number))


def most_stock(instance: Instance, r: int, m: int, t: int) -> float:
    """Most that region r can hold of material m in year t: opening stock and all purchases until then, t.

    With a speck more, so that what a solver's tolerance lets a purchase exceed its limit by still fits.
    """
    bought = sum(
        float(instance.purchase_limit[r, m, v]) for v, year in enumerate(instance.windows) if year <= instance.years[t]
    )
    return (float(instance.opening[r, m]) + bought) * (1.0 + 1e-6)
