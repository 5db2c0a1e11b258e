"""Decomposition of any two-stage programme with continuous recourse: cuts, branching, bounds proven at any time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from portfolio.engine.checkpoint import Checkpoint, discard
from portfolio.engine.highs import LinearProgram, solve
from portfolio.engine.interrupts import Interrupts
from portfolio.engine.learned import Learned, learned, recourse_mark
from portfolio.engine.passes import Passes, threads
from portfolio.engine.programme import Array, TwoStage
from portfolio.engine.protocol import Limits, Progress, ProgressCall, Status
from portfolio.engine.relaxation import relaxed
from portfolio.engine.search import Search
from portfolio.engine.tree import TimeLimitError

LARGE = 400
"""Scenarios from which on the linear phase is first solved on a part of them."""
FEW = 100
"""Fewest scenarios of that part."""
FLAT = 1.0
"""Part of the gap asked for at which the linear phase ends."""

ALLOWED = 1e-7
"""What a start may miss rules by: the solver's own tolerance."""
ROUNDING = 1e-12
"""Part of the terms of a row that counts as rounding."""


@dataclass(frozen=True)
class Found:
    """Result: ``x`` is the best whole first stage found (None without one), bound <= optimum <= objective.

    ``learned`` is what other searches may begin with, where it was asked for.
    """

    status: Status
    x: Array | None
    objective: float
    bound: float
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    learned: Learned | None = field(default=None, repr=False)


def minimise(
    programme: TwoStage,
    limits: Limits,
    *,
    starts: Sequence[Array] = (),
    progress: ProgressCall | None = None,
    checkpoint: Path | None = None,
    about: str = "",
    teacher: Learned | None = None,
    learn: bool = False,
) -> Found:
    """Solve a two-stage programme.

    Parameters
    ----------
    programme : TwoStage
        Any programme with relatively complete, continuous recourse and a bounded first stage, in units in which costs
        are neither tiny nor huge; see :func:`portfolio.engine.stability.scaled`.
    limits : Limits
        Relative gap, seconds, threads. Passes give the same numbers for any number of threads.
    starts : sequence of (x,) arrays
        Whole first stages known to be feasible, tried first; not by a search that goes on and has a better one.
    progress : callable, optional
        Told of every new bound or objective; may raise ``KeyboardInterrupt``.
    checkpoint : path, optional
        File to keep cuts, incumbent and open nodes in; a search of the same programme goes on from it. It stays until
        whoever asked for it has no more use for it (:func:`portfolio.engine.checkpoint.discard`), except where there
        is no feasible first stage.
    about : str
        Written into the checkpoint, for :func:`portfolio.engine.checkpoint.peek`.
    teacher : Learned, optional
        What a search of a programme like this one learned, in the columns of this first stage; any is safe.
    learn : bool
        Whether to return what this search learned.

    Raises
    ------
    SolverError
        Where a scenario has no feasible recourse, or HiGHS fails.
    CheckpointError
        Where the checkpoint belongs to another programme, cannot be read, or another process is at work on it.
    """
    begin, proven = time.perf_counter(), -np.inf

    def tell(objective: float, bound: float) -> None:
        nonlocal proven
        proven = max(proven, min(bound, objective))
        if progress is not None:
            progress(Progress(time.perf_counter() - begin, objective, bound))

    kept = None if checkpoint is None else Checkpoint(checkpoint, programme, about)
    mark = recourse_mark(programme) if learn or teacher is not None else ""
    try:
        with ThreadPoolExecutor(threads(limits.threads)) as workers, Interrupts() as interrupts:
            packages = None if teacher is None else teacher.packages_for(programme)
            search = Search(programme, Passes(programme, workers), limits, begin, tell, packages)
            told = [] if teacher is None else _be_taught(search, teacher, mark)
            status = _run(search, [*starts, *told], kept, interrupts)
            # Interrupted just anywhere, a node may be lost: the last file and the last bound told stand.
            if not interrupts.hard:
                proven = min(search.bound, search.objective)
                if kept is not None:
                    kept.save(search, now=True)
    finally:
        if kept is not None:
            kept.release()
    if kept is not None and status is Status.INFEASIBLE:
        discard(kept.path)
    seconds = search.seconds | ({"earlier runs": kept.earlier_s} if kept is not None and kept.earlier_s else {})
    taken = learned(mark, search) if learn else None
    proven = min(proven, search.objective)
    return Found(status, search.best, search.objective, proven, seconds, dict(search.counts), taken)


