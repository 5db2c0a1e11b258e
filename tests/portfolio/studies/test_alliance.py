"""The study of an alliance: its splits by a second route, axioms, going on after a kill, the same for any jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import portfolio
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.case.settings import Alliance
from portfolio.case.tables import Budget, Eligibility, Member
from portfolio.engine import ExtensiveForm
from portfolio.engine.assembled import compile_instance
from portfolio.engine.protocol import Limits
from portfolio.engine.variation import Changes
from portfolio.evaluation.fresh import fix, fresh_seed, in_chunks
from portfolio.evaluation.intervals import Interval
from portfolio.report.errors import UsageError
from portfolio.report.study import Study
from portfolio.scenarios.sampling import sample
from portfolio.studies import rounds
from portfolio.studies.agreement_tables import _open, _verdict
from portfolio.studies.alliance import SWITCHES, alliance
from portfolio.studies.differences import Weights
from portfolio.studies.member_tables import _judged
from portfolio.studies.points import Point
from portfolio.studies.solving import Prepared
from portfolio.studies.telling import clear
from tests.portfolio.studies.answers import answer
from tests.portfolio.studies.cases import risky_case

ASKED = {"gap": 1e-4, "scenarios": 6, "fresh": 40}


@pytest.fixture(scope="module")
def found() -> Study:
    return alliance(risky_case(), switches="none", **ASKED)


def by_point(study: Study, column: str) -> dict[str, float]:
    points = study.table[study.table["kind"] == "coalition"]
    return dict(zip(points["members"], points[column], strict=True))


def without_budgets(case: Case, *members: str) -> Case:
    return replace(
        case,
        budgets=tuple(replace(b, budget_usd_m=0.0 if b.member in members else b.budget_usd_m) for b in case.budgets),
    )


class TestCoalitions:
    @pytest.mark.parametrize("out", ["EUF", "JOG"])
    def test_is_the_case_without_the_budgets_of_the_others(self, found: Study, out: str) -> None:
        alone = "EUF" if out == "JOG" else "JOG"
        run = portfolio.solve(without_budgets(risky_case(), out), scenarios=6, gap=1e-4)
        mine = found.table.query("kind == 'coalition'").set_index("members").loc[alone]
        assert mine["bound"] <= run.solution.objective + 1e-6
        assert run.solution.bound <= mine["objective"] + 1e-6
        assert not [k for k in run.decision.share if k[0] == out and run.decision.share[k] > 1e-9]

    def test_fixed_costs_fall_on_those_inside(self) -> None:
        """With the budget of the others at 0 but their part of fixed costs left, nothing could be used at all."""
        case = risky_case()
        case = replace(case, instruments=tuple(replace(i, fixed_cost_usd_m=1.0) for i in case.instruments))
        made = alliance(case, switches="none", **ASKED)
        assert by_point(made, "projects")["EUF"]
        assert by_point(made, "public_cost_usd_m")["EUF"] > 0

    def test_a_member_outside_takes_nothing_even_for_free(self) -> None:
        ready = Prepared.of(points_case(risky_case()))
        solution = ready.solve(Changes(outside=frozenset({"JOG"})), Limits(gap=1e-4))
        assert solution.decision is not None
        assert {k[0] for k, x in solution.decision.share.items() if x > 1e-9} == {"EUF"}
        assert {k[0] for k, x in solution.decision.take.items() if x > 0.5} == {"EUF"}

    def test_nobody_is_the_world_without_the_fund(self, found: Study) -> None:
        row = found.table.query("kind == 'coalition'").set_index("members").loc["nobody"]
        change = found.tables["regions"].set_index("members").loc["nobody", "change_tpy"]
        np.testing.assert_allclose(change, 0.0, atol=1e-9)
        assert row["public_cost_usd_m"] == 0


def points_case(case: Case) -> Case:
    return replace(case, settings=replace(case.settings, sampling=replace(case.settings.sampling, scenarios=6)))


class TestFigures:
    def test_shares_of_cost_sum_to_the_whole(self, found: Study) -> None:
        members = found.tables["members"]
        spent = members.query("figure == 'expected_cost_usd_m' & interest == 'own'")["joint"].sum()
        assert spent == pytest.approx(by_point(found, "public_cost_usd_m")["EUF + JOG"])

    def test_shortfall_of_regions_measured_apart(self, found: Study) -> None:
        case = points_case(risky_case())
        solution = Prepared.of(case).solve(Changes(), Limits(gap=1e-4), learn=True)
        assert solution.decision is not None
        fixed = fix(case, solution.decision)
        measured = fixed.measure(in_chunks(fixed.case, 40, fresh_seed(case), "monte_carlo"), 40)
        regions = found.tables["regions"].set_index(["members", "region"])["shortfall_tpy"]
        for n, region in enumerate(fixed.case.region_names):
            tonnes = measured.with_fund.shortfall[:, n].sum() / 40 / len(case.years)
            assert regions["EUF + JOG", region] == pytest.approx(tonnes, rel=1e-6)

    def test_split_of_two_by_hand(self, found: Study) -> None:
        """Half of what a member is worth alone, half of what it adds to the other."""
        worth = {m: -x for m, x in by_point(found, "fresh_objective").items()}
        alone = {f: worth[f] - worth["nobody"] for f in ("EUF", "JOG")}
        together = worth["EUF + JOG"] - worth["nobody"]
        split = found.tables["shapley"].set_index("member")["value"]
        assert split["EUF"] == pytest.approx(0.5 * (alone["EUF"] + together - alone["JOG"]))
        assert split.sum() == pytest.approx(together)
        gain = found.tables["joining"]["gain"].iloc[0]
        assert gain == pytest.approx(together - alone["EUF"] - alone["JOG"])
        over = found.tables["core"].set_index("members")["excess"]
        assert over["EUF"] == pytest.approx(alone["EUF"] - split["EUF"])

    def test_in_sample_lies_in_its_bracket(self, found: Study) -> None:
        shapley = found.tables["shapley"]
        assert (shapley["least"] <= shapley["in_sample"] + 1e-9).all()
        assert (shapley["in_sample"] <= shapley["most"] + 1e-9).all()

    def test_parts_by_region_sum_to_the_whole(self, found: Study) -> None:
        case = points_case(risky_case())
        solution = Prepared.of(case).solve(Changes(), Limits(gap=1e-4), learn=True)
        assert solution.decision is not None
        world = fix(case, solution.decision).on(sample(ordered(case), 40, fresh_seed(case))).with_fund
        np.testing.assert_allclose(world.by_region.sum(axis=1), world.weighted)
        rows = found.tables["members"].query("figure == 'own_weighted' & interest == 'common'").set_index("region")
        assert rows["joint"].sum() == pytest.approx(by_point(found, "fresh_weighted")["EUF + JOG"])
        for n, region in enumerate(("EU", "JP")):
            assert rows.loc[region, "joint"] == pytest.approx(world.by_region[:, n].mean(), rel=1e-6)

    def test_joint_is_no_worse_in_sample(self, found: Study) -> None:
        rows = found.table.query("kind == 'coalition'").set_index("members")
        assert (rows.loc["EUF + JOG", "bound"] <= rows["objective"] + 1e-9).all()


class TestOwnInterest:
    """A member alone whose fund weighs its own region and no other."""

    @pytest.fixture(scope="class")
    @staticmethod
    def world() -> Case:
        case = points_case(risky_case())
        return replace(case, settings=replace(case.settings, alliance=Alliance(**dict.fromkeys(SWITCHES, False))))

    def test_weights_changed_are_weights_compiled(self, world: Case) -> None:
        ready = Prepared.of(world)
        changes = Changes(outside=frozenset({"EUF"}), region_weight={"EU": 0.0})
        varied = ready.on(None).changed(changes)
        np.testing.assert_allclose(varied.arrays.programme.cost, compile_instance(varied.instance).programme.cost)
        assert ready.solve(changes, Limits(gap=1e-6)).objective == pytest.approx(
            ExtensiveForm().solve(varied.instance, Limits(gap=1e-6)).objective, rel=1e-5
        )
        with pytest.raises(ValueError, match="weight of 0"):
            varied.changed(Changes(region_weight={"EU": 1.0}))

    @pytest.mark.parametrize(("member", "region"), [("EUF", "EU"), ("JOG", "JP")])
    def test_is_a_world_without_the_other_region(self, found: Study, world: Case, member: str, region: str) -> None:
        """Without agreements nothing links the regions: the other's demand may as well be none."""
        case = without_budgets(world, *({"EUF", "JOG"} - {member}))
        alone = replace(
            case,
            demand=tuple(d if d.region == region else replace(d, low=0.0, base=0.0, high=0.0) for d in case.demand),
        )
        run = portfolio.solve(alone, scenarios=6, gap=1e-4)
        mine = found.table.query("kind == 'alone'").set_index("members").loc[member]
        assert mine["bound"] <= run.solution.objective * (1 + 1e-6)
        assert run.solution.bound <= mine["objective"] * (1 + 1e-6)

    def test_it_minds_no_other_region(self, found: Study) -> None:
        """Of its own region's shortfall and cost no other portfolio of the member leaves less, the gap apart."""
        points = found.table.set_index(["kind", "members"])
        for member in ("EUF", "JOG"):
            assert points.loc[("alone", member), "interest"] == "own"
            assert points.loc[("alone", member), "objective"] < points.loc[("coalition", member), "objective"]

    def test_verdicts(self) -> None:
        """Differences of joint less alone: -10 +- 1 stands unless alone could be better by more than 9."""
        between = Interval(-10.0, -11.0, -9.0, 0.95, 100, 100.0, "", True)
        zero = [np.zeros(2), np.full(2, 20.0), np.full(2, 10.0)]
        verdicts = [_judged("own_objective", zero, between, open_, 0.0)["verdict"] for open_ in (0.0, 8.9, 9.1)]
        assert verdicts == ["gain", "gain", "undecided"]
        worse = Interval(10.0, 9.0, 11.0, 0.95, 100, 100.0, "", True)
        assert [_judged("objective", zero, worse, 99.0, x)["verdict"] for x in (8.9, 9.1)] == ["lose", "undecided"]

    def test_agreements_in_force_or_left_out(self, found: Study) -> None:
        agreed = alliance(risky_case(), switches="none", alone="agreed", **ASKED)
        assert agreed.table.query("kind == 'alone'")["mutual_support"].tolist() == [1, 1]
        assert found.table.query("kind == 'alone'")["mutual_support"].tolist() == [0, 0]
        none = alliance(risky_case(), switches="none", alone="none", **ASKED)
        assert set(none.tables["members"]["interest"]) == {"common"}
        assert none.tables["shapley"].equals(found.tables["shapley"])


