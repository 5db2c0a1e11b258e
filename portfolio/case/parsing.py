"""From the text of a cell, or a value of ``case.toml``, to a typed value within its bounds."""

from __future__ import annotations

import math
import re
from typing import Any

from portfolio.case.problems import advise
from portfolio.case.schema import Column

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}([,' _\u00a0\u202f]\d{3})+(\.\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_PERCENT = re.compile(r"([+-]?\d+\.?\d*)\s*%", re.ASCII)
_WITH_UNIT = re.compile(r"([$€£¥]?)\s*([+-]?\d+\.?\d*)\s*([^\d\s].*)?", re.ASCII)
_NOTHING = frozenset({"-", "--", "n/a", "na", "none", "null", "?", "tbd"})
_NOT_FINITE = frozenset({"nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
_UNSAFE = re.compile(r"[;*,\[\]=\n\r]")


class CellError(Exception):
    """Why a value cannot be taken, and the remedy."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


def parse_cell(column: Column, text: str) -> Any:
    """Return the typed value of a non-empty cell.

    Raises
    ------
    CellError
        If the text is not of the column's kind or out of its bounds.
    """
    text = text.strip()
    value: Any
    if column.kind == "text":
        value = text
    elif column.kind == "number":
        value = parse_number(text)
    elif column.kind == "integer":
        value = _whole(parse_number(text), text)
    elif column.kind == "flag":
        if text.lower() not in _FLAGS:
            raise CellError("neither 0 nor 1", "write 1 for yes, 0 for no")
        value = _FLAGS[text.lower()]
    elif column.kind == "list":
        value = tuple(part.strip() for part in text.split(";") if part.strip())
    else:
        value = tuple(_whole(parse_number(part.strip()), part) for part in text.split(";") if part.strip())
    check_bounds(column, value)
    return value


def parse_given(column: Column, text: str) -> Any:
    """Return the typed value of a cell, the default where it is empty.

    Raises
    ------
    CellError
        As :func:`parse_cell`, and where an empty cell has no default.
    """
    if text:
        return parse_cell(column, text)
    if column.required:
        raise CellError("empty, but required", f"give {column.meaning}")
    return column.default


def unwrapped(column: Column, text: str) -> str:
    """Return a list written with the brackets, commas and quotes of TOML as a cell of a table has it."""
    if column.kind not in ("list", "numbers"):
        return text
    text = text.removeprefix("[").removesuffix("]")
    return ";".join(part.strip().strip("\"'") for part in text.replace(",", ";").split(";"))


def parse_setting(column: Column, value: object) -> Any:
    """Return the typed value of a key of ``case.toml``.

    Raises
    ------
    CellError
        If the value is not of the key's kind or out of its bounds.
    """
    typed: Any
    if column.kind == "text":
        if not isinstance(value, str):
            raise CellError(f"{_kind_of(value)} instead of text", 'put it between quotes, such as "name"')
        typed = value.strip()
        if not typed and column.required:
            raise CellError("empty, but required", f"give {column.meaning}")
    elif column.kind == "flag":
        if not isinstance(value, bool):
            raise CellError(f"{_kind_of(value)} instead of true or false", "write true or false, without quotes")
        typed = value
    elif column.kind in ("number", "integer"):
        typed = _setting_number(value)
        if column.kind == "integer":
            typed = _whole(typed, str(value))
    elif not isinstance(value, list):
        example = '["A", "B"]' if column.kind == "list" else "[2027, 2029]"
        raise CellError(f"{_kind_of(value)} instead of a list", f"write a list such as {example}")
    elif column.kind == "list":
        if not all(isinstance(item, str) and item.strip() for item in value):
            raise CellError("a list with an item that is not text", 'put every item between quotes, such as ["A", "B"]')
        typed = tuple(item.strip() for item in value)
    else:
        typed = tuple(_whole(_setting_number(item), str(item)) for item in value)
    check_bounds(column, typed)
    return typed


def parse_number(text: str) -> float:
    """Return a finite number written with digits and a decimal point; raise :class:`CellError` otherwise."""
    if _NUMBER.fullmatch(text):
        return _finite(float(text))
    if text.lower() in _NOT_FINITE:
        raise CellError("not a finite number", "write digits such as 120.5, or leave an optional cell empty")
    if _GROUPED.fullmatch(text):
        plain = re.sub(r"[^\d.+-]", "", text)
        also = f", or {text.replace(',', '.')} if the comma is a decimal one" if text.count(",") == 1 else ""
        raise CellError("a thousands separator in a number", f"write {plain}{also}")
    if _DECIMAL_COMMA.fullmatch(text):
        raise CellError("a decimal comma", f"write {text.replace(',', '.')}")
    percent = _PERCENT.fullmatch(text)
    if percent:
        raise CellError("a percentage", f"write {float(percent[1]) / 100:g} for {percent[1]} %")
    if text.lower() in _NOTHING:
        raise CellError("not a number", "write digits such as 120.5, or leave an optional cell empty")
    unit = _WITH_UNIT.fullmatch(text)
    if unit and (unit[1] or " " in text):
        raise CellError("text in a number", f"write {unit[2]} alone, in the unit that the column asks for")
    raise CellError("not a number", "write digits such as 120.5")


def check_bounds(column: Column, value: Any) -> None:
    """Raise :class:`CellError` where a typed value is out of bounds or none of the words allowed."""
    if column.kind == "text":
        if column.choices and value not in column.choices:
            known = [word for word in column.choices if word]
            raise CellError("not one of the words allowed", _words(str(value), known))
        if column.key and not column.refers and _UNSAFE.search(value):
            raise CellError("a name with one of ; * , = [ ] or a line break", "use letters, digits, _ and -")
    elif column.kind == "list" and not value and column.default != ():
        raise CellError("an empty list", "name at least one, or * for all")
    elif column.kind == "list" and "*" in value and len(value) > 1:
        raise CellError("* beside names", "write * alone, which means all, or the names alone")
    elif column.kind == "list" and column.choices and not set(value) <= {"*", *column.choices}:
        wrong = next(word for word in value if word not in column.choices)
        raise CellError(f"{wrong!r} is not one of the words allowed", _words(wrong, list(column.choices)))
    elif column.kind == "list" and len(set(value)) < len(value):
        raise CellError("a name twice in the list", "name each once")
    elif column.kind in ("number", "integer"):
        _check_range(column, float(value))


def _check_range(column: Column, value: float) -> None:
    if column.unit == "year" and not 1900 <= value <= 2200:
        raise CellError("not a year", "write a year of four digits, such as 2030")
    low = column.lower is not None and value < column.lower
    low = low or (column.above is not None and value <= column.above)
    high = column.upper is not None and value > column.upper
    if not low and not high:
        return
    if high and column.unit == "fraction" and 1 < value <= 100:
        raise CellError(f"above {column.upper:g}: shares are fractions of 1", f"write {value / 100:g} for {value:g} %")
    raise CellError("below its range" if low else "above its range", f"give a number {range_in_words(column)}")


def range_in_words(column: Column) -> str:
    """Return the bounds of a column in words, such as ``from 0 to 1 (fraction)``; empty without bounds."""
    words = []
    if column.lower is not None:
        words.append(f"from {column.lower:g}")
    if column.above is not None:
        words.append(f"above {column.above:g}")
    if column.upper is not None:
        words.append(f"to {column.upper:g}")
    text = " ".join(words)
    if text.startswith("to "):
        text = f"up {text}"
    return f"{text} ({column.unit})" if text and column.unit else text


def _setting_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        hint = "write digits such as 120.5"
        if isinstance(value, str):
            hint += ", without quotes"
        raise CellError(f"{_kind_of(value)} instead of a number", hint)
    return _finite(float(value))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise CellError("not a finite number", "write digits such as 120.5")
    return value


def _whole(value: float, text: str) -> int:
    if not value.is_integer():
        raise CellError("not a whole number", f"write a whole number, such as {round(value)}, instead of {text}")
    return int(value)


def _words(value: str, known: list[str]) -> str:
    words = f"write one of {', '.join(known)}"
    close = advise(value, known, words)
    return close if close == words else f"{close} ({words})"


def _kind_of(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time")
