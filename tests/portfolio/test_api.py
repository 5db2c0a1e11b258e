"""Solve small cases through the functions; check what they say against other routes."""

from __future__ import annotations

import csv
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import portfolio
from models import Decision
from portfolio import api
from portfolio.case import CaseError, read_case
from portfolio.case.ordering import ordered
from portfolio.engine.extensive import ExtensiveForm
from portfolio.engine.protocol import Solution, Status
from portfolio.evaluation.feasibility import placed_offtake
from portfolio.report.folder import OutputError

INPUTS = Path(__file__).resolve().parents[2] / "inputs"
TINY = INPUTS / "tiny"

# A tiny case with chance in it: embargoes, prices that move, delays, and a stockpile.
RISKY = (
    "sampling.cost_scenarios=40",
    "sampling.uncertain_rates=true",
    "hazards.rate=0.4",
    "materials.volatility=0.3",
    "projects.delay_mean_y=0.3",
    "projects.delay_sd_y=0.5",
    "projects.p_by_2040=0.7",
    "stages.stock[separation]=1",
    "policy.purchase_share=0.1",
    "finance.admin_usd_m=0.5",
    "instruments.fixed_cost_usd_m[equity]=0.7",
)


@pytest.fixture(scope="module")
def tiny() -> portfolio.Run:
    return portfolio.solve(TINY, gap=0.0)


@pytest.fixture(scope="module")
def risky() -> portfolio.Run:
    return portfolio.solve(TINY, gap=0.0, scenarios=12, seed=5, overrides=RISKY)


def test_the_tiny_case_by_hand(tiny: portfolio.Run) -> None:
    """One integrated plant of 400 t/y runs in 2029 and 2030; 600 t/y are missing without it, 200 with it."""
    assert tiny.exit_code == 0
    assert set(tiny.projects["project"]) == {"INTEG"}
    short = tiny.headline["shortfall"]
    assert short["without"]["tonnes_per_year"] == pytest.approx(2 * 600 / 4)
    assert short["with"]["tonnes_per_year"] == pytest.approx(2 * 200 / 4)
    assert short["with"]["share_of_demand"] == pytest.approx(2 * 200 / (4 * 1200))
    assert tiny.headline["reduction"] == pytest.approx(2 / 3)
    row = tiny.projects.iloc[0]
    assert (row["closes_without"], row["closes_with"]) == (0.0, 1.0)
    money = tiny.portfolio.loc[tiny.portfolio["kind"].isin(["loan", "equity", "grant"]), "usd_m"].sum()
    assert money == pytest.approx(100.0)  # half of 200 of uses: support fills the gap, never more
    assert tiny.portfolio["advice"].eq(1).all()
    assert tiny.path is None


def test_objective_is_rebuilt_from_the_tables(risky: portfolio.Run) -> None:
    s = risky.scenarios
    paid = (s["probability"] * (s["with_weighted"] + s["with_side"])).sum()
    cost = risky.portfolio["cost_usd_m"].sum()
    weight = risky.case.settings.objective.cost_weight
    assert paid + weight * cost == pytest.approx(risky.solution.objective, rel=1e-7)
    assert risky.headline["public_cost_usd_m"] == pytest.approx(cost, rel=1e-9)
    assert risky.solution.bound <= risky.solution.objective


def test_charges_sum_to_the_use_of_budgets(risky: portfolio.Run) -> None:
    """Overhead, fixed costs and purchases are in the portfolio table, so its charges are the budgets' use."""
    assert {"overhead", "stockpile"} <= set(risky.portfolio["kind"])
    summed = risky.portfolio.groupby(["member", "window"])["charge_usd_m"].sum()
    budgets = risky.budgets.set_index(["member", "window"])
    for key, used in budgets["charge_usd_m"].items():
        assert summed.get(key, 0.0) == pytest.approx(used, abs=1e-9)
        assert used <= budgets.loc[key, "budget_usd_m"] + 1e-6


def test_charges_stand_in_the_ledger(risky: portfolio.Run) -> None:
    """Charges under the convention each member is held to are those of the portfolio, administration apart."""
    convention = {(e.member, e.instrument): e.convention for e in risky.case.eligibility}
    booked = risky.ledger.loc[risky.ledger["line"] == "charge"]
    for row in risky.portfolio.itertuples():
        if row.kind in ("overhead", "stockpile"):
            continue
        mine = booked.loc[
            (booked["member"] == row.member)
            & (booked["project"] == row.project)
            & (booked["instrument"] == row.instrument)
            & (booked["convention"] == convention[row.member, row.instrument])
        ]
        fixed = 0.7 * 0.5 if row.instrument == "equity" else 0.0  # two members with equal budgets
        assert mine["linear_usd_m"].sum() == pytest.approx(row.charge_usd_m + fixed, rel=1e-9)
    stock = risky.portfolio.loc[risky.portfolio["kind"] == "stockpile", "charge_usd_m"].sum()
    purchases = risky.ledger.loc[risky.ledger["line"] == "purchase", "simulated_usd_m"].sum()
    assert purchases == pytest.approx(-stock)


