"""Evidence on a run's page: who supplies what, from which country, and where the chain is narrow."""

from __future__ import annotations

import numpy as np
import pandas as pd

from portfolio.evaluation.balance import EVERY
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.html.page import Block, Chart, Column, Section, year
from portfolio.report.html.plots import Change, Lines, Stacked
from portfolio.report.html.run_data import AFTER, BEFORE, GROUPS, WORLDS, RunFolder, exposure, offered
from portfolio.report.words import number, percent

NEED = "need"
"""What a stage needs, as a line beside the two worlds."""
COUNTRIES = 4
"""Countries that are shown for each region and stage."""
NOTHING = 0.01
"""Part of the largest region's supply and need at a stage below which a region is left out of a chart."""
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
    rows = offered(run)
    charts = (_chain(run, rows), _spread(run), _sources(run, rows), _countries(run))
    blocks: tuple[Block, ...] = tuple(chart for chart in charts if chart is not None)
    prose = (
        "Measured on the scenarios of the run. What a stage needs is demand for its product, and feed for "
        "what is processed at the next stage. A mean hides that supply and need do not meet in the same scenarios: "
        "shortfall is what says whether they do."
    )
    return Section("Supply from mine to magnet", blocks, prose)


def _joined(rows: pd.DataFrame, need: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Supply by group with the need beside it, groups in their order, every group in every place."""
    found = rows.groupby([*keys, "group"], sort=False)["mean_t"].sum().reset_index()
    wanted = need.groupby(keys, sort=False)["need_t"].sum().reset_index()
    groups = [g for g in dict.fromkeys(GROUPS.values()) if g in set(found["group"])]
    every = wanted.merge(pd.DataFrame({"group": groups}), how="cross")
    joined: pd.DataFrame = every.merge(found, on=[*keys, "group"], how="left").fillna({"mean_t": 0.0})
    joined["in"] = joined["world"].map(WORLDS)
    return joined


def _chain(run: RunFolder, rows: pd.DataFrame) -> Chart:
    """Supply and need at each stage for the largest material, means over the horizon."""
    material, years = run.material, len(run.case.years)
    keys = ["world", "region", "stage"]
    need = run.balance.loc[run.balance["material"] == material]
    joined = _joined(rows.loc[rows["material"] == material], need, keys)
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


def _spread(run: RunFolder) -> Chart | None:
    """Supply of every stage by year in both worlds with its quantiles; None where there is neither supply nor need."""
    rows = run.balance.loc[run.balance["material"] == EVERY]
    if rows.empty or not rows[["need_t", "p95_t"]].to_numpy().any():
        return None
    need = rows.loc[rows["world"] == WITH].assign(mean_t=rows["need_t"], p05_t=np.nan, p95_t=np.nan, world=NEED)
    data = _placed(run, pd.concat([rows, need], ignore_index=True))
    data["in"] = data["world"].map(WORLDS).fillna(NEED)
    last = rows.loc[rows["year"] == run.case.years[-1]].groupby("world")["mean_t"].sum()
    return Chart(
        name="supply",
        title="Supply of every stage over the years, without and with the fund",
        unit="t/y, all materials: mean, and band of nine in ten scenarios; dashed: mean need with the fund",
        alt="Lines of mean supply by year for each region and stage, with bands from the 5 % to the 95 % quantile. In "
        f"{run.case.years[-1]} all regions and stages together have {number(float(last[WITHOUT]))} t/y without and "
        f"{number(float(last[WITH]))} t/y with the fund.",
        data=data,
        columns=(
            Column("region", "Region"),
            Column("stage", "Stage"),
            Column("in", "World"),
            Column("year", "Year", year),
            Column("mean_t", "Mean, t/y", number),
            Column("p05_t", "5 % quantile", number),
            Column("p95_t", "95 % quantile", number),
        ),
        plot=Lines(
            "year",
            "mean_t",
            "in",
            "p05_t",
            "p95_t",
            panel="panel",
            muted=(BEFORE,),
            dashed=(NEED,),
            height=140,
            own_scale=True,
        ),
        note="A band is the spread over scenarios, not a confidence interval of the mean.",
    )


def _sources(run: RunFolder, rows: pd.DataFrame) -> Chart | None:
    """Supply of every stage by year and group with the fund, all materials; None where there is none."""
    need = run.balance.loc[(run.balance["material"] == EVERY) & (run.balance["world"] == WITH)]
    own = rows.loc[rows["world"] == WITH]
    if own.empty or need.empty:
        return None
    joined = _placed(run, _joined(own, need, ["world", "region", "stage", "year"]))
    sums = joined.groupby("group", sort=False)["mean_t"].sum()
    most = str(sums.idxmax())
    return Chart(
        name="sources",
        title="Where supply comes from, with the fund",
        unit="Mean t/y, all materials; lines across: what the stage needs",
        alt="Stacked bars of mean supply with the fund by year and source for each region and stage. Over all of them "
        f"most is {most}: {percent(float(sums[most] / sums.sum()))}.",
        data=joined,
        columns=(*SUPPLY_COLUMNS[1:3], Column("year", "Year", year), *SUPPLY_COLUMNS[3:]),
        plot=Stacked(
            "year", "mean_t", "group", panel="panel", mark="need_t", mark_title="need, t/y", upright=True, years=True,
            height=140, own_scale=True,
        ),
        note="supply.csv has every source by name, and the same without the fund.",
    )  # fmt: skip


def _placed(run: RunFolder, rows: pd.DataFrame) -> pd.DataFrame:
    """Name the panel of each row by region and stage, stages in order; leave out panels with next to nothing."""
    stages, regions = (dict(zip(n, range(len(n)), strict=True)) for n in (run.case.stage_names, run.case.region_names))
    found = rows.assign(
        panel=rows["region"] + ": " + rows["stage"],
        place=rows["stage"].map(stages) * len(regions) + rows["region"].map(regions),
    )
    size = found.groupby(["stage", "panel"])[["mean_t", "need_t"]].sum().sum(axis=1)
    largest = size.groupby(level="stage").transform("max")
    kept = size.index[(size > NOTHING * largest).to_numpy()].get_level_values("panel")
    return found.loc[found["panel"].isin(set(kept))].sort_values("place", kind="stable").drop(columns="place")


def _countries(run: RunFolder) -> Chart | None:
    """Shares of countries in what is offered where it is needed, by region and stage; None where nothing is."""
    found = exposure(run)
    need = run.balance.groupby(["region", "stage"])["need_t"].sum()
    wanted = set(need.index[need > 0])
    found = found.loc[[place in wanted for place in zip(found["region"], found["stage"], strict=True)]]
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
