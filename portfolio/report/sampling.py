"""The check of the sampler in one record, and the folder made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.case.records import Case
from portfolio.evaluation.designs import VarianceRatio
from portfolio.report.evaluation import finite
from portfolio.report.headline import records
from portfolio.report.result import write_result
from portfolio.scenarios.quality.moments import FALSE_ALARM, FEW, Moments


@dataclass(frozen=True)
class Ratio:
    """An estimate under a design beside plain Monte Carlo, from independent randomisations of both.

    Attributes
    ----------
    design, figure, world : str
        Design; ``weighted`` (mean) or ``weighted_cvar``; ``without`` or ``with`` the fund.
    points, randomisations : int
        Scenarios in each, and how many of each.
    plain, under_design : float
        Mean of the estimates: they estimate the same.
    variance : VarianceRatio
        Variance of the plain estimates over that of the design's.
    """

    design: str
    figure: str
    world: str
    points: int
    randomisations: int
    plain: float
    under_design: float
    variance: VarianceRatio


@dataclass(frozen=True)
class Sampling:
    """Whether the sampler is true to the case, and what designs save.

    Attributes
    ----------
    case : Case
        The case.
    name : str
        Of the run, or of the case.
    subject_path : Path or None
        Folder of the run or case.
    design, seed : str, int
        How the sample of the table was drawn.
    table : Moments
        Every parameter beside what the sample shows.
    ratios : tuple of Ratio
        Variance ratios; empty where none were asked for.
    seconds : mapping
        Wall time by phase.
    path : Path or None
        The folder written, None where there is none.
    """

    case: Case
    name: str
    subject_path: Path | None
    design: str
    seed: int
    table: Moments
    ratios: tuple[Ratio, ...]
    seconds: Mapping[str, float]
    path: Path | None = None

    @property
    def moments(self) -> pd.DataFrame:
        """Columns driver, entity, quantity, unit, parameter, value, expected, estimate, standard_error, z, seen, flag.

        One row per statistic, as in :class:`portfolio.scenarios.quality.moments.Moment`.
        """
        return pd.DataFrame(
            [
                {
                    "driver": m.row.driver,
                    "entity": m.row.entity,
                    "quantity": m.row.quantity,
                    "unit": m.row.unit,
                    "parameter": m.row.parameter,
                    "value": m.row.value,
                    "expected": m.row.expected,
                    "estimate": m.estimate,
                    "standard_error": m.standard_error,
                    "z": m.z,
                    "seen": m.seen,
                    "flag": m.flag,
                }
                for m in self.table.moments
            ]
        )

    @property
    def variance_ratios(self) -> pd.DataFrame:
        """Columns design, figure, world, points, randomisations, plain, under_design, ratio, low, high, level."""
        rows = [
            {
                "design": r.design,
                "figure": r.figure,
                "world": r.world,
                "points": r.points,
                "randomisations": r.randomisations,
                "plain": r.plain,
                "under_design": r.under_design,
                "ratio": r.variance.ratio,
                "low": r.variance.low,
                "high": r.variance.high,
                "level": r.variance.level,
            }
            for r in self.ratios
        ]
        return pd.DataFrame(rows)

    @property
    def verdict(self) -> str:
        """Whether the sample is what the parameters say, in a sentence."""
        judged = [m for m in self.table.moments if m.flag != FEW]
        few = len(self.table.moments) - len(judged)
        rest = (
            f" {few:,} of {len(self.table.moments):,} rows were not judged: too little was seen of them." if few else ""
        )
        if not judged:
            return "Nothing could be judged: take more scenarios."
        worst = max(judged, key=lambda m: abs(m.z))
        where = f"{worst.row.driver} {worst.row.entity}, {worst.row.quantity}"
        if self.table.off:
            return (
                f"{len(self.table.off)} of {len(judged):,} rows are further from what their parameters give than luck "
                f"explains; the furthest is {where}, by {abs(worst.z):.1f} standard errors.{rest}"
            )
        return (
            f"None of {len(judged):,} rows is further from what its parameter gives than luck explains; the furthest "
            f"is {where}, by {abs(worst.z):.1f} standard errors.{rest}"
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before acting on it, in plain sentences."""
        found = [
            f"A row is flagged beyond {self.table.limit:.2f} standard errors, so that a sound sampler has any row "
            f"flagged in at most {100 * FALSE_ALARM:.0f} % of samples.",
            "This says that scenarios follow the parameters of the case, not that the parameters are right.",
        ]
        if self.ratios:
            found.append(
                "A variance ratio holds for this case, portfolio and number of points; a design's own standard errors "
                "need independent randomisations too."
            )
        return tuple(found)

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``sampling.json`` holds."""
        return {
            "case": self.case.settings.case.name,
            "subject": self.name if self.subject_path is None else str(self.subject_path),
            "design": self.design,
            "seed": self.seed,
            "scenarios": self.table.scenarios,
            "independent_units": self.table.units,
            "z_limit": self.table.limit,
            "flagged": len(self.table.off),
            "verdict": self.verdict,
            "moments": finite(records(self.moments)),
            "variance_ratios": finite(records(self.variance_ratios)),
            "caveats": list(self.caveats),
            "sampling": None if self.path is None else str(self.path),
        }


def write_sampling(found: Sampling, target: Path) -> Sampling:
    """Write the folder, whole or not at all; return the record with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = {"title": found.case.settings.case.title, **found.summary()}
    record.pop("sampling")
    write_result(
        target,
        "sampling.json",
        record,
        {"moments": found.moments} | ({"variance_ratios": found.variance_ratios} if found.ratios else {}),
        seconds=found.seconds,
    )
    return replace(found, path=target)
