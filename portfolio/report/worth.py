"""What stochastics are worth, in one record, and the folder made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from models import Decision
from portfolio.case.records import Case
from portfolio.evaluation.intervals import Interval
from portfolio.evaluation.stochastic_value import OfInformation, OfKnowing, OfSolution
from portfolio.report.evaluation import finite
from portfolio.report.headline import records, uncertain_inputs
from portfolio.report.result import write_result

OWN, KNOWN, FRESH, NESTED = "own", "foresight", "fresh", "nested"
"""Samples: the run's own scenarios, those solved with foresight, fresh ones, groups that share what is known."""


@dataclass(frozen=True)
class Fresh:
    """The portfolio (RP) and that for the mean (EEV) on fresh scenarios, and EEV - RP, paired."""

    scenarios: int
    seed: int
    rp: Interval
    eev: Interval
    vss: Interval


@dataclass(frozen=True)
class Worth:
    """What stochastics are worth, in units of the objective.

    Attributes
    ----------
    case : Case
        The case as solved.
    run : str
        Name of the run.
    run_path : Path or None
        Its folder.
    level : float
        Confidence level of the intervals.
    asked_gap, time_limit_s : float
        Limits of each search.
    solution : OfSolution
        Value of the stochastic solution, on the run's own scenarios.
    decision_for_mean : Decision
        The portfolio that plans for the mean.
    information : OfInformation or None
        Value of perfect information.
    fresh : Fresh or None
        Value of the stochastic solution on fresh scenarios.
    knowing : tuple of OfKnowing
        Value of knowing some drivers.
    seconds : mapping
        Wall time by phase.
    path : Path or None
        The folder written, None where there is none.
    """

    case: Case
    run: str
    run_path: Path | None
    level: float
    asked_gap: float
    time_limit_s: float | None
    solution: OfSolution
    decision_for_mean: Decision
    information: OfInformation | None
    fresh: Fresh | None
    knowing: tuple[OfKnowing, ...]
    seconds: Mapping[str, float]
    path: Path | None = None

    @property
    def measures(self) -> pd.DataFrame:
        """Every measure with its interval.

        Columns: measure, sample (own, foresight, fresh, nested), estimate, low, high, least, most (where the measure
        lies on this very sample, whatever the searches left open; missing where there is nothing to say), share (of
        RP on the same sample; for nested ones on the run's own), scenarios, reliable, note.
        """
        return pd.DataFrame(list(self._rows()))

    def _rows(self) -> Iterator[dict[str, Any]]:
        s = self.solution
        base = s.rp.estimate
        yield _row("RP", OWN, s.rp, base, least=s.rp_bound, most=base)
        yield _row("EEV", OWN, s.eev, base)
        yield _row("VSS", OWN, s.vss, base, least=s.vss.estimate, most=s.vss_most)
        if self.information is not None:
            i = self.information
            yield _row("RP", KNOWN, i.rp, i.rp.estimate)
            yield _row("WS", KNOWN, i.ws, i.rp.estimate, least=i.ws.estimate, most=i.ws_found)
            yield _row("EVPI", KNOWN, i.evpi, i.rp.estimate, least=i.evpi_least, most=i.evpi.estimate)
        if self.fresh is not None:
            f = self.fresh
            for name, interval in (("RP", f.rp), ("EEV", f.eev), ("VSS", f.vss)):
                yield _row(name, FRESH, interval, f.rp.estimate)
        for k in self.knowing:
            for side, interval in (("at most", k.most), ("at least", k.least)):
                yield _row(f"knowing {k.drivers}, {side}", NESTED, interval, base)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before acting on it, in plain sentences."""
        sampling, found = self.case.settings.sampling, []
        found.append(
            "On its own scenarios the portfolio is flattered, since it was chosen on them: VSS looks larger there and "
            "EVPI smaller than they are. Fresh scenarios flatter nobody."
        )
        signed = [(OWN, self.solution.vss)] + ([] if self.fresh is None else [(FRESH, self.fresh.vss)])
        below = [where for where, vss in signed if vss.low < 0 <= vss.estimate]
        if below:
            where = " and ".join({OWN: "its own", FRESH: "fresh"}[w] for w in below)
            found.append(
                f"The interval of VSS on {where} scenarios reaches below 0: it is of the two portfolios found, and "
                "either may be the better one on other scenarios. The value of the best ones cannot be negative."
            )
        if self.fresh is not None and self.fresh.vss.estimate < 0:
            found.append(
                "On fresh scenarios the portfolio for the mean costs less: chosen on more scenarios, or to a smaller "
                "gap, the other should catch up, since the value of planning with scenarios cannot be negative."
            )
        if any(k.least.low < 0 for k in self.knowing):
            found.append(
                "What knowing drivers is worth at least is estimated too low on average, below 0 too; the value cannot "
                "be negative."
            )
        if self.solution.vss.estimate < 0:
            found.append(
                "The portfolio for the mean is the better one on this sample: solve the case to a smaller gap."
            )
        if sampling.method != "monte_carlo":
            found.append(
                f"Scenarios drawn by {sampling.method} are not independent: intervals on the run's own sample are too "
                "wide, or wrong."
            )
        table = self.measures
        for note, rows in table.loc[table["reliable"] == 0].groupby("note", sort=False):
            names = ", ".join(f"{m} ({s})" for m, s in zip(rows["measure"], rows["sample"], strict=True))
            found.append(f"Not to be relied on: {names}: {note}.")
        low, marked = uncertain_inputs(self.case)
        if marked:
            found.append(f"{low:,} of {marked:,} input rows are estimates or of low confidence.")
        return tuple(found)

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``worth.json`` holds."""
        mean, sampling = self.solution.mean_problem, self.case.settings.sampling
        return {
            "case": self.case.settings.case.name,
            "run": self.run if self.run_path is None else str(self.run_path),
            "scenarios": sampling.scenarios,
            "seed": sampling.seed,
            "level": self.level,
            "asked_gap": self.asked_gap,
            "time_limit_s": self.time_limit_s,
            "expected_value_problem": {
                "objective": mean.objective,
                "bound": mean.bound,
                "status": mean.status.value,
                "portfolio": [list(key) for key in self.decision_for_mean.chosen],
            },
            "measures": finite(records(self.measures)),
            "fresh": None if self.fresh is None else {"scenarios": self.fresh.scenarios, "seed": self.fresh.seed},
            "foresight_scenarios": 0 if self.information is None else self.information.scenarios,
            "knowing": [{"drivers": k.drivers, "groups": k.groups, "scenarios": k.scenarios} for k in self.knowing],
            "caveats": list(self.caveats),
            "worth": None if self.path is None else str(self.path),
        }


def _row(
    measure: str, sample: str, interval: Interval, base: float, least: float | None = None, most: float | None = None
) -> dict[str, Any]:
    """One measure as a row."""
    return {
        "measure": measure,
        "sample": sample,
        "estimate": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "least": float("nan") if least is None else least,
        "most": float("nan") if most is None else most,
        "share": interval.estimate / max(abs(base), 1e-10),
        "scenarios": interval.n,
        "reliable": int(interval.reliable),
        "note": interval.note,
    }


def write_worth(found: Worth, target: Path) -> Worth:
    """Write the folder, whole or not at all; return the record with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = {"title": found.case.settings.case.title, **found.summary()}
    record.pop("worth")
    write_result(target, "worth.json", record, {"measures": found.measures}, seconds=found.seconds)
    return replace(found, path=target)
