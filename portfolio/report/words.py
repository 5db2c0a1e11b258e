"""Numbers, changes and commitments as people read them."""

from __future__ import annotations

from typing import Any

BENCHMARKS = {
    "extraction": "extraction, at least",
    "processing": "processing, at least",
    "recycling": "recycling, at least",
    "third_country": "one third country, at most",
}
"""Benchmarks in words."""


def _settled(value: float) -> float:
    """A number without the noise of its last digits, so that halves round alike from memory and from a file."""
    return float(f"{value:.10g}")


def number(value: float) -> str:
    """Round to what a reader can use: three digits or whole numbers, thousands separated."""
    value = _settled(value)
    if abs(value) < 5e-4:
        return "0"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float) -> str:
    """Write a difference with its sign."""
    return f"{'+' if value >= 5e-4 else ''}{number(value)}".replace("-", "−")


def percent(value: float) -> str:
    """Share as a percentage, one decimal below 10 %."""
    text = f"{_settled(100 * value):.{0 if abs(value) >= 0.0995 else 1}f}"
    return f"{'0' if text in ('0.0', '-0.0', '-0') else text} %"


def count(amount: int, noun: str) -> str:
    """Number and noun, with an s for more than one."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def change(before: float, after: float) -> str:
    """Relative change, with its sign."""
    if before <= 0:
        return "" if after <= 0 else "new"
    relative = after / before - 1
    return f"{'−' if relative < 0 else '+'}{percent(abs(relative))}" if abs(relative) >= 5e-4 else "none"


def amount(row: dict[str, Any]) -> str:
    """How much a commitment is, in words."""
    if row["kind"] == "stockpile":
        return f"{number(row['tpy'])} t {row['material']} bought"
    if row["kind"] in ("cfd", "offtake"):
        return f"{number(row['tpy'])} t/y {row['material']} ({percent(row['share'])})"
    covered = "debt covered, " if row["kind"] == "guarantee" else ""
    return f"USD {number(row['usd_m'])} M ({covered}{percent(row['share'])})"
