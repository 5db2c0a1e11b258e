"""How far a number of the case has to move until a project enters or leaves the best portfolio.

Only proven states count. Both ways are tried, since more of a number need not speak for or against a project along its
whole range (a higher strike carries more debt and costs more). That a state changes once on either side is assumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from models import Instance
from portfolio.case.records import Case
from portfolio.engine.protocol import Status
from portfolio.engine.variation import Changes
from portfolio.studies.asking import Asker, unasked
from portfolio.studies.points import Answer, Point
from portfolio.studies.solving import prepared
from portfolio.studies.support import bound_of
from portfolio.studies.worlds import Pair, same_without, small

MOST = 0.5
"""Largest move, as a share."""
STEPS = 4
"""Most halvings of the interval on either side."""
NOT_TRIED = "not tried: the time was over"

State = bool | None
"""Whether the project is in every best portfolio (True), in none (False), or open."""


@dataclass(frozen=True)
class Way:
    """A number that is moved by a factor.

    Attributes
    ----------
    moved : callable
        The case with the number of a project times a factor.
    own : bool
        Whether it is a number of the project alone, so that nothing else in the first stage changes.
    unit, column : str
        Of its value in the tables.
    value : callable
        Its value in a case, for a project.
    """

    moved: Callable[[Case, str, float], Case]
    own: bool
    unit: str
    value: Callable[[Case, str], float | None]


def _one(case: Case, project: str, change: Callable[..., object]) -> Case:
    changed = tuple(change(p) if p.project == project else p for p in case.projects)
    return replace(case, projects=changed)  # type: ignore[arg-type]


def _capex(case: Case, project: str, factor: float) -> Case:
    return _one(case, project, lambda p: replace(p, capex_usd_m=factor * p.capex_usd_m))


def _construction(case: Case, project: str, factor: float) -> Case:
    return _one(case, project, lambda p: replace(p, construction_y=factor * p.construction_y))


def _strike(case: Case, project: str, factor: float) -> Case:
    return _one(case, project, lambda p: replace(p, strike_factor=factor * p.strike_factor))


def _price(case: Case, project: str, factor: float) -> Case:
    del project
    moved = (replace(m, price_now=factor * m.price_now, price_longrun=factor * m.price_longrun) for m in case.materials)
    return replace(case, materials=tuple(moved))


def _of(case: Case, project: str, name: str) -> float:
    return float(getattr(next(p for p in case.projects if p.project == project), name))


WAYS = {
    "capex": Way(_capex, True, "USD M", lambda case, p: _of(case, p, "capex_usd_m")),
    "strike": Way(_strike, True, "times the strikes", lambda case, p: _of(case, p, "strike_factor")),
    "price": Way(_price, False, "times all prices", lambda case, p: 1.0),
    "construction": Way(_construction, True, "years", lambda case, p: _of(case, p, "construction_y")),
}
"""What may be moved."""


@dataclass(frozen=True)
class Try:
    """A factor tried, and what is proven there."""

    factor: float
    state: State


@dataclass(frozen=True)
class Moved:
    """A number moved by factors.

    Attributes
    ----------
    what : str
    now : bool or None
        Whether the project is in the best portfolio as the case is.
    tries : tuple of Try
        Factors tried, and what is proven there.
    unit : str
    value : float or None
        The number as the case has it.
    note : str
        Why nothing was tried, where nothing was.
    """

    what: str
    now: State
    tries: tuple[Try, ...] = ()
    unit: str = ""
    value: float | None = None
    note: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether something is open that more time might decide."""
        return self.note == NOT_TRIED or any(t.state is None for t in self.tries)

    def side(self, way: int) -> Side:
        """What is known below the number (-1) or above it (+1)."""
        mine = sorted((t for t in self.tries if (t.factor - 1.0) * way > 0), key=lambda t: abs(t.factor - 1.0))
        return Side(self.now, tuple(mine))


@dataclass(frozen=True)
class Side:
    """Factors tried on one side of 1, the nearest first."""

    now: State
    tries: tuple[Try, ...]

    def reach(self, state: bool) -> float | None:
        """Nearest factor at which a state is proven; 1 where it is the state now."""
        if self.now is state:
            return 1.0
        return next((t.factor for t in self.tries if t.state is state), None)

    @property
    def stays(self) -> float | None:
        """Farthest factor up to which nothing but the state now was found; None where that is open at 1."""
        if self.now is None:
            return None
        found = 1.0
        for t in self.tries:
            if t.state is not self.now:
                break
            found = t.factor
        return found

    @property
    def changes(self) -> float | None:
        """Nearest factor at which the opposite of the state now is proven."""
        return None if self.now is None else self.reach(not self.now)

    @property
    def end(self) -> float | None:
        """Farthest factor tried."""
        return self.tries[-1].factor if self.tries else None


