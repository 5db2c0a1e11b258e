"""What every study does: take a case or a run, keep finished points beside the output, write the folder at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import numpy as np

from portfolio.case import read_case
from portfolio.case.records import Case
from portfolio.report.errors import UsageError
from portfolio.report.folder import check_target
from portfolio.report.pieces import Pieces
from portfolio.report.steps import Clock
from portfolio.report.study import Study, write_study
from portfolio.studies.points import Answer, Point, Terms
from portfolio.studies.rounds import SOLVING, Lessons, mark, solve_points

CaseLike = str | PathLike[str] | Case
"""A case folder, or a validated case."""


def case_of(
    case: CaseLike, overrides: Sequence[str] = (), scenarios: int | None = None, seed: int | None = None
) -> Case:
    """Read a case, with values and a sample in place of its own.

    Raises
    ------
    CaseError
        With every problem of the case.
    UsageError
        Where overrides are given for a case that is no folder, or the sample is out of range.
    """
    given = {name: value for name, value in (("scenarios", scenarios), ("seed", seed)) if value is not None}
    if not isinstance(case, Case):
        return read_case(case, [*overrides, *(f"sampling.{name}={value}" for name, value in given.items())])
    if overrides:
        raise UsageError("overrides apply to the files of a case: give its folder, or change the record")
    if given.get("scenarios", 1) < 1 or given.get("seed", 0) < 0:
        raise UsageError("scenarios has to be at least 1, seed at least 0")
    usual = case.settings.sampling
    sampling = replace(usual, scenarios=given.get("scenarios", usual.scenarios), seed=given.get("seed", usual.seed))
    return replace(case, settings=replace(case.settings, sampling=sampling))


def check_terms(terms: Terms) -> None:
    """Refuse terms out of range before minutes of work.

    Raises
    ------
    UsageError
        Where one is.
    """
    limits = terms.limits
    bad_time = limits.time_limit_s is not None and not limits.time_limit_s > 0
    if not 0 <= limits.gap < np.inf or bad_time or limits.threads < 0:
        raise UsageError("gap and threads have to be at least 0, time_limit above 0")
    if terms.fresh < 0 or terms.fresh == 1 or not 0 < terms.level < 1:
        raise UsageError("fresh has to be 0 or at least 2, level a share between 0 and 1")
    if terms.jobs < 1:
        raise UsageError("jobs has to be at least 1")


@dataclass(frozen=True)
class Desk:
    """Where a study is at work: its output folder, the pieces kept beside it, its terms and clock."""

    target: Path | None
    pieces: Pieces
    terms: Terms
    clock: Clock
    lessons: Lessons = field(default_factory=Lessons)

    @staticmethod
    def of(out: str | PathLike[str] | None, terms: Terms, clock: Clock, *about: object) -> Desk:
        """Check terms and folder; ``about`` is what the study is about: its kind, case or run, settings.

        Raises
        ------
        OutputError
            If the folder exists or cannot be written.
        CheckpointError
            If what is kept beside it is of another study.
        UsageError
            If a term is out of range.
        """
        check_terms(terms)
        target = None if out is None else Path(out)
        if target is not None:
            check_target(target)
        return Desk(target, Pieces.of(target, mark(terms, *about)), terms, clock)

    def solve(self, points: Sequence[Point], saying: str = SOLVING) -> list[Answer]:
        """Solve points, going on from those that are kept; the first one teaches the others.

        A study may ask for several rounds; points of all rounds have different names. ``saying`` is what a terminal is
        told meanwhile.
        """
        with self.clock.phase(SOLVING):
            return solve_points(points, self.terms, self.pieces, self.clock, self.lessons, saying)

    def finish(self, make: Callable[[], Study]) -> Study:
        """Put the study together, write its folder, and remove what was kept on the way."""
        with self.clock.phase("tables"):
            found = make()
        found = replace(found, seconds=dict(self.clock.seconds))
        if self.target is None:
            return found
        written = write_study(found, self.target)
        self.pieces.end()
        return written
