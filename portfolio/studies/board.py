"""The points of a sweep: read from the case and checked before any is solved, each case solved once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from portfolio.case.records import Case
from portfolio.studies.designs import Row
from portfolio.studies.families import Families, Member
from portfolio.studies.outputs import Tried
from portfolio.studies.points import Answer, Point, Sampled
from portfolio.studies.running import Desk

BASE = "base"
"""Name of the point that is the case as it is."""


@dataclass(frozen=True)
class _Place:
    """A point before it is solved: its name, what it is for, its case and that as a variation."""

    name: str
    role: str
    case: Case
    member: Member

    @property
    def world(self) -> str:
        """Hash of what its world without the fund depends on."""
        return _digest(self.member.common)


@dataclass
class Board:
    """Rows of a design and what was found at them.

    Attributes
    ----------
    read : callable
        Gives the cases of rows, all of them checked.
    desk : Desk, optional
        Where points are solved; it comes after the first rows are checked, since it writes to disk.
    """

    read: Callable[[Sequence[Row]], list[Case]]
    desk: Desk | None = None
    _families: Families = field(default_factory=Families)
    _rows: dict[Row, _Place] = field(default_factory=dict)
    _cases: dict[str, _Place] = field(default_factory=dict)
    _answers: dict[str, Answer] = field(default_factory=dict)
    _worlds: dict[str, Answer] = field(default_factory=dict)

    def add(self, rows: Sequence[Row], role: str) -> None:
        """Read and check the cases of rows; rows that come to the same case are one point.

        Raises
        ------
        CaseError
            With every problem of every row.
        """
        new = [row for row in dict.fromkeys(rows) if row not in self._rows]
        cases = self.read(new)
        for row, case, member in zip(new, cases, self._families.add(cases), strict=True):
            key = _digest(case)
            if key not in self._cases:
                name = BASE if not self._cases else f"{role}-{len(self._cases):05d}"
                self._cases[key] = _Place(name, BASE if not self._cases else role, case, member)
            self._rows[row] = self._cases[key]

    @property
    def due(self) -> int:
        """Points not solved yet."""
        return sum(p.name not in self._answers for p in self._cases.values())

    def solve(self) -> None:
        """Solve the points added since; those that share a programme one after the other, the case itself first."""
        places = [p for p in self._cases.values() if p.name not in self._answers]
        order = {world: n for n, world in enumerate(dict.fromkeys(p.world for p in self._cases.values()))}
        places.sort(key=lambda p: (p.name != BASE, order[p.world]))
        points, seen = [], set(self._worlds)
        for p in places:
            points.append(Point(p.name, p.member.common, p.member.changes, baseline=p.world not in seen))
            seen.add(p.world)
        self._ask(points, places)
        # Where the point that was to measure a world found no portfolio, another one measures it.
        bare = {
            p.world: p for p in places if p.world not in self._worlds and self._answers[p.name].decision is not None
        }
        if bare:
            again = [Point(f"{p.name}-without", p.member.common, p.member.changes) for p in bare.values()]
            for p, found in zip(bare.values(), self._solved(again), strict=True):
                self._worlds[p.world] = found

    def _ask(self, points: Sequence[Point], places: Sequence[_Place]) -> None:
        for point, place, found in zip(points, places, self._solved(points), strict=True):
            self._answers[place.name] = found
            if point.baseline and found.decision is not None:
                self._worlds[place.world] = found

    def _solved(self, points: Sequence[Point]) -> list[Answer]:
        """Answers to points; the case itself always comes first, so that all learn from the same one."""
        if not points:
            return []
        if self.desk is None:
            raise ValueError("there is no desk to solve points at")
        if points[0].name == BASE:
            return self.desk.solve(points)
        base = next(iter(self._cases.values()))
        return self.desk.solve([Point(BASE, base.member.common, base.member.changes), *points])[1:]

    def restricted(self, asked: Sequence[tuple[str, Row, frozenset[str]]], gap: float) -> list[Answer]:
        """Solve points again with exactly some projects supported: (name, row, projects) each."""
        points = []
        for name, row, projects in asked:
            place = self._rows[row]
            others = frozenset(p.project for p in place.case.projects) - projects
            changes = place.member.changes
            only = replace(changes, must=changes.must | projects, never=others)
            points.append(Point(name, place.member.common, only, gap=gap, measured=False))
        return self._solved(points)

    def at(self, row: Row) -> Tried:
        """Return what was found at a row."""
        place = self._rows[row]
        return self._tried(place)

    def points(self) -> list[tuple[Row, Tried]]:
        """Every point once, in the order in which they came, with the first row that came to it."""
        first: dict[str, Row] = {}
        for row, place in self._rows.items():
            first.setdefault(place.name, row)
        return [(first[place.name], self._tried(place)) for place in self._cases.values()]

    def _tried(self, place: _Place) -> Tried:
        world = self._worlds.get(place.world)
        measured: Sampled | None = None if world is None else world.fresh
        return Tried(
            name=place.name,
            role=place.role,
            case=place.case,
            answer=self._answers[place.name],
            weighted_without=np.zeros(0) if measured is None else measured.weighted_without,
            tonnes_without=np.zeros(0) if measured is None else measured.tonnes_without,
            in_sample_without=None if world is None else world.weighted_without,
        )


def _digest(case: Case) -> str:
    return hashlib.sha256(repr(case).encode()).hexdigest()
