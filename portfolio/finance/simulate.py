"""The life of a plant under each structure and window, simulated in every scenario before the optimisation.

Closings of a project that are made at the same time are simulated side by side, as if they were more scenarios: a year
of all of them is one step of the arrays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
from portfolio.finance.schedule import Course, Schedule, planned, schedule
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
    fate = _fate(case, project, drivers)
    found: dict[int, PlantPath] = {}
    for group in _together(closings):
        lives = _live(case, project, [closings[n] for n in group], fate, prices)
        found.update({n: lives.path(a) for a, n in enumerate(group)})
    return [found[n] for n in range(len(closings))]


def yields(
    case: Case, project: Project, closings: Sequence[Closing], drivers: Drivers, prices: Market, parts: Collection[int]
) -> tuple[Array, dict[int, Array]]:
    """Return output of each closing as a share of nameplate, (A, T, N), and the part of it within the term, (T, N).

    The latter is asked for by the numbers of the closings, ``parts``: it is the same for many of them.
    """
    years = prices.realised.shape[1]
    output = np.zeros((len(closings), years, drivers.size))
    part = {n: np.zeros((years, drivers.size)) for n in parts}
    fate = _fate(case, project, drivers)
    for group in _together(closings):
        # What fails or is lost yields nothing however it is financed: it need not be simulated.
        built = np.flatnonzero(~(fate.failed | closings[group[0]].lost))
        if not built.size:
            continue
        some = [replace(closings[n], close=closings[n].close[built], lost=closings[n].lost[built]) for n in group]
        lives = _live(case, project, some, fate.rows(built), prices.rows(built))
        for a, n in enumerate(group):
            output[n][:, built] = lives.running_level(a).T
            if n in part:
                part[n][:, built] = lives.plans[a].part.T
    return output, part


def _together(closings: Sequence[Closing]) -> list[list[int]]:
    """Numbers of closings by group: those of a group close at the same time in the same scenarios."""
    groups: dict[tuple[bytes, bytes], list[int]] = {}
    for n, c in enumerate(closings):
        groups.setdefault((c.close.tobytes(), c.lost.tobytes()), []).append(n)
    return list(groups.values())


@dataclass(frozen=True)
class Fate:
    """What the drivers of N scenarios hold for one project, however it is financed.

    ``delay_y`` and ``takeover_y`` (N,) as in :class:`portfolio.scenarios.drivers.Drivers`; ``failed`` (N,) and whether
    a restart works, ``revived`` (N,); ``calls`` (N,) on members for overruns, a share of capex; ``running`` (N, T) the
    share of output left by outages.
    """

    delay_y: Array
    takeover_y: Array
    failed: Flags
    revived: Flags
    calls: Array
    running: Array

    def rows(self, which: npt.NDArray[np.int64]) -> Fate:
        """Return some of the scenarios."""
        return Fate(
            self.delay_y[which],
            self.takeover_y[which],
            self.failed[which],
            self.revived[which],
            self.calls[which],
            self.running.T[:, which].T,
        )


def _fate(case: Case, project: Project, drivers: Drivers) -> Fate:
    """Return what befalls a project."""
    p = case.project_names.index(project.project)
    calls, _ = overrun_shares(case.settings.finance, project, drivers.overrun[:, p])
    return Fate(
        delay_y=drivers.delay_y[:, p],
        takeover_y=drivers.takeover_y[:, p],
        failed=_failed(case, project, drivers),
        revived=drivers.restart_u[:, p] < case.settings.finance.restart_success,
        calls=calls,
        running=country_running(economics(case, project), drivers),
    )


def _failed(case: Case, project: Project, drivers: Drivers) -> Flags:
    """Whether a project fails for technical reasons or for an overrun beyond what anyone funds, (N,)."""
    p = case.project_names.index(project.project)
    _, beyond = overrun_shares(case.settings.finance, project, drivers.overrun[:, p])
    failed: Flags = (drivers.success_u[:, p] >= success_probability(case.settings.finance, project)) | beyond
    return failed


def built(case: Case, project: Project, window: int, drivers: Drivers) -> Flags:
    """Whether a project that closes in ``window`` is won by no rival before and fails in nothing technical, (N,)."""
    return ~(_failed(case, project, drivers) | lost_before(case, project, window, drivers))


def may_yield(case: Case, project: Project, window: int, drivers: Drivers) -> bool:
    """Whether any scenario has the project built and producing within the horizon after closing in ``window``.

    Read from the plan alone. A plant that is built always runs for part of its first year: nothing is due before, and
    the cash set aside for its ramp-up is there.
    """
    good = built(case, project, window, drivers)
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

    def running_level(self, a: int) -> Array:
        """Output of a closing that is lost in no scenario, (N, T)."""
        return self.plans[a].level * (self.running * self.of(a, self.record.available))

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


def _live(case: Case, project: Project, closings: Sequence[Closing], fate: Fate, prices: Market) -> _Lives:
    """Plan closings that are made at the same time and simulate them side by side."""
    plant = economics(case, project)
    plans = _plans(case, project, closings, fate)
    sales = unit_sales(plant, prices)
    units = [
        unit_flows(case, c.structure, plant, c.financing.strike, plan.close, prices, sales)
        for c, plan in zip(closings, plans, strict=True)
    ]
    inputs = _plant(case, project, closings, plant, plans, units, fate)
    first = int(np.floor(min(plan.close.min(initial=0.0) for plan in plans)))
    record = Operation(inputs, case.settings.finance).run(max(first, 0))
    return _Lives(case, project, plant, prices, fate.running, fate.calls, closings, plans, units, record)


def _plans(case: Case, project: Project, closings: Sequence[Closing], fate: Fate) -> list[Schedule]:
    """Return the plan of every closing with no output where it fails or is lost; equal plans are one object."""
    known: dict[tuple[object, ...], Schedule] = {}
    found = []
    for c in closings:
        key = (c.structure.term_from, c.structure.term_y)
        if key not in known:
            plan = planned(case, project, c.structure, c.close, fate.delay_y, fate.takeover_y)
            alive = (~(fate.failed | c.lost)).astype(float)[:, None]
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
    fate: Fate,
) -> Plant:
    """Return what the cash of all closings depends on, one after the other."""
    f = case.settings.finance
    count, years = fate.running.shape
    many = len(closings)
    flows = _flows(case, plant, closings, plans, units, fate.running)
    reserve = [private_reserve(case, c.financing) for c in closings]
    private = [(c.financing.private_debt_usd_m, c.financing.rate, c.financing.tenor_y) for c in closings]
    terms = [blended_terms(case, c.financing.third_loan_usd_m, c.public_loan_usd_m) for c in closings]
    public = [(c.principal, *t) for c, t in zip(closings, terms, strict=True)]
    return Plant(
        course=_course(plans),
        margin=flows.margin.reshape(years, -1).T,
        taxed=flows.taxed.reshape(years, -1).T,
        worth=flows.worth.reshape(years, -1).T,
        failed=np.tile(fate.failed, many),
        revived=np.tile(fate.revived, many),
        opex=plant.opex_usd_m,
        cash=np.repeat(np.array(reserve) + f.ramp_opex_months / 12.0 * plant.opex_usd_m, count),
        restart_cost=f.restart_cost * project.capex_usd_m,
        tax=plant.tax,
        private=_loans(private, count),
        public=_loans(public, count),
    )


@dataclass(frozen=True)
class _Flows:
    """Margin, depreciation (USD M a year) and whether a restart is worth it, (T, A, N) each."""

    margin: Array
    taxed: Array
    worth: Flags


def _flows(
    case: Case,
    plant: Economics,
    closings: Sequence[Closing],
    plans: Sequence[Schedule],
    units: Sequence[UnitFlows],
    running: Array,
) -> _Flows:
    """Return the yearly flows of closings made at the same time: but for payouts they are the same for all."""
    f = case.settings.finance
    count, years = running.shape
    shape = (years, len(closings), count)
    found = _Flows(np.empty(shape), np.empty(shape), np.empty(shape, dtype=bool))
    plan = plans[0]
    sales = (units[0].sales + units[0].other).T * (1.0 - plant.royalty)
    fixed = plant.opex_usd_m * plant.fixed + plant.sustaining_usd_m
    variable = plant.opex_usd_m * (1.0 - plant.fixed) * plant.activity
    margin = plan.level.T * running.T * (sales - variable) - fixed * plan.open.T
    year = np.arange(years)[:, None]
    depreciating = (year - plan.start < f.depreciation_y) & (plan.open.T > 0.0)
    found.taxed[:] = (plant.depreciation_usd_m * plan.open.T * depreciating)[:, None]
    # Royalty is left out of the cash cost, and so out of the revenue it is compared with.
    enough = f.restart_price * (fixed + variable)
    for a, (closing, own, unit) in enumerate(zip(closings, plans, units, strict=True)):
        if not closing.financing.strike.any():
            found.margin[:, a] = margin
            found.worth[:, a] = sales >= enough
            continue
        payout = closing.structure.tranche * (unit.floor - unit.upside).T
        within = own.within.T
        np.add(margin, within * running.T * payout, out=found.margin[:, a])
        found.worth[:, a] = sales + np.where(within > 0.0, payout, 0.0) >= enough
    return found


def _course(plans: Sequence[Schedule]) -> Course:
    """Return the course of closings made at the same time, as often as there are closings."""
    plan, many = plans[0], len(plans)
    parts = {f.name: getattr(plan, f.name) for f in fields(Course)}
    # Laid out year by year, scenarios last.
    return Course(**{name: np.concatenate([part.T] * many, axis=-1).T for name, part in parts.items()})


def _loans(terms: Sequence[tuple[float, float, float]], count: int) -> Loan:
    """Return one layer of debt of all closings from principal, rate and tenor, ``count`` scenarios each."""
    principal, rate, tenor = (np.array(column) for column in zip(*terms, strict=True))
    worth = np.array([annuity(r, y) for r, y in zip(rate, tenor, strict=True)])
    return Loan(np.repeat(principal, count), np.repeat(rate, count), np.repeat(worth, count))
