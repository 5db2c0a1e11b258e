"""Decomposition of any two-stage programme with continuous recourse: cuts, branching, bounds proven at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from portfolio.engine.checkpoint import Checkpoint
from portfolio.engine.passes import Passes, threads
from portfolio.engine.programme import Array, TwoStage
from portfolio.engine.protocol import Limits, Progress, ProgressCall, Status
from portfolio.engine.search import Search, Stopped

FLAT = 0.05
"""Part of the gap asked for at which the linear phase ends."""


@dataclass(frozen=True)
class Found:
    """Result: ``x`` is the best whole first stage found (None without one), bound <= optimum <= objective."""

    status: Status
    x: Array | None
    objective: float
    bound: float
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def minimise(
    programme: TwoStage,
    limits: Limits,
    *,
    starts: Sequence[Array] = (),
    progress: ProgressCall | None = None,
    checkpoint: Path | None = None,
) -> Found:
    """Solve a two-stage programme.

    Parameters
    ----------
    programme : TwoStage
        Any programme with relatively complete, continuous recourse and a bounded first stage.
    limits : Limits
        Relative gap, seconds, threads. The answer does not depend on the number of threads.
    starts : sequence of (x,) arrays
        Whole first stages known to be feasible, tried first.
    progress : callable, optional
        Told of every new bound or objective; may raise ``KeyboardInterrupt``.
    checkpoint : path, optional
        File to keep cuts, incumbent and open nodes in; a search of the same programme goes on from it.

    Raises
    ------
    SolverError
        Where a scenario has no feasible recourse, or HiGHS fails.
    ValueError
        Where the checkpoint belongs to another programme.
    """
    begin = time.perf_counter()

    def tell(objective: float, bound: float) -> None:
        if progress is not None:
            progress(Progress(time.perf_counter() - begin, objective, bound))

    with ThreadPoolExecutor(threads(limits.threads)) as workers:
        search = Search(programme, Passes(programme, workers), limits, begin, tell)
        kept = None if checkpoint is None else Checkpoint(checkpoint, programme)
        status = _run(search, starts, kept)
        if kept is not None:
            kept.close(search, finished=status in (Status.OPTIMAL, Status.INFEASIBLE))
    objective, bound = search.objective, min(search.bound, search.objective)
    return Found(status, search.best, objective, bound, dict(search.seconds), dict(search.counts))


def _run(search: Search, starts: Sequence[Array], kept: Checkpoint | None) -> Status:
    """Both phases, with Ctrl-C and the time limit leaving what was found."""
    try:
        if kept is not None and kept.load(search):
            search.pause = lambda: kept.save(search)
        else:
            if kept is not None:
                search.pause = lambda: kept.save(search)
            for x in starts:
                search.evaluate(x, exact=True, whole=True)
            if not search.linear_phase(min(1e-3, max(FLAT * search.limits.gap, 1e-9))):
                return Status.OPTIMAL if search.best is not None else Status.INFEASIBLE
        search.integer_phase()
    except Stopped:
        return Status.OPTIMAL if search.done else Status.TIME_LIMIT
    except KeyboardInterrupt:
        return Status.INTERRUPTED
    if search.best is None:
        return Status.INFEASIBLE
    return Status.OPTIMAL


def zero_start(programme: TwoStage) -> Array | None:
    """The first stage of doing nothing, where that is allowed."""
    first = programme.first
    x = np.clip(np.zeros(first.cost.size), first.lower, first.upper)
    rows = first.matrix @ x
    allowed = (rows >= first.row_lower - 1e-9).all() and (rows <= first.row_upper + 1e-9).all()
    return x if allowed else None


Pause = Callable[[], None]
