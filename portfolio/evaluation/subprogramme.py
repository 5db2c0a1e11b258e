"""Parts of a two-stage programme: some of its scenarios or rows, or one whose coefficients are the means of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from portfolio.engine.programme import Array, Products, TwoStage

Integers = npt.NDArray[np.int64]

TOGETHER = 200
"""Scenarios whose data are read at a time."""


@dataclass(frozen=True)
class Coefficients:
    """What enters the programme in one scenario: h (rows,), T (rows, x) and upper bounds of y (columns,)."""

    h: Array
    T: sparse.csr_array
    upper: Array


def coefficients(programme: TwoStage, data: Array) -> Coefficients:
    """Multiply the data of one scenario, shape (data,), out into its coefficients.

    With u = D0 d + (C d) x and rows = H d + (A d) x + (B d) u, h = H d + (B d) D0 d and T = A d + (B d)(C d): products
    of data of one scenario, which is why they are formed before anything is averaged.
    """
    p, columns = programme, programme.first.cost.size
    rows, definitions = p.matrix.shape[0], p.define.shape[0]
    late = _at(p.indirect, data, (rows, definitions))
    own = _at(p.direct, data, (rows, columns))
    h = p.constant @ data + late @ (p.define @ data)
    moving = np.diff(p.upper_data.indptr) > 0
    upper = np.maximum(np.where(moving, 0.0, p.upper) + p.upper_data @ data, 0.0)
    return Coefficients(
        np.asarray(h), sparse.csr_array(own + late @ _at(p.defined, data, (definitions, columns))), upper
    )


def _at(products: Products, data: Array, shape: tuple[int, int]) -> sparse.csr_array:
    """Sum coefficient * data[datum] over the entries of every (row, column)."""
    values = products.coefficient * data[products.datum]
    return sparse.csr_array(sparse.coo_array((values, (products.row, products.column)), shape=shape))


def mean_coefficients(programme: TwoStage) -> Coefficients:
    """Means of h, T and upper bounds over the scenarios, by probability.

    The mean of a product of data is not the product of their means: what a project yields and how much of it arrives
    are multiplied in every scenario, and then averaged.
    """
    first, *others = (
        (weight, coefficients(programme, data))
        for weight, data in zip(programme.probability, _each(programme), strict=True)
    )
    h, T, upper = first[0] * first[1].h, first[0] * first[1].T, first[0] * first[1].upper
    for weight, one in others:
        h, T, upper = h + weight * one.h, T + weight * one.T, upper + weight * one.upper
    return Coefficients(h, sparse.csr_array(T), upper)


def _each(programme: TwoStage) -> Iterator[Array]:
    """Data of every scenario, one after the other."""
    for start in range(0, programme.scenarios, TOGETHER):
        yield from programme.data(slice(start, min(start + TOGETHER, programme.scenarios))).T


def of_coefficients(programme: TwoStage, given: Coefficients) -> TwoStage:
    """The programme with one scenario of given coefficients; first stage, recourse matrix and cost are the same."""
    T = sparse.coo_array(given.T)
    nothing = sparse.csr_array((0, 1))
    return replace(
        programme,
        upper=given.upper,
        upper_data=sparse.csr_array((programme.cost.size, 1)),
        constant=sparse.csr_array(given.h[:, None]),
        direct=Products(
            np.asarray(T.coords[0], dtype=np.int64),
            np.zeros(T.data.size, dtype=np.int64),
            np.asarray(T.coords[1], dtype=np.int64),
            np.asarray(T.data, dtype=float),
        ),
        define=nothing,
        defined=Products.none(),
        indirect=Products.none(),
        probability=np.ones(1),
        data=lambda which: np.ones((1, 1))[:, which],
        digest=None,
    )


def expected_value(programme: TwoStage) -> TwoStage:
    """The expected value problem: one scenario with the means of all coefficients."""
    return of_coefficients(programme, mean_coefficients(programme))


def chosen(programme: TwoStage, which: Integers) -> TwoStage:
    """The programme over some of its scenarios, their probabilities rescaled to sum to one."""
    data = np.concatenate([programme.data(slice(int(s), int(s) + 1)) for s in which], axis=1)
    weight = programme.probability[which]
    return replace(programme, probability=weight / weight.sum(), data=lambda some: data[:, some], digest=None)


def at_limits(
    programme: TwoStage, rows: Integers, columns: Integers, cost: Array, right: Array, upper: Array
) -> TwoStage:
    """Some rows and columns of the recourse, with limits given in every scenario: the first stage has no effect.

    Nothing is priced, so that a pass solves what these rows hold together at once.

    Parameters
    ----------
    rows, columns : (r,), (c,)
        The rows must hold no column but these.
    cost : (c,)
    right : (r, scenarios)
        Right-hand sides.
    upper : (c, scenarios)
        Upper bounds, ``inf`` in all scenarios for none.
    """
    bounded = np.flatnonzero(np.isfinite(upper).any(axis=1))
    data = np.concatenate([np.ones((1, programme.scenarios)), right, upper[bounded]])
    size, at = data.shape[0], 1 + rows.size
    ones = np.ones(rows.size), (np.arange(rows.size), np.arange(1, at))
    tops = np.ones(bounded.size), (bounded, np.arange(at, size))
    return replace(
        programme,
        matrix=sparse.csr_array(programme.matrix[rows][:, columns]),
        cost=cost,
        equal=programme.equal[rows],
        upper=np.full(columns.size, np.inf),
        upper_data=sparse.csr_array(sparse.coo_array(tops, shape=(columns.size, size))),
        constant=sparse.csr_array(sparse.coo_array(ones, shape=(rows.size, size))),
        direct=Products.none(),
        define=sparse.csr_array((0, size)),
        defined=Products.none(),
        indirect=Products.none(),
        label=programme.label[columns],
        priced=np.zeros(rows.size, dtype=bool),
        data=lambda which: data[:, which],
        digest=None,
    )
