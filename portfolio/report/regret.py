"""What opinions about hazard rates lead to, in one record, and the folder made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from models import Decision
from portfolio.case.records import Case
from portfolio.evaluation.intervals import Interval
from portfolio.evaluation.regret import Table
from portfolio.evaluation.switching import Switch
from portfolio.report.evaluation import finite
from portfolio.report.headline import records, uncertain_inputs
from portfolio.report.result import write_result
from portfolio.report.words import number
from portfolio.scenarios.opinions import Opinion, posterior_rate

OF_RUN = "of the run"
"""How the search of the case's own opinion ended: the run made it."""
TABLES = ("opinions", "candidates", "projects", "matrix", "switches", "swings", "rates")
"""Tables of the folder."""


@dataclass(frozen=True)
class Held:
    """An opinion and the portfolio found under it; objective and bound on the scenarios it was chosen on."""

    opinion: Opinion
    decision: Decision
    objective: float
    bound: float
    status: str


@dataclass(frozen=True)
class Candidate:
    """A portfolio that is best under some opinion, as far as the searches went."""

    name: str
    decision: Decision


@dataclass(frozen=True)
class Placed:
    """A switch along the quantiles of a group of hazards."""

    group: str
    hazards: tuple[str, ...]
    switch: Switch


@dataclass(frozen=True)
class Swing:
    """Cost of the run's portfolio at two quantiles of one hazard's rate; ``difference`` is high minus low, paired."""

    hazard: str
    kind: str
    quantiles: tuple[float, float]
    costs: tuple[float, float]
    difference: Interval


