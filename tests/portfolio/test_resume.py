"""The same command goes on where it was stopped: by a limit, by Ctrl-C, or killed."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import portfolio
from portfolio import api
from portfolio.cli import main
from portfolio.engine import Benders, Solution
from portfolio.report.resume import Keeping
from portfolio.studies import solve as solving

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "inputs" / "tiny"
STOP = ("--method", "benders", "--time-limit", "0.000001")
# Searched for much longer than a test lasts, but quick to put together: the shipped case without most projects.
NEVER = (
    "ILU_ENE,ARU_NOL,NTU_BRO,HAS_YAN,ASM_DUB,NMI_LOF,PRE_LON,RBW_PHA,MKA_SON,SVG_SER,ARA_CAR,VMM_COL,MEI_CAL,BRE_MON,"
    "LKAB_LUL,LKAB_PGJ,LEM_NOR"
)
LONG_SET = (f"policy.never={NEVER}", "sampling.cost_scenarios=5")
LONG = (
    *("solve", str(ROOT / "inputs" / "eu_japan_ree"), "--scenarios", "12", "--method", "benders", "--out", "r/run"),
    *(part for value in LONG_SET for part in ("--set", value)),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, [str(a) for a in args])


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


def stop(*args: str | Path) -> Result:
    found = run("solve", TINY, *STOP, *args)
    assert found.exit_code == 3, found.output
    return found


def test_the_same_command_goes_on(home: Path) -> None:
    """Without --out too, though run folders are named by the time."""
    stop()
    name, kept = names(home / "results")
    assert kept == f"{name}.checkpoint"
    first = record(home / "results" / name)
    assert (first["exit_code"], first["checkpoint"]) == (3, kept)
    again = stop()
    assert f"Going on from results/{kept}: objective {first['objective']:,.4g}" in again.stderr
    assert names(home / "results") == [name, kept]
    done = run("solve", TINY, "--method", "benders")
    assert done.exit_code == 0, done.output
    assert "Going on from" in done.stderr
    assert names(home / "results") == [name]
    last = record(home / "results" / name)
    assert (last["exit_code"], last["checkpoint"]) == (0, None)
    assert last["objective"] < first["objective"]
    assert last["seconds"]["engine: earlier runs"] > 0
    fresh = run("solve", TINY, "--method", "benders", "--out", "fresh")
    assert (fresh.exit_code, fresh.stderr) == (0, "")
    for file in sorted((home / "fresh").glob("*.csv")):
        pd.testing.assert_frame_equal(pd.read_csv(file), pd.read_csv(home / "results" / name / file.name))


def test_it_says_which_command_goes_on(home: Path) -> None:
    found = stop("--set", "hazards.rate=0.5", "--set", "budgets.budget_usd_m*=1.5", "--seed", "3", "--json")
    assert json.loads(found.stdout)["checkpoint"] == f"results/{names(home / 'results')[1]}"
    command = shlex.split(found.stderr.splitlines()[-1])
    assert command[0] == "portfolio"
    assert "budgets.budget_usd_m*=1.5" in command
    again = run(*command[1:])
    assert again.exit_code == 3
    assert "Going on from" in again.stderr
    assert len(names(home / "results")) == 2


def test_from_python(home: Path) -> None:
    steps: list[portfolio.Step] = []
    first = portfolio.solve(TINY, method="benders", time_limit=1e-6, out="r")
    assert (first.exit_code, first.checkpoint) == (3, Path("r.checkpoint"))
    done = portfolio.solve(TINY, gap=0.0, threads=1, time_limit=None, out="r", progress=steps.append)
    (told,) = [s for s in steps if s.phase == "going on"]
    assert (told.objective, told.bound) == (first.solution.objective, first.solution.bound)
    assert (done.exit_code, done.checkpoint, done.solution.method) == (0, None, "benders")
    assert done.solution.objective == pytest.approx(portfolio.solve(TINY, gap=0.0).solution.objective, rel=1e-9)
    assert names(home) == ["r"]


@pytest.mark.parametrize(
    "args",
    [("--seed", "9"), ("--scenarios", "3"), ("--set", "hazards.rate=0.5"), ("--set", "risk.cvar_weight=0.5")],
)
def test_another_problem_is_refused(args: tuple[str, ...], home: Path) -> None:
    """Early, with what to do; and without --out another folder is used."""
    stop("--out", "r")
    before = (home / "r.checkpoint").read_bytes()
    found = run("solve", TINY, "--method", "benders", "--out", "r", *args)
    assert (found.exit_code, found.stdout) == (2, "")
    assert "r.checkpoint is of case tiny, 1 scenarios, seed 1" in found.stderr
    assert "give another --out, or remove r.checkpoint to start anew" in found.stderr
    assert names(home) == ["r", "r.checkpoint"]
    assert (home / "r.checkpoint").read_bytes() == before
    assert record(home / "r")["exit_code"] == 3
    with pytest.raises(api.CheckpointError):
        portfolio.solve(TINY, out="r", seed=9)
    stop()
    assert len(names(home / "results")) == 2
    assert run("solve", TINY, "--method", "benders", *args).exit_code == 0
    assert len(names(home / "results")) == 3


@pytest.mark.parametrize("content", [b"", b"garbage", b"portfolio checkpoint, format 1\n" + b"x" * 500])
def test_a_spoiled_checkpoint_is_refused(content: bytes, home: Path) -> None:
    for out in ("r", "new"):
        if out == "r":
            stop("--out", "r")
        (home / f"{out}.checkpoint").write_bytes(content)
        found = run("solve", TINY, "--method", "benders", "--out", out)
        assert (found.exit_code, found.stdout) == (2, "")
        assert f"remove {out}.checkpoint to start anew" in found.stderr
        assert "Traceback" not in found.stderr
        assert (home / f"{out}.checkpoint").read_bytes() == content


def test_other_folders_are_still_refused(home: Path) -> None:
    """A run that was solved; one that was stopped but has no checkpoint; one that holds files of somebody else."""
    stop("--out", "stopped")
    (home / "stopped.checkpoint").unlink()
    assert run("solve", TINY, "--out", "solved").exit_code == 0
    stop("--out", "other")
    (home / "solved.checkpoint").write_bytes((home / "other.checkpoint").read_bytes())
    stop("--out", "mine")
    (home / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    for out, why in (("stopped", "exists already"), ("solved", "exists already"), ("mine", "holds notes.txt")):
        found = run("solve", TINY, "--method", "benders", "--out", out)
        assert (found.exit_code, found.stdout) == (2, ""), out
        assert why in found.stderr
    assert (home / "mine" / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert record(home / "mine")["exit_code"] == 3


def test_only_the_method_that_began_goes_on(home: Path) -> None:
    stop("--out", "r")
    found = run("solve", TINY, "--method", "extensive", "--out", "r")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "method benders" in found.stderr
    found = run("solve", TINY, "--json", "--out", "r")
    assert found.exit_code == 0
    assert json.loads(found.stdout)["method"] == "benders"


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep a file locked, as a process at work on it does."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def test_a_search_that_runs_is_left_alone(home: Path) -> None:
    stop()
    name, kept = names(home / "results")
    with held(home / "results" / kept):
        found = run("solve", TINY, "--out", f"results/{name}")
        assert found.exit_code == 2
        assert "another process is at work on it" in found.stderr
        assert run("solve", TINY, "--method", "benders").exit_code == 0
    assert len(names(home / "results")) == 3
    assert run("solve", TINY, "--method", "benders").exit_code == 0
    assert len(names(home / "results")) == 2


def test_ctrl_c_after_the_search(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is kept until it is written."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(solving, "_evaluate", interrupt)
        found = run("solve", TINY, "--method", "benders", "--out", "r")
    assert found.exit_code == 130
    assert "the search so far is kept in r.checkpoint" in found.stderr
    assert names(home) == ["r.checkpoint"]
    again = run("solve", TINY, "--method", "benders", "--out", "r")
    assert again.exit_code == 0
    assert "Going on from r.checkpoint" in again.stderr
    assert names(home) == ["r"]


def test_a_contradiction_is_not_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true_solve = Benders.solve

    def lie(self: Benders, *args: Any, **kwargs: Any) -> Solution:
        found = true_solve(self, *args, **kwargs)
        return replace(found, objective=found.objective * (1 - 1e-4))

    monkeypatch.setattr(Benders, "solve", lie)
    assert run("solve", TINY, "--method", "benders", "--out", "r").exit_code == 1
    assert names(home) == []


def test_nothing_is_kept_where_nothing_is_feasible(home: Path) -> None:
    found = run("solve", TINY, "--method", "benders", "--set", "policy.must=INTEG", "--set", "budgets.budget_usd_m=10")
    assert found.exit_code == 4
    assert names(home) == []


# -- real processes -----------------------------------------------------------------------------------------------


@contextmanager
def process(*args: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, its search under way and kept at least once."""
    started = subprocess.Popen(
        [sys.executable, "-m", "portfolio.cli", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        # Where the tests themselves run in the background, Ctrl-C would be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    kept, end = Path("r/run.checkpoint"), time.monotonic() + 120
    before = kept.stat().st_ino if kept.exists() else None
    try:
        while started.poll() is None and (not kept.exists() or kept.stat().st_ino == before):
            assert time.monotonic() < end
            time.sleep(0.02)
        yield started
    finally:
        if started.poll() is None:
            started.kill()
        started.communicate()


def finish(gap: str) -> Result:
    """The same command with a gap that it reaches at once."""
    found = run(*LONG, "--gap", gap, "--json")
    assert found.exit_code == 0, found.output
    assert "Going on from r/run.checkpoint: objective" in found.stderr
    return found


def test_ctrl_c_and_the_same_command(home: Path) -> None:
    with process(*LONG, "--gap", "0") as started:
        started.send_signal(signal.SIGINT)
        out, complaints = started.communicate(timeout=120)
    assert started.returncode == 3, complaints
    assert "Run folder: r/run" in out
    assert "To go on:\n  portfolio solve" in complaints
    assert "Traceback" not in complaints
    assert names(home / "r") == ["run", "run.checkpoint"]
    first = record(home / "r" / "run")
    assert (first["status"], first["exit_code"]) == ("interrupted", 3)
    last = json.loads(finish("0.9").stdout)
    assert last["objective"] <= first["objective"] + 1e-9
    assert last["bound"] >= first["bound"] - 1e-9
    assert names(home / "r") == ["run"]
    assert record(home / "r" / "run")["exit_code"] == 0


def test_killed_and_the_same_command(home: Path) -> None:
    with process(*LONG, "--gap", "0") as started:
        started.kill()
        assert started.wait() == -signal.SIGKILL
    # Killed while it wrote, a draft may be left; it is gone after the next run.
    assert [n for n in names(home / "r") if not n.endswith(".part")] == ["run.checkpoint"]
    case = api.validate(LONG[1], [*LONG_SET, "sampling.scenarios=12"])
    kept = Keeping.of(Path("r/run"), case, "auto").found
    assert kept is not None
    last = json.loads(finish("0.9").stdout)
    assert last["objective"] <= kept.objective + 1e-9
    assert last["bound"] >= kept.bound - 1e-9
    assert names(home / "r") == ["run"]
