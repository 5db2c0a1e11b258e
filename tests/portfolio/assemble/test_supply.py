"""Arrays of demand and supply, recomputed entry by entry from the rows of a small case."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from portfolio.assemble import supply
from portfolio.case.records import Case
from portfolio.case.settings import Alliance, Finance, Horizon, Objective, Policy, Settings, Title
from portfolio.case.tables import Country, ProjectOutput, Stage, Stock, Supplier
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.sampling import sample
from tests.builders import tiny_case, tiny_hazard

YEARS = range(2027, 2033)


def settings(**sections: Any) -> Settings:
    base = Settings(
        case=Title(name="tiny", currency_year=2027),
        horizon=Horizon(first_year=2027, last_year=2032, windows=(2027, 2028)),
    )
    return replace(base, **sections)


def imported(supplier: str, country: str, region: str, capacity: float, **values: Any) -> Supplier:
    fields = {"role": "import", "stage": "separation", "material": "NdPr"} | values
    return Supplier(supplier=supplier, country=country, region=region, capacity_tpy=capacity, **fields)


SUPPLIERS = (
    imported("china", "CHN", "EU", 900.0, share=0.7),
    imported("china", "CHN", "JP", 1500.0, share=0.9),
    imported("malaysia", "MYS", "EU", 250.0, last_year=2029),
    imported("malaysia", "MYS", "JP", 400.0, first_year=2030),
    imported("ore", "AUS", "EU", 700.0, stage="mining"),
    imported("ore", "CHN", "JP", 500.0, stage="mining"),
    imported("spare", "CHN", "EU", 120.0, role="toll"),
    imported("spare", "MYS", "JP", 80.0, role="toll", first_year=2028),
    imported("heavy", "CHN", "JP", 90.0, material="Dy", share=0.8),
)


@pytest.fixture(scope="module")
def case() -> Case:
    hazards = (
        tiny_hazard(rate=1.0),
        tiny_hazard(hazard="islands", regions=("JP",), rate=0.7, severity_mean=0.4),
        tiny_hazard(hazard="strike", kind="outage", country="MYS", rate=1.0, severity_mean=0.3),
        tiny_hazard(hazard="port", kind="outage", rate=0.5, severity_mean=0.3),
    )
    return tiny_case(suppliers=SUPPLIERS, hazards=hazards)


@pytest.fixture(scope="module")
def drivers(case: Case) -> Drivers:
    return sample(case, 12, 3)


def by_hand(case: Case, d: Drivers, role: str, n: int, b: int, r: str, k: str, m: str, year: int) -> float:
    """min(capacity, share x demand) x running x available, summed over the suppliers of a cell."""
    at = case.region_names.index(r), case.stage_names.index(k), case.material_names.index(m), year - 2027
    total = 0.0
    for s in case.suppliers:
        if (s.role, s.region, s.stage, s.material) != (role, r, k, m):
            continue
        if year < (s.first_year or 0) or year > (s.last_year or 9999):
            continue
        c = case.country_names.index(s.country)
        rate = s.capacity_tpy if s.share is None else min(s.capacity_tpy, s.share * d.demand[(n, *at)])
        rate *= d.running[n, c, at[1], at[2], at[3]]
        total += rate * (d.available[(n, c, *at)] if b == 0 else 1.0)
    return float(total)


def cells(case: Case, n: int) -> Any:
    return product(range(n), (0, 1), case.region_names, case.stage_names, case.material_names, YEARS)


def index(case: Case, n: int, b: int, r: str, k: str, m: str, year: int) -> tuple[int, ...]:
    return (
        n,
        b,
        case.region_names.index(r),
        case.stage_names.index(k),
        case.material_names.index(m),
        year - 2027,
    )


def test_the_sample_has_teeth(drivers: Drivers) -> None:
    assert (drivers.available < 1).any()
    assert (drivers.running < 1).any()
    assert (drivers.available[:, 0, 0] != drivers.available[:, 0, 1]).any()


def test_imports_and_toll(case: Case, drivers: Drivers) -> None:
    found = supply.incumbents(case, drivers)
    for cell in cells(case, drivers.size):
        at = index(case, *cell)
        assert found.imports[at] == pytest.approx(by_hand(case, drivers, "import", *cell), abs=1e-9)
        assert found.toll[at] == pytest.approx(by_hand(case, drivers, "toll", *cell), abs=1e-9)
    assert (found.toll > 0).any()


def test_reexport_leaves_out_who_cuts_the_partner(case: Case, drivers: Drivers) -> None:
    found = supply.incumbents(case, drivers)
    lower = 0
    for n, b, r, k, m, year in cells(case, drivers.size):
        for to in case.region_names:
            if to == r:
                continue
            spared = [
                s
                for s in case.suppliers
                if b == 1
                or drivers.available[
                    (
                        n,
                        case.country_names.index(s.country),
                        case.region_names.index(to),
                        *index(case, n, b, r, k, m, year)[3:],
                    )
                ]
                == 1.0
            ]
            rest = replace(case, suppliers=tuple(spared))
            expected = by_hand(rest, drivers, "import", n, b, r, k, m, year)
            at = index(case, n, b, r, k, m, year)
            value = found.reexport[(*at[:3], case.region_names.index(to), *at[3:])]
            assert value == pytest.approx(expected, abs=1e-9)
            lower += int(value < found.imports[at] - 1e-9)
    assert lower > 0


def test_offers_by_supplier(case: Case, drivers: Drivers) -> None:
    found = supply.incumbents(case, drivers).by_supplier
    for number, s in enumerate(case.suppliers):
        one = replace(case, suppliers=(s,))
        m = case.material_names.index(s.material)
        for year in YEARS:
            mean = 0.0
            for n in range(drivers.size):
                phi = drivers.disrupted[n, m, year - 2027]
                cell = (s.region, s.stage, s.material, year)
                calm, cut = (by_hand(one, drivers, s.role, n, b, *cell) for b in (1, 0))
                mean += drivers.probability[n] * (phi * cut + (1 - phi) * calm)
            assert found[number, year - 2027] == pytest.approx(mean, abs=1e-9)


def test_growing_demand_alone_is_no_disruption() -> None:
    """A supplier with a share follows demand up to its capacity."""
    case = tiny_case(suppliers=(imported("china", "CHN", "EU", 900.0, share=0.7),))
    offers = supply.offer(case, case.suppliers[0], np.array([500.0, 1000.0, 1200.0, 1300.0, 2000.0, 0.0]))
    assert offers == pytest.approx([350.0, 700.0, 840.0, 900.0, 900.0, 0.0])


def test_forecast(case: Case) -> None:
    """Interpolated between rows and held outside them."""
    row = case.demand[0]
    case = replace(
        case, demand=(replace(row, year=2028, base=100.0, high=900.0), replace(row, year=2030, base=300.0, high=900.0))
    )
    found = supply.forecast(case)
    assert found.shape == (2, 2, 2, 6)
    assert found[0, 1, 0] == pytest.approx([100.0, 100.0, 200.0, 300.0, 300.0, 300.0])
    assert found.sum() == pytest.approx(found[0, 1, 0].sum())


def output(project: str, **values: Any) -> ProjectOutput:
    fields = {
        "stage": "separation",
        "material": "NdPr",
        "mode": "captive",
        "capacity_tpy": 100.0,
        "payable": 0.9,
    } | values
    return ProjectOutput(project=project, **fields)


def test_plants(case: Case) -> None:
    """Capacities by mode; promises until a year, to a region or elsewhere; access by country or region."""
    rows = (
        output("mine", precommitted=0.4, precommitted_region="JP", precommitted_until=2029),
        output("mine", material="Dy", capacity_tpy=7.0, precommitted=0.5),
        output("mine", stage="mining", capacity_tpy=30.0),
        output("plant", mode="process", capacity_tpy=500.0),
    )
    countries = (*case.countries[:-1], Country(country="EST", market_access=0.5))
    found = supply.plants(replace(case, project_outputs=rows, countries=countries))
    captive, process = np.zeros((2, 2, 2)), np.zeros((2, 2, 2))
    captive[0, 1, 0], captive[0, 1, 1], captive[0, 0, 0], process[1, 1, 0] = 100.0, 7.0, 30.0, 500.0
    assert (found.captive == captive).all()
    assert (found.process == process).all()
    assert found.precommitted[0, 1, 0].tolist() == [0.4, 0.4, 0.4, 0.0, 0.0, 0.0]
    assert found.precommitted[0, 1, 1].tolist() == [0.5] * 6
    assert found.precommitted.sum() == pytest.approx(3 * 0.4 + 6 * 0.5)
    assert found.precommitted_to[0, 1, 0] == 1
    assert (found.precommitted_to == -1).sum() == 7
    assert found.access.tolist() == [[0.15, 0.35], [0.5, 0.5]]
    assert found.utilisation.tolist() == [1.0, 0.8]


def test_feed_and_slots(case: Case) -> None:
    """Feed is what incumbents offer beyond what is demanded in that form; slots are spare processing."""
    demand = supply.forecast(case)
    feed, slots = supply.incumbent_feed(case, demand), supply.slots(case)
    assert feed[0].tolist() == [1200.0, 0.0]  # ore of both regions; nobody demands ore
    # Shares of demand cap the Chinese, half the years the Malaysians; all together fall short of 3,000 t.
    assert feed[1, 0] == 0.0
    plenty = tuple(replace(x, capacity_tpy=900.0, first_year=None) if x.capacity_tpy == 400.0 else x for x in SUPPLIERS)
    tolled = 120.0 + 80.0 * 5 / 6
    spare = 700.0 + 1500.0 + 125.0 + 900.0 + tolled - 3000.0
    assert supply.incumbent_feed(replace(case, suppliers=plenty), demand)[1, 0] == pytest.approx(spare)
    starved = tuple(replace(x, capacity_tpy=20.0) if x.stage == "mining" else x for x in plenty)
    made = 40.0 * case.stages[1].recovery
    assert supply.incumbent_feed(replace(case, suppliers=starved), demand)[1, 0] == pytest.approx(spare - tolled + made)
    assert feed[1, 1] == 0.0  # 90 offered, 150 demanded
    assert (slots[0, 1, 0], slots[1, 1, 0], slots.sum()) == (120.0, 80.0, 200.0)


def test_weights(case: Case) -> None:
    materials = (
        replace(case.materials[0], weight=2.0, deep_factor=3.0),
        replace(case.materials[1], weight=5.0),
    )
    found = supply.weights(
        replace(case, materials=materials, settings=settings(objective=Objective(discount_rate=0.1)))
    )
    assert found[0, 0] == pytest.approx([2.0 / 1.1**t for t in range(6)])
    assert found[1, 0] == pytest.approx(3.0 * found[0, 0])
    assert found[:, 1] == pytest.approx(np.array([[5.0 / 1.1**t for t in range(6)]] * 2))


@pytest.mark.parametrize(
    ("mutual", "joint", "expected"),
    [(True, True, [1.0, 0.2]), (True, False, [0.5, 0.2]), (False, True, [1.0, 0.0]), (False, False, [0.0, 0.0])],
)
def test_solidarity(mutual: bool, joint: bool, expected: list[float]) -> None:
    """Mutual support is what stages say; joint procurement shares wholly where nobody demands the form."""
    stages = (
        Stage(stage="mining", order=1, solidarity=0.5),
        Stage(stage="separation", order=2, recovery=0.9, solidarity=0.2),
    )
    case = tiny_case(
        stages=stages, settings=settings(alliance=Alliance(mutual_support=mutual, joint_procurement=joint))
    )
    assert supply.solidarity(case, supply.forecast(case)).tolist() == expected


def test_fairness(case: Case) -> None:
    regions = (replace(case.regions[0], agreed_ratio=2.0), case.regions[1])
    base = replace(case, regions=regions)
    demand = supply.forecast(base)
    assert not supply.fairness_weight(base, demand).any()
    fair = replace(
        base,
        settings=settings(
            alliance=Alliance(fair_distribution=True), objective=Objective(fairness_weight=0.3, discount_rate=0.1)
        ),
    )
    found = supply.fairness_weight(fair, demand)
    assert found[0].tolist() == [[0.0] * 6] * 2
    assert found[1, 0] == pytest.approx([0.3 * (2.0 * 1000.0 + 2000.0) / 1.1**t for t in range(6)])
    assert found[1, 1] == pytest.approx([0.3 * 4.0 * (2.0 * 50.0 + 100.0) / 1.1**t for t in range(6)])


def test_purchase_limit(case: Case) -> None:
    """A share of calm imports of that form, toll apart, at the forecast."""
    case = replace(case, settings=settings(policy=Policy(purchase_share=0.2)))
    found = supply.purchase_limit(case, supply.forecast(case), 1)
    assert found[0, 0] == pytest.approx([0.2 * (0.7 * 1000.0 + 250.0)] * 2)
    assert found[1, 0] == pytest.approx([0.2 * 1500.0] * 2)  # the supplier from 2030 counts in neither window
    assert found[1, 1] == pytest.approx([0.2 * 80.0] * 2)
    assert not supply.purchase_limit(case, supply.forecast(case), -1).any()


def test_stock_cost(case: Case) -> None:
    """Price with the premium, and holding in every year to the end of the horizon."""
    case = replace(
        case,
        materials=(replace(case.materials[0], ex_china_premium=0.25), case.materials[1]),
        settings=settings(policy=Policy(stock_cost=0.02), finance=Finance(risk_free=0.03)),
    )
    price = np.array([[80.0, 90.0, 95.0, 95.0, 95.0, 95.0], [300.0] * 6])
    found = supply.stock_cost(case, price)
    for m, v in product((0, 1), (0, 1)):
        holding = sum(0.02 / 1.03**t for t in range(6 - v))
        assert found[m, v] == pytest.approx(price[m, v] * (1.25, 1.0)[m] / 1000.0 * (1.0 + holding))


def test_opening(case: Case) -> None:
    stocks = (
        Stock(region="EU", material="Dy", opening_t=3.0),
        Stock(region="JP", material="NdPr", opening_t=100.0),
    )
    assert supply.opening(replace(case, stocks=stocks)).tolist() == [[0.0, 3.0], [100.0, 0.0]]
