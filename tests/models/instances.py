"""Small instances: a deterministic one with round numbers, its variations, and random ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

import numpy as np

from models import Benchmark, Instance, Option, Scenarios, Share

KINDS = ("loan", "equity", "grant", "guarantee", "cfd", "offtake")
STRUCTURES = ("merchant", "contracted", "covered")
SCENARIO_FIELDS = frozenset(f.name for f in fields(Scenarios))


@dataclass(frozen=True)
class Shape:
    """How big an instance is and where its numbers come from: round (no generator) or jittered.

    ``versatile`` is the project with a choice of structures; the others have the first.
    """

    regions: int = 2
    materials: int = 1
    stages: int = 2
    years: int = 2
    windows: int = 1
    scenarios: int = 2
    kinds: tuple[str, ...] = ("loan", "equity", "offtake")
    structures: tuple[str, ...] = ("merchant", "contracted")
    versatile: str = "plant"
    rng: np.random.Generator | None = None

    def near(self, base: float, *shape: int) -> Any:
        """``base``, moved by up to a third where there is a generator."""
        if self.rng is None:
            return np.full(shape, base) if shape else base
        value = base * self.rng.uniform(0.67, 1.33, shape or None)
        return np.round(value, 3)

    def flag(self, chance: float, *shape: int) -> Any:
        """True with a chance; False where there is no generator."""
        return np.zeros(shape, dtype=bool) if self.rng is None else self.rng.random(shape) < chance


def altered(instance: Instance, **changes: Any) -> Instance:
    """The instance with fields of it or of its scenarios replaced."""
    inner = {k: v for k, v in changes.items() if k in SCENARIO_FIELDS}
    outer = {k: v for k, v in changes.items() if k not in SCENARIO_FIELDS}
    return replace(instance, scenarios=replace(instance.scenarios, **inner), **outer)


def tiny_instance(shape: Shape | None = None, **changes: Any) -> Instance:
    """Plant (captive, last stage), mine (captive, first stage), refinery (processor); supply cut in the first block.

    ``changes`` are fields of the instance or of its scenarios.
    """
    return altered(_build(shape or Shape()), **changes)


def _options(
    x: Shape, projects: tuple[str, ...], windows: tuple[int, ...], years: tuple[int, ...]
) -> dict[Any, Option]:
    options = {}
    for p, v in product(projects, windows):
        for a in _structures(x, p):
            gap = {"merchant": 0.5, "contracted": 0.3, "covered": 0.2}[a]
            options[p, a, v] = Option(
                uses_usd_m=x.near(100.0),
                gap=x.near(gap),
                guaranteed=x.near(0.3) if a == "covered" else 0.0,
                tranche=x.near(0.5) if a == "contracted" else 0.0,
                equity_usd_m=x.near(25.0),
                debt_usd_m=x.near(25.0),
                debt_limit_usd_m=x.near(60.0),
                private_share=x.near(0.5),
                first_year=v,
                last_year=years[-1],
            )
    return options


def _shares(x: Shape, members: tuple[str, ...], options: dict[Any, Option]) -> dict[Any, Share]:
    shares = {}
    for (p, a, v), f, kind in product(options, members, x.kinds):
        if (kind in ("cfd", "offtake") and a != "contracted") or (kind == "guarantee" and a != "covered"):
            continue
        charge = {"loan": 75, "equity": 100, "grant": 100, "guarantee": 45, "cfd": 40, "offtake": 55}[kind]
        shares[f, p, kind, a, v] = Share(
            charge_usd_m=x.near(float(charge)),
            cost_usd_m=x.near(charge * 0.5),
            payout95_usd_m=x.near(10.0) if kind in ("cfd", "offtake", "guarantee") else 0.0,
            cap={"equity": 0.75, "grant": 0.5, "guarantee": 0.9}.get(kind, 1.0),
        )
    return shares


def _build(x: Shape) -> Instance:
    R, M, K, T, W = x.regions, x.materials, x.stages, x.years, x.windows
    regions, materials = ("EU", "JP", "KR")[:R], ("NdPr", "Dy")[:M]
    stages = ("mining", "separation", "magnets")[:K]
    years = tuple(range(2026, 2026 + T))
    windows = years[:W]
    members = ("agency", "jogmec", "korea")[:R]
    projects = ("plant", "mine", "refinery")
    options = _options(x, projects, windows, years)
    captive, process = np.zeros((3, K, M)), np.zeros((3, K, M))
    captive[0, -1], captive[1, 0], process[2, 1] = x.near(60.0, M), x.near(50.0, M), x.near(40.0, M)
    solidarity = np.full(K, 0.0)
    return Instance(
        regions=regions,
        materials=materials,
        stages=stages,
        years=years,
        members=members,
        projects=projects,
        instruments=x.kinds,
        windows=windows,
        countries=("AU", "MY"),
        region_of=dict(zip(members, regions, strict=True)),
        country_of={"plant": "AU", "mine": "AU", "refinery": "MY"},
        kind_of={k: k for k in x.kinds},
        options=options,
        shares=_shares(x, members, options),
        rights_ratio={k: {"loan": 0.8, "equity": 1.0, "guarantee": 0.5, "offtake": 1.0}.get(k, 0.0) for k in x.kinds},
        share_bounds={k: (0.05, 0.6 if k == "equity" else 1.0) for k in x.kinds},
        fixed_cost={k: x.near(0.5) for k in x.kinds},
        cost_key=dict.fromkeys(product(members, x.kinds), 1.0 / R),
        min_ticket=dict.fromkeys(members, 0.0),
        admin_usd_m=x.near(1.5),
        budget={(f, v): x.near(40.0) for f, v in product(members, windows)},
        liquidity={f: x.near(4.0) for f in members},
        relend=False,
        must=frozenset(),
        private_minimum=0.2,
        max_project_share=1.0,
        max_country_share=1.0,
        placeable_share=0.8,
        captive=captive,
        process=process,
        precommitted=np.zeros((3, K, M, T)),
        precommitted_to=np.full((3, K, M), -1),
        access=x.near(0.3, 3, R),
        crisis_access=0.5,
        crisis_performance=0.9,
        utilisation=np.array([1.0, 1.0, 0.8]),
        incumbent_feed=x.near(30.0, K, M),
        forecast=_by_stage(x, 100.0, R, K, M, T),
        slots=x.near(20.0, R, K, M),
        recovery=np.array([1.0, 0.9, 0.8])[:K],
        solidarity=solidarity,
        stock_stage=-1,
        opening=np.zeros((R, M)),
        stock_loss=0.05,
        stock_cost=x.near(0.2, M, W),
        purchase_limit=np.zeros((R, M, W)),
        release_any=False,
        shallow_share=np.full(M, 0.1),
        weight=np.stack([np.full((M, T), 1.0), np.full((M, T), 2.0)]) * 0.97 ** np.arange(T),
        agreed_ratio=np.ones(R),
        fairness_weight=np.zeros((K, M, T)),
        transfer_cost=1e-3,
        cvar_weight=0.0,
        cvar_level=0.8,
        cost_weight=0.05,
        scenarios=_scenarios(x, len(options), K),
    )


def _by_stage(x: Shape, base: float, *shape: int) -> Any:
    """Demand: at the last stage only."""
    value = np.zeros(shape)
    value[..., -1, :, :] = x.near(base, *(n for axis, n in enumerate(shape) if axis != len(shape) - 3))
    return value


def _scenarios(x: Shape, J: int, K: int) -> Scenarios:
    S, R, M, T, W = x.scenarios, x.regions, x.materials, x.years, x.windows
    severity = np.zeros((S, R))
    severity[0] = [0.7, 0.0, 0.5][:R]
    if S > 2:
        severity[1] = [0.4, 0.0, 0.0][:R]
    if x.rng is not None:
        severity = np.where(x.rng.random((S, R)) < 0.5, x.rng.uniform(0.2, 0.9, (S, R)), 0.0)
    cutting = severity[:, :, None, None, None] * np.ones((S, R, K, M, T))
    major, minor = x.near(80.0, S, R, K, M, T), x.near(15.0, S, R, K, M, T)
    major[:, :, 0], minor[:, :, 0] = x.near(20.0), x.near(5.0)
    imports = np.stack([major * (1 - cutting) + minor, major + minor], axis=1)
    spared = np.where(severity > 0, 0.0, 1.0)[:, None, :, None, None, None]
    reexport = np.stack(
        [
            (major * (1 - cutting))[:, :, None] * spared + minor[:, :, None],
            np.repeat((major + minor)[:, :, None], R, 2),
        ],
        axis=1,
    )
    unaided = np.where(x.flag(0.3, S, 3), 0.5, 0.0)[:, :, None] * np.ones(T)
    lost = np.repeat(x.flag(0.2, S, 3)[:, :, None], W, axis=2)
    runs = x.near(0.7, S, J, T)
    if x.rng is not None:
        runs = np.where(x.rng.random((S, J, T)) < 0.2, 0.0, runs)
    owner = [p for p, name in enumerate(("plant", "mine", "refinery")) for _ in range(W) for _ in _structures(x, name)]
    runs = np.where(lost[:, owner, 0][:, :, None], 0.0, runs)
    available = np.ones((S, 2, R, K, M, T))
    available[:, 1] = np.where(x.flag(0.3, S, R, K, M, T), 0.4, 1.0)
    return Scenarios(
        probability=np.full(S, 1.0 / S),
        disrupted=np.full((S, M, T), 0.5) if x.rng is None else x.rng.choice([0.0, 0.25, 0.5, 1.0], (S, M, T)),
        demand=_by_stage(x, 100.0, S, R, K, M, T),
        imports=imports,
        toll=x.near(5.0, S, 2, R, K, M, T),
        reexport=reexport,
        available=available,
        cut=np.repeat(np.repeat((severity > 0)[:, :, None, None], M, 2), T, 3),
        output=runs,
        contracted=runs * np.linspace(1.0, 0.8, T),
        unaided=unaided,
        lost=lost,
    )


def _structures(x: Shape, project: str) -> tuple[str, ...]:
    return x.structures if project == x.versatile else x.structures[:1]


def with_stock(i: Instance, **changes: Any) -> Instance:
    """Stockpile at the last stage: opening stock in the first region, purchases allowed everywhere."""
    R, M, W = i.purchase_limit.shape
    opening = np.zeros((R, M))
    opening[0] = 12.0
    return altered(
        i, stock_stage=len(i.stages) - 1, opening=opening, purchase_limit=np.full((R, M, W), 15.0), **changes
    )


def with_transfers(i: Instance, share: float = 0.3, joint: bool = False) -> Instance:
    """Solidarity at every stage, or at the last with joint procurement at those without demand."""
    solidarity = np.full(len(i.stages), share)
    if joint:
        solidarity[:-1] = 1.0
    return altered(i, solidarity=solidarity)


def with_fairness(i: Instance, weight: float = 30.0) -> Instance:
    """The objective pays for the worst ratio at the last stage."""
    w = np.zeros_like(i.fairness_weight)
    w[-1] = weight
    return altered(i, fairness_weight=w, agreed_ratio=np.array([1.0, 0.6, 0.8])[: len(i.regions)])


def with_promises(i: Instance, to: int) -> Instance:
    """40 % of the plant's output is promised to a region, or elsewhere (-1)."""
    promised, where = i.precommitted.copy(), i.precommitted_to.copy()
    promised[0, -1], where[0] = 0.4, to
    return altered(i, precommitted=promised, precommitted_to=where)


