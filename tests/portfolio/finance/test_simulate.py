"""What a simulated plant may and may not do."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from portfolio.case.records import Case
from portfolio.case.settings import Finance
from portfolio.case.tables import Structure
from portfolio.finance import PlantPath, simulate, size
from portfolio.finance.closing import supported
from portfolio.finance.contracts import market
from portfolio.finance.operation import Operation, Record
from portfolio.finance.simulate import paths, yields
from portfolio.scenarios.drivers import Drivers
from tests.portfolio.finance.cases import OPEN, calm, material, output, project, random_drivers, small_case

PRICE = 85.0


def path_of(case: Case, structure: Structure, drivers: Drivers, window: int = 2027, **options: float) -> PlantPath:
    mine = case.projects[0]
    expected = np.array([[m.price_longrun] * len(case.years) for m in case.materials])
    return simulate(case, mine, structure, size(case, mine, structure, expected), window, drivers, **options)


def with_project(case: Case, **values: object) -> Case:
    return replace(case, projects=(replace(case.projects[0], **values),))


def structures() -> list[Structure]:
    return [
        Structure(structure=f"t{c:.1f}_{d}", tranche=c, debt=d, upside_share=0.3, upside_threshold=1.3)
        for d in ("patient", "commercial", "guaranteed")
        for c in (0.0, 0.3, 0.6)
    ]


def ramping_case() -> Case:
    return small_case(
        years=(2027, 2045),
        materials=(material(price=PRICE),),
        projects=(
            project(
                construction_y=2.0, ramp_y=2.0, first_production=2029, life_y=12.0, p_by_2040=0.6, capex_usd_m=150.0
            ),
        ),
    )


def test_output_by_hand() -> None:
    """Start delayed by half a year, ramp over two years, end of life: exact yearly integrals."""
    case = with_project(ramping_case(), life_y=4.0)
    path = path_of(case, OPEN, replace(calm(case), delay_y=np.array([[0.5]])))
    # Start 2029.5. 2029: 0.5^2 / 4. 2030: (1.5^2 - 0.5^2) / 4. 2031: the ramp ends at 2031.5. End 2033.5.
    expected = [0, 0, 0.0625, 0.5, 0.9375, 1, 0.5] + [0] * 12
    assert path.output[0] == pytest.approx(expected)
    assert path.running[0] == pytest.approx([0, 0, 0.5, 1, 1, 1, 0.5] + [0] * 12)
    assert path.outlay[0] == pytest.approx([0.5, 0.5] + [0] * 17)


def test_output_against_numerical_integration() -> None:
    """The yearly mean equals the mean of the level on a fine grid."""
    case = with_project(ramping_case(), ramp_y=1.7, life_y=5.3)
    path = path_of(case, OPEN, replace(calm(case), delay_y=np.array([[0.83]])))
    grid = (np.arange(19 * 20_000) + 0.5) / 20_000
    age = grid - 2.83
    level = np.where((age > 0) & (age < 5.3), np.minimum(age / 1.7, 1.0), 0.0)
    assert path.output[0] == pytest.approx(level.reshape(19, -1).mean(axis=1), abs=1e-4)


def test_term_runs_from_operation_or_by_the_calendar() -> None:
    """Ten years from the delayed start, or from the planned one."""
    case = with_project(ramping_case(), ramp_y=0.0, life_y=100.0)
    late = replace(calm(case), delay_y=np.array([[2.0]]))
    for origin, years in (("operation", (2031, 2041)), ("calendar", (2029, 2039))):
        path = path_of(case, replace(OPEN, term_y=10.0, term_from=origin), late)
        inside = [max(2031, years[0]) <= y < years[1] for y in case.years]
        assert path.contracted[0] == pytest.approx(np.where(inside, path.output[0], 0.0))


def test_contracts_lapse_when_the_plant_is_too_late() -> None:
    """Later than the lapse: output without contract, no payout."""
    case = with_project(ramping_case(), ramp_y=0.0)
    structure = Structure(structure="s", tranche=0.6, debt="patient")
    slump = np.full(19, 50.0)
    for delay, any_contract in ((3.0, True), (3.01, False)):
        path = path_of(case, structure, replace(calm(case, price=slump), delay_y=np.array([[delay]])))
        assert bool(path.contracted.any()) == any_contract
        assert bool(path.floor.any()) == any_contract


@pytest.mark.parametrize("structure", structures(), ids=lambda s: s.structure)
def test_nothing_before_start_after_life_or_where_lost(structure: Structure) -> None:
    """Bounds and zeros that no draw may break."""
    case = ramping_case()
    drivers = random_drivers(case, 300, 3)
    path = path_of(case, structure, drivers, 2029)
    t = np.arange(19)
    start = 4.0 + drivers.delay_y[:, :1]
    assert not path.output[(t + 1 <= start) | (t >= start + 12.0)].any()
    assert ((path.output >= 0) & (path.output <= 1 + 1e-12)).all()
    assert (path.contracted <= path.output + 1e-12).all()
    assert not path.floor[path.contracted <= 0].any()
    assert not path.upside[path.contracted <= 0].any()
    assert (path.lost == (drivers.rival_y[:, 0] < 2)).all()
    assert path.lost.any()
    for item in fields(path):
        value = getattr(path, item.name)
        if item.name not in ("lost", "price_low"):
            assert not value[path.lost].any(), item.name
        if value.dtype == float:
            assert np.isfinite(value).all(), item.name
            assert (value >= -1e-9).all(), item.name
    assert path.outlay[~path.lost].sum(axis=1) == pytest.approx(1.0)
    failed = drivers.success_u[:, 0] >= 0.8
    assert failed.any()
    assert not path.output[failed].any()
    dead = drivers.overrun[:, 0] > 0.12 + 0.085 + 0.20
    assert dead.any()
    assert not path.output[dead].any()


@pytest.mark.parametrize("structure", structures(), ids=lambda s: s.structure)
def test_permuting_scenarios_permutes_results(structure: Structure) -> None:
    """No scenario sees another, the quantile of prices apart."""
    case = ramping_case()
    drivers = random_drivers(case, 60, 4)
    order = np.random.default_rng(0).permutation(60)
    shuffled = Drivers(**{f.name: getattr(drivers, f.name)[order] for f in fields(drivers)})
    a, b = path_of(case, structure, drivers), path_of(case, structure, shuffled)
    for item in fields(a):
        if item.name != "price_low":
            assert np.array_equal(getattr(a, item.name)[order], getattr(b, item.name)), item.name


def test_no_look_ahead() -> None:
    """Prices after a year change nothing up to it."""
    case = ramping_case()
    drivers = random_drivers(case, 100, 5)
    price, realised = drivers.price.copy(), drivers.realised.copy()
    price[:, :, 8:], realised[:, :, 8:] = 10.0, 10.0
    other = replace(drivers, price=price, realised=realised)
    for structure in structures():
        a, b = path_of(case, structure, drivers), path_of(case, structure, other)
        for name in ("output", "floor", "loan_service", "dividends", "guarantee_call"):
            assert np.array_equal(getattr(a, name)[:, :8], getattr(b, name)[:, :8])
    assert not np.array_equal(a.output, b.output)


def test_probability_edges() -> None:
    """Certain success and certain failure."""
    case = ramping_case()
    sure = replace(case.settings, finance=Finance(success_ceiling=1.0))
    never = replace(case.settings, finance=Finance(support_uplift=0.0))
    drivers = replace(calm(case, 50), success_u=np.linspace(0, 0.9999, 50)[:, None])
    assert path_of(with_project(replace(case, settings=sure), p_by_2040=1.0), OPEN, drivers).output.any(axis=1).all()
    assert not path_of(with_project(replace(case, settings=never), p_by_2040=0.0), OPEN, drivers).output.any()


def test_failure_loses_the_loan_but_recovers_part() -> None:
    """A loan to a failed project loses LGD on what is owed at completion."""
    case = with_project(ramping_case(), p_by_2040=0.0, ramp_y=0.0)
    drivers = replace(calm(case), success_u=np.array([[0.5]]))
    path = path_of(case, OPEN, drivers)
    # Half drawn in each of 2027 and 2028 at 3 %, half a year's interest on draws; written off in 2029.
    owed = ((0.5 * 1.015) * 1.03 + 0.5 * 1.015) * 1.03
    assert path.loan_loss[0] == pytest.approx(0.7 * owed / 1.02**2)
    assert path.loan_service[0].sum() == pytest.approx(0.3 * owed)
    assert path.defaulted[0]


def test_overrun_calls() -> None:
    """Contingency, then half the facility, then the call, then failure."""
    case = with_project(ramping_case(), capex_usd_m=100.0, overrun_mean=0.1)
    contingency = 0.12 * 1.1
    beyond = np.array([-0.05, 0.04, 0.15, 0.285, 0.2851])
    drivers = replace(calm(case, 5), overrun=(0.1 + contingency + beyond)[:, None])
    path = path_of(case, OPEN, drivers)
    paid = [0.0, 2.0, 4.25 + 6.5, 4.25 + 20.0, 4.25 + 20.0]
    assert path.overrun_call.sum(axis=1) == pytest.approx(paid)
    assert path.output.any(axis=1).tolist() == [True, True, True, True, False]
    assert path.overrun_call[4].argmax() == 1


def test_takeover_ends_output_and_repays_the_loan() -> None:
    """After a takeover nothing is produced; the buyer repays what is owed."""
    case = with_project(ramping_case(), ramp_y=0.0)
    path = path_of(case, OPEN, replace(calm(case), takeover_y=np.array([[4.5]])))
    assert path.output[0] == pytest.approx([0, 0, 1, 1, 0.5] + [0] * 14)
    assert path.loan_service[0, 4] > 0.5
    assert path.loan_loss[0] == 0.0
    assert not path.loan_service[0, 5:].any()


def test_country_outage_is_weighted_by_capacity() -> None:
    """Two materials with different outages: the mean by capacity."""
    case = small_case(
        materials=(material(), material("Dy", 300.0)),
        project_outputs=(output(), output(material="Dy", capacity_tpy=250.0)),
    )
    drivers = calm(case)
    drivers.running[:, 0, 1, 0] = 0.5
    drivers.running[:, 0, 1, 1] = 0.9
    path = path_of(case, OPEN, drivers)
    assert path.output[0, 3] == pytest.approx((1000 * 0.5 + 250 * 0.9) / 1250)


def test_care_and_maintenance_and_restart() -> None:
    """Closed when the cash is gone; reopens after a good year, a lag of 1.5 years, if the restart works."""
    case = with_project(ramping_case(), ramp_y=0.0, life_y=100.0)
    price = np.array([80, 80, 80, 10, 10] + [80] * 14, dtype=float)
    lucky = path_of(case, OPEN, calm(case, price=price))
    # 2030 starts with half a year's opex and service, and a year at 10 USD/kg costs 40 + 3 - 9.7 = 33.3 M.
    uses = 150 * 1.12 + 20
    owed = ((0.5 * 1.015) * 1.03 + 0.5 * 1.015) * 0.7 * uses
    service = owed / sum(1 / 1.03**n for n in range(1, 16))
    closed = 3
    assert lucky.running[0, closed] == pytest.approx(0.5 * (40 + service) / 33.3)
    assert lucky.output[0] == pytest.approx(lucky.running[0])
    # Prices are good again in 2032; the plant is back in the middle of 2034.
    assert not lucky.running[0, closed + 1 : 7].any()
    assert lucky.running[0, 7:10] == pytest.approx([0.5, 1.0, 1.0])
    unlucky = path_of(case, OPEN, replace(calm(case, price=price), restart_u=np.array([[0.7]])))
    assert not unlucky.running[0, closed + 1 :].any()
    assert unlucky.loan_loss[0] > 0.0


def test_default_with_positive_margin_changes_the_owner() -> None:
    """Private service missed while M > 0: half a year is lost, the plant runs on, equity and public debt are hit."""
    case = with_project(ramping_case(), ramp_y=0.0, capex_usd_m=300.0, opex_usd_m_y=30.0, life_y=100.0)
    structure = Structure(structure="b", tranche=0.0, debt="commercial")
    price = np.array([85.0] * 4 + [39.0] * 4 + [85.0] * 11)
    path = path_of(case, structure, calm(case, price=price))
    assert path.defaulted[0]
    change = int(np.argmin(path.running[0, 2:])) + 2
    assert path.running[0, change] == pytest.approx(0.5)
    assert path.running[0, change + 1 :] == pytest.approx(1.0)
    assert path.guarantee_call[0, change - 1] > 0.0
    assert not path.dividends[0, change - 1 :].any()
    patient = path_of(case, replace(structure, debt="patient"), calm(case, price=price))
    assert patient.running[0, 2:] == pytest.approx(1.0)


def test_sure_loan_is_repaid_with_interest() -> None:
    """At a steady good price service is worth the principal at the loan's own rate."""
    case = with_project(ramping_case(), ramp_y=0.0, life_y=100.0, capex_usd_m=100.0, construction_y=1.0)
    path = path_of(case, OPEN, calm(case))
    years = np.arange(19)
    value = path.loan_service[0] @ 1.03 ** -(years + 1.0) + path.loan_balance[0] * 1.03**-19.0
    drawn = path.outlay[0] @ 1.03 ** -(years + 1.0) * 1.015
    assert value == pytest.approx(drawn, rel=1e-9)
    assert not path.defaulted[0]


