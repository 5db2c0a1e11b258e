"""What tells one programme from another: a hash of everything that its optimum depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from portfolio.engine.programme import TwoStage

SPOT = 8
"""Scenarios whose data are hashed as the search will read them, where the rest has a quicker way."""
STEP = 500
"""Scenarios whose data are gathered at once."""


def fingerprint(programme: TwoStage) -> str:
    """Hash of a programme: its arrays, and the data of all its scenarios.

    Limits of a search (gap, time, threads) are no part of it.
    """
    found = hashlib.sha256()
    first = programme.first
    for value in (
        first.cost, first.offset, first.matrix, first.row_lower, first.row_upper, first.lower, first.upper,
        first.integer, programme.matrix, programme.cost, programme.equal, programme.upper, programme.upper_data,
        programme.constant, programme.direct, programme.define, programme.defined, programme.indirect,
        programme.label, programme.priced, programme.probability, programme.cvar_weight, programme.cvar_level,
        programme.branches,
    ):  # fmt: skip
        _add(found, value)
    scenarios = programme.scenarios
    if programme.digest is not None:
        found.update(programme.digest())
        scenarios = min(scenarios, SPOT)
    for begin in range(0, scenarios, STEP):
        _add(found, programme.data(slice(begin, min(begin + STEP, scenarios))))
    return found.hexdigest()


def digest(value: Any) -> bytes:
    """Hash of a record of numbers, words, arrays, mappings, sets and other records; arrays are read where they lie.

    Raises
    ------
    TypeError
        Where there is something in it that this does not know how to hash.
    """
    found = hashlib.sha256()
    _add(found, value)
    return found.digest()


def _add(found: Any, value: Any) -> None:
    """Add a value with its type and size, so that no two values are added alike."""
    if isinstance(value, np.ndarray):
        # In the order of memory, which makes a view of one piece whatever the order of axes.
        axes = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))
        found.update(f"array {value.dtype.str} {value.shape} {axes};".encode())
        found.update(np.ascontiguousarray(value.transpose(axes)).data.cast("B") if value.size else b"")
    elif value is None or isinstance(value, (bool, int, float, str, np.generic)):
        found.update(f"{type(value).__name__} {value!r};".encode())
    elif hasattr(value, "indptr"):
        _add(found, (value.format, value.shape, value.indptr, value.indices, value.data))
    elif isinstance(value, Mapping):
        _add(found, list(value.keys()))
        _add(found, list(value.values()))
    elif isinstance(value, (set, frozenset)):
        _add(found, sorted(value))
    elif isinstance(value, (tuple, list)):
        found.update(f"list {len(value)};".encode())
        for item in value:
            _add(found, item)
    elif is_dataclass(value) and not isinstance(value, type):
        _add(found, {field.name: getattr(value, field.name) for field in fields(value)})
    elif hasattr(value, "__array__") and hasattr(value, "__dict__"):
        # Arrays put together when they are read: what they are made of is smaller.
        _add(found, {name: held for name, held in vars(value).items() if not name.startswith("_")})
    else:
        raise TypeError(f"cannot hash a {type(value).__name__}")
