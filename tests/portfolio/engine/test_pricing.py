"""Packages, their prices, and the relaxation made of them, against linear programmes solved as a whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from portfolio.engine.assembled import compile_instance
from portfolio.engine.cuts import CutPool, Layout
from portfolio.engine.highs import solve
from portfolio.engine.pricing import Packages, Pricing, falls_apart
from portfolio.engine.programme import Array, TwoStage
from portfolio.engine.relaxation import Relaxation, master, relaxed
from portfolio.engine.restricted import Restricted
from tests.models.instances import VARIATIONS, random_instance

NAMES: tuple[str | int, ...] = ("plain", "two windows", "caps on every kind", "must support", "tickets", *range(20, 30))


def programme(name: str | int) -> TwoStage:
    instance = random_instance(name) if isinstance(name, int) else VARIATIONS[name]()
    return compile_instance(instance).programme


def relaxations(name: str | int, cuts: int = 8) -> tuple[TwoStage, CutPool, Relaxation, Restricted]:
    """Both relaxations over the same random cuts in the columns that act on the recourse."""
    p = programme(name)
    rng = np.random.default_rng(7)
    pool = CutPool(Layout(p.first.cost.size, p.labels, p.cvar_weight > 0))
    acts = np.zeros(p.first.cost.size, dtype=bool)
    acts[p.direct.column] = acts[p.defined.column] = True
    for _ in range(cuts):
        gradients = -rng.uniform(0.0, 30.0, (p.labels, acts.size)) * (acts & (rng.random(acts.size) < 0.6))
        pool.add_means(rng.uniform(20.0, 60.0, p.labels), gradients, np.zeros(p.first.cost.size))
    return p, pool, Relaxation(p, pool), Restricted(p, pool, Packages(Pricing(p)), 1e-9)


def whole_optimum(p: TwoStage, pool: CutPool) -> float:
    """Optimum of the master with integers, solved as one programme by HiGHS alone."""
    held = master(p, pool.layout)
    rows = np.vstack([held.matrix.toarray(), pool.rows[: pool.count]])
    return solve(
        type(held)(
            held.cost,
            held.offset,
            sparse.csc_array(rows),
            np.concatenate([held.row_lower, pool.lower[: pool.count]]),
            np.concatenate([held.row_upper, np.full(pool.count, np.inf)]),
            held.lower,
            held.upper,
            held.integer,
        )
    ).objective


@pytest.mark.parametrize("name", NAMES)
def test_between_the_relaxation_in_columns_and_the_whole(name: str | int) -> None:
    """At least as tight as the relaxation in columns, never above the optimum in whole numbers; dividing tightens."""
    p, pool, full, mixed = relaxations(name)
    assert falls_apart(p)
    optimum, loose = whole_optimum(p, pool), full.solve()
    tight = mixed.solve()
    assert loose is not None
    assert tight is not None
    values = [tight.objective]
    for _ in range(20):
        if not mixed.divide():
            break
        point = mixed.solve()
        assert point is not None
        values.append(point.objective)
    scale = 1e-6 * (1.0 + abs(optimum))
    assert loose.objective - scale <= values[0]
    assert all(a <= b + scale for a, b in pairwise(values))
    assert values[-1] <= optimum + scale


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_is_a_point_of_the_first_stage_relaxed(name: str | int) -> None:
    p, _, _, mixed = relaxations(name)
    point = mixed.solve()
    assert point is not None
    first, x = p.first, point.x[: p.first.cost.size]
    rows = first.matrix @ x
    assert (rows >= first.row_lower - 1e-6).all()
    assert (rows <= first.row_upper + 1e-6).all()
    assert (x >= first.lower - 1e-9).all()
    assert (x <= first.upper + 1e-6).all()


@pytest.mark.parametrize("name", NAMES)
def test_bounds_hold_at_any_prices(name: str | int) -> None:
    """What is remembered bounds the best package from below at costs it was never solved at, exactly where it was."""
    p = programme(name)
    pricing, rng = Pricing(p), np.random.default_rng(3)
    every = np.flatnonzero(pricing.possible)
    asked = np.full(pricing.layers.size, np.inf)

    def costs() -> Array:
        return rng.normal(0.0, 10.0, p.first.cost.size)

    for _ in range(6):
        q = costs()
        bound = pricing.bounds(q, asked)
        cost, package = pricing.best(q, every)
        assert (bound[every] <= cost + 1e-6 * (1.0 + np.abs(cost))).all()
        assert pricing.bounds(q, asked)[every] == pytest.approx(cost, rel=1e-6, abs=1e-6)
        assert (package[:, 0] == 1.0).all()


@pytest.mark.parametrize("name", NAMES)
def test_reduced_costs_say_what_a_choice_adds(name: str | int) -> None:
    """Making a choice that the solution leaves out costs at least its reduced cost."""
    p, _, _, mixed = relaxations(name)
    first = p.first
    point = mixed.solve()
    assert point is not None
    for j in range(min(6, len(p.choices))):
        column = p.choices[j].column
        if point.x[column] > 1e-9:
            continue
        lower = first.lower.copy()
        lower[column] = 1.0
        mixed.restrict(lower, first.upper, frozenset())
        made = mixed.solve()
        worth = np.inf if made is None else made.objective
        assert worth >= point.objective + point.reduced[column] - 1e-5 * (1.0 + abs(point.objective))
    mixed.restrict(first.lower, first.upper, frozenset())
    again = mixed.solve()
    assert again is not None
    assert again.objective == pytest.approx(point.objective, rel=1e-6, abs=1e-6)


def test_nothing_does_what_is_needed() -> None:
    """A group that needs a choice has none that linking rows let through: no point, after a phase of its own."""
    p = programme("must support")
    starved = np.where(np.isfinite(p.first.row_upper) & (p.first.row_upper > 5.0), 1e-3, p.first.row_upper)
    p = TwoStage(**{**p.__dict__, "first": type(p.first)(**{**p.first.__dict__, "row_upper": starved})})
    pool = CutPool(Layout(p.first.cost.size, p.labels, p.cvar_weight > 0))
    assert solve(relaxed(p.first)).status == "infeasible"
    assert Restricted(p, pool, Packages(Pricing(p)), 1e-9).solve() is None


def test_a_whole_mix_is_a_portfolio() -> None:
    """Packages whole: at most one of a group, and no better than the relaxation."""
    _, _, _, mixed = relaxations("two windows")
    point = mixed.solve()
    assert point is not None
    programme_of_mix = mixed.whole_mix()
    found = solve(programme_of_mix)
    assert found.x is not None
    chosen = mixed.usable()[found.x[programme_of_mix.integer] > 0.5]
    groups = mixed.layers.group[mixed.packages.choice[chosen]]
    assert len(set(groups.tolist())) == groups.size
    assert found.objective >= point.objective - 1e-6
