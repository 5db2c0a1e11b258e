"""The optimism of foresight: the reserve released by the recourse, which sees all years, against a greedy release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from os import PathLike

import numpy as np
import pandas as pd

from models import Decision, Instance
from portfolio.assemble import resampled
from portfolio.engine.assembled import rebound
from portfolio.engine.passes import threads as cores
from portfolio.evaluation.fresh import AHEAD, FixedPortfolio, in_chunks, in_turn
from portfolio.evaluation.greedy import greedy
from portfolio.evaluation.intervals import Interval, cvar_interval, mean_interval, paired_difference
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.evaluation.outcomes import Array, Outcomes, Recourse
from portfolio.report.foresight import FORESIGHT, GREEDY, Foresight, write_foresight
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.scenarios.drivers import Drivers
from portfolio.studies.opening import open_run

WORLDS = (WITHOUT, WITH)
RELEASES = (FORESIGHT, GREEDY)


@dataclass(frozen=True)
class _Measured:
    """One world under one way of releasing, in each of S scenarios; R regions, M materials, T years.

    Attributes
    ----------
    weighted, side : (S,)
        Z, and what the objective pays besides.
    released, shortfall : (S, R, M, T)
        Reserve released and shortfall of all stages, t.
    """

    weighted: Array
    side: Array
    released: Array
    shortfall: Array

    @staticmethod
    def of(found: Outcomes) -> _Measured:
        return _Measured(found.weighted, found.side, found.release.sum(axis=2), found.shortfall.sum(axis=2))

    @staticmethod
    def joined(parts: list[_Measured]) -> _Measured:
        return _Measured(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(_Measured)))


_Both = dict[tuple[str, str], _Measured]
"""By world and way of releasing."""


def foresight(
    run: str | PathLike[str] | Run,
    *,
    scenarios: int = 1000,
    seed: int | None = None,
    level: float = 0.95,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Foresight:
    """Measure how much better the portfolio of a run looks because the recourse foresees all years of a scenario.

    On the same fresh scenarios, the reserve is released with foresight, as everywhere else, and greedily: year by year
    to whatever spares most weighted shortfall in that year. The difference bounds the optimism from above: the best
    release without foresight lies between both.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`portfolio.api.solve` returned.
    scenarios, seed : int
        Fresh scenarios, at least two; their seed is derived from the run's own where it is not given.
    level : float
        Confidence level of the intervals.
    threads : int
        Threads; 0 takes all cores. They change no figure.
    out : path, optional
        Folder to write; nothing is written where it is not given.
    progress : callable, optional
        Called with a step as phases begin and scenarios are measured.

    Raises
    ------
    RunError
        If the run folder is incomplete, edited or of another version.
    UsageError
        If an argument is out of range.
    OutputError
        If ``out`` exists or cannot be written; before any long work.
    """
    clock = Clock(progress)
    at = open_run(run, scenarios=scenarios, seed=seed, level=level, threads=threads, out=out, clock=clock)
    with clock.phase("measuring"):
        found = _measure(at.fixed, scenarios, at.seed, clock)
    made = replace(_gathered(at.saved, at.fixed.instance, found, at.seed, level), seconds=dict(clock.seconds))
    return made if at.target is None else write_foresight(made, at.target)


def _measure(fixed: FixedPortfolio, count: int, seed: int, clock: Clock) -> _Both:
    """Measure both worlds with both ways of releasing, chunk by chunk, by plain Monte Carlo."""
    parts: list[_Both] = []
    chunks = in_chunks(fixed.case, count, seed, "monte_carlo")
    for part in in_turn(partial(_both, fixed), chunks, min(AHEAD, cores(fixed.threads))):
        parts.append(part)
        clock.tell(Step("measuring", sum(p[WITH, GREEDY].weighted.size for p in parts), count))
    return {key: _Measured.joined([p[key] for p in parts]) for key in parts[0]}


def _both(fixed: FixedPortfolio, drivers: Drivers) -> _Both:
    """Measure both worlds with both ways of releasing on some scenarios."""
    instance = resampled(fixed.assembly, drivers).instance
    recourse = Recourse(instance, rebound(fixed.arrays, instance), fixed.threads)
    found: _Both = {}
    for world, decision in ((WITHOUT, Decision()), (WITH, fixed.decision)):
        found[world, FORESIGHT] = _Measured.of(recourse.outcomes(decision))
        found[world, GREEDY] = _Measured.of(greedy(recourse, decision))
    return found


def _gathered(saved: SavedRun, instance: Instance, found: _Both, seed: int, level: float) -> Foresight:
    """Put the tables together."""
    return Foresight(
        case=saved.case,
        run=saved.name,
        run_path=saved.path,
        scenario_count=found[WITH, GREEDY].weighted.size,
        seed=seed,
        level=level,
        figures=pd.DataFrame(list(_figures(found, saved.case.settings.risk.cvar_level, level))),
        years=pd.DataFrame(list(_years(found, instance))),
        scenarios=_scenarios(found),
        seconds={},
    )


def _figures(found: _Both, beta: float, level: float) -> Iterator[dict[str, object]]:
    """Mean and CVaR of Z by world with either release and their paired difference; what the fund takes off the mean."""
    mean, tail = "mean weighted shortfall", f"CVaR {100 * beta:g} % of weighted shortfall"
    z = {key: one.weighted for key, one in found.items()}
    for world in WORLDS:
        seeing, blind = z[world, FORESIGHT], z[world, GREEDY]
        yield _row(mean, world, FORESIGHT, mean_interval(seeing, level=level))
        yield _row(mean, world, GREEDY, mean_interval(blind, level=level))
        yield _row(mean, world, "optimism", paired_difference(blind, seeing, level=level))
        yield _row(tail, world, FORESIGHT, cvar_interval(seeing, beta, level=level))
        yield _row(tail, world, GREEDY, cvar_interval(blind, beta, level=level))
        yield _row(tail, world, "optimism", paired_difference(blind, seeing, tail=beta, level=level))
    gain = {way: z[WITHOUT, way] - z[WITH, way] for way in RELEASES}
    what = "what the fund takes off the mean"
    yield _row(what, "difference", FORESIGHT, mean_interval(gain[FORESIGHT], level=level))
    yield _row(what, "difference", GREEDY, mean_interval(gain[GREEDY], level=level))
    yield _row(what, "difference", "optimism", paired_difference(gain[FORESIGHT], gain[GREEDY], level=level))


def _row(figure: str, world: str, release: str, i: Interval) -> dict[str, object]:
    return {
        "figure": figure,
        "world": world,
        "release": release,
        "estimate": i.estimate,
        "low": i.low,
        "high": i.high,
        "reliable": int(i.reliable),
        "note": i.note,
    }


def _years(found: _Both, instance: Instance) -> Iterator[dict[str, object]]:
    """Mean shortfall and greedy release by world, region, material and year.

    What the recourse releases with foresight is left out: it may release in vain, at no cost.
    """
    short = {key: one.shortfall.mean(axis=0) for key, one in found.items()}
    for world in WORLDS:
        released = found[world, GREEDY].released.mean(axis=0)
        for r, m, t in np.ndindex(*released.shape):
            yield {
                "world": world,
                "region": instance.regions[r],
                "material": instance.materials[m],
                "year": instance.years[t],
                "shortfall_foresight_t": float(short[world, FORESIGHT][r, m, t]),
                "shortfall_greedy_t": float(short[world, GREEDY][r, m, t]),
                "released_greedy_t": float(released[r, m, t]),
            }


def _scenarios(found: _Both) -> pd.DataFrame:
    """Z and side costs of every scenario, by world and release."""
    data: dict[str, Array] = {}
    for world in WORLDS:
        for way in RELEASES:
            one = found[world, way]
            data |= {f"{world}_{way}_weighted": one.weighted, f"{world}_{way}_side": one.side}
    table = pd.DataFrame(data)
    table.insert(0, "scenario", np.arange(len(table)))
    return table