def without_support(i: Instance, unaided: float = 0.6) -> Instance:
    """The plant may close without support; a rival takes it in the second scenario."""
    alone, lost, output, contracted = (
        np.array(getattr(i.scenarios, n)) for n in ("unaided", "lost", "output", "contracted")
    )
    alone[:, 0], lost[1, 0] = unaided, True
    for j, key in enumerate(i.options):
        if key[0] == i.projects[0]:
            output[1, j] = contracted[1, j] = 0.0
    return altered(i, unaided=alone, lost=lost, output=output, contracted=contracted)


def tail_averse(i: Instance, weight: float = 0.6, level: float = 0.4) -> Instance:
    return altered(i, cvar_weight=weight, cvar_level=level)


def half_available(i: Instance) -> Instance:
    """Goods of the refinery's and the plant's countries reach the first region in part."""
    available = np.ones_like(i.scenarios.available)
    available[:, :, 0] = 0.6
    return altered(i, available=available)


def _without_plant() -> Any:
    """Mine alone brings feed of its own."""
    return np.array([[[0.0], [0.0]], [[10.0], [0.0]], [[0.0], [0.0]]])


def _swapped(i: Instance) -> Instance:
    """Supply of the two blocks exchanged: what is left out as certain has to be looked up per block."""
    return altered(i, imports=i.scenarios.imports[:, ::-1] + 5.0, reexport=i.scenarios.reexport[:, ::-1] + 5.0)


