"""Solvers behind one protocol."""

from models import Instance
from portfolio.engine.benders import Benders
from portfolio.engine.extensive import ExtensiveForm
from portfolio.engine.protocol import Engine, Limits, Progress, Solution, Status

METHODS = ("auto", "extensive", "benders")
"""Names of the engines; ``auto`` chooses."""

SMALL = 500
"""Options times scenarios up to which the extensive form is as fast."""


def choose(method: str, instance: Instance) -> Engine:
    """Return the engine of a name; ``auto`` takes the extensive form where it is small, else the decomposition.

    Raises
    ------
    ValueError
        Where there is no engine of that name.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}: one of {', '.join(METHODS)}")
    small = len(instance.options) * instance.scenarios.size <= SMALL
    if method == "extensive" or (method == "auto" and small):
        return ExtensiveForm()
    return Benders()


__all__ = ["METHODS", "Benders", "Engine", "ExtensiveForm", "Limits", "Progress", "Solution", "Status", "choose"]
