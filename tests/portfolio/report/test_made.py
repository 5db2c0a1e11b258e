"""Pages made again, figures as files, and what happens when a page cannot be made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import portfolio
from portfolio.cli import main
from portfolio.report import pages
from portfolio.report.errors import RunError, UsageError
from portfolio.report.folder import OutputError

TINY = Path(__file__).resolve().parents[3] / "inputs" / "tiny"


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("made") / "run"
    portfolio.solve(TINY, scenarios=5, seed=4, gap=0.0, overrides=["sampling.cost_scenarios=20"], out=target)
    return target


@pytest.fixture
def folder(solved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(solved, tmp_path / "run"))


def test_made_again_the_page_is_the_same(folder: Path) -> None:
    first = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert portfolio.make_report(folder).page == folder / "report.html"
    assert (folder / "report.html").read_bytes() == first
    assert all(path.read_bytes() == content for path, content in before.items())


def test_figures_of_every_chart(folder: Path, tmp_path: Path) -> None:
    made = portfolio.make_report(folder, figures="svg")
    charts = pages.page_of(folder).charts
    assert [p.name for p in made.figures] == [f"{c.name}.svg" for c in charts]
    assert all(p.read_text(encoding="utf-8").startswith("<svg") for p in made.figures)
    assert {p.name for p in (folder / "figures").iterdir()} == {p.name for p in made.figures}
    again = portfolio.make_report(folder, figures="png")
    assert {p.suffix for p in (folder / "figures").iterdir()} == {".png"}
    assert len(again.figures) == len(charts)


def test_another_folder_is_never_replaced(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        portfolio.make_report(folder, figures="png", out=tmp_path / "mine")
    with pytest.raises(UsageError, match="ask for figures"):
        portfolio.make_report(folder, out=tmp_path / "other")
    with pytest.raises(UsageError, match="png or svg"):
        portfolio.make_report(folder, figures="gif")


def test_edited_run_is_refused(folder: Path) -> None:
    (folder / "decision.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match=r"decision\.json was changed"):
        portfolio.make_report(folder)


def test_no_result_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no result folder"):
        portfolio.make_report(tmp_path)
    with pytest.raises(RunError, match="not a folder"):
        portfolio.make_report(tmp_path / "nowhere")


def test_incomplete_run_says_so(folder: Path) -> None:
    (folder / "ledger.csv").unlink()
    with pytest.raises(RunError, match="incomplete, edited or of another version"):
        portfolio.make_report(folder)


def test_a_page_that_fails_does_not_cost_the_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Path) -> None:
        raise ZeroDivisionError("no page today")

    (folder / "report.html").unlink()
    monkeypatch.setattr(pages, "page_of", fail)
    pages.write_report(folder)
    assert not (folder / "report.html").exists()
    assert "no page today" in caplog.text
    assert "portfolio report makes it again" in caplog.text


def test_command(folder: Path) -> None:
    done = CliRunner().invoke(main, ["report", str(folder), "--figures", "svg", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert Path(said["page"]).is_file()
    assert said["figures"]
    assert all(Path(p).is_file() for p in said["figures"])
    plain = CliRunner().invoke(main, ["report", str(folder)])
    assert plain.stdout == f"Page: {folder / 'report.html'}\n"
    assert CliRunner().invoke(main, ["report", str(folder.parent)]).exit_code == 2
