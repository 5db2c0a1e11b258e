"""The rules of a first stage, each of which can be taken out alone while its variables stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from models import Instance

AMPLE = 1e6
"""USD M, or a factor, that stands for no limit at all."""


def _budgets(i: Instance) -> Instance:
    """Ample budgets; concentration rules, which refer to the sum of all budgets, keep their limits in USD M."""
    ample = {key: value + AMPLE for key, value in i.budget.items()}
    total, grown = max(i.total_budget, 1e-9), max(sum(ample.values()), 1e-9)
    shares = {
        name: getattr(i, name) * total / grown
        for name in ("max_project_share", "max_country_share")
        if getattr(i, name) < 1
    }
    return replace(i, budget=ample, **shares)


def _benchmarks(i: Instance) -> Instance:
    return replace(i, benchmarks={n: replace(b, need_tpy=min(b.need_tpy, 0.0)) for n, b in i.benchmarks.items()})


def _caps(i: Instance) -> Instance:
    return replace(i, shares={key: replace(share, cap=1.0) for key, share in i.shares.items()})


RULES: Mapping[str, Callable[[Instance], Instance]] = {
    "the budgets (7)": _budgets,
    "the liquidity lines (7b)": lambda i: replace(i, liquidity=dict.fromkeys(i.liquidity, AMPLE)),
    "the limits on the tail of payouts (7c)": lambda i: replace(i, payout_limit=dict.fromkeys(i.payout_limit, AMPLE)),
    "the benchmarks required (8a)": _benchmarks,
    "policy.max_project_share (8)": lambda i: replace(i, max_project_share=1.0),
    "policy.max_country_share (8)": lambda i: replace(i, max_country_share=1.0),
    "the minimum tickets (2)": lambda i: replace(i, min_ticket=dict.fromkeys(i.min_ticket, 0.0)),
    "feed for processors (4c)": lambda i: replace(i, incumbent_feed=i.incumbent_feed + AMPLE),
    "the members' caps (5)": _caps,
    "the limit on placeable offtake (6b)": lambda i: replace(i, placeable_share=AMPLE),
}
"""Every rule but the must list, in words, and how it is taken out."""


def without_rule(instance: Instance, rule: str) -> Instance:
    """Return an instance in which one of :data:`RULES` has no force; its variables are the same."""
    return RULES[rule](instance)
