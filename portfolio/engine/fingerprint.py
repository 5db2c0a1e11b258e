"""What tells one programme from another: a hash of everything that its optimum depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from scipy import sparse

from portfolio.engine.programme import TwoStage
from portfolio.scenarios.cells import ReadLikeArray

SPOT = 8
"""Scenarios whose data are hashed as the search will read them, where the rest has a quicker way."""
STEP = 500
"""Scenarios whose data are gathered at once."""


def fingerprint(programme: TwoStage) -> str:
    """Hash of a programme: its arrays, and the data of all its scenarios.

    Limits of a search (gap, time, threads) are no part of it.
    """
    found = Digest()
    first = programme.first
    for value in (
        first.cost, first.offset, first.matrix, first.row_lower, first.row_upper, first.lower, first.upper,
        first.integer, programme.matrix, programme.cost, programme.equal, programme.upper, programme.upper_data,
        programme.constant, programme.direct, programme.define, programme.defined, programme.indirect,
        programme.label, programme.priced, programme.probability, programme.cvar_weight, programme.cvar_level,
        programme.branches,
    ):  # fmt: skip
        found.add(value)
    scenarios = programme.scenarios
    if programme.digest is not None:
        found.add(programme.digest().hex())
        scenarios = min(scenarios, SPOT)
    for begin in range(0, scenarios, STEP):
        found.add_array(programme.data(slice(begin, min(begin + STEP, scenarios))))
    return found.hash.hexdigest()


def digest(value: Any) -> bytes:
    """Hash of a record of numbers, words, arrays, mappings, sets and other records; arrays are read where they lie.

    Raises
    ------
    TypeError
        Where there is something in it that this does not know how to hash.
    """
    found = Digest()
    found.add(value)
    return found.hash.digest()


class Digest:
    """A hash under construction; an array that is met again is told by its number."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.met: dict[int, int] = {}

    def add(self, value: Any) -> None:
        """Add a value that outlives this object, with its type and size, so that no two values are added alike."""
        if isinstance(value, np.ndarray):
            if id(value) in self.met:
                self._say(f"array {self.met[id(value)]} again")
                return
            self.met[id(value)] = len(self.met)
            self.add_array(value)
        elif value is None or isinstance(value, (bool, int, float, str, np.generic)):
            self._say(f"{type(value).__name__} {value!r}")
        elif isinstance(value, (sparse.csr_array, sparse.csc_array)):
            self._say(f"{value.format} {value.shape}")
            for part in (value.indptr, value.indices, value.data):
                self.add_array(part)
        elif isinstance(value, Mapping):
            self._list(list(value.keys()))
            self._list(list(value.values()))
        elif isinstance(value, (set, frozenset)):
            self._list(sorted(value))
        elif isinstance(value, (tuple, list)):
            self._list(value)
        elif is_dataclass(value) and not isinstance(value, type):
            self._list([part for field in fields(value) for part in (field.name, getattr(value, field.name))])
        elif isinstance(value, ReadLikeArray):
            # What it is made of is smaller than the array it makes when it is read.
            self._list([part for name, held in sorted(vars(value).items()) for part in (name, held)])
        else:
            raise TypeError(f"cannot hash a {type(value).__name__}")

    def add_array(self, value: np.ndarray[Any, Any]) -> None:
        """Add an array in the order of memory, which is one piece whatever the order of axes; else piece by piece."""
        axes = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))
        self._say(f"array {value.dtype.str} {value.shape} {axes}")
        laid = value.transpose(axes)
        for part in (laid,) if laid.flags.c_contiguous else laid:
            if part.size:
                self.hash.update(np.ascontiguousarray(part).data.cast("B"))

    def _list(self, values: Sequence[Any]) -> None:
        self._say(f"list {len(values)}")
        for value in values:
            self.add(value)

    def _say(self, words: str) -> None:
        self.hash.update(f"{words};".encode())
