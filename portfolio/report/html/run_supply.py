"""Evidence on a run's page: who supplies what, from which country, and where the chain is narrow."""

from __future__ import annotations

import pandas as pd

from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.html.page import Block, Chart, Column, Section, year
from portfolio.report.html.plots import Change, Stacked
from portfolio.report.html.run_data import AFTER, BEFORE, GROUPS, WORLDS, RunFolder, exposure, needed, offered
from portfolio.report.words import number, percent

COUNTRIES = 4
"""Countries that are shown for each region and stage."""
NOTHING = 0.01
"""Part of the largest region's supply and need below which a region is left out of a chart."""
SUPPLY_COLUMNS = (
    Column("in", "World"),
    Column("region", "Region"),
    Column("stage", "Stage"),
    Column("group", "Supply"),
    Column("mean_t", "Mean, t/y", number),
    Column("need_t", "Need, t/y", number),
)
"""Columns of the tables of supply, years apart."""


def supply(run: RunFolder) -> Section:
    """Return the chain from mine to magnet, supply over the years, exposure to countries."""
    need = needed(run)
    rows = offered(run)
    blocks: list[Block] = [_chain(run, rows, need)]
    for stage in run.case.stage_names:
        chart = _over_years(run, rows, need, stage)
        if chart is not None:
            blocks.append(chart)
    countries = _countries(run)
    blocks += [countries] if countries is not None else []
    prose = (
        "Means over the scenarios of the run. What a stage needs is forecast demand for its product, and feed for "
        "what is processed at the next stage. A mean hides that supply and need do not meet in the same scenarios: "
        "shortfall is what says whether they do."
    )
    return Section("Supply from mine to magnet", tuple(blocks), prose)