def test_slumps_are_survived_in_the_order_of_protection() -> None:
    """Share running in slump years: tranche 0 < 0.3 < 0.6, and patient debt above commercial."""
    case = small_case(
        years=(2027, 2045),
        materials=(material(price=82.0),),
        projects=(
            project(
                capex_usd_m=1220.0,
                opex_usd_m_y=195.0,
                construction_y=3.0,
                first_production=2029,
                ramp_y=2.0,
                sponsor_equity=0.25,
            ),
        ),
        project_outputs=(output(capacity_tpy=4440.0, payable=0.97),),
    )
    drivers = random_drivers(case, 400, 6)
    drivers = replace(
        drivers, rival_y=np.full((400, 1), np.inf), success_u=np.zeros((400, 1)), delay_y=np.zeros((400, 1))
    )
    slump = drivers.price[:, 0] < 55.0
    slump[:, :5] = False
    share: dict[tuple[str, float], float] = {}
    for s in structures():
        share[s.debt, s.tranche] = float(path_of(case, s, drivers).running[slump].mean())
    for debt in ("patient", "commercial", "guaranteed"):
        assert share[debt, 0.0] < share[debt, 0.3] < share[debt, 0.6]
    # A change of owner clears the debt, so that private structures need not be ordered among themselves.
    for tranche in (0.3, 0.6):
        assert share["patient", tranche] > max(share["commercial", tranche], share["guaranteed", tranche])


