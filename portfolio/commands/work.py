"""What commands with long work in pieces share: the folder to write, going on, Ctrl-C, progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from portfolio.commands.console import complain

if TYPE_CHECKING:
    from portfolio.api import Step

INTERRUPTED = 130
"""Exit code of Ctrl-C, as shells have it."""


class StoppedError(Exception):
    """Ctrl-C: what was finished is kept."""


def folder_for(run: Path, what: str) -> Path:
    """Return the folder for work on a run that has none given: the same every time, so that stopped work goes on."""
    base = Path("results") / f"{run.resolve().name or 'run'}-{what}"
    target, again = base, 2
    while target.exists():
        target, again = base.with_name(f"{base.name}-{again}"), again + 1
    return target


@contextmanager
def work(target: Path) -> Iterator[Callable[[Step], None] | None]:
    """Do long work: libraries that print stay off stdout, a terminal is told the progress, Ctrl-C says how to go on.

    Raises
    ------
    StoppedError
        On Ctrl-C, after saying what is kept.
    """
    from portfolio.report.pieces import Pieces, pieces_of

    kept = pieces_of(target)
    before = Pieces(kept, "").count
    if before > 0:
        complain(f"Going on: {before} finished {'piece' if before == 1 else 'pieces'} in {kept}.")
    try:
        with redirect_stdout(sys.stderr), _progress() as listen:
            yield listen
    except KeyboardInterrupt:
        done = Pieces(kept, "").count
        if done > 0:
            complain(f"Interrupted; {done} finished {'piece is' if done == 1 else 'pieces are'} kept in {kept}. "
                     "The same command goes on from there.")  # fmt: skip
        else:
            complain("Interrupted; nothing was written.")
        raise StoppedError from None


@contextmanager
def _progress() -> Iterator[Callable[[Step], None] | None]:
    """On a terminal, show the phase and how far it is; elsewhere stay quiet."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with console.status("reading") as status:
        yield lambda step: status.update(f"{step.phase} {step.done:,}/{step.total:,}" if step.total else step.phase)
