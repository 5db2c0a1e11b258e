"""The table of moments: laws by a second route, the shipped case, and mistakes that have to be caught."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats

from portfolio.case import read_case
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.case.settings import Sampling
from portfolio.scenarios import expected_price, hazards
from portfolio.scenarios.prices import log_variance
from portfolio.scenarios.quality import drawn as drawing
from portfolio.scenarios.quality.hazards import (
    months_under_way,
    probability_of_a_year,
    variance_of_events,
)
from portfolio.scenarios.quality.markets import forecast, log_deviation, mean_demand
from portfolio.scenarios.quality.moments import FEW, OFF, Moments, moments, rows_of
from portfolio.scenarios.quality.overlap import Mark, Overlap, exposure
from portfolio.scenarios.quality.projects import lognormal_kurtosis, median_delay, median_overrun
from portfolio.scenarios.quality.rows import estimate, of_pairs, of_values, once, spread_of_deviation
from tests.builders import tiny_case, tiny_hazard, tiny_project, tiny_settings
from tests.portfolio.scenarios.test_sampling import RISKY, rich_case

SHIPPED = Path(__file__).resolve().parents[3] / "inputs" / "eu_japan_ree"


@pytest.fixture(scope="module")
def shipped() -> Case:
    return ordered(read_case(SHIPPED))


def flagged(found: Moments) -> set[str]:
    return {m.row.parameter for m in found.off}


class TestShippedCase:
    def test_scenarios_follow_its_parameters(self, shipped: Case) -> None:
        found = moments(shipped, 4000, 1, "monte_carlo")
        assert len(found.moments) > 500
        assert not found.off, [(m.row, m.z) for m in found.off]
        z = np.array([m.z for m in found.moments])
        assert np.isfinite(z).all()
        # Too small a spread would mean standard errors so large that nothing can be caught.
        assert 0.9 < z.std() < 1.1

    @pytest.mark.parametrize("method", ["sobol", pytest.param("latin_hypercube", marks=pytest.mark.slow)])
    def test_under_a_design(self, shipped: Case, method: str) -> None:
        found = moments(shipped, 2048, 1, method)
        assert (found.units, found.scenarios) == (16, 2048)
        assert not found.off, [(m.row, m.z) for m in found.off]
        # Demand is led by the design: its mean varies less than in a plain sample of the same size.
        plain = moments(shipped, 2048, 1, "monte_carlo")
        errors = [
            np.mean([m.standard_error / m.row.expected for m in t.moments if m.row.quantity.startswith("mean in")])
            for t in (found, plain)
        ]
        assert errors[0] < 0.85 * errors[1]

    def test_every_table_that_is_sampled_has_rows(self, shipped: Case) -> None:
        rows = rows_of(shipped)
        assert {r.entity for r in rows if r.driver == "hazard"} >= {h.hazard for h in shipped.hazards}
        assert {r.entity for r in rows if r.driver == "price"} >= {m.material for m in shipped.materials}
        assert {r.entity for r in rows if r.driver == "project"} >= {p.project for p in shipped.projects}
        wanted = {
            *("hazards.rate", "hazards.severity_mean", "hazards.severity_sd", "hazards.duration_median_months"),
            *("hazards.duration_sigma", "hazards.tension_loading", "hazards.price_factor"),
            *("materials.price_longrun", "materials.volatility", "materials.halflife_y", "materials.price_loading"),
            *("demand.low", "demand.base", "demand.high", "projects.delay_mean_y", "projects.delay_sd_y"),
            *("projects.overrun_mean", "projects.overrun_sd", "projects.p_by_2040", "projects.rival_rate"),
            *("projects.rival_allied", "finance.takeover_rate", "sampling.tension_persistence"),
            *("sampling.demand_correlation", "sampling.delay_overrun_correlation"),
        }
        assert wanted <= {r.parameter for r in rows}


def tense_case(**hazard: float) -> Case:
    """Two hazards that rise with tension, everything else uncertain too."""
    usual = {"rate": 0.6, "tension_loading": 0.8, "price_factor": 1.3, "duration_sigma": 0.5}
    return rich_case(
        hazards=(
            tiny_hazard(**(usual | hazard)),
            tiny_hazard(hazard="licence", rate=0.7, regions=("JP",), materials=("Dy",), tension_loading=0.8),
            tiny_hazard(hazard="storm", country="AUS", kind="outage", rate=0.8),
        )
    )


def with_material(case: Case, **values: float) -> Case:
    return replace(case, materials=(replace(case.materials[0], **values), *case.materials[1:]))


def with_project(case: Case, **values: float) -> Case:
    return replace(case, projects=(replace(case.projects[0], **values), *case.projects[1:]))


def with_demand(case: Case, **factor: float) -> Case:
    rows = (replace(d, **{name: f * getattr(d, name) for name, f in factor.items()}) for d in case.demand)
    return replace(case, demand=tuple(rows))


def with_sampling(case: Case, **values: float) -> Case:
    return replace(case, settings=replace(case.settings, sampling=replace(case.settings.sampling, **values)))


WRONG = {
    "rate": ("hazards.rate", lambda c: tense_case(rate=0.68)),
    "certain rates": ("hazards.rate", lambda c: with_sampling(c, uncertain_rates=False)),
    "events behind a rate": ("hazards.rate", lambda c: tense_case(rate_events=8.0)),
    "severity": ("hazards.severity_mean", lambda c: tense_case(severity_mean=0.72)),
    "spread of severity": ("hazards.severity_sd", lambda c: tense_case(severity_sd=0.215)),
    "duration": ("hazards.duration_median_months", lambda c: tense_case(duration_median_months=4.4)),
    "spread of duration": ("hazards.duration_sigma", lambda c: tense_case(duration_sigma=0.55)),
    "clustering": ("hazards.tension_loading", lambda c: tense_case(tension_loading=0.2)),
    "price factor": ("hazards.price_factor", lambda c: tense_case(price_factor=1.5)),
    "persistence": ("sampling.tension_persistence", lambda c: with_sampling(c, tension_persistence=0.7)),
    "price": ("materials.price_longrun", lambda c: with_material(c, price_longrun=90.0, price_now=90.0)),
    "volatility": ("materials.volatility", lambda c: with_material(c, volatility=0.33)),
    "half-life": ("materials.halflife_y", lambda c: with_material(c, halflife_y=3.0)),
    "loading": ("materials.price_loading", lambda c: with_material(c, price_loading=0.9)),
    "premium": ("materials.ex_china_premium", lambda c: with_material(c, crisis_premium=3.0)),
    "high demand": ("demand.high", lambda c: with_demand(c, high=1.2)),
    "low demand": ("demand.low", lambda c: with_demand(c, low=0.85)),
    "correlated demand": ("sampling.demand_correlation", lambda c: with_sampling(c, demand_correlation=0.8)),
    "delay": ("projects.delay_mean_y", lambda c: with_project(c, delay_mean_y=1.1)),
    "spread of delay": ("projects.delay_sd_y", lambda c: with_project(c, delay_sd_y=1.0)),
    "overrun": ("projects.overrun_mean", lambda c: with_project(c, overrun_mean=0.13)),
    "spread of overrun": ("projects.overrun_sd", lambda c: with_project(c, overrun_sd=0.25)),
    "late and dear": (
        "sampling.delay_overrun_correlation",
        lambda c: with_sampling(c, delay_overrun_correlation=0.9),
    ),
    "rivals": ("projects.rival_rate", lambda c: with_project(c, rival_rate=0.14)),
    "allied rivals": ("projects.rival_allied", lambda c: with_project(c, rival_allied=0.6)),
}
"""Laws of a case that differs in one parameter from that which was sampled, and where it has to show."""


class TestMistakes:
    def test_the_right_laws_flag_nothing(self) -> None:
        assert not moments(tense_case(), 5000, 3, "monte_carlo").off

    @pytest.mark.parametrize("what", WRONG)
    def test_a_wrong_parameter_is_caught(self, what: str) -> None:
        where, change = WRONG[what]
        case = tense_case()
        assert where in flagged(moments(case, 5000, 3, "monte_carlo", rows=rows_of(change(case))))

    def test_a_biased_sampler_is_caught(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tension without its correction: the mean rate rises by exp(0.8^2/2)."""
        usual = hazards.tension_path
        lifted = lambda case, source: usual(case, source) + 0.4  # noqa: E731
        monkeypatch.setattr(hazards, "tension_path", lifted)
        monkeypatch.setattr(drawing, "tension_path", lifted)
        found = moments(tense_case(), 2000, 3, "monte_carlo")
        assert {"hazards.rate", "sampling.tension_persistence"} <= flagged(found)

    def test_lost_goods_that_do_not_add_up_are_caught(self, monkeypatch: pytest.MonkeyPatch) -> None:
        usual = drawing.sample_chunk

        def stretched(*given: object, **named: object) -> object:
            made = usual(*given, **named)  # type: ignore[arg-type]
            return replace(made, disrupted=np.minimum(1.3 * made.disrupted, 1.0))

        monkeypatch.setattr(drawing, "sample_chunk", stretched)
        found = moments(tense_case(), 2000, 3, "monte_carlo")
        assert {m.row.driver for m in found.off} == {"disrupted", "goods lost"}

    def test_little_is_not_judged(self) -> None:
        found = moments(rich_case(), 40, 3, "monte_carlo")
        assert {m.flag for m in found.moments if m.row.unit == "probability"} == {FEW}
        assert OFF not in {m.flag for m in found.moments}
        never = moments(tiny_case(hazards=(tiny_hazard(rate=0.001),)), 500, 3, "monte_carlo")
        assert {m.flag for m in never.moments if m.row.quantity == "severity"} == {FEW}
        assert OFF not in {m.flag for m in never.moments}

    def test_what_never_varies_is_compared_exactly(self) -> None:
        sure = tiny_case(projects=(tiny_project(delay_mean_y=1.0, overrun_mean=0.1),))
        assert not moments(sure, 200, 3, "monte_carlo").off
        other = rows_of(with_project(sure, delay_mean_y=1.01))
        assert "projects.delay_mean_y" in flagged(moments(sure, 200, 3, "monte_carlo", rows=other))

    def test_too_few_for_a_design(self) -> None:
        with pytest.raises(ValueError, match="at least 32"):
            moments(rich_case(), 20, 3, "sobol")


