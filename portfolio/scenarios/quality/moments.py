"""The table of moments: every row observed in a sample and compared with what its law expects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from portfolio.case.records import Case
from portfolio.scenarios.philox import digest
from portfolio.scenarios.quality.drawn import draw
from portfolio.scenarios.quality.effects import effect_rows
from portfolio.scenarios.quality.hazards import hazard_rows
from portfolio.scenarios.quality.markets import demand_rows, price_rows
from portfolio.scenarios.quality.projects import project_rows
from portfolio.scenarios.quality.rows import Array, Row, estimate

CHUNK = 500
"""Scenarios drawn at a time."""
RANDOMISATIONS = 16
"""Independent randomisations that a sample of a space-filling design is made of."""
FALSE_ALARM = 0.01
"""Probability that a sound sampler has any row flagged."""
ENOUGH = 100
"""Events, or scenarios, below which a row is not judged."""
ENOUGH_SEEN = 20
"""Scenarios expected on the rarer side of a probability, below which it is not judged."""

OFF, FEW, SOUND = "off", "few", ""
"""Flags: further from its expected value than luck explains; too little seen to say; neither."""

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Moment:
    """A row as seen in a sample.

    Attributes
    ----------
    row : Row
        What it is and what its law expects.
    estimate, standard_error : float
        In the unit of the row; NaN where there is nothing to estimate from. The standard error of a plain sample is at
        least that of the law, where the row has it.
    z : float
        (estimate - expected)/standard error; NaN where there is none.
    seen : float
        Events, values or scenarios it rests on.
    flag : str
        :data:`OFF`, :data:`FEW` or :data:`SOUND`.
    """

    row: Row
    estimate: float
    standard_error: float
    z: float
    seen: float
    flag: str


@dataclass(frozen=True)
class Moments:
    """The table, and how far from its expected value a row may be.

    ``limit`` is the |z| beyond which a row is flagged: with it the probability that any row of a sound sampler is
    flagged is at most :data:`FALSE_ALARM` (Bonferroni, Student's t of the independent units less one).
    """

    moments: tuple[Moment, ...]
    scenarios: int
    units: int
    limit: float

    @property
    def off(self) -> tuple[Moment, ...]:
        """Rows that are flagged."""
        return tuple(m for m in self.moments if m.flag == OFF)


def rows_of(case: Case) -> tuple[Row, ...]:
    """Return every row of a case."""
    parts = (hazard_rows, effect_rows, price_rows, demand_rows, project_rows)
    return tuple(row for part in parts for row in part(case))


def moments(
    case: Case,
    scenarios: int,
    seed: int,
    method: str,
    *,
    rows: Sequence[Row] | None = None,
    report: Report | None = None,
) -> Moments:
    """Draw a sample of a case and compare it with the laws.

    Parameters
    ----------
    case : Case
        A validated case: the sample is drawn from it.
    scenarios : int
        Size of the sample, at least 2; of a design at least :data:`RANDOMISATIONS` times 2, and cut to a multiple.
    seed : int
        Its seed; randomisations of a design have seeds derived from it.
    method : str
        One of :data:`portfolio.scenarios.sampling.METHODS`.
    rows : sequence of Row, optional
        Laws to compare with; those of the case where not given.
    report : callable, optional
        Called with how many scenarios are drawn, of how many.

    Raises
    ------
    ValueError
        If the sample is too small.
    """
    parts = 1 if method == "monte_carlo" else RANDOMISATIONS
    each = scenarios // parts
    if each < 2:
        raise ValueError(f"{scenarios} scenarios are too few for {method}: take at least {2 * parts}")
    laws = rows_of(case) if rows is None else tuple(rows)
    held: list[list[Array]] = [[] for _ in laws]
    for part in range(parts):
        one = seed if parts == 1 else digest(seed, "randomisation", part) % 10**9
        for start in range(0, each, CHUNK):
            index = np.arange(start, min(start + CHUNK, each), dtype=np.int64)
            drawn = draw(case, index, one, each, method)
            for at, law in zip(held, laws, strict=True):
                at.append(law.observe(drawn))
            if report is not None:
                report(part * each + int(index[-1]) + 1, parts * each)
    columns = [np.concatenate(at) for at in held]
    units = each if parts == 1 else parts
    limit = float(stats.t.isf(FALSE_ALARM / (2 * max(len(laws), 1)), units - 1))
    found = tuple(_moment(law, at, parts, limit) for law, at in zip(laws, columns, strict=True))
    return Moments(found, parts * each, units, limit)


def _moment(row: Row, columns: Array, parts: int, limit: float) -> Moment:
    """Compare one row; the independent units of a design are the means of its randomisations."""
    units = columns if parts == 1 else columns.reshape(parts, -1, columns.shape[1]).mean(axis=1)
    value, error = estimate(row.kind, units)
    if parts == 1 and np.isfinite(error):
        error = max(error, row.spread / float(np.sqrt(len(columns))))
    z, seen = _z(value, error, row.expected), _seen(row, columns)
    if not np.isfinite(value) or not _enough(row, len(columns), seen, value):
        return Moment(row, value, error, z, seen, FEW)
    return Moment(row, value, error, z, seen, OFF if abs(z) > limit else SOUND)


def _seen(row: Row, columns: Array) -> float:
    """Return how much a row rests on: events or values, and no more than the scenarios that are not like most."""
    last = columns[:, -1]
    _, number = np.unique(last, return_counts=True)
    unlike = float(last.size - number.max()) if number.max() > 1 else float(last.size)
    return unlike if row.kind in ("mean", "slope") else min(unlike, float(columns[:, 0].sum()))


def _enough(row: Row, scenarios: int, seen: float, value: float) -> bool:
    """Whether a row can be judged; what never varies can, unless nothing was seen of what should happen."""
    if seen == 0:
        return row.expected == 0 or value != 0
    if row.unit == "probability":
        rarer = scenarios * min(row.expected, 1.0 - row.expected)
        return scenarios >= ENOUGH and (rarer >= ENOUGH_SEEN or row.expected in (0.0, 1.0))
    return seen >= ENOUGH


def _z(value: float, error: float, expected: float) -> float:
    """Distance in standard errors; where nothing varies 0 if the value is as expected to rounding, else infinite."""
    if not np.isfinite(value):
        return float("nan")
    if error > 1e-12 * max(abs(expected), 1e-12):
        return (value - expected) / error
    same = abs(value - expected) <= 1e-9 * max(abs(expected), 1.0)
    return 0.0 if same else float(np.copysign(np.inf, value - expected))
