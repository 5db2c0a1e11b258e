"""Recourse: what happens in one scenario once commitments stand. No equation couples materials.

Every function adds one numbered constraint of ``MODEL.md`` to a block and says its formula. Tonnes are those of the
block: rates are scaled by its length, so that a short embargo is not averaged away by calm months.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from models.expressions import Block, total
from models.scenarios import BLOCKS, DISRUPTED
from models.view import Cell, View, most_stock


def add_variables(block: Block, v: View) -> None:
    """Allocation in tonnes of the block, shares of nameplate for ``running`` and ``delivered``."""
    i = v.instance
    block.make = pyo.Var([c for c in v.cells if c[1] > 0], domain=pyo.NonNegativeReals)
    block.transfer = pyo.Var(list(v.partners), domain=pyo.NonNegativeReals)
    block.release = pyo.Var(list(v.releases), domain=pyo.NonNegativeReals)
    years = range(len(i.years))
    block.stock = pyo.Var([(r, m, t) for r, m in v.holders for t in years], domain=pyo.NonNegativeReals)
    block.running = pyo.Var([(p, t) for p in range(len(i.projects)) for t in v.years])
    claimed = sorted({(i.regions.index(c[0]), i.projects.index(c[1])) for c in i.claims})
    block.delivered = pyo.Var([(r, p, t) for r, p in claimed for t in v.years])


def shortfall(block: Block, v: View, first: Block) -> None:
    """(11) 0 <= shallow <= alpha demand, 0 <= deep <= (1 - alpha) demand: bounds of the variables."""
    wanted = [c for c in v.cells if v.wanted(c)]
    alpha = v.instance.shallow_share

    def most(depth: str, c: Cell) -> Any:
        part = float(alpha[c[2]] if depth == "shallow" else 1.0 - alpha[c[2]])
        return part * v.source("demand", *c)

    for depth in ("shallow", "deep"):
        if not v.symbolic:
            setattr(block, depth, pyo.Var(wanted, bounds=lambda _, *c, d=depth: (0.0, most(d, c))))
            continue
        setattr(block, depth, pyo.Var(wanted, domain=pyo.NonNegativeReals))
        variable = getattr(block, depth)
        limit = pyo.Constraint(wanted, rule=lambda _, *c, d=depth, x=variable: x[c] - most(d, c) <= 0)
        setattr(block, f"{depth}_limit", limit)


def production(block: Block, v: View, first: Block) -> None:
    """Survival: what runs with and without support, and what is delivered by right.

    running[p,t] = sum_{a,v} output select + unaided (1 - sum_{a,v} (1 - lost) select);
    delivered[r,p,t] = sum_{a,v} contracted rights[r,p,a,v].
    """
    i, source = v.instance, v.source
    windows = {year: n for n, year in enumerate(i.windows)}

    def runs(b: Block, p: int, t: int) -> Any:
        terms = []
        for key in v.options_of[p]:
            effect = source("output", i.option_index[key], t) - source("kept", p, windows[key[2]], t)
            if not _zero(effect):
                terms.append(effect * first.select[key])
        return b.running[p, t] - total(terms) - source("unaided", p, t) == 0

    def delivers(b: Block, r: int, p: int, t: int) -> Any:
        terms = []
        for key in v.options_of[p]:
            claim, part = (i.regions[r], *key), source("contracted", i.option_index[key], t)
            if not _zero(part) and claim in first.rights:
                terms.append(part * first.rights[claim])
        return b.delivered[r, p, t] - total(terms) == 0

    block.runs = pyo.Constraint(list(block.running), rule=runs)
    block.delivers = pyo.Constraint(list(block.delivered), rule=delivers)


def _zero(value: Any) -> bool:
    """Whether a coefficient is the number zero."""
    return isinstance(value, int | float) and value == 0


def supply(block: Block, v: View, mode: str, cell: Cell, group: int | None = None) -> Any:
    """Tonnes of captive output (free) or processing slots (process) of a cell, linear in running and delivered.

    capacity reach (performance delivered_r + access ((1 - promised) running - sum_r' delivered_r')
    + performance promised_to_r running). With ``group``, a set of partners, only projects whose country spares one.
    """
    i = v.instance
    r, k, m, t, b = cell
    capacity = i.captive if mode == "captive" else i.process
    terms: list[Any] = []
    for p in v.made_at[mode, k, m]:
        c = v.country[p]
        arriving = v.source("reach", c, r, k, m, t, b) if group is None else v.source("spared", c, r, group, k, m, t, b)
        if _zero(arriving):
            continue
        tonnes = float(capacity[p, k, m])
        access = float(i.access[p, r]) * (i.crisis_access if b == DISRUPTED else 1.0)
        performance = i.crisis_performance if b == DISRUPTED else 1.0
        promised = float(i.precommitted[p, k, m, t])
        market = access * (1.0 - promised)
        if i.precommitted_to[p, k, m] == r:
            market += performance * promised
        if market != 0:
            terms.append(arriving * (tonnes * market * block.running[p, t]))
        for to in range(len(i.regions)):
            part = (performance if to == r else 0.0) - access
            if part != 0 and (to, p, t) in block.delivered:
                terms.append(arriving * (tonnes * part * block.delivered[to, p, t]))
    return total(terms)


def processing(block: Block, v: View, first: Block) -> None:
    """(9) make_k <= process_k + toll_k."""
    block.processing = pyo.Constraint(
        list(block.make),
        rule=lambda b, *c: b.make[c] - supply(b, v, "process", c) - v.source("toll", *c) <= 0,
    )


def balance(block: Block, v: View, first: Block) -> None:
    """(10) free + make + import + release + in - out + shallow + deep >= demand + make_{k+1} / recovery_{k+1}."""
    i = v.instance

    def rule(b: Block, *cell: int) -> Any:
        r, k, m, t, block_ = cell
        c: Cell = (r, k, m, t, block_)
        terms = [supply(b, v, "captive", c)]
        if k > 0:
            terms.append(b.make[c])
        if k == i.stock_stage and (r, m, t, block_) in b.release:
            terms.append(b.release[r, m, t, block_])
        for other in range(len(i.regions)):
            if (r, other, *c[1:]) in b.transfer:
                terms += [b.transfer[other, r, *c[1:]], -b.transfer[r, other, *c[1:]]]
        if c in b.shallow:
            terms += [b.shallow[c], b.deep[c]]
        if k + 1 < len(i.stages):
            terms.append(-b.make[r, k + 1, m, t, block_] / float(i.recovery[k + 1]))
        demand = v.source("demand", *c) if v.wanted(c) else 0.0
        return total(terms) + v.source("imports", *c) - demand >= 0

    block.balance = pyo.Constraint([c for c in v.cells if not _idle(v, c)], rule=rule)


def _idle(v: View, cell: Cell) -> bool:
    """Whether a balance holds whatever happens: nothing is demanded there and nothing processes its product."""
    i, k = v.instance, cell[1]
    return k + 1 == len(i.stages) and not v.wanted(cell) and i.solidarity[k] <= 0


def stock(block: Block, v: View, first: Block) -> None:
    """(12) stock[t] = (1 - loss) stock[t-1] + sum purchase - release; bought only while the region is not cut.

    Where data are variables, whether stock may be released is a bound: the most there can be, or nothing.
    """
    i = v.instance
    buyers = {
        (r, m, t): [
            key
            for key in i.purchases
            if (i.regions.index(i.region_of[key[0]]), i.materials.index(key[1]), i.years.index(key[2])) == (r, m, t)
        ]
        for r, m, t in block.stock
    }

    def rule(b: Block, r: int, m: int, t: int) -> Any:
        bought = [v.source("bought", r, m, t) * first.purchase[key] for key in buyers[r, m, t]]
        released = [b.release[r, m, t, x] for x in BLOCKS if (r, m, t, x) in b.release]
        keep = 1.0 - i.stock_loss
        before = keep * (b.stock[r, m, t - 1] if t > 0 else 0.0)
        opening = keep * float(i.opening[r, m]) if t == 0 else 0.0
        return b.stock[r, m, t] - before - total(bought) + total(released) == opening

    block.stocking = pyo.Constraint(list(block.stock), rule=rule)
    if v.symbolic:
        block.release_limit = pyo.Constraint(
            list(block.release),
            rule=lambda b, *c: b.release[c] - most_stock(i, *c[:3]) * v.source("releasable", *c) <= 0,
        )
        block.stock_limit = pyo.Constraint(list(block.stock), rule=lambda b, *c: b.stock[c] - most_stock(i, *c) <= 0)


def transfers(block: Block, v: View, first: Block) -> None:
    """(13) sum_{r' in G} out[r,r'] <= solidarity_k (free' + make + imports'), for every set G of partners of r.

    The primes leave out projects and suppliers that cut all of G, so that embargoed goods are not re-exported: neither
    to one partner nor, the rest being counted once for each of them, to several. The same with process' + toll in the
    place of make where processors in G's embargo have slots.
    """
    i = v.instance

    def sides(b: Block, r: int, g: int, cell: Cell) -> tuple[Any, Any]:
        sent = total(b.transfer[r, to, *cell[1:]] for to in v.groups[g])
        passed_on = supply(b, v, "captive", cell, g) + v.source("reexport", r, g, *cell[1:])
        return sent, passed_on

    def limit(b: Block, r: int, g: int, *where: int) -> Any:
        cell: Cell = (r, where[0], where[1], where[2], where[3])
        sent, passed_on = sides(b, r, g, cell)
        made = b.make[cell] if cell[1] > 0 else 0.0
        return sent - float(i.solidarity[cell[1]]) * (passed_on + made) <= 0

    def processed(b: Block, r: int, g: int, *where: int) -> Any:
        cell: Cell = (r, where[0], where[1], where[2], where[3])
        sent, passed_on = sides(b, r, g, cell)
        slots = supply(b, v, "process", cell, g) + v.source("toll", *cell)
        return sent - float(i.solidarity[cell[1]]) * (passed_on + slots) <= 0

    rows = [
        (c[0], g, *c[1:])
        for c in v.cells
        if i.solidarity[c[1]] > 0
        for g, who in enumerate(v.groups)
        if c[0] not in who
    ]
    block.transfer_limit = pyo.Constraint(rows, rule=limit)
    embargoed = [row for row in rows if v.embargoes(row[1], (row[0], row[2], row[3], row[4], row[5]))]
    block.transfer_processed = pyo.Constraint(embargoed, rule=processed)


def fairness(block: Block, v: View, first: Block) -> None:
    """(14) worst[k,m,t] >= sum_b (shallow + deep)_r / (agreed ratio_r * forecast demand_r), for every r."""
    i = v.instance
    keys = sorted({c[1:4] for c in block.shallow if i.fairness_weight[c[1], c[2], c[3]] > 0})
    block.worst = pyo.Var(keys, domain=pyo.NonNegativeReals)

    def rule(b: Block, r: int, k: int, m: int, t: int) -> Any:
        allowance = float(i.agreed_ratio[r] * i.forecast[r, k, m, t])
        short = [x[r, k, m, t, s] for s in BLOCKS if (r, k, m, t, s) in b.shallow for x in (b.shallow, b.deep)]
        if allowance <= 0 or not short:
            return pyo.Constraint.Skip
        return allowance * b.worst[k, m, t] - total(short) >= 0

    block.fair = pyo.Constraint([(r, *key) for key in keys for r in range(len(i.regions))], rule=rule)


def weighted_shortfall(block: Block, v: View) -> Any:
    """Z: sum of weight * discount * shortfall by depth, weighted tonnes."""
    weight = v.instance.weight
    return total(
        [float(weight[0, c[2], c[3]]) * block.shallow[c] for c in block.shallow]
        + [float(weight[1, c[2], c[3]]) * block.deep[c] for c in block.deep]
    )


def side_costs(block: Block, v: View) -> Any:
    """What the objective pays besides Z: transfers (against loops) and ``worst`` (14), weighted tonnes."""
    i = v.instance
    terms = [i.transfer_cost * block.transfer[key] for key in block.transfer]
    terms += [float(i.fairness_weight[key]) * block.worst[key] for key in block.worst]
    return total(terms)


CONSTRAINTS = {
    "production": production,
    "11": shortfall,
    "9": processing,
    "10": balance,
    "12": stock,
    "13": transfers,
    "14": fairness,
}
"""Every numbered constraint of the recourse."""


def add_recourse(block: Block, v: View, first: Block) -> None:
    """Add variables and constraints (9) to (14) of one scenario; ``first`` holds variables or numbers."""
    add_variables(block, v)
    for add in CONSTRAINTS.values():
        add(block, v, first)
