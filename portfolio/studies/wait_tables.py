"""Tables of the study of waiting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from portfolio.engine.programme import Array
from portfolio.evaluation.information import Integers, Seen
from portfolio.report.words import number
from portfolio.studies.differences import Weights, fresh, interval, paid
from portfolio.studies.points import Answer
from portfolio.studies.telling import NOISE

GAINS, LOSES, OPEN = "gains", "loses", "open"
WORDS = {
    "plan": "one plan for all windows",
    "adapted": "first window as planned, later ones adapted",
    "now": "first window alone, nothing later",
    "waiting": "nothing now, later windows adapted",
}
COMPARED = (
    ("adapting later", "plan", "adapted"),
    ("deciding now, later ones adapted", "waiting", "adapted"),
    ("later windows, adapted", "now", "adapted"),
    ("waiting rather than deciding all now", "now", "waiting"),
)
"""What is gained by the last policy over the one before it."""


@dataclass(frozen=True)
class Policy:
    """A policy: objective and bound in sample, and what each fresh scenario adds to the objective, (S,)."""

    name: str
    objective: float
    bound: float
    paid: Array | None


def single(name: str, answer: Answer, weights: Weights) -> Policy:
    """A policy that is one portfolio."""
    return Policy(name, answer.objective, answer.bound, None if answer.decision is None else paid(answer, weights))


def adaptive(name: str, answers: Mapping[str, Answer], shares: Array, labels: Integers, weights: Weights) -> Policy:
    """A policy with a portfolio for every cluster: means over clusters, and every scenario under that of its own."""
    found = {c: answers[f"{name}-{c}"] for c in range(shares.size) if f"{name}-{c}" in answers}
    if any(a.decision is None for a in found.values()):
        return Policy(name, np.inf, 0.0, None)
    costs = np.full(labels.size, np.nan)
    for c, a in found.items():
        mine = labels == c
        costs[mine] = paid(a, weights)[mine]
    return Policy(
        name,
        float(sum(shares[c] * a.objective for c, a in found.items())),
        float(sum(shares[c] * a.bound for c, a in found.items())),
        costs,
    )


def policies(found: Sequence[Policy], level: float) -> pd.DataFrame:
    """Every policy in sample and on fresh scenarios."""
    rows = []
    for p in found:
        row: dict[str, object] = {"policy": p.name, "objective": p.objective, "bound": p.bound}
        if p.paid is not None:
            i = interval(p.paid, level)
            row |= {"fresh": i.estimate, "low": i.low, "high": i.high, "reliable": int(i.reliable)}
        rows.append(row | {"meaning": WORDS[p.name]})
    return pd.DataFrame(rows)


def differences(found: Sequence[Policy], level: float) -> pd.DataFrame:
    """What one policy gains over another: in sample with what gaps leave open, on fresh scenarios with an interval.

    ``fresh_sign`` is of the portfolios found, on scenarios they were not chosen on; ``sample_sign`` of the optima in
    the sample, whatever the searches left open. Intervals hold together (Bonferroni).
    """
    by = {p.name: p for p in found}
    each = 1.0 - (1.0 - level) / len(COMPARED)
    rows = []
    for what, before, after in COMPARED:
        a, b = by[before], by[after]
        if a.paid is None or b.paid is None:
            continue
        i = interval(a.paid - b.paid, each)
        least, most = a.bound - b.objective, a.objective - b.bound
        rows.append(
            {
                "value_of": what,
                "from": before,
                "to": after,
                "in_sample": a.objective - b.objective,
                "least": least,
                "most": most,
                "fresh": i.estimate,
                "low": i.low,
                "high": i.high,
                "reliable": int(i.reliable),
                "fresh_sign": _sign(i.low, i.high, a.objective),
                "sample_sign": _sign(least, most, a.objective),
            }
        )
    return pd.DataFrame([row | {"verdict": verdict(row)} for row in rows])


def _sign(low: float, high: float, scale: float) -> str:
    """On which side of zero all between two limits lies, by more than rounding."""
    room = NOISE * max(1.0, abs(scale))
    return GAINS if low > room else LOSES if high < -room else OPEN


def verdict(row: Mapping[str, Any]) -> str:
    """What a row of :func:`differences` says, in words: fresh scenarios first, then the sample."""
    size = f"{number(abs(row['fresh']))} ({number(abs(row['low']))} to {number(abs(row['high']))})"
    if row["fresh_sign"] == LOSES:
        size = f"{number(abs(row['fresh']))} ({number(abs(row['high']))} to {number(abs(row['low']))})"
    seen, optimum = row["fresh_sign"], row["sample_sign"]
    if seen == OPEN:
        said = "on fresh scenarios: not told from nothing"
        return said + (
            "; nor in sample, by the gaps" if optimum == OPEN else f"; in sample {optimum}: a fit to its luck"
        )
    said = f"on fresh scenarios: {seen} {size}"
    if optimum == OPEN:
        return f"{said}; whether the optimum in the sample does, the gaps leave open"
    return f"{said}; in sample too" if optimum == seen else f"{said}; in sample {optimum}: a fit to its luck"


def clusters(answers: Mapping[str, Answer], labels: Mapping[str, tuple[Integers, Integers]]) -> pd.DataFrame:
    """Every cluster: how many scenarios, what its plan costs there, and what it supports."""
    rows = []
    for name, (own, other) in labels.items():
        for c in range(int(own.max()) + 1):
            a = answers.get(f"{name}-{c}")
            if a is None:
                continue
            mine = other == c
            measured = a.fresh is not None and mine.any()
            rows.append(
                {
                    "policy": name,
                    "cluster": c,
                    "scenarios": int((own == c).sum()),
                    "share": float((own == c).mean()),
                    "fresh_share": float(mine.mean()),
                    "objective": a.objective,
                    "bound": a.bound,
                    "fresh_weighted": float(fresh(a).weighted[mine].mean()) if measured else np.nan,
                    "public_cost_usd_m": a.public_cost_usd_m,
                    "projects": " ".join(sorted(a.supported)),
                }
            )
    return pd.DataFrame(rows)


def features(known: Mapping[str, tuple[Seen, Integers]]) -> pd.DataFrame:
    """Mean of every feature that varies, in every cluster and in the whole sample."""
    rows = []
    for name, (seen, labels) in known.items():
        for f, (feature, values) in enumerate(zip(seen.names, seen.columns, strict=True)):
            if values.std() <= 0:
                continue
            for c in np.unique(labels):
                mean = float(values[labels == c].mean())
                rows.append(
                    {
                        "policy": name, "cluster": int(c), "group": seen.groups[f], "feature": feature, "mean": mean,
                        "sample_mean": float(values.mean()),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows, columns=["policy", "cluster", "group", "feature", "mean", "sample_mean"])


def commitments(answers: Mapping[str, Answer]) -> pd.DataFrame:
    """Projects of every portfolio, with structure and window."""
    rows = [
        {"point": name, "project": p, "structure": a, "window": v}
        for name, answer in answers.items()
        if answer.decision is not None
        for p, a, v in answer.decision.chosen
    ]
    return pd.DataFrame(rows, columns=["point", "project", "structure", "window"])
