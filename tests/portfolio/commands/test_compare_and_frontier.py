"""The commands compare and frontier: what they print and write, exit codes, Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from portfolio.cli import main
from portfolio.commands.frontier import numbers
from portfolio.studies import rounds

TINY = str(Path(__file__).resolve().parents[3] / "inputs" / "tiny")
COMPARE = ("compare", TINY, "--mix", "all", "--mix", "cfd", "--scenarios", "3", "--fresh", "20")
FRONTIER = ("frontier", TINY, "--at", "0.5,1", "--scenarios", "3", "--fresh", "20")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


class TestCompare:
    def test_by_default(self, home: Path) -> None:
        found = run(*COMPARE)
        assert found.exit_code == 0, found.output
        assert [p.name for p in (home / "results").iterdir()] == ["tiny-compare"]
        assert found.stderr == ""
        assert max(map(len, found.stdout.splitlines())) <= 100
        for words in ("2 instrument mixes", "only closes with it", "worse", "INTEG", "Folder: results/tiny-compare"):
            assert words in found.stdout

    def test_json_is_the_table(self, home: Path) -> None:
        found = run(*COMPARE, "--json", "--out", "here", "--against", "cfd")
        record = json.loads(found.stdout)
        table = pd.read_csv(home / "here" / "mixes.csv")
        assert [row["mix"] for row in record["mixes"]] == table["mix"].tolist() == ["all", "cfd"]
        assert [row["weighted"] for row in record["mixes"]] == pytest.approx(table["weighted"].tolist())
        assert (record["reference"], record["pairs"], record["pairs_told_apart"]) == ("cfd", 1, 1)
        assert record["mixes"][0]["weighted_cvar_low"] is None  # no interval of the tail from 20 scenarios
        kept = json.loads((home / "here" / "study.json").read_text(encoding="utf-8"))
        assert kept["tables"] == ["mixes", "pairs", "members", "projects", "funded"]

    def test_file_of_mixes(self, home: Path) -> None:
        (home / "mixes.toml").write_text('[poor]\nset = ["budgets.budget_usd_m=10"]\n')
        found = run(*COMPARE, "--mixes", "mixes.toml")
        assert found.exit_code == 0, found.output
        assert "poor" in found.stdout

    @pytest.mark.parametrize("more", [("--mix", "cdf"), ("--against", "loan"), ("--fresh", "1"), ("--mixes", "none")])
    def test_bad_usage(self, home: Path, more: tuple[str, ...]) -> None:
        found = run(*COMPARE, *more)
        assert found.exit_code == 2, found.output
        assert not (home / "results").exists()

    def test_interrupted(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usual, asked = rounds.solve_point, []

        def second_time_interrupted(*given: Any, **named: Any) -> Any:
            asked.append(1)
            if len(asked) == 2:
                raise KeyboardInterrupt
            return usual(*given, **named)

        monkeypatch.setattr(rounds, "solve_point", second_time_interrupted)
        found = run(*COMPARE)
        assert found.exit_code == 130
        assert "1 finished piece is kept" in found.stderr
        again = run(*COMPARE)
        assert again.exit_code == 0
        assert "Going on: 1 finished piece" in again.stderr
        assert [p.name for p in (home / "results").iterdir()] == ["tiny-compare"]


class TestFrontier:
    def test_by_default(self, home: Path) -> None:
        found = run(*FRONTIER, "--target", "0.5")
        assert found.exit_code == 0, found.output
        assert [p.name for p in (home / "results").iterdir()] == ["tiny-frontier"]
        assert found.stderr == ""
        assert max(map(len, found.stdout.splitlines())) <= 100
        for words in ("Budget against shortfall: 2 points", "What a million more is worth", "Cheapest budget"):
            assert words in found.stdout

    @pytest.mark.parametrize(("over", "title"), [("risk", "against its tail"), ("cost", "Public cost against")])
    def test_other_frontiers(self, over: str, title: str) -> None:
        found = run(*FRONTIER, "--over", over, "--fresh", "0")
        assert found.exit_code == 0, found.output
        assert title in found.stdout

    def test_json_is_the_table(self, home: Path) -> None:
        record = json.loads(run(*FRONTIER, "--json", "--out", "here").stdout)
        table = pd.read_csv(home / "here" / "frontier.csv")
        assert [row["value"] for row in record["points"]] == table["value"].tolist() == [0.5, 1.0]
        assert record["target"] is None
        assert len(record["marginal"]) == 4

    def test_target_out_of_reach(self) -> None:
        found = run(*FRONTIER, "--at", "0.5", "--step", "0", "--target", "0.5")
        assert found.exit_code == 0, found.output
        assert "not reached; proven impossible with 60.0 (scale 0.5)" in " ".join(found.stdout.split())

    @pytest.mark.parametrize("more", [("--at", "a,b"), ("--at", "0:1:1"), ("--member", "X"), ("--target", "-1")])
    def test_bad_usage(self, home: Path, more: tuple[str, ...]) -> None:
        assert run(*FRONTIER, *more).exit_code == 2
        assert not (home / "results").exists()


def test_numbers() -> None:
    assert numbers("0.5,1,2") == (0.5, 1.0, 2.0)
    assert numbers("0:1:5") == (0.0, 0.25, 0.5, 0.75, 1.0)
