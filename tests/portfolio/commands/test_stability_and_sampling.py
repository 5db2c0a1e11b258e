"""The commands stability and sampling: what they print and write, exit codes, Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portfolio.cli import main
from portfolio.studies import sampling as sampling_study
from portfolio.studies import stability as study

TINY = str(Path(__file__).resolve().parents[3] / "inputs" / "tiny")
STABILITY = ("stability", TINY, "--samples", "2", "--scenarios", "4", "--scenarios", "8", "--fresh", "50")
SAMPLING = ("sampling", TINY, "--scenarios", "200")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


class TestStability:
    def test_by_default(self, home: Path) -> None:
        found = run(*STABILITY)
        assert found.exit_code == 0, found.output
        assert found.stderr == ""
        assert [p.name for p in (home / "results").iterdir()] == ["tiny-stability"]
        for text in ("2 independent samples of each size", "more than the best", "8 scenarios", "it takes 5 of each"):
            assert text in found.stdout
        assert max(map(len, found.stdout.splitlines())) <= 100

    def test_json(self) -> None:
        found = run(*STABILITY, "--json", "--set", "hazards.rate*=2")
        record = json.loads(found.stdout)
        assert [row["scenarios"] for row in record["by_size"]] == [4, 8]
        assert len(record["portfolios"]) == 4
        assert record["stability"] == "results/tiny-stability"

    def test_interrupted(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usual, asked = study._Samples._solved, []

        def second_time_interrupted(self: object, *given: object) -> object:
            asked.append(1)
            if len(asked) == 2:
                raise KeyboardInterrupt
            return usual(self, *given)  # type: ignore[arg-type]

        monkeypatch.setattr(study._Samples, "_solved", second_time_interrupted)
        found = run(*STABILITY)
        assert (found.exit_code, found.stdout) == (130, "")
        assert "1 finished piece is kept in results/tiny-stability.pieces" in found.stderr
        again = run(*STABILITY)
        assert again.exit_code == 0, again.output
        assert len(asked) == 5
        assert [p.name for p in (home / "results").iterdir()] == ["tiny-stability"]

    def test_bad_usage(self) -> None:
        assert run("stability", "nowhere").exit_code == 2
        assert run(*STABILITY, "--samples", "1").exit_code == 2


class TestSampling:
    def test_by_default(self, home: Path) -> None:
        found = run(*SAMPLING)
        assert found.exit_code == 0, found.output
        assert found.stderr == ""
        (folder,) = (home / "results").iterdir()
        assert folder.name.startswith("tiny-sampling-20")
        for text in ("200 scenarios of tiny", "Events a year", "largest |z|", "None of "):
            assert text in found.stdout
        assert max(map(len, found.stdout.splitlines())) <= 100

    def test_variance_ratios(self) -> None:
        few = ("--points", "64", "--randomisations", "8")
        still = run(*SAMPLING, "--against", "latin_hypercube", *few)
        assert still.exit_code == 2
        assert "does not vary" in still.stderr
        risky = (*SAMPLING, "--set", "hazards.rate=0.5", *few)
        found = run(*risky, "--against", "latin_hypercube")
        assert found.exit_code == 0, found.output
        assert "Variance of plain Monte Carlo over that of a design, 8 randomisations of 64" in found.stdout
        assert "CVaR without the fund" in found.stdout
        record = json.loads(run(*risky, "--json", "--against", "sobol").stdout)
        assert {row["design"] for row in record["variance_ratios"]} == {"sobol"}

    def test_interrupted(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*given: object, **named: object) -> object:
            raise KeyboardInterrupt

        monkeypatch.setattr(sampling_study, "moments", interrupted)
        found = run(*SAMPLING)
        assert (found.exit_code, found.stdout) == (130, "")
        assert "nothing was written" in found.stderr
        assert not (home / "results").exists()

    def test_bad_usage(self) -> None:
        found = run("sampling", "nowhere")
        assert found.exit_code == 2
        assert run(*SAMPLING, "--design", "halton").exit_code == 2
        few = run(*SAMPLING[:2], "--design", "sobol", "--scenarios", "20")
        assert few.exit_code == 2
        assert "at least 32" in few.stderr
