"""What commands with long work share: the folder to write, going on, Ctrl-C, progress, the answer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from portfolio.commands.console import as_json_text, complain, render, say

if TYPE_CHECKING:
    import click
    from rich.console import RenderableType

    from portfolio.api import Step

INTERRUPTED = 130
"""Exit code of Ctrl-C, as shells have it."""


class Result(Protocol):
    """What long work finds."""

    def summary(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        ...


R = TypeVar("R", bound=Result)


def folder_for(run: Path, what: str) -> Path:
    """Return the folder for work on a run that has none given: the same every time, so that stopped work goes on."""
    base = Path("results") / f"{run.resolve().name or 'run'}-{what}"
    target, again = base, 2
    while target.exists():
        target, again = base.with_name(f"{base.name}-{again}"), again + 1
    return target


def new_folder(run: Path, what: str) -> Path:
    """Return a folder that does not exist yet, named after the run, what is in it and the time."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return folder_for(run, f"{what}-{stamp}")


def answer(
    ctx: click.Context, target: Path, as_json: bool, do: Callable[..., R], summary: Callable[[R], RenderableType]
) -> None:
    """Do long work (called with ``out`` and ``progress``), say what it found, and leave with its exit code.

    Libraries that print stay off stdout, a terminal is told the progress, Ctrl-C says how to go on.
    """
    from portfolio.report.pieces import Pieces, pieces_of

    kept = pieces_of(target)
    before = Pieces(kept, "").count
    if before > 0:
        complain(f"Going on: {before} finished {'piece' if before == 1 else 'pieces'} in {kept}.")
    try:
        with redirect_stdout(sys.stderr), _progress() as listen:
            found = do(out=target, progress=listen)
    except KeyboardInterrupt:
        done = Pieces(kept, "").count
        if done > 0:
            complain(f"Interrupted; {done} finished {'piece is' if done == 1 else 'pieces are'} kept in {kept}. "
                     "The same command goes on from there.")  # fmt: skip
        else:
            complain("Interrupted; nothing was written.")
        ctx.exit(INTERRUPTED)
    say(as_json_text(found.summary()) if as_json else render(summary(found)))
    ctx.exit(getattr(found, "exit_code", 0))  # most results are never stopped by a limit


@contextmanager
def _progress() -> Iterator[Callable[[Step], None] | None]:
    """On a terminal, show the phase and how far it is; elsewhere stay quiet."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    timing = Timing()
    with console.status("reading") as status:

        def listen(step: Step) -> None:
            if step.notice:
                console.print(step.phase, highlight=False)
            else:
                status.update(timing.line(step))

        yield listen


@dataclass
class Timing:
    """How long a phase will take, from what it took until now."""

    clock: Callable[[], float] = time.monotonic
    _phase: str = ""
    _begin: float = 0.0
    _first: int = 0

    def line(self, step: Step) -> str:
        """Return the phase, how far it is, and how long the rest will take where that can be told."""
        now = self.clock()
        if not step.total:
            self._phase = ""
            return step.phase
        if step.phase != self._phase or step.done < self._first:
            self._phase, self._begin, self._first = step.phase, now, step.done
        done, left = step.done - self._first, step.total - step.done
        rest = "" if not done or not left else f", {duration((now - self._begin) / done * left)} left"
        return f"{step.phase} {step.done:,}/{step.total:,}{rest}"


def duration(seconds: float) -> str:
    """Return a time as people say it, rounded: "about 40 s", "about 12 min", "about 3.5 h"."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
