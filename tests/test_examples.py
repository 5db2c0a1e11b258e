"""Scripts of the documentation run as they stand: without arguments, from anywhere, in seconds."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

import portfolio

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples"
TINY = EXAMPLES.parents[1] / "inputs" / "tiny"
SAID = {
    "alliance": ("shapley", "own_objective", "joining"),
    "compare": ("equity", "Closed by no mix without it", "Bonferroni"),
    "frontier": ("per_usd_m", "impossible", "The target is proven in the sample"),
    "sweep": ("change_low", "supported", "enters"),
    "termsheet": ("public_money_usd_m", "p95_call_usd_m", "A split has to hold"),
    "explain": ("INTEG: in the best portfolio, proven", "the budgets (7)", "leaves between"),
    "alternatives": ("differ in projects", "differ in money", "in some"),
    "wait": ("adapting later", "fresh_sign", "gains"),
}
"""What each prints, among other things."""
LONG = ("sweep", "wait", "explain", "alternatives")


def run(name: str, *args: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{name}.py", *args])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in SAID])
def test_without_arguments(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(name)
    said = capsys.readouterr().out
    for words in SAID[name]:
        assert words in said
    assert not any(tmp_path.iterdir())


def test_termsheet_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    portfolio.solve(TINY, out=tmp_path / "mine")
    run("termsheet", str(tmp_path / "mine"), "INTEG", "0.5")
    assert "public_money_usd_m" in capsys.readouterr().out
