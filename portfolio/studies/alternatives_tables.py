"""Tables, figures and caveats of near-optimal portfolios."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from models import Decision
from portfolio.assemble import Assembly
from portfolio.evaluation.intervals import Interval
from portfolio.report.study import Study
from portfolio.report.tables import portfolio_table
from portfolio.studies.differences import Weights, interval, paid
from portfolio.studies.differing import NEARLY, money
from portfolio.studies.points import Answer, Terms
from portfolio.studies.support import Support, Verdict


@dataclass(frozen=True)
class Alternative:
    """A portfolio within the slack; ``reuse`` and ``least`` as in :class:`portfolio.studies.differing.Jump`."""

    number: int
    answer: Answer
    reuse: float
    least: float


@dataclass(frozen=True)
class Found:
    """Near-optimal portfolios, the best first, and what is proven of every project.

    ``exhausted`` says that no other set of projects lies within the slack; ``most`` is the largest objective within
    it, ``floor`` the bound proven on all portfolios.
    """

    alternatives: tuple[Alternative, ...]
    exhausted: bool
    run: str = ""
    within: float = 0.0
    differ: str = "projects"
    most: float = 0.0
    floor: float = 0.0
    verdicts: tuple[Verdict, ...] = ()

    @property
    def best(self) -> Answer:
        """The first one."""
        return self.alternatives[0].answer


def study_of(found: Found, assembly: Assembly, terms: Terms) -> Study:
    """Put the study together."""
    title = assembly.case.settings.case
    projects = project_rows(found, assembly)
    tables = {
        "alternatives": pd.DataFrame(alternative_rows(found, assembly, terms)),
        "projects": pd.DataFrame(projects),
        "distances": pd.DataFrame(distance_rows(found, assembly), columns=list(DISTANCES)),
        "commitments": commitments(found, assembly),
    }
    by_support = {s.value: [r["project"] for r in projects if r["support"] == s.value] for s in Support}
    figures = {
        "run": found.run,
        "within": found.within,
        "differ": found.differ,
        "objective": found.best.objective,
        "bound": found.floor,
        "gap": max(0.0, found.best.objective - found.floor) / max(abs(found.best.objective), 1e-10),
        "most": found.most,
        "exhausted": found.exhausted,
        "scenarios": assembly.case.settings.sampling.scenarios,
        "seed": assembly.case.settings.sampling.seed,
        "fresh": terms.fresh,
        "level": terms.level,
        "support": by_support,
        "alternatives": _plain(tables["alternatives"]),
    }
    undecided = bool(by_support[Support.UNDECIDED.value])
    notes = _caveats(found, undecided, assembly, terms)
    return Study("alternatives", title.title or title.name, tables, figures, notes, 3 if undecided else 0)


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON takes them."""
    rows = table.to_dict(orient="records")
    return [
        {str(k): None if isinstance(v, float) and not abs(v) < float("inf") else v for k, v in row.items()}
        for row in rows
    ]


def alternative_rows(found: Found, assembly: Assembly, terms: Terms) -> list[dict[str, Any]]:
    """One row for each alternative: what it holds, costs, and how far it is from the best.

    ``above_best`` is the share of the best objective by which its own lies above; ``fresh_*`` the difference of
    objectives to the best on the same fresh scenarios, empty where they were not measured.
    """
    rows = []
    for a in found.alternatives:
        spread = None if a.number == 1 or terms.fresh == 0 else _difference(a.answer, found.best, assembly, terms)
        rows.append(
            {
                "alternative": a.number,
                "objective": a.answer.objective,
                "above_best": _share(a.answer.objective, found.best.objective),
                "projects": "; ".join(sorted(a.answer.supported)),
                "number_of_projects": len(a.answer.supported),
                "projects_differing": len(a.answer.supported ^ found.best.supported),
                "money_moved_share": moved(assembly, a.answer, found.best),
                "reuse": a.reuse,
                "least_reuse": a.least,
                "reuse_unit": "projects" if found.differ == "projects" else "usd_m",
                "public_cost_usd_m": a.answer.public_cost_usd_m,
                "charge_usd_m": sum(m["budget"] for m in a.answer.charges_usd_m.values()),
                "fresh_difference": None if spread is None else spread.estimate,
                "fresh_low": None if spread is None else spread.low,
                "fresh_high": None if spread is None else spread.high,
                "fresh_reliable": None if spread is None else spread.reliable,
            }
        )
    return rows


def _difference(one: Answer, other: Answer, assembly: Assembly, terms: Terms) -> Interval | None:
    """Paired difference of objectives on the fresh scenarios of the study."""
    if one.fresh is None or other.fresh is None:
        return None
    weights = Weights.of(assembly.case)
    return interval(paid(one, weights) - paid(other, weights), terms.level, weights.tail)


def _share(value: float, best: float) -> float:
    return (value - best) / max(abs(best), 1e-10)


