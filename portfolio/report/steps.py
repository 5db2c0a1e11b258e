"""Where long work is, for whoever listens, and how long its phases take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Step:
    """Where long work is: its phase, and how far within it.

    ``done`` and ``total`` count projects simulated or scenarios measured; ``objective`` and ``bound`` are those of
    the search (``inf`` and ``-inf`` before there are any), ``seconds`` how long it has run. The phase ``going on`` is
    told once where a stopped search goes on, with what it had found so far. A ``notice`` is a sentence in place of a
    phase, to stay on the terminal.
    """

    phase: str
    done: int = 0
    total: int = 0
    objective: float = np.inf
    bound: float = -np.inf
    seconds: float = 0.0
    notice: bool = False


StepCall = Callable[[Step], None]


@dataclass
class Clock:
    """Wall time by phase; tells whoever listens where the work is."""

    listen: StepCall | None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Tell that a phase begins, and keep how long it takes."""
        begin = time.perf_counter()
        self.tell(Step(name))
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin

    def tell(self, step: Step) -> None:
        """Tell where the work is."""
        if self.listen is not None:
            self.listen(step)
