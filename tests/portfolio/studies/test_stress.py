"""Stress: events and lost suppliers against recourses solved one by one, and against the sample without them."""

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
from models import Decision, build_scenario
from portfolio import api
from portfolio.assemble import resampled
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.case.tables import Country, Event
from portfolio.cli import main
from portfolio.engine.compile import compile_model
from portfolio.engine.highs import solve
from portfolio.evaluation.fresh import FixedPortfolio, fix
from portfolio.evaluation.stress import alone, calm, event_trials, largest_suppliers, losses
from portfolio.report.stress_summary import summary
from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.events import effect_drivers, event_drivers
from portfolio.scenarios.sampling import sample, stressed_chunk
from tests.oracle import recourse_value
from tests.portfolio.assemble.test_chunks import rich_case

TINY = Path(__file__).resolve().parents[3] / "inputs" / "tiny"
PRICE = Event(
    event="slump", effect="price", country="CHN", kind="price", materials=("NdPr",), duration_months=18.0,
    price_factor=0.5,
)  # fmt: skip
STOP = Event(
    event="stop", effect="cut", country="CHN", kind="export", regions=("JP",), start_month=3.0, duration_months=14.0,
    severity=0.8,
)  # fmt: skip


@pytest.fixture(scope="module")
def case() -> Case:
    base = rich_case(1)
    sampling = replace(base.settings.sampling, scenarios=6, seed=3, cost_scenarios=20)
    return ordered(replace(base, settings=replace(base.settings, sampling=sampling), events=(PRICE, STOP)))


@pytest.fixture(scope="module")
def fixed(case: Case) -> FixedPortfolio:
    """Support for one option of every project, rights and a stockpile."""
    from portfolio.assemble import assemble

    i = assemble(case, sample(case, 6, 3), sample(case, 20, 9)).instance
    chosen = {p: next(k for k in i.options if k[0] == p) for p in dict.fromkeys(k[0] for k in i.options)}
    decision = Decision(
        select=dict.fromkeys(chosen.values(), 1.0),
        rights={key: 0.3 for key in i.claims if key[1:] in chosen.values()},
        purchase={
            (f, m, v): 0.5
            * float(i.purchase_limit[i.regions.index(i.region_of[f]), i.materials.index(m), i.windows.index(v)])
            for f, m, v in i.purchases
        },
    )
    return fix(case, decision)


def same(a: Drivers, b: Drivers, names: tuple[str, ...]) -> bool:
    return all(np.array_equal(np.asarray(getattr(a, n)), np.asarray(getattr(b, n))) for n in names)


class TestDrivers:
    def test_every_start_year_is_the_named_event_of_that_year(self, case: Case) -> None:
        together = effect_drivers(case, (STOP,), case.years)
        for n, year in enumerate(case.years):
            single = event_drivers(case, ["stop"], year)
            for name in ("disrupted", "available", "running", "cut", "price", "realised", "demand", "success_u"):
                found, one = np.asarray(getattr(together, name))[n], np.asarray(getattr(single, name))[0]
                assert np.array_equal(found, one), (name, year)

    def test_a_stressed_sample_differs_by_the_event_alone(self, case: Case) -> None:
        plain, stressed = sample(case, 5, 3, method="monte_carlo"), stressed_chunk(case, range(5), 3, 5, (STOP,), 2029)
        kept = ("demand", "delay_y", "overrun", "success_u", "unaided_u", "rival_y", "index", "probability", "running")
        assert same(plain, stressed, kept)
        at, japan = case.years.index(2029), case.region_names.index("JP")
        assert np.array_equal(plain.disrupted[:, :, :at], stressed.disrupted[:, :, :at])
        assert stressed.cut[:, japan, :, at : at + 2].all()
        china = case.country_names.index("CHN")
        arrives = [1.0 - d.disrupted * (1.0 - np.asarray(d.available)[:, china, japan, 1]) for d in (plain, stressed)]
        # 9 of 12 months in the first year, 5 in the second, at 0.8: what hazards leave is cut by that part or less.
        assert (arrives[1] <= arrives[0] + 1e-12).all()
        assert (arrives[1][:, :, at] <= 1.0 - 0.8 * 9 / 12 + 1e-12).all()
        assert (arrives[1][:, :, at + 1] <= 1.0 - 0.8 * 5 / 12 + 1e-12).all()

    def test_a_sample_stressed_by_nothing_is_the_sample(self, case: Case) -> None:
        plain, same_again = sample(case, 4, 3, method="monte_carlo"), stressed_chunk(case, range(4), 3, 4, (), 2029)
        names = ("disrupted", "available", "running", "cut", "price", "realised", "demand", "success_u")
        assert same(plain, same_again, names)


