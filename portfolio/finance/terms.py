"""The planned term of a contract and the most it could pay out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.tables import Project, Structure
from portfolio.finance.contracts import strike_path
from portfolio.finance.economics import Economics
from portfolio.finance.schedule import planned_start
from portfolio.finance.types import Financing, PlantPath

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Term:
    """The planned contract term by year from the first year, possibly past the horizon; T' years.

    ``within`` (T',) is the share of the year within it, ``discount`` (T',) from the window, ``strike`` and ``low``
    (M, T') the real strike and P_low, USD/kg; ``expiry`` its end in years after the window.
    """

    within: Array
    discount: Array
    strike: Array
    low: Array
    expiry: float


def planned_term(
    case: Case, project: Project, structure: Structure, financing: Financing, window: int, path: PlantPath
) -> Term:
    """Return the planned term of contracts; strike and P_low are carried past the horizon."""
    first = case.settings.horizon.first_year
    start = float(planned_start(case, project, window))
    count = max(len(case.years), int(np.ceil(start + structure.term_y)))
    t = np.arange(count, dtype=float)
    within = np.maximum(np.minimum(t + 1.0, start + structure.term_y) - np.maximum(t, start), 0.0)
    close = float(window - first)
    known = strike_path(case, structure, financing.strike, close)
    more = count - known.shape[1]
    inflation = case.settings.finance.strike_index_inflation if structure.index == "none" else 0.0
    later = known[:, -1:] * (1.0 + inflation) ** -np.arange(1.0, more + 1.0)
    return Term(
        within=within,
        discount=(1.0 + case.settings.finance.risk_free) ** -(t - close),
        strike=np.concatenate([known, later], axis=1),
        low=np.concatenate([path.price_low, np.repeat(path.price_low[:, -1:], more, axis=1)], axis=1),
        expiry=start + structure.term_y - close,
    )


def maximum_payout(plant: Economics, term: Term) -> float:
    """Return E_max = sum over t of d_t sum over m of Q payable (K - P_low)^+ over the planned term, USD M."""
    floor = plant.payable @ np.maximum(term.strike - term.low, 0.0)
    return float((term.discount * term.within) @ floor)
