"""Which values of the varied numbers are tried together: grid, one at a time, Latin hypercube, Sobol', Morris.

The last two are drawn by SALib, in the unit cube, so that a list of values or whole numbers are steps of it.

References
----------
McKay, Beckman and Conover (1979), A comparison of three methods for selecting values of input variables,
Technometrics 21, 239-245.
Saltelli et al. (2010), Variance based sensitivity analysis of model output: design and estimator for the total
sensitivity index, Comput. Phys. Commun. 181, 259-270.
Morris (1991), Factorial sampling plans for preliminary computational experiments, Technometrics 33, 161-174.
"""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import qmc

from portfolio.engine.programme import Array
from portfolio.report.errors import UsageError
from portfolio.studies.varied import Varied, as_number

DESIGNS = ("grid", "oat", "lhs", "sobol", "morris")
SAMPLES = {"lhs": 50, "sobol": 64, "morris": 10}
"""Points of a hypercube, base points of a Sobol' design, trajectories of a Morris design, where none are given."""
LEVELS = 4
"""Levels of a Morris design; its steps are LEVELS / (2 (LEVELS - 1)) of a range."""
MOST = 20_000
"""Most points of a design: more are a slip of the pen."""

Row = tuple[str | None, ...]
"""A value of every varied number; None where it stays as it is in the case."""


@dataclass(frozen=True)
class Design:
    """Rows to try, repeated ones included.

    Attributes
    ----------
    kind : str
        One of :data:`DESIGNS`.
    rows : tuple of Row
    unit : (rows, numbers)
        The same in the unit cube; empty for grid and one at a time.
    """

    kind: str
    rows: tuple[Row, ...]
    unit: Array = field(repr=False)


def problem_of(numbers: int) -> dict[str, Any]:
    """Return the unit cube as SALib describes it."""
    return {"num_vars": numbers, "names": [f"x{n}" for n in range(numbers)], "bounds": [[0.0, 1.0]] * numbers}


def salib(module: str) -> Any:
    """Return a module of SALib.

    Raises
    ------
    UsageError
        Where it is not installed.
    """
    try:
        return importlib.import_module(f"SALib.{module}")
    except ModuleNotFoundError as fault:
        raise UsageError(
            "the designs sobol and morris need SALib: pip install 'portfolio[sweep]'; grid, oat and lhs do without"
        ) from fault


def size(kind: str, varied: Sequence[Varied], samples: int | None) -> tuple[int, str]:
    """Return how many rows a design has, and the sum that gives it.

    Raises
    ------
    UsageError
        Where there is no such design, or the number of samples does not suit it.
    """
    if kind not in DESIGNS:
        raise UsageError(f"unknown design {kind!r}: one of {', '.join(DESIGNS)}")
    k, n = len(varied), samples if samples is not None else SAMPLES.get(kind, 0)
    if kind in ("grid", "oat"):
        if samples is not None:
            raise UsageError(f"a design {kind} tries the values given with --vary: leave out --samples")
        counts = [len(v.values) for v in varied]
        together = math.prod(counts) if kind == "grid" else 1 + sum(counts)
        return _bounded(
            together, (" x " if kind == "grid" else " + ").join(map(str, counts if kind == "grid" else [1, *counts]))
        )
    if n < 2:
        raise UsageError("samples has to be at least 2")
    if kind == "sobol" and n & (n - 1):
        raise UsageError(
            f"samples of a Sobol' design have to be a power of 2: {2 ** (n.bit_length() - 1)} or {2 ** n.bit_length()}"
        )
    if kind == "lhs":
        return _bounded(n, str(n))
    extra = 2 if kind == "sobol" else 1
    return _bounded(n * (k + extra), f"{n} x ({k} + {extra})")


def _bounded(count: int, how: str) -> tuple[int, str]:
    if count > MOST:
        raise UsageError(f"the design has {count:,} points ({how}), the most is {MOST:,}: vary fewer numbers or values")
    return count, how


def make(kind: str, varied: Sequence[Varied], samples: int | None, seed: int) -> Design:
    """Draw a design; see :func:`size` for what is refused."""
    size(kind, varied, samples)
    k, n = len(varied), samples if samples is not None else SAMPLES.get(kind, 0)
    if kind == "grid":
        return Design(kind, tuple(itertools.product(*(v.values for v in varied))), np.zeros((0, k)))
    if kind == "oat":
        return Design(kind, tuple(_one_at_a_time(varied)), np.zeros((0, k)))
    if kind == "lhs":
        unit = qmc.LatinHypercube(k, rng=np.random.default_rng(seed)).random(n)
    elif kind == "sobol":
        unit = salib("sample.sobol").sample(problem_of(k), n, calc_second_order=False, seed=seed)
    else:
        unit = salib("sample.morris").sample(problem_of(k), n, num_levels=LEVELS, seed=seed)
    rows = tuple(tuple(v.at(float(u)) for v, u in zip(varied, row, strict=True)) for row in unit)
    return Design(kind, rows, np.asarray(unit, dtype=float))


def _one_at_a_time(varied: Sequence[Varied]) -> list[Row]:
    """The case as it is, then every value of every number alone."""
    nothing: list[str | None] = [None] * len(varied)
    found: list[Row] = [tuple(nothing)]
    for n, v in enumerate(varied):
        found += [(*nothing[:n], value, *nothing[n + 1 :]) for value in v.values]
    return found


def lines(rows: Sequence[Row], varied: Sequence[Varied], base: Row) -> list[tuple[int, tuple[Row, ...]]]:
    """Rows that differ in one number alone, in its order: (number, rows) for every line of two rows or more.

    ``base`` holds the values of the case itself, which a row without values stands for.
    """
    found: dict[tuple[int, Row], dict[float, Row]] = {}
    for row in rows:
        for n, v in enumerate(varied):
            value = as_number(row[n] if row[n] is not None else base[n])
            if not v.numeric or value is None:
                continue
            rest = (*row[:n], None, *row[n + 1 :])
            found.setdefault((n, rest), {})[value] = row
    return [(n, tuple(line[value] for value in sorted(line))) for (n, _), line in found.items() if len(line) > 1]
