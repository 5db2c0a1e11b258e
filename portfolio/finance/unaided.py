"""The world without the fund: which projects close on private and committed money, and what they produce."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.settings import Finance
from portfolio.case.tables import Project, Structure
from portfolio.finance.closing import Closing, success_probability
from portfolio.finance.contracts import market
from portfolio.finance.simulate import yields
from portfolio.finance.sizing import size
from portfolio.finance.types import Financing
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]

MOST = 0.8
FULL = 1.0 - 1e-6

MERCHANT = Structure(structure="unaided", tranche=0.0, debt="commercial", source="", confidence="")
"""How a project is financed without the fund: lenders' merchant debt, no price protection."""


def coverage(financing: Financing) -> float:
    """Return the share of uses that sponsor, third parties and lenders cover."""
    return 1.0 - financing.gap_usd_m / financing.uses_usd_m


def close_probability(finance: Finance, project: Project, covered: float) -> float:
    """Return P(close unaided) = p_by_2040 / P(success) times a factor of the share of uses covered, at most 1.

    The factor is ``unaided_full`` where all uses are covered, ``unaided_most`` from 80 %, ``unaided_part`` below.
    """
    success = success_probability(finance, project)
    if success <= 0.0:
        return 0.0
    factor = finance.unaided_part
    if covered >= FULL:
        factor = finance.unaided_full
    elif covered >= MOST:
        factor = finance.unaided_most
    return min(1.0, project.p_by_2040 / success * factor)


def merchant(case: Case, project: Project, expected_price: Array) -> Financing:
    """Return how a project is financed without the fund."""
    return size(case, project, MERCHANT, expected_price)


def alone(case: Case, project: Project, financing: Financing, drivers: Drivers) -> Closing:
    """Return when a project closes without support, financed as by :func:`merchant`; see :func:`unaided`."""
    p = case.project_names.index(project.project)
    probability = close_probability(case.settings.finance, project, coverage(financing))
    first = case.settings.horizon.first_year
    before = drivers.rival_y[:, p] < case.windows[0] - first
    own = (drivers.unaided_u[:, p] < probability) & ~before
    allied = ~own & drivers.rival_allied[:, p] & np.isfinite(drivers.rival_y[:, p])
    # A bid beyond the horizon yields nothing within it; capping it keeps the arithmetic finite.
    bid = first + np.minimum(drivers.rival_y[:, p], float(len(case.years)))
    close = np.where(own, float(case.windows[0]), bid)
    return Closing(MERCHANT, financing, close, ~(own | allied), public_loan_usd_m=0.0)


def unaided(case: Case, project: Project, drivers: Drivers, expected_price: Array) -> Array:
    """Return output without support as a share of nameplate, (N, T).

    A project closes in the first window with the probability of :func:`close_probability`, unless a rival has won it
    before; one that does not close waits for a rival. An allied rival builds the same plant from the year of the bid
    and sells to the market, any other leaves nothing. Success after close is the same draw as with support.

    Parameters
    ----------
    case, project
        The case and the project.
    drivers : Drivers
        N scenarios.
    expected_price : array, (M, T)
        Forecast of reference prices, USD/kg.
    """
    closing = alone(case, project, merchant(case, project, expected_price), drivers)
    output, _ = yields(case, project, (closing,), drivers, market(case, drivers), ())
    return np.asarray(output[0].T)
