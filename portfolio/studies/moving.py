"""How far a number of the case has to move until a project enters or leaves the best portfolio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from portfolio.case.records import Case
from portfolio.studies.explain_tables import Moved, Pair

MOST = 0.5
"""Largest move, as a share."""
STEPS = 4
"""Most halvings of the interval."""


@dataclass(frozen=True)
class _Way:
    """How a number is moved by a factor, and whether more of it speaks for the project."""

    moved: Callable[[Case, str, float], Case]
    favours: bool


def _capex(case: Case, project: str, factor: float) -> Case:
    return _project(case, project, lambda p: replace(p, capex_usd_m=factor * p.capex_usd_m))


def _construction(case: Case, project: str, factor: float) -> Case:
    return _project(case, project, lambda p: replace(p, construction_y=factor * p.construction_y))


def _price(case: Case, project: str, factor: float) -> Case:
    del project
    moved = (replace(m, price_now=factor * m.price_now, price_longrun=factor * m.price_longrun) for m in case.materials)
    return replace(case, materials=tuple(moved))


def _project(case: Case, project: str, change: Callable[..., object]) -> Case:
    changed = tuple(change(p) if p.project == project else p for p in case.projects)
    return replace(case, projects=changed)  # type: ignore[arg-type]


WAYS = {"capex": _Way(_capex, False), "price": _Way(_price, True), "construction": _Way(_construction, False)}


def move(
    what: str, case: Case, project: str, pair: Pair, ask: Callable[[float, Case], Pair], most: float = MOST
) -> Moved:
    """Bisect for the factor at which a project enters or leaves.

    Only proven states count: ``stays`` is the farthest factor at which it is proven to be as now, ``changes`` the
    nearest at which the opposite is proven; between them nothing is. That a state changes once along the way is
    assumed.

    Parameters
    ----------
    what : str
        ``capex`` or ``construction`` of the project, or ``price`` of all materials.
    case, project
        The case and the project.
    pair : Pair
        Best portfolios with and without it as the case is.
    ask : callable
        The same for a factor and the case moved by it.
    most : float
        Largest move, as a share.
    """
    now = pair.proven
    if now is None:
        return Moved(what, pair.chosen, None, None, 0)
    way = WAYS[what]
    end = 1.0 + most if way.favours != now else 1.0 - most
    last, asked = ask(end, way.moved(case, project, end)), 1
    if last.proven is None or last.proven == now:
        return Moved(what, now, end if last.proven == now else 1.0, None, asked, end)
    stays, changes = 1.0, end
    for _ in range(STEPS):
        middle = 0.5 * (stays + changes)
        found, asked = ask(middle, way.moved(case, project, middle)), asked + 1
        if found.proven is None:
            break
        stays, changes = (middle, changes) if found.proven == now else (stays, middle)
    return Moved(what, now, stays, changes, asked, end)
