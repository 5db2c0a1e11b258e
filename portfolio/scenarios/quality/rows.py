"""One row of the table of moments: a parameter, what the law expects of a sample, and how to see it in one.

Every statistic is a smooth function of the means of a few columns, one row of them for each scenario. Scenarios are
independent, so the delta method gives its standard error whatever depends on what within a scenario: a hazard's events
share its rate, years share a tension path. Of a space-filling design the independent units are its randomisations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolio.scenarios.quality.drawn import Drawn

Array = npt.NDArray[np.float64]
Vector = npt.NDArray[np.complex128]
Observe = Callable[[Drawn], Array]
"""Columns of a chunk, (N, columns)."""

STEP = 1e-20
"""Of the complex-step derivative: any number so small that its square vanishes."""


@dataclass(frozen=True)
class Row:
    """A statistic whose expected value is known.

    Attributes
    ----------
    driver, entity, quantity, unit : str
        Hazard, price, demand, ...; which of them; what is measured; in which unit.
    parameter : str
        Where the case has what it depends on, ``table.column`` or ``section.key``.
    value : float
        That parameter.
    expected : float
        What the documented law gives.
    kind : str
        One of :data:`KINDS`: how the statistic follows from the means of the columns.
    observe : callable
        The columns of a chunk; but for ``mean`` and ``slope`` they begin with how many things each scenario
        holds.
    spread : float
        Standard error of the statistic from one scenario, as the law has it: the standard error of n scenarios is at
        least ``spread``/sqrt(n). 0 where the sample alone tells. Of skewed laws the sample does not: one without rare
        large values shows too small a deviation and, at once, too small a standard error of it.
    """

    driver: str
    entity: str
    quantity: str
    unit: str
    parameter: str
    value: float
    expected: float
    kind: str
    observe: Observe
    spread: float = 0.0


def _mean(y: Vector) -> np.complex128:
    return np.complex128(y[0])


def _ratio(y: Vector) -> np.complex128:
    return np.complex128(y[1] / y[0])


def _geometric(y: Vector) -> np.complex128:
    return np.complex128(np.exp(y[1] / y[0]))


def _deviation(y: Vector) -> np.complex128:
    return np.complex128(np.sqrt(y[2] / y[0] - (y[1] / y[0]) ** 2))


def _correlation(y: Vector) -> np.complex128:
    n, x, z, xx, zz, xz = y
    return np.complex128((xz / n - x * z / n**2) / np.sqrt((xx / n - (x / n) ** 2) * (zz / n - (z / n) ** 2)))


KINDS: dict[str, Callable[[Vector], np.complex128]] = {
    "mean": _mean,
    "ratio": _ratio,
    "slope": _ratio,
    "geometric mean": _geometric,
    "standard deviation": _deviation,
    "correlation": _correlation,
}
"""Statistics of column means: y0; y1/y0, of things and as the slope of a regression through 0; exp(y1/y0);
sqrt(y2/y0 - (y1/y0)^2); Pearson's from n, x, z, xx, zz, xz."""


def estimate(kind: str, columns: Array) -> tuple[float, float]:
    """Return a statistic and its standard error from independent rows of its columns.

    With means y and gradient d of the statistic f, the influence of a row is d (row - y); the standard error is the
    standard deviation of the influences over the root of their number. The gradient is Im f(y + i h e_j) / h, exact to
    rounding.

    Parameters
    ----------
    kind : str
        One of :data:`KINDS`.
    columns : (units, columns) array
        One row for each independent unit, at least two.

    Returns
    -------
    tuple of float
        Estimate and standard error; both NaN where there is nothing to estimate from.
    """
    f, y = KINDS[kind], columns.mean(axis=0)
    if kind != "mean" and y[0] == 0:
        return float("nan"), float("nan")
    at = y.astype(complex)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(f(at).real)
        slopes = np.array([f(at + 1j * STEP * np.eye(y.size)[j]).imag / STEP for j in range(y.size)])
    influence = (columns - y) @ slopes
    return value, float(np.sqrt((influence @ influence) / (len(columns) - 1) / len(columns)))


def spread_of_deviation(deviation: float, kurtosis: float) -> float:
    """Standard error of a standard deviation from one value of a law with that kurtosis (3 of a normal one).

    The influence of a value x on the deviation s is ((x - mean)^2 - s^2)/(2 s), of variance s^2 (kurtosis - 1)/4.
    """
    return deviation * float(np.sqrt(kurtosis - 1.0)) / 2.0


def once(*columns: Array) -> Array:
    """Columns of a statistic with one thing in each scenario: ones before the given ones."""
    return np.column_stack([np.ones(columns[0].size), *columns])


def of_values(values: Array) -> Array:
    """Columns n, sum, sum of squares of the values of each scenario, (N, values)."""
    flat = values.reshape(values.shape[0], -1)
    return np.column_stack([np.full(len(flat), float(flat.shape[1])), flat.sum(axis=1), (flat**2).sum(axis=1)])


def of_pairs(x: Array, z: Array) -> Array:
    """Columns of a correlation from pairs in each scenario, both (N, pairs)."""
    sums = [x.sum(axis=1), z.sum(axis=1), (x**2).sum(axis=1), (z**2).sum(axis=1), (x * z).sum(axis=1)]
    return np.column_stack([np.full(len(x), float(x.shape[1])), *sums])


def by_scenario(size: int, row: npt.NDArray[np.int64], values: Array) -> Array:
    """Columns n, sum, sum of squares of things that lie in some scenarios: ``row`` says in which."""
    return np.column_stack([np.bincount(row, v, size) for v in (np.ones(row.size), values, values**2)])
