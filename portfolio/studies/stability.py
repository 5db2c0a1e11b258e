"""How much the answer depends on the sample: several samples solved, their portfolios tried on one fresh sample."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from models import Decision
from portfolio.assemble import assemble
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.engine import choose
from portfolio.engine.protocol import Limits, Status
from portfolio.evaluation.feasibility import explain, unsupportable
from portfolio.evaluation.fresh import in_chunks
from portfolio.evaluation.stability import Compared, several
from portfolio.report.decision_file import decision_record, parse_decision
from portfolio.report.errors import RunError, UsageError
from portfolio.report.folder import check_target
from portfolio.report.pieces import Pieces
from portfolio.report.run import Run
from portfolio.report.stability import Solved, Stability, write_stability
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.philox import digest
from portfolio.scenarios.sampling import sample
from portfolio.studies.subject import Subject

SEEDS = 10**12
"""Derived seeds lie below this."""
RUN = "run"
"""Label of the run's own portfolio."""


@dataclass(frozen=True)
class Ask:
    """What to do; see :func:`stability`."""

    samples: int
    sizes: tuple[int, ...]
    fresh: int
    accuracy: float
    seed: int
    level: float
    limits: Limits

    def check(self) -> None:
        """Refuse arguments before minutes of work.

        Raises
        ------
        UsageError
            Where an argument is out of range.
        """
        if self.samples < 2 or self.fresh < 2 or min(self.sizes) < 1:
            raise UsageError("samples and fresh have to be at least 2, scenarios at least 1")
        if not 0 < self.level < 1 or not 0 < self.accuracy < 1:
            raise UsageError("level and accuracy are shares between 0 and 1, such as 0.95 and 0.01")
        limit = self.limits.time_limit_s
        if (
            not self.limits.gap >= 0
            or self.limits.threads < 0
            or self.seed < 0
            or (limit is not None and not limit > 0)
        ):
            raise UsageError("gap, threads and seed have to be at least 0, time_limit above 0")


