"""What stochastics are worth: against deciding for the mean, and against knowing the future.

RP is what the portfolio x costs on the sample, with the bound proven on every portfolio. On the same scenarios

- EV, the expected value problem, has one scenario whose coefficients h and T are the means; its solution x_EV costs
  EEV. VSS = EEV - RP is what it costs to plan for the mean.
- WS, wait and see, decides for every scenario knowing it. EVPI = RP - WS is the most that any forecast is worth.
- Knowing some drivers (hazards, say, or delays) lies between: the best decision for every value of those drivers, the
  others unknown. Each group of scenarios that share them is a programme of its own.

Always WS <= RP <= EEV and EV <= RP; solved to a gap, bound <= cost stands in for every one of these (checked).

References
----------
Birge and Louveaux (2011), Introduction to Stochastic Programming, 2nd edition, chapter 4.
Madansky (1960), Inequalities for stochastic linear programming problems, Management Science 6, 197-204.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from portfolio.engine.programme import Array, TwoStage
from portfolio.engine.protocol import Limits
from portfolio.evaluation.errors import check_at_most
from portfolio.evaluation.intervals import LEVEL, Interval, mean_interval
from portfolio.evaluation.pointwise import Solved, composite, costs, interval, solved
from portfolio.evaluation.subprogramme import chosen, expected_value

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Standing:
    """The portfolio: its first stage, and the bound that was proven on all first stages on the same sample."""

    x: Array
    bound: float


@dataclass(frozen=True)
class OfSolution:
    """Value of the stochastic solution.

    Attributes
    ----------
    mean_problem : Solved
        The expected value problem: x_EV, EV and its bound.
    rp, eev : Interval
        What the portfolio and x_EV cost on the sample.
    rp_bound : float
        The bound on every portfolio.
    vss : Interval
        EEV - RP, paired by scenario, for these two portfolios. Below 0 the portfolio is not the best one: its solver
        gap allows that.
    vss_most : float
        EEV - bound: the value of a better portfolio cannot exceed it on this sample.
    """

    mean_problem: Solved
    rp: Interval
    eev: Interval
    rp_bound: float
    vss: Interval
    vss_most: float


def value_of_solution(programme: TwoStage, standing: Standing, limits: Limits, *, level: float = LEVEL) -> OfSolution:
    """Solve the expected value problem and try its solution on the sample.

    It is solved without a start: beginning with the portfolio, any search to a gap might end with it, and VSS would be
    0 for no other reason.

    Raises
    ------
    InternalError
        Where the bound on every portfolio exceeds EEV, or the bound of EV what the portfolio costs.
    """
    mean = solved(expected_value(programme), limits)
    mine, other = costs(programme, [standing.x, mean.x], limits.threads)
    paid, others = composite(programme, mine), composite(programme, other)
    rp, eev = (interval(programme, cost, level=level) for cost in (paid, others))
    check_at_most(standing.bound, rp.estimate, "bound on every portfolio and what this one costs (RP)")
    check_at_most(standing.bound, eev.estimate, "bound on every portfolio and what that for the mean costs (EEV)")
    check_at_most(mean.bound, rp.estimate, "bound of the expected value problem and what the portfolio costs (RP)")
    return OfSolution(
        mean_problem=mean,
        rp=rp,
        eev=eev,
        rp_bound=standing.bound,
        vss=interval(programme, others, paid, level=level),
        vss_most=eev.estimate - standing.bound,
    )


def at_least_zero(found: Interval) -> Interval:
    """Return the interval of what cannot be negative, cut off at 0: it covers no less often for that."""
    return found if found.low >= 0.0 else replace(found, low=0.0, high=max(found.high, 0.0))


@dataclass(frozen=True)
class Foresight:
    """The best decision for one scenario or group: what it costs at least and at most, and how the search ended."""

    bound: float
    found: float
    status: str


def foresight(
    programme: TwoStage,
    starts: Sequence[Array],
    limits: Limits,
    *,
    least: float = -np.inf,
    pause: Callable[[], None] | None = None,
) -> Foresight:
    """Solve a programme for what was known in advance.

    Parameters
    ----------
    programme : TwoStage
        Over the scenarios that are known to come: one, or those that share what is known.
    starts : sequence of (x,) arrays
        First stages tried first.
    limits : Limits
        Of the search.
    least : float
        A bound on every cost, where the search proves nothing.
    pause : callable, optional
        Called now and then; may raise ``KeyboardInterrupt``.
    """
    best = solved(programme, limits, starts, pause)
    return Foresight(min(max(best.bound, least), best.objective), best.objective, best.status.value)


@dataclass(frozen=True)
class OfInformation:
    """Value of perfect information, on some of the scenarios.

    Attributes
    ----------
    scenarios : int
        Scenarios solved one by one.
    rp : Interval
        What the portfolio costs on them.
    ws : Interval
        Wait and see, from the bounds.
    ws_found : float
        Wait and see from the best found: the truth for these scenarios lies between the two.
    evpi : Interval
        RP - WS by the bounds, paired by scenario: at least what knowing these scenarios is worth.
    evpi_least : float
        RP - WS by the best found: the value is at least this on these scenarios.
    """

    scenarios: int
    rp: Interval
    ws: Interval
    ws_found: float
    evpi: Interval
    evpi_least: float


def value_of_information(
    programme: TwoStage, x: Array, found: Sequence[Foresight], *, level: float = LEVEL, threads: int = 1
) -> OfInformation:
    """Compare a portfolio with what would be done in each scenario if it were known; ``found`` has one of each.

    With a CVaR in the objective, WS is the same mix of mean and CVaR of the costs with foresight: it is at most RP
    since they are less in every scenario and the mix is monotone.

    Raises
    ------
    InternalError
        Where a scenario's bound exceeds what the portfolio costs in it, or WS exceeds RP.
    """
    (mine,) = costs(programme, [x], threads)
    bounds, bests = np.array([f.bound for f in found]), np.array([f.found for f in found])
    for s in range(programme.scenarios):
        check_at_most(bounds[s], mine[s], f"bound with foresight of scenario {s} and what the portfolio costs in it")
    paid, below, best = (composite(programme, cost) for cost in (mine, bounds, bests))
    rp, ws = interval(programme, paid, level=level), interval(programme, below, level=level)
    ws_found = float(programme.probability @ best)
    check_at_most(ws.estimate, rp.estimate, "wait and see (WS) and what the portfolio costs (RP)")
    evpi = at_least_zero(interval(programme, paid, below, level=level))
    return OfInformation(programme.scenarios, rp, ws, ws_found, evpi, rp.estimate - ws_found)


@dataclass(frozen=True)
class GroupValue:
    """What knowing the drivers of one group is worth: at most, and at least (unbiased for a value that is too low)."""

    most: float
    least: float
    status: str


def group_value(
    programme: TwoStage,
    x: Array,
    limits: Limits,
    *,
    least: float = -np.inf,
    pause: Callable[[], None] | None = None,
) -> GroupValue:
    """Value of knowing what the scenarios of a programme have in common, for whoever would have chosen ``x``.

    ``most`` is f(x) - bound on these scenarios: their own optimum is optimistic, so on average it is too high.
    ``least`` decides on one half and counts on the other, both ways: what was decided without seeing the
    scenarios it is tried on, so on average it is too low.

    Raises
    ------
    ValueError
        Where there are fewer than two scenarios, or the objective has a CVaR, which does not split by groups.
    InternalError
        Where the bound exceeds what ``x`` costs.
    """
    if programme.scenarios < 2 or programme.cvar_weight > 0:
        raise ValueError("a group needs two scenarios, and an objective without CVaR")
    whole = foresight(programme, [x], limits, least=least, pause=pause)
    (mine,) = costs(programme, [x], limits.threads)
    cost = float(programme.probability @ mine)
    check_at_most(whole.bound, cost, "bound of a group and what the portfolio costs in it")
    numbers = np.arange(programme.scenarios)
    halves = [chosen(programme, numbers[numbers % 2 == h]) for h in (0, 1)]
    gains = []
    for decide, count in (halves, halves[::-1]):
        decided = solved(decide, limits, [x], pause).x
        before, after = costs(count, [x, decided], limits.threads)
        gains.append(float(count.probability @ (before - after)))
    return GroupValue(cost - whole.bound, float(np.mean(gains)), whole.status)


@dataclass(frozen=True)
class OfKnowing:
    """Value of knowing some drivers: intervals of an estimate that is too high on average, and of one too low."""

    drivers: str
    groups: int
    scenarios: int
    most: Interval
    least: Interval


def value_of_knowing(drivers: str, scenarios: int, found: Sequence[GroupValue], *, level: float = LEVEL) -> OfKnowing:
    """Average the groups, each of ``scenarios`` that share the drivers; groups are independent draws of them."""
    return OfKnowing(
        drivers=drivers,
        groups=len(found),
        scenarios=scenarios,
        most=at_least_zero(mean_interval([g.most for g in found], level=level)),
        least=mean_interval([g.least for g in found], level=level),
    )
