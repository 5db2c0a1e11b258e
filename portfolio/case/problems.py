"""What is wrong with a case: one record per problem, all of them in one error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

SETTINGS_SHEET = "settings"
"""Sheet of a workbook that holds what ``case.toml`` holds in a folder."""


@dataclass(frozen=True)
class Problem:
    """One thing to mend in a case.

    Attributes
    ----------
    file : str
        File name within the case folder, the name of a workbook, or the case itself; empty where only an override is
        at fault.
    row : int or None
        Line of the file as an editor counts it (the header of a table is row 1).
    column : str or None
        Column of a table, or ``section.key`` of ``case.toml``.
    value : str or None
        The offending value as written.
    why, remedy : str
        What is wrong, and what to do about it.
    override : str
        The ``--set`` argument that brought the value in; empty where the file did.
    place : str
        Where in a workbook: ``projects!H7``, ``projects!7:7`` for a row, ``projects`` for a sheet; empty in folders.
    """

    file: str
    row: int | None
    column: str | None
    value: str | None
    why: str
    remedy: str
    override: str = ""
    place: str = ""

    def __str__(self) -> str:
        """Return the problem as one line."""
        place = [self.place or self.file] if self.file else []
        if self.row is not None and not self.place:
            place.append(f"row {self.row}")
        if self.column is not None:
            setting = self.file.endswith(".toml") or self.place.split("!")[0] == SETTINGS_SHEET
            place.append(f"{'key' if setting else 'column'} {self.column}")
        if self.value is not None:
            place.append(f"value {self.value!r}")
        where = ", ".join(place)
        if self.override:
            where = f"--set {self.override}" + (f" ({where})" if where else "")
        return f"{where}: {self.why}; {self.remedy}"


class CaseError(ValueError):
    """A case that cannot be used; ``problems`` holds everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = len(self.problems)
        head = "1 problem in the case" if count == 1 else f"{count} problems in the case"
        super().__init__("\n".join([f"{head}:", *(f"  {p}" for p in self.problems)]))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to ``name``, capitals apart, or None where none is close."""
    names = list(known)
    folded = {n.casefold(): n for n in reversed(names)}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def advise(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return the remedy for an unknown name: the nearest known one, or the names there are."""
    names = list(dict.fromkeys(known))
    close = nearest(name, names)
    if close is not None:
        return f"did you mean {close!r}?"
    if otherwise:
        return otherwise
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"known are {shown}" if shown else "none is known"