class TestMembers:
    """A case with a third member: without a budget, it is the null player."""

    def three(self, budget: float) -> Case:
        case = risky_case()
        return replace(
            case,
            members=(*case.members, Member(member="KOR", region="JP")),
            eligibility=(
                *case.eligibility,
                Eligibility(member="KOR", instrument="loan", convention="provisioning"),
            ),
            budgets=(*case.budgets, *(Budget(member="KOR", window=v, budget_usd_m=budget) for v in (2027, 2028))),
        )

    def test_null_player(self) -> None:
        made = alliance(self.three(0.0), switches="none", **ASKED)
        split = made.tables["shapley"].set_index("member")
        two = alliance(risky_case(), switches="none", **ASKED).tables["shapley"].set_index("member")
        assert len(made.table) == 8 + 3
        # The portfolios of a coalition with and without it agree within the gap, and so does what it is worth.
        assert abs(split.loc["KOR", "in_sample"]) <= 1e-3 * abs(split["in_sample"]).sum()
        assert split.loc["EUF", "in_sample"] == pytest.approx(two.loc["EUF", "in_sample"], rel=1e-2)

    def test_orders_drawn(self) -> None:
        made = alliance(self.three(0.0), switches="none", exact=2, orders=2, **ASKED)
        assert not made.figures["exact"]
        split = made.tables["shapley"]
        worth = {m: -x for m, x in by_point(made, "fresh_objective").items()}
        assert split["value"].sum() == pytest.approx(worth["EUF + JOG + KOR"] - worth["nobody"])
        assert (split["order_low"] <= split["value"] + 1e-9).all()
        assert (split["value"] <= split["order_high"] + 1e-9).all()
        assert any("orders of arrival" in note for note in made.caveats)


