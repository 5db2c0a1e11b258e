"""A stress test: what events and lost suppliers do to a run's portfolio, and the folder made of it."""

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

NOISE = 1e-6
"""Relative difference that counts as none."""
TABLES = ("alone", "on_top", "places", "suppliers")
"""Tables of a stress test."""


@dataclass(frozen=True)
class Stress:
    """What stresses do to a fixed portfolio, without the fund and with it.

    Attributes
    ----------
    case : Case
        The case as solved.
    run : str
        Name of the run.
    run_path : Path or None
        Its folder.
    scenario_count, seed : int
        The sample that events are added to.
    level : float
        Confidence level of intervals.
    calm : mapping
        Weighted shortfall of the world in which nothing happens, ``without`` and ``with`` the fund.
    alone : DataFrame
        Every stress and start year, nothing else happening; see :func:`portfolio.evaluation.stress.alone_rows`.
    on_top : DataFrame
        Events added to every scenario; see :func:`portfolio.evaluation.stress.on_top_rows`.
    places : DataFrame
        Where and when it is short: of every stress alone, the worst start year; of events on top too.
    suppliers : DataFrame
        Largest third country by region, stage and material.
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
    calm: Mapping[str, float]
    alone: pd.DataFrame
    on_top: pd.DataFrame
    places: pd.DataFrame
    suppliers: pd.DataFrame
    seconds: Mapping[str, float]
    path: Path | None = None

    @property
    def worst(self) -> pd.DataFrame:
        """Rows of ``alone`` of the worst start year of each stress."""
        return self.alone.loc[self.alone["worst"] == 1]

    @property
    def worst_loss(self) -> dict[str, Any] | None:
        """The loss of a supplier country for a year that is worst with the fund, None where there is no supplier."""
        rows = self.worst.loc[(self.worst["kind"] == "n-1") & (self.worst["world"] == WITH)]
        return None if rows.empty else records(rows.nlargest(1, "weighted"))[0]

    @property
    def worse_with_fund(self) -> list[dict[str, Any]]:
        """Rows of ``alone`` in whose trial the weighted shortfall is larger with the fund than without it."""
        keys = ["stress", "start_year"]
        both = self.alone.pivot_table(index=keys, columns="world", values="weighted", sort=False)
        return records(both.loc[both[WITH] > both[WITHOUT] * (1.0 + NOISE)].reset_index())

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``stress.json`` holds: sample, worst start years, events on top."""
        return {
            "case": self.case.settings.case.name,
            "run": self.run if self.run_path is None else str(self.run_path),
            "scenarios": self.scenario_count,
            "seed": self.seed,
            "level": self.level,
            "calm": dict(self.calm),
            "alone": records(self.worst.drop(columns="worst")),
            "on_top": finite(records(self.on_top)),
            "worst_loss": self.worst_loss,
            "worse_with_fund": self.worse_with_fund,
            "suppliers": records(self.suppliers),
            "stress": None if self.path is None else str(self.path),
        }


def write_stress(found: Stress, target: Path) -> Stress:
    """Write the folder of a stress test, whole or not at all; return it with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = {"title": found.case.settings.case.title, **found.summary()}
    record.pop("stress")
    write_result(target, "stress.json", record, {name: getattr(found, name) for name in TABLES}, seconds=found.seconds)
    return replace(found, path=target)
