"""The commands replicate and worth: what they print and write, exit codes, Ctrl-C."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import portfolio
from portfolio.cli import main
from portfolio.report.run import Run
from portfolio.studies import replications, worth
from tests.portfolio.studies.cases import risky_case


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return portfolio.solve(risky_case(), scenarios=6, gap=0.001, out=tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, solved: Run) -> Path:
    monkeypatch.chdir(tmp_path)
    assert solved.path is not None
    shutil.copytree(solved.path, tmp_path / "results" / "mine")
    return tmp_path


REPLICATE = ("replicate", "results/mine", "--batches", "3", "--gap", "0.001")
WORTH = ("worth", "results/mine", "--fresh", "20", "--gap", "0.001")


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


def written(home: Path) -> list[str]:
    return sorted(p.name for p in (home / "results").iterdir())


class TestReplicate:
    def test_by_default(self, home: Path) -> None:
        found = run(*REPLICATE)
        assert found.exit_code == 0, found.output
        assert written(home) == ["mine", "mine-replications"]
        assert "3 fresh batches of 6 scenarios" in found.stdout
        assert "sampling gap" in found.stdout
        assert "solver gap" in found.stdout
        assert "With 95 % confidence" in found.stdout
        assert "Folder: results/mine-replications" in found.stdout
        assert max(map(len, found.stdout.splitlines())) <= 100
        assert found.stderr == ""
        assert run(*REPLICATE).exit_code == 0
        assert written(home) == ["mine", "mine-replications", "mine-replications-2"]

    def test_json(self, home: Path) -> None:
        found = run(*REPLICATE, "--json", "--out", "here")
        record = json.loads(found.stdout)
        answer = record["answer"]
        assert answer["sampling_gap"] + answer["solver_gap"] == pytest.approx(answer["gap"])
        assert answer["upper"] >= answer["gap"]
        assert (answer["batches"], answer["scenarios"], answer["level"]) == (3, 6, 0.95)
        assert (home / "here" / "replications.json").exists()

    def test_target_that_is_not_reached(self) -> None:
        found = run(*REPLICATE, "--target", "1e-9", "--max-scenarios", "12")
        assert found.exit_code == 3, found.output
        assert "not reached" in found.stdout
        assert "97.5 % one-sided" in found.stdout

    def test_interrupted(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usual, asked = replications.replicate_batch, []

        def second_time_interrupted(*given: object, **named: object) -> object:
            asked.append(1)
            if len(asked) == 2:
                raise KeyboardInterrupt
            return usual(*given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(replications, "replicate_batch", second_time_interrupted)
        found = run(*REPLICATE)
        assert found.exit_code == 130
        assert found.stdout == ""
        assert "1 finished piece is kept in results/mine-replications.pieces" in found.stderr
        assert written(home) == ["mine", "mine-replications.pieces"]
        again = run(*REPLICATE)
        assert again.exit_code == 0
        assert "Going on: 1 finished piece" in again.stderr
        assert len(asked) == 4
        assert written(home) == ["mine", "mine-replications"]

    def test_interrupted_at_once(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*given: object, **named: object) -> object:
            raise KeyboardInterrupt

        monkeypatch.setattr(replications, "replicate_batch", interrupted)
        found = run(*REPLICATE)
        assert found.exit_code == 130
        assert "nothing was written" in found.stderr

    @pytest.mark.parametrize(
        ("args", "why"),
        [
            (("replicate", "nowhere"), "not a folder"),
            ((*REPLICATE, "--out", "results/mine"), "exists already"),
            ((*REPLICATE, "--max-scenarios", "20"), "give a target"),
        ],
    )
    def test_bad_usage(self, args: tuple[str, ...], why: str) -> None:
        found = run(*args)
        assert found.exit_code == 2
        assert why in found.stderr


class TestWorth:
    def test_by_default(self, home: Path) -> None:
        found = run(*WORTH)
        assert found.exit_code == 0, found.output
        assert written(home) == ["mine", "mine-worth"]
        for text in ("VSS = EEV", "EVPI = RP", "On 20 fresh scenarios", "each solved as if it were known"):
            assert text in found.stdout
        assert max(map(len, found.stdout.splitlines())) <= 100
        assert sorted(p.name for p in (home / "results" / "mine-worth").iterdir()) == [
            "measures.csv",
            "report.html",
            "worth.json",
        ]

    def test_json(self) -> None:
        found = run(*WORTH, "--json", "--knowing", "delays", "--groups", "2", "--each", "2", "--foresight", "2")
        assert found.exit_code == 0, found.output
        record = json.loads(found.stdout)
        samples = {(m["measure"], m["sample"]) for m in record["measures"]}
        assert {
            ("VSS", "own"),
            ("VSS", "fresh"),
            ("EVPI", "foresight"),
            ("knowing delays, at most", "nested"),
        } <= samples
        assert record["foresight_scenarios"] == 2

    def test_interrupted(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usual, asked = worth.foresight, []

        def second_time_interrupted(*given: object, **named: object) -> object:
            asked.append(1)
            if len(asked) == 2:
                raise KeyboardInterrupt
            return usual(*given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(worth, "foresight", second_time_interrupted)
        found = run(*WORTH, "--threads", "1")
        assert found.exit_code == 130
        assert "kept in results/mine-worth.pieces" in found.stderr
        assert run(*WORTH, "--threads", "1").exit_code == 0
        assert written(home) == ["mine", "mine-worth"]

    def test_bad_usage(self) -> None:
        found = run("worth", "results/mine", "--knowing", "weather")
        assert found.exit_code == 2
        found = run("worth", "results/mine", "--fresh", "1")
        assert found.exit_code == 2
        assert "at least 2" in found.stderr
