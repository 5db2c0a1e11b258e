"""First-stage effects on the right-hand sides of all scenarios at once, and their exact adjoint for the cuts.

Nothing here is a matrix per scenario: the sparse tensors of :class:`portfolio.engine.programme.TwoStage` are applied
to the data of one scenario after the other. Of the data, only what columns of the first stage that are not zero bring
in is read for the rows, and only what rows with duals need for the adjoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from portfolio.engine.kernels import WIDTH, kernel, part, side_by_side
from portfolio.engine.programme import Array, Flags, Integers, Products, TwoStage

Index = npt.NDArray[np.uint32]


class Sums(NamedTuple):
    """A sparse matrix by rows: entries ``start[r]`` to ``start[r + 1]`` are those of row r."""

    start: Integers
    place: Index
    value: Array


class Moved(NamedTuple):
    """What a point of the first stage makes of the data: definitions, forms, rows and upper bounds.

    u = ``define`` own, f = ``forms`` u, rows = ``base`` rest + sum over pairs of rest[datum] f[form].
    """

    define: Sums
    forms: Sums
    base: Sums
    pairs: Pairs
    upper: Sums
    constant: Array
    speck: Array


class Pairs(NamedTuple):
    """Indirect effects row by row: rest[datum] times the value of a form, a sum of definitions."""

    start: Integers
    datum: Index
    form: Index


class Back(NamedTuple):
    """What the adjoint needs besides pairs and forms.

    ``label`` is that of a form. Entries ``start[d]`` to ``start[d + 1]`` are those of definition d, one for each datum
    it has a product with: ``datum``, or all that follow ``first[d]`` where that is not negative.
    """

    label: Integers
    start: Integers
    datum: Index
    first: Integers


@dataclass(frozen=True)
class Stored:
    """Data of some scenarios side by side.

    Attributes
    ----------
    own : (blocks, data in definitions, WIDTH)
        In single precision where that is exact.
    rest : (blocks, data in rows and bounds, WIDTH)
    """

    own: npt.NDArray[np.floating]
    rest: Array


@dataclass(frozen=True)
class Effects:
    """The operator x -> h_s + T_s x over the data of many scenarios, and its adjoint.

    ``speck`` is what counts as zero in each row: what is above zero by less becomes zero.
    """

    programme: TwoStage
    own: Integers
    rest: Integers
    define: sparse.csr_array
    defined: Products
    base: sparse.csr_array
    direct: Products
    pairs: Pairs
    forms: sparse.csr_array
    upper: sparse.csr_array
    back: Back
    collect: sparse.csr_array
    speck: Array

    def store(self, data: Array) -> Stored:
        """Take data, shape (data, scenarios), in the order they are used in."""
        own = data[self.own]
        single = own.astype(np.float32)
        exact = np.array_equal(single, own)
        laid = side_by_side(single.T) if exact else side_by_side(own.T)
        return Stored(laid, side_by_side(data[self.rest].T))

    def moves(self, stored: Stored) -> tuple[Flags, Flags]:
        """Whether rows and upper bounds can be other than zero at some x, each (blocks, rows or columns, WIDTH).

        Elsewhere all data that an entry of theirs is multiplied with are zero.
        """
        ones = np.ones(self.direct.row.size)
        direct = sparse.coo_array((ones, (self.direct.row, self.direct.datum)), shape=self.base.shape)
        ends = (np.ones(self.pairs.datum.size), self.pairs.datum.astype(np.int64), self.pairs.start)
        rows = sparse.csr_array(abs(self.base) + direct + sparse.csr_array(ends, shape=self.base.shape))
        bounds = np.isfinite(self.programme.upper) & (self.programme.upper != 0)
        used = (stored.rest != 0).astype(float)
        return (
            np.stack([rows @ block > 0 for block in used]),
            np.stack([(abs(self.upper) @ block > 0) | bounds[:, None] for block in used]),
        )

    def at(self, x: Array) -> Moved:
        """Prepare the rows at a point; columns that are zero drop out."""
        define = _with(self.define, self.defined, x)
        known = np.diff(define.indptr) > 0
        kept = known[self.forms.indices]
        ends = np.concatenate([[0], np.cumsum(kept)])[self.forms.indptr]
        forms = Sums(ends.astype(np.int64), self.forms.indices[kept].astype(np.uint32), self.forms.data[kept])
        base = _sums(_with(self.base, self.direct, x))
        p = self.programme
        constant = np.where(np.diff(p.upper_data.indptr) > 0, 0.0, p.upper)
        return Moved(_sums(define), forms, base, self.pairs, _sums(self.upper), constant, self.speck)

    def limits(self, moved: Moved, stored: Stored) -> tuple[Array, Array]:
        """Right-hand sides (blocks, rows, WIDTH) and upper bounds (blocks, columns, WIDTH), these at least zero."""
        blocks = stored.rest.shape[0]
        rows, upper = (np.empty((blocks, size, WIDTH)) for size in (self.base.shape[0], self.upper.shape[0]))
        _limits(stored.own, stored.rest, moved, rows, upper)
        return rows, upper

    def adjoint(self, duals: Array, stored: Stored) -> Array:
        """Sum over the scenarios of duals' T_s by label, shape (labels, x); ``duals`` (blocks, rows, WIDTH)."""
        p, d = self.programme, self.direct
        found = np.zeros((p.labels, p.first.cost.size))
        entries = np.zeros((p.labels, self.collect.shape[0]))
        _adjoint(stored.own, stored.rest, duals, self.pairs, _sums(self.forms), self.back, entries)
        found += entries @ self.collect
        if d.row.size:
            moved = d.coefficient * np.einsum("bej,bej->e", duals[:, d.row], stored.rest[:, d.datum])
            np.add.at(found, (p.row_label[d.row], d.column), moved)
        return found


