"""The command alternatives: what it prints and writes, and what it refuses."""

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
    run = portfolio.solve(
        TINY, scenarios=5, seed=4, gap=0.0, overrides=OVERRIDES, out=tmp_path_factory.mktemp("runs") / "mine"
    )
    assert run.path is not None
    return run.path


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["alternatives", *args])


def test_it_prints_and_writes(solved: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    said = run(str(solved), "--within", "5%", "--count", "2", "--fresh", "20", "--gap", "0", "--out", str(out))
    assert said.exit_code == 0, said.output
    assert "Projects in all, some or none of them" in said.stdout
    assert max(map(len, said.stdout.rstrip().splitlines()[:-1])) <= 100
    names = {"alternatives.csv", "projects.csv", "distances.csv", "commitments.csv", "study.json", "report.html"}
    assert {p.name for p in out.iterdir()} == names
    record = json.loads((out / "study.json").read_text())
    assert record["within"] == 0.05
    again = run(str(solved), "--within", "0.05", "--count", "2", "--fresh", "20", "--gap", "0", "--json",
                "--out", str(tmp_path / "other"))  # fmt: skip
    told = json.loads(again.stdout)
    assert told["support"] == record["support"]
    assert told["alternatives"] == record["alternatives"]


@pytest.mark.parametrize("share", ["0", "-1%", "much", "nan", "inf"])
def test_what_is_no_share(solved: Path, share: str) -> None:
    said = run(str(solved), f"--within={share}")
    assert said.exit_code == 2
    assert "1%" in said.output


def test_a_case_is_no_run() -> None:
    said = run("inputs/tiny")
    assert said.exit_code == 2


def test_the_gap_is_a_tenth_of_the_slack(monkeypatch: pytest.MonkeyPatch, solved: Path) -> None:
    from portfolio.studies import alternatives as module

    asked: list[float] = []

    def of(out: object, terms: module.Terms, *rest: object) -> None:
        asked.append(terms.limits.gap)
        raise KeyboardInterrupt

    monkeypatch.setattr(module.Desk, "of", of)
    run(str(solved), "--within", "3%")
    run(str(solved), "--within", "3%", "--gap", "0.02")
    assert asked == pytest.approx([0.003, 0.02])
