"""Reading runs back: the same case and decision, and a plain refusal of whatever is not the run as written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import portfolio
from models import Decision
from portfolio.report import saved as saved_module
from portfolio.report.decision_file import INDICES, decision_record, parse_decision
from portfolio.report.errors import RunError
from portfolio.report.run import Run, sha256
from portfolio.report.saved import SavedRun, read_run
from tests.portfolio.report.test_run_folder import OVERRIDES, TINY


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    target = tmp_path_factory.mktemp("runs") / "run"
    return portfolio.solve(TINY, scenarios=15, seed=4, gap=0.0, overrides=OVERRIDES, out=target)


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    assert run.path is not None
    shutil.copytree(run.path, tmp_path / "copy")
    return tmp_path / "copy"


def test_case_and_decision_come_back(run: Run, folder: Path) -> None:
    found = read_run(folder)
    assert found.case == run.case
    assert found.case.settings.sampling.scenarios == 15
    for name in INDICES:
        assert getattr(found.decision, name) == getattr(run.decision, name), name
    assert found.decision.select
    assert found.decision.share
    assert found.decision.rights
    assert (found.objective, found.weighted) == (run.solution.objective, SavedRun.of(run).weighted)
    assert (found.name, found.path) == ("copy", folder)
    assert SavedRun.of(run).decision == run.decision


def test_every_variable_comes_back(run: Run) -> None:
    """Digits and all, whatever is bought or shared."""
    third = 1.0 / 3.0
    key = next(iter(run.decision.select))
    member, region = run.case.members[0].member, run.case.region_names[0]
    instrument, material = run.case.instruments[0].instrument, run.case.material_names[0]
    decision = Decision(
        select={key: 1.0},
        use={(key[0], instrument, key[2]): 1.0},
        take={(member, key[0], key[2]): 1.0},
        share={(member, key[0], instrument, key[1], key[2]): third},
        rights={(region, *key): 1e-9 + third},
        purchase={(member, material, key[2]): 1e5 / 7.0},
    )
    text = json.dumps(decision_record(decision))
    assert parse_decision(json.loads(text), run.case, "x") == decision
    nothing = replace(decision, purchase={(member, material, key[2]): 0.0})
    assert decision_record(nothing)["variables"]["purchase"] == []


def edit(change: Callable[[Any], Any], file: str = "run.json") -> Callable[[Path], None]:
    """Edit a JSON file in place."""

    def act(folder: Path) -> None:
        record = json.loads((folder / file).read_text(encoding="utf-8"))
        found = change(record)
        (folder / file).write_text(json.dumps(record if found is None else found), encoding="utf-8")

    return act


def forged(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Edit the decision, and its hash too."""

    def act(folder: Path) -> None:
        edit(change, "decision.json")(folder)
        edit(lambda r: r["files"].update({"decision.json": sha256(folder / "decision.json")}))(folder)

    return act


def rows(name: str, **values: Any) -> Callable[[Any], None]:
    """Change fields of the first row of a variable."""
    return lambda record: record["variables"][name][0].update(values)


def write(name: str, text: str | bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(text.encode() if isinstance(text, str) else text) and None


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "gone": (shutil.rmtree, "is not a folder"),
    "no record": (lambda f: (f / "run.json").unlink(), "holds no run.json"),
    "a case": (lambda f: (f / "run.json").rename(f / "case.toml"), "is a case, not a run: solve it first"),
    "no json": (write("run.json", "{"), "cannot be read"),
    "no text": (write("run.json", b"\xff\xfe\x00"), "cannot be read"),
    "nested": (write("run.json", "[" * 100_000), "cannot be read"),
    "a list": (write("run.json", "[]"), "not the record of a run"),
    "no version": (edit(lambda r: r.pop("versions") and None), "version unknown"),
    "odd version": (edit(lambda r: r.update(versions=3)), "version unknown"),
    "older": (edit(lambda r: r["versions"].update(portfolio="0.0.1")), "made by version 0.0.1, this is"),
    "no headline": (edit(lambda r: r.pop("headline") and None), "lacks what a run says of itself"),
    "odd headline": (edit(lambda r: r.update(headline=[1])), "lacks what a run says of itself"),
    "odd seed": (edit(lambda r: r.update(seed="one")), "lacks what a run says of itself"),
    "endless seed": (edit(lambda r: r.update(seed=float("inf"))), "lacks what a run says of itself"),
    "before decision.json": (edit(lambda r: r.pop("files") and None), "lacks what a run says of itself"),
    "no hash": (edit(lambda r: r.update(files={})), "lacks the hashes"),
    "no input hashes": (edit(lambda r: r["inputs"].update(written={})), "lacks the hashes"),
    "other seed": (edit(lambda r: r.update(seed=5)), "name different samples"),
    "other count": (edit(lambda r: r.update(scenarios=16)), "name different samples"),
    "no decision": (lambda f: (f / "decision.json").unlink(), "is missing: the run folder is incomplete"),
    "decision a folder": (lambda f: ((f / "decision.json").unlink(), (f / "decision.json").mkdir()), "cannot be read"),
    "edited decision": (edit(rows("share", value=0.5), "decision.json"), "was changed after the run"),
    "no inputs": (lambda f: shutil.rmtree(f / "inputs"), "is missing: the run folder is incomplete"),
    "an input gone": (lambda f: (f / "inputs" / "demand.csv").unlink(), "demand.csv is missing"),
    "edited input": (lambda f: write("inputs/demand.csv", (f / "inputs" / "demand.csv").read_text() + "\n")(f),
                     "demand.csv was changed"),
    "added input": (write("inputs/more.csv", "a\n"), "holds more.csv, which the run did not write"),
    "other form": (forged(lambda r: r.update(format=99)), "not of the form"),
    "list for decision": (forged(lambda _: [1]), "not of the form"),
    "a variable gone": (forged(lambda r: r["variables"].pop("rights") and None), "does not hold the variables"),
    "no rows": (forged(lambda r: r["variables"].update(rights={})), "is not a list of rows"),
    "a field gone": (forged(lambda r: r["variables"]["rights"][0].pop("value") and None), "a row of rights does"),
    "a field more": (forged(rows("rights", colour="red")), "a row of rights does"),
    "unknown project": (forged(rows("select", project="moon")), "names the project 'moon'"),
    "unknown window": (forged(rows("select", window=True)), "names the window True"),
    "listed member": (forged(rows("share", member=["EUF"])), "names the member"),
    "negative": (forged(rows("share", value=-0.1)), "has the value -0.1"),
    "endless": (forged(rows("share", value=float("inf"))), "has the value inf"),
    "not a number": (forged(rows("share", value=float("nan"))), "has the value nan"),
    "true": (forged(rows("share", value=True)), "has the value True"),
    "half chosen": (forged(rows("select", value=0.5)), "an option is chosen or not"),
    "twice": (forged(lambda r: r["variables"]["share"].append(r["variables"]["share"][0])), "stands twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_the_run_is_refused(folder: Path, name: str) -> None:
    act, says = BROKEN[name]
    act(folder)
    with pytest.raises(RunError) as found:
        read_run(folder)
    assert says in str(found.value)


def test_a_case_that_is_no_longer_sound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes right, but this version's checks say otherwise."""
    path = folder / "inputs" / "demand.csv"
    path.write_text(path.read_text().replace("separation", "sepparation"), encoding="utf-8")
    monkeypatch.setattr(saved_module, "_check_hashes", lambda *_: None)
    with pytest.raises(RunError, match="is no sound case"):
        read_run(folder)
