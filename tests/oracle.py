"""An independent statement of the two-stage programme: NumPy and SciPy alone, sharing no code with the product.

It reads the data attributes of an instance and nothing that the instance computes, states the first stage and the
recourse itself, enumerates the choices of projects and branches over the binaries left. It differs in form on
purpose: no block, row or variable is left out because it looks certain, what runs and what is delivered is
substituted, and the stock is a sum over the years instead of a recursion.

``oracle_value`` gives the optimum of a tiny instance, ``recourse_value`` what one scenario makes of a decision,
``objective_value`` the objective of a decision (of any size, also one read from a run folder) and ``violations`` the
first-stage rows that a decision breaks. A decision is anything with the mappings ``select``, ``use``, ``take``,
``share``, ``rights`` and ``purchase``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import LinearConstraint, linprog, milp

Key = tuple[Any, ...]
Affine = dict[Key, float]
ONE: Key = ()
"""Key of the constant of an affine expression."""
BINARY = ("select", "use", "take")
FIRST = ("select", "use", "take", "share", "rights", "purchase")
TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


def combine(parts: Iterable[tuple[float, Affine]]) -> Affine:
    """Sum of factor times expression."""
    out: Affine = {}
    for factor, expression in parts:
        for key, value in expression.items():
            out[key] = out.get(key, 0.0) + float(factor) * value
    return out


def var(*key: Any) -> Affine:
    return {key: 1.0}


@dataclass
class Program:
    """min cost x, every row an affine expression <= 0 or == 0, with the number of its equation."""

    columns: dict[Key, int] = field(default_factory=dict)
    upper: list[float] = field(default_factory=list)
    rows: list[tuple[str, Affine, bool]] = field(default_factory=list)
    cost: Affine = field(default_factory=dict)

    def add(self, *key: Any, upper: float = np.inf) -> Affine:
        self.columns[key] = len(self.columns)
        self.upper.append(upper)
        return var(*key)

    def le(self, number: str, *parts: tuple[float, Affine]) -> None:
        self.rows.append((number, combine(parts), False))

    def eq(self, number: str, *parts: tuple[float, Affine]) -> None:
        self.rows.append((number, combine(parts), True))

    def arrays(self, equal: bool) -> tuple[sparse.csr_array, np.ndarray]:
        """Matrix and right-hand side of the rows that are (in)equalities."""
        rows = [expression for _, expression, kind in self.rows if kind is equal]
        entries = [(n, self.columns[k], v) for n, row in enumerate(rows) for k, v in row.items() if k != ONE]
        n, c, v = zip(*entries, strict=True) if entries else ((), (), ())
        matrix = sparse.csr_array((v, (n, c)), shape=(len(rows), len(self.columns)))
        return matrix, np.array([-row.get(ONE, 0.0) for row in rows])

    def costs(self) -> np.ndarray:
        cost = np.zeros(len(self.columns))
        for key, value in self.cost.items():
            if key != ONE:
                cost[self.columns[key]] += value
        return cost


# First stage ---------------------------------------------------------------------------------------------------------


def _pick(i: Any, kinds: Iterable[str], option: Key) -> list[Key]:
    """Shares of some kinds in one option."""
    p, a, v = option
    return [s for s in i.shares if (s[1], s[3], s[4]) == (p, a, v) and i.kind_of[s[2]] in kinds]


def _sum(name: str, keys: Iterable[Key]) -> Affine:
    return combine((1.0, var(name, *key)) for key in keys)


def first_stage_columns(lp: Program, i: Any) -> None:
    for key in i.options:
        lp.add("select", *key, upper=1.0)
    for p, n, v in dict.fromkeys((s[1], s[2], s[4]) for s in i.shares):
        lp.add("use", p, n, v, upper=1.0)
    for f, p, v in dict.fromkeys((s[0], s[1], s[4]) for s in i.shares):
        lp.add("take", f, p, v, upper=1.0)
    for key in i.shares:
        lp.add("share", *key)
    for r, key in product(i.regions, i.options):
        lp.add("rights", r, *key)
    if i.stock_stage >= 0:
        for f, m, v in product(i.members, i.materials, i.windows):
            lp.add("purchase", f, m, v)


def first_stage_rows(lp: Program, i: Any) -> None:
    _packages(lp, i)
    for option in i.options:
        _financing(lp, i, option)
        _promises(lp, i, option)
    _feed(lp, i)
    _placeable(lp, i)
    _money(lp, i)
    for p in i.must:
        lp.eq("8", (1.0, _sum("select", [o for o in i.options if o[0] == p])), (-1.0, {ONE: 1.0}))
    if i.outside:
        lp.le("8b", (1.0, _sum("share", [s for s in i.shares if s[0] in i.outside])))
        lp.le("8b", (1.0, _sum("purchase", [k for k in i.purchases if k[0] in i.outside])))
    for p in i.never:
        lp.eq("8", (1.0, _sum("select", [o for o in i.options if o[0] == p])))


def _packages(lp: Program, i: Any) -> None:
    """(1) and (2)."""
    uses = [k[1:] for k in lp.columns if k[0] == "use"]
    for p in i.projects:
        lp.le("1", (1.0, _sum("select", [o for o in i.options if o[0] == p])), (-1.0, {ONE: 1.0}))
        for v in i.windows:
            chosen = _sum("select", [o for o in i.options if (o[0], o[2]) == (p, v)])
            package = [u for u in uses if (u[0], u[2]) == (p, v)]
            lp.le("1", (1.0, chosen), (-1.0, _sum("use", package)))
            for u in package:
                lp.le("1", (1.0, var("use", *u)), (-1.0, chosen))
    for p, n, v in uses:
        shares = [s for s in i.shares if (s[1], s[2], s[4]) == (p, n, v)]
        low, high = i.share_bounds[n]
        lp.le("2", (low, var("use", p, n, v)), (-1.0, _sum("share", shares)))
        lp.le("2", (1.0, _sum("share", shares)), (-high, var("use", p, n, v)))
        for f in {s[0] for s in shares}:
            lp.le("2", (1.0, _sum("share", [s for s in shares if s[0] == f])), (-high, var("take", f, p, v)))
    for f, p, v in [k[1:] for k in lp.columns if k[0] == "take"]:
        charged = [(-i.shares[s].charge_usd_m, var("share", *s)) for s in i.shares if (s[0], s[1], s[4]) == (f, p, v)]
        lp.le("2", (i.min_ticket.get(f, 0.0), var("take", f, p, v)), *charged)


def _financing(lp: Program, i: Any, option: Key) -> None:
    """(3), (4), (4b) and (5), in money where the design speaks of money."""
    o, select = i.options[option], var("select", *option)
    lp.eq("3", (1.0, _sum("share", _pick(i, ("cfd", "offtake"), option))), (-o.tranche, select))
    lp.eq("3", (1.0, _sum("share", _pick(i, ("guarantee",), option))), (-o.guaranteed, select))
    money = _sum("share", _pick(i, ("loan", "equity", "grant"), option))
    lp.eq("4", (o.uses_usd_m, money), (-o.uses_usd_m * o.gap, select))
    loans = _sum("share", _pick(i, ("loan",), option))
    lp.le("4b", (o.uses_usd_m, loans), (o.debt_usd_m - o.debt_limit_usd_m, select))
    equity = _sum("share", _pick(i, ("equity",), option))
    for s in (s for s in i.shares if (s[1], s[3], s[4]) == option):
        cap, kind, mine = i.shares[s].cap, i.kind_of[s[2]], var("share", *s)
        if kind == "equity":
            whole = combine([(o.equity_usd_m, select), (o.uses_usd_m, equity)])
            lp.le("5", (o.uses_usd_m, mine), (-cap, whole))
        else:
            lp.le("5", (1.0, mine), (-cap * (o.guaranteed if kind == "guarantee" else 1.0), select))
    lp.le("5", (i.private_minimum - o.private_share - 1e-12, select))


def _promises(lp: Program, i: Any, option: Key) -> None:
    """(6): rights are earned, and no tonne is promised twice in any year, stage or material."""
    p, at = option[0], i.projects.index(option[0])
    for r in i.regions:
        earned = [
            (-i.rights_ratio[s[2]], var("share", *s))
            for s in i.shares
            if (s[1], s[3], s[4]) == option and i.region_of[s[0]] == r
        ]
        lp.le("6", (1.0, var("rights", r, *option)), *earned)
    delivered = _sum("rights", [(r, *option) for r in i.regions])
    offtake = _sum("share", _pick(i, ("offtake",), option))
    for k, m in product(range(len(i.stages)), range(len(i.materials))):
        if i.captive[at, k, m] + i.process[at, k, m] > 0:
            for t in range(len(i.years)):
                free = 1.0 - i.precommitted[at, k, m, t]
                lp.le("6", (1.0, delivered), (-free, var("select", *option)))
                lp.le("6", (1.0, offtake), (-free, var("select", *option)))
    lp.le("6", (1.0, delivered), (-1.0, var("select", p, *option[1:])))


def _feed(lp: Program, i: Any) -> None:
    """(4c): feed that all selected processors need against feed that incumbents and selected projects make."""
    for k, m in product(range(1, len(i.stages)), range(len(i.materials))):
        parts = [(-float(i.incumbent_feed[k - 1, m]), {ONE: 1.0})]
        for option in i.options:
            at = i.projects.index(option[0])
            select = var("select", *option)
            parts.append((i.utilisation[at] * i.process[at, k, m] / i.recovery[k], select))
            parts.append((-i.captive[at, k - 1, m] - i.utilisation[at] * i.process[at, k - 1, m], select))
        lp.le("4c", *parts)


def _placeable(lp: Program, i: Any) -> None:
    """(6b)."""
    shape = (len(i.regions), len(i.stages), len(i.materials), len(i.years))
    offtakes = [s for s in i.shares if i.kind_of[s[2]] == "offtake"]
    for r, k, m, t in np.ndindex(*shape):
        parts = [(-i.placeable_share * i.forecast[r, k, m, t], {ONE: 1.0})]
        for s in offtakes:
            o, at = i.options[s[1], s[3], s[4]], i.projects.index(s[1])
            if i.region_of[s[0]] == i.regions[r] and o.first_year <= i.years[t] <= o.last_year:
                parts.append((i.captive[at, k, m] + i.process[at, k, m], var("share", *s)))
        if len(parts) == 1:
            continue
        if k + 1 < len(i.stages):
            feed = i.placeable_share / i.recovery[k + 1]
            parts.append((-feed * i.slots[r, k + 1, m], {ONE: 1.0}))
            for (p, a, v), o in i.options.items():
                running = o.first_year <= i.years[t] <= o.last_year
                slots = i.process[i.projects.index(p), k + 1, m] if running else 0.0
                parts.append((-feed * slots, var("rights", i.regions[r], p, a, v)))
        lp.le("6b", *parts)


def commitments(lp: Program, i: Any, f: str, v: int) -> Affine:
    """Charges of member f in window v, USD M."""
    parts = [(i.shares[s].charge_usd_m, var("share", *s)) for s in i.shares if (s[0], s[4]) == (f, v)]
    for key in lp.columns:
        if key[0] == "use" and key[3] == v:
            may = {s[0] for s in i.shares if (s[1], s[2], s[4]) == key[1:]}
            whole = sum(i.cost_key.get((g, key[2]), 0.0) for g in may)
            part = i.cost_key.get((f, key[2]), 0.0) / whole if whole > 0 else 1.0 / len(may)
            parts.append((i.fixed_cost[key[2]] * (part if f in may else 0.0), var(*key)))
        if key[0] == "take" and (key[1], key[3]) == (f, v):
            parts.append((i.admin_usd_m, var(*key)))
        if key[0] == "purchase" and (key[1], key[3]) == (f, v):
            parts.append((i.stock_cost[i.materials.index(key[2]), i.windows.index(v)], var(*key)))
    return combine(parts)


def _money(lp: Program, i: Any) -> None:
    """(7), (7b), (8) and the limit on purchases (12a)."""
    for f in i.members:
        parts: list[tuple[float, Affine]] = []
        for v in sorted(i.windows):
            parts += [(1.0, commitments(lp, i, f, v)), (-i.budget.get((f, v), 0.0), {ONE: 1.0})]
            back = [
                (-amount, var("share", *s))
                for s in i.shares
                if i.relend and s[0] == f and s[4] < v
                for window, amount in i.shares[s].repaid_usd_m
                if window == v
            ]
            lp.le("7", *parts, *back)
        payouts = [(i.shares[s].payout95_usd_m, var("share", *s)) for s in i.shares if s[0] == f]
        lp.le("7b", *payouts, (-i.liquidity[f], {ONE: 1.0}))
    budgets = sum(i.budget.values())
    for place, part in ((lambda p: p, i.max_project_share), (lambda p: i.country_of[p], i.max_country_share)):
        for where in {place(p) for p in i.projects} if part < 1 else ():
            spent = [(i.shares[s].charge_usd_m, var("share", *s)) for s in i.shares if place(s[1]) == where]
            lp.le("8", *spent, (-part * budgets, {ONE: 1.0}))
    if i.stock_stage >= 0:
        for (r, region), (n, m), (w, v) in product(*(enumerate(x) for x in (i.regions, i.materials, i.windows))):
            buyers = [(f, m, v) for f in i.members if i.region_of[f] == region]
            lp.le("12a", (1.0, _sum("purchase", buyers)), (-i.purchase_limit[r, n, w], {ONE: 1.0}))


def public_cost(lp: Program, i: Any) -> Affine:
    """Expected public cost, USD M."""
    parts = [(i.shares[k[1:]].cost_usd_m, var(*k)) for k in lp.columns if k[0] == "share"]
    parts += [(i.fixed_cost[k[2]], var(*k)) for k in lp.columns if k[0] == "use"]
    parts += [(i.admin_usd_m, var(*k)) for k in lp.columns if k[0] == "take"]
    for k in lp.columns:
        if k[0] == "purchase":
            parts.append((i.stock_cost[i.materials.index(k[2]), i.windows.index(k[3])], var(*k)))
    return combine(parts)


# Recourse ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Scenario ``s`` of an instance as expressions of the first-stage columns."""

    i: Any
    s: int

    def length(self, m: int, t: int, b: int) -> float:
        phi = float(self.i.scenarios.disrupted[self.s, m, t])
        return phi if b == 0 else 1.0 - phi

    def running(self, p: int, t: int) -> Affine:
        """With support what the option makes, without it what would have run anyway, rivals included."""
        i, data = self.i, self.i.scenarios
        alone = float(data.unaided[self.s, p, t])
        parts: list[tuple[float, Affine]] = [(alone, {ONE: 1.0})]
        for j, key in enumerate(i.options):
            if key[0] == i.projects[p]:
                kept = 1.0 - float(data.lost[self.s, p, i.windows.index(key[2])])
                parts.append((float(data.output[self.s, j, t]) - alone * kept, var("select", *key)))
        return combine(parts)

    def delivered(self, r: int, p: int, t: int) -> Affine:
        i, inside = self.i, self.i.scenarios.contracted[self.s]
        return combine(
            (float(inside[j, t]), var("rights", i.regions[r], *key))
            for j, key in enumerate(i.options)
            if key[0] == i.projects[p]
        )

    def reaches(self, p: int, r: int, k: int, m: int, t: int, b: int) -> float:
        c = self.i.countries.index(self.i.country_of[self.i.projects[p]])
        return float(self.i.scenarios.available[self.s, c, r, k, m, t]) if b == 0 else 1.0

    def offer(self, capacity: Any, cell: Key, to: Iterable[int] = ()) -> Affine:
        """Tonnes of all projects that reach a cell; with ``to``, of those whose country spares one of these regions."""
        i, (r, k, m, t, b) = self.i, cell
        calm = b == 1
        performance, access_factor = (1.0, 1.0) if calm else (i.crisis_performance, i.crisis_access)
        parts: list[tuple[float, Affine]] = []
        for p in range(len(i.projects)):
            if capacity[p, k, m] == 0 or (to and not any(self.reaches(p, x, k, m, t, b) >= 1 - 1e-12 for x in to)):
                continue
            tonnes = capacity[p, k, m] * self.length(m, t, b) * self.reaches(p, r, k, m, t, b)
            promised = float(i.precommitted[p, k, m, t])
            running, by_right = self.running(p, t), [self.delivered(x, p, t) for x in range(len(i.regions))]
            market = combine([(1.0 - promised, running)] + [(-1.0, d) for d in by_right])
            parts.append((tonnes * access_factor * i.access[p, r], market))
            parts.append((tonnes * performance, by_right[r]))
            if i.precommitted_to[p, k, m] == r:
                parts.append((tonnes * performance * promised, running))
        return combine(parts)


