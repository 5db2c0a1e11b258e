"""Uses and sources: how much private debt a structure carries, at which strike, and what is left to fill."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.settings import Finance
from portfolio.case.tables import Project, Structure
from portfolio.finance.economics import Economics, annuity, economics
from portfolio.finance.types import Financing

Array = npt.NDArray[np.float64]

ROUNDS = 500
TOLERANCE = 1e-12
NEGLIGIBLE_USD_M = 1e-6


@dataclass(frozen=True)
class Terms:
    """Terms of private debt: cover ratio, tenor after completion in years, real rate a year."""

    dscr: float
    tenor_y: float
    rate: float

    def debt(self, cfads: float) -> float:
        """Return the present value of ``cfads / dscr`` over the tenor, at least 0, USD M."""
        return max(0.0, cfads) / self.dscr * annuity(self.rate, self.tenor_y)


@dataclass(frozen=True)
class Deck:
    """Prices at which a structure is sized.

    ``mean`` is the expected price sellers are paid, averaged over the horizon; ``strike`` is the strike and
    ``kept`` its mean real value over the term as a share of it (1 where indexed); both prices (M,), USD/kg.
    """

    mean: Array
    strike: Array
    kept: float


@dataclass(frozen=True)
class Debt:
    """Private debt of one round: all of it, the part under guarantee, blended rate, tenor, limit on all debt."""

    total: float
    guaranteed: float
    rate: float
    tenor_y: float
    limit: float
    served: float


def settled(case: Case, price: Array) -> Array:
    """Return reference prices (..., M, T) at the standing premium outside the exporting country.

    Contracts settle on this index, so that a floor makes up what the plant is paid to exactly the strike, the
    crisis premium on a sliver of the volume apart.
    """
    premium = np.array([1.0 + m.ex_china_premium for m in case.materials])
    return np.asarray(price * premium[:, None], dtype=float)


def guarantee_cover(case: Case) -> float:
    """Return the share of a loan that guarantees cover: the least of the case's guarantees, 0 where none."""
    return min((i.cover for i in case.instruments if i.kind == "guarantee"), default=0.0)


def guarantee_fee(case: Case) -> float:
    """Return the yearly fee on the covered amount: the largest of the case's guarantees, 0 where none."""
    return max((i.fee_rate for i in case.instruments if i.kind == "guarantee"), default=0.0)


def sponsor_share(finance: Finance, project: Project) -> float:
    """Return the sponsor's equity as a share of uses: its own figure, or the one of the study level."""
    if project.sponsor_equity is not None:
        return project.sponsor_equity
    return {
        "construction": finance.sponsor_equity_construction,
        "brownfield": finance.sponsor_equity_construction,
        "dfs": finance.sponsor_equity_dfs,
        "pfs": finance.sponsor_equity_pfs,
        "early": finance.sponsor_equity_early,
    }[project.study_level]


def commercial_terms(case: Case, project: Project, structure: Structure) -> Terms:
    """Return the lenders' terms without guarantee.

    DSCR, tenor and rate are interpolated linearly in min(c / contracted tranche, 1) from merchant to contracted;
    the country premium is added to the rate. The tenor ends a year before the contract (where c > 0) and within
    the lenders' share of the plant's life.
    """
    f = case.settings.finance
    x = min(structure.tranche / f.contracted_tranche, 1.0)
    tenor = f.tenor_merchant_y + x * (f.tenor_contracted_y - f.tenor_merchant_y)
    rate = f.rate_merchant + x * (f.rate_contracted - f.rate_merchant)
    return Terms(
        dscr=f.dscr_merchant + x * (f.dscr_contracted - f.dscr_merchant),
        tenor_y=_tenor(case, project, structure, tenor),
        rate=rate + case.country[project.country].premium,
    )


def guaranteed_terms(case: Case, project: Project, structure: Structure) -> Terms:
    """Return the terms of public or guaranteed debt; no country premium."""
    f = case.settings.finance
    tenor = _tenor(case, project, structure, f.tenor_guaranteed_y)
    return Terms(dscr=f.dscr_guaranteed, tenor_y=tenor, rate=f.rate_guaranteed)


def _tenor(case: Case, project: Project, structure: Structure, tenor: float) -> float:
    """Cut a tenor to the contract less a year and to the lenders' share of the plant's life."""
    tenor = min(tenor, case.settings.finance.reserve_life_share * project.life_y)
    return max(0.0, min(tenor, structure.term_y - 1.0)) if structure.tranche > 0.0 else tenor


