"""The commands alliance, termsheet and wait: what they print and write, exit codes, Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import portfolio
from portfolio.case.writing import write_case
from portfolio.cli import main
from portfolio.studies import rounds
from portfolio.studies import termsheet as termsheet_study
from tests.portfolio.studies.cases import risky_case


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_case(risky_case(), tmp_path / "mycase")
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


ALLIANCE = ("alliance", "mycase", "--switches", "none", "--scenarios", "4", "--gap", "0.01", "--fresh", "20")


class TestAlliance:
    def test_by_default(self, home: Path) -> None:
        found = run(*ALLIANCE)
        assert found.exit_code == 0, found.output
        assert "Shapley split" in found.stdout
        assert "Each member alone" in found.stdout
        assert "Folder: results/mycase-alliance" in found.stdout
        assert max(map(len, found.stdout.splitlines())) <= 100
        assert found.stderr == ""
        assert (home / "results" / "mycase-alliance" / "shapley.csv").exists()

    def test_json(self, home: Path) -> None:
        record = json.loads(run(*ALLIANCE, "--json", "--out", "here").stdout)
        assert {row["member"] for row in record["shapley"]} == {"EUF", "JOG"}
        assert record["shapley"][0]["order_low"] is None
        own = [row for row in record["gains"] if row["figure"] == "own_objective"]
        assert [row["verdict"] in ("gain", "lose", "undecided") for row in own] == [True, True]
        assert json.loads((home / "here" / "study.json").read_text())["tables"][0] == "points"

    def test_interrupted(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usual, asked = rounds.solve_point, []

        def second_time_interrupted(*given: object, **named: object) -> object:
            asked.append(1)
            if len(asked) == 2:
                raise KeyboardInterrupt
            return usual(*given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(rounds, "solve_point", second_time_interrupted)
        found = run(*ALLIANCE, "--out", "here")
        assert found.exit_code == 130
        assert "1 finished piece is kept in here.pieces" in found.stderr
        assert not (home / "here").exists()

    def test_bad_usage(self, home: Path) -> None:
        assert run(*ALLIANCE, "--fresh", "0").exit_code == 2
        assert list(home.glob("results/*")) == []


class TestTermsheet:
    @pytest.fixture(autouse=True)
    def solved(self, home: Path) -> None:
        portfolio.solve("mycase", scenarios=4, gap=0.05, out=home / "results" / "mine")

    # The project by its name in other capitals: the folder goes by the identifier.
    ASKED = ("termsheet", "results/mine", "MINE", "--scenarios", "100", "--share", "0", "--share", "0.6", "--term", "8")

    def test_by_default(self, home: Path) -> None:
        found = run(*self.ASKED, "--survival", "0.8")
        assert found.exit_code == 0, found.output
        assert "Term sheet" in found.stdout
        assert "Conditions precedent" in found.stdout
        assert "Folder: results/mine-termsheet-mine" in found.stdout
        assert max(map(len, found.stdout.splitlines())) <= 100
        assert found.stderr == ""
        assert (home / "results" / "mine-termsheet-mine" / "offers.csv").exists()

    def test_json(self) -> None:
        record = json.loads(run(*self.ASKED, "--json", "--survival", "0.8").stdout)
        assert record["project"] == "mine"
        assert record["recommended"]["survival"] >= 0.8

    def test_interrupted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def stop(*_: object) -> object:
            raise KeyboardInterrupt

        monkeypatch.setattr(termsheet_study, "_rows", stop)
        assert run(*self.ASKED).exit_code == 130

    def test_unknown_project(self) -> None:
        found = run("termsheet", "results/mine", "mime")
        assert found.exit_code == 2
        assert "did you mean mine" in found.stderr


class TestWait:
    ASKED = ("wait", "mycase", "--scenarios", "4", "--gap", "0.01", "--fresh", "20", "--clusters", "2")

    def test_by_default(self, home: Path) -> None:
        found = run(*self.ASKED)
        assert found.exit_code == 0, found.output
        assert "What is gained by" in found.stdout
        assert "Folder: results/mycase-wait" in found.stdout
        assert max(map(len, found.stdout.splitlines())) <= 100
        assert found.stderr == ""
        assert (home / "results" / "mycase-wait" / "policies.csv").exists()

    def test_json(self, home: Path) -> None:
        record = json.loads(run(*self.ASKED, "--json", "--out", "here").stdout)
        assert record["known_until"] == 2028
        assert (home / "here" / "study.json").exists()

    def test_interrupted(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def stop(*_: object, **__: object) -> object:
            raise KeyboardInterrupt

        monkeypatch.setattr(rounds, "solve_point", stop)
        assert run(*self.ASKED, "--out", "here").exit_code == 130
        assert not (home / "here").exists()

    def test_a_tail_does_not_split(self, home: Path) -> None:
        assert (home / "mycase").exists()
        found = run(*self.ASKED, "--set", "risk.cvar_weight=0.5")
        assert found.exit_code == 2
        assert "risk.cvar_weight=0" in found.stderr
