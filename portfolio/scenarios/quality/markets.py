"""Expected values of prices before hazards, and of demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from portfolio.case.records import Case
from portfolio.case.tables import Material
from portfolio.scenarios.quality.drawn import Drawn
from portfolio.scenarios.quality.rows import Array, Row, of_pairs, of_values

Flags = npt.NDArray[np.bool_]

Z95 = float(ndtri(0.95))
"""Standard deviations from the forecast to low and to high demand."""


def price_rows(case: Case) -> Iterator[Row]:
    """Rows of every material's price before hazards: mean, volatility, mean reversion, correlation with the others."""
    for m, row in enumerate(case.materials):
        yield from _price(case, m, row)
    moving = [(m, row) for m, row in enumerate(case.materials) if row.volatility > 0]
    if len(case.years) > 1:
        for (m, one), (n, other) in combinations(moving, 2):
            yield _together(case, m, one, n, other)


def forecast(case: Case, material: Material) -> Array:
    """Forecast of the price by year: back to the long run by half in every half-life since the base year."""
    base = min(case.settings.case.currency_year, case.years[0])
    left = 0.5 ** ((np.array(case.years) - base) / material.halflife_y)
    return np.asarray(material.price_longrun + (material.price_now - material.price_longrun) * left)


def log_deviation(case: Case, material: Material) -> Array:
    """Standard deviation of the log price by year.

    volatility sqrt((1 - a^(2k))/(1 - a^2)) after k yearly innovations, a = 2^(-1/half-life), k at least 1.
    """
    a = kept(material)
    k = np.maximum(np.array(case.years) - case.settings.case.currency_year, 0)
    k = np.maximum(k, 1 + np.arange(len(case.years)))
    return np.asarray(material.volatility * np.sqrt((1 - a ** (2 * k)) / (1 - a**2)))


def kept(material: Material) -> float:
    """What is left of a log deviation after a year, 2^(-1/half-life)."""
    return float(0.5 ** (1.0 / material.halflife_y))


def _deviations(case: Case, m: int, drawn: Drawn) -> Array:
    """Log price less its mean under the law, (N, T)."""
    row = case.materials[m]
    spread = log_deviation(case, row)
    return np.asarray(np.log(drawn.price[:, m] / forecast(case, row)) + spread**2 / 2)


def _innovations(case: Case, m: int, drawn: Drawn) -> Array:
    x = _deviations(case, m, drawn)
    return np.asarray(x[:, 1:] - kept(case.materials[m]) * x[:, :-1])


def _of_year(case: Case, m: int, year: int, drawn: Drawn) -> Array:
    return of_values(_deviations(case, m, drawn)[:, year])


def _price(case: Case, m: int, row: Material) -> Iterator[Row]:
    name, expected = row.material, float(forecast(case, row).mean())

    def mean(drawn: Drawn) -> Array:
        return np.asarray(drawn.price[:, m].mean(axis=1)[:, None])

    where = "materials.price_longrun"
    yield Row("price", name, "mean before hazards", "USD/kg", where, row.price_longrun, expected, "mean", mean)
    if row.volatility == 0:
        return
    for year, spread in ((0, log_deviation(case, row)[0]), (-1, log_deviation(case, row)[-1])):
        yield Row(
            "price",
            name,
            f"standard deviation of the log price in {case.years[year]}",
            "",
            "materials.volatility",
            row.volatility,
            float(spread),
            "standard deviation",
            partial(_of_year, case, m, year),
        )
    if len(case.years) == 1:
        return
    yield Row(
        "price",
        name,
        "standard deviation of a year's innovation",
        "",
        "materials.volatility",
        row.volatility,
        row.volatility,
        "standard deviation",
        lambda d: of_values(_innovations(case, m, d)),
    )

    def reversion(drawn: Drawn) -> Array:
        x = _deviations(case, m, drawn)
        return np.column_stack([(x[:, :-1] ** 2).sum(axis=1), (x[:, :-1] * x[:, 1:]).sum(axis=1)])

    quantity, where = "deviation left after a year", "materials.halflife_y"
    yield Row("price", name, quantity, "ratio", where, row.halflife_y, kept(row), "slope", reversion)


