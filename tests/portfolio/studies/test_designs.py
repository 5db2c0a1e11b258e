"""Designs and indices against functions whose indices are known, and what may be varied."""

from __future__ import annotations

import math

import numpy as np
import pytest

from portfolio.report.errors import UsageError
from portfolio.studies.designs import Design, lines, make, size
from portfolio.studies.indices import effects, indices
from portfolio.studies.varied import take_apart
from tests.builders import tiny_case

RATE, CAPEX, WEIGHT = "hazards.rate[embargo]", "projects.capex_usd_m[mine]", "objective.cost_weight"


def varied(*texts: str):  # type: ignore[no-untyped-def]
    return take_apart(texts)


def drawn(kind: str, samples: int, numbers: int) -> tuple[Design, np.ndarray]:
    """A design of numbers from -pi to pi, and its values as they would go into cases."""
    places = (RATE, CAPEX, WEIGHT)[:numbers]
    design = make(kind, varied(*(f"{p}=-{math.pi}:{math.pi}" for p in places)), samples, seed=3)
    return design, np.array([[float(cell or "nan") for cell in row] for row in design.rows])


def by_name(found, name: str):  # type: ignore[no-untyped-def]
    return [i for i in found if i.name == name]


def test_sobol_indices_of_ishigami() -> None:
    """First 0.3139, 0.4424, 0; total 0.5576, 0.4424, 0.2437 (Ishigami and Homma 1990, a = 7, b = 0.1)."""
    pytest.importorskip("SALib")
    design, x = drawn("sobol", 2048, 3)
    assert x.shape == (2048 * 5, 3)
    y = np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    found = indices(design, y, 0.95, seed=1)
    for name, truth in (("first", (0.3139, 0.4424, 0.0)), ("total", (0.5576, 0.4424, 0.2437))):
        for index, value in zip(by_name(found, name), truth, strict=True):
            assert index.estimate == pytest.approx(value, abs=0.02)
            assert index.low < index.estimate < index.high
            assert index.low - 0.01 <= value <= index.high + 0.01


def test_additive_function_has_total_equal_to_first() -> None:
    """y = 1 x + 2 x + 3 x: variances 1 : 4 : 9, no interactions."""
    pytest.importorskip("SALib")
    design, x = drawn("sobol", 1024, 3)
    found = indices(design, x @ np.array([1.0, 2.0, 3.0]), 0.95, seed=1)
    for name in ("first", "total"):
        assert [i.estimate for i in by_name(found, name)] == pytest.approx([1 / 14, 4 / 14, 9 / 14], abs=0.01)


def test_morris_effects_of_a_linear_function_are_its_slopes() -> None:
    """Slope times the whole range, 2 pi, without spread; with x0 x1 added, sigma of 0 and 1 rises, of 2 does not."""
    pytest.importorskip("SALib")
    design, x = drawn("morris", 20, 3)
    assert x.shape == (20 * 4, 3)
    line = x @ np.array([1.0, -2.0, 3.0])
    found = indices(design, line, 0.9, seed=1)
    assert [i.estimate for i in by_name(found, "mu")] == pytest.approx(2 * math.pi * np.array([1.0, -2.0, 3.0]))
    assert [i.estimate for i in by_name(found, "mu_star")] == pytest.approx(2 * math.pi * np.array([1.0, 2.0, 3.0]))
    assert [i.estimate for i in by_name(found, "sigma")] == pytest.approx([0.0] * 3, abs=1e-9)
    bent = indices(design, line + x[:, 0] * x[:, 1], 0.9, seed=1)
    sigma = by_name(bent, "sigma")
    assert sigma[0].low > 0.1
    assert sigma[1].low > 0.1
    assert sigma[2].estimate == pytest.approx(0.0, abs=1e-9)
    own = effects(design.unit, line + x[:, 0] * x[:, 1])
    assert [i.estimate for i in sigma] == pytest.approx(list(own.std(axis=1, ddof=1)), abs=1e-9)


def test_hypercube_has_one_value_in_every_slice_and_ranks_tell_what_rises() -> None:
    design, x = drawn("lhs", 40, 2)
    slices = np.floor((x / math.pi + 1) / 2 * 40)
    assert all(sorted(slices[:, n]) == list(range(40)) for n in range(2))
    found = indices(design, np.exp(x[:, 0]), 0.95, seed=1)
    assert found[0].estimate == pytest.approx(1.0)
    assert found[1].low < 0.0 < found[1].high


