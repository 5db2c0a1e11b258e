"""A fixed portfolio on any scenarios: against the referee, and whatever chunks, threads and duplicates."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import pytest

from models import Decision, Instance
from portfolio.assemble import Assembly, assemble
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.evaluation.figures import Terms, figures
from portfolio.evaluation.fresh import FixedPortfolio, Measured, World, fix, fresh_seed, in_chunks, in_turn
from portfolio.evaluation.outcomes import cvar
from portfolio.scenarios import sample
from portfolio.scenarios.drivers import Drivers
from tests.oracle import recourse_value
from tests.portfolio.assemble.test_chunks import rich_case

ATOMS = 9


def spread_case() -> Case:
    """Two projects in danger, a stockpile, transfers, few charges to estimate."""
    case = rich_case(1)
    sampling = replace(case.settings.sampling, scenarios=ATOMS, seed=3, cost_scenarios=30)
    risk = replace(case.settings.risk, cvar_weight=0.3, cvar_level=0.75)
    return ordered(replace(case, settings=replace(case.settings, sampling=sampling, risk=risk)))


def atoms(case: Case) -> Drivers:
    """All scenarios there are, with uneven probabilities."""
    drivers = sample(case, ATOMS, 3)
    p = np.linspace(1.0, 4.0, ATOMS)
    return replace(drivers, probability=p / p.sum())


def some_decision(whole: Assembly) -> Decision:
    """Support for two projects, rights to some output, a stockpile where it may be filled."""
    i = whole.instance
    chosen = {p: next(k for k in i.options if k[0] == p) for p in {k[0] for k in i.options}}
    return Decision(
        select=dict.fromkeys(chosen.values(), 1.0),
        rights={key: 0.3 for key in i.claims if key[1:] in chosen.values()},
        purchase=purchases(i),
    )


def purchases(i: Instance) -> dict[tuple[str, str, int], float]:
    """Half of what may be bought, by the one member of each region."""
    return {
        (f, m, v): 0.5 * i.purchase_limit[i.regions.index(i.region_of[f]), i.materials.index(m), i.windows.index(v)]
        for f, m, v in i.purchases
    }


@pytest.fixture(scope="module")
def whole() -> Assembly:
    case = spread_case()
    return assemble(case, atoms(case), sample(case, 30, 2))


@pytest.fixture(scope="module")
def fixed(whole: Assembly) -> FixedPortfolio:
    return fix(whole.case, some_decision(whole))


def same(one: Measured, other: Measured) -> bool:
    """Whether every number is the same, bit by bit."""
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name))
        for a, b in ((one.without, other.without), (one.with_fund, other.with_fund))
        for f in fields(World)
    )


def test_both_worlds_are_the_truth(whole: Assembly, fixed: FixedPortfolio) -> None:
    """Mean and CVaR by enumeration: the referee solves every scenario there is, for the whole programme."""
    i, decision = whole.instance, fixed.decision
    assert len(decision.select) == 2
    assert len(i.options) > len(fixed.instance.options) == 2
    found = fixed.measure([whole.drivers], ATOMS)
    p = i.scenarios.probability
    by_name = {(f.name, f.world): f.interval for f in figures(found, Terms.of(i, decision.public_cost(i)), 0.95)}
    truth = {}
    for world, first, measured in (("without", Decision(), found.without), ("with", decision, found.with_fund)):
        paid = np.array([recourse_value(i, first, s)[1]["total"] for s in range(ATOMS)])
        assert measured.weighted + measured.side == pytest.approx(paid, rel=1e-7)
        cost = i.cost_weight * first.public_cost(i)
        truth[world] = 0.7 * (p @ paid) + 0.3 * cvar(paid, p, 0.75) + cost
        assert by_name["objective", world].estimate == pytest.approx(truth[world], rel=1e-7)
        assert by_name["weighted", world].estimate == pytest.approx(p @ measured.weighted)
        assert by_name["weighted_cvar", world].estimate == pytest.approx(cvar(measured.weighted, p, 0.75))
    assert by_name["objective", "difference"].estimate == pytest.approx(truth["with"] - truth["without"], rel=1e-6)
    assert truth["with"] != pytest.approx(truth["without"], rel=1e-3)


def pieces(drivers: Drivers, size: int) -> Iterator[Drivers]:
    return (drivers.rows(slice(n, n + size)) for n in range(0, drivers.size, size))


@pytest.mark.parametrize("size", [1, 4])
def test_chunks_change_nothing(whole: Assembly, fixed: FixedPortfolio, size: int) -> None:
    at_once = fixed.measure([whole.drivers], ATOMS)
    told: list[tuple[int, int]] = []
    found = fixed.measure(pieces(whole.drivers, size), ATOMS, lambda *step: told.append(step))
    assert told[-1] == (ATOMS, ATOMS)
    assert len(told) == -(-ATOMS // size)
    assert found.probability == pytest.approx(at_once.probability)
    assert (found.index == at_once.index).all()
    for a, b in ((found.without, at_once.without), (found.with_fund, at_once.with_fund)):
        assert a.weighted == pytest.approx(b.weighted, rel=1e-9)
        assert a.shortfall.sum(axis=(1, 2, 4)) == pytest.approx(b.shortfall.sum(axis=(1, 2, 4)), rel=1e-7, abs=1e-7)


def test_threads_change_nothing(whole: Assembly, fixed: FixedPortfolio) -> None:
    one, two = (replace(fixed, threads=n).measure([whole.drivers], ATOMS) for n in (1, 2))
    assert same(one, two)


def test_duplicates_change_nothing(whole: Assembly, fixed: FixedPortfolio) -> None:
    drivers = whole.drivers
    twice = drivers.rows(np.repeat(np.arange(ATOMS), 2))
    twice = replace(twice, probability=0.5 * twice.probability)
    terms = Terms.of(fixed.instance, fixed.public_cost_usd_m)
    once, again = (figures(fixed.measure([d], d.size), terms, 0.9) for d in (drivers, twice))
    for a, b in zip(once, again, strict=True):
        assert (a.name, a.world) == (b.name, b.world)
        assert b.interval.estimate == pytest.approx(a.interval.estimate, rel=1e-9, abs=1e-12)


def test_nothing_supported_is_the_world_without(whole: Assembly) -> None:
    found = fix(whole.case, Decision()).measure([whole.drivers], ATOMS)
    assert np.array_equal(found.without.shortfall, found.with_fund.shortfall)


def test_a_purchase_alone_counts(whole: Assembly) -> None:
    decision = Decision(purchase=purchases(whole.instance))
    assert decision.purchase
    found = fix(whole.case, decision).measure([whole.drivers], ATOMS)
    assert found.with_fund.weighted.sum() < found.without.weighted.sum()


def test_fresh_scenarios_are_others() -> None:
    case = spread_case()
    seeds = set()
    for own in range(200):
        sampling = replace(case.settings.sampling, seed=own, cost_seed=own + 1)
        seed = fresh_seed(replace(case, settings=replace(case.settings, sampling=sampling)))
        assert seed not in (own, own + 1)
        seeds.add(seed)
    assert len(seeds) == 200
    own, fresh = sample(case, 40, 3), sample(case, 40, fresh_seed(case))
    assert not np.isin(own.demand[own.demand > 0], fresh.demand).any()
    assert not np.isin(own.success_u, fresh.success_u).any()


def test_a_seed_in_the_way_is_passed_over() -> None:
    case = spread_case()
    usual = fresh_seed(case)
    sampling = replace(case.settings.sampling, cost_seed=usual)
    assert fresh_seed(replace(case, settings=replace(case.settings, sampling=sampling))) == usual + 1


def test_work_in_turn() -> None:
    """Results in the order of the items, none taken long before its turn, whatever each of them takes."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(6):
            taken.append(n)
            yield n

    def work(n: int) -> int:
        time.sleep(0.02 * (n % 2))
        return n * n

    found = []
    for value in in_turn(work, items(), 2):
        found.append(value)
        assert len(taken) <= len(found) + 2
    assert found == [0, 1, 4, 9, 16, 25]
    assert list(in_turn(work, [], 2)) == []
    with pytest.raises(ZeroDivisionError):
        list(in_turn(lambda n: 1 // n, [1, 0, 1], 2))


def test_chunks_of_a_sample_are_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    case = spread_case()
    monkeypatch.setattr("portfolio.evaluation.fresh.CHUNK", 7)
    parts = list(in_chunks(case, 17, 5))
    assert [p.size for p in parts] == [7, 7, 3]
    assert np.array_equal(np.concatenate([p.price for p in parts]), sample(case, 17, 5).price)
