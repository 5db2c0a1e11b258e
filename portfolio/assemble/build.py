"""Put a case, a sample and project finance together into one programme."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from models import Instance, Option, Scenarios, Share
from models.instance import OptionKey, ShareKey
from portfolio.assemble import supply
from portfolio.assemble.affordable import without_impossible
from portfolio.assemble.options import NEGLIGIBLE, Choice, LeftOut, choices, keys, option
from portfolio.case.records import Case
from portfolio.case.tables import Eligibility, Instrument
from portfolio.finance.charges import cash_flows, commitments
from portfolio.finance.simulate import simulate
from portfolio.finance.types import CONVENTIONS, Commitment, PlantPath
from portfolio.finance.unaided import unaided
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.prices import expected_price

Array = npt.NDArray[np.float64]
Report = Callable[[str, int, int], None]
"""Called with a phase, what is done and how much there is to do."""


@dataclass(frozen=True)
class Assembly:
    """A programme and what it was made from.

    ``choices`` holds the financing behind every option by (project, structure); ``commitments`` what a unit of every
    share costs under each convention; ``left_out`` what may not be chosen and why; ``incumbents`` the mean offer of
    each supplier by year, t/y.
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


@dataclass(frozen=True)
class _Simulated:
    """Options with an effect within the horizon: data, shares, and their output on the sample optimised over."""

    options: dict[OptionKey, Option]
    shares: dict[ShareKey, Share]
    commitments: dict[ShareKey, Commitment]
    output: list[Array]
    contracted: list[Array]
    lost: npt.NDArray[np.bool_]
    left_out: tuple[LeftOut, ...]


def assemble(case: Case, drivers: Drivers, cost_drivers: Drivers, report: Report | None = None) -> Assembly:
    """Build the programme of a case on a sample; charges come from ``cost_drivers``, a sample of their own."""
    price = expected_price(case)
    kept, left = choices(case, price)
    simulated = _simulate(case, kept, drivers, cost_drivers, report)
    offers = supply.incumbents(case, drivers)
    instance = Instance(
        **_labels(case),
        **_rules(case),
        **_arrays(case, price),
        options=simulated.options,
        shares=simulated.shares,
        scenarios=_scenarios(case, drivers, offers, simulated, price),
    )
    instance, impossible = without_impossible(instance)
    return Assembly(
        case=case,
        instance=instance,
        drivers=drivers,
        cost_drivers=cost_drivers,
        price=price,
        choices={(c.project.project, c.structure.structure): c for c in kept},
        commitments={key: simulated.commitments[key] for key in instance.shares},
        left_out=left + simulated.left_out + impossible,
        incumbents=offers.by_supplier,
    )


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