def rich(i: Instance, **changes: Any) -> Instance:
    """Budgets that pay for a whole chain."""
    return altered(i, budget=dict.fromkeys(i.budget, 150.0), liquidity=dict.fromkeys(i.liquidity, 40.0), **changes)


def without_feed(i: Instance) -> Instance:
    """No imports of the first stage in the first region."""
    imports, reexport = i.scenarios.imports.copy(), i.scenarios.reexport.copy()
    imports[:, :, 0, 0], reexport[:, :, 0, :, 0] = 0.0, 0.0
    return altered(i, imports=imports, reexport=reexport)


def with_narrow_market(i: Instance) -> Instance:
    """Home industry that takes little, and no incumbent slots: offtake has to be placed elsewhere in the chain."""
    return altered(i, forecast=i.forecast * 0.05, slots=np.zeros_like(i.slots))


def with_repayments(i: Instance) -> Instance:
    """Loans of the first window come back before the second."""
    shares = {
        k: replace(s, repaid_usd_m=((i.windows[-1], 60.0),) if k[2] == "loan" and k[4] == i.windows[0] else ())
        for k, s in i.shares.items()
    }
    return altered(i, relend=True, shares=shares)


def with_caps(i: Instance, cap: float = 0.3) -> Instance:
    """No member may carry more than its cap, and one member has most of the money."""
    shares = {k: replace(s, cap=cap) for k, s in i.shares.items()}
    budget = {(f, v): 120.0 if f == i.members[0] else 25.0 for f, v in i.budget}
    return altered(i, shares=shares, budget=budget, liquidity=dict.fromkeys(i.liquidity, 40.0))


