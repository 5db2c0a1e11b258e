"""Small cases and drivers with every number in sight, for the tests of project finance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from portfolio.case.records import Case
from portfolio.case.settings import Finance, Horizon, Settings, Title
from portfolio.case.tables import (
    Country,
    Demand,
    Eligibility,
    Instrument,
    Material,
    Member,
    Project,
    ProjectOutput,
    Region,
    Stage,
    Structure,
)
from portfolio.scenarios.drivers import Drivers

OPEN = Structure(structure="open", tranche=0.0, debt="patient", index="cpi")


def material(name: str = "NdPr", price: float = 80.0, **values: Any) -> Material:
    fields: dict[str, Any] = {
        "material": name,
        "price_now": price,
        "price_longrun": price,
        "volatility": 0.0,
        "halflife_y": 2.0,
        "weight": 1.0,
    }
    return Material(**(fields | values))


def project(**values: Any) -> Project:
    fields: dict[str, Any] = {
        "project": "mine",
        "country": "AUS",
        "study_level": "dfs",
        "capex_usd_m": 100.0,
        "opex_usd_m_y": 40.0,
        "construction_y": 1.0,
        "first_production": 2027,
    }
    return Project(**(fields | values))


def output(**values: Any) -> ProjectOutput:
    fields: dict[str, Any] = {
        "project": "mine",
        "stage": "separation",
        "material": "NdPr",
        "mode": "captive",
        "capacity_tpy": 1000.0,
        "payable": 1.0,
    }
    return ProjectOutput(**(fields | values))


def instrument(kind: str, **values: Any) -> Instrument:
    return Instrument(**({"instrument": kind, "kind": kind} | values))


def small_case(
    *,
    finance: Finance | None = None,
    years: tuple[int, int] = (2027, 2036),
    windows: tuple[int, ...] = (2027,),
    **tables: Any,
) -> Case:
    """Return a case of one mine that yields 1,000 t of NdPr oxide, for one member in one region."""
    settings = Settings(
        case=Title(name="small", currency_year=2027),
        horizon=Horizon(first_year=years[0], last_year=years[1], windows=windows),
        finance=finance or Finance(),
    )
    rows: dict[str, Any] = {
        "settings": settings,
        "members": (Member(member="EUF", region="EU"),),
        "regions": (Region(region="EU", market_access=0.2),),
        "materials": (material(),),
        "stages": (Stage(stage="mining", order=1), Stage(stage="separation", order=2)),
        "stocks": (),
        "suppliers": (),
        "demand": (
            Demand(region="EU", stage="separation", material="NdPr", year=2027, low=500.0, base=600.0, high=700.0),
        ),
        "hazards": (),
        "projects": (project(),),
        "project_outputs": (output(),),
        "structures": (OPEN,),
        "instruments": tuple(instrument(k) for k in ("loan", "equity", "grant", "guarantee", "cfd", "offtake")),
        "eligibility": tuple(
            Eligibility(member="EUF", instrument=k, convention="provisioning")
            for k in ("loan", "equity", "grant", "guarantee", "cfd", "offtake")
        ),
        "budgets": (),
        "countries": (Country(country="AUS", tax_rate=0.0),),
        "events": (),
    }
    return Case(**(rows | tables))


def calm(case: Case, count: int = 1, price: Any = None, **values: Any) -> Drivers:
    """Return N scenarios without hazards, delays or bad luck; ``price`` (T,), (M, T) or (N, M, T), USD/kg."""
    n, t, m, p = count, len(case.years), len(case.materials), len(case.projects)
    c, r, k = len(case.countries), len(case.regions), len(case.stages)
    if price is None:
        price = np.array([[x.price_longrun] * t for x in case.materials])
    price = np.broadcast_to(np.asarray(price, dtype=float), (n, m, t)).copy()
    premium = np.array([1.0 + x.ex_china_premium for x in case.materials])
    fields: dict[str, Any] = {
        "index": np.arange(n),
        "probability": np.full(n, 1.0 / n),
        "disrupted": np.zeros((n, m, t)),
        "available": np.ones((n, c, r, k, m, t)),
        "running": np.ones((n, c, k, m, t)),
        "cut": np.zeros((n, r, m, t), dtype=bool),
        "price": price,
        "realised": price * premium[:, None],
        "demand": np.stack(
            [
                np.broadcast_to(
                    np.array([[case.demand_path(a, b, x)[1] for x in case.material_names] for b in case.stage_names]),
                    (n, k, m, t),
                )
                for a in case.region_names
            ],
            axis=1,
        ),
        "delay_y": np.zeros((n, p)),
        "overrun": np.tile([x.overrun_mean for x in case.projects], (n, 1)).astype(float),
        "success_u": np.zeros((n, p)),
        "unaided_u": np.zeros((n, p)),
        "restart_u": np.zeros((n, p)),
        "rival_y": np.full((n, p), np.inf),
        "takeover_y": np.full((n, p), np.inf),
        "rival_allied": np.ones((n, p), dtype=bool),
    }
    return Drivers(**(fields | values))


def random_drivers(case: Case, count: int, seed: int = 0, **values: Any) -> Drivers:
    """Return N scenarios in which everything that touches a plant is random."""
    rng = np.random.default_rng(seed)
    base = calm(case, count)
    p, t = len(case.projects), len(case.years)
    shape = base.price.shape
    steps = rng.normal(size=shape) * 0.3
    walk = np.zeros(shape)
    for y in range(t):
        walk[..., y] = (0.75 * walk[..., y - 1] if y else 0.0) + steps[..., y]
    price = base.price * np.exp(walk - walk.var(axis=0) / 2)
    ratio = base.realised / base.price
    return replace(
        base,
        price=price,
        realised=price * ratio,
        running=rng.uniform(0.8, 1.0, base.running.shape),
        delay_y=rng.gamma(2.0, 0.7, (count, p)),
        overrun=rng.normal(0.0, 0.2, (count, p)),
        success_u=rng.uniform(size=(count, p)),
        unaided_u=rng.uniform(size=(count, p)),
        restart_u=rng.uniform(size=(count, p)),
        rival_y=rng.exponential(8.0, (count, p)),
        takeover_y=rng.exponential(40.0, (count, p)),
        rival_allied=rng.uniform(size=(count, p)) < 0.5,
        **values,
    )
