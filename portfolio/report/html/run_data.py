"""A run folder as its page reads it: the files as they were written, and sums of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from portfolio.case import read_case
from portfolio.case.records import Case
from portfolio.evaluation.measures import WITH, WITHOUT

WORLDS = {WITHOUT: "without the fund", WITH: "with the fund"}
"""The two worlds in words, in the order in which they are shown."""
BEFORE, AFTER = WORLDS.values()

TEXT = frozenset(
    (
        "project",
        "name",
        "country",
        "structure",
        "instrument",
        "kind",
        "member",
        "material",
        "stage",
        "region",
        "world",
        "source",
        "line",
        "convention",
        "benchmark",
        "figure",
        "unit",
        "method",
        "note",
        "stress",
        "mode",
        "short_stage",
        "measure",
        "sample",
        "status",
        "rule",
        "who",
    )
)
"""Columns of text in tables of results: NA is a name there, and nothing is an empty text."""


@dataclass(frozen=True)
class RunFolder:
    """What a run folder holds.

    ``record`` is ``run.json``; the tables are the CSV files of their names; ``scenarios`` has a row per scenario.
    """

    case: Case
    record: dict[str, Any]
    portfolio: pd.DataFrame
    projects: pd.DataFrame
    ledger: pd.DataFrame
    shortfall: pd.DataFrame
    supply: pd.DataFrame
    balance: pd.DataFrame
    benchmarks: pd.DataFrame
    scenarios: pd.DataFrame

    @staticmethod
    def read(folder: Path) -> RunFolder:
        """Read a folder that is whole."""
        names = ("portfolio", "projects", "ledger", "shortfall", "supply", "balance", "benchmarks")
        return RunFolder(
            case=read_case(folder / "inputs"),
            record=json.loads((folder / "run.json").read_text(encoding="utf-8")),
            scenarios=pd.read_parquet(folder / "scenarios.parquet"),
            **{name: read_table(folder / f"{name}.csv") for name in names},
        )

    @property
    def headline(self) -> dict[str, Any]:
        """Headline figures of ``run.json``."""
        found: dict[str, Any] = self.record["headline"]
        return found

    @property
    def material(self) -> str:
        """Material of largest demand, in tonnes."""
        demand = self.shortfall.groupby("material", sort=False)["demand_t"].sum()
        return str(demand.idxmax())

    def region(self, region: str) -> str:
        """Name of a region."""
        return next((r.name or r.region for r in self.case.regions if r.region == region), region)


def read_table(path: Path) -> pd.DataFrame:
    """Read a table as it was written: empty texts are empty, and no text is taken for a missing number.

    A table without rows or columns is read as empty.
    """
    try:
        columns = pd.read_csv(path, nrows=0).columns
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    texts: dict[str, Any] = {name: str for name in columns if name in TEXT}
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={c: [""] for c in columns if c not in texts})


def commitments(run: RunFolder) -> pd.DataFrame:
    """Rows of ``portfolio.csv`` without overhead."""
    return run.portfolio.loc[run.portfolio["kind"] != "overhead"]


def charges(run: RunFolder) -> pd.DataFrame:
    """Charges and budgets summed up to each window: member, window, kind, charge_usd_m, budget_usd_m.

    Budgets and charges are cumulative, as rule (7) has them.
    """
    budgets = pd.DataFrame(run.headline["budget_use"])
    rows = []
    kinds = [k for k in KINDS if k in set(run.portfolio["kind"])]
    for member in dict.fromkeys(budgets["member"]):
        own = budgets.loc[budgets["member"] == member]
        mine = run.portfolio.loc[run.portfolio["member"] == member]
        for window in own["window"]:
            until = mine.loc[mine["window"] <= window]
            budget = float(own.loc[own["window"] <= window, "budget_usd_m"].sum())
            for kind in kinds:
                charge = float(until.loc[until["kind"] == kind, "charge_usd_m"].sum())
                rows.append((member, f"to {window}", KINDS[kind], charge, budget))
    return pd.DataFrame(rows, columns=["member", "window", "instrument", "charge_usd_m", "budget_usd_m"])


KINDS = {
    "loan": "loan",
    "equity": "equity",
    "grant": "grant",
    "guarantee": "guarantee",
    "cfd": "contract for difference",
    "offtake": "offtake",
    "stockpile": "stockpile",
    "overhead": "administration and set-up",
}
"""Kinds of commitments in words, in the order in which they are shown."""


def offered(run: RunFolder) -> pd.DataFrame:
    """Mean supply by world, region, stage, material, year and group, t/y, as the balance of a stage counts it.

    Imports, projects that bring their own feed, what is processed in the region, releases of the reserve and what
    comes from partners less what goes to them. Capacity that waits for feed is not supply and is left out: of a
    project that is partly a processor the captive part counts, by capacity.
    """
    rows = run.supply.loc[run.supply["kind"].isin(GROUPS)].copy()
    share = _captive_share(run.case)
    keys = zip(rows["source"], rows["stage"], rows["material"], strict=True)
    part = np.array([share.get(key, 0.0) for key in keys])
    own = rows["kind"].str.startswith("project_").to_numpy()
    sign = np.where(rows["kind"] == "sent", -1.0, 1.0)
    rows["mean_t"] = rows["mean_t"].astype(float) * np.where(own, part, 1.0) * sign
    rows["group"] = rows["kind"].map(GROUPS)
    keys_of = ["world", "region", "stage", "material", "year", "group"]
    return rows.groupby(keys_of, sort=False)["mean_t"].sum().reset_index()


GROUPS = {
    "import": "imports from incumbents",
    "project_right": "projects, by right",
    "project_market": "projects, on the market",
    "project_promised": "projects, on the market",
    "processed": "processed in the region",
    "released": "released from the reserve",
    "received": "from partners, net",
    "sent": "from partners, net",
}
"""Kinds of supply that meet the need of a stage, in words."""


def _captive_share(case: Case) -> dict[tuple[str, str, str], float]:
    """Part of an output (project, stage, material) that brings its own feed."""
    whole: dict[tuple[str, str, str], float] = {}
    captive: dict[tuple[str, str, str], float] = {}
    for row in case.project_outputs:
        key = (row.project, row.stage, row.material)
        whole[key] = whole.get(key, 0.0) + row.capacity_tpy
        captive[key] = captive.get(key, 0.0) + (row.capacity_tpy if row.mode == "captive" else 0.0)
    return {key: captive[key] / total for key, total in whole.items()}


def exposure(run: RunFolder) -> pd.DataFrame:
    """What each country offers each region at each stage, t/y over the horizon, and its share, by world.

    Imports, toll capacity and output of projects; capacity that waits for feed counts, since whoever holds it decides.
    """
    home = {s.supplier: s.country for s in run.case.suppliers} | {p.project: p.country for p in run.case.projects}
    kinds = ("import", "toll", "project_right", "project_market", "project_promised")
    rows = run.supply.loc[run.supply["kind"].isin(kinds)].copy()
    rows["country"] = rows["source"].map(home).fillna("unknown")
    keys = ["world", "region", "stage"]
    found = rows.groupby([*keys, "country"])["mean_t"].sum().reset_index()
    found["mean_t"] /= len(run.case.years)
    found["share"] = found["mean_t"] / found.groupby(keys)["mean_t"].transform("sum")
    return found
