"""The study of waiting: what is frozen stays, adapting is no worse in sample, policies by a second route."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import portfolio
from models import Decision, Frozen
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.engine import Benders, ExtensiveForm
from portfolio.engine.protocol import Limits
from portfolio.engine.variation import Changes
from portfolio.evaluation.fresh import fix, fresh_seed, in_chunks
from portfolio.evaluation.information import Clusters, seen
from portfolio.evaluation.intervals import mean_interval
from portfolio.report.errors import UsageError
from portfolio.report.study import Study
from portfolio.scenarios.sampling import sample
from portfolio.studies import points, rounds
from portfolio.studies.solving import Prepared
from portfolio.studies.wait import frozen, wait
from portfolio.studies.wait_tables import Policy, differences
from tests.portfolio.studies.cases import risky_case

ASKED = {"gap": 1e-4, "scenarios": 8, "fresh": 40, "clusters": 2}
LIMITS = Limits(gap=1e-6)


def case_of(count: int) -> Case:
    case = risky_case()
    return replace(case, settings=replace(case.settings, sampling=replace(case.settings.sampling, scenarios=count)))


@pytest.fixture(scope="module")
def found() -> Study:
    return wait(risky_case(), **ASKED)


@pytest.fixture(scope="module")
def ready() -> Prepared:
    return Prepared.of(case_of(8))


@pytest.fixture(scope="module")
def plan(ready: Prepared) -> Decision:
    solution = ready.solve(Changes(), LIMITS)
    assert solution.decision is not None
    return solution.decision


class TestFrozen:
    def test_the_plan_itself_stays_possible(self, ready: Prepared, plan: Decision) -> None:
        """All windows frozen at an optimum, budgets used up or not: feasible, and worth the same, by both engines."""
        instance = replace(ready.assembly.instance, frozen=frozen(plan, ready.assembly.instance.windows))
        usual = ready.solve(Changes(), LIMITS).objective
        for engine in (ExtensiveForm(), Benders()):
            solution = engine.solve(instance, LIMITS)
            assert solution.objective == pytest.approx(usual, rel=1e-5)
            assert solution.decision is not None
            assert set(solution.decision.chosen) == set(plan.chosen)

    @pytest.mark.parametrize("window", [2027, 2028])
    def test_engines_agree_and_the_window_stays(self, ready: Prepared, window: int) -> None:
        """What is best with one window alone is frozen; the other is optimised on half of the scenarios."""
        (other,) = {2027, 2028} - {window}
        alone = ready.solve(Changes(frozen=Frozen(frozenset({other}))), LIMITS).decision
        assert alone is not None
        assert {v for _, _, v in alone.chosen} <= {window}
        varied = ready.on(range(4)).changed(Changes(frozen=frozen(alone, [window])))
        results = [engine.solve(varied.instance, LIMITS) for engine in (ExtensiveForm(), Benders())]
        assert results[0].objective == pytest.approx(results[1].objective, rel=1e-5)
        for one in results:
            assert one.decision is not None
            for name in ("share", "rights", "purchase"):
                mine, given = getattr(one.decision, name), getattr(alone, name)
                for key in {k for k in (*mine, *given) if k[-1] == window}:
                    assert mine.get(key, 0.0) == pytest.approx(given.get(key, 0.0), abs=3e-6, rel=3e-6)

    def test_variation_is_compiling_anew(self, ready: Prepared, plan: Decision) -> None:
        changes = Changes(frozen=frozen(plan, [2027]))
        instance = changes.of(ready.assembly.instance)
        assert ready.solve(changes, LIMITS).objective == pytest.approx(
            ExtensiveForm().solve(instance, LIMITS).objective, rel=1e-5
        )


class TestPolicies:
    def test_adapting_is_no_worse_in_sample(self, found: Study) -> None:
        rows = found.table.set_index("policy")
        assert rows.loc["adapted", "objective"] <= rows.loc["plan", "objective"] * (1 + 1e-7)
        assert (rows["bound"] <= rows["objective"] + 1e-9).all()

    def test_one_cluster_is_the_plan(self) -> None:
        made = wait(risky_case(), **(ASKED | {"clusters": 1})).table.set_index("policy")
        assert made.loc["adapted", "objective"] == pytest.approx(made.loc["plan", "objective"], rel=2e-4)

    def test_now_is_the_case_with_one_window(self, found: Study) -> None:
        case = case_of(8)
        horizon = replace(case.settings.horizon, windows=(2027,))
        one = replace(
            case,
            settings=replace(case.settings, horizon=horizon),
            budgets=tuple(b for b in case.budgets if b.window == 2027),
        )
        # Lines and fixed costs follow from all budgets of a member.
        lines = {m.member: 0.1 * 160.0 for m in case.members}
        one = replace(one, members=tuple(replace(m, liquidity_line_usd_m=lines[m.member]) for m in one.members))
        run = portfolio.solve(one, gap=1e-4)
        mine = found.table.set_index("policy").loc["now"]
        # What is frozen at nothing has room for a speck (8b), which is worth as much.
        assert mine["bound"] <= run.solution.objective * (1 + 1e-6)
        assert run.solution.bound <= mine["objective"] * (1 + 1e-6)

    def test_in_sample_by_another_route(self, ready: Prepared) -> None:
        """Waiting: the clusters' programmes one by one, weighed by their scenarios."""
        case = ordered(case_of(8))
        known = seen(case, sample(case, 8, 5), 2028)
        label = Clusters.of(known, 2, seed=5).assign(known)
        total = 0.0
        for c in np.unique(label):
            rows = np.flatnonzero(label == c)
            instance = ready.assembly.instance
            part = replace(instance, scenarios=instance.scenarios.take(rows), frozen=Frozen(frozenset({2027})))
            total += rows.size / 8 * ExtensiveForm().solve(part, LIMITS).objective
        made = wait(risky_case(), **ASKED).table.set_index("policy").loc["waiting"]
        assert made["bound"] * (1 - 1e-6) <= total <= made["objective"] * (1 + 1e-6)

    def test_fresh_scenarios_under_the_plan_of_their_cluster(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers, usual = {}, rounds.answer_of

        def kept(point: points.Point, piece: dict[str, object]) -> points.Answer:
            answers[point.name] = usual(point, piece)
            return answers[point.name]

        monkeypatch.setattr(rounds, "answer_of", kept)
        made = wait(risky_case(), **ASKED).table.set_index("policy")
        case = ordered(case_of(8))
        first = frozenset(p for p, _, v in answers["plan"].decision.chosen if v == 2027)
        known = seen(case, sample(case, 8, 5), 2028, first)
        rule = Clusters.of(known, 2, seed=5)
        (chunk,) = in_chunks(case, 40, fresh_seed(case), "monte_carlo")
        label, total = rule.assign(seen(case, chunk, 2028, first)), 0.0
        for c in np.unique(label):
            decision = answers[f"adapted-{c}"].decision
            fixed = fix(case, decision)
            mine = np.flatnonzero(label == c)
            measured = fixed.on(chunk.rows(mine), baseline=False).with_fund
            cost = case.settings.objective.cost_weight * fixed.public_cost_usd_m
            total += (measured.weighted + measured.side + cost).sum()
        assert made.loc["adapted", "fresh"] == pytest.approx(total / 40)

    def test_differences(self, found: Study) -> None:
        rows = found.table.set_index("policy")
        for row in found.tables["differences"].to_dict("records"):
            assert row["fresh"] == pytest.approx(rows.loc[row["from"], "fresh"] - rows.loc[row["to"], "fresh"])
            assert row["least"] - 1e-9 <= row["in_sample"] <= row["most"] + 1e-9
            assert (row["fresh_sign"] == "open") == (row["low"] <= 0 <= row["high"] or abs(row["fresh"]) < 1e-6)
            assert (row["sample_sign"] == "gains") == (row["least"] > 1e-6)
            assert row["low"] <= row["fresh"] <= row["high"]
        assert found.tables["clusters"].groupby("policy")["share"].sum().tolist() == pytest.approx([1.0, 1.0])

    def test_fresh_and_sample_are_told_apart(self) -> None:
        """A loss on fresh scenarios stands, whatever the gaps leave open in the sample; each sign is of its own."""
        rng = np.random.default_rng(1)
        base = rng.normal(1000.0, 50.0, 2000)
        shift = rng.normal(0.0, 5.0, 2000)
        found = [
            Policy("plan", 1000.0, 990.0, base),
            Policy("adapted", 995.0, 985.0, base + 20.0 + shift),  # loses 20 fresh; in sample 5, with gaps -5 to 15
            Policy("now", 1100.0, 1090.0, base + 100.0),
            Policy("waiting", 1200.0, 1195.0, base + 20.0 + 10 * shift),  # against adapted: nothing fresh, gains sample
        ]
        rows = differences(found, 0.95).set_index("value_of")
        adapting = rows.loc["adapting later"]
        assert (adapting["fresh_sign"], adapting["sample_sign"]) == ("loses", "open")
        assert adapting["verdict"].startswith("on fresh scenarios: loses 20")
        assert "gaps leave open" in adapting["verdict"]
        low, high = adapting["verdict"].split("(")[1].split(")")[0].split(" to ")
        assert float(low) < float(high)
        later = rows.loc["later windows, adapted"]
        assert (later["fresh_sign"], later["sample_sign"]) == ("gains", "gains")
        assert later["verdict"].endswith("in sample too")
        now = rows.loc["deciding now, later ones adapted"]
        assert (now["fresh_sign"], now["sample_sign"]) == ("open", "gains")
        assert "a fit to its luck" in now["verdict"]
        opposite = rows.loc["waiting rather than deciding all now"]
        assert (opposite["fresh_sign"], opposite["sample_sign"]) == ("gains", "loses")
        # Four intervals together: each is wider than alone.
        alone = mean_interval(found[0].paid - found[1].paid, level=0.95)
        assert adapting["high"] - adapting["low"] > 1.2 * (alone.high - alone.low)

    def test_small_clusters_are_named(self, found: Study) -> None:
        assert any("smallest cluster" in note for note in found.caveats)


class TestWork:
    def test_same_for_any_jobs(self, found: Study) -> None:
        other = wait(risky_case(), jobs=2, **ASKED)
        assert other.table.equals(found.table)

    def test_goes_on_after_a_kill(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Study) -> None:
        usual, done = rounds.solve_point, []

        def killed(point: points.Point, *args: object, **named: object) -> object:
            done.append(point.name)
            if len(done) == 4:
                raise KeyboardInterrupt
            return usual(point, *args, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(rounds, "solve_point", killed)
        with pytest.raises(KeyboardInterrupt):
            wait(risky_case(), out=tmp_path / "out", **ASKED)
        assert not (tmp_path / "out").exists()
        made = wait(risky_case(), out=tmp_path / "out", **ASKED)
        assert done.count("plan") == 1
        assert done.count("now") == 1
        assert made.table.equals(found.table)

    @pytest.mark.parametrize("wrong", [{"clusters": 0}, {"by": "x"}, {"fresh": 0}])
    def test_refusals(self, wrong: dict[str, object]) -> None:
        with pytest.raises(UsageError):
            wait(risky_case(), **wrong)  # type: ignore[arg-type]

    def test_a_tail_does_not_split(self) -> None:
        with pytest.raises(UsageError, match="cvar_weight"):
            wait(risky_case(cvar_weight=0.5))
