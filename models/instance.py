"""The data of the programme: sets and arrays with units and shapes, and nothing about where they come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

OptionKey = tuple[str, str, int]
"""(project, structure, window)."""
ShareKey = tuple[str, str, str, str, int]
"""(member, project, instrument, structure, window)."""

DISRUPTED, CALM = 0, 1
BLOCKS = (DISRUPTED, CALM)
"""Blocks of a year: its disrupted and its calm part."""

MONEY = frozenset({"loan", "equity", "grant"})
"""Kinds whose shares are parts of the uses of funds and fill the gap (4)."""
CONTRACTS = frozenset({"cfd", "offtake"})
"""Kinds whose shares are parts of output and sum to the tranche (3)."""


@dataclass(frozen=True)
class Option:
    """One way to support a project: what is fixed once structure and window are chosen; USD M.

    ``gap`` is the part of uses that money kinds must fill (4); ``guaranteed`` the loan under guarantee over uses (3);
    ``tranche`` the part of output under price protection (3). ``equity`` is the equity of sponsor and third parties,
    ``debt`` private and third-party debt, ``debt_limit`` what can be served (4b); ``private_share`` the part of uses
    from private sources (5). ``first_year`` and ``last_year`` bound the planned contract term,
    which is when its offtake has to be placed (6b).
    """

    uses_usd_m: float
    gap: float
    guaranteed: float
    tranche: float
    equity_usd_m: float
    debt_usd_m: float
    debt_limit_usd_m: float
    private_share: float
    first_year: int
    last_year: int


@dataclass(frozen=True)
class Share:
    """What one unit share of one instrument means for one member; USD M per unit share.

    ``charge`` counts against the budget (7), ``cost`` is the expected public cost in the objective, ``payout95`` the
    95 % yearly payout (7b), ``cap`` the most of the basis of its kind (5). ``repaid`` is the expected repayment
    received before each later window, used only where repayments may be lent again.
    """

    charge_usd_m: float
    cost_usd_m: float
    payout95_usd_m: float
    cap: float
    repaid_usd_m: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would finance other commitments: expected receipts never do (7).

        Raises
        ------
        ValueError
            Where charge, cost, payout or cap is negative or not a number.
        """
        for name in ("charge_usd_m", "cost_usd_m", "payout95_usd_m", "cap"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} of a share must be at least 0, not {getattr(self, name)}")


@dataclass(frozen=True)
class Benchmark:
    """A target on mean yearly domestic capacity in operation (8a), t/y.

    ``need_tpy`` is what is missing to the target without support, ``gain_tpy`` what an option adds in the mean. A
    tonne missing costs ``penalty`` in the objective, weighted tonnes; None: none may be missing.
    """

    need_tpy: float
    gain_tpy: Mapping[OptionKey, float]
    penalty: float | None = None

    def missing(self, select: Mapping[OptionKey, float]) -> float:
        """Return what is missing to the target under values of ``select``, t/y, at least 0."""
        gained = sum(self.gain_tpy.get(key, 0.0) * value for key, value in select.items())
        return max(0.0, self.need_tpy - gained)


@dataclass(frozen=True)
class Frozen:
    """Commitments that are given (8b): all of the windows, as they were decided; what is not named is zero.

    ``select`` by option, ``share`` by share, ``rights`` by (region, project, structure, window) and ``purchase`` by
    (member, material, window), as in a decision.
    """

    windows: frozenset[int]
    select: Mapping[OptionKey, float] = field(default_factory=dict)
    share: Mapping[ShareKey, float] = field(default_factory=dict)
    rights: Mapping[tuple[str, str, str, int], float] = field(default_factory=dict)
    purchase: Mapping[tuple[str, str, int], float] = field(default_factory=dict)

    @property
    def chosen(self) -> frozenset[OptionKey]:
        """Options that are given."""
        return frozenset(key for key, value in self.select.items() if value > 0.5 and key[2] in self.windows)

    @property
    def obliges(self) -> bool:
        """Whether anything is given."""
        return bool(self.chosen) or any(v > 0 for k, v in self.purchase.items() if k[2] in self.windows)


