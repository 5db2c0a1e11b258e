"""Several portfolios on the same scenarios: what each costs in every one of them, by the recourse alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models import Decision
from portfolio.assemble import resampled
from portfolio.case.records import Case
from portfolio.engine.assembled import rebound
from portfolio.engine.passes import Passes, threads
from portfolio.evaluation.fresh import AHEAD, FixedPortfolio, Report, fix, in_turn
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """C portfolios of a case ready to be tried on any sample; their options are compiled together, once.

    Attributes
    ----------
    fixed : FixedPortfolio
        The programme of all their options.
    decisions : tuple of Decision
        The portfolios.
    constant : array, (C,)
        What each costs whatever the scenario: cost weight times public cost, and penalties for benchmarks missed.
    """

    fixed: FixedPortfolio
    decisions: tuple[Decision, ...]
    constant: Array

    @staticmethod
    def of(case: Case, decisions: Sequence[Decision], penalty: Callable[[Decision], float], workers: int = 0) -> Panel:
        """Compile the options of all portfolios; ``penalty`` says what benchmarks missed add to the objective.

        Raises
        ------
        ValueError
            Where an option is none of the case.
        """
        fixed = fix(case, Decision(select={key: 1.0 for d in decisions for key in d.chosen}), workers)
        weight = fixed.instance.cost_weight
        constant = [weight * d.public_cost(fixed.instance) + penalty(d) for d in decisions]
        return Panel(fixed, tuple(decisions), np.array(constant))

    def public_cost_usd_m(self, number: int) -> float:
        """Expected public cost of a portfolio, as in the objective."""
        return self.decisions[number].public_cost(self.fixed.instance)

    def costs(self, drivers: Drivers) -> Array:
        """What every portfolio costs in each of S scenarios, in units of the objective, shape (C, S)."""
        instance = resampled(self.fixed.assembly, drivers).instance
        arrays = rebound(self.fixed.arrays, instance)
        with ThreadPoolExecutor(threads(self.fixed.threads)) as pool:
            passes = Passes(arrays.programme, pool)
            paid = [passes.evaluate(arrays.first.values(d), exact=True).sum(axis=1) for d in self.decisions]
        return np.array(paid) + self.constant[:, None]

    def measure(self, chunks: Iterable[Drivers], total: int, report: Report | None = None) -> Array:
        """The same on a sample of ``total`` scenarios that comes in chunks."""
        found: list[Array] = []
        for part in in_turn(self.costs, chunks, min(AHEAD, threads(self.fixed.threads))):
            found.append(part)
            if report is not None:
                report(sum(p.shape[1] for p in found), total)
        return np.concatenate(found, axis=1)
