"""Benchmarks of a region by hand, by loops over rows of the case, and against the table of supply."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models import Decision
from portfolio.assemble import Assembly, assemble, resampled
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.case.settings import BENCHMARKS, Benchmarks, Policy
from portfolio.case.tables import Budget, Country, Member, ProjectOutput, Stage, Supplier
from portfolio.engine import ExtensiveForm, Limits
from portfolio.engine.assembled import compile_instance
from portfolio.evaluation.benchmarks import COLUMNS, THIRD_COUNTRY, benchmark_table
from portfolio.evaluation.measures import WITH, operation, supply_table
from portfolio.evaluation.outcomes import Recourse
from portfolio.finance.ledger import Position, ledger
from portfolio.report.tables import suppliers_table
from portfolio.scenarios.sampling import sample
from tests.builders import tiny_case, tiny_hazard, tiny_project, tiny_settings

EXACT = Limits(gap=0.0, threads=1)


def row(**values: Any) -> ProjectOutput:
    fields: dict[str, Any] = {"stage": "separation", "material": "NdPr", "mode": "captive", "payable": 0.97}
    return ProjectOutput(**(fields | values))


def supplier(name: str, country: str, **values: Any) -> Supplier:
    fields: dict[str, Any] = {"role": "import", "region": "EU", "stage": "separation", "material": "NdPr"}
    return Supplier(supplier=name, country=country, **(fields | values))


SUPPLIERS = (
    supplier("china", "CHN", capacity_tpy=2000.0, share=0.7),
    supplier("scrap", "EST", capacity_tpy=100.0, share=0.05, recycled=0.4),
    supplier("feed", "EST", stage="mining", capacity_tpy=50.0),
    supplier("toll", "EST", role="toll", capacity_tpy=80.0),
    supplier("malaysia", "MYS", capacity_tpy=200.0, share=0.25),
    supplier("china_jp", "CHN", region="JP", capacity_tpy=3000.0),
    supplier("china_dy", "CHN", material="Dy", capacity_tpy=80.0),
    supplier("china_dy_jp", "CHN", material="Dy", region="JP", capacity_tpy=200.0),
)


def european(**rules: Any) -> Case:
    """A mine, an integrated plant from scrap and ore, and a separator at home; a mine with separation abroad."""
    sites = (("mine", "EST"), ("mixed", "EST"), ("plant", "EST"), ("abroad", "AUS"))
    base = tiny_case(
        settings=tiny_settings(
            benchmarks=Benchmarks(**({"region": "EU"} | rules)), policy=Policy(private_minimum=0.0, placeable_share=1.0)
        ),
        projects=tuple(tiny_project(project=p, country=c, capex_usd_m=60.0, opex_usd_m_y=3.0) for p, c in sites),
        project_outputs=(
            row(project="mine", stage="mining", capacity_tpy=200.0, payable=0.5),
            row(project="mixed", capacity_tpy=300.0, recycled=0.5),
            row(project="plant", mode="process", capacity_tpy=150.0, payable=0.0, fee_usd_kg=20.0),
            row(project="abroad", capacity_tpy=400.0),
            row(project="abroad", material="Dy", capacity_tpy=10.0),
        ),
        suppliers=SUPPLIERS,
        countries=(*(Country(country=c) for c in ("CHN", "AUS", "MYS")), Country(country="EST", home="EU")),
        hazards=(
            tiny_hazard(rate=0.5),
            tiny_hazard(hazard="strike", kind="outage", country="EST", rate=0.6, severity_mean=0.5, severity_sd=0.1),
        ),
        budgets=tuple(Budget(member=f, window=v, budget_usd_m=900.0) for f in ("EUF", "JOG") for v in (2027, 2028)),
    )
    return ordered(base)


def built(case: Case, scenarios: int = 12) -> Assembly:
    return assemble(case, sample(case, scenarios, 3), sample(case, 10, 4))


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    return built(european())


@pytest.fixture(scope="module")
def decision(assembly: Assembly) -> Decision:
    found = ExtensiveForm().solve(assembly.instance, EXACT).decision
    assert found is not None
    assert len(found.chosen) >= 2
    return found


def by_hand(assembly: Assembly, decision: Decision, s: int) -> dict[str, float]:
    """Domestic NdPr in 2030 in a scenario, t/y of oxide: recovery is 0.9."""
    i, drivers, t = assembly.instance, assembly.drivers, assembly.instance.years.index(2030)
    runs = dict(zip(i.projects, operation(i, decision)[0][s, :, t], strict=True))
    est = assembly.case.country_names.index("EST")
    alive = drivers.running[s, est, :, assembly.case.material_names.index("NdPr"), t]
    return {
        "extraction": 0.9 * (200.0 * runs["mine"] + 50.0 * alive[0]) + 0.5 * 300.0 * runs["mixed"],
        "processing": 0.5 * 300.0 * runs["mixed"] + 150.0 * runs["plant"] + (80.0 + 0.6 * 100.0) * alive[1],
        "recycling": 0.5 * 300.0 * runs["mixed"] + 0.4 * 100.0 * alive[1],
    }


@pytest.mark.parametrize("fund", [False, True])
def test_domestic_capacity_by_hand(assembly: Assembly, decision: Decision, fund: bool) -> None:
    chosen = decision if fund else Decision()
    table = benchmark_table(assembly, chosen, WITH).set_index(["benchmark", "material"])
    eu, nd, t = 0, assembly.case.material_names.index("NdPr"), assembly.instance.years.index(2030)
    consumed = assembly.instance.scenarios.demand[:, eu, :2, nd, t].sum(axis=1)
    target = {"extraction": 0.10, "processing": 0.40, "recycling": 0.25}
    for name in BENCHMARKS:
        has = np.array([by_hand(assembly, chosen, s)[name] for s in range(12)])
        found = table.loc[(name, "NdPr")]
        assert found["tonnes"] == pytest.approx(has.mean())
        assert found["level"] == pytest.approx(has.mean() / consumed.mean())
        assert found["probability"] == pytest.approx((has >= target[name] * consumed).mean())
        assert (found["target"], found["year"], found["region"]) == (target[name], 2030, "EU")
        assert table.loc[(name, "Dy"), "tonnes"] == 0


def test_the_fund_raises_domestic_levels(assembly: Assembly, decision: Decision) -> None:
    """Support at home does what it is for; it never lowers a level."""
    without, with_fund = (benchmark_table(assembly, d, WITH) for d in (Decision(), decision))
    home = without["benchmark"].isin(BENCHMARKS)
    assert (with_fund.loc[home, "level"] >= without.loc[home, "level"] - 1e-9).all()
    assert (with_fund.loc[home, "level"] > without.loc[home, "level"] + 0.01).any()


def test_third_countries_from_the_table_of_supply(assembly: Assembly, decision: Decision) -> None:
    """Mean goods of the leading country are those of its suppliers and projects in supply.csv."""
    i = assembly.instance
    outcomes = Recourse(i, compile_instance(i)).outcomes(decision)
    supply = supply_table(i, decision, outcomes, suppliers_table(assembly), WITH)
    country = {s.supplier: s.country for s in assembly.case.suppliers} | dict(i.country_of)
    kinds = ["import", "project_right", "project_market", "project_promised"]
    goods = supply.loc[supply["kind"].isin(kinds) & (supply["region"] == "EU") & (supply["year"] == 2030)]
    goods = goods.assign(country=goods["source"].map(country))
    table = benchmark_table(assembly, decision, WITH)
    rows = table.loc[table["benchmark"] == THIRD_COUNTRY]
    assert set(zip(rows["stage"], rows["material"], strict=True)) == {("separation", "NdPr"), ("separation", "Dy")}
    for line in rows.itertuples():
        here = goods.loc[(goods["stage"] == line.stage) & (goods["material"] == line.material)]
        total = here.groupby("country")["mean_t"].sum()
        abroad = total.drop("EST", errors="ignore")
        assert line.country == abroad.idxmax()
        assert line.tonnes == pytest.approx(abroad.max())
        assert line.consumption_t >= max(line.tonnes, total.sum()) - 1e-6


def test_dependence_by_hand() -> None:
    """No hazard, certain demand of 1,000 t: China offers 700, Malaysia 200 (its capacity), Estonia 50."""
    case = european()
    certain = replace(case, hazards=(), demand=tuple(replace(d, low=d.base, high=d.base) for d in case.demand))
    table = benchmark_table(built(certain, 2), Decision(), WITH)
    found = table.loc[(table["benchmark"] == THIRD_COUNTRY) & (table["material"] == "NdPr")].iloc[0]
    # Projects may close unaided and offer part of their output to all: without them 950 t of 1,000 are there.
    assert found["country"] == "CHN"
    assert found["tonnes"] == pytest.approx(700.0)
    assert found["level"] == pytest.approx(700.0 / found["consumption_t"])
    assert found["consumption_t"] >= 1000.0
    assert found["probability"] == float(0.65 * found["consumption_t"] >= 700.0)


def test_embedded_demand_counts_where_the_case_says_so() -> None:
    """A third stage after processing: its demand is consumption only with ``embedded``."""
    case = european()
    stages = (*case.stages, Stage(stage="magnets", order=3, recovery=0.8))
    demand = tuple(replace(d, stage="magnets", base=500.0, low=500.0, high=500.0) for d in case.demand[:1])
    longer = replace(case, stages=stages, demand=case.demand + demand)
    consumption = {}
    for embedded in (False, True):
        rules = replace(longer.settings.benchmarks, embedded=embedded)
        settings = replace(longer.settings, benchmarks=rules)
        table = benchmark_table(built(replace(longer, settings=settings), 3), Decision(), WITH)
        first = table.loc[(table["benchmark"] == "processing") & (table["material"] == demand[0].material)]
        consumption[embedded] = float(first["consumption_t"].iloc[0])
    assert consumption[True] == pytest.approx(consumption[False] + 500.0)


def test_on_other_scenarios_they_are_of_those_scenarios(assembly: Assembly) -> None:
    case, other = assembly.case, sample(assembly.case, 7, 11)
    again = benchmark_table(resampled(assembly, other), Decision(), WITH)
    whole = benchmark_table(assemble(case, other, sample(case, 10, 4)), Decision(), WITH)
    pd.testing.assert_frame_equal(again, whole)
    assert not again.equals(benchmark_table(assembly, Decision(), WITH))


def test_without_a_region_there_is_nothing_to_report() -> None:
    table = benchmark_table(built(european(region=""), 2), Decision(), WITH)
    assert list(table.columns) == list(COLUMNS)
    assert table.empty


class TestInTheProgramme:
    def test_gain_is_the_difference_that_an_option_makes(self) -> None:
        """Mean capacity reported with an option less that without, and the need what is missing without."""
        assembly = built(european(require=("processing", "recycling")))
        benchmarks = assembly.instance.benchmarks
        assert set(benchmarks) == {f"{b} {m}" for b in ("processing", "recycling") for m in ("NdPr", "Dy")}
        before = benchmark_table(assembly, Decision(), WITH).set_index(["benchmark", "material"])
        for name, benchmark in benchmarks.items():
            without = before.loc[tuple(name.split())]
            need = without["target"] * without["consumption_t"] - without["tonnes"]
            assert benchmark.need_tpy == pytest.approx(need)
            for key in assembly.instance.options:
                alone = benchmark_table(assembly, Decision(select={key: 1.0}), WITH)
                found = alone.set_index(["benchmark", "material"]).loc[tuple(name.split())]
                gain = found["tonnes"] - without["tonnes"]
                assert benchmark.gain_tpy.get(key, 0.0) == pytest.approx(gain, abs=1e-4)  # single precision

    def test_a_required_benchmark_is_met_in_the_mean(self) -> None:
        """One that the free optimum misses costs the rest something; a penalty high enough does the same."""
        found = {}
        for name, rules in (
            ("free", {}),
            ("required", {"require": ("extraction",)}),
            ("penalised", {"penalise": ("extraction",), "penalty": 1e4}),
            ("cheap", {"penalise": ("extraction",), "penalty": 1e-3}),
        ):
            assembly = built(_ndpr_alone(european(extraction=0.24, **rules)))
            solution = ExtensiveForm().solve(assembly.instance, EXACT)
            assert solution.decision is not None
            table = benchmark_table(assembly, solution.decision, WITH).set_index("benchmark")
            found[name] = float(table.loc["extraction", "level"]), solution.objective
        assert found["required"][0] >= 0.24 - 1e-6
        assert found["penalised"] == pytest.approx(found["required"])
        assert found["free"][0] < 0.24 - 1e-3
        assert found["required"][1] > found["free"][1] + 1.0
        assert found["cheap"][0] == pytest.approx(found["free"][0])


def _ndpr_alone(case: Case) -> Case:
    """The case without its other material, with a budget that pays for two projects."""
    return replace(
        case,
        demand=tuple(d for d in case.demand if d.material == "NdPr"),
        materials=tuple(m for m in case.materials if m.material == "NdPr"),
        suppliers=tuple(s for s in case.suppliers if s.material == "NdPr"),
        project_outputs=tuple(o for o in case.project_outputs if o.material == "NdPr"),
        budgets=tuple(replace(b, budget_usd_m=40.0) for b in case.budgets),
        stocks=(),
    )


def test_payouts_of_the_ledger_are_those_of_the_limit() -> None:
    """Mean over the cost sample of what a unit share pays, against the ledger simulated on the same sample."""
    case = european()
    limited = tuple(replace(m, payout_cvar_limit_usd_m=1e3) for m in case.members)
    settings = replace(case.settings, finance=replace(case.settings.finance, risk_free=0.0))
    volatile = tuple(replace(m, volatility=0.4) for m in case.materials)
    case = replace(case, members=limited, settings=settings, materials=volatile)
    assembly = built(case)
    instance = assembly.instance
    assert instance.cost_scenarios == 10
    key = next(k for k in instance.shares if k[2] == "cfd" and instance.payouts[k].any())
    position = Position(key[0], key[1], key[2], key[3], key[4], 1.0)
    book = ledger(case, [position], assembly.cost_drivers, assembly.price)
    flows: pd.DataFrame = book.loc[book["line"].isin(["payout", "upside"]) & (book["convention"] == "cash")]
    structure = next(s for s in case.structures if s.structure == key[3])
    assert structure.upside_share == 0
    assert -flows["simulated_usd_m"].sum() == pytest.approx(float(instance.payouts[key].mean()))


def test_members_without_a_limit_need_no_payouts() -> None:
    case = european()
    one = replace(case, members=(replace(case.members[0], payout_cvar_limit_usd_m=5.0), *case.members[1:]))
    instance = built(one, 2).instance
    assert {k[0] for k in instance.payouts} == {one.members[0].member}
    assert instance.payout_limit == {one.members[0].member: 5.0}
    assert isinstance(one.members[0], Member)
    assert built(case, 2).instance.payouts == {}
