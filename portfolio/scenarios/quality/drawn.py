"""What a sample is looked at by: the scenarios themselves, and the draws that lie behind them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.hazards import Occurrences, event_counts, occurrences, sorted_hazards, tension_path
from portfolio.scenarios.months import MONTHS, coverage
from portfolio.scenarios.philox import Array
from portfolio.scenarios.prices import sample_price
from portfolio.scenarios.sampling import sample_chunk, uniform_source


@dataclass(frozen=True)
class Drawn:
    """A chunk of N scenarios and what they were made of; axes as in :class:`portfolio.scenarios.Drivers`.

    Attributes
    ----------
    drivers : Drivers
        The scenarios.
    hazards : tuple of str
        Names of the H hazards, in the order of ``events.effect`` and of ``counts``.
    events : Occurrences
        Every event.
    counts : int array, (H, N, T)
        Events that start in each year.
    tension : array, (N, T)
        The common tension factor.
    price : array, (N, M, T)
        Reference prices before hazards, USD/kg.
    """

    drivers: Drivers
    hazards: tuple[str, ...]
    events: Occurrences
    counts: npt.NDArray[np.int64]
    tension: Array
    price: Array

    @property
    def size(self) -> int:
        """Number of scenarios."""
        return self.drivers.size

    def of(self, hazard: str) -> npt.NDArray[np.bool_]:
        """Which events are of a hazard."""
        return np.asarray(self.events.effect == self.hazards.index(hazard))

    @cached_property
    def under_way(self) -> Array:
        """Months that events of each hazard cover within the horizon, each event counted by itself, (H, N)."""
        months = MONTHS * self.tension.shape[1]
        found = np.zeros((len(self.hazards), self.size))
        for number in range(len(self.hazards)):
            covered = coverage(self.events, number, months)
            found[number] = np.bincount(covered.cell // months, covered.share, self.size)
        return found


def draw(case: Case, index: npt.NDArray[np.int64], seed: int, total: int, method: str) -> Drawn:
    """Draw some scenarios of a sample of ``total``, and keep what lies behind them.

    See :func:`portfolio.scenarios.sample_chunk` for arguments and errors.
    """
    source = uniform_source(case, index, seed, total, method)
    hazards = sorted_hazards(case)
    return Drawn(
        drivers=sample_chunk(case, index, seed, total, method=method),
        hazards=tuple(h.hazard for h in hazards),
        events=occurrences(case, hazards, source),
        counts=event_counts(case, hazards, source),
        tension=tension_path(case, source),
        price=sample_price(case, source),
    )
