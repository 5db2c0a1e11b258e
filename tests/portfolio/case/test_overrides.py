"""Overrides act as if their value stood in the file."""

from __future__ import annotations

import pytest

from portfolio.case.reading import read_case
from tests.portfolio.case.conftest import Folder


def test_setting(folder: Folder) -> None:
    case = read_case(folder.path, ["risk.cvar_weight=0.5", "sampling.uncertain_rates=true", "case.title='Two words'"])
    assert case.settings.risk.cvar_weight == 0.5
    assert case.settings.sampling.uncertain_rates is True
    assert case.settings.case.title == "Two words"


@pytest.mark.parametrize("value", ["MINE;INTEG", "[MINE, INTEG]", '["MINE", "INTEG"]'])
def test_list_setting(folder: Folder, value: str) -> None:
    assert read_case(folder.path, [f"policy.must={value}"]).settings.policy.must == ("MINE", "INTEG")
    assert read_case(folder.path, ["policy.must="]).settings.policy.must == ()


@pytest.mark.parametrize("value", ["[2027]", "2027"])
def test_window_setting(folder: Folder, value: str) -> None:
    assert read_case(folder.path, [f"horizon.windows={value}"]).windows == (2027,)


def test_one_row(folder: Folder) -> None:
    case = read_case(folder.path, ["budgets.budget_usd_m[JPF,2027]=300"])
    assert [b.budget_usd_m for b in case.budgets] == [60, 300]


def test_every_row(folder: Folder) -> None:
    assert {p.capex_usd_m for p in read_case(folder.path, ["projects.capex_usd_m=90"]).projects} == {90}


def test_star_matches_any_key(folder: Folder) -> None:
    case = read_case(folder.path, ["suppliers.capacity_tpy[*,JP,separation,NdPr]=50"])
    assert [s.capacity_tpy for s in case.suppliers] == [400, 50, 300, 50]


def test_factor(folder: Folder) -> None:
    case = read_case(folder.path, ["budgets.budget_usd_m*=1.2", "sampling.cost_scenarios*=3", "finance.royalty *= 2"])
    assert [b.budget_usd_m for b in case.budgets] == [72, 72]
    assert case.settings.sampling.cost_scenarios == 3
    assert case.settings.finance.royalty == 0


def test_factor_of_a_count_is_rounded_off_only_by_its_last_digits(folder: Folder) -> None:
    case = read_case(folder.path, ["sampling.scenarios=100", "sampling.scenarios*=1.1"])
    assert case.settings.sampling.scenarios == 110
    (problem,) = folder.problems("sampling.scenarios=100", "sampling.scenarios*=1.005")
    assert "whole number" in problem.why


def test_factor_on_defaults_and_on_cells_without_value(folder: Folder) -> None:
    case = read_case(folder.path, ["instruments.cover*=0.5", "projects.strike_usd_kg*=2", "risk.cvar_level*=0.5"])
    assert {i.cover for i in case.instruments} == {0.45}
    assert [p.strike_usd_kg for p in case.projects] == [220, None, None]
    assert case.settings.risk.cvar_level == 0.475


def test_order_matters(folder: Folder) -> None:
    overrides = ["budgets.budget_usd_m=100", "budgets.budget_usd_m[EUF,2027]*=0.5"]
    assert [b.budget_usd_m for b in read_case(folder.path, overrides).budgets] == [50, 100]
    assert [b.budget_usd_m for b in read_case(folder.path, overrides[::-1]).budgets] == [100, 100]


def test_an_override_may_add_a_column_and_mend_a_cell(folder: Folder) -> None:
    folder.cell("projects", 2, "capex_usd_m", "12O")
    case = read_case(folder.path, ["projects.capex_usd_m[INTEG]=120", "projects.rival_rate[MINE]=0.1"])
    assert case.projects[0].capex_usd_m == 120
    assert [p.rival_rate for p in case.projects] == [0, 0.1, 0]


@pytest.mark.parametrize(
    ("override", "why", "remedy"),
    [
        ("nonsense", "not an override", "section.key=value"),
        ("projcts.capex_usd_m=3", "unknown section or table 'projcts'", "did you mean 'projects'?"),
        ("projects.capex=3", "unknown column 'capex' of projects", "did you mean 'capex_usd_m'?"),
        ("members.budget=3", "unknown column 'budget' of members", "did you mean budgets.budget_usd_m?"),
        ("risk.cvar_wieght=3", "unknown key 'cvar_wieght' of risk", "did you mean 'cvar_weight'?"),
        ("risk.cvar_weight[a]=3", "risk is a section", "risk.cvar_weight=value"),
        ("projects.capex_usd_m[INTEGR]=3", "no row has the key 'INTEGR'", "did you mean 'INTEG'?"),
        ("budgets.budget_usd_m[JPF]=3", "1 keys, but budgets has 2", "budgets.budget_usd_m[member,window]=value"),
        ("projects.country*=2", "country is no number", "write = and the value"),
        ("projects.capex_usd_m*=1,5", "a decimal comma", "write 1.5"),
        ("projects.capex_usd_m*=", "factor '' is not a number", "digits"),
        ("countries.market_access*=2", "no number to multiply", "write = and the value"),
        ("stocks.opening_t=2", "not in the case", "add stocks.csv"),
        ("projects.capex_usd_m=12O", "not a number", "digits"),
        ("projects.capex_usd_m[MINE]=-1", "below its range", "above 0"),
        ("projects.capex_usd_m=", "empty, but required", "give"),
        ("risk.cvar_weight=35", "above 1", "write 0.35"),
        ("materials.price_now*=10000", "USD/t", "divide"),
        ("regions.market_access*=3", "access to 1.2", "lower"),
    ],
)
def test_the_one_problem_names_the_override(folder: Folder, override: str, why: str, remedy: str) -> None:
    (problem,) = folder.problems(override)
    assert why in problem.why
    assert remedy in problem.remedy
    assert problem.override == override
    assert str(problem).startswith(f"--set {override}")


def test_problems_of_overrides_and_files_come_together(folder: Folder) -> None:
    folder.cell("projects", 2, "capex_usd_m", "12O")
    found = folder.problems("risk.cvar_weight=2", "x.y=1")
    assert [p.override for p in found] == ["x.y=1", "risk.cvar_weight=2", ""]


def test_a_table_without_rows_has_nothing_to_override(folder: Folder) -> None:
    folder.write("hazards", folder.rows("hazards")[:1])
    (problem,) = folder.problems("hazards.rate=0.1")
    assert (problem.file, problem.why) == ("hazards.csv", "the table has no row")


def test_a_factor_on_a_wrong_number_leaves_the_problem_to_the_file(folder: Folder) -> None:
    folder.settings("risk", 'cvar_weight = "half"')
    (problem,) = folder.problems("risk.cvar_weight*=2")
    assert (problem.file, problem.override) == ("case.toml", "")
