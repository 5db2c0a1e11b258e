"""Points of a study: cases solved alike, on the same random numbers, and measured on the same fresh scenarios.

Scenario n is a function of the seed, n and the names in the case alone, so whatever two points have in common is the
same in both, scenario by scenario, and their differences are differences. The first point is solved first and teaches
the others (:mod:`portfolio.engine.learned`); these learn from it alone, never from one another, so that an answer does
not depend on how many are solved side by side, in which order, or in how many sittings.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import joblib
import numpy as np

from models import Decision, Instance
from portfolio.assemble import Assembly, assemble
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.engine import Benders, choose
from portfolio.engine.learned import Learned
from portfolio.engine.programme import Array
from portfolio.engine.protocol import Engine, Limits, Solution, Status
from portfolio.engine.variation import Changes, Variation
from portfolio.evaluation.errors import TOLERANCE, InternalError
from portfolio.evaluation.feasibility import charge, explain, unsupportable
from portfolio.evaluation.fresh import fix, fresh_seed, in_chunks
from portfolio.evaluation.outcomes import Recourse, objective
from portfolio.finance.types import CONVENTIONS
from portfolio.report.decision_file import decision_record, parse_decision
from portfolio.report.errors import UsageError
from portfolio.report.pieces import Pieces
from portfolio.report.steps import Clock, Step
from portfolio.scenarios.sampling import sample
from portfolio.studies.marks import hash_of

FRESH = 2000
"""Fresh scenarios every portfolio of a study is measured on where no number is given."""


@dataclass(frozen=True)
class Terms:
    """How the points of a study are solved and measured.

    Attributes
    ----------
    limits : Limits
        Of the search of every point; ``threads`` are those of each of the ``jobs``.
    fresh : int
        Fresh scenarios to measure every portfolio on; 0 for none.
    level : float
        Confidence level of intervals.
    jobs : int
        Points solved side by side.
    cluster : str, optional
        Address of a Dask scheduler whose workers solve them instead.
    in_sample : bool
        Whether every portfolio is measured on the scenarios it was chosen on, too.
    """

    limits: Limits = field(default_factory=Limits)
    fresh: int = FRESH
    level: float = 0.95
    jobs: int = 1
    cluster: str | None = None
    in_sample: bool = False


@dataclass(frozen=True)
class Point:
    """A case to be solved, its sample in its settings, with changes to its first stage.

    Points of a study have different names. Points with the same case are assembled and compiled once, so that what
    ``changes`` can say is better said there than in the case. ``baseline`` says whether the world without the fund is
    measured too; it is the same for points that differ in the fund alone. ``gap`` stands in place of that of the terms,
    and a point that is not ``measured`` is solved and no more. With a ``target`` the point is a question, whether any
    portfolio has an objective of at most that: its answer is not measured either. ``rows`` are the scenarios of the
    sample it is solved on, all of them where None; ``start`` is a portfolio it allows, and is tried first.
    """

    name: str
    case: Case
    changes: Changes = field(default_factory=Changes)
    baseline: bool = True
    gap: float | None = None
    measured: bool = True
    target: float | None = None
    rows: tuple[int, ...] | None = None
    start: Decision | None = None


@dataclass(frozen=True)
class Sampled:
    """A portfolio on S fresh scenarios; ``without`` stays empty where that world was not measured.

    Attributes
    ----------
    seed : int
    weighted, side, tonnes : (S,)
        With the fund: weighted shortfall Z, what the objective pays besides it, and shortfall at all stages with
        demand in t, over the horizon.
    weighted_without, side_without, tonnes_without : (S,) or (0,)
    regions, regions_without : (S, R) or (0, R)
        The tonnes by region, in the order of the names in the case, sorted.
    """

    seed: int
    weighted: Array
    side: Array
    tonnes: Array
    weighted_without: Array
    side_without: Array
    tonnes_without: Array
    regions: Array
    regions_without: Array


@dataclass(frozen=True)
class Answer:
    """What solving a point gave.

    Attributes
    ----------
    name : str
    status : Status
    objective, bound : float
        In the sample of the point; bound <= optimum <= objective. The objective is infinite where no portfolio was
        found, the bound where there is none.
    decision : Decision or None
    reasons : tuple of str
        Why there is no portfolio.
    public_cost_usd_m : float
        Expected public cost, as in the objective.
    charges_usd_m : mapping
        By member: see :func:`charged`.
    fresh : Sampled or None
    weighted, weighted_without : float or None
        Mean weighted shortfall on the scenarios of the point, with and without the fund, where it was measured.
    seconds : float
    """

    name: str
    status: Status
    objective: float
    bound: float
    decision: Decision | None
    reasons: tuple[str, ...] = ()
    public_cost_usd_m: float = 0.0
    charges_usd_m: dict[str, dict[str, float]] = field(default_factory=dict)
    fresh: Sampled | None = field(default=None, repr=False)
    weighted: float | None = None
    weighted_without: float | None = None
    seconds: float = 0.0

    @property
    def gap(self) -> float:
        """Relative gap of the search."""
        return Solution(self.status, "", self.objective, self.bound, None).gap

    @property
    def supported(self) -> frozenset[str]:
        """Projects of the portfolio."""
        return frozenset(p for p, _, _ in self.decision.chosen) if self.decision is not None else frozenset()


@dataclass(frozen=True)
class Prepared:
    """A case put together and compiled, ready for its variations."""

    assembly: Assembly
    variation: Variation

    @staticmethod
    def of(case: Case) -> Prepared:
        """Sample, assemble and compile a case."""
        canonical, s = ordered(case), case.settings.sampling
        drivers = sample(canonical, s.scenarios, s.seed)
        assembly = assemble(canonical, drivers, sample(canonical, s.cost_scenarios, s.cost_seed))
        return Prepared(assembly, Variation.of(assembly.instance))

    def solve(
        self,
        changes: Changes,
        limits: Limits,
        teacher: Learned | None = None,
        *,
        learn: bool = False,
        rows: Sequence[int] | None = None,
        start: Decision | None = None,
    ) -> Solution:
        """Solve a variation, on some of the scenarios; see :class:`portfolio.engine.Benders` for the rest."""
        varied = self.on(rows).changed(changes)
        engine: Engine = choose("auto", varied.instance)
        if changes.rows or limits.target is not None:  # the extensive form knows neither
            engine = Benders()
        if isinstance(engine, Benders):
            taught = replace(engine, teacher=teacher, learn=learn)
            return taught.solve_arrays(varied.arrays, varied.instance, limits, start=start)
        return engine.solve(varied.instance, limits, start=start)

    def on(self, rows: Sequence[int] | None) -> Variation:
        """Return the programme on some of the scenarios of the sample, their probabilities rescaled; all where None."""
        if rows is None:
            return self.variation
        instance = self.variation.instance
        return Variation.of(replace(instance, scenarios=instance.scenarios.take(np.array(rows, dtype=np.int64))))


@dataclass
class Lessons:
    """The first point as solved last, by hash: its piece and what it teaches. Rounds of a study share one."""

    held: tuple[str, dict[str, Any], Learned | None] | None = None


def solve_points(
    points: Sequence[Point], terms: Terms, pieces: Pieces, clock: Clock, lessons: Lessons | None = None
) -> list[Answer]:
    """Solve and measure points, those that are not kept; the first one before the others, which learn from it.

    With ``lessons`` the first point is not solved again where an earlier round had the same.

    Raises
    ------
    OutputError
        Where a finished point cannot be kept.
    """
    names = [p.name for p in points]
    if len(set(names)) < len(names):
        raise ValueError("points of a study need different names")
    kept = {p.name: _kept(pieces, p) for p in points}
    hashes = {p.name: hash_of(p) for p in points}
    due = [p for p in points if kept[p.name] is None]

    def keep(name: str, found: dict[str, Any]) -> None:
        kept[name] = found
        pieces.put(name, found | {"point": hashes[name]})
        clock.tell(Step("solving points", sum(v is not None for v in kept.values()), len(points)))

    teacher = None
    if due:
        clock.tell(Step("solving points", len(points) - len(due), len(points)))
        lesson, memory = hashes[points[0].name] + mark(terms), lessons or Lessons()
        if memory.held is None or memory.held[0] != lesson:
            # Solved again where it is kept but others are not: what it teaches is not kept, and is the same every time.
            memory.held = (lesson, *_solve(points[0], terms, None, learn=True))
        _, found, teacher = memory.held
        keep(points[0].name, found)
    rest = [p for p in due if p is not points[0]]
    for name, found in _side_by_side(rest, terms, teacher):
        keep(name, found)
    return [_answer(p, kept[p.name] or {}) for p in points]


def mark(terms: Terms, *about: object) -> str:
    """Hash of what all points of a study depend on; not of how many are solved side by side."""
    return hash_of(replace(terms, jobs=1, cluster=None), about)


def _kept(pieces: Pieces, point: Point) -> dict[str, Any] | None:
    """What is kept of a point; nothing where the name stood for another point."""
    found = pieces.get(point.name)
    return found if found is not None and found.get("point") == hash_of(point) else None


def _side_by_side(
    points: Sequence[Point], terms: Terms, teacher: Learned | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names of points and what was found, as they are done."""
    if terms.cluster is None and (terms.jobs == 1 or len(points) <= 1):
        for p in points:
            yield p.name, _solve(p, terms, teacher)[0]
        return
    work = (joblib.delayed(_named)(p, terms, teacher) for p in points)
    with _workers(terms):
        yield from joblib.Parallel(n_jobs=terms.jobs, return_as="generator_unordered")(work)


