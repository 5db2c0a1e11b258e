"""The optimality gap of a run's portfolio, with confidence: batches of fresh scenarios, each solved."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path

from portfolio.engine.protocol import Limits
from portfolio.evaluation.replications import (
    Batch,
    Sequential,
    StoppingRule,
    averaged_two_replications,
    multiple_replications,
    replicate_batch,
    sequential,
)
from portfolio.report.errors import UsageError
from portfolio.report.folder import check_target
from portfolio.report.pieces import Pieces
from portfolio.report.replications import Replications, write_replications
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.scenarios.sampling import sample
from portfolio.studies.sampled import LEAST, RunProgrammes


def replicate(
    run: str | PathLike[str] | Run,
    *,
    batches: int = 10,
    scenarios: int | None = None,
    level: float = 0.95,
    gap: float = 0.01,
    time_limit: float | None = 120.0,
    target: float | None = None,
    max_scenarios: int | None = None,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Replications:
    """Estimate how far the portfolio of a run may be from the best there is, with confidence.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`portfolio.api.solve` returned.
    batches : int
        Fresh samples, at least two, each solved.
    scenarios : int, optional
        Scenarios in each; as many as the run has where it is not given.
    level : float
        Confidence of the upper limit, one-sided.
    gap, time_limit : float
        When to stop the search of a batch: relative gap, seconds. Its best bound enters however it ended.
    target : float, optional
        Grow the batches until the upper limit is at most this fraction of the objective; see
        :class:`portfolio.evaluation.replications.StoppingRule`.
    max_scenarios : int, optional
        Most scenarios in a batch that is grown; eight times ``scenarios`` where it is not given.
    threads : int
        Threads; 0 takes all cores. They change no figure.
    out : path, optional
        Folder to write; nothing is written where it is not given. While batches are solved, finished ones are kept in
        a folder beside it, ``out`` with ``.pieces`` appended: the same call goes on from there.
    progress : callable, optional
        Called with a :class:`Step` as batches are solved.

    Raises
    ------
    RunError
        If the run folder is incomplete, edited or of another version, or a batch is too small for the portfolio to
        yield anything.
    UsageError
        If an argument is out of range.
    OutputError
        If ``out`` exists or cannot be written; before any long work.
    CheckpointError
        If what is kept beside ``out`` is of another run or of other settings.
    InternalError
        If a bound contradicts what the portfolio costs.
    """
    target_folder, clock = None if out is None else Path(out), Clock(progress)
    if target_folder is not None:
        check_target(target_folder)
    with clock.phase("reading"):
        saved = SavedRun.given(run)
    size = saved.case.settings.sampling.scenarios if scenarios is None else scenarios
    _check(size, gap, time_limit, threads, target, max_scenarios)
    rule = _rule(target, level, batches, size, max_scenarios)
    programmes = RunProgrammes.of(saved, threads)
    # What a batch is does not depend on how many there are, nor on the target.
    pieces = Pieces.of(target_folder, programmes.mark("replications", gap, time_limit))
    with clock.phase("measuring on the run's own scenarios"):
        eta = programmes.eta(programmes.own())
    work = _Batches(programmes, pieces, Limits(gap, time_limit, threads), eta, clock, rule.batches)
    with clock.phase("solving batches"):
        found, held = _looks(rule, work, grow=target is not None)
    result = Replications(
        case=saved.case,
        run=saved.name,
        run_path=saved.path,
        target=target,
        asked_gap=gap,
        time_limit_s=time_limit,
        in_sample=saved.objective,
        in_sample_bound=saved.bound,
        looks=found.looks,
        level=level,
        reached=found.reached if target is not None else None,
        batches=tuple(held),
        seconds=dict(clock.seconds),
    )
    if target_folder is None:
        return result
    written = write_replications(result, target_folder)
    pieces.end()
    return written


def _check(
    size: int, gap: float, time_limit: float | None, threads: int, target: float | None, most: int | None
) -> None:
    """Refuse arguments before minutes of work."""
    if size < 2:
        raise UsageError("scenarios has to be at least 2: one scenario says nothing of the spread")
    if not gap >= 0 or threads < 0 or (time_limit is not None and not time_limit > 0):
        raise UsageError("gap and threads have to be at least 0, time_limit above 0")
    if target is None and most is not None:
        raise UsageError("max_scenarios is for growing the sample: give a target too")


def _rule(target: float | None, level: float, batches: int, size: int, most: int | None) -> StoppingRule:
    """Return the stopping rule; without a target there is one look."""
    last = size if target is None else 8 * size if most is None else most
    try:
        return StoppingRule(1.0 if target is None else target, level, batches, size, last)
    except ValueError as fault:
        raise UsageError(str(fault)) from fault


def _looks(rule: StoppingRule, work: _Batches, *, grow: bool) -> tuple[Sequential, list[Batch]]:
    """Take the looks, one where the sample is not grown; return them and the batches of all."""
    if grow:
        found = sequential(rule, work.solve)
        return found, list(work.done)
    held = [work.solve(0, k, rule.first) for k in range(rule.batches)]
    plain = work.programmes.case.settings.sampling.method == "monte_carlo"
    two = rule.batches == 2 and plain
    estimate = averaged_two_replications(held, rule.level) if two else multiple_replications(held, rule.level)
    return Sequential((estimate,), True), held


@dataclass
class _Batches:
    """Solves batches and keeps them."""

    programmes: RunProgrammes
    pieces: Pieces
    limits: Limits
    eta: float | None
    clock: Clock
    each: int
    done: list[Batch] = field(default_factory=list)

    def solve(self, look: int, number: int, scenarios: int) -> Batch:
        """Return a batch: kept by an earlier command, or solved now."""
        name = f"look_{look + 1}_batch_{number + 1}_of_{scenarios}_scenarios"
        kept = self.pieces.get(name)
        if kept is None:
            self.clock.tell(Step(f"solving batches of {scenarios:,} scenarios", number, self.each))
            batch = self._solved(look, number, scenarios)
            self.pieces.put(name, asdict(batch))
        else:
            batch = Batch(**kept)
        self.done.append(batch)
        return batch

    def _solved(self, look: int, number: int, scenarios: int) -> Batch:
        seed = self.programmes.seed("replication", look, number)
        on = self.programmes.on(sample(self.programmes.case, scenarios, seed))
        return replicate_batch(on.programme, on.x, self.limits, seed=seed, eta=self.eta, least=LEAST)
