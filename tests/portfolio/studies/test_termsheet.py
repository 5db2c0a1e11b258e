"""The term sheet: survival by a second route, the least strike, splits that hold, cash calls by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import portfolio
from portfolio.assemble.affordable import least_charges
from portfolio.case.ordering import ordered
from portfolio.case.records import Case
from portfolio.case.tables import Budget
from portfolio.evaluation.fresh import fresh_seed
from portfolio.finance.simulate import simulate
from portfolio.finance.sizing import size
from portfolio.report.errors import UsageError
from portfolio.report.run import Run
from portfolio.report.study import Study
from portfolio.scenarios.sampling import sample
from portfolio.studies import termsheet as module
from portfolio.studies.offers import Bench, Offer, Package, not_dominated, package
from portfolio.studies.termsheet import recommended, termsheet
from portfolio.studies.termsheet_tables import as_it_is, positions_of
from tests.portfolio.studies.cases import risky_case

ASKED = {"survival": 0.85, "scenarios": 300, "shares": (0.0, 0.6), "terms_y": (8.0,)}


def rich_case() -> Case:
    """Budgets that let the mine through."""
    return replace(
        risky_case(),
        budgets=tuple(Budget(member=f, window=v, budget_usd_m=600.0) for f in ("EUF", "JOG") for v in (2027, 2028)),
    )


@pytest.fixture(scope="module")
def run() -> Run:
    return portfolio.solve(rich_case(), scenarios=4, gap=0.05)


@pytest.fixture(scope="module")
def found(run: Run) -> Study:
    return termsheet(run, "mine", **ASKED)


def bench(case: Case, count: int = 300, **changes: object) -> Bench:
    case = ordered(case)
    return replace(
        Bench(
            case=case,
            project=next(p for p in case.projects if p.project == "mine"),
            base=next(s for s in case.structures if s.structure == "floor"),
            window=2027,
            drivers=sample(case, count, fresh_seed(case)),
            until=None,
            level=0.95,
        ),
        **changes,  # type: ignore[arg-type]
    )


class TestTrial:
    def test_survival_by_another_route(self) -> None:
        """The case with the offer in its files, simulated and counted here."""
        b = bench(rich_case())
        offer = Offer("commercial", 0.5, 40.0, 8.0)
        trial = b.trial(offer)
        project = replace(b.project, strike_usd_kg=40.0)
        structure = replace(b.base, tranche=0.5, term_y=8.0)
        financing = size(b.case, project, structure, b.price)
        path = simulate(b.case, project, structure, financing, 2027, b.drivers)
        # Closed in 2027, first production planned for 2028: a term of 8 years reaches beyond 2032.
        p = b.case.project_names.index("mine")
        starts = 1.0 + b.drivers.delay_y[:, p]
        success = b.drivers.success_u[:, p] < 0.95
        f = b.case.settings.finance
        beyond = b.drivers.overrun[:, p] - 0.2 - f.contingency * 1.2
        funded = beyond <= f.overrun_facility + f.overrun_call + 1e-12
        takeover = b.drivers.takeover_y[:, p] > 5.0
        counted = success & funded & (starts < 6.0) & takeover & ~path.lost
        np.testing.assert_array_equal(counted, b.counted(offer))
        assert trial.survival is not None
        assert trial.survival.estimate == pytest.approx((path.running[counted, 5] > 0).mean())
        assert trial.survival.low < trial.survival.estimate < trial.survival.high

    def test_until(self) -> None:
        early, late = (bench(rich_case(), until=y).trial(Offer("patient", 0.0, None, 8.0)) for y in (2029, 2032))
        assert early.survival is not None
        assert late.survival is not None
        assert early.survival.estimate >= late.survival.estimate

    def test_an_offer_above_the_ceiling_does_not_close(self) -> None:
        b = bench(rich_case())
        trial = b.trial(Offer("patient", 0.5, 1.01 * b.strikes[1], 8.0))
        assert "ceiling" in trial.obstacle
        assert not trial.works(0.01)


class TestLeastStrike:
    def test_less_does_not_do(self) -> None:
        b = bench(rich_case())
        best, monotone = b.least_strike(Offer("patient", 0.6, None, 8.0), 0.85)
        assert monotone
        assert best is not None
        assert best.works(0.85)
        strike = float(best.offer.strike_usd_kg or 0.0)
        step = (b.strikes[1] - b.strikes[0]) / 8 / 2**7
        assert not b.trial(replace(best.offer, strike_usd_kg=strike - 1.01 * step)).works(0.85)

    def test_a_probability_out_of_reach(self) -> None:
        best, _ = bench(rich_case()).least_strike(Offer("patient", 0.2, None, 8.0), 0.9999)
        assert best is None

    def test_not_monotone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Works at the third and from the fifth strike on: the third is returned, and not closed in on."""
        b, asked = bench(rich_case(), count=10), []

        class Answer:
            def __init__(self, offer: Offer) -> None:
                self.offer = offer

            def works(self, _: float) -> bool:
                return len(asked) > 0 and bool(self.ok)

        def trial(_: Bench, offer: Offer) -> Answer:
            asked.append(offer.strike_usd_kg)
            made = Answer(offer)
            made.ok = len(asked) in (3, 5, 6, 7, 8, 9)
            return made

        monkeypatch.setattr(Bench, "trial", trial)
        best, monotone = b.least_strike(Offer("patient", 0.6, None, 8.0), 0.85)
        assert not monotone
        assert len(asked) == 9
        assert best is not None
        assert best.offer.strike_usd_kg == asked[2]


