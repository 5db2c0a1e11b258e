"""The grid of months on which events are laid: coverage of months, and products over events.

Within a month, an event that lasts for part of it covers that share of the month; events are taken to fall
independently within the month, so that what they leave multiplies.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from portfolio.scenarios.hazards import Occurrences
from portfolio.scenarios.philox import Array, Integers

MONTHS = 12
"""Months of a year."""


@dataclass(frozen=True)
class Coverage:
    """The months that events of one effect touch: flat arrays, one entry for each event and month.

    ``cell`` is row · months + month, ``share`` the covered share of that month in (0, 1], ``severity`` that of
    the event.
    """

    cell: Integers
    share: Array
    severity: Array


def coverage(events: Occurrences, effect: int, months: int) -> Coverage:
    """Return the months covered by the events of one effect; those from ``months`` on are left out.

    share = min(end, month + 1) − max(start, month), so that the shares of an event sum to its duration.
    """
    of = events.effect == effect
    row, start, severity = events.row[of], events.start[of], events.severity[of]
    end = np.minimum(start + events.duration[of], float(months))
    first = np.floor(start).astype(np.int64)
    number = np.maximum(np.ceil(end).astype(np.int64) - first, 0)
    event = np.repeat(np.arange(row.size), number)
    month = first[event] + np.arange(event.size) - np.repeat(np.cumsum(number) - number, number)
    share = np.minimum(end[event], month + 1.0) - np.maximum(start[event], month)
    return Coverage(row[event] * months + month, share, severity[event])


Target = TypeVar("Target", bound=Hashable)


class MonthGrids(Generic[Target]):
    """Products over effects on the grid of months: an (N, months) array per target, made when first hit.

    Parameters
    ----------
    size : int
        Number of scenarios N.
    months : int
        Number of months, a multiple of 12.
    """

    def __init__(self, size: int, months: int) -> None:
        self._shape = (size, months)
        self._grids: dict[Target, Array] = {}

    def multiply(self, targets: Iterable[Target], cell: Integers, factor: Array) -> None:
        """Multiply the grid of every target by the product of the factors of each cell."""
        hit = np.ones(self._shape[0] * self._shape[1])
        np.multiply.at(hit, cell, factor)
        square = hit.reshape(self._shape)
        for target in targets:
            self._grids[target] = self._grids[target] * square if target in self._grids else square

    def yearly(self) -> dict[Target, Array]:
        """Return the mean over the months of each year, shape (N, T), of every target that was hit."""
        size, months = self._shape
        years = (size, months // MONTHS, MONTHS)
        return {target: grid.reshape(years).mean(axis=2) for target, grid in self._grids.items()}
