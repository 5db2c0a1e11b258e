"""The engine for many scenarios: the product's programme compiled once and decomposed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from models import Decision, Instance
from portfolio.engine.assembled import Arrays, compile_instance
from portfolio.engine.decomposition import minimise, zero_start
from portfolio.engine.learned import Learned
from portfolio.engine.protocol import Limits, Progress, ProgressCall, Solution
from portfolio.engine.stability import scaled, stability


@dataclass(frozen=True)
class Benders:
    """Engine that decomposes by scenario.

    ``checkpoint`` is a file that a stopped search goes on from, ``about`` a note to be kept in it; ``teacher`` is what
    the solve of an instance like this one learned, ``learn`` says whether this one is to teach others; see
    :func:`portfolio.engine.decomposition.minimise`.
    """

    checkpoint: Path | None = None
    about: str = ""
    teacher: Learned | None = field(default=None, repr=False)
    learn: bool = False

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
        return self.solve_arrays(
            compile_instance(instance), instance, limits, start=start, progress=progress, begin=begin
        )

    def solve_arrays(
        self,
        arrays: Arrays,
        instance: Instance,
        limits: Limits,
        *,
        start: Decision | None = None,
        progress: ProgressCall | None = None,
        begin: float | None = None,
    ) -> Solution:
        """Minimise an instance that is compiled already; ``begin`` is when its time began."""
        begin = time.perf_counter() if begin is None else begin
        report = stability(arrays.programme)
        programme, factor = scaled(arrays.programme)
        built = time.perf_counter() - begin
        nothing = zero_start(programme)
        starts = [] if nothing is None else [nothing]
        if start is not None:
            starts.append(arrays.point(instance, start))
        left = None if limits.time_limit_s is None else limits.time_limit_s - built
        found = minimise(
            programme,
            Limits(limits.gap, left, limits.threads, None if limits.target is None else limits.target * factor),
            starts=starts,
            progress=None if progress is None else lambda p: progress(_in_units(p, factor)),
            checkpoint=self.checkpoint,
            about=self.about,
            teacher=None if self.teacher is None else self.teacher.in_columns(arrays.first.columns),
            learn=self.learn,
        )
        lesson = None if found.learned is None else replace(found.learned, columns=arrays.first.columns)
        return Solution(
            status=found.status,
            method="benders",
            objective=found.objective / factor,
            bound=found.bound / factor,
            decision=None if found.x is None else arrays.first.decision(found.x),
            seconds={"compile": built, **found.seconds},
            size=_size(arrays, found.counts),
            arrays=arrays,
            stability=report,
            learned=lesson,
        )


def _in_units(progress: Progress, factor: float) -> Progress:
    """Progress of a scaled programme in the units of the instance."""
    return replace(progress, objective=progress.objective / factor, bound=progress.bound / factor)


def _size(arrays: Arrays, counts: dict[str, int]) -> dict[str, int]:
    """Rows, columns and so on of the extensive form that was never built, and what the search did."""
    p, first = arrays.programme, arrays.programme.first
    return {
        "rows": int(first.matrix.shape[0] + p.scenarios * p.matrix.shape[0]),
        "columns": int(first.cost.size + p.scenarios * p.cost.size),
        "integers": int(np.count_nonzero(first.integer)),
        **{name.replace(" ", "_"): count for name, count in counts.items()},
    }
