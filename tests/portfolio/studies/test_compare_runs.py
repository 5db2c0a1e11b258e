"""Runs side by side: what differs is found, all of it, and nothing is claimed that was not shown."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

from portfolio import api
from portfolio.case import read_case
from portfolio.cli import main
from portfolio.report.case_differences import case_differences
from portfolio.report.compared_runs import TABLES
from portfolio.report.workbook import write_workbook
from portfolio.studies.compare_runs import _verdict

INPUTS = Path(__file__).resolve().parents[3] / "inputs"
TINY = INPUTS / "tiny"
QUICK = ("sampling.cost_scenarios=20", "hazards.rate=0.4", "materials.volatility=0.3")
LESS = ("budgets.budget_usd_m[JPF,2027]=0", "members.name[EUF]=Another name")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("runs")
    api.solve(TINY, scenarios=40, overrides=QUICK, gap=0.0, out=home / "base")
    api.solve(TINY, scenarios=40, overrides=[*QUICK, *LESS], gap=0.0, out=home / "less")
    api.solve(TINY, scenarios=40, overrides=[*QUICK, "budgets.budget_usd_m*=1.3"], gap=0.0, out=home / "more")
    part = [*QUICK, "budgets.budget_usd_m[JPF,2027]=30"]
    api.solve(TINY, scenarios=40, overrides=part, gap=0.0, out=home / "part")
    api.solve(TINY, scenarios=40, seed=9, overrides=QUICK, out=home / "seed")
    return home


def rows(table: pd.DataFrame, **wanted: str) -> list[dict[str, Any]]:
    for name, value in wanted.items():
        table = table.loc[table[name] == value]
    return table.to_dict(orient="records")


def test_a_run_beside_itself_is_the_same(home: Path) -> None:
    found = api.compare_runs(home / "base", home / "base")
    assert found.runs == ("base", "base (2)")
    assert found.inputs.empty
    assert found.changes.empty
    assert found.moved == {"base (2)": {"in": [], "out": [], "window": []}}
    assert set(found.differences["verdict"]) == {"same"}
    assert (found.differences[["difference", "low", "high"]] == 0).all(axis=None)
    assert len(found.differences) == 5


def test_every_input_that_differs_is_named(home: Path) -> None:
    found = api.compare_runs(home / "base", home / "less")
    fields = ["what", "where", "key", "column", "change", "before", "after", "counts"]
    assert found.inputs[fields].to_numpy().tolist() == [
        ["table", "members", "EUF", "name", "changed", _name(home / "base"), "Another name", 0],
        ["table", "budgets", "JPF,2027", "budget_usd_m", "changed", "60", "0", 1],
    ]


def _name(run: Path) -> str:
    return next(m.name for m in read_case(run / "inputs").members if m.member == "EUF")


def test_settings_rows_and_order() -> None:
    case = read_case(INPUTS / "eu_japan_ree")
    assert list(case_differences(case, dataclasses.replace(case, projects=case.projects[::-1]))) == []
    hazards = (*case.hazards[1:], dataclasses.replace(case.hazards[0], hazard="new"))
    policy = dataclasses.replace(case.settings.policy, max_country_share=0.123)
    other = dataclasses.replace(
        case, hazards=hazards, settings=dataclasses.replace(case.settings, policy=policy), events=case.events[:-1]
    )
    found = [(d.what, d.where, d.column, d.change) for d in case_differences(case, other)]
    assert found == [
        ("setting", "policy", "max_country_share", "changed"),
        ("table", "hazards", "", "removed"),
        ("table", "hazards", "", "added"),
        ("table", "events", "", "removed"),
    ]
    back = [d.change for d in case_differences(other, case)]
    assert back == ["changed", "removed", "added", "added"]


@pytest.mark.parametrize(("run", "kinds"), [("less", {"out"}), ("more", {"in", "out"}), ("part", {"changed"})])
def test_what_moved_in_the_decision(run: str, kinds: set[str], home: Path) -> None:
    found = api.compare_runs(home / "base", home / run)
    before, after = (pd.read_csv(home / r / "portfolio.csv", keep_default_na=False) for r in ("base", run))
    before, after = (t.loc[t["kind"] != "overhead"].astype({"share": float}) for t in (before, after))
    keys = ["project", "instrument", "member", "material"]
    both = before.merge(after, on=keys, how="outer", suffixes=("_before", "_after"), indicator=True)
    both["same"] = (both["_merge"] == "both") & np.isclose(both["share_before"], both["share_after"], atol=1e-6)
    expected = {tuple(r[k] for k in keys) for r in both.loc[~both["same"]].to_dict(orient="records")}
    assert expected
    assert {tuple(r[k] for k in keys) for r in rows(found.changes)} == expected
    for row in rows(found.changes):
        (said,) = rows(both, **{k: row[k] for k in keys})
        assert row["share_before"] == pytest.approx(np.nan_to_num(said["share_before"]))
        assert row["share_after"] == pytest.approx(np.nan_to_num(said["share_after"]))
    assert {row["change"] for row in rows(found.changes)} == kinds
    gone = rows(found.changes, change="out")
    assert all(r["share_after"] == 0 and r["window_after"] == "" for r in gone)
    projects = [set(t.loc[t["project"] != "", "project"]) for t in (before, after)]
    assert found.moved[run]["out"] == sorted(projects[0] - projects[1])
    assert found.moved[run]["in"] == sorted(projects[1] - projects[0])


def test_differences_are_paired_by_scenario(home: Path) -> None:
    found = api.compare_runs(home / "base", home / "less", level=0.9)
    one, two = (pd.read_parquet(home / r / "scenarios.parquet") for r in ("base", "less"))
    values = (two["with_weighted"] - one["with_weighted"]).to_numpy()
    (row,) = rows(found.differences, figure="weighted", world="with")
    assert row["difference"] == pytest.approx(values.mean())
    # Student's interval is the same but for skewness; the transformation keeps its length nearly.
    half = stats.t.ppf(0.95, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    assert half > 0
    assert row["high"] - row["low"] == pytest.approx(2 * half, rel=0.3)
    assert row["low"] <= row["difference"] <= row["high"]
    (without,) = rows(found.differences, figure="weighted", world="without")
    assert (without["difference"], without["verdict"]) == (0, "same")
    (added,) = rows(found.differences, world="difference")
    assert added["difference"] == pytest.approx(row["difference"])
    assert row["verdict"] == "higher", "without the other member's money more is short"


def test_other_samples_have_no_interval(home: Path) -> None:
    found = api.compare_runs(home / "base", home / "seed")
    assert found.inputs["column"].tolist() == ["seed", "asked_gap"]
    assert found.differences[["low", "high"]].isna().all(axis=None)
    assert set(found.differences["verdict"]) == {"open"}
    assert all("share no scenarios" in note for note in found.differences["note"])
    assert "same sample" in " ".join(found.caveats)
    json.dumps(found.summary(), allow_nan=False)


def test_overlapping_gaps_and_other_objectives_forbid_claims(home: Path, tmp_path: Path) -> None:
    def verdict(change: dict[str, Any]) -> tuple[str, str]:
        copy = tmp_path / str(len(list(tmp_path.iterdir())))
        shutil.copytree(home / "less", copy)
        record = json.loads((copy / "run.json").read_text(encoding="utf-8"))
        (copy / "run.json").write_text(json.dumps(record | change), encoding="utf-8")
        (row,) = rows(api.compare_runs(home / "base", copy).differences, figure="weighted", world="with")
        return row["verdict"], row["note"]

    assert verdict({})[0] == "higher"
    word, note = verdict({"bound": 0.0})
    assert word == "open"
    assert "solver gaps overlap" in note
    api.solve(
        TINY, scenarios=40, overrides=[*QUICK, *LESS, "objective.cost_weight=0.02"],
        out=tmp_path / "aim",
    )  # fmt: skip
    (row,) = rows(api.compare_runs(home / "base", tmp_path / "aim").differences, figure="weighted", world="with")
    assert row["verdict"] == "open"
    assert "do not minimise the same" in row["note"]


def test_an_interval_that_holds_zero_is_no_claim() -> None:
    from portfolio.evaluation.intervals import mean_interval

    assert _verdict(mean_interval([-1.0, 1.0, -2.0, 2.5]), "")[0] == "open"
    assert _verdict(mean_interval([1.0, 1.1, 0.9, 1.0]), "")[0] == "higher"
    assert _verdict(mean_interval([-1.0, -1.1, -0.9, -1.0]), "")[0] == "lower"
    assert _verdict(mean_interval([-1.0, -1.1, -0.9, -1.0]), "doubt") == ("open", "doubt")
    assert _verdict(mean_interval([1.0, 1.1, 0.9, 1.0]), "", scale=1e12)[0] == "same"
    assert _verdict(None, "")[0] == "open"


def test_costs_are_those_of_the_ledgers(home: Path) -> None:
    found = api.compare_runs(home / "base", home / "less")
    for run in ("base", "less"):
        ledger = pd.read_csv(home / run / "ledger.csv")
        booked = ledger.loc[ledger["line"] == "charge"].groupby(["member", "convention"])["simulated_usd_m"].sum()
        for (member, convention), amount in booked.items():
            (row,) = rows(found.costs, run=run, member=member, convention=convention)
            assert row["usd_m"] == pytest.approx(amount)


def test_the_folder_and_the_command(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [str(home / name) for name in ("base", "less", "seed")]
    before = {p: p.read_bytes() for r in runs for p in Path(r).rglob("*") if p.is_file()}
    found = CliRunner().invoke(main, ["compare-runs", *runs, "--json", "--out", "abc"])
    assert (found.exit_code, found.stderr) == (0, "")
    said = json.loads(found.stdout)
    assert said["runs"] == ["base", "less", "seed"]
    written = {f"{t}.csv" for t in TABLES} | {"compared_runs.json", "report.html"}
    assert {p.name for p in (tmp_path / "abc").iterdir()} == written
    assert len(pd.read_csv(tmp_path / "abc" / "inputs.csv")) == len(said["inputs"]) == 4
    assert write_workbook(tmp_path / "abc", tmp_path / "abc.xlsx")[0] == "summary"
    plain = CliRunner().invoke(main, ["compare-runs", *runs])
    assert plain.exit_code == 0
    assert "less beside base" in plain.stdout
    assert "budgets.budget_usd_m[JPF,2027]" in plain.stdout
    assert {p: p.read_bytes() for r in runs for p in Path(r).rglob("*") if p.is_file()} == before
    assert CliRunner().invoke(main, ["compare-runs", runs[0]]).exit_code == 2
    assert CliRunner().invoke(main, ["compare-runs", runs[0], str(TINY)]).exit_code == 2
    assert CliRunner().invoke(main, ["compare-runs", *runs, "--out", "abc"]).exit_code == 2


def test_another_version_may_be_compared_but_edited_runs_not(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "old"
    shutil.copytree(home / "base", copy)
    text = (copy / "run.json").read_text(encoding="utf-8")
    record = json.loads(text)
    record["versions"]["portfolio"] = "0.0.1"
    (copy / "run.json").write_text(json.dumps(record), encoding="utf-8")
    found = api.compare_runs(home / "base", copy)
    assert [(r["what"], r["column"], r["after"]) for r in rows(found.inputs)] == [("version", "portfolio", "0.0.1")]
    table = pd.read_parquet(copy / "scenarios.parquet")
    table["with_weighted"] *= 1.01
    table.to_parquet(copy / "scenarios.parquet", index=False)
    with pytest.raises(api.RunError, match="different stories"):
        api.compare_runs(home / "base", copy)
    (copy / "inputs" / "regions.csv").write_text("region\n")
    with pytest.raises(api.RunError, match="changed after the run"):
        api.compare_runs(home / "base", copy)
