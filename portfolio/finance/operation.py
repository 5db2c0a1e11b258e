"""The plant's cash, year by year and without look-ahead: who is paid, who waits, when it closes and reopens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolio.case.settings import Finance
from portfolio.finance.schedule import Course, Schedule

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

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
    course : Course or Schedule
        Plan in every scenario, never open where the project fails.
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

    course: Course | Schedule
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
    """State of all scenarios at the end of a year; :meth:`step` takes it through the next one.

    What most plants do most of the time is worked out for all of them at once, what is rare (default, closure, restart,
    takeover) for the rows that it befalls.
    """

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
        self.fail_year = np.minimum(np.floor(plant.course.start), years - 1)
        self.takeover_year = np.floor(np.minimum(plant.course.takeover, 1e6))
        self.drawn = np.zeros(count)
        self.real = np.broadcast_to(plant.public.principal > TOKEN_USD_M, count)
        self.indebted = np.broadcast_to(np.asarray(plant.private.principal) > 0.0, count)
        self.failed = np.flatnonzero(plant.failed)
        self.first_start = float(plant.course.start.min(initial=np.inf))
        self.last_start = float(plant.course.start.max(initial=0.0))
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

    def run(self, first: int = 0) -> Record:
        """Return the flows of all years; nothing closes before year ``first``, and nothing happens."""
        for t in range(first, self.plant.margin.shape[1]):
            if t + 1.0 <= self.first_start and not (self.fail_year[self.failed] == t).any():
                self._build(t)
            else:
                self.step(t)
        self.record.balance = self.public
        return self.record

    def _build(self, t: int) -> None:
        """Take every scenario through a year before any plant starts: :meth:`step` where nothing is earned or due."""
        self._due(t)
        self.private += self.private_interest
        self.public += self.public_interest
        self.record.available[:, t] = ~self.dead
        self._taken_over(t)

    def step(self, t: int) -> None:
        """Take every scenario through year ``t``."""
        record = self.record
        idle = self.shut.nonzero()[0]
        available = self._reopen(t, idle)
        due_private, due_public = self._due(t)
        liquid, margin, broke = self._earn(t, available)
        paid_private = np.minimum(due_private, liquid)
        default = due_private - paid_private > EPS
        fail = self.failed[self.fail_year[self.failed] == t]
        default[fail] |= self.private[fail] > EPS
        liquid -= paid_private
        # A patient lender that cannot be paid in full waits and leaves the cash to a plant that may still run.
        waits = (liquid < due_public - EPS) & (self.plant.course.open[:, t] > 0.0)
        paid_public = np.minimum(due_public, liquid)
        paid_public[default | waits] = 0.0
        liquid -= paid_public
        self.arrears += due_public
        self.arrears -= paid_public
        self.private += self.private_interest
        self.private -= paid_private
        self.public += self.public_interest
        self.public -= paid_public
        np.minimum(self.arrears, self.public, out=self.arrears)
        record.service[:, t] = paid_public
        unpaid = default.nonzero()[0]
        close = np.concatenate([broke, unpaid[margin[unpaid] <= 0.0]])
        self._default(t, unpaid, fail)
        self.shut[close] = True
        # Lenders who are not paid by a plant that runs put another owner in.
        default[close] = False
        default[fail] = False
        self.owner_lost[default] = self.finance.owner_change_y
        self.cash = liquid
        self.cash[close] = 0.0
        self._distribute(t, due_private + due_public)
        self._taken_over(t)
        self._decide_restart(t, idle)

    def _reopen(self, t: int, idle: Rows) -> Array:
        """Return the share of the scheduled year in which the plant is there to run."""
        restart = idle[self.restart_at[idle] < t + 1.0]
        available = (~(self.shut | self.dead)).astype(float)
        if restart.size:
            self.recoup[restart] += self.plant.restart_cost
            available[restart] = np.clip(t + 1.0 - self.restart_at[restart], 0.0, 1.0)
            self.shut[restart] = False
            self.restart_at[restart] = np.inf
        changing = self.owner_lost.nonzero()[0]
        if changing.size:
            lost = np.minimum(self.owner_lost[changing], 1.0)
            self.owner_lost[changing] -= lost
            available[changing] *= 1.0 - lost
        return available

    def _due(self, t: int) -> tuple[Array, Array]:
        """Draw, accrue interest and return the service due on private and public debt.

        Private: interest until completion, capitalised while the plant is late; level payments after. Public:
        capitalised until completion, level payments after. Arrears lengthen the public loan.
        """
        s, private, public = self.plant.course, self.plant.private, self.plant.public
        here = (~self.dead).astype(float)
        drawn, late = s.draw[:, t] * here, s.waiting[:, t] * here
        here[self.failed] = 0.0
        serving, ramping = s.serving[:, t] * here, s.ramping[:, t] * here
        self.private += drawn * private.principal
        self.record.private_balance[:, t] = self.private
        interest = private.rate * self.private
        late *= interest
        self.private_interest = late + interest * (ramping + serving)
        self.public += drawn * public.principal
        self.public_interest = public.rate * (self.public - 0.5 * drawn * public.principal)
        self._begin_payments(serving, late)
        due = interest * ramping + serving * self.private_payment
        return (
            np.minimum(due, self.private + self.private_interest),
            np.minimum(serving * self.public_payment, self.public + self.public_interest),
        )

    def _begin_payments(self, serving: Array, late: Array) -> None:
        """Set the level payments of debts that begin to be served; on no debt nothing is due, whatever its tenor."""
        served = serving > 0.0
        begin = (served & self.indebted & (self.private_payment == 0.0)).nonzero()[0]
        if begin.size:
            owed = self.private[begin] + late[begin]
            self.private_payment[begin] = owed / _of(self.plant.private.annuity, begin)
        begin = (served & (self.public_payment == 0.0)).nonzero()[0]
        if begin.size:
            rate, annuity = _of(self.plant.public.rate, begin), _of(self.plant.public.annuity, begin)
            owed = self.public[begin] + self.public_interest[begin] - rate * self.public[begin] * serving[begin]
            self.public_payment[begin] = owed / annuity

    def _earn(self, t: int, available: Array) -> tuple[Array, Array, Rows]:
        """Return cash after tax, margin, and the plants that have run out of cash."""
        plant = self.plant
        margin = available * plant.margin[:, t]
        cash = self.cash + margin
        self.record.available[:, t] = available
        broke = ((cash < -EPS) & (margin < 0.0)).nonzero()[0]
        if broke.size:
            # The plant runs until its cash is gone: the share of the year is cash over the loss of a whole year.
            running = self.cash[broke] / -margin[broke]
            margin[broke] *= running
            cash[broke] = self.cash[broke] + margin[broke]
            self.record.available[broke, t] *= running
        taxed = margin - available * plant.taxed[:, t]
        taxed -= self.private_interest
        taxed -= self.public_interest
        np.maximum(taxed, 0.0, out=taxed)
        taxed *= plant.tax
        cash -= taxed
        return np.maximum(cash, 0.0, out=cash), margin, broke

    def _default(self, t: int, unpaid: Rows, fail: Rows) -> None:
        """Write off what is not paid: private debt in default takes subordinated public debt with it."""
        f = self.finance
        owing = (self.arrears > EPS).nonzero()[0]
        beyond = self.arrears[owing] > f.deferral_y * self.public_payment[owing] + EPS
        patience = owing[beyond & (self.public[owing] > EPS)]
        rows = np.unique(np.concatenate([unpaid, fail, patience])) if fail.size or patience.size else unpaid
        if not rows.size:
            return
        self._write_off(t, rows, self._given_default(t, rows, f.lgd_subordinated))
        months = _of(self.plant.private.rate, unpaid) * f.guarantee_interest_months / 12.0
        senior = self._given_default(t, unpaid, f.lgd_senior)
        self.record.private_loss[unpaid, t] = (senior + months) * self.private[unpaid]
        self.record.defaulted[unpaid] = True
        self.private[unpaid] = 0.0
        self.original[unpaid] = False
        self.original[fail] = False
        self.dead[fail] = True

    def _given_default(self, t: int, rows: Rows, running: float) -> Array:
        """Return the loss given default: another while a plant is built or where it fails than once it is complete."""
        building = t + 1.0 <= self.plant.course.completion[rows]
        fails = self.plant.failed[rows] & (self.fail_year[rows] == t)
        return np.where(building | fails, self.finance.lgd_construction, running)

    def _write_off(self, t: int, rows: Rows, lgd: Array) -> None:
        """Write off public debt, and with it the equity beneath; what is recovered counts as service."""
        some = self.public[rows] > EPS
        rows, lgd = rows[some], lgd[some]
        self.record.loss[rows, t] += lgd * self.public[rows]
        self.record.service[rows, t] += (1.0 - lgd) * self.public[rows]
        real = rows[self.real[rows]]
        self.record.defaulted[real] = True
        self.original[real] = False
        self.public[rows] = 0.0
        self.arrears[rows] = 0.0

    def _distribute(self, t: int, service: Array) -> None:
        """Sweep cash beyond the reserve: public arrears first, then the cost of a restart, then equity."""
        # Nothing is paid out before the plant has started: the opening cash is for its ramp-up.
        if t + 1.0 <= self.first_start:
            return
        months = self.finance.distribution_months / 12.0
        reserve = np.where(self.plant.course.open[:, t] > 0.0, self.plant.opex, 0.0)
        reserve += service
        reserve *= months
        excess = np.maximum(self.cash - reserve, 0.0)
        if t + 1.0 <= self.last_start:
            excess *= t + 1.0 > self.plant.course.start
        self.cash -= excess
        owing = self.arrears.nonzero()[0]
        if owing.size:
            swept = np.minimum(np.minimum(excess[owing], self.arrears[owing]), self.public[owing])
            self.arrears[owing] -= swept
            self.public[owing] -= swept
            self.record.service[owing, t] += swept
            excess[owing] -= swept
        owing = self.recoup.nonzero()[0]
        if owing.size:
            back = np.minimum(excess[owing], self.recoup[owing])
            self.recoup[owing] -= back
            excess[owing] -= back
        self.record.dividends[:, t] = excess * self.original

    def _taken_over(self, t: int) -> None:
        """Repay all debt when a rival takes over a plant that is built or runs: the usual change-of-control clause."""
        self.drawn += self.plant.course.draw[:, t]
        gone = (self.takeover_year == t).nonzero()[0]
        if not gone.size:
            return
        taken = gone[~self.shut[gone] & ~self.dead[gone]]
        undrawn = _of(self.plant.public.principal, taken) * (1.0 - self.drawn[taken])
        self.record.service[taken, t] += self.public[taken] + undrawn
        self.public[taken] = 0.0
        self.private[taken] = 0.0
        self.arrears[taken] = 0.0
        self.original[gone] = False
        self.dead[taken] = True

    def _decide_restart(self, t: int, idle: Rows) -> None:
        """Let plants closed for the whole year decide on a restart at the year's prices."""
        if not idle.size:
            return
        waiting = self.shut[idle] & ~self.dead[idle] & np.isinf(self.restart_at[idle])
        go = idle[waiting & self.plant.worth[idle, t]]
        revived = self.plant.revived[go]
        self.restart_at[go[revived]] = t + 1.0 + self.finance.restart_lag_y
        beyond = go[~revived]
        self._write_off(t, beyond, np.full(beyond.size, self.finance.lgd_subordinated))
        self.dead[beyond] = True


def _of(value: Array | float, rows: Rows) -> Array | float:
    """Return some rows of a value that may be one for all."""
    return value if np.ndim(value) == 0 else np.asarray(value)[rows]
