"""A run's portfolio once more, at prices under the pressure of the supply that it brings about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from os import PathLike

import numpy as np
import pandas as pd

from models import Decision, Instance
from portfolio.assemble import Assembly, resampled
from portfolio.case.records import Case
from portfolio.evaluation.fresh import Array, FixedPortfolio, Measured
from portfolio.evaluation.intervals import Interval, mean_interval, paired_difference
from portfolio.report.pressure import BASE, PRESSED, PricePressure, write_pressure
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, StepCall
from portfolio.report.tables import full_ledger, projects_table
from portfolio.scenarios.pressure import pressed
from portfolio.scenarios.sampling import sample
from portfolio.studies.opening import open_run


def pressure(
    run: str | PathLike[str] | Run,
    *,
    scenarios: int = 1000,
    seed: int | None = None,
    level: float = 0.95,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> PricePressure:
    """Simulate the portfolio of a run again at prices that its new supply and dumping by incumbents press down.

    One pass: new supply is that of the base prices. Plants that close under pressure relieve it, which is left out.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`portfolio.api.solve` returned; section ``[pressure]`` of its case has the rules.
    scenarios, seed : int
        Fresh scenarios, at least two; their seed is derived from the run's own where it is not given.
    level : float
        Confidence level of the intervals.
    threads : int
        Threads; 0 takes all cores. They change no figure.
    out : path, optional
        Folder to write; nothing is written where it is not given.
    progress : callable, optional
        Called with a step as phases begin.

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
    found = _compare(at.saved, at.fixed, scenarios, at.seed, level, clock)
    found = replace(found, seconds=dict(clock.seconds))
    return found if at.target is None else write_pressure(found, at.target)


def _compare(
    saved: SavedRun, fixed: FixedPortfolio, scenarios: int, seed: int, level: float, clock: Clock
) -> PricePressure:
    """Measure at base prices and under pressure, on the same scenarios."""
    case, decision = fixed.case, fixed.decision
    with clock.phase("simulating at base prices"):
        drivers = sample(case, scenarios, seed, method="monte_carlo")
        base = resampled(fixed.assembly, drivers)
        before = fixed.on(drivers)
    added = new_supply(base.instance, decision, case)
    with clock.phase("simulating under pressure"):
        under = pressed(case, drivers, added, seed)
        lower = resampled(fixed.assembly, under)
        after = fixed.on(under)
    with clock.phase("booking"):
        flows = pd.concat([_flows(a, decision, name) for name, a in ((BASE, base), (PRESSED, lower))])
    return PricePressure(
        case=saved.case,
        run=saved.name,
        run_path=saved.path,
        scenario_count=scenarios,
        seed=seed,
        level=level,
        figures=pd.DataFrame(list(_figures(before, after, case, level))),
        projects=_projects(base, lower, decision),
        flows=flows.reset_index(drop=True),
        prices=_prices(case, added, under.price / drivers.price),
        seconds={},
    )


def new_supply(instance: Instance, decision: Decision, case: Case) -> Array:
    """Supply that support adds over the market of every material, shape (S, M, T), at least 0.

    Of a supported project, its output less what it would have yielded unaided, times its largest capacity for the
    material at any stage. The market is ``market_factor`` times the forecast demand of all regions and stages.
    """
    s = instance.scenarios
    capacity = np.maximum(instance.captive, instance.process).max(axis=1)
    added = np.zeros((s.size, len(instance.materials), len(instance.years)))
    for key in decision.chosen:
        p, v = instance.projects.index(key[0]), instance.windows.index(key[2])
        kept = ~np.asarray(s.lost[:, p, v])[:, None]
        more = np.asarray(s.output[:, instance.option_index[key]], dtype=float) - np.asarray(s.unaided[:, p]) * kept
        added += capacity[p][None, :, None] * more[:, None, :]
    market = case.settings.pressure.market_factor * instance.forecast.sum(axis=(0, 1))
    shares: Array = np.divide(np.maximum(added, 0.0), market, out=np.zeros_like(added), where=market > 0)
    return shares


def _figures(before: Measured, after: Measured, case: Case, level: float) -> Iterator[dict[str, object]]:
    """Weighted shortfall without the fund, with it, under pressure; and what pressure changes, paired."""
    none, usual, lower = before.without.weighted, before.with_fund.weighted, after.with_fund.weighted
    beta = case.settings.risk.cvar_level
    yield _row("mean weighted shortfall", "without", mean_interval(none, level=level))
    yield _row("mean weighted shortfall", "with", mean_interval(usual, level=level))
    yield _row("mean weighted shortfall", "with, under pressure", mean_interval(lower, level=level))
    yield _row("mean weighted shortfall", "difference by pressure", paired_difference(lower, usual, level=level))
    yield _row(
        f"CVaR {100 * beta:g} %", "difference by pressure", paired_difference(lower, usual, tail=beta, level=level)
    )


def _row(figure: str, what: str, i: Interval) -> dict[str, object]:
    return {
        "figure": figure,
        "what": what,
        "estimate": i.estimate,
        "low": i.low,
        "high": i.high,
        "reliable": int(i.reliable),
    }


def _projects(base: Assembly, lower: Assembly, decision: Decision) -> pd.DataFrame:
    """Survival of every supported project: base, and under pressure."""
    names = ("closes_with", "runs_with", "output_with")
    one, other = (projects_table(a, decision) for a in (base, lower))
    if one.empty:
        return pd.DataFrame(columns=["project", "window", *(f"{n}_{w}" for n in names for w in (BASE, PRESSED))])
    made = one[["project", "window"]].copy()
    for name in names:
        made[f"{name}_{BASE}"], made[f"{name}_{PRESSED}"] = one[name], other[name]
    return made


def _flows(assembly: Assembly, decision: Decision, prices: str) -> pd.DataFrame:
    """Expected cash flows of members over the horizon, real USD M, undiscounted, by member and line."""
    booked = full_ledger(assembly, decision)
    cash = booked.loc[(booked["convention"] == "cash") & ~booked["line"].isin(["charge", "exposure", "payout_es95"])]
    total = cash.groupby(["member", "line"], sort=True)["simulated_usd_m"].sum().reset_index()
    return total.rename(columns={"simulated_usd_m": "usd_m"}).assign(prices=prices)


def _prices(case: Case, added: Array, factor: Array) -> pd.DataFrame:
    """Mean new supply over the market and mean price factor by material and year."""
    rows = [
        (m, year, float(added[:, k, t].mean()), float(factor[:, k, t].mean()), float(factor[:, k, t].min()))
        for k, m in enumerate(case.material_names)
        for t, year in enumerate(case.years)
    ]
    return pd.DataFrame(rows, columns=["material", "year", "new_supply_share", "price_factor", "lowest_factor"])
