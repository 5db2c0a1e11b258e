"""The first-stage decision of a run as a file, ``decision.json``: every variable that is not 0, at full precision."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from models import Decision
from portfolio.case.records import Case
from portfolio.report.errors import RunError

FILE = "decision.json"
FORMAT = 1
"""Number of the form this version writes and reads."""

INDICES = {
    "select": ("project", "structure", "window"),
    "use": ("project", "instrument", "window"),
    "take": ("member", "project", "window"),
    "share": ("member", "project", "instrument", "structure", "window"),
    "rights": ("region", "project", "structure", "window"),
    "purchase": ("member", "material", "window"),
}
"""Index of each variable of :class:`models.Decision`."""


def decision_record(decision: Decision) -> dict[str, Any]:
    """Return the content of the file: rows of each variable, an index by name and its value."""
    return {
        "format": FORMAT,
        "variables": {
            name: [
                dict(zip(index, key, strict=True)) | {"value": value}
                for key, value in sorted(getattr(decision, name).items())
                if value != 0
            ]
            for name, index in INDICES.items()
        },
    }


def parse_decision(record: Any, case: Case, file: str) -> Decision:
    """Read what :func:`decision_record` wrote, against the case it belongs to.

    Raises
    ------
    RunError
        Where it is not of this form, or names what the case does not have.
    """
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RunError(f"{file} is not of the form this version reads; solve the case again")
    variables = record.get("variables")
    if not isinstance(variables, dict) or set(variables) != set(INDICES):
        raise RunError(f"{file} does not hold the variables {', '.join(INDICES)}; solve the case again")
    known = _known(case)
    parsed = {name: _values(variables[name], name, known, file) for name in INDICES}
    decision = Decision(**parsed)
    if any(not np.isclose(value, 1.0) for value in decision.select.values()):
        raise RunError(f"{file}: an option is chosen or not, so every value of select has to be 1; solve again")
    return decision


def _known(case: Case) -> dict[str, Collection[Any]]:
    """Names the case has for each part of an index."""
    return {
        "project": set(case.project_names),
        "structure": {s.structure for s in case.structures},
        "instrument": {i.instrument for i in case.instruments},
        "member": {m.member for m in case.members},
        "region": set(case.region_names),
        "material": set(case.material_names),
        "window": set(case.windows),
    }


def _values(rows: Any, name: str, known: Mapping[str, Collection[Any]], file: str) -> dict[Any, float]:
    """Read the rows of one variable."""
    if not isinstance(rows, list):
        raise RunError(f"{file}: {name} is not a list of rows; solve the case again")
    found: dict[Any, float] = {}
    for row in rows:
        fields = (*INDICES[name], "value")
        if not isinstance(row, dict) or set(row) != set(fields):
            raise RunError(
                f"{file}: a row of {name} does not have the fields {', '.join(fields)}; solve the case again"
            )
        for part in INDICES[name]:
            # True would pass for a window of 1.
            if isinstance(row[part], (bool, list, dict)) or row[part] not in known[part]:
                raise RunError(f"{file}: {name} names the {part} {row[part]!r}, which the case does not have")
        value, key = row["value"], tuple(row[part] for part in INDICES[name])
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < np.inf:
            raise RunError(f"{file}: {name} has the value {value!r}; values are numbers above 0")
        if key in found:
            raise RunError(f"{file}: {name} of {', '.join(map(str, key))} stands twice")
        found[key] = float(value)
    return found
