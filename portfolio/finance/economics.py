"""What a plant earns and spends at nameplate: the constants of a project that every later step reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.tables import Project
from portfolio.scenarios.drivers import Drivers

Array = npt.NDArray[np.float64]

KG_PER_T = 1000.0
USD_PER_USD_M = 1e6


OXIDE_PAYABLE = 0.97
"""Price of separated oxide over the reference (``docs/finance.md``): what the goods of a processor are worth."""


@dataclass(frozen=True)
class Economics:
    """A project at nameplate; M materials in case order.

    Processing slots count with the project's utilisation, since a processor earns on processed tonnes alone.

    Attributes
    ----------
    volume : array, (M,)
        Tonnes sold a year at full output, t/y.
    payable : array, (M,)
        Revenue per unit of price: sum of tonnes times payable share, USD M per USD/kg.
    goods : array, (M,)
        The same for the goods themselves: a buyer of processed oxide pays for the feed in it too.
    premium : array, (M,)
        1 + standing premium outside the exporting country: price sellers are paid over the reference price.
    fee_usd_m, byproduct_usd_m, opex_usd_m, sustaining_usd_m, depreciation_usd_m : float
        Fees and tolls, by-products, operating cost at nameplate, sustaining capital, straight-line tax
        depreciation, USD M/y. Fees and by-products are those of utilised slots.
    activity : float
        Utilised share of nameplate, weighted by capacity: what variable cost follows.
    fixed, royalty, tax : float
        Fixed part of operating cost, royalty on revenue, tax rate.
    country : int
        Index of the country in case order.
    weight : array, (K, M)
        Capacity of each product form as a share of all: weights of country outages.
    """

    volume: Array
    payable: Array
    goods: Array
    premium: Array
    fee_usd_m: float
    byproduct_usd_m: float
    opex_usd_m: float
    sustaining_usd_m: float
    depreciation_usd_m: float
    activity: float
    fixed: float
    royalty: float
    tax: float
    country: int
    weight: Array

    def cost(self) -> float:
        """Return operating cost at full output of utilised slots, USD M/y."""
        return self.opex_usd_m * (self.fixed + (1.0 - self.fixed) * self.activity)

    def other_revenue(self) -> float:
        """Return revenue that does not move with the price, USD M/y at full output."""
        return self.fee_usd_m + self.byproduct_usd_m

    def cfads(self, revenue: float) -> float:
        """Return cash flow available for debt service in a year of full output, USD M/y.

        revenue - opex - sustaining - royalty - tax, with tax = rate * (that before tax - depreciation)^+.
        Interest is not deducted from the tax base, which errs to less debt.
        """
        before = revenue * (1.0 - self.royalty) - self.cost() - self.sustaining_usd_m
        return before - self.tax * max(0.0, before - self.depreciation_usd_m)


def annuity(rate: float, years: float) -> float:
    """Return the present value of 1 a year over ``years`` years: (1 - (1 + rate)^-years) / rate."""
    if years <= 0.0:
        return 0.0
    if rate < 1e-12:
        return years
    return float(-np.expm1(-years * np.log1p(rate)) / rate)


def economics(case: Case, project: Project) -> Economics:
    """Return the constants of a project.

    Raises
    ------
    KeyError
        If the project or its country is not in the case.
    """
    outputs = case.outputs[project.project]
    material = {name: i for i, name in enumerate(case.material_names)}
    stage = {name: i for i, name in enumerate(case.stage_names)}
    volume = np.zeros(len(material))
    payable = np.zeros(len(material))
    goods = np.zeros(len(material))
    weight = np.zeros((len(stage), len(material)))
    fee = 0.0
    for row in outputs:
        tonnes = row.capacity_tpy * (project.utilisation if row.mode == "process" else 1.0)
        m = material[row.material]
        volume[m] += tonnes
        payable[m] += tonnes * row.payable * KG_PER_T / USD_PER_USD_M
        part = max(row.payable, OXIDE_PAYABLE) if row.mode == "process" else row.payable
        goods[m] += tonnes * part * KG_PER_T / USD_PER_USD_M
        fee += tonnes * row.fee_usd_kg * KG_PER_T / USD_PER_USD_M
        weight[stage[row.stage], m] += row.capacity_tpy
    nameplate = float(weight.sum())
    activity = float(volume.sum() / nameplate) if nameplate > 0.0 else 1.0
    finance = case.settings.finance
    return Economics(
        volume=volume,
        payable=payable,
        goods=goods,
        premium=np.array([1.0 + m.ex_china_premium for m in case.materials]),
        fee_usd_m=fee,
        byproduct_usd_m=project.byproduct_usd_m_y * activity,
        opex_usd_m=project.opex_usd_m_y,
        sustaining_usd_m=finance.sustaining * project.capex_usd_m,
        depreciation_usd_m=project.capex_usd_m * (1.0 + project.overrun_mean) / finance.depreciation_y,
        activity=activity,
        fixed=finance.fixed_opex,
        royalty=finance.royalty,
        tax=case.country[project.country].tax_rate,
        country=case.country_names.index(project.country),
        weight=weight / nameplate if nameplate > 0.0 else weight,
    )


def country_running(plant: Economics, drivers: Drivers) -> Array:
    """Return the share of output left by outages of the country, weighted by capacity, (N, T) laid out by year."""
    running: Array = np.einsum("nkmt,km->tn", drivers.running[:, plant.country], plant.weight).T
    return running
