"""A study of budgets against one solve: processor time of the points, all in one process and one run.

``python -m tests.benchmarks.study CASE`` solves a case at its largest budgets from nothing, then at others, taught by
the first as in a study. What is timed is sampling, assembly, compilation and search; nothing is measured on fresh
scenarios. ``--alone`` solves every point untaught too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from portfolio.case.records import Case
from portfolio.engine.learned import Learned
from portfolio.engine.protocol import Limits, Solution
from portfolio.engine.variation import Changes
from portfolio.studies.budgets import budget_changes, scaled
from portfolio.studies.running import case_of
from portfolio.studies.solving import Prepared

FACTORS = tuple(round(1.2 - 0.08 * n, 2) for n in range(10))
"""Factors on all budgets, the largest first."""


@dataclass(frozen=True)
class Timed:
    """Seconds of processor time of a point, what it found and how; ``alone_s`` is that of the point untaught."""

    factor: float
    cpu_s: float
    objective: float
    bound: float
    nodes: int
    passes: int
    alone_s: float | None = None
    alone_objective: float | None = None
    alone_bound: float | None = None


@dataclass(frozen=True)
class StudyTimed:
    """A study: ``prepared_s`` is what comes before the first search; points, the first one untaught."""

    scenarios: int
    gap: float
    prepared_s: float
    points: tuple[Timed, ...]

    @property
    def ratio(self) -> float:
        """The whole study over its first point."""
        first = self.prepared_s + self.points[0].cpu_s
        return (self.prepared_s + sum(p.cpu_s for p in self.points)) / first

    @property
    def point_ratio(self) -> float:
        """Mean of the points taught over the first point, both from the programme on."""
        taught = [p.cpu_s for p in self.points[1:]]
        return sum(taught) / len(taught) / self.points[0].cpu_s


def study(
    case: Case, factors: Sequence[float] = FACTORS, gap: float = 0.01, threads: int = 1, *, alone: bool = False
) -> StudyTimed:
    """Time a study of budgets; kernels are compiled or loaded before."""
    loosest = scaled(case, {m.member: factors[0] for m in case.members})
    limits = Limits(gap, None, threads)
    Prepared.of(loosest).solve(_changes(case, factors[0]), Limits(1.0, None, threads))
    begin = time.process_time()
    ready = Prepared.of(loosest)
    prepared = time.process_time() - begin
    points: list[Timed] = []
    teacher: Learned | None = None
    for n, factor in enumerate(factors):
        seconds, found = _timed(ready, case, factor, limits, teacher, learn=n == 0)
        teacher = found.learned if n == 0 else teacher
        other = _timed(ready, case, factor, limits, None, learn=False) if alone and n else None
        points.append(
            Timed(
                factor, seconds, found.objective, found.bound, found.size.get("nodes", 0), found.size.get("passes", 0),
                None if other is None else other[0],
                None if other is None else other[1].objective,
                None if other is None else other[1].bound,
            )
        )  # fmt: skip
    return StudyTimed(case.settings.sampling.scenarios, gap, prepared, tuple(points))


def _changes(case: Case, factor: float) -> Changes:
    return budget_changes(case, {m.member: factor for m in case.members})


def _timed(
    ready: Prepared, case: Case, factor: float, limits: Limits, teacher: Learned | None, *, learn: bool
) -> tuple[float, Solution]:
    begin = time.process_time()
    found = ready.solve(_changes(case, factor), limits, teacher, learn=learn)
    return time.process_time() - begin, found


def main(arguments: Sequence[str] | None = None) -> None:
    """Time a study and write what was found as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.study", description=__doc__)
    parser.add_argument("case", type=Path)
    parser.add_argument("--scenarios", type=int)
    parser.add_argument("--gap", type=float, default=0.01)
    parser.add_argument("--factors", type=float, nargs="+", default=FACTORS)
    parser.add_argument("--alone", action="store_true", help="solve every point untaught too")
    given = parser.parse_args(arguments)
    found = study(case_of(given.case, [], given.scenarios), given.factors, given.gap, alone=given.alone)
    record = asdict(found) | {"ratio": found.ratio, "point_ratio": found.point_ratio}
    sys.stdout.write(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
