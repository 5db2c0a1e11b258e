"""What taking delivery adds to a price contract: working capital, haircut on what home cannot place, handling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.tables import Eligibility, Instrument, Project, Structure
from portfolio.finance.economics import Economics, economics
from portfolio.finance.terms import Term, planned_term
from portfolio.finance.types import Financing, PlantPath

Array = npt.NDArray[np.float64]

DAYS_PER_YEAR = 365.0


@dataclass(frozen=True)
class PurchaseCost:
    """What taking delivery of the whole output adds: working capital, charge (4,), expected cost, USD M."""

    working_capital: float
    charge: Array
    expected: float


def working_capital(case: Case, plant: Economics, strike: Array) -> float:
    """Return K Q days / 365 with fees: the goods an offtaker finances at the strike, USD M."""
    value = float(plant.goods @ paid_price(case, strike)) + plant.fee_usd_m
    return value * case.settings.finance.working_capital_days / DAYS_PER_YEAR


def paid_price(case: Case, strike: Array) -> Array:
    """Return the price at which goods are taken: the strike, or the long-run price where nothing is protected.

    ``strike`` is (M,) or (M, T), USD/kg.
    """
    market = np.array([m.price_longrun for m in case.materials])
    return np.where(strike > 0.0, strike, market if strike.ndim == 1 else market[:, None])


def mean_cut(case: Case, plant: Economics, cut: Array) -> float:
    """Return the haircut over all goods, weighted by their value at long-run prices."""
    value = plant.goods * np.array([m.price_longrun for m in case.materials])
    weight = value if value.sum() > 0.0 else plant.volume
    return float(weight @ cut / weight.sum())


def haircut(case: Case, project: Project, instrument: Instrument, region: str) -> Array:
    """Return the haircut on offtaken tonnes of each material, (M,).

    Home industry takes what (6b) calls placeable, ``placeable_share`` of home demand for the product form, of the
    most that the instrument may take; that bears ``haircut_home``, the rest ``haircut_excess``.
    """
    f = case.settings.finance
    found = np.full(len(case.materials), f.haircut_excess)
    weight = np.zeros(len(case.materials))
    home = np.zeros(len(case.materials))
    for row in case.outputs[project.project]:
        m = case.material_names.index(row.material)
        demand = float(case.demand_path(region, row.stage, row.material)[1].mean())
        taken = max(instrument.max_share * row.capacity_tpy, 1e-12)
        home[m] += row.capacity_tpy * min(1.0, case.settings.policy.placeable_share * demand / taken)
        weight[m] += row.capacity_tpy
    sold = weight > 0.0
    part = home[sold] / weight[sold]
    found[sold] = f.haircut_home * part + f.haircut_excess * (1.0 - part)
    return found


@dataclass(frozen=True)
class Delivered:
    """Means over the scenarios of what an offtaker of the whole output gets by year, (T,) each.

    ``value`` at what the plant is paid, USD M; ``output`` as a share of nameplate; ``moves`` of working capital: the
    share of scenarios in which it is paid less that in which it is released.
    """

    value: Array
    output: Array
    moves: Array


def mean_delivered(path: PlantPath) -> Delivered:
    """Return the means over all scenarios of a path."""
    weight = np.full(len(path.contracted), 1.0 / len(path.contracted))
    return Delivered(weight @ path.value, weight @ path.contracted, weight @ _moves(path.contracted))


def purchase_cost(
    case: Case,
    project: Project,
    financing: Financing,
    plant: Economics,
    term: Term,
    delivered: Delivered,
    instrument: Instrument,
    eligibility: Eligibility,
) -> PurchaseCost:
    """Return what an offtake adds to a CfD: working capital and sum of d_t Q (h P_low + handling K).

    Working capital is in cash: in full under cash and provisioning, released at expiry under subsidy (risk-free)
    and fair value (risk-adjusted). The expected cost is that of :func:`purchase_flows`, which are linear in what
    is ``delivered``.
    """
    f = case.settings.finance
    region = next(m.region for m in case.members if m.member == eligibility.member)
    cut = haircut(case, project, instrument, region)
    losses = (cut * plant.goods) @ term.low + mean_cut(case, plant, cut) * plant.fee_usd_m
    handling = f.handling * _paid(case, plant, term)
    placing = float((term.discount * term.within) @ (losses + handling))
    capital = working_capital(case, plant, financing.strike)
    carry = np.array(
        [
            1.0,
            1.0,
            1.0 - (1.0 + f.risk_free) ** -term.expiry,
            1.0 - (1.0 + f.risk_free + f.asset_premium) ** -term.expiry,
        ]
    )
    years = delivered.output.size
    today = (1.0 + f.risk_free) ** -np.arange(float(years))
    expected = (
        mean_cut(case, plant, cut) * _dearer(case, plant) * delivered.value
        + f.handling * _paid(case, plant, term)[:years] * delivered.output
        + capital * delivered.moves
    )
    return PurchaseCost(
        working_capital=capital,
        charge=capital * carry + placing,
        expected=float(expected @ today),
    )


@dataclass(frozen=True)
class PurchaseFlows:
    """What taking the whole output costs a year beyond the payout, (N, T), USD M paid out (releases negative)."""

    haircut: Array
    handling: Array
    working_capital: Array

    def total(self) -> Array:
        """Return all of it."""
        return self.haircut + self.handling + self.working_capital


def purchase_flows(
    case: Case,
    project: Project,
    structure: Structure,
    financing: Financing,
    window: int,
    path: PlantPath,
    instrument: Instrument,
    region: str,
) -> PurchaseFlows:
    """Return haircut, handling and working capital on what is delivered, per unit share.

    Working capital is paid in the first year of delivery and released in the year after the last one, or in the
    last year of the horizon.
    """
    plant = economics(case, project)
    term = planned_term(case, project, structure, financing, window, path)
    cut = haircut(case, project, instrument, region)
    strike = _paid(case, plant, term)[: path.output.shape[1]]
    return PurchaseFlows(
        haircut=mean_cut(case, plant, cut) * _dearer(case, plant) * path.value,
        handling=case.settings.finance.handling * strike * path.contracted,
        working_capital=working_capital(case, plant, financing.strike) * _moves(path.contracted),
    )


def _paid(case: Case, plant: Economics, term: Term) -> Array:
    """Return what is paid for all goods of a year by year of the term, (T',), USD M."""
    paid: Array = plant.goods @ paid_price(case, term.strike) + plant.fee_usd_m
    return paid


def _dearer(case: Case, plant: Economics) -> float:
    """Return goods over what the plant is paid for them: the path knows the latter alone.

    Goods are dearer by the feed that a processor is not paid for.
    """
    market = np.array([m.price_longrun for m in case.materials])
    return float((plant.goods @ market + plant.fee_usd_m) / max(plant.payable @ market + plant.fee_usd_m, 1e-9))


def _moves(contracted: Array) -> Array:
    """Return 1 in the first year of delivery and -1 in the year after the last one, (N, T); zeros without delivery."""
    delivering = contracted.T > 0.0
    years = len(delivering)
    first = np.argmax(delivering, axis=0)
    last = np.minimum(years - np.argmax(delivering[::-1], axis=0), years - 1)
    t = np.arange(years)[:, None]
    moves: Array = (((t == first).astype(float) - (t == last)) * delivering.any(axis=0)).T
    return moves
