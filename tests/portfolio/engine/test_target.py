"""A search for a target answers one question: does any portfolio reach it? And rules on which projects go together."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from models import Instance
from portfolio.engine import Benders, Limits, Status
from portfolio.engine.variation import Changes, Row, Variation
from tests.models.instances import random_instance
from tests.oracle import oracle_value

SEEDS = range(60, 62)
MARGIN = 1e-5
"""Distance, relative, at which targets are put on either side of an optimum."""


def asked(i: Instance, changes: Changes, target: float) -> tuple[Status, float, float]:
    varied = Variation.of(i).changed(changes)
    # A wide gap: it must not decide.
    found = Benders().solve_arrays(varied.arrays, varied.instance, Limits(0.5, threads=1, target=target))
    return found.status, found.objective, found.bound


def cheapest_of(i: Instance, supported: frozenset[str]) -> float:
    """Best objective of exactly these projects, by the oracle; infinite where they are not feasible together."""
    names = {p for p, _, _ in i.options}
    return oracle_value(replace(i, must=supported, never=frozenset(names - supported)))[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_target_is_reached_or_proven_out_of_reach(seed: int) -> None:
    i = random_instance(seed)
    names = sorted({k[0] for k in i.options})
    changes = [
        Changes(),
        *(Changes(must=frozenset({p})) for p in names),
        *(Changes(never=frozenset({p})) for p in names),
    ]
    for change in changes:
        best = oracle_value(change.of(i))[0]
        if not np.isfinite(best):
            assert asked(i, change, 1e9)[0] is Status.INFEASIBLE
            continue
        step = MARGIN * (1.0 + abs(best))
        status, objective, bound = asked(i, change, best + step)
        assert status is Status.DECIDED
        assert best - 1e-6 <= objective <= best + step
        assert bound <= best + 1e-6
        status, objective, bound = asked(i, change, best - step)
        assert status is Status.DECIDED
        assert best - step < bound <= best + 1e-6
        assert objective >= best - 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_rules_on_projects_supported_together(seed: int) -> None:
    """At most one of two; at least two of all: the best of the sets of projects that are let through."""
    i = random_instance(seed)
    names = sorted({p for p, _, _ in i.options})
    value = {s: cheapest_of(i, frozenset(s)) for n in range(len(names) + 1) for s in combinations(names, n)}
    few = Row(tuple((p, 1.0) for p in names[:2]), 1.0)
    many = Row(tuple((p, -1.0) for p in names), -2.0)
    for rows in ((few,), (many,), (few, many)):
        best = min(
            v
            for s, v in value.items()
            if all(sum(dict(r.coefficient)[p] for p in s if p in dict(r.coefficient)) <= r.upper for r in rows)
        )
        varied = Variation.of(i).changed(Changes(rows=rows))
        found = Benders().solve_arrays(varied.arrays, varied.instance, Limits(0.0, threads=1))
        if np.isfinite(best):
            assert found.objective == pytest.approx(best, abs=1e-6, rel=1e-8)
        else:
            assert found.status is Status.INFEASIBLE
