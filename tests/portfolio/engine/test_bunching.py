"""Bunching against linprog: small random linear programmes that share a matrix, from any basis, in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from portfolio.engine import bunching
from portfolio.engine.bunching import Bases, Instances, Shape
from portfolio.engine.highs import SolverError
from portfolio.engine.kernels import one_by_one, side_by_side

SEEDS = range(24)


@dataclass(frozen=True)
class Case:
    """A shape and its instances: right-hand sides (rows, scenarios), upper bounds (columns, scenarios), prices."""

    shape: Shape
    rows: np.ndarray
    upper: np.ndarray
    mu: np.ndarray

    @property
    def scenarios(self) -> int:
        return int(self.rows.shape[1])

    @property
    def instances(self) -> Instances:
        return Instances(side_by_side(self.rows.T), side_by_side(self.upper.T), np.ascontiguousarray(self.mu.T))

    def solve(self, bases: Bases, start: np.ndarray | None = None, *, moved: bool = True) -> Found:
        """From bases (scenarios, pieces), by default the slacks."""
        last = bases.start(self.scenarios)
        if start is not None:
            last[:] = start
        value = np.zeros((self.scenarios, self.shape.pieces))
        live = np.ones(last.shape, dtype=bool)
        bases.solve(self.instances, live, np.full(self.scenarios, moved), last, value)
        return Found(value, last, self, bases)

    def part(self, scenarios: np.ndarray) -> Case:
        return replace(self, rows=self.rows[:, scenarios], upper=self.upper[:, scenarios], mu=self.mu[:, scenarios])

    def cost(self, piece: int, s: int) -> np.ndarray:
        """Cost of an instance, moved by the prices."""
        found, q = self.shape.cost[piece].copy(), self.shape.moving
        if q.size:
            moved = self.shape.prices[piece * q.size : (piece + 1) * q.size] @ self.mu[:, [s]]
            found[q] -= moved[:, 0]
        return found

    def limits(self, piece: int, s: int) -> tuple[np.ndarray, np.ndarray]:
        """Right-hand sides and upper bounds of an instance."""
        top = np.full(self.shape.matrix.shape[1], np.inf)
        top[self.shape.bounded] = self.upper[self.shape.columns[piece, self.shape.bounded], s]
        return self.rows[self.shape.rows[piece], s], top

    def expected(self) -> np.ndarray:
        """Value of every instance by linprog, (scenarios, pieces)."""
        found = np.zeros((self.scenarios, self.shape.pieces))
        for s, p in np.ndindex(*found.shape):
            found[s, p] = by_linprog(self.shape, self.cost(p, s), *self.limits(p, s))
        return found


@dataclass(frozen=True)
class Found:
    """Values and bases (scenarios, pieces) of a case."""

    value: np.ndarray
    last: np.ndarray
    case: Case
    bases: Bases

    def duals(self) -> np.ndarray:
        """Shape (scenarios, rows)."""
        case, live = self.case, np.ones(self.last.shape, dtype=bool)
        found = np.zeros((-(-case.scenarios // 8), case.rows.shape[0], 8))
        self.bases.duals(case.instances.mu, live, self.last, np.ones(case.scenarios), found)
        return one_by_one(found, case.scenarios)

    def columns(self) -> np.ndarray:
        """Shape (scenarios, columns)."""
        found = np.full(self.case.upper.T.shape, np.nan)
        self.bases.columns(self.case.instances, self.last, found)
        return found


def by_linprog(shape: Shape, cost: np.ndarray, h: np.ndarray, top: np.ndarray) -> float:
    equal = shape.equal
    result = linprog(
        cost,
        A_ub=-shape.matrix[~equal] if (~equal).any() else None,
        b_ub=-h[~equal] if (~equal).any() else None,
        A_eq=shape.matrix[equal] if equal.any() else None,
        b_eq=h[equal] if equal.any() else None,
        bounds=np.stack([np.zeros(cost.size), top], axis=1),
    )
    assert result.status == 0, result.message
    return float(result.fun)


def random_case(seed: int, *, moving: bool, scenarios: int = 30) -> Case:
    """Whole numbers throughout, many of them zero: ties and degenerate bases abound.

    A dear column for every row (two for an equality) keeps each instance feasible; only bounded columns may have a
    negative cost, or get one by prices.
    """
    rng = np.random.default_rng(seed)
    m, own, pieces = int(rng.integers(1, 6)), int(rng.integers(1, 6)), int(rng.integers(1, 4))
    equal = rng.random(m) < 0.4
    penalty = np.hstack([np.eye(m), -np.eye(m)[:, equal]])
    matrix = np.hstack([rng.integers(-2, 3, (m, own)) * (rng.random((m, own)) < 0.7), penalty]).astype(float)
    n = matrix.shape[1]
    bounded = np.flatnonzero(np.concatenate([rng.random(own) < 0.6, np.zeros(n - own, dtype=bool)]))
    cost = rng.integers(0, 4, (pieces, n)).astype(float)
    cost[:, own:] += 15.0
    cost[:, bounded] -= rng.integers(0, 5, (pieces, bounded.size))
    movers = np.flatnonzero(rng.random(own) < 0.7) if moving else np.zeros(0, dtype=np.int64)
    linking = 2
    prices = rng.integers(-2, 3, (pieces * movers.size, linking)).astype(float)
    loose = ~np.isin(np.tile(movers, pieces), bounded)
    prices[loose] = -np.abs(prices[loose])  # so that their cost moves up only
    shape = Shape(
        matrix=matrix,
        equal=equal,
        bounded=bounded,
        moving=movers,
        rows=np.arange(pieces * m).reshape(pieces, m),
        columns=np.arange(pieces * n).reshape(pieces, n),
        cost=cost,
        prices=sparse.csr_array(prices),
        label=np.arange(pieces),
    )
    rows = rng.integers(-6, 8, (pieces * m, scenarios)) * (rng.random((pieces * m, scenarios)) < 0.6)
    upper = rng.integers(0, 5, (pieces * n, scenarios))
    mu = rng.integers(0, 4, (linking, scenarios)) * (rng.random((linking, scenarios)) < 0.7)
    return Case(shape, rows.astype(float), upper.astype(float), mu.astype(float))


def other_limits(case: Case, seed: int) -> Case:
    """The same instances with other right-hand sides; bounds and costs are those of their scenarios."""
    rng = np.random.default_rng(1000 + seed)
    return replace(case, rows=case.rows + rng.integers(-3, 4, case.rows.shape))


def other_prices(case: Case, seed: int) -> Case:
    rng = np.random.default_rng(2000 + seed)
    return replace(case, mu=rng.integers(0, 4, case.mu.shape).astype(float))


def check(found: Found, expected: np.ndarray) -> None:
    """Values, duals and columns: each is proven by the other two, and by linprog."""
    case, shape = found.case, found.case.shape
    assert found.value == pytest.approx(expected, abs=1e-7)
    every, columns = found.duals(), found.columns()
    for s in range(case.scenarios):
        for piece in range(shape.pieces):
            value, duals, y = found.value[s, piece], every[s, shape.rows[piece]], columns[s, shape.columns[piece]]
            cost, (h, top) = case.cost(piece, s), case.limits(piece, s)
            assert (duals[~shape.equal] >= 0).all()
            reduced = cost - shape.matrix.T @ duals
            assert (reduced[np.isinf(top)] >= -1e-7).all()
            gain = np.minimum(reduced, 0.0)
            assert duals @ h + gain[np.isfinite(top)] @ top[np.isfinite(top)] == pytest.approx(value, abs=1e-6)
            assert (y >= 0).all()
            assert (y <= top + 1e-7).all()
            rows = shape.matrix @ y
            assert (rows >= h - 1e-7).all()
            assert rows[shape.equal] == pytest.approx(h[shape.equal], abs=1e-7)
            assert cost @ y == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_against_linprog(seed: int, moving: bool) -> None:
    """From the slacks, and again with other right-hand sides from the bases found."""
    case = random_case(seed, moving=moving)
    bases = Bases(case.shape)
    found = case.solve(bases)
    check(found, case.expected())
    for step in range(3):
        case = other_limits(case, 10 * seed + step)
        found = case.solve(bases, found.last, moved=False)
        check(found, case.expected())


@pytest.mark.parametrize("seed", SEEDS)
def test_prices_that_move(seed: int) -> None:
    """Costs move between calls, so that a last basis need not be dual feasible any more."""
    case = random_case(seed, moving=True)
    bases = Bases(case.shape)
    last = None
    for step in range(4):
        case = other_prices(other_limits(case, 10 * seed + step), 10 * seed + step)
        found = case.solve(bases, last)
        check(found, case.expected())
        last = found.last


@pytest.mark.parametrize("seed", SEEDS)
def test_from_any_basis_met_before(seed: int) -> None:
    """Whatever basis another instance of the piece ended with will do as a start; with prices, any at all."""
    rng = np.random.default_rng(seed)
    for moving in (False, True):
        case = random_case(seed, moving=moving)
        bases = Bases(case.shape)
        found = case.solve(bases)
        expected = case.expected()
        for _ in range(3):
            if moving and case.shape.moving.size:
                start = rng.integers(-1, bases.size, found.last.shape)
            else:
                start = rng.permuted(found.last, axis=0)
            check(case.solve(bases, start), expected)


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_memory_does_not_depend_on_order(seed: int, moving: bool) -> None:
    """Scenarios one by one, in two halves, turned round and all at once, with one memory: the same values."""
    case = random_case(seed, moving=moving, scenarios=16)
    rng, expected = np.random.default_rng(seed), case.expected()
    orders = [
        [np.arange(16)],
        [np.array([s]) for s in rng.permutation(16)],
        [np.arange(16)[::-1]],
        np.array_split(rng.permutation(16), 2),
    ]
    shared = Bases(case.shape)
    for order in orders:
        for bases in (shared, Bases(case.shape)):
            for which in order:
                assert case.part(which).solve(bases).value == pytest.approx(expected[which], abs=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_repetition_is_exact(seed: int) -> None:
    """A basis found stays: not one step more, and the same numbers to the last bit."""
    case = random_case(seed, moving=seed % 2 == 0)
    bases = Bases(case.shape)
    first = case.solve(bases)
    known = bases.size
    again = case.solve(bases, first.last, moved=False)
    assert (again.last == first.last).all()
    assert bases.size == known
    assert (again.value == first.value).all()
    assert (again.duals() == first.duals()).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_duals_are_cuts(seed: int) -> None:
    """Duals at some right-hand sides bound the value at any others from below, bounds and costs being the same."""
    case = random_case(seed, moving=seed % 2 == 0)
    found = case.solve(Bases(case.shape))
    other = other_limits(case, seed)
    gain = (found.duals() * (other.rows - case.rows).T)[:, case.shape.rows].sum(axis=2)
    assert (other.expected() >= found.value + gain - 1e-7).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_solver_takes_over(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no step is left HiGHS finds the bases; they are as good."""
    case = random_case(seed, moving=seed % 2 == 0, scenarios=10)
    expected, asked = case.expected(), []
    plain = Bases._by_solver
    monkeypatch.setattr(Bases, "_by_solver", lambda self, *at: asked.append(at[1:]) or plain(self, *at))
    monkeypatch.setattr(bunching, "STEPS", 0)
    found = case.solve(Bases(case.shape))
    check(found, expected)
    assert len(asked) == len(set(asked))
    # A basis found for one instance serves others: every basis in use but the first was found by the solver.
    assert len(asked) >= np.unique(found.last[found.last > 0]).size