def _be_taught(search: Search, teacher: Learned, mark: str) -> list[Array]:
    """Begin with what another search learned; returns its best first stage where that is allowed here."""
    if teacher.recourse == mark:
        search.taught = True
        teacher.give_cuts(search.pool)
    teacher.give_tree(search)
    best = teacher.best
    return [best] if best is not None and allowed(search.programme.first, best) else []


def _run(search: Search, starts: Sequence[Array], kept: Checkpoint | None, interrupts: Interrupts) -> Status:
    """Both phases, with Ctrl-C and the time limit leaving what was found."""
    branching = kept is not None and kept.load(search)

    def pause() -> None:
        interrupts.check()
        if kept is not None:
            kept.save(search)

    search.pause = pause
    try:
        if not branching:
            for x in starts if search.best is None else ():
                search.evaluate(x, exact=True, whole=True)
            if search.pool.count == 0 and not _first_cut(search):
                return Status.INFEASIBLE
            flat = min(1e-3, max(FLAT * search.limits.gap, 1e-9))
            resumed = kept is not None and kept.earlier_s > 0
            points = [] if resumed or search.taught else _rehearse(search, flat)
            for x in points:
                search.check()
                search.evaluate(x, exact=False)
            if not search.linear_phase(flat, points[-1] if points else None):
                return _ended(search)
        if not search.settled:
            search.integer_phase()
    except TimeLimitError:
        return _ended(search) if search.done else Status.TIME_LIMIT
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    return _ended(search)


def _ended(search: Search) -> Status:
    """How a search ended that had nothing left to look for."""
    if search.settled:
        return Status.DECIDED
    return Status.INFEASIBLE if search.best is None else Status.OPTIMAL


def _first_cut(search: Search) -> bool:
    """Cut where the first stage alone is cheapest, without which the recourse may be unbounded; False where none is."""
    result = solve(relaxed(search.programme.first))
    if result.x is None:
        return False
    x = np.clip(result.x, search.programme.first.lower, search.programme.first.upper)
    search.evaluate(x, exact=True, whole=search.is_whole(x))
    return True


def _rehearse(search: Search, flat: float) -> list[Array]:
    """Solve the relaxation on a part of a large sample first: where it was cut is where the whole has to be.

    Early rounds of the linear phase learn little from each scenario, so few scenarios do.
    """
    programme = search.programme
    if programme.scenarios < LARGE:
        return []
    few = slice(0, max(FEW, programme.scenarios // 20))
    probability = programme.probability[few] / programme.probability[few].sum()
    part = replace(programme, probability=probability)
    limits = Limits(search.limits.gap, search.limits.time_limit_s, search.limits.threads)
    rehearsal = Search(
        part, Passes(part, search.passes.workers), limits, search.begin, lambda *_: search.check(), search.packages
    )
    begin = time.perf_counter()
    if not _first_cut(rehearsal):
        return []
    feasible = rehearsal.linear_phase(flat)
    search.seconds["linear phase"] += time.perf_counter() - begin
    return rehearsal.telling_points() if feasible else []


def zero_start(programme: TwoStage) -> Array | None:
    """The first stage of doing nothing, where that is allowed."""
    first = programme.first
    x = np.clip(np.zeros(first.cost.size), first.lower, first.upper)
    return x if allowed(first, x) else None


def allowed(first: LinearProgram, x: Array) -> bool:
    """Whether a point keeps bounds and rows, and whole columns are whole."""
    rows = first.matrix @ x
    room = ALLOWED + ROUNDING * (abs(first.matrix) @ np.abs(x))
    inside = (x >= first.lower - ALLOWED).all() and (x <= first.upper + ALLOWED).all()
    kept = (rows >= first.row_lower - room).all() and (rows <= first.row_upper + room).all()
    return bool(inside and kept and (np.abs(x - np.round(x))[first.integer] <= ALLOWED).all())
