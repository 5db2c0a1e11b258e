"""Which projects are in all portfolios within a slack, in some, in none: asked of the solver, project by project."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from portfolio.engine.protocol import Status
from portfolio.engine.variation import Changes
from portfolio.studies.points import Answer, Point

if TYPE_CHECKING:
    from portfolio.studies.asking import Asker

IN, OUT = "in", "out"
SWEEPS = (1 / 40, 1 / 12, 1 / 4)
"""Parts of the whole time that a question may take when it is asked for the first, second and third time."""
FIRST = 0.5
"""Part of the whole time after which no question is asked for the first time before alternatives are looked for."""
ROUND = 2
"""Questions asked before it is looked what their portfolios say of other projects; the same for any number of jobs."""


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


@dataclass
class Inquiry:
    """Asks, project by project, what the portfolios found so far do not show: whether one has it, one does without.

    Every portfolio found answers for all projects. Questions have little time at first, those left open more of it the
    next time, the ones nearest to a proof first. ``floor`` is a bound proven on all portfolios.
    """

    asker: Asker
    projects: tuple[str, ...]
    best: Answer
    most: float
    floor: float
    proven: dict[tuple[str, str], float] = field(default_factory=dict)

    def first(self) -> None:
        """Ask for the first time, for a part of the whole time."""
        self._sweep(0, FIRST)

    def verdicts(self) -> tuple[Verdict, ...]:
        """Ask what was not asked, then again as long as there is time; say what is known of every project then."""
        for number in range(len(SWEEPS)):
            self._sweep(number, 1.0)
        return tuple(self._verdict(p) for p in self.projects)

    def _sweep(self, number: int, until: float) -> None:
        seconds = self.asker.patience.part(SWEEPS[number])
        due = [q for q in self._open() if self._name(*q, number) not in self.asker.asked]
        order = sorted(due, key=lambda q: -self.proven.get(q, self.floor))
        while order and not self.asker.patience.past(until):
            few, order = order[:ROUND], order[ROUND:]
            points = [self._point(way, p, number, seconds) for way, p in few]
            saying = f"questions about projects: {len(self._open())} open"
            for question, answer in zip(few, self.asker.all(saying, points), strict=True):
                self.proven[question] = max(self.proven.get(question, self.floor), bound_of(answer))
            left = set(self._open())
            order = [q for q in order if q in left]

    def _open(self) -> list[tuple[str, str]]:
        """Questions that neither a portfolio found nor a bound answers."""
        sets = [a.supported for a in self.asker.within(self.most)]
        found = [(IN, p) for p in self.projects if not any(p in s for s in sets)]
        found += [(OUT, p) for p in self.projects if not any(p not in s for s in sets)]
        return [q for q in found if self.proven.get(q, self.floor) <= self.most]

    def _point(self, way: str, project: str, number: int, seconds: float | None) -> Point:
        own = frozenset({project})
        changes = Changes(must=own) if way == IN else Changes(never=own)
        name = self._name(way, project, number)
        return Point(name, self.asker.case, changes, target=self.most, measured=False, time_limit_s=seconds)

    def _name(self, way: str, project: str, number: int) -> str:
        return f"{way}_{project}_{number + 1}"

    def _verdict(self, project: str) -> Verdict:
        sides = []
        answers = [self.best, *self.asker.asked.values()]
        for way, has in ((IN, True), (OUT, False)):
            found = [a.objective for a in answers if a.decision is not None and (project in a.supported) == has]
            bound = max(self.floor, self.proven.get((way, project), self.floor))
            sides.append(Side(min(found, default=float("inf")), bound))
        return Verdict(project, *sides)


def bound_of(answer: Answer) -> float:
    """Proven lower bound of an answer; infinite where there is no portfolio."""
    return float("inf") if answer.status is Status.INFEASIBLE else answer.bound
