"""The sections of ``case.toml``: one frozen record each, the single description of every key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from portfolio.case.schema import amount, setting, share


@dataclass(frozen=True, kw_only=True)
class Title:
    """Section ``[case]``: what the case is."""

    name: str = setting("text", "short name of the case")
    title: str = setting("text", "one line for reports", default="")
    currency_year: int = setting("integer", "year of the money: all USD are of this year, real", unit="year")


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """Section ``[horizon]``: years and decision windows."""

    first_year: int = setting("integer", "first year modelled", unit="year")
    last_year: int = setting("integer", "last year modelled", unit="year")
    windows: tuple[int, ...] = setting(
        "numbers", "years in which the fund may commit; only the first is advice", unit="years"
    )


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Section ``[objective]``: what is minimised."""

    discount_rate: float = setting(
        "number", "real rate at which later shortfall counts less", unit="1/y", default=0.03, lower=0.0
    )
    cost_weight: float = amount(
        "weighted tonnes that a USD M of expected public cost counts as", unit="weighted t/USD M", default=0.01
    )
    transfer_cost: float = amount("tiny cost of a transfer, against loops", unit="weighted t/t", default=1e-4)
    fairness_weight: float = amount(
        "how much the worst shortfall ratio counts, relative to all regions being that short", unit="ratio", default=0.1
    )


@dataclass(frozen=True, kw_only=True)
class Risk:
    """Section ``[risk]``: aversion to the tail."""

    cvar_weight: float = share("lambda: weight of the CVaR against the mean", default=0.0)
    cvar_level: float = setting(
        "number",
        "beta: the CVaR is the mean of the worst 1 - beta",
        unit="fraction",
        default=0.95,
        lower=0.0,
        upper=0.9999,
    )


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Section ``[sampling]``: scenarios."""

    scenarios: int = setting("integer", "scenarios optimised over", unit="scenarios", default=100, lower=1)
    seed: int = setting("integer", "seed of the scenarios", unit="", default=1, lower=0)
    method: str = setting(
        "text", "how they are drawn", default="monte_carlo", choices=("monte_carlo", "sobol", "latin_hypercube")
    )
    uncertain_rates: bool = setting("flag", "draw hazard rates from their posterior", unit="", default=True)
    cost_scenarios: int = setting(
        "integer", "scenarios on which charges are estimated", unit="scenarios", default=400, lower=1
    )
    cost_seed: int = setting("integer", "seed of that sample", unit="", default=20_000, lower=0)
    tension_persistence: float = share("yearly persistence of the common tension factor", default=0.6)
    demand_correlation: float = share("correlation of demand paths across regions and materials", default=0.5)
    delay_overrun_correlation: float = share("correlation of a project's delay and overrun", default=0.5)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Section ``[policy]``: rules of the fund."""

    must: tuple[str, ...] = setting("list", "projects that must be supported", default=(), refers="projects")
    never: tuple[str, ...] = setting("list", "projects that must not be supported", default=(), refers="projects")
    private_minimum: float = share("least share of uses from private sources", default=0.15)
    max_project_share: float = share("most of all budgets charged for one project", default=1.0)
    max_country_share: float = share("most of all budgets charged in one country", default=1.0)
    placeable_share: float = share("most of home demand for a product form taken by offtake", default=0.8)
    release: str = setting(
        "text",
        "when the stockpile may be released: for a region and material cut by an export hazard, or at any time",
        default="embargo",
        choices=("embargo", "any"),
    )
    purchase_share: float = share("most bought for the stockpile in a window, as a share of calm imports", default=0.1)
    stock_loss: float = share("share of the stockpile lost a year", default=0.0)
    stock_cost: float = amount("cost of holding a year, as a share of value", unit="1/y", default=0.02)
    relend: bool = setting("flag", "repayments may be committed again", unit="", default=False)
    payout_cvar_level: float = setting(
        "number",
        "level of the CVaR that `members.payout_cvar_limit_usd_m` limits",
        unit="fraction",
        default=0.95,
        lower=0.0,
        upper=0.9999,
    )


BENCHMARKS = ("extraction", "processing", "recycling")
"""Benchmarks on domestic capacity, which may be required or penalised."""


