"""Two-stage programmes as textbooks print them, in plain lists, and two routes from them to an optimum.

minimise  c x + (1 - weight) E[Q_s(x)] + weight CVaR_level[Q_s(x)]
Q_s(x) = min q y   subject to   T_s x + W y  (>=, =, <=)  h_s,   0 <= y <= upper_s (free where asked)

:meth:`Plain.two_stage` writes it in the protocol of the decomposition; :func:`extensive` solves it by scipy from the
lists alone, without a line of the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from portfolio.engine.highs import LinearProgram
from portfolio.engine.programme import Branch, Products, TwoStage

Row = Sequence[float]
INF = float("inf")


@dataclass(frozen=True)
class Plain:
    """A programme in lists.

    ``h`` and ``T`` have one entry for each scenario; ``y_upper`` too, or is empty (no bounds). ``rows`` are the first
    stage's (coefficients, sense, right-hand side). Senses are ``>=``, ``=``, ``<=``.
    """

    c: Row
    q: Row
    W: Sequence[Row]
    sense: Sequence[str]
    h: Sequence[Row]
    T: Sequence[Sequence[Row]]
    probability: Row
    rows: Sequence[tuple[Row, str, float]] = ()
    lower: Row = ()
    upper: Row = ()
    whole: Sequence[int] = ()
    y_upper: Sequence[Row] = ()
    free: Sequence[int] = ()
    label: Sequence[int] = ()
    priced: Sequence[int] = ()
    weight: float = 0.0
    level: float = 0.95
    offset: float = 0.0
    branches: tuple[Branch, ...] = field(default=(), repr=False)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the first stage."""
        n = len(self.c)
        low = np.array(self.lower if len(self.lower) else np.zeros(n), dtype=float)
        return low, np.array(self.upper if len(self.upper) else np.full(n, INF), dtype=float)

    @property
    def tops(self) -> np.ndarray:
        """Upper bounds of the recourse, shape (scenarios, columns)."""
        return np.array(self.y_upper, dtype=float) if len(self.y_upper) else np.full((len(self.h), len(self.q)), INF)

    def two_stage(self, *, through: bool = False) -> TwoStage:
        """In the engine's protocol; ``through`` definitions, where it is bilinear in two steps instead of one.

        What is the same in every scenario is a constant; everything else is a datum of its own.
        """
        W, q, tops = np.array(self.W, dtype=float), np.array(self.q, dtype=float), self.tops
        flip = np.array([-1.0 if s == "<=" else 1.0 for s in self.sense])
        free = list(self.free)
        W, q = np.hstack([W, -W[:, free]]) * flip[:, None], np.concatenate([q, -q[free]])
        tops = np.hstack([tops, np.full((len(self.h), len(free)), INF)])
        label = np.array(self.label if len(self.label) else np.zeros(len(self.q)), dtype=np.int64)
        label = np.concatenate([label, label[free]])
        data = _Data(len(self.h))
        h = np.array(self.h, dtype=float) * flip
        T = -np.array(self.T, dtype=float) * flip[:, None]
        constant = [(r, *data.of(h[:, r])) for r in range(W.shape[0])]
        effects = [(r, *data.of(T[:, r, j]), j) for r, j in product(range(T.shape[1]), range(T.shape[2]))]
        effects = [e for e in effects if e[2] != 0.0]
        moving = [c for c in range(q.size) if np.isfinite(tops[0, c]) and np.ptp(tops[:, c]) > 0]
        bounds = [(c, *data.of(tops[:, c])) for c in moving]
        direct, define, defined, indirect = _tensors(effects, through)
        low, high = self.bounds
        priced = np.zeros(W.shape[0], dtype=bool)
        priced[list(self.priced)] = True
        held = np.array(data.values)
        return TwoStage(
            first=LinearProgram(
                cost=np.array(self.c, dtype=float),
                offset=self.offset,
                matrix=sparse.csc_array(np.array([r for r, _, _ in self.rows], dtype=float).reshape(-1, low.size)),
                row_lower=np.array([-INF if s == "<=" else b for _, s, b in self.rows]),
                row_upper=np.array([INF if s == ">=" else b for _, s, b in self.rows]),
                lower=low,
                upper=high,
                integer=np.isin(np.arange(low.size), list(self.whole)),
            ),
            matrix=sparse.csr_array(W),
            cost=q,
            equal=np.array([s == "=" for s in self.sense]),
            upper=np.where(np.isin(np.arange(q.size), moving), INF, tops[0]),
            upper_data=_matrix(bounds, (q.size, held.shape[0])),
            constant=_matrix(constant, (W.shape[0], held.shape[0])),
            direct=direct,
            define=sparse.csr_array((define, held.shape[0])),
            defined=defined,
            indirect=indirect,
            label=label,
            priced=priced,
            probability=np.array(self.probability, dtype=float),
            data=lambda which: held[:, which],
            cvar_weight=self.weight,
            cvar_level=self.level,
            branches=self.branches,
        )

    def complemented(self, tops: Row) -> Plain:
        """The same programme without negative costs: y = top - y' for columns of negative cost, 0 <= y' <= top.

        ``tops`` are bounds that no optimal y exceeds (or the y_upper, where those are the same in every scenario).
        """
        turned = [c for c, cost in enumerate(self.q) if cost < 0]
        top = np.array([tops[c] if c in turned else 0.0 for c in range(len(self.q))])
        W, q = np.array(self.W, dtype=float), np.array(self.q, dtype=float)
        h = np.array(self.h, dtype=float) - W @ top
        offset = self.offset + float(q @ top)
        W[:, turned], q[turned] = -W[:, turned], -q[turned]
        limits = self.tops.copy()
        limits[:, turned] = top[turned]
        return replace(self, W=W.tolist(), q=q.tolist(), h=h.tolist(), y_upper=limits.tolist(), offset=offset)

    def at_mean(self) -> Plain:
        """The programme of the expected value: one scenario, the mean of all."""
        p = np.array(self.probability)
        mean = [(np.tensordot(p, np.array(v, dtype=float), axes=1)).tolist() for v in (self.h, self.T)]
        tops = [(p @ self.tops).tolist()] if len(self.y_upper) else ()
        return replace(self, h=[mean[0]], T=[mean[1]], probability=[1.0], y_upper=tops)

    def alone(self, s: int) -> Plain:
        """The programme of a scenario known in advance."""
        tops = [self.y_upper[s]] if len(self.y_upper) else ()
        return replace(self, h=[self.h[s]], T=[self.T[s]], probability=[1.0], y_upper=tops)

    def fixed(self, x: Row) -> Plain:
        """The programme with its first stage given."""
        return replace(self, lower=list(x), upper=list(x))


