"""Values that no unit of the schema allows for: the slips people make when they fill in a case.

The limits are far outside anything real, so that a value beyond them is a slip of the unit and not an opinion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from portfolio.case.draft import Draft, Row
from portfolio.case.problems import Problem

PRICE = ("a price of USD/t rather than USD/kg?", "write USD per kg of oxide: divide USD/t by 1,000")
CHEAP = ("a price of USD/g or in thousands?", "write USD per kg of oxide")
MONEY = ("an amount in USD rather than USD million?", "write USD million: divide by 1,000,000")
TONNES = ("a quantity in kg rather than t?", "write metric tonnes of contained oxide: divide kg by 1,000")
MONTHS = ("months or days rather than years?", "write years: divide months by 12")
DAYS = ("days rather than months?", "write months: divide days by 30")
PERCENT = ("per cent rather than a fraction?", "write a fraction of 1, such as 0.35 for 35 %")
RATIO = ("per cent rather than a ratio?", "write a ratio, such as 1.15 for 115 %")
RATE = ("per cent rather than a mean number a year?", "write events a year, such as 0.2 for one in five years")

Advice = tuple[str, str]


@dataclass(frozen=True)
class Limit:
    """Values above ``most``, or above zero but below ``least``, are slips; each with why and remedy."""

    most: float
    above: Advice
    least: float = 0.0
    below: Advice = CHEAP


_PRICE = Limit(100_000, PRICE, 0.1, CHEAP)
_MONEY = Limit(50_000, MONEY)
_BUDGET = Limit(200_000, MONEY)
_TONNES = Limit(1_000_000, TONNES)
_YEARS = Limit(20, MONTHS)
_TERM = Limit(60, MONTHS)
_FACTOR = Limit(20, RATIO)
_INTEREST = Limit(1, PERCENT)

LIMITS: Mapping[str, Mapping[str, Limit]] = {
    "members": {"liquidity_line_usd_m": _BUDGET, "min_ticket_usd_m": _MONEY},
    "materials": {
        "price_now": _PRICE,
        "price_longrun": _PRICE,
        "volatility": Limit(5, PERCENT),
        "crisis_premium": Limit(50, RATIO),
        "ex_china_premium": Limit(10, PERCENT),
    },
    "suppliers": {"capacity_tpy": _TONNES},
    "stocks": {"opening_t": _TONNES},
    "demand": {"low": _TONNES, "base": _TONNES, "high": _TONNES},
    "hazards": {
        "rate": Limit(52, RATE),
        "duration_median_months": Limit(600, DAYS),
        "price_factor": _FACTOR,
    },
    "events": {
        "duration_months": Limit(600, DAYS),
        "start_month": Limit(600, DAYS),
        "price_factor": _FACTOR,
    },
    "projects": {
        "capex_usd_m": _MONEY,
        "opex_usd_m_y": _MONEY,
        "byproduct_usd_m_y": _MONEY,
        "third_equity_usd_m": _MONEY,
        "third_loan_usd_m": _MONEY,
        "third_grant_usd_m": _MONEY,
        "overrun_mean": Limit(5, PERCENT),
        "overrun_sd": Limit(5, PERCENT),
        "construction_y": _YEARS,
        "ramp_y": _YEARS,
        "delay_mean_y": _YEARS,
        "delay_sd_y": _YEARS,
        "rival_rate": Limit(12, RATE),
        "strike_usd_kg": _PRICE,
        "strike_factor": _FACTOR,
    },
    "project_outputs": {
        "capacity_tpy": _TONNES,
        "payable": Limit(2, PERCENT),
        "fee_usd_kg": Limit(100_000, PRICE),
    },
    "structures": {"strike_factor": _FACTOR, "upside_threshold": _FACTOR, "upside_cap_usd_m": _MONEY, "term_y": _TERM},
    "instruments": {
        "fixed_cost_usd_m": Limit(5_000, MONEY),
        "rate": _INTEREST,
        "tenor_y": _TERM,
        "fee_rate": _INTEREST,
    },
    "budgets": {"budget_usd_m": _BUDGET},
    "countries": {"premium": _INTEREST},
    "objective": {"discount_rate": _INTEREST},
    "finance": {
        "contingency": Limit(2, PERCENT),
        "fee": Limit(0.5, PERCENT),
        "sustaining": _INTEREST,
        "rate_merchant": _INTEREST,
        "rate_contracted": _INTEREST,
        "rate_guaranteed": _INTEREST,
        "tenor_merchant_y": _TERM,
        "tenor_contracted_y": _TERM,
        "tenor_guaranteed_y": _TERM,
        "cost_of_capital": _INTEREST,
        "strike_index_inflation": _INTEREST,
        "overrun_facility": Limit(2, PERCENT),
        "overrun_call": Limit(2, PERCENT),
        "restart_cost": Limit(2, PERCENT),
        "deck_merchant": Limit(5, PERCENT),
        "strike_ceiling": _FACTOR,
        "risk_free": _INTEREST,
        "asset_premium": _INTEREST,
        "price_premium": _INTEREST,
        "handling": Limit(1, PERCENT),
        "admin_usd_m": Limit(1_000, MONEY),
        "admin_rate": _INTEREST,
    },
}
"""Limits by table or section, then by column or key."""

_COST_OVER_REVENUE = 100.0


def check_units(draft: Draft) -> Iterator[Problem]:
    """Yield a problem for every value that cannot be in the unit its column asks for."""
    for home, limits in LIMITS.items():
        section = draft.settings.get(home)
        for row in [section] if section is not None else draft.rows(home):
            for name, limit in limits.items():
                yield from _check_limit(row, name, limit)
    yield from _check_opex(draft)


def _check_limit(row: Row, name: str, limit: Limit) -> Iterator[Problem]:
    value = row.get(name)
    if value is None:
        return
    if value > limit.most:
        why, remedy = limit.above
        yield row.problem(name, f"above {limit.most:,g} cannot be: {why}", remedy)
    elif 0 < value < limit.least:
        why, remedy = limit.below
        yield row.problem(name, f"below {limit.least:g} cannot be: {why}", remedy)


def _check_opex(draft: Draft) -> Iterator[Problem]:
    """Operating cost beyond any revenue: USD or USD thousand instead of USD million, or an output in kt."""
    prices = {
        row.get("material"): max(row.get("price_now"), row.get("price_longrun"))
        for row in draft.each("materials", "material", "price_now", "price_longrun")
    }
    revenue: dict[str, float] = {}
    for row in draft.each("project_outputs", "project", "material", "capacity_tpy", "payable", "fee_usd_kg"):
        if row.get("material") not in prices:
            continue
        unit = row.get("payable") * prices[row.get("material")] + row.get("fee_usd_kg")
        revenue[row.get("project")] = revenue.get(row.get("project"), 0.0) + row.get("capacity_tpy") * unit / 1000
    for row in draft.each("projects", "project", "opex_usd_m_y", "byproduct_usd_m_y"):
        earned = revenue.get(row.get("project"), 0.0) + row.get("byproduct_usd_m_y")
        if earned > 0 and row.get("opex_usd_m_y") > _COST_OVER_REVENUE * earned:
            why = f"over {_COST_OVER_REVENUE:g} times the revenue of {earned:,.4g} USD M a year cannot be"
            yield row.problem("opex_usd_m_y", why, "write USD million a year, and outputs in t/y")
