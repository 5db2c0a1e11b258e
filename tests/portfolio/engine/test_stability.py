"""The report on a programme's numbers, and the objective's scale."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from portfolio.engine.assembled import compile_instance
from portfolio.engine.decomposition import minimise, zero_start
from portfolio.engine.programme import TwoStage
from portfolio.engine.protocol import Limits
from portfolio.engine.stability import SAMPLE, Range, Stability, scaled, stability
from tests.models.instances import VARIATIONS
from tests.portfolio.engine.textbook import FARMER_TOPS, Plain, extensive, facilities, farmer, lands_three, same


def paid(plain: Plain, scale: float) -> Plain:
    return replace(plain, c=[scale * v for v in plain.c], q=[scale * v for v in plain.q], offset=scale * plain.offset)


def ranges(report: Stability) -> dict[str, Range]:
    return {r.name: r for r in report.ranges}


def test_ranges_of_the_farmer() -> None:
    found = ranges(stability(farmer().two_stage()))
    expected = {
        "first-stage costs": (150, 260),
        "first-stage coefficients": (1, 1),
        "first-stage right-hand sides": (500, 500),
        "first-stage bounds": (500, 500),
        "recourse costs": (10, 238),
        "recourse coefficients": (1, 1),
        "right-hand sides": (200, 6000),
        "effects in one step": (2, 24),
        "data": (1, 24),
    }
    for name, (least, largest) in expected.items():
        assert (found[name].least, found[name].largest) == pytest.approx((least, largest))
    assert found["effects in one step"].orders == pytest.approx(np.log10(12))
    for name in ("recourse bounds", "effects on definitions", "effects of definitions"):
        assert (found[name].count, found[name].orders) == (0, 0.0)


def test_bounds_that_are_data_and_effects_in_two_steps() -> None:
    plain = replace(farmer(), y_upper=[[9, 9, 9, 9, 6000, 7.0 + s] for s in range(3)])
    found = ranges(stability(plain.two_stage(through=True)))
    assert (found["recourse bounds"].least, found["recourse bounds"].largest) == (7.0, 6000.0)
    assert found["effects in one step"].count == 0
    one, two = found["effects on definitions"], found["effects of definitions"]
    assert (one.least, one.largest) == pytest.approx((2, 7.2))
    assert (two.least, two.largest) == pytest.approx((0.5, 12))


@pytest.mark.parametrize("name", VARIATIONS)
def test_what_is_plain_is_not_warned_of(name: str) -> None:
    assert stability(compile_instance(VARIATIONS[name]()).programme).warnings == ()


def test_units_of_data_alone_are_no_matter() -> None:
    """Data of a million by a coefficient of a millionth, beside data of a millionth by a million."""
    plain = farmer().two_stage()
    units = np.array([1.0, 1e6, 1e-6, 1.0])
    direct = replace(plain.direct, coefficient=plain.direct.coefficient / units[plain.direct.datum])
    other = replace(plain, direct=direct, data=lambda which: units[:, None] * plain.data(which))
    report = stability(other)
    assert ranges(report)["data"].orders > 12
    assert report.warnings == ()
    effects = [ranges(stability(p))["effects in one step"] for p in (plain, other)]
    assert effects[0].largest == pytest.approx(effects[1].largest)


@pytest.mark.parametrize("plain", [farmer(), farmer().complemented(FARMER_TOPS), lands_three(), facilities(1)])
def test_textbooks_are_not_warned_of(plain: Plain) -> None:
    assert stability(plain.two_stage()).warnings == ()


def _tiny_effect() -> Plain:
    T = np.array(farmer().T)
    T[0, 0, 0] = 1e-13
    return replace(farmer(), T=T.tolist())


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        (paid(farmer(), 1e-9), ["first-stage costs are extreme", "money in units 1e-07 times as large"]),
        (paid(farmer(), 1e9), ["recourse costs are extreme", "money in units 1e+11 times as large"]),
        (replace(farmer(), upper=[1e12] * 3), ["first-stage bounds are extreme", "units 1e+12 times as large"]),
        (replace(farmer(), rows=[([1, 1e-7, 1], "<=", 500)]), ["first-stage coefficients are extreme"]),
        (replace(farmer(), h=[[1e-8, 240, 0, -6e5]] * 3), ["right-hand sides spread over 14 orders of magnitude"]),
        (_tiny_effect(), ["effects in one step spread over 14 orders"]),
    ],
)
def test_warnings(plain: Plain, words: list[str]) -> None:
    report = stability(plain.two_stage())
    for part in words:
        assert any(part in text for text in report.warnings), report.warnings


@pytest.mark.parametrize(("largest", "count"), [(1.9, 0), (2.1, 1)])
def test_where_a_range_becomes_wide(largest: float, count: int) -> None:
    """Nine orders of magnitude for costs, twelve for what is random."""
    wide = replace(farmer(), c=[2e-6, 2.0, largest * 1e3])
    random = replace(farmer(), h=[[2e-8, 240, 0, -largest * 1e4]] * 3)
    for plain, name in ((wide, "first-stage costs"), (random, "right-hand sides")):
        texts = stability(plain.two_stage()).warnings
        assert len([t for t in texts if t.startswith(f"{name} spread")]) == count


def test_lines_and_record() -> None:
    report = stability(paid(farmer(), 1e-9).two_stage())
    lines = report.as_lines()
    assert len(lines) == len(report.ranges) + len(report.warnings)
    assert lines[0] == "first-stage costs              1.5e-07 to  2.6e-07  (0.2 orders)"
    assert any(line.endswith("none") for line in lines)
    assert sum(line.startswith("warning: ") for line in lines) == len(report.warnings) >= 2
    record = json.loads(json.dumps(report.as_record(), allow_nan=False))
    assert record["ranges"]["first-stage costs"]["largest"] == pytest.approx(2.6e-7)
    assert record["warnings"] == list(report.warnings)


def test_no_more_than_a_sample_is_looked_at() -> None:
    """Runs spread from the first to the last scenario."""
    count, seen = 5 * SAMPLE, []
    plain = replace(farmer([1.0] * 3), probability=[1 / 3] * 3)
    programme = plain.two_stage()

    def data(which: slice) -> np.ndarray:
        seen.extend(range(which.start, which.stop))
        return np.ones((programme.define.shape[1], which.stop - which.start))

    large = replace(programme, probability=np.full(count, 1 / count), data=data)
    assert stability(large).warnings == ()
    assert len(seen) == len(set(seen)) == SAMPLE
    assert (seen[0], seen[-1]) == (0, count - 1)


def solve(programme: TwoStage) -> tuple[float, float]:
    start = zero_start(programme)
    limits = Limits(gap=1e-9, time_limit_s=60, threads=1)
    found = minimise(programme, limits, starts=[] if start is None else [start])
    return found.objective, found.bound


@pytest.mark.parametrize("scale", [1e-12, 1e-9, 1e-6, 1e7, 1e12])
@pytest.mark.parametrize("plain", [farmer().complemented(FARMER_TOPS), facilities(1)])
def test_scaled_objective(plain: Plain, scale: float) -> None:
    """Costs by any factor: the scaled programme has the optimum of the plain one, times that factor."""
    programme, factor = scaled(paid(plain, scale).two_stage())
    objective, bound = solve(programme)
    assert objective / factor == pytest.approx(scale * extensive(plain).value, rel=1e-7)
    assert bound / factor == pytest.approx(scale * extensive(plain).value, rel=1e-7)
    costs = [r for r in stability(programme).ranges if r.kind == "cost"]
    assert all(1e-6 < r.least <= r.largest < 1e6 for r in costs)


def test_scaling_changes_no_digit() -> None:
    plain = paid(farmer().complemented(FARMER_TOPS), 1e-9).two_stage()
    programme, factor = scaled(plain)
    assert np.log2(factor) == round(np.log2(factor)) > 0
    assert (programme.cost / factor == plain.cost).all()
    assert (programme.first.cost / factor == plain.first.cost).all()
    assert programme.first.offset / factor == plain.first.offset
    assert programme.matrix is plain.matrix
    assert programme.direct is plain.direct


def test_what_is_plain_stays_as_it_is() -> None:
    nothing = replace(farmer(), c=[0] * 3, q=[0] * 6, T=same([[1, 0, 0]] * 4, 3))
    for plain in (farmer(), nothing):
        programme = plain.two_stage()
        assert scaled(programme) == (programme, 1.0)
