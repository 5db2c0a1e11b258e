"""Selection frequency: counts against separate solves, intervals against published ones."""

from __future__ import annotations

import pytest

import portfolio
from portfolio.studies.frequency import clopper_pearson, resampled, selection_frequency
from tests.portfolio.studies.cases import several_case


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 20, 0.0, 0.1684), (10, 20, 0.2720, 0.7280), (20, 20, 0.8316, 1.0)]
)
def test_clopper_pearson(hits: int, n: int, low: float, high: float) -> None:
    assert clopper_pearson(hits, n, 0.95) == pytest.approx((low, high), abs=5e-5)


def test_counts_are_those_of_separate_solves() -> None:
    case = several_case()
    study = selection_frequency(portfolio.solve(case, gap=0.0), batches=3, gap=0.0, threads=1)
    sets = []
    for n in range(3):
        run = portfolio.solve(resampled(case, n), gap=0.0)
        sets.append({p for p, _, _ in run.decision.chosen})
    for row in study.figures["frequency"]:
        assert row["chosen"] == sum(row["project"] in s for s in sets)
        assert row["samples"] == 3
    seeds = {resampled(case, n).settings.sampling.seed for n in range(3)}
    assert len(seeds | {case.settings.sampling.seed, case.settings.sampling.cost_seed}) == 5
