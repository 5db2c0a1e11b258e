"""Prices: the forecast, mean-reverting deviations from it, and what sellers realise."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from portfolio.case.records import Case
from portfolio.scenarios.philox import Array
from portfolio.scenarios.sources import Source


def _years_known(case: Case) -> int:
    """Return the years from the one in which the price is known to the first of the horizon.

    That is the base year, ``case.currency_year``, or the first year itself where the base year comes later.
    """
    return max(case.settings.horizon.first_year - case.settings.case.currency_year, 0)


def _decay(case: Case) -> Array:
    """Return what is left of a deviation after a year, 2^(−1/half-life), shape (M,)."""
    return np.asarray(2.0 ** (-1.0 / np.array([m.halflife_y for m in case.materials])), dtype=float)


def expected_price(case: Case) -> Array:
    """Return the forecast of reference prices, USD/kg, shape (M, T).

    longrun + (now − longrun)·2^(−(t − t0)/half-life), t0 the base year ``case.currency_year`` or the first year
    of the horizon, whichever is earlier. It is the mean of sampled prices, hazards apart.
    """
    now = np.array([m.price_now for m in case.materials])[:, None]
    longrun = np.array([m.price_longrun for m in case.materials])[:, None]
    halflife = np.array([m.halflife_y for m in case.materials])[:, None]
    elapsed = _years_known(case) + np.arange(len(case.years))
    return np.asarray(longrun + (now - longrun) * 2.0 ** (-elapsed / halflife), dtype=float)


def log_variance(case: Case) -> Array:
    """Return the variance of the log deviation x by year, shape (M, T).

    Var x[t] = volatility²·(1 + a² + … + a^(2(k−1))), a = 2^(−1/half-life), after k innovations: one for every
    year since the price was known, and at least one in the first year of the horizon.
    """
    decay = _decay(case)[:, None]
    volatility = np.array([m.volatility for m in case.materials])[:, None]
    before = max(_years_known(case), 1) - 1
    terms = decay ** (2.0 * np.arange(before + len(case.years)))
    return np.asarray(volatility**2 * np.cumsum(terms, axis=1)[:, before:], dtype=float)


def sample_price(case: Case, source: Source) -> Array:
    """Return reference prices before hazards, USD/kg, shape (N, M, T).

    price = forecast·exp(x − Var x/2), x[t] = a·x[t−1] + volatility·eps[t], whose mean is the forecast;
    eps = loading·F + √(1 − loading²)·e with F common to all materials, so that two materials' innovations
    correlate by the product of their loadings. ``volatility`` is thus the standard deviation of the log price
    one year ahead. The first deviation holds all innovations since the price was known.
    """
    years = len(case.years)
    common = ndtri(source.draws("price", ("common",), "shock", years))
    own = ndtri(source.draws("price_of", case.material_names, "shock", years))
    loading = np.array([m.price_loading for m in case.materials])[:, None, None]
    shocks = loading * common + np.sqrt(1.0 - loading**2) * own  # (M, N, T)
    decay = _decay(case)[:, None]
    volatility = np.array([m.volatility for m in case.materials])[:, None]
    variance = log_variance(case)
    deviation = np.empty_like(shocks)
    deviation[:, :, 0] = np.sqrt(variance[:, :1]) * shocks[:, :, 0]
    for t in range(1, years):
        deviation[:, :, t] = decay * deviation[:, :, t - 1] + volatility * shocks[:, :, t]
    price = expected_price(case)[:, None] * np.exp(deviation - variance[:, None] / 2.0)
    return np.ascontiguousarray(price.transpose(1, 0, 2))


def realised_price(case: Case, price: Array, disrupted: Array) -> Array:
    """Return what sellers outside the exporting country realise, USD/kg, shape (N, M, T).

    price·(1 + ex_china_premium)·(1 + crisis_volume·(crisis_premium − 1)·disrupted)
    """
    standing = np.array([1.0 + m.ex_china_premium for m in case.materials])[:, None]
    crisis = np.array([m.crisis_volume * (m.crisis_premium - 1.0) for m in case.materials])[:, None]
    return np.asarray(price * standing * (1.0 + crisis * disrupted), dtype=float)
