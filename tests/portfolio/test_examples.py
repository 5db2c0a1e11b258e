"""Scripts of the documentation that need no arguments: run as they are, from any folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("explain", ("INTEG: in the best portfolio, proven", "the budgets (7)", "leaves between")),
        ("alternatives", ("differ in projects", "differ in money", "in some")),
    ],
)
def test_it_runs_as_documented(name: str, said: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for text in said:
        assert text in done.stdout
    assert not list(tmp_path.iterdir())
