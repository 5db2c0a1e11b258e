"""Packages, their prices, and the relaxation made of them, against linear programmes solved as a whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from portfolio.engine.assembled import compile_instance
from portfolio.engine.cuts import CutPool, Layout
from portfolio.engine.decomposition import allowed
from portfolio.engine.highs import solve
from portfolio.engine.packages import Packages, falls_apart
from portfolio.engine.passes import Passes
from portfolio.engine.pricing import Pricing
from portfolio.engine.programme import Array, TwoStage
from portfolio.engine.protocol import Limits
from portfolio.engine.relaxation import Relaxation, master, relaxed
from portfolio.engine.restricted import Restricted
from portfolio.engine.search import Search
from tests.models.instances import VARIATIONS, altered, random_instance
from tests.oracle import oracle_value

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


@pytest.mark.parametrize("name", ["plain", "tickets", 20, 21, 22, 23])
def test_first_portfolios_are_portfolios(name: str | int) -> None:
    """Before any branching: a portfolio that the rules allow, worth no less than the optimum, and not much more."""
    instance = random_instance(name) if isinstance(name, int) else VARIATIONS[name]()
    p = compile_instance(instance).programme
    with ThreadPoolExecutor(1) as workers:
        search = Search(p, Passes(p, workers), Limits(gap=0.0, threads=1), 0.0, lambda *_: None)
        search.evaluate(np.clip(np.zeros(p.first.cost.size), p.first.lower, p.first.upper), exact=True)
        assert search.linear_phase(1e-6)
        search.branching = True
        search.completion.begin()
    assert search.best is not None
    assert allowed(p.first, search.best)
    assert search.objective >= oracle_value(instance)[0] - 1e-6
    assert search.objective <= 1.05 * oracle_value(instance)[0] + 1e-6


def test_divisions_leave_what_is_known_of_others() -> None:
    """Many divisions in a row: bounds of choices not divided stay as they were, those of parts still hold."""
    p, _, _, _ = relaxations("tickets")
    pricing, rng = Pricing(p), np.random.default_rng(5)
    every = np.flatnonzero(pricing.possible)
    for _ in range(3):
        pricing.best(rng.normal(0.0, 10.0, p.first.cost.size), every)
    q, low = rng.normal(0.0, 10.0, p.first.cost.size), np.full(pricing.layers.size, -np.inf)
    before, whole = pricing.bounds(q, low), pricing.best(q, every)[0]
    kept = pricing.copy()
    kept_before = kept.bounds(q, low)
    whole_column = np.append(p.first.integer, False)[pricing.layers.columns] & pricing.real
    divided = [(int(j), int(np.flatnonzero(whole_column[j])[-1])) for j in every if whole_column[j].sum() > 1]
    parts = [(j, pricing.split(j, place)) for j, place in divided]
    assert len(parts) > 1
    assert pricing.layers.size == kept.layers.size + len(parts)
    for j, new in parts:
        alive = np.array([k for k in (j, new) if pricing.possible[k]])
        costs = pricing.best(q, alive)[0]
        own = whole[np.flatnonzero(every == j)[0]]
        assert costs.min() >= own - 1e-6 * (1.0 + abs(own))
        assert (pricing.bounds(q, np.full(pricing.layers.size, np.inf))[alive] <= costs + 1e-6).all()
    assert (kept_before >= before - 1e-9).all()
    assert np.array_equal(kept.bounds(q, low), kept_before)
    assert kept.layers.size == low.size


def test_packages_of_another_programme() -> None:
    """With larger tickets some packages are let through and others not; bounds hold, divisions are the same."""
    i = VARIATIONS["tickets"]()
    p, pool, _, mixed = relaxations("tickets")
    for _ in range(3):
        assert mixed.solve() is not None
        mixed.divide()
    taken = mixed.packages.of_like(p)
    used = mixed.packages.choice[: mixed.packages.count] >= 0
    assert taken.count == used.sum() > 0
    larger = {key: 1.5 * value for key, value in i.min_ticket.items()}
    q = compile_instance(altered(i, min_ticket=larger)).programme
    fewer = mixed.packages.of_like(q)
    assert 0 < fewer.count < taken.count
    assert np.array_equal(fewer.pricing.layers.columns, mixed.layers.columns)
    alone = Restricted(q, pool, fewer, 1e-9).solve()
    anew = Restricted(q, pool, Packages(Pricing(q)), 1e-9).solve()
    assert alone is not None
    assert anew is not None
    assert alone.objective >= anew.objective - 1e-6
    assert alone.objective <= whole_optimum(q, pool) + 1e-6


def test_cuts_in_few_columns() -> None:
    """What is computed in the columns that cuts touch is what all columns give, as these become more."""
    p, pool, _, _ = relaxations("plain", cuts=3)
    rng, n = np.random.default_rng(11), p.first.cost.size
    row = np.zeros(pool.layout.size)
    row[[0, n - 1, n]] = -2.0, 3.0, 1.0
    pool.append(row, 1.0)
    point, count = rng.uniform(0.0, 1.0, pool.layout.size), pool.count
    short = np.maximum(pool.lower[:count] - pool.rows[:count] @ point, 0.0)
    assert short.max() > 0
    assert pool.violated(point, 1e-12) == pytest.approx(short, rel=1e-9, abs=1e-9)
    which, weight = [count - 1, 0, 2], rng.uniform(0.0, 1.0, 3)
    assert pool.summed(which, weight) == pytest.approx(weight @ pool.rows[which], rel=1e-9)
    points = sparse.csr_array(rng.uniform(0.0, 1.0, (4, n)))
    expected = points.toarray() @ pool.rows[which][:, :n].T
    assert pool.of_first_stages(which, points) == pytest.approx(expected, rel=1e-9)
