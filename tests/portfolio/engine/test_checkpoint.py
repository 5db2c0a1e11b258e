"""A stopped search goes on: what it finds, what it claims on the way, and which files it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from models import Instance
from portfolio.engine import Benders, Limits, Progress, Solution, Status
from portfolio.engine.assembled import compile_instance
from portfolio.engine.checkpoint import CheckpointError, discard, peek
from portfolio.engine.fingerprint import digest, fingerprint
from portfolio.engine.interrupts import Interrupts
from tests.models.instances import VARIATIONS, altered, random_instance, tail_averse
from tests.oracle import objective_value, oracle_value, violations

NAMES: tuple[str | int, ...] = (
    "caps on every kind",
    "structures",
    "cvar with fairness and transfers",
    "whole chain",
    "must support",
    24,
    25,
    29,
    36,
)
EXACT = Limits(gap=0.0, threads=1)


@cache
def instance(name: str | int) -> Instance:
    return random_instance(name) if isinstance(name, int) else VARIATIONS[name]()


@cache
def optimum(name: str | int) -> float:
    return oracle_value(instance(name))[0]


class Stop:
    """Presses Ctrl-C at the k-th progress call; remembers the highest bound it was told."""

    def __init__(self, k: int) -> None:
        self.left, self.bound = k, -np.inf

    def __call__(self, state: Progress) -> None:
        self.bound = max(self.bound, state.bound)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def in_sittings(i: Instance, path: Path, k: int, best: float, limits: Limits = EXACT) -> tuple[Solution, int]:
    """Solve, stopped at every k-th progress call; bounds have to hold and never fall, objectives never rise."""
    bound, objective = -np.inf, np.inf
    for sitting in range(1, 400):
        stop = Stop(k)
        found = Benders(path).solve(i, limits, progress=stop)
        assert max(stop.bound, found.bound) <= best + 1e-6
        assert best <= found.objective + 1e-6
        assert found.bound >= bound - 1e-9
        assert found.objective <= objective + 1e-9
        bound, objective = found.bound, found.objective
        kept = peek(path)
        assert kept is not None
        assert (kept.objective, kept.bound) == (objective, pytest.approx(bound))
        if found.status is Status.OPTIMAL:
            return found, sitting
        assert found.status is Status.INTERRUPTED
    raise AssertionError("does not come to an end")


@pytest.mark.parametrize("k", [5, 13])
@pytest.mark.parametrize("name", NAMES)
def test_resumed_equals_uninterrupted(name: str | int, k: int, tmp_path: Path) -> None:
    i, path = instance(name), tmp_path / "c"
    whole = Benders().solve(i, EXACT)
    found, sittings = in_sittings(i, path, k, optimum(name))
    assert found.objective == pytest.approx(whole.objective, abs=1e-6)
    assert found.objective == pytest.approx(optimum(name), abs=1e-6)
    assert found.objective - found.bound <= 1e-6
    assert found.decision is not None
    assert violations(i, found.decision) == []
    assert objective_value(i, found.decision) == pytest.approx(found.objective, abs=1e-6)
    if whole.size["passes"] > 2 * k:
        assert sittings > 1
    assert [p.name for p in tmp_path.iterdir()] == ["c"]
