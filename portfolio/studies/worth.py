"""What stochastics are worth to whoever holds a run's portfolio: against the mean, and against knowing the future."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from models import Decision
from portfolio.engine.passes import threads as cores
from portfolio.engine.programme import Array
from portfolio.engine.protocol import Limits
from portfolio.evaluation.fresh import fix, in_chunks
from portfolio.evaluation.intervals import Interval, influence_interval
from portfolio.evaluation.pointwise import contributions
from portfolio.evaluation.stochastic_value import (
    Foresight,
    GroupValue,
    OfInformation,
    OfKnowing,
    OfSolution,
    Standing,
    foresight,
    group_value,
    value_of_information,
    value_of_knowing,
    value_of_solution,
)
from portfolio.evaluation.subprogramme import chosen
from portfolio.report.errors import UsageError
from portfolio.report.folder import check_target
from portfolio.report.pieces import Pieces
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.report.worth import Fresh, Worth, write_worth
from portfolio.scenarios.sampling import HELD, sample_knowing
from portfolio.studies.sampled import LEAST, OnSample, RunProgrammes


@dataclass(frozen=True)
class Terms:
    """What to measure and how far to search; see :func:`worth`."""

    foresight: int
    fresh: int
    knowing: tuple[str, ...]
    groups: int
    each: int
    level: float
    gap: float
    time_limit_s: float | None
    threads: int

    def check(self, saved: SavedRun) -> None:
        """Refuse arguments before minutes of work.

        Raises
        ------
        UsageError
            Where an argument is out of range.
        """
        if not self.gap >= 0 or self.threads < 0 or (self.time_limit_s is not None and not self.time_limit_s > 0):
            raise UsageError("gap and threads have to be at least 0, time_limit above 0")
        if not 0 < self.level < 1:
            raise UsageError("level is a share between 0 and 1, such as 0.95")
        if self.foresight < 0 or self.fresh < 0 or self.fresh == 1 or self.groups < 2 or self.each < 2:
            raise UsageError("foresight has to be at least 0, fresh 0 or at least 2, groups and each at least 2")
        for name in self.knowing:
            if name not in HELD:
                raise UsageError(f"knowing {name!r} is not offered: one of {', '.join(HELD)}")
        if self.knowing and saved.case.settings.risk.cvar_weight > 0:
            raise UsageError(
                "what it is worth to know only some drivers is measured for the mean alone: the case has "
                "risk.cvar_weight above 0"
            )


def worth(
    run: str | PathLike[str] | Run,
    *,
    foresight: int | None = None,
    fresh: int = 2000,
    knowing: Sequence[str] = (),
    groups: int = 20,
    each: int = 10,
    level: float = 0.95,
    gap: float = 0.02,
    time_limit: float | None = 60.0,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Worth:
    """Measure what it is worth not to plan for the mean, and what it would be worth to know the future.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`portfolio.api.solve` returned.
    foresight : int, optional
        Scenarios of the run, from the first, that are solved one by one with foresight; all of them, but at most 50,
        where it is not given; 0 leaves perfect information out.
    fresh : int
        Fresh scenarios on which the portfolio and that for the mean are tried as well; 0 leaves that out.
    knowing : sequence of str
        Drivers to be known alone: ``hazards``, ``delays``. Only for an objective without CVaR.
    groups, each : int
        Draws of those drivers, and scenarios of everything else for each, both at least two.
    level : float
        Confidence level of the intervals.
    gap, time_limit : float
        When to stop each search: relative gap, seconds. Bounds enter however it ended.
    threads : int
        Searches at a time; 0 takes all cores. They change no figure unless a time limit ends a search.
    out : path, optional
        Folder to write; nothing is written where it is not given. Finished searches are kept in a folder beside it,
        ``out`` with ``.pieces`` appended: the same call goes on from there.
    progress : callable, optional
        Called with a :class:`Step` as searches end.

    Raises
    ------
    RunError
        If the run folder is incomplete, edited or of another version.
    UsageError
        If an argument is out of range.
    OutputError
        If ``out`` exists or cannot be written; before any long work.
    CheckpointError
        If what is kept beside ``out`` is of another run or of other settings.
    InternalError
        If bounds and costs are in the wrong order: WS above RP, RP above EEV, EV above RP.
    """
    target, clock = None if out is None else Path(out), Clock(progress)
    if target is not None:
        check_target(target)
    with clock.phase("reading"):
        saved = SavedRun.given(run)
    size = saved.case.settings.sampling.scenarios
    count = min(size, 50) if foresight is None else min(foresight, size)
    terms = Terms(count, fresh, tuple(dict.fromkeys(knowing)), groups, each, level, gap, time_limit, threads)
    terms.check(saved)
    programmes = RunProgrammes.of(saved, threads)
    pieces = Pieces.of(target, programmes.mark("worth", gap, time_limit, groups, each))
    found = _Study(programmes, terms, pieces, clock).run()
    if target is None:
        return found
    written = write_worth(found, target)
    pieces.end()
    return written


@dataclass(frozen=True)
class _Study:
    """The measurements, one after the other; each search once, kept when it is done."""

    programmes: RunProgrammes
    terms: Terms
    pieces: Pieces
    clock: Clock

    def run(self) -> Worth:
        """Measure everything asked for."""
        terms, saved = self.terms, self.programmes.saved
        with self.clock.phase("measuring on the run's own scenarios"):
            own = self.programmes.own()
        with self.clock.phase("solving for the mean"):
            of_solution = self._of_solution(own)
        for_mean = own.arrays.first.decision(of_solution.mean_problem.x)
        with self.clock.phase("solving with foresight"):
            known = self._of_information(own, of_solution) if terms.foresight > 0 else None
        with self.clock.phase("measuring on fresh scenarios"):
            fresh = self._fresh(for_mean) if terms.fresh > 0 else None
        with self.clock.phase("solving with some drivers known"):
            partly = tuple(self._of_knowing(name) for name in terms.knowing)
        return Worth(
            case=saved.case,
            run=saved.name,
            run_path=saved.path,
            level=terms.level,
            asked_gap=terms.gap,
            time_limit_s=terms.time_limit_s,
            solution=of_solution,
            decision_for_mean=for_mean,
            information=known,
            fresh=fresh,
            knowing=partly,
            seconds=dict(self.clock.seconds),
        )

    def _of_solution(self, own: OnSample) -> OfSolution:
        t = self.terms
        standing = Standing(own.x, max(self.programmes.saved.bound, LEAST))
        limits = Limits(t.gap, t.time_limit_s, t.threads)
        return value_of_solution(own.programme, standing, limits, level=t.level)

    def _of_information(self, own: OnSample, solution: OfSolution) -> OfInformation:
        t, starts = self.terms, [own.x, solution.mean_problem.x]
        limits = Limits(t.gap, t.time_limit_s, 1)

        def one(s: int, pause: Callable[[], None]) -> dict[str, Any]:
            alone = chosen(own.programme, np.array([s]))
            return asdict(foresight(alone, starts, limits, least=LEAST, pause=pause))

        found = [Foresight(**piece) for piece in self._each("scenario", t.foresight, one)]
        part = chosen(own.programme, np.arange(t.foresight))
        return value_of_information(part, own.x, found, level=t.level, threads=t.threads)

    def _of_knowing(self, drivers: str) -> OfKnowing:
        t = self.terms
        seed = self.programmes.seed("knowing", drivers)
        on = self.programmes.on(sample_knowing(self.programmes.case, drivers, t.groups, t.each, seed))
        limits = Limits(t.gap, t.time_limit_s, 1)

        def one(g: int, pause: Callable[[], None]) -> dict[str, Any]:
            group = chosen(on.programme, np.arange(g * t.each, (g + 1) * t.each))
            return asdict(group_value(group, on.x, limits, least=LEAST, pause=pause))

        found = [GroupValue(**piece) for piece in self._each(f"knowing_{drivers}", t.groups, one)]
        return value_of_knowing(drivers, t.each, found, level=t.level)

    def _each(
        self, name: str, count: int, one: Callable[[int, Callable[[], None]], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Do pieces of one kind side by side, those that are not kept; Ctrl-C ends the searches under way."""
        stop, done = threading.Event(), [0]

        def pause() -> None:
            if stop.is_set():
                raise KeyboardInterrupt

        def piece(number: int) -> dict[str, Any]:
            pause()
            kept = self.pieces.get(f"{name}_{number + 1}")
            found = one(number, pause) if kept is None else kept
            if kept is None:
                self.pieces.put(f"{name}_{number + 1}", found)
            done[0] += 1
            self.clock.tell(Step(f"solving with foresight ({name.replace('_', ' ')})", done[0], count))
            return found

        with ThreadPoolExecutor(cores(self.terms.threads)) as pool:
            futures = [pool.submit(piece, number) for number in range(count)]
            try:
                return [future.result() for future in futures]
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise

    def _fresh(self, for_mean: Decision) -> Fresh:
        """Both portfolios on fresh scenarios, by the recourse alone, and what that for the mean costs more."""
        t, seed = self.terms, self.programmes.seed("worth", "fresh")
        saved, parts = self.programmes.saved, []
        for decision in (saved.decision, for_mean):
            parts.append(self._contributions(decision, seed))
        mine, other = parts
        weights = np.full(t.fresh, 1.0 / t.fresh)
        risk = saved.case.settings.risk
        tail = risk.cvar_level if risk.cvar_weight > 0 else 0.0

        def interval(values: Array) -> Interval:
            mean = float(values.mean())
            return influence_interval(mean, values - mean, weights, level=t.level, tail=tail)

        return Fresh(t.fresh, seed, interval(mine), interval(other), interval(other - mine))

    def _contributions(self, decision: Decision, seed: int) -> Array:
        """What each fresh scenario adds to the objective under a decision."""
        t, case, risk = self.terms, self.programmes.case, self.programmes.case.settings.risk
        fixed = fix(case, decision, t.threads)
        measured = fixed.measure(
            in_chunks(case, t.fresh, seed, "monte_carlo"),
            t.fresh,
            lambda done, total: self.clock.tell(Step("measuring on fresh scenarios", done, total)),
        )
        cost = measured.with_fund.weighted + measured.with_fund.side
        cost = cost + case.settings.objective.cost_weight * fixed.public_cost_usd_m + self.programmes.penalty(decision)
        return contributions(cost, measured.probability, risk.cvar_weight, risk.cvar_level)
