"""What project finance hands on: frozen records between sizing, simulation, charges and assembly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CONVENTIONS = ("cash", "provisioning", "subsidy", "fair_value")
"""The budget conventions, in the order of every array with that axis."""


@dataclass(frozen=True)
class Financing:
    """Uses and sources of one project under one structure, USD M (sizing; no scenario).

    ``gap_usd_m`` = uses - sponsor equity - third-party money - private debt >= 0 is what support fills.
    ``private_debt_usd_m`` includes ``guaranteed_debt_usd_m`` (the loan of which ``cover`` is guaranteed).
    ``debt_limit_usd_m`` bounds all debt: private, third-party loans and public loans (4b).
    ``strike`` is per material in case order, USD/kg real of the base year; zeros without price protection.
    ``obstacle`` says in words why the structure is not to be had ("" where it is), such as a strike above the
    ceiling or debt that cannot be served; an option with an obstacle is left out of the model.
    """

    project: str
    structure: str
    uses_usd_m: float
    sponsor_usd_m: float
    third_equity_usd_m: float
    third_loan_usd_m: float
    third_grant_usd_m: float
    private_debt_usd_m: float
    guaranteed_debt_usd_m: float
    debt_limit_usd_m: float
    gap_usd_m: float
    rate: float
    tenor_y: float
    strike: Array
    obstacle: str


@dataclass(frozen=True)
class PlantPath:
    """Simulated life of one project under one structure and window; axes N scenarios, T years.

    Money is USD M a year for the whole plant; contract flows are per unit share (share 1 = the whole output).

    Attributes
    ----------
    lost : bool array, (N,)
        A rival won it before the window: the fund's commitment has no effect on supply (nothing is paid).
    output : array, (N, T)
        Output as a share of nameplate, yearly mean, country outages included; 0 where lost.
    contracted : array, (N, T)
        The part of ``output`` produced within the term of contracts and rights.
    value : array, (N, T)
        Market value of contracted output at what the project is paid (payable price plus fee).
    floor : array, (N, T)
        (K - P)^+ on the payable value of contracted output.
    upside : array, (N, T)
        min(u (P - K2)^+, cap) on the same, paid back to the members.
    outlay : array, (N, T)
        Share of the public money paid out in the year: draws over construction, sums to 1 unless lost.
    loan_service : array, (N, T)
        Service received per unit of public loan principal.
    loan_loss : array, (N,)
        Principal lost per unit, LGD applied, present value at the risk-free rate from the window.
    dividends : array, (N, T)
        Free cash per unit of all equity.
    overrun_call : array, (N, T)
        Pro-rata call on funding members, USD M for the whole project.
    guarantee_call : array, (N, T)
        Paid to lenders per USD M covered, net of recovery.
    guarantee_fee : array, (N, T)
        Fee received per USD M covered and unit of fee rate: the covered balance outstanding.
    running : array, (N, T)
        1 where the plant is open in the year, as a share of the year (survival statistics).
    defaulted : bool array, (N,)
        Private or public debt defaulted within the horizon.
    floor_neutral : array, (N, T)
        ``floor`` at prices without their risk premium, for payouts under fair value.
    loan_balance : array, (N,)
        Balance still owed at the end of the horizon per unit of public loan principal.
    price_low : array, (M, T)
        P_low: low quantile over the sample of the price contracts settle on, USD/kg.
    """

    lost: Flags
    output: Array
    contracted: Array
    value: Array
    floor: Array
    upside: Array
    outlay: Array
    loan_service: Array
    loan_loss: Array
    dividends: Array
    overrun_call: Array
    guarantee_call: Array
    guarantee_fee: Array
    running: Array
    defaulted: Flags
    floor_neutral: Array = field(default_factory=lambda: np.zeros((0, 0)))
    loan_balance: Array = field(default_factory=lambda: np.zeros(0))
    price_low: Array = field(default_factory=lambda: np.zeros((0, 0)))


@dataclass(frozen=True)
class Commitment:
    """What one unit share of one instrument costs a member in one option (project, structure, window).

    ``charge_usd_m`` is by convention (order of :data:`CONVENTIONS`), each >= 0; ``exposure_usd_m`` is the maximum
    exposure; ``cost_usd_m`` the present value (first year of the horizon) of expected net outlay, floored at 0;
    ``payout95_usd_m`` the largest over the years of the 95 % quantile of the yearly payout; ``tail_usd_m`` the
    expected shortfall (95 %) of the present value of payouts.
    """

    charge_usd_m: Array
    exposure_usd_m: float
    cost_usd_m: float
    payout95_usd_m: float
    tail_usd_m: float
