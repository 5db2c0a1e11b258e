"""Members alone against the joint fund: what each gains, how the gain may be split, what agreements between them do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from os import PathLike

from portfolio.case.records import Case
from portfolio.case.settings import Alliance
from portfolio.engine.protocol import Limits, Status
from portfolio.engine.variation import Changes
from portfolio.evaluation.games import Coalition, Orders
from portfolio.report.errors import UsageError
from portfolio.report.steps import Clock, StepCall
from portfolio.report.study import Study
from portfolio.studies import alliance_tables as tables
from portfolio.studies.agreement_tables import effects_table, switches_table
from portfolio.studies.compare_tables import plain
from portfolio.studies.differences import Weights
from portfolio.studies.member_tables import members_table, points_table
from portfolio.studies.points import FRESH, Answer, Point, Terms
from portfolio.studies.running import CaseLike, Desk, case_of

SWITCHES = ("mutual_support", "joint_procurement", "fair_distribution")
"""Agreements between the members, keys of the section ``alliance`` of a case."""
GAP = 0.02
"""Gap asked of each search where nothing is said: there are ten of them with two members."""
MOST_EXACT = 5
"""Members up to which all coalitions are solved where nothing is said: 32 of them."""
TRIED = ("each", "all", "none")
"""Settings of the agreements tried: the case's own, each one the other way and none at all; all eight; the own."""
ALONE = ("apart", "agreed", "none")
"""A member alone in its own interest: without agreements, with those of the case, or left out."""
MOST_ORDERS = 8
"""Members up to which that may be asked for: 256 coalitions, and 40,320 orders of arrival."""


@dataclass(frozen=True)
class Ask:
    """What is asked for: which coalitions, which settings of agreements, and what a member has alone."""

    switches: str
    alone: str
    exact: int
    orders: int