def _together(case: Case, m: int, one: Material, n: int, other: Material) -> Row:
    return Row(
        "price",
        f"{one.material} and {other.material}",
        "correlation of innovations",
        "",
        "materials.price_loading",
        one.price_loading,
        one.price_loading * other.price_loading,
        "correlation",
        lambda d: of_pairs(_innovations(case, m, d), _innovations(case, n, d)),
    )


def demand_rows(case: Case) -> Iterator[Row]:
    """Rows of every demand in the last year of the horizon, and of how paths move together."""
    places = list(product(range(len(case.regions)), range(len(case.stages)), range(len(case.materials))))
    moving: list[tuple[tuple[int, int, int], float]] = []
    for r, k, m in places:
        names = case.region_names[r], case.stage_names[k], case.material_names[m]
        low, base, high = (float(x) for x in case.demand_path(*names)[:, -1])
        if base <= 0:
            continue
        yield from _demand(case, (r, k, m), ", ".join(names), (low, base, high))
        if low < base < high:
            moving.append(((r, k, m), base))
    if len(moving) > 1:
        rho = case.settings.sampling.demand_correlation
        yield Row(
            "demand",
            "all pairs",
            "both on one side of their forecasts",
            "probability",
            "sampling.demand_correlation",
            rho,
            float(0.5 + np.arcsin(rho) / np.pi),
            "mean",
            lambda d: concordance(np.column_stack([d.drivers.demand[(slice(None), *at, -1)] > b for at, b in moving])),
        )


def concordance(above: Flags) -> Array:
    """Share of pairs on the same side, by scenario, from (N, things); as a column."""
    n, u = above.shape[1], above.sum(axis=1)
    return np.asarray((u * (u - 1) + (n - u) * (n - u - 1)) / (n * (n - 1)))[:, None]


def mean_demand(low: float, base: float, high: float) -> float:
    """Mean of base exp(b z) above and base exp(c z) below the forecast.

    b = ln(high/base)/1.645, c = ln(base/low)/1.645;
    E[exp(b z); z > 0] = exp(b^2/2) Phi(b), E[exp(c z); z < 0] = exp(c^2/2) Phi(-c). Where low is 0 the lower half is
    linear, max(0, 1 + z/1.645).
    """
    b = np.log(high / base) / Z95
    above = np.exp(b**2 / 2) * ndtr(b)
    if low > 0:
        c = np.log(base / low) / Z95
        return float(base * (above + np.exp(c**2 / 2) * ndtr(-c)))
    density = (1 - np.exp(-(Z95**2) / 2)) / np.sqrt(2 * np.pi)
    return float(base * (above + 0.45 - density / Z95))


def _share(seen: Callable[[Drawn], Flags], drawn: Drawn) -> Array:
    return np.asarray(seen(drawn).astype(float)[:, None])


def _demand(case: Case, at: tuple[int, int, int], entity: str, path: tuple[float, float, float]) -> Iterator[Row]:
    low, base, high = path
    year = case.years[-1]

    def last(drawn: Drawn) -> Array:
        return np.asarray(drawn.drivers.demand[(slice(None), *at, -1)])

    if high > 0:
        mean = mean_demand(low, base, high)
        quantity = f"mean in {year}"
        yield Row("demand", entity, quantity, "t/y", "demand.base", base, mean, "mean", lambda d: last(d)[:, None])
    sides: tuple[tuple[str, str, float, float, bool, Callable[[Drawn], Flags]], ...] = (
        ("below low", "demand.low", low, 0.05, 0.0 < low < base, lambda d: last(d) < low),
        ("below base", "demand.base", base, 0.5, low < base < high, lambda d: last(d) < base),
        ("above high", "demand.high", high, 0.05, high > base, lambda d: last(d) > high),
    )
    for what, where, value, share, moves, seen in sides:
        if moves:
            yield Row(
                "demand",
                entity,
                f"{what} in {year}",
                "probability",
                where,
                value,
                share,
                "mean",
                partial(_share, seen),
            )