def test_counterfactual_is_the_same_scenarios_without_commitments(risky: portfolio.Run) -> None:
    alone = portfolio.solve(
        TINY, gap=0.0, scenarios=12, seed=5, overrides=[*RISKY, "budgets.budget_usd_m=0", "members.min_ticket_usd_m=1"]
    )
    assert alone.portfolio.empty
    # Summed over other bases of the same programmes: equal but for the last digit.
    assert alone.headline["shortfall"]["with"] == pytest.approx(risky.headline["shortfall"]["without"], rel=1e-12)
    pd.testing.assert_series_equal(
        alone.scenarios["with_weighted"], risky.scenarios["without_weighted"], check_names=False
    )


def test_arguments_override_the_case(tiny: portfolio.Run) -> None:
    run = portfolio.solve(TINY, scenarios=3, seed=9, gap=0.0)
    assert (len(run.scenarios), run.seed) == (3, 9)
    assert run.case.settings.sampling.scenarios == 3
    assert tiny.case.settings.sampling.scenarios == 1
    record = portfolio.solve(read_case(TINY), scenarios=3, seed=9, gap=0.0)
    pd.testing.assert_frame_equal(record.portfolio, run.portfolio)
    assert record.inputs == {}
    with pytest.raises(ValueError, match="overrides apply to the files"):
        portfolio.solve(read_case(TINY), overrides=["risk.cvar_weight=1"])
    with pytest.raises(ValueError, match="at least 1"):
        portfolio.solve(read_case(TINY), scenarios=0)
    with pytest.raises(CaseError):
        portfolio.solve(TINY, scenarios=0)
    for wrong in ({"gap": -1.0}, {"time_limit": 0.0}, {"threads": -1}, {"method": "magic"}):
        with pytest.raises(ValueError, match=r"at least 0|unknown method"):
            portfolio.solve(TINY, **wrong)  # type: ignore[arg-type]


def test_tail_weight_changes_what_is_minimised(risky: portfolio.Run) -> None:
    run = portfolio.solve(TINY, gap=0.0, scenarios=12, seed=5, overrides=[*RISKY, "risk.cvar_weight=0.5"])
    s = run.scenarios
    paid = np.sort((s["with_weighted"] + s["with_side"]).to_numpy())
    tail = paid[-1]  # the worst 5 % of 12 scenarios lie within the worst one
    value = 0.5 * paid.mean() + 0.5 * tail + 0.01 * run.portfolio["cost_usd_m"].sum()
    assert run.solution.objective == pytest.approx(value, rel=1e-7)


def test_steps_are_told(tmp_path: Path) -> None:
    steps: list[portfolio.Step] = []
    run = portfolio.solve(TINY, out=tmp_path / "run", progress=steps.append)
    phases = list(dict.fromkeys(s.phase for s in steps))
    expected = ["reading", "sampling", "simulating projects", "building", "evaluating", "writing"]
    assert [p for p in phases if p != "solving"] == expected
    counted = [s for s in steps if s.total]
    assert counted[-1].done == counted[-1].total == 4  # two structures for one project, one for two
    assert {"reading", "sampling", "engine: solve", "evaluating"} <= set(run.seconds)


