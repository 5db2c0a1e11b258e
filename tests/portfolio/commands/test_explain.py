"""The command explain: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import portfolio
from portfolio.cli import main
from tests.portfolio.report.test_run_folder import OVERRIDES, TINY


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("runs") / "mine"
    run = portfolio.solve(TINY, scenarios=5, seed=4, gap=0.0, overrides=OVERRIDES, out=target)
    assert run.path is not None
    return run.path


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["explain", *args])


def test_it_prints_and_writes(solved: Path, tmp_path: Path) -> None:
    project = portfolio.validate(TINY).projects[0].project
    rest = ("--no-rules", "--fresh", "20", "--gap", "0", "--threads", "1")
    said = run(str(solved), project, *rest, "--out", str(tmp_path / "why"))
    assert said.exit_code == 0, said.output
    assert f"{project} is" in said.stdout
    assert "capex" in said.stdout
    assert max(map(len, said.stdout.rstrip().splitlines()[:-1])) <= 100
    record = json.loads((tmp_path / "why" / "study.json").read_text())
    told = json.loads(run(str(solved), project, *rest, "--json", "--out", str(tmp_path / "other")).stdout)
    assert {told[k] for k in ("verdict", "worth_low")} == {record[k] for k in ("verdict", "worth_low")}


def test_what_is_refused(solved: Path) -> None:
    assert run(str(solved), "nowhere").exit_code == 2
    assert run("inputs/tiny", "INTEG").exit_code == 2


def test_frequency(solved: Path, tmp_path: Path) -> None:
    said = run(str(solved), "--frequency", "--batches", "2", "--gap", "0", "--out", str(tmp_path / "often"))
    assert said.exit_code == 0, said.output
    assert "2 fresh samples" in said.stdout
    assert {p.name for p in (tmp_path / "often").iterdir()} == {
        "samples.csv", "frequency.csv", "study.json", "report.html",
    }  # fmt: skip
    assert run(str(solved)).exit_code == 2