class TestSplit:
    def test_holds_and_costs_the_least(self) -> None:
        b = bench(rich_case())
        offer = Offer("patient", 0.6, 45.0, 8.0)
        split = package(b, offer)
        assert isinstance(split, Package)
        instance, held = split.assembly.instance, split.decision.share
        ((key, option),) = instance.options.items()
        money = sum(x for k, x in held.items() if instance.kind_of[k[2]] in ("loan", "equity", "grant"))
        assert money == pytest.approx(option.gap)
        assert sum(x for k, x in held.items() if instance.kind_of[k[2]] in ("cfd", "offtake")) == pytest.approx(0.6)
        charge = sum(instance.shares[k].charge_usd_m * x for k, x in held.items())
        assert charge <= 1.02 * least_charges(instance)[key] + 3.0
        assert charge >= least_charges(instance)[key] - 1e-6

    def test_none_within_small_budgets(self) -> None:
        assert isinstance(package(bench(risky_case()), Offer("patient", 0.6, 45.0, 8.0)), str)


class TestSheet:
    def test_offers(self, found: Study) -> None:
        offers = found.table
        assert len(offers) == 4
        works = offers[offers["works"] == 1]
        assert len(works)
        assert (works["survival"] >= 0.85).all()
        assert (works["low"] <= works["survival"]).all()
        assert works["frontier"].any()
        best = found.figures["recommended"]
        assert best["public_money_usd_m"] == works["public_money_usd_m"].min()
        assert recommended(offers.to_dict("records"), "strike")["strike_usd_kg"] == works["strike_usd_kg"].min()

    def test_sheet_says_what_offers_say(self, found: Study) -> None:
        sheet = found.tables["sheet"].set_index("item")["least"]
        best = found.figures["recommended"]
        assert sheet["public money to fill the gap (4)"] == pytest.approx(best["public_money_usd_m"])
        assert sheet["probability of being alive"] == pytest.approx(best["survival"])
        given = sheet[["sponsor's equity", "committed third-party money", "private lenders' debt"]].sum()
        assert given + best["public_money_usd_m"] == pytest.approx(sheet["uses of funds"])

    def test_payments(self, found: Study) -> None:
        flows = found.tables["payments"].query("package == 'least'")
        paid = -flows.query("line == 'outlay'")["simulated_usd_m"].sum()
        assert paid == pytest.approx(found.figures["recommended"]["public_money_usd_m"], rel=0.02)
        assert set(flows.query("line == 'charge'")["convention"]) == {"cash", "provisioning", "subsidy", "fair_value"}

    def test_cash_call_by_hand(self) -> None:
        """All of the gap by equity of one member: its call is outlay and overrun, less dividends, of every year."""
        case = ordered(rich_case())
        only = replace(
            case, eligibility=tuple(e for e in case.eligibility if (e.member, e.instrument) == ("JOG", "equity"))
        )
        solved = portfolio.solve(only, scenarios=4, gap=0.05, overrides=())
        name = sorted({p for p, _, _ in solved.decision.chosen})[0]
        made = termsheet(solved, name, scenarios=200, shares=(0.0,), terms_y=(8.0,), survival=0.01)
        b = bench(only, 200)
        positions = [p for p in positions_of(solved.decision) if p.project == name]
        structure = next(s for s in only.structures if s.structure == positions[0].structure)
        project = next(p for p in only.projects if p.project == name)
        financing = size(only, project, structure, b.price)
        path = simulate(only, project, structure, financing, positions[0].window, b.drivers, public_loan_usd_m=0.0)
        share = positions[0].share
        assert share * financing.uses_usd_m == pytest.approx(financing.gap_usd_m)
        call = share * financing.uses_usd_m * (path.outlay - path.dividends) + path.overrun_call
        wanted = np.quantile(np.maximum(call, 0.0), 0.95, axis=0).max()
        rows = made.tables["members"].set_index("package")
        assert rows.loc["as it is", "p95_call_usd_m"] == pytest.approx(wanted)
        assert rows.loc["as it is", "exposure_usd_m"] == pytest.approx(financing.gap_usd_m)

    def test_as_it_is_takes_its_own_loans(self, run: Run) -> None:
        b = bench(run.case)
        assert "mine" in {p for p, _, _ in run.decision.chosen}
        (key,) = [k for k in run.decision.chosen if k[0] == "mine"]
        b = replace(b, base=next(s for s in b.case.structures if s.structure == key[1]), window=key[2])
        positions = [p for p in positions_of(run.decision) if p.project == "mine"]
        trial = as_it_is(b, positions)
        loans = sum(p.share for p in positions if p.instrument == "loan") * trial.financing.uses_usd_m
        offer = replace(trial.offer)
        path = b.path(offer, trial.financing, loans)
        assert trial.alive is not None
        np.testing.assert_array_equal(trial.alive, path.running[b.counted(offer), 5] > 0)


