"""A small case in which the best portfolio depends on the sample."""

from __future__ import annotations

from dataclasses import replace

from portfolio.case.records import Case
from portfolio.case.tables import Budget
from tests.builders import tiny_case, tiny_hazard, tiny_material, tiny_project, tiny_settings


def risky_case(**risk: float) -> Case:
    """A mine and a plant that may be late, cost more or fail, two hazards, volatile prices; ``risk`` replaces settings.

    Budgets let one of them through, or parts of both.
    """
    settings = tiny_settings()
    sampling = replace(settings.sampling, scenarios=12, seed=5, cost_scenarios=20)
    unsure = {"delay_mean_y": 1.0, "delay_sd_y": 0.8, "overrun_mean": 0.2, "overrun_sd": 0.2}
    return tiny_case(
        settings=replace(settings, sampling=sampling, risk=replace(settings.risk, **risk)),
        materials=(
            tiny_material(volatility=0.4, price_loading=0.5),
            tiny_material(material="Dy", price_now=300.0, price_longrun=300.0, weight=4.0, volatility=0.4),
        ),
        hazards=(
            tiny_hazard(),
            tiny_hazard(hazard="slump", rate=0.2, severity_mean=0.0, severity_sd=0.0, price_factor=0.4),
        ),
        projects=(
            tiny_project(**unsure),
            tiny_project(
                project="plant", country="EST", capex_usd_m=100.0, opex_usd_m_y=5.0, utilisation=0.8, **unsure
            ),
        ),
        budgets=tuple(Budget(member=f, window=v, budget_usd_m=80.0) for f in ("EUF", "JOG") for v in (2027, 2028)),
    )


def several_case(**risk: float) -> Case:
    """Four projects of which several sets are nearly as good: :func:`risky_case` with two more captive mines."""
    case = risky_case(**risk)
    first = case.projects[0]
    outputs = [o for o in case.project_outputs if o.project == "mine"]
    more = {"north": 0.9, "south": 0.6}
    return replace(
        case,
        projects=(
            *case.projects,
            *(replace(first, project=p, capex_usd_m=part * first.capex_usd_m) for p, part in more.items()),
        ),
        project_outputs=(
            *case.project_outputs,
            *(replace(o, project=p, capacity_tpy=part * o.capacity_tpy) for p, part in more.items() for o in outputs),
        ),
        budgets=tuple(replace(b, budget_usd_m=240.0) for b in case.budgets),
    )
