"""What a scenario is made of: the arrays that sampling yields and every later stage reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from portfolio.scenarios.cells import Cells

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CHUNK = 500
"""Scenarios worked on at a time where arrays for all of them would be large."""


@dataclass(frozen=True)
class Drivers:
    """A chunk of N scenarios; axes C countries, R regions, K stages, M materials, T years, P projects in case order.

    ``available`` and ``running``, which are 1 nearly everywhere, are sampled as
    :class:`portfolio.scenarios.cells.Cells`: they are read like arrays, and take a hundredth of the memory.

    Attributes
    ----------
    index : int array, (N,)
        Scenario numbers; scenario n is the same in every chunk that holds it.
    probability : array, (N,)
        Probability of each scenario within the sample; sums to one over the whole sample, not over a chunk.
    disrupted : array, (N, M, T)
        phi: share of the year in which an export hazard cuts any region for the material.
    available : array, (N, C, R, K, M, T)
        Share of goods from the country that reaches the region in the disrupted block; 1 in the calm block.
        1 - available times phi is the share of the year's goods lost.
    running : array, (N, C, K, M, T)
        Share of the year's output of plants in the country left by technical and other outages.
    cut : bool array, (N, R, M, T)
        Whether an export hazard cuts the region for the material in the year, at any stage.
    price : array, (N, M, T)
        Reference price, USD/kg, hazards included: what contracts settle on.
    realised : array, (N, M, T)
        Price sellers outside the exporting country realise, USD/kg.
    demand : array, (N, R, K, M, T)
        Demand, t/y.
    delay_y : array, (N, P)
        Delay of each project, years.
    overrun : array, (N, P)
        Capex over the estimate, minus one.
    success_u, unaided_u, restart_u : array, (N, P)
        Uniform draws for technical success, closing unaided, success of a restart; the same in every world.
    rival_y : array, (N, P)
        Years from the first year of the horizon to a rival's winning bid, if the project has not closed.
    takeover_y : array, (N, P)
        Years from close to a takeover that takes the output away.
    rival_allied : bool array, (N, P)
        Whether the rival is from an allied country.
    """

    index: npt.NDArray[np.int64]
    probability: Array
    disrupted: Array
    available: Array
    running: Array
    cut: Flags
    price: Array
    realised: Array
    demand: Array
    delay_y: Array
    overrun: Array
    success_u: Array
    unaided_u: Array
    restart_u: Array
    rival_y: Array
    takeover_y: Array
    rival_allied: Flags

    @property
    def size(self) -> int:
        """Number of scenarios."""
        return int(self.index.size)

    def rows(self, which: slice | npt.NDArray[np.int64]) -> Drivers:
        """Return some of the scenarios, each of the same probability as before."""
        whole: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        parts: dict[str, Any] = {n: v.rows(which) if isinstance(v, Cells) else v[which] for n, v in whole.items()}
        return Drivers(**parts)


class Joined:
    """Drivers of ``count`` scenarios, filled chunk by chunk."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._parts: dict[str, npt.NDArray[Any] | Cells] = {}

    def put(self, some: slice, chunk: Drivers) -> None:
        """Write a chunk into its place."""
        for f in fields(Drivers):
            value = getattr(chunk, f.name)
            if f.name not in self._parts:
                self._parts[f.name] = _room(value, self.count)
            whole = self._parts[f.name]
            if isinstance(whole, Cells):
                whole.values[:, some] = value.values
            else:
                whole[some] = value

    def drivers(self) -> Drivers:
        """Return all scenarios, once every chunk is there."""
        parts: dict[str, Any] = dict(self._parts)
        return Drivers(**parts)


def _room(value: npt.NDArray[Any] | Cells, count: int) -> npt.NDArray[Any] | Cells:
    """Return an empty array like ``value`` for ``count`` scenarios."""
    if isinstance(value, Cells):
        numbers, _, years = value.values.shape
        return Cells(value.index, np.empty((numbers, count, years)))
    return np.empty((count, *value.shape[1:]), dtype=value.dtype)


def slices(count: int, chunk: int = CHUNK) -> Iterator[slice]:
    """Yield consecutive slices of at most ``chunk`` that together are ``count`` long."""
    for start in range(0, count, chunk):
        yield slice(start, min(start + chunk, count))
