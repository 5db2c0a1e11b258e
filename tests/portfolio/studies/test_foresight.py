"""The optimism of foresight of a run: figures by a second route, the folder, the command."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from rich.console import Console

import portfolio
from models import Decision
from portfolio import api
from portfolio.assemble import resampled
from portfolio.case.records import Case
from portfolio.case.tables import Stock
from portfolio.cli import main
from portfolio.engine.assembled import compile_instance
from portfolio.evaluation.fresh import fix
from portfolio.evaluation.greedy import greedy
from portfolio.evaluation.outcomes import Recourse
from portfolio.report.errors import UsageError
from portfolio.report.folder import OutputError
from portfolio.report.foresight import FORESIGHT, GREEDY
from portfolio.report.foresight_summary import summary
from portfolio.scenarios.sampling import sample
from portfolio.studies import foresight as study
from tests.builders import tiny_hazard
from tests.portfolio.studies.cases import risky_case

SIZE = 60
MEAN, TAIL = "mean weighted shortfall", "CVaR 95 % of weighted shortfall"


def reserved(*stocks: Stock) -> Case:
    """The risky case with frequent embargoes, mild and hard ones, a small reserve, and deep shortfall at thrice."""
    held = stocks or (
        Stock(region="JP", material="NdPr", opening_t=60.0),
        Stock(region="EU", material="Dy", opening_t=3.0),
    )
    case = risky_case()
    return replace(
        case,
        stocks=held,
        materials=tuple(replace(m, shallow_share=0.1, deep_factor=3.0) for m in case.materials),
        hazards=(tiny_hazard(rate=0.6, rate_events=20.0, severity_mean=0.4, severity_sd=0.3),),
    )


@pytest.fixture(scope="module")
def run() -> api.Run:
    return api.solve(reserved(), scenarios=8, gap=0.001)


@pytest.fixture(scope="module")
def found(run: api.Run) -> api.Foresight:
    return api.foresight(run, scenarios=SIZE)


def figure(found: api.Foresight, name: str, world: str, release: str) -> dict[str, float]:
    f = found.figures
    (one,) = f.loc[(f["figure"] == name) & (f["world"] == world) & (f["release"] == release)].to_dict("records")
    return one


def test_shortfall_by_another_route(run: api.Run, found: api.Foresight) -> None:
    """The whole case assembled on the same scenarios, each world by itself."""
    fixed = fix(run.case, run.decision)
    drivers = sample(fixed.case, SIZE, found.seed, method="monte_carlo")
    instance = resampled(fixed.assembly, drivers).instance
    for world, decision in (("without", Decision()), ("with", run.decision)):
        recourse = Recourse(instance, compile_instance(instance))
        seeing, blind = recourse.outcomes(decision), greedy(recourse, decision)
        assert found.scenarios[f"{world}_foresight_weighted"].to_numpy() == pytest.approx(seeing.weighted)
        assert found.scenarios[f"{world}_greedy_weighted"].to_numpy() == pytest.approx(blind.weighted)
        rows = found.years.loc[found.years["world"] == world]
        assert rows["released_greedy_t"].sum() == pytest.approx(blind.release.sum() / SIZE)
        assert rows["shortfall_foresight_t"].sum() == pytest.approx(seeing.shortfall.sum() / SIZE)


def test_foresight_is_what_evaluate_reports(run: api.Run, found: api.Foresight) -> None:
    evaluated = api.evaluate(run, scenarios=SIZE, seed=found.seed).figures
    for world in ("without", "with"):
        rows = evaluated.loc[(evaluated["figure"] == "weighted") & (evaluated["world"] == world)]
        assert figure(found, MEAN, world, FORESIGHT)["estimate"] == pytest.approx(rows["estimate"].item())
        assert figure(found, MEAN, world, FORESIGHT)["high"] == pytest.approx(rows["high"].item())


def test_figures_follow_from_the_scenarios(found: api.Foresight) -> None:
    """Means, and CVaR as the mean of the worst twentieth (3 of 60), by hand."""
    s = found.scenarios
    for world in ("without", "with"):
        seeing, blind = (s[f"{world}_{way}_weighted"].to_numpy() for way in (FORESIGHT, GREEDY))
        gap = figure(found, MEAN, world, "optimism")
        assert gap["estimate"] == pytest.approx((blind - seeing).mean())
        assert gap["low"] <= gap["estimate"] <= gap["high"]
        worst = np.sort(blind)[-3:].mean() - np.sort(seeing)[-3:].mean()
        assert figure(found, TAIL, world, "optimism")["estimate"] == pytest.approx(worst)
        assert figure(found, TAIL, world, GREEDY)["estimate"] == pytest.approx(np.sort(blind)[-3:].mean())
        paid = blind + s[f"{world}_greedy_side"] - seeing - s[f"{world}_foresight_side"]
        assert paid.min() > -1e-6
        assert paid.max() > 1.0
        assert found.differing[world] == pytest.approx((blind - seeing > 1e-3).mean())
    gain = s["without_foresight_weighted"] - s["with_foresight_weighted"]
    lost = gain - (s["without_greedy_weighted"] - s["with_greedy_weighted"])
    row = figure(found, "what the fund takes off the mean", "difference", "optimism")
    assert row["estimate"] == pytest.approx(lost.mean())


def test_without_a_reserve_there_is_nothing_to_foresee() -> None:
    """No opening stock, and no purchases."""
    case = reserved(Stock(region="JP", material="NdPr", opening_t=0.0))
    case = replace(case, settings=replace(case.settings, policy=replace(case.settings.policy, purchase_share=0.0)))
    made = api.foresight(api.solve(case, scenarios=6, gap=0.01), scenarios=20)
    gaps = made.figures.loc[made.figures["release"] == "optimism", "estimate"]
    assert np.abs(gaps).max() < 1e-6
    assert figure(made, MEAN, "without", GREEDY)["estimate"] > 1.0
    assert made.differing == {"without": 0.0, "with": 0.0}
    assert "No reserve" in made.caveats[0]


def test_chunks_and_threads_change_nothing(run: api.Run, found: api.Foresight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portfolio.evaluation.fresh.CHUNK", 25)
    told: list[tuple[int, int]] = []
    again = study.foresight(run, scenarios=SIZE, threads=1, progress=lambda s: told.append((s.done, s.total)))
    pd.testing.assert_frame_equal(again.scenarios, found.scenarios, rtol=1e-9)
    assert told[-1] == (SIZE, SIZE)
    assert (25, SIZE) in told


def test_folder_and_summary(run: api.Run, tmp_path: Path) -> None:
    written = portfolio.foresight(run, scenarios=20, out=tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "foresight.json", "figures.csv", "years.csv", "scenarios.parquet", "report.html",
    }  # fmt: skip
    record = json.loads((tmp_path / "out" / "foresight.json").read_text())
    rows = pd.read_parquet(tmp_path / "out" / "scenarios.parquet")
    gap = (rows["with_greedy_weighted"] - rows["with_foresight_weighted"]).mean()
    (told,) = [
        f["estimate"]
        for f in record["figures"]
        if (f["figure"], f["world"], f["release"]) == (MEAN, "with", "optimism")
    ]
    assert told == pytest.approx(gap)
    console = Console(file=io.StringIO(), width=100)
    console.print(summary(written))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "greedy" in text
    assert "* only 20 scenarios" in text
    assert max(map(len, text.splitlines())) <= 100
    with pytest.raises(OutputError):
        api.foresight(run, scenarios=20, out=tmp_path / "out")


@pytest.mark.parametrize("wrong", [{"scenarios": 1}, {"level": 1.0}, {"threads": -1}, {"seed": -1}])
def test_refusals(run: api.Run, wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"at least|between 0 and 1"):
        api.foresight(run, **wrong)  # type: ignore[arg-type]


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    api.solve(reserved(), scenarios=6, gap=0.01, out=tmp_path / "results" / "mine")
    printed = CliRunner().invoke(main, ["foresight", "results/mine", "--scenarios", "10", "--json"])
    assert printed.exit_code == 0, printed.output
    record = json.loads(printed.stdout)
    assert record["scenarios"] == 10
    assert (Path(record["foresight"]) / "foresight.json").is_file()

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    before = sorted((tmp_path / "results").iterdir())
    monkeypatch.setattr("portfolio.studies.foresight.greedy", stop)
    stopped = CliRunner().invoke(main, ["foresight", "results/mine", "--scenarios", "10"])
    assert stopped.exit_code == 130
    assert sorted((tmp_path / "results").iterdir()) == before
