"""Packages met so far, each once: what the relaxation mixes, and what other searches of the same choices begin with."""

from __future__ import annotations

from copy import copy

import numpy as np
from scipy import sparse

from portfolio.engine.pricing import Pricing
from portfolio.engine.programme import Array, Integers, TwoStage

DIGITS = 9
"""Decimals by which packages are told apart."""


class Packages:
    """Packages met so far, each once: ``choice`` (K,) and ``value`` (K, width), as many as ``count``.

    The choice of a package that a division has left out is -1.
    """

    def __init__(self, pricing: Pricing) -> None:
        self.pricing = pricing
        self.choice = np.zeros(64, dtype=np.int64)
        self.value = np.zeros((64, pricing.width))
        self.count = 0
        self.known: dict[bytes, int] = {}

    def copy(self) -> Packages:
        """The same packages; nothing is shared."""
        new = copy(self)
        new.pricing, new.known = self.pricing.copy(), dict(self.known)
        new.choice, new.value = np.array(self.choice), np.array(self.value)
        return new

    def of_like(self, programme: TwoStage) -> Packages:
        """Packages for a programme of the same choices: divided alike, and those of these that its rows let through."""
        pricing = Pricing(programme)
        pricing.divide_as(self.pricing)
        new, count = Packages(pricing), self.count
        choice, value = np.maximum(self.choice[:count], 0), self.value[:count]
        used = (self.choice[:count] >= 0) & pricing.possible[choice] & pricing.admits(choice, value)
        for k in np.flatnonzero(used):
            new.add(int(choice[k]), value[k])
        return new

    def add(self, choice: int, value: Array) -> int:
        """Number of a package, new or known."""
        key = self._key(choice, value)
        number = self.known.get(key)
        if number is not None:
            return number
        if self.count == self.choice.size:
            self.choice = np.concatenate([self.choice, np.zeros_like(self.choice)])
            self.value = np.concatenate([self.value, np.zeros_like(self.value)])
        number = self.known[key] = self.count
        self.choice[number], self.value[number] = choice, value
        self.count += 1
        return number

    def split(self, j: int, place: int) -> None:
        """Divide a choice by a binary column: its packages go with it, with the new choice, or out of use."""
        new = self.pricing.split(j, place)
        for k in np.flatnonzero(self.choice[: self.count] == j):
            part = self.value[k, place]
            if part > 1.0 - 1e-9:
                self.choice[k] = new
            elif part > 1e-9:
                self.choice[k] = -1
        self.known = {
            self._key(int(c), v): k
            for k, (c, v) in enumerate(zip(self.choice, self.value, strict=True))
            if k < self.count
        }

    @staticmethod
    def _key(choice: int, value: Array) -> bytes:
        return choice.to_bytes(4, "little", signed=True) + (np.round(value, DIGITS) + 0.0).tobytes()

    def costs(self, q: Array) -> Array:
        """Cost of every package at costs q (n,) of the first-stage columns."""
        return self.weigh(q, np.arange(self.count))

    def weigh(self, q: Array, which: Integers) -> Array:
        """Cost of some packages."""
        where = self.pricing.layers.columns[self.choice[which]]
        return np.asarray((np.append(q, 0.0)[where] * self.value[which]).sum(axis=1))

    def spread(self, which: Integers, n: int) -> sparse.csr_array:
        """Some packages in first-stage columns, shape (packages, n)."""
        where, value = self.pricing.layers.columns[self.choice[which]], self.value[which]
        row, at = np.nonzero((value != 0) & (where < n))
        return sparse.csr_array(sparse.coo_array((value[row, at], (row, where[row, at])), shape=(which.size, n)))


def falls_apart(programme: TwoStage) -> bool:
    """Whether a programme has choices, each branch lying within the binaries of one group."""
    group = {c.column: c.group for c in programme.choices}
    return bool(group) and all(
        len({group.get(int(column), -1 - n) for n, column in enumerate(b.columns)}) == 1 and int(b.columns[0]) in group
        for b in programme.branches
    )