class TestSwitches:
    def test_factorial(self) -> None:
        made = alliance(risky_case(), gap=1e-3, scenarios=4, fresh=20, switches="all")
        settings = made.tables["switches"].set_index(list(SWITCHES))["shortfall_and_cost"]
        assert len(settings) == 8
        effects = made.tables["effects"].set_index("switches")["effect"]
        on, off = (settings.xs(x, level="mutual_support").mean() for x in (1, 0))
        assert effects["mutual_support"] == pytest.approx(on - off)
        both = {(a, b): settings.xs((a, b), level=(0, 1)).mean() for a in (0, 1) for b in (0, 1)}
        wanted = (both[1, 1] - both[0, 1] - both[1, 0] + both[0, 0]) / 2
        assert effects["mutual_support x joint_procurement"] == pytest.approx(wanted)
        own = made.tables["switches"].query("mutual_support == 1 & joint_procurement == 1 & fair_distribution == 0")
        assert np.isnan(own["change"].iloc[0])
        table = made.tables["effects"]
        assert ((table["least"] <= table["low"]) & (table["high"] <= table["most"])).all()
        stands = table[table["verdict"] == "clear"]
        assert ((stands["least"] > 0) | (stands["most"] < 0)).all()

    def test_each_the_other_way_and_none(self) -> None:
        made = alliance(risky_case(), gap=1e-3, scenarios=4, fresh=20).tables["switches"]
        tried = set(made[list(SWITCHES)].itertuples(index=False, name=None))
        assert tried == {(1, 1, 0), (0, 1, 0), (1, 0, 0), (1, 1, 1), (0, 0, 0)}
        points = made.set_index(list(SWITCHES))
        for on, row in points.iterrows():
            change = row["shortfall_and_cost"] - points.loc[(1, 1, 0), "shortfall_and_cost"]
            assert on == (1, 1, 0) or row["change"] == pytest.approx(change)

    def test_what_fair_shares_cost_counts_as_open(self) -> None:
        """A search that pays 7 for the worst ratio besides a gap of 2 leaves 9 open."""
        weights = Weights(0.0, 0.0, 0.95)
        one = answer("fair", np.full(5, 90.0), objective=100, bound=98)
        assert one.fresh is not None
        one = replace(one, fresh=replace(one.fresh, side=np.full(5, 7.0)))
        assert _open(one, weights) == pytest.approx(9.0)
        between = Interval(8.0, 7.0, 8.5, 0.95, 100, 100.0, "", True)
        assert [_verdict(between, less, 0.0) for less in (6.9, 9.0)] == ["clear", "within gaps"]
        assert _verdict(Interval(0.5, -1.0, 2.0, 0.95, 100, 100.0, "", True), 0.0, 0.0) == "unclear"


