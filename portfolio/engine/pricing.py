"""Pricing: the best package of every choice under the prices of the rows that link groups (Dantzig and Wolfe 1960).

A package is a point z of a choice's polytope: its binary at one, its columns within their bounds and the rows of its
group. The best package of a choice at given prices is a small linear programme, kept warm. Two memories save most of
them: packages met before, and the bases they were found with, whose prices bound what any package of the choice can
cost, whatever the prices of linking rows (weak duality).
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from portfolio.engine.highs import LinearProgram, SolverError, load, solve
from portfolio.engine.programme import Array, Flags, Integers, TwoStage

POSSIBLE = 1e-6
"""What a choice's rows may miss by and still count as met; they are then relaxed by that much."""
CERTIFICATES = 4
"""Dual solutions remembered of each choice."""
SPECK = 1e-9
"""Reduced cost below zero that counts as rounding where a column has no upper bound."""
DIVIDED = ("columns", "lower", "upper", "group", "select")
"""Arrays of layers with a row for each choice."""
REMEMBERED = ("origin", "real", "possible", "turn", "inverse", "base", "weight")
"""Arrays of a pricing with a row for each choice."""


@dataclass(frozen=True)
class Layers:
    """Programmes of all choices side by side.

    Attributes
    ----------
    columns : (J, width)
        First-stage columns of each choice, its binary first; padded by n, the number of first-stage columns.
    lower, upper : (J, width)
        Bounds, those of the binary both one; zero for padding.
    group, select : (J,)
        Group and binary of each choice.
    local : (rows of the first stage,)
        Rows that bind within one group alone and hold where all of it is zero.
    """

    columns: Integers
    lower: Array
    upper: Array
    group: Integers
    select: Integers
    local: Flags

    @property
    def size(self) -> int:
        """Number of choices."""
        return int(self.group.size)


def layers(programme: TwoStage) -> Layers:
    """Arrange the choices of a programme."""
    first, choices = programme.first, programme.choices
    n, width = first.cost.size, 1 + max(c.others.size for c in choices)
    columns = np.full((len(choices), width), n, dtype=np.int64)
    for j, choice in enumerate(choices):
        columns[j, 0] = choice.column
        columns[j, 1 : 1 + choice.others.size] = choice.others
    lower, upper = (np.append(bounds, 0.0)[columns] for bounds in (first.lower, first.upper))
    lower[:, 0] = upper[:, 0] = 1.0
    return Layers(
        columns=columns,
        lower=lower,
        upper=upper,
        group=np.array([c.group for c in choices], dtype=np.int64),
        select=np.array([c.column for c in choices], dtype=np.int64),
        local=_local_rows(programme),
    )


def _local_rows(programme: TwoStage) -> Flags:
    first = programme.first
    owner = np.full(first.cost.size, -1)
    for choice in programme.choices:
        owner[choice.column] = owner[choice.others] = choice.group
    matrix = sparse.csr_array(first.matrix)
    some = np.flatnonzero(np.diff(matrix.indptr))
    least, most = (reduce.reduceat(owner[matrix.indices], matrix.indptr[some]) for reduce in (np.minimum, np.maximum))
    found = np.zeros(first.row_lower.size, dtype=bool)
    found[some] = (least == most) & (least >= 0)
    return np.asarray(found & (first.row_lower <= 0) & (first.row_upper >= 0))


@dataclass(frozen=True)
class Tables:
    """The rows of every choice, as it was before any division, as dense tables padded with rows without effect.

    Attributes
    ----------
    matrix : (J, height, width)
    lower, upper : (J, height)
    rows : (J,)
        Rows of each choice that are no padding.
    """

    matrix: Array
    lower: Array
    upper: Array
    rows: Integers


