"""Opinions about hazard rates: quantiles of their posteriors, and the case of somebody who is sure of them.

Whoever holds an opinion takes the rates of some hazards to be certain; the others stay as uncertain as in the case.
Only rates change, and draws are keyed by hazard and scenario: under two opinions the same uniform draw is turned into
the number of events of a year, so a higher rate adds events to those of the lower and takes none away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
from scipy.special import gammaincinv

from portfolio.case.records import Case
from portfolio.case.tables import Hazard

KINDS = ("export", "price", "outage")
"""Kinds of hazard, each a group."""


@dataclass(frozen=True)
class Opinion:
    """Somebody is sure that hazards of a group have the rates at one quantile of their posteriors.

    Attributes
    ----------
    name : str
        As reports call it.
    group : str
        What the hazards have in common; empty for the opinion of the case itself.
    quantile : float
        Of every hazard's posterior, between 0 and 1; not a number for the case itself.
    hazards : tuple of str
        The hazards; none for the case itself.
    """

    name: str
    group: str
    quantile: float
    hazards: tuple[str, ...]

    @staticmethod
    def of_case(case: Case) -> Opinion:
        """The opinion of the case: rates drawn from their posteriors, or as they stand where that is switched off."""
        name = "posterior" if case.settings.sampling.uncertain_rates else "rates of the case"
        return Opinion(name, "", float("nan"), ())

    @staticmethod
    def at(group: str, hazards: Sequence[str], quantile: float) -> Opinion:
        """All hazards of a group at one quantile."""
        return Opinion(f"{group} at {100 * quantile:.6g} %", group, quantile, tuple(hazards))

    def of(self, case: Case) -> Case:
        """The case as whoever holds the opinion sees it."""
        return believing(case, dict.fromkeys(self.hazards, self.quantile))


def posterior_rate(hazard: Hazard, quantile: float) -> float:
    """Quantile of a hazard's rate, events a year: Gamma of shape ``rate_events`` + 1/2 and mean ``rate``.

    Raises
    ------
    ValueError
        Where the quantile is not between 0 and 1.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"a quantile lies between 0 and 1, not {quantile}")
    shape = hazard.rate_events + 0.5
    if np.isinf(shape):
        return hazard.rate
    return float(hazard.rate * gammaincinv(shape, quantile) / shape)


def believing(case: Case, quantiles: Mapping[str, float]) -> Case:
    """Return the case with the rates of some hazards certain, at quantiles of their posteriors.

    Raises
    ------
    ValueError
        Where the case has no hazard of a name, or a quantile is out of range.
    """
    unknown = set(quantiles) - {h.hazard for h in case.hazards}
    if unknown:
        raise ValueError(f"no such hazards: {', '.join(sorted(unknown))}")
    if not quantiles:
        return case
    sure = tuple(
        replace(h, rate=posterior_rate(h, quantiles[h.hazard]), rate_events=float("inf"))
        if h.hazard in quantiles
        else h
        for h in case.hazards
    )
    return replace(case, hazards=sure)


def hazards_of(case: Case, group: str) -> tuple[str, ...]:
    """Hazards of a group: a kind, or a pattern of names such as ``CHN_*``; in the order of their names.

    Raises
    ------
    ValueError
        Where there is none.
    """
    names = sorted(
        h.hazard for h in case.hazards if (group in KINDS and h.kind == group) or fnmatchcase(h.hazard, group)
    )
    if not names:
        offered = ", ".join(sorted(h.hazard for h in case.hazards)) or "there are none"
        raise ValueError(f"no hazard is of the group {group!r}: kinds are {', '.join(KINDS)}; hazards: {offered}")
    return tuple(names)
