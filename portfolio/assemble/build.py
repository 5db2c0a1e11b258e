"""Put a case, a sample and project finance together into one programme."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from models import Instance, Scenarios
from models.terms import OptionKey, ShareKey
from portfolio.assemble import supply
from portfolio.assemble.affordable import without_impossible
from portfolio.assemble.benchmarks import Domestic, counted_benchmarks, domestic
from portfolio.assemble.options import Choice, LeftOut, choices, required
from portfolio.assemble.pricing import Report, priced
from portfolio.assemble.production import produce
from portfolio.case.records import Case
from portfolio.finance.types import Commitment
from portfolio.scenarios.cells import Cells
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.prices import expected_price

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Assembly:
    """A programme and what it was made from.

    ``choices`` holds the financing behind every option by (project, structure); ``commitments`` what a unit of every
    share costs under each convention; ``left_out`` what may not be chosen and why; ``incumbents`` the mean offer of
    each supplier by year, t/y; ``domestic`` what benchmarks are about, None where the case names no region for them.
    """

    case: Case
    instance: Instance
    drivers: Drivers
    cost_drivers: Drivers
    price: Array
    choices: Mapping[tuple[str, str], Choice]
    commitments: Mapping[ShareKey, Commitment]
    left_out: tuple[LeftOut, ...]
    incumbents: Array
    domestic: Domestic | None = None


def assemble(
    case: Case,
    drivers: Drivers,
    cost_drivers: Drivers,
    report: Report | None = None,
    *,
    only: Collection[OptionKey] | None = None,
) -> Assembly:
    """Build the programme of a case on a sample; charges come from ``cost_drivers``, a sample of their own.

    With ``only`` the programme has these options and no others, whether or not they yield anything on this sample:
    what a portfolio chosen on another sample leads to on this one. Their financing and charges are the same as in the
    whole programme, since neither depends on the sample.

    Raises
    ------
    ValueError
        Where one of ``only`` is no option of the case.
    """
    price = expected_price(case)
    kept, left = choices(case, price)
    if only is not None:
        kept = required(case, kept, left, only)
    by_key = {(c.project.project, c.structure.structure): c for c in kept}
    costs = priced(case, kept, drivers, cost_drivers, report, only=only)
    offers = supply.incumbents(case, drivers)
    instance = Instance(
        **_labels(case),
        **rules(case),
        **_arrays(case, price),
        options=costs.options,
        shares=costs.shares,
        payouts=costs.payouts,
        scenarios=_scenarios(case, drivers, offers),
    )
    # What cannot be had is not simulated on the sample: plants come last.
    instance, impossible = without_impossible(instance) if only is None else (instance, ())
    instance = _with_plants(case, instance, by_key, drivers, price)
    at_home = domestic(case, drivers)
    # Benchmarks are about means over the scenarios a portfolio is chosen on.
    counted = counted_benchmarks(case, at_home, instance) if only is None else {}
    return Assembly(
        case=case,
        instance=replace(instance, benchmarks=counted),
        drivers=drivers,
        cost_drivers=cost_drivers,
        price=price,
        choices=by_key,
        commitments={key: costs.commitments[key] for key in instance.shares},
        left_out=left + costs.left_out + impossible,
        incumbents=offers.by_supplier,
        domestic=at_home,
    )


def resampled(assembly: Assembly, drivers: Drivers) -> Assembly:
    """Return the same programme, options, charges and benchmarks counted, on other scenarios."""
    case, offers = assembly.case, supply.incumbents(assembly.case, drivers)
    instance = replace(assembly.instance, scenarios=_scenarios(case, drivers, offers))
    return replace(
        assembly,
        instance=_with_plants(case, instance, assembly.choices, drivers, assembly.price),
        drivers=drivers,
        incumbents=offers.by_supplier,
        domestic=domestic(case, drivers),
    )


def _with_plants(
    case: Case, instance: Instance, choices: Mapping[tuple[str, str], Choice], drivers: Drivers, price: Array
) -> Instance:
    """Fill in what projects yield in each scenario, under every option and without support."""
    made = produce(case, instance.options, choices, drivers, price)
    filled = replace(
        instance.scenarios,
        output=cast(Array, made.output),
        contracted=cast(Array, made.contracted),
        unaided=made.unaided,
        lost=made.lost,
    )
    return replace(instance, scenarios=filled)


def _labels(case: Case) -> dict[str, Any]:
    """Sets of the programme and what belongs to whom."""
    return {
        "regions": case.region_names,
        "materials": case.material_names,
        "stages": case.stage_names,
        "years": case.years,
        "members": tuple(m.member for m in case.members),
        "projects": case.project_names,
        "instruments": tuple(i.instrument for i in case.instruments),
        "windows": case.windows,
        "countries": _countries(case),
        "region_of": {m.member: m.region for m in case.members},
        "country_of": {p.project: p.country for p in case.projects},
        "kind_of": {i.instrument: i.kind for i in case.instruments},
    }


def rules(case: Case) -> dict[str, Any]:
    """Return terms, budgets, policy and risk of the programme, by field of the instance."""
    policy = case.settings.policy
    return {
        "rights_ratio": {i.instrument: i.rights for i in case.instruments},
        "share_bounds": {i.instrument: (i.min_share, i.max_share) for i in case.instruments},
        "fixed_cost": {i.instrument: i.fixed_cost_usd_m for i in case.instruments},
        "cost_key": _cost_key(case),
        "min_ticket": {m.member: m.min_ticket_usd_m for m in case.members},
        "admin_usd_m": case.settings.finance.admin_usd_m,
        "budget": {(b.member, b.window): b.budget_usd_m for b in case.budgets},
        "liquidity": liquidity(case),
        "payout_limit": {
            m.member: m.payout_cvar_limit_usd_m for m in case.members if m.payout_cvar_limit_usd_m is not None
        },
        "payout_level": policy.payout_cvar_level,
        "relend": policy.relend,
        "must": frozenset(policy.must),
        "private_minimum": policy.private_minimum,
        "max_project_share": policy.max_project_share,
        "max_country_share": policy.max_country_share,
        "placeable_share": policy.placeable_share,
        "crisis_access": case.settings.finance.crisis_access,
        "crisis_performance": case.settings.finance.crisis_performance,
        "stock_loss": policy.stock_loss,
        "release_any": policy.release == "any",
        "transfer_cost": case.settings.objective.transfer_cost,
        "cvar_weight": case.settings.risk.cvar_weight,
        "cvar_level": case.settings.risk.cvar_level,
        "cost_weight": case.settings.objective.cost_weight,
    }


def _arrays(case: Case, price: Array) -> dict[str, Any]:
    """Arrays of the programme that no scenario changes."""
    demand, plants = supply.forecast(case), supply.plants(case)
    stage = next((k for k, s in enumerate(case.stages) if s.stock), -1)
    return {
        "captive": plants.captive,
        "process": plants.process,
        "precommitted": plants.precommitted,
        "precommitted_to": plants.precommitted_to,
        "access": plants.access,
        "utilisation": plants.utilisation,
        "incumbent_feed": supply.incumbent_feed(case, demand),
        "forecast": demand,
        "slots": supply.slots(case),
        "recovery": np.array([s.recovery for s in case.stages]),
        "solidarity": supply.solidarity(case, demand),
        "stock_stage": stage,
        "opening": supply.opening(case),
        "stock_cost": supply.stock_cost(case, price),
        "purchase_limit": supply.purchase_limit(case, demand, stage),
        "shallow_share": np.array([m.shallow_share for m in case.materials]),
        "weight": supply.weights(case),
        "agreed_ratio": np.array([r.agreed_ratio for r in case.regions]),
        "fairness_weight": supply.fairness_weight(case, demand),
    }


def _countries(case: Case) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p.country for p in case.projects))


def _scenarios(case: Case, drivers: Drivers, offers: supply.Incumbents) -> Scenarios:
    """Scenario data of the programme but for what projects yield."""
    nothing = np.zeros((0, 0, len(case.years)))
    at = [case.country_names.index(c) for c in _countries(case)]
    return Scenarios(
        probability=drivers.probability / drivers.probability.sum(),
        disrupted=drivers.disrupted,
        demand=drivers.demand,
        imports=offers.imports,
        toll=offers.toll,
        reexport=offers.reexport,
        available=_of_countries(drivers.available, at),
        cut=drivers.cut,
        output=nothing,
        contracted=nothing,
        unaided=nothing,
        lost=np.zeros((0, 0, 0), dtype=bool),
    )


def _of_countries(available: Array | Cells, at: list[int]) -> Array:
    """Availability of the goods of some countries; compact where it is."""
    return cast(Array, available.first(at) if isinstance(available, Cells) else available[:, at])


def _cost_key(case: Case) -> dict[tuple[str, str], float]:
    """Part of an instrument's fixed cost that each member bears: by budget, among those that may use it."""
    total: dict[str, float] = {m.member: 0.0 for m in case.members}
    for row in case.budgets:
        total[row.member] += row.budget_usd_m
    key: dict[tuple[str, str], float] = {}
    for instrument in case.instruments:
        may = [e.member for e in case.eligibility if e.instrument == instrument.instrument]
        together = sum(total[m] for m in may)
        for m in may:
            key[m, instrument.instrument] = total[m] / together if together > 0 else 1.0 / len(may)
    return key


def liquidity(case: Case) -> dict[str, float]:
    """Yearly payout line of each member, USD M."""
    share = case.settings.finance.liquidity_share
    return {
        m.member: m.liquidity_line_usd_m
        if m.liquidity_line_usd_m is not None
        else share * sum(b.budget_usd_m for b in case.budgets if b.member == m.member)
        for m in case.members
    }
