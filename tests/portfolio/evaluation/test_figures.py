"""Figures and tables against sums over a long table, row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from portfolio.evaluation.figures import AXES, DIFFERENCE, Terms, figures, shortfall_by
from portfolio.evaluation.fresh import Measured, World
from portfolio.evaluation.intervals import mean_interval, probability_interval
from portfolio.evaluation.measures import quantile
from tests.models.instances import random_instance

I = random_instance(11)  # noqa: E741
SHAPE = (len(I.regions), len(I.stages), len(I.materials), len(I.years))
S = 60


def world(rng: np.random.Generator, scale: float) -> World:
    short = np.where(rng.random((S, *SHAPE)) < 0.6, 0.0, rng.exponential(scale, (S, *SHAPE)))
    return World(
        weighted=3.0 * short.sum(axis=(1, 2, 3, 4)),
        by_region=3.0 * short.sum(axis=(2, 3, 4)),
        side=rng.random(S),
        shortfall=short,
    )


def measured() -> Measured:
    rng = np.random.default_rng(11)
    p = rng.random(S)
    demand = 10.0 + rng.random((S, *SHAPE))
    demand[:, 0, 0] = 0.0
    return Measured(np.arange(S), p / p.sum(), demand, np.zeros((S, SHAPE[2])), world(rng, 2.0), world(rng, 1.0))


def long_table(m: Measured) -> pd.DataFrame:
    """A row per scenario and cell."""
    rows = [
        {
            "s": s, "p": m.probability[s], "region": I.regions[r], "stage": I.stages[k], "material": I.materials[q],
            "year": I.years[t], "demand": m.demand[s, r, k, q, t],
            "without": m.without.shortfall[s, r, k, q, t], "with": m.with_fund.shortfall[s, r, k, q, t],
        }
        for s in range(S) for r, k, q, t in np.ndindex(*SHAPE)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("by", [("region",), ("stage",), ("material",), ("region", "material", "year"), AXES])
def test_tables(by: tuple[str, ...]) -> None:
    m = measured()
    table, rows = shortfall_by(m, I, by, 0.9), long_table(m)
    years = 1 if "year" in by else len(I.years)
    cells = dict(iter(rows.groupby(list(by))))
    wanted = {k: c for k, c in cells.items() if c["demand"].sum() > 0}
    assert len(table) == 3 * len(wanted)
    for row in table.to_dict(orient="records"):
        cell = wanted[tuple(row[name] for name in by)]
        by_s = cell.groupby("s")[["demand", "without", "with"]].sum() / years
        p = m.probability
        after, before, demand = (by_s[c].to_numpy() for c in ("with", "without", "demand"))
        x = {"with": after, "without": before, DIFFERENCE: after - before}[row["world"]]
        assert row["demand_t"] == pytest.approx(p @ demand)
        assert row["mean_t"] == pytest.approx(p @ x)
        assert row["share_of_demand"] == pytest.approx((p @ x) / (p @ demand))
        if row["world"] != DIFFERENCE:
            assert row["probability"] == pytest.approx(p[x > 1e-6].sum())
            exact = probability_interval(x > 1e-6, p, level=0.9)
            assert (row["probability_low"], row["probability_high"]) == pytest.approx((exact.low, exact.high))
        found = mean_interval(x, p, level=0.9)
        assert (row["mean_t_low"], row["mean_t_high"]) == pytest.approx((found.low, found.high))
        assert row["mean_t_low"] <= row["mean_t"] <= row["mean_t_high"]
        assert row["reliable"] == 0
        assert "scenarios" in row["note"]


def test_tables_add_up() -> None:
    m = measured()
    names = {(f.name, f.world): f.interval.estimate for f in figures(m, Terms(0.0, 0.9, 0.0), 0.95)}
    for by in (("region",), ("stage",), ("material",), ("region", "material")):
        # Shortfall without demand does not happen in the model, only in this sample.
        everywhere = Measured(m.index, m.probability, m.demand + 1.0, m.disrupted, m.without, m.with_fund)
        table = shortfall_by(everywhere, I, by, 0.95)
        for name, rows in table.groupby("world"):
            assert rows["mean_t"].sum() == pytest.approx(names["tonnes_per_year", name])


@pytest.mark.parametrize("risk", [0.0, 0.4])
def test_figures(risk: float) -> None:
    m = measured()
    p = m.probability
    found = {(f.name, f.world): f.interval for f in figures(m, Terms(risk, 0.8, 7.0), 0.95)}
    for world_name, w in (("without", m.without), ("with", m.with_fund)):
        tonnes = w.shortfall.reshape(S, -1).sum(axis=1)
        assert found["tonnes_per_year", world_name].estimate == pytest.approx(p @ tonnes / len(I.years))
        assert found["share_of_demand", world_name].estimate == pytest.approx(
            p @ tonnes / (p @ m.demand.sum((1, 2, 3, 4)))
        )
        assert found["weighted_p90", world_name].estimate == quantile(w.weighted, p, 0.9)
    assert ("weighted_p90", DIFFERENCE) not in found
    before, after = found["weighted", "without"].estimate, found["weighted", "with"].estimate
    assert found["reduction", DIFFERENCE].estimate == pytest.approx(1 - after / before)
    assert found["weighted", DIFFERENCE].estimate == pytest.approx(after - before)
    objective = found["objective", "with"].estimate - found["objective", "without"].estimate
    assert found["objective", DIFFERENCE].estimate == pytest.approx(objective)
    if risk == 0:
        assert found["objective", "with"].estimate == pytest.approx(p @ (m.with_fund.weighted + m.with_fund.side) + 7.0)
    # The world without the fund pays nothing.
    again = {(f.name, f.world): f.interval for f in figures(m, Terms(risk, 0.8, 0.0), 0.95)}
    assert again["objective", "without"] == found["objective", "without"]
