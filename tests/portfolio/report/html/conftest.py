"""One small run with names that mean harm, its studies and a browser, made once."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import portfolio

INPUTS = Path(__file__).resolve().parents[4] / "inputs"
OVERRIDES = ("hazards.rate=0.4", "materials.volatility=0.3", "sampling.cost_scenarios=30", "stages.stock[separation]=1")
BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

SCRIPT = '<script>document.title="harmed"</script><img src=x onerror="document.title=1">'
FORMULA = "=CMD() \"quoted\" 'single' & {{ 7 * 7 }} ]]>"
RIGHT_TO_LEFT = "\u05de\u05e4\u05e2\u05dc \u0645\u0635\u0646\u0639 (Rehovot)"
LONG = "VeryLongName" * 40
NAMES = {
    "Integrated plant": f"{SCRIPT} {FORMULA}",
    "Mine": f"{RIGHT_TO_LEFT} {SCRIPT}",
    "Separator": f"{LONG} {SCRIPT}",
}
TITLE = f"{FORMULA} {SCRIPT} {RIGHT_TO_LEFT}"


@dataclass(frozen=True)
class Made:
    """Folders of a run and of its studies, all beside each other."""

    run: Path
    evaluation: Path
    stress: Path
    worth: Path
    replications: Path

    @property
    def all(self) -> tuple[Path, ...]:
        return (self.run, self.evaluation, self.stress, self.worth, self.replications)


def hostile_case(target: Path) -> Path:
    """Return the tiny case with hostile names."""
    shutil.copytree(INPUTS / "tiny", target)
    text = (target / "projects.csv").read_text(encoding="utf-8")
    for plain, hostile in NAMES.items():
        quoted = hostile.replace('"', '""')
        text = text.replace(f",{plain},", f',"{quoted}",')
    (target / "projects.csv").write_text(text, encoding="utf-8")
    settings = (target / "case.toml").read_text(encoding="utf-8")
    named = re.sub(r"(?m)^title = .*$", lambda _: f"title = {json.dumps(TITLE)}", settings)
    assert named != settings
    (target / "case.toml").write_text(named, encoding="utf-8")
    return target


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    home = tmp_path_factory.mktemp("pages")
    case = hostile_case(home / "case")
    paths = Made(*(home / name for name in ("run", "run-evaluation", "run-stress", "run-worth", "run-replications")))
    found = portfolio.solve(case, scenarios=12, seed=4, gap=0.0, overrides=OVERRIDES, out=paths.run)
    assert len(found.portfolio), "the case has to commit something"
    portfolio.evaluate(paths.run, scenarios=60, out=paths.evaluation)
    portfolio.stress(paths.run, scenarios=20, out=paths.stress)
    portfolio.worth(paths.run, foresight=2, fresh=20, out=paths.worth)
    portfolio.replicate(paths.run, batches=2, scenarios=6, out=paths.replications)
    portfolio.make_report(paths.run)
    return paths


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Return a headless Chromium."""
    wanted = os.environ.get("PORTFOLIO_REQUIRE_BROWSER") == "1"
    path = next((p for p in (os.environ.get("PORTFOLIO_BROWSER", ""), *BROWSERS) if p and Path(p).exists()), None)
    if path is None:
        if wanted:
            pytest.fail("PORTFOLIO_REQUIRE_BROWSER=1, and no Chromium was found")
        pytest.skip("no Chromium: install it, or name it in PORTFOLIO_BROWSER")
    api = pytest.importorskip("playwright.sync_api") if not wanted else __import__("playwright.sync_api").sync_api
    with api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()
