"""The programme of a run's case on any sample, and the run's portfolio in it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from models import Benchmark, Decision
from models.terms import OptionKey
from portfolio.assemble import assemble
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.engine.assembled import Arrays, compile_instance
from portfolio.engine.programme import Array, TwoStage
from portfolio.evaluation.errors import TOLERANCE
from portfolio.evaluation.pointwise import composite, costs, value_at_risk
from portfolio.report.errors import RunError
from portfolio.report.saved import SavedRun
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.philox import digest
from portfolio.scenarios.sampling import sample

LEAST = 0.0
"""Shortfall, side costs and public cost are at least 0: no portfolio costs less."""
SEEDS = 10**12
"""Derived seeds lie below this: so many that no two of a study agree, short enough to be typed."""


@dataclass(frozen=True)
class OnSample:
    """A programme over a sample and the portfolio as its first stage."""

    arrays: Arrays
    x: Array

    @property
    def programme(self) -> TwoStage:
        """The programme."""
        return self.arrays.programme


@dataclass(frozen=True)
class RunProgrammes:
    """Programmes of a run's case; charges come from its own cost sample, so the first stage is always the same."""

    saved: SavedRun
    case: Case
    cost_drivers: Drivers
    threads: int = 0

    @staticmethod
    def of(saved: SavedRun, threads: int = 0) -> RunProgrammes:
        """Prepare those of a run."""
        canonical, settings = ordered(saved.case), saved.case.settings.sampling
        return RunProgrammes(saved, canonical, sample(canonical, settings.cost_scenarios, settings.cost_seed), threads)

    def on(self, drivers: Drivers) -> OnSample:
        """Put the programme together on some scenarios.

        Raises
        ------
        RunError
            Where an option of the portfolio yields nothing on them, and so is not in the programme.
        """
        assembled = assemble(self.case, drivers, self.cost_drivers).instance
        instance = replace(assembled, benchmarks=self._benchmarks(assembled.options))
        missing = [key for key in self.saved.decision.chosen if key not in instance.options]
        if missing:
            project, structure, window = missing[0]
            raise RunError(
                f"{self.saved.name}: {project}, closing in {window} as {structure}, yields nothing in any of "
                f"{drivers.size:,} scenarios; take more scenarios"
            )
        arrays = compile_instance(instance)
        return OnSample(arrays, arrays.point(instance, self.saved.decision))

    @cached_property
    def _counted(self) -> Mapping[str, Benchmark]:
        """Benchmarks as in the run: means over its own scenarios, so that they are the same on every sample."""
        rules, settings = self.case.settings.benchmarks, self.case.settings.sampling
        if not rules.region or not (rules.require or rules.penalise):
            return {}
        own = sample(self.case, settings.scenarios, settings.seed)
        return assemble(self.case, own, self.cost_drivers).instance.benchmarks

    def _benchmarks(self, options: Collection[OptionKey]) -> dict[str, Benchmark]:
        """Benchmarks over some options."""
        return {
            name: replace(b, gain_tpy={key: gain for key, gain in b.gain_tpy.items() if key in options})
            for name, b in self._counted.items()
        }

    def penalty(self, decision: Decision) -> float:
        """Penalties for benchmarks missed (8a) in weighted tonnes, as in the run's objective."""
        return float(sum((b.penalty or 0.0) * b.missing(decision.select) for b in self._counted.values()))

    def own(self) -> OnSample:
        """The programme on the run's own scenarios.

        Raises
        ------
        RunError
            Where the portfolio does not cost on them what the run says.
        """
        settings = self.case.settings.sampling
        found = self.on(sample(self.case, settings.scenarios, settings.seed))
        (mine,) = costs(found.programme, [found.x], self.threads)
        value, said = float(found.programme.probability @ composite(found.programme, mine)), self.saved.objective
        if abs(value - said) > TOLERANCE * max(abs(value), abs(said), 1.0):
            raise RunError(
                f"{self.saved.name} says {said:,.6g} for the objective, but on its own scenarios the portfolio leads "
                f"to {value:,.6g}: the run was edited, or made with other versions of libraries; solve the case again"
            )
        return found

    def eta(self, own: OnSample) -> float | None:
        """Value at risk with which the portfolio was chosen; None where no CVaR counts."""
        if own.programme.cvar_weight == 0:
            return None
        (mine,) = costs(own.programme, [own.x], self.threads)
        return value_at_risk(own.programme, mine)

    def seed(self, *of: str | int) -> int:
        """Return a seed derived from the run's and from what it is for; never the run's own nor that of its charges."""
        settings = self.case.settings.sampling
        found = digest(settings.seed, *of) % SEEDS
        while found in (settings.seed, settings.cost_seed):
            found += 1
        return found

    def mark(self, *settings: object) -> str:
        """Hash of case, portfolio and settings: what finished pieces of work depend on."""
        decision = self.saved.decision
        held = [sorted(getattr(decision, name).items()) for name in ("select", "share", "rights", "purchase", "use")]
        return hashlib.sha256(repr((self.case, held, settings)).encode()).hexdigest()