def recourse_columns(lp: Program, w: World) -> Iterator[Key]:
    """Add the columns of a scenario; yield every cell (r, k, m, t, b)."""
    i, s = w.i, w.s
    regions = range(len(i.regions))
    for cell in np.ndindex(len(i.regions), len(i.stages), len(i.materials), len(i.years), 2):
        r, k, m, t, b = cell
        wanted = float(i.scenarios.demand[s, r, k, m, t]) * w.length(m, t, b)
        alpha = float(i.shallow_share[m])
        lp.add("shallow", s, *cell, upper=alpha * wanted)
        lp.add("deep", s, *cell, upper=(1.0 - alpha) * wanted)
        lp.add("make", s, *cell, upper=np.inf if k > 0 else 0.0)
        cut = bool(i.scenarios.cut[s, r, m, t])
        may = i.stock_stage == k and (i.release_any or (b == 0 and cut))
        lp.add("release", s, *cell, upper=np.inf if may else 0.0)
        for other in regions:
            lp.add("out", s, other, *cell, upper=0.0 if other == r or i.solidarity[k] <= 0 else np.inf)
        yield cell
    for k, m, t in np.ndindex(len(i.stages), len(i.materials), len(i.years)):
        lp.add("worst", s, k, m, t)


def recourse_rows(lp: Program, w: World) -> None:
    """(9) to (14) of one scenario; ``out`` is indexed by destination first, then by the cell it leaves."""
    i, s, data = w.i, w.s, w.i.scenarios
    regions = range(len(i.regions))
    for cell in list(recourse_columns(lp, w)):
        r, k, m, t, b = cell
        scale = w.length(m, t, b)
        imports, toll = (float(x[s, b, r, k, m, t]) * scale for x in (data.imports, data.toll))
        if k > 0:
            offered = w.offer(i.process, cell)
            lp.le("9", (1.0, var("make", s, *cell)), (-1.0, offered), (-toll, {ONE: 1.0}))
        need = [(float(data.demand[s, r, k, m, t]) * scale - imports, {ONE: 1.0})]
        if k + 1 < len(i.stages):
            need.append((1.0 / i.recovery[k + 1], var("make", s, r, k + 1, m, t, b)))
        have = [(-1.0, w.offer(i.captive, cell))]
        have += [(-1.0, var(name, s, *cell)) for name in ("make", "release", "shallow", "deep")]
        for other in regions:
            need.append((1.0, var("out", s, other, *cell)))
            have.append((-1.0, var("out", s, r, other, k, m, t, b)))
        lp.le("10", *need, *have)
        _transfers(lp, w, cell)
    _stock(lp, w)
    for k, m, t in np.ndindex(len(i.stages), len(i.materials), len(i.years)):
        for r in regions if i.fairness_weight[k, m, t] > 0 else ():
            agreed = float(i.agreed_ratio[r] * i.forecast[r, k, m, t])
            if agreed > 0:
                short = [(1.0, var(d, s, r, k, m, t, b)) for d in ("shallow", "deep") for b in (0, 1)]
                lp.le("14", *short, (-agreed, var("worst", s, k, m, t)))


