"""The cheapest budget that reaches a shortfall target: bisection on what is proven, not on what was found alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from portfolio.studies.points import Answer

ROUNDING = 1e-9
"""Part of the target by which a solver's tolerance may miss it."""


class Verdict(Enum):
    """What a search says of a scale of the budgets."""

    REACHED = "reached"
    IMPOSSIBLE = "impossible"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Try:
    """A scale tried, and its answer."""

    scale: float
    answer: Answer
    verdict: Verdict


@dataclass(frozen=True)
class Cheapest:
    """Where the least scale lies.

    Attributes
    ----------
    goal : float
        Most mean weighted shortfall, side costs of the recourse included, in the sample.
    impossible_at : float or None
        Largest scale at which a bound proves the goal out of reach; None where none does.
    reached_at : float or None
        Smallest scale at which a portfolio reaches it; None where none was found.
    tries : tuple of Try
        In their order.
    """

    goal: float
    impossible_at: float | None
    reached_at: float | None
    tries: tuple[Try, ...]

    @property
    def portfolio(self) -> Answer | None:
        """The answer at ``reached_at``."""
        return next((t.answer for t in self.tries if t.scale == self.reached_at), None)


def verdict(answer: Answer, goal: float) -> Verdict:
    """Reached where the portfolio does, impossible where the bound says so, else undecided."""
    if answer.objective <= goal * (1 + ROUNDING):
        return Verdict.REACHED
    return Verdict.IMPOSSIBLE if answer.bound > goal * (1 + ROUNDING) else Verdict.UNDECIDED


def cheapest(
    solve: Callable[[float], Answer], goal: float, without: float | None, most: float, *, width: float, rounds: int
) -> Cheapest:
    """Find the least scale of the budgets at which the optimum is at most a goal.

    The optimum never rises with the scale. What a bound proves impossible at one scale is so at every smaller one;
    what a portfolio reaches at one it reaches at every larger one.

    Parameters
    ----------
    solve : callable
        Solves a scale for the mean weighted shortfall alone.
    goal : float
        The goal.
    without : float or None
        The optimum at scale 0, where that is the world without the fund; None where it is not (others have budgets, or
        something has to be supported): scale 0 is then tried like any other.
    most : float
        Largest scale to try, the first one.
    width : float
        Widest part, in scale, that may stay between what is proven impossible, undecided and reached.
    rounds : int
        Most scales to try.
    """
    if without is not None and without <= goal:
        return Cheapest(goal, None, 0.0, ())
    tries: list[Try] = []
    scale: float | None = most
    while scale is not None and len(tries) < rounds:
        answer = solve(scale)
        tries.append(Try(scale, answer, verdict(answer, goal)))
        scale = following(tries, width)
        if len(tries) == 1 and scale is not None and without is None:
            scale = 0.0
    impossible, reached = _limits(tries)
    return Cheapest(goal, 0.0 if impossible is None and without is not None else impossible, reached, tuple(tries))


def _limits(tries: Sequence[Try]) -> tuple[float | None, float | None]:
    impossible = max((t.scale for t in tries if t.verdict is Verdict.IMPOSSIBLE), default=None)
    return impossible, min((t.scale for t in tries if t.verdict is Verdict.REACHED), default=None)


def following(tries: Sequence[Try], width: float) -> float | None:
    """Return the scale to try next: the middle of the widest part between verdicts; None where all are narrow."""
    impossible, above = _limits(tries)
    if above is None:
        return None
    below = impossible or 0.0
    open_scales = [t.scale for t in tries if t.verdict is Verdict.UNDECIDED and below < t.scale < above]
    parts = [(below, above)] if not open_scales else [(below, min(open_scales)), (max(open_scales), above)]
    low, high = max(parts, key=lambda part: part[1] - part[0])
    return None if high - low <= width else 0.5 * (low + high)
