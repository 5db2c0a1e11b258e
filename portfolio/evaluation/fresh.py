"""A fixed portfolio on scenarios it was not chosen on: both worlds, scenario by scenario, by the recourse alone.

Only the chosen options and the projects without support are simulated. Scenarios are taken :data:`CHUNK` at a time, so
that memory does not grow with their number but for the results; chunks do not depend on threads, and neither does a
figure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from models import Decision, Instance
from portfolio.assemble import Assembly, assemble, resampled
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.engine import passes
from portfolio.engine.assembled import Arrays, compile_for_any, rebound
from portfolio.evaluation.outcomes import Outcomes, Recourse
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.philox import digest
from portfolio.scenarios.sampling import sample, sample_chunk

Array = npt.NDArray[np.float64]
T = TypeVar("T")
U = TypeVar("U")

CHUNK = 500
"""Scenarios measured at a time."""
AHEAD = 2
"""Chunks under way at a time: what one does in Python and another in the solver goes on side by side."""
SEEDS = 10**9
"""Derived seeds lie below this: short enough to be typed."""

Report = Callable[[int, int], None]
"""Called with how many scenarios are measured, of how many."""


@dataclass(frozen=True)
class World:
    """What one world leads to in each of S scenarios; axes R regions, K stages, M materials, T years.

    Attributes
    ----------
    weighted : (S,)
        Z: weighted, discounted shortfall over the horizon.
    by_region : (S, R)
        Its parts by region.
    side : (S,)
        What the objective pays besides Z.
    shortfall : (S, R, K, M, T)
        Shortfall of both depths, t.
    """

    weighted: Array
    by_region: Array
    side: Array
    shortfall: Array


UNMEASURED = World(np.zeros(0), np.zeros((0, 0)), np.zeros(0), np.zeros((0, 0, 0, 0, 0)))
"""A world that was not measured."""


@dataclass(frozen=True)
class Measured:
    """Both worlds on the same S scenarios.

    Attributes
    ----------
    index : int array, (S,)
        Numbers of the scenarios within their sample.
    probability : (S,)
        Sums to one.
    demand : (S, R, K, M, T)
        Demand, t/y.
    disrupted : (S, M)
        Disrupted part of the horizon, years.
    without, with_fund : World
        The world without the fund and with it.
    """

    index: npt.NDArray[np.int64]
    probability: Array
    demand: Array
    disrupted: Array
    without: World
    with_fund: World

    @property
    def size(self) -> int:
        """Number of scenarios."""
        return int(self.probability.size)


@dataclass(frozen=True)
class FixedPortfolio:
    """A portfolio ready to be measured on any sample: its options alone, compiled once."""

    assembly: Assembly
    arrays: Arrays
    decision: Decision
    threads: int = 0

    @property
    def instance(self) -> Instance:
        """The programme of the chosen options; its scenarios are not those measured on."""
        return self.assembly.instance

    @property
    def case(self) -> Case:
        """The case, rows in canonical order: axes of drivers to measure on have to be those of this one."""
        return self.assembly.case

    @property
    def public_cost_usd_m(self) -> float:
        """Expected public cost, as in the objective."""
        return self.decision.public_cost(self.instance)

    def on(self, drivers: Drivers, *, baseline: bool = True) -> Measured:
        """Measure both worlds on some scenarios of :attr:`case`; without ``baseline`` only that with the fund.

        A world that is not measured has empty arrays.
        """
        instance = resampled(self.assembly, drivers).instance
        recourse = Recourse(instance, rebound(self.arrays, instance), self.threads)
        without = _world(recourse.outcomes(Decision())) if baseline else UNMEASURED
        nothing = baseline and not self.decision.chosen and not self.decision.purchase
        with_fund = without if nothing else _world(recourse.outcomes(self.decision))
        return Measured(
            index=drivers.index,
            probability=drivers.probability,
            demand=instance.scenarios.demand,
            disrupted=drivers.disrupted.sum(axis=2),
            without=without,
            with_fund=with_fund,
        )

    def measure(
        self, chunks: Iterable[Drivers], total: int, report: Report | None = None, *, baseline: bool = True
    ) -> Measured:
        """Measure both worlds, or that with the fund, on a sample of ``total`` scenarios that comes in chunks."""
        found: list[Measured] = []
        on = partial(self.on, baseline=baseline)
        for part in in_turn(on, chunks, min(AHEAD, passes.threads(self.threads))):
            found.append(part)
            if report is not None:
                report(sum(p.size for p in found), total)
        return joined(found)


def fix(case: Case, decision: Decision, threads: int = 0) -> FixedPortfolio:
    """Make a portfolio ready to be measured.

    Charges are estimated on the case's own cost sample, as when the portfolio was chosen, so its cost is the same.

    Raises
    ------
    ValueError
        Where an option of the portfolio is none of the case.
    """
    canonical, settings = ordered(case), case.settings.sampling
    cost_drivers = sample(canonical, settings.cost_scenarios, settings.cost_seed)
    one = sample_chunk(canonical, [0], settings.seed, settings.scenarios)
    assembly = assemble(canonical, one, cost_drivers, only=decision.chosen)
    return FixedPortfolio(assembly, compile_for_any(assembly.instance), decision, threads)


def in_turn(work: Callable[[T], U], items: Iterable[T], ahead: int) -> Iterator[U]:
    """Yield the results of work on items in their order, with at most ``ahead`` of them under way at a time.

    Unlike :meth:`concurrent.futures.Executor.map` it takes an item only when its turn comes.
    """
    waiting: deque[Future[U]] = deque()
    with ThreadPoolExecutor(ahead) as workers:
        try:
            for item in items:
                waiting.append(workers.submit(work, item))
                if len(waiting) == ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            workers.shutdown(cancel_futures=True)


def in_chunks(case: Case, count: int, seed: int, method: str | None = None) -> Iterable[Drivers]:
    """Yield a sample :data:`CHUNK` scenarios at a time; ``method`` as for :func:`portfolio.scenarios.sample`."""
    for start in range(0, count, CHUNK):
        index = np.arange(start, min(start + CHUNK, count), dtype=np.int64)
        yield sample_chunk(case, index, seed, count, method=method)


def fresh_seed(case: Case) -> int:
    """Return the seed of fresh scenarios: derived from the case's own, and never that or the one of its charges.

    A scenario is a function of (seed, number): samples of two seeds have no scenario in common, those of one seed
    share their first ones.
    """
    settings = case.settings.sampling
    seed = digest(settings.seed, "evaluation") % SEEDS
    while seed in (settings.seed, settings.cost_seed):
        seed += 1
    return seed


def joined(parts: Sequence[Measured]) -> Measured:
    """Put chunks together; probabilities are rescaled to sum to one."""
    probability = np.concatenate([p.probability for p in parts])
    return Measured(
        index=np.concatenate([p.index for p in parts]),
        probability=probability / probability.sum(),
        demand=np.concatenate([p.demand for p in parts]),
        disrupted=np.concatenate([p.disrupted for p in parts]),
        without=_joined([p.without for p in parts]),
        with_fund=_joined([p.with_fund for p in parts]),
    )


def _joined(parts: Sequence[World]) -> World:
    return World(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(World)))


def _world(outcomes: Outcomes) -> World:
    return World(outcomes.weighted, outcomes.by_region, outcomes.side, outcomes.shortfall)
