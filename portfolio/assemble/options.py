"""What may be chosen: eligible options with their financing, and why the others are left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.terms import CONTRACTS, MONEY, Option, OptionKey
from portfolio.case.records import Case, matches
from portfolio.case.tables import Eligibility, Instrument, Project, Structure
from portfolio.finance.sizing import guarantee_cover, size
from portfolio.finance.types import Financing

Array = npt.NDArray[np.float64]

NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class LeftOut:
    """An option without a variable, and why."""

    project: str
    structure: str
    why: str


@dataclass(frozen=True)
class Choice:
    """A way to finance a project that members may choose: its sizing and who may use which instrument."""

    project: Project
    structure: Structure
    financing: Financing
    seats: tuple[tuple[Eligibility, Instrument], ...]
    cover: float

    @property
    def gap(self) -> float:
        """Part of uses that money kinds must fill."""
        gap = self.financing.gap_usd_m / self.financing.uses_usd_m
        return gap if gap > NEGLIGIBLE else 0.0

    @property
    def guaranteed(self) -> float:
        """Guaranteed loan over uses; guarantees cover ``cover`` of it."""
        guaranteed = self.financing.guaranteed_debt_usd_m
        return guaranteed / self.financing.uses_usd_m if guaranteed > NEGLIGIBLE else 0.0


def seats(case: Case, project: Project) -> tuple[tuple[Eligibility, Instrument], ...]:
    """Which member may use which instrument for a project: country and materials decide."""
    instruments = {i.instrument: i for i in case.instruments}
    yields = {o.material for o in case.outputs[project.project]}
    return tuple(
        (row, instruments[row.instrument])
        for row in case.eligibility
        if matches(row.countries, project.country)
        and all(matches(instruments[row.instrument].materials, m) for m in yields)
    )


def choices(case: Case, expected_price: Array) -> tuple[tuple[Choice, ...], tuple[LeftOut, ...]]:
    """List every way to finance every project that can be chosen, and those left out with the reason."""
    kept: list[Choice] = []
    left: list[LeftOut] = []
    for project in case.projects:
        name = project.project
        if name in case.settings.policy.never:
            left.append(LeftOut(name, "*", "on the never list"))
            continue
        mine: list[Choice] = []
        for structure in case.structures:
            found = _choice(case, project, structure, expected_price)
            why = found if isinstance(found, str) else _double(found, mine)
            if isinstance(found, str) or why:
                left.append(LeftOut(name, structure.structure, why))
            else:
                mine.append(found)
        kept += mine
    return tuple(kept), tuple(left)


def required(
    case: Case, kept: tuple[Choice, ...], left: tuple[LeftOut, ...], only: Collection[OptionKey]
) -> tuple[Choice, ...]:
    """Return the choices behind given options, in their usual order.

    Raises
    ------
    ValueError
        Where one of them is no option of the case; it says why.
    """
    held = {(c.project.project, c.structure.structure) for c in kept}
    reasons = {(item.project, item.structure): item.why for item in left}
    for project, structure, window in sorted(only):
        if window not in case.windows:
            raise ValueError(f"{project}: the case has no window {window}")
        if (project, structure) not in held:
            why = reasons.get((project, structure)) or reasons.get((project, "*")) or "the case has no such option"
            raise ValueError(f"{project} cannot be financed as {structure}: {why}")
    wanted = {key[:2] for key in only}
    return tuple(c for c in kept if (c.project.project, c.structure.structure) in wanted)


def _choice(case: Case, project: Project, structure: Structure, price: Array) -> Choice | str:
    """Build a choice, or say in words why it is none."""
    allowed = tuple(seats(case, project))
    kinds = {i.kind for _, i in allowed}
    if not kinds:
        return f"no member may use any instrument in {project.country}"
    if structure.tranche > 0 and not kinds & CONTRACTS:
        return "no member may use a contract for difference or offtake there"
    if structure.debt == "guaranteed" and "guarantee" not in kinds:
        return "no member may give a guarantee there"
    financing = size(case, project, structure, price)
    if financing.obstacle:
        return financing.obstacle
    choice = Choice(project, structure, financing, allowed, guarantee_cover(case))
    return _unfillable(case, choice) or choice


def _unfillable(case: Case, choice: Choice) -> str:
    """Why shares cannot fill a choice whatever is decided ("" where they can)."""
    f = choice.financing
    if choice.gap > 0 and not {i.kind for _, i in choice.seats} & MONEY:
        return "there is a gap to fill, and no member may lend, invest or grant there"
    if choice.structure.debt == "guaranteed" and choice.guaranteed == 0:
        return "a guarantee would add no debt"
    if choice.gap == 0 and choice.structure.tranche == 0 and choice.guaranteed == 0:
        return "private sources cover its uses: there is nothing to support"
    private = (f.sponsor_usd_m + f.private_debt_usd_m) / f.uses_usd_m
    if private < case.settings.policy.private_minimum - NEGLIGIBLE:
        return f"private sources would carry {private:.0%} of uses, below policy.private_minimum"
    return ""


def _double(choice: Choice, before: list[Choice]) -> str:
    """Why a choice is dominated: another with the same contracts has the same sources ("" where none has)."""
    f = choice.financing
    for other in before:
        same_contracts = _contracts(choice.structure) == _contracts(other.structure)
        o = other.financing
        same_sources = np.allclose(
            [f.gap_usd_m, f.private_debt_usd_m, choice.guaranteed, f.debt_limit_usd_m],
            [o.gap_usd_m, o.private_debt_usd_m, other.guaranteed, o.debt_limit_usd_m],
            atol=1e-6,
        )
        if same_contracts and same_sources:
            return f"the same as {other.structure.structure}: its debt adds nothing"
    return ""


def _contracts(s: Structure) -> tuple[object, ...]:
    if s.tranche == 0:
        return (0.0, s.term_y, s.term_from)
    return (
        s.tranche,
        s.strike_factor,
        s.upside_threshold,
        s.upside_share,
        s.upside_cap_usd_m,
        s.term_y,
        s.term_from,
        s.index,
    )


def keys(case: Case, kept: tuple[Choice, ...]) -> Iterator[tuple[OptionKey, Choice]]:
    """Every choice in every window."""
    for choice in kept:
        for window in case.windows:
            yield (choice.project.project, choice.structure.structure, window), choice


def option(case: Case, choice: Choice, window: int) -> Option:
    """Data of an option for the programme."""
    f, p = choice.financing, choice.project
    start = int(np.ceil(max(window + p.construction_y, p.first_production)))
    return Option(
        uses_usd_m=f.uses_usd_m,
        gap=choice.gap,
        guaranteed=choice.guaranteed,
        tranche=choice.structure.tranche,
        equity_usd_m=f.sponsor_usd_m + f.third_equity_usd_m,
        debt_usd_m=f.private_debt_usd_m + f.third_loan_usd_m,
        debt_limit_usd_m=f.debt_limit_usd_m,
        private_share=(f.sponsor_usd_m + f.private_debt_usd_m) / f.uses_usd_m,
        first_year=start,
        last_year=int(start + np.ceil(choice.structure.term_y) - 1),
    )
