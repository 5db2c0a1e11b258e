"""What differs between scenarios, as the recourse reads it: one array per datum, products of sampled quantities.

The recourse has fixed coefficients; scenarios enter through these data alone, as right-hand sides or as factors of the
first stage. :class:`Data` holds numbers, for any set of scenarios at once; :class:`Symbols` holds Pyomo variables in
their place, so that the same equations can be compiled once for all scenarios.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo

from models.expressions import Block
from models.instance import Array, Instance
from models.scenarios import BLOCKS, CALM, DISRUPTED

AXES = {
    "demand": "RKMTB",
    "imports": "RKMTB",
    "toll": "RKMTB",
    "reexport": "RGKMTB",
    "reach": "CRKMTB",
    "spared": "CRGKMTB",
    "bought": "RMT",
    "releasable": "RMTB",
    "output": "JT",
    "contracted": "JT",
    "unaided": "PT",
    "kept": "PVT",
}
"""Axes of every datum; :class:`Data` has a function of each name."""

Integers = npt.NDArray[np.int64]

UNCUT = 1.0 - 1e-12
"""Availability from which a country counts as not cutting a region."""


def partner_sets(regions: int) -> list[tuple[int, ...]]:
    """Every set of partners, by size: at least one region, never all of them."""
    return [group for size in range(1, regions) for group in combinations(range(regions), size)]


@dataclass(frozen=True)
class Data:
    """Data of the S scenarios in a slice of the sample; cells (r, k, m, t, b), g a set of partners.

    Each datum is a function of arrays of indices, one for each of its axes, and returns (entries, S): only what is
    asked for is made, since whole arrays are large.

    ======================= ================== =======================================================================
    datum                   axes               meaning
    ======================= ================== =======================================================================
    demand, imports, toll   R, K, M, T, B      tonnes of the block: rates times its length
    reexport                R, G, K, M, T, B   largest part of the imports that may go on to one of the partners, t
    reach                   C, R, K, M, T, B   length of the block times the share of the goods of a project's country
                                               that reaches the region in it
    spared                  C, R, G, K, M,     the same where the country spares one of the partners, else 0
                            T, B
    bought                  R, M, T            1 - phi cut: part of a purchase that arrives
    releasable              R, M, T, B         1 where the stock may be released, else 0
    output, contracted      J, T               of an option, share of nameplate; the latter its part within the term
    unaided                 P, T               output without support, share of nameplate
    kept                    P, V, T            the part of it that support in window v takes the place of:
                                               unaided (1 - lost)
    ======================= ================== =======================================================================
    """

    instance: Instance
    which: slice

    def at(self, name: str, index: Integers) -> Array:
        """Return entries of a datum, (entries, S), for rows of indices, (entries, axes)."""
        return np.asarray(getattr(self, name)(*np.asarray(index).T), dtype=float)

    def whole(self, name: str) -> Array:
        """Return all entries of a datum: scenarios first, then its axes."""
        shape = self.shape(name)
        index = np.indices(shape).reshape(len(shape), -1).T
        return np.moveaxis(self.at(name, index).reshape(*shape, -1), -1, 0)

    def shape(self, name: str) -> tuple[int, ...]:
        """Lengths of a datum's axes."""
        i = self.instance
        size = {
            "B": len(BLOCKS),
            "C": len(i.countries),
            "G": len(partner_sets(len(i.regions))),
            "J": len(i.options),
            "K": len(i.stages),
            "M": len(i.materials),
            "P": len(i.projects),
            "R": len(i.regions),
            "T": len(i.years),
            "V": len(i.windows),
        }
        return tuple(size[axis] for axis in AXES[name])

    def _read(self, array: npt.NDArray[Any], *index: Integers) -> npt.NDArray[Any]:
        """Entries of an array of the sample, (entries, S)."""
        key: Any = (self.which, *index)
        return np.asarray(array[key]).T

    def length(self, m: Integers, t: Integers, b: Integers) -> Array:
        """Length of a block, fraction of the year."""
        phi = self._read(self.instance.scenarios.disrupted, m, t)
        return np.where((b == DISRUPTED)[:, None], phi, 1.0 - phi)

    def demand(self, r: Integers, k: Integers, m: Integers, t: Integers, b: Integers) -> Array:
        """Demand of the block, t."""
        return self._read(self.instance.scenarios.demand, r, k, m, t) * self.length(m, t, b)

    def imports(self, r: Integers, k: Integers, m: Integers, t: Integers, b: Integers) -> Array:
        """Imports of the block, t."""
        return self._read(self.instance.scenarios.imports, b, r, k, m, t) * self.length(m, t, b)

    def toll(self, r: Integers, k: Integers, m: Integers, t: Integers, b: Integers) -> Array:
        """Spare processing of the block, t."""
        return self._read(self.instance.scenarios.toll, b, r, k, m, t) * self.length(m, t, b)

    def reexport(self, r: Integers, g: Integers, k: Integers, m: Integers, t: Integers, b: Integers) -> Array:
        """Imports that may go on to a set of partners, t."""
        rate = self.instance.scenarios.reexport

        def largest(group: tuple[int, ...], *where: Integers) -> Array:
            r, k, m, t, b = where
            parts = [self._read(rate, b, r, np.full_like(r, to), k, m, t) for to in group]
            return np.asarray(np.max(parts, axis=0))

        return self._by_group(largest, g, r, k, m, t, b) * self.length(m, t, b)

    def reach(self, c: Integers, r: Integers, k: Integers, m: Integers, t: Integers, b: Integers) -> Array:
        """Length of the block times what of a country arrives."""
        arrives = np.where((b == DISRUPTED)[:, None], self._available(c, r, k, m, t), 1.0)
        return arrives * self.length(m, t, b)

    def spared(
        self, c: Integers, r: Integers, g: Integers, k: Integers, m: Integers, t: Integers, b: Integers
    ) -> Array:
        """The same where the country spares one of the partners."""

        def spares(group: tuple[int, ...], *where: Integers) -> Array:
            c, k, m, t = where
            free = [self._available(c, np.full_like(c, to), k, m, t) >= UNCUT for to in group]
            return np.asarray(np.any(free, axis=0), dtype=float)

        calm = (b != DISRUPTED)[:, None]
        return self.reach(c, r, k, m, t, b) * np.where(calm, 1.0, self._by_group(spares, g, c, k, m, t))

    def bought(self, r: Integers, m: Integers, t: Integers) -> Array:
        """Part of a purchase that arrives."""
        s = self.instance.scenarios
        return np.asarray(1.0 - self._read(s.disrupted, m, t) * self._read(s.cut, r, m, t))

    def releasable(self, r: Integers, m: Integers, t: Integers, b: Integers) -> Array:
        """Whether the stock may be released."""
        cut = self._read(self.instance.scenarios.cut, r, m, t)
        return np.ones(cut.shape) if self.instance.release_any else np.where((b == DISRUPTED)[:, None], cut, 0.0)

    def output(self, j: Integers, t: Integers) -> Array:
        """Output under an option, share of nameplate."""
        return self._read(self.instance.scenarios.output, j, t)

    def contracted(self, j: Integers, t: Integers) -> Array:
        """Part of it within the contract term."""
        return self._read(self.instance.scenarios.contracted, j, t)

    def unaided(self, p: Integers, t: Integers) -> Array:
        """Output without support, share of nameplate."""
        return self._read(self.instance.scenarios.unaided, p, t)

    def kept(self, p: Integers, v: Integers, t: Integers) -> Array:
        """Part of it that support takes the place of."""
        lost = self._read(self.instance.scenarios.lost, p, v)
        return np.asarray(self.unaided(p, t) * ~lost)

    def _available(self, c: Integers, r: Integers, k: Integers, m: Integers, t: Integers) -> Array:
        """Share of the goods of a country that arrives in the disrupted block."""
        return self._read(self.instance.scenarios.available, c, r, k, m, t)

    def _by_group(self, of: Callable[..., Array], g: Integers, *index: Integers) -> Array:
        """Entries that depend on a set of partners, one set after the other."""
        found = np.zeros((g.size, self.instance.scenarios.probability[self.which].size))
        for number, group in enumerate(partner_sets(len(self.instance.regions))):
            rows = np.flatnonzero(g == number)
            if rows.size:
                found[rows] = of(group, *(axis[rows] for axis in index))
        return found


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
        """Its data."""
        return Data(self.instance, slice(self.number, self.number + 1))

    @cached_property
    def _known(self) -> dict[str, Array]:
        """Whole arrays of what was asked for."""
        return {}

    def __call__(self, name: str, *index: int) -> float:
        """Return a datum."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self.data.whole(name)[0]
        return float(known[index])


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
        for name in AXES:
            setattr(self.block, name, pyo.Var(pyo.Any, dense=False))

    def __call__(self, name: str, *index: int) -> Any:
        """Return the variable of a datum, or 0."""
        ever = self.ever.get(name)
        if ever is not None and not ever[index]:
            return 0.0
        if name in ("reach", "spared") and index[-1] == CALM:
            name, index = "reach", (0, 0, 0, *index[-3:])
        return getattr(self.block, name)[index]
