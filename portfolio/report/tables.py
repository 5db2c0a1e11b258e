"""Tables of a portfolio: who funds what, what it changed, how budgets are used, what binds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models import Decision, Instance
from models.instance import CONTRACTS
from portfolio.assemble import Assembly
from portfolio.case.records import Case

BINDING = 1e-3
"""Slack below this part of a limit counts as binding."""


def portfolio_table(assembly: Assembly, decision: Decision) -> pd.DataFrame:
    """Every commitment, one row per member, project and instrument; purchases for the stockpile last.

    Columns: project, name, country, window, structure, instrument, kind, member, share (of uses for money, of output
    for contracts), usd_m (money kinds and the amount covered by guarantees), tpy (contracted output of the largest
    material, contained t/y), material, charge_usd_m (to the member's budget), cost_usd_m (expected public cost).
    """
    instance, case = assembly.instance, assembly.case
    names = {p.project: p for p in case.projects}
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
                "structure": structure,
                "instrument": instrument,
                "kind": kind,
                "member": member,
                "share": share,
                "usd_m": 0.0 if kind in CONTRACTS else share * option.uses_usd_m,
                "tpy": share * tonnes if kind in CONTRACTS else 0.0,
                "material": material if kind in CONTRACTS else "",
                "charge_usd_m": share * data.charge_usd_m,
                "cost_usd_m": share * data.cost_usd_m,
            }
        )
    return pd.DataFrame(rows + list(_purchases(instance, decision)), columns=list(_COLUMNS))


_COLUMNS = (
    "project",
    "name",
    "country",
    "window",
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


def _purchases(instance: Instance, decision: Decision) -> Iterator[dict[str, object]]:
    for (member, material, window), tonnes in sorted(decision.purchase.items(), key=lambda item: item[0][2]):
        cost = tonnes * float(instance.stock_cost[instance.materials.index(material), instance.windows.index(window)])
        yield {
            "project": "",
            "name": f"stockpile of {instance.region_of[member]}",
            "country": "",
            "window": window,
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
    rows = []
    for member in instance.members:
        for n, window in enumerate(instance.windows):
            charge = sum(
                instance.shares[k].charge_usd_m * x
                for k, x in decision.share.items()
                if (k[0], k[4]) == (member, window)
            )
            charge += sum(
                instance.fixed_cost[i] * instance.cost_key.get((member, i), 0.0) * x
                for (_, i, v), x in decision.use.items()
                if v == window
            )
            charge += sum(
                instance.admin_usd_m * x for (f, _, v), x in decision.take.items() if (f, v) == (member, window)
            )
            charge += sum(
                float(instance.stock_cost[instance.materials.index(m), n]) * x
                for (f, m, v), x in decision.purchase.items()
                if (f, v) == (member, window)
            )
            budget = instance.budget.get((member, window), 0.0)
            rows.append({"member": member, "window": window, "charge_usd_m": charge, "budget_usd_m": budget})
    return pd.DataFrame(rows)


def limits(instance: Instance, decision: Decision) -> list[Use]:
    """Use of every limit that may bind: budgets, liquidity, feed, purchases."""
    found = list(_budgets(instance, decision))
    for member in instance.members:
        used = sum(instance.shares[k].payout95_usd_m * x for k, x in decision.share.items() if k[0] == member)
        if used > 0:
            found.append(Use("liquidity line (7b)", member, used, instance.liquidity[member], "USD M/y"))
    found += _feed(instance, decision)
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