@dataclass
class _Data:
    """Data found so far; number 0 is the number one."""

    scenarios: int
    values: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values.append(np.ones(self.scenarios))

    def of(self, values: np.ndarray) -> tuple[int, float]:
        """(datum, coefficient) of a number in every scenario."""
        if np.ptp(values) == 0.0:
            return 0, float(values[0])
        self.values.append(values.astype(float))
        return len(self.values) - 1, 1.0


def _matrix(entries: Sequence[tuple[int, int, float]], shape: tuple[int, int]) -> sparse.csr_array:
    rows, columns, values = (list(v) for v in zip(*entries, strict=True)) if entries else ([], [], [])
    return sparse.csr_array(sparse.coo_array((np.array(values, dtype=float), (rows, columns)), shape=shape))


def _products(entries: Sequence[tuple[int, int, int, float]]) -> Products:
    if not entries:
        return Products.none()
    row, datum, column, value = zip(*entries, strict=True)
    return Products(*(np.array(v, dtype=np.int64) for v in (row, datum, column)), np.array(value, dtype=float))


def _tensors(effects: Sequence[tuple[int, int, float, int]], through: bool) -> tuple[Products, int, Products, Products]:
    """Effects (row, datum, coefficient, x) directly, or turn about as a product in the definition or of it."""
    if not through:
        return _products([(r, d, j, v) for r, d, v, j in effects]), 0, Products.none(), Products.none()
    defined, indirect = [], []
    for u, (r, d, v, j) in enumerate(effects):
        early, late = (d, 0) if u % 2 else (0, d)
        defined.append((u, early, j, 2.0 * v))
        indirect.append((r, late, u, 0.5))
    return Products.none(), len(effects), _products(defined), _products(indirect)


@dataclass(frozen=True)
class Optimum:
    """What the extensive form found."""

    value: float
    x: npt.NDArray[np.float64]


