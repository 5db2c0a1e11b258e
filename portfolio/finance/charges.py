"""What a commitment costs a member: charges under the four budget conventions, exposure, expected cost, tail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.tables import Eligibility, Instrument, Project, Structure
from portfolio.finance.economics import Economics, annuity, economics
from portfolio.finance.offtake import Delivered, mean_delivered, purchase_cost
from portfolio.finance.schedule import planned_start
from portfolio.finance.terms import Term, maximum_payout, planned_term
from portfolio.finance.types import Commitment, Financing, PlantPath

Array = npt.NDArray[np.float64]

TAIL = 0.95


@dataclass(frozen=True)
class CashFlows:
    """What every commitment to one path shares: present values at close, per unit share, USD M.

    Means are over the scenarios in which no rival wins the project before the window, since charges stay reserved
    until then; ``expected_*`` are over all scenarios, discounted to the first year of the horizon.

    Attributes
    ----------
    potential : float
        E_max: discounted payout at P_low on nameplate over the planned term.
    floor : array, (4,)
        Mean payout before upside, by convention: undiscounted, discounted twice, risk-neutral.
    tail, payout95 : float
        Expected shortfall of the discounted payout; largest 95 % quantile of a year's net payout.
    loan : array, (4,)
        Charge per unit of loan principal, by convention.
    overrun : array, (4,)
        Call on the members for overruns, whole project.
    call, fee : array, (4,)
        Guarantee: calls per USD covered; fees per USD covered and unit of fee rate.
    call95 : float
        Largest 95 % quantile of a year's guarantee call per USD covered.
    expected_net, expected_loan, expected_equity, expected_grant, expected_overrun, expected_call, expected_fee : float
        Expected net outlay: payouts less upside; money per unit of uses; whole project; per USD covered.
    plant : Economics
        The project at nameplate.
    term : Term
        The planned term of contracts.
    path : PlantPath
        What it was computed from.
    """

    plant: Economics
    term: Term
    path: PlantPath
    potential: float
    floor: Array
    tail: float
    payout95: float
    loan: Array
    overrun: Array
    call: Array
    fee: Array
    call95: float
    expected_net: float
    expected_loan: float
    expected_equity: float
    expected_grant: float
    expected_overrun: float
    expected_call: float
    expected_fee: float

    @cached_property
    def delivered(self) -> Delivered:
        """Mean over all scenarios of what an offtaker is delivered, by year."""
        return mean_delivered(self.path)


@dataclass(frozen=True)
class _Factors:
    """Discount factors by year: none, from the window at the risk-free and at the risky rate, and from today."""

    one: Array
    free: Array
    risky: Array
    today: Array

    @classmethod
    def of(cls, case: Case, window: int) -> _Factors:
        years, f = np.array(case.years, dtype=float), case.settings.finance
        safe, risk = 1.0 + f.risk_free, 1.0 + f.risk_free + f.asset_premium
        since = years - window
        return cls(np.ones_like(years), safe**-since, risk**-since, safe ** -(years - years[0]))

    def by_convention(self, flow: Array, neutral: Array) -> Array:
        """Value of a flow under each convention, (4,); ``neutral`` is the flow under risk-neutral prices."""
        return np.array([flow @ w for w in (self.one, self.free, self.free)] + [neutral @ self.free])


@dataclass(frozen=True)
class _Means:
    """Means over scenarios: those kept, in which no rival was first, and all."""

    kept: npt.NDArray[np.intp]
    weights: Array

    @classmethod
    def of(cls, path: PlantPath) -> _Means:
        kept = np.flatnonzero(~path.lost)
        return cls(kept, np.array([~path.lost / max(kept.size, 1), np.full(path.lost.size, 1.0 / path.lost.size)]))

    def by_year(self, flow: Array) -> tuple[Array, Array]:
        """Mean by year over the scenarios kept, and over all."""
        kept_mean, all_mean = self.weights @ flow
        return kept_mean, all_mean

    def over_kept(self, values: Array) -> float:
        """Mean over the scenarios kept, 0 where there are none."""
        return float(values[self.kept].mean()) if self.kept.size else 0.0


def cash_flows(
    case: Case, project: Project, structure: Structure, financing: Financing, window: int, path: PlantPath
) -> CashFlows:
    """Return what all commitments to a path share; see :class:`CashFlows`."""
    f = case.settings.finance
    at, mean = _Factors.of(case, window), _Means.of(path)
    floor, all_floor = mean.by_year(path.floor)
    neutral, _ = mean.by_year(path.floor_neutral)
    _, all_outlay = mean.by_year(path.outlay)
    _, all_service = mean.by_year(path.loan_service)
    overrun, all_overrun = mean.by_year(path.overrun_call)
    call, all_call = mean.by_year(path.guarantee_call)
    fees, all_fees = mean.by_year(path.guarantee_fee)
    after = case.years[-1] + 1.0
    left = float(path.loan_balance.mean()) * (1.0 + f.risk_free) ** -(after - case.years[0])
    plant = economics(case, project)
    term = planned_term(case, project, structure, financing, window, path)
    calls = at.by_convention(call, call)
    # The market price of the risk a guarantor takes is the premium lenders would ask on the covered balance.
    calls[3] += f.asset_premium * float(fees @ at.free)
    return CashFlows(
        plant=plant,
        term=term,
        path=path,
        potential=maximum_payout(plant, term),
        floor=at.by_convention(floor, neutral),
        tail=_shortfall(path.floor @ at.free, mean.kept),
        payout95=_quantile(np.maximum(path.floor - path.upside, 0.0), mean.kept),
        loan=_loan(case, window, path, at, mean),
        overrun=at.by_convention(overrun, overrun),
        call=calls,
        fee=np.array([fees @ w for w in (at.one, at.free, at.free, at.risky)]),
        call95=_quantile(path.guarantee_call, mean.kept),
        expected_net=float((all_floor - mean.by_year(path.upside)[1]) @ at.today),
        expected_loan=float((all_outlay - all_service) @ at.today) - left,
        expected_equity=float((all_outlay - mean.by_year(path.dividends)[1]) @ at.today),
        expected_grant=float(all_outlay @ at.today),
        expected_overrun=float(all_overrun @ at.today),
        expected_call=float(all_call @ at.today),
        expected_fee=float(all_fees @ at.today),
    )


def _loan(case: Case, window: int, path: PlantPath, at: _Factors, mean: _Means) -> Array:
    """Charge of a loan of one by convention, (4,): in full; at least its expected loss; net of service and balance."""
    f = case.settings.finance
    outlay, _ = mean.by_year(path.outlay)
    service, _ = mean.by_year(path.loan_service)
    balance, loss = mean.over_kept(path.loan_balance), mean.over_kept(path.loan_loss)
    drawn, held = float(outlay @ at.free), case.years[-1] + 1.0 - window
    subsidy = drawn - float(service @ at.free) - balance * (1.0 + f.risk_free) ** -held
    fair = drawn - float(service @ at.risky) - balance * (1.0 + f.risk_free + f.asset_premium) ** -held
    return np.array([1.0, max(f.loan_floor, loss), max(0.0, subsidy), max(0.0, fair)])


def commitments(
    case: Case,
    project: Project,
    structure: Structure,
    financing: Financing,
    window: int,
    path: PlantPath,
    instrument: Instrument,
    eligibility: Eligibility,
    *,
    flows: CashFlows | None = None,
) -> Commitment:
    """Return what one unit share of an instrument costs the member of ``eligibility``.

    A unit share is the whole of uses for loan, equity, grant and guarantee (for a guarantee: a loan as large as the
    uses, of which ``cover`` is guaranteed), and the whole output for cfd and offtake.

    Parameters
    ----------
    path : PlantPath
        Simulated on the cost sample, not on the scenarios optimised over.
    flows : CashFlows, optional
        From :func:`cash_flows` on the same path, to compute them once for all instruments and members.

    Returns
    -------
    Commitment
        Charges by convention, each at least 0, and at least provision x exposure for unfunded kinds. The fixed
        administration cost per member and project (``finance.admin_usd_m``) is not in it: it is no cost per share.
    """
    flows = flows or cash_flows(case, project, structure, financing, window, path)
    if instrument.kind in ("cfd", "offtake"):
        return _contract(case, project, structure, financing, window, path, instrument, eligibility, flows)
    if instrument.kind == "guarantee":
        return _guarantee(case, project, structure, financing, window, instrument, eligibility, flows)
    return _money(case, project, structure, financing, window, instrument, flows)


def exposed_years(
    case: Case,
    project: Project,
    structure: Structure,
    financing: Financing,
    window: int,
    instrument: Instrument,
) -> float:
    """Return how long an exposure is administered, years from the window.

    Construction for a grant; to the end of the planned term for contracts, of the tenor for loans and guarantees, of
    the horizon for equity.
    """
    building = float(planned_start(case, project, window)) - (window - case.settings.horizon.first_year)
    return {
        "cfd": building + structure.term_y,
        "offtake": building + structure.term_y,
        "loan": building + project.ramp_y + instrument.tenor_y,
        "guarantee": building + project.ramp_y + financing.tenor_y,
        "equity": float(case.years[-1] + 1 - window),
        "grant": building,
    }[instrument.kind]


def provision_rate(case: Case, eligibility: Eligibility) -> float:
    """Return rho: the member's own provisioning rate for the instrument, or the one of finance."""
    own = eligibility.provision_rate
    return case.settings.finance.provision_rate if own is None else own


