"""Where uniform draws come from: keyed streams, or a space-filling design for the leading drivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import qmc

from portfolio.scenarios.philox import Array, Integers, digest, stream_keys, uniform_blocks, uniforms


class Source(Protocol):
    """Uniform draws of a chunk of scenarios, by kind of entity, entity and driver."""

    @property
    def size(self) -> int:
        """Number of scenarios of the chunk."""

    def rows(self, some: slice) -> Source:
        """Return the source of some of the scenarios."""

    def draws(self, kind: str, names: tuple[str, ...], driver: str, count: int) -> Array:
        """Return draws in (0, 1), shape (names, scenarios, count)."""

    def scattered(
        self, kind: str, names: tuple[str, ...], driver: str, where: tuple[Integers, Integers, Integers]
    ) -> Array:
        """Return draws in (0, 1) at (entity, row of the chunk, draw) triples, one flat array."""


@dataclass(frozen=True)
class KeyedSource:
    """Philox streams keyed by (seed, kind, entity, driver), counted by scenario number and draw."""

    seed: int
    index: Integers

    @property
    def size(self) -> int:
        """Number of scenarios of the chunk."""
        return int(self.index.size)

    def rows(self, some: slice) -> KeyedSource:
        """Return the source of some of the scenarios."""
        return KeyedSource(self.seed, self.index[some])

    def draws(self, kind: str, names: tuple[str, ...], driver: str, count: int) -> Array:
        """Return draws in (0, 1), shape (names, scenarios, count)."""
        return uniform_blocks(stream_keys(self.seed, kind, names, driver), self.index, count)

    def scattered(
        self, kind: str, names: tuple[str, ...], driver: str, where: tuple[Integers, Integers, Integers]
    ) -> Array:
        """Return draws in (0, 1) at (entity, row of the chunk, draw) triples, one flat array."""
        entity, row, draw = where
        low, high = stream_keys(self.seed, kind, names, driver)
        return uniforms((low[entity], high[entity]), self.index[row], draw)


@dataclass(frozen=True)
class Held:
    """Drivers that are held while others are drawn anew: all of some kinds, and single draws of others.

    Attributes
    ----------
    kinds : frozenset of str
        Kinds of entity whose every draw is held.
    draws : frozenset of (str, str, int)
        (kind, driver, number of the draw) held in every entity of the kind.
    """

    kinds: frozenset[str] = frozenset()
    draws: frozenset[tuple[str, str, int]] = frozenset()


@dataclass(frozen=True)
class HeldSource:
    """Draws that are held come from ``outer``, all others from ``inner``; both have one row for each scenario."""

    held: Held
    outer: KeyedSource
    inner: KeyedSource

    @property
    def size(self) -> int:
        """Number of scenarios of the chunk."""
        return self.inner.size

    def rows(self, some: slice) -> HeldSource:
        """Return the source of some of the scenarios."""
        return HeldSource(self.held, self.outer.rows(some), self.inner.rows(some))

    def draws(self, kind: str, names: tuple[str, ...], driver: str, count: int) -> Array:
        """Return draws in (0, 1), shape (names, scenarios, count)."""
        if kind in self.held.kinds:
            return self.outer.draws(kind, names, driver, count)
        drawn = self.inner.draws(kind, names, driver, count)
        single = [n for k, d, n in sorted(self.held.draws) if (k, d) == (kind, driver) and n < count]
        if single:
            drawn[:, :, single] = self.outer.draws(kind, names, driver, count)[:, :, single]
        return drawn

    def scattered(
        self, kind: str, names: tuple[str, ...], driver: str, where: tuple[Integers, Integers, Integers]
    ) -> Array:
        """Return draws in (0, 1) at (entity, row of the chunk, draw) triples, one flat array.

        Raises
        ------
        ValueError
            Where single draws of the driver are held, for which these are not meant.
        """
        if any((k, d) == (kind, driver) for k, d, _ in self.held.draws):
            raise ValueError(f"single draws of {kind} {driver} cannot be held")
        source = self.outer if kind in self.held.kinds else self.inner
        return source.scattered(kind, names, driver, where)


@dataclass(frozen=True)
class Lead:
    """One leading driver: ``count`` dimensions of the design."""

    kind: str
    name: str
    driver: str
    count: int


@dataclass(frozen=True)
class DesignSource:
    """A design for the leading drivers, keyed streams for all others.

    Attributes
    ----------
    keyed : KeyedSource
        Source of every driver that does not lead.
    points : array, (N, D)
        Rows of the design for the scenarios of the chunk.
    columns : dict
        First column and number of columns of each leading (kind, name, driver).
    """

    keyed: KeyedSource
    points: Array
    columns: dict[tuple[str, str, str], tuple[int, int]]

    @property
    def size(self) -> int:
        """Number of scenarios of the chunk."""
        return self.keyed.size

    def rows(self, some: slice) -> DesignSource:
        """Return the source of some of the scenarios."""
        return DesignSource(self.keyed.rows(some), self.points[some], self.columns)

    def draws(self, kind: str, names: tuple[str, ...], driver: str, count: int) -> Array:
        """Return draws in (0, 1), shape (names, scenarios, count)."""
        drawn = self.keyed.draws(kind, names, driver, count)
        for e, name in enumerate(names):
            first, width = self.columns.get((kind, name, driver), (0, 0))
            kept = min(width, count)
            drawn[e, :, :kept] = self.points[:, first : first + kept]
        return drawn

    def scattered(
        self, kind: str, names: tuple[str, ...], driver: str, where: tuple[Integers, Integers, Integers]
    ) -> Array:
        """Return draws in (0, 1) at (entity, row of the chunk, draw) triples, one flat array."""
        return self.keyed.scattered(kind, names, driver, where)


def design_source(method: str, seed: int, index: Integers, total: int, leads: tuple[Lead, ...]) -> DesignSource:
    """Return the source whose leading drivers come from a design of ``total`` points.

    Parameters
    ----------
    method : str
        ``sobol`` (scrambled; extensible: point n does not depend on ``total``) or ``latin_hypercube``.
    seed : int
        Seed of the randomisation of the design and of the keyed streams.
    index : int array, (N,)
        Rows of the design in this chunk, below ``total``.
    total : int
        Number of points of the whole sample.
    leads : tuple of Lead
        Leading drivers, most important first: low dimensions of a Sobol sequence are the most even.
    """
    width = sum(lead.count for lead in leads)
    generator = np.random.default_rng(digest(seed, "design", method))
    if method == "sobol":
        # A power of two is what keeps the sequence balanced. Points are multiples of 2**-30 with 0 among
        # them; the centre of the cell keeps them inside (0, 1).
        sequence = qmc.Sobol(width, scramble=True, bits=30, seed=generator)
        points = sequence.random_base2((max(total, 2) - 1).bit_length()) + 2.0**-31
    else:
        points = np.clip(qmc.LatinHypercube(width, seed=generator).random(total), 2.0**-53, 1 - 2.0**-53)
    columns: dict[tuple[str, str, str], tuple[int, int]] = {}
    first = 0
    for lead in leads:
        columns[lead.kind, lead.name, lead.driver] = (first, lead.count)
        first += lead.count
    return DesignSource(KeyedSource(seed, index), points[index], columns)