def size(case: Case, project: Project, structure: Structure, expected_price: Array) -> Financing:
    """Size one structure of a project: the fixed point of uses, strike and private debt.

    uses = capex (1 + mean overrun)(1 + contingency) + interest during construction + fees on debt + reserve account
    + operating cost of the ramp-up. private debt = PV of CFADS / DSCR over the tenor, whole plant at once. limit =
    min(max gearing * uses, PV of CFADS at expected prices / debt capacity cover), never below committed third-party
    loans. The ramp-up is left out of CFADS: it is paid from its own part of uses, and tenors run from completion.

    Parameters
    ----------
    case : Case
        The case.
    project, structure : Project, Structure
        What is financed, and how.
    expected_price : array, (M, T)
        Forecast of reference prices, USD/kg real.

    Returns
    -------
    Financing
        Uses and sources, USD M; ``obstacle`` is set where the structure is not to be had.
    """
    plant = economics(case, project)
    mean = settled(case, expected_price).mean(axis=1)
    grants = project.third_grant_usd_m
    none = Debt(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    debt, uses = none, project.capex_usd_m
    deck = Deck(mean, np.zeros_like(mean), _kept(case, project, structure))
    for _ in range(ROUNDS):
        deck = replace(deck, strike=strike(case, project, structure, plant, uses - grants, mean))
        debt = _debt(case, project, structure, plant, deck, uses)
        target = _uses(case, project, debt)
        if abs(target - uses) <= TOLERANCE * uses:
            break
        uses = target
    third = project.third_equity_usd_m + project.third_loan_usd_m + grants
    sponsor = max(0.0, min(sponsor_share(case.settings.finance, project) * uses, uses - third))
    gap = max(0.0, uses - sponsor - third - debt.total)
    gap = 0.0 if gap < NEGLIGIBLE_USD_M else gap
    found = Financing(
        project=project.project,
        structure=structure.structure,
        uses_usd_m=uses,
        sponsor_usd_m=sponsor,
        third_equity_usd_m=project.third_equity_usd_m,
        third_loan_usd_m=project.third_loan_usd_m,
        third_grant_usd_m=grants,
        private_debt_usd_m=debt.total,
        guaranteed_debt_usd_m=debt.guaranteed,
        debt_limit_usd_m=debt.limit,
        gap_usd_m=gap,
        rate=debt.rate,
        tenor_y=debt.tenor_y,
        strike=deck.strike,
        obstacle="",
    )
    return replace(found, obstacle=_obstacle(case, structure, plant, mean, found, debt))


def strike(
    case: Case, project: Project, structure: Structure, plant: Economics, cost_usd_m: float, mean: Array
) -> Array:
    """Return the strike of each material, USD/kg real of the base year, shape (M,); zeros without tranche.

    K_m = P_m s, s = kappa (full cost - fees - by-products) / sum(q payable P), full cost = opex + sustaining + annuity
    of ``cost_usd_m`` (uses less grants). An agreed strike sets s by the material of largest value. Either is multiplied
    by the project's ``strike_factor``.
    """
    value = plant.payable * mean
    if structure.tranche <= 0.0 or value.sum() <= 0.0:
        return np.zeros_like(mean)
    if project.strike_usd_kg is not None:
        scale = project.strike_usd_kg / mean[int(np.argmax(value))]
    else:
        f = case.settings.finance
        full = plant.cost() + plant.sustaining_usd_m + cost_usd_m / annuity(f.cost_of_capital, f.cost_years)
        scale = structure.strike_factor * max(0.0, full - plant.other_revenue()) / float(value.sum())
    return np.where(plant.payable > 0.0, mean * scale * project.strike_factor, 0.0)


def private_reserve(case: Case, financing: Financing) -> float:
    """Return the reserve account: ``reserve_months`` of service of the private debt, USD M."""
    return _reserve(case, financing.private_debt_usd_m, financing.rate, financing.tenor_y)


def _reserve(case: Case, debt: float, rate: float, tenor_y: float) -> float:
    if debt <= 0.0:
        return 0.0
    return case.settings.finance.reserve_months / 12.0 * debt / annuity(rate, tenor_y)


def _uses(case: Case, project: Project, debt: Debt) -> float:
    """Return uses of funds for a private debt that is drawn linearly over construction, USD M."""
    f = case.settings.finance
    capex = project.capex_usd_m * (1.0 + project.overrun_mean) * (1.0 + f.contingency)
    interest = 0.5 * debt.rate * project.construction_y * debt.total
    ramp = f.ramp_opex_months / 12.0 * project.opex_usd_m_y
    return capex + interest + f.fee * debt.total + _reserve(case, debt.total, debt.rate, debt.tenor_y) + ramp


def _kept(case: Case, project: Project, structure: Structure) -> float:
    """Return the mean real value of a fixed strike over the planned term, as a share of the strike."""
    if structure.index == "cpi" or structure.tranche <= 0.0:
        return 1.0
    start = max(project.construction_y, project.first_production - case.windows[0])
    years = np.arange(max(1, round(structure.term_y))) + max(0.0, start)
    return float(np.mean((1.0 + case.settings.finance.strike_index_inflation) ** -years))


def _debt(case: Case, project: Project, structure: Structure, plant: Economics, deck: Deck, uses: float) -> Debt:
    """Return the private debt at given uses and strike."""
    f = case.settings.finance
    public = guaranteed_terms(case, project, structure)
    expected = plant.cfads(_revenue(structure, plant, deck, 1.0))
    served = _served(case, project, structure, plant, deck, expected)
    limit = max(min(f.max_gearing * uses, served), min(project.third_loan_usd_m, served))
    third = project.third_equity_usd_m + project.third_loan_usd_m + project.third_grant_usd_m
    sponsor = sponsor_share(f, project) * uses
    room = max(0.0, min(uses - sponsor - third, limit - project.third_loan_usd_m))
    if structure.debt == "patient":
        return Debt(0.0, 0.0, 0.0, 0.0, limit, served)
    lender = commercial_terms(case, project, structure)
    own = lender.debt(plant.cfads(_revenue(structure, plant, deck, f.deck_merchant)))
    if structure.debt == "commercial":
        total = min(own, room)
        return Debt(total, 0.0, lender.rate, lender.tenor_y, limit, served)
    cover = guarantee_cover(case)
    # The borrower pays the guarantee fee on what is covered, as part of the rate.
    public = replace(public, rate=public.rate + guarantee_fee(case) * cover)
    total = min(public.debt(expected), room, own / (1.0 - cover) if cover < 1.0 else np.inf)
    covered = min(total, max(0.0, total - own) / cover) if cover > 0.0 else 0.0
    total = total if covered > 0.0 else min(own, room)
    if covered <= 0.0 or total <= 0.0:
        return Debt(total, 0.0, lender.rate, lender.tenor_y, limit, served)
    rate = (covered * public.rate + (total - covered) * lender.rate) / total
    return Debt(total, covered, rate, public.tenor_y, limit, served)


def _served(case: Case, project: Project, structure: Structure, plant: Economics, deck: Deck, expected: float) -> float:
    """Return the debt that expected cash flow serves at public terms, USD M.

    The better of the contract's cash over a tenor within the contract and the market's over the whole tenor, so that
    protection never lowers what can be served.
    """
    f = case.settings.finance
    market = replace(structure, tranche=0.0)
    free = guaranteed_terms(case, project, market)
    bound = guaranteed_terms(case, project, structure)
    within = annuity(bound.rate, bound.tenor_y) * expected
    beyond = annuity(free.rate, free.tenor_y) * plant.cfads(_revenue(market, plant, deck, 1.0))
    return max(0.0, within, beyond) / f.debt_capacity_cover


def _revenue(structure: Structure, plant: Economics, deck: Deck, factor: float) -> float:
    """Return revenue of a year at full output at a price deck of ``factor`` times the mean, USD M.

    The tranche earns the better of strike and deck, less the upside shared; the rest earns the deck.
    """
    c = structure.tranche
    lenders = factor * deck.mean
    floor = deck.strike * deck.kept
    over = np.where(floor > 0.0, np.maximum(lenders - floor * structure.upside_threshold, 0.0), 0.0)
    contracted = np.maximum(floor, lenders) - structure.upside_share * over
    price = c * contracted + (1.0 - c) * lenders
    return float(plant.payable @ price) + plant.other_revenue()


def _obstacle(case: Case, structure: Structure, plant: Economics, mean: Array, found: Financing, debt: Debt) -> str:
    """Say why a structure is not to be had, or nothing."""
    f = case.settings.finance
    third = found.third_equity_usd_m + found.third_loan_usd_m + found.third_grant_usd_m
    value = float(plant.payable @ mean)
    basket = float(plant.payable @ found.strike) / value if value > 0.0 else 0.0
    if third > found.uses_usd_m + NEGLIGIBLE_USD_M:
        return (
            f"committed third-party money of {third:.0f} USD M exceeds uses of {found.uses_usd_m:.0f}: "
            "enter only the committed part"
        )
    if found.third_loan_usd_m > debt.served + NEGLIGIBLE_USD_M:
        return (
            f"committed third-party loans of {found.third_loan_usd_m:.0f} USD M exceed the "
            f"{debt.served:.0f} that expected cash flow can serve"
        )
    if structure.tranche > 0.0 and basket > f.strike_ceiling:
        return f"the strike is {basket:.2f} times the expected price, above the ceiling of {f.strike_ceiling:.2f}"
    if structure.debt != "patient" and found.private_debt_usd_m <= NEGLIGIBLE_USD_M:
        return "no private lender: no debt can be served or there is nothing left to lend for"
    if structure.debt == "guaranteed" and found.guaranteed_debt_usd_m <= NEGLIGIBLE_USD_M:
        return "a guarantee adds nothing to what lenders offer without it"
    if found.gap_usd_m <= 0.0 and structure.tranche <= 0.0 and found.guaranteed_debt_usd_m <= 0.0:
        return "private and committed sources cover the uses: there is nothing to support"
    return ""
