"""A term sheet for one project: the least offers that close it and keep it alive, and what they ask of the members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import pandas as pd

from portfolio.case.ordering import ordered
from portfolio.evaluation.fresh import fresh_seed
from portfolio.report.errors import UsageError
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock, Step, StepCall
from portfolio.report.study import Study
from portfolio.scenarios.sampling import sample
from portfolio.studies import termsheet_tables as tables
from portfolio.studies.named import project_named
from portfolio.studies.offers import Bench, Offer, Package, Trial, not_dominated, package
from portfolio.studies.points import Terms
from portfolio.studies.running import Desk

LEAST = ("money", "strike")
"""What the package recommended has the least of: public money that fills the gap, or the strike."""


@dataclass(frozen=True)
class Ask:
    """What is asked for."""

    survival: float
    until: int | None
    window: int | None
    shares: tuple[float, ...]
    terms_y: tuple[float, ...]
    least: str
    scenarios: int
    seed: int | None
    level: float


def termsheet(
    run: str | PathLike[str] | Run,
    project: str,
    *,
    survival: float = 0.9,
    until: int | None = None,
    window: int | None = None,
    shares: Sequence[float] = (0.0, 0.2, 0.4, 0.6),
    terms_y: Sequence[float] = (8.0, 12.0, 15.0),
    least: str = "money",
    scenarios: int = 2000,
    seed: int | None = None,
    level: float = 0.95,
    out: str | PathLike[str] | None = None,
    progress: StepCall | None = None,
) -> Study:
    """Find the least terms that close a project and keep it alive, and what they ask of the members.

    Parameters
    ----------
    run : path or Run
        A run folder, or what :func:`portfolio.api.solve` returned.
    project : str
        A project of its case, in its portfolio or not.
    survival : float
        Probability with which the plant has to be running, given that it was built and is by schedule to be open.
    until : int, optional
        Year in which it has to be; the last year of each contract (or of the horizon) where it is not given.
    window : int, optional
        Year of close; that of the portfolio, or the first window.
    shares, terms_y : sequences of float
        Shares of output under price protection and lengths of contracts tried, each with every kind of private debt
        of the case.
    least : str
        Package recommended: that of least public ``money``, or of least ``strike``.
    scenarios, seed : int
        Fresh scenarios; their seed is derived from the run's own where it is not given.
    level : float
        Confidence level of intervals.
    out : path, optional
        Folder to write. Offers tried are kept beside it until all are done.
    progress : callable, optional
        Called with a :class:`Step` as offers are tried.

    Returns
    -------
    Study
        Tables ``offers``, ``sheet``, ``conditions``, ``members``, ``payments``.

    Raises
    ------
    RunError, UsageError, OutputError, CheckpointError
        Before any long work.
    """
    ask = Ask(survival, until, window, tuple(shares), tuple(terms_y), least, scenarios, seed, level)
    clock = Clock(progress)
    with clock.phase("reading"):
        saved = SavedRun.given(run)
    project = project_named(saved.case, project)
    _check(saved, ask)
    desk = Desk.of(
        out, Terms(level=level, fresh=scenarios), clock, "termsheet", saved.case, saved.decision, project, ask
    )
    with clock.phase("sampling"):
        bench = _bench(saved, project, ask)
    with clock.phase("trying offers"):
        rows = _offers(bench, ask, desk)
    return desk.finish(lambda: _study(saved, bench, ask, rows))


def _check(saved: SavedRun, ask: Ask) -> None:
    """Refuse what cannot work."""
    case = saved.case
    if not 0 < ask.survival < 1:
        raise UsageError("survival has to be a probability between 0 and 1")
    if ask.until is not None and ask.until not in case.years:
        raise UsageError(f"until {ask.until} is outside the horizon {case.years[0]} to {case.years[-1]}")
    if ask.window is not None and ask.window not in case.windows:
        raise UsageError(f"the case has no window {ask.window}: one of {', '.join(map(str, case.windows))}")
    if not ask.shares or not all(0 <= s <= 1 for s in ask.shares) or not all(y > 0 for y in ask.terms_y):
        raise UsageError("shares have to lie between 0 and 1, terms above 0")
    if ask.least not in LEAST or ask.scenarios < 2:
        raise UsageError(f"least has to be one of {', '.join(LEAST)}, scenarios at least 2")
    if ask.seed is not None and (ask.seed < 0 or ask.seed == case.settings.sampling.seed):
        raise UsageError("the seed has to be at least 0 and another than the run's own")


def _bench(saved: SavedRun, project: str, ask: Ask) -> Bench:
    """The project on fresh scenarios, with the terms of its structure in the portfolio, or of the first protected."""
    case = ordered(saved.case)
    chosen = {p: (a, v) for p, a, v in saved.decision.chosen}
    usual = next((s.structure for s in case.structures if s.tranche > 0), case.structures[0].structure)
    structure, window = chosen.get(project, (usual, case.windows[0]))
    return Bench(
        case=case,
        project=next(p for p in case.projects if p.project == project),
        base=next(s for s in case.structures if s.structure == structure),
        window=ask.window or window,
        drivers=sample(case, ask.scenarios, fresh_seed(case) if ask.seed is None else ask.seed, method="monte_carlo"),
        until=ask.until,
        level=ask.level,
    )


def _offers(bench: Bench, ask: Ask, desk: Desk) -> list[dict[str, Any]]:
    """Rows of all offers, those of earlier sittings as they were."""
    debts = tuple(dict.fromkeys(s.debt for s in bench.case.structures))
    asked = [
        Offer(debt, share, None, term)
        for debt in debts
        for share in ask.shares
        for term in (ask.terms_y if share > 0 else (bench.base.term_y,))
    ]
    rows = []
    for n, offer in enumerate(asked):
        desk.clock.tell(Step("trying offers", n, len(asked)))
        row = desk.pieces.get(f"offer-{n}")
        if row is None:
            row = _row(bench, offer, ask)
            desk.pieces.put(f"offer-{n}", row)
        rows.append(row)
    works = [row for row in rows if row["works"]]
    best = not_dominated([tuple(row[name] or 0.0 for name in tables.TRADED) for row in works]) if works else []
    for row in rows:
        row["frontier"] = 0
    for row, is_best in zip(works, best, strict=True):
        row["frontier"] = int(is_best)
    return rows


def _row(bench: Bench, offer: Offer, ask: Ask) -> dict[str, Any]:
    """Try an offer at its least strike, and look for a split of it among the members."""
    if offer.share > 0:
        found, monotone = bench.least_strike(offer, ask.survival)
        trial = found or bench.trial(replace(offer, strike_usd_kg=bench.strikes[1]))
    else:
        trial, monotone = bench.trial(offer), True
    split = package(bench, trial.offer) if trial.works(ask.survival) else ""
    if isinstance(split, Package):
        trial = bench.as_split(trial, split)
    return tables.offer_row(bench, trial, monotone, ask.survival, split)


def recommended(rows: Sequence[dict[str, Any]], least: str) -> dict[str, Any] | None:
    """The working offer with the least public money (then charge, strike, share, term), or the least strike.

    Where none works, of those that survive: what budgets, lines or caps do not let through yet.
    """
    order = ("public_money_usd_m", "charge_usd_m", "strike_usd_kg", "share", "term_y")
    order = order if least == "money" else ("strike_usd_kg", "share", *order[:2], "term_y")
    works = [row for row in rows if row["works"]] or [row for row in rows if row["survives"]]
    return min(works, key=lambda row: tuple(row[name] or 0.0 for name in order)) if works else None


def _study(saved: SavedRun, bench: Bench, ask: Ask, rows: list[dict[str, Any]]) -> Study:
    """Put the sheet together."""
    name = bench.project.project
    own = tables.positions_of(saved.decision)
    chosen = [key for key in saved.decision.chosen if key[0] == name and key[2] == bench.window]
    now = tables.as_it_is(bench, [p for p in own if p.project == name]) if chosen else None
    best = recommended(rows, ask.least)
    least, split = _least(bench, best)
    made = {
        "offers": pd.DataFrame(rows),
        "sheet": tables.sheet(bench, now, least),
        "conditions": tables.conditions(bench, now or least),
    }
    bought = saved.decision.purchase
    made |= tables.asked_of_members(bench, own, bought, None if least is None or split is None else (least, split))
    figures = {
        "run": saved.name,
        "project": name,
        "window": bench.window,
        "survival": ask.survival,
        "until": ask.until,
        "scenarios": bench.drivers.size,
        "level": ask.level,
        "least": ask.least,
        "in_portfolio": bool(chosen),
        "recommended": best,
    }
    return Study(
        kind="termsheet",
        title=f"{bench.project.name or name}, {saved.name}",
        tables=made,
        figures=figures,
        caveats=_caveats(bench, rows, best, now),
    )


def _least(bench: Bench, best: dict[str, Any] | None) -> tuple[Trial | None, Package | None]:
    """The recommended offer simulated again, with its split where the rules let one through."""
    if best is None:
        return None, None
    protected = best["share"] > 0
    term = best["term_y"] if protected else bench.base.term_y
    offer = Offer(best["debt"], best["share"], best["strike_usd_kg"] if protected else None, term)
    trial, split = bench.trial(offer), package(bench, offer)
    return (bench.as_split(trial, split), split) if isinstance(split, Package) else (trial, None)


def _caveats(
    bench: Bench, rows: Sequence[dict[str, Any]], best: dict[str, Any] | None, now: Trial | None
) -> tuple[str, ...]:
    """What to know before taking the sheet along."""
    notes = [
        "Survival is of plants that are built and by schedule to be open: rivals before close, technical failure and "
        "takeovers are no matter of terms. Its interval is of the sample alone, not of wrong prices or costs.",
        "A split has to hold (2) to (8) for the project alone, feed (4c) left out: other commitments may use the "
        "budgets.",
    ]
    notes.append(
        "Every offer is tried at its least strike: a higher one lets lenders lend more, and might need less public "
        "money."
    )
    if best is None:
        notes.append("No offer tried closes the project and keeps it alive as asked: see the column why.")
    elif not best["works"]:
        notes.append(f"No offer tried works: the one recommended keeps the plant alive, but {best['why']}.")
    elif not best["sure"]:
        notes.append("The interval of the recommended offer's survival reaches below what is asked: it may be less.")
    if any(row["works"] and not row["monotone"] for row in rows):
        notes.append(
            "Where monotone is 0 a higher strike did not always do better, since lenders lend more on it: the strike "
            "is the least of a grid, not closed in on."
        )
    if now is not None and now.survival is None:
        notes.append(f"As it is, the package of {bench.project.project} cannot be sized: {now.obstacle or 'not open'}.")
    if bench.project.confidence in ("low", "estimate"):
        notes.append(f"The inputs of {bench.project.project} are marked as {bench.project.confidence} in the case.")
    return tuple(notes)


__all__ = ["termsheet"]
