"""Tables of a portfolio: who funds what, what it changed, how budgets are used, what binds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models import Decision, Instance
from models.terms import CONTRACTS
from portfolio.assemble import Assembly
from portfolio.case.records import Case
from portfolio.evaluation.feasibility import charge, payout_tail, placed_offtake
from portfolio.finance.ledger import COLUMNS, Position, ledger
from portfolio.finance.types import CONVENTIONS

BINDING = 1e-3
"""Slack below this part of a limit counts as binding."""


def portfolio_table(assembly: Assembly, decision: Decision) -> pd.DataFrame:
    """Every commitment, one row per member, project and instrument; overhead and purchases for the stockpile last.

    Columns: project, name, country, window, advice (1 in the first window, 0 where it is only a plan), structure,
    instrument, kind, member, share (of uses for money, of output for contracts), usd_m (money kinds and the amount
    covered by guarantees), tpy (contracted output of the largest material, contained t/y; tonnes bought for the
    stockpile), material, charge_usd_m (to the member's budget), cost_usd_m (expected public cost, at least 0).
    Charges sum to the use of each budget. Kind ``overhead`` is administration and the member's part of the fixed
    costs of the instruments used.
    """
    instance, case = assembly.instance, assembly.case
    names = {p.project: p for p in case.projects}
    covers = {i.instrument: i.cover for i in case.instruments if i.kind == "guarantee"}
    rows = []
    for key, share in sorted(decision.share.items(), key=lambda item: (item[0][4], item[0][1], item[0][2], item[0][0])):
        member, project, instrument, structure, window = key
        option, data = instance.options[project, structure, window], instance.shares[key]
        kind = instance.kind_of[instrument]
        material, tonnes = main_output(case, project)
        rows.append(
            {
                "project": project,
                "name": names[project].name,
                "country": names[project].country,
                "window": window,
                "advice": int(window == instance.windows[0]),
                "structure": structure,
                "instrument": instrument,
                "kind": kind,
                "member": member,
                "share": share,
                "usd_m": 0.0 if kind in CONTRACTS else share * option.uses_usd_m * covers.get(instrument, 1.0),
                "tpy": share * tonnes if kind in CONTRACTS else 0.0,
                "material": material if kind in CONTRACTS else "",
                "charge_usd_m": share * data.charge_usd_m,
                "cost_usd_m": share * data.cost_usd_m,
            }
        )
    rows += [*_overhead(assembly, decision), *_purchases(instance, decision)]
    return pd.DataFrame(rows, columns=list(PORTFOLIO_COLUMNS))


PORTFOLIO_COLUMNS = (
    "project",
    "name",
    "country",
    "window",
    "advice",
    "structure",
    "instrument",
    "kind",
    "member",
    "share",
    "usd_m",
    "tpy",
    "material",
    "charge_usd_m",
    "cost_usd_m",
)


def _overhead(assembly: Assembly, decision: Decision) -> Iterator[dict[str, object]]:
    """Administration and fixed costs by member and project, which shares do not carry."""
    instance, records = assembly.instance, {p.project: p for p in assembly.case.projects}
    structure = {(p, v): a for p, a, v in decision.chosen}
    for project, window in sorted(structure, key=lambda key: (key[1], key[0])):
        used = {i: x for (p, i, v), x in decision.use.items() if (p, v) == (project, window)}
        for member in instance.members:
            # Summed in a fixed order, so that the same decision gives the same digits.
            cost = instance.admin_usd_m * decision.take.get((member, project, window), 0.0)
            cost += sum(
                instance.fixed_cost[i] * instance.bearers.get((member, project, i, window), 0.0) * used[i]
                for i in sorted(used)
            )
            if cost > 0:
                yield {
                    "project": project,
                    "name": records[project].name,
                    "country": records[project].country,
                    "window": window,
                    "advice": int(window == instance.windows[0]),
                    "structure": structure[project, window],
                    "instrument": "",
                    "kind": "overhead",
                    "member": member,
                    "share": 0.0,
                    "usd_m": cost,
                    "tpy": 0.0,
                    "material": "",
                    "charge_usd_m": cost,
                    "cost_usd_m": cost,
                }


def _purchases(instance: Instance, decision: Decision) -> Iterator[dict[str, object]]:
    for (member, material, window), tonnes in sorted(
        decision.purchase.items(), key=lambda item: (item[0][2], item[0][0], item[0][1])
    ):
        cost = tonnes * float(instance.stock_cost[instance.materials.index(material), instance.windows.index(window)])
        yield {
            "project": "",
            "name": f"stockpile of {instance.region_of[member]}",
            "country": "",
            "window": window,
            "advice": int(window == instance.windows[0]),
            "structure": "",
            "instrument": "stockpile",
            "kind": "stockpile",
            "member": member,
            "share": 0.0,
            "usd_m": cost,
            "tpy": tonnes,
            "material": material,
            "charge_usd_m": cost,
            "cost_usd_m": cost,
        }


def main_output(case: Case, project: str) -> tuple[str, float]:
    """Material of largest value a project yields at its last stage, and nameplate in contained t/y."""
    price = {m.material: m.price_longrun for m in case.materials}
    last = max(case.stage_names.index(o.stage) for o in case.outputs[project])
    tonnes: dict[str, float] = {}
    for output in case.outputs[project]:
        if case.stage_names.index(output.stage) == last:
            tonnes[output.material] = tonnes.get(output.material, 0.0) + output.capacity_tpy
    best = max(tonnes, key=lambda m: tonnes[m] * price[m])
    return best, tonnes[best]


def projects_table(assembly: Assembly, decision: Decision) -> pd.DataFrame:
    """What support changed for every project it goes to.

    Columns: project, name, country, window, structure, uses_usd_m, support_usd_m (money), private_debt_usd_m,
    closes_without, closes_with (probability that it ever produces), runs_without, runs_with (share of the years from
    its planned start to the end of the horizon in which it produces), output_without, output_with (mean share of
    nameplate over those years), rights_<region> (share of output).
    """
    instance, s = assembly.instance, assembly.instance.scenarios
    rows = []
    for key in sorted(decision.chosen, key=lambda k: (k[2], k[0])):
        project, structure, window = key
        p, j = instance.projects.index(project), instance.option_index[key]
        record, choice = assembly.case.projects[p], assembly.choices[project, structure]
        from_year = np.searchsorted(instance.years, instance.options[key].first_year)
        kept = ~s.lost[:, p, instance.windows.index(window)]
        with_fund = np.where(kept[:, None], s.output[:, j], s.unaided[:, p])
        row: dict[str, object] = {
            "project": project,
            "name": record.name,
            "country": record.country,
            "window": window,
            "structure": structure,
            "uses_usd_m": choice.financing.uses_usd_m,
            "support_usd_m": choice.financing.gap_usd_m,
            "private_debt_usd_m": choice.financing.private_debt_usd_m,
        }
        for world, output in (("without", s.unaided[:, p]), ("with", with_fund)):
            later = output[:, from_year:]
            row[f"closes_{world}"] = float(s.probability @ output.any(axis=1))
            row[f"runs_{world}"] = float(s.probability @ (later > 0).mean(axis=1)) if later.size else 0.0
            row[f"output_{world}"] = float(s.probability @ later.mean(axis=1)) if later.size else 0.0
        for region in instance.regions:
            row[f"rights_{region}"] = decision.rights.get((region, *key), 0.0)
        rows.append(row)
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Use:
    """How far one limit is used; ``limit`` and ``used`` in ``unit``."""

    rule: str
    who: str
    used: float
    limit: float
    unit: str

    @property
    def binds(self) -> bool:
        """Whether nearly nothing is left."""
        return self.limit - self.used <= BINDING * max(abs(self.limit), 1e-9)


def charges(instance: Instance, decision: Decision) -> pd.DataFrame:
    """Charges by member and window, USD M: columns member, window, charge_usd_m, budget_usd_m (not cumulative)."""
    rows = [
        {
            "member": member,
            "window": window,
            "charge_usd_m": charge(instance, decision, member, [window]),
            "budget_usd_m": instance.budget.get((member, window), 0.0),
        }
        for member in instance.members
        for window in instance.windows
    ]
    return pd.DataFrame(rows)


def limits_table(instance: Instance, decision: Decision) -> pd.DataFrame:
    """Every limit of :func:`limits` as a row: rule, who, used, limit, unit, binds (1 where nearly nothing is left)."""
    rows = [(u.rule, u.who, u.used, u.limit, u.unit, int(u.binds)) for u in limits(instance, decision)]
    return pd.DataFrame(rows, columns=["rule", "who", "used", "limit", "unit", "binds"])


def limits(instance: Instance, decision: Decision) -> list[Use]:
    """Use of every limit that may bind: budgets, payouts, concentration, feed, offtake placed, purchases."""
    found = list(_budgets(instance, decision))
    for member in instance.members:
        used = sum(instance.shares[k].payout95_usd_m * x for k, x in decision.share.items() if k[0] == member)
        if used > 0:
            found.append(Use("liquidity line (7b)", member, used, instance.liquidity[member], "USD M/y"))
    found += [
        Use("tail of payouts (7c)", member, payout_tail(instance, decision, member), limit, "USD M")
        for member, limit in instance.payout_limit.items()
    ]
    found += [*_concentration(instance, decision), *_feed(instance, decision)]
    found += [
        Use("placeable offtake (6b)", f"{region} {stage} {material} {year}", used, limit, "t/y")
        for region, stage, material, year, used, limit in placed_offtake(instance, decision)
    ]
    for member, material, window in instance.purchases:
        bought = decision.purchase.get((member, material, window), 0.0)
        if bought > 0:
            at = (
                instance.regions.index(instance.region_of[member]),
                instance.materials.index(material),
                instance.windows.index(window),
            )
            limit = float(instance.purchase_limit[at])
            found.append(Use("stockpile purchases (12)", f"{member} {material} {window}", bought, limit, "t"))
    return found


def _budgets(instance: Instance, decision: Decision) -> Iterator[Use]:
    table = charges(instance, decision)
    for member, rows in table.groupby("member", sort=False):
        spent, budget = rows["charge_usd_m"].cumsum(), rows["budget_usd_m"].cumsum()
        for window, used, limit in zip(rows["window"], spent, budget, strict=True):
            yield Use("budget (7)", f"{member} to {window}", float(used), float(limit), "USD M")


def _concentration(instance: Instance, decision: Decision) -> Iterator[Use]:
    for what, share, by_project in (
        ("project", instance.max_project_share, True),
        ("country", instance.max_country_share, False),
    ):
        if share >= 1:
            continue
        charged: dict[str, float] = {}
        for key, x in sorted(decision.share.items()):
            name = key[1] if by_project else instance.country_of[key[1]]
            charged[name] = charged.get(name, 0.0) + instance.shares[key].charge_usd_m * x
        for name, used in sorted(charged.items()):
            yield Use(f"most for one {what} (8)", name, used, share * instance.total_budget, "USD M")


def _feed(instance: Instance, decision: Decision) -> list[Use]:
    found = []
    chosen = [instance.projects.index(p) for p, _, _ in decision.chosen]
    for k in range(1, len(instance.stages)):
        for m, material in enumerate(instance.materials):
            used = instance.utilisation[chosen]
            need = float((used * instance.process[chosen, k, m]).sum() / instance.recovery[k])
            own = float((instance.captive[chosen, k - 1, m] + used * instance.process[chosen, k - 1, m]).sum())
            if need > 0:
                limit = float(instance.incumbent_feed[k - 1, m]) + own
                found.append(Use("feed (4c)", f"{material} for {instance.stages[k]}", need, limit, "t/y"))
    return found


def suppliers_table(assembly: Assembly) -> pd.DataFrame:
    """Mean offer of every incumbent by year, t/y: source, kind, region, stage, material, year, mean_t."""
    rows = [
        (s.supplier, s.role, s.region, s.stage, s.material, year, float(mean))
        for s, offers in zip(assembly.case.suppliers, assembly.incumbents, strict=True)
        for year, mean in zip(assembly.instance.years, offers, strict=True)
        if mean > 0
    ]
    return pd.DataFrame(rows, columns=["source", "kind", "region", "stage", "material", "year", "mean_t"])


def full_ledger(assembly: Assembly, decision: Decision) -> pd.DataFrame:
    """Ledger of the whole portfolio: contracts as simulated, fixed costs of instruments, stockpile.

    Columns as in :data:`portfolio.finance.ledger.COLUMNS`. Lines added to those of contracts: ``set_up`` (a member's
    part of the fixed cost of instruments) and ``purchase`` (stockpile, holding included), each a cash flow and, under
    every convention, a charge. Rows of nothing are left out.
    """
    positions = [Position(f, p, i, a, v, share) for (f, p, i, a, v), share in sorted(decision.share.items())]
    booked = ledger(assembly.case, positions, assembly.drivers, assembly.price, cost_drivers=assembly.cost_drivers)
    rows = [row for entry in _other_costs(assembly.instance, decision) for row in _booked(*entry)]
    added = pd.DataFrame(rows, columns=list(COLUMNS))
    frames = [frame for frame in (booked, added) if len(frame)]
    if not frames:
        return pd.DataFrame(columns=list(COLUMNS))
    whole = pd.concat(frames, ignore_index=True)
    return whole.loc[(whole["simulated_usd_m"] != 0) | (whole["linear_usd_m"] != 0)].reset_index(drop=True)


def _other_costs(instance: Instance, decision: Decision) -> Iterator[tuple[str, int, str, str, str, float]]:
    """Member, year, project, instrument, line and cost of what no contract carries."""
    for (project, instrument, window), x in sorted(decision.use.items()):
        for member in instance.members:
            part = instance.bearers.get((member, project, instrument, window), 0.0)
            cost = instance.fixed_cost[instrument] * part * x
            yield member, window, project, instrument, "set_up", cost
    for row in _purchases(instance, decision):
        yield str(row["member"]), int(str(row["window"])), "", "stockpile", "purchase", float(str(row["usd_m"]))


def _booked(
    member: str, year: int, project: str, instrument: str, line: str, cost: float
) -> Iterator[tuple[object, ...]]:
    """Rows of a cost: the cash flow, and the same charge under every convention."""
    if cost <= 0:
        return
    yield member, year, project, instrument, line, "cash", -cost, -cost, 0.0
    for convention in CONVENTIONS:
        yield member, year, project, instrument, "charge", convention, cost, cost, 0.0