def extensive(plain: Plain) -> Optimum:
    """Optimum by the extensive form in scipy: x, y of every scenario, and eta with the excess over it for a CVaR."""
    n, m, S = len(plain.c), len(plain.q), len(plain.h)
    p, W = np.array(plain.probability, dtype=float), sparse.csr_array(np.array(plain.W, dtype=float))
    tail = plain.weight > 0
    size = n + S * m + (1 + S if tail else 0)
    cost = np.zeros(size)
    cost[:n] = plain.c
    cost[n : n + S * m] = (1.0 - plain.weight) * np.kron(p, plain.q)
    blocks, low, high = [], [], []
    for row, sense, b in plain.rows:
        blocks.append(sparse.csr_array(np.concatenate([row, np.zeros(size - n)])[None, :]))
        low.append([-INF if sense == "<=" else b])
        high.append([INF if sense == ">=" else b])
    for s in range(S):
        middle = sparse.csr_array((W.shape[0], s * m)), W, sparse.csr_array((W.shape[0], size - n - (s + 1) * m))
        blocks.append(sparse.hstack([sparse.csr_array(np.array(plain.T[s], dtype=float)), *middle]))
        low.append([-INF if t == "<=" else v for v, t in zip(plain.h[s], plain.sense, strict=True)])
        high.append([INF if t == ">=" else v for v, t in zip(plain.h[s], plain.sense, strict=True)])
    if tail:
        eta = n + S * m
        cost[eta], cost[eta + 1 :] = plain.weight, plain.weight * p / (1.0 - plain.level)
        for s in range(S):  # excess_s + eta - q y_s >= 0
            row = np.zeros(size)
            row[eta], row[eta + 1 + s], row[n + s * m : n + (s + 1) * m] = 1.0, 1.0, -np.array(plain.q, dtype=float)
            blocks.append(sparse.csr_array(row[None, :]))
            low.append([0.0])
            high.append([INF])
    below, above = np.zeros(size), np.full(size, INF)
    below[:n], above[:n] = plain.bounds
    above[n : n + S * m] = plain.tops.ravel()
    for s, column in product(range(S), plain.free):
        below[n + s * m + column] = -INF
    if tail:
        below[n + S * m] = -INF
    whole = np.zeros(size)
    whole[list(plain.whole)] = 1
    found = milp(
        cost,
        constraints=LinearConstraint(sparse.vstack(blocks, format="csr"), np.concatenate(low), np.concatenate(high)),
        bounds=Bounds(below, above),
        integrality=whole,
        options={"mip_rel_gap": 0.0},
    )
    assert found.status == 0, found.message
    return Optimum(float(found.fun) + plain.offset, np.asarray(found.x[:n]))


def recourse(plain: Plain, x: Row) -> npt.NDArray[np.float64]:
    """Q_s(x) for every scenario, each by linprog."""
    sense, W = np.array(plain.sense), np.array(plain.W, dtype=float)
    found = []
    for s in range(len(plain.h)):
        rest = np.array(plain.h[s], dtype=float) - np.array(plain.T[s], dtype=float) @ np.array(x, dtype=float)
        side = np.where(sense == ">=", -1.0, 1.0)
        unequal, equal = sense != "=", sense == "="
        below = np.where(np.isin(np.arange(len(plain.q)), list(plain.free)), -INF, 0.0)
        result = linprog(
            plain.q,
            A_ub=(W * side[:, None])[unequal] if unequal.any() else None,
            b_ub=(rest * side)[unequal] if unequal.any() else None,
            A_eq=W[equal] if equal.any() else None,
            b_eq=rest[equal] if equal.any() else None,
            bounds=np.stack([below, plain.tops[s]], axis=1),
        )
        assert result.status == 0, result.message
        found.append(result.fun)
    return np.array(found)


def same(rows: Sequence[Row], scenarios: int) -> list[Sequence[Row]]:
    """A technology matrix that is the same in every scenario."""
    return [rows] * scenarios


# -- programmes ------------------------------------------------------------------------------------------------------

FARMER_TOPS = (0.0, 0.0, 1500.0, 1800.0, 6000.0, 12000.0)


def farmer(yields: Row = (1.2, 1.0, 0.8)) -> Plain:
    """Birge and Louveaux, Introduction to Stochastic Programming, section 1.1; minimises the loss.

    x: acres of wheat, corn, beets. y: wheat and corn bought; wheat, corn sold, beets sold under and over the quota.
    """
    base = (2.5, 3.0, 20.0)
    return Plain(
        c=[150, 230, 260],
        rows=[([1, 1, 1], "<=", 500)],
        upper=[500, 500, 500],
        q=[238, 210, -170, -150, -36, -10],
        W=[[1, 0, -1, 0, 0, 0], [0, 1, 0, -1, 0, 0], [0, 0, 0, 0, -1, -1], [0, 0, 0, 0, -1, 0]],
        sense=[">=", ">=", ">=", ">="],
        h=[[200, 240, 0, -6000] for _ in yields],
        T=[[[base[0] * k, 0, 0], [0, base[1] * k, 0], [0, 0, base[2] * k], [0, 0, 0]] for k in yields],
        probability=[1 / len(yields)] * len(yields),
    )


