"""Writing a run folder: whole, or not at all."""

from __future__ import annotations

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


def check_target(target: Path) -> None:
    """Fail early where a run folder could not be written.

    Raises
    ------
    OutputError
        Where the folder exists already or its parent cannot be written to.
    """
    try:
        if _taken(target):
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


def write_whole(target: Path, fill: Callable[[Path], None]) -> None:
    """Fill a temporary folder beside the target and rename it when whole: a folder that exists is complete.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written, a full disk included; nothing is left behind.
    """
    check_target(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as fault:
        raise OutputError(f"{target} cannot be written: {fault}") from fault
    try:
        fill(draft)
        draft.chmod(0o755)
        draft.rename(target)
    except BaseException as fault:
        shutil.rmtree(draft, ignore_errors=True)
        if isinstance(fault, OSError):
            raise OutputError(f"{target} cannot be written: {fault}") from fault
        raise


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table with enough digits to give the same numbers back."""
    table.to_csv(path, index=False, float_format="%.12g", lineterminator="\n", encoding="utf-8")


def write_json(data: dict[str, Any], path: Path) -> None:
    """Write JSON with sorted nesting left as given; refuses NaN and infinities."""
    path.write_text(json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
