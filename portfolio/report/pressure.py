"""What price pressure does to a run's portfolio, in one record, the folder made of it and the summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.case.records import Case
from portfolio.report.evaluation import finite
from portfolio.report.headline import records
from portfolio.report.result import write_result

BASE, PRESSED = "base", "pressed"
"""Prices as sampled, and under the pressure of new supply."""
TABLES = ("figures", "projects", "flows", "prices")
"""Tables of the folder."""
BALANCE = "balance"
"""Line of what is owed and not yet due at the end: no cash flow."""


@dataclass(frozen=True)
class PricePressure:
    """A fixed portfolio at base prices and at prices under pressure, on the same scenarios.

    Attributes
    ----------
    case : Case
        The case as solved; its section ``[pressure]`` has the rules.
    run : str
        Name of the run.
    run_path : Path or None
        Its folder.
    scenario_count, seed : int
        The fresh scenarios.
    level : float
        Confidence level of the intervals.
    figures : DataFrame
        figure, what, estimate, low, high, reliable: weighted shortfall, and what pressure adds to it, paired.
    projects : DataFrame
        project, window and, at base prices and under pressure, closes_with, runs_with and output_with as in a run's
        ``projects.csv``.
    flows : DataFrame
        member, line, usd_m, prices: expected cash flows over the horizon, positive where received, and the line
        ``balance``, owed and not yet due at its end.
    prices : DataFrame
        material, year, new_supply_share (of the market), price_factor (mean), lowest_factor.
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
    projects: pd.DataFrame
    flows: pd.DataFrame
    prices: pd.DataFrame
    seconds: Mapping[str, float]
    path: Path | None = None

    @property
    def net_cash_usd_m(self) -> dict[str, float]:
        """Expected net cash flow of all members over the horizon, real and undiscounted, by prices."""
        return self._sums(self.flows["line"] != BALANCE)

    @property
    def owed_usd_m(self) -> dict[str, float]:
        """What is owed to members and not yet due at the end of the horizon, expected, by prices."""
        return self._sums(self.flows["line"] == BALANCE)

    def _sums(self, which: pd.Series[bool]) -> dict[str, float]:
        rows = self.flows.loc[which]
        return {name: float(rows.loc[rows["prices"] == name, "usd_m"].sum()) for name in (BASE, PRESSED)}

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before acting on it, in plain sentences."""
        return (
            "Elasticity, market and dumping are estimates, set in section [pressure]; try others with --set.",
            "One pass: new supply is that at base prices. Plants that close under pressure relieve it, so that the "
            "pressure is rather too strong.",
            "Charges to budgets and the portfolio itself stay as they were; demand does not grow with lower prices.",
        )

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``pressure.json`` holds."""
        return {
            "case": self.case.settings.case.name,
            "run": self.run if self.run_path is None else str(self.run_path),
            "scenarios": self.scenario_count,
            "seed": self.seed,
            "level": self.level,
            "rules": asdict(self.case.settings.pressure),
            "figures": finite(records(self.figures)),
            "projects": records(self.projects),
            "net_cash_usd_m": self.net_cash_usd_m,
            "owed_usd_m": self.owed_usd_m,
            "caveats": list(self.caveats),
            "pressure": None if self.path is None else str(self.path),
        }


def write_pressure(found: PricePressure, target: Path) -> PricePressure:
    """Write the folder, whole or not at all; return the record with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = {"title": found.case.settings.case.title, **found.summary()}
    record.pop("pressure")
    write_result(
        target, "pressure.json", record, {name: getattr(found, name) for name in TABLES}, seconds=found.seconds
    )
    return replace(found, path=target)
