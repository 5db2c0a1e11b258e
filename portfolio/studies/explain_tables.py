"""Tables, figures and caveats of why a project is in a portfolio, or is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from models import Decision
from portfolio.assemble import Assembly
from portfolio.evaluation.intervals import Interval
from portfolio.report.study import Study
from portfolio.report.tables import portfolio_table
from portfolio.studies.differences import Weights, interval, paid
from portfolio.studies.lifting import NEVER_ASKED, Lifted
from portfolio.studies.moving import NOT_TRIED, Moved
from portfolio.studies.moving_tables import MOVES, TRIES, move_rows, try_rows
from portfolio.studies.points import Terms
from portfolio.studies.support import bound_of
from portfolio.studies.worlds import Pair


@dataclass(frozen=True)
class Explained:
    """What is known of a project; without a ``pair`` there is no way to finance it."""

    run: str
    project: str
    pair: Pair | None = None
    rules: tuple[Lifted, ...] = ()
    moves: tuple[Moved, ...] = ()
    in_run: bool = False


def study_of(found: Explained, assembly: Assembly, terms: Terms) -> Study:
    """Put the study together."""
    title = assembly.case.settings.case
    reasons = _reasons(found, assembly)
    pair = found.pair
    moved = move_rows(found.moves, found.project, assembly)
    spread = None if pair is None else _difference(pair, assembly, terms)
    tables = {
        "worlds": pd.DataFrame(_worlds(pair), columns=list(WORLDS)),
        "projects": pd.DataFrame(_projects(pair, assembly), columns=["project", "with_it", "without_it", "change"]),
        "commitments": _commitments(pair, assembly),
        "rules": pd.DataFrame(_rules(found), columns=["rule", "worth_low", "worth_high", "lets_it_in", "verdict"]),
        "moves": pd.DataFrame(moved, columns=list(MOVES)),
        "tries": pd.DataFrame(try_rows(found.moves), columns=list(TRIES)),
        "left_out": pd.DataFrame(reasons, columns=["structure", "why"]),
    }
    figures = {
        "run": found.run,
        "project": found.project,
        "in_run": found.in_run,
        "verdict": "no way to finance it is left" if pair is None else pair.verdict,
        "worth_low": None if pair is None else _finite(pair.low),
        "worth_high": None if pair is None else _finite(pair.high),
        "fresh": None if spread is None else _said(spread),
        "left_out": reasons,
        "rules": _rules(found),
        "moves": moved,
        "open_rules": [r.rule for r in found.rules if r.lets_in is None],
        "projects": _projects(pair, assembly),
        "scenarios": assembly.case.settings.sampling.scenarios,
        "level": terms.level,
    }
    late = any(r.words == NEVER_ASKED for r in found.rules) or any(m.note == NOT_TRIED for m in found.moves)
    return Study("explain", title.title or title.name, tables, figures, _caveats(found), 3 if late else 0)


def _reasons(found: Explained, assembly: Assembly) -> list[dict[str, str]]:
    """Ways to finance the project that are left out, and why."""
    mine = [i for i in assembly.left_out if i.project == found.project]
    return [{"structure": s, "why": w} for s, w in dict.fromkeys((i.structure, i.why) for i in mine)]


def _difference(pair: Pair, assembly: Assembly, terms: Terms) -> Interval | None:
    """What the project is worth on fresh scenarios: objective without it minus with it, paired."""
    if pair.with_it.fresh is None or pair.without_it.fresh is None:
        return None
    weights = Weights.of(assembly.case)
    return interval(paid(pair.without_it, weights) - paid(pair.with_it, weights), terms.level, weights.tail)


def _said(found: Interval) -> dict[str, Any]:
    return {
        "estimate": found.estimate,
        "low": _finite(found.low),
        "high": _finite(found.high),
        "reliable": found.reliable,
        "scenarios": found.n,
    }


WORLDS = ("world", "status", "objective", "bound", "public_cost_usd_m", "charge_usd_m", "projects", "reason")


def _worlds(pair: Pair | None) -> list[dict[str, Any]]:
    rows = []
    for world, a in () if pair is None else (("with", pair.with_it), ("without", pair.without_it)):
        charge = sum(m["budget"] for m in a.charges_usd_m.values())
        projects = "; ".join(sorted(a.supported))
        values = (
            world,
            a.status.value,
            _finite(a.objective),
            _finite(bound_of(a)),
            a.public_cost_usd_m,
            charge,
            projects,
        )
        rows.append(dict(zip(WORLDS, (*values, "; ".join(a.reasons)), strict=True)))
    return rows


def _projects(pair: Pair | None, assembly: Assembly) -> list[dict[str, Any]]:
    """Other projects that come or go when the project is let in."""
    if pair is None or pair.with_it.decision is None or pair.without_it.decision is None:
        return []
    one, other = pair.with_it.supported, pair.without_it.supported
    word = {(True, True): "stays", (True, False): "enters with it", (False, True): "makes room for it"}
    return [
        {"project": p, "with_it": p in one, "without_it": p in other, "change": word[p in one, p in other]}
        for p in sorted((one | other) - {pair.project})
    ]


def _commitments(pair: Pair | None, assembly: Assembly) -> pd.DataFrame:
    parts = []
    for world, a in () if pair is None else (("with", pair.with_it), ("without", pair.without_it)):
        table = portfolio_table(assembly, a.decision or Decision())
        table.insert(0, "world", world)
        parts.append(table)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"world": []})


def _rules(found: Explained) -> list[dict[str, Any]]:
    """What taking a rule out alone does; ``lets_it_in`` is empty where that is open."""
    return [
        {
            "rule": r.rule,
            "worth_low": _finite(r.low),
            "worth_high": _finite(r.high),
            "lets_it_in": r.lets_in,
            "verdict": r.words,
        }
        for r in found.rules
    ]


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


def _caveats(found: Explained) -> tuple[str, ...]:
    pair = found.pair
    if pair is None:
        return (
            "The reasons are those of the case: a rule or a number of it has to change before support is possible.",
        )
    notes = ["All is said on the scenarios of the sample; the bracket is the solver's, the interval that of sampling."]
    if pair.proven is None:
        notes.append("Whether it belongs into the best portfolio is open: more time and a smaller gap may decide it.")
    if pair.proven is not None and pair.proven != found.in_run:
        notes.append("The run's own portfolio differs from this: it was solved to a wider gap or on another sample.")
    if found.rules:
        notes.append("Rules are taken out one at a time: where none lets it in, several may stand in the way together.")
        notes.append("Ways to finance it that a budget or line alone ruled out stay out; see left_out.")
    if any(r.lets_in is None for r in found.rules) or any(m.unfinished for m in found.moves):
        notes.append("What is open was not decided in the time given: a longer --time-limit asks on.")
    if any(m.tries for m in found.moves):
        notes.append("That a project changes sides only once on either side of a number that is moved is assumed.")
    return tuple(notes)
