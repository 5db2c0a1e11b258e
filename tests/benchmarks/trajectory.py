"""How objective and bound came together over time: written as it happens, so that a killed run leaves it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

INF = float("inf")


@dataclass(frozen=True)
class Point:
    """Best objective and bound after some seconds (``inf`` and ``-inf`` before there are any)."""

    seconds: float
    objective: float
    bound: float

    @property
    def gap(self) -> float:
        """Relative gap (objective - bound) / |objective|; ``inf`` where one of them is missing."""
        if self.objective == INF or self.bound == -INF:
            return INF
        return max(0.0, self.objective - self.bound) / max(abs(self.objective), 1e-10)


class Recorder:
    """Writes a line for every improvement of objective or bound; seconds count from its making.

    Only the best so far counts: a bound that was proven stays proven.
    """

    def __init__(self, path: Path) -> None:
        self.origin = time.perf_counter()
        self.best = Point(0.0, INF, -INF)
        self._file = path.open("w", encoding="utf-8")

    @property
    def seconds(self) -> float:
        """Seconds since the recorder was made."""
        return time.perf_counter() - self.origin

    def add(self, objective: float | None, bound: float | None) -> None:
        """Record an objective and a bound seen now; what is missing, infinite or no better changes nothing."""
        best = self.best
        now = Point(self.seconds, best.objective, best.bound)
        if objective is not None and abs(objective) < 1e20 and objective < best.objective:
            now = Point(now.seconds, float(objective), now.bound)
        if bound is not None and abs(bound) < 1e20 and bound > best.bound:
            now = Point(now.seconds, now.objective, float(bound))
        if (now.objective, now.bound) != (best.objective, best.bound):
            self.best = now
            line = {
                "seconds": now.seconds,
                "objective": None if now.objective == INF else now.objective,
                "bound": None if now.bound == -INF else now.bound,
            }
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


def read(path: Path) -> list[Point]:
    """Read what a recorder wrote; a last line cut short by a kill is left out."""
    points: list[Point] = []
    if not path.is_file():
        return points
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            item = json.loads(line)
        except json.JSONDecodeError:
            break
        objective, bound = item["objective"], item["bound"]
        points.append(Point(item["seconds"], INF if objective is None else objective, -INF if bound is None else bound))
    return points


def seconds_to(points: Iterable[Point], gap: float) -> float | None:
    """Seconds until the gap was proven, None where it never was."""
    return next((p.seconds for p in points if p.gap <= gap * (1 + 1e-9)), None)
