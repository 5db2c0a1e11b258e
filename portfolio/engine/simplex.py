"""Dual simplex steps on small dense programmes that share a matrix, as machine code; used by bunching.

Variables are columns, then slacks (matrix y - slack = h). Every basis is kept once with its inverse, computed afresh by
elimination, so that errors do not add up from step to step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from portfolio.engine.kernels import WIDTH, kernel, part
from portfolio.engine.programme import Array, Flags, Integers

PRIMAL = 1e-9
"""Infeasibility, relative to an instance's largest right-hand side or bound, up to which a basis counts as feasible."""
PIVOT = 1e-7
"""Least pivot of a step."""
SINGULAR = 1e-11
"""Least pivot of an inverse."""

DONE, FULL, OPEN, INFEASIBLE, LOST = 0, -1, -2, -3, -4
"""How a loop ended: all solved, no room for another basis, no steps left, no solution, no dual-feasible basis."""

Small = npt.NDArray[np.int32]


class Pieces(NamedTuple):
    """A shape in arrays; m rows, n columns, b bounded ones, q with a cost that moves.

    Attributes
    ----------
    start, place, value : columns and slacks, entry by entry
    end : (n + m,)
        0: no upper bound, 1: fixed at zero, 2 and on: place of the bound.
    bounded : (b,)
    rows, columns, tops : (pieces, m), (pieces, n), (pieces, b)
        Where rows, columns and bounded columns are in the programme.
    cost : (pieces, n + m)
    moving : (q,)
    price_start, price_index, price_value : what prices take from the cost of moving columns, by piece and column
    label : (pieces,)
    mark : (n + m + b,)
        Random numbers; those of basic variables and of columns at their bound add up to the mark of a basis.
    tolerance : (1,)
        Reduced cost up to which a basis counts as dual feasible.
    """

    start: Integers
    place: Integers
    value: Array
    end: Integers
    bounded: Integers
    rows: Integers
    columns: Integers
    tops: Integers
    cost: Array
    moving: Integers
    price_start: Integers
    price_index: Integers
    price_value: Array
    label: Integers
    mark: Integers
    tolerance: Array


class Pool(NamedTuple):
    """Bases met so far, in the first ``size[0]`` places; ``table`` finds them by their mark.

    Attributes
    ----------
    inverse : (K, m, m)
    basic : (K, m)
        Basic variables, ascending.
    high : (K, b)
        Bounded columns at their upper bound.
    mark : (K,)
    table : (power of two,)
        Place of a basis plus one, 0 where there is none.
    size : (1,)
    """

    inverse: Array
    basic: Small
    high: Flags
    mark: Integers
    table: Small
    size: Small


class Work(NamedTuple):
    """Room for the numbers of one instance.

    Limits h and ``top``, costs, values x, duals y, a row of the tableau, ratios; a basis and the matrix it has.
    """

    h: Array
    top: Array
    cost: Array
    x: Array
    y: Array
    alpha: Array
    ratio: Array
    basic: Small
    high: Flags
    square: Array


@kernel
def work(pieces: Pieces) -> Work:
    """Room for one instance."""
    m, n, b = pieces.rows.shape[1], pieces.end.size, pieces.bounded.size
    return Work(
        np.empty(m), np.empty(b), np.empty(n), np.empty(m), np.empty(m), np.empty(n), np.empty(n),
        np.empty(m, dtype=np.int32), np.empty(b, dtype=np.bool_), np.empty((m, 2 * m)),
    )  # fmt: skip


