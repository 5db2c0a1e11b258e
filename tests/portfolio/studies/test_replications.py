"""``replicate`` on cases: against batches solved by hand, kept pieces, growth, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from portfolio import api
from portfolio.assemble import assemble
from portfolio.case.ordering import ordered
from portfolio.engine import ExtensiveForm
from portfolio.engine.checkpoint import CheckpointError
from portfolio.engine.protocol import Limits
from portfolio.report.errors import RunError, UsageError
from portfolio.report.pieces import Pieces, pieces_of
from portfolio.report.steps import Step
from portfolio.scenarios.sampling import sample
from portfolio.studies import replications as study
from portfolio.studies.sampled import RunProgrammes
from tests.portfolio.studies.cases import risky_case

GAP = 0.001


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> api.Run:
    """A case in which the best portfolio depends on the sample."""
    return api.solve(risky_case(), scenarios=12, gap=GAP, out=tmp_path_factory.mktemp("runs") / "risky")


def replicate(run: api.Run | Path, **given: object) -> api.Replications:
    return api.replicate(run, **({"batches": 3, "scenarios": 8, "gap": GAP} | given))  # type: ignore[arg-type]


def test_batches_against_the_extensive_form(run: api.Run) -> None:
    """The same samples, put together and solved by the other engine; the portfolio measured by its own route."""
    from portfolio.engine.assembled import compile_instance
    from portfolio.evaluation.outcomes import Recourse, objective

    found = replicate(run)
    case = ordered(run.case)
    settings = case.settings.sampling
    cost_drivers = sample(case, settings.cost_scenarios, settings.cost_seed)
    assert len({b.seed for b in found.batches} | {settings.seed, settings.cost_seed}) == 5
    for batch in found.batches:
        instance = assemble(case, sample(case, 8, batch.seed), cost_drivers).instance
        best = ExtensiveForm().solve(instance, Limits(gap=0.0))
        outcomes = Recourse(instance, compile_instance(instance)).outcomes(run.decision)
        assert batch.candidate == pytest.approx(objective(instance, run.decision, outcomes), rel=1e-6)
        assert batch.bound <= best.objective * (1 + 1e-6)
        assert batch.found >= best.objective * (1 - 1e-6)
        assert batch.found - batch.bound <= GAP * batch.found + 1e-6
    gaps = np.array([b.gap for b in found.batches])
    # t_2 at 95 % is 2.9200 in any table.
    assert found.answer.upper == pytest.approx(gaps.mean() + 2.92 * gaps.std(ddof=1) / 3**0.5, rel=1e-3)
    assert found.in_sample == run.solution.objective
    assert found.in_sample_bound == run.solution.bound


def test_from_the_folder_and_from_memory(run: api.Run) -> None:
    assert run.path is not None
    assert replicate(run.path).batches == replicate(run).batches


def test_more_batches_keep_the_first_ones(run: api.Run) -> None:
    assert replicate(run, batches=4).batches[:3] == replicate(run).batches


def test_two_batches_use_the_averaged_procedure(run: api.Run) -> None:
    assert replicate(run, batches=2).answer.method == "averaged two replications"


def test_tail_in_the_objective() -> None:
    """The portfolio is tried with the value at risk it was chosen with."""
    run = api.solve(risky_case(cvar_weight=0.5), scenarios=12, gap=GAP)
    found = replicate(run)
    programmes = RunProgrammes.of(study.SavedRun.of(run))
    eta = programmes.eta(programmes.own())
    paid = np.sort((run.scenarios["with_weighted"] + run.scenarios["with_side"]).to_numpy())
    assert eta is not None
    # The 95 % quantile of twelve scenarios is the largest, to which the cost of commitments is added.
    assert eta == pytest.approx(paid[-1] + run.assembly.instance.cost_weight * run.decision.public_cost(
        run.assembly.instance), rel=1e-6)  # fmt: skip
    assert all(b.bound <= b.found <= b.candidate + 1e-9 for b in found.batches)


def test_growth(run: api.Run) -> None:
    """To a target that any portfolio meets at once, and to one that none meets."""
    easy = replicate(run, target=1.0)
    assert (easy.reached, easy.exit_code, len(easy.looks)) == (True, 0, 1)
    hard = replicate(run, target=1e-9, scenarios=4, max_scenarios=8, batches=2)
    assert (hard.reached, hard.exit_code) == (False, 3)
    assert [look.scenarios for look in hard.looks] == [4, 8]
    assert len({b.seed for b in hard.batches}) == 4
    assert any("target was not reached" in c for c in hard.caveats)


class TestGoingOn:
    def test_interrupted_it_goes_on(self, run: api.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        out, solved = tmp_path / "found", []
        usual = study.replicate_batch

        def third_time_interrupted(*given: object, **named: object) -> object:
            solved.append(named["seed"])
            if len(solved) == 3:
                raise KeyboardInterrupt
            return usual(*given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(study, "replicate_batch", third_time_interrupted)
        with pytest.raises(KeyboardInterrupt):
            replicate(run, out=out)
        assert not out.exists()
        assert Pieces(pieces_of(out), "").count == 2
        found = replicate(run, out=out)
        assert len(solved) == 4
        assert not pieces_of(out).exists()
        assert found.batches == replicate(run).batches
        record = json.loads((out / "replications.json").read_text())
        assert record["answer"]["upper"] == pytest.approx(found.answer.upper)
        assert {p.name for p in out.iterdir()} == {"replications.json", "report.html", "looks.csv", "batches.csv"}

    def test_pieces_of_other_settings_are_refused(self, run: api.Run, tmp_path: Path) -> None:
        Pieces.of(tmp_path / "found", "something else")
        with pytest.raises(CheckpointError, match="other settings"):
            replicate(run, out=tmp_path / "found")

    def test_half_a_piece_is_none(self, tmp_path: Path) -> None:
        pieces = Pieces.of(tmp_path / "found", "mark")
        pieces.put("one", {"a": 1})
        assert pieces.get("one") == {"a": 1}
        (pieces_of(tmp_path / "found") / "one.json").write_text('{"a":')
        assert pieces.get("one") is None

    def test_an_output_that_exists_is_refused_first(self, run: api.Run, tmp_path: Path) -> None:
        with pytest.raises(api.OutputError, match="exists already"):
            replicate(run, out=tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"batches": 1},
        {"scenarios": 1},
        {"level": 1.0},
        {"gap": -0.1},
        {"time_limit": 0.0},
        {"threads": -1},
        {"target": 0.0},
        {"max_scenarios": 20},
        {"target": 0.1, "max_scenarios": 4},
    ],
)
def test_refused(run: api.Run, wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        replicate(run, **wrong)


def test_a_run_that_was_edited_is_refused(run: api.Run) -> None:
    other = replace(run, solution=replace(run.solution, objective=run.solution.objective * 1.01))
    with pytest.raises(RunError, match="own scenarios"):
        replicate(other)


def test_progress(run: api.Run) -> None:
    told: list[Step] = []
    replicate(run, progress=told.append)
    assert [(s.done, s.total) for s in told if "batches of 8" in s.phase] == [(0, 3), (1, 3), (2, 3)]