def _money(
    case: Case,
    project: Project,
    structure: Structure,
    financing: Financing,
    window: int,
    instrument: Instrument,
    flows: CashFlows,
) -> Commitment:
    """Cost of a loan, equity or a grant of the whole uses, with its part of expected overrun calls.

    Equity and grants are charged in full under every convention: credit-reform rules do not cover them, and
    expected dividends finance nothing.
    """
    uses = financing.uses_usd_m
    ratio = flows.loan if instrument.kind == "loan" else np.ones(4)
    # Members pay calls in proportion to their money, which together is the gap.
    part = uses / financing.gap_usd_m if financing.gap_usd_m > 0.0 else 0.0
    expected = {"loan": flows.expected_loan, "equity": flows.expected_equity}.get(instrument.kind, flows.expected_grant)
    admin = _admin(case, uses, exposed_years(case, project, structure, financing, window, instrument))
    cost = uses * expected + part * flows.expected_overrun + _at_start(case, window, admin)
    return Commitment(
        charge_usd_m=uses * ratio + part * flows.overrun + admin,
        exposure_usd_m=uses,
        cost_usd_m=max(0.0, cost),
        payout95_usd_m=0.0,
        tail_usd_m=0.0,
    )


def _guarantee(
    case: Case,
    project: Project,
    structure: Structure,
    financing: Financing,
    window: int,
    instrument: Instrument,
    eligibility: Eligibility,
    flows: CashFlows,
) -> Commitment:
    """Cost of guaranteeing ``cover`` of a loan as large as the uses: a share is the loan guaranteed over uses.

    covered x max(rho, expected loss - fees): fees lower the expected loss but never the provision.
    """
    f = case.settings.finance
    covered = instrument.cover * financing.uses_usd_m
    interest = financing.rate * f.guarantee_interest_months / 12.0
    exposure = covered * (1.0 + interest)
    admin = _admin(case, exposure, exposed_years(case, project, structure, financing, window, instrument))
    loss = flows.call - instrument.fee_rate * flows.fee
    floor = provision_rate(case, eligibility) * exposure
    expected = covered * (flows.expected_call - instrument.fee_rate * flows.expected_fee)
    return Commitment(
        charge_usd_m=np.maximum(floor, covered * loss) + admin,
        exposure_usd_m=exposure,
        cost_usd_m=max(0.0, expected + _at_start(case, window, admin)),
        payout95_usd_m=covered * flows.call95,
        tail_usd_m=covered * float(flows.call[1]),
    )


