"""From the Pyomo template of the recourse to arrays, once for all scenarios: no equation is stated a second time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo
from pyomo.common.gc_manager import PauseGC
from scipy import sparse

from models import Instance, build_template
from models.data import Data
from portfolio.engine.polynomial import Polynomial, polynomial
from portfolio.engine.programme import Array, Flags, Integers, Products

DEFINED = ("running", "delivered")
"""Recourse variables that an equality defines by the first stage alone."""
PRICED = ("stocking",)
"""Constraints that link blocks which are independent without them."""
MATERIAL = {"transfer": 3, "stock": 1, "release": 1, "worst": 1}
"""Place of the material in the index of a recourse variable, where it is not 2."""
YEAR = {"transfer": 4, "stock": 2, "release": 2, "worst": 2}
"""Place of the year in it, where it is not 3."""


@dataclass(frozen=True)
class Template:
    """The recourse of any scenario in arrays; attributes as in :class:`portfolio.engine.programme.TwoStage`.

    ``columns`` holds (variable, index) of each recourse column; ``data`` (name, indices) of the data from number 1.
    """

    matrix: sparse.csr_array
    cost: Array
    equal: Flags
    upper_data: sparse.csr_array
    constant: sparse.csr_array
    direct: Products
    define: sparse.csr_array
    defined: Products
    indirect: Products
    label: Integers
    priced: Flags
    columns: tuple[tuple[str, Any], ...]
    data: tuple[tuple[str, npt.NDArray[np.int64], Integers], ...]

    @property
    def year(self) -> Integers:
        """Year of each column, as an index, shape (columns,)."""
        return np.array([index[YEAR.get(name, 3)] for name, index in self.columns], dtype=np.int64)

    @property
    def data_size(self) -> int:
        """Number of data of a scenario, the number one included."""
        return 1 + sum(at.size for _, _, at in self.data)

    def gather(self, instance: Instance, which: slice) -> Array:
        """Data of a slice of an instance's scenarios, shape (data, scenarios)."""
        source = Data(instance, which)
        count = instance.scenarios.probability[which].size
        found = np.empty((self.data_size, count))
        found[0] = 1.0
        for name, index, at in self.data:
            found[at] = source.at(name, index)
        return found


