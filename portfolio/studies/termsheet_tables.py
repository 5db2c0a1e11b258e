"""Tables of a term sheet: offers, terms, conditions precedent, what is asked of each member, who pays when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from models import Decision
from portfolio.assemble.supply import stock_cost
from portfolio.case.records import Case
from portfolio.engine.programme import Array
from portfolio.finance.closing import assumed_public_loan, lost_before, success_probability
from portfolio.finance.ledger import Position, commitment, deals, ledger, position_flows
from portfolio.finance.simulate import built
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.sampling import sample
from portfolio.studies.offers import NAME, Bench, Offer, Package, Trial

TRADED = ("share", "strike_usd_kg", "term_y", "public_money_usd_m", "guaranteed_usd_m")
"""What is traded off: on the frontier is what no other offer that works undercuts in one without asking more."""
STRIKE, MONEY = "least strike", "least money"
"""What the strike of an offer is the one of."""
NOW, LEAST, WHOLE = "as it is", "least", "whole portfolio"
P95 = 0.95


def offer_row(bench: Bench, trial: Trial, asked: float, split: Package | str) -> dict[str, Any]:
    """A row of the table of offers; all values plain, so that it can be kept as a piece."""
    offer, f, i = trial.offer, trial.financing, trial.survival
    given = isinstance(split, Package)
    survives = trial.works(asked)
    row: dict[str, Any] = {
        "debt": offer.debt,
        "share": offer.share,
        "term_y": offer.term_y if offer.share > 0 else 0.0,
        "strike_usd_kg": float(f.strike[bench.main]) if offer.share > 0 else 0.0,
        "volume_tpy": float(offer.share * bench.plant.volume[bench.main]),
        "works": int(survives and given),
        "survives": int(survives),
        "closes": int(not trial.obstacle),
        "survival": None if i is None else i.estimate,
        "low": None if i is None else i.low,
        "high": None if i is None else i.high,
        "sure": int(i is not None and i.low >= asked),
        "scenarios": 0 if i is None else i.n,
        "alive_in": bench.year(offer),
        "public_money_usd_m": f.gap_usd_m,
        "private_debt_usd_m": f.private_debt_usd_m,
        "guaranteed_usd_m": f.guaranteed_debt_usd_m,
        "charge_usd_m": None,
        "expected_cost_usd_m": None,
        "exposure_usd_m": None,
        "why": _why(trial, asked, split),
    }
    if isinstance(split, Package):
        held = split.decision.share
        units = split.assembly.commitments
        row["charge_usd_m"] = sum(split.assembly.instance.shares[k].charge_usd_m * x for k, x in held.items())
        row["expected_cost_usd_m"] = split.decision.public_cost(split.assembly.instance)
        row["exposure_usd_m"] = sum(units[k].exposure_usd_m * x for k, x in held.items())
    return row


def _why(trial: Trial, asked: float, split: Package | str) -> str:
    """Why an offer does not work; "" where it does."""
    if trial.obstacle:
        return trial.obstacle
    if trial.survival is None:
        return "it is open by schedule in no scenario of the sample"
    if not trial.works(asked):
        top = "at no strike up to the ceiling" if trial.offer.share > 0 else "without price protection not"
        return f"{top} alive with the probability asked for"
    return split if isinstance(split, str) else ""


def as_it_is(bench: Bench, positions: Sequence[Position]) -> Trial:
    """The package of the portfolio, simulated with its own loans and grants."""
    kinds = {i.instrument: i.kind for i in bench.case.instruments}
    offer = Offer(bench.base.debt, bench.base.tranche, None, bench.base.term_y)
    uses = bench.financing(offer).uses_usd_m
    loan, grant = (sum(p.share for p in positions if kinds[p.instrument] == k) * uses for k in ("loan", "grant"))
    return bench.trial(offer, loan, grant)


def sheet(bench: Bench, now: Trial | None, least: Trial | None) -> pd.DataFrame:
    """Terms side by side: the package as it is in the portfolio, and the least that works."""
    columns = [{} if t is None else _terms(bench, t) for t in (now, least)]
    rows = []
    for item, unit, source in ITEMS:
        values = [c.get(item) for c in columns]
        if any(v is not None for v in values):
            rows.append({"item": item, "unit": unit, "as_it_is": values[0], "least": values[1], "source": source})
    return pd.DataFrame(rows, columns=["item", "unit", "as_it_is", "least", "source"])


SIZED = "sizing (docs/finance.md)"
SIMULATED = "simulation of the plant's cash on fresh scenarios"
ITEMS = (
    ("private debt", "kind", "structures.csv debt"),
    ("share of output under price protection", "fraction", "offer"),
    ("volume of the main material", "t/y", "project_outputs.csv capacity_tpy, share"),
    ("strike of the main material", "USD/kg", "offer; others in proportion to price"),
    ("strike over expected price", "ratio", "materials.csv price_longrun, ex_china_premium"),
    ("term of contracts", "y", "offer"),
    ("uses of funds", "USD M", SIZED),
    ("sponsor's equity", "USD M", SIZED),
    ("committed third-party money", "USD M", "projects.csv third_equity, third_loan, third_grant"),
    ("private lenders' debt", "USD M", SIZED),
    ("of it under guarantee", "USD M", SIZED),
    ("public money to fill the gap (4)", "USD M", SIZED),
    ("public loans at most (4b)", "USD M", SIZED),
    ("probability of being alive", "fraction", SIMULATED),
    ("lower limit", "fraction", "Clopper-Pearson"),
    ("upper limit", "fraction", "Clopper-Pearson"),
)
"""Lines of a sheet: what, unit, where the number comes from."""


def _terms(bench: Bench, trial: Trial) -> dict[str, Any]:
    """Values of the lines of a sheet."""
    offer, f, i = trial.offer, trial.financing, trial.survival
    protected = offer.share > 0
    strike = float(f.strike[bench.main])
    return {
        "private debt": offer.debt,
        "share of output under price protection": offer.share,
        "volume of the main material": offer.share * float(bench.plant.volume[bench.main]),
        "strike of the main material": strike if protected else None,
        "strike over expected price": strike / bench.expected if protected else None,
        "term of contracts": offer.term_y,
        "uses of funds": f.uses_usd_m,
        "sponsor's equity": f.sponsor_usd_m,
        "committed third-party money": f.third_equity_usd_m + f.third_loan_usd_m + f.third_grant_usd_m,
        "private lenders' debt": f.private_debt_usd_m,
        "of it under guarantee": f.guaranteed_debt_usd_m,
        "public money to fill the gap (4)": f.gap_usd_m,
        "public loans at most (4b)": assumed_public_loan(f),
        "probability of being alive": None if i is None else i.estimate,
        "lower limit": None if i is None else i.low,
        "upper limit": None if i is None else i.high,
    }


def conditions(bench: Bench, trial: Trial | None) -> pd.DataFrame:
    """Conditions precedent as far as the model knows them."""
    p, finance, case = bench.project, bench.case.settings.finance, bench.case
    rivals = lost_before(case, p, bench.window, bench.drivers)
    made = built(case, p, bench.window, bench.drivers)
    rows = [
        ("the project is won by no rival before close", 1.0 - float(rivals.mean()), "probability",
         "projects.csv rival_rate"),
        ("technical success within contingency, facility and calls", success_probability(finance, p), "probability",
         "projects.csv p_by_2040, finance.support_uplift"),
        ("both, and no overrun beyond what is funded", float(made.mean()), "probability", "fresh scenarios"),
        ("members fund calls for overruns beyond the facility up to", finance.overrun_call * p.capex_usd_m, "USD M",
         "finance.overrun_call x capex_usd_m"),
        ("operation starts at most so late, or contracts lapse", finance.lapse_delay_y, "y", "finance.lapse_delay_y"),
    ]  # fmt: skip
    if trial is not None:
        f = trial.financing
        rows += [
            ("the sponsor's equity is paid in", f.sponsor_usd_m, "USD M", SIZED),
            ("third parties' money is committed", f.third_equity_usd_m + f.third_loan_usd_m + f.third_grant_usd_m,
             "USD M", "projects.csv"),
            ("private lenders commit", f.private_debt_usd_m, "USD M", SIZED),
            ("all debt is at most what can be served (4b)", f.debt_limit_usd_m, "USD M", SIZED),
        ]  # fmt: skip
    for row in case.project_outputs:
        if row.project == p.project and row.mode == "process":
            need = p.utilisation * row.capacity_tpy / case.stages[case.stage_names.index(row.stage)].recovery
            rows.append(
                (f"feed of {row.material} for {row.stage} is contracted (4c)", need, "t/y", "project_outputs.csv")
            )
        if row.project == p.project and row.precommitted > 0:
            rows.append(
                (f"{row.material} of {row.stage} is promised already", row.precommitted, "fraction", "precommitted")
            )
    return pd.DataFrame(rows, columns=["condition", "value", "unit", "source"])


def positions_of(decision: Decision) -> list[Position]:
    """Shares of a decision as the ledger takes them."""
    return [Position(f, p, i, a, v, x) for (f, p, i, a, v), x in sorted(decision.share.items()) if x > 1e-9]


def asked_of_members(
    bench: Bench,
    own: Sequence[Position],
    purchase: Mapping[tuple[str, str, int], float],
    least: tuple[Trial, Package] | None,
) -> dict[str, pd.DataFrame]:
    """Cash calls and exposures by member and package, and payments by member, year and line, with all charges."""
    case, name = bench.case, bench.project.project
    settings = case.settings.sampling
    costs = sample(case, settings.cost_scenarios, settings.cost_seed)
    mine = [p for p in own if p.project == name]
    rest = [p for p in own if p.project != name]
    asked: list[tuple[str, Case, list[Position]]] = []
    if mine:
        asked += [(NOW, case, mine), (f"{WHOLE}, {NOW}", case, [*mine, *rest])]
    if least is not None:
        offered = least[0].offer
        given = [
            Position(f, p, i, a, v, x) for (f, p, i, a, v), x in sorted(least[1].decision.share.items()) if x > 1e-9
        ]
        changed = replace(
            case,
            structures=(*case.structures, offered.structure(bench.base)),
            projects=tuple(offered.project(p) if p.project == name else p for p in case.projects),
        )
        asked += [(LEAST, changed, given), (f"{WHOLE}, {LEAST}", changed, [*given, *rest])]
    rows, payments = [], []
    for label, on, positions in asked:
        bought = purchase if label.startswith(WHOLE) else {}
        rows += _calls(label, on, positions, bought, bench.drivers, costs, bench.price)
        if not label.startswith(WHOLE):
            flows = ledger(on, positions, bench.drivers, bench.price, cost_drivers=costs)
            flows.insert(0, "package", label)
            payments.append(flows.drop(columns=["linear_usd_m", "difference_usd_m"]))
    empty = pd.DataFrame(columns=["package", "member", "p95_call_usd_m", "year_of_p95", "exposure_usd_m"])
    return {
        "members": pd.DataFrame(rows) if rows else empty,
        "payments": pd.concat(payments, ignore_index=True) if payments else pd.DataFrame(columns=["package"]),
    }


def _calls(
    label: str,
    case: Case,
    positions: Sequence[Position],
    purchase: Mapping[tuple[str, str, int], float],
    drivers: Drivers,
    costs: Drivers,
    price: Array,
) -> list[dict[str, Any]]:
    """P95 yearly cash call of every member over all its positions together, and the sum of maximum exposures.

    A call is what a member pays net of what it receives in the year, at least 0; its P95 is taken year by year over
    the scenarios, and the largest year counts, as for payouts (7b). Positions of a member in a scenario are added
    before, so that what does not come together is not counted as if it did. Purchases for the stockpile are paid in
    their window; they are no exposure.
    """
    shape = (drivers.size, len(case.years))
    net: defaultdict[str, Array] = defaultdict(lambda: np.zeros(shape))
    exposure: defaultdict[str, float] = defaultdict(float)
    for deal, on_costs in deals(case, positions, drivers, price, costs):
        for position in deal.positions:
            flows = position_flows(case, deal, position, deal.simulated, deal.money)
            net[position.member] += np.sum([flow for line, flow in flows.items() if line != "balance"], axis=0)
            unit = commitment(case, deal, position, on_costs[0])
            exposure[position.member] += position.share * unit.exposure_usd_m
    paid = stock_cost(case, price)
    for (member, material, window), tonnes in purchase.items():
        spent = paid[case.material_names.index(material), case.windows.index(window)] * tonnes
        net[member][:, case.years.index(window)] -= spent
    rows = []
    for member in sorted(net):
        p95 = np.quantile(np.maximum(-net[member], 0.0), P95, axis=0)
        rows.append(
            {
                "package": label,
                "member": member,
                "p95_call_usd_m": float(p95.max()),
                "year_of_p95": int(case.years[int(p95.argmax())]),
                "exposure_usd_m": exposure[member],
            }
        )
    return rows


__all__ = ["NAME", "TRADED", "as_it_is", "asked_of_members", "conditions", "offer_row", "sheet"]