def _transfers(lp: Program, w: World, cell: Key) -> None:
    """(13): to any set of partners no more than goods that may go to one of them; what embargoes them stays."""
    i, s, (r, k, m, t, b) = w.i, w.s, cell
    partners = [x for x in range(len(i.regions)) if x != r]
    if i.solidarity[k] <= 0:
        return
    scale, sigma = w.length(m, t, b), float(i.solidarity[k])
    for size in range(1, len(partners) + 1):
        for some in combinations(partners, size):
            sent = combine((1.0, var("out", s, x, *cell)) for x in some)
            goods = scale * max(float(i.scenarios.reexport[s, b, r, x, k, m, t]) for x in some)
            own = combine([(1.0, w.offer(i.captive, cell, some)), (goods, {ONE: 1.0})])
            lp.le("13", (1.0, sent), (-sigma, own), (-sigma, var("make", s, *cell)))
            made = combine(
                [(1.0, w.offer(i.process, cell, some)), (scale, {ONE: float(i.scenarios.toll[s, b, *cell[:4]])})]
            )
            if k > 0:
                lp.le("13", (1.0, sent), (-sigma, own), (-sigma, made))


def _stock(lp: Program, w: World) -> None:
    """(12) as a sum over the years: what was there or bought, less losses, covers what was released."""
    i, s = w.i, w.s
    keep = 1.0 - i.stock_loss
    for r, m, until in np.ndindex(len(i.regions), len(i.materials), len(i.years)):
        if i.stock_stage < 0:
            break
        parts = [(-(keep ** (until + 1)) * float(i.opening[r, m]), {ONE: 1.0})]
        for t in range(until + 1):
            left = keep ** (until - t)
            phi, cut = float(i.scenarios.disrupted[s, m, t]), float(i.scenarios.cut[s, r, m, t])
            parts += [(left, var("release", s, r, i.stock_stage, m, t, b)) for b in (0, 1)]
            parts += [
                (-left * (1.0 - phi * cut), var("purchase", f, i.materials[m], v))
                for f, v in product(i.members, i.windows)
                if i.region_of[f] == i.regions[r] and v == i.years[t]
            ]
        lp.le("12", *parts)