class TestMeasured:
    @pytest.mark.parametrize("kind", ["event", "n-1"])
    def test_stress_is_a_one_scenario_solve(self, case: Case, fixed: FixedPortfolio, kind: str) -> None:
        """The engine's passes, HiGHS on the Pyomo model of each scenario alone, and the referee."""
        trial = next(t for t in (*event_trials(case, ["stop"]), *losses(case)) if t.kind == kind)
        found = alone(fixed, trial)
        for n, year in enumerate(case.years):
            instance = resampled(fixed.assembly, effect_drivers(case, trial.effects, (year,))).instance
            for world, decision in ((found.without, Decision()), (found.with_fund, fixed.decision)):
                model = build_scenario(instance, 0, decision)
                best = solve(compile_model(model).program)
                assert world.weighted[n] + world.side[n] == pytest.approx(best.objective, abs=1e-5, rel=1e-7)
                assert recourse_value(instance, decision, 0)[1]["total"] == pytest.approx(best.objective, abs=1e-5)

    def test_an_event_costs_something_and_calm_nothing_of_it(self, case: Case, fixed: FixedPortfolio) -> None:
        (stop,) = event_trials(case, ["stop"])
        found, quiet = alone(fixed, stop), calm(fixed)
        assert (found.with_fund.weighted >= quiet.with_fund.weighted[0] - 1e-6).all()
        assert (found.without.weighted > quiet.without.weighted[0] + 1.0).any()

    def test_losing_more_is_never_better(self, case: Case, fixed: FixedPortfolio) -> None:
        """China gone for a year against a cut of 80 % of its exports to one region for as long."""
        gone = next(t for t in losses(case) if t.name == "CHN")
        part = replace(gone.effects[0], severity=0.8, regions=("JP",))
        less = alone(fixed, replace(gone, effects=(part,)))
        more = alone(fixed, gone)
        assert (more.with_fund.weighted >= less.with_fund.weighted - 1e-6).all()
        assert (more.with_fund.weighted > less.with_fund.weighted + 1e-3).any()


class TestLargestSuppliers:
    def test_by_hand(self, case: Case) -> None:
        """At separation China, with 90 % of imports; of feed Australia, with all."""
        table = largest_suppliers(case).set_index(["region", "stage", "material"])
        for region in ("EU", "JP"):
            assert table.loc[(region, "separation", "NdPr"), "country"] == "CHN"
            assert table.loc[(region, "mining", "NdPr"), "country"] == "AUS"
            assert table.loc[(region, "mining", "NdPr"), "share"] == pytest.approx(1.0)
        assert {t.name for t in losses(case)} == set(table["country"])

    def test_a_country_is_no_third_country_to_its_own_region(self, case: Case) -> None:
        countries = tuple(replace(c, home="EU") if c.country == "AUS" else c for c in case.countries)
        table = largest_suppliers(replace(case, countries=countries)).set_index(["region", "stage", "material"])
        assert ("EU", "mining", "NdPr") not in table.index
        assert table.loc[("JP", "mining", "NdPr"), "country"] == "AUS"
        assert all(isinstance(c, Country) for c in countries)


OVERRIDES = ("hazards.rate=0.4", "materials.volatility=0.2", "sampling.cost_scenarios=20")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> portfolio.Run:
    return portfolio.solve(
        TINY, scenarios=8, seed=2, gap=0.0, overrides=OVERRIDES, out=tmp_path_factory.mktemp("runs") / "run"
    )


@pytest.fixture(scope="module")
def found(run: portfolio.Run, tmp_path_factory: pytest.TempPathFactory) -> api.Stress:
    return api.stress(run, scenarios=20, out=tmp_path_factory.mktemp("stress") / "stress")


