"""Expected values of what overlapping events do together, by Campbell's theorem.

Given rates and tension, events are Poisson points with independent marks, so for any function f of an event
E[prod f] = exp(integral of (E[f] - 1) over the points' intensity). With f = 1 - severity cov or price_factor^cov, cov
the part of a month that an event covers, that is the mean of every product the scenarios are made of. The Gamma rates
are then integrated in closed form, the tension path by a Sobol sequence of its own.

References
----------
Kingman (1993), Poisson Processes, section 3.2 (Campbell's theorem).
Klugman, Panjer and Willmot (2012), Loss Models, appendix A: limited expected value of the lognormal distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from portfolio.case.records import Case
from portfolio.case.tables import Hazard

Array = npt.NDArray[np.float64]

MONTHS = 12
"""Months of a year."""
PATHS = 2048
"""Points of the quadrature over tension paths."""
NODES = 48
"""Nodes of the quadrature over the part of a month that is covered."""


def survival(hazard: Hazard, months: Array) -> Array:
    """P(D > x) of the duration, lognormal; a step where it is fixed."""
    x = np.maximum(months, 1e-12)
    if hazard.duration_sigma == 0:
        return np.asarray(x < hazard.duration_median_months, dtype=float)
    return np.asarray(ndtr(-np.log(x / hazard.duration_median_months) / hazard.duration_sigma))


def integrated_survival(hazard: Hazard, months: Array) -> Array:
    """E[min(D, x)], the integral of P(D > s) over s from 0 to x, months.

    m exp(sigma^2/2) Phi(z - sigma) + x Phi(-z), z = ln(x/m)/sigma, with median m.
    """
    median, sigma = hazard.duration_median_months, hazard.duration_sigma
    x = np.maximum(months, 1e-12)
    if sigma == 0:
        return np.minimum(x, median)
    z = np.log(x / median) / sigma
    return np.asarray(median * np.exp(sigma**2 / 2) * ndtr(z - sigma) + x * ndtr(-z))


@dataclass(frozen=True)
class Mark:
    """f - 1 of an event as a function of the part cov of a month that it covers: factor (base^cov - 1), or factor cov.

    ``base`` 1 means the linear form.
    """

    factor: float
    base: float = 1.0

    def slope(self, cov: Array) -> Array:
        """Derivative with respect to cov."""
        if self.base == 1.0:
            return np.full_like(cov, self.factor)
        return np.asarray(self.factor * np.log(self.base) * self.base**cov)


def exposure(hazard: Hazard, mark: Mark, years: int) -> Array:
    """Integral of E[f - 1] over starts, by month and year of start, shape (12 years, years).

    E[h(cov)] = integral of h'(c) P(cov > c) over c. An event that starts u months before a month covers more than c of
    it with P(D > u + c); one that starts within it, v before its end, with P(D > c) where c < v.
    """
    node, weight = np.polynomial.legendre.leggauss(NODES)
    c, w = (node + 1.0) / 2.0, weight / 2.0
    slope = mark.slope(c) * w
    month, year = np.arange(MONTHS * years)[:, None], np.arange(years)[None, :]
    first = np.maximum(month - MONTHS * (year + 1), 0)[..., None]
    last = np.maximum(month - MONTHS * year, 0)[..., None]
    before = (integrated_survival(hazard, last + c) - integrated_survival(hazard, first + c)) @ slope
    within = float(slope @ (survival(hazard, c) * (1.0 - c)))
    return np.asarray(before + np.where(month // MONTHS == year, within, 0.0))


@dataclass(frozen=True)
class Overlap:
    """Expected products over events of some hazards, by year."""

    case: Case

    @cached_property
    def tension(self) -> Array:
        """Tension paths, (paths, years): stationary, standard normal, correlation rho^lag."""
        years = len(self.case.years)
        rho = self.case.settings.sampling.tension_persistence
        lag = np.abs(np.arange(years)[:, None] - np.arange(years)[None, :])
        # The root by eigenvectors: the leading dimensions of the sequence carry most of the variance.
        value, vector = np.linalg.eigh(rho**lag)
        order = np.argsort(-value)
        points = qmc.Sobol(years, scramble=True, seed=20_000, bits=30).random(PATHS) + 2.0**-31
        return np.asarray(ndtri(points) @ (vector[:, order] * np.sqrt(np.maximum(value[order], 0.0))).T)

    def products(self, marks: Mapping[str, Mark]) -> Array:
        """Mean over each year's months of E[product of f over the events of the hazards], shape (years,).

        E over a Gamma rate: (1 + rate x/shape)^-shape, x = -sum over years of exposure e(g)/12; NaN where it diverges.
        """
        years = len(self.case.years)
        product: Array = np.ones((1, MONTHS * years))
        for hazard in self.case.hazards:
            if hazard.hazard not in marks or hazard.rate == 0:
                continue
            loading = hazard.tension_loading
            lifted = np.exp(loading * self.tension - loading**2 / 2) if loading else np.ones((1, years))
            x = -lifted @ exposure(hazard, marks[hazard.hazard], years).T / MONTHS
            product = product * self._over_rate(hazard, x)
        return np.asarray(product.mean(axis=0).reshape(years, MONTHS).mean(axis=1))

    def _over_rate(self, hazard: Hazard, x: Array) -> Array:
        if not self.case.settings.sampling.uncertain_rates:
            return np.asarray(np.exp(-hazard.rate * x))
        shape = hazard.rate_events + 0.5
        base = 1.0 + hazard.rate * x / shape
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(base > 0, np.maximum(base, 1e-300) ** -shape, np.nan))