def project_rows(found: Found, assembly: Assembly) -> list[dict[str, Any]]:
    """One row for each project of the case.

    ``with_*`` and ``without_*``: least objective found and bound proven of portfolios with it and without it, as a
    share above the best objective; empty where none was found or there is none.
    """
    by_name = {v.project: v for v in found.verdicts}
    best, why = found.best.objective, _left_out(assembly)
    rows = []
    for project in assembly.case.projects:
        name, v = project.project, by_name.get(project.project)
        support = Support.NONE if v is None else v.support(found.most)
        holding = [a for a in found.alternatives if name in a.answer.supported]
        row: dict[str, Any] = {
            "project": name,
            "name": project.name,
            "country": project.country,
            "support": support.value,
            "in_best": name in found.best.supported,
            "alternatives_with": len(holding),
        }
        for side, held in (("with", v and v.with_it), ("without", v and v.without_it)):
            row[f"{side}_above_best"] = _finite(_share(held.objective, best)) if held else None
            row[f"{side}_at_least"] = _finite(_share(held.bound, best)) if held else None
        row["reason"] = why.get(name, "no way to finance it is left") if v is None else _reason(v, assembly)
        rows.append(row)
    order = {s.value: n for n, s in enumerate(Support)}
    return sorted(rows, key=lambda r: (order[r["support"]], r["project"]))


def _reason(v: Verdict, assembly: Assembly) -> str:
    if v.project in assembly.instance.must:
        return "on the must list"
    if v.with_it.bound == float("inf"):
        return "no feasible portfolio holds it"
    return "no feasible portfolio is without it" if v.without_it.bound == float("inf") else ""


def _left_out(assembly: Assembly) -> dict[str, str]:
    """Why projects without any option have none, in words."""
    why: defaultdict[str, list[str]] = defaultdict(list)
    for item in assembly.left_out:
        if item.why not in why[item.project]:
            why[item.project].append(item.why)
    return {p: "; ".join(texts) for p, texts in why.items()}


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


DISTANCES = ("alternative", "other", "projects_differing", "money_moved_share")
"""Columns of the table of pairs."""


def distance_rows(found: Found, assembly: Assembly) -> list[dict[str, Any]]:
    """Every pair of alternatives: projects in one and not in the other, and the share of the money that is moved."""
    return [
        {
            "alternative": a.number,
            "other": b.number,
            "projects_differing": len(a.answer.supported ^ b.answer.supported),
            "money_moved_share": moved(assembly, a.answer, b.answer),
        }
        for a, b in combinations(found.alternatives, 2)
    ]


def moved(assembly: Assembly, one: Answer, other: Answer) -> float:
    """Share of the money that lies elsewhere: 1 - sum min(a, b) / max(sum a, sum b), by project and instrument.

    Money is what members' budgets are charged for shares. 0: all the same; 1: nothing in common.
    """
    a, b = money(assembly.instance, one.decision), money(assembly.instance, other.decision)
    most = max(sum(a.values()), sum(b.values()))
    common = sum(min(a.get(k, 0.0), b.get(k, 0.0)) for k in a)
    return 0.0 if most <= 0 else max(0.0, 1.0 - common / most)


def commitments(found: Found, assembly: Assembly) -> pd.DataFrame:
    """Who funds what in every alternative; see :func:`portfolio.report.tables.portfolio_table`."""
    parts = []
    for a in found.alternatives:
        table = portfolio_table(assembly, a.answer.decision or Decision())
        table.insert(0, "alternative", a.number)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _caveats(found: Found, undecided: bool, assembly: Assembly, terms: Terms) -> tuple[str, ...]:
    notes = [
        "Near-optimal is said on the scenarios of the sample and in relation to the best portfolio known, whose own "
        "gap is stated above: the optimum may be better by up to that, and then fewer portfolios are near-optimal.",
        "Alternatives are chosen to differ, one after the other; there may be others. Only 'in all' and 'in none' are "
        "statements about all of them.",
    ]
    if found.differ == "money":
        notes.append("Alternatives differ in money by project and instrument; projects may be the same.")
    if found.exhausted:
        notes.append("There are provably no other sets of projects within the slack than those shown.")
    elif len(found.alternatives) == 1:
        notes.append("No alternative was found in time; that there is none is not proven.")
    if any(a.least < a.reuse - NEARLY * abs(a.reuse) for a in found.alternatives):
        notes.append(
            "Not every alternative is proven to share the least with those before it: see reuse and least_reuse."
        )
    if undecided:
        notes.append("For projects that are undecided the time was over before either was shown: give more time.")
    if terms.fresh:
        notes.append(
            f"Differences on fresh scenarios are paired; where their {100 * terms.level:.3g} % interval holds zero, "
            "the sample does not say which of the two is better."
        )
    if assembly.case.settings.sampling.scenarios < 100:
        notes.append("With few scenarios near-optimal portfolios of one sample need not be those of another.")
    return tuple(notes)
