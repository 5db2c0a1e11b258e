"""``worth`` on a case: against the extensive form of one scenario, kept pieces, refusals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import Decision
from portfolio import api
from portfolio.assemble import assemble
from portfolio.case.ordering import ordered
from portfolio.engine import ExtensiveForm
from portfolio.engine.assembled import compile_instance
from portfolio.engine.checkpoint import CheckpointError
from portfolio.engine.protocol import Limits
from portfolio.evaluation import stochastic_value
from portfolio.evaluation.errors import InternalError
from portfolio.evaluation.intervals import Interval
from portfolio.evaluation.outcomes import Recourse, objective
from portfolio.evaluation.stochastic_value import at_least_zero
from portfolio.report.errors import UsageError
from portfolio.report.pieces import Pieces, pieces_of
from portfolio.scenarios.sampling import sample, sample_knowing
from portfolio.studies import worth as study
from tests.portfolio.studies.cases import risky_case

GAP = 0.001
SIZE = 8


@pytest.fixture(scope="module", params=[0.0, 0.5], ids=["mean", "with a CVaR"])
def run(request: pytest.FixtureRequest) -> api.Run:
    return api.solve(risky_case(cvar_weight=request.param, cvar_level=0.7), scenarios=SIZE, gap=GAP)


@pytest.fixture(scope="module")
def plain() -> api.Run:
    return api.solve(risky_case(), scenarios=SIZE, gap=GAP)


@pytest.fixture(scope="module")
def found(run: api.Run) -> api.Worth:
    return worth(run, fresh=40)


def worth(run: api.Run, **given: object) -> api.Worth:
    return api.worth(run, **({"gap": GAP, "fresh": 0, "groups": 3, "each": 4} | given))  # type: ignore[arg-type]


def row(found: api.Worth, measure: str, sample: str = "own") -> dict[str, float]:
    table = found.measures
    (one,) = table.loc[(table["measure"] == measure) & (table["sample"] == sample)].to_dict("records")
    return one


def measured(run: api.Run, decision: Decision) -> float:
    """Objective on the run's own scenarios by the other route."""
    instance = run.assembly.instance
    return objective(instance, decision, Recourse(instance, compile_instance(instance)).outcomes(decision))


def test_of_the_solution(run: api.Run, found: api.Worth) -> None:
    rp, eev = measured(run, run.decision), measured(run, found.decision_for_mean)
    assert row(found, "RP")["estimate"] == pytest.approx(rp, rel=1e-6)
    assert row(found, "EEV")["estimate"] == pytest.approx(eev, rel=1e-6)
    assert row(found, "VSS")["estimate"] == pytest.approx(eev - rp, abs=1e-6 * rp)
    assert row(found, "VSS")["most"] == pytest.approx(eev - run.solution.bound, abs=1e-6 * rp)
    assert found.solution.mean_problem.bound <= rp


def test_the_mean_is_planned_for_without_the_portfolio(plain: api.Run) -> None:
    """To a gap of 90 % the search for the mean may end anywhere, but not because it was given the portfolio."""
    given: list[int] = []
    usual = stochastic_value.solved

    def counted(programme: object, limits: object, starts: Sequence[object] = (), *more: object) -> object:
        given.append(len(starts))
        return usual(programme, limits, starts, *more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stochastic_value, "solved", counted)
        worth(plain, foresight=0)
    assert given == [0]


def test_with_foresight_against_one_scenario_at_a_time(run: api.Run, found: api.Worth) -> None:
    """Each scenario alone, by the extensive form."""
    instance, alone = run.assembly.instance, []
    for s in range(SIZE):
        one = replace(instance, scenarios=instance.scenarios.take(np.array([s])))
        alone.append(ExtensiveForm().solve(one, Limits(gap=1e-6)).objective)
    values, risk = np.array(alone), run.case.settings.risk
    tail = min(eta + np.maximum(values - eta, 0).mean() / (1 - risk.cvar_level) for eta in values)
    wait = (1 - risk.cvar_weight) * values.mean() + risk.cvar_weight * tail
    ws = row(found, "WS", "foresight")
    assert ws["least"] <= wait * (1 + 1e-6)
    assert ws["most"] >= wait * (1 - 1e-6)
    assert ws["most"] - ws["least"] <= 2 * GAP * ws["most"]
    assert row(found, "EVPI", "foresight")["estimate"] == pytest.approx(
        row(found, "RP")["estimate"] - ws["estimate"], abs=1e-6
    )


def test_what_cannot_be_negative_is_not(run: api.Run) -> None:
    """Of two scenarios the interval of EVPI would reach far below 0; it is cut off there, and RP's is not."""
    found = worth(run, foresight=2)
    assert found.information is not None
    evpi = found.information.evpi
    assert evpi.low >= 0 or not np.isfinite(evpi.low)
    reaching = Interval(5.0, -3.0, 13.0, 0.95, 4, 4.0, "", False)
    assert (at_least_zero(reaching).low, at_least_zero(reaching).high) == (0.0, 13.0)
    assert at_least_zero(Interval(5.0, 1.0, 9.0, 0.95, 4, 4.0, "", True)).low == 1.0


