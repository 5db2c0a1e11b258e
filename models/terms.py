"""What may be committed: options, shares of their packages, benchmarks they count for, commitments that are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

OptionKey = tuple[str, str, int]
"""(project, structure, window)."""
ShareKey = tuple[str, str, str, str, int]
"""(member, project, instrument, structure, window)."""

MONEY = frozenset({"loan", "equity", "grant"})
"""Kinds whose shares are parts of the uses of funds and fill the gap (4)."""
CONTRACTS = frozenset({"cfd", "offtake"})
"""Kinds whose shares are parts of output and sum to the tranche (3)."""


@dataclass(frozen=True)
class Option:
    """One way to support a project: what is fixed once structure and window are chosen; USD M.

    ``gap`` is the part of uses that money kinds must fill (4); ``guaranteed`` the loan under guarantee over uses (3);
    ``tranche`` the part of output under price protection (3). ``equity`` is the equity of sponsor and third parties,
    ``debt`` private and third-party debt, ``debt_limit`` what can be served (4b); ``private_share`` the part of uses
    from private sources (5). ``first_year`` and ``last_year`` bound the planned contract term,
    which is when its offtake has to be placed (6b).
    """

    uses_usd_m: float
    gap: float
    guaranteed: float
    tranche: float
    equity_usd_m: float
    debt_usd_m: float
    debt_limit_usd_m: float
    private_share: float
    first_year: int
    last_year: int


@dataclass(frozen=True)
class Share:
    """What one unit share of one instrument means for one member; USD M per unit share.

    ``charge`` counts against the budget (7), ``cost`` is the expected public cost in the objective, ``payout95`` the
    95 % yearly payout (7b), ``cap`` the most of the basis of its kind (5). ``repaid`` is the expected repayment
    received before each later window, used only where repayments may be lent again.
    """

    charge_usd_m: float
    cost_usd_m: float
    payout95_usd_m: float
    cap: float
    repaid_usd_m: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would finance other commitments: expected receipts never do (7).

        Raises
        ------
        ValueError
            Where charge, cost, payout or cap is negative or not a number.
        """
        for name in ("charge_usd_m", "cost_usd_m", "payout95_usd_m", "cap"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} of a share must be at least 0, not {getattr(self, name)}")


@dataclass(frozen=True)
class Benchmark:
    """A target on mean yearly domestic capacity in operation (8a), t/y.

    ``need_tpy`` is what is missing to the target without support, ``gain_tpy`` what an option adds in the mean. A
    tonne missing costs ``penalty`` in the objective, weighted tonnes; None: none may be missing.
    """

    need_tpy: float
    gain_tpy: Mapping[OptionKey, float]
    penalty: float | None = None

    def missing(self, select: Mapping[OptionKey, float]) -> float:
        """Return what is missing to the target under values of ``select``, t/y, at least 0."""
        gained = sum(self.gain_tpy.get(key, 0.0) * value for key, value in select.items())
        return max(0.0, self.need_tpy - gained)


@dataclass(frozen=True)
class Frozen:
    """Commitments that are given (8b): all of the windows, as they were decided; what is not named is zero.

    ``select`` by option, ``share`` by share, ``rights`` by (region, project, structure, window) and ``purchase`` by
    (member, material, window), as in a decision.
    """

    windows: frozenset[int]
    select: Mapping[OptionKey, float] = field(default_factory=dict)
    share: Mapping[ShareKey, float] = field(default_factory=dict)
    rights: Mapping[tuple[str, str, str, int], float] = field(default_factory=dict)
    purchase: Mapping[tuple[str, str, int], float] = field(default_factory=dict)

    @property
    def chosen(self) -> frozenset[OptionKey]:
        """Options that are given."""
        return frozenset(key for key, value in self.select.items() if value > 0.5 and key[2] in self.windows)

    @property
    def obliges(self) -> bool:
        """Whether anything is given."""
        return bool(self.chosen) or any(v > 0 for k, v in self.purchase.items() if k[2] in self.windows)
