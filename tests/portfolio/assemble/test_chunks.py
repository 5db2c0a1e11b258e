"""Assembling in chunks, side by side and in compact arrays changes nothing; every claim against the plain way."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from models import Instance
from models.terms import CONTRACTS, MONEY, OptionKey
from portfolio.assemble import Assembly, assemble, build, memory, production
from portfolio.assemble.affordable import least_charges
from portfolio.assemble.memory import Within, zeros
from portfolio.case.records import Case
from portfolio.finance.closing import supported
from portfolio.finance.contracts import market
from portfolio.finance.simulate import may_yield, paths, simulate
from portfolio.finance.unaided import unaided
from portfolio.scenarios import drivers as drivers_module
from portfolio.scenarios import sample
from tests.portfolio.assemble.test_build import poor_case


def rich_case(seed: int = 0) -> Case:
    """Two projects in danger of everything, which budgets hold back."""
    rng = np.random.default_rng(seed)
    case = poor_case()
    projects = tuple(
        replace(
            p,
            delay_mean_y=1.0,
            delay_sd_y=float(rng.uniform(0.2, 2.0)),
            overrun_mean=0.1,
            overrun_sd=0.2,
            rival_rate=0.1,
            rival_allied=0.5,
            p_by_2040=float(rng.uniform(0.2, 0.7)),
        )
        for p in case.projects
    )
    structures = tuple(replace(s, term_y=1.5 if s.tranche == 0.0 else 2.5) for s in case.structures)
    return replace(case, projects=projects, structures=structures)


def in_chunks(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Let everything that works in chunks take at most ``chunk`` scenarios at a time."""
    plain = drivers_module.slices
    for module in (production, memory):
        monkeypatch.setattr(module, "slices", lambda count, _=chunk: plain(count, chunk))


def assembled(case: Case, scenarios: int) -> Assembly:
    return assemble(case, sample(case, scenarios, 1), sample(case, 40, 2))


@pytest.mark.parametrize("chunk", [1, 7, 64])
@pytest.mark.parametrize("seed", range(3))
def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch, seed: int, chunk: int) -> None:
    case = rich_case(seed)
    whole = assembled(case, 50)
    with monkeypatch.context() as patch:
        in_chunks(patch, chunk)
        pieces = assembled(case, 50)
    assert whole.instance.options
    assert list(whole.instance.options) == list(pieces.instance.options)
    assert whole.instance.shares == pieces.instance.shares
    for f in fields(whole.instance.scenarios):
        a, b = (np.asarray(getattr(x.instance.scenarios, f.name)) for x in (whole, pieces))
        assert np.array_equal(a, b), f.name


@pytest.mark.parametrize("seed", range(3))
def test_yields_are_those_of_one_plant_alone(seed: int) -> None:
    case = rich_case(seed)
    found = assembled(case, 60)
    i, s = found.instance, found.instance.scenarios
    assert s.output.dtype == s.contracted.dtype == np.float32
    assert i.options
    assert (s.contracted != s.output).any()
    for j, (p, a, v) in enumerate(i.options):
        choice = found.choices[p, a]
        path = simulate(case, choice.project, choice.structure, choice.financing, v, found.drivers)
        assert np.array_equal(s.output[:, j], path.output.astype(np.float32))
        assert np.allclose(s.contracted[:, j], path.contracted, rtol=2e-7, atol=1e-12)
        assert (s.lost[:, case.project_names.index(p), case.windows.index(v)] == path.lost).all()
    for p, project in enumerate(case.projects):
        alone = unaided(case, project, found.drivers, found.price)
        assert np.array_equal(s.unaided[:, p], alone.astype(np.float32).astype(float))
    assert (s.unaided > 0).any()


def test_plants_side_by_side_are_plants_alone() -> None:
    """Debt, contracts and windows of one plant leave its neighbours alone."""
    case = rich_case()
    found = assembled(case, 5)
    sampled = sample(case, 80, 3)
    kept = [c for c in found.choices.values() if c.project == case.projects[0]]
    assert len({c.financing.private_debt_usd_m for c in kept}) > 1
    timed = [(c, v) for c in kept for v in case.windows]
    closings = [supported(case, c.project, c.structure, c.financing, v, sampled) for c, v in timed]
    together = paths(case, case.projects[0], closings, sampled, market(case, sampled))
    for (c, v), path in zip(timed, together, strict=True):
        alone = simulate(case, c.project, c.structure, c.financing, v, sampled)
        for f in fields(alone):
            assert np.allclose(getattr(path, f.name), getattr(alone, f.name), rtol=1e-12, atol=1e-14), f.name
    assert any(path.defaulted.any() for path in together) or any((path.running < 1).any() for path in together)


