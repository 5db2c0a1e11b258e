"""The reserve released greedily, year by year: what the recourse makes of a scenario whose later years it cannot see.

The recourse sees all years of a scenario at once and keeps its reserve for the dearest need. Here every year is solved
with the stock that earlier years left and without regard to later ones. The equations are those of the compiled
recourse (9) to (14): the rows of a year with the stock of the year before as a number. That is possible since the stock
is all that links years, which is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models import Decision
from portfolio.engine.passes import Passes
from portfolio.engine.programme import Array, Integers
from portfolio.engine.template import Template
from portfolio.evaluation.outcomes import Outcomes, Recourse
from portfolio.evaluation.subprogramme import at_limits

RELEASE = 0.01
"""What a tonne released counts in its year, relative to the least weighty shortfall of its material and year: less than
any shortfall it could spare, more than a transfer."""
LINKS = "stock"
"""The recourse variable that may link a year to the one before."""


@dataclass(frozen=True)
class Year:
    """The part of the recourse that belongs to one year.

    Attributes
    ----------
    rows, columns : (r,), (c,)
    earlier : (e,)
        Columns of the year before that stand in these rows.
    carried : (r, e)
        Their coefficients.
    cost : (c,)
        As in the objective, and :data:`RELEASE` for what is released.
    """

    rows: Integers
    columns: Integers
    earlier: Integers
    carried: sparse.csr_array
    cost: Array


def greedy(recourse: Recourse, decision: Decision) -> Outcomes:
    """Allocate every scenario year by year under a fixed decision.

    In every year, what the objective pays for that year is least: its weighted shortfall and side costs, given
    the stock that is left. Where several allocations are worth the same, the one that releases least is taken.
    """
    return recourse.gathered(greedy_allocations(recourse, decision))


def greedy_allocations(recourse: Recourse, decision: Decision) -> Iterator[tuple[slice, Array]]:
    """Yield scenarios and all columns of the recourse in them, shape (columns, scenarios)."""
    programme, passes = recourse.arrays.programme, recourse.passes
    right, upper = passes.limits(recourse.arrays.first.values(decision))
    found = np.zeros(upper.shape)
    nothing = np.zeros(programme.first.cost.size)
    for year in years(recourse.arrays.template):
        left = right[year.rows] - year.carried @ found[year.earlier]
        part = at_limits(programme, year.rows, year.columns, year.cost, left, upper[year.columns])
        for which, values in Passes(part, passes.workers).allocate(nothing):
            # A solver's tolerance may leave a speck below nothing, which no later year could cover.
            found[year.columns, which] = np.maximum(values, 0.0)
    yield slice(0, programme.scenarios), found


def years(template: Template) -> Iterator[Year]:
    """Yield the parts of the recourse by year, earliest first.

    Raises
    ------
    ValueError
        Where anything but the stock of the year before links a year to others.
    """
    matrix, year = sparse.csr_array(template.matrix), template.year
    belongs = np.full(matrix.shape[0], -1)
    row_of = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    np.maximum.at(belongs, row_of, year[matrix.indices])
    cost = _with_releases(template)
    for t in np.unique(year):
        rows, columns = np.flatnonzero(belongs == t), np.flatnonzero(year == t)
        held = np.unique(matrix[rows].indices)
        earlier = held[year[held] != t]
        for column in earlier:
            name, index = template.columns[column]
            if name != LINKS or year[column] != t - 1:
                raise ValueError(f"{name}{list(index)} links years: only the stock of the year before may")
        yield Year(rows, columns, earlier, sparse.csr_array(matrix[rows][:, earlier]), cost[columns])


def _with_releases(template: Template) -> Array:
    """Cost of the columns, with :data:`RELEASE` for releases."""
    least: dict[tuple[int, int], float] = {}
    for (name, index), cost in zip(template.columns, template.cost, strict=True):
        if name in ("shallow", "deep") and cost > 0:
            least[index[2], index[3]] = min(cost, least.get((index[2], index[3]), np.inf))
    every = min(least.values(), default=1.0)
    found = template.cost.copy()
    for column, (name, index) in enumerate(template.columns):
        if name == "release":
            found[column] += RELEASE * least.get((index[1], index[2]), every)
    return found