class TestLaws:
    def test_variance_of_events_by_pairs_of_years(self) -> None:
        case = tense_case()
        one = case.hazards[0]
        total, shape = 0.0, one.rate_events + 0.5
        for s in range(6):
            for t in range(6):
                shared = np.exp(0.8**2 * 0.6 ** abs(s - t)) * (1 + 1 / shape) - 1
                total += 0.36 * shared + (0.6 if s == t else 0.0)
        assert case.settings.sampling.tension_persistence == 0.6
        assert variance_of_events(case, [one]) == pytest.approx(total, rel=1e-9)

    def test_probability_of_a_year_by_integration(self) -> None:
        case, rate, loading = tense_case(), 0.6, 0.8
        shape = case.hazards[0].rate_events + 0.5

        def nothing(g: float, r: float) -> float:
            mean = r * np.exp(loading * g - loading**2 / 2)
            return float(np.exp(-mean) * stats.norm.pdf(g) * stats.gamma.pdf(r, shape, scale=rate / shape))

        none, _ = integrate.dblquad(nothing, 0.0, 8.0, -7.0, 7.0, epsabs=1e-6)
        assert probability_of_a_year(case, case.hazards[0]) == pytest.approx(1 - none, abs=1e-5)

    @pytest.mark.parametrize("sigma", [0.0, 0.9])
    def test_months_under_way_by_integration(self, sigma: float) -> None:
        case = tiny_case(hazards=(tiny_hazard(rate=0.3, duration_median_months=10.0, duration_sigma=sigma),))

        def lasting(left: float) -> float:
            if sigma == 0:
                return min(10.0, left)
            return float(stats.lognorm(sigma, scale=10.0).expect(lambda d: min(d, left), ub=left)) + left * float(
                stats.lognorm(sigma, scale=10.0).sf(left)
            )

        total, _ = integrate.quad(lasting, 0.0, 72.0, limit=200, points=[10.0])
        assert months_under_way(case, case.hazards[0]) == pytest.approx(0.3 / 12 * total / 6, rel=1e-4)

    def test_exposure_of_time_adds_up_to_months_under_way(self) -> None:
        for sigma in (0.0, 0.7):
            hazard = tiny_hazard(rate=0.3, duration_median_months=10.0, duration_sigma=sigma)
            case = tiny_case(hazards=(hazard,))
            total = exposure(hazard, Mark(1.0), 6).sum() * hazard.rate / 12 / 6
            assert total == pytest.approx(months_under_way(case, hazard), rel=2e-3)

    def test_exposure_by_simulation_of_one_event(self) -> None:
        hazard = tiny_hazard(duration_median_months=3.0, duration_sigma=0.6)
        rng = np.random.default_rng(1)
        start = rng.uniform(0, 12, 400_000)
        end = start + 3.0 * np.exp(0.6 * rng.standard_normal(start.size))
        for month in (0, 5, 11, 14):
            cov = np.clip(np.minimum(end, month + 1) - np.maximum(start, month), 0, None)
            for mark, value in ((Mark(-0.7), -0.7 * cov), (Mark(1.0, 1.6), 1.6**cov - 1)):
                error = 12 * value.std() / np.sqrt(value.size)
                assert exposure(hazard, mark, 2)[month, 0] == pytest.approx(12 * value.mean(), abs=4.5 * error)
        assert exposure(hazard, Mark(1.0), 2)[5, 1] == 0.0

    def test_first_year_by_quadrature(self) -> None:
        """One tension, the same for both hazards: a one-dimensional integral by another rule."""
        case = tense_case()
        pair = case.hazards[:2]
        g = np.linspace(-7, 7, 2001)
        density = stats.norm.pdf(g)
        left = np.ones((g.size, 12))
        for hazard in pair:
            shape = hazard.rate_events + 0.5
            x = -np.outer(np.exp(0.8 * g - 0.32), exposure(hazard, Mark(-1.0), 1)[:, 0]) / 12
            left *= (1 + hazard.rate * x / shape) ** -shape
        share = np.trapezoid(density * left.mean(axis=1), g)
        found = Overlap(case).products({h.hazard: Mark(-1.0) for h in pair})[0]
        assert found == pytest.approx(share, abs=2e-4)

    def test_certain_rates_without_tension_in_closed_form(self) -> None:
        """Embargoes of exactly a month."""
        sampling = Sampling(uncertain_rates=False)
        hazard = tiny_hazard(rate=0.5, duration_median_months=1.0, duration_sigma=0.0)
        case = tiny_case(hazards=(hazard,), settings=tiny_settings(sampling=sampling))
        # Every event covers a month in all, spread over two: E[cov] integrated over starts is 1 for every later month.
        found = Overlap(case).products({"embargo": Mark(-1.0)})
        assert found[1] == pytest.approx(np.exp(-0.5 / 12), rel=1e-4)
        # In the first month those that began before are missing: an integral of 1/2.
        first = (11 * np.exp(-0.5 / 12) + np.exp(-0.25 / 12)) / 12
        assert found[0] == pytest.approx(first, rel=1e-4)

    def test_a_mean_that_does_not_exist(self) -> None:
        wild = tiny_hazard(rate=5.0, rate_events=0.0, price_factor=4.0, duration_median_months=48.0)
        case = tiny_case(hazards=(wild,))
        assert np.isnan(Overlap(case).products({"embargo": Mark(1.0, 4.0)})).any()
        assert "hazards.price_factor" not in {r.parameter for r in rows_of(case)}

    def test_prices_as_documented(self, shipped: Case) -> None:
        for m, material in enumerate(shipped.materials):
            assert forecast(shipped, material) == pytest.approx(expected_price(shipped)[m], rel=1e-12)
            assert log_deviation(shipped, material) ** 2 == pytest.approx(log_variance(shipped)[m], rel=1e-12)

    @pytest.mark.parametrize("low", [0.0, 60.0])
    def test_mean_demand_by_integration(self, low: float) -> None:
        def demand(z: float) -> float:
            if z >= 0:
                return float(100.0 * 1.8 ** (z / 1.6448536))
            return float(100.0 * 0.6 ** (-z / 1.6448536)) if low else 100.0 * max(0.0, 1 + z / 1.6448536)

        mean, _ = integrate.quad(lambda z: demand(z) * stats.norm.pdf(z), -9, 9, points=[-1.6448536, 0.0])
        assert mean_demand(low, 100.0, 180.0) == pytest.approx(mean, rel=1e-6)

    def test_medians_of_projects(self) -> None:
        project = tiny_project(**RISKY)
        rng = np.random.default_rng(2)
        shape = (project.delay_mean_y / project.delay_sd_y) ** 2
        assert np.mean(
            rng.gamma(shape, project.delay_mean_y / shape, 100_000) < median_delay(project)
        ) == pytest.approx(0.5, abs=0.007)
        sigma = np.sqrt(np.log1p((0.2 / 1.1) ** 2))
        assert median_overrun(project) == pytest.approx(1.1 * np.exp(-(sigma**2) / 2) - 1, rel=1e-9)


