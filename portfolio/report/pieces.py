"""Finished pieces of long work, one small file each, so that a command that was interrupted goes on from them."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portfolio.engine.checkpoint import CheckpointError
from portfolio.report.folder import OutputError

SUFFIX = ".pieces"
ABOUT = "about.json"


def pieces_of(target: Path) -> Path:
    """Return the folder in which the pieces of an output are kept while it is not whole."""
    return target.with_name(target.name + SUFFIX)


@dataclass(frozen=True)
class Pieces:
    """Pieces kept in a folder; none are kept where there is no folder.

    ``mark`` says what they are pieces of: those of anything else are refused.
    """

    folder: Path | None
    mark: str

    @staticmethod
    def of(target: Path | None, mark: str) -> Pieces:
        """Open the pieces of an output.

        Raises
        ------
        CheckpointError
            Where there are pieces of other work, or they cannot be read.
        OutputError
            Where the folder cannot be written.
        """
        if target is None:
            return Pieces(None, mark)
        folder = pieces_of(target)
        try:
            if (folder / ABOUT).exists():
                held = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
                if not isinstance(held, dict) or held.get("mark") != mark:
                    raise CheckpointError(
                        f"{folder} holds pieces of another run or of other settings; give another --out, or remove it "
                        "to start anew"
                    )
            else:
                folder.mkdir(parents=True, exist_ok=True)
                _write(folder / ABOUT, {"mark": mark})
        except ValueError as fault:
            if isinstance(fault, CheckpointError):
                raise
            raise CheckpointError(f"{folder} cannot be read ({fault}); remove it to start anew") from fault
        except OSError as fault:
            raise OutputError(f"{folder} cannot be written: {fault}") from fault
        return Pieces(folder, mark)

    @property
    def count(self) -> int:
        """Number of pieces kept."""
        return 0 if self.folder is None else sum(1 for _ in self.folder.glob("*.json")) - 1

    def get(self, name: str) -> dict[str, Any] | None:
        """Return a piece; None where it is not there, or was not written whole."""
        if self.folder is None:
            return None
        try:
            held = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return held if isinstance(held, dict) else None

    def put(self, name: str, piece: dict[str, Any]) -> None:
        """Keep a piece, whole or not at all.

        Raises
        ------
        OutputError
            Where it cannot be written.
        """
        if self.folder is None:
            return
        try:
            _write(self.folder / f"{name}.json", piece)
        except OSError as fault:
            raise OutputError(f"{self.folder} cannot be written: {fault}") from fault

    def end(self) -> None:
        """Remove what is kept."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _write(path: Path, data: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(data, allow_nan=False), encoding="utf-8")
    draft.replace(path)
