"""Samples of a case: whole, in chunks, or any chosen scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from portfolio.case.records import Case
from portfolio.case.tables import Event, Hazard
from portfolio.scenarios.demand import sample_demand
from portfolio.scenarios.drivers import Drivers, Joined, slices
from portfolio.scenarios.effects import disruption
from portfolio.scenarios.events import happening
from portfolio.scenarios.hazards import Occurrences, occurrences, sorted_hazards
from portfolio.scenarios.philox import digest
from portfolio.scenarios.prices import realised_price, sample_price
from portfolio.scenarios.projects import DELAY_DRAW, sample_fates
from portfolio.scenarios.sources import Held, HeldSource, KeyedSource, Lead, Source, design_source

METHODS = ("monte_carlo", "sobol", "latin_hypercube")
"""The ways to draw scenarios."""

THREADS = 2
"""Chunks drawn at a time: NumPy lets go of the interpreter lock within its loops."""


def sample(case: Case, count: int, seed: int, *, first: int = 0, method: str | None = None) -> Drivers:
    """Return scenarios ``first`` … ``first + count − 1``, each of probability 1/count.

    Parameters
    ----------
    case : Case
        A validated case.
    count : int
        Number of scenarios, at least 1.
    seed : int
        Seed, not negative. Under ``monte_carlo`` scenario n depends on (seed, n) and the case alone.
    first : int
        Number of the first scenario; not for ``latin_hypercube``, whose points belong to one design.
    method : str or None
        One of :data:`METHODS`; ``sampling.method`` of the case if None.

    Raises
    ------
    ValueError
        If an argument is out of range or the method unknown.
    """
    if count < 1:
        raise ValueError(f"count is {count}: ask for at least one scenario")
    chosen = _method(case, method)
    if first and chosen == "latin_hypercube":
        raise ValueError("a Latin hypercube has no scenarios beyond its own: take another seed instead of `first`")
    index = np.arange(first, first + count, dtype=np.int64)
    return _draw(case, uniform_source(case, index, seed, first + count, chosen), index, 1.0 / count)


def sample_in_chunks(
    case: Case, count: int, seed: int, chunk: int = 1000, *, method: str | None = None
) -> Iterator[Drivers]:
    """Yield the scenarios of ``sample(case, count, seed)`` in chunks, each of probability 1/count.

    Peak memory is that of one chunk. See :func:`sample` for the arguments and errors.
    """
    if count < 1 or chunk < 1:
        raise ValueError(f"count is {count} and chunk {chunk}: both have to be at least 1")
    for start in range(0, count, chunk):
        index = np.arange(start, min(start + chunk, count), dtype=np.int64)
        yield sample_chunk(case, index, seed, count, method=method)


def sample_chunk(case: Case, index: npt.ArrayLike, seed: int, total: int, *, method: str | None = None) -> Drivers:
    """Return chosen scenarios of a sample of ``total``, each of probability 1/total, in the order of ``index``.

    Parameters
    ----------
    case : Case
        A validated case.
    index : int array, (N,)
        Scenario numbers: not negative and, but for ``monte_carlo``, below ``total``.
    seed : int
        Seed, not negative.
    total : int
        Size of the whole sample.
    method : str or None
        As for :func:`sample`.
    """
    chosen = _method(case, method)
    rows = np.asarray(index, dtype=np.int64)
    if total < 1:
        raise ValueError(f"total is {total}: a sample has at least one scenario")
    if chosen != "monte_carlo" and rows.size and rows.max() >= total:
        raise ValueError(f"scenario {rows.max()} is not among the {total} points of the {chosen} design")
    return _draw(case, uniform_source(case, rows, seed, total, chosen), rows, 1.0 / total)


HELD = {
    "hazards": Held(kinds=frozenset({"tension", "hazard"})),
    "delays": Held(draws=frozenset({DELAY_DRAW})),
}
"""Drivers that may be known in advance: every event with its date, length and severity; the delay of every project."""


def sample_knowing(case: Case, known: str, groups: int, each: int, seed: int) -> Drivers:
    """Return ``groups`` draws of some drivers with ``each`` scenarios of all others, one group after the other.

    Scenario n belongs to group n // each. The known drivers of a group are those of scenario n // each of
    ``sample(case, ..., seed)`` under plain Monte Carlo; all others are drawn anew in every scenario, given them where
    they are correlated (an overrun given the delay, prices given the events).

    Parameters
    ----------
    case : Case
        A validated case.
    known : str
        One of :data:`HELD`.
    groups, each : int
        Groups, and scenarios in each.
    seed : int
        Seed, not negative.

    Raises
    ------
    ValueError
        If an argument is out of range or the drivers unknown.
    """
    if known not in HELD:
        raise ValueError(f"unknown drivers {known!r}: one of {', '.join(HELD)}")
    if groups < 1 or each < 1 or seed < 0:
        raise ValueError("groups and each have to be at least 1, seed at least 0")
    index = np.arange(groups * each, dtype=np.int64)
    source = HeldSource(HELD[known], KeyedSource(seed, index // each), KeyedSource(digest(seed, "given", known), index))
    return _draw(case, source, index, 1.0 / index.size)


def stressed_chunk(
    case: Case, index: npt.ArrayLike, seed: int, total: int, effects: Sequence[Event], start_year: int
) -> Drivers:
    """Return chosen scenarios of a Monte Carlo sample, in each of which some effects happen as well.

    All else is as in ``sample_chunk(..., method="monte_carlo")`` scenario by scenario, so that differences between the
    two are due to the effects alone. They begin in January of ``start_year``; see :func:`sample_chunk` for the rest.
    """
    rows = np.asarray(index, dtype=np.int64)
    if total < 1:
        raise ValueError(f"total is {total}: a sample has at least one scenario")
    source = uniform_source(case, rows, seed, total, "monte_carlo")
    return _draw_chunk(case, source, rows, 1.0 / total, happening(case, effects, [start_year] * rows.size), effects)


def _method(case: Case, method: str | None) -> str:
    chosen = method if method is not None else case.settings.sampling.method
    if chosen not in METHODS:
        raise ValueError(f"unknown sampling method {chosen!r}: one of {', '.join(METHODS)}")
    return chosen


def uniform_source(case: Case, index: npt.NDArray[np.int64], seed: int, total: int, method: str) -> Source:
    """Return the source of uniform draws of a method."""
    if seed < 0:
        raise ValueError(f"seed is {seed}: it cannot be negative")
    if index.ndim != 1 or (index.size and index.min() < 0):
        raise ValueError("scenario numbers are a one-dimensional list without negative numbers")
    if method == "monte_carlo":
        return KeyedSource(seed, index)
    return design_source(method, seed, index, total, leading_drivers(case))


def leading_drivers(case: Case) -> tuple[Lead, ...]:
    """Return the drivers that a Sobol sequence or Latin hypercube spreads evenly, most important first.

    Common demand level, tension path, rate and yearly counts of each export hazard, common and own price shocks.
    """
    years = len(case.years)
    export = [h.hazard for h in sorted_hazards(case) if h.kind == "export"]
    return (
        Lead("demand", "common", "level", 1),
        Lead("tension", "common", "shock", years),
        *(Lead("hazard", name, "rate", 1) for name in export),
        *(Lead("hazard", name, "count", years) for name in export),
        Lead("price", "common", "shock", years),
        *(Lead("price_of", name, "shock", years) for name in sorted(case.material_names)),
    )


def _draw(case: Case, source: Source, index: npt.NDArray[np.int64], probability: float) -> Drivers:
    """Turn uniform draws into drivers, a chunk at a time: the monthly grids in between are large."""
    whole = Joined(source.size)
    some = list(slices(source.size))
    if len(some) <= 1:
        return _draw_chunk(case, source, index, probability)
    with ThreadPoolExecutor(THREADS) as pool:
        chunks = pool.map(lambda s: _draw_chunk(case, source.rows(s), index[s], probability), some)
        for where, chunk in zip(some, chunks, strict=True):
            whole.put(where, chunk)
    return whole.drivers()


def _draw_chunk(
    case: Case,
    source: Source,
    index: npt.NDArray[np.int64],
    probability: float,
    added: Occurrences | None = None,
    added_effects: Sequence[Event] = (),
) -> Drivers:
    """Turn uniform draws into the arrays of a chunk; ``added`` happens besides what hazards do."""
    hazards = sorted_hazards(case)
    happens = occurrences(case, hazards, source)
    causes: tuple[Hazard | Event, ...] = hazards
    if added is not None:
        happens, causes = happens.and_then(added, len(hazards)), (*hazards, *added_effects)
    effects = disruption(case, causes, happens, source.size)
    price = sample_price(case, source) * effects.factor
    fates = sample_fates(case, source)
    return Drivers(
        index=index,
        probability=np.full(source.size, probability),
        disrupted=effects.disrupted,
        available=effects.available,
        running=effects.running,
        cut=effects.cut,
        price=price,
        realised=realised_price(case, price, effects.disrupted),
        demand=sample_demand(case, source),
        delay_y=fates.delay_y,
        overrun=fates.overrun,
        success_u=fates.success_u,
        unaided_u=fates.unaided_u,
        restart_u=fates.restart_u,
        rival_y=fates.rival_y,
        takeover_y=fates.takeover_y,
        rival_allied=fates.rival_allied,
    )
