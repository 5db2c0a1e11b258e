"""What every share of every option costs, from plants simulated on the cost sample."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace

from models import Option, Share
from models.instance import Array
from models.terms import OptionKey, ShareKey
from portfolio.assemble.options import NEGLIGIBLE, Choice, LeftOut, option
from portfolio.case.records import Case
from portfolio.case.tables import Eligibility, Instrument, Project
from portfolio.finance.charges import cash_flows, commitments, present_payouts
from portfolio.finance.closing import supported
from portfolio.finance.contracts import Market, market
from portfolio.finance.simulate import may_yield, paths
from portfolio.finance.types import CONVENTIONS, Commitment, PlantPath
from portfolio.scenarios.drivers import Drivers, slices

Report = Callable[[str, int, int], None]
"""Called with a phase, what is done and how much there is to do."""


@dataclass(frozen=True)
class Priced:
    """Options with an effect within the horizon, their shares and what these cost; what is left out and why.

    ``payouts`` holds what a unit share pays out in each scenario of the cost sample, of members with a limit (7c).
    """

    options: dict[OptionKey, Option] = field(default_factory=dict)
    shares: dict[ShareKey, Share] = field(default_factory=dict)
    commitments: dict[ShareKey, Commitment] = field(default_factory=dict)
    payouts: dict[ShareKey, Array] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()


def by_project(kept: tuple[Choice, ...]) -> dict[str, list[Choice]]:
    """Choices of each project, projects in their order."""
    found: defaultdict[str, list[Choice]] = defaultdict(list)
    for choice in kept:
        found[choice.project.project].append(choice)
    return found


def priced(
    case: Case,
    kept: tuple[Choice, ...],
    drivers: Drivers,
    cost_drivers: Drivers,
    report: Report | None,
    *,
    only: Collection[OptionKey] | None = None,
) -> Priced:
    """Price every share of every option on the cost sample; leave out options that yield nothing in the horizon.

    Where ``only`` these options are wanted, they stay even if they yield nothing on this sample.
    """
    found = Priced()
    late: list[LeftOut] = []
    prices = market(case, cost_drivers)
    groups = list(by_project(kept).values())
    told = report or _say_nothing
    done, total = 0, len(kept) * len(case.windows)
    told("simulating projects", done, total)

    for group in groups:
        part = _project(case, group, drivers, cost_drivers, prices, only)
        found.options.update(part.options)
        found.shares.update(part.shares)
        found.commitments.update(part.commitments)
        found.payouts.update(part.payouts)
        late += part.left_out
        done += len(group) * len(case.windows)
        told("simulating projects", done, total)
    return replace(found, left_out=tuple(late))


def _say_nothing(phase: str, done: int, total: int) -> None:
    """Report to nobody."""


def _project(
    case: Case,
    choices: list[Choice],
    drivers: Drivers,
    cost_drivers: Drivers,
    prices: Market,
    only: Collection[OptionKey] | None,
) -> Priced:
    """Price all options of one project."""
    project = choices[0].project
    found = Priced()
    late = {v for v in case.windows if only is None and not _yields(case, project, v, drivers)}
    timed = [(c, v) for c in choices for v in case.windows if only is None or _key(c, v) in only]
    left = tuple(
        LeftOut(project.project, c.structure.structure, f"closing in {v} it yields nothing within the horizon")
        for c, v in timed
        if v in late
    )
    timed = [(c, v) for c, v in timed if v not in late]
    if not timed:
        return Priced(left_out=left)
    closings = [supported(case, project, c.structure, c.financing, v, cost_drivers) for c, v in timed]
    for (choice, window), path in zip(timed, paths(case, project, closings, cost_drivers, prices), strict=True):
        found.options[_key(choice, window)] = option(case, choice, window)
        for key, share, cost in _shares(case, choice, window, path):
            found.shares[key], found.commitments[key] = share, cost
        for key, paid in _payouts(case, choice, window, path):
            if key in found.shares:
                found.payouts[key] = paid
    return replace(found, left_out=left)


def _key(choice: Choice, window: int) -> OptionKey:
    return choice.project.project, choice.structure.structure, window


def _yields(case: Case, project: Project, window: int, drivers: Drivers) -> bool:
    """Whether a project that closes in a window yields anything in any scenario of the sample optimised over."""
    return any(may_yield(case, project, window, drivers.rows(some)) for some in slices(drivers.size))


def _shares(case: Case, choice: Choice, window: int, path: PlantPath) -> Iterator[tuple[ShareKey, Share, Commitment]]:
    """Yield every share of an option with what a unit of it costs."""
    project, structure = choice.project, choice.structure
    terms = (case, project, structure, choice.financing, window, path)
    flows = cash_flows(*terms)
    for eligible, instrument in choice.seats:
        if not _useful(choice, instrument):
            continue
        cost = commitments(*terms, instrument, eligible, flows=flows)
        if instrument.kind == "cfd" and cost.exposure_usd_m <= NEGLIGIBLE:
            continue  # a contract that can never pay protects nothing: it would be support for free
        share = Share(
            charge_usd_m=float(cost.charge_usd_m[CONVENTIONS.index(eligible.convention)]),
            cost_usd_m=cost.cost_usd_m,
            payout95_usd_m=cost.payout95_usd_m,
            cap=_cap(eligible, instrument),
            repaid_usd_m=_repaid(case, choice, instrument, path),
        )
        yield (eligible.member, project.project, instrument.instrument, structure.structure, window), share, cost


def _payouts(case: Case, choice: Choice, window: int, path: PlantPath) -> Iterator[tuple[ShareKey, Array]]:
    """Yield the payouts of a unit share by scenario, for members with a limit on their tail (7c)."""
    limited = {m.member for m in case.members if m.payout_cvar_limit_usd_m is not None}
    by_instrument: dict[str, Array] = {}
    for eligible, instrument in choice.seats:
        if eligible.member in limited:
            name = instrument.instrument
            if name not in by_instrument:
                by_instrument[name] = present_payouts(case, choice.financing, path, instrument)
            yield (
                (eligible.member, choice.project.project, name, choice.structure.structure, window),
                by_instrument[name],
            )


def _useful(choice: Choice, instrument: Instrument) -> bool:
    """Whether (3) and (4) let a share of the instrument be positive."""
    if instrument.max_share <= 0:
        return False
    if instrument.kind in ("cfd", "offtake"):
        return choice.structure.tranche > 0
    if instrument.kind == "guarantee":
        return choice.guaranteed > 0
    return choice.gap > 0


def _cap(eligible: Eligibility, instrument: Instrument) -> float:
    """Most of the basis of (5): a guarantee's limit is on the part of the loan it covers, its share on the loan."""
    if instrument.kind == "guarantee" and instrument.cover > 0:
        return min(1.0, eligible.max_share / instrument.cover)
    return eligible.max_share


def _repaid(case: Case, choice: Choice, instrument: Instrument, path: PlantPath) -> tuple[tuple[int, float], ...]:
    """Expected loan service received before each window per unit share, USD M; nothing where it is not lent again."""
    if not case.settings.policy.relend or instrument.kind != "loan":
        return ()
    received = choice.financing.uses_usd_m * path.loan_service.mean(axis=0)
    return tuple((v, float(received[: case.years.index(v)].sum())) for v in case.windows)
