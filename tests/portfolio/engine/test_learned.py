"""What one search learned may speed up others, and may not change an answer."""

from __future__ import annotations

import pickle
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import Instance
from portfolio.engine import Benders, Limits, Status
from portfolio.engine.assembled import compile_instance
from portfolio.engine.decomposition import allowed
from portfolio.engine.learned import Learned, recourse_mark
from portfolio.engine.programme import Array, TwoStage
from portfolio.engine.tree import Grown, Node, Side, Split
from portfolio.engine.variation import Changes, Variation
from tests.models.instances import VARIATIONS, altered, random_instance, rich, tail_averse, tiny_instance
from tests.oracle import oracle_value, recourse_value

EXACT = Limits(gap=0.0, threads=1)
CLOSE = {"abs": 1e-6, "rel": 1e-9}
SEEDS = range(60, 72)


def lesson(i: Instance) -> Learned:
    found = Benders(learn=True).solve(i, EXACT).learned
    assert found is not None
    return found


def halved(i: Instance) -> Instance:
    return replace(i, budget={key: 0.5 * value for key, value in i.budget.items()})


@pytest.mark.parametrize("seed", SEEDS)
def test_taught_by_the_same_recourse(seed: int) -> None:
    """Other budgets and weights: cuts hold as they are, the optimum is that of the oracle."""
    i = random_instance(seed)
    for other in (halved(i), altered(i, cost_weight=3.0 * i.cost_weight + 0.01), tail_averse(i, 0.5, 0.5)):
        found = Benders(teacher=lesson(i)).solve(other, EXACT)
        assert found.objective == pytest.approx(oracle_value(other)[0], **CLOSE)
        assert found.bound <= found.objective + 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_taught_by_another_recourse(seed: int) -> None:
    """Scenarios that are worse, and a stranger's lesson altogether: no harm is done."""
    i = random_instance(seed)
    worse = altered(i, imports=0.8 * i.scenarios.imports)
    for teacher in (lesson(i), lesson(tiny_instance())):
        found = Benders(teacher=teacher).solve(worse, EXACT)
        assert found.objective == pytest.approx(oracle_value(worse)[0], **CLOSE)


@pytest.mark.parametrize("name", ["must support", "may not support", "concentration"])
def test_taught_where_the_best_is_not_allowed(name: str) -> None:
    """The teacher's best portfolio breaks a rule of the pupil."""
    i = VARIATIONS[name]()
    teacher = lesson(altered(i, must=frozenset(), never=frozenset(), max_project_share=1.0, max_country_share=1.0))
    found = Benders(teacher=teacher).solve(i, EXACT)
    assert found.objective == pytest.approx(oracle_value(i)[0], **CLOSE)


def test_cuts_bound_the_recourse_anywhere() -> None:
    """Every cut lies below the recourse as the oracle has it, at the best portfolio of another budget."""
    i = rich(tiny_instance())
    found, arrays = lesson(i), compile_instance(i)
    best = Benders().solve(halved(i), EXACT).decision
    assert best is not None
    assert found.lower.size > 0
    x = arrays.point(i, best)
    n = x.size
    cost = found.lower - found.cuts[:, :n] @ x
    by_part = [cost[found.cuts[:, [n + part]].toarray().ravel() == 1.0] for part in range(found.cuts.shape[1] - n)]
    assert all(part.size for part in by_part)
    worth = sum(p * recourse_value(i, best, s)[1]["total"] for s, p in enumerate(i.scenarios.probability))
    assert sum(part.max() for part in by_part) <= worth + 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_leaves_hold_every_first_stage(seed: int) -> None:
    """Any whole first stage, feasible or not, lies on all the sides that lead to one of the leaves."""
    i = rich(random_instance(seed))
    found, programme = lesson(i), compile_instance(i).programme
    assert found.leaves
    rng, groups = np.random.default_rng(seed), defaultdict(list)
    for choice in programme.choices:
        groups[choice.group].append(choice.column)
    for _ in range(200):
        x = np.zeros(programme.first.cost.size)
        for columns in groups.values():
            chosen = rng.integers(-1, len(columns))
            if chosen >= 0:
                x[columns[chosen]] = 1.0
        assert any(all(on(programme, side, x) for side in path) for path in found.leaves)


def on(programme: TwoStage, side: Side, x: Array) -> bool:
    """Whether a first stage lies on a side of a split."""
    inside = x[side.columns]
    return bool(
        (side.lower is None or (inside >= side.lower).all())
        and (side.upper is None or (inside <= side.upper).all())
        and (side.force is None or x[programme.branches[side.force].columns].sum() == 1.0)
    )


def test_leaves_of_a_tree() -> None:
    """A node divided at a bound that the answer does not rest on is a leaf; the others lead to what they became."""
    grown, none = Grown(), np.zeros(0)
    sides = [Side(np.array([n]), upper=0.0) for n in range(6)]
    grown.plant(1, ())
    for number, bound, pair, numbers in ((1, 1.0, 0, (2, 3)), (2, 5.0, 2, (4, 5)), (3, 2.0, 4, (6, 7))):
        split = Split(number, (sides[pair], sides[pair + 1]), 0)
        grown.divide(Node(bound, number, none, none), split, numbers)
    assert grown.leaves(3.0) == ((sides[0],), (sides[1], sides[4]), (sides[1], sides[5]))
    assert len(grown.leaves(10.0)) == 4
    assert grown.leaves(0.5) == ((),)


