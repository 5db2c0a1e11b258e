"""Tables, figures and caveats of why a project is in a portfolio, or is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from models import Decision
from portfolio.assemble import Assembly
from portfolio.evaluation.intervals import Interval
from portfolio.report.study import Study
from portfolio.report.tables import portfolio_table
from portfolio.studies.differences import Weights, interval, paid
from portfolio.studies.points import Answer, Terms
from portfolio.studies.support import bound_of

ROUNDING = 1e-7
"""Part of the objective below which a difference is rounding."""


@dataclass(frozen=True)
class Pair:
    """The best portfolios with a project and without it, under the same rules."""

    project: str
    with_it: Answer
    without_it: Answer

    @property
    def low(self) -> float:
        """Least the project is worth, in the objective: bound without it - objective with it."""
        return _minus(bound_of(self.without_it), self.with_it.objective)

    @property
    def high(self) -> float:
        """Most the project is worth: objective without it - bound with it."""
        return _minus(self.without_it.objective, bound_of(self.with_it))

    @property
    def proven(self) -> bool | None:
        """Whether it is in every optimum (True), in none (False); None where the gaps of the searches leave it open."""
        small = ROUNDING * max(1.0, min(abs(self.with_it.objective), abs(self.without_it.objective)))
        return True if self.low > small else False if self.high < -small else None

    @property
    def chosen(self) -> bool:
        """Whether the better of the two portfolios found has it."""
        return self.with_it.objective < self.without_it.objective

    @property
    def verdict(self) -> str:
        """In words."""
        if self.proven is None:
            return "open: the difference is smaller than the solver's gap"
        return "in the best portfolio, proven" if self.proven else "not in the best portfolio, proven"


def _minus(a: float, b: float) -> float:
    """Difference; where both are infinite (no portfolio either way) nothing can be said."""
    if abs(a) == float("inf") and a == b:
        return float("nan")
    return a - b


@dataclass(frozen=True)
class Moved:
    """How far a number was moved by a factor.

    Attributes
    ----------
    what : str
    now : bool
        Whether the project is in the best portfolio as the case is.
    stays : float or None
        Farthest factor at which it is proven to be as now; None where it is open even at 1.
    changes : float or None
        Nearest factor at which the opposite is proven; None where there was none.
    asked : int
        Factors tried.
    end : float or None
        Farthest factor tried.
    """

    what: str
    now: bool
    stays: float | None
    changes: float | None
    asked: int
    end: float | None = None

    @property
    def words(self) -> str:
        """For people."""
        does = "leaves" if self.now else "enters"
        if self.stays is None or self.end is None:
            return "not tried: whether it is in the best portfolio is open as the case is"
        if self.changes is None:
            far = "it stays as it is" if self.stays == self.end else "the solver's gap leaves it open"
            return f"{does} nowhere shown until {_change(self.end)}: there {far}"
        return f"{does} between {_change(self.stays)} and {_change(self.changes)}"


def _change(factor: float) -> str:
    return f"{'+' if factor >= 1 else '−'}{100 * abs(factor - 1):.3g} %"


@dataclass(frozen=True)
class Explained:
    """What is known of a project; without a ``pair`` there is no way to finance it."""

    run: str
    project: str
    pair: Pair | None = None
    rules: Mapping[str, Pair] = field(default_factory=dict)
    moves: tuple[Moved, ...] = ()
    in_run: bool = False


def study_of(found: Explained, assembly: Assembly, terms: Terms) -> Study:
    """Put the study together."""
    title = assembly.case.settings.case
    reasons = _reasons(found, assembly)
    pair = found.pair
    spread = None if pair is None else _difference(pair, assembly, terms)
    tables = {
        "worlds": pd.DataFrame(_worlds(pair), columns=list(WORLDS)),
        "projects": pd.DataFrame(_projects(pair, assembly), columns=["project", "with_it", "without_it", "change"]),
        "commitments": _commitments(pair, assembly),
        "rules": pd.DataFrame(_rules(found), columns=["rule", "worth_low", "worth_high", "lets_it_in", "verdict"]),
        "moves": pd.DataFrame(_moves(found), columns=["what", "stays_factor", "changes_factor", "end_factor", "words"]),
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
        "moves": _moves(found),
        "projects": _projects(pair, assembly),
        "scenarios": assembly.case.settings.sampling.scenarios,
        "level": terms.level,
    }
    return Study("explain", title.title or title.name, tables, figures, _caveats(found))


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
    """What taking a rule out alone does; in only where it is proven."""
    return [
        {
            "rule": rule,
            "worth_low": _finite(p.low),
            "worth_high": _finite(p.high),
            "lets_it_in": p.proven is True,
            "verdict": p.verdict,
        }
        for rule, p in found.rules.items()
    ]


def _moves(found: Explained) -> list[dict[str, Any]]:
    return [
        {"what": m.what, "stays_factor": m.stays, "changes_factor": m.changes, "end_factor": m.end, "words": m.words}
        for m in found.moves
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
        notes.append("Whether it belongs into the best portfolio is open: a smaller --gap and more time may decide it.")
    if pair.proven is not None and pair.proven != found.in_run:
        notes.append("The run's own portfolio differs from this: it was solved to a wider gap or on another sample.")
    if found.rules:
        notes.append("Rules are taken out one at a time: where none lets it in, several may stand in the way together.")
        notes.append("Ways to finance it that a budget or line alone ruled out stay out; see left_out.")
    if found.moves:
        notes.append("That a project changes sides only once while a number is moved is assumed.")
    return tuple(notes)