class _Terms:
    """Entries of a sparse tensor or matrix under construction."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, ...]] = []
        self.values: list[float] = []

    def add(self, value: float, *where: int) -> None:
        self.entries.append(where)
        self.values.append(value)

    def _arrays(self, width: int) -> tuple[Integers, Array]:
        where = np.array(self.entries, dtype=np.int64).reshape(len(self.entries), width)
        return where, np.array(self.values, dtype=float)

    def matrix(self, rows: int, columns: int) -> sparse.csr_array:
        where, values = self._arrays(2)
        return sparse.csr_array(sparse.coo_array((values, (where[:, 0], where[:, 1])), shape=(rows, columns)))

    def products(self) -> Products:
        where, values = self._arrays(3)
        return Products(where[:, 0], where[:, 1], where[:, 2], values)


class _Reader:
    """Reads rows of the Pyomo template; numbers data, definitions and columns as it meets them."""

    def __init__(self, model: Any, first: dict[tuple[str, Any], int]) -> None:
        self.first = {id(v): first[name, v.index()] for name in ("select", "rights", "purchase")
                      for v in getattr(model.first, name).values()}  # fmt: skip
        self.data: dict[int, int] = {}
        self.keys: dict[str, tuple[list[tuple[int, ...]], list[int]]] = {}
        self.datum_ids = {
            id(v): (name.local_name, v.index()) for name in model.data.component_objects(pyo.Var) for v in name.values()
        }
        recourse = [(c.local_name, v) for c in model.scenario.component_objects(pyo.Var) for v in c.values()]
        kept = [(name, v) for name, v in recourse if name not in DEFINED]
        self.columns = tuple((name, v.index()) for name, v in kept)
        self.own = {id(v): n for n, (_, v) in enumerate(kept)}
        self.definitions = {id(v): n for n, v in enumerate(v for name, v in recourse if name in DEFINED)}

    def datum(self, v: Any) -> int:
        """Number of a datum, given at its first appearance."""
        number = self.data.get(id(v))
        if number is None:
            number = self.data[id(v)] = len(self.data) + 1
            name, index = self.datum_ids[id(v)]
            keys, at = self.keys.setdefault(name, ([], []))
            keys.append(index)
            at.append(number)
        return number


def compile_template(instance: Instance, first: dict[tuple[str, Any], int]) -> Template:
    """Compile the recourse; ``first`` numbers the first-stage columns by (variable, index).

    Raises
    ------
    ValueError
        Where a row is not linear in the recourse and bilinear in data and first stage.
    """
    with PauseGC():
        return _compile(build_template(instance), first)


def _compile(model: Any, first: dict[tuple[str, Any], int]) -> Template:
    read = _Reader(model, first)
    matrix, constant, upper, define = _Terms(), _Terms(), _Terms(), _Terms()
    direct, defined, indirect = _Terms(), _Terms(), _Terms()
    equal: list[bool] = []
    priced: list[bool] = []
    for component in model.scenario.component_objects(pyo.Constraint, active=True):
        name = component.local_name
        defines = name in ("runs", "delivers")
        for row in component.values():
            body = polynomial(row.body)
            own, rest, products = _classify(read, body, row, defines)
            if defines:
                _define(read, body, rest, products, define, defined)
            elif len(own) == 1 and not row.equality and not products and own[0][1] == 1.0 and row.has_ub():
                for datum, value in rest:
                    upper.add(-value, own[0][0], datum)
            else:
                sign, number = (1.0 if row.has_lb() else -1.0), len(equal)
                equal.append(bool(row.equality))
                priced.append(name in PRICED)
                for column, value in own:
                    matrix.add(sign * value, number, column)
                for datum, value in rest:
                    constant.add(-sign * value, number, datum)
                for datum, kind, column, value in products:
                    (indirect if kind == "definition" else direct).add(-sign * value, number, datum, column)
    size, rows = len(read.data) + 1, len(equal)
    columns = len(read.columns)
    return Template(
        matrix=matrix.matrix(rows, columns),
        cost=_cost(model, read),
        equal=np.array(equal, dtype=bool),
        upper_data=upper.matrix(columns, size),
        constant=constant.matrix(rows, size),
        direct=direct.products(),
        define=define.matrix(len(read.definitions), size),
        defined=defined.products(),
        indirect=indirect.products(),
        label=np.array([index[MATERIAL.get(name, 2)] for name, index in read.columns], dtype=np.int64),
        priced=np.array(priced, dtype=bool),
        columns=read.columns,
        data=tuple(
            (name, np.array(keys, dtype=np.int64), np.array(at, dtype=np.int64))
            for name, (keys, at) in read.keys.items()
        ),
    )


Linear = list[tuple[int, float]]


def _classify(
    read: _Reader, body: Polynomial, row: Any, defines: bool
) -> tuple[Linear, Linear, list[tuple[int, str, int, float]]]:
    """Terms of a row: own columns, data, and (datum, kind, column) products; definitions' own terms are left out.

    The row's bound and constant count as datum 0.
    """
    bound = float(pyo.value(row.lower if row.has_lb() else row.upper))
    own: Linear = []
    rest: Linear = [(0, body.constant - bound)] if body.constant != bound else []
    products = []
    for v, value in body.linear():
        at = id(v)
        if at in read.own:
            own.append((read.own[at], value))
        elif at in read.datum_ids:
            rest.append((read.datum(v), value))
        elif at in read.first:
            products.append((0, "first", read.first[at], value))
        elif not defines:
            products.append((0, "definition", read.definitions[at], value))
    for a, b, value in body.quadratic():
        datum, other = (a, b) if id(a) in read.datum_ids else (b, a)
        at = id(other)
        if id(datum) not in read.datum_ids or (at not in read.first and at not in read.definitions):
            raise ValueError(f"{row.name} multiplies {a.name} by {b.name}")
        kind, column = ("first", read.first[at]) if at in read.first else ("definition", read.definitions[at])
        products.append((read.datum(datum), kind, column, value))
    return own, rest, products


def _define(
    read: _Reader,
    body: Polynomial,
    rest: Linear,
    products: list[tuple[int, str, int, float]],
    define: _Terms,
    defined: _Terms,
) -> None:
    """Take a row u - (...) == 0 as the definition of u."""
    number = next(read.definitions[id(v)] for v, _ in body.linear() if id(v) in read.definitions)
    for datum, value in rest:
        define.add(-value, number, datum)
    for datum, _, column, value in products:
        defined.add(-value, number, datum, column)


def _cost(model: Any, read: _Reader) -> Array:
    cost = np.zeros(len(read.columns))
    for v, value in polynomial(model.objective.expr).linear():
        cost[read.own[id(v)]] = value
    return cost
