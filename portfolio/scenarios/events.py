"""Named events with fixed data, for stress tests: scenarios in which nothing else happens, or on top of what does."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from portfolio.case.records import Case
from portfolio.case.tables import Event
from portfolio.scenarios.demand import base_demand
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.effects import disruption
from portfolio.scenarios.hazards import Occurrences
from portfolio.scenarios.months import MONTHS
from portfolio.scenarios.prices import expected_price, realised_price
from portfolio.scenarios.projects import rival_rates, waiting_time

MEDIAN = 0.5
"""The draw that stands for median luck."""


def happening(case: Case, effects: Sequence[Event], start_years: Sequence[int]) -> Occurrences:
    """Return the occurrences of effects that begin in January of ``start_years[n]`` in row n, in months.

    Raises
    ------
    ValueError
        If a year is not in the horizon.
    """
    for year in start_years:
        if year not in case.years:
            raise ValueError(f"start year {year} is outside the horizon {case.years[0]}–{case.years[-1]}")
    rows = len(start_years)
    first = MONTHS * (np.array(start_years, dtype=float) - case.years[0])
    each = np.repeat(np.arange(len(effects)), rows)
    start, duration, severity = (
        np.array([getattr(e, name) for e in effects], dtype=float)
        for name in ("start_month", "duration_months", "severity")
    )
    return Occurrences(
        effect=each,
        row=np.tile(np.arange(rows), len(effects)),
        start=np.tile(first, len(effects)) + start[each],
        duration=duration[each],
        severity=severity[each],
    )


def event_drivers(case: Case, events: Sequence[str], start_year: int) -> Drivers:
    """Return one scenario of probability 1 in which the named events happen and no hazard does.

    All events begin in January of ``start_year``, their effects ``start_month`` months later. Prices follow the
    forecast times the events' factors, demand its base. Delays and overruns are the projects' means. All other
    project luck is the median: success, closing unaided and restarts happen where their probability is above one
    half (draw 0.5); rivals' bids and takeovers come after ln 2 / rate years; the rival is allied where
    ``rival_allied`` is above one half. With no events it is the calm world.

    Parameters
    ----------
    case : Case
        A validated case.
    events : sequence of str
        Names in the table ``events``; those named together happen together.
    start_year : int
        A year of the horizon.

    Raises
    ------
    ValueError
        If a name is not in the table, or the year not in the horizon.
    """
    return effect_drivers(case, event_effects(case, events), (start_year,))


def effect_drivers(case: Case, effects: Sequence[Event], start_years: Sequence[int]) -> Drivers:
    """Return a scenario for every start year, equally likely, in which these effects happen and nothing else does.

    See :func:`event_drivers`, which is the case of one start year.
    """
    rows = len(start_years)
    impact = disruption(case, effects, happening(case, effects, start_years), rows)
    price = expected_price(case)[None] * impact.factor
    bids, takeovers, allied = rival_rates(case)
    median = np.full((rows, len(case.projects)), MEDIAN)
    return Drivers(
        index=np.arange(rows, dtype=np.int64),
        probability=np.full(rows, 1.0 / rows),
        disrupted=impact.disrupted,
        available=impact.available,
        running=impact.running,
        cut=impact.cut,
        price=price,
        realised=realised_price(case, price, impact.disrupted),
        demand=np.repeat(base_demand(case)[None], rows, axis=0),
        delay_y=np.array([[p.delay_mean_y for p in case.projects]] * rows),
        overrun=np.array([[p.overrun_mean for p in case.projects]] * rows),
        success_u=median,
        unaided_u=median.copy(),
        restart_u=median.copy(),
        rival_y=waiting_time(bids, median),
        takeover_y=waiting_time(takeovers, median),
        rival_allied=median < allied,
    )


def event_effects(case: Case, names: Sequence[str]) -> tuple[Event, ...]:
    """Return the effects of the named events, by name so that the order of rows and names does not matter.

    Raises
    ------
    ValueError
        If a name is not in the table ``events``.
    """
    known = sorted({e.event for e in case.events})
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the case has {', '.join(known) or 'none'}"
            raise ValueError(f"no event {name!r}: {hint}")
    return tuple(sorted((e for e in case.events if e.event in names), key=lambda e: (e.event, e.effect)))
