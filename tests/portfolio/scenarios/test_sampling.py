"""What a scenario may and may not depend on; all equalities here are of bits, not of rounded numbers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pytest

from portfolio.case.settings import Horizon, Sampling
from portfolio.case.tables import Country
from portfolio.scenarios import Drivers, sample, sample_chunk, sample_in_chunks
from portfolio.scenarios.sampling import METHODS, leading_drivers
from portfolio.scenarios.sources import Lead, design_source
from tests.builders import tiny_case, tiny_hazard, tiny_material, tiny_project, tiny_settings

NAMES = [f.name for f in fields(Drivers)]
OF_PROJECTS = ["delay_y", "overrun", "success_u", "unaided_u", "restart_u", "rival_y", "takeover_y", "rival_allied"]
RISKY = {"delay_mean_y": 1.0, "delay_sd_y": 0.8, "overrun_mean": 0.1, "overrun_sd": 0.2, "rival_rate": 0.1}


def rich_case(**tables):
    """A case in which everything is uncertain."""
    defaults = {
        "materials": (
            tiny_material(volatility=0.3, price_loading=0.7, crisis_premium=2.0, crisis_volume=0.1),
            tiny_material(material="Dy", volatility=0.5, price_loading=0.5, price_now=300.0),
        ),
        "hazards": (
            tiny_hazard(rate=0.6, tension_loading=0.5, price_factor=1.3),
            tiny_hazard(hazard="storm", country="AUS", kind="outage", rate=0.8),
            tiny_hazard(hazard="licence", rate=0.7, regions=("JP",), materials=("Dy",), tension_loading=0.4),
            tiny_hazard(hazard="slump", kind="price", rate=0.3, price_factor=0.6, severity_sd=0.0),
        ),
        "projects": (
            tiny_project(**RISKY, rival_allied=0.5),
            tiny_project(project="plant", country="EST", **RISKY, rival_allied=0.3),
        ),
    }
    return tiny_case(**(defaults | tables))


def equal(left: Drivers, right: Drivers, names=NAMES) -> bool:
    return all(np.array_equal(getattr(left, n), getattr(right, n)) for n in names)


def rows(drivers: Drivers, which) -> Drivers:
    return replace(drivers, **{n: getattr(drivers, n)[which] for n in NAMES})


def joined(parts: list[Drivers]) -> Drivers:
    return replace(parts[0], **{n: np.concatenate([getattr(p, n) for p in parts]) for n in NAMES})


WITHOUT_PROBABILITY = [n for n in NAMES if n != "probability"]


def test_shapes_and_types():
    case = rich_case()
    drivers = sample(case, 7, 1)
    n, c, r, k, m, t, p = 7, 4, 2, 2, 2, 6, 2
    shapes = {
        "index": (n,), "probability": (n,), "disrupted": (n, m, t), "available": (n, c, r, k, m, t),
        "running": (n, c, k, m, t), "cut": (n, r, m, t), "price": (n, m, t), "realised": (n, m, t),
        "demand": (n, r, k, m, t),
    } | dict.fromkeys(OF_PROJECTS, (n, p))  # fmt: skip
    for name, shape in shapes.items():
        value = getattr(drivers, name)
        assert value.shape == shape, name
        expected = {"index": np.int64, "cut": np.bool_, "rival_allied": np.bool_}.get(name, np.float64)
        assert value.dtype == expected, name
        assert not np.isnan(value).any(), name
    assert drivers.probability.sum() == pytest.approx(1.0)
    assert drivers.size == 7


def test_scenarios_do_not_depend_on_count():
    few, many = sample(rich_case(), 20, 3), sample(rich_case(), 50, 3)
    assert equal(few, rows(many, slice(20)), WITHOUT_PROBABILITY)


@pytest.mark.parametrize("method", METHODS)
def test_chunks_are_the_sample(method):
    case = rich_case()
    whole = sample(case, 33, 3, method=method)
    parts = list(sample_in_chunks(case, 33, 3, chunk=10, method=method))
    assert [p.size for p in parts] == [10, 10, 10, 3]
    assert equal(joined(parts), whole)


def test_first_and_chosen_scenarios():
    case = rich_case()
    whole = sample(case, 40, 3)
    assert equal(sample(case, 10, 3, first=25), rows(whole, slice(25, 35)), WITHOUT_PROBABILITY)
    order = [31, 2, 17]
    chosen = sample_chunk(case, order, 3, 40)
    assert equal(chosen, rows(whole, order))
    assert sample_chunk(case, [], 3, 40).size == 0
    far = sample_chunk(case, [2**40], 3, 40)
    assert not equal(far, sample_chunk(case, [0], 3, 40), ["delay_y"])


def test_seeds_and_scenarios_differ():
    case = rich_case()
    a, b = sample(case, 30, 1), sample(case, 30, 2)
    for name in ("price", "demand", "delay_y", "success_u", "disrupted"):
        assert not np.array_equal(getattr(a, name), getattr(b, name)), name
        assert not np.array_equal(getattr(a, name)[0], getattr(a, name)[1]) or name == "disrupted"
    assert np.unique(a.success_u).size == 60


def reversed_case(case):
    """Every table of the case in reverse order, stages apart since theirs is the order of the chain."""
    tables = [f.name for f in fields(case) if f.name not in ("settings", "stages")]
    return replace(case, **{name: getattr(case, name)[::-1] for name in tables})


def test_permuting_rows_permutes_arrays_and_nothing_else():
    case = rich_case()
    one, other = sample(case, 60, 5), sample(reversed_case(case), 60, 5)
    assert np.array_equal(one.disrupted, other.disrupted[:, ::-1])
    assert np.array_equal(one.available, other.available[:, ::-1, ::-1, :, ::-1])
    assert np.array_equal(one.running, other.running[:, ::-1, :, ::-1])
    assert np.array_equal(one.cut, other.cut[:, ::-1, ::-1])
    assert np.array_equal(one.demand, other.demand[:, ::-1, :, ::-1])
    for name in ("price", "realised"):
        assert np.array_equal(getattr(one, name), getattr(other, name)[:, ::-1]), name
    for name in OF_PROJECTS:
        assert np.array_equal(getattr(one, name), getattr(other, name)[:, ::-1]), name


@pytest.mark.parametrize("method", METHODS)
def test_order_of_rows_does_not_matter_to_designs(method):
    case = rich_case()
    one, other = (sample(c, 16, 5, method=method) for c in (case, reversed_case(case)))
    assert np.array_equal(one.price, other.price[:, ::-1])
    assert np.array_equal(one.disrupted, other.disrupted[:, ::-1])


def test_another_project_changes_no_other():
    case = rich_case()
    more = rich_case(projects=(tiny_project(project="new", **RISKY), *case.projects))
    one, other = sample(case, 30, 5), sample(more, 30, 5)
    for name in OF_PROJECTS:
        assert np.array_equal(getattr(one, name), getattr(other, name)[:, 1:]), name
    assert equal(one, other, [n for n in NAMES if n not in OF_PROJECTS])


def test_another_hazard_changes_no_other():
    case = rich_case()
    new = tiny_hazard(hazard="a new one", country="MYS", kind="outage", rate=2.0)
    one, other = sample(case, 60, 5), sample(rich_case(hazards=(new, *case.hazards)), 60, 5)
    assert equal(one, other, [n for n in NAMES if n != "running"])
    elsewhere = [0, 1, 3]
    assert np.array_equal(one.running[:, elsewhere], other.running[:, elsewhere])
    assert not np.array_equal(one.running[:, 2], other.running[:, 2])


def test_another_country_material_or_year_changes_no_other():
    case = rich_case()
    one = sample(case, 30, 5)
    countries = sample(rich_case(countries=(Country(country="ZZZ"), *case.countries)), 30, 5)
    assert np.array_equal(one.available, countries.available[:, 1:])
    third = tiny_material(material="Tb", volatility=0.4)
    materials = sample(rich_case(materials=(third, *case.materials)), 30, 5)
    for name in ("disrupted", "price", "realised"):
        assert np.array_equal(getattr(one, name), getattr(materials, name)[:, 1:]), name
    assert equal(one, materials, OF_PROJECTS)
    horizon = Horizon(first_year=2027, last_year=2035, windows=(2027,))
    longer = sample(rich_case(settings=tiny_settings(horizon=horizon)), 30, 5)
    for name in ("disrupted", "available", "running", "cut", "price", "demand"):
        assert np.array_equal(getattr(one, name), getattr(longer, name)[..., :6]), name


def test_threads_do_not_matter():
    case = rich_case()
    alone = [sample(case, 40, seed) for seed in range(6)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: sample(case, 40, seed), range(6)))
    assert all(equal(a, b) for a, b in zip(alone, together, strict=True))


def test_method_comes_from_the_case():
    sobol = rich_case(settings=tiny_settings(sampling=Sampling(method="sobol")))
    assert equal(sample(sobol, 16, 1), sample(rich_case(), 16, 1, method="sobol"))
    assert not equal(sample(sobol, 16, 1), sample(rich_case(), 16, 1), ["demand"])


def test_the_methods_share_what_does_not_lead():
    case = rich_case()
    samples = [sample(case, 16, 1, method=m) for m in METHODS]
    for other in samples[1:]:
        # the storm does not load on the tension path, which leads
        assert equal(samples[0], other, [*OF_PROJECTS, "running"])
        for name in ("demand", "price", "disrupted"):
            assert not np.array_equal(getattr(samples[0], name), getattr(other, name)), name


@pytest.mark.parametrize("method", ["sobol", "latin_hypercube"])
def test_designs_fill_each_leading_dimension_evenly(method):
    case = rich_case()
    leads = leading_drivers(case)
    source = design_source(method, 3, np.arange(64), 64, leads)
    for lead in leads:
        drawn = source.draws(lead.kind, (lead.name,), lead.driver, lead.count)[0]
        for j in range(lead.count):
            assert sorted((drawn[:, j] * 64).astype(int)) == list(range(64)), lead


def test_leading_drivers_are_those_that_are_drawn():
    leads = leading_drivers(rich_case())
    assert Lead("hazard", "embargo", "count", 6) in leads
    assert Lead("hazard", "storm", "count", 6) not in leads
    assert sum(lead.count for lead in leads) == 1 + 6 + 2 + 2 * 6 + 6 + 2 * 6


@pytest.mark.parametrize("method", ["sobol", "latin_hypercube"])
def test_designs_beat_plain_sampling_on_means(method):
    """The error of mean demand over independent randomisations is far below 1/√count."""
    case = rich_case()
    means = {
        m: [sample(case, 64, seed, method=m).demand[:, 1, 1, 0, 0].mean() for seed in range(30)]
        for m in ("monte_carlo", method)
    }
    assert np.std(means[method]) < 0.85 * np.std(means["monte_carlo"])
    assert np.mean(means[method]) == pytest.approx(np.mean(means["monte_carlo"]), rel=0.02)


def test_sobol_points_do_not_depend_on_count():
    case = rich_case()
    few, many = (sample(case, n, 3, method="sobol") for n in (20, 50))
    assert equal(few, rows(many, slice(20)), WITHOUT_PROBABILITY)
    assert equal(sample(case, 10, 3, first=25, method="sobol"), rows(many, slice(25, 35)), WITHOUT_PROBABILITY)


def test_bad_arguments_are_named():
    case = rich_case()
    for call, text in (
        (lambda: sample(case, 0, 1), "count is 0"),
        (lambda: sample(case, 5, -1), "seed is -1"),
        (lambda: sample(case, 5, 1, first=-2), "negative"),
        (lambda: sample(case, 5, 1, method="halton"), "halton"),
        (lambda: sample(case, 5, 1, first=2, method="latin_hypercube"), "another seed"),
        (lambda: list(sample_in_chunks(case, 5, 1, chunk=0)), "chunk 0"),
        (lambda: sample_chunk(case, [9], 1, 5, method="sobol"), "scenario 9"),
        (lambda: sample_chunk(case, [0], 1, 0), "total is 0"),
        (lambda: sample_chunk(case, [[0]], 1, 5), "one-dimensional"),
    ):
        with pytest.raises(ValueError, match=text):
            call()
