"""The data of the programme: sets and arrays with units and shapes, and nothing about where they come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from models.scenarios import Scenarios
from models.terms import Benchmark, Frozen, Option, OptionKey, Share, ShareKey

Array = npt.NDArray[np.float64]


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
    region_weight : mapping
        Factor on ``weight`` by region, 1 where none is given: for studies of a fund that looks after some regions.
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
    region_weight: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def region_factor(self) -> Array:
        """Factor on the weight of each region's shortfall, (R,)."""
        return np.array([self.region_weight.get(r, 1.0) for r in self.regions])

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
