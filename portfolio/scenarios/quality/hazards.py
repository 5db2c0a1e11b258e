"""Expected values of hazards: how many events, how severe, how long, how clustered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from portfolio.case.records import Case
from portfolio.case.tables import Hazard
from portfolio.scenarios.quality.drawn import Drawn
from portfolio.scenarios.quality.overlap import MONTHS, integrated_survival
from portfolio.scenarios.quality.rows import Array, Observe, Row, by_scenario, of_pairs, of_values, once

NODES = 80
"""Nodes of the quadrature over the tension of a year."""


def hazard_rows(case: Case) -> Iterator[Row]:
    """Rows of every hazard, of the tension they share, and of export hazards together."""
    yield from tension_rows(case)
    for hazard in case.hazards:
        yield from _frequency(case, hazard)
        if hazard.severity_mean > 0:
            yield from _severity(hazard)
        yield from _duration(case, hazard)
    export = [h for h in case.hazards if h.kind == "export" and h.rate > 0]
    if len(export) > 1:
        yield _together(case, export)
    if any(h.rate > 0 for h in case.hazards):
        yield Row("hazard", "all", "start within its year", "share of the year", "uniform", 0.5, 0.5, "ratio", _starts)


def tension_rows(case: Case) -> Iterator[Row]:
    """Mean 0, standard deviation 1 and the correlation of neighbouring years of the common tension factor."""
    rho = case.settings.sampling.tension_persistence

    def row(quantity: str, value: float, kind: str, observe: Observe) -> Row:
        return Row("tension", "common", quantity, "", "sampling.tension_persistence", rho, value, kind, observe)

    yield row("mean", 0.0, "mean", lambda d: d.tension.mean(axis=1)[:, None])
    yield row("standard deviation", 1.0, "standard deviation", lambda d: of_values(d.tension))
    if len(case.years) > 1:
        yield row(
            "correlation of neighbouring years",
            rho,
            "correlation",
            lambda d: of_pairs(d.tension[:, :-1], d.tension[:, 1:]),
        )


def shape_of(case: Case, hazard: Hazard) -> float:
    """Shape of the Gamma distribution of a rate, ``rate_events`` + 1/2; infinite where rates are certain."""
    return hazard.rate_events + 0.5 if case.settings.sampling.uncertain_rates else float("inf")


def mean_product(case: Case, one: Hazard, other: Hazard) -> float:
    """E[N N'] of the events over the horizon of two hazards, or of the pairs of events of one.

    lambda lambda' (1 + 1/shape where both are one hazard) sum over years s, t of exp(l l' rho^|s - t|).
    """
    years = np.arange(len(case.years))
    rho = case.settings.sampling.tension_persistence
    lag = np.abs(years[:, None] - years[None, :])
    shared = np.exp(one.tension_loading * other.tension_loading * rho**lag).sum()
    same = 1.0 + 1.0 / shape_of(case, one) if one.hazard == other.hazard else 1.0
    return float(one.rate * other.rate * same * shared)


def variance_of_events(case: Case, hazards: Sequence[Hazard]) -> float:
    """Variance of the events of some hazards over the horizon: Poisson, plus that of rates and of common tension."""
    mean = len(case.years) * sum(h.rate for h in hazards)
    return mean + sum(mean_product(case, a, b) for a in hazards for b in hazards) - mean**2


def probability_of_a_year(case: Case, hazard: Hazard) -> float:
    """Probability that any event starts in a year: 1 - E[(1 + rate e(g)/shape)^-shape], e = exp(l g - l^2/2).

    The Gamma rate is integrated in closed form, the tension g by Gauss-Hermite quadrature.
    """
    g, weight = np.polynomial.hermite_e.hermegauss(NODES)
    loading, shape = hazard.tension_loading, shape_of(case, hazard)
    mean = hazard.rate * np.exp(loading * g - loading**2 / 2)
    none = np.exp(-mean) if np.isinf(shape) else (1.0 + mean / shape) ** -shape
    return float(1.0 - weight @ none / weight.sum())


def months_under_way(case: Case, hazard: Hazard) -> float:
    """Mean months a year that events last, each counted by itself, cut off at the end of the horizon.

    An event that starts at s lasts min(D, H - s): rate/12 times the integral of E[min(D, L)] over L from 0 to H months.
    """
    months = MONTHS * len(case.years)
    x, weight = np.polynomial.legendre.leggauss(32)
    at = np.arange(months)[:, None] + (x + 1.0) / 2.0
    return float(hazard.rate / MONTHS * (integrated_survival(hazard, at) @ weight).sum() / 2.0 / len(case.years))


def _frequency(case: Case, hazard: Hazard) -> Iterator[Row]:
    """How often its events happen, and how much that varies between scenarios."""
    name, years = hazard.hazard, len(case.years)

    def counts(drawn: Drawn) -> Array:
        return np.asarray(drawn.counts[drawn.hazards.index(name)], dtype=float)

    def row(quantity: str, unit: str, expected: float, kind: str, observe: Observe) -> Row:
        return Row("hazard", name, quantity, unit, "hazards.rate", hazard.rate, expected, kind, observe)

    yield row("events", "1/y", hazard.rate, "mean", lambda d: counts(d).mean(axis=1)[:, None])
    if hazard.rate == 0:
        return
    yield row(
        "years in which one starts",
        "share of years",
        probability_of_a_year(case, hazard),
        "mean",
        lambda d: (counts(d) > 0).mean(axis=1)[:, None],
    )
    spread = float(np.sqrt(variance_of_events(case, [hazard])))
    yield row(
        f"standard deviation of events in {years} years",
        "events",
        spread,
        "standard deviation",
        lambda d: once(counts(d).sum(axis=1), counts(d).sum(axis=1) ** 2),
    )


def _severity(hazard: Hazard) -> Iterator[Row]:
    name, mean, sd = hazard.hazard, hazard.severity_mean, hazard.severity_sd

    def severities(drawn: Drawn) -> Array:
        of = drawn.of(name)
        return by_scenario(drawn.size, drawn.events.row[of], drawn.events.severity[of])

    yield Row("hazard", name, "severity", "share", "hazards.severity_mean", mean, mean, "ratio", severities)
    if sd > 0:
        where, kind = "hazards.severity_sd", "standard deviation"
        yield Row("hazard", name, "standard deviation of severity", "share", where, sd, sd, kind, severities)


def _duration(case: Case, hazard: Hazard) -> Iterator[Row]:
    name, median, sigma = hazard.hazard, hazard.duration_median_months, hazard.duration_sigma

    def logs(drawn: Drawn) -> Array:
        of = drawn.of(name)
        return by_scenario(drawn.size, drawn.events.row[of], np.log(drawn.events.duration[of]))

    if hazard.rate == 0:
        return
    where = "hazards.duration_median_months"
    yield Row("hazard", name, "median duration", "months", where, median, median, "geometric mean", logs)
    if sigma > 0:
        quantity, kind = "sigma of log duration", "standard deviation"
        yield Row("hazard", name, quantity, "", "hazards.duration_sigma", sigma, sigma, kind, logs)
    yield Row(
        "hazard",
        name,
        "events under way",
        "months/y",
        "hazards.rate",
        hazard.rate,
        months_under_way(case, hazard),
        "mean",
        lambda d: d.under_way[d.hazards.index(name)][:, None] / len(case.years),
    )


def _together(case: Case, export: Sequence[Hazard]) -> Row:
    """How export hazards cluster: their events rise together with tension."""
    names = [h.hazard for h in export]

    def observe(drawn: Drawn) -> Array:
        total = drawn.counts[[drawn.hazards.index(n) for n in names]].sum(axis=(0, 2)).astype(float)
        return once(total, total**2)

    return Row(
        "hazard",
        "all export",
        f"standard deviation of events in {len(case.years)} years",
        "events",
        "hazards.tension_loading",
        float(np.mean([h.tension_loading for h in export])),
        float(np.sqrt(variance_of_events(case, export))),
        "standard deviation",
        observe,
    )


def _starts(drawn: Drawn) -> Array:
    within = drawn.events.start / MONTHS % 1.0
    return by_scenario(drawn.size, drawn.events.row, within)
