"""An evaluation: the figures of a run's portfolio on fresh scenarios, and the folder made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import Instance
from portfolio.case.records import Case
from portfolio.evaluation.figures import DIFFERENCE
from portfolio.evaluation.fresh import Measured
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.headline import records, uncertain_inputs
from portfolio.report.result import write_result

TABLES: dict[str, tuple[str, ...]] = {
    "by_region": ("region",),
    "by_material": ("material",),
    "by_stage": ("stage",),
    "by_region_material": ("region", "material"),
    "by_region_material_year": ("region", "material", "year"),
}
"""Tables of shortfall by name, and what they are by."""


@dataclass(frozen=True)
class Evaluation:
    """What a fixed portfolio leads to on scenarios it was not chosen on.

    Attributes
    ----------
    case : Case
        The case as solved.
    run : str
        Name of the run.
    run_path : Path or None
        Its folder.
    scenario_count, seed : int
        Fresh scenarios and their seed.
    in_sample_count, in_sample_seed : int
        The scenarios the portfolio was chosen on.
    level : float
        Confidence level of every interval.
    cvar_level : float
        beta of the CVaR of the weighted shortfall.
    public_cost_usd_m : float
        Expected public cost of the portfolio, the same in every sample.
    figures : DataFrame
        Columns figure, world (without, with, difference), unit, estimate, low, high, reliable, in_sample (the same
        figure on the scenarios the portfolio was chosen on), optimism (in_sample minus the true figure) with
        optimism_low and optimism_high, n, effective, method, note.
    by_region, by_material, by_stage, by_region_material, by_region_material_year : DataFrame
        Shortfall with intervals; see :func:`portfolio.evaluation.figures.shortfall_by`.
    scenarios : DataFrame
        One row per fresh scenario.
    caveats : tuple of str
        What to know before acting on it.
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
    in_sample_count: int
    in_sample_seed: int
    level: float
    cvar_level: float
    public_cost_usd_m: float
    figures: pd.DataFrame
    by_region: pd.DataFrame
    by_material: pd.DataFrame
    by_stage: pd.DataFrame
    by_region_material: pd.DataFrame
    by_region_material_year: pd.DataFrame
    scenarios: pd.DataFrame
    caveats: tuple[str, ...]
    seconds: Mapping[str, float]
    path: Path | None = None

    def figure(self, name: str, world: str) -> dict[str, Any]:
        """Return one row of the figures.

        Raises
        ------
        KeyError
            Where there is no such figure of such a world.
        """
        rows = self.figures.loc[(self.figures["figure"] == name) & (self.figures["world"] == world)]
        if rows.empty:
            raise KeyError(f"no figure {name!r} of the world {world!r}")
        return records(rows)[0]

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``evaluation.json`` holds: samples, figures, caveats."""
        return {
            "case": self.case.settings.case.name,
            "run": self.run if self.run_path is None else str(self.run_path),
            "scenarios": self.scenario_count,
            "seed": self.seed,
            "in_sample": {"scenarios": self.in_sample_count, "seed": self.in_sample_seed},
            "level": self.level,
            "cvar_level": self.cvar_level,
            "public_cost_usd_m": self.public_cost_usd_m,
            "figures": finite(records(self.figures)),
            "caveats": list(self.caveats),
            "evaluation": None if self.path is None else str(self.path),
        }


def finite(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Limits that do not exist as None, for JSON."""
    return [{k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()} for row in rows]


FIGURES = {
    "tonnes_per_year": "tonnes a year (contained oxide)",
    "share_of_demand": "share of demand",
    "weighted": "weighted by value at stake",
    "weighted_cvar": "weighted, worst scenarios (CVaR)",
    "reduction": "weighted shortfall the fund removes",
    "probability": "scenarios with any shortfall",
}
"""Figures in words; others go by their names."""


def figure_in_words(name: str) -> str:
    """Return what a figure of the table is, as a person says it."""
    return FIGURES.get(name, name.replace("weighted_p", "weighted, quantile at ") + " %" * ("weighted_p" in name))


def warnings(case: Case, figures: pd.DataFrame, level: float, in_sample: int) -> tuple[str, ...]:
    """What a reader has to know before acting on an evaluation, in plain sentences."""
    found = [
        f"Intervals hold the true figure in {100 * level:.3g} % of samples. They cover the luck of sampling alone, not "
        "wrong inputs.",
    ]
    doubtful = figures.loc[figures["reliable"] == 0]
    for note, rows in doubtful.groupby("note", sort=False):
        names = ", ".join(dict.fromkeys(rows["figure"].map(figure_in_words)))
        found.append(f"Intervals not to be relied on: {names} ({note}).")
    low, marked = uncertain_inputs(case)
    if marked:
        found.append(f"{low:,} of {marked:,} input rows are estimates or of low confidence.")
    return (*found, *_optimism(figures, in_sample))


def _optimism(figures: pd.DataFrame, in_sample: int) -> Iterator[str]:
    """Whether the run claimed too much: what the fund takes off, or the level of shortfall in a mild sample alone."""
    high = figures.loc[figures["figure"] == "weighted"].set_index("world")["optimism_high"]
    if high[DIFFERENCE] < 0:
        yield f"The fund looked better than it is: {in_sample:,} scenarios flattered it. Solve with more of them."
    elif high[WITH] < 0:
        yield (
            f"The run's {in_sample:,} scenarios are milder than most: there is more shortfall on fresh ones. What the "
            "fund takes off was not overstated. Solve with more of them."
        )


def scenario_rows(instance: Instance, measured: Measured) -> pd.DataFrame:
    """One row per scenario: weighted and physical shortfall in both worlds, by region and material."""
    data: dict[str, npt.NDArray[np.generic]] = {"scenario": measured.index, "probability": measured.probability}
    worlds = ((WITHOUT, measured.without), (WITH, measured.with_fund))
    for name, world in worlds:
        data |= {f"{name}_weighted": world.weighted, f"{name}_side": world.side}
    for name, world in worlds:
        short = world.shortfall.sum(axis=(2, 4))
        for r, region in enumerate(instance.regions):
            for m, material in enumerate(instance.materials):
                data[f"{name}_t_{region}_{material}"] = short[:, r, m]
    for m, material in enumerate(instance.materials):
        data[f"disrupted_months_{material}"] = 12.0 * measured.disrupted[:, m]
    return pd.DataFrame(data)


def write_evaluation(found: Evaluation, target: Path) -> Evaluation:
    """Write the folder of an evaluation, whole or not at all; return it with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = {"title": found.case.settings.case.title, **found.summary()}
    record.pop("evaluation")
    write_result(
        target,
        "evaluation.json",
        record,
        {name: getattr(found, name) for name in ("figures", *TABLES)},
        seconds=found.seconds,
        scenarios=found.scenarios,
    )
    return replace(found, path=target)
