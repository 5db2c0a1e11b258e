"""First-stage points of decisions: benchmarks missed are part of what they cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models import Benchmark, Decision
from portfolio.engine.assembled import compile_instance
from tests.models.instances import tiny_instance


def test_benchmarks_missed_are_paid_for() -> None:
    """Supporting nothing leaves all 5 t/y missing at a penalty of 7; an option that adds 2 leaves 3."""
    i = tiny_instance()
    key = next(iter(i.options))
    i = replace(i, benchmarks={"target": Benchmark(5.0, {key: 2.0}, 7.0)}, cost_weight=0.0)
    arrays = compile_instance(i)
    cost = arrays.programme.first.cost
    assert cost @ arrays.point(i, Decision()) == pytest.approx(35.0)
    assert cost @ arrays.point(i, Decision(select={key: 1.0})) == pytest.approx(21.0)
