"""Stability in one record, and the folder made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models import Decision
from portfolio.case.records import Case
from portfolio.evaluation.stability import ENOUGH, UNDECIDED, Compared, InSample, enough, in_sample, scenarios_needed
from portfolio.report.evaluation import finite
from portfolio.report.headline import records, uncertain_inputs
from portfolio.report.result import write_result

FEW = 5
"""Samples below which no size is called enough, and nothing said of how far claims scatter: of three the limits of a
deviation are 0.5 and 6.3 times it."""


@dataclass(frozen=True)
class Solved:
    """A sample solved.

    Attributes
    ----------
    portfolio : str
        Label: size and number of the sample, or ``run``.
    scenarios, seed : int
        The sample.
    objective, bound : float
        Objective of the portfolio found on the sample, and the bound proven there.
    status : str
        How the search ended.
    penalty : float
        For benchmarks missed, part of the objective.
    decision : Decision
        The portfolio.
    """

    portfolio: str
    scenarios: int
    seed: int
    objective: float
    bound: float
    status: str
    penalty: float
    decision: Decision


@dataclass(frozen=True)
class Stability:
    """How much objective and portfolio depend on the sample, in units of the objective.

    Attributes
    ----------
    case : Case
        The case.
    name : str
        Of the run, or of the case.
    subject_path : Path or None
        Folder of the run or case.
    sizes : tuple of int
        Sizes of sample, ascending.
    samples : int
        Samples of each size.
    fresh, fresh_seed : int
        The one sample on which all portfolios are tried.
    accuracy : float
        Share of the objective within which portfolios count as equal.
    level : float
        Confidence level.
    asked_gap, time_limit_s : float
        Limits of each search.
    solved : tuple of Solved
        Size by size; the run's own portfolio last, where there is a run.
    compared : Compared
        All of them on the fresh sample, in the same order.
    seconds : mapping
        Wall time by phase.
    path : Path or None
        The folder written, None where there is none.
    """

    case: Case
    name: str
    subject_path: Path | None
    sizes: tuple[int, ...]
    samples: int
    fresh: int
    fresh_seed: int
    accuracy: float
    level: float
    asked_gap: float
    time_limit_s: float | None
    solved: tuple[Solved, ...]
    compared: Compared
    seconds: Mapping[str, float]
    path: Path | None = None

    def of_size(self, size: int) -> list[int]:
        """Numbers of the samples of a size; the run's own portfolio is none of them."""
        at = self.sizes.index(size) * self.samples
        return list(range(at, at + self.samples))

    def in_sample(self, size: int) -> InSample:
        """How far the optimal objectives of a size are apart."""
        return in_sample([self.solved[k].objective for k in self.of_size(size)], self.level)

    @property
    def portfolios(self) -> pd.DataFrame:
        """One row per portfolio.

        Columns: portfolio, scenarios, seed, in_sample, bound, gap (of the search, relative), status, true, true_low,
        true_high, worse (true objective less that of the best of all), worse_low, worse_high, projects (number).
        """
        best, rows = self.compared.best, []
        for k, one in enumerate(self.solved):
            true, worse = self.compared.value(k), self.compared.difference(k, best)
            rows.append(
                {
                    "portfolio": one.portfolio,
                    "scenarios": one.scenarios,
                    "seed": one.seed,
                    "in_sample": one.objective,
                    "bound": one.bound,
                    "gap": _share(one.objective - one.bound, one.objective),
                    "status": one.status,
                    "true": true.estimate,
                    "true_low": true.low,
                    "true_high": true.high,
                    "worse": worse.estimate,
                    "worse_low": worse.low,
                    "worse_high": worse.high,
                    "projects": len({p for p, _, _ in one.decision.chosen}),
                }
            )
        return pd.DataFrame(rows)

    @property
    def by_size(self) -> pd.DataFrame:
        """One row per size of sample.

        Columns: scenarios, samples; in_sample (mean objective), in_sample_sd with limits _low and _high,
        in_sample_spread, in_sample_reach (one more sample's objective lies within it of the mean), gap (mean of the
        searches); true (mean true objective), true_spread (worst less best) with _low and _high, optimism (in_sample
        less true), regret (true less that of the best portfolio of all sizes); verdict (enough, not enough, undecided:
        is the true spread within the accuracy?); scenarios_needed (for a reach within the accuracy). With fewer than
        five samples there are no limits, reach or scenarios needed, and no size is called enough.
        """
        return pd.DataFrame([self._row(size) for size in self.sizes])

    def _row(self, size: int) -> dict[str, Any]:
        some, own = self.of_size(size), self.in_sample(size)
        values, spread = self.compared.objectives, self.compared.spread(some)
        true = float(values[some].mean())
        gaps = [_share(self.solved[k].objective - self.solved[k].bound, self.solved[k].objective) for k in some]
        verdict, few = enough(spread, true, self.accuracy), self.samples < FEW
        unknown = float("nan")
        return {
            "scenarios": size,
            "samples": len(some),
            "in_sample": own.mean,
            "in_sample_sd": own.deviation,
            "in_sample_sd_low": unknown if few else own.deviation_low,
            "in_sample_sd_high": unknown if few else own.deviation_high,
            "in_sample_spread": own.spread,
            "in_sample_reach": unknown if few else own.reach,
            "gap": float(np.mean(gaps)),
            "true": true,
            "true_spread": spread.estimate,
            "true_spread_low": spread.low,
            "true_spread_high": spread.high,
            "optimism": own.mean - true,
            "regret": true - float(values.min()),
            "verdict": UNDECIDED if few and verdict == ENOUGH else verdict,
            "scenarios_needed": unknown if few else scenarios_needed(own, size, self.accuracy),
        }

    @property
    def projects(self) -> pd.DataFrame:
        """How often each project is chosen, by size of sample.

        Columns: scenarios, project, chosen and first_window (shares of the samples), windows and structures (each with
        how many samples). Projects never chosen are left out.
        """
        rows = []
        for size in self.sizes:
            keys = [key for k in self.of_size(size) for key in self.solved[k].decision.chosen]
            for project in self.case.project_names:
                mine = [key for key in keys if key[0] == project]
                if mine:
                    first = sum(window == self.case.windows[0] for _, _, window in mine)
                    rows.append(
                        {
                            "scenarios": size,
                            "project": project,
                            "chosen": len(mine) / self.samples,
                            "first_window": first / self.samples,
                            "windows": _counted(str(window) for _, _, window in mine),
                            "structures": _counted(structure for _, structure, _ in mine),
                        }
                    )
        columns = ["scenarios", "project", "chosen", "first_window", "windows", "structures"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def verdict(self) -> str:
        """Which size of sample is enough, in sentences."""
        table, share = self.by_size, f"{100 * self.accuracy:.3g} %"
        good = table.loc[table["verdict"] == ENOUGH]
        if len(good):
            size = int(good["scenarios"].iloc[0])
            said = (
                f"{size:,} scenarios are enough for portfolios that are within {share} of each other in truth: it does "
                f"not matter which of the {self.samples} samples was drawn."
            )
        elif self.samples < FEW and (table["verdict"] == UNDECIDED).any():
            said = f"{self.samples} samples cannot say that a size is enough: it takes {FEW} of each."
        elif (table["verdict"] == UNDECIDED).any():
            said = (
                f"{self.fresh:,} fresh scenarios cannot say whether any size is enough for portfolios within {share} "
                "of each other: take more with --fresh, or a larger --accuracy."
            )
        else:
            said = (
                f"No size tried is enough for portfolios within {share} of each other: solve with more scenarios, or "
                "to a smaller gap."
            )
        if self.samples < FEW:
            return f"{said} How far claims scatter is not said of so few samples."
        last = table.iloc[-1]
        reach = _share(float(last["in_sample_reach"]), float(last["in_sample"]))
        need = float(last["scenarios_needed"])
        return (
            f"{said} What a run of {int(last['scenarios']):,} scenarios claims for its objective lies within "
            f"{100 * reach:.3g} % of what such runs claim on average; for {share} it would take some {_round(need):,} "
            "scenarios, or portfolio evaluate, which costs less."
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before acting on it, in plain sentences."""
        found = [
            "Differences between portfolios are paired on the same fresh scenarios; all hold together at the level.",
        ]
        if self.samples < FEW:
            found.append(
                f"Only {self.samples} samples of each size: the next one may differ more than these do; take "
                f"--samples {FEW} or more."
            )
        table = self.by_size
        if (table["true_spread"] < table["gap"] * table["true"]).any():
            found.append(
                "Portfolios differ by less than the searches' gap: a smaller --gap may change them more than another "
                "sample does."
            )
        stopped = sum(one.bound < one.objective - self.asked_gap * abs(one.objective) * 1.001 for one in self.solved)
        if stopped:
            found.append(f"{stopped} of {len(self.solved):,} searches ended before the gap was reached.")
        low, marked = uncertain_inputs(self.case)
        if marked:
            found.append(f"{low:,} of {marked:,} input rows are estimates or of low confidence.")
        return tuple(found)

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``stability.json`` holds."""
        return {
            "case": self.case.settings.case.name,
            "subject": self.name if self.subject_path is None else str(self.subject_path),
            "samples": self.samples,
            "fresh": {"scenarios": self.fresh, "seed": self.fresh_seed},
            "accuracy": self.accuracy,
            "level": self.level,
            "asked_gap": self.asked_gap,
            "time_limit_s": self.time_limit_s,
            "verdict": self.verdict,
            "by_size": finite(records(self.by_size)),
            "portfolios": finite(records(self.portfolios)),
            "projects": records(self.projects),
            "caveats": list(self.caveats),
            "stability": None if self.path is None else str(self.path),
        }


def _share(part: float, whole: float) -> float:
    return part / max(abs(whole), 1e-10)


def _round(value: float) -> int:
    """Two leading digits, upwards."""
    if value <= 10:
        return max(int(np.ceil(value)), 1)
    unit = 10.0 ** (int(np.log10(value)) - 1)
    return int(np.ceil(value / unit) * unit)


def _counted(words: Any) -> str:
    return "; ".join(f"{word}: {number}" for word, number in sorted(Counter(words).items()))


def write_stability(found: Stability, target: Path) -> Stability:
    """Write the folder, whole or not at all; return the record with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = {"title": found.case.settings.case.title, **found.summary()}
    record.pop("stability")
    write_result(
        target,
        "stability.json",
        record,
        {"by_size": found.by_size, "portfolios": found.portfolios, "projects": found.projects},
        seconds=found.seconds,
    )
    return replace(found, path=target)
