"""Evaluations of whole runs: their own figures come back, fresh ones are as the referee has them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import portfolio
from models import Decision
from portfolio import api
from portfolio.api import evaluate
from portfolio.assemble import assemble
from portfolio.case.ordering import ordered
from portfolio.evaluation import fresh as fresh_module
from portfolio.evaluation.outcomes import cvar
from portfolio.report.errors import RunError, UsageError
from portfolio.report.evaluation import TABLES, Evaluation, warnings
from portfolio.report.folder import OutputError
from portfolio.report.run import Run
from portfolio.scenarios import sample
from tests.builders import tiny_case
from tests.oracle import recourse_value
from tests.portfolio.report.test_run_folder import TINY
from tests.portfolio.report.test_saved import edit, forged, rows

OVERRIDES = (
    "hazards.rate=0.4",
    "materials.volatility=0.3",
    "sampling.cost_scenarios=30",
    "stages.stock[separation]=1",
    "risk.cvar_weight=0.3",
)
FILES = {"evaluation.json", "report.html", "figures.csv", "scenarios.parquet", *(f"{name}.csv" for name in TABLES)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    target = tmp_path_factory.mktemp("runs") / "run"
    return portfolio.solve(TINY, scenarios=15, seed=4, gap=0.0, overrides=OVERRIDES, out=target)


@pytest.fixture(scope="module")
def found(run: Run) -> Evaluation:
    assert run.path is not None
    return evaluate(run.path, scenarios=40, seed=77, out=run.path.with_name("evaluation"))


def test_the_function_has_the_name_of_the_command() -> None:
    assert portfolio.evaluate is api.evaluate
    assert portfolio.Evaluation is Evaluation
    assert {"evaluate", "Evaluation", "RunError"} <= set(dir(portfolio))


def test_own_figures_come_back_exactly(run: Run, found: Evaluation) -> None:
    """On the scenarios of the solve, from the folder alone, with the chosen options alone."""
    names = {"weighted": "weighted", "weighted_cvar": "weighted_cvar", "tonnes_per_year": "tonnes_per_year",
             "share_of_demand": "share_of_demand", "probability": "probability"}  # fmt: skip
    for world in ("without", "with"):
        said = run.headline["shortfall"][world]
        for name, key in names.items():
            assert found.figure(name, world)["in_sample"] == pytest.approx(said[key], rel=1e-12), name
    assert found.figure("objective", "with")["in_sample"] == pytest.approx(run.solution.objective, rel=1e-9)
    assert found.figure("reduction", "difference")["in_sample"] == pytest.approx(run.headline["reduction"], rel=1e-9)
    assert found.public_cost_usd_m == pytest.approx(run.headline["public_cost_usd_m"], rel=1e-12)


def test_scenarios_of_the_solve_are_those_of_the_run(run: Run) -> None:
    fixed = fresh_module.fix(run.case, run.decision)
    own = fixed.measure(fresh_module.in_chunks(fixed.case, 15, 4), 15)
    for world, measured in (("without", own.without), ("with", own.with_fund)):
        assert np.array_equal(measured.weighted, run.scenarios[f"{world}_weighted"])
        assert np.array_equal(measured.side, run.scenarios[f"{world}_side"])


def test_fresh_figures_by_the_referee(run: Run, found: Evaluation) -> None:
    """Every fresh scenario solved one by one, with all options of the case assembled."""
    case = ordered(run.case)
    i = assemble(case, sample(case, 40, 77), sample(case, 30, case.settings.sampling.cost_seed)).instance
    for world, decision in (("without", Decision()), ("with", run.decision)):
        paid = np.array([recourse_value(i, decision, s)[1]["total"] for s in range(40)])
        cost = i.cost_weight * decision.public_cost(i)
        p = np.full(40, 1 / 40)
        expected = 0.7 * paid.mean() + 0.3 * cvar(paid, p, i.cvar_level) + cost
        assert found.figure("objective", world)["estimate"] == pytest.approx(expected, rel=1e-6)
    assert found.figure("objective", "difference")["estimate"] < 0


def test_optimism(found: Evaluation) -> None:
    for row in found.figures.to_dict(orient="records"):
        assert row["optimism"] == pytest.approx(row["in_sample"] - row["estimate"])
        assert row["optimism_low"] == row["in_sample"] - row["high"]
        assert row["optimism_high"] == row["in_sample"] - row["low"]
        assert row["low"] <= row["estimate"] + 1e-12
        assert row["estimate"] <= row["high"] + 1e-12


def test_samples_are_told_apart(run: Run, found: Evaluation) -> None:
    assert (found.scenario_count, found.seed, found.in_sample_count, found.in_sample_seed) == (40, 77, 15, 4)
    derived = evaluate(run, scenarios=3)
    assert derived.seed not in (4, run.case.settings.sampling.cost_seed)
    assert evaluate(run, scenarios=3).figures.equals(derived.figures)


def test_a_run_in_memory_is_the_run_in_its_folder(run: Run, found: Evaluation) -> None:
    again = evaluate(run, scenarios=40, seed=77, threads=1)
    assert again.figures.equals(found.figures)
    assert again.by_region_material_year.equals(found.by_region_material_year)
    assert again.path is None


def test_chunks_change_nothing(run: Run, found: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh_module, "CHUNK", 11)
    steps: list[api.Step] = []
    again = evaluate(run, scenarios=40, seed=77, progress=steps.append)
    numbers = ["estimate", "low", "high", "in_sample", "optimism"]
    assert np.allclose(again.figures[numbers], found.figures[numbers], rtol=1e-9, atol=1e-9)
    fresh = [s.done for s in steps if s.phase == "measuring on fresh scenarios" and s.total]
    assert fresh == [11, 22, 33, 40]


def test_fresh_scenarios_are_plain_monte_carlo(run: Run, found: Evaluation) -> None:
    """A Latin hypercube has no intervals of its own kind: only the run's own sample is one."""
    sampling = replace(run.case.settings.sampling, method="latin_hypercube")
    case = replace(run.case, settings=replace(run.case.settings, sampling=sampling))
    other = portfolio.solve(case, gap=0.0)
    again = evaluate(other, scenarios=40, seed=77)
    assert (again.scenarios["without_weighted"] == found.scenarios["without_weighted"]).all()


