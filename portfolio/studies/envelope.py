"""What answers of nested points say of one another: bounds of looser, portfolios of tighter ones hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from portfolio.engine.protocol import Status
from portfolio.studies.points import Answer


@dataclass(frozen=True)
class Enveloped:
    """An answer with the best portfolio and bound that the answers of nested points give it.

    ``taken_from`` is the point whose portfolio it is, "" for its own.
    """

    answer: Answer
    taken_from: str = ""


def envelope(answers: Sequence[Answer], within: Callable[[int, int], bool]) -> list[Enveloped]:
    """Give every point the best portfolio of those within it, and the best bound of those it is within.

    Only for points with one objective. ``within(i, j)`` says whether all that point i allows point j allows too; then
    optimum j <= optimum i. A point without a portfolio of its own keeps its reasons and status until it gets one.
    """
    return [_enveloped(answers, within, n) for n in range(len(answers))]


def _enveloped(answers: Sequence[Answer], within: Callable[[int, int], bool], n: int) -> Enveloped:
    mine = answers[n]
    bound = max([mine.bound, *(a.bound for m, a in enumerate(answers) if m != n and within(n, m))])
    allowed = [a for m, a in enumerate(answers) if m != n and a.decision is not None and within(m, n)]
    best = min(allowed, key=lambda a: a.objective, default=mine)
    if best is mine or not best.objective < mine.objective:
        return Enveloped(replace(mine, bound=bound if mine.decision is None else min(bound, mine.objective)))
    status = mine.status if mine.decision is not None else Status.TIME_LIMIT
    found = replace(best, name=mine.name, status=status, bound=min(bound, best.objective), seconds=mine.seconds)
    return Enveloped(found, best.name)


def envelope_of_costs(answers: Sequence[Answer], cost_weights: Sequence[float]) -> list[Enveloped]:
    """Envelope of points that differ in the weight on public cost alone.

    Each portfolio is allowed at every point, and costs (w' - w) public cost more at weight w' than at w. The optimum
    rises with the weight, so that the bound at a smaller one holds.
    """
    found = []
    for n, (mine, weight) in enumerate(zip(answers, cost_weights, strict=True)):
        moved = [
            replace(a, objective=a.objective + (weight - w) * a.public_cost_usd_m)
            for a, w in zip(answers, cost_weights, strict=True)
        ]
        bounds = [replace(a, bound=0.0 if w > weight else a.bound) for a, w in zip(moved, cost_weights, strict=True)]
        bounds[n] = mine
        found.append(_enveloped(bounds, lambda *_: True, n))
    return found