def test_what_is_learned_stays_as_it_is() -> None:
    """Pupils take nothing from one another, and learn the same in another process."""
    i = rich(random_instance(63))
    teacher = lesson(i)
    assert teacher.packages is not None
    away = pickle.loads(pickle.dumps(teacher))  # noqa: S301
    pupils = [halved(i), altered(i, cost_weight=0.5), halved(i)]
    found = [Benders(teacher=teacher).solve(other, EXACT) for other in pupils]
    there = [Benders(teacher=away).solve(other, EXACT) for other in reversed(pupils)]
    for here, other in zip(found, reversed(there), strict=True):
        assert (here.objective, here.bound, here.size) == (other.objective, other.bound, other.size)
    assert found[0].size == found[2].size


def test_a_search_that_goes_on_teaches_no_part_of_a_tree(tmp_path: Path) -> None:
    """Nodes that were kept do not say where they came from; what else it learned stands."""
    i, file = rich(random_instance(63)), tmp_path / "kept"
    Benders(checkpoint=file).solve(i, EXACT)
    found = Benders(checkpoint=file, learn=True).solve(i, EXACT).learned
    assert found is not None
    assert found.leaves == ()
    assert found.lower.size > 0


def test_a_mark_changes_with_the_recourse_alone() -> None:
    i = tiny_instance()
    own = recourse_mark(compile_instance(i).programme)
    assert recourse_mark(compile_instance(halved(i)).programme) == own
    assert recourse_mark(compile_instance(altered(i, cost_weight=1.0)).programme) == own
    assert recourse_mark(compile_instance(altered(i, imports=0.9 * i.scenarios.imports)).programme) != own
    p = np.arange(1.0, i.scenarios.size + 1)
    assert recourse_mark(compile_instance(altered(i, probability=p / p.sum())).programme) != own


def test_in_other_columns() -> None:
    """Columns are told by name: those unknown are zero, and cuts do not come along."""
    i = tiny_instance()
    found = lesson(i)
    assert found.best is not None
    turned = found.in_columns(tuple(reversed(found.columns)))
    assert turned.best is not None
    assert np.array_equal(turned.best[::-1], found.best)
    assert turned.lower.size == 0
    assert turned.recourse == ""
    strange = found.in_columns((("select", "nobody"), *found.columns[:2]))
    assert strange.best is not None
    assert strange.best[0] == 0.0
    assert np.array_equal(strange.best[1:], found.best[:2])
    assert found.in_columns(found.columns) is found


CHANGES = (
    Changes(cost_weight=0.5),
    Changes(must=frozenset({"mine"})),
    Changes(never=frozenset({"plant"})),
    Changes(cvar_weight=0.4, cvar_level=0.5),
    Changes(budget=dict.fromkeys(tiny_instance().budget, 30.0)),
)


@pytest.mark.parametrize("changes", CHANGES)
def test_a_variation_is_the_instance_changed(changes: Changes) -> None:
    """Compiled from what it shares, a variation has the arrays of the changed instance and its optimum."""
    i = tiny_instance()
    varied = Variation.of(i).changed(changes)
    whole = compile_instance(changes.of(i))
    a, b = varied.arrays.programme, whole.programme
    assert varied.arrays.first.columns == whole.first.columns
    for name in ("cost", "row_lower", "row_upper", "lower", "upper", "integer"):
        assert np.array_equal(getattr(a.first, name), getattr(b.first, name)), name
    assert (a.first.matrix != b.first.matrix).nnz == 0
    assert (a.cvar_weight, a.cvar_level) == (b.cvar_weight, b.cvar_level)
    assert a.digest is not None
    assert b.digest is not None
    assert a.digest() == b.digest()
    found = Benders().solve_arrays(varied.arrays, varied.instance, EXACT)
    assert found.status is Status.OPTIMAL
    assert found.objective == pytest.approx(oracle_value(changes.of(i))[0], **CLOSE)


def test_no_change_is_the_instance_itself() -> None:
    variation = Variation.of(tiny_instance())
    assert variation.changed(Changes()) is variation


def test_a_start_keeps_the_rules() -> None:
    """The best portfolio is allowed; a hundred-thousandth beyond a row, a bound or a whole number is not."""
    i = rich(tiny_instance())
    first, best = compile_instance(i).programme.first, lesson(i).best
    assert best is not None
    assert allowed(first, best)
    whole = int(np.flatnonzero(first.integer & (best == 1.0))[0])
    part = int(np.flatnonzero(~first.integer & (best > 0.0))[0])
    for column, step in ((whole, -1e-5), (whole, 1e-5), (part, -best[part] - 1e-5), (part, 1e6)):
        other = best.copy()
        other[column] += step
        assert not allowed(first, other)
