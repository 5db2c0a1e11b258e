"""Imports run downward, and libraries do not print: read from the source, nothing is imported."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEVELS = (
    {"cli", "cli_reference"},
    {"commands"},
    {"api"},
    {"studies", "report"},
    {"evaluation"},
    {"engine"},
    {"assemble"},
    {"finance"},
    {"scenarios"},
    {"case"},
)
"""Parts of the package from the top down; a part may import itself and whatever is below."""

APART = ("case", "scenarios", "finance", "commands", "cli")
"""Parts that know nothing of the programme."""

MODULES = sorted(p for package in ("portfolio", "models") for p in (ROOT / package).rglob("*.py"))


def level(part: str) -> int:
    return next(n for n, parts in enumerate(LEVELS) if part in parts)


def imported(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            assert node.module is not None
            found.append(node.module)
            if node.module in ("portfolio", "models"):
                found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def faults(path: Path, text: str) -> list[str]:
    """What is wrong with the imports of a module and with its calls."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    tree, found = ast.parse(text), []
    for name in imported(tree):
        home = name.split(".")
        if home[0] == "portfolio" and parts[0] == "models":
            found.append(f"models imports {name}")
        elif home[0] == "portfolio" and parts[0] == "portfolio" and parts[1] != "__init__" and len(home) > 1:
            known = {p for level_parts in LEVELS for p in level_parts}
            if home[1] in known and level(home[1]) < level(parts[1]):
                found.append(f"{'.'.join(parts)} imports {name}, which is above it")
        elif (
            home[0] == "models"
            and parts[0] == "portfolio"
            and parts[1] in ("case", "scenarios", "finance", "cli", "commands")
        ):
            found.append(f"{'.'.join(parts)} imports {name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            found.append(f"{'.'.join(parts)} prints in line {node.lineno}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downward_and_nothing_prints(path: Path) -> None:
    assert faults(path, path.read_text(encoding="utf-8")) == []


def test_every_part_has_a_level() -> None:
    parts = {p.relative_to(ROOT / "portfolio").with_suffix("").parts[0] for p in (ROOT / "portfolio").rglob("*.py")}
    assert parts - {"__init__"} <= {part for parts in LEVELS for part in parts}


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("portfolio/case/x.py", "from portfolio.report.run import Run"),
        ("portfolio/finance/x.py", "import portfolio.assemble"),
        ("portfolio/engine/x.py", "from portfolio import api"),
        ("models/x.py", "import portfolio"),
        ("portfolio/scenarios/x.py", "from models import Instance"),
        ("portfolio/report/x.py", "def f():\n    print('x')"),
    ],
)
def test_faults_are_found(where: str, text: str) -> None:
    assert faults(ROOT / where, text)
