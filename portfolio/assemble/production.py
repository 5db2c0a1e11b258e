"""What projects yield on the sample optimised over, with and without support, written in place chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.terms import OptionKey
from portfolio.assemble.memory import Within, zeros
from portfolio.assemble.options import Choice
from portfolio.case.records import Case
from portfolio.finance.closing import Closing, lost_before, supported
from portfolio.finance.contracts import Market, market
from portfolio.finance.simulate import yields
from portfolio.finance.types import Financing
from portfolio.finance.unaided import alone, merchant
from portfolio.scenarios.drivers import Drivers, slices

Array = npt.NDArray[np.float64]
Compact = npt.NDArray[np.float32]

CHUNK = 2000
"""Scenarios simulated at once: with fewer, calls take longer than the numbers in them."""


@dataclass(frozen=True)
class Production:
    """Shares of nameplate as in :class:`models.Scenarios`, rounded to single precision.

    ``output`` and ``contracted`` (S, J, T), the latter put together when it is read. ``unaided`` (S, P, T) is kept in
    double precision but rounded alike, so that support which changes nothing differs by exactly nothing; ``lost``
    (S, P, V).

    Memory is laid out option by option, year by year, scenario by scenario: what one option yields in a year is
    contiguous, and years without output cost no memory as long as nothing is written to them.
    """

    output: Compact
    contracted: Within
    unaided: Array
    lost: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Target:
    """The arrays of :class:`Production` as they lie in memory: scenarios last."""

    output: Compact
    part: Compact
    unaided: Array


def produce(
    case: Case,
    options: Iterable[OptionKey],
    choices: Mapping[tuple[str, str], Choice],
    drivers: Drivers,
    expected_price: Array,
) -> Production:
    """Simulate every option and every project without support on the sample optimised over.

    Parameters
    ----------
    case : Case
        The case.
    options : iterable of (project, structure, window)
        In the order of the J axis.
    choices : mapping
        Financing by (project, structure).
    drivers : Drivers
        S scenarios.
    expected_price : array, (M, T)
        Forecast of reference prices, USD/kg.
    """
    plan = _Plan.of_options(case, list(options), choices)
    years, size = len(case.years), drivers.size
    target = _Target(
        output=zeros((len(plan.keys), years, size), np.float32),
        part=zeros((len(plan.first), years, size), np.float32),
        unaided=zeros((len(case.projects), years, size)),
    )
    chunks = [(some, drivers.rows(some)) for some in slices(size, CHUNK)]
    prepared = [_Chunk(some, chunk, market(case, chunk)) for some, chunk in chunks]
    # One after the other: steps this small wait for the interpreter lock longer than two threads save.
    for number, project in enumerate(case.projects):
        money = merchant(case, project, expected_price)
        for chunk in prepared:
            _simulate(case, number, money, chunk, plan, target)
    output = target.output.transpose(2, 0, 1)
    return Production(
        output=output,
        contracted=Within(output, target.part.transpose(2, 0, 1), plan.group),
        unaided=target.unaided.transpose(2, 0, 1),
        lost=lost(case, drivers),
    )


@dataclass(frozen=True)
class _Plan:
    """Options in the order of the J axis, and which of them share a contract term.

    ``group`` (J,) numbers the terms, ``first`` holds the first option of each, ``of`` the options of each project.
    """

    keys: list[OptionKey]
    choices: Mapping[tuple[str, str], Choice]
    group: npt.NDArray[np.int64]
    first: frozenset[int]
    of: Mapping[str, list[int]]

    @classmethod
    def of_options(cls, case: Case, keys: list[OptionKey], choices: Mapping[tuple[str, str], Choice]) -> _Plan:
        terms = [(p, v, choices[p, a].structure.term_from, choices[p, a].structure.term_y) for p, a, v in keys]
        numbers = {term: g for g, term in enumerate(dict.fromkeys(terms))}
        of: dict[str, list[int]] = {p.project: [] for p in case.projects}
        for j, key in enumerate(keys):
            of[key[0]].append(j)
        group = np.array([numbers[term] for term in terms], dtype=np.int64)
        return cls(keys, choices, group, frozenset(terms.index(term) for term in numbers), of)


@dataclass(frozen=True)
class _Chunk:
    """Some scenarios, what is drawn for them, and prices."""

    some: slice
    drivers: Drivers
    prices: Market


def _simulate(case: Case, number: int, money: Financing, chunk: _Chunk, plan: _Plan, target: _Target) -> None:
    """Simulate a project without support and under each of its options on some scenarios."""
    project = case.projects[number]
    mine = plan.of[project.project]
    closings: list[Closing] = [alone(case, project, money, chunk.drivers)]
    for j in mine:
        p, a, window = plan.keys[j]
        c = plan.choices[p, a]
        closings.append(supported(case, project, c.structure, c.financing, window, chunk.drivers))
    wanted = [n for n, j in enumerate(mine, start=1) if j in plan.first]
    output, part = yields(case, project, closings, chunk.drivers, chunk.prices, wanted)
    _write(target.unaided[number], chunk.some, output[0].astype(np.float32))
    for n, j in enumerate(mine, start=1):
        _write(target.output[j], chunk.some, output[n])
        if n in part:
            _write(target.part[plan.group[j]], chunk.some, part[n])


def lost(case: Case, drivers: Drivers) -> npt.NDArray[np.bool_]:
    """Whether a rival takes each project before each window, shape (S, P, V)."""
    found = [[lost_before(case, p, v, drivers) for v in case.windows] for p in case.projects]
    shape = (len(case.projects), len(case.windows), drivers.size)
    return np.ascontiguousarray(np.array(found, dtype=bool).reshape(shape).transpose(2, 0, 1))


def _write(target: npt.NDArray[np.floating], some: slice, values: npt.NDArray[np.floating]) -> None:
    """Write the years of (T, chunk) values in which there is anything into their place in (T, S)."""
    for t in np.flatnonzero(np.any(values != 0.0, axis=1)):
        target[t, some] = values[t]
