"""Supply and need of every stage against the referee, scenario by scenario, and by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models import Decision, Instance
from portfolio.engine import ExtensiveForm, Limits
from portfolio.engine.assembled import compile_instance
from portfolio.evaluation.balance import COLUMNS, balance_table, supplied
from portfolio.evaluation.outcomes import Outcomes, Recourse
from tests.models.instances import VARIATIONS, random_instance
from tests.oracle import World

NAMES = ("stock", "transfers", "three stages", "promised to a member", 24)


def solved(name: str | int) -> tuple[Instance, Decision, Outcomes]:
    i = random_instance(name) if isinstance(name, int) else VARIATIONS[name]()
    decision = ExtensiveForm().solve(i, Limits(gap=0.0, threads=1)).decision
    assert decision is not None
    return i, decision, Recourse(i, compile_instance(i)).outcomes(decision)


def value(decision: Decision, key: tuple[Any, ...]) -> float:
    """Value of a column of the referee under a decision."""
    return 1.0 if key == () else float(getattr(decision, key[0]).get(key[1:], 0.0))


def referee(i: Instance, decision: Decision, outcomes: Outcomes, s: int) -> Any:
    """Supply of one scenario, block by block: what the referee lets reach a region, and what the recourse decided."""
    world = World(i, s)
    shape = outcomes.make.shape[1:]
    total = outcomes.make[s] + outcomes.release[s] + outcomes.received[s] - outcomes.sent[s]
    for r, k, m, t in np.ndindex(*shape):
        for b in (0, 1):
            offer = world.offer(i.captive, (r, k, m, t, b))
            total[r, k, m, t] += sum(x * value(decision, key) for key, x in offer.items())
            total[r, k, m, t] += i.scenarios.imports[s, b, r, k, m, t] * world.length(m, t, b)
    return total


@pytest.mark.parametrize("name", NAMES)
def test_supply_of_every_scenario(name: str | int) -> None:
    i, decision, outcomes = solved(name)
    found = supplied(i, decision, outcomes)
    for s in range(i.scenarios.size):
        assert found[s] == pytest.approx(referee(i, decision, outcomes, s), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_supply_and_shortfall_meet_the_need(name: str | int) -> None:
    """Rule (10), both blocks together; where a block is not short its processing is not asked for."""
    i, decision, outcomes = solved(name)
    supply = supplied(i, decision, outcomes)
    need = i.scenarios.demand.copy()
    for k in range(len(i.stages) - 1):
        need[:, :, k] += outcomes.make[:, :, k + 1] / i.recovery[k + 1]
    assert (supply + outcomes.shortfall >= need - 1e-5).all()
    table = balance_table(i, decision, outcomes, "with").set_index(["region", "stage", "material", "year"])["need_t"]
    mean = np.tensordot(i.scenarios.probability, need, axes=1)
    for r, k, m, t in np.ndindex(*mean.shape):
        assert table[i.regions[r], i.stages[k], i.materials[m], i.years[t]] == pytest.approx(mean[r, k, m, t])


@pytest.mark.parametrize("name", ["two materials", "three stages", 24])
def test_table_counts_scenarios(name: str | int) -> None:
    """Quantiles by sorting and counting probabilities, the sum of materials from the scenarios."""
    i, decision, outcomes = solved(name)
    table = balance_table(i, decision, outcomes, "with")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == len(i.regions) * len(i.stages) * (len(i.materials) + 1) * len(i.years)
    every = np.array([referee(i, decision, outcomes, s) for s in range(i.scenarios.size)])
    for row in table.itertuples():
        r, k, t = i.regions.index(row.region), i.stages.index(row.stage), i.years.index(row.year)
        own = every[:, r, k, :, t]
        values = own.sum(axis=1) if row.material == "all" else own[:, i.materials.index(row.material)]
        assert row.mean_t == pytest.approx(i.scenarios.probability @ values, abs=1e-6)
        for level, found in ((0.05, row.p05_t), (0.5, row.p50_t), (0.95, row.p95_t)):
            below = i.scenarios.probability[values <= found + 1e-6].sum()
            before = i.scenarios.probability[values < found - 1e-6].sum()
            assert below >= level - 1e-9
            assert before < level


def test_by_hand() -> None:
    """Two scenarios, 3 to 1: imports alone supply, 100 t/y of them, half of it in the disrupted half of the second."""
    i, decision, outcomes = solved("two materials")
    data = i.scenarios.take(np.array([0, 1]))
    data = replace(data, probability=np.array([0.75, 0.25]), disrupted=np.full_like(data.disrupted, 0.5))
    imports = np.full_like(data.imports, 100.0)
    imports[1, 0] = 50.0
    nothing = np.zeros((2, *outcomes.make.shape[1:]))
    none = Outcomes(*([nothing] * 6), weighted=np.zeros(2), by_region=np.zeros((2, len(i.regions))), side=np.zeros(2))
    plain = replace(i, scenarios=replace(data, imports=imports), captive=np.zeros_like(i.captive))
    table = balance_table(plain, decision, none, "without")
    one, both = table.loc[table["material"] != "all"], table.loc[table["material"] == "all"]
    assert one[["mean_t", "p05_t", "p50_t", "p95_t"]].drop_duplicates().to_numpy().tolist() == [[93.75, 75, 100, 100]]
    assert both[["mean_t", "p05_t", "p50_t", "p95_t"]].drop_duplicates().to_numpy().tolist() == [[187.5, 150, 200, 200]]
