"""Contradictions between numbers that must agree."""

from __future__ import annotations

TOLERANCE = 1e-5
"""Relative difference from which two numbers contradict each other."""


class InternalError(RuntimeError):
    """The product contradicts itself; its numbers are not to be used."""


def check_at_most(low: float, high: float, what: str) -> None:
    """Refuse to go on where ``low`` exceeds ``high`` by more than rounding.

    Raises
    ------
    InternalError
        With both numbers, and what they are.
    """
    if low > high + TOLERANCE * max(abs(low), abs(high), 1e-6):
        raise InternalError(f"{what}: {low:.9g} is above {high:.9g}, which cannot be")
