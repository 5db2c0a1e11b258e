"""How a project closes: on which money, when, and what befalls it before and at close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.settings import Finance
from portfolio.case.tables import Project, Structure
from portfolio.finance.operation import TOKEN_USD_M
from portfolio.finance.types import Financing
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def success_probability(finance: Finance, project: Project) -> float:
    """Return the probability of technical success after close: min(ceiling, p_by_2040 + uplift), in both worlds."""
    return min(finance.success_ceiling, project.p_by_2040 + finance.support_uplift)


def assumed_public_loan(financing: Financing) -> float:
    """Return the subordinated public loans a structure is simulated with: the gap up to the limit of (4b), USD M."""
    room = financing.debt_limit_usd_m - financing.private_debt_usd_m - financing.third_loan_usd_m
    return max(0.0, min(financing.gap_usd_m, room))


def loan_terms(case: Case) -> tuple[float, float]:
    """Return rate (1/y) and tenor (y) of public loans: the case's first loan, or the public terms of finance."""
    for instrument in case.instruments:
        if instrument.kind == "loan":
            return instrument.rate, instrument.tenor_y
    return case.settings.finance.rate_guaranteed, case.settings.finance.tenor_guaranteed_y


def blended_terms(case: Case, third_usd_m: float, fund_usd_m: float) -> tuple[float, float]:
    """Return rate and tenor of all public loans, those of third parties at the public terms of finance.

    The world without the fund must not depend on what the fund's instruments offer.
    """
    rate, tenor = loan_terms(case)
    finance, total = case.settings.finance, third_usd_m + fund_usd_m
    part = third_usd_m / total if total > 0 else 0.0
    return (
        part * finance.rate_guaranteed + (1.0 - part) * rate,
        part * finance.tenor_guaranteed_y + (1.0 - part) * tenor,
    )


def overrun_shares(finance: Finance, project: Project, overrun: Array) -> tuple[Array, Flags]:
    """Return what members pay for an overrun and whether it ends the project, (N,) each.

    The overrun beyond the mean is borne by the contingency, then by a facility of which members pay half, then by a
    call on the members. The first array is a share of capex.
    """
    beyond = overrun - project.overrun_mean - finance.contingency * (1.0 + project.overrun_mean)
    facility = np.clip(beyond, 0.0, finance.overrun_facility)
    call = np.clip(beyond - finance.overrun_facility, 0.0, finance.overrun_call)
    failed = beyond > finance.overrun_facility + finance.overrun_call + 1e-12
    return 0.5 * facility + call, failed


@dataclass(frozen=True)
class Closing:
    """One way in which a project closes.

    Attributes
    ----------
    structure, financing
        How it is financed; ``financing`` from :func:`portfolio.finance.sizing.size`.
    close : array, (N,)
        Calendar year of close, at its start.
    lost : bool array, (N,)
        Scenarios in which it does not close.
    public_loan_usd_m, public_grant_usd_m : float
        Subordinated public loans and grants of the fund; what they leave of the gap is equity.
    """

    structure: Structure
    financing: Financing
    close: Array
    lost: Flags
    public_loan_usd_m: float
    public_grant_usd_m: float = 0.0

    @property
    def principal(self) -> float:
        """Public loans of third parties and the fund, USD M; a token where there are none."""
        return max(TOKEN_USD_M, self.financing.third_loan_usd_m + self.public_loan_usd_m)

    @property
    def equity(self) -> float:
        """All equity, USD M."""
        f = self.financing
        gap = max(0.0, f.gap_usd_m - self.public_loan_usd_m - self.public_grant_usd_m)
        return f.sponsor_usd_m + f.third_equity_usd_m + gap


def supported(
    case: Case,
    project: Project,
    structure: Structure,
    financing: Financing,
    window: int,
    drivers: Drivers,
    *,
    public_loan_usd_m: float | None = None,
    public_grant_usd_m: float = 0.0,
) -> Closing:
    """Return the closing of a project with support at the start of ``window``; see :func:`simulate`."""
    loan = assumed_public_loan(financing) if public_loan_usd_m is None else public_loan_usd_m
    return Closing(
        structure=structure,
        financing=financing,
        close=np.full(drivers.size, float(window)),
        lost=lost_before(case, project, window, drivers),
        public_loan_usd_m=loan,
        public_grant_usd_m=public_grant_usd_m,
    )


def lost_before(case: Case, project: Project, window: int, drivers: Drivers) -> Flags:
    """Return whether a rival wins the project strictly before a window, (N,)."""
    p = case.project_names.index(project.project)
    return np.asarray(drivers.rival_y[:, p] < window - case.settings.horizon.first_year)