class TestWork:
    @pytest.mark.slow
    def test_same_for_any_jobs(self, found: Study) -> None:
        other = alliance(risky_case(), switches="none", jobs=2, **ASKED)
        for name, table in found.tables.items():
            assert other.tables[name].equals(table), name

    def test_goes_on_after_a_kill(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Study) -> None:
        usual, done = rounds.solve_point, []

        def third_time_killed(point: Point, *args: object, **named: object) -> object:
            done.append(point.name)
            if len(done) == 3:
                raise KeyboardInterrupt
            return usual(point, *args, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(rounds, "solve_point", third_time_killed)
        with pytest.raises(KeyboardInterrupt):
            alliance(risky_case(), switches="none", out=tmp_path / "out", **ASKED)
        assert not (tmp_path / "out").exists()
        monkeypatch.setattr(rounds, "solve_point", lambda p, *a, **n: (done.append(p.name), usual(p, *a, **n))[1])
        made = alliance(risky_case(), switches="none", out=tmp_path / "out", **ASKED)
        assert done.count("coalition-10") == 1
        assert made.tables["shapley"].equals(found.tables["shapley"])
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
            [*(f"{name}.csv" for name in made.tables), "study.json", "report.html"]
        )
        assert not (tmp_path / "out.pieces").exists()

    def test_refusals(self) -> None:
        for wrong in ({"exact": 0}, {"orders": 1}, {"fresh": 0}, {"switches": "some"}, {"alone": "x"}):
            with pytest.raises(UsageError):
                alliance(risky_case(), **wrong)

    def test_a_member_that_cannot(self) -> None:
        """What has to be supported but nobody can alone: no split, and the study says so."""
        case = risky_case()
        must = replace(case, settings=replace(case.settings, policy=replace(case.settings.policy, must=("plant",))))
        made = alliance(must, switches="none", **ASKED)
        assert "shapley" not in made.tables
        assert any("nobody" in note for note in made.caveats)


def test_rounding_is_no_clear_effect() -> None:
    """An interval away from zero by rounding alone says nothing; by more it does."""
    said = Interval(4e-13, 2e-13, 6e-13, 0.95, 100, 100.0, "", True)
    assert not clear(said)
    assert clear(said.scaled(1e13))
    assert clear(Interval(-2.0, -3.0, -1.0, 0.95, 100, 100.0, "", True))
    assert not clear(Interval(1.0, -1.0, 3.0, 0.95, 100, 100.0, "", True))
