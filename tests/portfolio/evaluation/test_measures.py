"""Measures of a portfolio against sums over the scenarios by hand and against the referee."""

from __future__ import annotations

import numpy as np
import pytest

from models import Decision, Instance
from portfolio.engine import ExtensiveForm, Limits
from portfolio.engine.assembled import compile_instance
from portfolio.evaluation.feasibility import charge, cheapest, diagnose, placed_offtake
from portfolio.evaluation.measures import (
    WITH,
    by_region_material,
    headline,
    project_flows,
    quantile,
    scenario_table,
    shortfall_table,
)
from portfolio.evaluation.outcomes import Outcomes, Recourse, cvar, objective
from tests.models.instances import VARIATIONS, altered, only, random_instance, rich, tiny_instance, with_narrow_market
from tests.oracle import Program, World, commitments, first_stage_columns, recourse_value, violations

EXACT = Limits(gap=0.0, threads=1)
NAMES = ("stock", "transfers", "two materials", "three stages", "promised to a member", "cvar", 2, 24, 29)


def instance(name: str | int) -> Instance:
    return random_instance(name) if isinstance(name, int) else VARIATIONS[name]()


def solved(i: Instance) -> tuple[Decision, Outcomes, Outcomes]:
    decision = ExtensiveForm().solve(i, EXACT).decision
    recourse = Recourse(i, compile_instance(i))
    return decision, recourse.outcomes(Decision()), recourse.outcomes(decision)


def value(decision: Decision, key: tuple[object, ...]) -> float:
    """Value of a column of the referee under a decision."""
    return 1.0 if key == () else float(getattr(decision, str(key[0])).get(key[1:], 0.0))


@pytest.mark.parametrize("name", NAMES)
def test_tables_of_shortfall(name: str | int) -> None:
    i = instance(name)
    _, without, with_fund = solved(i)
    p, short = i.scenarios.probability, with_fund.shallow + with_fund.deep
    table = shortfall_table(i, with_fund, WITH)
    assert len(table) == len(i.regions) * len(i.materials) * len(i.years)
    for row in table.itertuples():
        r, m, t = i.regions.index(row.region), i.materials.index(row.material), i.years.index(row.year)
        values = np.array([short[s, r, :, m, t].sum() for s in range(i.scenarios.size)])
        demand = sum(p[s] * i.scenarios.demand[s, r, :, m, t].sum() for s in range(i.scenarios.size))
        assert row.demand_t == pytest.approx(demand)
        assert row.mean_t == pytest.approx(p @ values)
        assert row.coverage == pytest.approx(1.0 - (p @ values) / demand)
        assert row.p05_t <= row.p50_t <= row.p95_t <= row.cvar95_t + 1e-9
        assert row.p95_t in values
        assert row.probability == pytest.approx(p[values > 1e-6].sum())
    weighted = float(p @ with_fund.weighted)
    whole = by_region_material(i, without, with_fund)
    assert table["weighted"].sum() == pytest.approx(weighted)
    assert whole["with_weighted"].sum() == pytest.approx(weighted)
    assert whole["with_t_per_year"].sum() == pytest.approx(table["mean_t"].sum() / len(i.years))
    first = headline(i, with_fund)
    assert first.mean_t_per_year == pytest.approx(whole["with_t_per_year"].sum())
    assert first.weighted == pytest.approx(weighted)
    assert first.share_of_demand == pytest.approx(table["mean_t"].sum() / table["demand_t"].sum())
    assert first.weighted_cvar >= first.weighted - 1e-9
    rows = scenario_table(i, without, with_fund)
    assert (rows["with_weighted"] == with_fund.weighted).all()
    assert rows["probability"] @ rows["without_weighted"] == pytest.approx(headline(i, without).weighted)


@pytest.mark.parametrize("name", NAMES)
def test_outcomes_of_scenarios(name: str | int) -> None:
    """Shortfall within its bounds, and what the recourse pays as the referee finds it."""
    i = instance(name)
    decision, _, found = solved(i)
    demand, alpha = i.scenarios.demand, i.shallow_share[:, None]
    assert (found.shallow <= alpha * demand + 1e-6).all()
    assert (found.deep <= (1 - alpha) * demand + 1e-6).all()
    assert min(a.min() for a in (found.shallow, found.deep, found.make, found.release, found.sent)) >= 0
    assert found.sent.sum(axis=1) == pytest.approx(found.received.sum(axis=1))
    for s in range(i.scenarios.size):
        _, arrays = recourse_value(i, decision, s)
        assert found.weighted[s] + found.side[s] == pytest.approx(arrays["total"], abs=1e-6)
    assert objective(i, decision, found) == pytest.approx(ExtensiveForm().solve(i, EXACT).objective, abs=1e-6)


