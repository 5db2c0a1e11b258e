"""Hazards: when events happen, how severe they are and how long they last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincinv, ndtri
from scipy.stats import poisson

from portfolio.case.records import Case
from portfolio.case.tables import Hazard
from portfolio.scenarios.philox import Array, Integers
from portfolio.scenarios.sources import Source

DRAWS_A_YEAR = 2**20
"""Draws set apart for the events of one year, so that an event's draws do not depend on the years before."""


@dataclass(frozen=True)
class Occurrences:
    """Events that happen in a chunk of scenarios, flat arrays of one length, ordered by effect and scenario.

    Attributes
    ----------
    effect : int array
        Number of the hazard (or of the effect of a named event) in its list.
    row : int array
        Row of the chunk.
    start, duration : array
        Months since the start of the first year; months.
    severity : array
        Share lost while it lasts.
    """

    effect: Integers
    row: Integers
    start: Array
    duration: Array
    severity: Array

    def and_then(self, other: Occurrences, effects: int) -> Occurrences:
        """Return both, where ``other`` counts the effects after the first ``effects``."""
        return Occurrences(
            effect=np.concatenate([self.effect, other.effect + effects]),
            row=np.concatenate([self.row, other.row]),
            start=np.concatenate([self.start, other.start]),
            duration=np.concatenate([self.duration, other.duration]),
            severity=np.concatenate([self.severity, other.severity]),
        )


def tension_path(case: Case, source: Source) -> Array:
    """Return the common tension factor g, stationary AR(1) with mean 0 and variance 1, shape (N, T).

    g[0] = z[0], g[t] = rho g[t-1] + sqrt(1 - rho^2) z[t], rho = ``sampling.tension_persistence``.
    """
    shocks: Array = ndtri(source.draws("tension", ("common",), "shock", len(case.years))[0])
    persistence = case.settings.sampling.tension_persistence
    path = np.empty_like(shocks)
    path[:, 0] = shocks[:, 0]
    for t in range(1, path.shape[1]):
        path[:, t] = persistence * path[:, t - 1] + np.sqrt(1.0 - persistence**2) * shocks[:, t]
    return path


def sorted_hazards(case: Case) -> tuple[Hazard, ...]:
    """Return the hazards by name: products over hazards then round alike whatever the order of the rows."""
    return tuple(sorted(case.hazards, key=lambda h: h.hazard))


def event_rates(case: Case, hazards: tuple[Hazard, ...], source: Source) -> Array:
    """Return the mean number of events a year of each hazard and scenario, shape (H, N).

    Where ``sampling.uncertain_rates``, Gamma with shape ``rate_events`` + 1/2 and mean ``rate``: the posterior
    under the Jeffreys prior of a Poisson rate after ``rate_events`` events in (``rate_events`` + 1/2)/``rate``
    years; else ``rate``. A hazard with infinitely many ``rate_events`` is known to have its ``rate``.
    """
    rate = np.array([h.rate for h in hazards])[:, None]
    if not case.settings.sampling.uncertain_rates:
        return np.broadcast_to(rate, (len(hazards), source.size))
    events = np.array([h.rate_events for h in hazards])[:, None]
    known = np.isinf(events)
    shape = np.where(known, 1.0, events + 0.5)
    u = source.draws("hazard", tuple(h.hazard for h in hazards), "rate", 1)[:, :, 0]
    return np.asarray(np.where(known, rate, rate * gammaincinv(shape, u) / shape), dtype=float)


def event_counts(case: Case, hazards: tuple[Hazard, ...], source: Source) -> Integers:
    """Return the number of events that start in each year, shape (H, N, T).

    Poisson with mean rate · exp(loading · g[t] − loading²/2), whose mean over the tension g is ``rate``.
    """
    tension = tension_path(case, source)
    loading = np.array([h.tension_loading for h in hazards])[:, None, None]
    mean = event_rates(case, hazards, source)[:, :, None] * np.exp(loading * tension - loading**2 / 2.0)
    u = source.draws("hazard", tuple(h.hazard for h in hazards), "count", tension.shape[1])
    counts = np.zeros(mean.shape, dtype=np.int64)
    some = u > np.exp(-mean)  # in most years nothing happens: invert the distribution for the rest alone
    counts[some] = np.asarray(poisson.ppf(u[some], mean[some])).astype(np.int64)
    return counts


def occurrences(case: Case, hazards: tuple[Hazard, ...], source: Source) -> Occurrences:
    """Return the events of every scenario of the chunk.

    Events start uniformly within their year; none is under way when the first year begins (a cold start), and
    those that outlast the horizon are cut off where it ends, later, on the grid of months.
    """
    if not hazards:
        nothing = np.zeros(0)
        return Occurrences(nothing.astype(np.int64), nothing.astype(np.int64), nothing, nothing, nothing)
    counts = event_counts(case, hazards, source)
    cells = np.nonzero(counts)
    number = counts[cells]
    effect, row, year = (np.repeat(axis, number) for axis in cells)
    within = np.arange(effect.size) - np.repeat(np.cumsum(number) - number, number)
    where = (effect, row, year * DRAWS_A_YEAR + within)
    names = tuple(h.hazard for h in hazards)
    start = 12.0 * (year + source.scattered("hazard", names, "start", where))
    median = np.array([h.duration_median_months for h in hazards])[effect]
    sigma = np.array([h.duration_sigma for h in hazards])[effect]
    duration = median * np.exp(sigma * ndtri(source.scattered("hazard", names, "duration", where)))
    u = source.scattered("hazard", names, "severity", where)
    return Occurrences(effect, row, start, duration, _severity(hazards, effect, u))


def _severity(hazards: tuple[Hazard, ...], effect: Integers, u: Array) -> Array:
    """Return beta-distributed severities at their quantiles ``u``; the mean itself where there is no spread."""
    parameters = np.array([beta_parameters(h) for h in hazards])[effect]
    severity = np.array([h.severity_mean for h in hazards])[effect]
    spread: npt.NDArray[np.bool_] = np.isfinite(parameters[:, 0])
    severity[spread] = betaincinv(parameters[spread, 0], parameters[spread, 1], u[spread])
    return severity


def beta_parameters(hazard: Hazard) -> tuple[float, float]:
    """Return a = m·s and b = (1 − m)·s of the severity, s = m(1 − m)/sd² − 1; infinities where it is fixed.

    Raises
    ------
    ValueError
        If no beta distribution has that mean and standard deviation: sd² ≥ m(1 − m).
    """
    mean, sd = hazard.severity_mean, hazard.severity_sd
    if sd == 0.0:
        return float("inf"), float("inf")
    size = mean * (1.0 - mean) / sd**2 - 1.0
    if size <= 0.0:
        raise ValueError(
            f"hazard {hazard.hazard}: no beta distribution has mean {mean:g} and standard deviation {sd:g}; "
            f"the standard deviation has to stay below {np.sqrt(mean * (1.0 - mean)):.3g}"
        )
    return mean * size, (1.0 - mean) * size
