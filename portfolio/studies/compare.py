"""Instrument mixes compared: each optimised, then measured on the same fresh scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

import pandas as pd

from portfolio.case.records import Case
from portfolio.engine.protocol import Limits, Status
from portfolio.report.errors import UsageError
from portfolio.report.steps import Clock, StepCall
from portfolio.report.study import Study
from portfolio.studies.compare_tables import Compared, caveats, figures, tables
from portfolio.studies.differences import Weights
from portfolio.studies.envelope import envelope
from portfolio.studies.mixes import WHOLE, Mix, closable, mixes_of
from portfolio.studies.points import FRESH, Answer, Point, Terms
from portfolio.studies.running import CaseLike, Desk, case_of
from portfolio.studies.solving import prepared
from portfolio.studies.telling import pairs


def compare(
    case: CaseLike,
    mixes: Sequence[str] = (),
    *,
    mix_file: str | PathLike[str] | None = None,
    against: str | None = None,
    overrides: Sequence[str] = (),
    scenarios: int | None = None,
    seed: int | None = None,
    gap: float = 0.01,
    time_limit: float | None = 120.0,
    fresh: int = FRESH,
    level: float = 0.95,
    jobs: int = 1,
    cluster: str | None = None,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Study:
    """Optimise a fund for each of several instrument mixes and compare what they lead to.

    Parameters
    ----------
    case : path or Case
        A case folder, or a validated case.
    mixes : sequence of str
        ``cfd``, ``offtake+loan``, ``all``, ``singles``, ``pairs``; every kind alone and all together where none is
        named here or in ``mix_file``.
    mix_file : path, optional
        TOML file of mixes with terms of their own; see :func:`portfolio.studies.mixes.mixes_of`.
    against : str, optional
        Mix that the others are shown against; ``all`` where it is compared, else the first.
    overrides : sequence of str
        Values in place of those of the case, for all mixes.
    scenarios, seed : int, optional
        Sample to optimise over; the case's own where they are not given.
    gap, time_limit : float
        When to stop each search: relative gap, seconds.
    fresh : int
        Fresh scenarios to measure every portfolio on, at least 2.
    level : float
        Confidence level: that of all differences together (Bonferroni), and of each other interval alone.
    jobs, cluster, threads
        Searches side by side, or a Dask scheduler's address; threads of each.
    out : path, optional
        Folder to write; finished searches are kept in a folder beside it, from which the same call goes on.
    progress : callable, optional
        Called with a :class:`Step` as searches end.

    Returns
    -------
    Study
        Tables ``mixes`` (the first), ``pairs``, ``members``, ``projects``, ``funded``.

    Raises
    ------
    CaseError
        With every problem of the case, or of a mix's terms in it.
    UsageError
        If a mix is unknown or an argument out of range.
    OutputError, CheckpointError
        If ``out`` exists or cannot be written, or what is kept beside it is of another study.
    """
    base = case_of(case, overrides, scenarios, seed)
    wanted = mixes_of(base, mixes, mix_file)
    reference = _reference(wanted, against)
    if fresh < 2:
        raise UsageError("mixes are compared on fresh scenarios: fresh has to be at least 2")
    if any(m.terms for m in wanted) and isinstance(case, Case):
        raise UsageError("terms of a mix apply to the files of a case: give its folder")
    cases = {m.terms: base if not m.terms else _with_terms(case, overrides, m, scenarios, seed) for m in wanted}
    terms = Terms(Limits(gap, time_limit, threads), fresh, level, jobs, cluster)
    desk = Desk.of(out, terms, Clock(progress), "compare", base)
    order, points = _points(wanted, cases)
    answers = desk.solve(points)
    return desk.finish(lambda: _study(order, points, answers, reference, desk))


def _with_terms(case: CaseLike, overrides: Sequence[str], mix: Mix, scenarios: int | None, seed: int | None) -> Case:
    return case_of(case, [*overrides, *mix.terms], scenarios, seed)


def _reference(mixes: Sequence[Mix], against: str | None) -> str:
    names = [m.name for m in mixes]
    if against is None:
        return WHOLE if WHOLE in names else names[0]
    if against not in names:
        raise UsageError(f"against {against!r} is none of the mixes compared: {', '.join(names)}")
    return against


def _points(mixes: Sequence[Mix], cases: Mapping[tuple[str, ...], Case]) -> tuple[list[Mix], list[Point]]:
    """Points case by case, that of the case's own terms first; within each the mix of most instruments first.

    It teaches the others. The world without the fund is measured once for each case.
    """
    order = sorted(mixes, key=lambda m: (m.terms != (), m.terms, -len(m.instruments)))
    points, met = [], set()
    for mix in order:
        case = cases[mix.terms]
        points.append(Point(mix.name, case, mix.changes(case), baseline=mix.terms not in met))
        met.add(mix.terms)
    return order, points


def _study(
    mixes: Sequence[Mix], points: Sequence[Point], answers: Sequence[Answer], reference: str, desk: Desk
) -> Study:
    found = envelope(answers, lambda i, j: mixes[i].within(mixes[j]))
    case = points[0].case
    without = {m.terms: a.fresh for m, p, a in zip(mixes, points, answers, strict=True) if p.baseline and a.fresh}
    compared = []
    for mix, point, one in zip(mixes, points, found, strict=True):
        assembly = prepared(point.case).assembly
        compared.append(
            Compared(mix, one, point.changes.of(assembly.instance), closable(assembly, mix), without.get(mix.terms))
        )
    weights = Weights.of(case)
    solved = [c.found.answer for c in compared if c.found.answer.decision is not None]
    about = _About(compared, weights, reference, desk)
    return about.study(case, solved)


@dataclass(frozen=True)
class _About:
    """What the tables are made of."""

    compared: Sequence[Compared]
    weights: Weights
    reference: str
    desk: Desk

    def study(self, case: Case, solved: Sequence[Answer]) -> Study:
        """Make tables, figures and caveats of the answers that have a portfolio."""
        terms = self.desk.terms
        told = pairs(solved, self.weights, terms.level)
        made: dict[str, pd.DataFrame] = tables(self.compared, told, self.weights, self.reference, terms.level)
        stopped = sum(
            a.status in (Status.TIME_LIMIT, Status.INTERRUPTED) and not a.gap <= terms.limits.gap
            for a in (c.found.answer for c in self.compared)
        )
        title = case.settings.case
        known = caveats(case, self.compared, told, terms)
        if stopped:
            known += (f"{stopped} of {len(self.compared)} searches were stopped by the time limit before the gap.",)
        return Study(
            kind="compare",
            title=title.title or title.name,
            tables=made,
            figures=figures(case, made, told, terms, self.reference),
            caveats=known,
            exit_code=3 if stopped else 0,
        )
