"""Decomposition: a master over commitments with cuts from the scenarios (L-shaped, multi-cut by group and material).

Bounds are proven at any time: the bound is the master's, the objective that of a portfolio whose every scenario was
solved.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import highspy
import numpy as np
import numpy.typing as npt
from scipy import sparse

from models import Decision, Instance, build_extensive_form
from portfolio.engine.compile import Compiled, compile_model
from portfolio.engine.highs import LinearProgram, load, solve
from portfolio.engine.master import Master, make_master
from portfolio.engine.protocol import Limits, Progress, ProgressCall, Solution, Status
from portfolio.engine.subproblems import Subproblems, recourse_cost, split, threads

Array = npt.NDArray[np.float64]

GROUPS = 20
"""Groups of scenarios whose cuts are added up, per material."""
ROUNDS = 400
"""Most rounds of the linear phase."""
NEIGHBOURHOODS = 10
"""Most masters over few options before those over all."""
NEIGHBOURS = 30
"""Options in a master over few."""
FLAT = 1e-4
"""Relative gap at which the linear phase stops."""


@dataclass
class Search:
    """State of a solve: the best point, its objective, and the proven bound."""

    instance: Instance
    compiled: Compiled
    problems: Subproblems
    master: Master
    groups: npt.NDArray[np.int64]
    pool: ThreadPoolExecutor
    limits: Limits
    begin: float
    report: ProgressCall | None
    best: Array | None = None
    objective: float = np.inf
    bound: float = -np.inf
    seen: set[bytes] = field(default_factory=set)

    @property
    def left_s(self) -> float:
        """Seconds left."""
        limit = self.limits.time_limit_s
        return np.inf if limit is None else limit - (time.perf_counter() - self.begin)

    @property
    def done(self) -> bool:
        """Whether the gap is reached."""
        return self.objective - self.bound <= max(1e-9, self.limits.gap * abs(self.objective))

    def evaluate(self, x: Array, *, whole: bool) -> float:
        """Objective at a first-stage point, adding its cuts; a whole (integer) point may become the best."""
        values, gradients = self.problems.evaluate(x, self.pool)
        p = self.instance.scenarios.probability
        value = self._grouped(p[:, None] * values)
        gradient = self._grouped(p[:, None, None] * gradients)
        self.master.add(value.ravel(), gradient.reshape(value.size, x.size), x)
        risk, outcome = self.instance.cvar_weight, values.sum(axis=1)
        total = float(self.first_cost @ x + self.compiled.program.offset + (1.0 - risk) * (p @ outcome))
        if risk > 0:
            total += risk * self._tail(outcome, gradients.sum(axis=1), x)
        if whole and total < self.objective:
            self.objective, self.best = total, x.copy()
        return total

    def _tail(self, outcome: Array, gradient: Array, x: Array) -> float:
        """CVaR of the outcomes, adding the cuts of the scenarios beyond its quantile."""
        p, level = self.instance.scenarios.probability, self.instance.cvar_level
        order = np.argsort(outcome, kind="stable")
        quantile = float(outcome[order][np.searchsorted(np.cumsum(p[order]), level - 1e-12)])
        for tail in (outcome > quantile, outcome >= quantile):  # both: either alone leaves eta free on one side
            mass = np.where(tail, p, 0.0)
            weighted = self._grouped(mass[:, None] * gradient)
            self.master.add_tail(self._grouped(mass * outcome), weighted, self._grouped(mass), x)
        beyond = np.where(outcome > quantile, p, 0.0)
        return quantile + float(beyond @ (outcome - quantile)) / (1.0 - level)

    def _grouped(self, values: Array) -> Array:
        """Sums over the scenarios of each group, along the first axis."""
        found = np.zeros((int(self.groups.max()) + 1, *values.shape[1:]))
        np.add.at(found, self.groups, values)
        return found

    @property
    def first_cost(self) -> Array:
        """Cost of the first-stage columns."""
        return self.compiled.program.cost[self.compiled.first_stage]

    def tell(self) -> None:
        """Report progress."""
        if self.report is not None:
            self.report(Progress(time.perf_counter() - self.begin, self.objective, self.bound))


@dataclass(frozen=True)
class Benders:
    """Engine that decomposes by scenario."""

    groups: int = GROUPS

    def solve(
        self,
        instance: Instance,
        limits: Limits,
        *,
        start: Decision | None = None,
        progress: ProgressCall | None = None,
    ) -> Solution:
        """Minimise the objective of an instance; ``start`` is tried beside supporting nothing."""
        begin = time.perf_counter()
        compiled = compile_model(build_extensive_form(instance))
        count = instance.scenarios.size
        problems = split(compiled, count, len(instance.materials), recourse_cost(instance, compiled))
        groups = np.arange(count) % min(self.groups, count)
        master = make_master(compiled, instance, int(groups.max()) + 1)
        seconds = {"build": time.perf_counter() - begin}
        with ThreadPoolExecutor(threads(limits.threads)) as pool:
            search = Search(instance, compiled, problems, master, groups, pool, limits, begin, progress)
            status = _run(search, instance, start, seconds)
        size = {
            "rows": int(compiled.program.matrix.shape[0]),
            "columns": int(compiled.program.matrix.shape[1]),
            "nonzeros": int(compiled.program.matrix.nnz),
            "integers": int(compiled.program.integer.sum()),
            "cuts": sum(block.shape[0] for block in master.rows),
        }
        decision = None
        if search.best is not None:
            x = np.zeros(compiled.program.cost.size)
            x[compiled.first_stage] = search.best
            decision = compiled.decision(x)
        return Solution(
            status, "benders", search.objective, min(search.bound, search.objective), decision, seconds, size, compiled
        )


def _run(search: Search, instance: Instance, start: Decision | None, seconds: dict[str, float]) -> Status:
    """Both phases, with Ctrl-C and the time limit leaving what was found."""
    try:
        starts = [] if instance.must else [Decision()]
        for decision in starts if start is None else [*starts, start]:
            search.evaluate(search.compiled.values(decision), whole=True)
        begin = time.perf_counter()
        feasible = _linear_phase(search)
        seconds["linear phase"] = time.perf_counter() - begin
        if feasible:
            begin = time.perf_counter()
            feasible = _integer_phase(search)
            seconds["integer phase"] = time.perf_counter() - begin
        if not feasible and search.best is None:
            return Status.INFEASIBLE
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    return Status.OPTIMAL if search.done else Status.TIME_LIMIT


def _linear_phase(search: Search) -> bool:
    """Solve the relaxation by cuts at points between the last master's and the best so far (in-out)."""
    n = search.compiled.first_stage.size
    program = search.master.with_cuts()
    solver = load(replace(program, integer=np.zeros_like(program.integer)))
    told = len(search.master.rows)
    inner: Array | None = search.best
    best = search.objective
    for _ in range(ROUNDS):
        for block, lower in zip(search.master.rows[told:], search.master.lower[told:], strict=True):
            _add_rows(solver, block, lower)
        told = len(search.master.rows)
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return False
        search.bound = max(search.bound, solver.getInfo().objective_function_value)
        outer = np.asarray(solver.getSolution().col_value)[:n]
        if inner is None:
            inner = outer
        trial = 0.5 * outer + 0.5 * inner
        value = search.evaluate(trial, whole=False)
        if value < best:
            best, inner = value, trial
        search.tell()
        if best - search.bound <= FLAT * abs(best) or search.left_s <= 0 or search.done:
            break
    search.master.purge(np.asarray(solver.getSolution().col_value))
    return True


