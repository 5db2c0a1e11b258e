"""Cases that differ in numbers of the first stage alone, made into variations of one case.

Budgets, lines, tickets, weights of the objective, the must list, shares of policy and fixed costs enter rows and costs
of the first stage and nothing else. Cases that agree in all the rest are assembled and compiled once: as the loosest of
them, whose options are at least those of each, with :class:`portfolio.engine.variation.Changes` for every case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from portfolio.assemble.build import rules
from portfolio.case.records import Case
from portfolio.engine.variation import Changes

FIELDS = (
    "budget", "cost_weight", "cvar_weight", "cvar_level", "cost_key", "fixed_cost", "min_ticket", "liquidity",
    "admin_usd_m", "max_project_share", "max_country_share", "must",
)  # fmt: skip
"""What is said in :class:`Changes`."""


@dataclass(frozen=True)
class Member:
    """A case as a variation: ``changes`` of ``common``, which other cases share."""

    common: Case
    changes: Changes


def kin(case: Case) -> str:
    """Hash of all of a case but what may differ within a family."""
    s = case.settings
    settings = replace(
        s,
        objective=replace(s.objective, cost_weight=0.0),
        risk=replace(s.risk, cvar_weight=0.0, cvar_level=0.5),
        policy=replace(s.policy, must=(), max_project_share=1.0, max_country_share=1.0),
        finance=replace(s.finance, admin_usd_m=0.0, liquidity_share=1.0),
    )
    rest = replace(
        case,
        settings=settings,
        budgets=tuple(replace(b, budget_usd_m=0.0) for b in case.budgets),
        members=tuple(replace(m, min_ticket_usd_m=0.0, liquidity_line_usd_m=None) for m in case.members),
        instruments=tuple(replace(i, fixed_cost_usd_m=0.0) for i in case.instruments),
    )
    return hashlib.sha256(repr(rest).encode()).hexdigest()


def loosest(cases: Sequence[Case]) -> Case:
    """Return a case of the same kin with every limit at its highest: an option that one of them can have, it can."""
    lines: dict[str, float] = {}
    for case in cases:
        for member, line in rules(case)["liquidity"].items():
            lines[member] = max(line, lines.get(member, 0.0))
    first, policies = cases[0], [c.settings.policy for c in cases]
    policy = replace(
        first.settings.policy,
        must=(),
        max_project_share=max(p.max_project_share for p in policies),
        max_country_share=max(p.max_country_share for p in policies),
    )
    budgets = [max(rows, key=lambda b: b.budget_usd_m) for rows in zip(*(c.budgets for c in cases), strict=True)]
    return replace(
        first,
        settings=replace(first.settings, policy=policy),
        budgets=tuple(
            replace(b, budget_usd_m=most.budget_usd_m) for b, most in zip(first.budgets, budgets, strict=True)
        ),
        members=tuple(replace(m, liquidity_line_usd_m=lines[m.member]) for m in first.members),
    )


def changes(case: Case) -> Changes:
    """Return what makes a loosest case the case itself."""
    all_rules = rules(case)
    return Changes(**{name: all_rules[name] for name in FIELDS})


class Families:
    """Families of cases, in the order in which they came."""

    def __init__(self) -> None:
        self._common: dict[str, Case] = {}

    def add(self, cases: Sequence[Case]) -> list[Member]:
        """Return every case as a variation; a case without kin stays as it is.

        Cases of later calls join the families of earlier ones where these are as loose; otherwise they stand alone.
        """
        groups: dict[str, list[Case]] = {}
        keys = [kin(case) for case in cases]
        for key, case in zip(keys, cases, strict=True):
            groups.setdefault(key, []).append(case)
        for key, group in groups.items():
            if key not in self._common and any(case != group[0] for case in group):
                self._common[key] = loosest(group)
        return [self._member(key, case) for key, case in zip(keys, cases, strict=True)]

    def _member(self, key: str, case: Case) -> Member:
        common = self._common.get(key)
        if common is None or loosest([common, case]) != loosest([common]):
            return Member(case, Changes())
        return Member(common, changes(case))
