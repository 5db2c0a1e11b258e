"""``stability``: samples as ``solve`` solves them, the truth by another route, kept pieces, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from portfolio import api
from portfolio.case.ordering import ordered
from portfolio.engine.checkpoint import CheckpointError
from portfolio.evaluation.fresh import fix
from portfolio.report.errors import RunError, UsageError
from portfolio.report.pieces import pieces_of
from portfolio.scenarios.sampling import sample
from portfolio.studies import stability as study
from tests.portfolio.studies.cases import risky_case

GAP = 0.001
ASK = {"samples": 3, "scenarios": (6, 12), "fresh": 120, "gap": GAP}


@pytest.fixture(scope="module")
def found() -> api.Stability:
    return api.stability(risky_case(), **ASK)  # type: ignore[arg-type]


def test_samples_are_those_of_solve(found: api.Stability) -> None:
    assert [s.scenarios for s in found.solved] == [6, 6, 6, 12, 12, 12]
    assert len({s.seed for s in found.solved}) == 6
    for one in found.solved[2:4]:
        run = api.solve(risky_case(), scenarios=one.scenarios, seed=one.seed, gap=GAP)
        assert one.objective == run.solution.objective
        assert one.decision.select == run.decision.select
        assert one.decision.share == run.decision.share


def test_truth_by_evaluating_each_portfolio_alone(found: api.Stability) -> None:
    """One programme for each portfolio, as ``portfolio evaluate`` has it, instead of one for all."""
    case = ordered(found.case)
    drivers = sample(case, 120, found.fresh_seed, method="monte_carlo")
    table = found.portfolios
    for k, one in enumerate(found.solved):
        fixed = fix(case, one.decision)
        world = fixed.on(drivers).with_fund
        paid = world.weighted + world.side + case.settings.objective.cost_weight * fixed.public_cost_usd_m
        assert table["true"][k] == pytest.approx(paid.mean(), rel=1e-9)
        assert found.compared.paid[k] == pytest.approx(paid, rel=1e-9, abs=1e-9)
    assert table["worse"].min() == 0.0
    assert table["worse"].to_numpy() == pytest.approx((table["true"] - table["true"].min()).to_numpy())


def test_by_size_from_the_portfolios(found: api.Stability) -> None:
    table, sizes = found.portfolios, found.by_size
    for row in sizes.to_dict("records"):
        mine = table[table["scenarios"] == row["scenarios"]]
        assert row["in_sample"] == pytest.approx(mine["in_sample"].mean())
        assert row["in_sample_sd"] == pytest.approx(mine["in_sample"].std())
        assert row["true_spread"] == pytest.approx(np.ptp(mine["true"]))
        assert row["optimism"] == pytest.approx(mine["in_sample"].mean() - mine["true"].mean())
        assert row["regret"] == pytest.approx(mine["true"].mean() - table["true"].min())


def test_few_samples_claim_nothing(found: api.Stability) -> None:
    """With three samples no size is enough and no scatter has limits; with five there are some."""
    table = found.by_size
    limits = ["in_sample_sd_low", "in_sample_sd_high", "in_sample_reach", "scenarios_needed"]
    assert table[limits].isna().all(axis=None)
    lenient = replace(found, accuracy=0.9)
    assert set(lenient.by_size["verdict"]) == {"undecided"}
    assert "it takes 5 of each" in lenient.verdict
    five = replace(lenient, samples=5, sizes=(6,), solved=found.solved[:5])
    assert five.by_size["verdict"].tolist() == ["enough"]
    assert five.by_size[limits].notna().all(axis=None)
    assert "enough for portfolios" in five.verdict


def test_projects_chosen(found: api.Stability) -> None:
    for row in found.projects.to_dict("records"):
        mine = [s for s in found.solved if s.scenarios == row["scenarios"]]
        keys = [key for s in mine for key in s.decision.chosen if key[0] == row["project"]]
        assert row["chosen"] == len(keys) / 3
        assert row["first_window"] == sum(v == 2027 for _, _, v in keys) / 3


def test_with_a_tail_in_the_objective() -> None:
    found = api.stability(risky_case(cvar_weight=0.5), samples=2, scenarios=8, fresh=100, gap=GAP)
    case, one = ordered(found.case), found.solved[0]
    fixed = fix(case, one.decision)
    world = fixed.on(sample(case, 100, found.fresh_seed)).with_fund
    paid = np.sort(world.weighted + world.side)
    cost = case.settings.objective.cost_weight * fixed.public_cost_usd_m
    # The worst 5 % of 100 scenarios are five.
    assert found.compared.objectives[0] == pytest.approx(0.5 * paid.mean() + 0.5 * paid[-5:].mean() + cost, rel=1e-9)


def test_of_a_run(tmp_path: Path) -> None:
    run = api.solve(risky_case(), scenarios=6, gap=GAP, out=tmp_path / "mine")
    assert run.path is not None
    from_folder = api.stability(run.path, samples=2, fresh=60, gap=GAP)
    assert from_folder.portfolios["portfolio"].tolist() == ["6/1", "6/2", "run"]
    assert from_folder.solved[2].objective == pytest.approx(run.solution.objective)
    assert from_folder.by_size["samples"].tolist() == [2]
    again = api.stability(run, samples=2, fresh=60, gap=GAP)
    assert again.portfolios.equals(from_folder.portfolios)
    with pytest.raises(UsageError, match="overrides go with a case"):
        api.stability(run.path, overrides=["risk.cvar_weight=0.5"])
    (run.path / "run.json").unlink()
    with pytest.raises(RunError, match=r"no run\.json"):
        api.stability(run.path)


def test_goes_on_from_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: api.Stability) -> None:
    usual, asked = study._Samples._solved, []

    def interrupted(self: object, *given: object) -> object:
        asked.append(given[1:])
        if len(asked) == 3:
            raise KeyboardInterrupt
        return usual(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(study._Samples, "_solved", interrupted)
    target = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        api.stability(risky_case(), out=target, **ASK)  # type: ignore[arg-type]
    assert not target.exists()
    with pytest.raises(CheckpointError, match="other settings"):
        api.stability(risky_case(), out=target, **(ASK | {"gap": 0.01}))  # type: ignore[arg-type]
    written = api.stability(risky_case(), out=target, **ASK)  # type: ignore[arg-type]
    assert len(asked) == 7
    assert not pieces_of(target).exists()
    assert sorted(p.name for p in target.iterdir()) == [
        "by_size.csv",
        "portfolios.csv",
        "projects.csv",
        "report.html",
        "stability.json",
    ]
    assert written.portfolios.equals(found.portfolios)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"samples": 1}, "at least 2"),
        ({"scenarios": (6, 0)}, "at least 1"),
        ({"accuracy": 0.0}, "between 0 and 1"),
        ({"time_limit": 0.0}, "above 0"),
    ],
)
def test_refusals(given: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        api.stability(risky_case(), **(ASK | given))  # type: ignore[arg-type]


def test_no_portfolio_is_feasible() -> None:
    case = risky_case()
    must = replace(case.settings.policy, must=("mine",))
    poor = replace(case, settings=replace(case.settings, policy=must), budgets=())
    with pytest.raises(UsageError, match="no portfolio on sample 1 of 6 scenarios"):
        api.stability(poor, samples=2, scenarios=6, fresh=20)