def shortfall_cost(i: Any, s: int) -> Affine:
    """Z of a scenario: weighted, discounted tonnes."""
    shape = (len(i.regions), len(i.stages), len(i.materials), len(i.years), 2)
    return combine(
        (float(i.weight[d, m, t] * i.region_weight.get(i.regions[r], 1.0)), var(name, s, r, k, m, t, b))
        for r, k, m, t, b in np.ndindex(*shape)
        for d, name in enumerate(("shallow", "deep"))
    )


def side_cost(lp: Program, i: Any, s: int) -> Affine:
    """Transfers and the worst ratio of a scenario."""
    parts = [(i.transfer_cost, var(*k)) for k in lp.columns if k[0] == "out" and k[1] == s]
    parts += [(float(i.fairness_weight[k[2:]]), var(*k)) for k in lp.columns if k[0] == "worst" and k[1] == s]
    return combine(parts)


# Solving -------------------------------------------------------------------------------------------------------------


def _benchmarks(lp: Program, i: Any) -> Affine:
    """(8a); returns what is paid for what is missing."""
    for name, b in i.benchmarks.items():
        lp.add("miss", name, upper=0.0 if b.penalty is None else np.inf)
        gained = [(-float(gain), var("select", *key)) for key, gain in b.gain_tpy.items()]
        lp.le("8a", *gained, (-1.0, var("miss", name)), (b.need_tpy, {ONE: 1.0}))
    return combine((b.penalty or 0.0, var("miss", name)) for name, b in i.benchmarks.items())