@kernel
def solve_all(
    pool: Pool,
    pieces: Pieces,
    rows: Array,
    upper: Array,
    mu: Array,
    live: Flags,
    moved: Flags,
    last: Small,
    found: Array,
    steps: int,
    begin: int,
    given: bool,
) -> tuple[int, int]:
    """Solve instances from number ``begin`` on (by block, piece, place in the block); where it stopped, and why.

    ``last`` are the bases they start from (-1: slacks) and end with; values are added to ``found`` (scenarios,
    labels). Where prices ``moved`` a last basis need not be dual feasible. Instances that are not ``live`` have nothing
    but zeros for limits, whatever the point, so that they are worth nothing under any basis. With ``given`` the
    first one's basis is taken as it is.
    """
    w = work(pieces)
    scenarios, count = last.shape
    basic, high = pool.basic, pool.high
    for number in range(begin, rows.shape[0] * count * WIDTH):
        b, p, j = number // (count * WIDTH), number // WIDTH % count, number % WIDTH
        s = b * WIDTH + j
        if s >= scenarios or (last[s, p] >= 0 and not live[s, p]):
            continue
        k = int(last[s, p])
        largest, short = _load(pieces.end, pieces.rows[p], pieces.tops[p], rows[b], upper[b], j, w.h, w.top)
        if k == 0 and short <= PRIMAL * (1.0 + largest) and not moved[s]:
            continue
        _price(pieces, p, mu[s], w.cost)
        take = given and number == begin
        slack = np.inf if take else PRIMAL * (1.0 + largest)
        first = k if k > 0 else 0
        k = _solve(pool, pieces, w, slack, first, (k < 0 or moved[s]) and not take, steps)
        if k < 0:
            return number, k
        last[s, p] = k
        found[s, pieces.label[p]] += _worth(basic[k], high[k], pieces.bounded, w.cost, w.x, w.top)
    return last.size, DONE


