"""Checkpoints beside run folders: which search they are of, and which run folders they may replace."""

from __future__ import annotations

import glob
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.engine import Benders, Engine, Status
from portfolio.engine.checkpoint import CheckpointError, Kept, busy, discard, peek
from portfolio.report.folder import OutputError, check_target

SUFFIX = ".checkpoint"
STOPPED = 3
"""Exit code of a run that was stopped by a limit."""
OURS = frozenset(
    {
        "run.json",
        "decision.json",
        "portfolio.csv",
        "projects.csv",
        "ledger.csv",
        "shortfall.csv",
        "supply.csv",
        "balance.csv",
        "benchmarks.csv",
        "scenarios.parquet",
        "inputs",
        "report.html",
    }
)
"""Names in a run folder that are made by the product, so that replacing it loses nothing."""


def checkpoint_of(target: Path) -> Path:
    """Return where the search of a run folder is kept while it is not done."""
    return target.with_name(target.name + SUFFIX)


def stopped(target: Path) -> bool:
    """Whether there is a run folder whose ``run.json`` says that its search was stopped by a limit."""
    try:
        record = json.loads((target / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("exit_code") == STOPPED


def replaceable(target: Path) -> bool:
    """Whether a run folder was stopped and its checkpoint is beside it, so that a better result may replace it."""
    return not target.is_symlink() and stopped(target) and checkpoint_of(target).exists()


def check_out(target: Path) -> None:
    """Fail early where a run folder could not be written, nor one that was stopped be replaced.

    Raises
    ------
    OutputError
        As :func:`portfolio.report.folder.check_target`; and where a folder to replace holds files of somebody else.
    """
    again = replaceable(target)
    check_target(target, replace=again)
    if again:
        foreign = sorted({p.name for p in target.iterdir()} - OURS)
        if foreign:
            raise OutputError(
                f"{target} was stopped and would be replaced, but holds {', '.join(foreign)}, which no run wrote; "
                "move that away first"
            )


@dataclass(frozen=True)
class About:
    """What a checkpoint says about its search: ``mark`` is a hash of case, settings and sample; ``words`` say it."""

    mark: str
    words: str

    @staticmethod
    def of(case: Case) -> About:
        """Describe the search of a case; the order of rows in its files makes no difference."""
        sampling = case.settings.sampling
        mark = hashlib.sha256(repr(ordered(case)).encode()).hexdigest()
        return About(mark, f"case {case.settings.case.name}, {sampling.scenarios:,} scenarios, seed {sampling.seed}")

    @staticmethod
    def parse(text: str) -> About:
        """Read what :meth:`text` wrote."""
        try:
            held = json.loads(text)
            return About(str(held["mark"]), str(held["words"]))
        except (ValueError, KeyError, TypeError):
            return About("", "a search of unknown origin")

    def text(self) -> str:
        """Write for the checkpoint."""
        return json.dumps({"mark": self.mark, "words": self.words})


def kept_for(target: Path, about: About) -> Kept | None:
    """What is kept for a run folder, None where nothing is.

    Raises
    ------
    CheckpointError
        Where it cannot be read, is of another search, or another process is at work on it.
    """
    path = checkpoint_of(target)
    kept = peek(path)
    if kept is None:
        return None
    if busy(path):
        raise CheckpointError(f"{path}: another process is at work on it; give another --out")
    found = About.parse(kept.about)
    if found.mark != about.mark:
        same = " with other inputs or settings" if found.words == about.words else f", not of {about.words}"
        raise CheckpointError(
            f"{path} is of {found.words}{same}; give another --out, or remove {path.name} to start anew"
        )
    return kept


@dataclass(frozen=True)
class Keeping:
    """The file a search is kept in: where, what to write about the search, and what an earlier one left in it."""

    path: Path | None
    about: str = ""
    found: Kept | None = None

    @staticmethod
    def of(target: Path | None, case: Case, method: str) -> Keeping:
        """Look for what is kept for a run folder; nothing is kept without one.

        Raises
        ------
        CheckpointError
            As :func:`kept_for`, and where the method cannot go on from it.
        """
        if target is None:
            return Keeping(None)
        about, path = About.of(case), checkpoint_of(target)
        found = kept_for(target, about)
        if found is not None and method == "extensive":
            raise CheckpointError(
                f"{path} is of a search by method benders, from which extensive cannot go on; leave out the method, "
                f"give another --out, or remove {path.name}"
            )
        return Keeping(path, about.text(), found)

    def method(self, wanted: str) -> str:
        """Method to use: a search that was begun by decomposition goes on so."""
        return wanted if self.found is None else "benders"

    def bind(self, engine: Engine) -> Engine:
        """Tell an engine where to keep its search, if it can."""
        return replace(engine, checkpoint=self.path, about=self.about) if isinstance(engine, Benders) else engine

    def stays(self, status: Status) -> Path | None:
        """Return the file where there is more to find."""
        more = status in (Status.TIME_LIMIT, Status.INTERRUPTED)
        return self.path if more and self.path is not None and self.path.exists() else None

    def end(self) -> None:
        """Remove the file."""
        if self.path is not None:
            discard(self.path)


def unfinished(folder: Path, prefix: str, about: About) -> Path | None:
    """Newest run folder ``folder/prefix*`` whose search was stopped or killed and is the one asked for."""
    found = sorted(folder.glob(f"{glob.escape(prefix)}*{SUFFIX}"), key=lambda path: path.name, reverse=True)
    for path in found:
        target = path.with_name(path.name.removesuffix(SUFFIX))
        try:
            check_out(target)
            if kept_for(target, about) is not None:
                return target
        except (CheckpointError, OutputError):
            continue
    return None
