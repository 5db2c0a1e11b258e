"""Price pressure on a run: nothing at zero, never more output of a merchant plant, figures by a second route."""

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

from models import Decision
from portfolio import api
from portfolio.assemble import resampled
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.case.settings import Pressure
from portfolio.cli import main
from portfolio.evaluation.fresh import fix
from portfolio.finance.economics import economics
from portfolio.report.errors import UsageError
from portfolio.report.pressure import BASE, PRESSED
from portfolio.report.pressure_summary import summary
from portfolio.report.saved import SavedRun
from portfolio.report.steps import Clock
from portfolio.scenarios.pressure import pressed
from portfolio.scenarios.sampling import sample
from portfolio.studies.pressure import _compare, new_supply
from tests.portfolio.studies.cases import risky_case

SIZE = 60


def under(case: Case, **rules: float) -> Case:
    """The case with rules of pressure."""
    return replace(case, settings=replace(case.settings, pressure=Pressure(**rules)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run() -> api.Run:
    return api.solve(under(risky_case(), elasticity=1.5, market_factor=1.0, dumping_rate=2.0), scenarios=8, gap=0.001)


@pytest.fixture(scope="module")
def found(run: api.Run) -> api.PricePressure:
    return api.pressure(run, scenarios=SIZE)


def figure(found: api.PricePressure, what: str) -> dict[str, float]:
    rows = found.figures
    (one,) = rows.loc[(rows["figure"] == "mean weighted shortfall") & (rows["what"] == what)].to_dict("records")
    return one


def test_zero_changes_nothing_to_the_last_digit(run: api.Run) -> None:
    off = replace(run, case=under(run.case, elasticity=0.0, dumping_rate=0.0))
    found = api.pressure(off, scenarios=SIZE)
    assert figure(found, "with")["estimate"] == figure(found, "with, under pressure")["estimate"]
    assert figure(found, "difference by pressure")["estimate"] == 0.0
    for name in ("closes_with", "runs_with", "output_with"):
        assert found.projects[f"{name}_base"].equals(found.projects[f"{name}_pressed"].rename(f"{name}_base"))
    one, other = (rows.drop(columns="prices").reset_index(drop=True) for _, rows in found.flows.groupby("prices"))
    assert one.equals(other)
    assert (found.prices["price_factor"] == 1.0).all()


def test_new_supply_by_hand(run: api.Run) -> None:
    """By loops over the sample: what support adds in tonnes over the market."""
    case = ordered(run.case)
    fixed = fix(case, run.decision)
    instance = resampled(fixed.assembly, sample(case, 5, 11)).instance
    added = new_supply(instance, run.decision, case)
    s, m = instance.scenarios, instance.materials.index("NdPr")
    assert added.shape == (5, 2, 6)
    for n in range(5):
        for t in range(6):
            tonnes = 0.0
            for project, structure, window in run.decision.chosen:
                capacity = max(o.capacity_tpy for o in case.outputs[project] if o.material == "NdPr")
                p, v = instance.projects.index(project), instance.windows.index(window)
                without = 0.0 if s.lost[n, p, v] else s.unaided[n, p, t]
                j = instance.option_index[project, structure, window]
                tonnes += capacity * (float(s.output[n, j, t]) - without)
            demand = sum(instance.forecast[r, k, m, t] for r in range(2) for k in range(len(instance.stages)))
            assert added[n, m, t] == pytest.approx(max(tonnes, 0.0) / demand)
    assert added.max() > 0.05


def test_pressure_presses(found: api.PricePressure) -> None:
    assert found.prices["price_factor"].min() < 0.9
    assert found.prices["lowest_factor"].min() < 0.5
    assert (found.prices.loc[found.prices["new_supply_share"] == 0, "price_factor"] == 1.0).mean() > 0.5


def test_differences_follow_from_the_figures(found: api.PricePressure) -> None:
    change = figure(found, "difference by pressure")
    by_hand = figure(found, "with, under pressure")["estimate"] - figure(found, "with")["estimate"]
    assert change["estimate"] == pytest.approx(by_hand, abs=1e-9)
    assert change["low"] <= change["estimate"] <= change["high"]


def test_shortfall_by_another_route(run: api.Run, found: api.PricePressure) -> None:
    """The portfolio measured in chunk-free steps on drivers pressed here."""
    case = ordered(run.case)
    fixed = fix(case, run.decision)
    drivers = sample(case, SIZE, found.seed)
    added = new_supply(resampled(fixed.assembly, drivers).instance, run.decision, case)
    measured = fixed.on(pressed(case, drivers, added, found.seed))
    assert figure(found, "with, under pressure")["estimate"] == pytest.approx(measured.with_fund.weighted.mean())
    nothing = fix(case, Decision()).on(drivers)
    assert figure(found, "without")["estimate"] == pytest.approx(nothing.without.weighted.mean())


def test_flows_at_base_prices_are_those_of_the_ledger(run: api.Run) -> None:
    """On the run's own scenarios: every line of every member as the run booked it."""
    sampling = run.case.settings.sampling
    with pytest.raises(UsageError, match="would come again"):
        api.pressure(run, scenarios=sampling.scenarios, seed=sampling.seed)
    fixed = fix(run.case, run.decision)
    found = _compare(SavedRun.of(run), fixed, sampling.scenarios, sampling.seed, 0.95, Clock(None)).flows
    base = found.loc[found["prices"] == "base"].set_index(["member", "line"])["usd_m"].to_dict()
    others = ["charge", "exposure", "payout_es95"]
    cash = run.ledger.loc[(run.ledger["convention"] == "cash") & ~run.ledger["line"].isin(others)]
    assert base == pytest.approx(cash.groupby(["member", "line"])["simulated_usd_m"].sum().to_dict())
    assert len(base) > 3


@pytest.mark.parametrize("project", ["mine", "plant"])
def test_elasticity_never_raises_the_output_of_a_merchant_plant(run: api.Run, project: str) -> None:
    """Without support and without contracts, scenario by scenario and year by year."""
    case = ordered(run.case)
    fixed = fix(case, run.decision)
    drivers = sample(case, 200, 4)
    added = np.full(drivers.price.shape, 0.3)
    at = fixed.instance.projects.index(project)
    before, total = None, []
    for elasticity in (0.0, 1.0, 3.0):
        lower = pressed(under(case, elasticity=elasticity, dumping_rate=0.0), drivers, added, 1)
        output = resampled(fixed.assembly, lower).instance.scenarios.unaided[:, at]
        if before is not None:
            assert (output <= before + 1e-9).all()
        before = output
        total.append(output.sum())
    sells = economics(case, case.projects[at]).payable.any()
    assert (total[-1] < total[0]) == bool(sells) or total[0] == 0


def test_what_is_owed_is_no_cash(run: api.Run) -> None:
    found = api.pressure(run, scenarios=20)
    rows = [("EUF", "outlay", -50.0), ("EUF", "service", 20.0), ("JOG", "balance", 7.0), ("EUF", "balance", 1.0)]
    flows = pd.DataFrame(
        [(*row[:2], factor * row[2], prices) for row in rows for prices, factor in ((BASE, 1.0), (PRESSED, 2.0))],
        columns=["member", "line", "usd_m", "prices"],
    )
    made = replace(found, flows=flows)
    assert made.net_cash_usd_m == {BASE: -30.0, PRESSED: -60.0}
    assert made.owed_usd_m == {BASE: 8.0, PRESSED: 16.0}


def test_folder_and_summary(run: api.Run, tmp_path: Path) -> None:
    written = api.pressure(run, scenarios=20, out=tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "pressure.json", "figures.csv", "projects.csv", "flows.csv", "prices.csv", "report.html",
    }  # fmt: skip
    record = json.loads((tmp_path / "out" / "pressure.json").read_text())
    mine = written.flows.loc[written.flows["prices"] == PRESSED].groupby("line")["usd_m"].sum()
    assert record["net_cash_usd_m"][PRESSED] == pytest.approx(mine.sum() - mine.get("balance", 0.0))
    assert record["owed_usd_m"][PRESSED] == pytest.approx(mine.get("balance", 0.0))
    assert record["rules"]["elasticity"] == 1.5
    console = Console(file=io.StringIO(), width=100)
    console.print(summary(written))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "under pressure" in text
    assert max(map(len, text.splitlines())) <= 100


def test_refusals_and_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = api.solve(risky_case(), scenarios=6, gap=0.01, out=tmp_path / "results" / "mine")
    with pytest.raises(UsageError, match="at least 2"):
        api.pressure(made, scenarios=1)
    printed = CliRunner().invoke(main, ["pressure", "results/mine", "--scenarios", "10", "--json"])
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.stdout)["scenarios"] == 10
