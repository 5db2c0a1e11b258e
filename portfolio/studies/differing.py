"""Portfolios within a slack that share as few projects as possible with those before: MGA by hop, skip and jump (HSJ).

DeCarolis (2011, Energy Economics 33) adds the decisions of all earlier alternatives up, weighted by how often they
were taken, and minimises that sum under a limit on the objective. Here decisions are projects supported. The least sum
is found by asking, for numbers k, whether any portfolio within the slack has a sum of at most k: that is a row of the
first stage, and a search that stops as soon as the question is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from portfolio.engine.variation import Changes, Row
from portfolio.studies.points import Answer, Point
from portfolio.studies.support import bound_of

Ask = Callable[[Point], Answer]


@dataclass(frozen=True)
class Jump:
    """The portfolio that differs most from those before.

    Attributes
    ----------
    answer : Answer or None
        None where none was found that supports another set of projects.
    reuse : int
        Projects it shares with those before, each counted as often as it was supported.
    least : int
        Proven: no new set of projects within the slack has less.
    exhausted : bool
        Proven: there is no other set of projects within the slack.
    """

    answer: Answer | None
    reuse: int
    least: int
    exhausted: bool = False


def jump(
    best: Point,
    projects: Sequence[str],
    before: Sequence[frozenset[str]],
    known: Sequence[Answer],
    most: float,
    ask: Ask,
) -> Jump:
    """Find the portfolio of least reuse whose set of projects is a new one, by bisection.

    Parameters
    ----------
    best : Point
        The case.
    projects : sequence of str
        Projects that may be supported.
    before : sequence of frozenset
        Sets of projects of the alternatives before.
    known : sequence of Answer
        Portfolios known: the least reuse among those within the slack is where the bisection begins.
    most : float
        Largest objective allowed.
    ask : callable
        Answers a point.
    """
    counts = {p: sum(p in s for s in before) for p in projects}
    new = tuple(_differs(projects, s) for s in before)
    name = f"alternative_{len(before) + 1}"

    def trial(label: str, *rows: Row) -> Answer:
        return ask(Point(f"{name}_{label}", best.case, Changes(rows=(*new, *rows)), target=most))

    others = [a for a in known if a.objective <= most and a.supported not in before]
    found = min(others, key=lambda a: (_reuse(a, counts), a.objective)) if others else trial("of_any_reuse")
    if found.objective > most:
        return Jump(None, 0, 0, exhausted=bound_of(found) > most)
    used = _reuse(found, counts)
    least = low = 0
    while low < used:
        k = (low + used - 1) // 2
        row = Row(tuple((p, float(n)) for p, n in counts.items() if n), float(k))
        trying = trial(f"of_reuse_{k}", row)
        if trying.objective <= most:
            found, used = trying, _reuse(trying, counts)
            continue
        low = k + 1
        if bound_of(trying) > most:
            least = k + 1
    return Jump(found, used, least)


def _reuse(answer: Answer, counts: dict[str, int]) -> int:
    return sum(counts.get(p, 0) for p in answer.supported)


def _differs(projects: Sequence[str], supported: frozenset[str]) -> Row:
    """At least one project in or out: sum over those supported of y - sum over the others of y <= number - 1."""
    row = tuple((p, 1.0 if p in supported else -1.0) for p in projects)
    return Row(row, float(len(supported)) - 1.0)
