"""The plant's cash, year by year and without look-ahead: who is paid, who waits, when it closes and reopens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolio.case.settings import Finance
from portfolio.finance.schedule import Schedule

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

EPS = 1e-9

TOKEN_USD_M = 1e-6
"""Principal simulated where no public debt is assumed, so that service per unit of principal is defined."""


@dataclass(frozen=True)
class Loan:
    """One layer of debt: principal USD M, real rate a year, present value of 1 a year over its tenor.

    Numbers, or arrays (N,) where plants with different debt are simulated side by side.
    """

    principal: Array | float
    rate: Array | float
    annuity: Array | float


@dataclass(frozen=True)
class Plant:
    """What the cash of a plant depends on; arrays (N, T) of USD M a year where it runs the whole year.

    A year of all scenarios is read at a time: arrays laid out year by year (Fortran order) are much the fastest.

    Attributes
    ----------
    schedule : Schedule
        Plan in every scenario, zero output where the project fails.
    margin : array
        M: revenue with payouts - opex - sustaining - royalty, at scheduled output.
    taxed : array
        Depreciation that lowers the tax base.
    worth : bool array
        Whether a closed plant would restart at the year's prices.
    failed : bool array, (N,)
        Technical failure, or an overrun beyond what anyone funds: never produces.
    revived : bool array, (N,)
        Whether a restart works.
    opex, restart_cost, tax : float
        Opex at nameplate a year, cost of a restart (USD M), tax rate.
    cash : float or array (N,)
        Opening cash, USD M.
    private, public : Loan
        Layers of debt, senior first.
    """

    schedule: Schedule
    margin: Array
    taxed: Array
    worth: Flags
    failed: Flags
    revived: Flags
    opex: float
    cash: Array | float
    restart_cost: float
    tax: float
    private: Loan
    public: Loan


@dataclass
class Record:
    """Flows recorded by year, (N, T) USD M: share of the schedule run, service and loss of public debt, dividends,
    private balance after draws, loss of private debt with interest; default and final public balance, (N,).
    """

    available: Array
    service: Array
    loss: Array
    dividends: Array
    private_balance: Array
    private_loss: Array
    defaulted: Flags
    balance: Array


class Operation:
    """State of all scenarios at the end of a year; :meth:`step` takes it through the next one."""

    def __init__(self, plant: Plant, finance: Finance) -> None:
        count, years = plant.margin.shape
        self.plant = plant
        self.finance = finance
        self.cash = np.full(count, plant.cash)
        self.private = np.zeros(count)
        self.public = np.zeros(count)
        self.private_interest = np.zeros(count)
        self.public_interest = np.zeros(count)
        self.private_payment = np.zeros(count)
        self.public_payment = np.zeros(count)
        self.arrears = np.zeros(count)
        self.recoup = np.zeros(count)
        self.owner_lost = np.zeros(count)
        self.restart_at = np.full(count, np.inf)
        self.shut = np.zeros(count, dtype=bool)
        self.dead = np.zeros(count, dtype=bool)
        self.original = np.ones(count, dtype=bool)
        self.fail_year = np.minimum(np.floor(plant.schedule.start), years - 1)
        self.takeover_year = np.floor(np.minimum(plant.schedule.takeover, 1e6))
        self.drawn = np.zeros(count)
        self.real = plant.public.principal > TOKEN_USD_M
        # Nothing is due on no debt, whatever its tenor.
        self.private_annuity = np.where(np.asarray(plant.private.principal) > 0.0, plant.private.annuity, np.inf)
        self.alive = ~plant.failed
        self.record = Record(
            available=np.zeros((years, count)).T,
            service=np.zeros((years, count)).T,
            loss=np.zeros((years, count)).T,
            dividends=np.zeros((years, count)).T,
            private_balance=np.zeros((years, count)).T,
            private_loss=np.zeros((years, count)).T,
            defaulted=np.zeros(count, dtype=bool),
            balance=np.zeros(count),
        )

    def run(self) -> Record:
        """Return the flows of all years."""
        for t in range(self.plant.margin.shape[1]):
            self.step(t)
        self.record.balance = self.public
        return self.record

    def step(self, t: int) -> None:
        """Take every scenario through year ``t``."""
        plant, record = self.plant, self.record
        closed_before = self.shut.copy()
        available = self._reopen(t)
        due_private, due_public = self._due(t)
        margin = available * plant.margin[:, t]
        broke = (self.cash + margin < -EPS) & (margin < 0.0)
        # The plant runs until its cash is gone: the share of the year is cash over the loss of a whole year.
        running = np.divide(self.cash, -margin, out=np.ones_like(margin), where=broke)
        margin = margin * running
        record.available[:, t] = available * running
        base = margin - available * plant.taxed[:, t] - self.private_interest - self.public_interest
        liquid = np.maximum(self.cash + margin - plant.tax * np.maximum(base, 0.0), 0.0)
        paid_private = np.minimum(due_private, liquid)
        default = due_private - paid_private > EPS
        fail = plant.failed & (self.fail_year == t)
        default = default | (fail & (self.private > EPS))
        liquid = liquid - paid_private
        # A patient lender that cannot be paid in full waits and leaves the cash to a plant that may still run.
        waits = (liquid < due_public - EPS) & (plant.schedule.open[:, t] > 0.0)
        paid_public = np.where(default | waits, 0.0, np.minimum(due_public, liquid))
        liquid = liquid - paid_public
        self.arrears = self.arrears + due_public - paid_public
        self.private = self.private + self.private_interest - paid_private
        self.public = self.public + self.public_interest - paid_public
        self.arrears = np.minimum(self.arrears, self.public)
        record.service[:, t] = paid_public
        close = broke | (default & (margin <= 0.0))
        self._default(t, default, fail)
        self.owner_lost = np.where(default & ~close & ~fail, self.finance.owner_change_y, self.owner_lost)
        self.shut = self.shut | close
        self.cash = np.where(close, 0.0, liquid)
        self._distribute(t, due_private + due_public)
        self._taken_over(t)
        self._decide_restart(t, closed_before)

    def _reopen(self, t: int) -> Array:
        """Return the share of the scheduled year in which the plant is there to run."""
        restart = self.shut & (self.restart_at < t + 1.0)
        self.recoup = np.where(restart, self.recoup + self.plant.restart_cost, self.recoup)
        part = np.clip(t + 1.0 - self.restart_at, 0.0, 1.0)
        available = np.where(restart, part, np.where(self.shut | self.dead, 0.0, 1.0))
        self.shut = self.shut & ~restart
        self.restart_at = np.where(restart, np.inf, self.restart_at)
        if not self.owner_lost.any():
            return np.asarray(available)
        lost = np.minimum(self.owner_lost, 1.0)
        self.owner_lost = self.owner_lost - lost
        return available * (1.0 - lost)

    def _due(self, t: int) -> tuple[Array, Array]:
        """Draw, accrue interest and return the service due on private and public debt.

        Private: interest until completion, capitalised while the plant is late; level payments after. Public:
        capitalised until completion, level payments after. Arrears lengthen the public loan.
        """
        s, private, public = self.plant.schedule, self.plant.private, self.plant.public
        alive = ~self.dead & self.alive
        serving = np.where(alive, s.serving[:, t], 0.0)
        ramping = np.where(alive, s.ramping[:, t], 0.0)
        drawn = np.where(self.dead, 0.0, s.draw[:, t])
        self.private = self.private + drawn * private.principal
        self.record.private_balance[:, t] = self.private
        waiting = np.where(self.dead, 0.0, s.waiting[:, t])
        late = private.rate * self.private * waiting
        self.private_interest = late + private.rate * self.private * (ramping + serving)
        first = (serving > 0.0) & (self.private_payment == 0.0)
        level = (self.private + late) / self.private_annuity
        self.private_payment = np.where(first, level, self.private_payment)
        due = private.rate * self.private * ramping + serving * self.private_payment
        due_private = np.minimum(due, self.private + self.private_interest)
        self.public = self.public + drawn * public.principal
        self.public_interest = public.rate * (self.public - 0.5 * drawn * public.principal)
        first = (serving > 0.0) & (self.public_payment == 0.0)
        until = self.public + self.public_interest - public.rate * self.public * serving
        self.public_payment = np.where(first, until / public.annuity, self.public_payment)
        return due_private, np.minimum(serving * self.public_payment, self.public + self.public_interest)

    def _default(self, t: int, default: Flags, fail: Flags) -> None:
        """Write off what is not paid: private debt in default takes subordinated public debt with it."""
        f = self.finance
        limit = f.deferral_y * self.public_payment
        patience = (self.arrears > limit + EPS) & (self.public > EPS)
        if not (default | fail | patience).any():
            return
        building = t + 1.0 <= self.plant.schedule.completion
        lgd = np.where(building | fail, f.lgd_construction, f.lgd_subordinated)
        self._write_off(t, default | fail | patience, lgd)
        senior = np.where(building | fail, f.lgd_construction, f.lgd_senior)
        months = self.plant.private.rate * f.guarantee_interest_months / 12.0
        self.record.private_loss[:, t] = np.where(default, (senior + months) * self.private, 0.0)
        self.record.defaulted |= default
        self.private = np.where(default, 0.0, self.private)
        self.original &= ~(default | fail)
        self.dead = self.dead | fail

    def _write_off(self, t: int, which: Flags, lgd: Array | float) -> None:
        """Write off public debt, and with it the equity beneath; what is recovered counts as service."""
        written = which & (self.public > EPS)
        if not written.any():
            return
        self.record.loss[:, t] += np.where(written, lgd * self.public, 0.0)
        self.record.service[:, t] += np.where(written, (1.0 - lgd) * self.public, 0.0)
        self.record.defaulted |= written & self.real
        self.original &= ~(written & self.real)
        self.public = np.where(written, 0.0, self.public)
        self.arrears = np.where(written, 0.0, self.arrears)

    def _distribute(self, t: int, service: Array) -> None:
        """Sweep cash beyond the reserve: public arrears first, then the cost of a restart, then equity."""
        months = self.finance.distribution_months / 12.0
        opex = np.where(self.plant.schedule.open[:, t] > 0.0, self.plant.opex, 0.0)
        # Nothing is paid out before the plant has started: the opening cash is for its ramp-up.
        started = t + 1.0 > self.plant.schedule.start
        excess = np.where(started, np.maximum(self.cash - months * (opex + service), 0.0), 0.0)
        swept = np.minimum(np.minimum(excess, self.arrears), self.public)
        self.arrears = self.arrears - swept
        self.public = self.public - swept
        self.record.service[:, t] += swept
        back = np.minimum(excess - swept, self.recoup)
        self.recoup = self.recoup - back
        self.cash = self.cash - excess
        self.record.dividends[:, t] = np.where(self.original, excess - swept - back, 0.0)

    def _taken_over(self, t: int) -> None:
        """Repay all debt when a rival takes over a plant that is built or runs: the usual change-of-control clause."""
        self.drawn = self.drawn + self.plant.schedule.draw[:, t]
        gone = self.takeover_year == t
        if not gone.any():
            return
        taken = gone & ~self.shut & ~self.dead
        undrawn = self.plant.public.principal * (1.0 - self.drawn)
        self.record.service[:, t] += np.where(taken, self.public + undrawn, 0.0)
        self.public = np.where(taken, 0.0, self.public)
        self.private = np.where(taken, 0.0, self.private)
        self.arrears = np.where(taken, 0.0, self.arrears)
        self.original &= ~gone
        self.dead = self.dead | taken

    def _decide_restart(self, t: int, closed_before: Flags) -> None:
        """Let plants closed for the whole year decide on a restart at the year's prices."""
        if not closed_before.any():
            return
        go = closed_before & self.shut & ~self.dead & np.isinf(self.restart_at) & self.plant.worth[:, t]
        self.restart_at = np.where(go & self.plant.revived, t + 1.0 + self.finance.restart_lag_y, self.restart_at)
        beyond = go & ~self.plant.revived
        self._write_off(t, beyond, self.finance.lgd_subordinated)
        self.dead = self.dead | beyond