def test_a_contradiction_is_never_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    true_solve = ExtensiveForm.solve

    def lie(self: ExtensiveForm, *args: object, **kwargs: object) -> Solution:
        found = true_solve(self, *args, **kwargs)  # type: ignore[arg-type]
        return replace(found, objective=found.objective * (1 - 1e-4))

    monkeypatch.setattr(ExtensiveForm, "solve", lie)
    with pytest.raises(api.InternalError, match="when measured again"):
        portfolio.solve(TINY, method="extensive", out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_bound_above_the_counterfactual_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    true_solve = ExtensiveForm.solve

    def lie(self: ExtensiveForm, *args: object, **kwargs: object) -> Solution:
        return replace(true_solve(self, *args, **kwargs), bound=2000.0)  # type: ignore[arg-type]

    monkeypatch.setattr(ExtensiveForm, "solve", lie)
    with pytest.raises(api.InternalError, match="supporting nothing"):
        portfolio.solve(TINY, method="extensive")


def test_stopped_before_any_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortfall and cost are never negative, so the gap is at most 100 % and numbers are finite."""
    true_solve = ExtensiveForm.solve

    def stop(self: ExtensiveForm, *args: object, **kwargs: object) -> Solution:
        found = true_solve(self, *args, **kwargs)  # type: ignore[arg-type]
        return replace(found, status=Status.INTERRUPTED, bound=-np.inf)

    monkeypatch.setattr(ExtensiveForm, "solve", stop)
    run = portfolio.solve(TINY, method="extensive")
    assert (run.exit_code, run.solution.bound, run.solution.gap) == (3, 0.0, 1.0)
    json.dumps(run.summary(), allow_nan=False)


def test_stopped_before_any_portfolio(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: ExtensiveForm, *args: object, **kwargs: object) -> Solution:
        return Solution(Status.TIME_LIMIT, "extensive", np.inf, 0.0, None)

    monkeypatch.setattr(ExtensiveForm, "solve", stop)
    with pytest.raises(portfolio.NoPortfolioError, match="give it more time"):
        portfolio.solve(TINY, method="extensive")


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (
            ("budgets.budget_usd_m=10",),
            r"without the budgets \(7\).*USD 100\.0 M until 2027.*20\.0 M together",
        ),
        (("policy.max_project_share=0.1",), r"without policy\.max_project_share \(8\)"),
        (("policy.max_country_share=0.1",), r"without policy\.max_country_share \(8\)"),
        (("budgets.budget_usd_m=10", "policy.max_project_share=0.1"), "INTEG on the must list"),
        (("eligibility.max_share[*,loan]=0.05", "eligibility.max_share[*,equity]=0.05"), r"members' caps \(5\)"),
        (("members.min_ticket_usd_m=70",), r"minimum tickets|budgets"),
        (("policy.private_minimum=0.9",), r"no way to finance it is left.*below policy\.private_minimum"),
    ],
)
def test_what_stands_in_the_way(overrides: tuple[str, ...], says: str, tmp_path: Path) -> None:
    with pytest.raises(portfolio.NoPortfolioError, match=says):
        portfolio.solve(TINY, overrides=["policy.must=INTEG", *overrides], out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_liquidity_stands_in_the_way() -> None:
    """Only the protected structure is left, and nobody may pay out anything in a slump year."""
    case = read_case(TINY, ["policy.must=INTEG", "members.liquidity_line_usd_m=0"])
    floor = replace(case, structures=tuple(s for s in case.structures if s.tranche > 0))
    with pytest.raises(portfolio.NoPortfolioError, match=r"liquidity lines \(7b\).*its line is 0\.0"):
        portfolio.solve(floor)


def permuted(source: Path, target: Path, seed: int) -> Path:
    """Copy a case with the rows of every table in another order."""
    shutil.copytree(source, target)
    shuffle = random.Random(seed).shuffle  # noqa: S311
    for path in target.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        shuffle(rows)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return target


@pytest.mark.parametrize("seed", [1, 2])
def test_order_of_rows_changes_no_number(risky: portfolio.Run, tmp_path: Path, seed: int) -> None:
    other = portfolio.solve(permuted(TINY, tmp_path / "case", seed), gap=0.0, scenarios=12, seed=5, overrides=RISKY)
    for name in ("portfolio", "projects", "ledger", "shortfall", "supply", "scenarios", "budgets", "limits"):
        pd.testing.assert_frame_equal(getattr(risky, name), getattr(other, name), check_exact=True)
    assert json.dumps(risky.headline) == json.dumps(other.headline)
    assert other.solution.objective == risky.solution.objective


def test_ordering_keeps_the_chain_and_loses_nothing() -> None:
    case = read_case(INPUTS / "eu_japan_ree")
    found = ordered(case)
    assert found.stage_names == case.stage_names
    assert set(found.projects) == set(case.projects)
    assert [p.project for p in found.projects] == sorted(p.project for p in case.projects)
    assert ordered(found) == found


def test_out_fails_before_long_work(tmp_path: Path) -> None:
    def fail(step: portfolio.Step) -> None:
        raise AssertionError(f"worked on {step.phase}")

    with pytest.raises(OutputError, match="exists already"):
        portfolio.solve(TINY, out=tmp_path, progress=fail)


def test_the_package_offers_its_functions() -> None:
    assert portfolio.solve is api.solve
    assert set(dir(portfolio)) == set(portfolio.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sovle'"):
        _ = portfolio.sovle


def test_decision_of_a_run_gives_its_tables(tiny: portfolio.Run) -> None:
    assert isinstance(tiny.decision, Decision)
    shares = {(k[0], k[1], k[2]): x for k, x in tiny.decision.share.items()}
    table = tiny.portfolio.loc[tiny.portfolio["kind"] != "overhead"]
    assert {(r.member, r.project, r.instrument): r.share for r in table.itertuples()} == pytest.approx(shares)


def test_use_of_placeable_offtake_by_hand(tiny: portfolio.Run, caplog: pytest.LogCaptureFixture) -> None:
    """0.6 of 400 t/y taken where 500 t/y are demanded; a share a rounding error above its bound brings no warning."""
    key = ("JPF", "INTEG", "offtake", "floor", 2027)
    decision = replace(tiny.decision, share={**tiny.decision.share, key: 0.6 + 1e-12})
    ((*where, used, limit),) = placed_offtake(tiny.assembly.instance, decision)
    assert where == ["JP", "separation", "NdPr", 2029]
    assert (used, limit) == (pytest.approx(240.0), pytest.approx(500.0))
    assert not caplog.records
