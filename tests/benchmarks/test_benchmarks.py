"""The benchmark measures what it says: contenders agree, generated cases are valid, gaps are timed rightly."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tests.benchmarks.__main__ as command
from portfolio import api
from portfolio.assemble import assemble
from portfolio.case import read_case
from portfolio.scenarios.sampling import sample
from tests.benchmarks.contenders import CONTENDERS, Job
from tests.benchmarks.generator import SHIPPED, Recipe, generate, write
from tests.benchmarks.measure import Measured, run, watched
from tests.benchmarks.passes import compare
from tests.benchmarks.prepare import build
from tests.benchmarks.report import Entry, machine, table, tidy
from tests.benchmarks.study import study
from tests.benchmarks.trajectory import Point, Recorder, read, seconds_to

TINY = SHIPPED.parent / "tiny"

RECIPES = [
    Recipe(8),
    Recipe(100),
    Recipe(200, seed=7),
    Recipe(40, instruments="many"),
    Recipe(30, instruments="loan+cfd"),
    Recipe(30, instruments="equity"),
    Recipe(32, windows=1),
    Recipe(50, scale_budgets=False, scale_market=False),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.name)
def test_generated_cases_validate_as_files(recipe: Recipe, tmp_path: Path) -> None:
    case = api.validate(write(recipe, tmp_path / "case"))
    assert case == generate(recipe)
    assert len(case.projects) == recipe.projects


def test_the_shipped_size_is_the_shipped_case() -> None:
    shipped, made = read_case(SHIPPED), generate(Recipe(32))
    assert replace(made, settings=shipped.settings) == shipped


def test_larger_cases_hold_smaller_ones_and_seeds_differ() -> None:
    small, large, other = (generate(r) for r in (Recipe(60), Recipe(90), Recipe(60, seed=2)))
    assert large.projects[:60] == small.projects
    assert [p.capex_usd_m for p in other.projects[:32]] == [p.capex_usd_m for p in small.projects[:32]]
    assert [p.capex_usd_m for p in other.projects[32:]] != [p.capex_usd_m for p in small.projects[32:]]


def test_clones_are_spread_around_what_they_clone() -> None:
    case = generate(Recipe(32 * 12))
    ratio = np.log([c.capex_usd_m / case.projects[n % 32].capex_usd_m for n, c in enumerate(case.projects)][32:])
    assert abs(np.exp(ratio).mean() - 1.0) < 0.1  # lognormal with exponent 0.85: mean a little below one
    assert 0.3 < ratio.std() < 0.5  # sqrt((0.85 * 0.4)^2 + 0.2^2) = 0.394


def test_scaling_keeps_money_and_demand_per_project() -> None:
    shipped, large = generate(Recipe(32)), generate(Recipe(96))
    assert sum(b.budget_usd_m for b in large.budgets) == pytest.approx(3 * sum(b.budget_usd_m for b in shipped.budgets))
    assert sum(d.base for d in large.demand) == pytest.approx(3 * sum(d.base for d in shipped.demand))
    kept = generate(Recipe(96, scale_budgets=False, scale_market=False))
    assert kept.budgets == shipped.budgets
    assert kept.demand == shipped.demand


def test_many_instruments_need_several_of_each_kind() -> None:
    case = generate(Recipe(32, instruments="many", versions=5))
    shipped = generate(Recipe(32))
    assert len(case.instruments) == 5 * len(shipped.instruments)
    for origin in shipped.instruments:
        versions = [i for i in case.instruments if i.instrument.startswith(f"{origin.instrument}_")]
        assert all(i.max_share < origin.max_share for i in versions)
        assert sum(i.max_share for i in versions) >= origin.max_share
        assert all(0 < i.min_share <= 0.03 and i.fixed_cost_usd_m > 0 for i in versions)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [(Recipe(0), "at least one"), (Recipe(32, instruments="loan+bond"), "bond"), (Recipe(32, windows=9), "windows")],
)
def test_impossible_recipes_are_refused(recipe: Recipe, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        generate(recipe)


def test_times_to_gaps_by_hand(tmp_path: Path) -> None:
    points = [Point(1.0, 110.0, 0.0), Point(2.0, 101.0, 95.0), Point(4.0, 100.0, 99.0), Point(9.0, 100.0, 99.95)]
    assert seconds_to(points, 0.06) == 2.0  # 6/101 = 5.9 %
    assert seconds_to(points, 0.01) == 4.0
    assert seconds_to(points, 0.001) == 9.0
    assert seconds_to(points, 0.0001) is None
    recorder = Recorder(tmp_path / "t.jsonl")
    for objective, bound in [(110.0, None), (float("inf"), 90.0), (120.0, 80.0), (1e30, -1e30), (100.0, 95.0)]:
        recorder.add(objective, bound)
    seen = [(p.objective, p.bound) for p in read(tmp_path / "t.jsonl")]
    assert seen == [(110.0, -float("inf")), (110.0, 90.0), (100.0, 95.0)]  # the best stays, nonsense does not count


def test_a_cut_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"seconds": 1, "objective": 5.0, "bound": null}\n{"seconds": 2, "obj', encoding="utf-8")
    assert read(path) == [Point(1, 5.0, -float("inf"))]


def entry(*runs: Measured) -> Entry:
    return Entry("case", 32, "all", 20, {"phases": {"read": 0.1}}, runs)


def test_ratios_and_gaps_not_reached_are_told_apart() -> None:
    fast = Measured("benders", "ok", 10.0, (Point(2.0, 100.0, 99.5), Point(10.0, 100.0, 100.0)))
    slow = Measured("pyomo", "limit", 60.0, (Point(40.0, 100.0, 99.5),))
    absent = Measured("mpisppy-ef", "not installed: mpisppy", 0.0)
    rows = list(tidy([entry(fast, slow, absent)], (0.01, 0.001)))

    def value(contender: str, quantity: str, detail: str) -> tuple[object, str]:
        (row,) = [r for r in rows if (r["contender"], r["quantity"], r["detail"]) == (contender, quantity, detail)]
        return row["value"], row["note"]

    assert value("pyomo", "ratio of seconds", "0.01") == (20.0, "")
    assert value("pyomo", "ratio of seconds", "0.001") == (6.0, "at least")
    assert value("pyomo", "seconds to gap", "0.001") == (None, "not reached, stood at 0.5 % after 60 s")
    assert value("mpisppy-ef", "seconds to gap", "0.01") == (None, "not installed: mpisppy")
    assert "> 6.0" in table([entry(fast, slow, absent)], (0.01, 0.001))


def test_contradictions_are_seen() -> None:
    right = Measured("benders", "ok", 1.0, (Point(1.0, 100.0, 99.9),))
    wrong = Measured("pyomo", "ok", 1.0, (Point(1.0, 120.0, 105.0),))
    assert entry(right, wrong).contradiction == pytest.approx(0.05)
    assert "CONTRADICTION" in table([entry(right, wrong)], (0.01,))
    assert entry(right, replace(wrong, points=(Point(1.0, 100.0, 100.0),))).contradiction == 0.0


def test_memory_and_the_limit_are_watched(tmp_path: Path) -> None:
    large = "x = bytearray(300 * 2**20); import time; time.sleep(0.5)"
    _, peak = watched([sys.executable, "-c", large], tmp_path / "a.txt", 60.0)
    assert peak is None or 300 < peak < 400
    endless = "import time; time.sleep(600)"
    seconds, _ = watched([sys.executable, "-c", endless], tmp_path / "b.txt", -14.0)  # the grace added: one second
    assert seconds < 60


def test_a_pass_agrees_with_solving_each_scenario() -> None:
    case = read_case(TINY)
    drivers, costs = (sample(case, n, 1) for n in (6, 50))
    found = compare(assemble(case, drivers, costs).instance, points=3, threads=1)
    assert found.difference <= 1e-6
    assert found.ratio > 0


def test_machine_facts_are_plain_json() -> None:
    facts = json.loads(json.dumps(machine()))
    assert facts["cores"] >= 1
    assert facts["versions"]["highspy"] != "not installed"


@pytest.mark.slow
def test_the_command_writes_its_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "--scenarios 4 --time-limit 8 --contenders benders,extensive"
    assert command.main([*line.split(), "--case", str(TINY), "--out", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert "this product" in capsys.readouterr().out
    record = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    (made,) = record["entries"]
    assert {m["contender"] for m in made["runs"]} == {"benders", "extensive"}
    assert {"read", "sample", "assemble"} <= set(made["prepared"]["phases"])
    assert {"writing", "in all"} <= set(made["whole"]["phases"])
    assert made["passes"]["ratio"] > 0
    with (folder / "results.csv").open(encoding="utf-8") as file:
        quantities = {row["quantity"] for row in csv.DictReader(file)}
    assert {"seconds to gap", "phase", "peak memory", "objective", "bound"} <= quantities


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTENDERS)
def test_contenders_find_the_optimum_of_the_tiny_case(name: str, tmp_path: Path) -> None:
    if CONTENDERS[name].missing:
        pytest.skip(f"not installed: {', '.join(CONTENDERS[name].missing)}")
    build(TINY, tmp_path, 8)
    optimum = api.solve(TINY, scenarios=8, method="extensive", gap=0.0).solution.objective
    found = run(name, Job(gap=1e-4, limit_s=60.0), tmp_path)
    assert found.last.gap <= 1e-4, found.status
    assert found.last.objective == pytest.approx(optimum, rel=2e-4)
    assert found.last.bound <= optimum * (1 + 1e-6)


def test_a_study_is_timed_against_its_first_point() -> None:
    """Ratios are of seconds taken in one run, and points taught are worth what they are worth untaught."""
    found = study(read_case(TINY), (1.0, 0.7), gap=0.0, alone=True)
    first, other = found.points
    whole = found.prepared_s + first.cpu_s
    assert found.ratio == pytest.approx((whole + other.cpu_s) / whole)
    assert found.point_ratio == pytest.approx(other.cpu_s / first.cpu_s)
    assert other.objective == pytest.approx(other.alone_objective, rel=1e-6)
    assert first.objective <= other.objective + 1e-6