def _add_rows(solver: highspy.Highs, block: sparse.csr_array, lower: Array) -> None:
    solver.addRows(
        block.shape[0],
        lower,
        np.full(lower.size, np.inf),
        block.nnz,
        block.indptr.astype(np.int32)[:-1],
        block.indices.astype(np.int32),
        block.data,
    )


def _integer_phase(search: Search) -> bool:
    """Solve the master with integers, cut at what it finds, until bound and objective meet.

    First among the options the relaxation likes, which is fast and gives cuts where they matter; then among all.
    """
    for _ in range(NEIGHBOURHOODS):
        before = search.objective
        if search.done or search.left_s <= 0:
            return True
        program, relaxed = _open(search, NEIGHBOURS)
        if relaxed is None:
            return False
        _solve_master(search, program, 0.3 * search.limits.gap, exact=False)
        if before - search.objective <= 1e-3 * abs(before):
            break
    least, part = max(0.3 * search.limits.gap, 1e-7), 0.5
    while not search.done and search.left_s > 0:
        program, relaxed = _open(search, None)
        if relaxed is None:
            return False
        gap = least
        if np.isfinite(search.objective):
            gap = max(gap, part * (search.objective - search.bound) / max(abs(search.objective), 1e-9))
        word, fresh = _solve_master(search, program, gap, exact=True)
        if word == "infeasible" and search.best is None:
            return False
        if word == "optimal" and not fresh:
            if gap <= max(least, 1e-6):
                break
            part *= 0.1  # nothing new this far from the optimum: the same master again would find the same
    return True


