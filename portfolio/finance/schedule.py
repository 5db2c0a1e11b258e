"""When a plant is built, starts, ramps up and ends: exact yearly integrals of its plan in every scenario."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.tables import Project, Structure
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Schedule:
    """Times in years from the start of the horizon; N scenarios, T years, arrays laid out year by year.

    Attributes
    ----------
    close, planned, start, completion, end : array, (N,)
        Financial close, planned start, actual start, end of ramp-up, end of output (life or takeover).
    takeover : array, (N,)
        When a rival takes the output away; inf where never.
    term_from, term_to : array, (N,)
        Term of contracts and rights; empty (equal) where they lapse.
    draw : array, (N, T)
        Share of the money drawn in the year; sums to 1.
    level : array, (N, T)
        Scheduled output as a share of nameplate, yearly mean.
    within : array, (N, T)
        The part of ``level`` within the term.
    open : array, (N, T)
        Share of the year between start and end.
    waiting, ramping, serving : array, (N, T)
        Share of the year between planned and actual start, between start and completion, after completion.
    """

    close: Array
    planned: Array
    start: Array
    completion: Array
    end: Array
    takeover: Array
    term_from: Array
    term_to: Array
    draw: Array
    level: Array
    within: Array
    open: Array
    waiting: Array
    ramping: Array
    serving: Array

    @property
    def part(self) -> Array:
        """Part of output within the term, (N, T); 0 without output."""
        return np.divide(self.within, self.level, out=np.zeros_like(self.level), where=self.level > 0.0)


@dataclass(frozen=True)
class Course:
    """The part of :class:`Schedule` that the plant's cash depends on, output apart."""

    start: Array
    completion: Array
    takeover: Array
    draw: Array
    open: Array
    waiting: Array
    ramping: Array
    serving: Array


def ramp(age: Array, ramp_y: float) -> Array:
    """Return output accumulated from start to ``age``: age^2 / (2 ramp) while ramping, age - ramp / 2 after."""
    age = np.maximum(age, 0.0)
    if ramp_y <= 0.0:
        return age
    return np.where(age < ramp_y, age * age / (2.0 * ramp_y), age - 0.5 * ramp_y)


def overlap(begin: Array, finish: Array, years: int) -> Array:
    """Return the share of each year within [begin, finish), shape (N, years)."""
    t = np.arange(years, dtype=float)[:, None]
    inside: Array = np.maximum(np.minimum(t + 1.0, finish) - np.maximum(t, begin), 0.0)
    return inside.T


def planned_start(case: Case, project: Project, window: Array | float) -> Array:
    """Return the planned start in years from the start of the horizon: max(window + construction, first production).

    Windows are calendar years at whose start the project closes.
    """
    first = case.settings.horizon.first_year
    return np.maximum(np.asarray(window, dtype=float) + project.construction_y, project.first_production) - first


def schedule(case: Case, project: Project, structure: Structure, window: Array | float, drivers: Drivers) -> Schedule:
    """Return the plan of a project that closes at the start of ``window`` in every scenario.

    Money is drawn linearly over construction, which ends at the planned start; what would be drawn after the
    horizon is drawn in its last year.
    """
    p = case.project_names.index(project.project)
    return planned(case, project, structure, window, drivers.delay_y[:, p], drivers.takeover_y[:, p])


def planned(
    case: Case, project: Project, structure: Structure, window: Array | float, delay_y: Array, takeover_y: Array
) -> Schedule:
    """Return the plan under the delays and takeovers of the project alone, (N,) each; see :func:`schedule`."""
    years = len(case.years)
    count = delay_y.size
    first = case.settings.horizon.first_year
    close = np.broadcast_to(np.asarray(window, dtype=float) - first, (count,))
    expected = np.broadcast_to(planned_start(case, project, window), (count,))
    delay = np.maximum(delay_y, 0.0)
    start = expected + delay
    takeover = close + takeover_y
    end = np.minimum(start + project.life_y, takeover)
    completion = start + project.ramp_y
    origin = start if structure.term_from == "operation" else expected
    lapsed = delay > case.settings.finance.lapse_delay_y
    term_to = np.where(lapsed, origin, origin + structure.term_y)
    t = np.arange(years, dtype=float)[:, None]
    low = np.maximum(t, start)
    high = np.maximum(np.minimum(t + 1.0, end), low)

    def made(begin: Array, finish: Array) -> Array:
        return (ramp(finish - start, project.ramp_y) - ramp(begin - start, project.ramp_y)).T

    inside_low = np.clip(origin, low, high)
    inside_high = np.clip(term_to, inside_low, high)
    return Schedule(
        close=close,
        planned=expected,
        start=start,
        completion=completion,
        end=end,
        takeover=takeover,
        term_from=origin,
        term_to=term_to,
        draw=_draw(expected, project.construction_y, years),
        level=made(low, high),
        within=made(inside_low, inside_high),
        open=(high - low).T,
        waiting=overlap(expected, start, years),
        ramping=overlap(start, np.minimum(completion, end), years),
        serving=overlap(completion, np.maximum(takeover, completion), years),
    )


def _draw(planned: Array, construction_y: float, years: int) -> Array:
    """Return the share drawn in each year, linear over construction; the horizon's last year takes the rest."""
    if construction_y <= 0.0:
        drawn = (np.arange(years)[:, None] == np.floor(np.clip(planned, 0, years - 1))).astype(float).T
    else:
        drawn = overlap(planned - construction_y, planned, years) / construction_y
    drawn[:, -1] += 1.0 - drawn.sum(axis=1)
    return np.asarray(drawn, dtype=float)
