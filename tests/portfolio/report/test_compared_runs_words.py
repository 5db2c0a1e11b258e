"""What moved between two runs and why, in words, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from portfolio.report.compared_runs_words import causes, moved_words, shortfall_words, why


def inputs(*rows: tuple[str, str, str, str, str, str, int]) -> pd.DataFrame:
    columns = ["where", "column", "key", "change", "before", "after", "counts"]
    return pd.DataFrame(rows, columns=columns).assign(what="table", run="other")


def test_values_of_one_column_that_share_a_factor_are_one_cause() -> None:
    halved = [
        ("budgets", "budget_usd_m", k, "changed", b, a, 1) for k, b, a in (("A", "245", "122.5"), ("B", "10", "5"))
    ]
    assert why(inputs(*halved)) == "What differs: budgets.budget_usd_m × 0.5 in 2 rows."


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("hazards", "rate", "x", "changed", "0.1", "0.2", 1)], ["hazards.rate[x] 0.1 → 0.2"]),
        ([("h", "r", "x", "changed", "0", "1", 1), ("h", "r", "y", "changed", "1", "1.5", 1)],
         ["h.r[x] 0 → 1, h.r[y] 1 → 1.5"]),
        ([("h", "r", str(n), "changed", "1", str(n + 2), 1) for n in range(5)], ["5 values of h.r"]),
        ([("projects", "", "P", "removed", "capex=1", "", 1)], ["projects: removed P"]),
        ([("risk", "cvar_weight", "", "changed", "", "0.5", 1)], ["risk.cvar_weight (none) → 0.5"]),
        ([("projects", "name", "P", "changed", "a", "b", 0)], []),
    ],
)  # fmt: skip
def test_causes(rows: list[tuple[str, str, str, str, str, str, int]], expected: list[str]) -> None:
    assert list(causes(inputs(*rows))) == expected


def test_nothing_differs() -> None:
    assert why(inputs()) == "Inputs, settings of the search and versions are the same."
    assert moved_words({"in": [], "out": [], "window": []}, changed=0) == "The portfolios are the same."


def test_moved() -> None:
    said = moved_words({"in": ["A", "B"], "out": ["C"], "window": []}, changed=3)
    assert said == "Projects in: A, B; out: C. 3 commitments differ."
    assert moved_words({"in": [], "out": [], "window": []}, changed=1).startswith("The same projects")


@pytest.mark.parametrize(
    ("low", "high", "verdict", "end"),
    [
        (2.0, 4.0, "higher", "(+3.00, 95 % interval +2.00 to +4.00): higher."),
        (-1.0, 4.0, "open", "(+3.00, 95 % interval −1.00 to +4.00): nothing is claimed."),
        (None, None, "open", "10.0 → 13.0: nothing is claimed."),
    ],
)
def test_claims_are_those_of_the_verdict(low: float | None, high: float | None, verdict: str, end: str) -> None:
    row = {"figure": "weighted", "world": "with", "before": 10.0, "after": 13.0, "difference": 3.0}
    table = pd.DataFrame([row | {"low": low, "high": high, "verdict": verdict}])
    assert shortfall_words(table, 0.95).endswith(end)
