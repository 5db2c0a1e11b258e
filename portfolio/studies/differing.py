"""Portfolios within a slack that share as little as possible with those before: MGA by hop, skip and jump (HSJ).

Brill, Chang and Hopkins (1982, Management Science 28) and DeCarolis (2011, Energy Economics 33) minimise the sum of the
decisions that were taken in earlier alternatives, each weighted by how often, under a limit on the objective. Decisions
are the projects supported, or the money each of them is charged for each instrument. The least sum is found by asking,
for numbers k, whether any portfolio within the slack has a sum of at most k: that is a row of the first stage, and a
search that stops as soon as the question is decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from models import Decision, Instance
from portfolio.engine.variation import Changes, Row
from portfolio.studies.points import Answer, Point
from portfolio.studies.support import bound_of

Ask = Callable[[Point], Answer]
NEARLY = 0.05
"""Part of the money shared by the first portfolio found to which the least is found."""
NO_MONEY = 1e-6
"""USD M that count as none."""


@dataclass(frozen=True)
class Jump:
    """The portfolio that differs most from those before.

    Attributes
    ----------
    answer : Answer or None
        None where none was found that differs.
    reuse : float
        What it shares with those before, each decision counted as often as it was taken: projects, or USD M.
    least : float
        Proven: no portfolio within the slack that differs has less.
    exhausted : bool
        Proven: there is no other set of projects within the slack.
    """

    answer: Answer | None
    reuse: float
    least: float
    exhausted: bool = False


class Shared(Protocol):
    """What portfolios share with those before."""

    @property
    def new(self) -> tuple[Row, ...]:
        """Rules that a portfolio unlike those before keeps."""

    def reuse(self, answer: Answer) -> float:
        """What a portfolio shares with them."""

    def differs(self, answer: Answer) -> bool:
        """Whether a portfolio is none of those before."""

    def at_most(self, k: float) -> Row:
        """The rule that it shares at most k."""

    def between(self, low: float, used: float, first: float) -> float | None:
        """What to ask next where the least lies in [low, used]; None where that is near enough."""

    def above(self, k: float) -> float:
        """The least possible that is more than k."""


@dataclass(frozen=True)
class SharedProjects:
    """Projects that were supported before, each counted as often as it was; a new portfolio has another set of them."""

    projects: tuple[str, ...]
    before: tuple[frozenset[str], ...]

    @property
    def counts(self) -> dict[str, int]:
        """How often each was supported."""
        return {p: sum(p in s for s in self.before) for p in self.projects}

    @property
    def new(self) -> tuple[Row, ...]:
        """At least one project in or out: sum over a set of y - sum over the others of y <= number - 1."""
        return tuple(
            Row(tuple((p, 1.0 if p in s else -1.0) for p in self.projects), float(len(s)) - 1.0) for s in self.before
        )

    def reuse(self, answer: Answer) -> float:
        """Number of projects."""
        counts = self.counts
        return float(sum(counts.get(p, 0) for p in answer.supported))

    def differs(self, answer: Answer) -> bool:
        """Whether it is another set."""
        return answer.supported not in self.before

    def at_most(self, k: float) -> Row:
        """Sum over projects of the count times y <= k."""
        return Row(tuple((p, float(n)) for p, n in self.counts.items() if n), k)

    def between(self, low: float, used: float, first: float) -> float | None:
        """The middle, a whole number."""
        return None if low >= used else float((low + used - 1) // 2)

    def above(self, k: float) -> float:
        """The next whole number."""
        return k + 1.0


@dataclass(frozen=True)
class SharedMoney:
    """Money in (project, instrument) that had money before, each counted as often as it had."""

    instance: Instance
    before: tuple[Answer, ...]

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """How often there was money in each."""
        counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        for a in self.before:
            for key, usd_m in money(self.instance, a.decision).items():
                counts[key] += usd_m > NO_MONEY
        return {key: n for key, n in counts.items() if n}

    @property
    def new(self) -> tuple[Row, ...]:
        """None: what shares less is another portfolio."""
        return ()

    def reuse(self, answer: Answer) -> float:
        """USD M."""
        counts = self.counts
        return sum(counts.get(key, 0) * usd_m for key, usd_m in money(self.instance, answer.decision).items())

    def differs(self, answer: Answer) -> bool:
        """Whether it is none of those before."""
        return all(answer.decision != a.decision for a in self.before)

    def at_most(self, k: float) -> Row:
        """Sum over (project, instrument) of the count times the charge <= k."""
        return Row((), k, tuple((key, float(n)) for key, n in sorted(self.counts.items())))

    def between(self, low: float, used: float, first: float) -> float | None:
        """The middle, unless the interval is a small part of where it began."""
        return None if used - low <= NEARLY * max(first, NO_MONEY) else 0.5 * (low + used)

    def above(self, k: float) -> float:
        """The same number: money is continuous."""
        return k


def money(instance: Instance, decision: Decision | None) -> dict[tuple[str, str], float]:
    """What members' budgets are charged for shares, USD M, by project and instrument."""
    found: defaultdict[tuple[str, str], float] = defaultdict(float)
    for (f, p, i, a, v), share in (decision.share if decision is not None else {}).items():
        found[p, i] += share * instance.shares[f, p, i, a, v].charge_usd_m
    return dict(found)


def jump(best: Point, number: int, shared: Shared, known: Sequence[Answer], most: float, ask: Ask) -> Jump:
    """Find the portfolio of least reuse that differs from those before, by bisection.

    Parameters
    ----------
    best : Point
        The case.
    number : int
        Of the alternative looked for.
    shared : Shared
        What portfolios share with those before.
    known : sequence of Answer
        Portfolios known: the least reuse among those within the slack is where the bisection begins.
    most : float
        Largest objective allowed.
    ask : callable
        Answers a point.
    """

    def trial(label: str, *rows: Row) -> Answer:
        changes = Changes(rows=(*shared.new, *rows))
        return ask(Point(f"alternative_{number}_{label}", best.case, changes, target=most, measured=False))

    others = [a for a in known if a.objective <= most and shared.differs(a)]
    found = min(others, key=lambda a: (shared.reuse(a), a.objective)) if others else trial("of_any_reuse")
    if found.objective > most:
        return Jump(None, 0.0, 0.0, exhausted=bool(shared.new) and bound_of(found) > most)
    first = used = shared.reuse(found)
    least = low = 0.0
    while (k := shared.between(low, used, first)) is not None:
        trying = trial(f"of_reuse_{k:g}", shared.at_most(k))
        if trying.objective <= most:
            found, used = trying, min(shared.reuse(trying), k)
            continue
        low = shared.above(k)
        if bound_of(trying) > most:
            least = low
    differs = shared.differs(found)
    return Jump(found if differs else None, used, min(least, used))