def test_a_difference_of_two_portfolios_may_be_negative(plain: api.Run) -> None:
    """VSS on fresh scenarios is of the two portfolios found: the note says so where its interval reaches below 0."""
    found = worth(plain, foresight=0, fresh=40)
    assert found.fresh is not None
    vss = Interval(5.0, -3.0, 13.0, 0.95, 40, 40.0, "", False)
    for low, said in ((-3.0, True), (1.0, False)):
        some = replace(found, fresh=replace(found.fresh, vss=replace(vss, low=low)))
        assert any("reaches below 0" in note and "fresh" in note for note in some.caveats) is said
    worse = replace(found, fresh=replace(found.fresh, vss=replace(vss, estimate=-1.0)))
    assert any("the portfolio for the mean costs less" in note for note in worse.caveats)


def test_on_fresh_scenarios(run: api.Run, found: api.Worth) -> None:
    assert found.fresh is not None
    case = ordered(run.case)
    settings = case.settings.sampling
    assert found.fresh.seed not in (settings.seed, settings.cost_seed)
    drivers = sample(case, 40, found.fresh.seed, method="monte_carlo")
    instance = assemble(case, drivers, sample(case, settings.cost_scenarios, settings.cost_seed)).instance
    recourse = Recourse(instance, compile_instance(instance))
    rp, eev = (objective(instance, d, recourse.outcomes(d)) for d in (run.decision, found.decision_for_mean))
    assert row(found, "RP", "fresh")["estimate"] == pytest.approx(rp, rel=1e-6)
    assert row(found, "EEV", "fresh")["estimate"] == pytest.approx(eev, rel=1e-6)
    assert row(found, "VSS", "fresh")["estimate"] == pytest.approx(eev - rp, abs=1e-6 * rp)


def test_some_of_the_scenarios(run: api.Run, found: api.Worth) -> None:
    """The first ones, with their own RP; none where none are wanted."""
    part = worth(run, foresight=3)
    assert part.information is not None
    assert part.information.scenarios == 3
    assert part.information.rp.n == 3
    assert worth(run, foresight=0).information is None
    assert worth(run, foresight=10_000).information == found.information


@pytest.mark.parametrize("drivers", ["hazards", "delays"])
def test_knowing(plain: api.Run, drivers: str) -> None:
    """Each group by the extensive form over its own scenarios."""
    found = worth(plain, knowing=[drivers], foresight=0)
    (value,) = found.knowing
    case = ordered(plain.case)
    settings = case.settings.sampling
    seed = study.RunProgrammes.of(study.SavedRun.of(plain)).seed("knowing", drivers)
    cost_drivers = sample(case, settings.cost_scenarios, settings.cost_seed)
    instance = assemble(case, sample_knowing(case, drivers, 3, 4, seed), cost_drivers).instance
    gains = []
    for g in range(3):
        one = replace(instance, scenarios=instance.scenarios.take(np.arange(4 * g, 4 * g + 4)))
        best = ExtensiveForm().solve(one, Limits(gap=1e-6)).objective
        outcomes = Recourse(one, compile_instance(one)).outcomes(plain.decision)
        gains.append(objective(one, plain.decision, outcomes) - best)
    assert value.most.estimate == pytest.approx(np.mean(gains), abs=2 * GAP * row(found, "RP")["estimate"])
    assert value.most.estimate >= np.mean(gains) - 1e-6
    assert value.least.estimate <= value.most.estimate
    assert (value.groups, value.scenarios) == (3, 4)


def test_knowing_is_for_the_mean(run: api.Run) -> None:
    if run.case.settings.risk.cvar_weight > 0:
        with pytest.raises(UsageError, match="cvar_weight"):
            worth(run, knowing=["delays"])


def test_threads_change_nothing(plain: api.Run) -> None:
    one, two = (worth(plain, threads=n, knowing=["delays"]) for n in (1, 2))
    assert one.measures.equals(two.measures)


def test_interrupted_it_goes_on(plain: api.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, solved, usual = tmp_path / "found", [], study.foresight

    def third_time_interrupted(*given: object, **named: object) -> object:
        solved.append(1)
        if len(solved) == 3:
            raise KeyboardInterrupt
        return usual(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(study, "foresight", third_time_interrupted)
    with pytest.raises(KeyboardInterrupt):
        worth(plain, out=out, threads=1)
    assert not out.exists()
    assert Pieces(pieces_of(out), "").count == 2
    before = len(solved)
    found = worth(plain, out=out, threads=1)
    assert len(solved) - before == SIZE - 2
    assert not pieces_of(out).exists()
    assert found.measures.equals(worth(plain).measures)
    record = json.loads((out / "worth.json").read_text())
    assert [m["measure"] for m in record["measures"]] == ["RP", "EEV", "VSS", "RP", "WS", "EVPI"]
    Pieces.of(tmp_path / "other", "something else")
    with pytest.raises(CheckpointError, match="other settings"):
        worth(plain, out=tmp_path / "other")


def test_bound_in_the_wrong_place_is_refused(plain: api.Run) -> None:
    """A bound above what the portfolio costs: RP bound <= EEV cannot hold."""
    wrong = replace(plain, solution=replace(plain.solution, bound=plain.solution.objective * 1.2))
    with pytest.raises(InternalError, match="bound on every portfolio"):
        worth(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"foresight": -1},
        {"fresh": 1},
        {"knowing": ["weather"]},
        {"groups": 1},
        {"each": 1},
        {"level": 0.0},
        {"gap": -1.0},
        {"time_limit": 0.0},
        {"threads": -1},
    ],
)
def test_refused(plain: api.Run, wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        worth(plain, **wrong)