def _payout_tail(lp: Program, i: Any) -> None:
    """(7c): a member's payouts in the mean of the worst scenarios, as a maximum over weights of scenarios, dualised."""
    for f, limit in i.payout_limit.items():
        paid = {s: [float(x) for x in i.payouts[s]] for s in i.shares if s[0] == f and s in i.payouts}
        size = max((len(x) for x in paid.values()), default=0)
        lp.add("payout_eta", f)
        for n in range(size):
            lp.add("payout_excess", f, n)
            payout = combine((x[n], var("share", *s)) for s, x in paid.items())
            lp.le("7c", (1.0, payout), (-1.0, var("payout_eta", f)), (-1.0, var("payout_excess", f, n)))
        beyond = [(1.0 / (size * (1.0 - i.payout_level)), var("payout_excess", f, n)) for n in range(size)]
        lp.le("7c", (1.0, var("payout_eta", f)), *beyond, (-float(limit), {ONE: 1.0}))


def whole_program(i: Any) -> Program:
    """First stage, every scenario, mean and CVaR of what each scenario costs, public cost."""
    lp = Program()
    first_stage_columns(lp, i)
    first_stage_rows(lp, i)
    parts: list[tuple[float, Affine]] = [(i.cost_weight, public_cost(lp, i)), (1.0, _benchmarks(lp, i))]
    _payout_tail(lp, i)
    probability = [float(p) for p in i.scenarios.probability]
    weight, level = float(i.cvar_weight), float(i.cvar_level)
    lp.add("eta")
    parts.append((weight, var("eta")))
    for s, p in enumerate(probability):
        recourse_rows(lp, World(i, s))
        outcome = combine([(1.0, shortfall_cost(i, s)), (1.0, side_cost(lp, i, s))])
        lp.add("excess", s)
        lp.le("CVaR", (1.0, outcome), (-1.0, var("eta")), (-1.0, var("excess", s)))
        parts += [((1.0 - weight) * p, outcome), (weight * p / (1.0 - level), var("excess", s))]
    lp.cost = combine(parts)
    return lp