def test_folder(run: Run, found: Evaluation) -> None:
    assert found.path is not None
    assert {p.name for p in found.path.iterdir()} == FILES
    record = json.loads((found.path / "evaluation.json").read_text(encoding="utf-8"))
    assert record["scenarios"] == 40
    assert record["in_sample"] == {"scenarios": 15, "seed": 4}
    figures = pd.read_csv(found.path / "figures.csv")
    scenarios = pd.read_parquet(found.path / "scenarios.parquet")
    assert len(scenarios) == 40
    for said, row, kept in zip(record["figures"], figures.to_dict(orient="records"),
                               found.figures.to_dict(orient="records"), strict=True):  # fmt: skip
        assert said["estimate"] == kept["estimate"]
        assert row["estimate"] == pytest.approx(kept["estimate"], rel=1e-11)
        # Limits that do not exist are null in JSON.
        assert said["high"] == (kept["high"] if np.isfinite(kept["high"]) else None)
    for world in ("without", "with"):
        mean = scenarios[f"{world}_weighted"].mean()
        assert found.figure("weighted", world)["estimate"] == pytest.approx(mean)
        tonnes = scenarios[[c for c in scenarios if c.startswith(f"{world}_t_")]].sum(axis=1).mean() / 4
        assert found.figure("tonnes_per_year", world)["estimate"] == pytest.approx(tonnes)
    places = pd.read_csv(found.path / "by_region_material.csv")
    whole = places.loc[places["world"] == "with", "mean_t"].sum()
    assert whole == pytest.approx(found.figure("tonnes_per_year", "with")["estimate"])
    assert run.path is not None
    assert sorted(p.name for p in run.path.parent.iterdir()) == ["evaluation", "run"]


def test_small_samples_are_flagged(found: Evaluation) -> None:
    assert found.figure("weighted", "with")["reliable"] == 0
    assert any("only 40 scenarios" in note for note in found.caveats)
    assert any("luck of sampling alone" in note for note in found.caveats)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"scenarios": 1}, "at least 2"),
        ({"level": 1.0}, "between 0 and 1"),
        ({"threads": -1}, "at least 0"),
        ({"seed": -1}, "at least 0"),
        ({"seed": 4}, "they would come again"),
    ],
)
def test_arguments_are_checked(run: Run, arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        evaluate(run, **arguments)


def test_a_taken_folder_is_refused_at_once(run: Run, tmp_path: Path) -> None:
    steps: list[api.Step] = []
    with pytest.raises(OutputError, match="exists already"):
        evaluate(run, out=tmp_path, progress=steps.append)
    assert steps == []


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (
            edit(lambda r: r["headline"]["shortfall"]["with"].update(weighted=1.0)),
            "mean weighted shortfall with the fund",
        ),
        (edit(lambda r: r.update(objective=r["objective"] * 1.001)), "for the objective"),
        (forged(lambda r: r["variables"].update(rights=[])), "leads to"),
        (forged(rows("select", structure="none of this")), "names the structure"),
    ],
)
def test_edited_runs_are_found_out(run: Run, tmp_path: Path, act: Any, says: str) -> None:
    assert run.path is not None
    shutil.copytree(run.path, tmp_path / "run")
    act(tmp_path / "run")
    with pytest.raises(RunError, match=says):
        evaluate(tmp_path / "run", scenarios=5)


def test_options_that_the_case_does_not_have(run: Run) -> None:
    key = next(iter(run.decision.select))
    settings = replace(run.case.settings, policy=replace(run.case.settings.policy, never=(key[0],)))
    with pytest.raises(RunError, match="on the never list"):
        evaluate(replace(run, case=replace(run.case, settings=settings)), scenarios=5)


@pytest.mark.parametrize(
    ("with_fund", "difference", "said"),
    [
        (-5.0, -2.0, "The fund looked better than it is: 200 scenarios flattered it"),
        (-5.0, 3.0, "200 scenarios are milder than most"),
        (1.0, 1.0, None),
    ],
)
def test_a_mild_sample_is_not_called_flattery(with_fund: float, difference: float, said: str | None) -> None:
    """What counts is the gain claimed: both worlds may be lower in a mild sample."""
    rows = {
        "figure": ["weighted"] * 2 + ["weighted_p99"],
        "world": ["with", "difference", "with"],
        "optimism_high": [with_fund, difference, 0.0],
        "reliable": [1, 1, 0],
        "note": ["", "", "few"],
    }
    found = warnings(tiny_case(), pd.DataFrame(rows), 0.95, 200)
    assert "Intervals not to be relied on: weighted, quantile at 99 % (few)." in found
    last = [w for w in found if "200 scenarios" in w]
    assert [said in w for w in last] == ([True] if said else [])