@dataclass(frozen=True)
class Scenarios:
    """Scenario data; axes S scenarios, B blocks, R regions, K stages, M materials, T years, P, J options, V windows.

    Attributes
    ----------
    probability : (S,)
        Sums to one.
    disrupted : (S, M, T)
        phi: length of the disrupted block as a fraction of the year.
    demand : (S, R, K, M, T)
        t/y.
    imports, toll : (S, B, R, K, M, T)
        Import and spare processing available in the block, t/y (not yet scaled by its length).
    reexport : (S, B, R, R, K, M, T)
        Part of the imports of the first region that comes from suppliers not cutting the second, t/y.
    available : (S, C, R, K, M, T)
        Share of the goods of a project's country that reaches the region in the disrupted block; 1 in calm.
        Assembled as an array-like that holds only cells which are not 1 throughout: index it as any array.
    cut : (S, R, M, T)
        Whether an export hazard cuts the region for the material.
    output, contracted : (S, J, T)
        Output of the project under the option, share of nameplate, and its part within the contract term. Assembled
        in single precision (seven digits), the largest arrays there are; the extensive form, the decomposition and
        the evaluation all read these numbers, so they agree about the same programme.
        ``contracted`` is then an array-like, output times the part within the term, made when it is indexed. Memory
        is laid out option by option, year by year, scenarios last.
    unaided : (S, P, T)
        Output in the world without support, share of nameplate; rounded like ``output`` where that is.
    lost : (S, P, V)
        Whether a rival takes the project before the window, so that support changes nothing.
    """

    probability: Array
    disrupted: Array
    demand: Array
    imports: Array
    toll: Array
    reexport: Array
    available: Array
    cut: Flags
    output: Array
    contracted: Array
    unaided: Array
    lost: Flags

    @property
    def size(self) -> int:
        """Number of scenarios."""
        return int(self.probability.size)

    def take(self, which: npt.NDArray[np.int64]) -> Scenarios:
        """Return the scenarios numbered ``which`` with probabilities rescaled to sum to one."""
        parts = {f.name: getattr(self, f.name)[which] for f in fields(self)}
        parts["probability"] = parts["probability"] / parts["probability"].sum()
        return Scenarios(**parts)


