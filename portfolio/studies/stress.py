"""Stress tests of the portfolio of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike

import pandas as pd

from portfolio.evaluation.fresh import FixedPortfolio, Measured, in_chunks
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.evaluation.stress import (
    ALONE,
    ON_TOP,
    Trial,
    alone,
    alone_rows,
    calm,
    event_trials,
    largest_suppliers,
    losses,
    on_top_rows,
    place_rows,
    stressed_sample,
)
from portfolio.report.errors import UsageError
from portfolio.report.run import Run
from portfolio.report.steps import Clock, Step
from portfolio.report.stress import Stress, write_stress
from portfolio.scenarios.drivers import Drivers
from portfolio.studies.opening import Opened, open_run

STRESSED = 1_000
"""Scenarios that events are added to where no number is given."""
LEVEL = 0.95
"""Confidence level of intervals."""

Rows = list[dict[str, object]]


@dataclass(frozen=True)
class Ask:
    """What is asked for; ``year`` is when events begin on top of a sample, None for the worst year alone."""

    events: tuple[str, ...]
    year: int | None
    scenarios: int
    seed: int | None
    threads: int


def stress_test(run: str | PathLike[str] | Run, ask: Ask, *, out: str | PathLike[str] | None, clock: Clock) -> Stress:
    """Put the portfolio of a run under stress; see :func:`portfolio.api.stress`."""
    at = open_run(run, scenarios=ask.scenarios, seed=ask.seed, threads=ask.threads, out=out, clock=clock)
    case = at.saved.case
    if ask.year is not None and ask.year not in case.years:
        raise UsageError(f"year {ask.year} is outside the horizon {case.years[0]} to {case.years[-1]}")
    try:
        trials = event_trials(case, ask.events)
    except ValueError as fault:
        raise UsageError(str(fault)) from None
    found = replace(_measure(at, trials, ask, clock), seconds=dict(clock.seconds))
    if at.target is None:
        return found
    with clock.phase("writing"):
        return write_stress(found, at.target)


def _measure(at: Opened, trials: tuple[Trial, ...], ask: Ask, clock: Clock) -> Stress:
    """Measure every trial, alone and events on top, and gather the tables."""
    saved, fixed, seed = at.saved, at.fixed, at.seed
    quiet, places = calm(fixed), list[dict[str, object]]()
    rows: Rows = []
    worst: dict[str, int] = {}
    with clock.phase("measuring alone"):
        for trial in (*trials, *losses(fixed.case)):
            mine, year = _alone(fixed, trial, quiet, places)
            rows += mine
            worst[trial.name] = year
    with clock.phase("measuring on top of a sample"):
        on_top = _on_top(fixed, [(t, ask.year or worst[t.name]) for t in trials], ask.scenarios, seed, places, clock)
    return Stress(
        case=saved.case,
        run=saved.name,
        run_path=saved.path,
        scenario_count=ask.scenarios,
        seed=seed,
        level=LEVEL,
        calm={WITHOUT: float(quiet.without.weighted[0]), WITH: float(quiet.with_fund.weighted[0])},
        alone=pd.DataFrame(rows),
        on_top=pd.DataFrame(on_top),
        places=pd.DataFrame(places),
        suppliers=largest_suppliers(fixed.case),
        seconds={},
    )


def _alone(fixed: FixedPortfolio, trial: Trial, quiet: Measured, places: Rows) -> tuple[Rows, int]:
    """Rows of a trial alone and its worst start year; its places at that year are added."""
    found = alone(fixed, trial)
    at = int(found.with_fund.weighted.argmax())
    year = fixed.instance.years[at]
    places += place_rows(trial, ALONE, year, found, quiet, fixed.instance, at)
    return alone_rows(trial, found, quiet, fixed.instance), year


def _on_top(
    fixed: FixedPortfolio, trials: Sequence[tuple[Trial, int]], count: int, seed: int, places: Rows, clock: Clock
) -> Rows:
    """Rows of events added to every scenario of a sample, against the sample without them."""
    if not trials:
        return []
    phase, total = "measuring on top of a sample", count * (len(trials) + 1)

    def measured(chunks: Iterable[Drivers], before: int) -> Measured:
        return fixed.measure(chunks, count, lambda done, _: clock.tell(Step(phase, before + done, total)))

    usual = measured(in_chunks(fixed.case, count, seed, "monte_carlo"), 0)
    rows: Rows = []
    for n, (trial, year) in enumerate(trials, start=1):
        found = measured(stressed_sample(fixed.case, trial, year, count, seed), n * count)
        rows += on_top_rows(trial, year, found, usual, fixed.instance, LEVEL)
        places += place_rows(trial, ON_TOP, year, found, usual, fixed.instance)
    return rows
