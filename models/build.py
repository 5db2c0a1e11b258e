"""The programme, put together: one scenario, or all of them with the first stage (the extensive form)."""

from __future__ import annotations

from types import SimpleNamespace

import pyomo.environ as pyo
from pyomo.common.gc_manager import PauseGC

from models.data import Symbols
from models.decision import Decision
from models.expressions import Block
from models.first_stage import add_first_stage, first_stage_cost
from models.instance import Instance
from models.recourse import add_recourse, side_costs, weighted_shortfall
from models.risk import cvar, expectation
from models.view import View, view_of


def fixed(decision: Decision, instance: Instance) -> SimpleNamespace:
    """First stage as numbers, in the form in which recourse equations read it."""
    return SimpleNamespace(
        select={key: decision.select.get(key, 0.0) for key in instance.options},
        rights={key: decision.rights.get(key, 0.0) for key in instance.claims},
        purchase={key: decision.purchase.get(key, 0.0) for key in instance.purchases},
    )


def build_scenario(instance: Instance, number: int, decision: Decision) -> Block:
    """Build the recourse of scenario ``number`` under a fixed decision: a linear programme.

    Its objective is Z plus the costs of transfers and of ``worst`` (14); ``model.Z`` is the weighted shortfall.
    """
    model = pyo.ConcreteModel(name=f"scenario_{number}")
    view = view_of(instance, number)
    add_recourse(model, view, fixed(decision, instance))
    model.Z = pyo.Expression(expr=weighted_shortfall(model, view))
    model.objective = pyo.Objective(expr=model.Z + side_costs(model, view))
    return model


def build_extensive_form(instance: Instance) -> Block:
    """Build the whole programme: first stage, every scenario, mean and CVaR.

    minimise (1 - lambda) E[Q] + lambda CVaR_beta[Q] + cost weight * public cost + sum penalty * miss, where
    Q = Z plus transfers and ``worst`` is what the recourse of a scenario minimises: it does the same whether in the
    tail or not.
    """
    model = pyo.ConcreteModel(name="extensive_form")
    add_first_stage(model, instance)
    numbers = range(instance.scenarios.size)
    model.scenario = pyo.Block(numbers)
    outcomes = []
    for number in numbers:
        view, block = view_of(instance, number), model.scenario[number]
        add_recourse(block, view, model)
        outcomes.append(weighted_shortfall(block, view) + side_costs(block, view))
    model.mean = pyo.Expression(expr=expectation(instance, outcomes))
    objective = (1.0 - instance.cvar_weight) * model.mean
    if instance.cvar_weight > 0:
        model.cvar = pyo.Expression(expr=cvar(model, instance, outcomes))
        objective += instance.cvar_weight * model.cvar
    objective += first_stage_cost(model, instance)
    model.objective = pyo.Objective(expr=objective)
    return model


def build_first_stage(instance: Instance) -> Block:
    """Build the first stage alone: its objective is what commitments cost, and benchmarks missed."""
    model = pyo.ConcreteModel(name="first_stage")
    # Nothing of a model can be collected while it is built.
    with PauseGC():
        add_first_stage(model, instance)
        model.objective = pyo.Objective(expr=first_stage_cost(model, instance))
    return model


def build_template(instance: Instance) -> Block:
    """Build the recourse of any scenario once: every datum that scenarios differ in is a variable of ``model.data``.

    ``model.first`` holds the first-stage variables it reads. The rows are bilinear in data and first stage, linear
    in the recourse with fixed coefficients. Rows with one recourse variable are its bounds.
    """
    model = pyo.ConcreteModel(name="template")
    model.first = pyo.Block()
    model.first.select = pyo.Var(list(instance.options))
    model.first.rights = pyo.Var(list(instance.claims))
    model.first.purchase = pyo.Var(list(instance.purchases))
    model.data = pyo.Block()
    symbols = Symbols(instance, model.data)
    symbols.declare()
    view = View(instance, None, symbols)
    model.scenario = pyo.Block()
    with PauseGC():
        add_recourse(model.scenario, view, model.first)
        cost = weighted_shortfall(model.scenario, view) + side_costs(model.scenario, view)
        model.objective = pyo.Objective(expr=cost)
    return model
