"""What pages of studies share: their record, title and footer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio.report.html.page import Notes, Page, Section
from portfolio.report.words import count


def read_record(folder: Path, name: str) -> dict[str, Any]:
    """Return the JSON record of a study's folder."""
    found: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class FreshFigures:
    """Figures of an evaluation, and the confidence level of their intervals."""

    figures: pd.DataFrame
    level: float

    def row(self, name: str, world: str) -> dict[str, Any]:
        """Return a figure of a world with its interval."""
        row = self.figures.loc[(self.figures["figure"] == name) & (self.figures["world"] == world)].iloc[0]
        return {str(key): value for key, value in row.to_dict().items()}

    @property
    def interval(self) -> str:
        """What its intervals are, in words."""
        return f"{100 * self.level:.3g} % interval"

    @property
    def scenarios(self) -> str:
        """How many scenarios it rests on, in words."""
        return count(int(self.figures["n"].max()), "fresh scenario")


def doubt(row: dict[str, Any]) -> str:
    """Warning where an interval is not to be relied on; nothing where it is."""
    return "" if row["reliable"] else f"; not to be relied on: {row['note']}"


def caveats(record: dict[str, Any]) -> tuple[Notes, ...]:
    """What to know before acting on it, as the record has it; nothing where it has none."""
    said = tuple(record.get("caveats", ()))
    return (Notes("Before you act on it", said, warning=True),) if said else ()


def study_page(record: dict[str, Any], kind: str, about: str, sections: tuple[Section, ...]) -> Page:
    """Return the page of a study of a run, or of a case."""
    versions = ", ".join(f"{name} {version}" for name, version in record.get("versions", {}).items())
    of = Path(str(record.get("run") or record.get("subject") or "")).name
    return Page(
        title=str(record.get("title") or record["case"]),
        kind=f"{kind} of {of}" if of else kind,
        about=about,
        sections=sections,
        made=f"Made {record.get('made', '')}. Versions: {versions}.",
    )
