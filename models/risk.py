"""Risk: the mean and the CVaR of what the scenarios cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyomo.environ as pyo

from models.expressions import Block, total
from models.instance import Instance


def cvar(block: Block, instance: Instance, outcomes: Sequence[Any]) -> Any:
    """CVaR_beta[Q] = min eta + sum_s p_s excess_s / (1 - beta), excess_s >= Q_s - eta (Rockafellar and Uryasev 2000).

    Adds ``eta``, ``excess`` and the constraint ``tail`` to the block and returns the expression.
    """
    numbers = range(len(outcomes))
    block.eta = pyo.Var(domain=pyo.NonNegativeReals)
    block.excess = pyo.Var(numbers, domain=pyo.NonNegativeReals)
    block.tail = pyo.Constraint(numbers, rule=lambda b, s: b.excess[s] + b.eta - outcomes[s] >= 0)
    probability = instance.scenarios.probability
    return block.eta + total(float(probability[s]) / (1.0 - instance.cvar_level) * block.excess[s] for s in numbers)


def expectation(instance: Instance, outcomes: Sequence[Any]) -> Any:
    """E[Q] = sum_s p_s Q_s."""
    return total(float(p) * z for p, z in zip(instance.scenarios.probability, outcomes, strict=True))