@dataclass(frozen=True)
class Instance:
    """One two-stage programme. Quantities in contained tonnes of oxide equivalent, money in USD M.

    Attributes
    ----------
    regions, materials, stages, years, members, projects, instruments, windows
        Labels in order; stages in the order of the chain.
    countries : tuple of str
        Countries of the projects, in the order of ``Scenarios.available``.
    region_of : mapping
        Home region of each member.
    country_of : mapping
        Country of each project.
    kind_of : mapping
        Kind of each instrument.
    options, shares : mapping
        Data by (project, structure, window) and by (member, project, instrument, structure, window); their keys are
        what may be chosen.
    rights_ratio : mapping
        rho: rights per unit share of each instrument.
    share_bounds : mapping
        Least and most share of each instrument (2).
    fixed_cost : mapping
        Fixed cost per project of each instrument used (2), USD M.
    cost_key : mapping
        Weight of each (member, instrument) in bearing the instrument's fixed cost; see :attr:`bearers`.
    min_ticket, admin_usd_m : mapping, float
        Least charge of a member that takes part in a project, and its administration cost, USD M.
    budget : mapping
        By (member, window), USD M, not cumulative.
    liquidity : mapping
        Yearly payout line of each member, USD M.
    relend : bool
        Whether repayments may be committed again.
    must : frozenset
        Projects that have to be supported.
    never : frozenset
        Projects that may not be supported, though they have options: for studies that forbid one after the other.
    private_minimum, max_project_share, max_country_share : float
        Policy, (5) and (8).
    placeable_share : float
        Most of home demand taken by offtake (6b).
    captive, process : (P, K, M)
        Nameplate capacity by mode, t/y.
    precommitted : (P, K, M, T)
        Share of output already promised.
    precommitted_to : (P, K, M)
        Index of the region it is promised to; -1 for elsewhere.
    access : (P, R)
        Market access to uncontracted output.
    crisis_access, crisis_performance : float
        Factors on access and on rights in the disrupted block.
    utilisation : (P,)
        Share of processing slots that needs feed (4c).
    incumbent_feed : (K, M)
        Feed that incumbents offer to processors of the *next* stage, t/y (4c).
    forecast : (R, K, M, T)
        Demand forecast, not sampled, t/y.
    slots : (R, K, M)
        Processing slots of incumbents at a stage, t/y, for (6b).
    recovery, solidarity : (K,)
        Yield of a stage; share of supply passed on to partners.
    stock_stage : int
        Index of the stage of the stockpile; -1 for none.
    opening : (R, M)
        Opening stock, t.
    stock_loss : float
        Share lost a year.
    stock_cost : (M, V)
        Cost of a tonne bought, holding included, USD M/t.
    purchase_limit : (R, M, V)
        Most bought in a window, t.
    release_any : bool
        Whether the stock may be released at any time.
    shallow_share : (M,)
        alpha: part of demand whose loss is shallow.
    weight : (2, M, T)
        Weight of a tonne of shallow and of deep shortfall, discounted.
    agreed_ratio : (R,)
        Agreed shortfall ratios (14).
    fairness_weight : (K, M, T)
        What a unit of ``worst`` costs; zeros switch (14) off.
    transfer_cost : float
        Cost of a tonne transferred.
    cvar_weight, cvar_level : float
        lambda and beta.
    cost_weight : float
        Weighted tonnes per USD M of expected public cost.
    scenarios : Scenarios
        The sample.
    benchmarks : mapping
        Targets on domestic capacity by name (8a); empty where none counts.
    payout_limit : mapping
        Most that the CVaR of a member's payouts may be (7c), USD M; members without a limit are not in it.
    payout_level : float
        beta of (7c).
    payouts : mapping
        Present value of the payouts of a unit share in each scenario of the cost sample, (N,), USD M, for the shares
        of members with a limit. The scenarios of that sample are equally likely.
    outside : frozenset
        Members that commit nothing (8b): for studies of a fund without them, on columns that stay the same.
    frozen : Frozen, optional
        Windows whose commitments are given (8b).
    """

    regions: tuple[str, ...]
    materials: tuple[str, ...]
    stages: tuple[str, ...]
    years: tuple[int, ...]
    members: tuple[str, ...]
    projects: tuple[str, ...]
    instruments: tuple[str, ...]
    windows: tuple[int, ...]
    countries: tuple[str, ...]
    region_of: Mapping[str, str]
    country_of: Mapping[str, str]
    kind_of: Mapping[str, str]
    options: Mapping[OptionKey, Option]
    shares: Mapping[ShareKey, Share]
    rights_ratio: Mapping[str, float]
    share_bounds: Mapping[str, tuple[float, float]]
    fixed_cost: Mapping[str, float]
    cost_key: Mapping[tuple[str, str], float]
    min_ticket: Mapping[str, float]
    admin_usd_m: float
    budget: Mapping[tuple[str, int], float]
    liquidity: Mapping[str, float]
    relend: bool
    must: frozenset[str]
    private_minimum: float
    max_project_share: float
    max_country_share: float
    placeable_share: float
    captive: Array
    process: Array
    precommitted: Array
    precommitted_to: npt.NDArray[np.int64]
    access: Array
    crisis_access: float
    crisis_performance: float
    utilisation: Array
    incumbent_feed: Array
    forecast: Array
    slots: Array
    recovery: Array
    solidarity: Array
    stock_stage: int
    opening: Array
    stock_loss: float
    stock_cost: Array
    purchase_limit: Array
    release_any: bool
    shallow_share: Array
    weight: Array
    agreed_ratio: Array
    fairness_weight: Array
    transfer_cost: float
    cvar_weight: float
    cvar_level: float
    cost_weight: float
    scenarios: Scenarios
    benchmarks: Mapping[str, Benchmark] = field(default_factory=dict)
    never: frozenset[str] = frozenset()
    payout_limit: Mapping[str, float] = field(default_factory=dict)
    payout_level: float = 0.95
    payouts: Mapping[ShareKey, Array] = field(default_factory=dict)
    outside: frozenset[str] = frozenset()
    frozen: Frozen | None = None

    @cached_property
    def option_index(self) -> dict[OptionKey, int]:
        """Position of each option on the J axis."""
        return {key: j for j, key in enumerate(self.options)}

    @cached_property
    def shares_by(self) -> dict[str, dict[Any, list[ShareKey]]]:
        """Share keys grouped by what sums run over.

        ``option`` (p,a,v), ``package`` (p,i,v), ``party`` (f,p,v), ``seat`` (f,p,i,v), ``member`` f, ``project`` p.
        """
        names = ("option", "package", "party", "seat", "member", "project")
        by: dict[str, dict[Any, list[ShareKey]]] = {name: defaultdict(list) for name in names}
        for key in self.shares:
            f, p, i, a, v = key
            groups = ((p, a, v), (p, i, v), (f, p, v), (f, p, i, v), f, p)
            for name, group in zip(names, groups, strict=True):
                by[name][group].append(key)
        return by

    @cached_property
    def packages(self) -> tuple[tuple[str, str, int], ...]:
        """(project, instrument, window) that some member may use."""
        return tuple(dict.fromkeys((p, i, v) for _, p, i, _, v in self.shares))

    @cached_property
    def parties(self) -> tuple[tuple[str, str, int], ...]:
        """(member, project, window) in which some member may take part."""
        return tuple(dict.fromkeys((f, p, v) for f, p, _, _, v in self.shares))

    @cached_property
    def bearers(self) -> dict[tuple[str, str, str, int], float]:
        """Part of a package's fixed cost that each (member, project, instrument, window) bears; parts sum to one.

        In proportion to ``cost_key`` among the members that may use the instrument for the project; evenly where
        all keys are zero.
        """
        parts: dict[tuple[str, str, str, int], float] = {}
        for f, p, i, v in self.shares_by["seat"]:
            parts[f, p, i, v] = self.cost_key.get((f, i), 0.0)
        whole: defaultdict[tuple[str, str, int], list[float]] = defaultdict(list)
        for (_, p, i, v), part in parts.items():
            whole[p, i, v].append(part)
        return {
            (f, p, i, v): part / sum(whole[p, i, v]) if sum(whole[p, i, v]) > 0 else 1.0 / len(whole[p, i, v])
            for (f, p, i, v), part in parts.items()
        }

    @cached_property
    def claims(self) -> tuple[tuple[str, str, str, int], ...]:
        """(region, project, structure, window) for which shares can yield rights."""
        return tuple(
            dict.fromkeys(
                (self.region_of[f], p, a, v)
                for f, p, i, a, v in self.shares
                if self.rights_ratio[i] > 0 and self.max_precommitted[self.projects.index(p)] < 1
            )
        )

    @cached_property
    def purchases(self) -> tuple[tuple[str, str, int], ...]:
        """(member, material, window) in which the stockpile may be filled."""
        if self.stock_stage < 0:
            return ()
        return tuple(
            (f, m, v)
            for f in self.members
            for mi, m in enumerate(self.materials)
            for vi, v in enumerate(self.windows)
            if self.purchase_limit[self.regions.index(self.region_of[f]), mi, vi] > 0
        )

    @cached_property
    def obliged(self) -> bool:
        """Whether something has to be supported: must list, commitments given, a benchmark that may not be missed."""
        given = self.frozen is not None and self.frozen.obliges
        return given or bool(self.must) or any(b.penalty is None and b.need_tpy > 0 for b in self.benchmarks.values())

    @cached_property
    def limited_payouts(self) -> dict[str, list[ShareKey]]:
        """Shares with payouts of each member with a limit on their tail (7c)."""
        found: dict[str, list[ShareKey]] = {f: [] for f in self.members if f in self.payout_limit}
        for key in self.shares:
            if key[0] in found and key in self.payouts and self.payouts[key].any():
                found[key[0]].append(key)
        return {f: keys for f, keys in found.items() if keys}

    @cached_property
    def cost_scenarios(self) -> int:
        """Scenarios of the cost sample on which (7c) counts payouts; 0 where nobody has a limit."""
        return next((len(paid) for paid in self.payouts.values()), 0)

    @cached_property
    def max_precommitted(self) -> Array:
        """Largest promised share of each project over its outputs and years, shape (P,)."""
        has = (self.captive + self.process) > 0
        promised: Array = np.max(np.where(has[..., None], self.precommitted, 0.0), axis=(1, 2, 3), initial=0.0)
        return promised

    @cached_property
    def total_budget(self) -> float:
        """All budgets of all members, USD M."""
        return float(sum(self.budget.values()))
