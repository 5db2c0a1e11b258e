"""The life of a plant under each structure and window, simulated in every scenario before the optimisation.

All closings of a project are simulated side by side, as if they were more scenarios: a year of all of them is one
step of the arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.tables import Project, Structure
from portfolio.finance.closing import (
    Closing,
    blended_terms,
    lost_before,
    overrun_shares,
    success_probability,
    supported,
)
from portfolio.finance.contracts import Market, UnitFlows, market, neutral_floor, unit_flows, unit_sales
from portfolio.finance.economics import Economics, annuity, country_running, economics
from portfolio.finance.operation import Loan, Operation, Plant, Record
from portfolio.finance.schedule import Schedule, schedule
from portfolio.finance.sizing import private_reserve
from portfolio.finance.types import Financing, PlantPath
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


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
    closing = supported(
        case,
        project,
        structure,
        financing,
        window,
        drivers,
        public_loan_usd_m=public_loan_usd_m,
        public_grant_usd_m=public_grant_usd_m,
    )
    return paths(case, project, (closing,), drivers, market(case, drivers))[0]


def paths(
    case: Case, project: Project, closings: Sequence[Closing], drivers: Drivers, prices: Market
) -> list[PlantPath]:
    """Simulate closings of one project side by side and return the path of each; ``prices`` are the drivers' own."""
    lives = _live(case, project, closings, drivers, prices)
    return [lives.path(a) for a in range(len(closings))]


def yields(
    case: Case, project: Project, closings: Sequence[Closing], drivers: Drivers, prices: Market
) -> tuple[Array, Array]:
    """Return output of each closing as a share of nameplate, and the part of it within the term, (A, T, N) both."""
    years = prices.realised.shape[1]
    output, part = (np.zeros((len(closings), years, drivers.size)) for _ in range(2))
    built = np.flatnonzero(~_failed(case, project, drivers))
    if not built.size:
        return output, part
    # What fails yields nothing however it is financed: it need not be simulated.
    some = [replace(c, close=c.close[built], lost=c.lost[built]) for c in closings]
    lives = _live(case, project, some, drivers.rows(built), prices.rows(built))
    for a, plan in enumerate(lives.plans):
        output[a][:, built] = lives.output(a)[0].T
        within = np.zeros_like(plan.level)
        np.divide(plan.within, plan.level, out=within, where=plan.level > 0.0)
        part[a][:, built] = within.T
    return output, part


def _failed(case: Case, project: Project, drivers: Drivers) -> Flags:
    """Whether a project fails for technical reasons or for an overrun beyond what anyone funds, (N,)."""
    p = case.project_names.index(project.project)
    _, beyond = overrun_shares(case.settings.finance, project, drivers.overrun[:, p])
    failed: Flags = (drivers.success_u[:, p] >= success_probability(case.settings.finance, project)) | beyond
    return failed


def may_yield(case: Case, project: Project, window: int, drivers: Drivers) -> bool:
    """Whether any scenario has the project built and producing within the horizon after closing in ``window``.

    Read from the plan alone. A plant that is built always runs for part of its first year: nothing is due before, and
    the cash set aside for its ramp-up is there.
    """
    good = ~(_failed(case, project, drivers) | lost_before(case, project, window, drivers))
    level = schedule(case, project, case.structures[0], float(window), drivers).level
    return bool((level[good] * country_running(economics(case, project), drivers)[good]).any())