def _contract(
    case: Case,
    project: Project,
    structure: Structure,
    financing: Financing,
    window: int,
    path: PlantPath,
    instrument: Instrument,
    eligibility: Eligibility,
    flows: CashFlows,
) -> Commitment:
    """Cost of a contract on the whole output: cfd = max(rho E_max, payouts), offtake = the same and what it buys."""
    exposure = flows.potential
    charge = np.maximum(provision_rate(case, eligibility) * exposure, flows.floor)
    expected = flows.expected_net
    if instrument.kind == "offtake":
        extra = purchase_cost(
            case, project, financing, flows.plant, flows.term, flows.delivered, instrument, eligibility
        )
        exposure += extra.working_capital
        charge = np.maximum(charge + extra.charge, provision_rate(case, eligibility) * exposure)
        expected += extra.expected
    admin = _admin(case, exposure, exposed_years(case, project, structure, financing, window, instrument))
    return Commitment(
        charge_usd_m=charge + admin,
        exposure_usd_m=exposure,
        cost_usd_m=max(0.0, expected + _at_start(case, window, admin)),
        payout95_usd_m=flows.payout95,
        tail_usd_m=flows.tail,
    )


def present_payouts(case: Case, financing: Financing, path: PlantPath, instrument: Instrument) -> Array:
    """Return the payouts of a unit share in each scenario, (N,), USD M, present value in the first year of the horizon.

    Of contracts max(0, floor - upside) of every year, of guarantees what is called on the part covered; money kinds,
    which are paid out in full, have none. Scenarios in which a rival won the project count as they are: nothing is
    paid.
    """
    years = np.array(case.years, dtype=float)
    today = (1.0 + case.settings.finance.risk_free) ** -(years - years[0])
    if instrument.kind in ("cfd", "offtake"):
        return np.asarray(np.maximum(path.floor - path.upside, 0.0) @ today, dtype=float)
    if instrument.kind == "guarantee":
        return np.asarray(instrument.cover * financing.uses_usd_m * (path.guarantee_call @ today), dtype=float)
    return np.zeros(len(path.lost))


