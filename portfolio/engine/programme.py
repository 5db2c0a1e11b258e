"""Any two-stage programme with continuous recourse, in arrays: what the decomposition solves.

minimise    c x + E[Q(x, s)]  (or a mix of mean and CVaR), x in X, some of x whole
Q(x, s) = min cost y  subject to  W y >= (or =) h_s + T_s x,  0 <= y <= upper_s

The recourse matrix W and its cost are the same in every scenario. Scenarios enter through data d_s alone: right-hand
sides are linear in d_s, effects of the first stage bilinear in (d_s, x), in one step or through definitions u_s:

u_s = D0 d_s + sum coefficient d_s x,    h_s + T_s x = H d_s + sum coefficient d_s x + sum coefficient d_s u_s.

Datum 0 is the number one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from portfolio.engine.highs import LinearProgram

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Products:
    """Sums of coefficient * data[datum] * x[column] by row: a sparse tensor, four arrays of one length."""

    row: Integers
    datum: Integers
    column: Integers
    coefficient: Array

    @staticmethod
    def none() -> Products:
        """Return a tensor without entries."""
        empty = np.zeros(0, dtype=np.int64)
        return Products(empty, empty, empty, np.zeros(0))


@dataclass(frozen=True)
class Branch:
    """A choice the search may branch on: binaries of which at most one is 1, so that their sum is 0 or 1.

    Branches may overlap. ``parts`` numbers, from coarse to fine, a part for each column, in an order that means
    something: where the sum is whole but spread, the search asks below which part the one lies.
    """

    columns: Integers
    parts: tuple[Integers, ...] = ()


@dataclass(frozen=True)
class Choice:
    """One of several exclusive ways to use a group of first-stage columns.

    ``column`` is the binary that says it is made, ``others`` the columns that may then differ from zero; choices of a
    group may share them. In some best first stage at most one choice of a ``group`` is made and its columns that
    belong to none are zero.
    """

    column: int
    group: int
    others: Integers


@dataclass(frozen=True)
class TwoStage:
    """A two-stage programme.

    Attributes
    ----------
    first : LinearProgram
        n columns x with their cost, rows and integrality.
    matrix : (rows, columns)
        W.
    cost : (columns,)
        Cost of y.
    equal : (rows,)
        Whether the row is an equality; others are ``>=``.
    upper : (columns,)
        Constant upper bounds of y, ``inf`` for none.
    upper_data : (columns, data)
        Upper bounds linear in the data, for the columns with entries in it.
    constant : (rows, data)
        H.
    direct : Products
        Over (rows, data, x).
    define : (definitions, data)
        D0.
    defined : Products
        Over (definitions, data, x).
    indirect : Products
        Over (rows, data, definitions).
    label : (columns,)
        Independent part each column belongs to, from 0: cuts are made for each part. No row may hold two.
    priced : (rows,)
        Rows that link parts which are independent and small without them; see :mod:`portfolio.engine.linking`.
    probability : (scenarios,)
        Sums to one.
    data : callable
        Data of a slice of the scenarios, shape (data, scenarios in the slice).
    cvar_weight, cvar_level : float
        lambda and beta: the objective is c x + (1 - lambda) E[Q] + lambda CVaR_beta[Q].
    branches : tuple of Branch
        What the search decides before single columns, most important first.
    choices : tuple of Choice
        Structure by which the first stage falls into groups that few rows link; the relaxation is then solved by column
        generation, see :mod:`portfolio.engine.pricing`. Every branch has to lie within the binaries of one group.
    digest : callable, optional
        Hash of the data of all scenarios, where there is a quicker way than to read them.
    """

    first: LinearProgram
    matrix: sparse.csr_array
    cost: Array
    equal: Flags
    upper: Array
    upper_data: sparse.csr_array
    constant: sparse.csr_array
    direct: Products
    define: sparse.csr_array
    defined: Products
    indirect: Products
    label: Integers
    priced: Flags
    probability: Array
    data: Callable[[slice], Array] = field(repr=False)
    cvar_weight: float = 0.0
    cvar_level: float = 0.95
    branches: tuple[Branch, ...] = ()
    choices: tuple[Choice, ...] = ()
    digest: Callable[[], bytes] | None = field(default=None, repr=False)

    @property
    def scenarios(self) -> int:
        """Number of scenarios."""
        return int(self.probability.size)

    @cached_property
    def labels(self) -> int:
        """Number of independent parts."""
        return int(self.label.max(initial=0)) + 1

    @cached_property
    def row_label(self) -> Integers:
        """Part each row belongs to."""
        found = np.zeros(self.matrix.shape[0], dtype=np.int64)
        rows = np.repeat(np.arange(self.matrix.shape[0]), np.diff(self.matrix.indptr))
        found[rows] = self.label[self.matrix.indices]
        return found

    def rows_at(self, x: Array, data: Array) -> Array:
        """Right-hand sides h_s + T_s x of the rows, shape (rows, scenarios), term by term (slow, for checks)."""
        u = np.asarray(self.define @ data)
        _add(u, self.defined, data, x[:, None])
        rows = np.asarray(self.constant @ data)
        _add(rows, self.direct, data, x[:, None])
        _add(rows, self.indirect, data, u)
        return rows


def _add(to: Array, products: Products, data: Array, columns: Array) -> None:
    """Add products to rows of ``to``; ``columns`` has one column, or one for each scenario."""
    np.add.at(to, products.row, products.coefficient[:, None] * data[products.datum] * columns[products.column])