@dataclass(frozen=True, kw_only=True)
class Benchmarks:
    """Section ``[benchmarks]``: targets of one region, those of the European Critical Raw Materials Act by default."""

    region: str = setting("text", "region they are reported for; empty: none", default="", refers="regions")
    year: int = setting("integer", "year of the targets", unit="year", default=2030)
    extraction: float = share("least domestic extraction over consumption", default=0.10)
    processing: float = share("least domestic processing over consumption", default=0.40)
    recycling: float = share("least domestic recycling over consumption", default=0.25)
    third_country: float = share("most of consumption at a stage from one third country", default=0.65)
    extraction_stage: str = setting(
        "text", "product form of extraction; empty: the first stage", default="", refers="stages"
    )
    processing_stage: str = setting(
        "text", "product form of processing; empty: the second stage", default="", refers="stages"
    )
    embedded: bool = setting(
        "flag", "what is demanded in forms after processing counts as consumption too", unit="", default=False
    )
    require: tuple[str, ...] = setting(
        "list", "benchmarks that mean domestic capacity has to meet, for every material", default=(), choices=BENCHMARKS
    )
    penalise: tuple[str, ...] = setting(
        "list", "benchmarks of which what is missing costs `penalty` in the objective", default=(), choices=BENCHMARKS
    )
    penalty: float = amount(
        "what a t/y missing costs, times the weight of the material; only with penalise",
        unit="weighted t per t/y",
        default=1.0,
    )


@dataclass(frozen=True, kw_only=True)
class Alliance:
    """Section ``[alliance]``: what the members do together."""

    mutual_support: bool = setting("flag", "regions pass supply on to one another", unit="", default=True)
    joint_procurement: bool = setting("flag", "supply at stages without demand is shared fully", unit="", default=True)
    fair_distribution: bool = setting(
        "flag", "the worst shortfall ratio counts in the objective", unit="", default=False
    )


@dataclass(frozen=True, kw_only=True)
class Finance:
    """Section ``[finance]``: project-finance parameters; formulas in ``docs/finance.md``."""

    contingency: float = amount("added to capex in uses", unit="fraction", default=0.12)
    fee: float = amount("arrangement fees on debt", unit="fraction", default=0.025)
    reserve_months: float = amount("debt service held in the reserve account", unit="months", default=6.0)
    ramp_opex_months: float = amount("operating cost funded for the ramp-up", unit="months", default=6.0)
    sustaining: float = amount("sustaining capital a year on capex", unit="1/y", default=0.02)
    royalty: float = share("royalty on revenue", default=0.03)
    fixed_opex: float = share("part of operating cost that does not vary with output", default=0.4)
    depreciation_y: float = setting("number", "straight-line tax depreciation", unit="y", default=15.0, above=0.0)
    sponsor_equity_construction: float = share(
        "sponsor's equity in uses: under construction or brownfield", default=0.35
    )
    sponsor_equity_dfs: float = share("the same, with a definitive feasibility study", default=0.25)
    sponsor_equity_pfs: float = share("the same, with a pre-feasibility study", default=0.20)
    sponsor_equity_early: float = share("the same, earlier", default=0.15)
    contracted_tranche: float = setting(
        "number", "tranche at which debt is sized as contracted", unit="fraction", default=0.6, above=0.0, upper=1.0
    )
    dscr_merchant: float = setting("number", "debt service cover, merchant", unit="ratio", default=1.8, lower=1.0)
    dscr_contracted: float = setting("number", "the same, contracted", unit="ratio", default=1.35, lower=1.0)
    dscr_guaranteed: float = setting("number", "the same, public or guaranteed", unit="ratio", default=1.15, lower=1.0)
    tenor_merchant_y: float = setting("number", "tenor after completion, merchant", unit="y", default=8.0, above=0.0)
    tenor_contracted_y: float = setting("number", "the same, contracted", unit="y", default=12.0, above=0.0)
    tenor_guaranteed_y: float = setting("number", "the same, public or guaranteed", unit="y", default=15.0, above=0.0)
    rate_merchant: float = amount("real interest, merchant", unit="1/y", default=0.085)
    rate_contracted: float = amount("the same, contracted", unit="1/y", default=0.065)
    rate_guaranteed: float = amount("the same, public or guaranteed", unit="1/y", default=0.035)
    deck_merchant: float = setting(
        "number", "lenders' price deck over the expected price", unit="ratio", default=0.65, above=0.0
    )
    max_gearing: float = share("most debt, as a share of uses", default=0.70)
    debt_capacity_cover: float = setting(
        "number", "expected cash flow over all debt, at least", unit="ratio", default=1.15, lower=1.0
    )
    reserve_life_share: float = share("tenor at most this share of life", default=0.75)
    cost_of_capital: float = amount("real return in full cost", unit="1/y", default=0.10)
    cost_years: float = setting("number", "years of the annuity in full cost", unit="y", default=20.0, above=0.0)
    strike_ceiling: float = setting(
        "number",
        "strike over expected price, at most, on the value-weighted basket",
        unit="ratio",
        default=1.6,
        above=0.0,
    )
    strike_index_inflation: float = amount(
        "inflation that erodes a strike without indexation", unit="1/y", default=0.025
    )
    overrun_facility: float = amount("facility beyond contingency, on capex", unit="fraction", default=0.085)
    overrun_call: float = amount(
        "pro-rata call on members beyond the facility, on capex", unit="fraction", default=0.20
    )
    deferral_y: float = amount("years a public lender defers service", unit="y", default=3.0)
    distribution_months: float = amount(
        "cash kept before distribution, of opex and service", unit="months", default=6.0
    )
    restart_price: float = setting(
        "number", "price over cash cost at which a closed plant restarts", unit="ratio", default=1.15, above=0.0
    )
    restart_lag_y: float = amount("time a restart takes", unit="y", default=1.5)
    restart_cost: float = amount("cost of a restart on capex", unit="fraction", default=0.10)
    restart_success: float = share("probability that a restart works", default=0.5)
    owner_change_y: float = amount("output lost when a defaulted plant changes owner", unit="y", default=0.5)
    lapse_delay_y: float = amount("delay after which contracts lapse", unit="y", default=3.0)
    support_uplift: float = share("added by support to the probability of success", default=0.2)
    success_ceiling: float = share("highest probability of success", default=0.95)
    unaided_full: float = share(
        "probability of closing unaided where private sources cover uses, over that with support", default=1.0
    )
    unaided_most: float = share("the same where they cover at least 80 %", default=0.7)
    unaided_part: float = share("the same below", default=0.4)
    takeover_rate: float = amount("takeovers by rivals a year after close", unit="1/y", default=0.02)
    risk_free: float = amount("real rate at which public cash flows are discounted", unit="1/y", default=0.02)
    asset_premium: float = amount("risk premium of loans and equity under fair value", unit="1/y", default=0.04)
    price_premium: float = amount(
        "risk premium in the drift of prices: removed for contract payouts under fair value", unit="1/y", default=0.03
    )
    low_quantile: float = share("quantile of the yearly price that is P_low", default=0.05)
    provision_rate: float = share("share of maximum exposure provisioned", default=0.5)
    lgd_construction: float = share("loss given default before completion", default=0.70)
    lgd_senior: float = share("the same for senior debt in operation", default=0.45)
    lgd_subordinated: float = share("the same for subordinated debt", default=0.75)
    loan_floor: float = share("least charge of a loan, of principal, under provisioning", default=0.75)
    guarantee_interest_months: float = amount("interest paid with a called guarantee", unit="months", default=6.0)
    working_capital_days: float = amount("offtake volume financed at the strike", unit="days", default=120.0)
    haircut_home: float = share("lost on offtaken tonnes that home industry takes", default=0.05)
    haircut_excess: float = share("lost on tonnes beyond", default=0.20)
    handling: float = amount("handling of offtaken tonnes, of the strike", unit="fraction", default=0.015)
    admin_usd_m: float = amount("administration per member and project", unit="USD M", default=1.5)
    admin_rate: float = amount("administration a year on exposure", unit="1/y", default=0.003)
    liquidity_share: float = share("yearly payout line of a member on its budgets, where not given", default=0.10)
    crisis_access: float = share("market access in a disruption over that in calm", default=0.5)
    crisis_performance: float = share("share of rights performed in a disruption", default=0.9)


