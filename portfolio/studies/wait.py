"""The value of waiting and of deciding now: the first window as decided, the later ones by what was seen until then."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np

from models import Decision, Frozen
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.engine.protocol import Limits, Status
from portfolio.engine.variation import Changes
from portfolio.evaluation.fresh import fresh_seed, in_chunks
from portfolio.evaluation.information import METHODS, Clusters, Integers, Seen, seen
from portfolio.report.errors import UsageError
from portfolio.report.headline import records
from portfolio.report.steps import Clock, StepCall
from portfolio.report.study import Study
from portfolio.scenarios.sampling import sample
from portfolio.studies import wait_tables as tables
from portfolio.studies.differences import Weights
from portfolio.studies.points import FRESH, Answer, Point, Terms
from portfolio.studies.running import CaseLike, Desk, case_of

FEW = 30
"""Scenarios in a cluster below which what is adapted to it is said to be overfitted."""


@dataclass(frozen=True)
class Ask:
    """What is asked for."""

    clusters: int
    by: str


@dataclass(frozen=True)
class Told:
    """Scenarios told apart by what is known: clusters of the sample (N,), and of the fresh scenarios (S,)."""

    rule: Clusters
    known: Seen
    own: Integers
    fresh: Integers

    def rows(self, cluster: int) -> tuple[int, ...]:
        """Scenarios of the sample in a cluster."""
        return tuple(int(n) for n in np.flatnonzero(self.own == cluster))


def wait(
    case: CaseLike,
    *,
    clusters: int = 4,
    by: str = "kmeans",
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
    """Measure what adapting later windows, deciding now and waiting are worth.

    Parameters
    ----------
    case : path or Case
        Case folder, or a validated case; with two windows at least, and no CVaR in its objective.
    clusters : int
        Clusters of what is seen until the second window; to each the later windows are adapted.
    by : str
        How scenarios are told apart: ``kmeans``, or ``quantile`` of the first principal component.
    overrides, scenarios, seed, gap, time_limit, fresh, level, jobs, cluster, threads, out, progress
        As in :func:`portfolio.api.alliance`; ``cluster`` is the address of a Dask scheduler.

    Returns
    -------
    Study
        Tables ``policies``, ``differences``, ``clusters``, ``features``, ``commitments``.

    Raises
    ------
    CaseError, UsageError, OutputError, CheckpointError
        Before any long work; UsageError also where the case has no portfolio.
    """
    ask = Ask(clusters, by)
    terms = Terms(Limits(gap, time_limit, threads), fresh, level, jobs, cluster)
    clock = Clock(progress)
    with clock.phase("reading"):
        record = case_of(case, overrides, scenarios, seed)
    _check(record, ask, terms)
    desk = Desk.of(out, terms, clock, "wait", record, ask)
    first, later = record.windows[0], frozenset(record.windows[1:])
    plan, now = desk.solve([Point("plan", record), Point("now", record, Changes(frozen=Frozen(later)), baseline=False)])
    if plan.decision is None:
        raise UsageError(f"{record.settings.case.name} has no portfolio to begin with: {'; '.join(plan.reasons)}")
    with clock.phase("telling scenarios apart"):
        begun = frozenset(p for p, _, v in plan.decision.chosen if v == first)
        after, idle = (_told(record, ask, terms, some) for some in (begun, frozenset[str]()))
    held = frozen(plan.decision, [first])
    found = desk.solve(
        [
            *_points(record, "adapted", after, held, plan.decision),
            *_points(record, "waiting", idle, Frozen(frozenset({first})), None),
        ]
    )
    answers = {a.name: a for a in (plan, now, *found)}
    return desk.finish(lambda: _study(record, ask, terms, answers, {"adapted": after, "waiting": idle}))


def _check(case: Case, ask: Ask, terms: Terms) -> None:
    """Refuse what cannot work."""
    name = case.settings.case.name
    if len(case.windows) < 2:
        raise UsageError(f"{name} has one window: waiting takes a later one")
    if case.settings.risk.cvar_weight > 0:
        raise UsageError(
            "later windows are adapted cluster by cluster, and a CVaR does not split over clusters: give --set "
            "risk.cvar_weight=0"
        )
    if ask.clusters < 1 or ask.by not in METHODS:
        raise UsageError(f"clusters has to be at least 1, by one of {', '.join(METHODS)}")
    if terms.fresh == 0:
        raise UsageError("adapted plans have to be measured on fresh scenarios: fresh has to be at least 2")


def frozen(decision: Decision, windows: Collection[int]) -> Frozen:
    """Return the commitments of some windows as they were decided (8b)."""
    some = frozenset(windows)
    return Frozen(
        windows=some,
        select={k: round(x) for k, x in decision.select.items() if k[2] in some and x > 0.5},
        share={k: x for k, x in decision.share.items() if k[4] in some},
        rights={k: x for k, x in decision.rights.items() if k[3] in some},
        purchase={k: x for k, x in decision.purchase.items() if k[2] in some},
    )


def _told(case: Case, ask: Ask, terms: Terms, committed: frozenset[str]) -> Told:
    """Tell the scenarios of the case and the fresh ones apart by the same rule, made from the former."""
    canonical, s = ordered(case), case.settings.sampling
    until = case.windows[1]
    known = seen(canonical, sample(canonical, s.scenarios, s.seed), until, committed)
    rule = Clusters.of(known, ask.clusters, ask.by, s.seed)
    chunks = in_chunks(canonical, terms.fresh, fresh_seed(case), "monte_carlo")
    labels = [rule.assign(seen(canonical, some, until, committed)) for some in chunks]
    return Told(rule, known, rule.assign(known), np.concatenate(labels))


def _points(case: Case, name: str, told: Told, held: Frozen, start: Decision | None) -> list[Point]:
    """A point for every cluster that has scenarios."""
    return [
        Point(f"{name}-{c}", case, Changes(frozen=held), baseline=False, part=told.rows(c), start=start)
        for c in range(told.rule.count)
        if told.rows(c)
    ]


def _study(case: Case, ask: Ask, terms: Terms, answers: Mapping[str, Answer], told: Mapping[str, Told]) -> Study:
    """Put the tables together."""
    shares = {name: np.bincount(t.own, minlength=t.rule.count) / t.own.size for name, t in told.items()}
    weights = Weights.of(case)
    policies = [
        tables.single("plan", answers["plan"], weights),
        tables.adaptive("adapted", answers, shares["adapted"], told["adapted"].fresh, weights),
        tables.single("now", answers["now"], weights),
        tables.adaptive("waiting", answers, shares["waiting"], told["waiting"].fresh, weights),
    ]
    stopped = [a for a in answers.values() if a.status not in (Status.OPTIMAL, Status.INFEASIBLE)]
    differences = tables.differences(policies, terms.level)
    return Study(
        kind="wait",
        title=case.settings.case.title or case.settings.case.name,
        tables={
            "policies": tables.policies(policies, terms.level),
            "differences": differences,
            "clusters": tables.clusters(answers, {n: (t.own, t.fresh) for n, t in told.items()}),
            "features": tables.features({n: (t.known, t.own) for n, t in told.items()}),
            "commitments": tables.commitments(answers),
        },
        figures={
            "scenarios": case.settings.sampling.scenarios,
            "seed": case.settings.sampling.seed,
            "fresh": terms.fresh,
            "level": terms.level,
            "gap": terms.limits.gap,
            "clusters": ask.clusters,
            "by": ask.by,
            "known_until": case.windows[1],
            "windows": list(case.windows),
            "differences": records(differences),
        },
        caveats=_caveats(case, answers, told, stopped),
        exit_code=3 if stopped else 0,
    )


def _caveats(
    case: Case, answers: Mapping[str, Answer], told: Mapping[str, Told], stopped: Sequence[Answer]
) -> tuple[str, ...]:
    """What to know before acting on it."""
    least = min(int(np.bincount(t.own).min()) for t in told.values())
    notes = [
        f"The first window is that of the plan, chosen without counting on adaptation; all later windows adapt to what "
        f"is seen until {case.windows[1]}, none to what is seen after it.",
        "Charges and expected costs of later commitments are those of today, not those expected in the cluster.",
    ]
    if least < FEW:
        notes.append(
            f"Scenarios in the smallest cluster: {least}. What is adapted to so few fits their luck: in sample that "
            "can only look better; go by the fresh scenarios."
        )
    usual = answers["plan"].decision
    adapted = [a.decision for name, a in answers.items() if name.startswith("adapted-")]
    if usual is not None and all(d is not None and d.share == usual.share for d in adapted):
        notes.append(
            "In no cluster anything better than the plan was found within the gap asked for; a smaller --gap looks on."
        )
    missing = [name for name, a in answers.items() if a.decision is None]
    if missing:
        notes.append(f"No portfolio was found for {', '.join(missing)}; policies with them are left out.")
    if stopped:
        notes.append(f"{len(stopped)} of {len(answers)} searches were stopped by the time limit before the gap.")
    return tuple(notes)


__all__ = ["frozen", "wait"]
