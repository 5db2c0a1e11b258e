"""What may be chosen, what it is charged and what it yields: from a case to the programme."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models import Decision, Instance
from portfolio.assemble import Assembly, assemble, build
from portfolio.assemble.affordable import knapsack_rows, least_charges
from portfolio.case.records import Case
from portfolio.case.settings import Finance, Horizon, Policy, Title
from portfolio.case.tables import Budget, Eligibility, Instrument, Member, Stage, Stock, Structure
from portfolio.engine import Benders, ExtensiveForm, Limits
from portfolio.finance.types import CONVENTIONS
from portfolio.scenarios.sampling import sample
from tests.builders import tiny_case as poor_case
from tests.builders import tiny_hazard, tiny_project, tiny_settings
from tests.oracle import objective_value

INSTRUMENTS = (
    Instrument(instrument="loan", kind="loan", rights=0.8),
    Instrument(instrument="equity", kind="equity", rights=1.0, fixed_cost_usd_m=2.0),
    Instrument(instrument="grant", kind="grant"),
    Instrument(instrument="guarantee", kind="guarantee", rights=0.5),
    Instrument(instrument="cfd", kind="cfd"),
    Instrument(instrument="offtake", kind="offtake", rights=1.0),
)

SITES = (("mine", "AUS"), ("plant", "EST"))


def tiny_case(**tables: Any) -> Case:
    """The tiny case with budgets that pay for whatever is wanted."""
    ample = tuple(Budget(member=f, window=v, budget_usd_m=2000.0) for f in ("EUF", "JOG") for v in (2027, 2028))
    return poor_case(**({"budgets": ample} | tables))


def may(member: str, instrument: str, **values: Any) -> Eligibility:
    return Eligibility(**({"member": member, "instrument": instrument, "convention": "provisioning"} | values))


def built(case: Case, scenarios: int = 6, seed: int = 1) -> Assembly:
    return assemble(case, sample(case, scenarios, seed), sample(case, 20, 99))


@pytest.fixture(scope="module")
def plain() -> Assembly:
    return built(tiny_case())


def reasons(assembly: Assembly) -> dict[tuple[str, str], str]:
    return {(x.project, x.structure): x.why for x in assembly.left_out}


class TestWhatMayBeChosen:
    def test_every_option_is_there_or_has_a_reason(self, plain: Assembly) -> None:
        case, i = plain.case, plain.instance
        offered = {(p, a) for p, a, _ in i.options}
        assert offered | set(reasons(plain)) == {(p, s.structure) for p in case.project_names for s in case.structures}
        assert all(why for why in reasons(plain).values())
        assert {v for _, _, v in i.options} == {2027, 2028}
        assert set(plain.choices) == offered

    def test_processors_earn_no_price(self, plain: Assembly) -> None:
        """A plant paid by a toll has no price to protect: no CfD on it, since it would be support for free."""
        assert not [k for k in plain.instance.shares if k[1] == "plant" and k[2] == "cfd"]

    def test_never_list(self) -> None:
        found = built(tiny_case(settings=tiny_settings(policy=Policy(never=("mine",)))))
        assert reasons(found)["mine", "*"] == "on the never list"
        assert not [k for k in found.instance.options if k[0] == "mine"]

    def test_countries(self) -> None:
        rows = (
            may("EUF", "loan", countries=("EST",)),
            may("JOG", "equity", countries=("AUS", "EST")),
            may("JOG", "offtake", countries=("AUS",)),
        )
        found = built(tiny_case(eligibility=rows))
        allowed = {(k[0], k[1], k[2]) for k in found.instance.shares}
        assert allowed == {
            ("EUF", "plant", "loan"),
            ("JOG", "mine", "equity"),
            ("JOG", "plant", "equity"),
            ("JOG", "mine", "offtake"),
        }
        assert "contract for difference or offtake" in reasons(found)["plant", "floor"]

    def test_nobody_may(self) -> None:
        found = built(tiny_case(eligibility=(may("JOG", "equity", countries=("AUS",)),)))
        assert reasons(found)["plant", "open"] == "no member may use any instrument in EST"

    def test_materials(self) -> None:
        """An instrument for NdPr alone serves a project that yields nothing else."""
        only = tuple(replace(x, materials=("NdPr",)) if x.kind == "loan" else x for x in tiny_case().instruments)
        found = built(tiny_case(instruments=only))
        assert {k[1] for k in found.instance.shares if k[2] == "loan"} == {"plant"}
        assert {k[1] for k in found.instance.shares if k[2] == "equity"} == {"mine", "plant"}

    @pytest.mark.parametrize(
        ("case", "key", "says"),
        [
            (
                tiny_case(structures=(Structure(structure="safe", tranche=0.0, debt="guaranteed"),)),
                ("mine", "safe"),
                "no member may give a guarantee",
            ),
            (
                tiny_case(eligibility=(may("EUF", "cfd"), may("EUF", "offtake"))),
                ("mine", "floor"),
                "no member may lend, invest or grant",
            ),
            (
                tiny_case(settings=tiny_settings(policy=Policy(private_minimum=0.9))),
                ("mine", "open"),
                "below policy.private_minimum",
            ),
            (
                tiny_case(settings=tiny_settings(finance=Finance(strike_ceiling=0.1))),
                ("mine", "floor"),
                "above the ceiling of 0.10",
            ),
            (
                tiny_case(
                    projects=tuple(tiny_project(project=p, country=c, sponsor_equity=1.0) for p, c in SITES),
                ),
                ("mine", "open"),
                "nothing to support",
            ),
        ],
    )
    def test_reasons(self, case: Case, key: tuple[str, str], says: str) -> None:
        found = built(case)
        assert says in reasons(found)[key]
        assert not [k for k in found.instance.options if k[:2] == key]

    def test_what_closes_too_late_to_yield_anything(self) -> None:
        late = (tiny_project(construction_y=5.5, first_production=2028), tiny_case().projects[1])
        found = built(tiny_case(projects=late))
        windows = {v for p, _, v in found.instance.options if p == "mine"}
        assert windows == {2027}
        assert "closing in 2028 it yields nothing" in {x.project: x.why for x in found.left_out}["mine"]

    def test_structures_that_differ_in_name_only(self) -> None:
        twin = (*tiny_case().structures, Structure(structure="open2", tranche=0.0, debt="patient"))
        found = built(tiny_case(structures=twin))
        assert "the same as open" in reasons(found)["mine", "open2"]
        longer = (*tiny_case().structures, Structure(structure="open2", tranche=0.0, debt="patient", term_y=5.0))
        assert ("mine", "open2", 2027) in built(tiny_case(structures=longer)).instance.options

    def test_instruments_that_may_not_be_used_have_no_share(self) -> None:
        none = tuple(replace(x, max_share=0.0) if x.instrument == "loan" else x for x in tiny_case().instruments)
        assert not [k for k in built(tiny_case(instruments=none)).instance.shares if k[2] == "loan"]

    def test_contracts_that_can_never_pay_are_no_support(self) -> None:
        """At a certain price above the strike a CfD pays nothing: it would be support for free."""
        low = tuple(replace(p, strike_usd_kg=20.0) for p in tiny_case().projects)
        found = built(tiny_case(projects=low))
        assert not [k for k in found.instance.shares if k[2] == "cfd"]
        high = tuple(replace(p, strike_usd_kg=90.0) for p in tiny_case().projects)
        assert [k for k in built(tiny_case(projects=high)).instance.shares if k[2] == "cfd"]


class TestCharges:
    rows = (
        may("EUF", "loan", convention="provisioning"),
        may("JOG", "loan", convention="cash"),
        may("EUF", "equity", convention="subsidy", max_share=0.3),
        may("JOG", "equity", convention="cash", max_share=0.75),
        may("EUF", "cfd", convention="fair_value"),
        may("JOG", "cfd", convention="subsidy"),
        may("JOG", "offtake", convention="cash"),
    )

    def test_the_convention_of_each_member_and_instrument(self) -> None:
        found = built(tiny_case(eligibility=self.rows, instruments=INSTRUMENTS))
        convention = {(e.member, e.instrument): e.convention for e in self.rows}
        cap = {(e.member, e.instrument): e.max_share for e in self.rows}
        assert {(k[0], k[2]) for k in found.instance.shares} == set(convention)
        for key, share in found.instance.shares.items():
            priced = found.commitments[key]
            expected = priced.charge_usd_m[CONVENTIONS.index(convention[key[0], key[2]])]
            assert share.charge_usd_m == expected
            assert share.cap == cap[key[0], key[2]]
            assert (share.cost_usd_m, share.payout95_usd_m) == (priced.cost_usd_m, priced.payout95_usd_m)
        differ = [k for k, c in found.commitments.items() if np.ptp(c.charge_usd_m) > 1.0]
        assert len({k[2] for k in differ}) >= 1

    def test_fixed_costs_are_borne_once(self) -> None:
        """By budget, among those who may use the instrument; together exactly the whole."""
        case = tiny_case(eligibility=self.rows, instruments=INSTRUMENTS)
        budgets = (*(Budget(member="EUF", window=v, budget_usd_m=100.0) for v in (2027, 2028)),)
        budgets += (Budget(member="JOG", window=2028, budget_usd_m=600.0),)
        key = built(replace(case, budgets=budgets)).instance.cost_key
        assert key["EUF", "equity"] == pytest.approx(200.0 / 800.0)
        assert key["JOG", "offtake"] == 1.0
        assert ("EUF", "offtake") not in key
        for i in {e.instrument for e in self.rows}:
            assert sum(x for (_, n), x in key.items() if n == i) == pytest.approx(1.0)
        nothing = tuple(replace(b, budget_usd_m=0.0) for b in budgets)
        none = built(replace(case, budgets=nothing)).instance.cost_key
        assert none["EUF", "equity"] == none["JOG", "equity"] == 0.5

    def test_repayments_count_only_where_they_are_lent_again(self, plain: Assembly) -> None:
        assert all(s.repaid_usd_m == () for s in plain.instance.shares.values())
        settings = tiny_settings(
            policy=Policy(relend=True), horizon=Horizon(first_year=2027, last_year=2032, windows=(2027, 2031))
        )
        budgets = tuple(Budget(member=f, window=v, budget_usd_m=2000.0) for f in ("EUF", "JOG") for v in (2027, 2031))
        found = built(tiny_case(settings=settings, budgets=budgets))
        for key, share in found.instance.shares.items():
            back = dict(share.repaid_usd_m)
            assert bool(back) == (key[2] == "loan")
            assert all(x >= 0 for x in back.values())
            if key[2] == "loan" and key[4] == 2027:
                assert back[2027] == 0.0
                assert back[2031] > 0.0

    def test_lines_and_rules(self) -> None:
        members = (
            Member(member="EUF", region="EU", liquidity_line_usd_m=7.0, min_ticket_usd_m=3.0),
            Member(member="JOG", region="JP"),
        )
        settings = tiny_settings(finance=Finance(liquidity_share=0.2, admin_usd_m=1.25))
        i = built(tiny_case(members=members, settings=settings)).instance
        assert i.liquidity == {"EUF": 7.0, "JOG": pytest.approx(0.2 * 4000.0)}
        assert i.min_ticket == {"EUF": 3.0, "JOG": 0.0}
        assert i.admin_usd_m == 1.25
        assert i.budget["JOG", 2028] == 2000.0


class TestOptions:
    def test_numbers_are_those_of_sizing(self, plain: Assembly) -> None:
        for (p, a, v), o in plain.instance.options.items():
            f = plain.choices[p, a].financing
            assert o.uses_usd_m == f.uses_usd_m
            assert o.gap * o.uses_usd_m == pytest.approx(f.gap_usd_m)
            sources = o.equity_usd_m + o.debt_usd_m + f.third_grant_usd_m + o.gap * o.uses_usd_m
            assert sources == pytest.approx(o.uses_usd_m)
            project = next(x for x in plain.case.projects if x.project == p)
            assert o.first_year == max(v + 1, project.first_production)
            assert o.last_year == o.first_year + 11
            assert o.tranche == {"open": 0.0, "floor": 0.6}[a]

    def test_a_guarantee_covers_its_part_of_the_loan(self) -> None:
        case = tiny_case(
            instruments=INSTRUMENTS,
            eligibility=tuple(may(f, x.instrument) for f in ("EUF", "JOG") for x in INSTRUMENTS),
            structures=(
                Structure(structure="open", tranche=0.0, debt="patient"),
                Structure(structure="safe", tranche=0.0, debt="guaranteed"),
            ),
        )
        found = built(case)
        choice = found.choices["mine", "safe"]
        option = found.instance.options["mine", "safe", 2027]
        assert option.guaranteed * option.uses_usd_m == pytest.approx(choice.financing.guaranteed_debt_usd_m)
        assert option.guaranteed > 0
        kinds = {k[2] for k in found.instance.shares if k[1] == "mine" and k[3] == "safe"}
        assert "guarantee" in kinds
        shares = [data for k, data in found.instance.shares.items() if k[1] == "mine" and k[2] == "guarantee"]
        assert all(data.cap == 1.0 for data in shares)  # each may cover the whole loan: its limit is on what is covered
        exposed = found.commitments[next(k for k in found.commitments if k[1] == "mine" and k[2] == "guarantee")]
        covered = 0.9 * choice.financing.uses_usd_m
        assert covered <= exposed.exposure_usd_m <= 1.05 * covered  # cover once, and half a year's interest
        assert not {k[3] for k in found.instance.shares if k[2] == "guarantee"} - {"safe"}


class TestScenarios:
    def test_rivals(self) -> None:
        """What a rival wins before the window yields nothing with support, and is marked so."""
        rivals = tuple(replace(p, rival_rate=1.0) for p in tiny_case().projects)
        found = built(tiny_case(projects=rivals), scenarios=40)
        i, s, d = found.instance, found.instance.scenarios, found.drivers
        seen = 0
        for j, (p, _, v) in enumerate(i.options):
            at = i.projects.index(p)
            gone = d.rival_y[:, at] < v - 2027
            assert (s.lost[:, at, i.windows.index(v)] == gone).all()
            assert not s.output[gone, j].any()
            assert not s.contracted[gone, j].any()
            seen += int(gone.sum())
        assert seen > 0
        assert not s.lost[:, :, 0].any()

    def test_arrays(self, plain: Assembly) -> None:
        i, s, d = plain.instance, plain.instance.scenarios, plain.drivers
        n, years = d.size, len(i.years)
        assert s.output.shape == s.contracted.shape == (n, len(i.options), years)
        assert (s.contracted <= s.output + 1e-12).all()
        assert (s.output >= 0).all()
        assert (s.output <= 1 + 1e-12).all()
        assert s.unaided.shape == (n, 2, years)
        assert s.probability.sum() == pytest.approx(1.0)
        for c, name in enumerate(i.countries):
            assert (s.available[:, c] == d.available[:, plain.case.country_names.index(name)]).all()
        assert set(i.countries) == {"AUS", "EST"}
        assert (s.imports[:, 1] >= s.imports[:, 0]).all()

    def test_charges_have_a_sample_of_their_own(self) -> None:
        """Other scenarios to optimise over leave charges as they are; another cost sample does not."""
        case = tiny_case(
            materials=tuple(replace(m, volatility=0.3) for m in tiny_case().materials),
            projects=tuple(replace(p, delay_mean_y=0.5, delay_sd_y=0.5, p_by_2040=0.6) for p in tiny_case().projects),
        )
        cost = sample(case, 20, 99)
        one, two = (assemble(case, sample(case, 5, seed), cost) for seed in (1, 2))
        other = assemble(case, sample(case, 5, 1), sample(case, 20, 98))
        assert one.instance.shares == two.instance.shares
        assert one.instance.shares != other.instance.shares
        assert (one.instance.scenarios.demand != two.instance.scenarios.demand).any()

    def test_progress_is_told(self) -> None:
        told: list[tuple[str, int, int]] = []
        case = tiny_case()
        assemble(case, sample(case, 2, 1), sample(case, 2, 2), lambda *state: told.append(state))
        counts = [done for _, done, _ in told]
        assert counts == sorted(counts)
        assert told[-1][1] == told[-1][2]


def four_months(case: Case, region: str, left: float) -> Assembly:
    """The case in one scenario, with China's exports to a region cut to ``left`` for four months of 2028."""
    drivers = sample(case, 1, 1)
    base = np.array(
        [
            [[case.demand_path(r, k, m)[1] for m in case.material_names] for k in case.stage_names]
            for r in case.region_names
        ]
    )[None]
    disrupted = np.zeros_like(drivers.disrupted)
    available = np.ones_like(drivers.available)
    cut = np.zeros_like(drivers.cut)
    r, c = case.region_names.index(region), case.country_names.index("CHN")
    disrupted[:, :, 1], available[:, c, r, :, :, 1], cut[:, r, :, 1] = 4 / 12, left, True
    drivers = replace(
        drivers,
        demand=base,
        disrupted=disrupted,
        available=available,
        cut=cut,
        running=np.ones_like(drivers.running),
    )
    return assemble(case, drivers, sample(case, 5, 99))


