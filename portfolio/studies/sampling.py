"""Is the sampler true to the case, and how much do designs save? The table of moments and the variance ratios."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from models import Decision
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.evaluation.designs import LEAST, Array, randomised, variance_ratio
from portfolio.evaluation.fresh import FixedPortfolio, fix, in_chunks
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.errors import RunError, UsageError
from portfolio.report.folder import check_target
from portfolio.report.run import Run
from portfolio.report.sampling import Ratio, Sampling, write_sampling
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.philox import digest
from portfolio.scenarios.quality.moments import RANDOMISATIONS, Moments, moments
from portfolio.scenarios.sampling import METHODS
from portfolio.studies.subject import Subject

SEEDS = 10**12
"""Derived seeds lie below this."""


@dataclass(frozen=True)
class Ask:
    """What to do; see :func:`sampling`."""

    scenarios: int
    seed: int
    method: str
    designs: tuple[str, ...]
    points: int
    randomisations: int
    level: float
    threads: int

    def check(self) -> None:
        """Refuse arguments before minutes of work.

        Raises
        ------
        UsageError
            Where an argument is out of range.
        """
        for name in (self.method, *self.designs):
            if name not in METHODS:
                raise UsageError(f"unknown design {name!r}: one of {', '.join(METHODS)}")
        least = 2 if self.method == "monte_carlo" else 2 * RANDOMISATIONS
        if self.scenarios < least:
            raise UsageError(f"scenarios has to be at least {least} for {self.method}")
        if self.points < 2 or self.randomisations < LEAST:
            raise UsageError(f"points has to be at least 2, randomisations at least {LEAST}")
        if not 0 < self.level < 1 or self.seed < 0 or self.threads < 0:
            raise UsageError("level is a share between 0 and 1; seed and threads have to be at least 0")


def sampling(
    case: str | PathLike[str] | Case | Run,
    *,
    scenarios: int = 5000,
    seed: int | None = None,
    design: str | None = None,
    against: Sequence[str] = (),
    points: int = 256,
    randomisations: int = 32,
    level: float = 0.95,
    threads: int = 0,
    overrides: Sequence[str] = (),
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Sampling:
    """Compare what a sample shows with the parameters of the case, and designs with plain Monte Carlo.

    Parameters
    ----------
    case : path, Case or Run
        A case folder or a run folder, or a record of either. Of a run its own case is taken, and its portfolio for
        the variance ratios.
    scenarios : int
        Size of the sample for the table of moments.
    seed : int, optional
        Its seed; the case's own where not given: under plain Monte Carlo the sample then begins with the scenarios the
        case is solved on.
    design : str, optional
        How it is drawn: ``monte_carlo``, ``sobol`` or ``latin_hypercube``; ``sampling.method`` where not given.
    against : sequence of str
        Designs whose estimates of the mean and the CVaR of the weighted shortfall are compared with those of plain
        Monte Carlo; none by default.
    points, randomisations : int
        Scenarios of each randomisation of a design, and independent randomisations of each.
    level : float
        Confidence level of the variance ratios' limits.
    threads : int
        Threads; 0 takes all cores. They change no figure.
    overrides : sequence of str
        Values in place of those in the files of a case.
    out : path, optional
        Folder to write; nothing is written where it is not given.
    progress : callable, optional
        Called with a :class:`Step` as scenarios are drawn and measured.

    Raises
    ------
    CaseError, RunError
        If the folder cannot be read.
    UsageError
        If an argument is out of range.
    OutputError
        If ``out`` exists or cannot be written; before any long work.
    """
    target, clock = None if out is None else Path(out), Clock(progress)
    if target is not None:
        check_target(target)
    with clock.phase("reading"):
        subject = Subject.of(case, overrides)
    own = subject.case.settings.sampling
    designs = tuple(dict.fromkeys(name for name in against if name != "monte_carlo"))
    ask = Ask(
        scenarios,
        own.seed if seed is None else seed,
        own.method if design is None else design,
        designs,
        points,
        randomisations,
        level,
        threads,
    )
    ask.check()
    with clock.phase("drawing scenarios"):
        table = _moments(subject, ask, clock)
    ratios = _ratios(subject, ask, clock) if ask.designs else ()
    found = Sampling(
        case=subject.case,
        name=subject.name,
        subject_path=subject.path,
        design=ask.method,
        seed=ask.seed,
        table=table,
        ratios=ratios,
        seconds=dict(clock.seconds),
    )
    return found if target is None else write_sampling(found, target)


def _moments(subject: Subject, ask: Ask, clock: Clock) -> Moments:
    return moments(
        ordered(subject.case),
        ask.scenarios,
        ask.seed,
        ask.method,
        report=lambda done, total: clock.tell(Step("drawing scenarios", done, total)),
    )


def _ratios(subject: Subject, ask: Ask, clock: Clock) -> tuple[Ratio, ...]:
    """Randomise every design, and plain Monte Carlo as often."""
    with clock.phase("assembling"):
        fixed = _fix(subject, ask.threads)
    worlds = (WITHOUT,) if subject.run is None else (WITHOUT, WITH)
    by_method = {name: _randomised(fixed, name, ask, clock) for name in ("monte_carlo", *ask.designs)}
    found = []
    for name in ask.designs:
        for (figure, world), values in by_method[name].items():
            if world in worlds:
                plain = by_method["monte_carlo"][figure, world]
                found.append(_ratio(name, figure, world, ask, plain, values))
    return tuple(found)


def _randomised(fixed: FixedPortfolio, name: str, ask: Ask, clock: Clock) -> dict[tuple[str, str], Array]:
    """Estimates from every randomisation of a design; seeds of two designs have nothing in common."""
    phase, total = f"measuring {name.replace('_', ' ')}", ask.randomisations * ask.points

    def chunks(number: int) -> Iterable[Drivers]:
        return in_chunks(fixed.case, ask.points, digest(ask.seed, "variance ratio", name, number) % SEEDS, name)

    with clock.phase(phase):
        return randomised(
            fixed, chunks, ask.randomisations, lambda done: clock.tell(Step(phase, done * ask.points, total))
        )


def _ratio(name: str, figure: str, world: str, ask: Ask, plain: Array, values: Array) -> Ratio:
    try:
        found = variance_ratio(plain, values, ask.level)
    except ValueError as fault:
        raise UsageError(f"{figure} {world} the fund under {name}: {fault}; take more points") from fault
    return Ratio(name, figure, world, ask.points, plain.size, float(plain.mean()), float(values.mean()), found)


def _fix(subject: Subject, threads: int) -> FixedPortfolio:
    decision = Decision() if subject.run is None else subject.run.decision
    try:
        return fix(subject.case, decision, threads)
    except ValueError as fault:
        raise RunError(f"{subject.name}: its portfolio does not fit its case: {fault}; solve the case again") from fault
