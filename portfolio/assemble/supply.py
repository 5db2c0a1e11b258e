"""Arrays of demand and supply: incumbents by block, capacities of projects, stockpile, weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.scenarios import BLOCKS, CALM, DISRUPTED
from portfolio.assemble.memory import zeros
from portfolio.case.records import Case
from portfolio.case.tables import Supplier
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]

UNCUT = 1.0 - 1e-12
"""Availability from which a country counts as not cutting a region."""


@dataclass(frozen=True)
class Incumbents:
    """What incumbents offer in each scenario, t/y, and how it splits by supplier.

    ``imports`` and ``toll`` are (N, B, R, K, M, T), ``reexport`` (N, B, R, R, K, M, T) as in
    :class:`models.Scenarios`; ``by_supplier`` the mean over the scenarios of each supplier's offer, weighted by
    the blocks' lengths, (suppliers, T).
    """

    imports: Array
    toll: Array
    reexport: Array
    by_supplier: Array


def forecast(case: Case) -> Array:
    """Demand forecast, shape (R, K, M, T), t/y."""
    return np.array(
        [
            [[case.demand_path(r, k, m)[1] for m in case.material_names] for k in case.stage_names]
            for r in case.region_names
        ]
    )


def active(case: Case, supplier: Supplier) -> Array:
    """1 in the years in which a supplier delivers, shape (T,)."""
    years = np.array(case.years)
    first = supplier.first_year if supplier.first_year is not None else years[0]
    last = supplier.last_year if supplier.last_year is not None else years[-1]
    return ((years >= first) & (years <= last)).astype(float)


def place(case: Case, supplier: Supplier) -> tuple[int, int, int]:
    """(region, stage, material) of a supplier as indices."""
    return (
        case.region_names.index(supplier.region),
        case.stage_names.index(supplier.stage),
        case.material_names.index(supplier.material),
    )


def offer(case: Case, supplier: Supplier, demand: Array) -> Array:
    """Undisturbed offer min(capacity, share * demand), t/y, in the shape of ``demand`` (..., T).

    Growing demand alone is no disruption unless capacity is short.
    """
    rate = np.full_like(demand, supplier.capacity_tpy)
    if supplier.share is not None:
        rate = np.minimum(rate, supplier.share * demand)
    return rate * active(case, supplier)


def incumbents(case: Case, drivers: Drivers) -> Incumbents:
    """Offers of all suppliers in all scenarios, cut by outages (both blocks) and by hazards (disrupted block)."""
    n, regions = drivers.size, len(case.region_names)
    shape = (len(case.stage_names), len(case.material_names), len(case.years), n)
    # Scenarios last in memory: cells without a supplier are never written to, and so take none.
    imports, toll = (np.moveaxis(zeros((len(BLOCKS), regions, *shape)), -1, 0) for _ in range(2))
    reexport = np.moveaxis(zeros((len(BLOCKS), regions, regions, *shape)), -1, 0)
    by_supplier = np.zeros((len(case.suppliers), len(case.years)))
    for number, supplier in enumerate(case.suppliers):
        r, k, m = place(case, supplier)
        c = case.country_names.index(supplier.country)
        calm = offer(case, supplier, drivers.demand[:, r, k, m]) * drivers.running[:, c, k, m]
        left = drivers.available[:, c, :, k, m]  # (N, R, T)
        disrupted = calm * left[:, r]
        target = imports if supplier.role == "import" else toll
        target[:, CALM, r, k, m] += calm
        target[:, DISRUPTED, r, k, m] += disrupted
        if supplier.role == "import":
            for to in range(regions):
                reexport[:, CALM, r, to, k, m] += calm
                reexport[:, DISRUPTED, r, to, k, m] += disrupted * (left[:, to] >= UNCUT)
        phi = drivers.disrupted[:, m]
        weight = drivers.probability / drivers.probability.sum()
        by_supplier[number] = weight @ (phi * disrupted + (1.0 - phi) * calm)
    return Incumbents(imports, toll, reexport, by_supplier)


@dataclass(frozen=True)
class Plants:
    """Capacities of the projects as in :class:`models.Instance`: (P, K, M), promises (P, K, M, T), access (P, R)."""

    captive: Array
    process: Array
    precommitted: Array
    precommitted_to: npt.NDArray[np.int64]
    access: Array
    utilisation: Array


def plants(case: Case) -> Plants:
    """Gather the capacities and promises of all projects."""
    shape = (len(case.projects), len(case.stages), len(case.materials))
    capacity = {"captive": np.zeros(shape), "process": np.zeros(shape)}
    promised = np.zeros((*shape, len(case.years)))
    to = np.full(shape, -1, dtype=np.int64)
    years = np.array(case.years)
    for row in case.project_outputs:
        at = (
            case.project_names.index(row.project),
            case.stage_names.index(row.stage),
            case.material_names.index(row.material),
        )
        capacity[row.mode][at] += row.capacity_tpy
        if row.precommitted > 0:
            until = row.precommitted_until if row.precommitted_until is not None else years[-1]
            promised[at] = np.maximum(promised[at], np.where(years <= until, row.precommitted, 0.0))
            to[at] = case.region_names.index(row.precommitted_region) if row.precommitted_region else -1
    access = np.array([[_access(case, p.country, r.market_access) for r in case.regions] for p in case.projects])
    utilisation = np.array([p.utilisation for p in case.projects])
    return Plants(capacity["captive"], capacity["process"], promised, to, access, utilisation)


def _access(case: Case, country: str, usual: float) -> float:
    own = case.country[country].market_access
    return usual if own is None else own


def slots(case: Case) -> Array:
    """Spare processing of incumbents in the first year they are active, shape (R, K, M), t/y."""
    found = np.zeros((len(case.regions), len(case.stages), len(case.materials)))
    for supplier in case.suppliers:
        if supplier.role == "toll":
            found[place(case, supplier)] += supplier.capacity_tpy
    return found


def incumbent_feed(case: Case, demand: Array) -> Array:
    """Feed that incumbents offer to the processors of the next stage, shape (K, M), t/y.

    What they import in that form (min(capacity, share * forecast), as in the recourse; mean over the years), plus what
    spare processing makes of imported feed of the stage before, less what the regions demand in that form themselves.
    """
    imported = np.zeros((len(case.stages), len(case.materials)))
    toll = np.zeros_like(imported)
    for supplier in case.suppliers:
        r, k, m = place(case, supplier)
        mean = float(offer(case, supplier, demand[r, k, m]).mean())
        (imported if supplier.role == "import" else toll)[k, m] += mean
    wanted = demand.mean(axis=-1).sum(axis=0)
    left: Array = np.maximum(0.0, imported - wanted)
    for k in range(1, len(case.stages)):
        made = np.minimum(toll[k], case.stages[k].recovery * left[k - 1])
        left[k] = np.maximum(0.0, imported[k] + made - wanted[k])
    return left


def purchase_limit(case: Case, demand: Array, stage: int) -> Array:
    """Most bought for the stockpile in each window, shape (R, M, V), t: a share of calm imports."""
    found = np.zeros((len(case.regions), len(case.materials), len(case.windows)))
    at = [case.years.index(v) for v in case.windows]
    for supplier in case.suppliers:
        r, k, m = place(case, supplier)
        if k == stage and supplier.role == "import":
            found[r, m] += case.settings.policy.purchase_share * offer(case, supplier, demand[r, k, m])[at]
    return found


def stock_cost(case: Case, price: Array) -> Array:
    """Cost of a tonne bought for the stockpile, holding to the end of the horizon included, (M, V), USD M/t.

    price (1 + premium) (1 + stock_cost sum_t (1 + risk-free)^-(t - v)); USD/kg / 1000 = USD M/t.
    """
    policy, rate = case.settings.policy, case.settings.finance.risk_free
    found = np.zeros((len(case.materials), len(case.windows)))
    for m, material in enumerate(case.materials):
        for n, v in enumerate(case.windows):
            held = np.arange(case.years[-1] - v + 1)
            holding = policy.stock_cost * float(((1.0 + rate) ** -held).sum())
            paid = price[m, case.years.index(v)] * (1.0 + material.ex_china_premium)
            found[m, n] = paid / 1000.0 * (1.0 + holding)
    return found


def opening(case: Case) -> Array:
    """Opening stock, shape (R, M), t."""
    found = np.zeros((len(case.regions), len(case.materials)))
    for row in case.stocks:
        found[case.region_names.index(row.region), case.material_names.index(row.material)] += row.opening_t
    return found


def weights(case: Case) -> Array:
    """Weight of a tonne of shallow and deep shortfall, discounted, shape (2, M, T)."""
    rate = case.settings.objective.discount_rate
    discount = (1.0 + rate) ** -np.arange(len(case.years))
    shallow = np.array([m.weight for m in case.materials])[:, None] * discount
    return np.array([shallow, shallow * np.array([m.deep_factor for m in case.materials])[:, None]])


def solidarity(case: Case, demand: Array) -> Array:
    """Share of its supply a region passes on, by stage, shape (K,)."""
    alliance = case.settings.alliance
    own: Array = np.array([s.solidarity if alliance.mutual_support else 0.0 for s in case.stages])
    if alliance.joint_procurement and len(case.regions) > 1:
        own[demand.sum(axis=(0, 2, 3)) <= 0] = 1.0
    return own


def fairness_weight(case: Case, demand: Array) -> Array:
    """Cost of a unit of the worst shortfall ratio, shape (K, M, T), weighted tonnes; zeros where it is off.

    The weight of the case times what all regions being that short would weigh.
    """
    if not case.settings.alliance.fair_distribution:
        return np.zeros(demand.shape[1:])
    ratio = np.array([r.agreed_ratio for r in case.regions])
    together = np.einsum("r,rkmt->kmt", ratio, demand)
    weighed: Array = case.settings.objective.fairness_weight * weights(case)[0][None] * together
    return weighed
