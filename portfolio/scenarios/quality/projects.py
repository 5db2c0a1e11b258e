"""Expected values of what happens to projects: delay, overrun, technical success, rivals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import stats

from portfolio.case.records import Case
from portfolio.case.tables import Project
from portfolio.scenarios.quality.drawn import Drawn
from portfolio.scenarios.quality.markets import concordance
from portfolio.scenarios.quality.rows import Array, Observe, Row, once, spread_of_deviation


def project_rows(case: Case) -> Iterator[Row]:
    """Rows of every project, of how delays and overruns go together, and of the luck that has no parameter."""
    for p, project in enumerate(case.projects):
        yield from _delay(p, project)
        yield from _overrun(p, project)
        yield from _luck(case, p, project)
        yield from _rivals(case, p, project)
    yield from _joint(case)
    if case.projects:
        quantity = "mean of the draw for closing unaided"
        yield Row("project", "all", quantity, "", "uniform", 0.5, 0.5, "mean", _unaided)
        restart = case.settings.finance.restart_success
        quantity, where = "restart succeeds", "finance.restart_success"
        yield Row(
            "project",
            "all",
            quantity,
            "probability",
            where,
            restart,
            restart,
            "mean",
            lambda d: (d.drivers.restart_u < restart).mean(axis=1)[:, None],
        )


def _unaided(drawn: Drawn) -> Array:
    return np.asarray(drawn.drivers.unaided_u.mean(axis=1)[:, None])


def _delay(p: int, project: Project) -> Iterator[Row]:
    name, mean, sd = project.project, project.delay_mean_y, project.delay_sd_y

    def delays(drawn: Drawn) -> Array:
        return np.asarray(drawn.drivers.delay_y[:, p])

    if mean == 0:
        return
    yield Row(
        "project", name, "mean delay", "y", "projects.delay_mean_y", mean, mean, "mean", lambda d: delays(d)[:, None]
    )
    if sd > 0:
        yield Row(
            "project",
            name,
            "standard deviation of delay",
            "y",
            "projects.delay_sd_y",
            sd,
            sd,
            "standard deviation",
            lambda d: once(delays(d), delays(d) ** 2),
            spread_of_deviation(sd, 3.0 + 6.0 * (sd / mean) ** 2),  # Gamma
        )


def _overrun(p: int, project: Project) -> Iterator[Row]:
    name, mean, sd = project.project, project.overrun_mean, project.overrun_sd

    def overruns(drawn: Drawn) -> Array:
        return np.asarray(drawn.drivers.overrun[:, p])

    if mean == 0 and sd == 0:
        return
    where = "projects.overrun_mean"
    yield Row("project", name, "mean overrun", "share", where, mean, mean, "mean", lambda d: overruns(d)[:, None])
    if sd > 0:
        yield Row(
            "project",
            name,
            "standard deviation of overrun",
            "share",
            "projects.overrun_sd",
            sd,
            sd,
            "standard deviation",
            lambda d: once(overruns(d), overruns(d) ** 2),
            spread_of_deviation(sd, lognormal_kurtosis(sd / (1.0 + mean))),
        )


def lognormal_kurtosis(variation: float) -> float:
    """Kurtosis of a lognormal law by its coefficient of variation v: w^4 + 2 w^3 + 3 w^2 - 3 with w = 1 + v^2."""
    w = 1.0 + variation**2
    return w**4 + 2.0 * w**3 + 3.0 * w**2 - 3.0


def _share(
    project: Project,
    quantity: str,
    where: str,
    value: float,
    expected: float,
    seen: Observe,
) -> Row:
    return Row("project", project.project, quantity, "probability", where, value, expected, "mean", seen)


def _column(values: npt.NDArray[np.bool_]) -> Array:
    return np.asarray(values.astype(float)[:, None])


def _luck(case: Case, p: int, project: Project) -> Iterator[Row]:
    """Technical success after close: probability min(ceiling, p_by_2040 + uplift)."""
    finance = case.settings.finance
    chance = min(finance.success_ceiling, project.p_by_2040 + finance.support_uplift)
    yield _share(
        project,
        "technical success, supported",
        "projects.p_by_2040",
        project.p_by_2040,
        chance,
        lambda d: _column(d.drivers.success_u[:, p] < chance),
    )


def _rivals(case: Case, p: int, project: Project) -> Iterator[Row]:
    """Bids and takeovers within the horizon: 1 - exp(-rate years); allied rivals."""
    years, allied = len(case.years), project.rival_allied
    takeovers = case.settings.finance.takeover_rate * (1.0 - allied)
    if project.rival_rate > 0:
        yield _share(
            project,
            f"rival bids within {years} years",
            "projects.rival_rate",
            project.rival_rate,
            float(-np.expm1(-project.rival_rate * years)),
            lambda d: _column(d.drivers.rival_y[:, p] < years),
        )
        yield _share(
            project,
            "rival is allied",
            "projects.rival_allied",
            allied,
            allied,
            lambda d: _column(d.drivers.rival_allied[:, p]),
        )
    if takeovers > 0:
        yield _share(
            project,
            f"taken over within {years} years",
            "finance.takeover_rate",
            case.settings.finance.takeover_rate,
            float(-np.expm1(-takeovers * years)),
            lambda d: _column(d.drivers.takeover_y[:, p] < years),
        )


def median_delay(project: Project) -> float:
    """Median of the Gamma distribution of the delay, years."""
    shape = (project.delay_mean_y / project.delay_sd_y) ** 2
    return float(stats.gamma.median(shape, scale=project.delay_mean_y / shape))


def median_overrun(project: Project) -> float:
    """Median of the overrun: mean of 1 + overrun over sqrt(1 + its squared coefficient of variation), less 1."""
    whole = 1.0 + project.overrun_mean
    return float(whole / np.sqrt(1.0 + (project.overrun_sd / whole) ** 2) - 1.0)


def _joint(case: Case) -> Iterator[Row]:
    """Delay and overrun both above or both below their medians: 1/2 + arcsin(rho)/pi under a Gaussian copula."""
    both = [
        (p, median_delay(x), median_overrun(x))
        for p, x in enumerate(case.projects)
        if x.delay_mean_y > 0 and x.delay_sd_y > 0 and x.overrun_sd > 0
    ]
    if not both:
        return
    rho = case.settings.sampling.delay_overrun_correlation

    def observe(drawn: Drawn) -> Array:
        late, dear = drawn.drivers.delay_y, drawn.drivers.overrun
        pairs = [concordance(np.column_stack([late[:, p] > a, dear[:, p] > b])) for p, a, b in both]
        return np.asarray(np.mean(pairs, axis=0))

    yield Row(
        "project",
        "all",
        "delay and overrun on one side of their medians",
        "probability",
        "sampling.delay_overrun_correlation",
        rho,
        float(0.5 + np.arcsin(rho) / np.pi),
        "mean",
        observe,
    )
