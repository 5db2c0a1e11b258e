"""Results that lie beside a run folder and are of that run."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portfolio.evaluation.measures import WITH

NEAR = 1e-9
"""Relative difference at which an evaluation is of another run."""


@dataclass(frozen=True)
class Beside:
    """The newest evaluation and stress test of a run, None where there is none."""

    evaluation: Path | None = None
    stress: Path | None = None


def beside(folder: Path, record: dict[str, Any]) -> Beside:
    """Look for results of a run among the folders beside it.

    They name the run, were made after it, and are of the same case; an evaluation repeats what the run says of itself.
    """
    return Beside(evaluation=_newest(folder, record, "evaluation.json"), stress=_newest(folder, record, "stress.json"))


def _newest(folder: Path, record: dict[str, Any], name: str) -> Path | None:
    found = []
    for file in sorted(folder.resolve().parent.glob(f"*/{name}")):
        said = _read(file)
        if said is not None and _is_of(said, folder, record):
            found.append((str(said.get("made", "")), file.parent))
    return max(found)[1] if found else None


def _read(file: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _is_of(said: dict[str, Any], folder: Path, record: dict[str, Any]) -> bool:
    same = Path(str(said.get("run", ""))).name == folder.resolve().name and said.get("case") == record["case"]
    if not same or str(said.get("made", "")) < str(record["made"]):
        return False
    claimed = record["headline"]["shortfall"][WITH]["weighted"]
    for figure in said.get("figures", []):
        if (figure.get("figure"), figure.get("world")) == ("weighted", WITH):
            return math.isclose(float(figure["in_sample"]), claimed, rel_tol=NEAR, abs_tol=NEAR)
    return True
