"""The tables of a case, one frozen record per row: the single description of every column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portfolio.case.schema import amount, column, confidence, provenance, share

ANY = ("*",)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A public fund with a home region, budgets and rules of its own."""

    member: str = column("text", "short name of the fund", key=True)
    name: str = column("text", "full name", default="")
    region: str = column("text", "home region, to which its rights deliver", refers="regions")
    liquidity_line_usd_m: float | None = amount(
        "most it can pay out in one slump year; empty: `finance.liquidity_share` of its budgets",
        unit="USD M/y",
        default=None,
    )
    min_ticket_usd_m: float = amount(
        "least charge to its budget in a project it takes part in", unit="USD M", default=0.0
    )
    payout_cvar_limit_usd_m: float | None = amount(
        "most that the CVaR of its payouts, present value, may be (`policy.payout_cvar_level`); empty: no limit",
        unit="USD M",
        default=None,
    )
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where demand is."""

    region: str = column("text", "short name", key=True)
    name: str = column("text", "full name", default="")
    market_access: float = share("share of output sold on the open market that it can buy")
    agreed_ratio: float = column(
        "number",
        "agreed share of forecast demand that may be short, relative to other regions (fair distribution)",
        unit="ratio",
        default=1.0,
        above=0.0,
    )
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Material:
    """A material in contained tonnes of oxide equivalent."""

    material: str = column("text", "short name", key=True)
    name: str = column("text", "full name", default="")
    price_now: float = column("number", "reference price in the base year", unit="USD/kg oxide", above=0.0)
    price_longrun: float = column("number", "forecast level to which the price tends", unit="USD/kg oxide", above=0.0)
    volatility: float = amount("yearly volatility of the log price, slump years apart", unit="1/y^0.5")
    halflife_y: float = column("number", "half-life of deviations from the forecast", unit="y", above=0.0)
    price_loading: float = column(
        "number",
        "loading of the log price on the factor common to all materials; correlation of two is the product",
        unit="",
        default=0.0,
        lower=-1.0,
        upper=1.0,
    )
    crisis_premium: float = column(
        "number",
        "price outside the exporting country over the reference, while an export hazard acts",
        unit="ratio",
        default=1.0,
        lower=1.0,
    )
    crisis_volume: float = share("share of volume sold at the crisis premium", default=0.0)
    ex_china_premium: float = amount(
        "standing premium on the reference price that buyers outside pay", unit="fraction", default=0.0
    )
    weight: float = column(
        "number", "value at stake per tonne short, relative to other materials", unit="weighted t/t", above=0.0
    )
    deep_factor: float = column(
        "number", "weight of a deep shortfall over a shallow one", unit="ratio", default=1.0, lower=1.0
    )
    shallow_share: float = share("share of demand whose loss is shallow: thrifting and private inventory", default=0.0)
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A step of the chain from ore to demand, in order."""

    stage: str = column("text", "short name", key=True)
    order: int = column("integer", "place in the chain, from 1", unit="", lower=1)
    name: str = column("text", "full name", default="")
    recovery: float = column(
        "number",
        "contained tonnes out per contained tonne in of the stage before",
        unit="t/t",
        default=1.0,
        above=0.0,
        upper=1.0,
    )
    solidarity: float = share("share of its supply that a region passes on to a partner (mutual support)", default=0.0)
    stock: bool = column("flag", "1 where the public stockpile is held: one stage at most", unit="", default=False)
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Stock:
    """A stockpile at the start of the horizon."""

    region: str = column("text", "whose stockpile", refers="regions", key=True)
    material: str = column("text", "of what", refers="materials", key=True)
    opening_t: float = amount("tonnes at the start of the first year", unit="t")
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Supplier:
    """An incumbent source of one region at one stage, or spare processing capacity."""

    supplier: str = column("text", "short name", key=True)
    country: str = column("text", "where it is", refers="countries")
    role: str = column(
        "text", "`import` of product, or `toll`: spare capacity that processes feed", choices=("import", "toll")
    )
    region: str = column("text", "the region it supplies", refers="regions", key=True)
    stage: str = column("text", "product form it supplies", refers="stages", key=True)
    material: str = column("text", "of what", refers="materials", key=True)
    capacity_tpy: float = amount("most it supplies to the region", unit="t/y")
    recycled: float = share("part of it made from scrap", default=0.0)
    share: float | None = share("share of the region's demand it supplies; empty: its capacity", default=None)
    first_year: int | None = column("integer", "first year of supply; empty: always", unit="year", default=None)
    last_year: int | None = column("integer", "last year of supply; empty: always", unit="year", default=None)
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Demand:
    """Demand of a region for a product form; years between two rows are interpolated linearly."""

    region: str = column("text", "whose demand", refers="regions", key=True)
    stage: str = column("text", "product form demanded", refers="stages", key=True)
    material: str = column("text", "of what", refers="materials", key=True)
    year: int = column("integer", "year", unit="year", key=True)
    low: float = amount("5 % quantile", unit="t/y")
    base: float = amount("forecast", unit="t/y")
    high: float = amount("95 % quantile", unit="t/y")
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """A kind of event that cuts exports, stops plants or moves prices."""

    hazard: str = column("text", "short name", key=True)
    country: str = column("text", "where it comes from", refers="countries")
    kind: str = column(
        "text",
        "`export` cuts goods to the regions named; `outage` stops plants of the country; `price` moves prices only",
        choices=("export", "outage", "price"),
    )
    regions: tuple[str, ...] = column("list", "regions hit (export only)", default=ANY, refers="regions")
    stages: tuple[str, ...] = column("list", "product forms hit", default=ANY, refers="stages")
    materials: tuple[str, ...] = column("list", "materials hit", default=ANY, refers="materials")
    rate: float = amount("mean number of events a year", unit="1/y")
    rate_events: float = amount(
        "events observed behind the rate: it is drawn from Gamma(events + 1/2) with that mean",
        unit="events",
        default=1.0,
    )
    severity_mean: float = share("mean share lost while it lasts", default=0.0)
    severity_sd: float = amount(
        "standard deviation of the share lost (beta distribution)", unit="fraction", default=0.0
    )
    duration_median_months: float = column("number", "median duration", unit="months", above=0.0)
    duration_sigma: float = amount("sigma of the log duration", unit="", default=0.0)
    price_factor: float = column(
        "number", "factor on the reference price while it lasts", unit="ratio", default=1.0, above=0.0
    )
    tension_loading: float = amount("log rate per unit of the common tension factor", unit="", default=0.0)
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Project:
    """A candidate for co-financing."""

    project: str = column("text", "short name", key=True)
    name: str = column("text", "full name", default="")
    country: str = column("text", "where it is", refers="countries")
    study_level: str = column(
        "text",
        "how far it is, which sets the sponsor's equity where not given",
        choices=("construction", "brownfield", "dfs", "pfs", "early"),
    )
    capex_usd_m: float = column("number", "capital still to spend", unit="USD M", above=0.0)
    overrun_mean: float = amount("mean overrun of capex", unit="fraction", default=0.0)
    overrun_sd: float = amount("standard deviation of the overrun", unit="fraction", default=0.0)
    opex_usd_m_y: float = amount("operating cost at nameplate, feed apart", unit="USD M/y")
    byproduct_usd_m_y: float = amount("revenue from by-products at nameplate", unit="USD M/y", default=0.0)
    construction_y: float = amount("construction time after close", unit="y")
    first_production: int = column("integer", "first year in which it could produce", unit="year")
    ramp_y: float = amount("time from start to nameplate", unit="y", default=0.0)
    life_y: float = column("number", "years of production", unit="y", default=100.0, above=0.0)
    delay_mean_y: float = amount("mean delay", unit="y", default=0.0)
    delay_sd_y: float = amount("standard deviation of the delay", unit="y", default=0.0)
    p_by_2040: float = share("probability, financing risk included, that it produces by 2040", default=1.0)
    rival_rate: float = amount("bids of rivals a year until close", unit="1/y", default=0.0)
    rival_allied: float = share("share of rival bids that come from allied countries", default=1.0)
    sponsor_equity: float | None = share("sponsor's equity as a share of uses; empty: by study level", default=None)
    third_equity_usd_m: float = amount("equity committed by public third parties", unit="USD M", default=0.0)
    third_loan_usd_m: float = amount("loans committed by public third parties", unit="USD M", default=0.0)
    third_grant_usd_m: float = amount("grants committed by public third parties", unit="USD M", default=0.0)
    utilisation: float = share("share of processing slots filled, for cash and for feed", default=1.0)
    strike_usd_kg: float | None = column(
        "number",
        "strike agreed for the material of largest value, others in proportion to price; empty: by formula",
        unit="USD/kg oxide",
        default=None,
        above=0.0,
    )
    strike_factor: float = column(
        "number",
        "its strikes over those agreed or by formula, in all structures",
        unit="ratio",
        default=1.0,
        above=0.0,
    )
    source: str = provenance()
    confidence: str = confidence()
    note: str = column("text", "overlaps resolved, parts already running, conversions", default="")