@dataclass(frozen=True)
class Regret:
    """Candidates under opinions about hazard rates, in units of the objective.

    Attributes
    ----------
    case : Case
        The case as solved.
    run : str
        Name of the run.
    run_path : Path or None
        Its folder.
    scenario_count, seed : int
        The fresh scenarios; the draws are the same under every opinion.
    level, asked_gap : float
        Confidence level of the intervals; gap asked of each search.
    quantiles : tuple of float
        Of the groups.
    held : tuple of Held
        O opinions, that of the case first, each with the portfolio found under it.
    candidate_of : tuple of int
        Number of the candidate that is each opinion's portfolio.
    candidates : tuple of Candidate
        C portfolios that differ; the run's is the first.
    public_cost_usd_m : tuple of float
        Expected public cost of each.
    table : Table
        Measures and regrets.
    intervals : tuple of tuple of Interval
        Measure by opinion, without the fund first and then of every candidate.
    switches : tuple of Placed
        Where the best candidate changes along the quantiles of a group.
    swings : tuple of Swing
        Hazards by how much their rate matters to the run's portfolio, the most first.
    seconds : mapping
        Wall time by phase.
    path : Path or None
        The folder written, None where there is none.
    """

    case: Case
    run: str
    run_path: Path | None
    scenario_count: int
    seed: int
    level: float
    asked_gap: float
    quantiles: tuple[float, ...]
    held: tuple[Held, ...]
    candidate_of: tuple[int, ...]
    candidates: tuple[Candidate, ...]
    public_cost_usd_m: tuple[float, ...]
    table: Table
    intervals: tuple[tuple[Interval, ...], ...]
    switches: tuple[Placed, ...]
    swings: tuple[Swing, ...]
    seconds: Mapping[str, float]
    path: Path | None = None

    @property
    def opinions(self) -> pd.DataFrame:
        """Every opinion: which portfolio was found, which candidate is best on fresh scenarios, what the fund is worth.

        Columns: opinion, group, quantile, found (candidate), objective, bound, status (of the search), best (candidate
        of least cost on fresh scenarios), tied (others that cannot be told apart from it), without, best_cost.
        """
        rows = []
        for n, h in enumerate(self.held):
            best = self.table.best[n]
            tied = [self.candidates[c].name for c in self.table.tied(n) if c != best]
            rows.append(
                {
                    "opinion": h.opinion.name,
                    "group": h.opinion.group,
                    "quantile": h.opinion.quantile,
                    "found": self.candidates[self.candidate_of[n]].name,
                    "objective": h.objective,
                    "bound": h.bound,
                    "status": h.status,
                    "best": self.candidates[best].name,
                    "tied": "; ".join(tied),
                    "without": self.intervals[n][0].estimate,
                    "best_cost": self.intervals[n][best + 1].estimate,
                }
            )
        return pd.DataFrame(rows)

    @property
    def candidate_table(self) -> pd.DataFrame:
        """Every candidate: its largest regret and where, its cost under the opinion of the case.

        Columns: candidate, found_under, projects, public_cost_usd_m, posterior_cost, posterior_regret,
        posterior_regret_low, posterior_regret_high, max_regret, max_regret_low, max_regret_high, at (opinion), against
        (candidate), share (of what is least under that opinion), minmax (1: least largest regret), minmax_tied (1: may
        be), least_mean (1: least cost under the opinion of the case), reliable.
        """
        t, rows = self.table, []
        for c, candidate in enumerate(self.candidates):
            most, first = t.most[c], t.regret[0][c]
            rows.append(
                {
                    "candidate": candidate.name,
                    "found_under": "; ".join(
                        h.opinion.name for h, n in zip(self.held, self.candidate_of, strict=True) if n == c
                    ),
                    "projects": "; ".join(f"{p} {v}" for p, _, v in _by_window(candidate.decision)),
                    "public_cost_usd_m": self.public_cost_usd_m[c],
                    "posterior_cost": float(t.value[0, c]),
                    "posterior_regret": first.estimate,
                    "posterior_regret_low": first.low,
                    "posterior_regret_high": first.high,
                    "max_regret": most.estimate,
                    "max_regret_low": most.low,
                    "max_regret_high": most.high,
                    "at": self.held[most.at].opinion.name if most.estimate > 0 else "",
                    "against": self.candidates[most.against].name if most.estimate > 0 else "",
                    "share": most.estimate / max(float(t.value[most.at].min()), 1e-10),
                    "minmax": int(c == t.minmax),
                    "minmax_tied": int(c in t.minmax_ties),
                    "least_mean": int(c == t.best[0]),
                    "reliable": int(most.reliable),
                }
            )
        return pd.DataFrame(rows)

    @property
    def recommendation(self) -> str:
        """Which candidate regrets least, or between which there is a tie; the run's is kept where it is among them."""
        t, names = self.table, [c.name for c in self.candidates]
        if len(names) == 1:
            return f"Nothing to choose: every search ended at the portfolio {names[0]}."
        least = t.most[t.minmax]
        size = (
            f"{number(least.estimate)} ({100 * self.level:.3g} % interval {number(least.low)} to {number(least.high)})"
        )
        if len(t.minmax_ties) == 1:
            return f"{names[t.minmax]} regrets least: at most {size}; the others regret more, beyond noise."
        tied = ", ".join(names[c] for c in t.minmax_ties)
        keep = (
            " The run's own is among them: nothing here says that another should replace it."
            if 0 in t.minmax_ties
            else ""
        )
        return (
            f"A tie: noise does not tell which of {tied} regrets least. The least estimate is that of "
            f"{names[t.minmax]}, {size}.{keep}"
        )

    @property
    def projects(self) -> pd.DataFrame:
        """Who is in which candidate: project, structure, window, candidate."""
        rows = [(*key, c.name) for c in self.candidates for key in _by_window(c.decision)]
        return pd.DataFrame(rows, columns=["project", "structure", "window", "candidate"])

    @property
    def matrix(self) -> pd.DataFrame:
        """Every candidate under every opinion, on the same draws.

        Columns: opinion, candidate, cost, cost_low, cost_high, regret, regret_low, regret_high, share (of the least
        cost under the opinion), best (1: of least cost), tied (1: cannot be told apart from it), reliable.
        """
        return pd.DataFrame(list(self._cells()))

    def _cells(self) -> Iterator[dict[str, Any]]:
        for n, h in enumerate(self.held):
            least = max(float(self.table.value[n].min()), 1e-10)
            for c, candidate in enumerate(self.candidates):
                paid, regret = self.intervals[n][c + 1], self.table.regret[n][c]
                yield {
                    "opinion": h.opinion.name,
                    "candidate": candidate.name,
                    "cost": paid.estimate,
                    "cost_low": paid.low,
                    "cost_high": paid.high,
                    "regret": regret.estimate,
                    "regret_low": regret.low,
                    "regret_high": regret.high,
                    "share": regret.estimate / least,
                    "best": int(c == self.table.best[n]),
                    "tied": int(c in self.table.tied(n)),
                    "reliable": int(regret.reliable),
                }

    @property
    def switch_table(self) -> pd.DataFrame:
        """Where the best candidate changes: a row per switch and hazard of the group.

        Columns: group, before, after, quantile, quantile_low, quantile_high, claimed, hazard, rate, rate_low, rate_high
        (events a year), note.
        """
        hazards = {h.hazard: h for h in self.case.hazards}
        columns = ["group", "before", "after", "quantile", "quantile_low", "quantile_high", "claimed", "hazard", "rate",
                   "rate_low", "rate_high", "note"]  # fmt: skip
        rows = []
        for p in self.switches:
            s = p.switch
            names = (self.candidates[n].name for n in (s.before, s.after))
            head = (p.group, *names, s.quantile, s.low, s.high, int(s.claimed))
            for name in p.hazards:
                rates = (posterior_rate(hazards[name], q) for q in (s.quantile, s.low, s.high))
                rows.append((*head, name, *rates, s.note))
        return pd.DataFrame(rows, columns=columns)

    @property
    def swing_table(self) -> pd.DataFrame:
        """Hazards by how much their rate moves what the run's portfolio costs.

        Columns: hazard, kind, quantile_low, quantile_high, cost_low, cost_high, difference, difference_low,
        difference_high, reliable.
        """
        columns = ["hazard", "kind", "quantile_low", "quantile_high", "cost_low", "cost_high", "difference",
                   "difference_low", "difference_high", "reliable"]  # fmt: skip
        rows = [
            (s.hazard, s.kind, *s.quantiles, *s.costs, d.estimate, d.low, d.high, int(d.reliable))
            for s in self.swings
            for d in (s.difference,)
        ]
        return pd.DataFrame(rows, columns=columns)

    @property
    def rates(self) -> pd.DataFrame:
        """What the quantiles mean: hazard, kind, events, mean_rate, quantile, rate (events a year)."""
        rows = [
            (h.hazard, h.kind, h.rate_events, h.rate, q, posterior_rate(h, q))
            for h in self.case.hazards
            for q in self.quantiles
        ]
        return pd.DataFrame(rows, columns=["hazard", "kind", "events", "mean_rate", "quantile", "rate"])

    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by the name of their file."""
        made = (self.opinions, self.candidate_table, self.projects, self.matrix, self.switch_table, self.swing_table)
        return dict(zip(TABLES, (*made, self.rates), strict=True))

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before acting on it, in plain sentences."""
        gaps = [(h.objective - h.bound) / max(abs(h.objective), 1e-10) for h in self.held]
        found = [
            "Regret is against the best candidate, not the best portfolio there is: searches left up to "
            f"{100 * max(0.0, *gaps):.2g} % open, and each saw {self.case.settings.sampling.scenarios:,} scenarios.",
            "An opinion changes what happens, not what budgets are charged: charges stay those of the case, so that "
            "every candidate is within the budgets under every opinion.",
        ]
        if any(not m.reliable for m in self.table.most):
            found.append(
                "Some intervals of regret rest on too few scenarios, or on a few that make up most of it: give more "
                "--fresh."
            )
        low, marked = uncertain_inputs(self.case)
        if marked:
            found.append(f"{low:,} of {marked:,} input rows are estimates or of low confidence.")
        return tuple(found)

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``regret.json`` holds."""
        t = self.table
        name = [c.name for c in self.candidates]
        return {
            "case": self.case.settings.case.name,
            "run": self.run if self.run_path is None else str(self.run_path),
            "scenarios": self.scenario_count,
            "seed": self.seed,
            "level": self.level,
            "asked_gap": self.asked_gap,
            "recommendation": self.recommendation,
            "minmax_regret": name[t.minmax],
            "minmax_regret_tied": [name[c] for c in t.minmax_ties if c != t.minmax],
            "least_mean": name[t.best[0]],
            "least_mean_tied": [name[c] for c in t.tied(0) if c != t.best[0]],
            "candidates": finite(records(self.candidate_table)),
            "opinions": finite(records(self.opinions)),
            "switches": finite(records(self.switch_table)),
            "swings": finite(records(self.swing_table)),
            "caveats": list(self.caveats),
            "regret": None if self.path is None else str(self.path),
        }


def _by_window(decision: Decision) -> list[tuple[str, str, int]]:
    return sorted(decision.chosen, key=lambda key: (key[2], key[0]))


def write_regret(found: Regret, target: Path) -> Regret:
    """Write the folder, whole or not at all; return the record with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = {"title": found.case.settings.case.title, **found.summary()}
    record.pop("regret")
    write_result(target, "regret.json", record, found.tables(), seconds=found.seconds)
    return replace(found, path=target)
