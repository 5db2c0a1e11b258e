"""Which projects are in all portfolios within a slack, in some, in none: asked of the solver, project by project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from portfolio.engine.protocol import Status
from portfolio.engine.variation import Changes
from portfolio.studies.points import Answer, Point

IN, OUT = "in", "out"


class Support(Enum):
    """What is proven of a project over all portfolios whose objective is within the slack."""

    ALL = "in all"
    SOME = "in some"
    NONE = "in none"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Side:
    """Portfolios with a project, or those without it.

    Attributes
    ----------
    objective : float
        Least objective found among them; infinite where none was found.
    bound : float
        Proven lower bound on all of them; infinite where there are none.
    """

    objective: float
    bound: float


@dataclass(frozen=True)
class Verdict:
    """A project, the portfolios with and without it, and what follows for a slack."""

    project: str
    with_it: Side
    without_it: Side

    def support(self, most: float) -> Support:
        """What is proven for portfolios with an objective of at most ``most``."""
        if self.without_it.bound > most:
            return Support.ALL
        if self.with_it.bound > most:
            return Support.NONE
        if self.with_it.objective <= most and self.without_it.objective <= most:
            return Support.SOME
        return Support.UNDECIDED


def questions(best: Point, projects: Sequence[str], known: Iterable[Answer], most: float) -> list[Point]:
    """Points that ask, for every project, what portfolios known do not show: whether one has it, one does without."""
    sets = [a.supported for a in known if a.objective <= most]
    asked = []
    for p in projects:
        if not any(p in s for s in sets):
            asked.append(Point(f"{IN}_{p}", best.case, Changes(must=frozenset({p})), target=most))
        if not any(p not in s for s in sets):
            asked.append(Point(f"{OUT}_{p}", best.case, Changes(never=frozenset({p})), target=most))
    return asked


def verdict(project: str, answers: Sequence[Answer], asked: Sequence[Answer], floor: float) -> Verdict:
    """Put together what is known of a project.

    Parameters
    ----------
    project : str
    answers : sequence of Answer
        Portfolios known, of whatever points.
    asked : sequence of Answer
        Answers to :func:`questions`.
    floor : float
        Proven lower bound on all portfolios.
    """
    by_name = {a.name: a for a in asked}
    sides = []
    for way, has in ((IN, True), (OUT, False)):
        found = [a.objective for a in (*answers, *asked) if a.decision is not None and (project in a.supported) == has]
        question = by_name.get(f"{way}_{project}")
        bound = floor if question is None else max(floor, bound_of(question))
        sides.append(Side(min(found, default=float("inf")), bound))
    return Verdict(project, *sides)


def bound_of(answer: Answer) -> float:
    """Proven lower bound of an answer; infinite where there is no portfolio."""
    return float("inf") if answer.status is Status.INFEASIBLE else answer.bound