def stability(
    case: str | PathLike[str] | Case | Run,
    *,
    samples: int = 5,
    scenarios: int | Sequence[int] | None = None,
    fresh: int = 2000,
    accuracy: float = 0.01,
    seed: int | None = None,
    level: float = 0.95,
    gap: float = 0.01,
    time_limit: float | None = 120.0,
    threads: int = 0,
    overrides: Sequence[str] = (),
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Stability:
    """Measure how much objective and portfolio depend on which scenarios were drawn, and how many.

    Parameters
    ----------
    case : path, Case or Run
        A case folder or a run folder, or a record of either. A run's own portfolio is tried beside the others.
    samples : int
        Independent samples of every size, at least two, each solved.
    scenarios : int or sequence of int, optional
        Sizes of sample; as many scenarios as the case has where not given.
    fresh : int
        Scenarios of the one sample on which all portfolios are tried.
    accuracy : float
        Share of the objective by which portfolios may differ for a size to be called enough.
    seed : int, optional
        From which the seeds of all samples are derived; the case's own where not given.
    level : float
        Confidence level of the intervals.
    gap, time_limit : float
        When to stop the search of a sample: relative gap, seconds.
    threads : int
        Threads; 0 takes all cores. They change no figure unless a time limit ends a search.
    overrides : sequence of str
        Values in place of those in the files of a case.
    out : path, optional
        Folder to write; nothing is written where it is not given. While samples are solved, finished ones are kept in a
        folder beside it, ``out`` with ``.pieces`` appended: the same call goes on from there.
    progress : callable, optional
        Called with a :class:`Step` as samples are solved and portfolios measured.

    Raises
    ------
    CaseError, RunError
        If the folder cannot be read.
    UsageError
        If an argument is out of range, or a sample has no feasible portfolio.
    OutputError
        If ``out`` exists or cannot be written; before any long work.
    CheckpointError
        If what is kept beside ``out`` is of another case or of other settings.
    """
    target, clock = None if out is None else Path(out), Clock(progress)
    if target is not None:
        check_target(target)
    with clock.phase("reading"):
        subject = Subject.of(case, overrides)
    own = subject.case.settings.sampling
    given = (own.scenarios,) if scenarios is None else (scenarios,) if isinstance(scenarios, int) else tuple(scenarios)
    sizes = tuple(sorted(set(given or (own.scenarios,))))
    limits = Limits(gap, time_limit, threads)
    ask = Ask(samples, sizes, fresh, accuracy, own.seed if seed is None else seed, level, limits)
    ask.check()
    # What a sample leads to does not depend on how many there are, nor on the fresh sample.
    mark = hashlib.sha256(repr((subject.case, "stability", ask.seed, gap, time_limit)).encode()).hexdigest()
    work = _Samples(subject, ask, Pieces.of(target, mark), clock)
    with clock.phase("solving samples"):
        solved = work.solve()
    found = _measured(subject, ask, solved, clock)
    if target is None:
        return found
    written = write_stability(found, target)
    work.pieces.end()
    return written


@dataclass(frozen=True)
class _Samples:
    """Solves samples and keeps what they lead to."""

    subject: Subject
    ask: Ask
    pieces: Pieces
    clock: Clock

    def solve(self) -> tuple[Solved, ...]:
        """Solve every sample of every size that is not kept; the run's own portfolio comes last."""
        case = ordered(self.subject.case)
        settings = case.settings.sampling
        cost_drivers = sample(case, settings.cost_scenarios, settings.cost_seed)
        found: list[Solved] = []
        for size in self.ask.sizes:
            for number in range(self.ask.samples):
                done, total = len(found), len(self.ask.sizes) * self.ask.samples
                self.clock.tell(Step(f"solving samples of {size:,} scenarios", done, total))
                found.append(self._one(case, cost_drivers, size, number))
        run = self.subject.run
        if run is not None:
            own = run.case.settings.sampling
            found.append(
                Solved(RUN, own.scenarios, own.seed, run.objective, run.bound, "", run.missed["with"], run.decision)
            )
        return tuple(found)

    def _one(self, case: Case, cost_drivers: Drivers, size: int, number: int) -> Solved:
        name = f"{size}_scenarios_sample_{number + 1}"
        kept = self.pieces.get(name)
        if kept is not None:
            decision = parse_decision(kept.pop("decision"), case, name)
            return Solved(**kept, decision=decision)
        made = self._solved(case, cost_drivers, size, number)
        piece = {field: getattr(made, field) for field in made.__dataclass_fields__}
        self.pieces.put(name, piece | {"decision": decision_record(made.decision)})
        return made

    def _solved(self, case: Case, cost_drivers: Drivers, size: int, number: int) -> Solved:
        """Solve a sample just as ``portfolio solve`` does with its seed."""
        seed = digest(self.ask.seed, "stability", size, number) % SEEDS
        assembly = assemble(case, sample(case, size, seed), cost_drivers)
        reasons = "; ".join(explain(assembly)) if unsupportable(assembly.instance, assembly.left_out) else ""
        if not reasons:
            solution = choose("auto", assembly.instance).solve(assembly.instance, self.ask.limits)
            if solution.status is Status.INTERRUPTED:
                raise KeyboardInterrupt
            if solution.decision is not None:
                penalty = solution.decision.penalty(assembly.instance)
                return Solved(
                    f"{size}/{number + 1}",
                    size,
                    seed,
                    float(solution.objective),
                    float(max(solution.bound, 0.0)),
                    solution.status.value,
                    float(penalty),
                    solution.decision,
                )
            infeasible = solution.status is Status.INFEASIBLE
            reasons = "; ".join(explain(assembly)) if infeasible else "none was found in time; give it more"
        raise UsageError(f"no portfolio on sample {number + 1} of {size:,} scenarios: {reasons}")


def _measured(subject: Subject, ask: Ask, solved: tuple[Solved, ...], clock: Clock) -> Stability:
    """Try all portfolios on one fresh sample; penalties for benchmarks count as when each was chosen."""
    with clock.phase("assembling"):
        decisions: list[Decision] = [one.decision for one in solved]
        try:
            together = several(subject.case, decisions, ask.limits.threads)
        except ValueError as fault:
            raise RunError(f"{subject.name}: a portfolio does not fit the case: {fault}; solve it again") from fault
    seed = digest(ask.seed, "stability", "fresh") % SEEDS
    phase = "measuring on fresh scenarios"
    with clock.phase(phase):
        chunks = in_chunks(together.fixed.case, ask.fresh, seed, "monte_carlo")
        costs = together.measure(chunks, ask.fresh, lambda done, total: clock.tell(Step(phase, done, total)))
    risk = subject.case.settings.risk
    for row, one in zip(costs, solved, strict=True):
        row += one.penalty
    return Stability(
        case=subject.case,
        name=subject.name,
        subject_path=subject.path,
        sizes=ask.sizes,
        samples=ask.samples,
        fresh=ask.fresh,
        fresh_seed=seed,
        accuracy=ask.accuracy,
        level=ask.level,
        asked_gap=ask.limits.gap,
        time_limit_s=ask.limits.time_limit_s,
        solved=solved,
        compared=Compared.of(costs, risk.cvar_weight, risk.cvar_level, ask.level),
        seconds=dict(clock.seconds),
    )