def _joined(rows: pd.DataFrame, need: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Supply by group with the need beside it, groups in their order, every group in every place."""
    found = rows.groupby([*keys, "group"], sort=False)["mean_t"].sum().reset_index()
    wanted = need.groupby(keys, sort=False)["need_t"].sum().reset_index()
    groups = [g for g in dict.fromkeys(GROUPS.values()) if g in set(found["group"])]
    every = wanted.merge(pd.DataFrame({"group": groups}), how="cross")
    joined: pd.DataFrame = every.merge(found, on=[*keys, "group"], how="left").fillna({"mean_t": 0.0})
    joined["in"] = joined["world"].map(WORLDS)
    return joined


def _chain(run: RunFolder, rows: pd.DataFrame, need: pd.DataFrame) -> Chart:
    """Supply and need at each stage for the largest material, means over the horizon."""
    material, years = run.material, len(run.case.years)
    keys = ["world", "region", "stage"]
    joined = _joined(rows.loc[rows["material"] == material], need.loc[need["material"] == material], keys)
    joined[["mean_t", "need_t"]] /= years
    joined["panel"] = joined["region"] + ", " + joined["in"]
    joined = _panels_first(run, joined)
    return Chart(
        name="chain",
        title=f"{material}: supply and need from stage to stage",
        unit="Mean t/y over the horizon; line across: what the stage needs",
        alt=f"Stacked bars of mean supply of {material} at each stage by source, need marked. {_tightest(joined)}",
        data=joined,
        columns=SUPPLY_COLUMNS,
        plot=Stacked("stage", "mean_t", "group", panel="panel", mark="need_t", mark_title="need, t/y"),
        note="A stage whose bar ends before its line is where the chain is narrow.",
    )


def _panels_first(run: RunFolder, rows: pd.DataFrame) -> pd.DataFrame:
    """Order rows by region, then world, so that panels of a region stand side by side."""
    regions = {name: n for n, name in enumerate(run.case.region_names)}
    worlds = {name: n for n, name in enumerate(WORLDS)}
    place = rows["region"].map(regions) * len(worlds) + rows["world"].map(worlds)
    return rows.assign(place=place).sort_values("place", kind="stable").drop(columns="place")


def _tightest(rows: pd.DataFrame) -> str:
    """The stage with the least supply for its need, with the fund, in words."""
    own = rows.loc[(rows["world"] == WITH) & (rows["need_t"] > 0)]
    if own.empty:
        return ""
    keys = ["region", "stage"]
    ratio = own.groupby(keys, sort=False)["mean_t"].sum() / own.groupby(keys, sort=False)["need_t"].first()
    region, stage = ratio.index[int(ratio.to_numpy().argmin())]
    return f"With the fund supply is least for its need in {region} at {stage}: {percent(float(ratio.min()))}."


def _over_years(run: RunFolder, rows: pd.DataFrame, need: pd.DataFrame, stage: str) -> Chart | None:
    """Supply of a stage by year and group, all materials; None where there is neither supply nor need."""
    own, wanted = rows.loc[rows["stage"] == stage], need.loc[need["stage"] == stage]
    if own.empty or not wanted["need_t"].any():
        return None
    joined = _joined(own, wanted, ["world", "region", "stage", "year"])
    joined = _without_empty(joined)
    joined["panel"] = joined["region"] + ", " + joined["in"]
    joined = _panels_first(run, joined)
    last = run.case.years[-1]
    ends = [
        number(float(joined.loc[(joined["world"] == world) & (joined["year"] == last), "mean_t"].sum()))
        for world in (WITHOUT, WITH)
    ]
    return Chart(
        name=f"supply-{run.case.stage_names.index(stage) + 1}",
        title=f"Supply over the years: {stage}",
        unit="Mean t/y, all materials; lines across: what the stage needs. Regions with next to nothing are left out",
        alt=f"Stacked bars of mean supply at the stage {stage} by year and source for each region, without and with "
        f"the fund. In {last} all regions together have {ends[0]} t without and {ends[1]} t with the fund.",
        data=joined,
        columns=(*SUPPLY_COLUMNS[:3], Column("year", "Year", year), *SUPPLY_COLUMNS[3:]),
        plot=Stacked(
            "year", "mean_t", "group", panel="panel", mark="need_t", mark_title="need, t/y", upright=True, years=True,
            height=150,
        ),
    )  # fmt: skip


def _without_empty(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out regions that have and need next to nothing."""
    size = rows.groupby("region")["mean_t"].sum() + rows.groupby("region")["need_t"].sum()
    kept = [region for region in size.index if size[region] > NOTHING * size.max()]
    return rows.loc[rows["region"].isin(kept)].copy()


def _countries(run: RunFolder) -> Chart | None:
    """Shares of countries in what is offered, by region and stage; None where nothing is offered."""
    found = exposure(run)
    if found.empty:
        return None
    wide = found.pivot_table(index=["region", "stage", "country"], columns="world", values="share", fill_value=0.0)
    rows = wide.reindex(columns=list(WORLDS), fill_value=0.0).reset_index()
    rows["largest"] = rows[list(WORLDS)].max(axis=1)
    stages, regions = (dict(zip(n, range(len(n)), strict=True)) for n in (run.case.stage_names, run.case.region_names))
    rows = rows.assign(s=rows["stage"].map(stages), r=rows["region"].map(regions))
    rows = rows.sort_values(["s", "r", "largest"], ascending=[True, True, False], kind="stable")
    rows = rows.groupby(["region", "stage"], sort=False).head(COUNTRIES)
    rows = rows.loc[rows["largest"] > 0].copy()
    names = {c.country: c.name or c.country for c in run.case.countries}
    rows["panel"] = rows["region"] + ": " + rows["stage"]
    rows["name"] = rows["country"].map(names).fillna(rows["country"])
    top = rows.iloc[int(rows[WITH].to_numpy().argmax())]
    return Chart(
        name="countries",
        title="Dependence on countries",
        unit="Share of what each region is offered over the horizon, without the fund → with it",
        alt=f"Shares of the {COUNTRIES} largest countries by region and stage. The largest with the fund is "
        f"{top['name']} for {top['region']} at {top['stage']}: {percent(top[WITHOUT])} without, "
        f"{percent(top[WITH])} with.",
        data=rows,
        columns=(
            Column("region", "Region"),
            Column("stage", "Stage"),
            Column("country", "Code"),
            Column("name", "Country"),
            Column(WITHOUT, BEFORE.capitalize(), percent),
            Column(WITH, AFTER.capitalize(), percent),
        ),
        plot=Change("name", WITHOUT, WITH, panel="panel", share=True, rows=COUNTRIES),
        note="Offers are imports, toll capacity and output of projects, by the country they come from; the "
        f"{COUNTRIES} largest of each panel are shown.",
    )
