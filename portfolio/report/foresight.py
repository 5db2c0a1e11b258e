"""The optimism of foresight for a run's portfolio, in one record, and the folder made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.case.records import Case
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.evaluation import finite
from portfolio.report.headline import records
from portfolio.report.result import write_result

FORESIGHT, GREEDY = "foresight", "greedy"
"""Ways to release the reserve: by the recourse over all years at once, and year by year."""
NEGLIGIBLE = 1e-7
"""Part of the weighted shortfall below which a scenario's difference is rounding."""


@dataclass(frozen=True)
class Foresight:
    """A fixed portfolio with its reserve released with foresight and greedily, on the same scenarios.

    Attributes
    ----------
    case : Case
        The case as solved.
    run : str
        Name of the run.
    run_path : Path or None
        Its folder.
    scenario_count, seed : int
        The fresh scenarios.
    level : float
        Confidence level of the intervals.
    figures : DataFrame
        figure, world, release (foresight, greedy or optimism, their paired difference), estimate, low, high, reliable,
        note; weighted tonnes.
    years : DataFrame
        world, region, material, year, shortfall_foresight_t, shortfall_greedy_t (mean, all stages), released_greedy_t
        (mean).
    scenarios : DataFrame
        scenario and, by world and release, weighted shortfall and side costs.
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
    figures: pd.DataFrame
    years: pd.DataFrame
    scenarios: pd.DataFrame
    seconds: Mapping[str, float]
    path: Path | None = None

    @property
    def differing(self) -> dict[str, float]:
        """Share of the scenarios in which greedy release is worse, by world."""
        found = {}
        for world in (WITHOUT, WITH):
            seeing, blind = (self.scenarios[f"{world}_{way}_weighted"] for way in (FORESIGHT, GREEDY))
            found[world] = float((blind - seeing > NEGLIGIBLE * (1.0 + seeing)).mean())
        return found

    @property
    def released_t(self) -> dict[str, float]:
        """Mean greedy release over the horizon, all regions and materials, tonnes, by world."""
        return {str(world): float(t) for world, t in self.years.groupby("world")["released_greedy_t"].sum().items()}

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before acting on it, in plain sentences."""
        found = [
            "Greedy release is one rule without foresight, and not the best one, which lies between both: foresight "
            "makes either world look better by at most this.",
            "Within a year everything is foreseen in both; only later years are hidden.",
            "The portfolio and its purchases for the reserve stay as they were chosen, with foresight.",
        ]
        if not any(self.released_t.values()):
            found.insert(0, "No reserve is ever released here, so there is nothing to foresee: both are the same.")
        if self.case.settings.alliance.fair_distribution:
            found.append(
                "Fair distribution is paid for besides weighted shortfall, so the latter alone may differ either way."
            )
        return tuple(found)

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``foresight.json`` holds."""
        return {
            "case": self.case.settings.case.name,
            "run": self.run if self.run_path is None else str(self.run_path),
            "scenarios": self.scenario_count,
            "seed": self.seed,
            "level": self.level,
            "figures": finite(records(self.figures)),
            "scenarios_that_differ": self.differing,
            "released_greedy_t": self.released_t,
            "caveats": list(self.caveats),
            "foresight": None if self.path is None else str(self.path),
        }


def write_foresight(found: Foresight, target: Path) -> Foresight:
    """Write the folder, whole or not at all; return the record with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = {"title": found.case.settings.case.title, **found.summary()}
    record.pop("foresight")
    write_result(
        target,
        "foresight.json",
        record,
        {"figures": found.figures, "years": found.years},
        seconds=found.seconds,
        scenarios=found.scenarios,
    )
    return replace(found, path=target)