class Pricing:
    """Packages of least reduced cost, and proven bounds on them."""

    def __init__(self, programme: TwoStage) -> None:
        self.layers = layers(programme)
        size, self.width = self.layers.columns.shape
        self.real = self.layers.columns < programme.first.cost.size
        own, owner = _side_by_side(programme, self.layers)
        own, self.possible = _without_impossible(own, owner, size)
        self.tables = _tables(own, owner, self.real.sum(axis=1), self.width)
        height = self.tables.lower.shape[1]
        self.origin = np.arange(size)
        self.turn = np.zeros(size, dtype=np.int64)
        self.inverse = np.zeros((size, CERTIFICATES, self.width, height))
        self.met: list[dict[bytes, int]] = [{} for _ in range(size)]
        self.base = np.full((size, CERTIFICATES), -np.inf)
        self.weight = np.zeros((size, CERTIFICATES, self.width))
        self.solvers: dict[int, highspy.Highs] = {}
        self.held: dict[str, Array] = {}
        self.divisions: list[tuple[int, int]] = []

    def bounds(self, q: Array, below: Array) -> Array:
        """Lower bounds on the cost of any package of each choice at costs q (n,) of the first-stage columns.

        Those under ``below`` (J,) are tightened by the prices that bases met before imply at these costs.
        """
        wanted = np.append(q, 0.0)[self.layers.columns]
        reduced = wanted[:, None] - self.weight
        held = self.base + _least(reduced, self.layers.lower[:, None], self.layers.upper[:, None]).sum(axis=2)
        found = np.asarray(held.max(axis=1))
        which = np.flatnonzero(found < below)
        if which.size:
            dual = np.matmul(wanted[which][:, None, None], self.inverse[which])[:, :, 0]
            base, weight = self._worth(dual, which)
            reduced = wanted[which][:, None] - weight
            rest = _least(reduced, self.layers.lower[which][:, None], self.layers.upper[which][:, None]).sum(axis=2)
            best = (base + rest).argmax(axis=1)
            at = np.arange(which.size)
            self._keep(which, base[at, best], weight[at, best])
            found[which] = np.maximum(found[which], (base + rest)[at, best])
        return found

    def best(self, q: Array, which: Integers) -> tuple[Array, Array]:
        """Least cost (choices,) and packages (choices, width) of some choices at costs q; their bases are remembered.

        Raises
        ------
        SolverError
            Where HiGHS finds no optimum.
        """
        wanted = np.append(q, 0.0)[self.layers.columns][which]
        package, dual = np.zeros((which.size, self.width)), np.zeros((which.size, 1, self.tables.lower.shape[1]))
        for n, j in enumerate(which):
            solver, size = self._solver(int(j)), int(self.real[j].sum())
            solver.changeColsCost(size, np.arange(size, dtype=np.int32), wanted[n, :size])
            solver.run()
            if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                word = solver.modelStatusToString(solver.getModelStatus())
                raise SolverError(f"pricing the packages of the first stage ended with status {word}")
            solution = solver.getSolution()
            package[n, :size] = solution.col_value
            dual[n, 0, : len(solution.row_dual)] = solution.row_dual
            _, basic = solver.getBasicVariables()
            basic = np.sort(np.asarray(basic, dtype=np.int64))
            self._invert(int(j), basic[basic >= 0], np.sort(-1 - basic[basic < 0]))
        package = np.clip(package, self.layers.lower[which], self.layers.upper[which])
        base, weight = self._worth(dual, which)
        self._keep(which, base[:, 0], weight[:, 0])
        return (wanted * package).sum(axis=1), package

    def split(self, j: int, place: int) -> int:
        """Divide a choice by a binary of its: it keeps the column at zero, a new choice has it at one; its number.

        What is remembered of the choice holds for both.
        """
        new = self._part(j, place)
        for part in (j, new):
            self._check(part)
        return new

    def divide_as(self, other: Pricing) -> None:
        """Divide choices, none of which is divided yet, as they are in the pricing of a like programme.

        Bases remembered there come along where the rows of the choice are the same but for their limits.
        """
        for j, place in other.divisions:
            self._part(j, place)
        for j in sorted({j for j, _ in other.divisions} | set(range(self.tables.rows.size, self.layers.size))):
            self._check(j)
        mine, theirs = self.tables, other.tables
        if mine.matrix.shape == theirs.matrix.shape:
            same = (mine.rows == theirs.rows) & (mine.matrix == theirs.matrix).all(axis=(1, 2))
            for k in np.flatnonzero(same[self.origin]):
                self.inverse[k], self.met[k] = other.inverse[k], dict(other.met[k])

    def _part(self, j: int, place: int) -> int:
        """Make two choices of one, as yet without asking whether they can be made; the number of the new one."""
        new = self.layers.size
        rows: dict[str, Any] = {name: self._again(name, getattr(self.layers, name), j) for name in DIVIDED}
        self.layers = replace(self.layers, **rows)
        self.layers.upper[j, place], self.layers.lower[new, place] = 0.0, 1.0
        for name in REMEMBERED:
            setattr(self, name, self._again(name, getattr(self, name), j))
        self.met.append(dict(self.met[j]))
        self.solvers.pop(j, None)
        self.divisions.append((j, place))
        return new

    def _check(self, j: int) -> None:
        """Find out whether a choice can be made."""
        if self.possible[j]:
            solver = self._solver(j)
            solver.run()
            self.possible[j] = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal

    def _again(self, name: str, rows: Array, j: int) -> Array:
        """Rows with row j once more at the end, in an array that has room for more."""
        size, held = len(rows), self.held.get(name, rows)
        if len(held) == size:
            held = self.held[name] = np.concatenate([rows, np.zeros_like(rows)])
        held[size] = held[j]
        return held[: size + 1]

    def copy(self) -> Pricing:
        """The same choices, divided as they are, and what is remembered of them; nothing is shared."""
        new = copy(self)
        new.layers = replace(self.layers, **{name: np.array(getattr(self.layers, name)) for name in DIVIDED})
        for name in REMEMBERED:
            setattr(new, name, np.array(getattr(self, name)))
        new.met = [dict(one) for one in self.met]
        new.solvers, new.held, new.divisions = {}, {}, list(self.divisions)
        return new

    def admits(self, choice: Integers, value: Array) -> Flags:
        """Which packages (K, width) of some choices (K,) keep bounds and rows."""
        own = self.origin[choice]
        rows = np.matmul(self.tables.matrix[own], value[:, :, None])[:, :, 0]
        room = SPECK * (1.0 + np.abs(rows))
        kept = (rows >= self.tables.lower[own] - room) & (rows <= self.tables.upper[own] + room)
        inside = (value >= self.layers.lower[choice] - SPECK) & (value <= self.layers.upper[choice] + SPECK)
        return np.asarray(kept.all(axis=1) & inside.all(axis=1))

    def _solver(self, j: int) -> highspy.Highs:
        """Warm programme of a choice; small, and made when first asked for."""
        if j not in self.solvers:
            solver = self.solvers[j] = load(self._alone(j))
            for option, value in (("threads", 1), ("solver", "simplex"), ("presolve", "off"), ("simplex_strategy", 4)):
                solver.setOptionValue(option, value)
        return self.solvers[j]

    def _alone(self, j: int) -> LinearProgram:
        """The programme of one choice."""
        own, size = self.origin[j], int(self.real[j].sum())
        rows = int(self.tables.rows[own])
        return LinearProgram(
            cost=np.zeros(size),
            offset=0.0,
            matrix=sparse.csc_array(self.tables.matrix[own][:rows, :size]),
            row_lower=self.tables.lower[own][:rows],
            row_upper=self.tables.upper[own][:rows],
            lower=self.layers.lower[j][:size],
            upper=self.layers.upper[j][:size],
            integer=np.zeros(size, dtype=bool),
        )

    def _invert(self, j: int, columns: Integers, rows: Integers) -> None:
        """Keep the part of a basis' inverse that turns costs of columns into prices of rows."""
        key = columns.tobytes() + b"|" + rows.tobytes()
        height = int(self.tables.rows[self.origin[j]])
        if key in self.met[j] or columns.size + rows.size != height:
            return
        matrix = self.tables.matrix[self.origin[j]][:height]
        try:
            inverse = np.linalg.inv(np.hstack([matrix[:, columns], np.eye(height)[:, rows]]))
        except np.linalg.LinAlgError:  # bounds need no basis: a bound is lost, not wrong
            return
        at = len(self.met[j]) % CERTIFICATES
        for old, place in list(self.met[j].items()):
            if place == at:
                del self.met[j][old]
        self.met[j][key] = at
        self.inverse[j, at] = 0.0
        self.inverse[j, at, columns, :height] = inverse[: columns.size]

    def _worth(self, dual: Array, which: Integers) -> tuple[Array, Array]:
        """What prices (choices, c, height) of the choices' own rows are worth, and what they take off costs of columns.

        Any prices prove a bound; those of a sign that the row has no limit for count as zero.
        """
        own = self.origin[which]
        lower, upper = self.tables.lower[own][:, None], self.tables.upper[own][:, None]
        limit = np.where(dual > 0, lower, upper)
        dual = np.where(np.isinf(limit), 0.0, dual)
        worth = (dual * np.where(np.isinf(limit), 0.0, limit)).sum(axis=2)
        return worth, np.matmul(dual, self.tables.matrix[own])

    def _keep(self, which: Integers, base: Array, weight: Array) -> None:
        at = self.turn[which] % CERTIFICATES
        self.base[which, at], self.weight[which, at] = base, weight
        self.turn[which] += 1


