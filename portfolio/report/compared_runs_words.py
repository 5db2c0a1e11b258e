"""What moved between two runs and why, in a few sentences: for the terminal and the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from portfolio.report.words import count, number, percent, signed

NAMED = 3
"""Values of one column that are named one by one."""
SAME_FACTOR = 1e-9
"""Relative difference up to which values count as changed by one factor."""


def moved_words(moved: Mapping[str, Sequence[str]], *, changed: int) -> str:
    """Which projects came, went or moved; ``changed`` is the number of commitments that differ."""
    said = [
        f"{words} {', '.join(moved[key])}"
        for words, key in (("in:", "in"), ("out:", "out"), ("in another window:", "window"))
        if moved.get(key)
    ]
    if not changed:
        return "The portfolios are the same."
    text = f"Projects {'; '.join(said)}." if said else "The same projects in the same windows."
    return f"{text} {count(changed, 'commitment')} {'differs' if changed == 1 else 'differ'}."


def shortfall_words(differences: pd.DataFrame, level: float) -> str:
    """Mean weighted shortfall with the fund in both runs, and what may be claimed of the difference."""
    rows = differences.loc[(differences["figure"] == "weighted") & (differences["world"] == "with")]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    text = f"Mean weighted shortfall with the fund: {number(row['before'])} → {number(row['after'])}"
    low, high = (float(row[name]) if not pd.isna(row[name]) else math.nan for name in ("low", "high"))
    if math.isfinite(low) and math.isfinite(high):
        text += f" ({signed(row['difference'])}, {percent(level)} interval {signed(low)} to {signed(high)})"
    verdicts = {"open": "nothing is claimed", "same": "the same"}
    return f"{text}: {verdicts.get(row['verdict'], row['verdict'])}."


def causes(inputs: pd.DataFrame) -> Iterator[str]:
    """Inputs that differ and enter figures, those of one column together, by their factor where they share one."""
    told = inputs.loc[inputs["counts"].astype(int) == 1]
    for (what, where, column, change), rows in told.groupby(["what", "where", "column", "change"], sort=False):
        name = f"{'version of ' if what == 'version' else ''}{'.'.join(str(part) for part in (where, column) if part)}"
        factor = _factor(rows) if change == "changed" else None
        keys = [f"[{key}]" if key else "" for key in rows["key"].astype(str)]
        if change != "changed":
            yield f"{name}: {change} {_listed([key.strip('[]') for key in keys])}"
        elif factor is not None and len(rows) > 1:
            yield f"{name} × {factor:.4g} in {count(len(rows), 'row')}"
        elif len(rows) > NAMED:
            yield f"{count(len(rows), 'value')} of {name}"
        else:
            values = zip(keys, rows["before"], rows["after"], strict=True)
            yield ", ".join(f"{name}{key} {_known(old)} → {_known(new)}" for key, old, new in values)


def why(inputs: pd.DataFrame) -> str:
    """Return the causes as one sentence."""
    found = list(causes(inputs))
    return (
        f"What differs: {'; '.join(found)}." if found else "Inputs, settings of the search and versions are the same."
    )


def _factor(rows: pd.DataFrame) -> float | None:
    """Factor that all values changed by; None where there is none."""
    ratios = []
    for old, new in zip(rows["before"], rows["after"], strict=True):
        before, after = _value(old), _value(new)
        if before is None or after is None or before == 0:
            return None
        ratios.append(after / before)
    same = all(math.isclose(ratio, ratios[0], rel_tol=SAME_FACTOR) for ratio in ratios)
    return ratios[0] if ratios and same else None


def _value(text: Any) -> float | None:
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _known(text: Any) -> str:
    return str(text) if str(text) else "(none)"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