@contextmanager
def _workers(terms: Terms) -> Iterator[None]:
    """Where joblib does its work: processes here, or the workers of a Dask cluster.

    Raises
    ------
    UsageError
        Where Dask is not installed.
    """
    if terms.cluster is None:
        with joblib.parallel_config(backend="loky"):
            yield
        return
    try:
        distributed: Any = importlib.import_module("distributed")
    except ModuleNotFoundError as fault:
        raise UsageError("a cluster needs Dask: pip install 'portfolio[cluster]'") from fault
    with distributed.Client(terms.cluster), joblib.parallel_config(backend="dask"):
        yield


def _named(point: Point, terms: Terms, teacher: Learned | None) -> tuple[str, dict[str, Any]]:
    return point.name, _solve(point, terms, teacher)[0]


_PREPARED: list[tuple[Case, Prepared]] = []
"""The case prepared last in this process: points with the same case come one after the other."""


def prepared(case: Case) -> Prepared:
    """Return a case prepared, as it was left by the point before where that had the same."""
    for held, ready in list(_PREPARED):
        if held == case:
            return ready
    # What is returned is never read from the list again: workers of a cluster may be threads of one process.
    ready = Prepared.of(case)
    _PREPARED[:] = [(case, ready)]
    return ready


def _solve(
    point: Point, terms: Terms, teacher: Learned | None, *, learn: bool = False
) -> tuple[dict[str, Any], Learned | None]:
    """Solve and measure a point: the content of its piece, and what others may learn from it."""
    begin = time.perf_counter()
    ready = prepared(point.case)
    instance = point.changes.of(ready.assembly.instance)
    asked = point.target is not None or bool(point.changes.rows)
    if unsupportable(instance, ready.assembly.left_out):
        return _nothing(Status.INFEASIBLE, ready.assembly, instance, begin, explained=not asked), None
    gap = terms.limits.gap if point.gap is None else point.gap
    limits = replace(terms.limits, gap=gap, target=point.target)
    solution = ready.solve(point.changes, limits, teacher, learn=learn, rows=point.rows, start=point.start)
    if solution.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    if solution.decision is None:
        nothing = _nothing(solution.status, ready.assembly, instance, begin, explained=not asked)
        return nothing | {"bound": max(solution.bound, 0.0) if np.isfinite(solution.bound) else None}, solution.learned
    found: dict[str, Any] = {
        "status": solution.status.name,
        "objective": solution.objective,
        "bound": max(solution.bound, 0.0),
        "decision": decision_record(solution.decision),
        "reasons": [],
        "public_cost_usd_m": solution.decision.public_cost(instance),
        "charges_usd_m": charged(ready.assembly, instance, solution.decision),
        "fresh": _measured(point, terms, solution.decision),
        **_on_its_own(point, ready, instance, solution, terms),
    }
    return found | {"seconds": time.perf_counter() - begin}, solution.learned


