"""One small LP file per numbered equation, as Pyomo writes it.

After a change on purpose, write the files again with ``REGENERATE_GOLDEN=1 pytest tests/models/test_golden.py`` and
read the difference: each file has to say what ``MODEL.md`` says.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

import models
from models import Frozen, Instance, build_extensive_form, first_stage, limits, recourse, risk
from models.view import view_of
from tests.models.instances import (
    KINDS,
    STRUCTURES,
    Shape,
    altered,
    only,
    tiny_instance,
    with_benchmarks,
    with_caps,
    with_fairness,
    with_payout_limit,
    with_promises,
    with_repayments,
    with_stock,
    with_transfers,
)

GOLDEN = Path(__file__).parent / "golden"
SMALL = Shape(years=1, scenarios=1)


def _plant(i: Instance, structure: str = "contracted") -> Instance:
    return only(i, lambda key: key[:2] == ("plant", structure))


def _chain(i: Instance) -> Instance:
    return only(i, lambda key: key[1] == "merchant")


def _three_regions() -> Instance:
    """A year of embargo in which goods of the plant's and the refinery's countries do not reach the second region."""
    i = tiny_instance(Shape(regions=3, years=1, scenarios=1, kinds=("loan",)), disrupted=np.ones((1, 1, 1)))
    available = i.scenarios.available.copy()
    available[:, :, 1] = 0.0
    return altered(i, available=available, solidarity=np.array([0.0, 0.5]))


def _mostly_promised() -> Instance:
    i = _plant(tiny_instance(Shape(years=1, scenarios=1, kinds=KINDS)))
    promised = i.precommitted.copy()
    promised[0, 1] = 0.6
    return altered(i, precommitted=promised)


def _rivals() -> Instance:
    """The plant may close unaided; a rival has taken the mine, which runs in part all the same."""
    i = tiny_instance(SMALL)
    unaided, lost = np.full((1, 3, 1), 0.2), np.zeros((1, 3, 1), dtype=bool)
    output, contracted = i.scenarios.output.copy(), i.scenarios.contracted * 0.9
    mine = list(i.options).index(("mine", "merchant", 2026))
    lost[0, 1], output[0, mine], contracted[0, mine] = True, 0.0, 0.0
    return altered(i, unaided=unaided, lost=lost, output=output, contracted=contracted)


INSTANCES: dict[str, Callable[[], Instance]] = {
    "1": lambda: only(tiny_instance(Shape(windows=2, years=2, scenarios=1)), lambda key: key[0] == "plant"),
    "2": lambda: _plant(tiny_instance(SMALL, min_ticket={"agency": 15.0, "jogmec": 0.0})),
    "3": lambda: tiny_instance(Shape(years=1, scenarios=1, kinds=KINDS, structures=STRUCTURES)),
    "4": lambda: tiny_instance(Shape(years=1, scenarios=1, kinds=KINDS, structures=STRUCTURES)),
    "4b": lambda: _chain(tiny_instance(SMALL)),
    "4c": lambda: tiny_instance(SMALL),
    "5": lambda: with_caps(
        only(
            tiny_instance(Shape(years=1, scenarios=1, kinds=KINDS, structures=STRUCTURES), private_minimum=0.6), _first
        )
    ),
    "6": _mostly_promised,
    "6b": lambda: tiny_instance(Shape(years=1, scenarios=1, versatile="mine")),
    "7": lambda: with_stock(
        with_repayments(
            only(tiny_instance(Shape(windows=2, scenarios=1, structures=("merchant",))), lambda key: key[0] == "mine")
        )
    ),
    "7b": lambda: _plant(tiny_instance(Shape(years=1, scenarios=1, kinds=KINDS))),
    "7c": lambda: with_payout_limit(_plant(tiny_instance(Shape(years=1, scenarios=1, kinds=KINDS))), size=3),
    "8a": lambda: _benchmarks(),
    "8b": lambda: _given(),
    "8": lambda: _chain(
        tiny_instance(
            SMALL, max_project_share=0.4, max_country_share=0.6, must=frozenset({"mine"}), never=frozenset({"plant"})
        )
    ),
    "12a": lambda: with_stock(tiny_instance(Shape(regions=2, materials=2, years=1, scenarios=1))),
    "production": _rivals,
    "9": lambda: _chain(tiny_instance(SMALL)),
    "10": lambda: with_promises(with_transfers(with_stock(_chain(tiny_instance(SMALL)))), 0),
    "11": lambda: tiny_instance(SMALL),
    "12": lambda: with_stock(tiny_instance(Shape(years=2, scenarios=1))),
    "13": _three_regions,
    "14": lambda: with_fairness(tiny_instance(SMALL)),
    "expectation": lambda: tiny_instance(Shape(scenarios=3), probability=np.array([0.5, 0.3, 0.2])),
    "cvar": lambda: tiny_instance(Shape(scenarios=3), probability=np.array([0.5, 0.3, 0.2]), cvar_level=0.8),
    "objective": lambda: with_benchmarks(
        with_fairness(
            with_transfers(with_stock(_plant(tiny_instance(Shape(years=1), cvar_weight=0.25, cvar_level=0.6))))
        ),
        penalty=0.4,
    ),
}

IN_TEXT = {
    "production": "running[p,t] =",
    "expectation": "E[Q]",
    "cvar": "CVaR_β[Q] =",
    "objective": "## Objective",
}
"""Where ``MODEL.md`` states what has no number."""


def _benchmarks() -> Instance:
    """Processing is required, extraction penalised."""
    i = with_benchmarks(_chain(tiny_instance(SMALL)))
    return replace(i, benchmarks=i.benchmarks | {"extraction": replace(i.benchmarks["extraction"], penalty=2.0)})


def _given() -> Instance:
    """One member is outside; of two windows the first is frozen: the plant with a loan, rights and a purchase."""
    i = with_stock(tiny_instance(Shape(windows=2, scenarios=1, kinds=("loan",), structures=("merchant",))))
    option = next(key for key in i.options if key[0] == "plant")
    inside, out = i.members
    share = next(k for k in i.shares if (k[1], k[3], k[4]) == option and k[0] == inside)
    claim = next(k for k in i.claims if k[1:] == option and k[0] == i.region_of[inside])
    bought = next(k for k in i.purchases if k[0] == inside)
    held = Frozen(frozenset({option[2]}), {option: 1.0}, {share: 0.25}, {claim: 0.2}, {bought: 8.0})
    return replace(i, outside=frozenset({out}), frozen=held)


def _first(key: Any) -> bool:
    return bool(key[0] == "plant")


def _model(number: str) -> Any:
    """A model with one equation of the product."""
    i = INSTANCES[number]()
    if number == "objective":
        model = build_extensive_form(i)
        for constraint in model.component_objects(pyo.Constraint, descend_into=True):
            constraint.deactivate()
        return model
    model = pyo.ConcreteModel()
    if number in first_stage.CONSTRAINTS:
        first_stage.add_variables(model, i)
        first_stage.CONSTRAINTS[number](model, i)
        model.objective = pyo.Objective(expr=0.0)
    elif number in recourse.CONSTRAINTS:
        view = view_of(i, 0)
        first_stage.add_variables(model, i)
        recourse.add_variables(model, view)
        recourse.shortfall(model, view, model)
        if number != "11":
            recourse.CONSTRAINTS[number](model, view, model)
        model.objective = pyo.Objective(expr=recourse.weighted_shortfall(model, view) if number == "11" else 0.0)
    else:
        model.Q = pyo.Var(range(i.scenarios.size), domain=pyo.NonNegativeReals)
        outcomes = [model.Q[s] for s in model.Q]
        cost = risk.cvar(model, i, outcomes) if number == "cvar" else risk.expectation(i, outcomes)
        model.objective = pyo.Objective(expr=cost)
    return model


def _text(number: str, folder: Path) -> str:
    """LP text of an equation, without comments and with numbers of nine digits."""
    path = folder / "model.lp"
    _model(number).write(str(path), format="lp", io_options={"symbolic_solver_labels": True})
    lines = re.sub(r"\\\*.*?\*\\", "", path.read_text(), flags=re.DOTALL).splitlines()
    rounded = (re.sub(r"(?<![\w.])[+-]?\d+\.?\d*(e[+-]?\d+)?(?![\w.(])", _short, line) for line in lines)
    return "\n".join(line.rstrip() for line in rounded if line.strip()) + "\n"


def _short(match: re.Match[str]) -> str:
    sign = "+" if match.group().startswith("+") else ""
    return f"{sign}{float(match.group()):.9g}"


@pytest.mark.parametrize("number", INSTANCES)
def test_golden(number: str, tmp_path: Path) -> None:
    path, text = GOLDEN / f"{number}.lp", _text(number, tmp_path)
    if os.environ.get("REGENERATE_GOLDEN"):
        path.write_text(text)
    assert text.splitlines() == path.read_text().splitlines()


@pytest.mark.parametrize("number", INSTANCES)
def test_golden_says_something(number: str) -> None:
    """A row for every constraint component of the equation: none was skipped in its instance."""
    model = _model(number)
    for component in model.component_objects(pyo.Constraint, active=True, descend_into=True):
        assert len(component) > 0, f"{component.name} has no row: choose another instance for its golden file"
        assert component.name in (GOLDEN / f"{number}.lp").read_text()


def test_every_equation_has_a_golden_file() -> None:
    functions = {name for name, f in inspect.getmembers(risk, inspect.isfunction) if f.__module__ == risk.__name__}
    equations = {*first_stage.CONSTRAINTS, *recourse.CONSTRAINTS, *functions, "objective"}
    assert {path.stem for path in GOLDEN.glob("*.lp")} == equations == set(INSTANCES)


@pytest.mark.parametrize("number", INSTANCES)
def test_every_equation_is_in_the_text(number: str) -> None:
    text = (Path(models.__file__).parent / "MODEL.md").read_text(encoding="utf-8")
    assert IN_TEXT.get(number, f"**({number}) ") in text


def test_no_equation_escapes_its_table() -> None:
    """Every function that adds to a model is in a table of constraints, or adds variables, or adds them all."""
    for table, modules in ((first_stage.CONSTRAINTS, (first_stage, limits)), (recourse.CONSTRAINTS, (recourse,))):
        adding = {
            name
            for module in modules
            for name, f in inspect.getmembers(module, inspect.isfunction)
            if f.__module__ == module.__name__ and "pyo.Constraint(" in inspect.getsource(f)
        }
        assert adding == {f.__name__ for f in table.values()}
