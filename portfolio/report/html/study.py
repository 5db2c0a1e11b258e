"""What pages of studies share: their record, title and footer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from portfolio.report.html.page import Notes, Page, Section


def read_record(folder: Path, name: str) -> dict[str, Any]:
    """Return the JSON record of a study's folder."""
    found: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return found


def caveats(record: dict[str, Any]) -> tuple[Notes, ...]:
    """What to know before acting on it, as the record has it; nothing where it has none."""
    said = tuple(record.get("caveats", ()))
    return (Notes("Before you act on it", said, warning=True),) if said else ()


def study_page(record: dict[str, Any], kind: str, about: str, sections: tuple[Section, ...]) -> Page:
    """Return the page of a study of a run."""
    versions = ", ".join(f"{name} {version}" for name, version in record.get("versions", {}).items())
    return Page(
        title=str(record.get("title") or record["case"]),
        kind=f"{kind} of {Path(str(record['run'])).name}",
        about=about,
        sections=sections,
        made=f"Made {record.get('made', '')}. Versions: {versions}.",
    )