def test_constant_output_has_no_parts_and_no_effects() -> None:
    pytest.importorskip("SALib")
    design, x = drawn("sobol", 8, 2)
    assert all(math.isnan(i.estimate) for i in indices(design, np.full(len(x), 5.0), 0.95, seed=1))
    design, x = drawn("morris", 4, 2)
    assert all(i.estimate == 0.0 for i in indices(design, np.full(len(x), 5.0), 0.95, seed=1))


def test_a_design_depends_on_its_seed_alone() -> None:
    v = varied(f"{RATE}=0.1:0.3", f"{CAPEX}*=0.5:2")
    assert make("lhs", v, 7, seed=1).rows == make("lhs", v, 7, seed=1).rows
    assert make("lhs", v, 7, seed=1).rows != make("lhs", v, 7, seed=2).rows


def test_grid_and_one_at_a_time() -> None:
    v = varied(f"{RATE}=0.1:0.3:3", f"{CAPEX}*=1,0.5")
    assert v[0].values == ("0.1", "0.2", "0.3")
    assert v[1].values == ("0.5", "1")
    grid = make("grid", v, None, seed=0)
    assert grid.rows[:2] == (("0.1", "0.5"), ("0.1", "1"))
    assert len(grid.rows) == size("grid", v, None)[0] == 6
    oat = make("oat", v, None, seed=0)
    assert oat.rows[0] == (None, None)
    assert oat.rows[4:] == ((None, "0.5"), (None, "1"))
    assert size("oat", v, None)[0] == len(oat.rows) == 6


def test_lines_run_through_rows_that_differ_in_one_number_and_through_the_case() -> None:
    v = varied(f"{RATE}=0.1:0.3:2", f"{CAPEX}*=0.5,2")
    base = ("0.2", "1")
    found = lines(make("oat", v, None, seed=0).rows, v, base)
    assert found == [
        (0, (("0.1", None), (None, None), ("0.3", None))),
        (1, ((None, "0.5"), (None, None), (None, "2"))),
    ]
    assert sorted(n for n, _ in lines(make("grid", v, None, seed=0).rows, v, base)) == [0, 0, 1, 1]


def test_lists_and_whole_numbers_are_steps_of_a_range() -> None:
    (fund, year) = varied("policy.release=disrupted,any", "projects.first_production[mine]=2028:2031")
    assert [fund.at(u) for u in (0.0, 0.49, 0.51, 1.0)] == ["disrupted", "disrupted", "any", "any"]
    assert [year.at(u) for u in (0.0, 0.4, 1.0)] == ["2028", "2029", "2031"]
    assert fund.between("disrupted", "any") is None
    assert year.between("2028", "2029") is None
    assert year.between("2028", "2030") == "2029"


def test_values_in_the_case() -> None:
    case = tiny_case()
    rate, factor, budget, every = varied(
        f"{RATE}=0.1:0.3", f"{CAPEX}*=1:2", "budgets.budget_usd_m[EUF,2027]=1:2", "materials.price_now=1:2"
    )
    assert rate.in_case(case) == "0.2"
    assert factor.in_case(case) == "1"
    assert budget.in_case(case) == "150"
    assert every.in_case(case) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hazards.rate", "not a number to vary"),
        ("hazards.rate=0.3:0.1:3", "give the lower end first"),
        ("hazards.rate=0.1:0.3:1", "n at least 2"),
        ("hazards.rate=0.1:x:3", "a range is a:b:n"),
        ("hazards.rate=0.1", "two values or more"),
        ("policy.release=1:2", "is no number, so it has no range"),
        ("hazards.rate*=1,x", "factors have to be numbers"),
    ],
)
def test_what_cannot_be_varied(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        varied(text)


def test_unknown_places_name_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'rate'"):
        varied("hazards.rats=1:2")


def test_the_same_place_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="varied twice"):
        varied(f"{RATE}=0.1:0.3", f"{RATE}*=1:2")


def test_sizes_that_do_not_suit() -> None:
    v = varied(f"{RATE}=0.1:0.3", f"{CAPEX}*=1:2")
    assert size("sobol", v, 64) == (256, "64 x (2 + 2)")
    assert size("morris", v, None) == (30, "10 x (2 + 1)")
    for kind, samples, why in (
        ("sobol", 63, "power of 2: 32 or 64"),
        ("grid", 5, "leave out --samples"),
        ("lhs", 30_000, "the most is"),
        ("best", None, "unknown design"),
    ):
        with pytest.raises(UsageError, match=why):
            size(kind, v, samples)
