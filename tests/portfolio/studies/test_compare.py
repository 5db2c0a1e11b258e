"""Instrument mixes: known answers of the tiny case, every mix against a solve of its own, going on, jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import portfolio
from portfolio.assemble import assemble
from portfolio.case import CaseError
from portfolio.engine.benders import Benders
from portfolio.report.errors import UsageError
from portfolio.report.study import Study
from portfolio.scenarios.sampling import sample
from portfolio.studies import points, rounds, solving
from portfolio.studies.mixes import Mix, closable, mixes_of, with_mix
from tests.builders import tiny_case
from tests.portfolio.studies.answers import check_same
from tests.portfolio.studies.cases import risky_case

TINY = Path(__file__).resolve().parents[3] / "inputs" / "tiny"
FAST: dict[str, Any] = {"scenarios": 6, "gap": 1e-4, "fresh": 40, "threads": 1}
MIXES = ("all", "loan", "equity", "equity+cfd", "loan+offtake")


@pytest.fixture(scope="module")
def risky() -> Study:
    return portfolio.compare(risky_case(), MIXES, **FAST)


def of(found: Study, mix: str, table: str = "mixes") -> pd.DataFrame:
    rows = found.tables[table]
    return rows[rows["mix"] == mix]


class TestTiny:
    """docs/tiny.md solves the case by hand; mine and separator together take 90 of equity and leave 570."""

    @pytest.fixture(scope="class")
    @staticmethod
    def found(tmp_path_factory: pytest.TempPathFactory) -> Study:
        file = tmp_path_factory.mktemp("mixes") / "mixes.toml"
        file.write_text('[poor]\nset = ["budgets.budget_usd_m=10"]\n[patient]\ninstruments = ["equity"]\n')
        return portfolio.compare(TINY, ["all", "cfd"], mix_file=file, scenarios=3, fresh=20)

    def test_known_shortfalls_and_charges(self, found: Study) -> None:
        rows = found.table.set_index("mix")
        assert rows["weighted"].round(6).to_dict() == {"all": 400, "patient": 570, "cfd": 1200, "poor": 1200}
        assert rows["supported"].to_dict() == {"all": "INTEG", "patient": "MINE SEPAR", "cfd": "", "poor": ""}
        assert rows["budget_usd_m"].round(6).to_dict() == {"all": 112.48, "patient": 90, "cfd": 0, "poor": 0}
        assert rows["reduction"]["all"] == pytest.approx(2 / 3)

    def test_groups_and_reference(self, found: Study) -> None:
        rows = found.table.set_index("mix")
        assert rows["group"].to_dict() == {"all": "a", "patient": "b", "cfd": "c", "poor": "c"}
        assert (rows["against"] == "all").all()
        assert rows["difference"]["cfd"] == pytest.approx(800 - 0.01 * rows["public_cost_usd_m"]["all"], rel=1e-3)
        assert rows["told_apart"].to_dict() == {"all": 0, "patient": 1, "cfd": 1, "poor": 1}

    def test_what_can_be_closed(self, found: Study) -> None:
        count = found.tables["projects"].groupby("mix")["closable"].sum().to_dict()
        assert count == {"all": 3, "cfd": 0, "patient": 3, "poor": 0}
        why = of(found, "cfd", "projects").set_index("project")["why_not"]
        assert "there is a gap to fill, and no member may lend, invest or grant there" in why["INTEG"]
        assert "no member may use any instrument in BRA" in why["MINE"]
        why = of(found, "poor", "projects").set_index("project")["why_not"]
        assert why.str.contains("exceeds budgets").all()

    def test_members_sum_to_the_mix(self, found: Study) -> None:
        members = found.tables["members"].groupby("mix").sum(numeric_only=True)
        rows = found.table.set_index("mix")
        for name in ("budget", "exposure", "cash", "provisioning", "subsidy", "fair_value"):
            pd.testing.assert_series_equal(
                members[f"{name}_usd_m"].sort_index(), rows[f"{name}_usd_m"].sort_index(), check_names=False
            )


def test_every_mix_agrees_with_a_solve_of_its_own(risky: Study) -> None:
    """Instruments taken from the tables of the case, solved with nothing shared, evaluated by the command for runs."""
    case = risky_case()
    for mix in mixes_of(case, MIXES):
        alone = with_mix(case, mix.instruments)
        run = portfolio.solve(alone, scenarios=6, gap=1e-4, method="extensive")
        (row,) = of(risky, mix.name).to_dict(orient="records")
        assert row["bound_in_sample"] <= run.solution.objective * (1 + 1e-6), mix
        assert row["objective_in_sample"] >= run.solution.bound * (1 - 1e-6), mix
        if row["supported"] != " ".join(sorted(p for p, _, _ in run.decision.chosen)):
            continue
        fresh = portfolio.evaluate(run, scenarios=40).figures.set_index(["figure", "world"])
        assert row["objective"] == pytest.approx(fresh.loc[("objective", "with"), "estimate"], rel=2e-3), mix
        assert row["weighted_without"] == pytest.approx(fresh.loc[("weighted", "without"), "estimate"]), mix


def test_wider_mixes_are_never_worse_in_the_sample(risky: Study) -> None:
    rows = risky.table.set_index("mix")["objective_in_sample"]
    assert rows["all"] <= rows.min() + 1e-9
    assert rows["equity+cfd"] <= rows["equity"] + 1e-9


def test_pairs_are_all_there_and_add_up(risky: Study) -> None:
    rows, told = risky.table.set_index("mix"), risky.tables["pairs"]
    assert len(told) == 10
    for p in told.to_dict(orient="records"):
        assert p["difference"] == pytest.approx(rows["objective"][p["mix"]] - rows["objective"][p["other"]], abs=1e-6)
        assert p["low"] <= p["sampling_low"] <= p["sampling_high"] <= p["high"]
        assert p["level"] == pytest.approx(1 - 0.05 / 10)
        share = set(rows["group"][p["mix"]]) & set(rows["group"][p["other"]])
        assert bool(share) == (p["better"] == "")


def test_only_it_leaves_containing_mixes_aside(risky: Study) -> None:
    projects = risky.tables["projects"].set_index(["mix", "project"])
    can = projects["closable"]
    for (mix, project), only in projects["only_it"].items():
        mine = {m.name: m for m in mixes_of(risky_case(), MIXES)}
        others = [n for n, m in mine.items() if n != mix and not mine[mix].within(m)]
        assert only == (can[mix, project] and not any(can[n, project] for n in others))
    assert projects["only_it"]["equity", "plant"] == 1
    assert projects["only_it"]["loan", "plant"] == 0


def test_closable_agrees_with_the_assembly_of_the_mix_alone() -> None:
    case = risky_case()
    drivers = sample(case, 4, 1)
    whole = assemble(case, drivers, drivers)
    for mix in mixes_of(case, ["singles", "pairs"]):
        alone = assemble(with_mix(case, mix.instruments), drivers, drivers)
        assert {p for p, why in closable(whole, mix).items() if not why} == {p for p, _, _ in alone.instance.options}


def test_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, risky: Study) -> None:
    usual, solved = rounds.solve_point, []

    def killed(point: points.Point, *given: Any, **named: Any) -> Any:
        if len(solved) == 3:
            raise KeyboardInterrupt
        solved.append(point.name)
        return usual(point, *given, **named)

    monkeypatch.setattr(rounds, "solve_point", killed)
    with pytest.raises(KeyboardInterrupt):
        portfolio.compare(risky_case(), MIXES, **FAST, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()
    first = list(solved)
    solved.clear()
    found = portfolio.compare(risky_case(), MIXES, **FAST, out=tmp_path / "study")
    assert solved[0] == "all"  # solved again, to teach
    assert set(solved[1:]) == set(MIXES) - set(first)
    check_same(found, risky)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["study"]
    assert sorted(p.name for p in (tmp_path / "study").iterdir()) == [
        "funded.csv", "members.csv", "mixes.csv", "pairs.csv", "projects.csv", "report.html",
        "study.json",
    ]  # fmt: skip


def test_jobs_change_no_number(risky: Study) -> None:
    check_same(portfolio.compare(risky_case(), MIXES, **FAST, jobs=2), risky)


def test_mixes_share_what_the_first_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    taught: list[bool] = []
    usual = Benders.solve_arrays

    def listen(self: Benders, *given: Any, **named: Any) -> Any:
        taught.append(self.teacher is not None)
        return usual(self, *given, **named)

    monkeypatch.setattr(Benders, "solve_arrays", listen)
    prepared: list[int] = []
    true = solving.Prepared.of
    monkeypatch.setattr(solving.Prepared, "of", staticmethod(lambda case: prepared.append(1) or true(case)))
    solving._PREPARED.clear()
    portfolio.compare(risky_case(cvar_weight=0.2), ["all", "equity", "cfd"], **(FAST | {"gap": 0.01, "seed": 9}))
    assert prepared == [1]
    assert taught in ([False, True, True], [])  # small programmes may go to the extensive form


class TestMixes:
    CASE = tiny_case()

    def test_names(self) -> None:
        found = mixes_of(self.CASE, ["offtake+loan", "all"])
        assert found == (Mix("offtake+loan", ("loan", "offtake")), Mix("all", ("loan", "equity", "cfd", "offtake")))
        assert found[0].within(found[1])
        assert not found[1].within(found[0])
        assert not found[0].within(Mix("all", found[1].instruments, ("budgets.budget_usd_m=1",)))

    def test_sets_and_default(self) -> None:
        assert [m.name for m in mixes_of(self.CASE, [])] == ["loan", "equity", "cfd", "offtake", "all"]
        assert len(mixes_of(self.CASE, ["pairs"])) == 6
        assert len(mixes_of(self.CASE, ["pairs", "loan+equity", "singles"])) == 10

    def test_all_changes_nothing(self) -> None:
        whole, loan = mixes_of(self.CASE, ["all", "loan"])
        assert whole.changes(self.CASE).share_bounds is None
        bounds = loan.changes(self.CASE).share_bounds
        assert bounds is not None
        assert bounds["equity"][1] == 0
        assert bounds["loan"][1] > 0

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            (["lone"], "no instrument 'lone'"),
            (["loan"], "at least two mixes"),
            (["loan", "loan+"], "no instrument ''"),
        ],
    )
    def test_refused(self, given: list[str], why: str) -> None:
        with pytest.raises(UsageError, match=why):
            mixes_of(self.CASE, given)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ('[x]\nset = ["hazards.rate=1"]', "none of the fund's terms"),
            ('[x]\nset = ["strike"]', "none of the fund's terms"),
            ("[x]\ninstruments = []", "needs an instrument"),
            ('[x]\ninstrument = ["loan"]', "write \\[x\\] with"),
            ('[x]\ninstruments = "loan"', "a list of words"),
            ('["../x"]\ninstruments = ["loan"]', "name of a mix"),
            ('[all]\ninstruments = ["loan"]', "two different mixes"),
            ("[x", "cannot be read"),
        ],
    )
    def test_files_refused(self, tmp_path: Path, text: str, why: str) -> None:
        (tmp_path / "m.toml").write_text(text)
        with pytest.raises(UsageError, match=why):
            mixes_of(self.CASE, ["all"], tmp_path / "m.toml")

    def test_terms_are_checked_like_the_files(self, tmp_path: Path) -> None:
        (tmp_path / "m.toml").write_text('[x]\nset = ["structures.strike_factor=low"]')
        with pytest.raises(CaseError, match="strike_factor"):
            portfolio.compare(TINY, ["all"], mix_file=tmp_path / "m.toml")

    def test_terms_need_files(self, tmp_path: Path) -> None:
        (tmp_path / "m.toml").write_text('[x]\nset = ["structures.strike_factor=1.2"]')
        with pytest.raises(UsageError, match="give its folder"):
            portfolio.compare(self.CASE, ["all"], mix_file=tmp_path / "m.toml")

    def test_unknown_reference_and_too_few_fresh(self) -> None:
        with pytest.raises(UsageError, match="none of the mixes compared"):
            portfolio.compare(self.CASE, ["all", "loan"], against="cfd")
        with pytest.raises(UsageError, match="fresh"):
            portfolio.compare(self.CASE, ["all", "loan"], fresh=0)


def test_must_list_that_a_mix_cannot_meet() -> None:
    found = portfolio.compare(TINY, ["all", "cfd"], overrides=['policy.must=["INTEG"]'], scenarios=3, fresh=10)
    rows = found.table.set_index("mix")
    assert rows["supported"]["all"] == "INTEG"
    assert np.isnan(rows["objective"]["cfd"])
    assert rows["group"]["cfd"] == ""
    assert any(c.startswith("cfd has no portfolio") for c in found.caveats)