def alliance(
    case: CaseLike,
    *,
    switches: str = "each",
    alone: str = "apart",
    exact: int = MOST_EXACT,
    orders: int = 20,
    overrides: Sequence[str] = (),
    scenarios: int | None = None,
    seed: int | None = None,
    gap: float = GAP,
    time_limit: float | None = 120.0,
    fresh: int = FRESH,
    level: float = 0.95,
    jobs: int = 1,
    cluster: str | None = None,
    threads: int = 0,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Study:
    """Solve a case for coalitions of its members, and for the agreements between them on and off.

    Parameters
    ----------
    case : path or Case
        Case folder, or a validated case.
    switches : str
        Mutual support, joint procurement and fair distribution for the fund of all members: ``each`` of them the other
        way and none at all, ``all`` eight combinations, or as they are (``none``).
    alone : str
        A member alone in its own interest, whose fund weighs the shortfall of its own region and no other: ``apart``
        from all agreements, ``agreed`` as the case has them, or left out (``none``).
    exact : int
        Members up to which every coalition is solved. Of more members, those on the way of random orders of arrival.
    orders : int
        Random orders drawn where there are more members, each used forwards and backwards.
    overrides : sequence of str
        Values in place of those in the files.
    scenarios, seed : int, optional
        In place of ``sampling.scenarios`` and ``sampling.seed``.
    gap, time_limit : float
        When to stop the search of each point: relative gap, seconds.
    fresh : int
        Fresh scenarios each portfolio is measured on, the same for all.
    level : float
        Confidence level of intervals.
    jobs, cluster, threads
        Points solved side by side, a Dask scheduler to use instead, threads of each.
    out : path, optional
        Folder to write. Finished points are kept beside it until all are done.
    progress : callable, optional
        Called with a :class:`Step` as points are solved.

    Returns
    -------
    Study
        Tables ``points``, ``members``, ``regions``, ``shapley``, ``core``, ``joining``, ``switches``; ``effects`` of
        all eight.

    Raises
    ------
    CaseError, UsageError, OutputError, CheckpointError
        Before any long work.
    """
    ask = Ask(switches, alone, exact, orders)
    terms = Terms(Limits(gap, time_limit, threads), fresh, level, jobs, cluster)
    clock = Clock(progress)
    with clock.phase("reading"):
        record = case_of(case, overrides, scenarios, seed)
    _check(record, ask, terms)
    desk = Desk.of(out, terms, clock, "alliance", record, ask)
    names = tuple(m.member for m in record.members)
    arrivals = Orders.of(names, exact, orders, record.settings.sampling.seed)
    points = {s: _coalition(record, s) for s in arrivals.coalitions}
    # What each member does alone is asked for whatever orders were drawn.
    points |= {s: _coalition(record, s) for s in (frozenset({f}) for f in names) if s not in points}
    selfish, switched = _own_interest(record, alone), _switched(record, switches)
    # Points of one case one after the other: those apart from all agreements have the case of the first switched one.
    asked = [*points.values(), *selfish.values(), *switched.values()]
    answers = {a.name: a for a in desk.solve(asked)}
    funds = {s: answers[p.name] for s, p in points.items()}
    settings = {on: answers[p.name] for on, p in switched.items()}
    if switched:
        settings[_own(record)] = funds[frozenset(names)]
    own = {f: answers[p.name] for f, p in selfish.items()}
    return desk.finish(lambda: _study(record, ask, terms, arrivals, funds, own, settings))


def _check(case: Case, ask: Ask, terms: Terms) -> None:
    """Refuse what cannot work."""
    if ask.exact < 1 or ask.exact > MOST_ORDERS:
        raise UsageError(f"exact has to be between 1 and {MOST_ORDERS}: of more members orders are drawn")
    if ask.switches not in TRIED or ask.alone not in ALONE:
        raise UsageError(f"switches has to be one of {', '.join(TRIED)}, alone one of {', '.join(ALONE)}")
    if ask.orders < 2:
        raise UsageError("orders has to be at least 2: an interval takes two draws")
    if terms.fresh == 0:
        raise UsageError("an alliance is measured on fresh scenarios: fresh has to be at least 2")
    if len(case.members) < 2:
        raise UsageError(f"{case.settings.case.name} has one member: an alliance takes two")


def _coalition(case: Case, members: Coalition) -> Point:
    """The case with the fund of some members alone: the others commit nothing, their regions stay in the world."""
    names = [m.member for m in case.members]
    mark = "".join(str(int(f in members)) for f in sorted(names))
    outside = frozenset(names) - members
    return Point(f"coalition-{mark}", case, Changes(outside=outside), baseline=not outside)


def _own(case: Case) -> tuple[bool, ...]:
    """The agreements of a case."""
    return tuple(bool(getattr(case.settings.alliance, name)) for name in SWITCHES)


def _agreed(case: Case, on: tuple[bool, ...]) -> Case:
    """The case with other agreements; itself where they are its own."""
    if on == _own(case):
        return case
    return replace(case, settings=replace(case.settings, alliance=Alliance(**dict(zip(SWITCHES, on, strict=True)))))


def _own_interest(case: Case, alone: str) -> dict[str, Point]:
    """Every member alone, with a fund that weighs the shortfall of its own region and no other."""
    if alone == "none":
        return {}
    nothing = (False,) * len(SWITCHES)
    world = _agreed(case, nothing if alone == "apart" else _own(case))
    names = sorted(m.member for m in case.members)
    found: dict[str, Point] = {}
    for member in case.members:
        changes = Changes(
            outside=frozenset(names) - {member.member},
            region_weight={r: float(r == member.region) for r in case.region_names},
        )
        name = f"alone-{names.index(member.member)}"
        found[member.member] = Point(name, world, changes, baseline=not found)
    return found


def _switched(case: Case, switches: str) -> dict[tuple[bool, ...], Point]:
    """The fund of all members under other agreements, those without any first."""
    own = _own(case)
    every = list(product((False, True), repeat=len(SWITCHES)))
    if switches == "each":
        every = [on for on in every if not any(on) or sum(x != y for x, y in zip(on, own, strict=True)) == 1]
    tried = [] if switches == "none" else [on for on in every if on != own]
    names = {on: "switches-" + "".join(str(int(x)) for x in on) for on in tried}
    return {on: Point(names[on], _agreed(case, on), baseline=True) for on in tried}


def _study(
    case: Case,
    ask: Ask,
    terms: Terms,
    arrivals: Orders,
    funds: Mapping[Coalition, Answer],
    own: Mapping[str, Answer],
    settings: Mapping[tuple[bool, ...], Answer],
) -> Study:
    """Put the tables together, as far as there are portfolios."""
    found = tables.Funds(case, Weights.of(case), terms.level, arrivals, dict(funds))
    apart = (False,) * len(SWITCHES) if ask.alone == "apart" else _own(case)
    made = {
        "points": points_table(found, settings, own, apart, SWITCHES),
        "members": members_table(found, own),
        "regions": tables.regions(found),
    }
    figures: dict[str, object] = {
        "members": list(arrivals.players),
        "scenarios": case.settings.sampling.scenarios,
        "seed": case.settings.sampling.seed,
        "fresh": terms.fresh,
        "level": terms.level,
        "gap": terms.limits.gap,
        "alone": ask.alone,
        "agreements": [name for name, on in zip(SWITCHES, _own(case), strict=True) if on],
        "gains": plain(made["members"]),
        "exact": arrivals.exact,
        "orders": len(arrivals.arrivals),
    }
    if found.whole:
        made["shapley"] = tables.shapley_table(found)
        made["core"] = tables.core(found)
        made["joining"] = tables.joined(found)
        figures["shapley"] = plain(made["shapley"])
    solved = {on: a for on, a in settings.items() if a.fresh is not None}
    if solved:
        made["switches"] = switches_table(found, solved, SWITCHES, _own(case))
    if len(solved) == 2 ** len(SWITCHES):
        made["effects"] = effects_table(found, solved, SWITCHES)
    answers = list({a.name: a for a in (*funds.values(), *own.values(), *settings.values())}.values())
    stopped = [a for a in answers if a.status not in (Status.OPTIMAL, Status.INFEASIBLE)]
    return Study(
        kind="alliance",
        title=case.settings.case.title or case.settings.case.name,
        tables=made,
        figures=figures,
        caveats=_caveats(found, ask, answers, stopped, made),
        exit_code=3 if stopped else 0,
    )


def _caveats(
    found: tables.Funds, ask: Ask, answers: Sequence[Answer], stopped: Sequence[Answer], made: Mapping[str, object]
) -> tuple[str, ...]:
    """What to know before acting on it."""
    notes = []
    if ask.alone != "none":
        world = "without agreements" if ask.alone == "apart" else "with the agreements of the case in force"
        notes.append(
            f"A member alone in its own interest weighs its own region's shortfall and no other, {world}. It does not "
            "reckon with a fund of the others beside it."
        )
    notes += [
        "The split, and who would object, are of another game: there each coalition minimises the shortfall of all "
        "regions and agreements stay in force whoever funds. Its worths are what money does to the common objective.",
        f"Worths are known to the solver's gap (up to {100 * max(a.gap for a in answers if a.decision):.1f} %): least "
        "and most; intervals are of sampling alone.",
    ]
    missing = [found.label(s) for s, a in found.funds.items() if a.decision is None]
    if missing:
        notes.append(f"No portfolio was found for {', '.join(missing)}: without them there is no split.")
    if stopped:
        notes.append(f"{len(stopped)} of {len(answers)} searches were stopped by the time limit before the gap.")
    if not found.arrivals.exact:
        notes.append(
            f"Shapley values are means over {len(found.arrivals.arrivals)} orders of arrival, each drawn one also "
            "backwards; order_low and order_high say how far the draw may have missed the mean of all."
        )
    if "switches" in made:
        notes.append(
            "Agreements are compared by weighted shortfall and cost. Searches with fair distribution also pay for the "
            "worst ratio; what they pay for it counts as left open."
        )
    return tuple(notes)


__all__ = ["SWITCHES", "alliance"]
