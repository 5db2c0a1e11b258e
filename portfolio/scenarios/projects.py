"""Projects: delay, overrun, technical luck and rivals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv, ndtri

from portfolio.case.records import Case
from portfolio.case.tables import Project
from portfolio.scenarios.philox import Array
from portfolio.scenarios.sources import Source

_DELAY, _OVERRUN, _SUCCESS, _UNAIDED, _RESTART, _RIVAL, _TAKEOVER, _ALLIED = range(8)
"""Places of the draws in a project's stream: fixed for ever, new ones go to the end."""

DELAY_DRAW = ("project", "fate", _DELAY)
"""Kind, driver and number of the draw of a project's delay."""


@dataclass(frozen=True)
class Fates:
    """What happens to projects; shapes (N, P) and meaning as in ``Drivers``."""

    delay_y: Array
    overrun: Array
    success_u: Array
    unaided_u: Array
    restart_u: Array
    rival_y: Array
    takeover_y: Array
    rival_allied: npt.NDArray[np.bool_]


def sample_fates(case: Case, source: Source) -> Fates:
    """Return the fates of all projects in every scenario of the chunk.

    - delay: Gamma with the project's mean and standard deviation;
    - 1 + overrun: lognormal with mean 1 + overrun_mean and standard deviation overrun_sd;
    - the two joined by a Gaussian copula of correlation ``sampling.delay_overrun_correlation``;
    - rival_y: exponential with ``rival_rate``; takeover_y: exponential with ``finance.takeover_rate`` ·
      (1 − rival_allied), since an allied owner leaves the output on the market; infinite where the rate is 0;
    - rival_allied: true with probability ``rival_allied``;
    - success_u, unaided_u, restart_u: uniform.
    """
    u = source.draws("project", case.project_names, "fate", 8)  # (P, N, 8)
    rho = case.settings.sampling.delay_overrun_correlation
    delay_z = ndtri(u[:, :, _DELAY])
    overrun_z = rho * delay_z + np.sqrt(1.0 - rho**2) * ndtri(u[:, :, _OVERRUN])
    delay = np.empty_like(delay_z)
    overrun = np.empty_like(delay_z)
    for p, project in enumerate(case.projects):
        delay[p] = _delay(project, u[p, :, _DELAY])
        overrun[p] = _overrun(project, overrun_z[p])
    rival_rate, takeover_rate, allied = (values[:, None] for values in rival_rates(case))
    return Fates(
        delay_y=_by_scenario(delay),
        overrun=_by_scenario(overrun),
        success_u=_by_scenario(u[:, :, _SUCCESS]),
        unaided_u=_by_scenario(u[:, :, _UNAIDED]),
        restart_u=_by_scenario(u[:, :, _RESTART]),
        rival_y=_by_scenario(waiting_time(rival_rate, u[:, :, _RIVAL])),
        takeover_y=_by_scenario(waiting_time(takeover_rate, u[:, :, _TAKEOVER])),
        rival_allied=np.ascontiguousarray((u[:, :, _ALLIED] < allied).T),
    )


def rival_rates(case: Case) -> tuple[Array, Array, Array]:
    """Return the rates of rivals' bids and of takeovers, 1/y, and the share of allied rivals, each (P,)."""
    allied = np.array([p.rival_allied for p in case.projects])
    bids = np.array([p.rival_rate for p in case.projects])
    return bids, case.settings.finance.takeover_rate * (1.0 - allied), allied


def waiting_time(rate: Array, u: Array) -> Array:
    """Return exponential waiting times −ln(u)/rate, infinite where the rate is 0; years."""
    rate, u = np.broadcast_arrays(rate, u)
    time = np.full(u.shape, np.inf)
    np.divide(-np.log(u), rate, out=time, where=rate > 0.0)
    return time


def _delay(project: Project, u: Array) -> Array:
    """Return Gamma delays at quantiles ``u``, years: the mean itself where there is no spread."""
    mean, sd = project.delay_mean_y, project.delay_sd_y
    if mean == 0.0 or sd == 0.0:
        return np.full(u.shape, mean)
    return np.asarray(gammaincinv((mean / sd) ** 2, u) * sd**2 / mean, dtype=float)


def _overrun(project: Project, z: Array) -> Array:
    """Return overruns at standard normal ``z``: the mean itself where there is no spread."""
    mean, sd = project.overrun_mean, project.overrun_sd
    if sd == 0.0:
        return np.full(z.shape, mean)
    variance = np.log1p((sd / (1.0 + mean)) ** 2)
    return np.asarray((1.0 + mean) * np.exp(np.sqrt(variance) * z - variance / 2.0) - 1.0, dtype=float)


def _by_scenario(values: Array) -> Array:
    """Return (P, N) values as a contiguous (N, P) array."""
    return np.ascontiguousarray(values.T)
