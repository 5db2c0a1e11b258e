"""Named events with fixed data, for stress tests: one scenario in which nothing else happens."""

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
    if start_year not in case.years:
        raise ValueError(f"start year {start_year} is outside the horizon {case.years[0]}–{case.years[-1]}")
    effects = _effects(case, events)
    first = float(MONTHS * (start_year - case.years[0]))
    happening = Occurrences(
        effect=np.arange(len(effects)),
        row=np.zeros(len(effects), dtype=np.int64),
        start=first + np.array([e.start_month for e in effects], dtype=float),
        duration=np.array([e.duration_months for e in effects], dtype=float),
        severity=np.array([e.severity for e in effects], dtype=float),
    )
    impact = disruption(case, effects, happening, 1)
    price = expected_price(case)[None] * impact.factor
    bids, takeovers, allied = rival_rates(case)
    median = np.full((1, len(case.projects)), MEDIAN)
    return Drivers(
        index=np.zeros(1, dtype=np.int64),
        probability=np.ones(1),
        disrupted=impact.disrupted,
        available=impact.available,
        running=impact.running,
        cut=impact.cut,
        price=price,
        realised=realised_price(case, price, impact.disrupted),
        demand=base_demand(case)[None],
        delay_y=np.array([[p.delay_mean_y for p in case.projects]]),
        overrun=np.array([[p.overrun_mean for p in case.projects]]),
        success_u=median,
        unaided_u=median.copy(),
        restart_u=median.copy(),
        rival_y=waiting_time(bids, median),
        takeover_y=waiting_time(takeovers, median),
        rival_allied=median < allied,
    )


def _effects(case: Case, names: Sequence[str]) -> tuple[Event, ...]:
    """Return the effects of the named events, by name so that the order of rows and names does not matter."""
    known = sorted({e.event for e in case.events})
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the case has {', '.join(known) or 'none'}"
            raise ValueError(f"no event {name!r}: {hint}")
    return tuple(sorted((e for e in case.events if e.event in names), key=lambda e: (e.event, e.effect)))