def farmer_with_fields() -> Plain:
    """The same farm in four fields of 185, 145, 105 and 65 acres, each with one crop (section 1.1c)."""
    fields, base = (185, 145, 105, 65), farmer()
    blow = [[crop == k for crop in range(3) for _ in fields] * np.array(fields * 3) for k in range(3)]
    return replace(
        base,
        c=np.array(base.c) @ np.array(blow),
        rows=[([float(n % 4 == f) for n in range(12)], "<=", 1) for f in range(4)],
        upper=[1] * 12,
        whole=range(12),
        T=[(np.array(t) @ np.array(blow)).tolist() for t in base.T],
    )


def newsvendor(demand: Row, probability: Row, *, cost: float, price: float, salvage: float) -> Plain:
    """Buy x at a cost; sell y1 at the price, return y2; y1 <= demand. Closed form: a quantile of demand."""
    return Plain(
        c=[cost],
        upper=[2 * max(demand)],
        q=[-price, -salvage],
        W=[[1, 1]],
        sense=["<="],
        h=[[0] for _ in demand],
        T=same([[-1]], len(demand)),
        y_upper=[[d, 2 * max(demand)] for d in demand],
        probability=probability,
    )


def lands(demands: Sequence[Row] = ((3, 3, 2), (5, 3, 2), (7, 3, 2)), probability: Row = (0.3, 0.4, 0.3)) -> Plain:
    """Louveaux and Smeers (1988): four power technologies, three modes of demand; known as LandS, optimum 381.853."""
    q = [40, 45, 32, 55, 24, 27, 19.2, 33, 4, 4.5, 3.2, 5.5]
    W = [[-float(n % 4 == i) for n in range(12)] for i in range(4)]
    W += [[float(n // 4 == j) for n in range(12)] for j in range(3)]
    return Plain(
        c=[10, 7, 16, 6],
        rows=[([1, 1, 1, 1], ">=", 12), ([10, 7, 16, 6], "<=", 120)],
        upper=[20, 20, 20, 20],
        q=q,
        W=W,
        sense=[">="] * 7,
        h=[[0, 0, 0, 0, *d] for d in demands],
        T=same([*np.eye(4).tolist(), *[[0] * 4] * 3], len(demands)),
        probability=probability,
    )


def lands_three() -> Plain:
    """LandS with all three demands random and independent, 27 scenarios, and capacity for the highest of all."""
    three = ((3, 0.3), (5, 0.4), (7, 0.3)), ((2, 0.25), (3, 0.5), (4, 0.25)), ((1, 0.2), (2, 0.5), (3, 0.3))
    picks = list(product(*three))
    found = lands([[d for d, _ in pick] for pick in picks], [float(np.prod([p for _, p in pick])) for pick in picks])
    return replace(found, rows=[([1, 1, 1, 1], ">=", 14), found.rows[1]])


def two_products() -> Plain:
    """Birge and Louveaux, section 5.1, example 1: optimum -855.83 at (46.67, 36.25).

    Its prices are random: a column for each price, open in its own scenario alone.
    """
    demand = [[500, 100], [300, 300]]
    return Plain(
        c=[100, 150],
        rows=[([1, 1], "<=", 120)],
        lower=[40, 20],
        upper=[120, 120],
        q=[-24, -28, -28, -32],
        W=[[6, 10, 6, 10], [8, 5, 8, 5]],
        sense=["<=", "<="],
        h=[[0, 0], [0, 0]],
        T=same([[-60, 0], [0, -80]], 2),
        y_upper=[[*demand[0], 0, 0], [0, 0, *demand[1]]],
        probability=[0.4, 0.6],
    )


def distance() -> Plain:
    """Birge and Louveaux, section 5.1: min E|xi - x| over 0 <= x <= 10, xi of 1, 2, 4; optimum 1 at the median 2."""
    return Plain(
        c=[0],
        upper=[10],
        q=[1, 1],
        W=[[1, -1]],
        sense=["="],
        h=[[1], [2], [4]],
        T=same([[1]], 3),
        probability=[1 / 3] * 3,
    )


def dakota() -> Plain:
    """Higle, Stochastic Programming: Optimization When Uncertainty Matters (INFORMS tutorial, 2005): profit 1,730.

    x: lumber, finishing and carpentry bought; y: desks, tables, chairs made.
    """
    demand = [[50, 20, 200], [150, 110, 225], [250, 250, 500]]
    return Plain(
        c=[2, 4, 5.2],
        upper=[3500, 2500, 1500],
        q=[-60, -40, -10],
        W=[[8, 6, 1], [4, 2, 1.5], [2, 1.5, 0.5]],
        sense=["<="] * 3,
        h=[[0, 0, 0]] * 3,
        T=same((-np.eye(3)).tolist(), 3),
        y_upper=demand,
        probability=[0.3, 0.4, 0.3],
    )


def aircraft(routes: Sequence[int] = (0, 1, 2, 3, 4)) -> Plain:
    """Ferguson and Dantzig (1956), Dantzig's Linear Programming and Extensions, chapter 28: 750 scenarios of demand.

    x: aircraft of four types on five routes; y: passengers turned away, empty seats. Independent by route.
    """
    have = [10, 19, 25, 15]
    seats = [[16, 15, 28, 23, 81], [0, 10, 14, 15, 57], [0, 5, 0, 7, 29], [9, 11, 22, 17, 55]]
    cost = [[18, 21, 18, 16, 10], [0, 15, 16, 14, 9], [0, 10, 0, 9, 6], [17, 16, 17, 15, 10]]
    lost = [13, 13, 7, 7, 1]
    demand = [
        [(200, 0.2), (220, 0.05), (250, 0.35), (270, 0.2), (300, 0.2)],
        [(50, 0.3), (150, 0.7)],
        [(140, 0.1), (160, 0.2), (180, 0.4), (200, 0.2), (220, 0.1)],
        [(10, 0.2), (50, 0.2), (80, 0.3), (100, 0.2), (340, 0.1)],
        [(580, 0.1), (600, 0.8), (620, 0.1)],
    ]
    flights = [(i, j) for i, j in product(range(4), routes) if seats[i][j]]
    picks = list(product(*(demand[j] for j in routes)))
    R = len(routes)
    return Plain(
        c=[cost[i][j] for i, j in flights],
        rows=[([float(i == k) for i, _ in flights], "<=", have[k]) for k in range(4)],
        upper=[have[i] for i, _ in flights],
        q=[lost[j] for j in routes] + [0] * R,
        W=np.hstack([np.eye(R), -np.eye(R)]).tolist(),
        sense=["="] * R,
        h=[[d for d, _ in pick] for pick in picks],
        T=same([[float(seats[i][j]) * (j == k) for i, j in flights] for k in routes], len(picks)),
        probability=[float(np.prod([p for _, p in pick])) for pick in picks],
        label=[*range(R), *range(R)],
    )


def facilities(seed: int, *, sites: int = 5, customers: int = 4, scenarios: int = 6) -> Plain:
    """Open sites (whole), then serve random demand from them or from outside at a high price."""
    rng = np.random.default_rng(seed)
    at, of = rng.random((sites, 2)), rng.random((customers, 2))
    ship = np.linalg.norm(at[:, None] - of[None], axis=2) * 10
    q = [*ship.ravel(), *[25.0] * customers]
    served = np.hstack([np.tile(np.eye(customers), sites), np.eye(customers)]).tolist()
    out = [[-float(n < sites * customers and n // customers == i) for n in range(len(q))] for i in range(sites)]
    capacity = rng.uniform(8, 20, sites)
    return Plain(
        c=rng.uniform(20, 60, sites),
        upper=[1] * sites,
        whole=range(sites),
        q=q,
        W=served + out,
        sense=[">="] * (customers + sites),
        h=[[*rng.uniform(1, 9, customers).round(1), *[0] * sites] for _ in range(scenarios)],
        T=[
            [*[[0] * sites] * customers, *np.diag(capacity * rng.uniform(0.6, 1.0, sites)).tolist()]
            for _ in range(scenarios)
        ],
        probability=rng.dirichlet(np.ones(scenarios)),
    )


def inventory(seed: int, *, periods: int = 4, scenarios: int = 8, room: float = INF, linked: bool = True) -> Plain:
    """Capacity x_t for every period, then make, store and fall short of random demand; balances are linking rows.

    y by period: made at a low cost up to x_t, made overtime, stored, short. Stock starts with what x_0 buys. Without
    bounds on the stock balances are equalities; with ``room`` for so much, what is left over is thrown away.
    """
    rng = np.random.default_rng(seed)
    n = 4 * periods
    W, T, sense = [], [], []
    for t in range(periods):  # made + overtime + stored before - stored + short = demand (less x_0 at first)
        row = np.zeros(n)
        row[4 * t : 4 * t + 4] = 1, 1, -1, 1
        if t:
            row[4 * (t - 1) + 2] = 1
        W.append(row.tolist())
        T.append([float(t == 0), *[0] * periods])
        sense.append("=" if room == INF else ">=")
    for t in range(periods):  # made <= x_t
        W.append([-float(k == 4 * t) for k in range(n)])
        T.append([0, *[float(k == t) for k in range(periods)]])
        sense.append(">=")
    return Plain(
        c=[2.0, *rng.uniform(1, 2, periods)],
        upper=[30] * (periods + 1),
        rows=[([0.0, *[1.0] * periods], "<=", 10.0 * periods)],
        q=[v for _ in range(periods) for v in (1.0, 4.0, 0.3, 15.0)],
        W=W,
        sense=sense,
        h=[[*rng.gamma(4, 3, periods).round(2), *[0] * periods] for _ in range(scenarios)],
        T=same(T, scenarios),
        y_upper=[[v for _ in range(periods) for v in (INF, 6.0, room, INF)]] * scenarios,
        probability=rng.dirichlet(np.ones(scenarios)),
        priced=range(periods) if linked else (),
    )


def anything(seed: int) -> Plain:
    """A random programme of a random kind: whole and negative x, all senses, bounds, parts, linking rows, CVaR.

    Each row has a column of its own at a high price (two for an equality), so that the recourse is complete.
    """
    rng = np.random.default_rng(seed)
    n, parts, S = int(rng.integers(1, 5)), int(rng.integers(1, 4)), int(rng.integers(1, 9))
    per, cols = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    m = parts * per
    W, q, top, label = np.zeros((m, 0)), [], [], []
    for part in range(parts):
        for _ in range(cols):
            column = np.zeros((m, 1))
            column[part * per : (part + 1) * per, 0] = rng.integers(-3, 4, per)
            bounded = rng.random() < 0.5
            W, label = np.hstack([W, column]), [*label, part]
            q.append(float(rng.integers(-4, 6)) if bounded else float(rng.integers(0, 6)))
            top.append(float(rng.integers(0, 6)) if bounded else INF)
    sense = [str(s) for s in rng.choice([">=", "=", "<="], m)]
    for r, s in enumerate(sense):
        for sign in {">=": [1], "<=": [-1], "=": [1, -1]}[s]:
            W, label = np.hstack([W, sign * np.eye(m)[:, [r]]]), [*label, r // per]
            q.append(float(rng.integers(20, 40)))
            top.append(INF)
    tops = np.tile(top, (S, 1))
    if rng.random() < 0.5:
        tops = np.where(np.isfinite(tops), tops + rng.integers(0, 4, tops.shape), tops)
    lower = rng.integers(-4, 1, n).astype(float) if rng.random() < 0.4 else np.zeros(n)
    h, T = rng.integers(-5, 9, (S, m)), rng.integers(-3, 4, (S if rng.random() < 0.6 else 1, m, n))
    limit = rng.integers(1, 3, n)
    return Plain(
        c=rng.integers(-6, 12, n).tolist(),
        rows=[(limit.tolist(), "<=", float(limit @ lower + rng.integers(2, 12)))],
        lower=lower.tolist(),
        upper=(lower + rng.integers(1, 7, n)).tolist(),
        whole=np.flatnonzero(rng.random(n) < 0.6).tolist(),
        q=q,
        W=W.tolist(),
        sense=sense,
        h=(h * (rng.random(h.shape) < 0.7)).tolist(),
        T=[T[s % len(T)].tolist() for s in range(S)],
        y_upper=tops.tolist(),
        probability=rng.dirichlet(np.ones(S)).tolist() if rng.random() < 0.5 else [1 / S] * S,
        label=label if rng.random() < 0.7 else (),
        priced=np.flatnonzero(rng.random(m) < 0.4).tolist() if rng.random() < 0.4 else (),
        weight=float(rng.choice([0, 0, 0.3, 1.0])),
        level=float(rng.choice([0.0, 0.5, 0.9])),
    )