@dataclass(frozen=True)
class _Lives:
    """Closings of one project on a sample, as planned and as simulated side by side."""

    case: Case
    project: Project
    plant: Economics
    prices: Market
    running: Array
    calls: Array
    closings: Sequence[Closing]
    plans: Sequence[Schedule]
    units: Sequence[UnitFlows]
    record: Record

    def of(self, a: int, flow: Array) -> Array:
        """Rows of a recorded array that belong to closing ``a``."""
        return flow[self.rows(a)]

    def rows(self, a: int) -> slice:
        """Where the scenarios of closing ``a`` are recorded."""
        count = self.running.shape[0]
        return slice(a * count, (a + 1) * count)

    def output(self, a: int) -> tuple[Array, Array]:
        """Output of a closing and its part within the term, (N, T) each."""
        plan = self.plans[a]
        running = self.running * self.of(a, self.record.available) * (~self.closings[a].lost)[:, None]
        return plan.level * running, plan.within * running

    def path(self, a: int) -> PlantPath:
        """Path of a closing."""
        closing, plan, unit, record = self.closings[a], self.plans[a], self.units[a], self.record
        keep = (~closing.lost).astype(float)
        rows = keep[:, None]
        output, contracted = self.output(a)
        private = closing.financing.private_debt_usd_m
        per_debt = rows / private if private > 0.0 else 0.0 * rows
        dividends = self.of(a, record.dividends)
        strike = closing.financing.strike
        neutral = neutral_floor(self.case, closing.structure, self.plant, strike, plan.close, self.prices)
        return PlantPath(
            lost=closing.lost,
            output=output,
            contracted=contracted,
            value=unit.sales * contracted,
            floor=unit.floor * contracted,
            upside=unit.upside * contracted,
            outlay=plan.draw * rows,
            loan_service=self.of(a, record.service) / closing.principal * rows,
            loan_loss=self._loss(a) / closing.principal * keep,
            dividends=dividends * rows / closing.equity if closing.equity > 0.0 else np.zeros_like(output),
            overrun_call=_at_planned(plan, self.calls * self.project.capex_usd_m) * rows,
            guarantee_call=self.of(a, record.private_loss) * per_debt,
            guarantee_fee=self.of(a, record.private_balance) * per_debt,
            running=plan.open * self.of(a, record.available) * rows,
            defaulted=record.defaulted[self.rows(a)] & ~closing.lost,
            floor_neutral=neutral * contracted,
            loan_balance=self.of(a, record.balance) / closing.principal * keep,
            price_low=self.prices.low,
        )

    def _loss(self, a: int) -> Array:
        """Present value at close of what is lost on public loans, (N,), USD M."""
        loss = self.of(a, self.record.loss)
        rate = 1.0 + self.case.settings.finance.risk_free
        years = np.arange(loss.shape[1], dtype=float)
        return np.asarray((loss @ rate**-years) * rate ** self.plans[a].close)


def _live(case: Case, project: Project, closings: Sequence[Closing], drivers: Drivers, prices: Market) -> _Lives:
    """Plan all closings and simulate them side by side."""
    f = case.settings.finance
    p = case.project_names.index(project.project)
    plant = economics(case, project)
    running = country_running(plant, drivers)
    calls, _ = overrun_shares(f, project, drivers.overrun[:, p])
    failed = _failed(case, project, drivers)
    plans = _plans(case, project, closings, drivers, failed)
    sales = unit_sales(plant, prices)
    units = [
        unit_flows(case, c.structure, plant, c.financing.strike, plan.close, prices, sales)
        for c, plan in zip(closings, plans, strict=True)
    ]
    inputs = _plant(case, project, closings, plant, plans, units, running)
    luck = drivers.restart_u[:, p] < f.restart_success
    inputs = replace(inputs, failed=np.tile(failed, len(closings)), revived=np.tile(luck, len(closings)))
    record = Operation(inputs, f).run()
    return _Lives(case, project, plant, prices, running, calls, closings, plans, units, record)


def _plans(
    case: Case, project: Project, closings: Sequence[Closing], drivers: Drivers, failed: Flags
) -> list[Schedule]:
    """Return the plan of every closing with no output where it fails or is lost; equal plans are one object."""
    known: dict[tuple[object, ...], Schedule] = {}
    found = []
    for c in closings:
        key = (c.close.tobytes(), c.lost.tobytes(), c.structure.term_from, c.structure.term_y)
        if key not in known:
            plan = schedule(case, project, c.structure, c.close, drivers)
            alive = (~(failed | c.lost)).astype(float)[:, None]
            known[key] = replace(plan, level=plan.level * alive, within=plan.within * alive, open=plan.open * alive)
        found.append(known[key])
    return found


