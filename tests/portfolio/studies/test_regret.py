"""``regret`` on a case whose switching rate is known in closed form, and every figure by a second route."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console
from scipy import stats

from portfolio import api
from portfolio.case import read_case
from portfolio.case.records import Case
from portfolio.case.tables import Demand, Hazard, Supplier
from portfolio.cli import main
from portfolio.engine.checkpoint import CheckpointError
from portfolio.evaluation.fresh import fix, in_chunks
from portfolio.evaluation.intervals import paired_difference
from portfolio.evaluation.regret import Measure, regret_table
from portfolio.report.errors import UsageError
from portfolio.report.pieces import pieces_of
from portfolio.report.regret_summary import _choice, summary
from portfolio.scenarios.opinions import Opinion
from portfolio.studies import regret as study

TINY = Path(__file__).resolve().parents[3] / "inputs" / "tiny"

RATE, EVENTS = 0.25, 2.0
SWITCH = -np.log(0.8)
"""Events a year at which HOME and INLAND are worth the same; see :func:`two_plants`."""
QUANTILE = float(stats.gamma.cdf(SWITCH, EVENTS + 0.5, scale=RATE / (EVENTS + 0.5)))


def two_plants() -> Case:
    """Money for one plant: HOME, 80 t/y whatever happens, or INLAND, 200 t/y from the country that may stop exports.

    Demand is 1,000 t/y and imports 900 t/y, none in an embargo. In the part 1 - phi of a year that is calm HOME leaves
    20 t/y short and INLAND nothing; in the rest HOME leaves 920 and INLAND 1,000. HOME is better where
    20 (1 - phi) + 920 phi < 1000 phi, in the mean where E phi > 0.2. Embargoes last twelve months each, and start as a
    Poisson process of rate r. A month of a warmed-up year is not covered by any with probability exp(-r), by Campbell's
    formula for products, so E phi = 1 - exp(-r) in the years in which the plants produce, 2029 and 2030.
    """
    case = read_case(TINY)
    settings = case.settings
    sampling = replace(settings.sampling, scenarios=200, uncertain_rates=True)
    finance = replace(settings.finance, crisis_access=1.0, crisis_performance=1.0)
    free = replace(settings.objective, cost_weight=0.0)
    plant = next(p for p in case.projects if p.project == "INTEG")
    home = replace(plant, project="HOME", opex_usd_m_y=1.0)
    output = replace(next(o for o in case.project_outputs if o.project == "INTEG"), project="HOME", capacity_tpy=80.0)
    return replace(
        case,
        settings=replace(settings, sampling=sampling, finance=finance, objective=free),
        regions=tuple(replace(r, market_access=float(r.region == "JP")) for r in case.regions),
        instruments=tuple(i for i in case.instruments if i.instrument != "grant"),
        eligibility=tuple(e for e in case.eligibility if e.instrument != "grant"),
        demand=(
            Demand(region="EU", stage="separation", material="NdPr", year=2027, low=1.0, base=1.0, high=1.0),
            Demand(region="JP", stage="separation", material="NdPr", year=2027, low=1e3, base=1e3, high=1e3),
        ),
        suppliers=(
            Supplier(supplier="home", country="MYS", role="import", region="EU", stage="separation", material="NdPr",
                     capacity_tpy=10.0),
            Supplier(supplier="china", country="CHN", role="import", region="JP", stage="separation", material="NdPr",
                     capacity_tpy=900.0),
        ),
        hazards=(
            Hazard(hazard="embargo", country="CHN", kind="export", rate=RATE, rate_events=EVENTS, severity_mean=1.0,
                   duration_median_months=12.0),
            Hazard(hazard="far", country="BRA", kind="outage", rate=0.5, severity_mean=0.5, duration_median_months=3.0),
        ),
        projects=(home, replace(home, project="INLAND", country="CHN")),
        project_outputs=(output, replace(output, project="INLAND", capacity_tpy=200.0)),
    )  # fmt: skip


GIVEN = {"single": 0, "fresh": 1500, "gap": 1e-4}


@pytest.fixture(scope="module")
def run() -> api.Run:
    return api.solve(two_plants(), gap=1e-4)


@pytest.fixture(scope="module")
def found(run: api.Run) -> api.Regret:
    return api.regret(run, **GIVEN)  # type: ignore[arg-type]


def chosen(found: api.Regret, candidate: str) -> set[str]:
    rows = found.projects
    return set(rows.loc[rows["candidate"] == candidate, "project"])


def test_which_plant_at_which_rate(found: api.Regret) -> None:
    table = found.opinions.set_index("opinion")
    for q in study.QUANTILES:
        expected = {"INLAND"} if q < QUANTILE else {"HOME"}
        assert chosen(found, table.loc[f"export at {100 * q:g} %", "best"]) == expected


def test_the_switch_is_where_it_is_known_to_be(found: api.Regret) -> None:
    (row,) = found.switch_table.to_dict("records")
    assert (row["group"], row["hazard"], row["claimed"]) == ("export", "embargo", 1)
    assert (chosen(found, row["before"]), chosen(found, row["after"])) == ({"INLAND"}, {"HOME"})
    assert row["quantile_low"] < QUANTILE < row["quantile_high"]
    assert row["quantile_high"] - row["quantile_low"] < 0.2
    assert row["rate_low"] < SWITCH < row["rate_high"]
    assert stats.gamma.cdf(row["rate"], 2.5, scale=0.1) == pytest.approx(row["quantile"])


@pytest.mark.parametrize("quantile", [0.05, 0.95])
def test_costs_against_the_closed_form(found: api.Regret, quantile: float) -> None:
    """Mean shortfall of 2029 and 2030 under both plants, and of the years before them under neither."""
    rate = float(stats.gamma.ppf(quantile, 2.5, scale=0.1))
    # Calm part of the months of the cold start: month m has been reached by events of the last m + 1/2 months.
    before = np.array([np.exp(-rate * min(m + 0.5, 12.0) / 12.0) for m in range(24)])
    phi = 1.0 - np.exp(-rate)
    start = float(np.mean(1000.0 - 900.0 * before)) * 2
    expected = {"HOME": start + 2 * (20.0 * (1 - phi) + 920.0 * phi), "INLAND": start + 2 * 1000.0 * phi}
    rows = found.matrix.set_index(["opinion", "candidate"])
    for name in {c.name for c in found.candidates}:
        row, (plant,) = rows.loc[(f"export at {100 * quantile:g} %", name)], chosen(found, name)
        assert row["cost_low"] < expected[plant] < row["cost_high"]


def test_matrix_against_portfolios_measured_one_by_one(run: api.Run, found: api.Regret) -> None:
    opinion = Opinion.at("export", ("embargo",), 0.75)
    case = opinion.of(two_plants())
    paid = []
    for candidate in found.candidates:
        fixed = fix(two_plants(), candidate.decision)
        measured = fixed.measure(in_chunks(case, found.scenario_count, found.seed), found.scenario_count)
        constant = run.assembly.instance.cost_weight * fixed.public_cost_usd_m
        paid.append(measured.with_fund.weighted + measured.with_fund.side + constant)
    rows = found.matrix.loc[found.matrix["opinion"] == opinion.name]
    assert rows["cost"].to_numpy() == pytest.approx([p.mean() for p in paid], rel=1e-9)
    means = np.array([p.mean() for p in paid])
    assert rows["regret"].to_numpy() == pytest.approx(means - means.min(), abs=1e-9)
    if len(paid) == 2:
        worse, better = np.argsort(-means)
        d = paired_difference(paid[worse], paid[better])
        row = rows.iloc[int(worse)]
        assert (row["regret_low"], row["regret_high"]) == pytest.approx((max(d.low, 0.0), d.high), rel=1e-9)


def test_choices_follow_from_the_matrix(found: api.Regret) -> None:
    regrets = found.matrix.pivot_table(index="candidate", columns="opinion", values="regret", sort=False)
    most = regrets.max(axis=1)
    table = found.candidate_table.set_index("candidate")
    assert table["max_regret"].to_dict() == pytest.approx(most.to_dict(), abs=1e-9)
    assert found.summary()["minmax_regret"] == most.idxmin()
    for name, row in table.iterrows():
        assert regrets.loc[name, row["at"]] == pytest.approx(most[name])
        assert row["max_regret_low"] <= row["max_regret"] <= row["max_regret_high"]
    costs = found.matrix.loc[found.matrix["opinion"] == "posterior"].set_index("candidate")["cost"]
    assert found.summary()["least_mean"] == costs.idxmin()


def test_hazards_that_matter(run: api.Run) -> None:
    """The embargo matters, an outage where no plant stands does not: it is taken last."""
    found = api.regret(run, groups=(), single=1, screen=100, fresh=50, gap=1e-4)
    assert [s.hazard for s in found.swings] == ["embargo", "far"]
    assert found.swings[0].difference.low > 0
    assert found.swings[1].difference.estimate == 0.0
    assert [h.opinion.name for h in found.held] == ["posterior", "embargo at 5 %", "embargo at 95 %"]


def test_going_on(run: api.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches that were finished are not done again, and the answer is that of one go."""
    solve, asked = study.solved, []

    def third_time_interrupted(*given: object, **named: object) -> object:
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return solve(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(study, "solved", third_time_interrupted)
    few = GIVEN | {"fresh": 50, "quantiles": (0.1, 0.5, 0.9)}
    target = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        api.regret(run, out=target, **few)  # type: ignore[arg-type]
    assert not target.exists()
    with pytest.raises(CheckpointError, match="other settings"):
        api.regret(run, out=target, **(few | {"gap": 0.1}))  # type: ignore[arg-type]
    written = api.regret(run, out=target, **few)  # type: ignore[arg-type]
    assert len(asked) == 4
    assert not pieces_of(target).exists()
    again = api.regret(run, **few)  # type: ignore[arg-type]
    assert written.matrix.equals(again.matrix)
    assert {p.name for p in target.iterdir()} == {
        *(f"{name}.csv" for name in again.tables()),
        "regret.json",
        "report.html",
    }
    record = json.loads((target / "regret.json").read_text())
    assert record["minmax_regret"] == again.summary()["minmax_regret"]


def test_one_candidate_is_no_choice(found: api.Regret) -> None:
    """Where all searches end at one portfolio, nothing is said to be worse beyond noise."""
    said = _choice(replace(found, candidates=found.candidates[:1])).plain
    assert "nothing to compare" in said
    assert "worse beyond noise" not in said
    assert "nothing to compare" not in _choice(found).plain


def test_a_tie_is_said_to_be_one(found: api.Regret) -> None:
    """Largest regrets whose intervals overlap are a tie; the run's portfolio is kept where it is among them."""
    values = np.array([[10.0, 12.0], [30.0, 22.0]])
    two = replace(
        found, candidates=found.candidates[:2], held=found.held[:2], candidate_of=(0, 1), swings=(), switches=()
    )
    rng = np.random.default_rng(4)
    said = {}
    for noise in (0.1, 100.0):
        costs = list(values[:, :, None] + noise * rng.standard_normal((2, 2, 2000)))
        some = replace(two, table=regret_table(costs, Measure()))
        said[noise] = some.recommendation, _choice(some).plain
    clear, tie = said[0.1], said[100.0]
    assert clear[0].startswith(f"{found.candidates[1].name} regrets least")
    assert "tie" not in "".join(clear)
    assert tie[0].startswith("A tie: noise does not tell which of ")
    assert "Least largest regret: a tie between run, P1." in tie[1]
    assert all("nothing here says that another should replace it" in text for text in tie)


def test_summary_fits(found: api.Regret) -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(summary(found))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Least largest regret:" in text
    assert "Switching points" in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"quantiles": (0.5,)}, "two quantiles"),
        ({"quantiles": (0.0, 0.5)}, "between 0 and 1"),
        ({"groups": ("flood",)}, "no hazard is of the group 'flood'"),
        ({"groups": (), "single": 0}, "name a group"),
        ({"fresh": 1}, "at least 2"),
        ({"level": 1.0}, "level"),
        ({"gap": -1.0}, "gap"),
    ],
)
def test_refusals(run: api.Run, given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        api.regret(run, **(GIVEN | given))  # type: ignore[arg-type]


def test_command(run: api.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    api.solve(two_plants(), scenarios=20, gap=1e-3, out=tmp_path / "results" / "mine")
    usual = ["regret", "results/mine", "--single", "0", "--fresh", "20", "--quantiles", "0.1,0.9"]
    printed = CliRunner().invoke(main, usual)
    assert printed.exit_code == 0, printed.output
    assert "Folder: results/mine-regret" in printed.stdout
    record = json.loads(CliRunner().invoke(main, [*usual, "--json", "--out", "here"]).stdout)
    assert record["minmax_regret"] in {c["candidate"] for c in record["candidates"]}
    refused = CliRunner().invoke(main, ["regret", "results/mine", "--quantiles", "low,high"])
    assert refused.exit_code == 2
    assert "not a list of numbers" in refused.output