@kernel
def _limits(own: npt.NDArray[np.floating], rest: Array, moved: Moved, rows: Array, upper: Array) -> None:
    u = np.empty((moved.define.start.size - 1, WIDTH))
    f = np.empty((moved.forms.start.size - 1, WIDTH))
    for b in range(rows.shape[0]):
        _apply(moved.define, own[b], u)
        _apply(moved.forms, u, f)
        _apply(moved.base, rest[b], rows[b])
        _add_pairs(moved.pairs, rest[b], f, moved.speck, rows[b])
        _apply(moved.upper, rest[b], upper[b])
        for c in range(upper.shape[1]):
            for j in range(WIDTH):
                upper[b, c, j] = max(upper[b, c, j] + moved.constant[c], 0.0)


@kernel
def _apply(sums: Sums, to: Array, found: Array) -> None:
    start, place, value = sums
    for r in range(found.shape[0]):
        for j in range(WIDTH):
            found[r, j] = 0.0
        for e in range(start[r], start[r + 1]):
            for j in range(WIDTH):
                found[r, j] += value[e] * to[place[e], j]


@kernel
def _add_pairs(pairs: Pairs, rest: Array, f: Array, speck: Array, rows: Array) -> None:
    start, datum, form = pairs
    for r in range(rows.shape[0]):
        for e in range(start[r], start[r + 1]):
            for j in range(WIDTH):
                rows[r, j] += rest[datum[e], j] * f[form[e], j]
        for j in range(WIDTH):
            if 0.0 < rows[r, j] < speck[r]:
                rows[r, j] = 0.0


@kernel
def _adjoint(
    own: npt.NDArray[np.floating], rest: Array, duals: Array, pairs: Pairs, forms: Sums, back: Back, entries: Array
) -> None:
    u = np.zeros((entries.shape[0], back.first.size, WIDTH))
    f = np.zeros((back.label.size, WIDTH))
    for b in range(rest.shape[0]):
        _pull(rest[b], duals[b], pairs, forms, back.label, f, u)
        for label in range(u.shape[0]):
            _spread(own[b], u[label], back.start, back.datum, back.first, entries[label])


@kernel
def _pull(rest: Array, dual: Array, pairs: Pairs, forms: Sums, label: Integers, f: Array, u: Array) -> None:
    """From duals of the rows to those of the definitions, by label; ``f`` is zero before and after."""
    start, datum, form = pairs
    for r in range(dual.shape[0]):
        if _any(dual[r]):
            for e in range(start[r], start[r + 1]):
                for j in range(WIDTH):
                    f[form[e], j] += dual[r, j] * rest[datum[e], j]
    start, place, value = forms
    for g in range(f.shape[0]):
        if _any(f[g]):
            for e in range(start[g], start[g + 1]):
                for j in range(WIDTH):
                    u[label[g], place[e], j] += value[e] * f[g, j]
            for j in range(WIDTH):
                f[g, j] = 0.0


@kernel
def _spread(
    own: npt.NDArray[np.floating], u: Array, start: Integers, datum: Index, first: Integers, entries: Array
) -> None:
    """Add the products of the definitions' duals and data; ``u`` is zero afterwards."""
    for d in range(u.shape[0]):
        if _any(u[d]):
            if first[d] >= 0:
                _spread_run(own[first[d] : first[d] + start[d + 1] - start[d]], u[d], entries[start[d] : start[d + 1]])
            else:
                for e in range(start[d], start[d + 1]):
                    for j in range(WIDTH):
                        entries[e] += u[d, j] * own[datum[e], j]
            for j in range(WIDTH):
                u[d, j] = 0.0


@kernel
def _spread_run(own: npt.NDArray[np.floating], u: Array, entries: Array) -> None:
    for e in range(entries.size):
        value = 0.0
        for j in range(WIDTH):
            value += u[j] * own[e, j]
        entries[e] += value


