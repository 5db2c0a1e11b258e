"""Price pressure of new supply: lower prices by the elasticity of demand, and slumps that incumbents start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.settings import Pressure
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.sources import KeyedSource

Array = npt.NDArray[np.float64]


def elastic_factor(added: Array, rules: Pressure) -> Array:
    """Price over what it was, (1 + x)^-elasticity; ``added`` x is new supply over the market, at least 0."""
    return np.asarray((1.0 + added) ** -rules.elasticity, dtype=float)


def dumping_factor(added: Array, draws: Array, rules: Pressure) -> Array:
    """Factor of slumps that incumbents start, shape (N, M, T).

    In every year a slump begins with probability 1 - exp(-rate x), where ``draws`` in (0, 1) are below it, and lasts
    ``dumping_y`` years; slumps that overlap do not deepen one another. More supply adds slumps and takes none away.
    """
    begins = draws < -np.expm1(-rules.dumping_rate * added)
    slump = np.zeros(begins.shape, dtype=bool)
    for later in range(min(rules.dumping_y, begins.shape[2])):
        slump[:, :, later:] |= begins[:, :, : begins.shape[2] - later]
    return np.where(slump, rules.dumping_factor, 1.0)


def pressed(case: Case, drivers: Drivers, added: Array, seed: int) -> Drivers:
    """Return the same scenarios with prices under the pressure of new supply.

    Parameters
    ----------
    case : Case
        Its section ``[pressure]`` has the rules.
    drivers : Drivers
        N scenarios.
    added : array, (N, M, T)
        New supply over the market, at least 0.
    seed : int
        Of the slumps, keyed by scenario number and material like all other draws.
    """
    rules = case.settings.pressure
    draws = KeyedSource(seed, drivers.index).draws("pressure", case.material_names, "slump", added.shape[2])
    factor = elastic_factor(added, rules) * dumping_factor(added, draws.transpose(1, 0, 2), rules)
    return replace(drivers, price=drivers.price * factor, realised=drivers.realised * factor)
