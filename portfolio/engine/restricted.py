"""The master's relaxation by column generation: a small warm programme over packages, for first stages with choices.

Where a first stage falls into groups of choices (projects and their options) that few rows link (budgets, lines), a
point of its relaxation is a mix of packages: at least as tight as the relaxation in columns, and many times smaller.
Bounds are Lagrangian, so that they hold whether or not every package that pays has been generated.
"""

from __future__ import annotations

import highspy
import numpy as np
from scipy import sparse

from portfolio.engine.cuts import CutPool
from portfolio.engine.highs import LinearProgram, SolverError, load
from portfolio.engine.packages import Packages
from portfolio.engine.pricing import Layers
from portfolio.engine.programme import Array, Flags, Integers, TwoStage
from portfolio.engine.relaxation import MOST, VIOLATION, Point, slackest

BATCH = 40
"""Most known packages added at a time."""
PRICED = 200
"""Most choices priced at a time."""
FULL = 1500
"""Packages in the model above which those that do not pay leave."""
PENALTY = 100.0
"""Cost, in objectives, of what no package can do: large, so that it is not done; any value leaves bounds valid."""
ROUNDS = 200
"""Most rounds of pricing."""


class Restricted:
    """The relaxation over packages; serves the search as :class:`portfolio.engine.relaxation.Relaxation` does.

    ``accuracy`` is the part of the objective by which bound and relaxation may differ. Bounds of columns other than the
    binaries of choices are left out, which keeps bounds valid.
    """

    def __init__(self, programme: TwoStage, pool: CutPool, packages: Packages, accuracy: float) -> None:
        self.programme, self.pool, self.layout = programme, pool, pool.layout
        self.packages, self.pricing = packages, packages.pricing
        self.accuracy, self.cutoff = accuracy, np.inf
        n = self.layout.x
        first = programme.first
        self.global_rows = np.flatnonzero(~self.layers.local)
        self.rows = sparse.csr_array(sparse.csr_array(first.matrix)[self.global_rows])
        self.groups = int(self.layers.group.max()) + 1
        owned = np.zeros(n + 1, dtype=bool)
        owned[self.layers.columns] = True
        self.free = np.concatenate([np.flatnonzero(~owned[:n]), np.arange(n, self.layout.size)])
        self.allowed = self.pricing.possible.copy()
        self.needed = np.zeros(self.groups, dtype=bool)
        self.held: list[int] = []
        self.open = np.zeros(0, dtype=bool)
        self.inside: list[int] = []
        self.known = 0
        self.lower, self.upper = first.lower.copy(), first.upper.copy()
        self.forced: frozenset[int] = frozenset()
        self.scale, self.penalty, self.phase_one = 1.0, PENALTY, False
        self.base = self.global_rows.size + self.groups
        self.solver = load(self._empty())
        for option, value in (("threads", 1), ("solver", "simplex"), ("presolve", "off")):
            self.solver.setOptionValue(option, value)

    # -- what the search asks for -------------------------------------------------------------------------------

    @property
    def layers(self) -> Layers:
        """Programmes of the choices as divided so far."""
        return self.pricing.layers

    def restrict(self, lower: Array, upper: Array, forced: frozenset[int]) -> None:
        """Set which choices may be made, and the groups in which one has to be, from bounds of the binaries."""
        select, group = self.layers.select, self.layers.group
        allowed = self.pricing.possible & (upper[select] > 0.5)
        needed = np.zeros(self.groups, dtype=bool)
        held = [select == column for column in np.unique(select[lower[select] > 0.5])]
        for inside in held + [np.isin(select, self.programme.branches[b].columns) for b in forced]:
            own = group[int(inside.argmax())]
            needed[own] = True
            allowed &= (group != own) | inside
        self.lower, self.upper, self.forced = lower, upper, forced
        open_ = self._open(allowed, np.array(self.held, dtype=np.int64))
        moved = np.flatnonzero(open_ != self.open)
        if moved.size:
            where = (self._first_package + moved).astype(np.int32)
            self.solver.changeColsBounds(where.size, where, np.zeros(where.size), np.where(open_[moved], np.inf, 0.0))
            self.open = open_
        for g in np.flatnonzero(needed != self.needed):
            self.solver.changeRowBounds(self.global_rows.size + int(g), 1.0 if needed[g] else -np.inf, 1.0)
        self.allowed, self.needed = allowed, needed

    def _open(self, allowed: Flags, which: Integers) -> Flags:
        """Which of some packages may be used where some choices may be made."""
        choice = self.packages.choice[which]
        return np.asarray(allowed[choice] & (choice >= 0))

    def solve(self) -> Point | None:
        """Solve, with every pooled cut that the solution violates; None where a group has no choice left it needs."""
        if self.allowed.size < self.layers.size:
            self.restrict(self.lower, self.upper, self.forced)
        if not np.isin(np.flatnonzero(self.needed), self.layers.group[self.allowed]).all():
            return None
        while True:
            self._add_new()
            point = self._generate()
            if point is None:
                return None
            short = self.pool.violated(point.x, VIOLATION * (1.0 + abs(point.objective)))
            short[self.inside] = 0.0
            back = np.flatnonzero(short)
            if back.size == 0:
                self._drop(point.x)
                return point
            self._add_cuts(back[np.argsort(-short[back], kind="stable")[:20]].tolist())

    def whole_mix(self, room: float) -> tuple[LinearProgram, Integers]:
        """The relaxation with packages whole, those that cost it least: optima are near the best; and those packages.

        They are its last columns: those met so far whose reduced cost is at most a part of the last value.
        """
        n, solution = self.layout.x, self.solver.getSolution()
        q, sigma = self._prices(np.asarray(solution.row_dual))
        every = np.flatnonzero(self._open(self.allowed, np.arange(self.packages.count)))
        reduced = self.packages.weigh(q, every) - sigma[self.layers.group[self.packages.choice[every]]]
        which: Integers = every[reduced <= room * abs(self.solver.getInfo().objective_function_value)]
        model, spread, choice = self._empty(), self.packages.spread(which, n), self.packages.choice[which]
        one = (np.ones(which.size), (self.layers.group[choice], np.arange(which.size)))
        group = sparse.coo_array(one, shape=(self.groups, which.size))
        own = np.zeros((len(self.inside), self._first_package))
        own[:, : self.free.size] = self.pool.rows[self.inside][:, self.free]
        top = sparse.hstack([model.matrix, sparse.vstack([self.rows @ spread.T, group])])
        cuts = np.hstack([own, self.pool.of_first_stages(self.inside, spread).T])
        model.row_lower[self.global_rows.size :][self.needed] = 1.0
        whole = np.arange(model.cost.size + which.size) >= model.cost.size
        return LinearProgram(
            cost=np.concatenate([model.cost, spread @ self.programme.first.cost]),
            offset=model.offset,
            matrix=sparse.csc_array(sparse.vstack([top, sparse.csr_array(cuts)])),
            row_lower=np.concatenate([model.row_lower, self.pool.lower[self.inside]]),
            row_upper=np.concatenate([model.row_upper, np.full(len(self.inside), np.inf)]),
            lower=np.concatenate([model.lower, np.zeros(which.size)]),
            upper=np.concatenate([model.upper, np.ones(which.size)]),
            integer=whole,
        ), which

    def snapshot(self) -> None:
        """Nothing is worth keeping: the model is small."""

    def restart(self, basis: None) -> None:
        """Go on from where the last solve ended."""

    # -- column generation --------------------------------------------------------------------------------------

    def _generate(self) -> Point | None:
        """Add packages until bound and relaxation agree; None where no packages do what rows and groups ask for."""
        while True:
            bound, x, least = self._converge()
            if self._missing(x) <= VIOLATION or bound >= self.cutoff:
                return self._point(bound, x, least)
            if not self._reachable():
                return None
            self._penalise(10.0 * self.penalty)

    def _converge(self) -> tuple[float, Array, Array]:
        """Add packages that pay: a bound on the relaxation, the last solution, least reduced costs of the choices."""
        stale = False
        for _ in range(ROUNDS):
            value, x, dual = self._run()
            q, sigma = self._prices(dual)
            if self._add_known(q, sigma):
                continue
            tolerance = self.accuracy * (1.0 + abs(value))
            asked = np.where(self.allowed, sigma[self.layers.group] - 0.5 * tolerance / self.groups, -np.inf)
            least = np.where(self.allowed, self.pricing.bounds(q, asked) - sigma[self.layers.group], np.inf)
            bound = value + self._deficit(least)
            if value - bound <= tolerance or bound >= self.cutoff:
                break
            added = self._price(q, sigma, least, -0.5 * tolerance / self.groups)
            if stale and not added:  # rounding is all that is left
                break
            stale = not added
        else:
            least = np.where(self.allowed, self.pricing.bounds(q, asked) - sigma[self.layers.group], np.inf)
            bound = value + self._deficit(least)
        return bound, x, least

    def _missing(self, x: Array) -> float:
        """What slacks make up for in a solution."""
        return float(x[self.free.size : self._first_package].sum())

    def _reachable(self) -> bool:
        """Whether packages can do without slacks: these are minimised alone (phase one)."""
        held = np.array(self.held, dtype=np.int64)
        kept, self.cutoff, self.phase_one = self.cutoff, np.inf, True
        self._set_costs(np.zeros(self.free.size), 1.0, np.zeros(held.size))
        _, x, _ = self._converge()
        self.phase_one, self.cutoff = False, kept
        self._penalise(self.penalty)
        return self._missing(x) <= VIOLATION

    def _penalise(self, penalty: float) -> None:
        """Set what slacks cost."""
        self.penalty, first = penalty, self.programme.first
        held = np.array(self.held, dtype=np.int64)
        self._set_costs(self.free_cost, penalty, self.packages.weigh(first.cost, held))

    def _set_costs(self, free: Array, slack: float, packages: Array) -> None:
        costs = np.concatenate([free, np.full(self.slacks.size, slack), packages])
        self.solver.changeColsCost(costs.size, np.arange(costs.size, dtype=np.int32), costs)

    def _price(self, q: Array, sigma: Array, least: Array, below: float) -> bool:
        """Add the best packages of the choices whose bound lies below a number; whether there were any."""
        doubtful = np.flatnonzero(least < below)
        if doubtful.size == 0:
            return False
        which = np.sort(doubtful[np.argsort(least[doubtful], kind="stable")[:PRICED]])
        cost, package = self.pricing.best(q, which)
        pays = cost - sigma[self.layers.group[which]] < -1e-9 * self.scale
        new = [self.packages.add(int(j), z) for j, z in zip(which[pays], package[pays], strict=True)]
        held = set(self.held)
        missing = [k for k in dict.fromkeys(new) if k not in held]
        self._add_packages(missing)
        return bool(missing)

    def _deficit(self, least: Array) -> float:
        """What packages not in the model could still take off the relaxation's value: the most of one a group."""
        by_group = np.full(self.groups, np.inf)
        np.minimum.at(by_group, self.layers.group, least)
        by_group = np.where(self.needed, by_group, np.minimum(by_group, 0.0))
        return float(np.minimum(by_group, 0.0).sum())

    def _add_known(self, q: Array, sigma: Array) -> bool:
        """Add packages met before that pay; whether there are any."""
        p = self.packages
        reduced = p.costs(q) - sigma[self.layers.group[p.choice[: p.count]]]
        reduced[~self._open(self.allowed, np.arange(p.count))] = 0.0
        reduced[self.held] = 0.0
        pays = np.flatnonzero(reduced < -1e-7 * self.scale)
        if pays.size == 0:
            return False
        self._add_packages(pays[np.argsort(reduced[pays], kind="stable")[:BATCH]].tolist())
        return True

    def _prices(self, dual: Array) -> tuple[Array, Array]:
        """Cost of the first-stage columns at the prices of linking rows and cuts (n,), and prices of groups."""
        n, rows = self.layout.x, self.global_rows.size
        cost = np.zeros(n) if self.phase_one else self.programme.first.cost
        q = cost - self.rows.T @ dual[:rows]
        if self.inside:
            q -= self.pool.summed(self.inside, dual[self.base :])[:n]
        return np.asarray(q), dual[rows : self.base]

    def _point(self, bound: float, x: Array, least: Array) -> Point:
        """A solution in first-stage columns; reduced costs are those of the choices."""
        n, first = self.layout.x, self._first_package
        found = np.zeros(self.layout.size)
        found[self.free] = x[: self.free.size]
        if self.held:
            used = np.flatnonzero(x[first:] > 1e-12)
            mix = self.packages.spread(np.array(self.held, dtype=np.int64)[used], n)
            found[:n] += x[first:][used] @ mix
        reduced = np.zeros(self.layout.size)
        by_select = np.full(n, np.inf)
        np.minimum.at(by_select, self.layers.select, least)
        reduced[:n] = np.where(np.isfinite(by_select), np.maximum(by_select, 0.0), 0.0)
        return Point(bound, found, reduced)

    def divide(self) -> int:
        """Divide the choices whose packages in the last solution use a binary in part; how many.

        A whole first stage uses it or not, so each lies in one of the two; the mix of packages that use it in part is
        cut off. This holds everywhere in the search.
        """
        p, first = self.packages, self._first_package
        x = np.asarray(self.solver.getSolution().col_value)[first:]
        whole = np.append(self.programme.first.integer, False)
        worst: dict[int, tuple[float, int]] = {}
        for n in np.flatnonzero(x > 1e-6):
            k = self.held[n]
            j = int(p.choice[k])
            value = p.value[k]
            part = np.where(whole[self.layers.columns[j]], np.minimum(value, 1.0 - value), 0.0)
            place = int(part.argmax())
            if part[place] > 1e-6 and float(x[n] * part[place]) > worst.get(j, (0.0, 0))[0]:
                worst[j] = float(x[n] * part[place]), place
        for j, (_, place) in sorted(worst.items()):
            p.split(j, place)
        return len(worst)

    # -- the model ----------------------------------------------------------------------------------------------

    @property
    def _first_package(self) -> int:
        """Column of the first package, after free columns and slacks of what no package can do."""
        return int(self.free.size + self.slacks.size)

    def _empty(self) -> LinearProgram:
        """The model without packages or cuts: linking rows, groups; slacks where doing nothing is not allowed."""
        first, n, risk = self.programme.first, self.layout.x, self.programme.cvar_weight
        low, high = first.row_lower[self.global_rows], first.row_upper[self.global_rows]
        own = self.free[self.free < n]
        extra = self.layout.size - n
        base = self.global_rows.size + self.groups
        missing = np.flatnonzero((low > 0) | (high < 0))
        self.slacks = np.concatenate([missing, np.arange(self.global_rows.size, base)])
        sign = np.concatenate([np.where(low[missing] > 0, 1.0, -1.0), np.ones(self.groups)])
        slack = sparse.coo_array((sign, (self.slacks, np.arange(sign.size))), shape=(base, sign.size))
        top = sparse.hstack([self.rows[:, own], sparse.csr_array((self.global_rows.size, extra))])
        matrix = sparse.vstack([top, sparse.csr_array((self.groups, own.size + extra))])
        floor = 0.0 if (self.programme.cost >= 0).all() else -np.inf
        tail = [risk, risk / (1.0 - self.programme.cvar_level)] if self.layout.tail else []
        size = own.size + extra + sign.size
        self.free_cost = np.concatenate([first.cost[own], np.full(self.layout.labels, 1.0 - risk), tail])
        return LinearProgram(
            cost=np.concatenate([self.free_cost, np.full(sign.size, self.penalty)]),
            offset=first.offset,
            matrix=sparse.csc_array(sparse.hstack([matrix, sparse.csr_array(slack)])),
            row_lower=np.concatenate([low, np.full(self.groups, -np.inf)]),
            row_upper=np.concatenate([high, np.ones(self.groups)]),
            lower=np.concatenate(
                [
                    first.lower[own],
                    np.full(self.layout.labels, floor),
                    [floor, 0.0] if self.layout.tail else [],
                    np.zeros(sign.size),
                ]
            ),
            upper=np.concatenate([first.upper[own], np.full(extra + sign.size, np.inf)]),
            integer=np.zeros(size, dtype=bool),
        )

    def _run(self) -> tuple[float, Array, Array]:
        """Solve the model: value, columns and prices of rows."""
        self.solver.run()
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            self.solver.clearSolver()
            self.solver.run()
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise SolverError(
                f"the master ended with status {self.solver.modelStatusToString(self.solver.getModelStatus())}"
            )
        solution = self.solver.getSolution()
        value, x = float(self.solver.getInfo().objective_function_value), np.asarray(solution.col_value)
        worth = value - self.penalty * self._missing(x)
        if not self.phase_one and PENALTY * abs(worth) > 10.0 * self.penalty:
            self.scale = abs(worth)
            self._penalise(PENALTY * self.scale)  # from the next solve on
        return value, x, np.asarray(solution.row_dual)

    def _add_packages(self, which: list[int]) -> None:
        """Put packages into the model."""
        if not which:
            return
        numbers, n = np.array(which, dtype=np.int64), self.layout.x
        spread = self.packages.spread(numbers, n)
        choice = self.packages.choice[numbers]
        group = sparse.csr_array(
            sparse.coo_array(
                (np.ones(numbers.size), (np.arange(numbers.size), self.layers.group[choice])),
                shape=(numbers.size, self.groups),
            )
        )
        parts = [spread @ self.rows.T, group]
        if self.inside:
            parts.append(sparse.csr_array(self.pool.of_first_stages(self.inside, spread)))
        block = sparse.csr_array(sparse.hstack(parts))
        cost = np.zeros(numbers.size) if self.phase_one else spread @ self.programme.first.cost
        open_ = self._open(self.allowed, numbers)
        self.solver.addCols(
            numbers.size,
            np.asarray(cost),
            np.zeros(numbers.size),
            np.where(open_, np.inf, 0.0),
            block.nnz,
            block.indptr[:-1].astype(np.int32),
            block.indices.astype(np.int32),
            block.data,
        )
        self.held += which
        self.open = np.append(self.open, open_)

    def _add_new(self) -> None:
        """Put cuts into the model that it has never had."""
        if self.pool.count > self.known:
            self._add_cuts(list(range(self.known, self.pool.count)))
            self.known = self.pool.count

    def _add_cuts(self, cuts: list[int]) -> None:
        rows, n = self.pool.rows[cuts], self.layout.x
        held = np.array(self.held, dtype=np.int64)
        by_package = np.array([self.packages.weigh(row[:n], held) for row in rows]).reshape(len(cuts), held.size)
        block = sparse.csr_array(np.hstack([rows[:, self.free], np.zeros((len(cuts), self.slacks.size)), by_package]))
        self.solver.addRows(
            len(cuts),
            self.pool.lower[cuts],
            np.full(len(cuts), np.inf),
            block.nnz,
            block.indptr[:-1].astype(np.int32),
            block.indices.astype(np.int32),
            block.data,
        )
        self.inside += cuts

    def _drop(self, x: Array) -> None:
        """Take slack cuts and packages that do not pay out of a model that has too many."""
        if len(self.inside) > MOST:
            leave = slackest(self.pool, self.inside, x, self._basic_rows())
            if leave.size:
                self.solver.deleteRows(leave.size, (self.base + leave).astype(np.int32))
                gone = set(leave.tolist())
                self.inside = [c for n, c in enumerate(self.inside) if n not in gone]
        if len(self.held) > FULL:
            self._drop_packages()

    def _basic_rows(self) -> Flags:
        return np.array([s == highspy.HighsBasisStatus.kBasic for s in self.solver.getBasis().row_status[self.base :]])

    def _drop_packages(self) -> None:
        """Half of the packages leave: those of largest reduced cost."""
        basis, first = self.solver.getBasis(), self._first_package
        status = list(basis.col_status)
        reduced = np.asarray(self.solver.getSolution().col_dual)[first:]
        basic = np.array([s == highspy.HighsBasisStatus.kBasic for s in status[first:]])
        order = np.argsort(-np.where(basic, -1.0, reduced), kind="stable")
        leave: Integers = np.sort([k for k in order[: len(self.held) - FULL // 2] if not basic[k]])
        self.solver.deleteCols(leave.size, (first + leave).astype(np.int32))
        gone = set(leave.tolist())
        self.open = np.delete(self.open, leave)
        self.held = [k for n, k in enumerate(self.held) if n not in gone]
        start = highspy.HighsBasis()
        start.col_status = [s for n, s in enumerate(status) if n - first not in gone]
        start.row_status = list(basis.row_status)
        start.valid = True
        self.solver.setBasis(start)