def _at_planned(plan: Schedule, amount: Array) -> Array:
    """Place an amount (N,) in the year of the planned start (the last year where later), (N, T)."""
    years = plan.level.shape[1]
    at = np.clip(np.ceil(plan.planned) - 1.0, 0, years - 1)
    placed: Array = ((np.arange(years)[:, None] == at) * amount).T
    return placed


def _plant(
    case: Case,
    project: Project,
    closings: Sequence[Closing],
    plant: Economics,
    plans: Sequence[Schedule],
    units: Sequence[UnitFlows],
    running: Array,
) -> Plant:
    """Return what the cash of all closings depends on, one after the other; draws of luck are the caller's."""
    f = case.settings.finance
    count = len(running)
    parts = [_year(case, plant, c, plan, unit, running) for c, plan, unit in zip(closings, plans, units, strict=True)]
    reserve = [private_reserve(case, c.financing) for c in closings]
    private = [(c.financing.private_debt_usd_m, c.financing.rate, c.financing.tenor_y) for c in closings]
    terms = [blended_terms(case, c.financing.third_loan_usd_m, c.public_loan_usd_m) for c in closings]
    public = [(c.principal, *t) for c, t in zip(closings, terms, strict=True)]
    return Plant(
        schedule=_one_after_another(plans),
        margin=_stack([margin for margin, _, _ in parts]),
        taxed=_stack([taxed for _, taxed, _ in parts]),
        worth=np.concatenate([worth.T for _, _, worth in parts], axis=1).T,
        failed=np.zeros(count * len(closings), dtype=bool),
        revived=np.zeros(count * len(closings), dtype=bool),
        opex=plant.opex_usd_m,
        cash=np.repeat(np.array(reserve) + f.ramp_opex_months / 12.0 * plant.opex_usd_m, count),
        restart_cost=f.restart_cost * project.capex_usd_m,
        tax=plant.tax,
        private=_loans(private, count),
        public=_loans(public, count),
    )


def _year(
    case: Case, plant: Economics, closing: Closing, plan: Schedule, unit: UnitFlows, running: Array
) -> tuple[Array, Array, Flags]:
    """Return margin, depreciation and whether a restart is worth it, (N, T) each, USD M a year."""
    f = case.settings.finance
    market_sales = (unit.sales + unit.other) * (1.0 - plant.royalty)
    fixed = plant.opex_usd_m * plant.fixed + plant.sustaining_usd_m
    variable = plant.opex_usd_m * (1.0 - plant.fixed) * plant.activity
    margin = plan.level * running * (market_sales - variable) - fixed * plan.open
    year = np.arange(running.shape[1])[:, None]
    depreciating = (year - plan.start < f.depreciation_y).T & (plan.open > 0.0)
    # Royalty is left out of the cash cost, and so out of the revenue it is compared with.
    if closing.financing.strike.any():
        payout = closing.structure.tranche * (unit.floor - unit.upside)
        margin = margin + plan.within * running * payout
        market_sales = market_sales + np.where(plan.within > 0.0, payout, 0.0)
    worth = market_sales >= f.restart_price * (fixed + variable)
    return margin, plant.depreciation_usd_m * plan.open * depreciating, worth


def _loans(terms: Sequence[tuple[float, float, float]], count: int) -> Loan:
    """Return one layer of debt of all closings from principal, rate and tenor, ``count`` scenarios each."""
    principal, rate, tenor = (np.array(column) for column in zip(*terms, strict=True))
    worth = np.array([annuity(r, y) for r, y in zip(rate, tenor, strict=True)])
    return Loan(np.repeat(principal, count), np.repeat(rate, count), np.repeat(worth, count))


def _stack(arrays: Sequence[Array]) -> Array:
    """Put arrays (N, T) one after the other, (A N, T), laid out year by year."""
    stacked: Array = np.concatenate([a.T for a in arrays], axis=1).T
    return stacked


def _one_after_another(plans: Sequence[Schedule]) -> Schedule:
    """Put plans one after the other along their scenarios."""
    joined = {
        f.name: np.concatenate([getattr(plan, f.name) for plan in plans])
        if getattr(plans[0], f.name).ndim == 1
        else _stack([getattr(plan, f.name) for plan in plans])
        for f in fields(Schedule)
    }
    return Schedule(**joined)