@dataclass(frozen=True, kw_only=True)
class Pressure:
    """Section ``[pressure]``: what supported supply does to prices, a second pass over a portfolio that is chosen."""

    elasticity: float = amount(
        "inverse price elasticity of demand: the price is (1 + new supply / market)^-elasticity times what it was",
        unit="ratio",
        default=1.0,
    )
    market_factor: float = setting(
        "number",
        "market that sets the price over the demand of the case's regions",
        unit="ratio",
        default=3.0,
        above=0.0,
    )
    dumping_rate: float = amount(
        "slumps a year that incumbents start where new supply is as large as the market, else in proportion",
        unit="1/y",
        default=1.0,
    )
    dumping_factor: float = setting(
        "number", "price in such a slump over the price without it", unit="ratio", default=0.6, above=0.0, upper=1.0
    )
    dumping_y: int = setting("integer", "years a slump lasts", unit="y", default=2, lower=1)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All sections of ``case.toml``."""

    case: Title
    horizon: Horizon
    objective: Objective = field(default_factory=Objective)
    risk: Risk = field(default_factory=Risk)
    sampling: Sampling = field(default_factory=Sampling)
    policy: Policy = field(default_factory=Policy)
    benchmarks: Benchmarks = field(default_factory=Benchmarks)
    alliance: Alliance = field(default_factory=Alliance)
    finance: Finance = field(default_factory=Finance)
    pressure: Pressure = field(default_factory=Pressure)

    @property
    def years(self) -> tuple[int, ...]:
        """All years of the horizon."""
        return tuple(range(self.horizon.first_year, self.horizon.last_year + 1))


SECTIONS: dict[str, type[Any]] = {
    "case": Title,
    "horizon": Horizon,
    "objective": Objective,
    "risk": Risk,
    "sampling": Sampling,
    "policy": Policy,
    "benchmarks": Benchmarks,
    "alliance": Alliance,
    "finance": Finance,
    "pressure": Pressure,
}
"""Record class of every section."""

REQUIRED_SECTIONS = frozenset({"case", "horizon"})
