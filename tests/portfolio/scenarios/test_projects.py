"""Delays, overruns and rivals against their distributions."""

import numpy as np
import pytest
from scipy import stats

from portfolio.case.settings import Finance, Sampling
from portfolio.scenarios.projects import sample_fates, waiting_time
from portfolio.scenarios.sources import KeyedSource
from tests.builders import tiny_case, tiny_project, tiny_settings

COUNT = 20_000


def fates(*projects, rho=0.5, takeover=0.02):
    settings = tiny_settings(sampling=Sampling(delay_overrun_correlation=rho), finance=Finance(takeover_rate=takeover))
    return sample_fates(tiny_case(projects=projects, settings=settings), KeyedSource(4, np.arange(COUNT)))


RISKY = {"delay_mean_y": 1.5, "delay_sd_y": 1.0, "overrun_mean": 0.15, "overrun_sd": 0.3}


def test_delay_is_gamma():
    delay = fates(tiny_project(**RISKY)).delay_y[:, 0]
    assert stats.kstest(delay, stats.gamma(2.25, scale=1.0 / 1.5).cdf).pvalue > 1e-3
    assert delay.mean() == pytest.approx(1.5, abs=4.5 / np.sqrt(COUNT))
    assert delay.std() == pytest.approx(1.0, rel=0.04)


def test_overrun_is_a_shifted_lognormal():
    overrun = fates(tiny_project(**RISKY)).overrun[:, 0]
    assert overrun.mean() == pytest.approx(0.15, abs=4.5 * 0.3 / np.sqrt(COUNT))
    assert overrun.std() == pytest.approx(0.3, rel=0.04)
    assert overrun.min() > -1.0
    assert abs(stats.skew(np.log1p(overrun))) < 4.5 * np.sqrt(6 / COUNT)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, 1.0])
def test_delay_and_overrun_rank_correlate(rho):
    drawn = fates(tiny_project(**RISKY), rho=rho)
    spearman = stats.spearmanr(drawn.delay_y[:, 0], drawn.overrun[:, 0]).statistic
    assert spearman == pytest.approx(6 / np.pi * np.arcsin(rho / 2), abs=4.5 / np.sqrt(COUNT))


def test_no_spread_is_the_mean_exactly():
    drawn = fates(tiny_project(delay_mean_y=1.2, overrun_mean=0.1), tiny_project(project="b"))
    assert np.all(drawn.delay_y == [1.2, 0.0])
    assert np.all(drawn.overrun == [0.1, 0.0])


def test_rivals():
    drawn = fates(tiny_project(rival_rate=0.1, rival_allied=0.25), tiny_project(project="b", rival_allied=1.0))
    assert stats.kstest(drawn.rival_y[:, 0], stats.expon(scale=10.0).cdf).pvalue > 1e-3
    assert stats.kstest(drawn.takeover_y[:, 0], stats.expon(scale=1 / 0.015).cdf).pvalue > 1e-3
    assert np.all(np.isinf(drawn.rival_y[:, 1]))
    assert np.all(np.isinf(drawn.takeover_y[:, 1]))
    assert drawn.rival_allied[:, 0].mean() == pytest.approx(0.25, abs=4.5 * np.sqrt(0.1875 / COUNT))
    assert drawn.rival_allied[:, 1].all()


def test_luck_is_uniform_and_independent():
    drawn = fates(tiny_project(**RISKY, rival_rate=0.1, rival_allied=0.5), tiny_project(project="b", **RISKY))
    columns = [drawn.success_u, drawn.unaided_u, drawn.restart_u, drawn.delay_y]
    for values in columns[:3]:
        assert stats.kstest(values.ravel(), "uniform").pvalue > 1e-3
    rivals = [drawn.rival_y[:, 0], drawn.takeover_y[:, 0], drawn.rival_allied[:, 0]]
    table = np.column_stack([*columns, *rivals])
    off = np.corrcoef(table.T) - np.eye(11)
    assert np.abs(off).max() < 4.8 / np.sqrt(COUNT)


def test_waiting_time_by_hand():
    got = waiting_time(np.array([0.1, 0.0]), np.array([np.exp(-1.0), 0.5]))
    assert got.tolist() == [pytest.approx(10.0), np.inf]
