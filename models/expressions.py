"""What all parts of the algebra share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyomo.environ as pyo

Block = Any
"""A Pyomo block or concrete model (Pyomo has no types)."""


def total(terms: Iterable[Any]) -> Any:
    """Sum of Pyomo terms, as one linear expression."""
    return pyo.quicksum(terms)