@pytest.mark.parametrize("first", [0, 2040, 2100])
def test_what_may_yield_does(first: int) -> None:
    """The plan alone says whether anything is produced in the horizon: as the simulation has it."""
    case = rich_case()
    project = replace(case.projects[0], first_production=float(first), delay_sd_y=2.0)
    case = replace(case, projects=(project, *case.projects[1:]))
    found = assembled(case, 5)
    choice = next((c for c in found.choices.values() if c.project == project), None)
    assert choice is not None
    for seed in range(40):
        few = sample(case, 2, seed)
        for v in case.windows:
            path = simulate(case, project, choice.structure, choice.financing, v, few)
            assert may_yield(case, project, v, few) == path.output.any()


def least_alone(instance: Instance, key: OptionKey) -> float:
    """Least charge of one option by a dense programme of its own."""
    shares, option = instance.shares_by["option"].get(key, []), instance.options[key]
    if not shares:
        return np.inf
    kind = [instance.kind_of[k[2]] for k in shares]
    data = [instance.shares[k] for k in shares]
    charge = np.array([d.charge_usd_m for d in data])
    groups = ((CONTRACTS, option.tranche), ({"guarantee"}, option.guaranteed), (MONEY, option.gap))
    rows, limits = [charge], [min(instance.max_project_share, instance.max_country_share) * instance.total_budget]
    for f in instance.members:
        mine = np.array([k[0] == f for k in shares], dtype=float)
        rows += [mine * charge, mine * [d.payout95_usd_m for d in data]]
        limits += [sum(b for (m, w), b in instance.budget.items() if m == f and w <= key[2]), instance.liquidity[f]]
    for i in instance.instruments:
        rows.append(np.array([k[2] == i for k in shares], dtype=float))
        limits.append(instance.share_bounds[i][1])
    rows.append(np.array([option.uses_usd_m * (k == "loan") for k in kind]))
    limits.append(option.debt_limit_usd_m - option.debt_usd_m)
    for n, (k, d) in enumerate(zip(kind, data, strict=True)):
        row = np.eye(len(shares))[n]
        if k == "equity":
            row = row - d.cap * np.array([x == "equity" for x in kind])
        rows.append(row)
        own = {"equity": option.equity_usd_m / option.uses_usd_m, "guarantee": option.guaranteed}
        limits.append(d.cap * own.get(k, 1.0))
    found = linprog(
        charge,
        A_ub=np.array(rows),
        b_ub=np.array(limits) + 1e-6,
        A_eq=np.array([[k in some for k in kind] for some, _ in groups], dtype=float),
        b_eq=[value for _, value in groups],
    )
    return float(found.fun) if found.status == 0 else np.inf


def test_least_charges_together_are_those_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "without_impossible", lambda instance: (instance, ()))
    infinite = finite = 0
    for seed in range(6):
        case = rich_case(seed)
        money = tuple(replace(b, budget_usd_m=b.budget_usd_m * (0.3 + 0.3 * seed)) for b in case.budgets)
        lines = tuple(replace(m, liquidity_line_usd_m=2.0 * seed) for m in case.members)
        instance = assembled(replace(case, budgets=money, members=lines), 5).instance
        for key, charge in least_charges(instance).items():
            alone = least_alone(instance, key)
            assert np.isinf(charge) == np.isinf(alone), key
            infinite += np.isinf(alone)
            if np.isfinite(alone):
                finite += 1
                assert charge == pytest.approx(alone, rel=1e-5, abs=1e-4)
    assert min(infinite, finite) > 5


axis = st.one_of(
    st.integers(0, 3),
    st.slices(4),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.just(Ellipsis),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(axis, max_size=3).filter(lambda k: k.count(Ellipsis) < 2), st.integers(0, 5))
def test_contracted_is_read_like_an_array(key: list[object], seed: int) -> None:
    rng = np.random.default_rng(seed)
    output = rng.random((4, 5, 4)).astype(np.float32)
    part, group = rng.random((4, 3, 4)).astype(np.float32), np.array([0, 2, 1, 1, 0])
    lazy = Within(output, part, group)
    whole = output * part[:, group]
    at = tuple(key)
    if sum(isinstance(k, list) for k in at) > 1:
        lengths = {len(k) for k in at if isinstance(k, list)}
        if len(lengths) > 1 and 1 not in lengths:
            return
        try:
            whole[at]
        except IndexError:
            return
    assert np.array_equal(lazy[at], whole[at])
    assert lazy[at].shape == whole[at].shape
    assert np.array_equal(lazy.any(axis=0), whole.any(axis=0))
    assert lazy.shape == whole.shape
    assert np.array_equal(lazy * 2, whole * 2)


def test_zeros_are_zeros() -> None:
    for shape in ((3, 4), (1000, 1001)):
        found = zeros(shape)
        assert found.shape == shape
        assert not found.any()
        found[1, 2] = 5.0
        assert found.sum() == 5.0
