"""What differs between scenarios, as the recourse reads it: one array per datum, products of sampled quantities.

The recourse has fixed coefficients; scenarios enter through these data alone, as right-hand sides or as factors of the
first stage. :class:`Data` holds numbers, for any set of scenarios at once; :class:`Symbols` holds Pyomo variables in
their place, so that the same equations can be compiled once for all scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, Protocol

import numpy as np
import pyomo.environ as pyo

from models.expressions import Block
from models.instance import BLOCKS, CALM, DISRUPTED, Array, Instance

NAMES = (
    "demand",
    "imports",
    "toll",
    "reexport",
    "reach",
    "spared",
    "bought",
    "releasable",
    "output",
    "contracted",
    "unaided",
    "kept",
)
"""Every datum; :class:`Data` has an array of each name."""

UNCUT = 1.0 - 1e-12
"""Availability from which a country counts as not cutting a region."""


def partner_sets(regions: int) -> list[tuple[int, ...]]:
    """Every set of partners, by size: at least one region, never all of them."""
    return [group for size in range(1, regions) for group in combinations(range(regions), size)]


@dataclass(frozen=True)
class Data:
    """Data of the scenarios in a slice of the sample; first axis S, cells (r, k, m, t, b), G sets of partners.

    Attributes
    ----------
    demand, imports, toll : (S, R, K, M, T, B)
        Tonnes of the block: rates times its length.
    reexport : (S, R, G, K, M, T, B)
        Largest part of the imports that may go on to one of the partners, t.
    reach : (S, C, R, K, M, T, B)
        Length of the block times the share of the goods of a project's country that reaches the region in it.
    spared : (S, C, R, G, K, M, T, B)
        The same where the country spares one of the partners, else 0.
    bought : (S, R, M, T)
        1 - phi cut: part of a purchase that arrives.
    releasable : (S, R, M, T, B)
        1 where the stock may be released, else 0.
    output, contracted : (S, J, T)
        Of an option, share of nameplate.
    unaided : (S, P, T)
        Output without support, share of nameplate.
    kept : (S, P, V, T)
        The part of it that support in window v takes the place of: unaided (1 - lost).
    """

    instance: Instance
    which: slice

    @cached_property
    def length(self) -> Array:
        """Length of each block, shape (S, M, T, B), fraction of the year."""
        phi = self.instance.scenarios.disrupted[self.which]
        return np.stack([phi, 1.0 - phi], axis=-1)

    def _by_cell(self, rate: Array) -> Array:
        """Tonnes of the block from rates (S, B, R, K, M, T)."""
        return np.moveaxis(rate[self.which], 1, -1) * self.length[:, None, None]

    @cached_property
    def demand(self) -> Array:
        """Demand of the block, t."""
        return self.instance.scenarios.demand[self.which][..., None] * self.length[:, None, None]

    @cached_property
    def imports(self) -> Array:
        """Imports of the block, t."""
        return self._by_cell(self.instance.scenarios.imports)

    @cached_property
    def toll(self) -> Array:
        """Spare processing of the block, t."""
        return self._by_cell(self.instance.scenarios.toll)

    @cached_property
    def reexport(self) -> Array:
        """Imports that may go on to a set of partners, t."""
        parts = np.moveaxis(self.instance.scenarios.reexport[self.which], 1, -1)
        groups = partner_sets(len(self.instance.regions))
        largest = [parts[:, :, list(group)].max(axis=2) for group in groups]
        return np.stack(largest, axis=2) * self.length[:, None, None, None] if groups else parts[:, :, :0]

    @cached_property
    def reach(self) -> Array:
        """Length of the block times what of a country arrives."""
        available = self.instance.scenarios.available[self.which]
        calm = np.ones_like(available)
        return np.stack([available, calm], axis=-1) * self.length[:, None, None, None]

    @cached_property
    def spared(self) -> Array:
        """The same where the country spares one of the partners."""
        available = self.instance.scenarios.available[self.which]
        groups = partner_sets(len(self.instance.regions))
        spares = [np.asarray(available[:, :, list(group)] >= UNCUT).any(axis=2) for group in groups]
        found = np.repeat(self.reach[:, :, :, None], len(groups), axis=3)
        for g, spare in enumerate(spares):
            found[:, :, :, g, ..., DISRUPTED] *= np.asarray(spare)[:, :, None]
        return found

    @cached_property
    def bought(self) -> Array:
        """Part of a purchase that arrives."""
        s = self.instance.scenarios
        return np.asarray(1.0 - s.disrupted[self.which][:, None] * s.cut[self.which])

    @cached_property
    def releasable(self) -> Array:
        """Whether the stock may be released."""
        cut = self.instance.scenarios.cut[self.which].astype(float)
        if self.instance.release_any:
            return np.ones((*cut.shape, len(BLOCKS)))
        return np.stack([cut, np.zeros_like(cut)], axis=-1)

    @property
    def output(self) -> Array:
        """Output under an option, share of nameplate."""
        return self.instance.scenarios.output[self.which]

    @property
    def contracted(self) -> Array:
        """Part of it within the contract term."""
        return self.instance.scenarios.contracted[self.which]

    @property
    def unaided(self) -> Array:
        """Output without support, share of nameplate."""
        return self.instance.scenarios.unaided[self.which]

    @cached_property
    def kept(self) -> Array:
        """Part of it that support takes the place of."""
        s = self.instance.scenarios
        return np.asarray(s.unaided[self.which][:, :, None] * ~s.lost[self.which][..., None])


class Source(Protocol):
    """Where equations read a datum: ``source(name, *index)`` is a number or a Pyomo variable."""

    def __call__(self, name: str, *index: int) -> Any:
        """Return a datum of one scenario."""
        ...


@dataclass(frozen=True)
class Numbers:
    """The data of one scenario, as numbers."""

    instance: Instance
    number: int

    @cached_property
    def data(self) -> Data:
        """Its data, first axis of length one."""
        return Data(self.instance, slice(self.number, self.number + 1))

    def __call__(self, name: str, *index: int) -> float:
        """Return a datum."""
        return float(getattr(self.data, name)[(0, *index)])


@dataclass(frozen=True)
class Symbols:
    """A Pyomo variable for every datum an equation asks for, on ``block`` by its name; 0 where it is never positive.

    In calm months a block's length says how much of the goods of any country arrives: one datum for all.
    """

    instance: Instance
    block: Block

    @cached_property
    def ever(self) -> dict[str, Any]:
        """Whether a path is positive in any scenario."""
        s = self.instance.scenarios
        return {
            "output": s.output.any(axis=0),
            "contracted": s.contracted.any(axis=0),
            "unaided": s.unaided.any(axis=0),
            "kept": np.repeat(np.asarray(s.unaided.any(axis=0))[:, None], len(self.instance.windows), axis=1),
        }

    def declare(self) -> None:
        """Add the variables, empty until asked for."""
        for name in NAMES:
            setattr(self.block, name, pyo.Var(pyo.Any, dense=False))

    def __call__(self, name: str, *index: int) -> Any:
        """Return the variable of a datum, or 0."""
        ever = self.ever.get(name)
        if ever is not None and not ever[index]:
            return 0.0
        if name in ("reach", "spared") and index[-1] == CALM:
            name, index = "reach", (0, 0, 0, *index[-3:])
        return getattr(self.block, name)[index]
