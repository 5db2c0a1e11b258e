"""The life of a plant under one structure and window, simulated in every scenario before the optimisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.settings import Finance
from portfolio.case.tables import Project, Structure
from portfolio.finance.contracts import UnitFlows, unit_flows
from portfolio.finance.economics import Economics, country_running, economics
from portfolio.finance.operation import TOKEN_USD_M, Loan, Operation, Plant, Record
from portfolio.finance.schedule import Schedule, schedule
from portfolio.finance.sizing import private_reserve, settled
from portfolio.finance.types import Financing, PlantPath
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


def _blended_terms(case: Case, third_usd_m: float, fund_usd_m: float) -> tuple[float, float]:
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


def simulate(
    case: Case,
    project: Project,
    structure: Structure,
    financing: Financing,
    window: int,
    drivers: Drivers,
    *,
    public_loan_usd_m: float | None = None,
    public_grant_usd_m: float = 0.0,
) -> PlantPath:
    """Simulate a project that closes with support at the start of ``window``.

    Parameters
    ----------
    case, project, structure, financing
        What is financed and how; ``financing`` from :func:`portfolio.finance.sizing.size`.
    window : int
        Year of close.
    drivers : Drivers
        N scenarios.
    public_loan_usd_m : float, optional
        Subordinated public loans of the fund; ``None`` assumes that they fill the gap up to (4b). What loans and
        grants leave of the gap is equity.
    public_grant_usd_m : float
        Grants of the fund.

    Returns
    -------
    PlantPath
        All rows zero in scenarios in which a rival wins the project strictly before the window.
    """
    p = case.project_names.index(project.project)
    lost = drivers.rival_y[:, p] < window - case.settings.horizon.first_year
    if public_loan_usd_m is None:
        public_loan_usd_m = assumed_public_loan(financing)
    close = np.full(drivers.size, float(window))
    return simulate_closed(
        case,
        project,
        structure,
        financing,
        close,
        drivers,
        lost=lost,
        public_loan_usd_m=public_loan_usd_m,
        public_grant_usd_m=public_grant_usd_m,
    )


def simulate_closed(
    case: Case,
    project: Project,
    structure: Structure,
    financing: Financing,
    close: Array,
    drivers: Drivers,
    *,
    lost: Flags,
    public_loan_usd_m: float,
    public_grant_usd_m: float = 0.0,
) -> PlantPath:
    """Simulate a project that closes at ``close`` (N,), calendar years, in all scenarios but those ``lost``."""
    f = case.settings.finance
    p = case.project_names.index(project.project)
    plant = economics(case, project)
    plan = schedule(case, project, structure, close, drivers)
    calls, overrun_failed = overrun_shares(f, project, drivers.overrun[:, p])
    failed = (drivers.success_u[:, p] >= success_probability(f, project)) | overrun_failed
    alive = (~(failed | lost)).astype(float)[:, None]
    plan = replace(plan, level=plan.level * alive, within=plan.within * alive, open=plan.open * alive)
    unit = unit_flows(case, structure, plant, financing.strike, plan.close, drivers)
    running = country_running(plant, drivers)
    rate, tenor = _blended_terms(case, financing.third_loan_usd_m, public_loan_usd_m)
    principal = max(TOKEN_USD_M, financing.third_loan_usd_m + public_loan_usd_m)
    inputs = _plant(case, project, structure, financing, plant, plan, unit, running)
    inputs = replace(
        inputs,
        failed=failed,
        revived=drivers.restart_u[:, p] < f.restart_success,
        public=Loan(principal, rate, tenor),
    )
    record = Operation(inputs, f).run()
    equity = financing.sponsor_usd_m + financing.third_equity_usd_m
    equity += max(0.0, financing.gap_usd_m - public_loan_usd_m - public_grant_usd_m)
    overrun = _at_planned(plan, calls * project.capex_usd_m)
    keep = (~lost).astype(float)
    path = _path(case, plan, unit, running, record, inputs, equity, overrun, keep)
    low = np.quantile(settled(case, drivers.price), f.low_quantile, axis=0)
    return replace(path, lost=lost, price_low=low)


def _at_planned(plan: Schedule, amount: Array) -> Array:
    """Place an amount (N,) in the year of the planned start (the last year where later), (N, T)."""
    years = plan.level.shape[1]
    at = np.clip(np.ceil(plan.planned) - 1.0, 0, years - 1)
    placed: Array = (np.arange(years) == at[:, None]) * amount[:, None]
    return placed


def _plant(
    case: Case,
    project: Project,
    structure: Structure,
    financing: Financing,
    plant: Economics,
    plan: Schedule,
    unit: UnitFlows,
    running: Array,
) -> Plant:
    """Return what the plant's cash depends on; draws of luck and public debt are filled in by the caller."""
    f = case.settings.finance
    after = 1.0 - plant.royalty
    market = (unit.sales + unit.other) * after
    payout = structure.tranche * (unit.floor - unit.upside)
    output = plan.level * running
    fixed = plant.opex_usd_m * plant.fixed + plant.sustaining_usd_m
    variable = plant.opex_usd_m * (1.0 - plant.fixed) * plant.activity
    margin = output * (market - variable) + plan.within * running * payout - fixed * plan.open
    contracted = np.where(plan.within > 0.0, payout, 0.0)
    year = np.arange(output.shape[1])[None, :]
    depreciating = (year - plan.start[:, None] < f.depreciation_y) & (plan.open > 0.0)
    # Royalty is left out of the cash cost, and so out of the revenue it is compared with.
    return Plant(
        schedule=plan,
        margin=margin,
        taxed=plant.depreciation_usd_m * plan.open * depreciating,
        worth=market + contracted >= f.restart_price * (fixed + variable),
        failed=np.zeros(len(output), dtype=bool),
        revived=np.zeros(len(output), dtype=bool),
        opex=plant.opex_usd_m,
        cash=private_reserve(case, financing) + f.ramp_opex_months / 12.0 * plant.opex_usd_m,
        restart_cost=f.restart_cost * project.capex_usd_m,
        tax=plant.tax,
        private=Loan(financing.private_debt_usd_m, financing.rate, financing.tenor_y),
        public=Loan(0.0, 0.0, 1.0),
    )