def _nothing(
    status: Status, assembly: Assembly, instance: Instance, begin: float, *, explained: bool
) -> dict[str, Any]:
    """Without a portfolio; reasons are looked for where ``explained`` asks for them."""
    look = explained and status is Status.INFEASIBLE
    reasons = list(explain(replace(assembly, instance=instance))) if look else [status.value]
    return {"status": status.name, "reasons": reasons, "bound": None, "seconds": time.perf_counter() - begin}


def charged(assembly: Assembly, instance: Instance, decision: Decision) -> dict[str, dict[str, float]]:
    """USD M by member: ``budget``, what its budgets are charged; ``cost``, its part of the expected public cost;
    ``exposure``; and the charge under each convention.

    Under conventions as in the ledger's lines ``charge``: of shares and purchases, without overhead.
    """
    found = {f: dict.fromkeys(("budget", "cost", "exposure", *CONVENTIONS), 0.0) for f in instance.members}
    for key, share in sorted(decision.share.items()):
        mine, unit = found[key[0]], assembly.commitments[key]
        mine["exposure"] += share * unit.exposure_usd_m
        for convention, part in zip(CONVENTIONS, unit.charge_usd_m, strict=True):
            mine[convention] += share * float(part)
    for (member, material, window), tonnes in sorted(decision.purchase.items()):
        at = instance.materials.index(material), instance.windows.index(window)
        for convention in CONVENTIONS:
            found[member][convention] += tonnes * float(instance.stock_cost[at])
    for member, mine in found.items():
        mine["budget"] = charge(instance, decision, member, instance.windows)
        mine["cost"] = _own(instance, decision, member).public_cost(instance)
    return found


