"""Points of a study: cases solved alike, on the same random numbers, and measured on the same fresh scenarios.

Scenario n is a function of the seed, n and the names in the case alone, so whatever two points have in common is the
same in both, scenario by scenario, and their differences are differences. The first point is solved first and teaches
the others (:mod:`portfolio.engine.learned`); these learn from it alone, never from one another, so that an answer does
not depend on how many are solved side by side, in which order, or in how many sittings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models import Decision
from portfolio.case.records import Case
from portfolio.engine.programme import Array
from portfolio.engine.protocol import Limits, Solution, Status
from portfolio.engine.variation import Changes
from portfolio.report.decision_file import parse_decision

FRESH = 2000
"""Fresh scenarios every portfolio of a study is measured on where no number is given."""


@dataclass(frozen=True)
class Terms:
    """How the points of a study are solved and measured.

    Attributes
    ----------
    limits : Limits
        Of the search of every point; ``threads`` are those of each of the ``jobs``.
    fresh : int
        Fresh scenarios to measure every portfolio on; 0 for none.
    level : float
        Confidence level of intervals.
    jobs : int
        Points solved side by side.
    cluster : str, optional
        Address of a Dask scheduler whose workers solve them instead.
    in_sample : bool
        Whether every portfolio is measured on the scenarios it was chosen on, too.
    """

    limits: Limits = field(default_factory=Limits)
    fresh: int = FRESH
    level: float = 0.95
    jobs: int = 1
    cluster: str | None = None
    in_sample: bool = False


@dataclass(frozen=True)
class Point:
    """A case to be solved, its sample in its settings, with changes to its first stage.

    Points of a study have different names. Points with the same case are assembled and compiled once, so that what
    ``changes`` can say is better said there than in the case. ``baseline`` says whether the world without the fund is
    measured too; it is the same for points that differ in the fund alone. ``gap`` stands in place of that of the terms,
    and a point that is not ``measured`` is solved and no more. With a ``target`` the point is a question, whether any
    portfolio has an objective of at most that: its answer is not measured either. ``part`` are the scenarios of the
    sample it is solved on, all of them where None; ``start`` is a portfolio it allows, and is tried first.
    ``time_limit_s`` stands in place of that of the terms.
    """

    name: str
    case: Case
    changes: Changes = field(default_factory=Changes)
    baseline: bool = True
    gap: float | None = None
    measured: bool = True
    target: float | None = None
    part: tuple[int, ...] | None = None
    start: Decision | None = None
    time_limit_s: float | None = None


@dataclass(frozen=True)
class Sampled:
    """A portfolio on S fresh scenarios; ``without`` stays empty where that world was not measured.

    Attributes
    ----------
    seed : int
    weighted, side, tonnes : (S,)
        With the fund: weighted shortfall Z, what the objective pays besides it, and shortfall at all stages with
        demand in t, over the horizon.
    weighted_without, side_without, tonnes_without : (S,) or (0,)
    regions, regions_without : (S, R) or (0, R)
        The tonnes by region, in the order of the names in the case, sorted.
    weighted_regions, weighted_regions_without : (S, R) or (0, R)
        Z by region, in that order.
    """

    seed: int
    weighted: Array
    side: Array
    tonnes: Array
    weighted_without: Array
    side_without: Array
    tonnes_without: Array
    regions: Array
    regions_without: Array
    weighted_regions: Array
    weighted_regions_without: Array


@dataclass(frozen=True)
class Answer:
    """What solving a point gave.

    Attributes
    ----------
    name : str
    status : Status
    objective, bound : float
        In the sample of the point; bound <= optimum <= objective. The objective is infinite where no portfolio was
        found, the bound where there is none.
    decision : Decision or None
    reasons : tuple of str
        Why there is no portfolio.
    public_cost_usd_m : float
        Expected public cost, as in the objective.
    charges_usd_m : mapping
        By member: see :func:`charged`.
    fresh : Sampled or None
    weighted, weighted_without : float or None
        Mean weighted shortfall on the scenarios of the point, with and without the fund, where it was measured.
    seconds : float
    """

    name: str
    status: Status
    objective: float
    bound: float
    decision: Decision | None
    reasons: tuple[str, ...] = ()
    public_cost_usd_m: float = 0.0
    charges_usd_m: dict[str, dict[str, float]] = field(default_factory=dict)
    fresh: Sampled | None = field(default=None, repr=False)
    weighted: float | None = None
    weighted_without: float | None = None
    seconds: float = 0.0

    @property
    def gap(self) -> float:
        """Relative gap of the search."""
        return Solution(self.status, "", self.objective, self.bound, None).gap

    @property
    def supported(self) -> frozenset[str]:
        """Projects of the portfolio."""
        return frozenset(p for p, _, _ in self.decision.chosen) if self.decision is not None else frozenset()


def answer_of(point: Point, found: dict[str, Any]) -> Answer:
    """Read a piece."""
    status = Status[found["status"]]
    if "decision" not in found:
        bound = np.inf if status is Status.INFEASIBLE else found["bound"] or 0.0
        reasons, seconds = tuple(found["reasons"]), found["seconds"]
        return Answer(point.name, status, np.inf, bound, None, reasons=reasons, seconds=seconds)
    fresh = found["fresh"]
    return Answer(
        name=point.name,
        status=status,
        objective=found["objective"],
        bound=found["bound"],
        decision=parse_decision(found["decision"], point.case, point.name),
        public_cost_usd_m=found["public_cost_usd_m"],
        charges_usd_m=found["charges_usd_m"],
        fresh=None if fresh is None else _sampled(fresh),
        weighted=found.get("weighted"),
        weighted_without=found.get("weighted_without"),
        seconds=found["seconds"],
    )


def _sampled(found: dict[str, Any]) -> Sampled:
    arrays = {name: np.array(values, dtype=float) for name, values in found.items() if name != "seed"}
    return Sampled(seed=int(found["seed"]), **arrays)