def oracle_value(i: Any) -> tuple[float, SimpleNamespace | None]:
    """Optimum and one optimal decision of a tiny instance; (inf, None) where no portfolio is feasible.

    Every choice of none or one option per project is visited; below it ``use`` and ``take`` are branched on. A branch
    ends where its linear programme is infeasible or no better than the best portfolio so far.
    """
    lp = whole_program(i)
    (a_ub, b_ub), (a_eq, b_eq), cost = lp.arrays(False), lp.arrays(True), lp.costs()
    binary = [n for k, n in lp.columns.items() if k[0] in BINARY]
    best: list[Any] = [np.inf, None]

    def solve(fixed: Mapping[int, float]) -> Any:
        bounds = [(fixed.get(n, 0.0), fixed.get(n, u)) for n, u in enumerate(lp.upper)]
        return linprog(cost, a_ub, b_ub, a_eq, b_eq, bounds, method="highs", options=TIGHT)

    def descend(fixed: dict[int, float]) -> None:
        found = solve(fixed)
        if found.status == 2 or found.fun >= best[0] - 1e-10:
            return
        assert found.status == 0, found.message
        open_ = [n for n in binary if n not in fixed and min(found.x[n], 1.0 - found.x[n]) > 1e-9]
        if not open_:
            best[:] = [found.fun, found.x]
        for value in (1.0, 0.0) if open_ else ():
            descend({**fixed, open_[0]: value})

    choices = [[None, *(o for o in i.options if o[0] == p)] for p in i.projects]
    for combo in product(*choices):
        descend({lp.columns["select", *o]: float(o in combo) for o in i.options})
    return float(best[0]), None if best[1] is None else _decision(lp, best[1])


