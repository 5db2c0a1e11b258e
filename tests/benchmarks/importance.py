"""Would importance sampling pay? Variance ratios of leaning drivers towards the bad, from one plain sample.

``python -m tests.benchmarks.importance RUN [SCENARIOS]``. With density p of the drivers and q of the leaning ones, the
estimate of E[f] by f p/q has the second moment E_p[f^2 p/q]: a sample under p tells it for every q, without measuring
anything again. f is the influence value of the mean or of the CVaR; ratios above 1 are gains at equal numbers of
scenarios. In a mixture a share of the scenarios is left as it is, so that weights stay below one over that share.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from portfolio.case.records import Case
from portfolio.evaluation.fresh import fix, in_chunks
from portfolio.evaluation.intervals import cvar_influence
from portfolio.report.saved import read_run
from portfolio.scenarios.hazards import event_counts, event_rates, sorted_hazards, tension_path
from portfolio.scenarios.sources import KeyedSource

SEED = 777
Array = npt.NDArray[np.float64]
LEANS = {
    "counts of embargoes x 1.05": {"counts": 1.05},
    "counts of embargoes x 1.1": {"counts": 1.1},
    "counts of embargoes x 1.2": {"counts": 1.2},
    "counts of embargoes x 1.5": {"counts": 1.5},
    "rates of embargoes x 1.2": {"rates": 1.2},
    "rates of embargoes x 1.5": {"rates": 1.5},
    "demand + 0.8 sd": {"demand": 0.8, "kept": 0.5},
    "demand + 0.8 sd, tension + 0.1 sd": {"demand": 0.8, "tension": 0.1, "kept": 0.5},
    "demand + 0.8 sd, tension + 0.1 sd, rates x 1.1": {"demand": 0.8, "tension": 0.1, "rates": 1.1, "kept": 0.5},
}
"""Ways to lean: factors on counts and rates of export hazards, shifts of the common demand and tension shocks, and the
share of scenarios left as they are."""


def log_ratio(case: Case, source: KeyedSource, lean: dict[str, float]) -> Array:
    """Log of p/q of every scenario: Poisson counts, Gamma rates, standard normal shocks."""
    hazards = sorted_hazards(case)
    export = [n for n, h in enumerate(hazards) if h.kind == "export"]
    rate, count = event_rates(case, hazards, source)[export], event_counts(case, hazards, source)[export]
    loading = np.array([hazards[n].tension_loading for n in export])[:, None, None]
    mean = rate[:, :, None] * np.exp(loading * tension_path(case, source) - loading**2 / 2)
    shape = np.array([hazards[n].rate_events + 0.5 for n in export])[:, None]
    usual = np.array([hazards[n].rate for n in export])[:, None]
    demand = ndtri(source.draws("demand", ("common",), "level", 1)[0, :, 0])
    shocks = ndtri(source.draws("tension", ("common",), "shock", len(case.years))[0])
    c, r = lean.get("counts", 1.0), lean.get("rates", 1.0)
    d, t = lean.get("demand", 0.0), lean.get("tension", 0.0)
    found = (mean.sum(axis=2) * (c - 1.0) - count.sum(axis=2) * np.log(c)).sum(axis=0)
    found += (shape * np.log(r) - rate * shape / usual * (1.0 - 1.0 / r)).sum(axis=0)
    found += d**2 / 2 - d * demand
    return np.asarray(found + (t**2 / 2 - t * shocks).sum(axis=1))


def main(run: str, scenarios: int = 8192) -> None:
    """Print the ratios, for the mean and the CVaR of the weighted shortfall with the fund."""
    saved = read_run(Path(run))
    fixed = fix(saved.case, saved.decision)
    measured = fixed.measure(in_chunks(fixed.case, scenarios, SEED, "monte_carlo"), scenarios)
    z, source = measured.with_fund.weighted, KeyedSource(SEED, np.arange(scenarios))
    _, tail = cvar_influence(z, measured.probability, fixed.case.settings.risk.cvar_level)
    for name, lean in LEANS.items():
        kept = lean.get("kept", 0.0)
        weight = 1.0 / ((1.0 - kept) * np.exp(-log_ratio(fixed.case, source, lean)) + kept)
        ratios = [float(np.mean(f**2) / np.mean(weight * f**2)) for f in (z - z.mean(), tail)]
        sys.stdout.write(
            f"{name}: mean {ratios[0]:.2f}, CVaR {ratios[1]:.2f}; second moment of weights {weight.mean():.2f}\n"
        )


if __name__ == "__main__":
    main(sys.argv[1], *(int(n) for n in sys.argv[2:3]))
