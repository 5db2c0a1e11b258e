"""First-stage effects on the right-hand sides of all scenarios at once, and their exact adjoint for the cuts.

Nothing here is a matrix per scenario: the sparse tensors of :class:`portfolio.engine.programme.TwoStage` are applied
to the data of many scenarios in one go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from portfolio.engine.programme import Array, Integers, Products, TwoStage


@dataclass(frozen=True)
class _Definition:
    """Entries of one definition: places among all of them, and their data."""

    number: int
    entries: slice
    datum: Integers | slice


@dataclass(frozen=True)
class _Pairs:
    """Indirect effects: rows += data[datum] * (combine u), one pair for each (row, datum), sorted by row."""

    row: Integers
    datum: Integers
    combine: sparse.csr_array
    gather: sparse.csr_array
    labels: tuple[Integers, ...]
    spread: tuple[sparse.csr_array, ...]


@dataclass(frozen=True)
class Effects:
    """The operator x -> h_s + T_s x over the data of many scenarios, and its adjoint."""

    programme: TwoStage
    pairs: _Pairs
    definitions: tuple[_Definition, ...]
    collect: sparse.csr_array

    def rows(self, x: Array, data: Array) -> Array:
        """Right-hand sides of all rows, shape (rows, scenarios)."""
        p = self.programme
        u = np.asarray(_with(p.define, p.defined, x) @ data)
        w = np.asarray(self.pairs.combine @ u)
        w *= data[self.pairs.datum]
        found = np.asarray(_with(p.constant, p.direct, x) @ data)
        found += self.pairs.gather @ w
        return found

    def adjoint(self, duals: Array, data: Array) -> Array:
        """Sum over the scenarios of duals' T_s by label, shape (labels, x); ``duals`` (rows, scenarios)."""
        p = self.programme
        found = np.zeros((p.labels, p.first.cost.size))
        back = np.empty((p.define.shape[0], p.labels, duals.shape[1]))
        for label, (at, spread) in enumerate(zip(self.pairs.labels, self.pairs.spread, strict=True)):
            moved = duals[self.pairs.row[at]]
            moved *= data[self.pairs.datum[at]]
            back[:, label] = spread @ moved
        entries = np.empty((p.labels, p.defined.row.size))
        for one in self.definitions:
            entries[:, one.entries] = back[one.number] @ data[one.datum].T
        found += entries @ self.collect
        if p.direct.row.size:
            own = p.direct
            moved = own.coefficient * np.einsum("es,es->e", duals[own.row], data[own.datum])
            np.add.at(found, (p.row_label[own.row], own.column), moved)
        return found


def _with(base: sparse.csr_array, products: Products, x: Array) -> sparse.csr_array:
    """``base`` plus the products at x, as one matrix over the data."""
    held = np.flatnonzero(x[products.column])
    values = products.coefficient[held] * x[products.column[held]]
    extra = sparse.coo_array((values, (products.row[held], products.datum[held])), shape=base.shape)
    return sparse.csr_array(base + sparse.csr_array(extra))


def make_effects(programme: TwoStage) -> Effects:
    """Arrange the tensors of a programme for use on many scenarios at once."""
    entries = programme.defined
    order = np.lexsort((entries.datum, entries.row))
    collect = sparse.coo_array(
        (entries.coefficient[order], (np.arange(order.size), entries.column[order])),
        shape=(order.size, programme.first.cost.size),
    )
    definitions = tuple(_definitions(entries.row[order], entries.datum[order]))
    return Effects(programme, _pairs(programme), definitions, sparse.csr_array(collect))


def _pairs(programme: TwoStage) -> _Pairs:
    entries, size = programme.indirect, programme.define.shape[1]
    rows, definitions = programme.matrix.shape[0], programme.define.shape[0]
    key, which = np.unique(entries.row * size + entries.datum, return_inverse=True)
    row, datum = key // size, key % size
    combine = sparse.csr_array(
        sparse.coo_array((entries.coefficient, (which, entries.column)), shape=(key.size, definitions))
    )
    gather = sparse.csr_array(sparse.coo_array((np.ones(key.size), (row, np.arange(key.size))), shape=(rows, key.size)))
    labels = tuple(np.flatnonzero(programme.row_label[row] == label) for label in range(programme.labels))
    spread = tuple(sparse.csr_array(combine[at].T) for at in labels)
    return _Pairs(row, datum, combine, gather, labels, spread)


def _definitions(row: Integers, datum: Integers) -> list[_Definition]:
    """Entries sorted by row and datum, by row; data that follow each other as a slice, which saves copies."""
    ends = np.flatnonzero(np.diff(row)) + 1
    found = []
    for at in np.split(np.arange(row.size), ends):
        if at.size == 0:
            continue
        entries = slice(int(at[0]), int(at[-1]) + 1)
        of: Integers | slice = datum[entries]
        if np.all(np.diff(datum[entries]) == 1):
            of = slice(int(datum[at[0]]), int(datum[at[-1]]) + 1)
        found.append(_Definition(int(row[at[0]]), entries, of))
    return found
