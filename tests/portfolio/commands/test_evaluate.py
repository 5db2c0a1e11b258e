"""The command evaluate: what it prints and writes, exit codes, Ctrl-C."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import portfolio
from portfolio.cli import main
from portfolio.evaluation.fresh import FixedPortfolio
from portfolio.report.run import Run
from tests.portfolio.report.test_run_folder import OVERRIDES, TINY
from tests.portfolio.report.test_saved import BROKEN


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Run:
    target = tmp_path_factory.mktemp("runs") / "run"
    return portfolio.solve(TINY, scenarios=5, seed=4, gap=0.0, overrides=OVERRIDES, out=target)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, solved: Run) -> Path:
    monkeypatch.chdir(tmp_path)
    assert solved.path is not None
    shutil.copytree(solved.path, tmp_path / "results" / "mine")
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["evaluate", *args])


def written(home: Path) -> list[str]:
    return sorted(p.name for p in (home / "results").iterdir())


def test_by_default(home: Path) -> None:
    before = {p: p.read_bytes() for p in (home / "results" / "mine").rglob("*") if p.is_file()}
    found = run("results/mine", "--scenarios", "30")
    assert found.exit_code == 0, found.output
    name = written(home)[1]
    assert name.startswith("mine-evaluation-20")
    assert f"Evaluation folder: results/{name}" in found.stdout
    assert "on 30 fresh scenarios" in found.stdout
    assert "chosen on 5 others (seed 4)" in found.stdout
    assert "95 % interval" in found.stdout
    assert max(map(len, found.stdout.splitlines()[:-1])) <= 100
    assert found.stderr == ""
    assert before == {p: p.read_bytes() for p in (home / "results" / "mine").rglob("*") if p.is_file()}
    again = run("results/mine", "--scenarios", "30")
    assert again.exit_code == 0
    assert len(written(home)) == 3


def test_json(home: Path) -> None:
    found = run(
        "results/mine", "--scenarios", "30", "--seed", "9", "--level", "0.9", "--threads", "1", "--json", "--out", "x"
    )
    assert found.exit_code == 0, found.output
    record = json.loads(found.stdout)
    assert (record["scenarios"], record["seed"], record["level"]) == (30, 9, 0.9)
    assert record["run"] == "results/mine"
    assert record["evaluation"] == "x"
    kept = json.loads((home / "x" / "evaluation.json").read_text(encoding="utf-8"))
    assert record["figures"] == kept["figures"]
    shown = {(f["figure"], f["world"]) for f in record["figures"]}
    assert {("weighted", "without"), ("weighted_cvar", "with"), ("reduction", "difference")} <= shown


@pytest.mark.parametrize("name", BROKEN)
def test_broken_runs_are_bad_input(home: Path, name: str) -> None:
    act, says = BROKEN[name]
    act(home / "results" / "mine")
    found = run("results/mine", "--scenarios", "3")
    assert found.exit_code == 2, found.output
    assert says in found.stderr
    assert found.stdout == ""
    assert written(home) in ([], ["mine"])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("results/mine", "--seed", "4"), "they would come again"),
        (("results/mine", "--level", "1"), "range"),
        (("results/mine", "--scenarios", "1"), "range"),
        (("results/mine", "--out", "results/mine"), "exists already"),
        ((str(TINY),), "is a case, not a run"),
        (("nowhere",), "not a folder"),
        ((), "Missing argument"),
    ],
)
def test_bad_usage(home: Path, args: tuple[str, ...], says: str) -> None:
    found = run(*args)
    assert found.exit_code == 2, found.output
    assert says in found.stderr
    assert written(home) == ["mine"]


def test_interrupted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FixedPortfolio, "on", interrupt)
    found = run("results/mine")
    assert found.exit_code == 130
    assert "nothing was written" in found.stderr
    assert written(home) == ["mine"]
