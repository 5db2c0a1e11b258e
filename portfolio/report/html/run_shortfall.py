"""Evidence on a run's page: shortfall by place and year, its distribution, the benchmarks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.html.page import Block, Chart, Column, Section, year
from portfolio.report.html.plots import Change, Histogram, Lines, exceedance
from portfolio.report.html.run_data import BEFORE, WORLDS, RunFolder
from portfolio.report.words import BENCHMARKS, number, percent

BINS = 24
"""Ranges of the distribution."""


def shortfall(run: RunFolder, *, spread: bool) -> Section:
    """Return where and when it is short, and how far the figures ``spread``, unless fresh scenarios say that better."""
    blocks: list[Block] = [_places(run), _years(run)]
    if spread:
        blocks += [distribution(run.scenarios), curve(run.scenarios)]
    sample = f"the {run.record['scenarios']:,} scenarios the portfolio was chosen on, which flatters it"
    return Section("Shortfall", tuple(blocks), f"Demand not met, in contained tonnes of oxide, measured on {sample}.")


def _places(run: RunFolder) -> Chart:
    rows = pd.DataFrame(run.headline["by_region_material"])
    rows = rows.loc[rows["demand_t_per_year"] > 0].copy()
    rows["place"] = rows["region"] + " " + rows["material"]
    said = "; ".join(
        f"{r['place']} {percent(r['without_share'])} to {percent(r['with_share'])}"
        for r in rows.to_dict(orient="records")
    )
    return Chart(
        name="shortfall-places",
        title="Mean shortfall by region and material",
        unit="Share of demand over the horizon, without the fund → with it",
        alt=f"Mean shortfall as a share of demand without and with the fund: {said}.",
        data=rows,
        columns=(
            Column("place", "Region and material"),
            Column("demand_t_per_year", "Demand, t/y", number),
            Column("without_t_per_year", "Without, t/y", number),
            Column("with_t_per_year", "With, t/y", number),
            Column("without_share", "Without, share", percent),
            Column("with_share", "With, share", percent),
        ),
        plot=Change("place", "without_share", "with_share", share=True),
    )


def _years(run: RunFolder) -> Chart:
    rows = run.shortfall.loc[run.shortfall["demand_t"] > 0].copy()
    for name in ("mean", "p05", "p95"):
        rows[f"{name}_share"] = rows[f"{name}_t"] / rows["demand_t"]
    rows["panel"] = rows["region"] + " " + rows["material"]
    rows["in"] = rows["world"].map(WORLDS)
    means = rows.groupby("world")["mean_share"].max()
    return Chart(
        name="shortfall-years",
        title="Shortfall over the years",
        unit="Share of demand: mean, and band from the 5 % to the 95 % quantile of scenarios",
        alt="Lines of mean shortfall by year for each region and material, with bands of the 5 and 95 % quantiles. The "
        f"largest yearly mean is {percent(means[WITHOUT])} of demand without and {percent(means[WITH])} with the fund.",
        data=rows,
        columns=(
            Column("in", "World"),
            Column("region", "Region"),
            Column("material", "Material"),
            Column("year", "Year", year),
            Column("demand_t", "Demand, t", number),
            Column("mean_t", "Mean, t", number),
            Column("p05_t", "5 %, t", number),
            Column("p50_t", "50 %, t", number),
            Column("p95_t", "95 %, t", number),
            Column("mean_share", "Mean, share", percent),
        ),
        plot=Lines(
            "year", "mean_share", "in", "p05_share", "p95_share", panel="panel", muted=(BEFORE,), share=True, height=130
        ),
    )


def distribution(scenarios: pd.DataFrame, sample: str = "") -> Chart:
    """Histogram of the weighted shortfall of scenarios (of one row each), without and with the fund."""
    weights = scenarios["probability"].to_numpy(dtype=float)
    worlds = {world: scenarios[f"{world}_weighted"].to_numpy(dtype=float) for world in WORLDS}
    top = max(float(v.max()) for v in worlds.values()) or 1.0
    edges = np.linspace(0.0, top, BINS + 1)
    frames = []
    for world, values in worlds.items():
        heights = np.histogram(values, edges, weights=weights)[0] / weights.sum()
        frames.append(pd.DataFrame({"in": WORLDS[world], "from": edges[:-1], "to": edges[1:], "share": heights}))
    rows = pd.concat(frames, ignore_index=True)
    means = [number(float(weights @ v / weights.sum())) for v in worlds.values()]
    return Chart(
        name="distribution",
        title="Most scenarios are mild, a few are not"
        if _skewed(worlds[WITHOUT], weights)
        else "How shortfall spreads",
        unit=f"Share of scenarios by weighted shortfall over the whole horizon{sample}",
        alt=f"Histograms of the weighted shortfall. The mean is {means[0]} without and {means[1]} with the fund, the "
        f"largest value {number(top)}.",
        data=rows,
        columns=(
            Column("in", "World"),
            Column("from", "From, weighted t", number),
            Column("to", "To, weighted t", number),
            Column("share", "Share of scenarios", percent),
        ),
        plot=Histogram("from", "to", "share", "in", "weighted shortfall", muted=(BEFORE,)),
    )


def _skewed(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> bool:
    """Whether two thirds of scenarios lie below the mean."""
    mean = float(weights @ values / weights.sum())
    return float(weights[values < mean].sum() / weights.sum()) >= 2 / 3


def curve(scenarios: pd.DataFrame, sample: str = "") -> Chart:
    """Exceedance curve of the weighted shortfall of scenarios, without and with the fund."""
    weights = scenarios["probability"].to_numpy(dtype=float)
    frames, said = [], []
    for world, name in WORLDS.items():
        values = scenarios[f"{world}_weighted"].to_numpy(dtype=float)
        x, above = exceedance(values, weights)
        frames.append(pd.DataFrame({"in": name, "weighted": x, "above": above}))
        at = float(x[np.searchsorted(-above, -0.1)])
        said.append(f"{name} one scenario in ten has more than {number(at)}")
    return Chart(
        name="exceedance",
        title="How likely is more than that?",
        unit=f"Probability that the weighted shortfall of the whole horizon exceeds a value{sample}",
        alt=f"Exceedance curves: {'; '.join(said)}.",
        data=pd.concat(frames, ignore_index=True),
        columns=(
            Column("in", "World"),
            Column("weighted", "Weighted shortfall", number),
            Column("above", "Probability of more", percent),
        ),
        plot=Lines(
            "weighted", "above", "in", x_title="weighted shortfall", muted=(BEFORE,), years=False, share=True, step=True
        ),
    )


def benchmarks(run: RunFolder) -> Section | None:
    """Return the benchmarks without and with the fund; None where the case has none."""
    rows = pd.DataFrame(run.headline["benchmarks"])
    if rows.empty:
        return None
    stages = [f", {stage}" if stage else "" for stage in rows["stage"]]
    targets = [f"{BENCHMARKS[b]} {percent(t)}" for b, t in zip(rows["benchmark"], rows["target"], strict=True)]
    rows["panel"] = [f"{target}{stage}" for target, stage in zip(targets, stages, strict=True)]
    met = {world: int((rows[f"{world}_probability"] >= 0.5).sum()) for world in WORLDS}
    place = f"{run.region(rows['region'].iloc[0])}, {rows['year'].iloc[0]}"
    chart = Chart(
        name="benchmarks",
        title=f"Benchmarks of the Critical Raw Materials Act: {place}",
        unit="Mean share of consumption, without the fund → with it; line across: the benchmark",
        alt=f"Mean level of {len(rows)} benchmarks by material. Without the fund {met[WITHOUT]} are more likely met "
        f"than not, with it {met[WITH]}.",
        data=rows,
        columns=(
            Column("panel", "Benchmark"),
            Column("material", "Material"),
            Column("without_level", "Without, level", percent),
            Column("with_level", "With, level", percent),
            Column("without_probability", "Without, probability met", percent),
            Column("with_probability", "With, probability met", percent),
            Column("with_country", "Largest country, with"),
        ),
        plot=Change("material", "without_level", "with_level", target="target", target_title="benchmark",
                    panel="panel", share=True, own_scale=True),
        note="Levels above 100 %: capacity beyond home consumption. The table has the probability of meeting each.",
    )  # fmt: skip
    return Section("Benchmarks", (chart,))