@pytest.mark.parametrize("seed", SEEDS)
def test_forgotten_bases(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two bases, that grows only where instances need it, answers are the same."""
    monkeypatch.setattr(bunching, "ROOM", 2)
    monkeypatch.setattr(bunching, "MANY", 2)
    case = random_case(seed, moving=seed % 2 == 0)
    bases = Bases(case.shape)
    last = bases.start(case.scenarios)
    live, moved = np.ones(last.shape, dtype=bool), np.ones(case.scenarios, dtype=bool)
    for step in range(4):
        value = np.zeros(last.shape)
        bases.solve(case.instances, live, moved, last, value)
        check(Found(value, last, case, bases), case.expected())
        room, held = bases.pool.mark.size, np.unique([0, *(k for one in bases.last for k in one[one >= 0])]).size
        bases._make_room(grow=False)
        assert bases.size == held or bases.pool.mark.size == 2 * room < 4 * held
        check(case.solve(bases, last, moved=False), case.expected())
        case = other_limits(case, 10 * seed + step)


@pytest.mark.parametrize("seed", SEEDS)
def test_dead_instances(seed: int) -> None:
    """Where limits are zero the value is zero under any basis: such instances keep theirs; others are not touched."""
    case = random_case(seed, moving=seed % 2 == 0)
    bases, dead = Bases(case.shape), np.random.default_rng(seed).random(case.scenarios) < 0.5
    last = case.solve(bases).last.copy()
    nothing = replace(case, rows=np.where(dead, 0.0, case.rows + 1.0), upper=np.where(dead, 0.0, case.upper))
    live, value = np.repeat(~dead[:, None], case.shape.pieces, 1), np.zeros(last.shape)
    now = bases.start(case.scenarios)
    now[:] = last
    bases.solve(nothing.instances, live, np.zeros(case.scenarios, dtype=bool), now, value)
    assert value == pytest.approx(nothing.expected(), abs=1e-7)
    assert (now[dead] == last[dead]).all()


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_units_of_amounts(scale: float) -> None:
    """Right-hand sides and bounds in other units give values in other units."""
    for seed in range(10):
        case = random_case(seed, moving=seed % 2 == 0)
        large = replace(case, rows=scale * case.rows, upper=scale * case.upper)
        value = large.solve(Bases(case.shape)).value
        assert value == pytest.approx(scale * case.expected(), rel=1e-7, abs=1e-7)


def test_infeasible_instance() -> None:
    """y <= 1 and y >= 2."""
    shape = Shape(
        matrix=np.array([[1.0]]),
        equal=np.array([False]),
        bounded=np.array([0]),
        moving=np.zeros(0, dtype=np.int64),
        rows=np.array([[0]]),
        columns=np.array([[0]]),
        cost=np.array([[1.0]]),
        prices=sparse.csr_array((0, 0)),
        label=np.zeros(1, dtype=np.int64),
    )
    case = Case(shape, np.array([[0.5, 2.0]]), np.array([[1.0, 1.0]]), np.zeros((0, 2)))
    with pytest.raises(SolverError, match="infeasible"):
        case.solve(Bases(shape))


def test_unbounded_instance() -> None:
    """A column without bound whose cost is negative."""
    shape = random_case(0, moving=False).shape
    shape = replace(shape, cost=np.full_like(shape.cost, -1.0), bounded=np.zeros(0, dtype=np.int64))
    case = Case(shape, np.zeros((shape.rows.size, 1)), np.zeros((shape.columns.size, 1)), np.zeros((0, 1)))
    with pytest.raises(SolverError):
        case.solve(Bases(shape))