@dataclass(frozen=True, kw_only=True)
class ProjectOutput:
    """What a project yields at one stage of one material."""

    project: str = column("text", "which project", refers="projects", key=True)
    stage: str = column("text", "product form", refers="stages", key=True)
    material: str = column("text", "of what", refers="materials", key=True)
    mode: str = column(
        "text",
        "`captive`: brings its own feed and supplies the stage directly; `process`: needs feed of the stage before",
        choices=("captive", "process"),
        key=True,
    )
    capacity_tpy: float = column("number", "nameplate output", unit="t/y", above=0.0)
    payable: float = amount("revenue as a share of the oxide price, or of the spread it keeps", unit="fraction")
    fee_usd_kg: float = amount("revenue per kg on top: toll or conversion margin", unit="USD/kg oxide", default=0.0)
    recycled: float = share("part of it made from scrap", default=0.0)
    precommitted: float = share("share of output already promised", default=0.0)
    precommitted_region: str = column(
        "text", "region it is promised to; empty: elsewhere", default="", refers="regions"
    )
    precommitted_until: int | None = column(
        "integer", "last year of the promise; empty: always", unit="year", default=None
    )
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Structure:
    """How a project may be financed: the tranche of output under price protection and the private debt."""

    structure: str = column("text", "short name", key=True)
    tranche: float = share("share of output under price protection")
    debt: str = column(
        "text",
        "`patient`: no private debt; `commercial`: sized by lenders; `guaranteed`: enlarged by a public guarantee",
        choices=("patient", "commercial", "guaranteed"),
    )
    strike_factor: float = column("number", "strike over full cost", unit="ratio", default=1.05, above=0.0)
    upside_threshold: float = column(
        "number", "price over strike beyond which upside is shared", unit="ratio", default=1.0, lower=1.0
    )
    upside_share: float = share("share of the upside paid back: 1 two-way, 0 a floor", default=0.0)
    upside_cap_usd_m: float | None = amount(
        "most upside paid back in a year for the whole output; empty: none", unit="USD M/y", default=None
    )
    term_y: float = column("number", "length of contracts and rights", unit="y", default=12.0, above=0.0)
    term_from: str = column(
        "text",
        "term runs from start of operation, or from planned start by the calendar",
        default="operation",
        choices=("operation", "calendar"),
    )
    index: str = column(
        "text", "strike indexed to prices, or fixed in money of the day", default="cpi", choices=("none", "cpi")
    )
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One way of supporting a project."""

    instrument: str = column("text", "short name", key=True)
    kind: str = column("text", "what it is", choices=("loan", "equity", "grant", "guarantee", "cfd", "offtake"))
    materials: tuple[str, ...] = column(
        "list", "materials it may serve: a project must yield no other", default=ANY, refers="materials"
    )
    rights: float = share("output share by right per unit share", default=0.0, upper=2.0)
    min_share: float = share("least share of all members together, where used", default=0.0)
    max_share: float = share("most of all members together", default=1.0)
    fixed_cost_usd_m: float = amount("cost of setting it up, per project", unit="USD M", default=0.0)
    rate: float = amount("real interest of a loan", unit="1/y", default=0.03)
    tenor_y: float = column("number", "years of repayment after completion", unit="y", default=15.0, above=0.0)
    fee_rate: float = amount("guarantee fee a year on the amount covered", unit="1/y", default=0.0)
    cover: float = share("share of a loan that a guarantee covers", default=0.9)
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Eligibility:
    """What a member may do."""

    member: str = column("text", "which member", refers="members", key=True)
    instrument: str = column("text", "which instrument", refers="instruments", key=True)
    countries: tuple[str, ...] = column("list", "countries in which it may", default=ANY, refers="countries")
    convention: str = column(
        "text",
        "how its budget is charged",
        choices=("cash", "provisioning", "subsidy", "fair_value"),
    )
    max_share: float = share(
        "most of one project: of uses, of all equity (equity), of guaranteed debt (guarantee), of output",
        default=1.0,
    )
    provision_rate: float | None = share(
        "share of maximum exposure provisioned; empty: `finance.provision_rate`", default=None
    )
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Money a member may commit from a window on."""

    member: str = column("text", "whose", refers="members", key=True)
    window: int = column("integer", "window year", unit="year", refers="windows", key=True)
    budget_usd_m: float = amount("added in this window; what is left carries over", unit="USD M")
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Country:
    """A country that supplies, hosts projects or disrupts."""

    country: str = column("text", "ISO 3166 code of three letters", key=True)
    name: str = column("text", "name", default="")
    home: str = column(
        "text", "region it belongs to; empty: a third country to all of them", default="", refers="regions"
    )
    premium: float = amount("add-on to private interest rates", unit="1/y", default=0.0)
    market_access: float | None = share(
        "share of output sold on the open market that each region can buy; empty: the region's", default=None
    )
    tax_rate: float = share("tax on profits", default=0.25)
    source: str = provenance()
    confidence: str = confidence()


