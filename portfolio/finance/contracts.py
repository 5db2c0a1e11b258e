"""What price contracts pay on a unit of output, before it is known whether anything is produced."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.tables import Structure
from portfolio.finance.economics import Economics
from portfolio.finance.sizing import settled
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """Prices of N scenarios laid out year by year, USD/kg, made once for all plants.

    Attributes
    ----------
    settled : array, (M, T, N)
        Reference price at the standing premium: what contracts settle on.
    realised : array, (M, T, N)
        Price sellers outside the exporting country are paid.
    low_quantile : float
        Quantile of ``settled`` that :attr:`low` is.
    """

    settled: Array
    realised: Array
    low_quantile: float

    def rows(self, which: npt.NDArray[np.int64]) -> Market:
        """Return the prices of some of the scenarios."""
        return Market(self.settled[:, :, which], self.realised[:, :, which], self.low_quantile)

    @cached_property
    def low(self) -> Array:
        """P_low: low quantile over the scenarios of the settled price, (M, T)."""
        return np.asarray(np.quantile(self.settled, self.low_quantile, axis=2), dtype=float)


def market(case: Case, drivers: Drivers) -> Market:
    """Return the prices of a sample as the simulation reads them."""
    return Market(
        settled=np.ascontiguousarray(settled(case, drivers.price).transpose(1, 2, 0)),
        realised=np.ascontiguousarray(drivers.realised.transpose(1, 2, 0)),
        low_quantile=case.settings.finance.low_quantile,
    )


@dataclass(frozen=True)
class UnitFlows:
    """Flows a year of one unit of output (the whole plant at full output), USD M, shape (N, T) each.

    ``sales`` at realised prices with fees, ``other`` by-products; ``floor`` = sum of payable (K - P)^+, ``upside`` =
    min(sum of u payable (P - K2)^+, cap).
    """

    sales: Array
    other: float
    floor: Array
    upside: Array


def strike_path(case: Case, structure: Structure, strike: Array, agreed: float) -> Array:
    """Return the real strike by year, (M, T), USD/kg: K (1 + inflation)^-(t - agreed)^+ where not indexed.

    ``agreed`` is the financial close in years from the start of the horizon: a strike is agreed in money of that day.
    """
    years = np.maximum(np.arange(len(case.years)) - agreed, 0.0)
    inflation = case.settings.finance.strike_index_inflation if structure.index == "none" else 0.0
    path: Array = strike[:, None] * (1.0 + inflation) ** -years[None, :]
    return path


def unit_sales(plant: Economics, prices: Market) -> Array:
    """Return sales of a unit of output at realised prices with fees, (N, T), USD M a year."""
    return _value(plant, prices.realised) + plant.fee_usd_m


def unit_flows(
    case: Case, structure: Structure, plant: Economics, strike: Array, close: Array, prices: Market, sales: Array
) -> UnitFlows:
    """Return sales and payouts of a unit of output in every scenario and year.

    Contracts settle on the reference price at the standing premium of the material, on payable value. ``close``,
    (N,), is the financial close in years from the start of the horizon; ``sales`` from :func:`unit_sales`.
    """
    if not strike.any():
        zero = np.zeros_like(sales)
        return UnitFlows(sales, plant.byproduct_usd_m, zero, zero)
    path = _strikes(case, structure, strike, close)
    price = prices.settled
    over = np.where(path > 0.0, np.maximum(price - structure.upside_threshold * path, 0.0), 0.0)
    upside = structure.upside_share * _value(plant, over)
    if structure.upside_cap_usd_m is not None:
        upside = np.minimum(upside, structure.upside_cap_usd_m)
    floor = _value(plant, np.maximum(path - price, 0.0))
    return UnitFlows(sales=sales, other=plant.byproduct_usd_m, floor=floor, upside=upside)


def neutral_floor(
    case: Case, structure: Structure, plant: Economics, strike: Array, close: Array, prices: Market
) -> Array:
    """Return the floor of :class:`UnitFlows` at prices less their risk premium, which runs from ``close``, (N, T)."""
    if not strike.any():
        return np.zeros(prices.settled.shape[:0:-1])
    begin = close[:1] if close.size and close.min() == close.max() else close
    years = np.maximum(np.arange(prices.settled.shape[1])[:, None] - begin, 0.0)
    neutral = prices.settled * (1.0 + case.settings.finance.price_premium) ** -years
    return _value(plant, np.maximum(_strikes(case, structure, strike, close) - neutral, 0.0))


def _strikes(case: Case, structure: Structure, strike: Array, close: Array) -> Array:
    """Return the strike by material and year, (M, T, 1)."""
    agreed = float(close.min()) if close.size else 0.0
    return strike_path(case, structure, strike, agreed)[:, :, None]


def _value(plant: Economics, price: Array) -> Array:
    """Return the payable value of a unit of output at prices (M, T, N), shape (N, T), laid out year by year."""
    value: Array = np.einsum("mtn,m->tn", price, plant.payable).T
    return value