@kernel
def duals_of(pool: Pool, pieces: Pieces, mu: Array, live: Flags, last: Small, weight: Array, found: Array) -> None:
    """Row duals of all instances times the weights of their scenarios, written to ``found`` (blocks, rows, WIDTH)."""
    w = work(pieces)
    m, n = pieces.rows.shape[1], pieces.columns.shape[1]
    for s in range(last.shape[0]):
        for p in range(last.shape[1]):
            if last[s, p] > 0 and live[s, p] and weight[s] != 0.0:
                _price(pieces, p, mu[s], w.cost)
                _duals(pool.inverse[last[s, p]], pool.basic[last[s, p]], w.cost, w.y)
                for i in range(m):
                    y = w.y[i] if pieces.end[n + i] == 1 else max(w.y[i], 0.0)
                    found[s // WIDTH, pieces.rows[p, i], s % WIDTH] = y * weight[s]


@kernel
def columns_of(pool: Pool, pieces: Pieces, rows: Array, upper: Array, last: Small, found: Array) -> None:
    """Values of the columns of all instances, written to ``found`` (scenarios, columns)."""
    w = work(pieces)
    n = pieces.columns.shape[1]
    for s in range(last.shape[0]):
        b, j = s // WIDTH, s % WIDTH
        for p in range(last.shape[1]):
            k = last[s, p]
            _load(pieces.end, pieces.rows[p], pieces.tops[p], rows[b], upper[b], j, w.h, w.top)
            _values(
                pool.inverse[k], pool.high[k], pieces.bounded, pieces.start, pieces.place, pieces.value,
                w.h, w.top, w.y, w.x,
            )  # fmt: skip
            for c in range(n):
                found[s, pieces.columns[p, c]] = 0.0
            for e in range(w.top.size):
                if pool.high[k, e]:
                    found[s, pieces.tops[p, e]] = w.top[e]
            for i in range(w.x.size):
                if pool.basic[k, i] < n:
                    found[s, pieces.columns[p, pool.basic[k, i]]] = max(w.x[i], 0.0)


@kernel
def add(pool: Pool, pieces: Pieces, w: Work) -> int:
    """Place of the basis in ``w``, new or known; FULL where there is no room, LOST where it is singular."""
    mark = 0
    for i in range(w.basic.size):
        mark += pieces.mark[w.basic[i]]
    for b in range(w.high.size):
        if w.high[b]:
            mark += pieces.mark[pieces.end.size + b]
    at = mark & (pool.table.size - 1)
    while pool.table[at] > 0:
        k = int(pool.table[at]) - 1
        if pool.mark[k] == mark and _same(pool.basic[k], w.basic) and _same(pool.high[k], w.high):
            return int(k)
        at = (at + 1) & (pool.table.size - 1)
    k = int(pool.size[0])
    if k == pool.mark.size:
        return FULL
    if not _invert(pieces.start, pieces.place, pieces.value, w.basic, w.square, pool.inverse[k]):
        return LOST
    for i in range(w.basic.size):
        pool.basic[k, i] = w.basic[i]
    for b in range(w.high.size):
        pool.high[k, b] = w.high[b]
    pool.mark[k] = mark
    pool.table[at] = k + 1
    pool.size[0] = k + 1
    return k


@kernel
def _solve(pool: Pool, pieces: Pieces, w: Work, slack: float, k: int, moved: bool, steps: int) -> int:
    """Optimal basis of one instance by dual simplex steps from basis k, or why there is none; values in ``w.x``."""
    inverse, basic, high, bounded = pool.inverse, pool.basic, pool.high, pieces.bounded
    columns, index, value = pieces.start, pieces.place, pieces.value
    start = k
    while moved:
        k = _repair(pool, pieces, w, start)
        if k != LOST or start == 0:
            break
        start = 0
    for step in range(steps + 1):
        if k < 0:
            break
        _values(inverse[k], high[k], bounded, columns, index, value, w.h, w.top, w.y, w.x)
        row, over = _worst(basic[k], pieces.end, w.x, w.top, slack)
        if row < 0:
            return k
        if step == steps:
            return OPEN
        _duals(inverse[k], basic[k], w.cost, w.y)
        _signs(basic[k], high[k], pieces.bounded, pieces.end, w.alpha)
        entering = _entering(inverse[k, row], pieces, over, w)
        if entering < 0:
            return INFEASIBLE
        k = _neighbour(pool, pieces, w, k, row, over, entering)
    return OPEN if k == LOST else k


@part
def _load(
    end: Integers, at: Integers, tops: Integers, rows: Array, upper: Array, j: int, h: Array, top: Array
) -> tuple[float, float]:
    """Take the limits of an instance; the largest absolute value, and what slacks alone are short of most."""
    largest, short, n = 0.0, 0.0, end.size - at.size
    for i in range(at.size):
        h[i] = rows[at[i], j]
        largest = max(largest, abs(h[i]))
        short = max(short, abs(h[i]) if end[n + i] == 1 else h[i])
    for b in range(tops.size):
        top[b] = upper[tops[b], j]
        largest = max(largest, top[b])
    return largest, short


@part
def _price(pieces: Pieces, p: int, mu: Array, cost: Array) -> None:
    """Take the costs of an instance."""
    own, q = pieces.cost[p], pieces.moving.size
    for c in range(cost.size):
        cost[c] = own[c]
    for i in range(q):
        for e in range(pieces.price_start[p * q + i], pieces.price_start[p * q + i + 1]):
            cost[pieces.moving[i]] -= pieces.price_value[e] * mu[pieces.price_index[e]]


@part
def _values(
    inverse: Array,
    high: Flags,
    bounded: Integers,
    start: Integers,
    index: Integers,
    value: Array,
    h: Array,
    top: Array,
    rest: Array,
    x: Array,
) -> None:
    """Values of basic variables."""
    m = h.size
    for i in range(m):
        rest[i] = h[i]
    for b in range(top.size):
        if high[b] and top[b] != 0.0:
            c = bounded[b]
            for e in range(start[c], start[c + 1]):
                rest[index[e]] -= value[e] * top[b]
    for i in range(m):
        found = 0.0
        for j in range(m):
            found += inverse[i, j] * rest[j]
        x[i] = found


@kernel
def _worth(basic: Small, high: Flags, bounded: Integers, cost: Array, x: Array, top: Array) -> float:
    """Value of an instance from those of its variables."""
    value = 0.0
    for i in range(x.size):
        value += cost[basic[i]] * x[i]
    for b in range(top.size):
        if high[b]:
            value += cost[bounded[b]] * top[b]
    return value


@kernel
def _duals(inverse: Array, basic: Small, cost: Array, y: Array) -> None:
    """Row duals."""
    for i in range(y.size):
        y[i] = 0.0
    for i in range(y.size):
        of = cost[basic[i]]
        if of != 0.0:
            for j in range(y.size):
                y[j] += of * inverse[i, j]


@kernel
def _signs(basic: Small, high: Flags, bounded: Integers, end: Integers, sign: Array) -> None:
    """Sign that reduced costs have under a dual-feasible basis; 0 for basic variables and slacks that are fixed."""
    for v in range(sign.size):
        sign[v] = 0.0 if end[v] == 1 else 1.0
    for b in range(bounded.size):
        if high[b]:
            sign[bounded[b]] = -1.0
    for i in range(basic.size):
        sign[basic[i]] = 0.0


@kernel
def _worst(basic: Small, end: Integers, x: Array, top: Array, slack: float) -> tuple[int, bool]:
    """Row of the basic variable furthest beyond its bounds, -1 for none, and whether it is above the upper one."""
    row, over, most = -1, False, slack
    for i in range(x.size):
        kind = end[basic[i]]
        if -x[i] > most:
            row, over, most = i, False, -x[i]
        if kind > 0:
            excess = x[i] - (top[kind - 2] if kind > 1 else 0.0)
            if excess > most:
                row, over, most = i, True, excess
    return row, over


@kernel
def _entering(across: Array, pieces: Pieces, over: bool, w: Work) -> int:
    """Ratio test in a row of the inverse: the variable that enters; -1 for none. Signs are in ``w.alpha``."""
    start, index, value = pieces.start, pieces.place, pieces.value
    cost, y, alpha, ratio = w.cost, w.y, w.alpha, w.ratio
    least = np.inf
    for v in range(alpha.size):
        sign = alpha[v]
        if sign == 0.0:
            continue
        one, two = 0.0, cost[v]
        for e in range(start[v], start[v + 1]):
            one += across[index[e]] * value[e]
            two -= y[index[e]] * value[e]
        alpha[v] = one * sign if over else -one * sign
        if alpha[v] > PIVOT:
            ratio[v] = max(two * sign, 0.0) / alpha[v]
            least = min(least, ratio[v])
    entering, most = -1, PIVOT
    for v in range(alpha.size):
        if alpha[v] > most and ratio[v] <= least + 1e-12 * (1.0 + least):
            entering, most = v, alpha[v]
    return entering


@kernel
def _neighbour(pool: Pool, pieces: Pieces, w: Work, k: int, row: int, over: bool, entering: int) -> int:
    """The basis where the variable of a row leaves for another."""
    basic, high, before = w.basic, w.high, pool.basic[k]
    leaving = before[row]
    for b in range(high.size):
        high[b] = pool.high[k, b]
    if pieces.end[entering] > 1:
        high[pieces.end[entering] - 2] = False
    if over and pieces.end[leaving] > 1:
        high[pieces.end[leaving] - 2] = True
    at = 0
    for i in range(basic.size):
        if i != row:
            basic[at] = before[i]
            at += 1
    while at > 0 and basic[at - 1] > entering:
        basic[at] = basic[at - 1]
        at -= 1
    basic[at] = entering
    return add(pool, pieces, w)


@kernel
def _repair(pool: Pool, pieces: Pieces, w: Work, k: int) -> int:
    """Dual-feasible basis by moving columns between their bounds; LOST where that is not enough."""
    start, index, value, end = pieces.start, pieces.place, pieces.value, pieces.end
    sign, y = w.alpha, w.y
    _duals(pool.inverse[k], pool.basic[k], w.cost, y)
    _signs(pool.basic[k], pool.high[k], pieces.bounded, end, sign)
    for b in range(w.high.size):
        w.high[b] = pool.high[k, b]
    flips = False
    for v in range(sign.size):
        if sign[v] != 0.0:
            reduced = w.cost[v]
            for e in range(start[v], start[v + 1]):
                reduced -= y[index[e]] * value[e]
            if reduced * sign[v] < -pieces.tolerance[0]:
                if end[v] < 2:
                    return LOST
                w.high[end[v] - 2] = not w.high[end[v] - 2]
                flips = True
    if not flips:
        return k
    for i in range(w.basic.size):
        w.basic[i] = pool.basic[k, i]
    return add(pool, pieces, w)


@part
def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    same = True
    for i in range(one.size):
        same = same and one[i] == other[i]
    return same


@kernel
def _invert(start: Integers, index: Integers, value: Array, basic: Small, a: Array, found: Array) -> bool:
    """Inverse of a basis by elimination with the largest pivot of each column, in ``a``; whether there is one."""
    m = basic.size
    for c in range(m):
        for j in range(2 * m):
            a[c, j] = 1.0 if j == m + c else 0.0
    for c in range(m):
        for e in range(start[basic[c]], start[basic[c] + 1]):
            a[index[e], c] = value[e]
    for c in range(m):
        best = c
        for r in range(c + 1, m):
            if abs(a[r, c]) > abs(a[best, c]):
                best = r
        if abs(a[best, c]) < SINGULAR:
            return False
        pivot = a[best, c]
        for j in range(c, 2 * m):
            upper = a[best, j] / pivot
            a[best, j] = a[c, j]
            a[c, j] = upper
        for r in range(m):
            factor = a[r, c]
            if r != c and factor != 0.0:
                for j in range(c, 2 * m):
                    a[r, j] -= factor * a[c, j]
    for r in range(m):
        for j in range(m):
            found[r, j] = a[r, m + j]
    return True
