"""The run folder: complete, whole or absent, and telling the same story in every file."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import portfolio
from portfolio.case import read_case
from portfolio.report import folder as folder_module
from portfolio.report import run as run_module
from portfolio.report.folder import OutputError, check_target, write_json, write_whole

TINY = Path(__file__).resolve().parents[3] / "inputs" / "tiny"
FILES = {
    "run.json",
    "report.html",
    "decision.json",
    "portfolio.csv",
    "projects.csv",
    "ledger.csv",
    "shortfall.csv",
    "supply.csv",
    "balance.csv",
    "benchmarks.csv",
    "scenarios.parquet",
    "inputs",
}
OVERRIDES = ("hazards.rate=0.4", "materials.volatility=0.3", "sampling.cost_scenarios=30", "stages.stock[separation]=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("runs") / "deep" / "run"
    run = portfolio.solve(TINY, scenarios=15, seed=4, gap=0.0, overrides=OVERRIDES, out=target)
    assert run.path == target
    return target


@pytest.fixture(scope="module")
def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found


def test_folder_is_complete(folder: Path) -> None:
    assert {p.name for p in folder.iterdir()} == FILES
    assert [p.name for p in folder.parent.iterdir()] == ["run"]


def test_headline_from_the_scenarios(folder: Path, record: dict[str, Any]) -> None:
    table = pd.read_parquet(folder / "scenarios.parquet")
    years = 4
    for world in ("without", "with"):
        tonnes = table[[c for c in table if c.startswith(f"{world}_t_")]].sum(axis=1)
        figures = record["headline"]["shortfall"][world]
        assert figures["tonnes_per_year"] == pytest.approx((table["probability"] * tonnes).sum() / years)
        assert figures["weighted"] == pytest.approx((table["probability"] * table[f"{world}_weighted"]).sum())
        # 15 scenarios: the worst 5 % lie within the worst one.
        assert figures["weighted_cvar"] == pytest.approx(table[f"{world}_weighted"].max())
        assert figures["probability"] == pytest.approx((tonnes > 1e-6).mean())
    objective = (table["probability"] * (table["with_weighted"] + table["with_side"])).sum()
    cost = pd.read_csv(folder / "portfolio.csv")["cost_usd_m"].sum()
    assert record["objective"] == pytest.approx(objective + 0.01 * cost, rel=1e-7)
    assert record["gap"] == pytest.approx((record["objective"] - record["bound"]) / record["objective"], abs=1e-12)


def test_headline_from_the_shortfall_table(folder: Path, record: dict[str, Any]) -> None:
    table = pd.read_csv(folder / "shortfall.csv")
    for world, rows in table.groupby("world"):
        figures = record["headline"]["shortfall"][world]
        assert rows["mean_t"].sum() / 4 == pytest.approx(figures["tonnes_per_year"])
        assert rows["mean_t"].sum() / rows["demand_t"].sum() == pytest.approx(figures["share_of_demand"])
        assert rows["weighted"].sum() == pytest.approx(figures["weighted"])
        for line in record["headline"]["by_region_material"]:
            mine = rows[(rows["region"] == line["region"]) & (rows["material"] == line["material"])]
            assert mine["mean_t"].sum() / 4 == pytest.approx(line[f"{world}_t_per_year"])
            assert mine["mean_t"].sum() / mine["demand_t"].sum() == pytest.approx(line[f"{world}_share"])
    assert (table["coverage"] + table["share_of_demand"]).to_list() == pytest.approx([1.0] * len(table))
    assert (table["cvar95_t"] >= table["mean_t"] - 1e-9).all()


def test_charges_and_costs_from_the_portfolio_table(folder: Path, record: dict[str, Any]) -> None:
    table = pd.read_csv(folder / "portfolio.csv")
    assert record["headline"]["public_cost_usd_m"] == pytest.approx(table["cost_usd_m"].sum())
    by_member = table.groupby("member")["charge_usd_m"].sum()
    ledger = pd.read_csv(folder / "ledger.csv")
    charges = ledger[ledger["line"] == "charge"].groupby(["member", "convention"])["simulated_usd_m"].sum()
    for member in record["headline"]["members"]:
        assert member["charge_usd_m"] == pytest.approx(by_member[member["member"]])
        assert member["charge_usd_m"] <= member["budget_usd_m"] + 1e-6
        for convention, value in member["charge_by_convention_usd_m"].items():
            assert value == pytest.approx(charges[member["member"], convention])
    used = {(r["member"], r["window"]): r["charge_usd_m"] for r in record["headline"]["budget_use"]}
    assert used == pytest.approx(table.groupby(["member", "window"])["charge_usd_m"].sum().to_dict())
    commitments = table[table["kind"] != "overhead"]
    assert len(record["headline"]["advice"]) == int(commitments["advice"].sum())
    assert len(record["headline"]["advice"]) + len(record["headline"]["plan"]) == len(commitments)


def test_ledger_differences(folder: Path) -> None:
    table = pd.read_csv(folder / "ledger.csv")
    gap = table["simulated_usd_m"] - table["linear_usd_m"] - table["difference_usd_m"]
    assert gap.abs().max() < 1e-9
    assert set(table.loc[table["line"] != "charge", "convention"]) == {"cash"}


def test_supply_covers_what_is_not_short(folder: Path, record: dict[str, Any]) -> None:
    """Without the fund in calm years, offers are those of the suppliers: 700 and 500 t/y until 2028."""
    table = pd.read_csv(folder / "supply.csv")
    imports = table[(table["world"] == "without") & (table["kind"] == "import") & (table["region"] == "EU")]
    assert imports[imports["year"] == 2027]["mean_t"].sum() == pytest.approx(700.0)
    assert imports[imports["year"] == 2029]["mean_t"].sum() == pytest.approx(400.0)
    assert set(table["world"]) == {"without", "with"}


def test_what_is_recorded(folder: Path, record: dict[str, Any]) -> None:
    assert (record["case"], record["status"], record["exit_code"]) == ("tiny", "solved within the gap", 0)
    assert (record["scenarios"], record["seed"], record["seeds"]["scenarios"]) == (15, 4, 4)
    assert record["overrides"] == list(OVERRIDES)
    assert {"python", "portfolio", "pyomo", "highspy", "numpy", "scipy"} <= set(record["versions"])
    for name, digest in record["inputs"]["read"].items():
        assert hashlib.sha256((TINY / name).read_bytes()).hexdigest() == digest
    written = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (folder / "inputs").iterdir()}
    assert record["inputs"]["written"] == written
    assert all(item["why"] for item in record["left_out"])
    assert any("estimates" in caveat for caveat in record["caveats"])
    assert any("advice" in caveat for caveat in record["caveats"])
    assert any("chosen on" in caveat for caveat in record["caveats"])
    assert all(seconds >= 0 for seconds in record["seconds"].values())


def test_inputs_are_the_case_as_solved(folder: Path) -> None:
    """Solving the inputs of a run, without any option, gives the run again."""
    settings = tomllib.loads((folder / "inputs" / "case.toml").read_text(encoding="utf-8"))
    assert (settings["sampling"]["scenarios"], settings["sampling"]["seed"]) == (15, 4)
    assert read_case(folder / "inputs").hazards[0].rate == 0.4
    again = portfolio.solve(folder / "inputs", gap=0.0, out=folder.parent.parent / "again")
    assert again.path is not None
    for name in sorted(FILES - {"run.json", "report.html", "inputs"}):
        assert (again.path / name).read_bytes() == (folder / name).read_bytes(), name


@pytest.mark.parametrize("fault", [RuntimeError("no"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_nothing_is_left_of_a_run_that_fails_while_written(
    fault: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(run_module, "write_json", fail)
    expected = OutputError if isinstance(fault, OSError) else type(fault)
    with pytest.raises(expected):
        portfolio.solve(TINY, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "run"

    def fill(draft: Path) -> None:
        assert not target.exists()
        assert draft.parent == target.parent
        (draft / "a").write_text("1", encoding="utf-8")

    write_whole(target, fill)
    assert (target / "a").read_text(encoding="utf-8") == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_folder_made_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "run"

    def fill(draft: Path) -> None:
        (draft / "mine").touch()
        target.mkdir()
        (target / "theirs").touch()

    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(target, fill)
    assert [p.name for p in target.iterdir()] == ["theirs"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_targets_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for wrong in (tmp_path, tmp_path / "file", tmp_path / "file" / "run", tmp_path / "link", tmp_path / ("x" * 300)):
        with pytest.raises(OutputError):
            check_target(wrong)
    monkeypatch.setattr(folder_module.os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="cannot be written to"):
        check_target(tmp_path / "run")


def test_json_holds_numbers_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json({"x": float("nan")}, tmp_path / "x.json")


def _written(folder: Path, text: str) -> None:
    (folder / "run.json").write_text(text, encoding="utf-8")


def _old(tmp_path: Path) -> Path:
    target = tmp_path / "run"
    write_whole(target, lambda folder: _written(folder, "old"))
    return target


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_folder_is_replaced_whole(in_one_step: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not the system can swap two folders."""
    if not in_one_step:
        monkeypatch.setattr(folder_module, "_exchange", lambda *_: False)
    target = _old(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        write_whole(target, lambda folder: _written(folder, "new"))
    write_whole(target, lambda folder: _written(folder, "new"), replace=True)
    assert (target / "run.json").read_text(encoding="utf-8") == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    write_whole(tmp_path / "other", lambda folder: _written(folder, "first"), replace=True)
    assert (tmp_path / "other" / "run.json").is_file()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems replace in two steps")
def test_it_is_one_step_here(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        _written(folder, folder.name)
    assert folder_module._exchange(one, other)
    assert (one / "run.json").read_text(encoding="utf-8") == "other"
    assert (other / "run.json").read_text(encoding="utf-8") == "one"


def test_what_fails_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = _old(tmp_path)

    def fail(folder: Path) -> None:
        _written(folder, "half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(target, fail, replace=True)
    monkeypatch.setattr(folder_module, "_exchange", lambda *_: False)
    true_rename = Path.rename

    def rename(self: Path, to: Path) -> Path:
        if self.name.startswith(".run."):
            raise OSError(5, "Input/output error")
        return true_rename(self, to)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(target, lambda folder: _written(folder, "new"), replace=True)
    assert (target / "run.json").read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_drafts_of_the_dead_are_swept(tmp_path: Path) -> None:
    """A process that was killed while it wrote leaves a draft; those of others at work stay."""
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    names = (f".run.{dead.stdout.strip()}-x", f".run.{os.getpid()}-x", ".run.mine", f".other.{dead.stdout.strip()}-x")
    for name in names:
        (tmp_path / name).mkdir()
    _old(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"run", *names[1:]}