def _tables(own: LinearProgram, owner: Integers, sizes: Integers, width: int) -> Tables:
    count = np.bincount(owner, minlength=sizes.size)
    height = max(1, int(count.max()))
    matrix = np.zeros((sizes.size, height, width))
    lower, upper = np.full((sizes.size, height), -np.inf), np.full((sizes.size, height), np.inf)
    rows, row, column = sparse.csr_array(own.matrix), 0, 0
    for j, (many, size) in enumerate(zip(count, sizes, strict=True)):
        matrix[j, :many, :size] = rows[row : row + many, column : column + size].toarray()
        lower[j, :many], upper[j, :many] = own.row_lower[row : row + many], own.row_upper[row : row + many]
        row, column = row + many, column + size
    return Tables(matrix, lower, upper, count)


def _least(reduced: Array, lower: Array, upper: Array) -> Array:
    """Least of reduced cost times a column within its bounds."""
    sure = np.where((reduced < 0) & np.isinf(upper) & (reduced > -SPECK), 0.0, reduced)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(sure >= 0, sure * lower, np.where(sure == 0, 0.0, sure * upper)))


def _side_by_side(programme: TwoStage, held: Layers) -> tuple[LinearProgram, Integers]:
    """The rows of all choices, each over the columns of its own alone, and the choice each row is of."""
    first = programme.first
    rows = sparse.csr_array(sparse.csr_array(first.matrix)[np.flatnonzero(held.local)])
    low, high = first.row_lower[held.local], first.row_upper[held.local]
    by_column = sparse.csc_array(rows)
    blocks, row_lower, row_upper = [], [], []
    for j in range(held.size):
        real = held.columns[j] < first.cost.size
        part = sparse.csr_array(by_column[:, held.columns[j][real]])
        used = _binding(part, low, high, held.lower[j][real], held.upper[j][real])
        blocks.append(part[used])
        row_lower.append(low[used])
        row_upper.append(high[used])
    real = held.columns < first.cost.size
    program = LinearProgram(
        cost=np.zeros(int(real.sum())),
        offset=0.0,
        matrix=sparse.csc_array(sparse.block_diag(blocks)),
        row_lower=np.concatenate(row_lower),
        row_upper=np.concatenate(row_upper),
        lower=held.lower[real],
        upper=held.upper[real],
        integer=np.zeros(int(real.sum()), dtype=bool),
    )
    return program, np.repeat(np.arange(held.size), [one.size for one in row_lower])


