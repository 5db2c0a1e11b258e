"""The command: exit codes, what is written and what is not, JSON, pipes, the reference page."""

from __future__ import annotations

import csv
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import portfolio
from portfolio import api
from portfolio.cli import _words, main
from portfolio.cli_reference import reference
from portfolio.engine import highs
from portfolio.studies import solve as solving

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "inputs" / "tiny"
# Big enough to search for a while, quick to put together.
SLOW = (
    str(ROOT / "inputs" / "eu_japan_ree"),
    *("--scenarios", "2", "--gap", "0", "--method", "extensive"),
    *("--set", "sampling.cost_scenarios=10"),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args])


def command(*args: str | Path) -> list[str]:
    return [sys.executable, "-m", "portfolio.cli", *map(str, args)]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def test_solve_by_default(home: Path) -> None:
    found = run("solve", TINY)
    assert found.exit_code == 0, found.output
    (folder,) = (home / "results").iterdir()
    assert folder.name.startswith("tiny-20")
    assert folder.name.endswith("Z")
    assert "Integrated plant" in found.stdout
    assert f"Run folder: results/{folder.name}" in found.stdout
    assert found.stderr == ""
    again = run("solve", TINY)
    assert again.exit_code == 0
    assert len(list((home / "results").iterdir())) == 2


