"""Numbers a sweep varies, as they are written: a place in the case, and a range or a list of values for it.

``table.column[key]=a:b:n`` is n values from a to b, ``=x,y,z`` a list, and ``*=`` varies a factor on what stands there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portfolio.case.overrides import column_of
from portfolio.case.parsing import CellError, parse_number
from portfolio.case.problems import CaseError
from portfolio.case.records import Case
from portfolio.case.schema import Column
from portfolio.case.settings import SECTIONS
from portfolio.case.sheets import key_columns
from portfolio.report.errors import UsageError

_FORM = re.compile(r"\s*(.*?\S)\s*(\*?=)([^=\]]*)", re.DOTALL)
_PLACE = re.compile(r"\s*([\w-]+)\s*\.\s*([\w-]+)\s*(?:\[(.*)\])?\s*", re.DOTALL)
HELP = "write table.column[key]=a:b:n, =x,y,z, or *= and factors"


@dataclass(frozen=True)
class Varied:
    """A number that is varied.

    Attributes
    ----------
    place : str
        Where it stands, as in an override: ``hazards.rate[embargo]``.
    factor : bool
        Whether values are factors on what stands there.
    values : tuple of str
        Values of a grid, as written in an override, in their order.
    ends : (float, float) or None
        Ends of a range; None for a list.
    whole : bool
        Whether values between two others are rounded to whole numbers.
    numeric : bool
        Whether values are numbers, so that they have an order.
    """

    place: str
    factor: bool
    values: tuple[str, ...]
    ends: tuple[float, float] | None
    whole: bool = False
    numeric: bool = True

    @property
    def name(self) -> str:
        """Name of its column in tables: the place, with ``*`` for a factor."""
        return self.place + ("*" if self.factor else "")

    def override(self, value: str) -> str:
        """Return the override that sets a value."""
        return f"{self.name}={value}"

    def ends_of(self) -> tuple[str, str]:
        """Return the first and the last value."""
        return self.values[0], self.values[-1]

    def at(self, u: float) -> str:
        """Return the value at a part u of the range, or the one of a list whose equal share of [0, 1] holds u."""
        if self.ends is None:
            return self.values[min(int(u * len(self.values)), len(self.values) - 1)]
        low, high = self.ends
        return written(low + u * (high - low), whole=self.whole)

    def between(self, low: str, high: str) -> str | None:
        """Return the value half way between two; None where they are no numbers or nothing lies between."""
        if not self.numeric:
            return None
        middle = written(0.5 * (float(low) + float(high)), whole=self.whole)
        return None if middle in (low, high) or not float(low) < float(middle) < float(high) else middle

    def in_case(self, case: Case) -> str | None:
        """Return the value in the case itself; None where its rows differ or it is no number."""
        if self.factor:
            return "1"
        found = {value for value in _held(self.place, case) if isinstance(value, int | float)}
        return written(float(found.pop())) if len(found) == 1 else None


def written(value: float, *, whole: bool = False) -> str:
    """Return a number as it is written into a case: twelve digits, so that it reads back as the same one."""
    return str(round(value)) if whole else f"{value:.12g}"


def as_number(text: str | None) -> float | None:
    """Return the number in a text, None where there is none."""
    try:
        return None if text is None else parse_number(text)
    except CellError:
        return None


def take_apart(texts: Sequence[str]) -> tuple[Varied, ...]:
    """Read what is to be varied.

    Raises
    ------
    UsageError
        Naming every text that is wrong, and why.
    """
    found: list[Varied] = []
    wrong = []
    for text in texts:
        try:
            found.append(_one(text))
        except CaseError as fault:
            wrong += [f"--vary {text}: {p.why}; {p.remedy}" for p in fault.problems]
        except ValueError as fault:
            wrong.append(f"--vary {text}: {fault}")
    names = [v.place for v in found]
    wrong += [f"{name} is varied twice; give all its values at once" for name in dict.fromkeys(names)
              if names.count(name) > 1]  # fmt: skip
    if not texts:
        wrong.append(f"nothing is varied: {HELP}")
    if wrong:
        raise UsageError("; ".join(wrong))
    return tuple(found)


def _one(text: str) -> Varied:
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"not a number to vary; {HELP}")
    place, sign, what = match.group(1), match.group(2), match.group(3).strip()
    factor = sign == "*="
    about = column_of(f"{place}{sign}{1 if factor else what}")
    if ":" in what:
        return _range(place, factor, what, about)
    values = tuple(dict.fromkeys(part.strip() for part in what.split(",")))
    if not all(values) or len(values) < 2:
        raise ValueError("a list needs two values or more, such as 1,2,5")
    if factor and any(as_number(v) is None for v in values):
        raise ValueError("factors have to be numbers")
    numeric = about.kind in ("number", "integer") and all(as_number(v) is not None for v in values)
    if numeric:
        values = tuple(sorted(values, key=float))
    return Varied(place, factor, values, None, whole=about.kind == "integer" and not factor, numeric=numeric)


def _range(place: str, factor: bool, what: str, about: Column) -> Varied:
    parts = [part.strip() for part in what.split(":")]
    ends = [as_number(part) for part in parts[:2]]
    count = int(parts[2]) if len(parts) == 3 and parts[2].isdigit() else 2 if len(parts) == 2 else 0
    low, high = (*ends, None)[:2]
    if low is None or high is None or count < 2:
        raise ValueError("a range is a:b:n, from a to b in n values, n at least 2")
    if not low < high:
        raise ValueError(f"the range begins at {parts[0]} and ends at {parts[1]}: give the lower end first")
    if about.kind not in ("number", "integer"):
        raise ValueError(f"{about.name} is no number, so it has no range; give a list x,y,z")
    whole = about.kind == "integer" and not factor
    values = dict.fromkeys(written(float(v), whole=whole) for v in np.linspace(low, high, count))
    return Varied(place, factor, tuple(values), (low, high), whole)


def _held(place: str, case: Case) -> list[object]:
    """Values in the rows, or the key, that a place means."""
    match = _PLACE.fullmatch(place)
    if match is None:
        return []
    home, name, keys = match.groups()
    if home in SECTIONS:
        return [getattr(getattr(case.settings, home), name)]
    wanted = None if keys is None else [part.strip() for part in keys.split(",")]
    names = key_columns(home)
    return [
        getattr(row, name)
        for row in getattr(case, home)
        if wanted is None or all(w in ("*", str(getattr(row, n))) for n, w in zip(names, wanted, strict=True))
    ]