class TestEstimates:
    def test_against_textbook_standard_errors(self) -> None:
        rng = np.random.default_rng(3)
        x, e = rng.standard_normal((2, 4000))
        y = 0.6 * x + 0.8 * e
        value, error = estimate("mean", x[:, None])
        assert (value, error) == pytest.approx((x.mean(), x.std(ddof=1) / np.sqrt(4000)))
        value, error = estimate("standard deviation", of_values(x))
        assert value == pytest.approx(x.std())
        assert error == pytest.approx(1 / np.sqrt(2 * 4000), rel=0.05)
        value, error = estimate("correlation", of_pairs(x[:, None], y[:, None]))
        assert value == pytest.approx(np.corrcoef(x, y)[0, 1])
        assert error == pytest.approx((1 - 0.36) / np.sqrt(4000), rel=0.05)

    def test_deviation_of_a_skewed_law_is_no_false_alarm(self) -> None:
        """Without rare large values a sample shows too small a deviation, and too small an error of it."""
        rng = np.random.default_rng(5)
        n, mean, sd = 500, 0.5, 0.5
        samples = rng.gamma((mean / sd) ** 2, sd**2 / mean, (4000, n))
        deviation = samples.std(axis=1)
        alone = np.array([estimate("standard deviation", once(x, x**2))[1] for x in samples[:1500]])
        by_law = spread_of_deviation(sd, 9.0) / np.sqrt(n)
        assert by_law == pytest.approx(deviation.std(), rel=0.05)
        assert ((deviation[:1500] - sd) / alone < -3.5).mean() > 0.003
        assert ((deviation - sd) / by_law < -3.5).mean() < 0.001

    def test_kurtosis_of_lognormal_overruns(self) -> None:
        for mean, sd in ((0.1, 0.1), (0.3, 0.4)):
            sigma = np.sqrt(np.log1p((sd / (1 + mean)) ** 2))
            assert lognormal_kurtosis(sd / (1 + mean)) == pytest.approx(3 + float(stats.lognorm(sigma).stats("k")))

    def test_the_law_tells_where_the_sample_has_too_little(self, shipped: Case) -> None:
        """With 500 scenarios of seed 1 few long delays of one project are met: no reason for an alarm."""
        found = moments(shipped, 500, 1, "monte_carlo")
        (row,) = (m for m in found.moments if m.row.entity == "SVG_SER" and m.row.parameter == "projects.delay_sd_y")
        assert row.standard_error == pytest.approx(0.5 * np.sqrt(8) / 2 / np.sqrt(500))
        assert not found.off

    def test_ratio_of_clustered_things_against_the_bootstrap(self) -> None:
        rng = np.random.default_rng(4)
        number = rng.poisson(2.0, 800).astype(float)
        total = number * rng.normal(1.0, 0.5, 800)
        columns = np.column_stack([number, total])
        value, error = estimate("ratio", columns)
        assert value == pytest.approx(total.sum() / number.sum())
        again = [columns[rng.integers(0, 800, 800)].sum(axis=0) for _ in range(2000)]
        assert error == pytest.approx(np.std([b / a for a, b in again]), rel=0.08)

    def test_nothing_seen(self) -> None:
        assert np.isnan(estimate("ratio", np.zeros((5, 3)))).all()