class TestWork:
    def test_goes_on_after_a_kill(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Study
    ) -> None:
        usual, done = module._row, []

        def killed(b: Bench, offer: Offer, ask: object) -> object:
            done.append(offer)
            if len(done) == 3:
                raise KeyboardInterrupt
            return usual(b, offer, ask)  # type: ignore[arg-type]

        monkeypatch.setattr(module, "_row", killed)
        with pytest.raises(KeyboardInterrupt):
            termsheet(run, "mine", out=tmp_path / "out", **ASKED)
        assert not (tmp_path / "out").exists()
        made = termsheet(run, "mine", out=tmp_path / "out", **ASKED)
        assert len(done) == 3 + 2
        assert made.table.equals(found.table)
        assert (tmp_path / "out" / "sheet.csv").exists()

    @pytest.mark.parametrize(
        "wrong", [{"survival": 1.0}, {"until": 1990}, {"window": 1990}, {"shares": (2.0,)}, {"least": "x"}, {"seed": 5}]
    )
    def test_refusals(self, run: Run, wrong: dict[str, object]) -> None:
        with pytest.raises(UsageError):
            termsheet(run, "mine", **wrong)  # type: ignore[arg-type]

    def test_unknown_project(self, run: Run) -> None:
        with pytest.raises(UsageError, match="did you mean mine"):
            termsheet(run, "mime")


def test_not_dominated() -> None:
    assert not_dominated([(1, 2), (2, 1), (2, 2), (1, 2)]) == [True, True, False, True]