@dataclass(frozen=True, kw_only=True)
class Event:
    """One effect of a named event with fixed data, for stress tests."""

    event: str = column("text", "name of the event", key=True)
    effect: str = column("text", "name of the effect within it", key=True)
    country: str = column("text", "where it comes from", refers="countries")
    kind: str = column("text", "as for hazards", choices=("export", "outage", "price"))
    regions: tuple[str, ...] = column("list", "regions hit", default=ANY, refers="regions")
    stages: tuple[str, ...] = column("list", "product forms hit", default=ANY, refers="stages")
    materials: tuple[str, ...] = column("list", "materials hit", default=ANY, refers="materials")
    start_month: float = amount("months from the start of the event", unit="months", default=0.0)
    duration_months: float = column("number", "how long it lasts", unit="months", above=0.0)
    severity: float = share("share lost while it lasts", default=0.0)
    price_factor: float = column("number", "factor on the reference price", unit="ratio", default=1.0, above=0.0)
    source: str = provenance()
    confidence: str = confidence()


TABLES: dict[str, type[Any]] = {
    "members": Member,
    "regions": Region,
    "materials": Material,
    "stages": Stage,
    "stocks": Stock,
    "suppliers": Supplier,
    "demand": Demand,
    "hazards": Hazard,
    "projects": Project,
    "project_outputs": ProjectOutput,
    "structures": Structure,
    "instruments": Instrument,
    "eligibility": Eligibility,
    "budgets": Budget,
    "countries": Country,
    "events": Event,
}
"""Record class of every table, in the order in which a case is read."""

OPTIONAL_TABLES = frozenset({"stocks", "events", "hazards"})
"""Tables that a case may leave out; all others must be there and hold a row."""