@part
def _any(values: Array) -> bool:
    found = False
    for j in range(WIDTH):
        found |= values[j] != 0.0
    return found


def _sums(matrix: sparse.csr_array) -> Sums:
    return Sums(matrix.indptr.astype(np.int64), matrix.indices.astype(np.uint32), matrix.data.astype(float))


def _with(base: sparse.csr_array, products: Products, x: Array) -> sparse.csr_array:
    """``base`` plus the products at x, as one matrix over the data."""
    held = np.flatnonzero(x[products.column])
    values = products.coefficient[held] * x[products.column[held]]
    extra = sparse.coo_array((values, (products.row[held], products.datum[held])), shape=base.shape)
    return sparse.csr_array(base + sparse.csr_array(extra))


def make_effects(programme: TwoStage, speck: Array) -> Effects:
    """Arrange the tensors of a programme for use on many scenarios; ``speck`` is what counts as zero in each row."""
    p = programme
    key, which = np.unique(p.defined.row * p.define.shape[1] + p.defined.datum, return_inverse=True)
    row, datum = key // p.define.shape[1], key % p.define.shape[1]
    collect = sparse.coo_array((p.defined.coefficient, (which, p.defined.column)), (key.size, p.first.cost.size))
    own = _first_met(datum, _integers(p.define.indices))
    rest = _first_met(_integers(p.constant.indices), p.direct.datum, p.indirect.datum, _integers(p.upper_data.indices))
    place_own, place_rest = (_places(at, p.define.shape[1]) for at in (own, rest))
    pairs, forms, label = _pairs(p, place_rest)
    start = np.searchsorted(row, np.arange(p.define.shape[0] + 1)).astype(np.int64)
    return Effects(
        programme=p,
        own=own,
        rest=rest,
        define=sparse.csr_array(p.define[:, own]),
        defined=_placed(p.defined, place_own),
        base=sparse.csr_array(p.constant[:, rest]),
        direct=_placed(p.direct, place_rest),
        pairs=pairs,
        forms=forms,
        upper=sparse.csr_array(p.upper_data[:, rest]),
        back=Back(label, start, place_own[datum].astype(np.uint32), _runs(start, place_own[datum])),
        collect=sparse.csr_array(collect),
        speck=speck,
    )


def _integers(values: npt.NDArray[np.int32]) -> Integers:
    return values.astype(np.int64)


def _first_met(*data: Integers) -> Integers:
    """Data in the order they are met in."""
    joined = np.concatenate(data)
    found, first = np.unique(joined, return_index=True)
    return np.asarray(found[np.argsort(first)])


def _places(kept: Integers, size: int) -> Integers:
    """Place of each datum among those kept, -1 for others."""
    found = np.full(size, -1, dtype=np.int64)
    found[kept] = np.arange(kept.size)
    return found


def _placed(products: Products, place: Integers) -> Products:
    return Products(products.row, place[products.datum], products.column, products.coefficient)


def _runs(start: Integers, datum: Integers) -> Integers:
    """First datum of definitions whose data follow each other, -1 for others."""
    found = np.full(start.size - 1, -1, dtype=np.int64)
    for d, (a, b) in enumerate(pairwise(start)):
        if b > a and np.all(np.diff(datum[a:b]) == 1):
            found[d] = datum[a]
    return found


def _pairs(programme: TwoStage, place: Integers) -> tuple[Pairs, sparse.csr_array, Integers]:
    """Pairs of row and datum, forms, and the label of each form; pairs with the same sum of definitions share it."""
    entries, size = programme.indirect, programme.define.shape[1]
    rows, definitions = programme.matrix.shape[0], programme.define.shape[0]
    key, which = np.unique(entries.row * size + entries.datum, return_inverse=True)
    row, datum = key // size, key % size
    sums = sparse.csr_array(
        sparse.coo_array((entries.coefficient, (which, entries.column)), shape=(key.size, definitions))
    )
    sums.sort_indices()
    number: dict[tuple[int, bytes, bytes], int] = {}
    form, chosen = np.empty(key.size, dtype=np.int64), []
    for pair, (a, b) in enumerate(pairwise(sums.indptr)):
        mark = (int(programme.row_label[row[pair]]), sums.indices[a:b].tobytes(), sums.data[a:b].tobytes())
        if mark not in number:
            number[mark] = len(number)
            chosen.append(pair)
        form[pair] = number[mark]
    start = np.searchsorted(row, np.arange(rows + 1)).astype(np.int64)
    label = np.array([mark[0] for mark in number], dtype=np.int64)
    return (
        Pairs(start, place[datum].astype(np.uint32), form.astype(np.uint32)),
        sparse.csr_array(sums[np.array(chosen, dtype=np.int64)]),
        label,
    )
