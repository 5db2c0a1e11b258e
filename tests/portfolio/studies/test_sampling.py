"""``sampling``: from folders and records, variance ratios by hand, what is written, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from portfolio import api
from portfolio.case.ordering import ordered
from portfolio.evaluation.designs import variance_ratio
from portfolio.evaluation.fresh import fix
from portfolio.report.errors import UsageError
from portfolio.scenarios.philox import digest
from portfolio.scenarios.sampling import sample
from tests.portfolio.studies.cases import risky_case

TINY = Path(__file__).resolve().parents[3] / "inputs" / "tiny"


def test_of_a_case_folder(tmp_path: Path) -> None:
    found = api.sampling(TINY, scenarios=300, out=tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["moments.csv", "report.html", "sampling.json"]
    record = json.loads((tmp_path / "out" / "sampling.json").read_text(encoding="utf-8"))
    assert record["flagged"] == len(found.table.off) == 0
    assert len(record["moments"]) == len(found.moments)
    changed = api.sampling(TINY, scenarios=300, overrides=["hazards.rate*=2"])
    first = [t.loc[t["quantity"] == "events", "expected"].iloc[0] for t in (found.moments, changed.moments)]
    assert first[1] == 2 * first[0]


def test_variance_ratio_by_hand() -> None:
    """Randomisations drawn and measured one by one, in both worlds."""
    run = api.solve(risky_case(), scenarios=12, gap=0.001)
    found = api.sampling(run, scenarios=100, against=["sobol"], points=16, randomisations=8)
    assert found.variance_ratios[["figure", "world"]].to_numpy().tolist() == [
        ["weighted", "without"],
        ["weighted_cvar", "without"],
        ["weighted", "with"],
        ["weighted_cvar", "with"],
    ]
    fixed = fix(run.case, run.decision)
    means, worst = {}, {}
    for name in ("monte_carlo", "sobol"):
        values = []
        for k in range(8):
            seed = digest(run.case.settings.sampling.seed, "variance ratio", name, k) % 10**12
            values.append(fixed.on(sample(ordered(run.case), 16, seed, method=name)).with_fund.weighted)
        means[name] = np.mean(values, axis=1)
        # 5 % of 16 scenarios: less than one, the worst.
        worst[name] = np.max(values, axis=1)
    for row, by in ((2, means), (3, worst)):
        ratio = variance_ratio(by["monte_carlo"], by["sobol"], 0.95)
        shown = found.variance_ratios.iloc[row]
        assert shown["ratio"] == pytest.approx(by["monte_carlo"].var(ddof=1) / by["sobol"].var(ddof=1), rel=1e-6)
        assert (shown["low"], shown["high"]) == pytest.approx((ratio.low, ratio.high), rel=1e-6)
        assert shown["plain"] == pytest.approx(by["monte_carlo"].mean())


def test_of_a_case_there_is_no_fund() -> None:
    found = api.sampling(risky_case(), scenarios=100, against=["latin_hypercube"], points=8, randomisations=8)
    assert set(found.variance_ratios["world"]) == {"without"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"design": "halton"}, "unknown design"),
        ({"design": "sobol", "scenarios": 20}, "at least 32"),
        ({"against": ["sobol"], "randomisations": 4}, "at least 8"),
        ({"level": 1.0}, "between 0 and 1"),
    ],
)
def test_refusals(given: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        api.sampling(risky_case(), **given)  # type: ignore[arg-type]
