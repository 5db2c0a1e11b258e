"""Demand: one draw of its place between low and high per path, correlated over all paths."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from portfolio.case.records import Case
from portfolio.scenarios.philox import Array
from portfolio.scenarios.sources import Source

QUANTILE = float(ndtri(0.95))
"""Standard deviations between the forecast and the 5 % or 95 % quantile: 1.645."""


def base_demand(case: Case) -> Array:
    """Return forecast demand, t/y, shape (R, K, M, T)."""
    base: Array = _paths(case)[1]
    return base


def sample_demand(case: Case, source: Source) -> Array:
    """Return demand, t/y, shape (N, R, K, M, T).

    base·(high/base)^(z/1.645) above the forecast, base·(low/base)^(−z/1.645) below, so that low, base and high
    are the 5 %, 50 % and 95 % quantiles (a split lognormal). z is the same in all years of a path and correlates by
    ``sampling.demand_correlation`` with that of every other region, stage and material. Where low is 0 the
    lower half is linear, base·max(0, 1 + z/1.645); where base is 0 there is no demand.
    """
    paths = _paths(case)
    names = [f"{r}|{k}|{m}" for r in case.region_names for k in case.stage_names for m in case.material_names]
    common = ndtri(source.draws("demand", ("common",), "level", 1)[0, :, 0])
    own = ndtri(source.draws("demand_of", tuple(names), "level", 1)[:, :, 0])
    rho = case.settings.sampling.demand_correlation
    z = np.sqrt(rho) * common + np.sqrt(1.0 - rho) * own
    step = (z.T / QUANTILE).reshape(source.size, *paths.shape[1:4], 1)
    low, base, high = paths
    some = base > 0.0
    safe = np.where(some, base, 1.0)
    rise = np.where(some & (high > 0.0), high / safe, 1.0)
    fall = np.where(some & (low > 0.0), low / safe, 1.0)
    above = base * rise ** np.maximum(step, 0.0)
    below = np.where(low > 0.0, base * fall ** np.maximum(-step, 0.0), base * np.maximum(1.0 + step, 0.0))
    return np.asarray(np.where(step >= 0.0, above, below), dtype=float)


def _paths(case: Case) -> Array:
    """Return low, base and high demand, shape (3, R, K, M, T)."""
    rows = [
        [[case.demand_path(r, k, m) for m in case.material_names] for k in case.stage_names] for r in case.region_names
    ]
    return np.asarray(np.moveaxis(np.array(rows), 3, 0), dtype=float)
