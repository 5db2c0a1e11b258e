"""Questions put to the solver one after the other, as long as there is time.

Time is counted in seconds of the answers, those kept from an earlier sitting included: a study that goes on after a
stop has as much of it in all as one that was never stopped. A question that is not asked for lack of it has an answer
all the same, which says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from portfolio.case.records import Case
from portfolio.engine.protocol import Limits, Status
from portfolio.engine.variation import Changes
from portfolio.report.steps import Step
from portfolio.studies.points import Answer, Point, Terms
from portfolio.studies.running import Desk

MAIN = 0.25
"""Part of the whole time that one of the main searches may take."""
QUESTION = 1 / 16
"""Part of it that any other question may take."""
PATIENCE_S = 240.0
"""Seconds of a study of questions where no number is given."""
NOT_ASKED = "not asked: the time was over"


def terms_of(
    gap: float, time_limit: float | None, threads: int, fresh: int, level: float, jobs: int, cluster: str | None
) -> Terms:
    """Terms of a study of questions: ``time_limit`` is that of all of them, the limit of one is a part of it."""
    each = None if time_limit is None else QUESTION * time_limit
    return Terms(Limits(gap, each, threads), fresh, level, jobs, cluster)


@dataclass
class Patience:
    """Seconds for all questions together (None: any number of them), and those used."""

    whole_s: float | None
    used_s: float = 0.0

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return self.whole_s is not None and self.used_s >= self.whole_s

    def past(self, share: float) -> bool:
        """Whether a share of the time is over."""
        return self.whole_s is not None and self.used_s >= share * self.whole_s

    def part(self, share: float) -> float | None:
        """Seconds of a search that may take a share of the whole."""
        return None if self.whole_s is None else share * self.whole_s

    def spend(self, answers: Sequence[Answer], jobs: int) -> None:
        """Count answers found side by side."""
        took = [a.seconds for a in answers]
        self.used_s += max([*took, sum(took) / jobs]) if took else 0.0


@dataclass(frozen=True)
class Asker:
    """Asks of one case; ``teacher`` is the point solved first, from which the others learn.

    ``asked`` keeps what was asked already, by name, with its answer.
    """

    desk: Desk
    patience: Patience
    teacher: Point
    asked: dict[str, Answer] = field(default_factory=dict)

    @property
    def case(self) -> Case:
        """The case."""
        return self.teacher.case

    @property
    def jobs(self) -> int:
        """Questions asked side by side."""
        return self.desk.terms.jobs

    def first(self, saying: str) -> Answer:
        """Answer of the teacher, whatever the time."""
        return self._solved(saying, [])[0]

    def ask(self, saying: str, point: Point) -> Answer:
        """Answer of one question."""
        return self.all(saying, [point])[0]

    def all(self, saying: str, points: Sequence[Point]) -> list[Answer]:
        """Answers of questions, as many side by side as there are jobs; after the time is over they say nothing."""
        found: list[Answer] = []
        for begin in range(0, len(points), self.jobs):
            few = points[begin : begin + self.jobs]
            found += [nothing(p) for p in few] if self.patience.over else self._solved(saying, few)[1:]
        return found

    def solved(self, saying: str, point: Point) -> Answer:
        """Answer of a point that is asked whatever the time: what was found before is improved and measured."""
        return self._solved(saying, [point])[1]

    def within(self, most: float) -> list[Answer]:
        """Portfolios found so far with an objective of at most ``most``."""
        return [a for a in self.asked.values() if a.decision is not None and a.objective <= most]

    def elsewhere(self, teacher: Point) -> Asker:
        """Ask of another case, out of the same time."""
        return Asker(self.desk, self.patience, teacher)

    def tell(self, sentence: str) -> None:
        """Say what was found, to whoever listens."""
        self.desk.clock.tell(Step(sentence, notice=True))

    def _solved(self, saying: str, points: Sequence[Point]) -> list[Answer]:
        answers = self.desk.solve([self.teacher, *points], saying)
        new = [a for a in answers if a.name not in self.asked]
        self.patience.spend(new, self.jobs)
        self.asked.update({a.name: a for a in new})
        return answers


def nothing(point: Point) -> Answer:
    """What is known of a question that was not asked."""
    return Answer(point.name, Status.TIME_LIMIT, np.inf, 0.0, None, reasons=(NOT_ASKED,))


def unasked(answer: Answer) -> bool:
    """Whether a question was not asked for lack of time."""
    return answer.reasons == (NOT_ASKED,)


def with_rules_out(changes: Changes, *rules: str) -> Changes:
    """Changes with rules taken out besides."""
    return replace(changes, without=(*changes.without, *rules))
