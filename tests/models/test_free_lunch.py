"""Free lunches are impossible: the most that any feasible plan reaches, found by maximising over the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

from models import Decision, Instance, Share, build_extensive_form
from models.expressions import total
from models.recourse import supply
from models.view import view_of
from portfolio.engine.assembled import compile_instance
from portfolio.engine.compile import compile_model
from portfolio.engine.extensive import ExtensiveForm
from portfolio.engine.highs import solve
from portfolio.engine.protocol import Limits
from portfolio.evaluation.outcomes import Outcomes, Recourse
from tests.models.instances import (
    Shape,
    altered,
    random_instance,
    rich,
    tiny_instance,
    with_promises,
    with_stock,
    with_transfers,
)
from tests.oracle import recourse_value, violations


def most(i: Instance, expression: Callable[[Any], Any]) -> float:
    """Largest value of an expression of the extensive form over all feasible plans."""
    model = build_extensive_form(i)
    model.objective.deactivate()
    model.most = pyo.Objective(expr=-expression(model))
    return -solve(compile_model(model).program).objective


def outcomes(i: Instance, decision: Decision) -> Outcomes:
    return Recourse(i, compile_instance(i)).outcomes(decision)


def delivered_everywhere(i: Instance) -> Callable[[Any], Any]:
    """Output of the plant that reaches any region in the first year of the first scenario, both blocks, t."""
    view, last = view_of(i, 0), len(i.stages) - 1
    return lambda model: total(
        supply(model.scenario[0], view, "captive", (r, last, 0, 0, b)) for r in range(len(i.regions)) for b in (0, 1)
    )


class TestATonneIsPromisedOnce:
    @pytest.mark.parametrize("promised_to", [None, -1, 0])
    def test_regions_together_get_no_more_than_output(self, promised_to: int | None) -> None:
        """All market access, all rights and all promises together: capacity times output, not a tonne more."""
        i = rich(tiny_instance(access=np.full((3, 2), 0.5), crisis_access=1.0, crisis_performance=1.0))
        i = i if promised_to is None else with_promises(i, promised_to)
        output = 60.0 * 0.7
        gone = 0.4 * output if promised_to == -1 else 0.0
        assert most(i, delivered_everywhere(i)) == pytest.approx(output - gone)

    @pytest.mark.parametrize("promised", [0.0, 0.4, 1.0])
    def test_rights(self, promised: float) -> None:
        """Offtake of half the output and equity in the gap of 0.3 of uses earn 0.8, where that much is free."""
        i = with_promises(rich(tiny_instance()), 0)
        i = altered(i, precommitted=i.precommitted * promised / 0.4)
        rights = [key for key in i.claims if key[1:3] == ("plant", "contracted")]
        earned = most(i, lambda m: total(m.rights[k] for k in rights)) if rights else 0.0
        assert earned == pytest.approx(min(0.8, 1.0 - promised), abs=1e-6)

    def test_offtake(self) -> None:
        """A right may be waived, an offtake may not: on promised tonnes it cannot stand."""
        i = with_promises(rich(tiny_instance()), 0)
        offtake = [k for k in i.shares if k[2] == "offtake"]
        assert most(i, lambda m: total(m.share[k] for k in offtake)) == pytest.approx(0.5)
        i = altered(i, precommitted=i.precommitted * 1.5)
        assert most(i, lambda m: total(m.share[k] for k in offtake)) == pytest.approx(0.0)

    def test_referee_notices(self) -> None:
        i = with_promises(tiny_instance(), 0)
        key = ("plant", "merchant", 2026)
        double = Decision(select={key: 1.0}, rights={("EU", *key): 0.7})
        assert "6" in {number for number, _ in violations(i, double)}


class TestMoney:
    @pytest.mark.parametrize("name", ["charge_usd_m", "cost_usd_m", "payout95_usd_m", "cap"])
    @pytest.mark.parametrize("value", [-1e-3, float("nan")])
    def test_no_negative_charge(self, name: str, value: float) -> None:
        """Nothing can lower the objective or widen a budget by being committed."""
        terms = {"charge_usd_m": 1.0, "cost_usd_m": 1.0, "payout95_usd_m": 1.0, "cap": 1.0, name: value}
        with pytest.raises(ValueError, match=name):
            Share(**terms)

    @pytest.mark.parametrize("seed", range(5))
    def test_public_cost_is_never_negative(self, seed: int) -> None:
        i = random_instance(seed)
        decision = ExtensiveForm().solve(i, Limits(gap=0.0)).decision
        assert decision is not None
        assert decision.public_cost(i) >= 0.0

    def test_no_support_without_money(self) -> None:
        """With a cent in all budgets nothing closes: no instrument is used at no charge."""
        i = tiny_instance(budget={("agency", 2026): 0.005, ("jogmec", 2026): 0.005})
        assert most(i, lambda m: total(m.select[k] for k in i.options)) == pytest.approx(0.0, abs=1e-6)


class TestNoMaterialFromNothing:
    def no_feed(self, demanded: float) -> Instance:
        """No mine and no imports at the first stage, plenty of processing, an embargo on the product."""
        i = with_transfers(rich(tiny_instance()), 1.0)
        imports, demand, toll = i.scenarios.imports.copy(), i.scenarios.demand.copy(), i.scenarios.toll.copy()
        imports[:, :, :, 0], demand[:, :, 0], toll[:] = 0.0, demanded, 1000.0
        captive = i.captive.copy()
        captive[:, 0] = 0.0
        return altered(i, imports=imports, demand=demand, toll=toll, captive=captive, reexport=i.scenarios.reexport * 0)

    @pytest.mark.parametrize("demanded", [0.0, 10.0])
    def test_intermediate_shortfall_feeds_nobody(self, demanded: float) -> None:
        i = self.no_feed(demanded)
        makes = most(i, lambda m: total(m.scenario[s].make[c] for s in m.scenario for c in m.scenario[s].make))
        assert makes == pytest.approx(0.0, abs=1e-6)

    def test_a_processor_without_feed_supplies_nothing(self) -> None:
        i = self.no_feed(0.0)
        key = ("refinery", "merchant", 2026)
        decision = Decision(select={key: 1.0}, rights={("EU", *key): 0.4})
        assert outcomes(i, decision).weighted == pytest.approx(outcomes(i, Decision()).weighted)

    def test_nor_is_it_financed(self) -> None:
        """(4c) the separator needs the mine."""
        i = rich(tiny_instance(incumbent_feed=np.zeros((2, 1)), captive=np.zeros((3, 2, 1))))
        assert most(i, lambda m: m.select["refinery", "merchant", 2026]) == pytest.approx(0.0, abs=1e-6)
        i = rich(tiny_instance(incumbent_feed=np.zeros((2, 1))))
        assert most(i, lambda m: m.select["refinery", "merchant", 2026]) == pytest.approx(1.0)
        together = most(i, lambda m: m.select["refinery", "merchant", 2026] - m.select["mine", "merchant", 2026])
        assert together == pytest.approx(0.0, abs=1e-6)

    def test_with_feed_it_does(self) -> None:
        """The other way round, so that the tests above say something."""
        i = tiny_instance()
        key = ("refinery", "merchant", 2026)
        decision = Decision(select={key: 1.0}, rights={("EU", *key): 0.4})
        assert outcomes(i, decision).weighted[0] < outcomes(i, Decision()).weighted[0] - 1.0


class TestStockpile:
    def stocked(self, **changes: Any) -> Instance:
        return altered(with_stock(rich(tiny_instance())), **{"opening": np.zeros((2, 1)), **changes})

    def released(self, i: Instance) -> float:
        return most(i, lambda m: total(m.scenario[0].release[c] for c in m.scenario[0].release))

    def test_no_purchases_in_an_embargo(self) -> None:
        embargo = np.ones((2, 1, 2))
        cut = np.ones((2, 2, 1, 2), dtype=bool)
        assert self.released(self.stocked(disrupted=embargo, cut=cut)) == pytest.approx(0.0, abs=1e-6)

    def test_purchases_in_the_calm_part_of_the_year(self) -> None:
        """Eight calm months buy two thirds, in the year of the purchase, at most the limit of 15 t."""
        i = self.stocked(disrupted=np.full((2, 1, 2), 1 / 3), purchase_limit=np.full((2, 1, 1), 15.0))
        assert self.released(i) == pytest.approx(15.0 * 2 / 3)

    def test_no_release_without_a_cut(self) -> None:
        i = self.stocked(cut=np.zeros((2, 2, 1, 2), dtype=bool))
        assert not list(build_extensive_form(i).scenario[0].release)


class TestReExport:
    """The first region is cut; the second receives from the supplier that cuts."""

    def sent(self, i: Instance, to: tuple[int, ...], origin: int = 1) -> float:
        return most(
            i,
            lambda m: total(
                m.scenario[0].transfer[key]
                for key in m.scenario[0].transfer
                if key[0] == origin and key[1] in to and key[5] == 0 and key[2] == 1
            ),
        )

    def test_embargoed_goods_stay(self) -> None:
        i = with_transfers(tiny_instance(process=np.zeros((3, 2, 1)), captive=np.zeros((3, 2, 1))), 1.0)
        i = altered(i, reexport=i.scenarios.reexport * 0, toll=i.scenarios.toll * 0)
        assert self.sent(i, (0,)) == pytest.approx(0.0, abs=1e-6)

    def test_goods_for_none_of_two_partners_are_not_counted_for_each(self) -> None:
        """Both partners are cut: the 15 t/y that may go on are shared, in two half years of embargo 15 t."""
        i = with_transfers(tiny_instance(Shape(regions=3)), 1.0)
        i = altered(i, captive=i.captive * 0, process=i.process * 0, toll=i.scenarios.toll * 0)
        assert self.sent(i, (0,)) == pytest.approx(15.0)
        assert self.sent(i, (0, 2)) == pytest.approx(15.0)

    @pytest.mark.parametrize("project", ["plant", "refinery"])
    def test_output_of_a_country_that_cuts_the_partner_stays(self, project: str) -> None:
        """Also what is only processed there."""
        i = with_transfers(rich(tiny_instance(incumbent_feed=np.full((2, 1), 60.0))), 1.0)
        keep = np.array([p == project for p in i.projects])[:, None, None]
        i = altered(
            i,
            captive=i.captive * keep,
            process=i.process * keep,
            reexport=i.scenarios.reexport * 0,
            toll=i.scenarios.toll * 0,
        )
        assert self.sent(i, (0,)) > 1.0
        available = i.scenarios.available.copy()
        available[:, i.countries.index(i.country_of[project]), 0] = 0.5
        assert self.sent(altered(i, available=available), (0,)) == pytest.approx(0.0, abs=1e-6)


class TestBlocks:
    """Four months of a 70 % cut, with a project that covers 60 % of demand by right."""

    def embargo(self, disrupted: float, imported: float) -> tuple[Instance, Decision]:
        i = tiny_instance(Shape(years=1, scenarios=1), crisis_performance=1.0)
        imports, toll = np.full_like(i.scenarios.imports, 100.0), i.scenarios.toll * 0
        imports[:, 0, 0, 1] = imported
        i = altered(
            i,
            disrupted=np.full((1, 1, 1), disrupted),
            imports=imports,
            toll=toll,
            output=np.ones_like(i.scenarios.output),
            contracted=np.ones_like(i.scenarios.contracted),
        )
        key = ("plant", "contracted", 2026)
        return i, Decision(select={key: 1.0}, rights={("EU", *key): 1.0})

    def test_four_months_show(self) -> None:
        """(100 - 30 - 60) / 3 = 3.3 % of annual demand."""
        i, decision = self.embargo(1 / 3, 30.0)
        assert outcomes(i, decision).shortfall.sum() == pytest.approx(10.0 / 3.0)
        arrays = recourse_value(i, decision, 0)[1]
        assert arrays["shallow"].sum() + arrays["deep"].sum() == pytest.approx(10.0 / 3.0)

    def test_an_average_year_would_not(self) -> None:
        i, decision = self.embargo(1.0, 100.0 - 70.0 / 3.0)
        assert outcomes(i, decision).shortfall.sum() == pytest.approx(0.0, abs=1e-9)
