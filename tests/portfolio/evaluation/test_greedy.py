"""Greedy release of the reserve: by hand, against the oracle year by year, and never better than with foresight."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from models import Decision, Instance
from portfolio.engine.assembled import compile_instance
from portfolio.evaluation.greedy import greedy, greedy_allocations, years
from portfolio.evaluation.outcomes import Outcomes, Recourse
from tests.models.instances import (
    Shape,
    altered,
    random_instance,
    tiny_instance,
    with_fairness,
    with_stock,
    with_transfers,
)
from tests.oracle import ONE, TIGHT, Affine, Program, World, combine, recourse_rows, var

WEIGHT = np.array([1.0, 0.97, 0.97**2, 0.97**3])
"""Of a tonne of shallow shortfall by year; deep shortfall counts twice."""


def embargoes(arriving: list[float], opening: float, **changes: Any) -> Instance:
    """One region short: of its demand of 100 a year so much arrives in the disrupted half of each year, all in calm.

    A missing 10 is thus 5 t in the half year, and up to 5 t are shallow. The stock loses nothing.
    """
    i = with_stock(tiny_instance(Shape(years=len(arriving), scenarios=1)))
    imports = np.zeros_like(i.scenarios.imports)
    imports[:, :, :, -1] = 100.0
    imports[:, 0, 0, -1, 0] = arriving
    held = np.array([[opening], [0.0]])
    return altered(
        i,
        imports=imports,
        reexport=np.zeros_like(i.scenarios.reexport),
        toll=np.zeros_like(i.scenarios.toll),
        cut=imports[:, 0, :, -1] < 100.0,
        opening=held,
        stock_loss=0.0,
        **changes,
    )


def both(i: Instance, decision: Decision | None = None) -> tuple[Outcomes, Outcomes]:
    """Outcomes with foresight and greedy."""
    recourse, decision = Recourse(i, compile_instance(i)), decision or Decision()
    return recourse.outcomes(decision), greedy(recourse, decision)


def test_greed_spends_on_the_cheap_and_lacks_for_the_dear() -> None:
    """By hand. First year: 2.5 t short, all shallow. Second: 20 t, of which 15 deep. Reserve: 2 t.

    Greed spares 2 t at 1; foresight keeps them for deep shortfall of the second year, 2 t at 2 times 0.97.
    """
    seeing, blind = both(embargoes([95.0, 60.0], opening=2.0))
    without = 2.5 + 0.97 * (5.0 + 2.0 * 15.0)
    assert seeing.weighted[0] == pytest.approx(without - 2.0 * 2.0 * 0.97)
    assert blind.weighted[0] == pytest.approx(without - 2.0)
    assert blind.weighted[0] - seeing.weighted[0] == pytest.approx(1.88)
    assert blind.release[0, 0, -1, 0] == pytest.approx([2.0, 0.0])


def test_what_the_first_year_does_not_need_is_kept_less_losses() -> None:
    """Reserve 10 t, a tenth lost every year: 9 t in the first, 2.5 released; 0.9 * 6.5 = 5.85 t in the second."""
    _, blind = both(replace(embargoes([95.0, 60.0], opening=10.0), stock_loss=0.1))
    assert blind.release[0, 0, -1, 0] == pytest.approx([2.5, 5.85])
    assert blind.weighted[0] == pytest.approx(0.97 * (5.0 + 2.0 * (15.0 - 5.85)))


def test_deep_shortfall_is_met_before_shallow() -> None:
    _, blind = both(embargoes([60.0, 100.0], opening=6.0))
    assert blind.deep[0, 0, -1, 0, 0] == pytest.approx(9.0)
    assert blind.shallow[0, 0, -1, 0, 0] == pytest.approx(5.0)


@pytest.mark.parametrize(
    "case",
    [
        embargoes([60.0], 6.0),
        embargoes([100.0, 60.0, 100.0], 6.0),
        embargoes([60.0, 95.0, 95.0], 6.0),
        embargoes([95.0, 60.0, 70.0], 0.0),
        embargoes([95.0, 60.0, 70.0], 100.0),
    ],
    ids=["one year", "one embargo", "the first need is the dearest", "empty reserve", "enough for all"],
)
def test_nothing_to_foresee(case: Instance) -> None:
    seeing, blind = both(case)
    assert blind.weighted == pytest.approx(seeing.weighted, abs=1e-9)
    if case.opening.any():
        assert blind.release.sum() > 5.0


def test_an_embargo_that_leaves_enough_takes_nothing() -> None:
    """Cut, and yet enough arrives: the rule releases least, here nothing."""
    i = embargoes([100.0, 60.0], opening=2.0)
    _, blind = both(altered(i, cut=np.ones_like(i.scenarios.cut)))
    assert blind.release[0, 0, -1, 0] == pytest.approx([0.0, 2.0])


def test_goods_of_partners_go_before_the_reserve() -> None:
    """The other region may send all that arrives beyond its needs: nothing is released."""
    i = embargoes([80.0, 60.0], opening=2.0)
    imports = i.scenarios.imports.copy()
    imports[:, 0, 1, -1] = 130.0
    reexport = np.zeros_like(i.scenarios.reexport)
    reexport[:, 0, 1, 0, -1] = 130.0
    _, blind = both(with_transfers(altered(i, imports=imports, reexport=reexport), 1.0))
    assert blind.release[0, 0, -1, 0] == pytest.approx([0.0, 2.0])
    assert blind.received[0, 0, -1, 0] == pytest.approx([10.0, 15.0])


def drawn(seed: int) -> tuple[Instance, Decision]:
    """A random instance of several years with a reserve, and purchases for it."""
    rng = np.random.default_rng(seed)
    shape = Shape(years=4, windows=2, materials=1 + seed % 2, scenarios=3, kinds=("loan", "offtake"), rng=rng)
    i = with_stock(tiny_instance(shape), stock_loss=float(rng.uniform(0.0, 0.1)), release_any=seed % 4 == 3)
    severity = rng.uniform(0.3, 1.0, i.scenarios.imports[:, 0].shape)
    imports = i.scenarios.imports.copy()
    imports[:, 0] *= severity
    i = altered(i, imports=imports, reexport=i.scenarios.reexport * 0.3)
    if seed % 3 == 1:
        i = with_transfers(i, 0.6)
    if seed % 5 == 2:
        i = with_fairness(i)
    bought = {(f, m, v): float(rng.uniform(0.0, 8.0)) for f, m, v in product(i.members, i.materials, i.windows)}
    return i, Decision(purchase={key: bought[key] for key in i.purchases})


def by_oracle(i: Instance, decision: Decision, s: int) -> float:
    """Z of a scenario from the oracle's programme over all years, solved once and again for each year.

    Later years cost nothing; releases of earlier ones are fixed. First the least cost of the year, then the least
    release (and of transfers a tenth as much) at that cost.
    """
    lp = Program()
    recourse_rows(lp, World(i, s))
    known = {("purchase", *key): value for key, value in decision.purchase.items()}
    rows = []
    for number, row, equal in lp.rows:
        outside = sum(v * (1.0 if k == ONE else known.get(k, 0.0)) for k, v in row.items() if k not in lp.columns)
        inside = {k: v for k, v in row.items() if k in lp.columns}
        rows.append((number, combine([(1.0, inside), (outside, {ONE: 1.0})]), equal))
    lp.rows = rows
    bounds = [(0.0, u) for u in lp.upper]
    total = 0.0
    for t in range(len(i.years)):
        lp.rows, paid = list(rows), year_cost(lp, i, t)
        least, _ = solve(lp, paid, bounds)
        lp.rows.append(("least", combine([(1.0, paid), (-least - 1e-9, {ONE: 1.0})]), False))
        releases = [k for k in lp.columns if k[0] == "release" and k[5] == t]
        sent = [k for k in lp.columns if k[0] == "out" and k[6] == t]
        cheap = combine([(1.0, var(*k)) for k in releases] + [(0.1, var(*k)) for k in sent])
        _, values = solve(lp, cheap, bounds)
        for key in releases:
            bounds[lp.columns[key]] = (max(values[key] - 1e-10, 0.0), values[key])
        total += sum(v * values[k] for k, v in paid.items() if k[0] != "worst")
    return total


def year_cost(lp: Program, i: Instance, t: int) -> Affine:
    """Weighted shortfall and worst ratios of a year."""
    parts: list[tuple[float, Affine]] = []
    for key in lp.columns:
        if key[0] in ("shallow", "deep") and key[5] == t:
            parts.append((float(i.weight[("shallow", "deep").index(key[0]), key[4], t]), var(*key)))
        elif key[0] == "worst" and key[4] == t:
            parts.append((float(i.fairness_weight[key[2:]]), var(*key)))
    return combine(parts)


def solve(lp: Program, cost: Affine, bounds: list[tuple[float, float]]) -> tuple[float, dict[Any, float]]:
    lp.cost = cost
    a, b = lp.arrays(False)
    found = linprog(lp.costs(), a, b, bounds=bounds, method="highs", options=TIGHT)
    assert found.status == 0, found.message
    return float(found.fun), {key: float(found.x[n]) for key, n in lp.columns.items()}


@pytest.mark.parametrize("seed", range(8))
def test_year_by_year_by_the_oracle(seed: int) -> None:
    i, decision = drawn(seed)
    _, blind = both(i, decision)
    for s in range(i.scenarios.size):
        z = by_oracle(i, decision, s)
        assert blind.weighted[s] == pytest.approx(z, rel=1e-6, abs=1e-6)


def test_greed_is_never_better() -> None:
    """Of what the recourse minimises, in no scenario; and worse in some, or nothing was tested."""
    worse = 0
    for seed in range(24):
        i, decision = drawn(seed)
        seeing, blind = both(i, decision)
        loss = blind.weighted + blind.side - seeing.weighted - seeing.side
        assert (loss >= -1e-7 * (1.0 + seeing.weighted)).all()
        worse += int((loss > 1e-3).sum())
    assert worse > 10


@pytest.mark.parametrize("seed", range(6))
def test_without_a_reserve_both_are_the_same(seed: int) -> None:
    i, _ = drawn(seed)
    seeing, blind = both(altered(i, opening=np.zeros_like(i.opening)))
    assert blind.weighted == pytest.approx(seeing.weighted, rel=1e-9, abs=1e-9)
    assert blind.shortfall.sum() > 0


@pytest.mark.parametrize("seed", range(6))
def test_greedy_allocations_keep_every_row_of_the_recourse(seed: int) -> None:
    i, decision = drawn(seed)
    recourse = Recourse(i, compile_instance(i))
    programme = recourse.arrays.programme
    ((_, values),) = greedy_allocations(recourse, decision)
    data = programme.data(slice(0, programme.scenarios))
    right = programme.rows_at(recourse.arrays.first.values(decision), data)
    slack = programme.matrix @ values - right
    assert slack.min() > -1e-7
    assert np.abs(slack[programme.equal]).max() < 1e-7
    bounded = np.diff(programme.upper_data.indptr) > 0
    assert (values <= np.where(bounded[:, None], programme.upper_data @ data, np.inf) + 1e-7).all()


def test_only_the_stock_links_years() -> None:
    """Every row is in one year and no column in two, and another link is refused."""
    template = compile_instance(random_instance(3)).template
    found = list(years(template))
    assert sorted(c for year in found for c in year.columns) == list(range(template.cost.size))
    assert sorted(r for year in found for r in year.rows) == list(range(template.matrix.shape[0]))
    template = compile_instance(drawn(0)[0]).template
    assert any(year.earlier.size for year in years(template))
    made = [n for n, (name, _) in enumerate(template.columns) if name == "make"]
    row = sparse.coo_array(([1.0, 1.0], ([0, 0], [made[0], made[-1]])), shape=(1, template.cost.size))
    linked = replace(template, matrix=sparse.csr_array(sparse.vstack([template.matrix, row])))
    with pytest.raises(ValueError, match="links years"):
        list(years(linked))


def test_threads_change_nothing() -> None:
    i, decision = drawn(5)
    one, many = (greedy(Recourse(i, compile_instance(i), n), decision) for n in (1, 4))
    assert (one.weighted == many.weighted).all()
    assert (one.release == many.release).all()
