"""How much each varied number matters: Sobol' indices, Morris effects, rank correlations, with intervals.

Values come from rows of a design in the unit cube, so effects are those of a whole range.

References
----------
Saltelli et al. (2010), Comput. Phys. Commun. 181, 259-270: first-order indices; Jansen (1999), Comput. Phys. Commun.
117, 35-43: total indices. Intervals: bootstrap over the base points, as in SALib.
Campolongo, Cariboni and Saltelli (2007), Environ. Model. Softw. 22, 1509-1518: mu*.
Bonett and Wright (2000), Sample size requirements for estimating Pearson, Kendall and Spearman correlations,
Psychometrika 65, 23-28: interval of a rank correlation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from portfolio.engine.programme import Array
from portfolio.studies.designs import LEVELS, Design, problem_of, salib

RESAMPLES = 1000
"""Bootstrap samples behind an interval."""
CONSTANT = 1e-12
"""Relative spread below which values are the same."""


@dataclass(frozen=True)
class Index:
    """A measure of one number's influence on one output, with its interval; not a number where it is undefined.

    ``name`` is ``first`` or ``total`` (Sobol': parts of the variance), ``mu``, ``mu_star`` or ``sigma`` (Morris: in
    units of the output, for a whole range), or ``rank`` (Spearman's correlation).
    """

    number: int
    name: str
    estimate: float
    low: float
    high: float


def indices(design: Design, values: Array, level: float, seed: int) -> list[Index]:
    """Return what a design allows to be said of outputs, one a row; nothing for grids and one at a time.

    Parameters
    ----------
    design : Design
    values : (rows,)
        Finite.
    level : float
        Confidence level.
    seed : int
        Of the bootstrap.
    """
    numbers = design.unit.shape[1]
    if design.kind not in ("sobol", "morris", "lhs"):
        return []
    if np.ptp(values) <= CONSTANT * max(1.0, float(np.abs(values).max())):
        return _constant(design.kind, numbers)
    if design.kind == "sobol":
        return _sobol(values, numbers, level, seed)
    return _morris(design.unit, values, level, seed) if design.kind == "morris" else _ranks(design.unit, values, level)


def _constant(kind: str, numbers: int) -> list[Index]:
    """An output that does not move: effects of zero; parts of no variance and correlations are undefined."""
    names = {"sobol": ("first", "total"), "morris": ("mu", "mu_star", "sigma"), "lhs": ("rank",)}[kind]
    at = 0.0 if kind == "morris" else float("nan")
    return [Index(n, name, at, at, at) for n in range(numbers) for name in names]


def _sobol(values: Array, numbers: int, level: float, seed: int) -> list[Index]:
    found = salib("analyze.sobol").analyze(
        problem_of(numbers), values, calc_second_order=False, num_resamples=RESAMPLES, conf_level=level, seed=seed
    )
    return [
        Index(n, name, float(found[key][n]), *(float(found[key][n] + s * found[f"{key}_conf"][n]) for s in (-1, 1)))
        for n in range(numbers)
        for name, key in (("first", "S1"), ("total", "ST"))
    ]


def effects(unit: Array, values: Array) -> Array:
    """Elementary effects, (numbers, trajectories): change of the output over the step of the one number that moved."""
    numbers = unit.shape[1]
    x, y = unit.reshape(-1, numbers + 1, numbers), values.reshape(-1, numbers + 1)
    step, change = np.diff(x, axis=1), np.diff(y, axis=1)
    moved = np.abs(step).argmax(axis=2)
    found = np.zeros((numbers, x.shape[0]))
    trajectory = np.arange(x.shape[0])[:, None]
    found[moved, trajectory] = change / np.take_along_axis(step, moved[:, :, None], axis=2)[:, :, 0]
    return found


def _morris(unit: Array, values: Array, level: float, seed: int) -> list[Index]:
    numbers = unit.shape[1]
    known = salib("analyze.morris").analyze(problem_of(numbers), unit, values, num_levels=LEVELS, seed=seed)
    found = effects(unit, values)
    drawn = np.random.default_rng(seed).integers(found.shape[1], size=(RESAMPLES, found.shape[1]))
    tried = found[:, drawn]
    measures = {"mu": tried.mean(axis=2), "mu_star": np.abs(tried).mean(axis=2), "sigma": tried.std(axis=2, ddof=1)}
    tails = [0.5 * (1 - level), 0.5 * (1 + level)]
    return [
        Index(n, name, float(known[name][n]), *(float(q) for q in np.quantile(sample[n], tails)))
        for n in range(numbers)
        for name, sample in measures.items()
    ]


def _ranks(unit: Array, values: Array, level: float) -> list[Index]:
    found = []
    for n in range(unit.shape[1]):
        r = float(stats.spearmanr(unit[:, n], values).statistic)
        spread = np.inf if values.size <= 3 else np.sqrt((1 + r * r / 2) / (values.size - 3))
        half = float(stats.norm.ppf(0.5 * (1 + level))) * spread
        z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
        found.append(Index(n, "rank", r, float(np.tanh(z - half)), float(np.tanh(z + half))))
    return found
