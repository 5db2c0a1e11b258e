"""Small cases built from the records themselves, without files: what tests start from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from portfolio.case.records import Case
from portfolio.case.settings import Horizon, Settings, Title
from portfolio.case.tables import (
    Budget,
    Country,
    Demand,
    Eligibility,
    Event,
    Hazard,
    Instrument,
    Material,
    Member,
    Project,
    ProjectOutput,
    Region,
    Stage,
    Stock,
    Structure,
    Supplier,
)


def tiny_settings(**sections: Any) -> Settings:
    """Settings of the tiny case: 2027–2032, windows 2027 and 2028; sections may be replaced."""
    base = Settings(
        case=Title(name="tiny", currency_year=2027),
        horizon=Horizon(first_year=2027, last_year=2032, windows=(2027, 2028)),
    )
    return replace(base, **sections)


def tiny_hazard(**values: Any) -> Hazard:
    """Return an export hazard of China that hits everything, with fields replaced."""
    fields: dict[str, Any] = {
        "hazard": "embargo",
        "country": "CHN",
        "kind": "export",
        "rate": 0.2,
        "rate_events": 2.0,
        "severity_mean": 0.7,
        "severity_sd": 0.2,
        "duration_median_months": 4.0,
        "duration_sigma": 0.5,
    }
    return Hazard(**(fields | values))


def tiny_material(**values: Any) -> Material:
    """Return NdPr at a steady price without volatility, with fields replaced."""
    fields: dict[str, Any] = {
        "material": "NdPr",
        "price_now": 80.0,
        "price_longrun": 80.0,
        "volatility": 0.0,
        "halflife_y": 2.0,
        "weight": 1.0,
    }
    return Material(**(fields | values))


def tiny_project(**values: Any) -> Project:
    """Return a project without delay, overrun or rivals, with fields replaced."""
    fields: dict[str, Any] = {
        "project": "mine",
        "country": "AUS",
        "study_level": "dfs",
        "capex_usd_m": 500.0,
        "opex_usd_m_y": 60.0,
        "construction_y": 1.0,
        "first_production": 2028,
    }
    return Project(**(fields | values))


def _demand() -> tuple[Demand, ...]:
    cells = (
        ("EU", "separation", "NdPr", 1000.0),
        ("EU", "separation", "Dy", 50.0),
        ("JP", "separation", "NdPr", 2000.0),
        ("JP", "separation", "Dy", 100.0),
    )
    return tuple(
        Demand(region=r, stage=k, material=m, year=2027, low=0.8 * d, base=d, high=1.3 * d) for r, k, m, d in cells
    )


def _suppliers() -> tuple[Supplier, ...]:
    cells = (("EU", "NdPr", 1000.0), ("EU", "Dy", 50.0), ("JP", "NdPr", 2000.0), ("JP", "Dy", 100.0))
    china = tuple(
        Supplier(
            supplier="china",
            country="CHN",
            role="import",
            region=r,
            stage="separation",
            material=m,
            capacity_tpy=2 * d,
            share=0.9,
        )
        for r, m, d in cells
    )
    rest = tuple(
        Supplier(
            supplier="malaysia",
            country="MYS",
            role="import",
            region=r,
            stage="separation",
            material=m,
            capacity_tpy=0.1 * d,
            share=0.1,
        )
        for r, m, d in cells
    )
    feed = tuple(
        Supplier(
            supplier="feed",
            country="AUS",
            role="import",
            region=r,
            stage="mining",
            material="NdPr",
            capacity_tpy=300.0,
        )
        for r in ("EU", "JP")
    )
    return china + rest + feed


def tiny_case(**replacements: Any) -> Case:
    """Return a valid case of 2 regions, 2 materials and 2 stages, with whole tables or ``settings`` replaced.

    ``mine`` is captive (mining and separation in one: it supplies separated NdPr and Dy), ``plant`` separates
    bought feed. Nothing is uncertain but the embargo and demand, until a table is replaced.
    """
    tables: dict[str, Any] = {
        "settings": tiny_settings(),
        "members": (Member(member="EUF", region="EU"), Member(member="JOG", region="JP")),
        "regions": (Region(region="EU", market_access=0.15), Region(region="JP", market_access=0.35)),
        "materials": (
            tiny_material(),
            tiny_material(material="Dy", price_now=300.0, price_longrun=300.0, weight=4.0),
        ),
        "stages": (
            Stage(stage="mining", order=1),
            Stage(stage="separation", order=2, recovery=0.9, solidarity=0.2, stock=True),
        ),
        "stocks": (Stock(region="JP", material="NdPr", opening_t=100.0),),
        "suppliers": _suppliers(),
        "demand": _demand(),
        "hazards": (tiny_hazard(),),
        "projects": (
            tiny_project(),
            tiny_project(project="plant", country="EST", capex_usd_m=100.0, opex_usd_m_y=5.0, utilisation=0.8),
        ),
        "project_outputs": (
            ProjectOutput(
                project="mine",
                stage="separation",
                material="NdPr",
                mode="captive",
                capacity_tpy=1500.0,
                payable=0.97,
            ),
            ProjectOutput(
                project="mine",
                stage="separation",
                material="Dy",
                mode="captive",
                capacity_tpy=40.0,
                payable=0.97,
            ),
            ProjectOutput(
                project="plant",
                stage="separation",
                material="NdPr",
                mode="process",
                capacity_tpy=500.0,
                payable=0.0,
                fee_usd_kg=13.0,
            ),
        ),
        "structures": (
            Structure(structure="open", tranche=0.0, debt="patient"),
            Structure(structure="floor", tranche=0.6, debt="commercial"),
        ),
        "instruments": (
            Instrument(instrument="loan", kind="loan", rights=0.8),
            Instrument(instrument="equity", kind="equity", rights=1.0),
            Instrument(instrument="cfd", kind="cfd"),
            Instrument(instrument="offtake", kind="offtake", rights=1.0),
        ),
        "eligibility": tuple(
            Eligibility(member=f, instrument=i, convention="provisioning")
            for f in ("EUF", "JOG")
            for i in ("loan", "equity", "cfd", "offtake")
        ),
        "budgets": tuple(Budget(member=f, window=v, budget_usd_m=150.0) for f in ("EUF", "JOG") for v in (2027, 2028)),
        "countries": tuple(Country(country=c) for c in ("CHN", "AUS", "MYS", "EST")),
        "events": (
            Event(
                event="stop",
                effect="cut",
                country="CHN",
                kind="export",
                regions=("JP",),
                duration_months=4.0,
                severity=0.7,
                price_factor=1.5,
            ),
        ),
    }
    unknown = set(replacements) - set(tables)
    if unknown:
        raise TypeError(f"no such tables: {sorted(unknown)}")
    return Case(**(tables | replacements))