def risky_drivers(case: Case, count: int = 300) -> Drivers:
    """Drivers with delays, rivals and takeovers before and after the plant starts."""
    rng = np.random.default_rng(7)
    return replace(
        random_drivers(case, count, seed=3),
        takeover_y=rng.uniform(0.0, 25.0, (count, 1)),
        rival_y=rng.uniform(0.0, 8.0, (count, 1)),
    )


def test_years_before_any_plant_starts_are_worth_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building years have a shorter way: all flows are those of the whole step, from the first year on."""
    case = ramping_case()
    drivers = risky_drivers(case)

    def every_year(operation: Operation, first: int = 0) -> Record:
        for t in range(len(case.years)):
            operation.step(t)
        operation.record.balance = operation.public
        return operation.record

    for structure in structures():
        short = path_of(case, structure, drivers, window=2029)
        with monkeypatch.context() as patch:
            patch.setattr(Operation, "run", every_year)
            whole = path_of(case, structure, drivers, window=2029)
        for f in fields(PlantPath):
            assert np.array_equal(getattr(short, f.name), getattr(whole, f.name)), f.name
        assert short.outlay.any()


def test_closings_side_by_side_are_closings_alone() -> None:
    """Whatever they are simulated together with, and whether all flows are asked for or output alone."""
    case = ramping_case()
    drivers, mine = risky_drivers(case), case.projects[0]
    expected = np.array([[m.price_longrun] * len(case.years) for m in case.materials])
    closings = [
        supported(case, mine, s, size(case, mine, s, expected), window, drivers)
        for s in structures()
        for window in (2027, 2029, 2031)
    ]
    prices = market(case, drivers)
    together = paths(case, mine, closings, drivers, prices)
    output, part = yields(case, mine, closings, drivers, prices, [0, 4])
    assert sorted(part) == [0, 4]
    for n, (closing, path) in enumerate(zip(closings, together, strict=True)):
        alone = paths(case, mine, (closing,), drivers, prices)[0]
        for f in fields(PlantPath):
            assert np.array_equal(getattr(path, f.name), getattr(alone, f.name)), f.name
        assert output[n] == pytest.approx(path.output.T, abs=1e-15)
        if n in part:
            assert part[n] * output[n] == pytest.approx(path.contracted.T, abs=1e-12)
    assert {bool(p.lost.any()) for p in together} == {True, False}
