"""Tables of how far numbers of a case would have to move, and what they say in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portfolio.assemble import Assembly
from portfolio.studies.moving import Moved, Side, State

MOVES = (
    "what", "now", "direction", "unit", "value_now", "state_now", "stays_factor", "changes_factor", "end_factor",
    "stays_value", "changes_value", "words",
)  # fmt: skip
TRIES = ("what", "factor", "value", "unit", "state")
NAMES = {True: "in", False: "out", None: "open"}
"""What is proven of the project."""


def move_rows(moves: Sequence[Moved], project: str, assembly: Assembly) -> list[dict[str, Any]]:
    """One row for each number and direction.

    ``stays_factor``: farthest factor up to which it is proven to be as now; ``changes_factor``: nearest at which the
    opposite is proven; ``end_factor``: farthest tried. ``*_value`` are these times ``value_now``. Where it is open now,
    ``stays_factor`` is empty and ``changes_factor`` the nearest at which anything is proven, which ``words`` name.
    """
    rows = []
    for m in moves:
        unit, now = m.unit, _now(m, project, assembly)
        for direction, way in (("less", -1), ("more", 1)):
            side = m.side(way)
            if not side.tries and (way == 1 or m.side(1).tries):
                continue
            stays, changes = side.stays, side.changes if m.now is not None else _first(side)
            rows.append(
                {
                    "what": m.what,
                    "now": now,
                    "direction": direction if side.tries else "",
                    "unit": unit,
                    "value_now": m.value,
                    "state_now": NAMES[m.now],
                    "stays_factor": stays if side.tries else None,
                    "changes_factor": changes,
                    "end_factor": side.end,
                    "stays_value": _times(m.value, stays if side.tries else None),
                    "changes_value": _times(m.value, changes),
                    "words": m.note or words(m, side, unit),
                }
            )
    return rows


def try_rows(moves: Sequence[Moved]) -> list[dict[str, Any]]:
    """One row for each factor tried, and what is proven there; 1 is the case as it is."""
    rows = []
    for m in moves:
        known = [(1.0, m.now), *((t.factor, t.state) for t in m.tries)]
        rows += [
            {"what": m.what, "factor": f, "value": _times(m.value, f), "unit": m.unit, "state": NAMES[s]}
            for f, s in sorted(known, key=lambda k: k[0])
        ]
    return rows


def words(moved: Moved, side: Side, unit: str) -> str:
    """For people: between which values it enters or leaves on one side."""
    end = side.end
    if end is None:
        return ""
    if moved.now is None:
        at, state = _first(side), _state_of(side)
        if at is None or state is None:
            return f"open as the case is, and still open at {_change(end)}"
        return f"open as the case is; proven to be {NAMES[state]} from {_change(at)}{_value(moved, at, unit)} on"
    does = "leaves" if moved.now else "enters"
    stays, changes = side.stays or 1.0, side.changes
    if changes is None:
        if stays == end:
            return f"still {NAMES[moved.now]} at {_change(end)}{_value(moved, end, unit)}, proven"
        return f"open at {_change(end)}{_value(moved, end, unit)}: the solver's gap or the time leaves it so"
    begin = "as the case is" if stays == 1.0 else f"{_change(stays)}{_value(moved, stays, unit)}"
    return f"{does} between {begin} and {_change(changes)}{_value(moved, changes, unit)}"


def _first(side: Side) -> float | None:
    return next((t.factor for t in side.tries if t.state is not None), None)


def _state_of(side: Side) -> State:
    return next((t.state for t in side.tries if t.state is not None), None)


def _change(factor: float) -> str:
    return f"{'+' if factor >= 1 else '−'}{100 * abs(factor - 1):.3g} %"


def _value(moved: Moved, factor: float, unit: str) -> str:
    """The value at a factor, where it has a unit of its own."""
    if moved.value is None or unit.startswith("times"):
        return ""
    return f" ({factor * moved.value:,.3g} {unit})"


def _times(value: float | None, factor: float | None) -> float | None:
    return None if value is None or factor is None else value * factor


def _now(moved: Moved, project: str, assembly: Assembly) -> str:
    """The number as the case has it, in words; of strikes, which differ by structure, their range."""
    if moved.what != "strike":
        return "" if moved.value is None or moved.unit.startswith("times") else f"{moved.value:,.4g} {moved.unit}"
    strikes = [c.financing.strike for (p, _), c in assembly.choices.items() if p == project and c.structure.tranche > 0]
    if not strikes:
        return ""
    capacity = assembly.instance.captive + assembly.instance.process
    at = assembly.instance.projects.index(project)
    made = capacity[at].max(axis=0)
    main = max(range(len(assembly.instance.materials)), key=lambda m: float(made[m] * strikes[0][m]))
    low, high = min(s[main] for s in strikes), max(s[main] for s in strikes)
    span = f"{low:,.3g}" if high - low < 0.005 * high else f"{low:,.3g} to {high:,.3g}"
    return f"{span} USD/kg {assembly.instance.materials[main]}"