def milp_value(i: Any) -> float:
    """The optimum once more, by SciPy's own mixed-integer solver on the oracle's statement."""
    lp = whole_program(i)
    (a_ub, b_ub), (a_eq, b_eq) = lp.arrays(False), lp.arrays(True)
    rows = [LinearConstraint(a_ub, ub=b_ub), LinearConstraint(a_eq, b_eq, b_eq)]
    integer = np.array([k[0] in BINARY for k in lp.columns], dtype=float)
    found = milp(lp.costs(), integrality=integer, bounds=(0.0, lp.upper), constraints=rows, options={"mip_rel_gap": 0})
    return float(found.fun) if found.x is not None else np.inf


def _decision(lp: Program, x: np.ndarray) -> SimpleNamespace:
    values: dict[str, dict[Key, float]] = {name: {} for name in FIRST}
    for key, n in lp.columns.items():
        if key[0] in FIRST and x[n] > 1e-12:
            values[key[0]][key[1:]] = float(x[n])
    return SimpleNamespace(**values)


def _value(expression: Affine, known: Mapping[Key, float]) -> float:
    return sum(v * (1.0 if k == ONE else known.get(k, 0.0)) for k, v in expression.items())


def _known(decision: Any) -> dict[Key, float]:
    return {(name, *k): float(v) for name in FIRST for k, v in getattr(decision, name).items()}


