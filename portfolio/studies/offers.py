"""Offers to one project: terms of price protection and debt, whether they close it, and how likely it stays alive.

Everything is by the simulation of the plant's cash (:mod:`portfolio.finance.simulate`) on one sample, the same for all
offers: a plant that survives under one offer and not under another does so because of the terms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from models import Decision, Instance
from portfolio.assemble import Assembly, assemble
from portfolio.case.records import Case
from portfolio.case.tables import Project, Structure
from portfolio.evaluation.feasibility import cheapest
from portfolio.evaluation.intervals import Interval, probability_interval
from portfolio.finance.closing import assumed_public_loan, supported
from portfolio.finance.contracts import Market, market
from portfolio.finance.economics import Economics, economics
from portfolio.finance.schedule import planned_start, schedule
from portfolio.finance.simulate import built, paths
from portfolio.finance.sizing import settled, size
from portfolio.finance.types import Financing, PlantPath
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.prices import expected_price
from portfolio.scenarios.sampling import sample, sample_chunk

Flags = npt.NDArray[np.bool_]

NAME = "offer"
"""Name of the structure that an offer is."""
GRID = 9
"""Strikes tried over the whole range before the least that works is closed in on."""
HALVINGS = 7
"""Times the interval between two of them is halved: the least strike is found to less than 1 % of the range."""
SPECK = 1e-6
"""USD M below which public money is the same."""
AMPLE_TPY = 1e9
"""Feed that is no limit."""
LEAST = 0.3
"""Least strike tried, over the expected price."""


@dataclass(frozen=True)
class Offer:
    """Terms: private debt, share of output under price protection, strike of the main material (USD/kg), term (y)."""

    debt: str
    share: float
    strike_usd_kg: float | None
    term_y: float

    def structure(self, base: Structure) -> Structure:
        """Return the terms as a structure, the rest as in another: index, start of the term, upside."""
        return replace(base, structure=NAME, debt=self.debt, tranche=self.share, term_y=self.term_y)

    def project(self, base: Project) -> Project:
        """Return the project with the strike agreed."""
        if self.strike_usd_kg is None:
            return base
        return replace(base, strike_usd_kg=self.strike_usd_kg, strike_factor=1.0)


@dataclass(frozen=True)
class Trial:
    """What an offer leads to: its financing, and whether the plant is alive, of the scenarios that count."""

    offer: Offer
    financing: Financing
    alive: Flags | None
    level: float

    @property
    def obstacle(self) -> str:
        """Why it does not close; "" where it does as far as sources and uses go."""
        return self.financing.obstacle

    @cached_property
    def survival(self) -> Interval | None:
        """Probability that the plant is alive, binomial (Clopper and Pearson); None without a close or a scenario."""
        if self.alive is None or not self.alive.size:
            return None
        return probability_interval(self.alive, level=self.level)

    def works(self, asked: float) -> bool:
        """Whether it closes and stays alive with the probability asked for."""
        return self.survival is not None and self.survival.estimate >= asked


@dataclass(frozen=True)
class Bench:
    """A project on a sample, ready for offers.

    Survival counts scenarios in which the project is won by no rival before close, does not fail technically, and is
    by its own schedule (delay, life, takeover) to be open in the year: what terms can change. ``until`` is the year
    in which it has to run; None for the last year of the contract, or of the horizon where that comes first.
    """

    case: Case
    project: Project
    base: Structure
    window: int
    drivers: Drivers
    until: int | None
    level: float

    @cached_property
    def price(self) -> npt.NDArray[np.float64]:
        """Forecast of reference prices, (M, T), USD/kg."""
        return expected_price(self.case)

    @cached_property
    def prices(self) -> Market:
        """Prices of the sample."""
        return market(self.case, self.drivers)

    @cached_property
    def plant(self) -> Economics:
        """The project at nameplate."""
        return economics(self.case, self.project)

    @cached_property
    def main(self) -> int:
        """Material of largest value, whose strike is agreed."""
        return int(np.argmax(self.plant.payable * self._mean))

    @cached_property
    def _mean(self) -> npt.NDArray[np.float64]:
        return np.asarray(settled(self.case, self.price).mean(axis=1))

    @property
    def strikes(self) -> tuple[float, float]:
        """Least and most strike tried for the main material, USD/kg: to the ceiling on the basket."""
        return LEAST * self.expected, self.case.settings.finance.strike_ceiling * self.expected

    @property
    def expected(self) -> float:
        """Expected price of the main material that sellers are paid, mean over the horizon, USD/kg."""
        return float(self._mean[self.main])

    def year(self, offer: Offer) -> int:
        """Year in which the plant has to be alive."""
        last = self.case.years[-1]
        if self.until is not None:
            return self.until
        start = float(planned_start(self.case, self.project, self.window)) + self.case.settings.horizon.first_year
        return min(last, int(np.ceil(start + offer.term_y)) - 1)

    def counted(self, offer: Offer) -> Flags:
        """Scenarios in which the plant is to be open in that year, (N,)."""
        plan = schedule(self.case, self.project, offer.structure(self.base), float(self.window), self.drivers)
        open_ = plan.open[:, self.case.years.index(self.year(offer))] > 0.0
        return np.asarray(built(self.case, self.project, self.window, self.drivers) & open_)

    def financing(self, offer: Offer) -> Financing:
        """Size an offer."""
        return size(self.case, offer.project(self.project), offer.structure(self.base), self.price)

    def path(self, offer: Offer, financing: Financing, loan: float | None = None, grant: float = 0.0) -> PlantPath:
        """Simulate an offer; public loans fill the gap up to (4b) where none is given, the rest is equity."""
        closing = supported(
            self.case, self.project, offer.structure(self.base), financing, self.window, self.drivers,
            public_loan_usd_m=assumed_public_loan(financing) if loan is None else loan, public_grant_usd_m=grant,
        )  # fmt: skip
        return paths(self.case, self.project, (closing,), self.drivers, self.prices)[0]

    def trial(self, offer: Offer, loan: float | None = None, grant: float = 0.0) -> Trial:
        """Size and simulate an offer."""
        financing = self.financing(offer)
        if financing.obstacle:
            return Trial(offer, financing, None, self.level)
        path = self.path(offer, financing, loan, grant)
        alive = path.running[self.counted(offer), self.case.years.index(self.year(offer))] > 0.0
        return Trial(offer, financing, np.asarray(alive), self.level)

    def as_split(self, trial: Trial, split: Package) -> Trial:
        """Return the trial with the loans and grants of its split, in place of those assumed."""
        uses = trial.financing.uses_usd_m
        return self.trial(trial.offer, split.public("loan") * uses, split.public("grant") * uses)

    def over_strikes(self, offer: Offer) -> tuple[Trial, ...]:
        """An offer at :data:`GRID` strikes over the whole range, lowest first."""
        return tuple(self.trial(replace(offer, strike_usd_kg=float(k))) for k in np.linspace(*self.strikes, GRID))

    def least_strike(self, tried: Sequence[Trial], asked: float) -> tuple[Trial | None, bool]:
        """Return the offer with the least strike that works, and whether all higher ones tried work too.

        ``tried`` is :meth:`over_strikes`. Where what works is all above what does not, the step between is halved;
        else the least strike of the grid that works is returned: higher strikes carry more private debt, so that
        survival need not rise with the strike.
        """
        works = [t.works(asked) for t in tried]
        if not any(works):
            return None, True
        first = works.index(True)
        monotone = all(works[first:])
        if first == 0 or not monotone:
            return tried[first], monotone
        return self._closed_in(tried[first - 1], tried[first], lambda t: t.works(asked)), True

    def least_money(self, tried: Sequence[Trial], asked: float) -> list[Trial]:
        """Return offers that work with less public money than at lower strikes, the least money first.

        ``tried`` is :meth:`over_strikes`. Lenders lend more on a higher strike, so that money falls with it until
        other limits of debt bind or the plant no longer bears it. The first one is closed in on: where the next strike
        of the grid needs less but does not work, towards the highest that works; else down to the lowest strike that
        needs no more. Others follow as they are on the grid, for where no split of the first is let through.
        """
        steps: list[int] = []
        for n, t in enumerate(tried):
            if t.works(asked) and (not steps or _money(t) < _money(tried[steps[-1]]) - SPECK):
                steps.append(n)
        if not steps:
            return []
        last = steps[-1]
        best, above = tried[last], tried[last + 1] if last + 1 < len(tried) else None
        if above is not None and not above.obstacle and _money(above) < _money(best) - SPECK:
            best = self._closed_in(above, best, lambda t: t.works(asked))
        elif last > 0:
            most = _money(best) + SPECK
            best = self._closed_in(tried[last - 1], best, lambda t: t.works(asked) and _money(t) <= most)
        return [best, *(tried[n] for n in reversed(steps))]

    def _closed_in(self, fails: Trial, does: Trial, ok: Callable[[Trial], bool]) -> Trial:
        """Halve the step between a strike that fails and one that does; return the last that does."""
        bad, good = (float(t.offer.strike_usd_kg or 0.0) for t in (fails, does))
        for _ in range(HALVINGS):
            between = self.trial(replace(does.offer, strike_usd_kg=0.5 * (bad + good)))
            if ok(between):
                does, good = between, 0.5 * (bad + good)
            else:
                bad = 0.5 * (bad + good)
        return does


def _money(trial: Trial) -> float:
    """Public money that fills the gap, USD M."""
    return trial.financing.gap_usd_m


@dataclass(frozen=True)
class Package:
    """An offer with who gives what: the split of least charge that all rules allow for the project alone."""

    assembly: Assembly
    decision: Decision

    def public(self, kind: str) -> float:
        """Public money of a kind, such as loans, as a share of uses."""
        kinds = self.assembly.instance.kind_of
        return float(sum(x for k, x in self.decision.share.items() if kinds[k[2]] == kind))


def package(bench: Bench, offer: Offer) -> Package | str:
    """Return the cheapest package of an offer, or say why there is none: (2) to (8) for the project alone."""
    case = _offering(bench, offer)
    settings = case.settings.sampling
    key = (bench.project.project, NAME, bench.window)
    one = sample_chunk(case, [0], settings.seed, settings.scenarios)
    try:
        assembly = assemble(case, one, sample(case, settings.cost_scenarios, settings.cost_seed), only=[key])
    except ValueError as fault:
        return str(fault)
    instance = replace(assembly.instance, must=frozenset({bench.project.project}), benchmarks={})
    found = cheapest(_with_feed(instance))
    if found is None:
        return "budgets, lines, tickets, caps or placeable offtake (2)-(8) let no split of it through"
    return Package(assembly, found)


def _with_feed(instance: Instance) -> Instance:
    """Leave out (4c): whether there is ore is a matter of what else is supported, not of the terms."""
    return replace(instance, incumbent_feed=np.full_like(instance.incumbent_feed, AMPLE_TPY))


def _offering(bench: Bench, offer: Offer) -> Case:
    """The case with the offer as its only structure, and the strike agreed."""
    projects = tuple(offer.project(p) if p.project == bench.project.project else p for p in bench.case.projects)
    policy = replace(bench.case.settings.policy, must=(), never=())
    changed: dict[str, Any] = {
        "projects": projects,
        "structures": (offer.structure(bench.base),),
        "settings": replace(bench.case.settings, policy=policy),
    }
    return replace(bench.case, **changed)


def not_dominated(rows: Sequence[tuple[float, ...]]) -> list[bool]:
    """Whether no other row is at most as large in every figure and smaller in one."""
    values = np.array(rows, dtype=float).reshape(len(rows), -1)
    return [
        not bool(((values <= own).all(axis=1) & (values < own - 1e-9 * (1.0 + np.abs(own))).any(axis=1)).any())
        for own in values
    ]