def _solve_master(search: Search, program: LinearProgram, gap: float, *, exact: bool) -> tuple[str, bool]:
    """Solve a master, evaluate what it finds; its status, and whether a point was new. Only an exact one bounds."""
    n = search.compiled.first_stage.size
    found: list[Array] = []
    result = solve(
        program,
        gap=gap,
        time_limit_s=None if np.isinf(search.left_s) else search.left_s,
        threads=search.limits.threads,
        start=_start(search),
        improved=lambda x: found.append(x[:n].copy()),
    )
    if exact:
        search.bound = max(search.bound, min(result.bound, search.objective))
    points = found[-2:] + ([] if result.x is None else [result.x[:n]])
    fresh = [_evaluate_whole(search, x) for x in reversed(points)]
    search.tell()
    if result.status == "interrupted":
        raise KeyboardInterrupt
    return result.status, any(fresh)


def _evaluate_whole(search: Search, x: Array) -> bool:
    """Round and complete an integer point of the master, cut there; whether the point was new."""
    integer = search.master.program.integer[: x.size]
    x = np.where(integer, np.round(x), np.maximum(x, 0.0))
    mark = np.round(x, 9).tobytes()
    if mark in search.seen:
        return False
    search.seen.add(mark)
    for _ in range(8):
        before = search.objective
        value = search.evaluate(x, whole=True)
        x, low = _continuous(search, x)
        if (
            search.left_s <= 0
            or value - low <= 1e-5 * abs(value)
            or low > search.objective
            or (value > before and low > before)
        ):
            break
    return True


def _continuous(search: Search, x: Array) -> tuple[Array, float]:
    """Best shares, rights and purchases for the binaries of x under the cuts; and the master's value there."""
    program, n = search.master.with_cuts(), x.size
    whole = program.integer.copy()
    fixed = np.concatenate([x, np.zeros(program.cost.size - n)])
    result = solve(
        replace(
            program,
            lower=np.where(whole, fixed, program.lower),
            upper=np.where(whole, fixed, program.upper),
            integer=np.zeros_like(whole),
        )
    )
    if result.x is None:
        return x, np.inf
    return np.where(whole[:n], x, np.maximum(result.x[:n], 0.0)), result.objective


def _start(search: Search) -> tuple[npt.NDArray[np.int32], Array] | None:
    if search.best is None:
        return None
    return np.arange(search.best.size, dtype=np.int32), search.best


def _open(search: Search, most: int | None) -> tuple[LinearProgram, Array | None]:
    """Master without what is hopeless, and its relaxation's solution (None where there is none).

    Binaries at zero whose reduced cost exceeds what is still to be gained are fixed: no better portfolio has them.
    With ``most``, only that many options of least reduced cost stay open, and those of the best portfolio.
    """
    program = search.master.with_cuts()
    solver = load(replace(program, integer=np.zeros_like(program.integer)))
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return program, None
    value = solver.getInfo().objective_function_value
    search.bound = max(search.bound, min(value, search.objective))
    x = np.asarray(solver.getSolution().col_value)
    reduced = np.asarray(solver.getSolution().col_dual)
    shut = program.integer & (x < 1e-9) & (reduced > search.objective - value + 1e-6 * abs(search.objective))
    if most is not None:
        shut |= _far(search, x, reduced, most)
    return replace(program, upper=np.where(shut, 0.0, program.upper)), x


def _far(search: Search, x: Array, reduced: Array, most: int) -> npt.NDArray[np.bool_]:
    """Options beyond the ``most`` of least reduced cost that neither relaxation nor best portfolio holds."""
    columns = search.compiled.columns
    select = np.array([columns[c][0] == "select" for c in search.compiled.first_stage])
    held = x[: select.size] > 1e-9
    if search.best is not None:
        held |= search.best > 0.5
    rank = np.where(held, -np.inf, reduced[: select.size])
    near = np.flatnonzero(select)[np.argsort(rank[select], kind="stable")[:most]]
    far = np.zeros(x.size, dtype=bool)
    far[: select.size] = select & ~held
    far[near] = False
    return far
