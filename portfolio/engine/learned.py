"""What a search learned that serves searches of programmes like it: cuts, packages, its tree, its best first stage.

- Cuts say what the recourse costs: they hold for another programme as they are where its recourse is the same, whatever
  its first stage allows or costs.
- Choices are divided alike where they are the same choices, and packages serve where the rows of their choice let
  them through, whatever these rows were.
- The leaves of the tree are a partition of all first stages with the same choices: a search may begin with them, each
  bounded anew, and need not find again what to branch on. What splits brought (pseudocosts) goes with them.
- The best first stage is tried first wherever it is allowed.

None of it can make an answer wrong: bounds rest on cuts and packages that hold, objectives on exact passes.

Where the recourse differs (other hazards, prices, projects), cutting anew at the points whose cuts told most, and
completing the pattern of the best first stage under the new rules, were tried and measured: no cheaper than nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from portfolio.engine.cuts import CutPool
from portfolio.engine.fingerprint import Digest
from portfolio.engine.packages import Packages
from portfolio.engine.programme import Array, Integers, TwoStage
from portfolio.engine.tree import Costs, Path

if TYPE_CHECKING:
    from portfolio.engine.search import Search

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
    choices : str
        Hash of the choices of the first stage and of what it branches on: all that follows holds where it is the same.
    leaves : tuple of paths
        Where the tree ended; together they hold every first stage.
    costs : Costs
    packages : Packages or None
    """

    recourse: str
    cuts: sparse.csr_array
    lower: Array
    best: Array | None
    columns: tuple[tuple[str, Any], ...] = ()
    choices: str = ""
    leaves: tuple[Path, ...] = field(default=(), repr=False)
    costs: Costs = field(default_factory=Costs, repr=False)
    packages: Packages | None = field(default=None, repr=False)

    def in_columns(self, columns: Sequence[tuple[str, Any]]) -> Learned:
        """Return it for a first stage with other columns: unknown ones are zero; only the best stays."""
        if tuple(columns) == self.columns:
            return self
        known = {key: n for n, key in enumerate(self.columns)}
        source: Integers = np.array([known.get(key, -1) for key in columns], dtype=np.int64)
        best = None if self.best is None else np.where(source >= 0, self.best[np.maximum(source, 0)], 0.0)
        nothing = sparse.csr_array((0, self.cuts.shape[1] - len(self.columns) + len(columns)))
        return Learned("", nothing, np.zeros(0), best, tuple(columns))

    def give_cuts(self, pool: CutPool) -> None:
        """Add the cuts to the pool of a search of the same recourse."""
        room = pool.layout.size - self.cuts.shape[1]
        for row, lower in zip(self.cuts.toarray(), self.lower, strict=True):
            pool.append(np.concatenate([row, np.zeros(room)]), float(lower))

    def packages_for(self, programme: TwoStage) -> Packages | None:
        """What serves a programme of the packages, where its choices are the same."""
        if self.packages is None or self.choices != choices_mark(programme):
            return None
        return self.packages.of_like(programme)

    def give_tree(self, search: Search) -> None:
        """Begin a search with the leaves and what is known of splits, where the choices are the same."""
        if self.leaves and self.choices == choices_mark(search.programme):
            search.begun, search.costs = self.leaves, self.costs.copy()


def learned(recourse: str, search: Search) -> Learned:
    """Gather what a search leaves: cuts on means, not on tails, whose meaning depends on the level."""
    pool, programme, packages = search.pool, search.programme, search.packages
    width = pool.layout.x + pool.layout.labels
    rows, lower = pool.rows[: pool.count], pool.lower[: pool.count]
    means = ~rows[:, width:].any(axis=1)
    return Learned(
        recourse,
        sparse.csr_array(rows[means, :width]),
        lower[means].copy(),
        search.best,
        choices=choices_mark(programme),
        leaves=search.grown.leaves(min(search.bound, search.objective)),
        costs=search.costs.copy(),
        packages=None if packages is None else packages.copy(),
    )


def choices_mark(programme: TwoStage) -> str:
    """Hash of the whole columns of a first stage, and of the branches that divide it."""
    found = Digest()
    found.add((programme.first.integer, programme.branches, programme.choices))
    return found.hash.hexdigest()


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