def _binding(matrix: sparse.csr_array, low: Array, high: Array, lower: Array, upper: Array) -> Integers:
    """Rows that the bounds of their columns do not already imply."""
    up, down = matrix.maximum(0.0), matrix.minimum(0.0)
    reach = np.where(np.isinf(upper), 0.0, upper), np.isinf(upper).astype(float)
    most = up @ reach[0] + down @ lower + np.where(up @ reach[1] > 0, np.inf, 0.0)
    least = up @ lower + down @ reach[0] + np.where(down @ reach[1] < 0, -np.inf, 0.0)
    return np.flatnonzero((most > high) | (least < low))


def _without_impossible(program: LinearProgram, owner: Integers, choices: int) -> tuple[LinearProgram, Flags]:
    """Free the rows of choices that cannot be made at all; which can (choices,)."""
    rows = program.row_lower.size
    elastic = replace(
        program,
        cost=np.concatenate([program.cost, np.ones(2 * rows)]),
        matrix=sparse.csc_array(sparse.hstack([program.matrix, sparse.eye_array(rows), -sparse.eye_array(rows)])),
        lower=np.concatenate([program.lower, np.zeros(2 * rows)]),
        upper=np.concatenate([program.upper, np.full(2 * rows, np.inf)]),
        integer=np.zeros(program.cost.size + 2 * rows, dtype=bool),
    )
    x = solve(elastic).x
    if x is None:
        raise SolverError("the rows of the first stage's choices could not be checked")
    missing = x[program.cost.size :].reshape(2, rows).sum(axis=0)
    worst = np.zeros(choices)
    np.maximum.at(worst, owner, missing)
    freed = worst[owner] > POSSIBLE
    relaxed = replace(
        program,
        row_lower=np.where(freed, -np.inf, program.row_lower - missing),
        row_upper=np.where(freed, np.inf, program.row_upper + missing),
    )
    return relaxed, worst <= POSSIBLE
