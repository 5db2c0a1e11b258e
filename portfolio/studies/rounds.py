"""Solving the points of a study: side by side, kept as they are done, the first one before those that learn from it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import joblib

from portfolio.engine.learned import Learned
from portfolio.report.errors import UsageError
from portfolio.report.pieces import Pieces
from portfolio.report.steps import Clock, Step
from portfolio.studies.marks import hash_of
from portfolio.studies.points import Answer, Point, Terms, answer_of
from portfolio.studies.solving import solve_point

SOLVING = "solving points"
"""Phase of the work."""


@dataclass
class Lessons:
    """The first point as solved last, by hash: its piece and what it teaches. Rounds of a study share one."""

    held: tuple[str, dict[str, Any], Learned | None] | None = None


def solve_points(
    points: Sequence[Point],
    terms: Terms,
    pieces: Pieces,
    clock: Clock,
    lessons: Lessons | None = None,
    saying: str = SOLVING,
) -> list[Answer]:
    """Solve and measure points, those that are not kept; the first one before the others, which learn from it.

    With ``lessons`` the first point is not solved again where an earlier round had the same. ``saying`` is what
    listeners are told.

    Raises
    ------
    OutputError
        Where a finished point cannot be kept.
    """
    names = [p.name for p in points]
    if len(set(names)) < len(names):
        raise ValueError("points of a study need different names")
    kept = {p.name: _kept(pieces, p) for p in points}
    hashes = {p.name: hash_of(p) for p in points}
    due = [p for p in points if kept[p.name] is None]

    def keep(name: str, found: dict[str, Any]) -> None:
        kept[name] = found
        pieces.put(name, found | {"point": hashes[name]})
        clock.tell(Step(saying, sum(v is not None for v in kept.values()), len(points)))

    teacher = None
    if due:
        clock.tell(Step(saying, len(points) - len(due), len(points)))
        lesson, memory = hashes[points[0].name] + mark(terms), lessons or Lessons()
        if memory.held is None or memory.held[0] != lesson:
            # Solved again where it is kept but others are not: what it teaches is not kept, and is the same every time.
            memory.held = (lesson, *solve_point(points[0], terms, None, learn=True))
        _, found, teacher = memory.held
        keep(points[0].name, found)
    rest = [p for p in due if p is not points[0]]
    for name, found in _side_by_side(rest, terms, teacher):
        keep(name, found)
    return [answer_of(p, kept[p.name] or {}) for p in points]


def mark(terms: Terms, *about: object) -> str:
    """Hash of what all points of a study depend on; not of how many are solved side by side."""
    return hash_of(replace(terms, jobs=1, cluster=None), about)


def _kept(pieces: Pieces, point: Point) -> dict[str, Any] | None:
    """What is kept of a point; nothing where the name stood for another point."""
    found = pieces.get(point.name)
    return found if found is not None and found.get("point") == hash_of(point) else None


def _side_by_side(
    points: Sequence[Point], terms: Terms, teacher: Learned | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names of points and what was found, as they are done."""
    if terms.cluster is None and (terms.jobs == 1 or len(points) <= 1):
        for p in points:
            yield p.name, solve_point(p, terms, teacher)[0]
        return
    work = (joblib.delayed(_named)(p, terms, teacher) for p in points)
    with _workers(terms):
        yield from joblib.Parallel(n_jobs=terms.jobs, return_as="generator_unordered")(work)


@contextmanager
def _workers(terms: Terms) -> Iterator[None]:
    """Where joblib does its work: processes here, or the workers of a Dask cluster.

    Raises
    ------
    UsageError
        Where Dask is not installed.
    """
    if terms.cluster is None:
        with joblib.parallel_config(backend="loky"):
            yield
        return
    try:
        distributed: Any = importlib.import_module("distributed")
    except ModuleNotFoundError as fault:
        raise UsageError("a cluster needs Dask: pip install 'portfolio[cluster]'") from fault
    with distributed.Client(terms.cluster), joblib.parallel_config(backend="dask"):
        yield


def _named(point: Point, terms: Terms, teacher: Learned | None) -> tuple[str, dict[str, Any]]:
    return point.name, solve_point(point, terms, teacher)[0]
