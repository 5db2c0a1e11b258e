"""Expressions read off by us and by Pyomo are the same polynomials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyomo.environ as pyo
import pytest
from pyomo.repn import generate_standard_repn

from models.build import build_template
from portfolio.engine.polynomial import polynomial
from tests.models.instances import random_instance


def by_us(expression: Any) -> tuple[float, dict[str, float], dict[frozenset[str], float]]:
    found = polynomial(expression)
    return (
        found.constant,
        {v.name: value for v, value in found.linear()},
        {frozenset({a.name, b.name}): value for a, b, value in found.quadratic()},
    )


def by_pyomo(expression: Any) -> tuple[float, dict[str, float], dict[frozenset[str], float]]:
    found = generate_standard_repn(expression, compute_values=True, quadratic=True)
    return (
        float(found.constant),
        {v.name: value for v, value in zip(found.linear_vars, found.linear_coefs, strict=True)},
        {
            frozenset({a.name, b.name}): value
            for (a, b), value in zip(found.quadratic_vars, found.quadratic_coefs, strict=True)
        },
    )


EXPRESSIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "number": lambda x, y, z: 3.0 + 0.0 * x,
    "linear": lambda x, y, z: 2 * x - (y - 4) / 5 + 7,
    "cancels": lambda x, y, z: x - y - (x - 2 * y),
    "product": lambda x, y, z: 3 * x * y - y * (2 * x) + 5 * z,
    "square": lambda x, y, z: (x - y) * (x - y),
    "product of sums": lambda x, y, z: -2 * (x + 3) * (y - 4 * z + 1),
    "three factors": lambda x, y, z: (x + 1) * (2 * y) * 4,
    "sum of products": lambda x, y, z: pyo.quicksum([x * (0.5 * y), x * (0.25 * y), 2 * (x + y * z)]),
    "left to Pyomo": lambda x, y, z: x**2 + 3 * y + (x + y) ** 2,
}


@pytest.mark.parametrize("which", EXPRESSIONS)
def test_reads_what_pyomo_reads(which: str) -> None:
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(), pyo.Var()
    model.z = pyo.Var([1, 2])
    expression = EXPRESSIONS[which](model.x, model.y, model.z[2])
    constant, linear, quadratic = by_pyomo(expression)
    found = by_us(expression)
    assert found[0] == pytest.approx(constant)
    assert found[1] == pytest.approx({k: v for k, v in linear.items() if v != 0})
    assert found[2] == pytest.approx({k: v for k, v in quadratic.items() if v != 0})


def test_fixed_variables_are_numbers() -> None:
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(), pyo.Var()
    model.y.fix(5.0)
    assert by_us(2 * model.x * model.y + 3 * model.y) == (15.0, {"x": 10.0}, {})


@pytest.mark.parametrize("power", ["cubic", "root"])
def test_refuses_what_is_not_of_degree_two(power: str) -> None:
    model = pyo.ConcreteModel()
    model.x, model.y = pyo.Var(), pyo.Var()
    expression = model.x * model.y * (model.x + 1) if power == "cubic" else pyo.sqrt(model.x) * model.y
    with pytest.raises(ValueError, match="two"):
        polynomial(expression)


def test_every_row_of_a_template_is_what_pyomo_reads() -> None:
    model = build_template(random_instance(3))
    rows = [row for c in model.scenario.component_objects(pyo.Constraint) for row in c.values()]
    assert len(rows) > 20
    for row in rows:
        found, expected = by_us(row.body), by_pyomo(row.body)
        assert found[0] == pytest.approx(expected[0])
        assert found[1] == pytest.approx(expected[1])
        assert found[2] == pytest.approx(expected[2])
