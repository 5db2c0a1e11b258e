"""From Pyomo to sparse arrays, once: the only way by which equations reach a solver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from pyomo.common.gc_manager import PauseGC
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler
from scipy import sparse

from models import Decision
from portfolio.engine.highs import Array, LinearProgram

FIRST_STAGE = -1
"""Owner of first-stage columns and rows; others belong to the scenario of that number."""

NAMES = ("select", "use", "take", "share", "rights", "purchase")
"""First-stage variables, as in :class:`models.Decision`."""


@dataclass(frozen=True)
class Compiled:
    """A programme in arrays that remembers where its columns and rows come from.

    ``columns`` holds (variable, index) of every column; ``column_owner`` and ``row_owner`` the scenario it belongs
    to, or :data:`FIRST_STAGE`.
    """

    program: LinearProgram
    columns: tuple[tuple[str, Any], ...]
    column_owner: npt.NDArray[np.int64]
    row_owner: npt.NDArray[np.int64]

    @cached_property
    def first_stage(self) -> npt.NDArray[np.int64]:
        """Columns of the first-stage decision (risk variables apart)."""
        return np.array(
            [c for c in np.flatnonzero(self.column_owner == FIRST_STAGE) if self.columns[c][0] in NAMES],
            dtype=np.int64,
        )

    def decision(self, x: Array) -> Decision:
        """Read the first-stage decision from a solution, binaries rounded."""
        values: dict[str, dict[Any, float]] = {name: {} for name in NAMES}
        for c in self.first_stage:
            name, index = self.columns[c]
            value = float(np.round(x[c])) if self.program.integer[c] else max(0.0, float(x[c]))
            if value > 1e-9:
                values[name][index] = value
        return Decision(**values)

    def values(self, decision: Decision) -> Array:
        """Values of all columns under a decision; zero for those that are not in a decision.

        What follows from a decision (variables of risk, of benchmarks missed) is left at zero: no recourse reads it.
        """
        x = np.zeros(len(self.columns))
        for name in NAMES:
            held: Mapping[Any, float] = getattr(decision, name)
            for index, value in held.items():
                column = self._place.get((name, index))
                if column is not None:
                    x[column] = value
        return x

    @cached_property
    def _place(self) -> dict[tuple[str, Any], int]:
        """Column of every first-stage variable that a decision holds."""
        return {self.columns[c]: int(c) for c in self.first_stage}


def _owner(path: str) -> int:
    """Scenario number in a component's full name such as ``scenario[12].balance``."""
    return int(path[9 : path.index("]")]) if path.startswith("scenario[") else FIRST_STAGE


def compile_model(model: Any) -> Compiled:
    """Compile a linear Pyomo model with one objective (minimised) into arrays."""
    with PauseGC():
        form = LinearStandardFormCompiler().write(model, mixed_form=True)
    lower, upper = _row_bounds(form.rows, form.rhs)
    columns = form.columns
    bounds = [v.bounds for v in columns]
    program = LinearProgram(
        cost=np.asarray(form.c.todense(), dtype=float).ravel(),
        offset=float(form.c_offset[0]),
        matrix=sparse.csc_array(form.A),
        row_lower=lower,
        row_upper=upper,
        lower=np.array([-np.inf if b[0] is None else b[0] for b in bounds]),
        upper=np.array([np.inf if b[1] is None else b[1] for b in bounds]),
        integer=np.array([not v.is_continuous() for v in columns], dtype=bool),
    )
    owners: dict[int, tuple[str, int]] = {}
    return Compiled(
        program=program,
        columns=tuple((_component(v, owners)[0], v.index()) for v in columns),
        column_owner=np.array([_component(v, owners)[1] for v in columns], dtype=np.int64),
        row_owner=np.array([_component(r.constraint, owners)[1] for r in form.rows], dtype=np.int64),
    )


def _component(item: Any, known: dict[int, tuple[str, int]]) -> tuple[str, int]:
    """Local name and owner of a variable's or constraint's component."""
    component = item.parent_component()
    found = known.get(id(component))
    if found is None:
        found = (component.local_name, _owner(component.name))
        known[id(component)] = found
    return found


def _row_bounds(rows: Iterable[Any], rhs: Iterable[float]) -> tuple[Array, Array]:
    """Bounds of rows from Pyomo's bound types: 1 upper, -1 lower, 0 equality."""
    values = np.asarray(list(rhs), dtype=float)
    kinds = np.array([r.bound_type for r in rows])
    return np.where(kinds <= 0, values, -np.inf), np.where(kinds >= 0, values, np.inf)
