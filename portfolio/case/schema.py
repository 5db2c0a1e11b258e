"""The machinery of the case schema: one description per column, attached to the record that carries it.

A table is a frozen dataclass whose fields are made by :func:`column`; a section of ``case.toml`` is a frozen
dataclass whose fields are made by :func:`setting`. Validation, ``inputs/README.md`` and the empty templates read
these descriptions and nothing else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

REQUIRED: Any = dataclasses.MISSING
"""Default of a column that must be given in every row."""


@dataclass(frozen=True)
class Column:
    """One column of a table or one key of a section.

    Attributes
    ----------
    name : str
        Header in the CSV file, or key in ``case.toml``.
    kind : str
        ``text``, ``number``, ``integer``, ``flag`` (0/1 in CSV, true/false in TOML), ``list`` (``;``-separated in
        CSV; ``*`` means all) or ``numbers`` (TOML only).
    unit : str
        Unit in words; empty for text.
    meaning : str
        One sentence for the person who fills it in.
    default : object
        Value of an empty cell; :data:`REQUIRED` where it must be given. ``None`` means "not given".
    lower, upper : float or None
        Inclusive bounds.
    above : float or None
        Exclusive lower bound.
    choices : tuple of str
        The only words allowed; empty for any.
    refers : str
        Table whose key the value must be among; empty for none. ``windows`` means ``horizon.windows``.
    key : bool
        Part of the key of the table, which must be unique.
    """

    name: str
    kind: str
    unit: str
    meaning: str
    default: Any
    lower: float | None = None
    upper: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    refers: str = ""
    key: bool = False

    @property
    def required(self) -> bool:
        """Whether every row must give a value."""
        return self.default is REQUIRED


def column(
    kind: str,
    meaning: str,
    *,
    unit: str = "",
    default: Any = REQUIRED,
    lower: float | None = None,
    upper: float | None = None,
    above: float | None = None,
    choices: tuple[str, ...] = (),
    refers: str = "",
    key: bool = False,
) -> Any:
    """Describe one field of a record; see :class:`Column` for the arguments."""
    about = {
        "kind": kind,
        "meaning": meaning,
        "unit": unit,
        "default": default,
        "lower": lower,
        "upper": upper,
        "above": above,
        "choices": choices,
        "refers": refers,
        "key": key,
    }
    if default is REQUIRED:
        return field(metadata=about)
    return field(default=default, metadata=about)


setting = column


def share(meaning: str, *, default: Any = REQUIRED, upper: float = 1.0) -> Any:
    """Describe a number between 0 and 1 (or ``upper``)."""
    return column("number", meaning, unit="fraction", default=default, lower=0.0, upper=upper)


def amount(meaning: str, *, unit: str, default: Any = REQUIRED) -> Any:
    """Describe a number that cannot be negative."""
    return column("number", meaning, unit=unit, default=default, lower=0.0)


def provenance() -> Any:
    """Describe where the numbers of a row come from."""
    return column("text", "where the numbers of the row come from", default="")


def confidence() -> Any:
    """Describe how far the numbers of a row can be trusted."""
    return column(
        "text",
        "how far the numbers can be trusted; `estimate` marks a judgement of whoever made the case",
        default="",
        choices=("", "high", "medium", "low", "estimate"),
    )


def columns(record: type) -> Iterator[Column]:
    """Yield the columns of a record class in their order."""
    for item in dataclasses.fields(record):
        yield Column(name=item.name, **item.metadata)