class TestFourMonthEmbargo:
    """70 % cut for four months where others cover 60 % of demand at most: 10 % short for a third of the year."""

    @staticmethod
    def case(**tables: Any) -> Case:
        """China could supply everything, others 60 %; no stock, no transfers, no projects of use."""
        suppliers = tuple(
            replace(s, capacity_tpy=d * part, share=None)
            for s in tiny_case().suppliers
            if s.stage == "separation"
            for d in [
                {("EU", "NdPr"): 1000.0, ("JP", "NdPr"): 2000.0, ("EU", "Dy"): 50.0, ("JP", "Dy"): 100.0}[
                    s.region, s.material
                ]
            ]
            for part in [1.0 if s.supplier == "china" else 0.6]
        )
        stages = (Stage(stage="mining", order=1), Stage(stage="separation", order=2, recovery=0.9))
        fields: dict[str, Any] = {
            "suppliers": suppliers,
            "stages": stages,
            "stocks": (),
            "hazards": (tiny_hazard(rate=0.0),),
            "settings": tiny_settings(
                case=Title(name="embargo", currency_year=2027),
                policy=Policy(never=("mine", "plant")),
                finance=Finance(unaided_full=0.0, unaided_most=0.0, unaided_part=0.0),
            ),
        }
        return tiny_case(**(fields | tables))

    def test_shortfall_is_3_3_percent_not_zero(self) -> None:
        i = four_months(self.case(), "JP", 0.3).instance
        weight = i.weight[0, :, 1]
        expected = weight @ np.array([2000.0, 100.0]) * (1 - 0.3 - 0.6) * 4 / 12
        for engine in (ExtensiveForm(), Benders()):
            found = engine.solve(i, Limits(gap=0.0, threads=1))
            assert found.objective == pytest.approx(expected)
        assert objective_value(i, Decision()) == pytest.approx(expected)

    def test_averaged_over_the_year_it_would_vanish(self) -> None:
        """The same tonnes lost evenly over twelve months leave 0.7667 + 0.6 of demand: nothing is short."""
        i = four_months(self.case(), "JP", 0.3).instance
        s = i.scenarios
        even = 1.0 - 0.7 * s.disrupted[0, 0, 1]
        assert s.disrupted[0, 0, 1] == pytest.approx(1 / 3)
        assert even + 0.6 > 1.0

    def test_a_stock_closes_it_and_only_there(self) -> None:
        """Tonnes in the region's stock replace as many; those of the other region stay where they are."""
        stages = (Stage(stage="mining", order=1), Stage(stage="separation", order=2, recovery=0.9, stock=True))
        stocked = self.case(stages=stages, stocks=(Stock(region="JP", material="NdPr", opening_t=50.0),))
        elsewhere = self.case(stages=stages, stocks=(Stock(region="EU", material="NdPr", opening_t=50.0),))
        free = self.case()
        plain, own, other = (
            objective_value(four_months(c, "JP", 0.3).instance, Decision()) for c in (free, stocked, elsewhere)
        )
        weight = four_months(free, "JP", 0.3).instance.weight[0, 0, 1]
        assert plain - own == pytest.approx(50.0 * weight)
        assert other == pytest.approx(plain)

    def test_a_partner_that_is_cut_as_well_passes_nothing_on(self) -> None:
        """Mutual support: the EU is not cut and could spare tonnes, but not those it has from China."""
        stages = (
            Stage(stage="mining", order=1),
            Stage(stage="separation", order=2, recovery=0.9, solidarity=1.0),
        )
        i = four_months(self.case(stages=stages), "JP", 0.3).instance
        plain = four_months(self.case(), "JP", 0.3).instance
        passed = objective_value(plain, Decision()) - objective_value(i, Decision())
        # The EU keeps China's 1000 t/y for itself and sends up to the 600 t/y it has from Malaysia: enough.
        assert passed == pytest.approx(objective_value(plain, Decision()), rel=1e-3)
        none = tuple(s for s in self.case().suppliers if not (s.supplier == "malaysia" and s.region == "EU"))
        alone = four_months(self.case(stages=stages, suppliers=none), "JP", 0.3).instance
        assert objective_value(alone, Decision()) == pytest.approx(objective_value(plain, Decision()))


