"""Hazard rates as opinions: the portfolio, its regret and where it changes across the posteriors of the rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from models import Decision
from portfolio.engine.protocol import Limits
from portfolio.evaluation.fresh import in_chunks
from portfolio.evaluation.intervals import Interval
from portfolio.evaluation.panel import Array, Panel
from portfolio.evaluation.pointwise import solved
from portfolio.evaluation.regret import Measure, regret_table
from portfolio.evaluation.switching import Difference, Line
from portfolio.report.decision_file import INDICES, decision_record, parse_decision
from portfolio.report.errors import RunError, UsageError
from portfolio.report.folder import check_target
from portfolio.report.pieces import Pieces
from portfolio.report.regret import OF_RUN, Candidate, Held, Placed, Regret, Swing, write_regret
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.scenarios.opinions import Opinion, hazards_of
from portfolio.scenarios.philox import digest
from portfolio.scenarios.sampling import sample
from portfolio.studies.sampled import LEAST, RunProgrammes

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of the rates where none are given."""
SAME = 1e-6
"""Largest difference of any first-stage variable at which two portfolios are one candidate."""


@dataclass(frozen=True)
class Terms:
    """What to measure and how far to search; see :func:`regret`."""

    groups: tuple[str, ...]
    quantiles: tuple[float, ...]
    single: int
    screen: int
    fresh: int
    level: float
    gap: float
    time_limit_s: float | None
    threads: int

    def check(self) -> None:
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
        if len(self.quantiles) < 2 or not all(0 < q < 1 for q in self.quantiles):
            raise UsageError("at least two quantiles are needed, each between 0 and 1, such as 0.05 and 0.95")
        if self.fresh < 2 or self.single < 0 or (self.single > 0 and self.screen < 2):
            raise UsageError("fresh and screen have to be at least 2, single at least 0")
        if not self.groups and not self.single:
            raise UsageError("name a group of hazards, or let single hazards be looked for")