def expected_repayment(case: Case, financing: Financing, path: PlantPath, kind: str) -> Array:
    """Return the expected repayment a year per unit share of a loan or equity, (T,), USD M undiscounted."""
    received = {"loan": path.loan_service, "equity": path.dividends}.get(kind)
    if received is None:
        return np.zeros(len(case.years))
    return np.asarray(financing.uses_usd_m * received.mean(axis=0), dtype=float)


def _admin(case: Case, exposure: float, years: float) -> float:
    """Return administration of an exposure over its life, present value at the window, USD M."""
    f = case.settings.finance
    return f.admin_rate * exposure * annuity(f.risk_free, years)


def _at_start(case: Case, window: int, amount: float) -> float:
    """Discount an amount at the window to the first year of the horizon."""
    years = window - case.settings.horizon.first_year
    return float(amount * (1.0 + case.settings.finance.risk_free) ** -years)


def _quantile(flow: Array, some: npt.NDArray[np.int64]) -> float:
    """Return the largest over the years of the 95 % quantile over some scenarios of a flow of at least 0."""
    years = flow.any(axis=0)
    if not some.size or not years.any():
        return 0.0
    # As np.quantile, whose checks take longer than the work on arrays of this size.
    place = TAIL * (some.size - 1)
    low = int(place)
    high = min(low + 1, some.size - 1)
    ordered = np.partition(flow.T[years][:, some], (low, high), axis=1)
    between: Array = ordered[:, low] + (ordered[:, high] - ordered[:, low]) * (place - low)
    return float(between.max())


def _shortfall(values: Array, some: npt.NDArray[np.int64]) -> float:
    """Return the mean of the worst 5 % of some of the values, at least 0; the boundary scenario counts in part."""
    if not some.size or not values.any():
        return 0.0
    worst = np.sort(values[some])[::-1]
    mass = (1.0 - TAIL) * worst.size
    weight = np.clip(mass - np.arange(worst.size), 0.0, 1.0)
    return float(worst @ weight / weight.sum())
