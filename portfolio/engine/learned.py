"""What a search learned that serves searches of programmes like it: its cuts and its best first stage.

Cuts say what the recourse costs: they hold for another programme as they are where its recourse is the same, whatever
its first stage allows or costs. The best first stage is tried first wherever it is allowed. Neither can make an answer
wrong: bounds rest on cuts that hold, objectives on exact passes.

Where the recourse differs (other hazards, prices, projects), cutting anew at the points whose cuts told most, and
completing the pattern of the best first stage under the new rules, were tried and measured: no cheaper than nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from portfolio.engine.cuts import CutPool
from portfolio.engine.fingerprint import Digest
from portfolio.engine.programme import Array, Integers, TwoStage

STEP = 500
"""Scenarios whose data are hashed at once."""


@dataclass(frozen=True)
class Learned:
    """What one search hands to others; of n first-stage columns.

    Attributes
    ----------
    recourse : str
        Hash of everything but the first stage, CVaR and its level: cuts hold where it is the same.
    cuts : (cuts, n + labels) sparse
        Rows theta_l - gradient x >= lower of the mean recourse of each part.
    lower : (cuts,)
    best : (n,) or None
        The best whole first stage.
    columns : tuple
        What the columns stand for, where somebody said.
    """

    recourse: str
    cuts: sparse.csr_array
    lower: Array
    best: Array | None
    columns: tuple[tuple[str, Any], ...] = ()

    def in_columns(self, columns: Sequence[tuple[str, Any]]) -> Learned:
        """Return it for a first stage with other columns: those it does not know are zero, cuts are dropped."""
        if tuple(columns) == self.columns:
            return self
        known = {key: n for n, key in enumerate(self.columns)}
        source: Integers = np.array([known.get(key, -1) for key in columns], dtype=np.int64)
        best = None if self.best is None else np.where(source >= 0, self.best[np.maximum(source, 0)], 0.0)
        nothing = sparse.csr_array((0, self.cuts.shape[1] - len(self.columns) + len(columns)))
        return replace(self, recourse="", cuts=nothing, lower=np.zeros(0), best=best, columns=tuple(columns))

    def give_cuts(self, pool: CutPool) -> None:
        """Add the cuts to the pool of a search of the same recourse."""
        room = pool.layout.size - self.cuts.shape[1]
        for row, lower in zip(self.cuts.toarray(), self.lower, strict=True):
            pool.append(np.concatenate([row, np.zeros(room)]), float(lower))


def learned(recourse: str, pool: CutPool, best: Array | None) -> Learned:
    """Gather what a search leaves: cuts on means, not on tails, whose meaning depends on the level."""
    width = pool.layout.x + pool.layout.labels
    rows, lower = pool.rows[: pool.count], pool.lower[: pool.count]
    means = ~rows[:, width:].any(axis=1)
    return Learned(recourse, sparse.csr_array(rows[means, :width]), lower[means].copy(), best)


def recourse_mark(programme: TwoStage) -> str:
    """Hash of what the recourse of a first stage depends on: all data of all scenarios, and every array but the first
    stage's.
    """
    found = Digest()
    for value in (
        programme.first.cost.size, programme.matrix, programme.cost, programme.equal, programme.upper,
        programme.upper_data, programme.constant, programme.direct, programme.define, programme.defined,
        programme.indirect, programme.label, programme.probability,
    ):  # fmt: skip
        found.add(value)
    whole = hashlib.sha256(found.hash.digest())
    for begin in range(0, programme.scenarios, STEP):
        part = programme.data(slice(begin, min(begin + STEP, programme.scenarios)))
        whole.update(np.ascontiguousarray(part).data.cast("B"))
    return whole.hexdigest()
