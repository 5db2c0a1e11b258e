"""``sweep``: switching values by hand, points against separate solves, checks before any work, going on."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import portfolio
from portfolio.assemble import assemble
from portfolio.case import CaseError, read_case, write_case
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.engine.variation import Changes
from portfolio.report.errors import UsageError
from portfolio.report.pieces import Pieces, pieces_of
from portfolio.report.study import Study
from portfolio.scenarios.sampling import sample
from portfolio.studies import board, rounds
from portfolio.studies.families import FIELDS, Families, kin, loosest
from portfolio.studies.switching import switches
from tests.builders import tiny_case
from tests.portfolio.studies.cases import risky_case

BUDGET, RATE, CAPEX = "budgets.budget_usd_m", "hazards.rate[embargo]", "projects.capex_usd_m[plant]"


def sweep(case: str | Path | Case, *vary: str, **given: Any) -> Study:
    return portfolio.sweep(case, vary=vary, **({"gap": 0.0, "fresh": 40, "threads": 1} | given))


def tiny() -> Path:
    return Path(__file__).parents[3] / "inputs" / "tiny"


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict(orient="records")]


def same(one: Study, other: Study) -> bool:
    """Whether all tables agree but for the time it took."""
    return set(one.tables) == set(other.tables) and all(
        one.tables[n]
        .drop(columns="seconds", errors="ignore")
        .equals(other.tables[n].drop(columns="seconds", errors="ignore"))
        for n in one.tables
    )


class TestSwitchingValues:
    """The page ``docs/tiny.md`` finds 45 (two plants at 90) and 53.333 USD M a fund with a pocket calculator."""

    def test_brackets_close_in_on_what_is_found_by_hand(self) -> None:
        found = sweep(tiny(), f"{BUDGET}=40:60:3", refine=6, fresh=0)
        first, second = rows(found.tables["switches"])
        for switch, value in ((first, 45.0), (second, 160.0 / 3.0)):
            assert float(switch["low"]) < value <= float(switch["high"])
            assert float(switch["high"]) - float(switch["low"]) == pytest.approx(10 / 2**6)
            assert switch["verdict"] == "switch"
        assert (first["enters"], first["leaves"]) == ("MINE;SEPAR", "")
        assert (second["enters"], second["leaves"]) == ("INTEG", "MINE;SEPAR")
        assert first["high_at_low_worse_by"] == np.inf
        # Just below 53.333 INTEG can be had with less of the offtake, as the page says: o = (budgets - 104.8) / 12.8.
        o = (2 * float(second["low"]) - 104.8) / 12.8
        integ = 1200 - 2 * (280 + 240 * o) + 0.01 * (0.5 * 104.919 + 8 * (0.6 - o) + 12 * o)
        assert second["high_at_low_worse_by"] == pytest.approx(integ - 570.4153, abs=1e-3)
        assert first["low_at_high_worse_by"] == pytest.approx(1200 - 570.4153, abs=1e-3)

    def test_objectives_are_those_of_the_page(self) -> None:
        table = sweep(tiny(), f"{BUDGET}=44,45,53.3,53.4,55,70", fresh=0).table
        assert list(table[BUDGET]) == [60, 44, 45, 53.3, 53.4, 55, 70]
        assert list(table["objective"]) == pytest.approx(
            [400.1245, 1200, 570.4153, 570.4153, 565.5788, 445.5888, 400.0720], abs=1e-4
        )
        assert list(table["in_sample_weighted_with"]) == pytest.approx([400, 1200, 570, 570, 565, 445, 400])
        assert set(table["in_sample_weighted_without"]) == {1200.0}

    def test_worse_portfolio_than_the_neighbours_is_a_tie(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a search had stopped at the chain (570) though INTEG gives 400, the change means nothing."""
        seen: list[bool] = []

        def stopped_early(held: board.Board, lines: Any, gap: float) -> Any:
            names = [t.name for _, t in held.points()]
            chain = held._answers[names[1]]
            held._answers[names[2]] = replace(held._answers[names[2]], decision=chain.decision, objective=570.4153)
            got = switches(held, [(0, tuple(row for row, _ in held.points()[2:]))], gap)
            seen.extend(s.tie for s in got)
            return got

        monkeypatch.setattr("portfolio.studies.sweep.switches", stopped_early)
        found = sweep(tiny(), f"{BUDGET}=50,58,59", fresh=0)
        assert seen == [True]
        assert rows(found.tables["switches"])[0]["verdict"] == "tie"
        assert any("are ties" in c for c in found.caveats)