@pytest.mark.parametrize("name", ["plain", "two materials", "three stages", "promised to a member", 24, 29])
def test_flows_of_projects(name: str | int) -> None:
    """By right, by market and as promised: together what the referee says reaches the region."""
    i = instance(name)
    decision, _, _ = solved(i)
    found = project_flows(i, decision)
    total = (found.right + found.market + found.promised).sum(axis=0)
    assert min(found.right.min(), found.market.min(), found.promised.min()) >= -1e-9
    assert total.max() > 1.0
    for r, k, m, t in np.ndindex(*total.shape):
        mean = 0.0
        for s, p in enumerate(i.scenarios.probability):
            for b in (0, 1):
                offer = World(i, s).offer(i.captive + i.process, (r, k, m, t, b))
                mean += p * sum(x * value(decision, key) for key, x in offer.items())
        assert total[r, k, m, t] == pytest.approx(mean, abs=1e-6)


def test_quantile_and_cvar_by_hand() -> None:
    values, p = np.array([4.0, 1.0, 3.0, 2.0]), np.array([0.1, 0.2, 0.3, 0.4])
    assert [quantile(values, p, level) for level in (0.0, 0.2, 0.21, 0.6, 0.9, 0.95, 1.0)] == [1, 1, 2, 2, 3, 4, 4]
    assert cvar(values, p, 0.9) == pytest.approx(4.0)
    assert cvar(values, p, 0.8) == pytest.approx((0.1 * 4 + 0.1 * 3) / 0.2)
    assert cvar(values, p, 0.0) == pytest.approx(p @ values)


@pytest.mark.parametrize("name", ["plain", "stock", "two windows", 24])
def test_charges_of_members(name: str | int) -> None:
    i = instance(name)
    decision, _, _ = solved(i)
    program = Program()
    first_stage_columns(program, i)
    for f in i.members:
        spent = 0.0
        for v in i.windows:
            terms = commitments(program, i, f, v)
            expected = sum(x * value(decision, key) for key, x in terms.items())
            assert charge(i, decision, f, [v]) == pytest.approx(expected, abs=1e-9)
            spent += expected
            assert spent <= sum(i.budget[f, w] for w in i.windows if w <= v) + 1e-6


def test_use_of_placement() -> None:
    """At the limit, in the year in which it is least."""
    i = with_narrow_market(rich(only(tiny_instance(), lambda key: key[:2] != ("plant", "merchant"))))
    i = altered(i, placeable_share=8.0, must=frozenset({"plant"}))
    forecast = i.forecast.copy()
    forecast[..., 1] *= 0.9
    i = altered(i, forecast=forecast)
    decision, _, _ = solved(i)
    rows = placed_offtake(i, decision)
    assert rows
    for region, stage, material, year, used, limit in rows:
        r, k, m = i.regions.index(region), i.stages.index(stage), i.materials.index(material)
        taken = sum(
            x * (i.captive + i.process)[i.projects.index(key[1]), k, m]
            for key, x in decision.share.items()
            if key[2] == "offtake" and i.region_of[key[0]] == region
        )
        assert used == pytest.approx(taken)
        assert limit == pytest.approx(8.0 * forecast[r, k, m].min())
        assert year == i.years[1]
        assert used <= limit + 1e-6
    assert placed_offtake(i, Decision()) == ()


class TestWhatStandsInTheWay:
    def test_budgets(self) -> None:
        i = altered(VARIATIONS["must support"](), budget=dict.fromkeys(tiny_instance().budget, 1.0))
        assert cheapest(i) is None
        (says,) = diagnose(i)
        assert "without the budgets (7)" in says
        assert "at least USD" in says
        assert "2.0 M together" in says

    def test_lines(self) -> None:
        """Where a contract is the only way and nobody may pay anything out."""
        i = rich(tiny_instance(must=frozenset({"plant"})), relend=False)
        i = only(i, lambda key: key[:2] != ("plant", "merchant"))
        i = altered(i, liquidity=dict.fromkeys(i.liquidity, 0.0))
        assert "without the liquidity lines (7b)" in diagnose(i)[0]

    def test_cheapest_is_feasible_and_no_more_than_needed(self) -> None:
        i = rich(tiny_instance(must=frozenset({"mine"})))
        found = cheapest(i)
        assert found is not None
        assert violations(i, found) == []
        assert [key[0] for key in found.chosen] == ["mine"]
        least = sum(charge(i, found, f, i.windows) for f in i.members)
        short = altered(i, budget=dict.fromkeys(i.budget, 0.5 * least * 0.98))
        assert cheapest(short) is None