def regret(
    run: str | PathLike[str] | Run,
    *,
    groups: Sequence[str] = ("export",),
    quantiles: Sequence[float] = QUANTILES,
    single: int = 2,
    screen: int = 200,
    fresh: int = 1000,
    level: float = 0.95,
    gap: float = 0.005,
    time_limit: float | None = 60.0,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Regret:
    """Take hazard rates as opinions: which portfolio suits each, what each would regret, and which regrets least.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`portfolio.api.solve` returned. Its portfolio is the candidate of the opinion of
        the case: rates drawn from their posteriors.
    groups : sequence of str
        Hazards whose rates are taken to be at the same quantile: a kind (``export``, ``price``, ``outage``) or a
        pattern of names such as ``CHN_*``.
    quantiles : sequence of float
        Of the posteriors; an opinion, and a search, for each and every group.
    single : int
        Further hazards to be taken one at a time, at the lowest and highest quantile: those for which what the run's
        portfolio costs differs most between the two.
    screen : int
        Scenarios on which they are looked for; without effect where ``single`` is 0.
    fresh : int
        Fresh scenarios on which every candidate is tried under every opinion.
    level : float
        Confidence level of the intervals.
    gap, time_limit : float
        When to stop each search: relative gap, seconds.
    threads : int
        Threads; 0 takes all cores. They change no figure unless a time limit ends a search.
    out : path, optional
        Folder to write; nothing is written where it is not given. Finished searches are kept in a folder beside it,
        ``out`` with ``.pieces`` appended: the same call goes on from there.
    progress : callable, optional
        Called with a :class:`Step` as searches end and scenarios are measured.

    Raises
    ------
    RunError
        If the run folder is incomplete, edited or of another version, or a portfolio yields nothing on a sample.
    UsageError
        If an argument is out of range, or no hazard is of a group.
    OutputError
        If ``out`` exists or cannot be written; before any long work.
    CheckpointError
        If what is kept beside ``out`` is of another run or of other settings.
    """
    target, clock = None if out is None else Path(out), Clock(progress)
    if target is not None:
        check_target(target)
    with clock.phase("reading"):
        saved = SavedRun.given(run)
    wanted = tuple(sorted(set(quantiles)))
    terms = Terms(tuple(dict.fromkeys(groups)), wanted, single, screen, fresh, level, gap, time_limit, threads)
    terms.check()
    programmes = RunProgrammes.of(saved, threads)
    members = _members(programmes, terms)
    pieces = Pieces.of(target, programmes.mark("regret", terms.gap, terms.time_limit_s))
    found = _Study(programmes, terms, pieces, clock, members).run()
    if target is None:
        return found
    with clock.phase("writing"):
        written = write_regret(found, target)
    pieces.end()
    return written


def _members(programmes: RunProgrammes, terms: Terms) -> dict[str, tuple[str, ...]]:
    try:
        return {group: hazards_of(programmes.case, group) for group in terms.groups}
    except ValueError as fault:
        raise UsageError(str(fault)) from None


@dataclass
class _Study:
    """The steps, one after the other; each search once, kept when it is done."""

    programmes: RunProgrammes
    terms: Terms
    pieces: Pieces
    clock: Clock
    members: dict[str, tuple[str, ...]]
    costs: dict[str, Array] = field(default_factory=dict)

    def run(self) -> Regret:
        """Screen, solve, measure, compare."""
        with self.clock.phase("measuring on the run's own scenarios"):
            self.programmes.own()
        with self.clock.phase("screening hazards"):
            swings = self._swings() if self.terms.single else ()
        opinions = self._opinions(swings)
        with self.clock.phase("solving under every opinion"):
            held = tuple(self._solve(n, o, len(opinions)) for n, o in enumerate(opinions))
        candidates, of = _candidates(held)
        panel = self._panel([c.decision for c in candidates])
        with self.clock.phase("measuring on fresh scenarios"):
            costs = [self.measured(panel, o) for o in opinions]
        risk = self.programmes.case.settings.risk
        measure = Measure(risk.cvar_weight, risk.cvar_level, self.terms.level)
        table = regret_table([c[1:] for c in costs], measure)
        with self.clock.phase("locating switching points"):
            placed = self._switches(opinions, table.best, panel, measure)
        return Regret(
            case=self.programmes.saved.case,
            run=self.programmes.saved.name,
            run_path=self.programmes.saved.path,
            scenario_count=self.terms.fresh,
            seed=self._seed,
            level=self.terms.level,
            asked_gap=self.terms.gap,
            quantiles=self.terms.quantiles,
            held=held,
            candidate_of=of,
            candidates=candidates,
            public_cost_usd_m=tuple(panel.public_cost_usd_m(n + 1) for n in range(len(candidates))),
            table=table,
            intervals=tuple(tuple(measure.interval(c) for c in matrix) for matrix in costs),
            switches=placed,
            swings=swings,
            seconds=dict(self.clock.seconds),
        )

    @property
    def _seed(self) -> int:
        """Seed of the fresh scenarios, the same under every opinion."""
        return self.programmes.seed("regret", "fresh")

    def _opinions(self, swings: Sequence[Swing]) -> tuple[Opinion, ...]:
        """The case's own, every group at every quantile, the most important single hazards at the outer ones."""
        t = self.terms
        found = [Opinion.of_case(self.programmes.case)]
        found += [Opinion.at(group, names, q) for group, names in self.members.items() for q in t.quantiles]
        alone = [s.hazard for s in swings if (s.hazard,) not in self.members.values()][: t.single]
        self.members |= {name: (name,) for name in alone}
        return (*found, *(Opinion.at(name, (name,), q) for name in alone for q in (t.quantiles[0], t.quantiles[-1])))

    def _swings(self) -> tuple[Swing, ...]:
        """How much what the run's portfolio costs moves with each hazard's rate alone, largest first."""
        t, case, saved = self.terms, self.programmes.case, self.programmes.saved
        panel = self._panel([saved.decision])
        risk = case.settings.risk
        measure = Measure(risk.cvar_weight, risk.cvar_level, t.level)
        found = []
        for n, hazard in enumerate(h for h in case.hazards if h.rate > 0):
            self.clock.tell(Step("screening hazards", n, len(case.hazards)))
            ends = (t.quantiles[0], t.quantiles[-1])
            paid = [self._on(panel, Opinion.at("", (hazard.hazard,), q), t.screen, "screen")[1] for q in ends]
            values = measure.value(paid[0]), measure.value(paid[1])
            found.append(Swing(hazard.hazard, hazard.kind, ends, values, measure.difference(paid[1], paid[0])))
        return tuple(sorted(found, key=lambda s: (-abs(s.difference.estimate), s.hazard)))

    def _panel(self, decisions: Sequence[Decision]) -> Panel:
        """The world without the fund and some portfolios."""
        try:
            return Panel.of(self.programmes.case, [Decision(), *decisions], self.programmes.penalty, self.terms.threads)
        except ValueError as fault:
            raise RunError(
                f"{self.programmes.saved.name}: its portfolio does not fit its case: {fault}; solve the case again"
            ) from fault

    def _on(self, panel: Panel, opinion: Opinion, count: int, what: str) -> Array:
        """What every portfolio of a panel costs on fresh scenarios under an opinion, the same draws for all."""
        case, seed = opinion.of(self.programmes.case), self.programmes.seed("regret", what)
        phase = "measuring on fresh scenarios" if what == "fresh" else "screening hazards"
        return panel.measure(
            in_chunks(case, count, seed, "monte_carlo"),
            count,
            lambda done, total: self.clock.tell(Step(f"{phase}: {opinion.name}", done, total)),
        )

    def measured(self, panel: Panel, opinion: Opinion) -> Array:
        """Costs on the fresh scenarios, (1 + candidates, S), without the fund first; each opinion measured once."""
        if opinion.name not in self.costs:
            portfolios = [sorted(getattr(d, name).items()) for d in panel.decisions for name in INDICES]
            key = digest(self.terms.fresh, opinion.name, *opinion.hazards, repr(portfolios))
            kept = self.pieces.get(f"costs_{key:x}")
            if kept is None:
                kept = {"costs": self._on(panel, opinion, self.terms.fresh, "fresh").tolist()}
                self.pieces.put(f"costs_{key:x}", kept)
            self.costs[opinion.name] = np.array(kept["costs"])
        return self.costs[opinion.name]

    def _solve(self, number: int, opinion: Opinion, total: int) -> Held:
        """Best portfolio under an opinion on the run's scenarios as they are under it; kept when it is found."""
        saved, case = self.programmes.saved, self.programmes.case
        if not opinion.hazards:
            return Held(opinion, saved.decision, saved.objective, saved.bound, OF_RUN)
        name = f"opinion_{digest(0, opinion.name, *opinion.hazards):x}"
        kept = self.pieces.get(name)
        if kept is None:
            self.clock.tell(Step(f"solving: {opinion.name}", number, total))
            kept = self._searched(opinion)
            self.pieces.put(name, kept)
        decision = parse_decision(kept["decision"], case, name)
        return Held(opinion, decision, float(kept["objective"]), float(kept["bound"]), str(kept["status"]))

    def _searched(self, opinion: Opinion) -> dict[str, Any]:
        case, t = self.programmes.case, self.terms
        on = self.programmes.on(sample(opinion.of(case), case.settings.sampling.scenarios, case.settings.sampling.seed))
        best = solved(on.programme, Limits(t.gap, t.time_limit_s, t.threads), [on.x])
        return {
            "decision": decision_record(on.arrays.first.decision(best.x)),
            "objective": best.objective,
            "bound": max(best.bound, LEAST),
            "status": best.status.value,
        }

    def _switches(
        self, opinions: Sequence[Opinion], best: Sequence[int], panel: Panel, measure: Measure
    ) -> tuple[Placed, ...]:
        """Where the best candidate changes along the quantiles of every group."""
        found: list[Placed] = []
        for group, names in self.members.items():
            mine = [(o.quantile, best[n]) for n, o in enumerate(opinions) if o.group == group]
            line = Line(tuple(q for q, _ in mine), tuple(c for _, c in mine))
            pair = _Pairs(self, panel, measure, group, names)
            found += [Placed(group, names, s) for s in line.switches(pair)]
        return tuple(found)


@dataclass(frozen=True)
class _Pairs:
    """Differences of two candidates along the quantiles of a group."""

    study: _Study
    panel: Panel
    measure: Measure
    group: str
    names: tuple[str, ...]

    def __call__(self, a: int, b: int) -> Difference:
        def difference(quantile: float) -> Interval:
            costs = self.study.measured(self.panel, Opinion.at(self.group, self.names, quantile))
            return self.measure.difference(costs[a + 1], costs[b + 1])

        return difference


def _candidates(held: Sequence[Held]) -> tuple[tuple[Candidate, ...], tuple[int, ...]]:
    """Portfolios that differ, the run's first, and which of them each opinion led to."""
    found: list[Candidate] = []
    of: list[int] = []
    for h in held:
        at = next((n for n, c in enumerate(found) if same(c.decision, h.decision)), len(found))
        if at == len(found):
            found.append(Candidate("run" if h.status == OF_RUN else h.opinion.name, h.decision))
        of.append(at)
    return tuple(found), tuple(of)


def same(one: Decision, other: Decision) -> bool:
    """Whether two portfolios differ by no more than rounding."""
    return all(
        abs(getattr(one, name).get(key, 0.0) - getattr(other, name).get(key, 0.0))
        <= SAME * _size(one, other, name, key)
        for name in INDICES
        for key in {*getattr(one, name), *getattr(other, name)}
    )


def _size(one: Decision, other: Decision, name: str, key: Any) -> float:
    """Size of a variable: purchases are tonnes, all others of the order of 1."""
    return max(1.0, *(abs(float(getattr(d, name).get(key, 0.0))) for d in (one, other)))