FIRST_STAGE = (
    f"{BUDGET}[EUF,2027]=60",
    f"{BUDGET}*=0.7",
    "members.min_ticket_usd_m[EUF]=20",
    "members.liquidity_line_usd_m[JOG]=1",
    "instruments.fixed_cost_usd_m[loan]=4",
    "finance.admin_usd_m=2",
    "finance.liquidity_share=0.02",
    "risk.cvar_weight=0.5",
    "risk.cvar_level=0.7",
    "objective.cost_weight=0.3",
    "policy.must=plant",
    "policy.max_project_share=0.4",
    "policy.max_country_share=0.4",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_case(risky_case(cvar_weight=0.2), tmp_path_factory.mktemp("case") / "risky")


def put_together(case: Case) -> Any:
    canonical, s = ordered(case), case.settings.sampling
    return assemble(canonical, sample(canonical, s.scenarios, s.seed), sample(canonical, s.cost_scenarios, s.cost_seed))


class TestFamilies:
    @pytest.mark.parametrize("override", FIRST_STAGE)
    def test_variation_is_the_case_itself(self, folder: Path, override: str) -> None:
        """All but the options of the common programme equals that of the case; its options hold those of the case."""
        plain, case = read_case(folder), read_case(folder, [override])
        member = Families().add([plain, case])[1]
        assert member.changes != Changes()
        own, common = put_together(case).instance, put_together(member.common).instance
        varied = member.changes.of(common)
        assert own.options.keys() <= varied.options.keys()
        for key in own.shares:
            assert own.shares[key] == varied.shares[key]
        for field in dataclasses.fields(own):
            if field.name in ("options", "shares", "scenarios", "benchmarks", "payouts"):
                continue
            mine, theirs = getattr(own, field.name), getattr(varied, field.name)
            assert np.array_equal(mine, theirs) if isinstance(mine, np.ndarray) else mine == theirs, field.name

    def test_other_numbers_are_no_variations(self, folder: Path) -> None:
        plain = read_case(folder)
        for override in (f"{RATE}=0.3", f"{CAPEX}=90", "policy.placeable_share=0.1", "policy.never=plant"):
            assert kin(read_case(folder, [override])) != kin(plain)

    def test_looser_cases_that_come_later_stand_alone(self, folder: Path) -> None:
        low, mid, high, far = (read_case(folder, [f"{BUDGET}*={f}"]) for f in (0.5, 0.8, 1.0, 1.1))
        families = Families()
        (first, second) = families.add([low, high])
        assert first.common == second.common == loosest([low, high])
        (inside, outside) = families.add([mid, far])
        assert inside.common == first.common
        assert outside.common == far
        assert outside.changes == Changes()

    def test_every_field_of_changes_is_said(self) -> None:
        assert {f.name for f in dataclasses.fields(Changes)} - {"never"} >= set(FIELDS)


class TestPoints:
    def test_each_point_equals_a_solve_of_its_own(self, folder: Path) -> None:
        found = sweep(folder, f"{BUDGET}*=0.7,1", f"{RATE}=0.1,0.3", fresh=60)
        assert len(found.table) == 5
        for row in rows(found.table):
            values = [f"{BUDGET}*={row[f'{BUDGET}*']}", f"{RATE}={row[RATE]}"]
            run = portfolio.solve(folder, gap=0.0, overrides=values)
            assert row["objective"] == pytest.approx(run.solution.objective, rel=1e-6)
            assert row["in_sample_weighted_with"] == pytest.approx(run.headline["shortfall"]["with"]["weighted"])
            assert row["in_sample_weighted_without"] == pytest.approx(run.headline["shortfall"]["without"]["weighted"])
            assert row["public_cost_usd_m"] == pytest.approx(run.headline["public_cost_usd_m"], abs=1e-5)
            assert row["charge_budget_usd_m"] == pytest.approx(
                sum(m["charge_usd_m"] for m in run.headline["members"]), abs=1e-5
            )
            fresh = portfolio.evaluate(run, scenarios=60).figures.set_index(["figure", "world"])
            for name, key in (("weighted_with", ("weighted", "with")), ("weighted_without", ("weighted", "without"))):
                assert row[name] == pytest.approx(fresh.loc[key, "estimate"])
                assert row[f"{name}_low"] == pytest.approx(fresh.loc[key, "low"])

    def test_all_points_are_checked_before_any_is_solved(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            rounds, "solve_point", lambda *_, **__: pytest.fail("solved before all points were checked")
        )
        with pytest.raises(CaseError) as refused:
            sweep(folder, f"{RATE}=-0.1,0.2,-0.3", "risk.cvar_weight=0.5,1.5", out=tmp_path / "out")
        text = str(refused.value)
        assert "hazards.rate[embargo]=-0.1" in text
        assert "hazards.rate[embargo]=-0.3" in text
        assert "risk.cvar_weight=1.5" in text
        assert len(refused.value.problems) == 3
        assert not list(tmp_path.iterdir())

    def test_no_portfolio_at_some_points(self) -> None:
        """The world without the fund is measured by another point of the family where the first has no portfolio."""
        found = sweep(tiny_case(), f"{BUDGET}*=0.01,1", "policy.must=mine,plant", scenarios=6)
        table = found.table.set_index([f"{BUDGET}*", "policy.must"])
        assert table.loc[(0.01, "mine"), "status"] == "infeasible"
        assert table.loc[(0.01, "mine"), "reasons"]
        assert np.isnan(table.loc[(0.01, "mine"), "objective"])
        assert table.loc[(1.0, "mine"), "reduction"] == pytest.approx(
            table.loc[(1.0, "mine"), "weighted_without"] - table.loc[(1.0, "mine"), "weighted_with"]
        )
        assert "have no portfolio" in found.caveats[0]

    def test_jobs_change_no_figure(self, folder: Path) -> None:
        vary = (f"{BUDGET}*=0.7,1", f"{RATE}=0.1,0.3")
        assert same(sweep(folder, *vary, fresh=20), sweep(folder, *vary, fresh=20, jobs=2))

    def test_goes_on_after_a_kill(self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        vary, out = (f"{BUDGET}*=0.7,1,1.2", f"{RATE}=0.1,0.3"), tmp_path / "out"
        whole = sweep(folder, *vary, fresh=20)
        put, count = Pieces.put, 0

        def dies(self: Pieces, name: str, piece: dict[str, Any]) -> None:
            nonlocal count
            count += 1
            if count == 4:
                raise KeyboardInterrupt
            put(self, name, piece)

        monkeypatch.setattr(Pieces, "put", dies)
        with pytest.raises(KeyboardInterrupt):
            sweep(folder, *vary, fresh=20, out=out)
        assert not out.exists()
        assert Pieces(pieces_of(out), "").count == 3
        monkeypatch.setattr(Pieces, "put", put)
        solved: list[str] = []
        solve = rounds.solve_point

        def counted(point: Any, *args: Any, **given: Any) -> Any:
            solved.append(point.name)
            return solve(point, *args, **given)

        monkeypatch.setattr(rounds, "solve_point", counted)
        found = sweep(folder, *vary, fresh=20, out=out)
        assert same(found, whole)
        # Of seven points three were kept; the case itself is solved again to teach, unless it is all that is kept.
        assert sorted(n for n in solved if not n.startswith("at-"))[0] == "base"
        assert len([n for n in solved if not n.startswith("at-")]) == 5
        assert not pieces_of(out).exists()
        assert sorted(p.name for p in out.iterdir()) == [
            "charges.csv", "design.csv", "points.csv", "report.html", "study.json", "switches.csv",
        ]  # fmt: skip


class TestDesigns:
    def test_tornado_is_the_paired_difference_from_the_case(self, folder: Path) -> None:
        found = sweep(folder, f"{RATE}=0.05:0.4", "objective.transfer_cost*=0.5:1.5", design="oat", fresh=200)
        table = found.tables["tornado"].set_index(["number", "end", "output"])
        base, low, high = (found.table.iloc[n] for n in (0, 1, 2))
        assert [low[RATE], base[RATE], high[RATE]] == [0.05, 0.2, 0.4]
        for row, end in ((low, "low"), (high, "high")):
            for output, column in (("weighted", "weighted_with"), ("reduction", "reduction"), ("cvar", "cvar_with")):
                assert table.loc[(RATE, end, output), "change"] == pytest.approx(row[column] - base[column])
            assert table.loc[(RATE, end, "weighted"), "told"] == 1
        still = table.loc[("objective.transfer_cost*", "low", "weighted")]
        assert still["change"] == pytest.approx(0.0, abs=1e-6)
        assert still["told"] == 0

    def test_sobol_indices_come_from_the_points(self, folder: Path) -> None:
        pytest.importorskip("SALib")
        found = sweep(folder, f"{RATE}=0.1:0.3", f"{BUDGET}*=0.8:1.2", design="sobol", samples=2, fresh=20, gap=0.01)
        assert len(found.tables["design"]) == 2 * (2 + 2)
        assert set(found.tables["design"]["point"]) <= set(found.table["point"])
        assert len(found.tables["indices"]) == 5 * 2 * 2
        assert set(found.figures["indices"][0]) == {"output", "number", "index", "estimate", "low", "high"}

    def test_rows_that_come_to_the_same_case_are_solved_once(self, folder: Path) -> None:
        found = sweep(folder, f"{RATE}=0.1,0.2", design="oat", fresh=0)
        assert len(found.tables["design"]) == 3
        assert list(found.table["point"]) == ["base", "design-00001"]

    def test_record_and_folder_give_the_same(self, folder: Path) -> None:
        assert same(
            sweep(folder, f"{RATE}=0.1,0.3", fresh=0), sweep(risky_case(cvar_weight=0.2), f"{RATE}=0.1,0.3", fresh=0)
        )

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ({"vary": ["sampling.seed=1,2"]}, "share their random numbers"),
            ({"outputs": ["cost"]}, "unknown output"),
            ({"outputs": ["cvar"], "fresh": 0}, "measured on fresh scenarios"),
            ({"refine": 2, "design": "lhs"}, "needs a design with neighbours"),
            ({"refine": -1}, "refine has to be at least 0"),
            ({"fresh": 1}, "fresh has to be 0 or at least 2"),
            ({"vary": []}, "nothing is varied"),
        ],
    )
    def test_refusals(self, folder: Path, given: dict[str, Any], why: str) -> None:
        with pytest.raises(UsageError, match=why):
            portfolio.sweep(folder, **({"vary": [f"{RATE}=0.1,0.2"]} | given))


@pytest.mark.slow
def test_a_cluster_changes_no_figure(folder: Path) -> None:
    distributed = pytest.importorskip("distributed")
    vary = (f"{BUDGET}*=0.7,1", f"{RATE}=0.1,0.3")
    settings = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as cluster:
        found = sweep(folder, *vary, fresh=20, cluster=cluster.scheduler_address)
    assert same(found, sweep(folder, *vary, fresh=20))
