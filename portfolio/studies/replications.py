"""The optimality gap of a run's portfolio, with confidence: batches of fresh scenarios, each solved."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path

from portfolio.engine.protocol import Limits
from portfolio.evaluate.replications import (
    Batch,
    GapEstimate,
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
from portfolio.report.saved import SavedRun, read_run
from portfolio.report.steps import Clock, Step
from portfolio.scenarios.sampling import sample
from portfolio.studies.sampled import LEAST, RunProgrammes


@dataclass(frozen=True)
class Terms:
    """How to replicate: K batches of n scenarios, the searches' limits, and how far to grow n where a target is given."""

    batches: int
    scenarios: int | None
    level: float
    gap: float
    time_limit_s: float | None
    target: float | None
    max_scenarios: int | None

    def rule(self, scenarios: int) -> StoppingRule:
        """Return the stopping rule; without a target there is one look."""
        most = scenarios if self.target is None else self.max_scenarios or 8 * scenarios
        try:
            return StoppingRule(self.target or 1.0, self.level, self.batches, scenarios, most)
        except ValueError as fault:
            raise UsageError(str(fault)) from fault


def replications(
    run: str | PathLike[str] | Run, terms: Terms, *, threads: int, out: str | PathLike[str] | None, clock: Clock
) -> Replications:
    """Estimate how far the portfolio of a run is from the best; see :func:`portfolio.api.replicate`."""
    target = None if out is None else Path(out)
    if target is not None:
        check_target(target)
    with clock.phase("reading"):
        saved = SavedRun.of(run) if isinstance(run, Run) else read_run(Path(run))
    scenarios = saved.case.settings.sampling.scenarios if terms.scenarios is None else terms.scenarios
    rule = _checked(terms, scenarios, threads)
    programmes = RunProgrammes.of(saved, threads)
    # What a batch is does not depend on how many there are, nor on the target.
    settings = (terms.gap, terms.time_limit_s)
    pieces = Pieces.of(target, programmes.mark("replications", *settings))
    with clock.phase("measuring the portfolio on its own scenarios"):
        eta = programmes.eta()
    batches = _Batches(programmes, pieces, Limits(terms.gap, terms.time_limit_s, threads), eta, clock, rule)
    with clock.phase("solving batches"):
        found, held = _looks(rule, terms, batches)
    result = Replications(
        case=saved.case,
        run=saved.name,
        run_path=saved.path,
        target=terms.target,
        asked_gap=terms.gap,
        time_limit_s=terms.time_limit_s,
        in_sample=saved.objective,
        in_sample_bound=saved.bound,
        looks=found.looks,
        reached=found.reached if terms.target is not None else None,
        batches=tuple(held),
        seconds=dict(clock.seconds),
    )
    if target is None:
        return result
    with clock.phase("writing"):
        result = write_replications(result, target)
    pieces.end()
    return replace(result, path=target)


def _checked(terms: Terms, scenarios: int, threads: int) -> StoppingRule:
    """Check the arguments before minutes of work."""
    if scenarios < 2:
        raise UsageError("scenarios has to be at least 2: one scenario says nothing of the spread")
    if not terms.gap >= 0 or threads < 0 or (terms.time_limit_s is not None and not terms.time_limit_s > 0):
        raise UsageError("gap and threads have to be at least 0, time_limit above 0")
    if terms.target is None and terms.max_scenarios is not None:
        raise UsageError("max_scenarios is for growing the sample: give a target too")
    return terms.rule(scenarios)


def _looks(rule: StoppingRule, terms: Terms, batches: _Batches) -> tuple[Sequential, list[Batch]]:
    """Take the looks, one without a target; return them and the batches of the last."""
    if terms.target is not None:
        found = sequential(rule, batches.solve)
        return found, [batches.solve(len(found.looks) - 1, k, rule.looks[len(found.looks) - 1])
                       for k in range(rule.batches)]  # fmt: skip
    held = [batches.solve(0, k, rule.first) for k in range(rule.batches)]
    plain = batches.programmes.case.settings.sampling.method == "monte_carlo"
    estimate: GapEstimate = (
        averaged_two_replications(held, rule.level)
        if rule.batches == 2 and plain
        else multiple_replications(held, rule.level)
    )
    return Sequential((estimate,), True), held


@dataclass
class _Batches:
    """Solves batches, each once, and keeps them."""

    programmes: RunProgrammes
    pieces: Pieces
    limits: Limits
    eta: float | None
    clock: Clock
    rule: StoppingRule

    def __post_init__(self) -> None:
        self.done: dict[tuple[int, int, int], Batch] = {}

    def solve(self, look: int, number: int, scenarios: int) -> Batch:
        """Return a batch: solved before, kept by an earlier command, or solved now."""
        key = (look, number, scenarios)
        if key not in self.done:
            name = f"look_{look + 1}_batch_{number + 1}_of_{scenarios}_scenarios"
            piece = self.pieces.get(name)
            if piece is None:
                words = f"solving batches of {scenarios:,} scenarios"
                self.clock.tell(Step(words, number, self.rule.batches))
                batch = self._solved(look, number, scenarios)
                self.pieces.put(name, asdict(batch))
            else:
                batch = Batch(**piece)
            self.done[key] = batch
        return self.done[key]

    def _solved(self, look: int, number: int, scenarios: int) -> Batch:
        seed = self.programmes.seed("replication", look, number)
        on = self.programmes.on(sample(self.programmes.case, scenarios, seed))
        return replicate_batch(on.programme, on.x, self.limits, seed=seed, eta=self.eta, least=LEAST)
