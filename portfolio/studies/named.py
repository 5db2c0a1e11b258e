"""A project by what a person calls it: its identifier, its name, or a part of its name that no other has."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from portfolio.case.problems import nearest
from portfolio.case.records import Case
from portfolio.report.errors import UsageError
from portfolio.report.saved import read_run


def project_named(case: Case, text: str) -> str:
    """Return the identifier of the project meant by ``text``.

    Identifiers come first, then names, capitals apart; then parts of names.

    Raises
    ------
    UsageError
        If there is none or more than one: the nearest, or all projects with their names.
    """
    asked = text.strip().casefold()
    names = {p.project: p.name or p.project for p in case.projects}
    if text in names:
        return text
    for hits in (
        [key for key in names if key.casefold() == asked],
        [key for key, name in names.items() if name.casefold() == asked],
        [key for key, name in names.items() if asked and asked in name.casefold()],
    ):
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise UsageError(f"{text!r} may be any of these projects; give one of them:\n{_listed(names, hits)}")
    whose = {name: key for key, name in names.items()} | {key: key for key in names}
    close = nearest(text, whose)
    if close is not None:
        key = whose[close]
        raise UsageError(f"the case has no project {text!r}: did you mean {key} ({names[key]})?")
    raise UsageError(f"the case has no project {text!r}; give one of these:\n{_listed(names, names)}")


def project_in(run: str | PathLike[str], text: str) -> str:
    """Return the identifier of the project of a run folder meant by ``text``; see :func:`project_named`."""
    return project_named(read_run(Path(run)).case, text)


def _listed(names: dict[str, str], keys: list[str] | dict[str, str]) -> str:
    wide = max(map(len, keys), default=0)
    return "\n".join(f"  {key:<{wide}}  {names[key]}" for key in sorted(keys))