def test_as_a_process(home: Path) -> None:
    done = subprocess.run(
        command("solve", TINY, "--out", "r"), capture_output=True, text=True, env=environment(), check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert json.loads((home / "r" / "run.json").read_text(encoding="utf-8"))["exit_code"] == 0


def test_the_same_command_gives_the_same_files(home: Path) -> None:
    args = ("solve", TINY, "--scenarios", "8", "--seed", "3", "--set", "hazards.rate=0.5")
    assert run(*args, "--out", "a").exit_code == 0
    assert run(*args, "--out", "b", "--threads", "1").exit_code == 0
    names = sorted(p.name for p in (home / "a").glob("*.csv"))
    assert len(names) == 7
    for name in names:
        assert (home / "a" / name).read_bytes() == (home / "b" / name).read_bytes(), name


def test_json_is_all_there_is_on_stdout() -> None:
    found = run("solve", TINY, "--json", "--out", "r")
    data = json.loads(found.stdout)
    assert (data["exit_code"], data["status"], data["run"]) == (0, "solved within the gap", "r")
    assert data["headline"]["shortfall"]["without"]["tonnes_per_year"] == pytest.approx(300.0)
    assert data["headline"]["shortfall"]["with"]["tonnes_per_year"] == pytest.approx(100.0)


def test_warnings_of_libraries_go_to_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    true_assemble = solving.assemble

    def warn(*args: Any, **kwargs: Any) -> Any:
        logging.getLogger("pyomo.core").warning("mind the gap")
        print("and the step")  # noqa: T201
        return true_assemble(*args, **kwargs)

    monkeypatch.setattr(solving, "assemble", warn)
    found = run("solve", TINY, "--json")
    assert json.loads(found.stdout)["exit_code"] == 0
    assert "mind the gap" in found.stderr
    assert "and the step" in found.stderr


def test_set_changes_the_answer() -> None:
    found = run("solve", TINY, "--json", "--set", "budgets.budget_usd_m*=0", "--set", "members.min_ticket_usd_m=1")
    data = json.loads(found.stdout)
    assert data["headline"]["advice"] == []
    assert data["headline"]["reduction"] == pytest.approx(0.0)


def test_scenarios_and_seed_are_used(home: Path) -> None:
    assert run("solve", TINY, "--scenarios", "5", "--seed", "7", "--out", "r").exit_code == 0
    record = json.loads((home / "r" / "run.json").read_text(encoding="utf-8"))
    assert (record["scenarios"], record["seed"]) == (5, 7)


def test_all_problems_at_once_and_nothing_written(home: Path) -> None:
    (home / "taken").mkdir()
    found = run("solve", TINY, "--set", "risk.cvar_weight=3", "--set", "polcy.must=X", "--out", "taken")
    assert found.exit_code == 2
    assert found.stdout == ""
    for part in ("risk.cvar_weight", "did you mean 'policy'", "taken exists already"):
        assert part in found.stderr
    assert [p.name for p in home.iterdir()] == ["taken"]
    assert list((home / "taken").iterdir()) == []


@pytest.mark.parametrize(
    "args",
    [
        ("solve",),
        ("solve", "nowhere"),
        ("solve", TINY, "--gap", "2"),
        ("solve", TINY, "--gap", "-0.1"),
        ("solve", TINY, "--scenarios", "0"),
        ("solve", TINY, "--seed", "x"),
        ("solve", TINY, "--time-limit", "0"),
        ("solve", TINY, "--method", "magic"),
        ("solve", TINY, "--out", "/dev/null/run"),
        ("solve", TINY, "--set", "nonsense"),
        ("validate", "nowhere"),
        ("init", "x", "--from", "tny"),
        ("init", "x", "--from", "tiny", "--empty"),
        ("init",),
        ("init", "x", "--workbook", "x.xlsx"),
        ("init", "--workbook", "x.xls"),
        ("init", "--workbook", "x.xlsx", "--from", "tny"),
        ("evaluat",),
    ],
    ids=str,
)
def test_bad_input_and_usage(args: tuple[str | Path, ...], home: Path) -> None:
    found = run(*args)
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.strip()
    assert list(home.iterdir()) == []


def test_no_feasible_portfolio(home: Path) -> None:
    found = run("solve", TINY, "--set", "policy.must=INTEG", "--set", "budgets.budget_usd_m=10")
    assert (found.exit_code, found.stdout) == (4, "")
    assert "without the budgets (7) there would be one" in found.stderr
    assert list(home.iterdir()) == []


def test_a_must_project_without_a_way(home: Path) -> None:
    found = run("solve", TINY, "--set", "policy.must=SEPAR", "--set", "policy.private_minimum=0.9", "--json")
    assert (found.exit_code, found.stdout) == (4, "")
    assert "SEPAR must be supported" in found.stderr
    assert "policy.private_minimum" in found.stderr


def test_time_limit_writes_what_was_found(home: Path) -> None:
    found = run("solve", *SLOW, "--time-limit", "3", "--json", "--out", "r")
    assert found.exit_code == 3, found.output
    data = json.loads(found.stdout)
    assert data["status"] == "stopped by the time limit"
    record = json.loads((home / "r" / "run.json").read_text(encoding="utf-8"))
    assert record["exit_code"] == 3
    assert record["gap"] == data["gap"] > 0
    assert record["objective"] - record["bound"] == pytest.approx(record["gap"] * record["objective"])


def test_ctrl_c_writes_what_was_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as soon as the search has its first portfolio; nothing but JSON reaches stdout."""
    true_run = highs._run
    pressed: list[bool] = []

    def press(_: object) -> None:
        if not pressed:
            pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    def pressing_run(solver: Any) -> bool:
        solver.cbMipImprovingSolution += press
        return true_run(solver)

    monkeypatch.setattr(highs, "_run", pressing_run)
    found = run("solve", *SLOW, "--out", "r", "--json")
    assert found.exit_code == 3, found.output
    assert json.loads(found.stdout)["status"] == "interrupted"
    assert json.loads((home / "r" / "run.json").read_text(encoding="utf-8"))["status"] == "interrupted"


def test_ctrl_c_before_there_is_a_portfolio(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(solving, "assemble", interrupt)
    found = run("solve", TINY)
    assert found.exit_code == 130
    assert "nothing was written" in found.stderr
    assert list(home.iterdir()) == []


def test_an_internal_error_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("some\nthing broke")

    monkeypatch.setattr(solving, "assemble", fail)
    found = run("solve", TINY)
    assert found.exit_code == 1
    assert found.stderr.count("\n") == 1
    assert "RuntimeError: some thing broke" in found.stderr
    assert "Traceback" not in found.stderr
    assert "report" in found.stderr
    assert "Traceback" in run("solve", TINY, "--debug").stderr
    assert list(home.iterdir()) == []


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    process = subprocess.Popen(
        command("solve", TINY, "--out", "r"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    complaints = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), complaints) == (0, b"")
    assert (home / "r" / "run.json").is_file()


def test_a_terminal_that_shows_ascii_only() -> None:
    done = subprocess.run(
        command("solve", TINY, "--out", "r"),
        capture_output=True,
        env=environment() | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "tonnes a year" in done.stdout.decode("ascii")


def test_init_validate_solve(home: Path) -> None:
    assert run("init", "mine", "--from", "tiny").exit_code == 0
    assert run("init", "mine").exit_code == 2
    found = run("validate", "mine")
    assert found.exit_code == 0
    assert "mine is sound: 3 projects, 2 members" in found.stdout
    assert run("solve", "mine", "--out", "r").exit_code == 0
    assert run("init", "empty", "--empty").exit_code == 0
    assert (home / "empty" / "case.toml").is_file()
    assert run("init", "real").exit_code == 0
    assert run("validate", "real").exit_code == 0


def test_a_case_as_a_workbook(home: Path) -> None:
    assert run("init", "--workbook", "mine.xlsx", "--from", "tiny").exit_code == 0
    assert run("init", "--workbook", "mine.xlsx", "--from", "tiny").exit_code == 2
    assert "mine.xlsx is sound: 3 projects, 2 members" in run("validate", "mine.xlsx").stdout
    found = run("validate", "mine.xlsx", "--json", "--set", "projects.capex_usd_m=-1")
    places = [p["place"] for p in json.loads(found.stdout)["problems"]]
    assert (found.exit_code, len(places)) == (2, 1)
    assert places[0].startswith("projects!")
    assert run("solve", "mine.xlsx", "--scenarios", "5", "--out", "r").exit_code == 0
    assert (home / "r" / "inputs" / "case.toml").is_file()
    assert list(json.loads((home / "r" / "run.json").read_text())["inputs"]["read"]) == ["mine.xlsx"]
    assert run("init", "--workbook", "empty.xlsx", "--empty").exit_code == 0
    assert run("init", "folder", "--from", "mine.xlsx").exit_code == 0
    assert run("validate", "folder").exit_code == 0


def test_validate_lists_every_problem(home: Path) -> None:
    run("init", "mine", "--from", "tiny")
    path = home / "mine" / "projects.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    rows[1][rows[0].index("capex_usd_m")] = "-5"
    rows[2][rows[0].index("country")] = "XXX"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    plain = run("validate", "mine")
    assert (plain.exit_code, plain.stdout) == (2, "")
    assert "capex_usd_m" in plain.stderr
    assert "XXX" in plain.stderr
    data = json.loads(run("validate", "mine", "--json").stdout)
    assert not data["valid"]
    assert {p["column"] for p in data["problems"]} >= {"capex_usd_m", "country"}
    assert all(p["file"] and p["why"] and p["remedy"] for p in data["problems"])
    good = run("validate", TINY, "--json")
    assert (good.exit_code, json.loads(good.stdout)) == (0, {"valid": True, "problems": []})


def test_version() -> None:
    assert portfolio.__version__ in run("--version").stdout


def test_help_is_quick_and_in_the_docs() -> None:
    """The page is made by ``python -m portfolio.cli_reference > docs/cli.md``; blanks may differ by click's version."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page.split() == reference().split()
    for name in main.commands:
        assert max(map(len, run(name, "--help").stdout.splitlines())) <= 80
    code = "import sys, portfolio.cli; sys.exit('pyomo' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 0


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (api.Step("reading"), "reading"),
        (api.Step("simulating projects", 3, 1200), "simulating projects 3/1,200"),
        (api.Step("solving", objective=np.inf, bound=-np.inf, seconds=2.4), "solving, 2 s"),
        (api.Step("solving", objective=200.0, seconds=9), "solving, 9 s: objective 200"),
        (api.Step("solving", 0, 0, 200.0, 150.0, 9), "solving, 9 s: objective 200, bound 150, gap 25.0%"),
    ],
)
def test_progress_in_words(step: api.Step, text: str) -> None:
    assert _words(step) == text
