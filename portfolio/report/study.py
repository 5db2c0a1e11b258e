"""What a study found: tidy tables, figures and caveats in one record, and the folder made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.report.result import write_result

FILE = "study.json"


@dataclass(frozen=True)
class Study:
    """A study in tables.

    Attributes
    ----------
    kind : str
        The command, such as ``compare``.
    title : str
        Title of the case or name of the run, for people.
    tables : mapping of DataFrame
        Tidy tables by name; the first is the one the others can be rebuilt from. Each becomes ``NAME.csv``.
    figures : mapping
        What ``--json`` prints besides: settings of the study, key figures, plain Python values.
    caveats : tuple of str
        What to know before acting on it, in plain sentences.
    exit_code : int
        0, or 3 where a limit stopped part of it.
    seconds : mapping
        Wall time by phase.
    path : Path or None
        The folder written, None where there is none.
    """

    kind: str
    title: str
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Any]
    caveats: tuple[str, ...] = ()
    exit_code: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    path: Path | None = None

    @property
    def table(self) -> pd.DataFrame:
        """The first table."""
        return next(iter(self.tables.values()))

    def summary(self) -> dict[str, Any]:
        """What ``--json`` prints and ``study.json`` holds."""
        return {
            "kind": self.kind,
            "title": self.title,
            "exit_code": self.exit_code,
            **self.figures,
            "caveats": list(self.caveats),
            "study": None if self.path is None else str(self.path),
        }


def write_study(found: Study, target: Path) -> Study:
    """Write the folder, whole or not at all; return the record with its path.

    Raises
    ------
    OutputError
        Where the folder exists already or cannot be written.
    """
    record = found.summary() | {"tables": list(found.tables)}
    record.pop("study")
    write_result(target, FILE, record, found.tables, seconds=found.seconds)
    return replace(found, path=target)
