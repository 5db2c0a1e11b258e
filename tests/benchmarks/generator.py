"""Realistic large cases: jittered clones of the shipped case's projects, the same for the same seed.

Clone number n depends on (seed, n) alone, so that a case of 200 projects holds that of 100.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from portfolio.case import Case, read_case
from portfolio.case.tables import Eligibility, Instrument, Project, ProjectOutput
from portfolio.case.writing import write_case

SHIPPED = Path(__file__).resolve().parents[2] / "inputs" / "eu_japan_ree"
"""The case whose projects are cloned."""

MANY = "many"
"""Name of the variant in which every instrument comes in several small versions."""

ALL = "all"
"""Name of the variant with the shipped instruments."""

PRICE_KINDS = ("cfd", "offtake")


@dataclass(frozen=True)
class Recipe:
    """What case to generate.

    Attributes
    ----------
    projects : int
        Number of projects: some of those shipped, or all of them and clones.
    instruments : str
        ``all``; names joined by ``+``, such as ``loan+cfd``; or ``many``: each shipped instrument in ``versions``
        small versions with small least shares and fixed costs, so that binaries of instruments make the gap.
    seed : int
        Seed of the jitter.
    versions : int
        Versions of each instrument in the variant ``many``.
    scale_budgets, scale_market : bool
        Whether budgets, and demand with incumbents' capacity and stocks, grow with the number of projects.
    windows : int or None
        Keep only that many windows, with all budgets in them; None keeps all.
    """

    projects: int = 32
    instruments: str = ALL
    seed: int = 1
    versions: int = 4
    scale_budgets: bool = True
    scale_market: bool = True
    windows: int | None = None

    @property
    def name(self) -> str:
        """Short name for tables and folders."""
        parts = [f"p{self.projects}", self.instruments.replace("+", "-")]
        parts += [] if self.windows is None else [f"w{self.windows}"]
        parts += [] if self.seed == 1 else [f"s{self.seed}"]
        return "_".join(parts)


def generate(recipe: Recipe, source: Path = SHIPPED) -> Case:
    """Return the case of a recipe.

    Raises
    ------
    ValueError
        Where the recipe asks for no project, an unknown instrument or more windows than there are.
    """
    shipped = read_case(source)
    if recipe.projects < 1 or recipe.versions < 1:
        raise ValueError("a case needs at least one project and one version of each instrument")
    case = _with_projects(shipped, recipe)
    case = _with_windows(case, recipe.windows)
    case = _with_instruments(case, recipe)
    factor = recipe.projects / len(shipped.projects)
    if recipe.scale_budgets:
        case = replace(case, budgets=_scaled(case.budgets, factor, "budget_usd_m"))
    if recipe.scale_market:
        case = replace(
            case,
            demand=_scaled(case.demand, factor, "low", "base", "high"),
            suppliers=_scaled(case.suppliers, factor, "capacity_tpy"),
            stocks=_scaled(case.stocks, factor, "opening_t"),
        )
    title = replace(case.settings.case, name=recipe.name, title=f"{recipe.projects} projects, synthetic")
    return replace(case, settings=replace(case.settings, case=title))


def write(recipe: Recipe, folder: Path, source: Path = SHIPPED) -> Path:
    """Write the case of a recipe as a folder that ``portfolio validate`` accepts, and return it."""
    return write_case(generate(recipe, source), folder)


def _scaled(rows: tuple[Any, ...], factor: float, *names: str) -> tuple[Any, ...]:
    return tuple(replace(row, **{name: round(factor * getattr(row, name), 3) for name in names}) for row in rows)


def _with_projects(case: Case, recipe: Recipe) -> Case:
    """Keep projects evenly spread over the list, which is by region; or add clones of all in turn."""
    count = len(case.projects)
    spread = np.linspace(0, count - 1, min(count, recipe.projects)).round().astype(int)
    projects = [case.projects[n] for n in spread]
    outputs = [o for p in projects for o in case.outputs[p.project]]
    for n in range(count, recipe.projects):
        rng = np.random.Generator(np.random.Philox(key=[recipe.seed, n]))
        project, made = _clone(case, case.projects[n % count], n // count + 1, rng)
        projects.append(project)
        outputs.extend(made)
    return replace(case, projects=tuple(projects), project_outputs=tuple(outputs))


def _clone(
    case: Case, origin: Project, version: int, rng: np.random.Generator
) -> tuple[Project, tuple[ProjectOutput, ...]]:
    """Jitter a project: size lognormal with economies of scale, the rest lognormal around what its size implies."""
    name = f"{origin.project}_{version}"
    size = _lognormal(rng, 0.4)
    capex = size**0.85 * _lognormal(rng, 0.2)
    delay, overrun = _lognormal(rng, 0.2), _lognormal(rng, 0.2)
    countries = [p.country for p in case.projects]
    country = origin.country if rng.random() < 0.5 else countries[int(rng.integers(len(countries)))]
    odds = origin.p_by_2040 / max(1e-3, 1.0 - origin.p_by_2040) * _lognormal(rng, 0.3)
    source, note = f"synthetic: jittered clone of {origin.project}", "for benchmarks, not a real project"
    first = origin.first_production + int(rng.integers(-1, 3))
    project = replace(
        origin,
        project=name,
        name=f"{origin.name} (clone {version})",
        country=country,
        capex_usd_m=_rounded(origin.capex_usd_m * capex),
        overrun_mean=_rounded(origin.overrun_mean * overrun),
        overrun_sd=_rounded(origin.overrun_sd * overrun),
        opex_usd_m_y=_rounded(origin.opex_usd_m_y * size * _lognormal(rng, 0.1)),
        byproduct_usd_m_y=_rounded(origin.byproduct_usd_m_y * size),
        construction_y=_rounded(max(1.0, origin.construction_y + 0.5 * float(rng.integers(-1, 3)))),
        first_production=max(first, case.years[0]),
        life_y=_rounded(max(8.0, origin.life_y * _lognormal(rng, 0.15))),
        delay_mean_y=_rounded(origin.delay_mean_y * delay),
        delay_sd_y=_rounded(origin.delay_sd_y * delay),
        p_by_2040=_rounded(float(np.clip(odds / (1.0 + odds), 0.05, 0.97))),
        third_equity_usd_m=_rounded(origin.third_equity_usd_m * capex),
        third_loan_usd_m=_rounded(origin.third_loan_usd_m * capex),
        third_grant_usd_m=_rounded(origin.third_grant_usd_m * capex),
        strike_usd_kg=None,
        source=source,
        confidence="estimate",
        note=note,
    )
    made = tuple(
        replace(
            row,
            project=name,
            capacity_tpy=_rounded(row.capacity_tpy * size * _lognormal(rng, 0.1)),
            source=source,
            confidence="estimate",
        )
        for row in case.outputs[origin.project]
    )
    return project, made


def _lognormal(rng: np.random.Generator, sigma: float) -> float:
    """A factor of mean 1."""
    return float(np.exp(sigma * rng.standard_normal() - 0.5 * sigma**2))


def _rounded(value: float) -> float:
    """Four significant digits, as people write data."""
    return float(f"{value:.4g}")


def _with_windows(case: Case, count: int | None) -> Case:
    """Keep the first windows; the last of them gets the budgets of those dropped."""
    if count is None:
        return case
    if not 1 <= count <= len(case.windows):
        raise ValueError(f"the shipped case has {len(case.windows)} windows, not {count}")
    kept = case.windows[:count]
    late: dict[str, float] = {}
    for row in case.budgets:
        if row.window not in kept:
            late[row.member] = late.get(row.member, 0.0) + row.budget_usd_m
    budgets = tuple(
        replace(b, budget_usd_m=b.budget_usd_m + late.get(b.member, 0.0) * (b.window == kept[-1]))
        for b in case.budgets
        if b.window in kept
    )
    horizon = replace(case.settings.horizon, windows=kept)
    return replace(case, budgets=budgets, settings=replace(case.settings, horizon=horizon))


def _with_instruments(case: Case, recipe: Recipe) -> Case:
    if recipe.instruments == ALL:
        return case
    if recipe.instruments == MANY:
        return _many(case, recipe)
    names = set(recipe.instruments.split("+"))
    unknown = names - {i.instrument for i in case.instruments}
    if unknown:
        raise ValueError(f"no instrument {', '.join(sorted(unknown))} in the shipped case")
    kept = tuple(i for i in case.instruments if i.instrument in names)
    eligible = tuple(e for e in case.eligibility if e.instrument in names)
    used = {e.member for e in eligible}
    return _deliverable(
        replace(
            case,
            instruments=kept,
            eligibility=eligible,
            members=tuple(m for m in case.members if m.member in used),
            budgets=tuple(b for b in case.budgets if b.member in used),
        )
    )


def _deliverable(case: Case) -> Case:
    """Drop structures that the instruments left cannot deliver."""
    kinds = {i.kind for i in case.instruments}
    protected = sum(i.max_share for i in case.instruments if i.kind in PRICE_KINDS)
    kept = tuple(
        s for s in case.structures if s.tranche <= protected + 1e-9 and (s.debt != "guaranteed" or "guarantee" in kinds)
    )
    return replace(case, structures=kept)


def _many(case: Case, recipe: Recipe) -> Case:
    """Split every instrument into small versions of different terms: a package then needs several of them."""
    instruments: list[Instrument] = []
    eligibility: list[Eligibility] = []
    for place, origin in enumerate(case.instruments):
        rng = np.random.Generator(np.random.Philox(key=[recipe.seed, 1_000_000 + place]))
        for n in range(1, recipe.versions + 1):
            instruments.append(_small(origin, n, recipe.versions, rng))
        for row in case.eligibility:
            if row.instrument != origin.instrument:
                continue
            for n in range(1, recipe.versions + 1):
                eligibility.append(replace(row, instrument=f"{row.instrument}_{n}", source="synthetic"))
    return replace(case, instruments=tuple(instruments), eligibility=tuple(eligibility))


def _small(origin: Instrument, number: int, versions: int, rng: np.random.Generator) -> Instrument:
    """One small version; together the versions reach 1.5 times the limit of the origin, at most 1."""
    most = min(1.0, 1.5 * origin.max_share / versions * float(rng.uniform(0.8, 1.2)))
    if origin.kind in PRICE_KINDS:
        most = max(most, origin.max_share / versions)  # all together still deliver the largest tranche
    return replace(
        origin,
        instrument=f"{origin.instrument}_{number}",
        min_share=_rounded(min(0.5 * most, 0.01 * (1 + number % 3))),
        max_share=_rounded(most),
        fixed_cost_usd_m=_rounded(origin.fixed_cost_usd_m * float(rng.uniform(0.3, 2.0))),
        rights=_rounded(origin.rights * float(rng.uniform(0.7, 1.0))),
        rate=_rounded(origin.rate * float(rng.uniform(0.8, 1.3))),
        source="synthetic: small version for benchmarks",
        confidence="estimate",
    )