def _rules(case: Case) -> dict[str, Any]:
    """Terms, budgets, policy and risk of the programme."""
    policy = case.settings.policy
    return {
        "rights_ratio": {i.instrument: i.rights for i in case.instruments},
        "share_bounds": {i.instrument: (i.min_share, i.max_share) for i in case.instruments},
        "fixed_cost": {i.instrument: i.fixed_cost_usd_m for i in case.instruments},
        "cost_key": _cost_key(case),
        "min_ticket": {m.member: m.min_ticket_usd_m for m in case.members},
        "admin_usd_m": case.settings.finance.admin_usd_m,
        "budget": {(b.member, b.window): b.budget_usd_m for b in case.budgets},
        "liquidity": _liquidity(case),
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


def _simulate(
    case: Case, kept: tuple[Choice, ...], drivers: Drivers, cost_drivers: Drivers, report: Report | None
) -> _Simulated:
    """Simulate the plant of every option on both samples; leave out options that yield nothing in the horizon."""
    found = _Simulated({}, {}, {}, [], [], _lost(case, drivers), ())
    late: list[LeftOut] = []
    total = len(kept) * len(case.windows)
    for done, (key, choice) in enumerate(keys(case, kept)):
        if report is not None:
            report("simulating projects", done, total)
        window = key[2]
        path = simulate(case, choice.project, choice.structure, choice.financing, window, drivers)
        if not path.output.any():
            late.append(LeftOut(key[0], key[1], f"closing in {window} it yields nothing within the horizon"))
            continue
        found.options[key] = option(case, choice, window)
        found.output.append(path.output)
        found.contracted.append(path.contracted)
        _add_shares(case, key, choice, cost_drivers, found)
    if report is not None:
        report("simulating projects", total, total)
    return replace(found, left_out=tuple(late))


def _add_shares(case: Case, key: OptionKey, choice: Choice, cost_drivers: Drivers, found: _Simulated) -> None:
    """Price every share of an option on the cost sample."""
    project, structure, window = choice.project, choice.structure, key[2]
    path = simulate(case, project, structure, choice.financing, window, cost_drivers)
    terms = (case, project, structure, choice.financing, window, path)
    flows = cash_flows(*terms)
    for eligible, instrument in choice.seats:
        if not _useful(choice, instrument):
            continue
        share_key = (eligible.member, key[0], instrument.instrument, key[1], window)
        priced = commitments(*terms, instrument, eligible, flows=flows)
        if instrument.kind == "cfd" and priced.exposure_usd_m <= NEGLIGIBLE:
            continue  # a contract that can never pay protects nothing: it would be support for free
        found.commitments[share_key] = priced
        found.shares[share_key] = Share(
            charge_usd_m=float(priced.charge_usd_m[CONVENTIONS.index(eligible.convention)]),
            cost_usd_m=priced.cost_usd_m,
            payout95_usd_m=priced.payout95_usd_m,
            cap=_cap(eligible, instrument),
            repaid_usd_m=_repaid(case, choice, instrument, path),
        )


def _useful(choice: Choice, instrument: Instrument) -> bool:
    """Whether (3) and (4) let a share of the instrument be positive."""
    if instrument.max_share <= 0:
        return False
    if instrument.kind in ("cfd", "offtake"):
        return choice.structure.tranche > 0
    if instrument.kind == "guarantee":
        return choice.guaranteed > 0
    return choice.gap > 0


def _cap(eligible: Eligibility, instrument: Instrument) -> float:
    """Most of the basis of (5): a guarantee's limit is on the part of the loan it covers, its share on the loan."""
    if instrument.kind == "guarantee" and instrument.cover > 0:
        return min(1.0, eligible.max_share / instrument.cover)
    return eligible.max_share


def _repaid(case: Case, choice: Choice, instrument: Instrument, path: PlantPath) -> tuple[tuple[int, float], ...]:
    """Expected loan service received before each window per unit share, USD M; nothing where it is not lent again."""
    if not case.settings.policy.relend or instrument.kind != "loan":
        return ()
    received = choice.financing.uses_usd_m * path.loan_service.mean(axis=0)
    return tuple((v, float(received[: case.years.index(v)].sum())) for v in case.windows)


def _lost(case: Case, drivers: Drivers) -> npt.NDArray[np.bool_]:
    """Whether a rival takes each project before each window, shape (N, P, V)."""
    after = np.array(case.windows) - case.years[0]
    return np.asarray(drivers.rival_y[:, :, None] < after)


def _countries(case: Case) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p.country for p in case.projects))


def _scenarios(
    case: Case, drivers: Drivers, offers: supply.Incumbents, simulated: _Simulated, price: Array
) -> Scenarios:
    """Scenario data of the programme."""
    none = np.zeros((drivers.size, 0, len(case.years)))
    at = [case.country_names.index(c) for c in _countries(case)]
    alone = np.stack([unaided(case, p, drivers, price) for p in case.projects], axis=1)
    return Scenarios(
        probability=drivers.probability / drivers.probability.sum(),
        disrupted=drivers.disrupted,
        demand=drivers.demand,
        imports=offers.imports,
        toll=offers.toll,
        reexport=offers.reexport,
        available=drivers.available[:, at],
        cut=drivers.cut,
        output=np.stack(simulated.output, axis=1) if simulated.output else none,
        contracted=np.stack(simulated.contracted, axis=1) if simulated.contracted else none,
        unaided=alone,
        lost=simulated.lost,
    )


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


def _liquidity(case: Case) -> dict[str, float]:
    """Yearly payout line of each member, USD M."""
    share = case.settings.finance.liquidity_share
    return {
        m.member: m.liquidity_line_usd_m
        if m.liquidity_line_usd_m is not None
        else share * sum(b.budget_usd_m for b in case.budgets if b.member == m.member)
        for m in case.members
    }