def with_benchmarks(
    i: Instance,
    need: float = 30.0,
    penalty: float | None = None,
    names: tuple[str, ...] = ("processing", "extraction"),
) -> Instance:
    """Mean domestic capacity to be added at home: the plant's at the last stage, the mine's at the first."""
    wanted = {"processing": ("plant", 42.0, need), "extraction": ("mine", 35.0, need / 2)}
    return altered(
        i,
        benchmarks={
            name: Benchmark(need_, {k: gain for k in i.options if k[0] == project}, penalty)
            for name, (project, gain, need_) in wanted.items()
            if name in names
        },
    )


def with_payout_limit(i: Instance, limit: float = 30.0, size: int = 5, level: float = 0.6) -> Instance:
    """The first member's payouts are limited in the tail; contracts pay in slumps, guarantees in one scenario."""
    slump, call = np.linspace(0.0, 100.0, size), np.zeros(size)
    call[1] = 60.0
    paid = {
        key: {"cfd": slump, "offtake": slump[::-1] * 0.9, "guarantee": call}[i.kind_of[key[2]]]
        for key in i.shares
        if key[0] == i.members[0] and i.kind_of[key[2]] in ("cfd", "offtake", "guarantee")
    }
    return altered(i, payout_limit={i.members[0]: limit}, payout_level=level, payouts=paid)


