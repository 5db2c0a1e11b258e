"""Programmes that differ in their first stage, or in what regions' shortfall weighs: compiled once, recourse shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from scipy import sparse

from models import Frozen, Instance
from models.build import build_first_stage
from portfolio.assemble.rules import without_rule
from portfolio.engine.assembled import Arrays, compile_instance, knapsacked
from portfolio.engine.compile import compile_model
from portfolio.engine.fingerprint import digest
from portfolio.engine.highs import Array, LinearProgram


@dataclass(frozen=True)
class Row:
    """A rule on projects and money: sum of coefficient * supported + sum of coefficient * USD M <= upper.

    ``coefficient`` holds (project, coefficient), ``money`` ((project, instrument), coefficient) of what members'
    budgets are charged for their shares; projects without options count as not supported.
    """

    coefficient: tuple[tuple[str, float], ...]
    upper: float
    money: tuple[tuple[tuple[str, str], float], ...] = ()


@dataclass(frozen=True)
class Changes:
    """What a study may change in an instance without compiling its recourse anew; None leaves it as it is.

    Attributes
    ----------
    budget : mapping, optional
        Budget of every (member, window), USD M.
    must, never : frozenset
        Projects that have to be supported, or may not be, besides those of the instance.
    cost_weight, cvar_weight, cvar_level : float, optional
        Weights of the objective, level of its CVaR.
    rows : tuple of Row
        Rules on projects and money, besides those of the model; only the decomposition knows them.
    without : tuple of str
        Rules of :data:`portfolio.assemble.rules.RULES`, which then have no force.
    outside : frozenset
        Members that commit nothing (8b): their budgets are nothing, and instruments' fixed costs are borne by the
        others, as in a case without their budgets.
    frozen : Frozen, optional
        Windows whose commitments are given (8b).
    region_weight : mapping, optional
        Factor on the weight of a region's shortfall. It changes what the recourse costs, and nothing else of it.
    cost_key, fixed_cost, min_ticket, liquidity, admin_usd_m, max_project_share, max_country_share : optional
        Fields of the instance of the same name.
    share_bounds : mapping, optional
        Least and most share of each instrument (2); most 0 takes an instrument away.
    """

    budget: Mapping[tuple[str, int], float] | None = None
    must: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    cost_weight: float | None = None
    cvar_weight: float | None = None
    cvar_level: float | None = None
    outside: frozenset[str] = frozenset()
    frozen: Frozen | None = None
    region_weight: Mapping[str, float] | None = None
    cost_key: Mapping[tuple[str, str], float] | None = None
    fixed_cost: Mapping[str, float] | None = None
    min_ticket: Mapping[str, float] | None = None
    liquidity: Mapping[str, float] | None = None
    admin_usd_m: float | None = None
    max_project_share: float | None = None
    max_country_share: float | None = None
    share_bounds: Mapping[str, tuple[float, float]] | None = None
    rows: tuple[Row, ...] = ()
    without: tuple[str, ...] = ()

    def of(self, instance: Instance) -> Instance:
        """Return the instance changed."""
        apart = ("must", "never", "rows", "without", "outside")
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}
        for rule in self.without:
            instance = without_rule(instance, rule)
        return replace(
            _without(instance, self.outside),
            must=instance.must | self.must,
            never=instance.never | self.never,
            **{name: value for name, value in given.items() if value is not None},
        )


def _without(instance: Instance, outside: frozenset[str]) -> Instance:
    """Return an instance in which some members commit nothing, besides those that do not already."""
    if not outside:
        return instance
    return replace(
        instance,
        outside=instance.outside | outside,
        budget={key: 0.0 if key[0] in outside else value for key, value in instance.budget.items()},
        cost_key={key: 0.0 if key[0] in outside else value for key, value in instance.cost_key.items()},
    )


@dataclass(frozen=True)
class Variation:
    """An instance with its arrays; :meth:`changed` gives its variations at the price of their first stage."""

    instance: Instance
    arrays: Arrays

    @staticmethod
    def of(instance: Instance) -> Variation:
        """Compile an instance."""
        return Variation(instance, compile_instance(instance))

    def changed(self, changes: Changes) -> Variation:
        """Return a variation: its first stage compiled anew, all else as it was.

        Columns stay the same, so budgets and lines may only make options impossible, not bring back what was left out
        because no budget let it through: begin with the loosest.
        """
        if changes == Changes():
            return self
        instance = changes.of(self.instance)
        first = compile_model(build_first_stage(instance))
        if first.columns != self.arrays.first.columns:
            raise ValueError("a variation may change rows and costs of the first stage, not its columns")
        programme = replace(
            self.arrays.programme,
            first=ruled(knapsacked(instance, first), first.columns, changes.rows, instance),
            cost=_weighed(self.arrays, self.instance, instance),
            cvar_weight=instance.cvar_weight,
            cvar_level=instance.cvar_level,
            digest=lambda: digest(instance),
        )
        return Variation(instance, replace(self.arrays, programme=programme, first=first))


def _weighed(arrays: Arrays, before: Instance, after: Instance) -> Array:
    """Return the recourse's costs with other weights of the regions; transfers cost what they did."""
    if after.region_weight == before.region_weight:
        return arrays.programme.cost
    if not before.region_factor.all():
        raise ValueError("a weight of 0 cannot be changed into another one: begin with regions that count")
    factor = after.region_factor / before.region_factor
    places = [factor[index[0]] if name in ("shallow", "deep") else 1.0 for name, index in arrays.template.columns]
    return np.asarray(arrays.programme.cost * np.array(places))


def _coefficients(row: Row, columns: Sequence[tuple[str, Any]], instance: Instance) -> list[float]:
    """Return what each column adds to a rule."""
    supported, money = dict(row.coefficient), dict(row.money)
    found = []
    for name, index in columns:
        if name == "select":
            found.append(supported.get(index[0], 0.0))
        elif name == "share":
            found.append(money.get(index[1:3], 0.0) * instance.shares[index].charge_usd_m)
        else:
            found.append(0.0)
    return found


def ruled(
    first: LinearProgram, columns: Sequence[tuple[str, Any]], rows: Sequence[Row], instance: Instance
) -> LinearProgram:
    """Return a first stage with rules on projects and money."""
    if not rows:
        return first
    block = sparse.csr_array(np.array([_coefficients(row, columns, instance) for row in rows]))
    return replace(
        first,
        matrix=sparse.csc_array(sparse.vstack([first.matrix, block])),
        row_lower=np.concatenate([first.row_lower, np.full(len(rows), -np.inf)]),
        row_upper=np.concatenate([first.row_upper, [row.upper for row in rows]]),
    )