def _own(instance: Instance, decision: Decision, member: str) -> Decision:
    """What of a decision is one member's: its shares, purchases, and its part of packages that are used."""
    borne = instance.bearers
    return Decision(
        use={k: value * borne.get((member, *k), 0.0) for k, value in decision.use.items()},
        take={k: value for k, value in decision.take.items() if k[0] == member},
        share={k: value for k, value in decision.share.items() if k[0] == member},
        purchase={k: value for k, value in decision.purchase.items() if k[0] == member},
    )


def _measured(point: Point, terms: Terms, decision: Decision) -> dict[str, Any] | None:
    """Measure a portfolio on the fresh scenarios of its study."""
    if terms.fresh == 0 or point.target is not None or not point.measured:
        return None
    seed = fresh_seed(point.case)
    fixed = fix(point.case, decision, terms.limits.threads)
    found = fixed.measure(in_chunks(fixed.case, terms.fresh, seed, "monte_carlo"), terms.fresh, baseline=point.baseline)
    tonnes = {"": found.with_fund, "_without": found.without}
    record: dict[str, Any] = {"seed": seed}
    for suffix, world in tonnes.items():
        record[f"weighted{suffix}"] = world.weighted.tolist()
        record[f"side{suffix}"] = world.side.tolist()
        record[f"tonnes{suffix}"] = world.shortfall.sum(axis=(1, 2, 3, 4)).tolist()
        record[f"regions{suffix}"] = world.shortfall.sum(axis=(2, 3, 4)).tolist()
    return record


def _on_its_own(
    point: Point, ready: Prepared, instance: Instance, solution: Solution, terms: Terms
) -> dict[str, float | None]:
    """Measure a portfolio on the scenarios it was chosen on, and refuse an objective that this contradicts.

    Raises
    ------
    InternalError
        Where the recomputed objective is another.
    """
    if not terms.in_sample or not point.measured:
        return {}
    decision = solution.decision or Decision()
    arrays = solution.arrays or ready.variation.changed(point.changes).arrays
    recourse = Recourse(instance, arrays, terms.limits.threads)
    outcomes, p = recourse.outcomes(decision), instance.scenarios.probability
    value = objective(instance, decision, outcomes)
    if abs(value - solution.objective) > TOLERANCE * max(abs(value), abs(solution.objective), 1e-6):
        raise InternalError(
            f"{point.name}: the portfolio is worth {value:.9g} when measured again, but the engine says "
            f"{solution.objective:.9g}"
        )
    without = float(p @ recourse.outcomes(Decision()).weighted) if point.baseline else None
    return {"weighted": float(p @ outcomes.weighted), "weighted_without": without}


def _answer(point: Point, found: dict[str, Any]) -> Answer:
    """Read a piece."""
    status = Status[found["status"]]
    if "decision" not in found:
        bound = np.inf if status is Status.INFEASIBLE else found["bound"] or 0.0
        reasons, seconds = tuple(found["reasons"]), found["seconds"]
        return Answer(point.name, status, np.inf, bound, None, reasons=reasons, seconds=seconds)
    fresh = found["fresh"]
    return Answer(
        name=point.name,
        status=status,
        objective=found["objective"],
        bound=found["bound"],
        decision=parse_decision(found["decision"], point.case, point.name),
        public_cost_usd_m=found["public_cost_usd_m"],
        charges_usd_m=found["charges_usd_m"],
        fresh=None if fresh is None else _sampled(fresh),
        weighted=found.get("weighted"),
        weighted_without=found.get("weighted_without"),
        seconds=found["seconds"],
    )


def _sampled(found: dict[str, Any]) -> Sampled:
    arrays = {name: np.array(values, dtype=float) for name, values in found.items() if name != "seed"}
    return Sampled(seed=int(found["seed"]), **arrays)
