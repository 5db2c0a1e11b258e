"""Writing a run folder: whole, or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd


class OutputError(ValueError):
    """The run folder cannot be written where it was asked for."""


AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""Of Linux' renameat2."""


def check_target(target: Path, *, replace: bool = False) -> None:
    """Fail early where a run folder could not be written; with ``replace`` one that exists is no obstacle.

    Raises
    ------
    OutputError
        Where the folder exists already or its parent cannot be written to.
    """
    try:
        if not replace and _taken(target):
            raise OutputError(f"{target} exists already; choose another name with --out or remove it")
        parent = next(p for p in [target.parent, *target.parent.parents] if p.exists())
        writable = parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
    except (OSError, ValueError) as fault:
        if isinstance(fault, OutputError):
            raise
        raise OutputError(f"{target} is no name for a run folder: {fault}") from fault
    if not writable:
        raise OutputError(f"{parent} cannot be written to; choose another folder with --out")


def _taken(target: Path) -> bool:
    """Whether something has the name: a dangling link too, though it does not "exist"."""
    try:
        target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def write_whole(target: Path, fill: Callable[[Path], None], *, replace: bool = False) -> None:
    """Fill a temporary folder beside the target and rename it when whole: a folder that exists is complete.

    With ``replace`` a folder of that name makes way, in one step where the system has one.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written, a full disk included; nothing is left behind.
    """
    check_target(target, replace=replace)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.{os.getpid()}-", dir=target.parent))
    except OSError as fault:
        raise OutputError(f"{target} cannot be written: {fault}") from fault
    try:
        fill(draft)
        draft.chmod(0o755)
        if replace and _taken(target):
            _replace(draft, target)
        else:
            draft.rename(target)
    except BaseException as fault:
        shutil.rmtree(draft, ignore_errors=True)
        if isinstance(fault, OSError):
            raise OutputError(f"{target} cannot be written: {fault}") from fault
        raise


def _replace(draft: Path, target: Path) -> None:
    """Put a folder in the place of another and remove that."""
    if _exchange(draft, target):
        shutil.rmtree(draft, ignore_errors=True)
        return
    # In two steps; killed between them, both are there, under names that are seen.
    aside = target.with_name(f"{target.name}.replaced")
    target.rename(aside)
    try:
        draft.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step; False where the system cannot."""
    swap = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if swap is None:
        return False
    return bool(swap(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _sweep(target: Path) -> None:
    """Remove drafts of processes that were killed while they wrote the same folder."""
    for draft in target.parent.glob(f".{glob.escape(target.name)}.*-*"):
        owner = draft.name.removeprefix(f".{target.name}.").split("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(draft, ignore_errors=True)


def _alive(process: int) -> bool:
    """Whether a process exists; assumed where that cannot be asked."""
    if os.name != "posix":
        return True
    with contextlib.suppress(PermissionError, OverflowError):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table with enough digits to give the same numbers back."""
    table.to_csv(path, index=False, float_format="%.12g", lineterminator="\n", encoding="utf-8")


def write_json(data: dict[str, Any], path: Path) -> None:
    """Write JSON with sorted nesting left as given; refuses NaN and infinities."""
    path.write_text(json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
