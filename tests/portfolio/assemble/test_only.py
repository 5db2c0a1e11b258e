"""A portfolio chosen on one sample keeps its meaning on another: same options, same charges, whatever is sampled."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from models import Decision
from portfolio.assemble import Assembly, assemble, resampled
from portfolio.case.records import Case
from portfolio.engine.assembled import compile_for_any, compile_instance, rebound
from portfolio.evaluation.outcomes import Recourse
from portfolio.scenarios import sample
from portfolio.scenarios.drivers import Drivers
from tests.portfolio.assemble.test_chunks import assembled, rich_case


def test_chosen_options_keep_financing_and_charges() -> None:
    case = rich_case()
    whole = assembled(case, 40)
    only = list(whole.instance.options)[::3]
    assert 1 < len(only) < len(whole.instance.options)
    part = assemble(case, sample(case, 25, 9), sample(case, 40, 2), only=only)
    assert list(part.instance.options) == only
    for key in only:
        assert part.instance.options[key] == whole.instance.options[key]
        assert repr(part.choices[key[:2]]) == repr(whole.choices[key[:2]])
    shares = {k: v for k, v in whole.instance.shares.items() if (k[1], k[3], k[4]) in only}
    assert part.instance.shares == shares
    assert repr(part.commitments) == repr({k: whole.commitments[k] for k in shares})


def test_an_option_that_yields_nothing_on_a_sample_stays() -> None:
    """A plant so late that most samples do not see it produce is an option where one does, and stays one."""
    case = rich_case()
    late = replace(case.projects[0], first_production=2030.0, delay_mean_y=3.0, delay_sd_y=3.0, p_by_2040=0.9)
    case = replace(case, projects=(late, *case.projects[1:]))
    key = next(k for k in assembled(case, 400).instance.options if k[0] == late.project)
    one = next(
        d for n in range(400)
        if key not in assembled_on(case, d := sample(case, 1, 5, first=n)).instance.options
    )  # fmt: skip
    kept = assemble(case, one, sample(case, 40, 2), only=[key])
    assert list(kept.instance.options) == [key]
    assert not kept.instance.scenarios.output.any()


def test_an_option_beyond_the_budgets_stays() -> None:
    """What was chosen is measured, whatever it costs: budgets are the business of whoever chooses."""
    case = rich_case()
    key = next(iter(assembled(case, 20).instance.options))
    poor = replace(case, budgets=tuple(replace(b, budget_usd_m=0.0) for b in case.budgets))
    assert key not in assembled(poor, 20).instance.options
    kept = assemble(poor, sample(poor, 20, 1), sample(poor, 40, 2), only=[key])
    assert list(kept.instance.options) == [key]


def assembled_on(case: Case, drivers: Drivers) -> Assembly:
    return assemble(case, drivers, sample(case, 40, 2))


def test_unknown_options_are_refused() -> None:
    case = rich_case()
    good = next(iter(assembled(case, 5).instance.options))
    args = (case, sample(case, 5, 1), sample(case, 40, 2))
    with pytest.raises(ValueError, match="no window 1999"):
        assemble(*args, only=[(*good[:2], 1999)])
    with pytest.raises(ValueError, match="cannot be financed as moon: the case has no such option"):
        assemble(*args, only=[(good[0], "moon", good[2])])
    never = replace(case.settings, policy=replace(case.settings.policy, never=(good[0],)))
    with pytest.raises(ValueError, match="on the never list"):
        assemble(replace(case, settings=never), *args[1:], only=[good])


def test_resampled_is_assembled_anew() -> None:
    case = rich_case()
    first = assembled(case, 30)
    other = sample(case, 20, 8)
    again = resampled(first, other)
    anew = assemble(case, other, first.cost_drivers, only=first.instance.options)
    assert again.instance.options == anew.instance.options
    assert np.array_equal(again.incumbents, anew.incumbents)
    for f in fields(anew.instance.scenarios):
        a, b = (np.asarray(getattr(x.instance.scenarios, f.name)) for x in (again, anew))
        assert np.array_equal(a, b), f.name


def test_compiled_once_for_any_sample() -> None:
    """Compiled on a scenario in which nothing runs, the recourse of others is as if compiled on them."""
    case = rich_case()
    whole = assembled(case, 60)
    chosen = next(
        k for k in whole.instance.options if whole.instance.scenarios.output[:, whole.instance.option_index[k]].any()
    )
    decision = Decision(select={chosen: 1.0})
    idle = np.flatnonzero(
        ~np.asarray(whole.instance.scenarios.output)[:, whole.instance.option_index[chosen]].any(axis=1)
    )
    assert idle.size
    alone = assemble(case, whole.drivers.rows(idle[:1]), whole.cost_drivers, only=[chosen])
    arrays = compile_for_any(alone.instance)
    again = resampled(alone, whole.drivers)
    found = Recourse(again.instance, rebound(arrays, again.instance)).outcomes(decision)
    expected = Recourse(whole.instance, compile_instance(whole.instance)).outcomes(decision)
    assert found.weighted == pytest.approx(expected.weighted, rel=1e-9)
    assert (
        found.weighted.sum()
        < Recourse(whole.instance, compile_instance(whole.instance)).outcomes(Decision()).weighted.sum()
    )
    # What is compiled on the idle scenario alone misses what the plant yields in the others.
    short = Recourse(again.instance, rebound(compile_instance(alone.instance), again.instance)).outcomes(decision)
    assert short.weighted.sum() > expected.weighted.sum()
