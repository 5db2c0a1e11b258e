"""The terminal summary: units, rounding, what it must say, at any width."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

import portfolio
from portfolio.report.headline import caveats
from portfolio.report.summary import number, percent, summary

TINY = Path(__file__).resolve().parents[3] / "inputs" / "tiny"


def shown(run: portfolio.Run, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width, highlight=False).print(summary(run))
    return file.getvalue()


@pytest.fixture(scope="module")
def run() -> portfolio.Run:
    return portfolio.solve(TINY, gap=0.0)


@pytest.mark.parametrize("width", [80, 100])
def test_it_fits(run: portfolio.Run, width: int) -> None:
    assert max(len(line.rstrip()) for line in shown(run, width).splitlines()) <= width


def test_it_says_what_matters(run: portfolio.Run) -> None:
    text = " ".join(shown(run, 100).split())
    for part in (
        "Solved within the gap",
        "tonnes a year (contained oxide) 300 100 −67 %",
        "share of demand 25 % 8.3 % −67 %",
        "EU NdPr 700 150 (21 %)",
        "Commit in 2027 (advice)",
        "Integrated plant (INTEG, AUS)",
        "240 t/y NdPr (60 %)",
        "Integrated plant 2027 0 % → 100 % 0 % → 100 %",
        "What binds",
        "Expected public cost: USD",
        "flatters it",
        "42 of 42 input rows are estimates",
    ):
        assert part in text


def test_charges_shown_add_up_to_what_is_charged() -> None:
    """The last column of commitments, fixed costs included, is what the budgets are charged."""
    run = portfolio.solve(TINY, gap=0.0, overrides=["instruments.fixed_cost_usd_m=2"])
    assert run.portfolio["kind"].eq("overhead").any()
    text = shown(run, 100).split("Commit in 2027")[1].split("What the support")[0]
    last = [line.split()[-1] for line in text.splitlines() if line.strip() and line.split()[-1][0].isdigit()]
    assert "fixed costs of instruments" in text
    assert sum(float(n) for n in last) == pytest.approx(run.budgets["charge_usd_m"].sum(), rel=2e-3)


def test_charges_above_the_money_given_are_explained() -> None:
    rows = pd.DataFrame(
        {"project": list("abcd"), "kind": ["equity", "grant", "offtake", "loan"], "usd_m": [10.0, 10.0, 0.0, 10.0]}
    )
    rows["charge_usd_m"] = [14.0, 10.5, 30.0, 7.0]
    run = portfolio.solve(TINY, gap=0.0)
    (said,) = [c for c in caveats(run.case, run.solution, 0.0, 1, rows) if "overruns" in c]
    assert said.startswith("a: charged over 10 % more")
    assert not [c for c in run.caveats if "overruns" in c]


def test_a_fund_without_money_says_so() -> None:
    run = portfolio.solve(TINY, overrides=["budgets.budget_usd_m=0", "members.min_ticket_usd_m=1"])
    text = shown(run, 80)
    assert "The fund commits nothing" in text
    assert "advice)" not in text


def test_later_windows_are_a_plan() -> None:
    """With all the money in 2028, whatever is committed then is a plan."""
    case = portfolio.validate(TINY, ["horizon.windows=2028", "budgets.window=2028", "projects.construction_y=1"])
    budgets = tuple(replace(b, window=w, budget_usd_m=60.0 * (w == 2028)) for b in case.budgets for w in (2027, 2028))
    horizon = replace(case.settings.horizon, windows=(2027, 2028))
    late = replace(case, budgets=budgets, settings=replace(case.settings, horizon=horizon))
    run = portfolio.solve(late, gap=0.0)
    text = shown(run, 100)
    assert "Commit in 2027 (advice): nothing" in text
    assert "Commit later (a plan, to be solved again by then)" in text
    assert run.portfolio["advice"].eq(0).all()
    assert run.headline["advice"] == []
    assert "Only commitments of 2027 are advice" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0001, "0"), (1234567.8, "1,234,568"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 %"), (-0.0002, "0 %"), (0.0333, "3.3 %"), (0.0996, "10 %"), (0.584, "58 %"), (1, "100 %")],
)
def test_percentages(value: float, text: str) -> None:
    assert percent(value) == text