def recourse_value(i: Any, decision: Any, s: int) -> tuple[float, dict[str, Any]]:
    """Z of scenario ``s`` under a decision, and its arrays.

    The arrays are ``shallow``, ``deep``, ``make``, ``release``, ``sent``, ``received`` of shape (R, K, M, T), tonnes,
    and the numbers ``side`` and ``total`` = Z + side, which is what the recourse minimises.
    """
    known = _known(decision)
    lp = Program()
    recourse_rows(lp, World(i, s))
    lp.rows = [
        (n, combine([(1.0, {k: v for k, v in row.items() if k in lp.columns}), (1.0, {ONE: _outside(row, known)})]), e)
        for n, row, e in lp.rows
    ]
    side = side_cost(lp, i, s)
    lp.cost = combine([(1.0, shortfall_cost(i, s)), (1.0, side)])
    a, b = lp.arrays(False)
    found = linprog(lp.costs(), a, b, bounds=[(0.0, u) for u in lp.upper], method="highs", options=TIGHT)
    assert found.status == 0, found.message
    values = {key: float(found.x[n]) for key, n in lp.columns.items()}
    shape = (len(i.regions), len(i.stages), len(i.materials), len(i.years))
    arrays: dict[str, Any] = {
        name: np.zeros(shape) for name in ("shallow", "deep", "make", "release", "sent", "received")
    }
    for key, value in values.items():
        if key[0] in arrays:
            arrays[key[0]][key[2:6]] += value
        elif key[0] == "out":
            to, r, k, m, t, _ = key[2:]
            arrays["sent"][r, k, m, t] += value
            arrays["received"][to, k, m, t] += value
    z = _value(shortfall_cost(i, s), values)
    return z, {**arrays, "side": _value(side, values), "total": float(found.fun)}


def _outside(row: Affine, known: Mapping[Key, float]) -> float:
    """Value of the constant and the first-stage part of a row."""
    return _value({k: v for k, v in row.items() if k == ONE or k[0] in FIRST}, known)


def tail_mean(values: Iterable[float], probability: Iterable[float], level: float) -> float:
    """CVaR by its dual: the worst mean under probabilities at most p / (1 - level)."""
    z, p = np.asarray(list(values), dtype=float), np.asarray(list(probability), dtype=float)
    bounds = [(0.0, x / (1.0 - level)) for x in p]
    return -float(linprog(-z, A_eq=np.ones((1, z.size)), b_eq=[1.0], bounds=bounds, method="highs", options=TIGHT).fun)


def cost_value(i: Any, decision: Any) -> float:
    """Expected public cost of a decision, USD M."""
    lp = Program()
    first_stage_columns(lp, i)
    return _value(public_cost(lp, i), _known(decision))


def objective_value(i: Any, decision: Any) -> float:
    """Objective of a decision, from the recourse of every scenario."""
    totals = [recourse_value(i, decision, s)[1]["total"] for s in range(len(i.scenarios.probability))]
    p, risk = i.scenarios.probability, float(i.cvar_weight)
    tail = tail_mean(totals, p, i.cvar_level) if risk > 0 else 0.0
    missed = sum((b.penalty or 0.0) * max(0.0, _missing(b, decision)) for b in i.benchmarks.values())
    mean = (1.0 - risk) * float(p @ np.array(totals))
    return mean + risk * tail + i.cost_weight * cost_value(i, decision) + missed


def _missing(benchmark: Any, decision: Any) -> float:
    return float(benchmark.need_tpy - sum(benchmark.gain_tpy.get(k, 0.0) * x for k, x in decision.select.items()))


def payout_tail(i: Any, decision: Any, member: str) -> float:
    """CVaR of a member's payouts over the equally likely scenarios of the cost sample, USD M."""
    paid = sum(i.payouts[s] * x for s, x in decision.share.items() if s[0] == member and s in i.payouts)
    values = np.atleast_1d(np.asarray(paid, dtype=float))
    return tail_mean(values, np.full(values.size, 1.0 / values.size), i.payout_level)


def violations(i: Any, decision: Any, tolerance: float = 1e-6) -> list[tuple[str, float]]:
    """Numbers of the first-stage equations that a decision breaks, and by how much; broken binaries as ``binary``."""
    lp, known = Program(), _known(decision)
    first_stage_columns(lp, i)
    first_stage_rows(lp, i)
    out = [("key", 1.0) for key in known if key not in lp.columns]
    out += [("binary", v) for k, v in known.items() if k[0] in BINARY and abs(v - round(v)) > tolerance]
    out += [("sign", v) for v in known.values() if v < -tolerance]
    for number, row, equal in lp.rows:
        value = _value(row, known)
        if value > tolerance or (equal and value < -tolerance):
            out.append((number, value))
    for name, b in i.benchmarks.items():
        if b.penalty is None and _missing(b, decision) > tolerance:
            out.append((f"8a {name}", _missing(b, decision)))
    for f, limit in i.payout_limit.items():
        if payout_tail(i, decision, f) > limit + tolerance:
            out.append((f"7c {f}", payout_tail(i, decision, f) - limit))
    return out
