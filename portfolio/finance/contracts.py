"""What price contracts pay on a unit of output, before it is known whether anything is produced."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.tables import Structure
from portfolio.finance.economics import Economics
from portfolio.finance.sizing import settled
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class UnitFlows:
    """Flows a year of one unit of output (the whole plant at full output), USD M, shape (N, T) each.

    ``sales`` at realised prices with fees, ``other`` by-products; ``floor`` = sum of payable (K - P)^+, ``upside`` =
    min(sum of u payable (P - K2)^+, cap), ``floor_neutral`` the floor at prices without their risk premium.
    """

    sales: Array
    other: float
    floor: Array
    upside: Array
    floor_neutral: Array


def strike_path(case: Case, structure: Structure, strike: Array, agreed: float) -> Array:
    """Return the real strike by year, (M, T), USD/kg: K (1 + inflation)^-(t - agreed)^+ where not indexed.

    ``agreed`` is the financial close in years from the start of the horizon: a strike is agreed in money of that day.
    """
    years = np.maximum(np.arange(len(case.years)) - agreed, 0.0)
    inflation = case.settings.finance.strike_index_inflation if structure.index == "none" else 0.0
    path: Array = strike[:, None] * (1.0 + inflation) ** -years[None, :]
    return path


def unit_flows(
    case: Case, structure: Structure, plant: Economics, strike: Array, close: Array, drivers: Drivers
) -> UnitFlows:
    """Return sales and payouts of a unit of output in every scenario and year.

    Contracts settle on the reference price at the standing premium of the material, on payable value. ``close``,
    (N,), is the financial close in years from the start of the horizon: the risk premium of prices runs from it.
    """
    finance = case.settings.finance
    price = settled(case, drivers.price)
    agreed = float(close.min()) if close.size else 0.0
    path = strike_path(case, structure, strike, agreed)
    sales = np.einsum("nmt,m->nt", drivers.realised, plant.payable) + plant.fee_usd_m
    if not strike.any():
        zero = np.zeros_like(sales)
        return UnitFlows(sales, plant.byproduct_usd_m, zero, zero, zero)
    over = np.where(path > 0.0, np.maximum(price - structure.upside_threshold * path, 0.0), 0.0)
    upside = structure.upside_share * np.einsum("nmt,m->nt", over, plant.payable)
    if structure.upside_cap_usd_m is not None:
        upside = np.minimum(upside, structure.upside_cap_usd_m)
    years = np.maximum(np.arange(price.shape[2])[None, :] - close[:, None], 0.0)
    neutral = price * ((1.0 + finance.price_premium) ** -years)[:, None, :]
    return UnitFlows(
        sales=sales,
        other=plant.byproduct_usd_m,
        floor=np.einsum("nmt,m->nt", np.maximum(path - price, 0.0), plant.payable),
        upside=upside,
        floor_neutral=np.einsum("nmt,m->nt", np.maximum(path - neutral, 0.0), plant.payable),
    )
