"""What the page of a run says, recomputed from the files of the run by another way."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from portfolio.report.html.beside import beside
from portfolio.report.html.page import Chart, Facts, Notes, Page, Table
from portfolio.report.html.run_data import RunFolder, charges, exposure, offered
from portfolio.report.html.writing import tight
from portfolio.report.pages import page_of
from tests.portfolio.report.html.conftest import Made


@pytest.fixture(scope="module")
def run(made: Made) -> RunFolder:
    return RunFolder.read(made.run)


@pytest.fixture(scope="module")
def page(made: Made) -> Page:
    return page_of(made.run)


@pytest.fixture(scope="module")
def alone(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Page of the run with nothing beside it."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    shutil.copytree(made.run, folder)
    return page_of(folder)


def chart(page: Page, name: str) -> Chart:
    return next(c for c in page.charts if c.name == name)


def blocks(page: Page, kind: type[Any]) -> list[Any]:
    return [b for section in page.sections for b in section.blocks if isinstance(b, kind)]


class TestSupply:
    def test_need_by_hand(self, run: RunFolder) -> None:
        """Demand of the tiny case is constant: 700 t in the EU, 500 in Japan, of separated oxide; recovery is 0.9."""
        own = run.balance.loc[run.balance["material"] == "all"]
        need = own.set_index(["world", "region", "stage", "year"])["need_t"]
        assert need["without", "EU", "separation", 2027] == pytest.approx(700.0)
        assert need["with", "JP", "separation", 2030] == pytest.approx(500.0)
        supply = pd.read_csv(run_csv(run, "supply"))
        made = supply.query("world == 'with' and kind == 'processed' and stage == 'separation' and region == 'EU'")
        for year in run.case.years:
            processed = made.loc[made["year"] == year, "mean_t"].sum()
            assert need["with", "EU", "mining", year] == pytest.approx(processed / 0.9)

    def test_processors_count_by_what_they_process(self, run: RunFolder) -> None:
        """SEPAR has slots alone, INTEG and MINE bring their own feed."""
        rows = offered(run)
        supply = pd.read_csv(run_csv(run, "supply"))
        for world in ("without", "with"):
            own = supply.loc[(supply["world"] == world) & (supply["stage"] == "separation")]
            expected = own.loc[
                own["kind"].isin(["import", "processed", "released", "received"])
                | (own["kind"].str.startswith("project_") & (own["source"] == "INTEG")),
                "mean_t",
            ].sum()
            expected -= own.loc[own["kind"] == "sent", "mean_t"].sum()
            found = rows.loc[(rows["world"] == world) & (rows["stage"] == "separation"), "mean_t"].sum()
            assert found == pytest.approx(expected)

    def test_sources_sum_to_the_balance(self, run: RunFolder) -> None:
        """Who supplies what, source by source, is what a stage is supplied with."""
        sums = offered(run).groupby(["world", "region", "stage", "material", "year"])["mean_t"].sum()
        whole = run.balance.loc[run.balance["material"] != "all"]
        for row in whole.itertuples():
            key = (row.world, row.region, row.stage, row.material, row.year)
            assert sums.get(key, 0.0) == pytest.approx(row.mean_t, abs=1e-6)
        assert whole["mean_t"].max() > 100

    def test_bands_are_quantiles_of_the_balance(self, run: RunFolder, page: Page) -> None:
        data = chart(page, "supply").data
        shown = data.loc[data["in"] != "need"].set_index(["world", "region", "stage", "year"])
        whole = run.balance.loc[run.balance["material"] == "all"].set_index(["world", "region", "stage", "year"])
        assert len(shown) > 10
        for name in ("mean_t", "p05_t", "p95_t"):
            assert shown[name].to_dict() == pytest.approx(whole.loc[shown.index, name].to_dict())
        assert (shown["p95_t"] > shown["p05_t"] + 1).any()

    def test_exposure_sums_to_one(self, run: RunFolder) -> None:
        found = exposure(run)
        assert found.groupby(["world", "region", "stage"])["share"].sum().tolist() == pytest.approx(
            [1.0] * found.groupby(["world", "region", "stage"]).ngroups
        )
        assert set(found["country"]) <= {"AUS", "BRA", "CHN", "FRA", "MYS"}
        mining = found.loc[found["stage"] == "mining", "country"]
        assert set(mining) == {"BRA"}, "the mine is in Brazil, and nobody else mines"


def run_csv(run: RunFolder, name: str) -> Path:
    return Path(run.record["where"]) / f"{name}.csv"


@pytest.fixture(autouse=True)
def _where(made: Made, run: RunFolder) -> None:
    run.record["where"] = str(made.run)


class TestMoney:
    def test_charges_sum_to_the_use_of_budgets(self, run: RunFolder) -> None:
        found = charges(run)
        used = pd.DataFrame(run.headline["budget_use"])
        for (member, window), rows in found.groupby(["member", "window"]):
            until = used.loc[(used["member"] == member) & (used["window"] <= int(str(window).removeprefix("to ")))]
            assert rows["charge_usd_m"].sum() == pytest.approx(until["charge_usd_m"].sum())
            assert rows["budget_usd_m"].tolist() == pytest.approx([until["budget_usd_m"].sum()] * len(rows))

    def test_conventions_end_at_the_headline(self, run: RunFolder, page: Page) -> None:
        data = chart(page, "conventions").data
        last = data.loc[data["year"] == data["year"].max()].set_index(["member", "convention"])["charged_usd_m"]
        for member in run.headline["members"]:
            for convention, charged in member["charge_by_convention_usd_m"].items():
                assert last[member["member"], convention.replace("_", " ")] == pytest.approx(charged)

    def test_cash_flows_are_those_of_the_ledger(self, made: Made, page: Page) -> None:
        ledger = pd.read_csv(made.run / "ledger.csv")
        apart = ["charge", "exposure", "payout_es95", "balance"]
        flows = ledger.loc[~ledger["line"].isin(apart)].groupby(["member", "year"])["simulated_usd_m"].sum()
        shown = chart(page, "cash-flows").data.groupby(["member", "year"])["usd_m"].sum()
        assert shown[shown != 0].to_dict() == pytest.approx(flows[flows != 0].to_dict())


class TestShortfall:
    def test_distribution_is_of_all_scenarios(self, made: Made, alone: Page) -> None:
        data = chart(alone, "distribution").data
        assert data.groupby("in")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
        worst = pd.read_parquet(made.run / "scenarios.parquet")[["without_weighted", "with_weighted"]].to_numpy().max()
        assert data["to"].max() == pytest.approx(worst)

    def test_curve_at_the_mean(self, made: Made, alone: Page) -> None:
        """The area under the curve is the mean."""
        data, scenarios = chart(alone, "exceedance").data, pd.read_parquet(made.run / "scenarios.parquet")
        for world in ("without", "with"):
            own = data.loc[data["in"] == f"{world} the fund"]
            area = (own["weighted"].diff().iloc[1:] * own["above"].iloc[:-1].to_numpy()).sum()
            mean = (scenarios["probability"] * scenarios[f"{world}_weighted"]).sum()
            assert area == pytest.approx(mean)


class TestDecision:
    def test_headline_figure_has_the_interval_of_the_evaluation(self, made: Made, page: Page) -> None:
        figures = pd.read_csv(made.evaluation / "figures.csv").set_index(["figure", "world"])
        fact = blocks(page, Facts)[0].facts[0]
        row = figures.loc[("tonnes_per_year", "with")]
        assert f"{row['estimate']:.0f}" in fact.value
        assert f"{row['low']:.0f} to {row['high']:.0f}" in fact.detail
        assert "out of sample" in fact.detail

    def test_alone_the_figure_says_in_sample(self, made: Made, alone: Page) -> None:
        said = json.loads((made.run / "run.json").read_text(encoding="utf-8"))["headline"]["shortfall"]
        fact = blocks(alone, Facts)[0].facts[0]
        assert fact.value.startswith(f"{said['without']['tonnes_per_year']:.0f} → ")
        assert "in sample" in fact.detail
        assert "Out of sample" not in [s.heading for s in alone.sections]

    def test_caveats_come_with_the_decision(self, run: RunFolder, page: Page) -> None:
        warning = next(b for b in page.sections[0].aside if isinstance(b, Notes) and b.warning)
        assert set(run.record["caveats"]) - set(warning.items) <= {c for c in run.record["caveats"] if "flatters" in c}

    def test_answer_in_words(self, run: RunFolder, page: Page) -> None:
        """How much is charged in the first window, for how many projects, as run.json and portfolio.csv have it."""
        now = [u for u in run.headline["budget_use"] if u["window"] == run.case.windows[0]]
        first = run.portfolio.loc[run.portfolio["advice"] == 1]
        projects = first.loc[~first["kind"].isin(["stockpile", "overhead"]), "project"].nunique()
        said = re.search(r"In 2027, charge USD ([\d.,]+) M to the budgets, for (\d+) project", page.sections[0].prose)
        assert said is not None
        assert float(said[1].replace(",", "")) == pytest.approx(sum(u["charge_usd_m"] for u in now), rel=1e-3)
        assert int(said[2]) == projects

    def test_every_commitment_is_in_a_package(self, run: RunFolder, page: Page) -> None:
        tables = [b for b in page.sections[0].blocks if isinstance(b, Table)]
        shown = sum(float(t.data["charge"].sum()) for t in tables)
        own = run.portfolio.loc[run.portfolio["kind"] != "overhead", "charge_usd_m"].sum()
        assert shown == pytest.approx(own)


class TestBeside:
    def test_of_another_run_or_older_is_not_taken(self, made: Made, run: RunFolder, tmp_path: Path) -> None:
        for folder in (made.run, made.evaluation):
            shutil.copytree(folder, tmp_path / folder.name)
        assert beside(tmp_path / "run", run.record).evaluation == tmp_path / "run-evaluation"
        file = tmp_path / "run-evaluation" / "evaluation.json"
        said = json.loads(file.read_text(encoding="utf-8"))
        for change in ({"made": "2000-01-01T00:00:00+00:00"}, {"run": "elsewhere/other"}, {"case": "other"}):
            file.write_text(json.dumps(said | change), encoding="utf-8")
            assert beside(tmp_path / "run", run.record).evaluation is None
        figures = [f | {"in_sample": f["in_sample"] + 1.0} for f in said["figures"]]
        file.write_text(json.dumps(said | {"figures": figures}), encoding="utf-8")
        assert beside(tmp_path / "run", run.record).evaluation is None


def test_numbers_stay_with_their_units() -> None:
    assert tight("USD 3.84 M (5.2 %)") == "USD\u00a03.84\u00a0M (5.2\u00a0%)"
    assert tight("10 Mines of 4 types") == "10 Mines of 4 types"
