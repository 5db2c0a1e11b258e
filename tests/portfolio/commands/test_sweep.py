"""The command sweep: what it prints and writes, exit codes, the time it says is left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from portfolio.case import write_case
from portfolio.cli import main
from portfolio.commands.work import Timing, duration
from portfolio.report.steps import Step
from tests.portfolio.studies.cases import risky_case

VARY = ("--vary", "budgets.budget_usd_m*=0.5:2:2", "--vary", "hazards.rate[embargo]=0.1,0.3")
QUICK = ("--fresh", "20", "--gap", "0.001", "--threads", "1")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_case(risky_case(), tmp_path / "mycase")
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["sweep", "mycase", *args])


def test_grid(home: Path) -> None:
    found = run(*VARY, *QUICK)
    assert found.exit_code == 0, found.output
    assert [p.name for p in (home / "results").iterdir()] == ["mycase-sweep"]
    assert "4 rows of a design grid, 5 cases solved" in found.stdout
    assert "Switching values" in found.stdout
    assert "mine" in found.stdout
    assert "Study folder: results/mycase-sweep" in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 100
    assert found.stderr == ""


def test_json_of_one_at_a_time(home: Path) -> None:
    found = run(*VARY, *QUICK, "--design", "oat", "--output", "weighted", "--json", "--out", "here")
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert said["kind"] == "sweep"
    assert {row["number"] for row in said["tornado"]} == {"budgets.budget_usd_m*", "hazards.rate[embargo]"}
    assert said["study"] == "here"
    kept = json.loads((home / "here" / "study.json").read_text())
    assert kept["tables"] == ["points", "design", "charges", "tornado", "switches"]


def test_tornado_and_indices_are_shown() -> None:
    pytest.importorskip("SALib")
    tornado = run(*VARY, *QUICK, "--design", "oat")
    assert "One number at a time: change of weighted shortfall" in tornado.stdout, tornado.output
    morris = run(*VARY, *QUICK, "--design", "morris", "--samples", "2", "--output", "objective")
    assert "mu_star" in morris.stdout, morris.output


def test_bad_input_is_all_told_and_nothing_written(home: Path) -> None:
    found = run("--vary", "hazards.rate=-1,2", "--vary", "risk.cvar_weight=0.1,3", *QUICK)
    assert found.exit_code == 2
    assert "hazards.rate=-1" in found.stderr
    assert "risk.cvar_weight=3" in found.stderr
    assert not (home / "results").exists()
    assert run("--vary", "hazards.rate", *QUICK).exit_code == 2


def test_time_left_is_measured_from_the_points_done() -> None:
    now = 100.0
    timing = Timing(clock=lambda: now)
    assert timing.line(Step("solving points")) == "solving points"
    assert timing.line(Step("solving points", 4, 10)) == "solving points 4/10"
    now = 130.0
    assert timing.line(Step("solving points", 5, 10)) == "solving points 5/10, about 2 min left"
    now = 160.0
    assert timing.line(Step("solving points", 9, 10)) == "solving points 9/10, about 12 s left"
    assert timing.line(Step("solving points", 10, 10)) == "solving points 10/10"
    assert [duration(s) for s in (0.2, 60, 600, 7200)] == ["about 1 s", "about 60 s", "about 10 min", "about 2.0 h"]
