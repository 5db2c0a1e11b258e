"""Pyomo expressions of degree two, read off as coefficients.

Pyomo's own representation serves every kind of expression and takes most of the time of a compilation; sums, products
and variables are all that the equations are made of, and what is something else is left to Pyomo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pyomo.common.numeric_types import native_numeric_types
from pyomo.core.base.var import ScalarVar, VarData
from pyomo.core.expr import numeric_expr
from pyomo.repn import generate_standard_repn

SUMS = frozenset({numeric_expr.SumExpression, numeric_expr.LinearExpression})
PRODUCTS = frozenset({numeric_expr.ProductExpression, numeric_expr.MonomialTermExpression})
VARIABLES = frozenset({VarData, ScalarVar})


@dataclass
class Polynomial:
    """A constant, and the sums of coefficients of variables and of pairs of variables, in order of appearance."""

    constant: float = 0.0
    variables: dict[int, Any] = field(default_factory=dict)
    coefficient: dict[int, float] = field(default_factory=dict)
    product: dict[tuple[int, int], float] = field(default_factory=dict)

    def linear(self) -> Iterator[tuple[Any, float]]:
        """Yield each variable with its coefficient, those of nothing left out."""
        return ((self.variables[at], value) for at, value in self.coefficient.items() if value != 0.0)

    def quadratic(self) -> Iterator[tuple[Any, Any, float]]:
        """Yield each pair of variables with its coefficient, those of nothing left out."""
        return ((self.variables[a], self.variables[b], x) for (a, b), x in self.product.items() if x != 0.0)

    def add(self, v: Any, value: float) -> None:
        """Add a variable times a number."""
        at = id(v)
        if at in self.coefficient:
            self.coefficient[at] += value
        else:
            self.variables[at] = v
            self.coefficient[at] = value

    def multiply(self, a: Any, b: Any, value: float) -> None:
        """Add the product of two variables and a number."""
        key = (id(a), id(b)) if id(a) < id(b) else (id(b), id(a))
        if key in self.product:
            self.product[key] += value
        else:
            self.variables[id(a)], self.variables[id(b)] = a, b
            self.product[key] = value


def polynomial(expression: Any) -> Polynomial:
    """Read an expression.

    Raises
    ------
    ValueError
        Where it is not a polynomial of degree two at most.
    """
    found = Polynomial()
    _add(found, expression, 1.0)
    return found


def _add(to: Polynomial, expression: Any, factor: float) -> None:
    """Add ``factor`` times an expression."""
    kind = type(expression)
    if kind in PRODUCTS:
        left, right = expression.args
        if type(left) in native_numeric_types:
            _add(to, right, factor * float(left))
        elif type(right) in native_numeric_types:
            _add(to, left, factor * float(right))
        else:
            _add_product(to, left, right, factor)
    elif kind in VARIABLES and not expression.fixed:
        to.add(expression, factor)
    elif kind in SUMS:
        for term in expression.args:
            _add(to, term, factor)
    elif kind in native_numeric_types:
        to.constant += factor * float(expression)
    elif kind is numeric_expr.NegationExpression:
        _add(to, expression.args[0], -factor)
    else:
        _add_other(to, expression, factor)


def _add_product(to: Polynomial, left: Any, right: Any, factor: float) -> None:
    """Add ``factor`` times the product of two expressions."""
    a, one = _single(left)
    b, other = _single(right)
    if a is not None and b is not None:
        to.multiply(a, b, factor * one * other)
    else:
        _add_polynomials(to, polynomial(left), polynomial(right), factor)


def _single(expression: Any) -> tuple[Any, float]:
    """Return variable and coefficient of an expression that is one variable times a number; else None and 1."""
    kind, coefficient = type(expression), 1.0
    if kind is numeric_expr.MonomialTermExpression and type(expression.args[0]) in native_numeric_types:
        coefficient, expression = float(expression.args[0]), expression.args[1]
        kind = type(expression)
    return (expression, coefficient) if kind in VARIABLES and not expression.fixed else (None, 1.0)


def _add_polynomials(to: Polynomial, left: Polynomial, right: Polynomial, factor: float) -> None:
    """Add ``factor`` times the product of two polynomials."""
    if (left.product and right.coefficient) or (right.product and left.coefficient) or (left.product and right.product):
        raise ValueError("a product of more than two variables")
    to.constant += factor * left.constant * right.constant
    for one, other in ((left, right), (right, left)):
        if other.constant != 0.0:
            for v, value in one.linear():
                to.add(v, factor * value * other.constant)
            for a, b, value in one.quadratic():
                to.multiply(a, b, factor * value * other.constant)
    for a, one_value in left.linear():
        for b, value in right.linear():
            to.multiply(a, b, factor * one_value * value)


def _add_other(to: Polynomial, expression: Any, factor: float) -> None:
    """Add ``factor`` times an expression as Pyomo represents it."""
    other = generate_standard_repn(expression, compute_values=True, quadratic=True)
    if other.nonlinear_expr is not None:
        raise ValueError(f"{expression} is no polynomial of degree two")
    to.constant += factor * float(other.constant)
    for v, value in zip(other.linear_vars, other.linear_coefs, strict=True):
        to.add(v, factor * float(value))
    for (a, b), value in zip(other.quadratic_vars, other.quadratic_coefs, strict=True):
        to.multiply(a, b, factor * float(value))