def _path(
    case: Case,
    plan: Schedule,
    unit: UnitFlows,
    running: Array,
    record: Record,
    inputs: Plant,
    equity: float,
    overrun: Array,
    keep: Array,
) -> PlantPath:
    """Assemble the path; ``keep`` (N,) is 0 in lost scenarios."""
    rows = keep[:, None]
    available = record.available * rows
    output = plan.level * running * available
    contracted = plan.within * running * available
    principal = inputs.public.principal
    private = inputs.private.principal
    per_debt = rows / private if private > 0.0 else 0.0 * rows
    years = np.arange(output.shape[1])[None, :]
    discount = (1.0 + case.settings.finance.risk_free) ** -(years - plan.close[:, None])
    return PlantPath(
        lost=keep == 0.0,
        output=output,
        contracted=contracted,
        value=unit.sales * contracted,
        floor=unit.floor * contracted,
        upside=unit.upside * contracted,
        outlay=plan.draw * rows,
        loan_service=record.service / principal * rows,
        loan_loss=(record.loss * discount).sum(axis=1) / principal * keep,
        dividends=record.dividends * rows / equity if equity > 0.0 else np.zeros_like(output),
        overrun_call=overrun * rows,
        guarantee_call=record.private_loss * per_debt,
        guarantee_fee=record.private_balance * per_debt,
        running=plan.open * available,
        defaulted=record.defaulted & (keep > 0.0),
        floor_neutral=unit.floor_neutral * contracted,
        loan_balance=record.balance / principal * keep,
    )
