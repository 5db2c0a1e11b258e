"""What every engine takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from models import Decision, Instance
from portfolio.engine.assembled import Arrays
from portfolio.engine.learned import Learned
from portfolio.engine.stability import Stability


class Status(Enum):
    """How a solve ended."""

    OPTIMAL = "solved within the gap"
    TIME_LIMIT = "stopped by the time limit"
    INTERRUPTED = "interrupted"
    INFEASIBLE = "no feasible portfolio"
    DECIDED = "stopped as the target was decided"

    @property
    def feasible(self) -> bool:
        """Whether a portfolio was found."""
        return self is not Status.INFEASIBLE


@dataclass(frozen=True)
class Limits:
    """When to stop: relative gap, seconds of wall time, threads of the solver (0: its choice).

    With a ``target`` the decomposition asks one thing alone: whether any portfolio has an objective of at most that. It
    stops with the first one found, or as soon as its bound proves that there is none; the gap then decides nothing.
    """

    gap: float = 0.01
    time_limit_s: float | None = None
    threads: int = 0
    target: float | None = None


@dataclass(frozen=True)
class Progress:
    """State of a running solve: seconds so far, best objective and bound (``inf`` and ``-inf`` before any)."""

    seconds: float
    objective: float
    bound: float


ProgressCall = Callable[[Progress], None]


@dataclass(frozen=True)
class Solution:
    """Result of an engine.

    ``objective`` and ``bound`` are valid however the solve ended: bound <= optimum <= objective. ``seconds`` is wall
    time by phase, ``size`` counts rows, columns and integers of what was solved; ``arrays`` is the programme
    compiled, for whoever evaluates the decision; ``stability`` what was said of its numbers before the solve;
    ``learned`` what solves of instances like it may begin with, where it was asked for.
    """

    status: Status
    method: str
    objective: float
    bound: float
    decision: Decision | None
    seconds: Mapping[str, float] = field(default_factory=dict)
    size: Mapping[str, int] = field(default_factory=dict)
    arrays: Arrays | None = field(default=None, repr=False, compare=False)
    stability: Stability | None = field(default=None, repr=False, compare=False)
    learned: Learned | None = field(default=None, repr=False, compare=False)

    @property
    def gap(self) -> float:
        """Relative gap (objective - bound) / |objective|; 0 where both agree."""
        if self.objective == self.bound:
            return 0.0
        return max(0.0, self.objective - self.bound) / max(abs(self.objective), 1e-10)


class Engine(Protocol):
    """Solves an instance."""

    def solve(
        self,
        instance: Instance,
        limits: Limits,
        *,
        start: Decision | None = None,
        progress: ProgressCall | None = None,
    ) -> Solution:
        """Minimise the objective of ``instance``; ``start`` is a portfolio known to be feasible."""
        ...
