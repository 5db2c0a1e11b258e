"""How often each project is chosen on fresh samples: what of a portfolio is the sample's doing."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import Any

import pandas as pd
from scipy.stats import beta

from portfolio.case.records import Case
from portfolio.engine.protocol import Limits, Status
from portfolio.report.errors import UsageError
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, StepCall
from portfolio.report.study import Study
from portfolio.scenarios.philox import digest
from portfolio.studies.points import Answer, Point, Terms
from portfolio.studies.running import Desk, case_of

SEEDS = 2**31
"""Seeds lie below this number."""


def selection_frequency(
    run: str | PathLike[str] | Run,
    *,
    batches: int = 20,
    scenarios: int | None = None,
    gap: float = 0.01,
    time_limit: float | None = 60.0,
    level: float = 0.95,
    jobs: int = 1,
    cluster: str | None = None,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Study:
    """Solve fresh samples of a run's case and count in how many of their portfolios each project is.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`portfolio.api.solve` returned.
    batches : int
        Fresh samples, at least two.
    scenarios : int, optional
        Scenarios in each; the run's where not given.
    gap, time_limit, level, jobs, cluster, threads, out, progress
        As in all studies; see :class:`portfolio.studies.points.Terms`.

    Returns
    -------
    Study
        Tables ``frequency`` (share of samples with each project, Clopper-Pearson interval) and ``samples``.

    Raises
    ------
    RunError
        If the run folder is incomplete, edited or of another version.
    UsageError
        If an argument is out of range.
    OutputError, CheckpointError
        As all studies do.
    """
    clock = Clock(progress)
    if batches < 2:
        raise UsageError("batches has to be at least 2")
    saved = SavedRun.given(run)
    case = case_of(saved.case, (), scenarios, None)
    terms = Terms(Limits(gap, time_limit, threads), 0, level, jobs, cluster)
    desk = Desk.of(out, terms, clock, "frequency", case)
    answers = desk.solve([Point(f"sample_{n + 1}", resampled(case, n)) for n in range(batches)])
    held = frozenset(p for p, _, _ in saved.decision.chosen)
    return desk.finish(lambda: _study(saved.name, case, answers, held, terms))


def resampled(case: Case, number: int) -> Case:
    """Return the case with a sample of its own, none of whose scenarios are those of the run or of its charges."""
    s = case.settings.sampling
    seed = digest(s.seed, "frequency", number) % SEEDS
    while seed in (s.seed, s.cost_seed):
        seed += 1
    return replace(case, settings=replace(case.settings, sampling=replace(s, seed=seed)))


def clopper_pearson(hits: int, n: int, level: float) -> tuple[float, float]:
    """Exact two-sided interval of a probability from ``hits`` of ``n`` (Clopper and Pearson 1934)."""
    tail = 0.5 * (1.0 - level)
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n - hits + 1))
    return low, 1.0 if hits == n else float(beta.ppf(1.0 - tail, hits + 1, n - hits))


def _study(name: str, case: Case, answers: list[Answer], held: frozenset[str], terms: Terms) -> Study:
    solved = [a for a in answers if a.decision is not None or a.status is Status.INFEASIBLE]
    rows: list[dict[str, Any]] = []
    for p in (p.project for p in case.projects):
        hits = sum(p in a.supported for a in solved)
        low, high = clopper_pearson(hits, len(solved), terms.level) if solved else (0.0, 1.0)
        share = hits / len(solved) if solved else None
        rows.append({"project": p, "in_run": p in held, "chosen": hits, "samples": len(solved), "share": share,
                     "low": low, "high": high})  # fmt: skip
    rows.sort(key=lambda r: (-r["chosen"], r["project"]))
    samples = [
        {"sample": a.name, "seed": resampled(case, n).settings.sampling.seed, "status": a.status.value,
         "gap": a.gap if a.decision is not None else None, "projects": "; ".join(sorted(a.supported))}
        for n, a in enumerate(answers)
    ]  # fmt: skip
    tables = {"samples": pd.DataFrame(samples), "frequency": pd.DataFrame(rows)}
    figures = {"run": name, "batches": len(answers), "solved": len(solved), "level": terms.level,
               "scenarios": case.settings.sampling.scenarios, "frequency": rows}  # fmt: skip
    late = any(a.status is Status.TIME_LIMIT for a in answers)
    notes = [
        "Portfolios are near-optimal on their samples only, to the gap: a project may be missing by chance of that."
    ]
    if late:
        notes.append("Some searches were stopped by the time limit; the best portfolio found counts.")
    title = case.settings.case
    return Study("frequency", title.title or title.name, tables, figures, tuple(notes), 3 if late else 0)
