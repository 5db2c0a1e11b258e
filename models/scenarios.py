"""The data of the scenarios of a programme."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DISRUPTED, CALM = 0, 1
BLOCKS = (DISRUPTED, CALM)
"""Blocks of a year: its disrupted and its calm part."""


@dataclass(frozen=True)
class Scenarios:
    """Scenario data; axes S scenarios, B blocks, R regions, K stages, M materials, T years, P, J options, V windows.

    Attributes
    ----------
    probability : (S,)
        Sums to one.
    disrupted : (S, M, T)
        phi: length of the disrupted block as a fraction of the year.
    demand : (S, R, K, M, T)
        t/y.
    imports, toll : (S, B, R, K, M, T)
        Import and spare processing available in the block, t/y (not yet scaled by its length).
    reexport : (S, B, R, R, K, M, T)
        Part of the imports of the first region that comes from suppliers not cutting the second, t/y.
    available : (S, C, R, K, M, T)
        Share of the goods of a project's country that reaches the region in the disrupted block; 1 in calm.
        Assembled as an array-like that holds only cells which are not 1 throughout: index it as any array.
    cut : (S, R, M, T)
        Whether an export hazard cuts the region for the material.
    output, contracted : (S, J, T)
        Output of the project under the option, share of nameplate, and its part within the contract term. Assembled
        in single precision (seven digits), the largest arrays there are; the extensive form, the decomposition and
        the evaluation all read these numbers, so they agree about the same programme.
        ``contracted`` is then an array-like, output times the part within the term, made when it is indexed. Memory
        is laid out option by option, year by year, scenarios last.
    unaided : (S, P, T)
        Output in the world without support, share of nameplate; rounded like ``output`` where that is.
    lost : (S, P, V)
        Whether a rival takes the project before the window, so that support changes nothing.
    """

    probability: Array
    disrupted: Array
    demand: Array
    imports: Array
    toll: Array
    reexport: Array
    available: Array
    cut: Flags
    output: Array
    contracted: Array
    unaided: Array
    lost: Flags

    @property
    def size(self) -> int:
        """Number of scenarios."""
        return int(self.probability.size)

    def take(self, which: npt.NDArray[np.int64]) -> Scenarios:
        """Return the scenarios numbered ``which`` with probabilities rescaled to sum to one."""
        parts = {f.name: getattr(self, f.name)[which] for f in fields(self)}
        parts["probability"] = parts["probability"] / parts["probability"].sum()
        return Scenarios(**parts)
