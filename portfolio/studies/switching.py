"""Switching values: between which values of a varied number projects enter or leave the portfolio.

Two neighbouring points with different projects bracket a switch. A solver stops within a gap, so the difference may be
an accident: the projects of each are therefore supported at the other, with shares chosen anew on the same scenarios.
It is a switch where that is proven to be worse than what was found there, on both sides, and a tie where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from portfolio.engine.protocol import Status
from portfolio.studies.board import Board
from portfolio.studies.designs import Row
from portfolio.studies.outputs import Tried
from portfolio.studies.points import Answer
from portfolio.studies.varied import Varied

SHARPER = 0.1
"""Part of the gap of the points to which the trials at neighbours are solved."""
ROUNDING = 1e-9
"""Relative difference that is none."""

Line = tuple[int, tuple[Row, ...]]
"""A varied number, and rows that differ in it alone, in its order."""


@dataclass(frozen=True)
class Switch:
    """Two neighbouring points between which projects enter or leave.

    Attributes
    ----------
    number : int
        What differs between them.
    low, high : Row
    enters, leaves : tuple of str
        Projects supported at the high point alone, and at the low point alone.
    low_at_high, high_at_low : float
        By how much the objective found at a point is at least better than with the projects of the other; infinite
        where rules or budgets do not allow these, at most 0 where it is not proven to be better.
    """

    number: int
    low: Row
    high: Row
    enters: tuple[str, ...]
    leaves: tuple[str, ...]
    low_at_high: float
    high_at_low: float

    @property
    def tie(self) -> bool:
        """Whether the projects of one point may be as good at the other."""
        return not (self.low_at_high > 0 and self.high_at_low > 0)


def value_at(row: Row, number: int, base: Row) -> str:
    """Return the value of a number in a row: its own, or that of the case."""
    found = row[number] if row[number] is not None else base[number]
    return found if found is not None else ""


def refined(board: Board, lines: Sequence[Line], varied: Sequence[Varied], base: Row, times: int) -> list[Line]:
    """Halve every bracket so many times; returns the lines with the points in between."""
    now = list(lines)
    for _ in range(times):
        middles = [_middles(board, line, varied, base) for line in now]
        if not any(middles):
            break
        board.add([row for found in middles for row in found.values()], "refine")
        board.solve()
        now = [(n, _merged(rows, found)) for (n, rows), found in zip(now, middles, strict=True)]
    return now


def _middles(board: Board, line: Line, varied: Sequence[Varied], base: Row) -> dict[int, Row]:
    """Rows half way across the brackets of a line, by the position they come after."""
    n, rows = line
    found = {}
    for at, (low, high) in enumerate(pairwise(rows)):
        if differ(board, low, high):
            middle = varied[n].between(value_at(low, n, base), value_at(high, n, base))
            if middle is not None:
                found[at] = (*low[:n], middle, *low[n + 1 :])
    return found


def _merged(rows: tuple[Row, ...], middles: dict[int, Row]) -> tuple[Row, ...]:
    return tuple(row for at, own in enumerate(rows) for row in ((own, middles[at]) if at in middles else (own,)))


def differ(board: Board, low: Row, high: Row) -> bool:
    """Whether two points have portfolios of different projects."""
    a, b = board.at(low), board.at(high)
    return a.found and b.found and a.answer.supported != b.answer.supported


def switches(board: Board, lines: Sequence[Line], gap: float) -> list[Switch]:
    """Find every bracket of the lines and try the projects of each end at the other."""
    found = list(
        dict.fromkeys(
            (n, low, high) for n, rows in lines for low, high in pairwise(rows)
            if differ(board, low, high)
        )
    )  # fmt: skip
    asked = []
    for n, low, high in found:
        a, b = board.at(low), board.at(high)
        asked += [
            (f"at-{b.name}-as-{a.name}-{n}", high, a.answer.supported),
            (f"at-{a.name}-as-{b.name}-{n}", low, b.answer.supported),
        ]
    answers = board.restricted(asked, SHARPER * gap)
    return [
        _switch(board, place, low_at_high, high_at_low)
        for place, low_at_high, high_at_low in zip(found, answers[::2], answers[1::2], strict=True)
    ]


def _switch(board: Board, place: tuple[int, Row, Row], low_at_high: Answer, high_at_low: Answer) -> Switch:
    n, low, high = place
    a, b = board.at(low), board.at(high)
    before, after = a.answer.supported, b.answer.supported
    return Switch(
        number=n,
        low=low,
        high=high,
        enters=tuple(sorted(after - before)),
        leaves=tuple(sorted(before - after)),
        low_at_high=_worse(low_at_high, b),
        high_at_low=_worse(high_at_low, a),
    )


def _worse(tried: Answer, point: Tried) -> float:
    """By how much a trial is at least worse than what was found: its bound less the objective there."""
    if tried.status is Status.INFEASIBLE:
        return float("inf")
    difference = tried.bound - point.answer.objective
    return 0.0 if abs(difference) <= ROUNDING * max(1.0, abs(point.answer.objective)) else difference