def only(i: Instance, keep: Callable[[Any], bool]) -> Instance:
    """The instance with those of its options that are kept."""
    at = [j for j, key in enumerate(i.options) if keep(key)]
    options = {key: o for key, o in i.options.items() if keep(key)}
    shares = {k: s for k, s in i.shares.items() if (k[1], k[3], k[4]) in options}
    benchmarks = {
        name: replace(b, gain_tpy={key: gain for key, gain in b.gain_tpy.items() if key in options})
        for name, b in i.benchmarks.items()
    }
    s = i.scenarios
    return altered(
        i,
        options=options,
        shares=shares,
        benchmarks=benchmarks,
        output=s.output[:, at],
        contracted=s.contracted[:, at],
    )


ALL_KINDS = Shape(kinds=KINDS, structures=STRUCTURES)
THREE = Shape(regions=3, scenarios=2, kinds=("loan", "offtake"))
CHAIN = Shape(versatile="mine")
LARGE_REFINERY: dict[str, Any] = {
    "process": np.array([[[0.0], [0.0]], [[0.0], [0.0]], [[0.0], [100.0]]]),
    "incumbent_feed": np.full((2, 1), 60.0),
}

VARIATIONS: dict[str, Callable[[], Instance]] = {
    "plain": tiny_instance,
    "stock": lambda: with_stock(tiny_instance()),
    "stock released any time": lambda: with_stock(
        tiny_instance(), release_any=True, cut=np.zeros((2, 2, 1, 2), dtype=bool)
    ),
    "stock kept": lambda: with_stock(tiny_instance(), cut=np.zeros((2, 2, 1, 2), dtype=bool)),
    "transfers": lambda: with_transfers(tiny_instance()),
    "joint procurement": lambda: with_transfers(without_feed(rich(tiny_instance())), 0.0, joint=True),
    "no feed": lambda: without_feed(rich(tiny_instance())),
    "whole chain": lambda: rich(tiny_instance(CHAIN)),
    "feed binds": lambda: rich(tiny_instance(incumbent_feed=np.full((2, 1), 1.0)), captive=_without_plant()),
    "feed nearly enough": lambda: rich(tiny_instance(incumbent_feed=np.full((2, 1), 24.0)), captive=_without_plant()),
    "short in the calm alone": lambda: _swapped(tiny_instance()),
    "placement binds": lambda: with_narrow_market(rich(tiny_instance())),
    "placement in held slots": lambda: with_narrow_market(
        without_feed(rich(only(tiny_instance(CHAIN, **LARGE_REFINERY), lambda key: key[:2] != ("mine", "merchant"))))
    ),
    "caps": lambda: with_caps(tiny_instance()),
    "caps on every kind": lambda: with_caps(tiny_instance(ALL_KINDS), 0.6),
    "repayments": lambda: with_repayments(tiny_instance(Shape(windows=2, structures=("merchant",)))),
    "fairness": lambda: with_fairness(with_transfers(tiny_instance())),
    "depth": lambda: tiny_instance(shallow_share=np.array([0.4]), weight=np.array([[[1.0, 0.9]], [[5.0, 4.5]]])),
    "structures": lambda: tiny_instance(ALL_KINDS),
    "no room for contracts": lambda: tiny_instance(ALL_KINDS, liquidity={"agency": 2.0, "jogmec": 1.0}),
    "cvar": lambda: tail_averse(tiny_instance(Shape(scenarios=3))),
    "cvar with fairness and transfers": lambda: tail_averse(
        with_fairness(with_transfers(tiny_instance(Shape(scenarios=3)))), 0.9
    ),
    "only the tail counts": lambda: tail_averse(
        with_transfers(tiny_instance(Shape(scenarios=3), transfer_cost=0.1)), 1.0, 0.7
    ),
    "three regions": lambda: with_stock(with_transfers(tiny_instance(THREE), 1.0)),
    "promised to a member": lambda: with_promises(tiny_instance(), 0),
    "promised elsewhere": lambda: with_promises(tiny_instance(), -1),
    "two materials": lambda: tiny_instance(Shape(materials=2)),
    "three stages": lambda: with_transfers(tiny_instance(Shape(stages=3)), 0.5, joint=True),
    "two windows": lambda: tiny_instance(Shape(windows=2, structures=("contracted",))),
    "tickets": lambda: tiny_instance(min_ticket={"agency": 30.0, "jogmec": 25.0}),
    "lost and unaided": lambda: without_support(tiny_instance(Shape(scenarios=3))),
    "partly available": lambda: half_available(with_transfers(tiny_instance())),
    "must support": lambda: tiny_instance(must=frozenset({"mine"})),
    "may not support": lambda: tiny_instance(never=frozenset({"plant"})),
    "a member outside": lambda: tiny_instance(outside=frozenset({tiny_instance().members[0]})),
    "a region weighs less": lambda: with_transfers(tiny_instance(region_weight={"JP": 0.25}), 0.5),
    "a region weighs nothing": lambda: with_stock(with_transfers(tiny_instance(THREE, region_weight={"JP": 0.0}), 0.5)),
    "benchmarks": lambda: with_benchmarks(tiny_instance(), names=("extraction",)),
    "benchmarks penalised": lambda: with_benchmarks(tiny_instance(), penalty=2.0),
    "payouts in the tail": lambda: with_payout_limit(rich(tiny_instance(ALL_KINDS)), 12.0),
    "concentration": lambda: tiny_instance(max_project_share=0.4, max_country_share=0.6),
}
"""Instances in each of which some part of the model matters."""