class TestCommand:
    def test_tables(self, found: api.Stress) -> None:
        alone_, on_top = found.alone, found.on_top
        years, events = len(found.case.years), {e.event for e in found.case.events}
        assert set(alone_.loc[alone_["kind"] == "event", "stress"]) == events == set(on_top["stress"])
        assert (alone_.groupby(["stress", "world"]).size() == years).all()
        worst = alone_.loc[alone_["worst"] == 1]
        fund = alone_.loc[alone_["world"] == "with"]
        for name, rows in fund.groupby("stress"):
            mine = worst.loc[(worst["stress"] == name) & (worst["world"] == "with")]
            assert float(mine["weighted"].iloc[0]) == pytest.approx(rows["weighted"].max())
        # Added on top of what the calm world, or the sample, has already.
        for world in ("without", "with"):
            rows = alone_.loc[alone_["world"] == world]
            assert np.allclose(rows["weighted"] - rows["added_weighted"], found.calm[world])
        assert (on_top["added_weighted_low"] <= on_top["added_weighted"] + 1e-9).all()

    def test_places_add_up(self, found: api.Stress) -> None:
        """Tonnes by place are those of the tables, alone at the worst year and on top."""
        for mode, table in (("alone", found.worst), ("on_top", found.on_top)):
            places = found.places.loc[found.places["mode"] == mode]
            for row in table.itertuples():
                mine = places.loc[(places["stress"] == row.stress) & (places["world"] == row.world)]
                assert mine["shortfall_t"].sum() == pytest.approx(row.tonnes, abs=1e-3)
                assert mine["added_t"].sum() == pytest.approx(row.added_tonnes, abs=1e-3)
                by_stage = mine.groupby("stage")["added_t"].sum()
                if row.added_tonnes > 1e-3:
                    assert row.short_stage == by_stage.idxmax()

    def test_on_top_is_the_sample_with_the_event(self, run: portfolio.Run, found: api.Stress) -> None:
        """Mean over scenarios stressed one at a time."""
        fixed = fix(run.case, run.decision)
        row = found.on_top.loc[found.on_top["world"] == "with"].iloc[0]
        (trial,) = event_trials(fixed.case, [row["stress"]])
        single = [
            fixed.on(stressed_chunk(fixed.case, [n], found.seed, 20, trial.effects, int(row["start_year"])))
            for n in range(20)
        ]
        assert np.mean([x.with_fund.weighted[0] for x in single]) == pytest.approx(row["weighted"], rel=1e-9)

    def test_trials_that_are_worse_with_the_fund(self, found: api.Stress) -> None:
        """As many as the table has, by hand; none where the worlds change places."""
        of = found.alone.set_index(["stress", "start_year", "world"])["weighted"]
        pairs = {key[:2] for key in of.index}
        worse = {(s, y) for s, y in pairs if of[s, y, "with"] > of[s, y, "without"] * (1 + 1e-6)}
        assert {(r["stress"], r["start_year"]) for r in found.worse_with_fund} == worse
        turned = found.alone.assign(world=found.alone["world"].map({"with": "without", "without": "with"}))
        better = {(s, y) for s, y in pairs if of[s, y, "without"] > of[s, y, "with"] * (1 + 1e-6)}
        assert better
        other = replace(found, alone=turned)
        assert {(r["stress"], r["start_year"]) for r in other.worse_with_fund} == better
        console = Console(file=io.StringIO(), width=100)
        console.print(summary(other))
        assert f"larger in {len(better)} of the trials" in " ".join(console.file.getvalue().split())

    def test_folder(self, found: api.Stress) -> None:
        assert found.path is not None
        names = {p.name for p in found.path.iterdir()}
        assert names == {"stress.json", "report.html", "alone.csv", "on_top.csv", "places.csv", "suppliers.csv"}
        record = json.loads((found.path / "stress.json").read_text(encoding="utf-8"))
        assert record["worst_loss"] == found.worst_loss
        assert pd.read_csv(found.path / "alone.csv")["weighted"].sum() == pytest.approx(found.alone["weighted"].sum())

    @pytest.mark.parametrize("width", [80, 100])
    def test_summary(self, found: api.Stress, width: int) -> None:
        file = io.StringIO()
        Console(file=file, width=width, highlight=False).print(summary(replace(found, path=None)))
        text = file.getvalue()
        assert max(len(line.rstrip()) for line in text.splitlines()) <= width
        for part in ("Events alone", "on top of 20 scenarios", "N-1", "Worst loss with the fund", "short at"):
            assert part in " ".join(text.split())

    def test_command_line(self, run: portfolio.Run, tmp_path: Path) -> None:
        event = run.case.events[0].event
        args = ["stress", str(run.path), "--event", event, "--year", "2029", "--scenarios", "4", "--json"]
        result = CliRunner().invoke(main, [*args, "--out", str(tmp_path / "s")])
        assert result.exit_code == 0, result.output
        said = json.loads(result.stdout)
        assert {row["start_year"] for row in said["on_top"]} == {2029}
        assert (tmp_path / "s" / "stress.json").is_file()

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ({"events": ["stop it"]}, "no event 'stop it'"),
            ({"year": 1999}, "outside the horizon"),
            ({"scenarios": 1}, "at least 2"),
        ],
    )
    def test_what_cannot_be(self, run: portfolio.Run, asked: dict[str, object], words: str) -> None:
        with pytest.raises(api.UsageError, match=words):
            api.stress(run, **asked)  # type: ignore[arg-type]