class TestOptionsBeyondReach:
    """What no budget, line or cap lets through even alone is left out; it could not have been chosen anyway."""

    @staticmethod
    def case(seed: int) -> Case:
        """Budgets around what the options charge, lines and caps that may bind."""
        rng = np.random.default_rng(seed)
        budgets = tuple(
            Budget(member=f, window=v, budget_usd_m=float(rng.uniform(0.0, 250.0)))
            for f in ("EUF", "JOG")
            for v in (2027, 2028)
        )
        rows = tuple(replace(e, max_share=float(rng.uniform(0.3, 1.0))) for e in poor_case().eligibility)
        members = tuple(replace(m, liquidity_line_usd_m=float(rng.uniform(0.0, 40.0))) for m in poor_case().members)
        policy = Policy(max_project_share=float(rng.uniform(0.3, 1.0)), max_country_share=float(rng.uniform(0.5, 1.0)))
        projects = tuple(replace(p, capex_usd_m=p.capex_usd_m * rng.uniform(0.2, 1.0)) for p in poor_case().projects)
        return poor_case(
            budgets=budgets,
            eligibility=rows,
            members=members,
            projects=projects,
            settings=tiny_settings(policy=policy),
        )

    def test_the_optimum_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        out = kept = supported = 0
        for seed in range(12):
            case = self.case(seed)
            with monkeypatch.context() as patch:
                fewer = built(case, scenarios=3).instance
                patch.setattr(build, "without_impossible", lambda instance: (instance, ()))
                whole = built(case, scenarios=3).instance
            out += len(whole.options) - len(fewer.options)
            kept += len(fewer.options)
            limits = Limits(gap=0.0, threads=1)
            all_, some = ExtensiveForm().solve(whole, limits), ExtensiveForm().solve(fewer, limits)
            assert some.objective == pytest.approx(all_.objective, abs=1e-7)
            supported += bool(some.decision.chosen)
            for decision in (all_.decision, some.decision):
                assert set(decision.chosen) <= set(fewer.options)
                self.check_least(fewer, decision)
        assert min(out, kept, supported) >= 5

    @staticmethod
    def check_least(instance: Instance, decision: Decision) -> None:
        """No option is supported for less than its least charge, and knapsack rows hold."""
        least = least_charges(instance)
        for key in decision.chosen:
            paid = sum(instance.shares[k].charge_usd_m * x for k, x in decision.share.items() if k[1] == key[0])
            assert paid >= least[key] - 1e-6
        for row, limit in knapsack_rows(instance, least):
            assert sum(row.get(key, 0.0) for key in decision.chosen) <= limit + 1e-6
