"""The portfolio of a run on scenarios it was not chosen on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike

import pandas as pd

from portfolio.evaluation.figures import Figure, Terms, figures, shortfall_by
from portfolio.evaluation.fresh import FixedPortfolio, Measured, in_chunks
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.errors import RunError
from portfolio.report.evaluation import TABLES, Evaluation, scenario_rows, warnings, write_evaluation
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, Step
from portfolio.studies.opening import open_run

SCENARIOS = 10_000
"""Fresh scenarios where no number is given."""
TOLERANCE = 1e-5
"""Relative difference at which a run's own figures count as contradicted; that of the solve itself."""


def out_of_sample(
    run: str | PathLike[str] | Run,
    *,
    scenarios: int,
    seed: int | None,
    level: float,
    threads: int,
    out: str | PathLike[str] | None,
    clock: Clock,
) -> Evaluation:
    """Measure the portfolio of a run on fresh scenarios; see :func:`portfolio.api.evaluate`."""
    at = open_run(run, scenarios=scenarios, seed=seed, level=level, threads=threads, out=out, clock=clock)
    saved, fixed = at.saved, at.fixed
    own = _measure(fixed, saved.case.settings.sampling.scenarios, None, "measuring on the run's own scenarios", clock)
    _confirm(saved, fixed, own)
    fresh = _measure(fixed, scenarios, at.seed, "measuring on fresh scenarios", clock)
    with clock.phase("estimating"):
        found = _evaluation(saved, fixed, own, fresh, at.seed, level)
    found = replace(found, seconds=dict(clock.seconds))
    if at.target is None:
        return found
    with clock.phase("writing"):
        return write_evaluation(found, at.target)


def _measure(fixed: FixedPortfolio, count: int, seed: int | None, phase: str, clock: Clock) -> Measured:
    """Measure on a sample: the case's own where there is no seed, else plain Monte Carlo, as intervals need."""
    own = fixed.case.settings.sampling
    chunks = in_chunks(fixed.case, count, own.seed if seed is None else seed, None if seed is None else "monte_carlo")
    with clock.phase(phase):
        return fixed.measure(chunks, count, lambda done, total: clock.tell(Step(phase, done, total)))


def _confirm(saved: SavedRun, fixed: FixedPortfolio, own: Measured) -> None:
    """Refuse to evaluate a portfolio that does not lead to what the run says, on the run's own scenarios."""
    terms = _terms(saved, fixed)
    found = {(f.name, f.world): f.interval.estimate for f in figures(own, terms, 0.95)}
    for what, said, value in (
        ("objective", saved.objective, found["objective", WITH]),
        ("mean weighted shortfall without the fund", saved.weighted["without"], found["weighted", WITHOUT]),
        ("mean weighted shortfall with the fund", saved.weighted["with"], found["weighted", WITH]),
    ):
        if not abs(said - value) <= TOLERANCE * max(1.0, abs(value)):
            raise RunError(
                f"{saved.name} says {said:,.6g} for the {what}, but on its own scenarios the portfolio leads to "
                f"{value:,.6g}: the run was edited or made with other versions of its libraries; solve the case again"
            )


def _terms(saved: SavedRun, fixed: FixedPortfolio) -> Terms:
    """What the objective of the run is made of, but for the scenarios."""
    missed = saved.missed[WITHOUT], saved.missed[WITH]
    return Terms.of(fixed.instance, fixed.public_cost_usd_m, missed)


def _evaluation(
    saved: SavedRun, fixed: FixedPortfolio, own: Measured, fresh: Measured, seed: int, level: float
) -> Evaluation:
    """Gather figures and tables."""
    terms, instance = _terms(saved, fixed), fixed.instance
    claimed = {(f.name, f.world): f.interval.estimate for f in figures(own, terms, level)}
    table = pd.DataFrame([_row(f, claimed[f.name, f.world]) for f in figures(fresh, terms, level)])
    sampling = saved.case.settings.sampling
    tables = {name: shortfall_by(fresh, instance, by, level) for name, by in TABLES.items()}
    return Evaluation(
        case=saved.case,
        run=saved.name,
        run_path=saved.path,
        scenario_count=fresh.size,
        seed=seed,
        in_sample_count=own.size,
        in_sample_seed=sampling.seed,
        level=level,
        cvar_level=terms.cvar_level,
        public_cost_usd_m=fixed.public_cost_usd_m,
        figures=table,
        scenarios=scenario_rows(instance, fresh),
        caveats=warnings(saved.case, table, level, own.size),
        seconds={},
        by_region=tables["by_region"],
        by_material=tables["by_material"],
        by_stage=tables["by_stage"],
        by_region_material=tables["by_region_material"],
        by_region_material_year=tables["by_region_material_year"],
    )


@dataclass(frozen=True)
class _Optimism:
    """In-sample figure minus the true one: the former is a number, so that only the latter is uncertain."""

    estimate: float
    low: float
    high: float

    @staticmethod
    def of(claimed: float, figure: Figure) -> _Optimism:
        i = figure.interval
        return _Optimism(claimed - i.estimate, claimed - i.high, claimed - i.low)


def _row(figure: Figure, claimed: float) -> dict[str, object]:
    """Return a figure as a row of the table of figures."""
    i, optimism = figure.interval, _Optimism.of(claimed, figure)
    return {
        "figure": figure.name,
        "world": figure.world,
        "unit": figure.unit,
        "estimate": i.estimate,
        "low": i.low,
        "high": i.high,
        "reliable": int(i.reliable),
        "in_sample": claimed,
        "optimism": optimism.estimate,
        "optimism_low": optimism.low,
        "optimism_high": optimism.high,
        "n": i.n,
        "effective": i.effective,
        "method": i.method,
        "note": i.note,
    }