def random_instance(seed: int) -> Instance:
    """A small instance in which every number and most features are drawn."""
    rng = np.random.default_rng(seed)
    kinds = tuple(k for k in KINDS if k in ("loan", "offtake") or rng.random() < 0.4)
    structures = ("merchant", "contracted", "covered") if "guarantee" in kinds else ("merchant", "contracted")
    shape = Shape(
        regions=3 if rng.random() < 0.2 else 2,
        materials=int(rng.integers(1, 3)),
        stages=3 if rng.random() < 0.25 else 2,
        years=int(rng.integers(1, 3)),
        scenarios=int(rng.integers(2, 4)),
        kinds=kinds,
        structures=structures,
        rng=rng,
    )
    i = tiny_instance(shape)
    if rng.random() < 0.5:
        i = with_stock(i, release_any=bool(rng.random() < 0.3))
    if rng.random() < 0.5:
        i = with_transfers(i, float(rng.uniform(0.1, 1.0)), joint=bool(rng.random() < 0.5))
    if rng.random() < 0.4:
        i = with_fairness(i, float(rng.uniform(5, 50)))
    if rng.random() < 0.4:
        i = tail_averse(i, float(rng.uniform(0.1, 1.0)), float(rng.uniform(0.2, 0.9)))
    if rng.random() < 0.3:
        i = with_promises(i, int(rng.integers(-1, len(i.regions))))
    if rng.random() < 0.3:
        i = altered(i, min_ticket=dict.fromkeys(i.members, float(rng.uniform(1, 15))))
    if seed % 3 == 0:
        i = with_benchmarks(i, 10.0 + seed % 50, penalty=0.1 + seed % 7)
    if seed % 4 == 0:
        i = with_payout_limit(i, 5.0 + seed % 20)
    p = rng.uniform(0.2, 1.0, i.scenarios.size)
    return altered(i, probability=p / p.sum())