def bisect(now: State, end: float, ask: Callable[[float], State], steps: int = STEPS) -> tuple[Try, ...]:
    """Try the far end, and where it differs from now halve the way between them.

    Where it is open now, the factor nearest to 1 at which anything is proven is looked for. A factor that is left open
    ends the search: farther halvings would cost the same and prove less.
    """
    far = Try(end, ask(end))
    tries = [far]
    if far.state is None or far.state is now:
        return tuple(tries)
    near, beyond = 1.0, end
    for _ in range(steps):
        middle = 0.5 * (near + beyond)
        found = Try(middle, ask(middle))
        tries.append(found)
        if found.state is None and now is not None:
            break
        near, beyond = (near, middle) if found.state is far.state else (middle, beyond)
    return tuple(tries)


@dataclass(frozen=True)
class Mover:
    """Asks of a case whose numbers are moved, given its instance and the best portfolios as it is.

    ``done`` keeps the factors asked in time, by name.
    """

    asker: Asker
    pair: Pair
    base: Instance
    done: dict[str, State] = field(default_factory=dict)

    def move(self, what: str, most: float = MOST, steps: int = STEPS) -> Moved:
        """Look on both sides, until the time is over, for factors at which the project enters or leaves."""
        way, case, project = WAYS[what], self.asker.case, self.pair.project
        found = Moved(what, self.pair.proven, unit=way.unit, value=way.value(case, project))
        if why := idle(what, case, project, self.base):
            return replace(found, note=why)
        tries: list[Try] = []
        for end in (1.0 - most, 1.0 + most):
            if self.asker.patience.over:
                break
            tries += bisect(self.pair.proven, end, lambda factor: self.state(what, factor), steps)
        note = "" if tries else NOT_TRIED
        return replace(found, tries=tuple(t for t in tries if f"{what}_{t.factor:.6f}" in self.done), note=note)

    def state(self, what: str, factor: float) -> State:
        """What is proven where the number is moved; None, and not counted as tried, after the time is over."""
        if self.asker.patience.over:
            return None
        name = f"{what}_{factor:.6f}"
        case = WAYS[what].moved(self.asker.case, self.pair.project, factor)
        self.done[name] = self._state(name, f"{what} × {factor:.3g}", case, WAYS[what].own)
        return self.done[name]

    def _state(self, name: str, saying: str, case: Case, own: bool) -> State:
        project = self.pair.project
        begin = time.perf_counter()
        moved = prepared(case).assembly.instance
        self.asker.patience.used_s += time.perf_counter() - begin
        if not any(p == project for p, _, _ in moved.options):
            return False
        rival = self.pair.without_it
        asker = None
        if not (own and same_without(self.base, moved, project)):
            start = rival.decision if own else None
            point = Point(f"without_{name}", case, Changes(never=frozenset({project})), baseline=False,
                          measured=False, start=start)  # fmt: skip
            asker = self.asker.elsewhere(point)
            rival = asker.first(saying)
        return against(rival, self._asked(asker, name, saying, case), likely=self.pair.proven is not False)

    def _asked(self, asker: Asker | None, name: str, saying: str, case: Case) -> Callable[[float], Answer]:
        """Ask for a portfolio with the project in the moved case that reaches a goal."""
        held = [asker] if asker is not None else []

        def ask(goal: float) -> Answer:
            point = Point(f"with_{name}_{len(held)}_{goal:.9g}", case, Changes(must=frozenset({self.pair.project})),
                          baseline=False, measured=False, target=goal)  # fmt: skip
            if held:
                return held[0].ask(saying, point)
            held.append(self.asker.elsewhere(point))
            return held[0].first(saying)

        return ask


def against(rival: Answer, ask: Callable[[float], Answer], *, likely: bool) -> State:
    """What is proven of a project, given the best portfolios without it: by at most two questions.

    Is there one with it that beats what is proven of those without (then it is in)? Is there none that comes up to what
    was found without it (then it is out)? ``likely`` says which of them is asked first.
    """
    if rival.status is Status.INFEASIBLE:
        return True
    beat, level = rival.bound - small(rival.bound), rival.objective + small(rival.objective)
    for goal in (beat, level) if likely else (level, beat):
        found = ask(goal)
        if found.objective <= beat:
            return True
        if bound_of(found) > level:
            return False
        if unasked(found) or rival.objective == float("inf"):
            break
    return None


def idle(what: str, case: Case, project: str, instance: Instance) -> str:
    """Why moving a number changes nothing ("" where it may)."""
    if what == "strike" and not any(o.tranche > 0 for (p, _, _), o in instance.options.items() if p == project):
        return "no way to finance it has price protection: its strikes matter nowhere"
    if what == "construction" and _of(case, project, "construction_y") == 0:
        return "its time to build is 0"
    return ""
