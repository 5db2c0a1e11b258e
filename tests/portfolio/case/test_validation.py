"""Every check breaks the tiny case in one way, and that is the only problem found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from portfolio.case.checks_case import check_case
from portfolio.case.draft import Draft, Row
from portfolio.case.parsing import check_bounds
from portfolio.case.plausibility import LIMITS, check_units
from portfolio.case.problems import CaseError, Problem
from portfolio.case.reading import read_case
from portfolio.case.schema import columns
from portfolio.case.settings import SECTIONS
from portfolio.case.tables import TABLES
from portfolio.case.validation import validate
from tests.portfolio.case.conftest import Folder

Edit = Callable[[Folder], object]
Broken = tuple[Edit, str, int | None, str | None, str]
"""How the case is broken; file, row, column and some words of the problem that must follow."""


def test_tiny_case_has_no_problem(folder: Folder) -> None:
    assert read_case(folder.path).project_names == ("INTEG", "MINE", "SEPAR")


def cell(table: str, row: int, column: str, value: str) -> Edit:
    return lambda f: f.cell(table, row, column, value)


def setting(section: str, line: str) -> Edit:
    return lambda f: f.settings(section, line)


def several(*edits: Edit) -> Edit:
    def edit(f: Folder) -> None:
        for one in edits:
            one(f)

    return edit


def add(table: str, **cells: str) -> Edit:
    return lambda f: f.add(table, **cells)


CELLS: dict[str, Broken] = {
    "text in a number": (cell("projects", 2, "capex_usd_m", "12O"), "projects.csv", 2, "capex_usd_m", "not a number"),
    "a unit in a number": (
        cell("projects", 2, "capex_usd_m", "120 M"),
        "projects.csv",
        2,
        "capex_usd_m",
        "write 120 alone",
    ),
    "a currency in a number": (
        cell("projects", 2, "capex_usd_m", "$120"),
        "projects.csv",
        2,
        "capex_usd_m",
        "write 120 alone",
    ),
    "nan": (cell("projects", 2, "capex_usd_m", "NaN"), "projects.csv", 2, "capex_usd_m", "not a finite"),
    "infinity": (cell("projects", 2, "capex_usd_m", "-inf"), "projects.csv", 2, "capex_usd_m", "not a finite"),
    "overflow": (cell("projects", 2, "capex_usd_m", "1e999"), "projects.csv", 2, "capex_usd_m", "not a finite"),
    "no value": (cell("projects", 2, "capex_usd_m", "n/a"), "projects.csv", 2, "capex_usd_m", "optional cell empty"),
    "empty list": (cell("instruments", 2, "materials", ";"), "instruments.csv", 2, "materials", "name at least one"),
    "underscores": (cell("projects", 2, "capex_usd_m", "1_0"), "projects.csv", 2, "capex_usd_m", "not a number"),
    "thousands": (cell("projects", 2, "capex_usd_m", "1,200"), "projects.csv", 2, "capex_usd_m", "write 1200"),
    "thousands by spaces": (
        cell("projects", 2, "capex_usd_m", "1 200"),
        "projects.csv",
        2,
        "capex_usd_m",
        "write 1200",
    ),
    "thousands by both": (
        cell("projects", 2, "capex_usd_m", "1,200.5"),
        "projects.csv",
        2,
        "capex_usd_m",
        "write 1200.5",
    ),
    "decimal comma": (cell("projects", 2, "capex_usd_m", "120,5"), "projects.csv", 2, "capex_usd_m", "write 120.5"),
    "percent sign": (cell("projects", 2, "p_by_2040", "35%"), "projects.csv", 2, "p_by_2040", "write 0.35 for 35 %"),
    "percent": (cell("projects", 2, "p_by_2040", "35"), "projects.csv", 2, "p_by_2040", "write 0.35 for 35 %"),
    "below range": (cell("projects", 3, "opex_usd_m_y", "-1"), "projects.csv", 3, "opex_usd_m_y", "from 0"),
    "at an open bound": (cell("projects", 3, "capex_usd_m", "0"), "projects.csv", 3, "capex_usd_m", "above 0"),
    "above range": (cell("stages", 3, "recovery", "1000"), "stages.csv", 3, "recovery", "to 1"),
    "half a year": (
        cell("projects", 2, "first_production", "2029.5"),
        "projects.csv",
        2,
        "first_production",
        "whole number",
    ),
    "no year": (cell("suppliers", 4, "last_year", "28"), "suppliers.csv", 4, "last_year", "four digits"),
    "flag": (cell("stages", 3, "stock", "yes"), "stages.csv", 3, "stock", "write 1 for yes"),
    "unknown word": (
        cell("projects", 2, "study_level", "DFS"),
        "projects.csv",
        2,
        "study_level",
        "did you mean 'dfs'?",
    ),
    "required cell": (cell("projects", 2, "capex_usd_m", " "), "projects.csv", 2, "capex_usd_m", "empty, but required"),
    "unsafe name": (
        cell("structures", 2, "structure", "a;b"),
        "structures.csv",
        2,
        "structure",
        "a name with one of",
    ),
    "star beside names": (cell("instruments", 2, "materials", "*;NdPr"), "instruments.csv", 2, "materials", "* alone"),
    "twice in a list": (cell("eligibility", 5, "countries", "FRA;FRA"), "eligibility.csv", 5, "countries", "each once"),
    "duplicate key": (
        add("budgets", member="EUF", window="2027", budget_usd_m="1"),
        "budgets.csv",
        4,
        "member",
        "as row 2",
    ),
    "dangling reference": (cell("projects", 2, "country", "AUT"), "projects.csv", 2, "country", "did you mean 'AUS'?"),
    "dangling in a list": (
        cell("eligibility", 5, "countries", "FRA;XYZ"),
        "eligibility.csv",
        5,
        "countries",
        "'XYZ' is not in countries.csv",
    ),
    "dangling window": (
        add("budgets", member="EUF", window="2028", budget_usd_m="1"),
        "budgets.csv",
        4,
        "window",
        "write one of 2027",
    ),
    "dangling in settings": (
        setting("policy", 'must = ["INTEGR"]'),
        "case.toml",
        24,
        "policy.must",
        "did you mean 'INTEG'?",
    ),
    "country code": (
        several(
            cell("countries", 6, "country", "Malaysia"),
            cell("suppliers", 2, "country", "Malaysia"),
            cell("suppliers", 3, "country", "Malaysia"),
        ),
        "countries.csv",
        6,
        "country",
        "three letters",
    ),
}

UNITS: dict[str, Broken] = {
    "price per t": (cell("materials", 2, "price_now", "100001"), "materials.csv", 2, "price_now", "USD/t"),
    "price per g": (cell("materials", 2, "price_longrun", "0.09"), "materials.csv", 2, "price_longrun", "USD per kg"),
    "capex in USD": (cell("projects", 2, "capex_usd_m", "200000000"), "projects.csv", 2, "capex_usd_m", "USD million"),
    "budget in USD": (cell("budgets", 2, "budget_usd_m", "60000000"), "budgets.csv", 2, "budget_usd_m", "USD million"),
    "capacity in kg": (cell("suppliers", 2, "capacity_tpy", "1000001"), "suppliers.csv", 2, "capacity_tpy", "in kg"),
    "construction in months": (
        cell("projects", 2, "construction_y", "24"),
        "projects.csv",
        2,
        "construction_y",
        "months",
    ),
    "term in months": (cell("structures", 3, "term_y", "144"), "structures.csv", 3, "term_y", "months"),
    "payable in percent": (
        cell("project_outputs", 2, "payable", "97"),
        "project_outputs.csv",
        2,
        "payable",
        "per cent",
    ),
    "interest in percent": (cell("instruments", 2, "rate", "3"), "instruments.csv", 2, "rate", "per cent"),
    "discount in percent": (
        setting("objective", "discount_rate = 3"),
        "case.toml",
        15,
        "objective.discount_rate",
        "per cent",
    ),
    "opex beyond revenue": (
        cell("projects", 2, "opex_usd_m_y", "10000"),
        "projects.csv",
        2,
        "opex_usd_m_y",
        "times the revenue of 40",
    ),
}

YEARS: dict[str, Broken] = {
    "horizon backwards": (
        several(setting("horizon", "last_year = 2026"), setting("horizon", "windows = [2027]")),
        "case.toml",
        11,
        "horizon.last_year",
        "before first_year",
    ),
    "window outside": (
        setting("horizon", "windows = [2027, 2031]"),
        "case.toml",
        10,
        "horizon.windows",
        "2031 outside",
    ),
    "windows backwards": (
        several(
            setting("horizon", "windows = [2028, 2027]"),
            add("budgets", member="EUF", window="2028", budget_usd_m="1"),
            add("budgets", member="JPF", window="2028", budget_usd_m="1"),
        ),
        "case.toml",
        10,
        "horizon.windows",
        "order",
    ),
    "window twice": (setting("horizon", "windows = [2027, 2027]"), "case.toml", 10, "horizon.windows", "twice"),
    "no window": (setting("horizon", "windows = []"), "case.toml", 10, "horizon.windows", "no window"),
    "demand outside": (cell("demand", 2, "year", "2031"), "demand.csv", 2, "year", "outside the horizon 2027-2030"),
    "supplier backwards": (
        cell("suppliers", 4, "first_year", "2029"),
        "suppliers.csv",
        4,
        "last_year",
        "before first_year",
    ),
    "supplier before": (cell("suppliers", 4, "last_year", "2026"), "suppliers.csv", 4, "last_year", "never supplies"),
    "supplier after": (cell("suppliers", 2, "first_year", "2031"), "suppliers.csv", 2, "first_year", "never supplies"),
    "project after": (
        cell("projects", 2, "first_production", "2031"),
        "projects.csv",
        2,
        "first_production",
        "never produces",
    ),
    "project before": (
        cell("projects", 2, "first_production", "1949"),
        "projects.csv",
        2,
        "first_production",
        "before 1950",
    ),
}

ROWS: dict[str, Broken] = {
    "low above base": (cell("demand", 2, "low", "701"), "demand.csv", 2, "low", "above base, 700"),
    "high below base": (cell("demand", 2, "high", "699"), "demand.csv", 2, "high", "below base, 700"),
    "stage order": (cell("stages", 3, "order", "3"), "stages.csv", 2, "order", "not 1 to 2"),
    "first recovery": (cell("stages", 2, "recovery", "0.9"), "stages.csv", 2, "recovery", "write 1"),
    "two stock stages": (
        several(cell("stages", 2, "stock", "1"), cell("stages", 3, "stock", "1")),
        "stages.csv",
        3,
        "stock",
        "at mining already",
    ),
    "stock without stage": (
        lambda f: (f.path / "stocks.csv").write_text("region,material,opening_t\nJP,NdPr,50\n"),
        "stocks.csv",
        2,
        "opening_t",
        "no stage holds one",
    ),
    "toll at the first stage": (
        add(
            "suppliers",
            supplier="T",
            country="MYS",
            role="toll",
            region="EU",
            stage="mining",
            material="NdPr",
            capacity_tpy="1",
        ),
        "suppliers.csv",
        6,
        "role",
        "first stage",
    ),
    "share of a toll": (
        add(
            "suppliers",
            supplier="T",
            country="MYS",
            role="toll",
            region="EU",
            stage="separation",
            material="NdPr",
            capacity_tpy="1",
            share="0.1",
        ),
        "suppliers.csv",
        6,
        "share",
        "leave it empty",
    ),
    "share of no demand": (
        add(
            "suppliers",
            supplier="T",
            country="MYS",
            role="import",
            region="EU",
            stage="mining",
            material="NdPr",
            capacity_tpy="1",
            share="0.1",
        ),
        "suppliers.csv",
        6,
        "share",
        "not in demand.csv",
    ),
    "processing at the first stage": (
        cell("project_outputs", 3, "mode", "process"),
        "project_outputs.csv",
        3,
        "mode",
        "first stage",
    ),
    "promise to nobody": (
        cell("project_outputs", 2, "precommitted_region", "JP"),
        "project_outputs.csv",
        2,
        "precommitted_region",
        "precommitted is 0",
    ),
    "promise without share": (
        cell("project_outputs", 2, "precommitted_until", "2030"),
        "project_outputs.csv",
        2,
        "precommitted_until",
        "precommitted is 0",
    ),
    "no outputs": (lambda f: f.drop_row("project_outputs", 2), "projects.csv", 2, "project", "no output"),
    "delay": (cell("projects", 2, "delay_sd_y", "0.5"), "projects.csv", 2, "delay_sd_y", "no mean delay"),
    "must and never": (
        several(setting("policy", 'must = ["INTEG", "MINE"]'), setting("policy", 'never = ["MINE"]')),
        "case.toml",
        24,
        "policy.never",
        "MINE also in must",
    ),
    "unknown benchmark": (
        several(setting("benchmarks", 'region = "EU"'), setting("benchmarks", 'require = ["procesing"]')),
        "case.toml",
        61,
        "benchmarks.require",
        "did you mean 'processing'",
    ),
    "benchmarks of nobody": (
        setting("benchmarks", 'penalise = ["recycling"]'),
        "case.toml",
        61,
        "benchmarks.penalise",
        "without a region",
    ),
    "benchmark twice": (
        several(
            setting("benchmarks", 'region = "EU"'),
            setting("benchmarks", 'penalise = ["recycling"]'),
            setting("benchmarks", 'require = ["recycling"]'),
        ),
        "case.toml",
        62,
        "benchmarks.penalise",
        "recycling also in require",
    ),
    "benchmarks after the horizon": (
        several(setting("benchmarks", 'region = "EU"'), setting("benchmarks", "year = 2031")),
        "case.toml",
        61,
        "benchmarks.year",
        "outside the horizon",
    ),
    "processing before extraction": (
        several(setting("benchmarks", 'region = "EU"'), setting("benchmarks", 'processing_stage = "mining"')),
        "case.toml",
        61,
        "benchmarks.processing_stage",
        "does not come after mining",
    ),
    "beta": (cell("hazards", 2, "severity_sd", "0.5"), "hazards.csv", 2, "severity_sd", "write less than 0.5"),
    "no effect": (cell("hazards", 2, "severity_mean", "0"), "hazards.csv", 2, "severity_mean", "no effect"),
    "event without effect": (cell("events", 2, "severity", "0"), "events.csv", 2, "severity", "no effect"),
    "price hazard that cuts": (
        several(
            cell("hazards", 2, "kind", "price"),
            cell("hazards", 2, "regions", ""),
            cell("hazards", 2, "price_factor", "0.6"),
        ),
        "hazards.csv",
        2,
        "severity_mean",
        "cuts nothing",
    ),
    "price hazard without price": (
        several(
            cell("hazards", 2, "kind", "price"),
            cell("hazards", 2, "regions", ""),
            cell("hazards", 2, "severity_mean", "0"),
        ),
        "hazards.csv",
        2,
        "price_factor",
        "factor other than 1",
    ),
    "outage by region": (cell("hazards", 2, "kind", "outage"), "hazards.csv", 2, "regions", "only export"),
    "minimum above maximum": (
        several(cell("instruments", 2, "min_share", "1"), cell("instruments", 2, "max_share", "0.9")),
        "instruments.csv",
        2,
        "min_share",
        "above max_share",
    ),
}

WHOLE: dict[str, Broken] = {
    "material nobody demands": (
        add(
            "materials", material="Dy", price_now="200", price_longrun="200", volatility="0", halflife_y="1", weight="1"
        ),
        "materials.csv",
        3,
        "material",
        "nobody demands it",
    ),
    "region without demand": (
        add("regions", region="US", market_access="0"),
        "regions.csv",
        4,
        "region",
        "demands nothing",
    ),
    "market access": (cell("regions", 2, "market_access", "0.9"), "regions.csv", 3, "market_access", "1.1"),
    "country access": (
        cell("countries", 2, "market_access", "0.6"),
        "countries.csv",
        2,
        "market_access",
        "at most 0.5",
    ),
    "import shares": (
        several(cell("suppliers", 2, "share", "0.6"), cell("suppliers", 4, "share", "0.5")),
        "suppliers.csv",
        4,
        "share",
        "sum to 1.1 in 2027",
    ),
    "no budget": (
        several(
            setting("horizon", "windows = [2027, 2028]"), add("budgets", member="JPF", window="2028", budget_usd_m="0")
        ),
        "members.csv",
        2,
        "member",
        "no budget for 2028",
    ),
    "instrument for nobody": (
        add("instruments", instrument="guarantee", kind="guarantee"),
        "instruments.csv",
        7,
        "instrument",
        "no member may use it",
    ),
    "instrument in no project": (
        cell("eligibility", 4, "countries", "CHN"),
        "instruments.csv",
        4,
        "instrument",
        "exclude all",
    ),
    "instrument for other materials": (
        several(
            add(
                "materials",
                material="Dy",
                price_now="200",
                price_longrun="200",
                volatility="0",
                halflife_y="1",
                weight="1",
            ),
            add("demand", region="EU", stage="separation", material="Dy", year="2027", low="1", base="1", high="1"),
            add(
                "suppliers",
                supplier="D",
                country="MYS",
                role="import",
                region="EU",
                stage="separation",
                material="Dy",
                capacity_tpy="1",
            ),
            cell("instruments", 4, "materials", "Dy"),
        ),
        "instruments.csv",
        4,
        "instrument",
        "exclude all",
    ),
    "member without instrument": (
        several(
            add("members", member="USF", region="EU"), add("budgets", member="USF", window="2027", budget_usd_m="1")
        ),
        "members.csv",
        4,
        "member",
        "it may use no instrument",
    ),
    "tranche beyond contracts": (
        several(cell("instruments", 5, "max_share", "0.2"), cell("instruments", 6, "max_share", "0.3")),
        "structures.csv",
        3,
        "tranche",
        "reach 0.5 at most",
    ),
    "guaranteed without guarantee": (
        cell("structures", 2, "debt", "guaranteed"),
        "structures.csv",
        2,
        "debt",
        "guarantee",
    ),
}


@pytest.mark.parametrize("name", [*CELLS, *UNITS, *YEARS, *ROWS, *WHOLE])
def test_the_one_problem_is_found(folder: Folder, name: str) -> None:
    edit, file, row, column, words = (CELLS | UNITS | YEARS | ROWS | WHOLE)[name]
    edit(folder)
    problems = folder.problems()
    assert [(p.file, p.row, p.column) for p in problems] == [(file, row, column)], "\n".join(map(str, problems))
    assert words in str(problems[0])
    assert problems[0].remedy


def test_contracts_nobody_may_use_leave_a_tranche_undelivered(folder: Folder) -> None:
    for row in (8, 5):
        folder.drop_row("eligibility", row)
    found = {(p.file, p.column) for p in folder.problems()}
    assert found == {("instruments.csv", "instrument"), ("structures.csv", "tranche")}


def test_import_shares_of_suppliers_that_follow_each_other_are_no_problem(folder: Folder) -> None:
    folder.cell("suppliers", 2, "share", "0.6")
    folder.cell("suppliers", 2, "first_year", "2029")
    folder.cell("suppliers", 4, "share", "0.6")
    assert read_case(folder.path).suppliers[0].share == 0.6


class TestReach:
    """A demand is reached by an import or captive output there, or by processing whose feed is reached."""

    @pytest.fixture
    def bare(self, folder: Folder) -> Folder:
        """Only MINE and SEPAR remain, and no imports of EU: its demand is met by processing the mine's feed."""
        folder.write("suppliers", [row for row in folder.rows("suppliers") if "EU" not in row])
        folder.drop_row("project_outputs", 2)
        folder.drop_row("projects", 2)
        folder.write("structures", folder.rows("structures")[:2])
        folder.write("instruments", folder.rows("instruments")[:4])
        folder.write("eligibility", [r for r in folder.rows("eligibility") if r[1] not in ("cfd", "offtake")])
        return folder

    def test_processing_with_feed_reaches(self, bare: Folder) -> None:
        assert len(read_case(bare.path).projects) == 2

    def test_processing_without_feed_does_not(self, bare: Folder) -> None:
        bare.drop_row("project_outputs", 2)
        bare.drop_row("projects", 2)
        (problem,) = bare.problems()
        assert (problem.file, problem.row, problem.column) == ("demand.csv", 2, "stage")
        assert "nothing can reach the demand of EU for NdPr at separation" in problem.why

    def test_feed_alone_does_not(self, bare: Folder) -> None:
        bare.drop_row("project_outputs", 3)
        bare.drop_row("projects", 3)
        bare.drop_row("eligibility", 4)  # the grant, which only a French project could take
        bare.drop_row("instruments", 4)
        (problem,) = bare.problems()
        assert (problem.file, problem.row) == ("demand.csv", 2)

    @pytest.mark.parametrize(("feed", "reached"), [("EU", True), ("JP", False)])
    def test_toll_needs_feed_of_its_own_region(self, bare: Folder, feed: str, reached: bool) -> None:
        bare.cell("project_outputs", 2, "stage", "separation")  # the mine's ore no longer counts as feed
        bare.cell("project_outputs", 2, "mode", "process")
        about = {"country": "MYS", "material": "NdPr", "capacity_tpy": "1"}
        bare.add("suppliers", supplier="T", role="toll", region="EU", stage="separation", **about)
        bare.add("suppliers", supplier="F", role="import", region=feed, stage="mining", **about)
        if reached:
            read_case(bare.path)
        else:
            assert [(p.file, p.row) for p in bare.problems()] == [("demand.csv", 2)]

    def test_an_import_of_nothing_does_not(self, bare: Folder) -> None:
        self.test_processing_without_feed_does_not(bare)
        about = {"country": "MYS", "role": "import", "region": "EU", "stage": "separation", "material": "NdPr"}
        row = bare.add("suppliers", supplier="S", capacity_tpy="0", **about)
        assert [p.file for p in bare.problems()] == ["demand.csv"]
        bare.cell("suppliers", row, "capacity_tpy", "1")
        read_case(bare.path)


def test_all_problems_come_in_one_list_in_file_order(folder: Folder) -> None:
    edits = [
        CELLS["text in a number"],
        UNITS["price per t"],
        YEARS["demand outside"],
        ROWS["beta"],
        WHOLE["market access"],
    ]
    for edit, *_ in edits:
        edit(folder)
    found = [(p.file, p.row, p.column) for p in folder.problems()]
    assert sorted(found) == sorted((file, row, column) for _, file, row, column, _ in edits)
    assert [file for file, *_ in found] == ["regions.csv", "materials.csv", "demand.csv", "hazards.csv", "projects.csv"]


def test_a_problem_is_one_readable_line(folder: Folder) -> None:
    folder.cell("projects", 3, "capex_usd_m", "12O")
    (problem,) = folder.problems()
    line = "projects.csv, row 3, column capex_usd_m, value '12O': not a number; write digits such as 120.5"
    assert str(problem) == line
    assert str(CaseError([problem])) == f"1 problem in the case:\n  {line}"


def test_the_error_is_a_value_error_and_problems_are_frozen() -> None:
    error = CaseError([Problem("a", 1, None, None, "b", "c")])
    assert isinstance(error, ValueError)
    with pytest.raises(AttributeError):
        error.problems[0].file = "x"  # type: ignore[misc]


def test_captive_and_processed_output_of_one_material_may_stand_side_by_side(folder: Folder) -> None:
    folder.add(
        "project_outputs",
        project="SEPAR",
        stage="separation",
        material="NdPr",
        mode="captive",
        capacity_tpy="5",
        payable="0.97",
    )
    assert len(read_case(folder.path).outputs["SEPAR"]) == 2


def test_no_check_fails_on_an_empty_draft() -> None:
    empty = Draft({}, {}, frozenset())
    assert validate(empty) == []
    assert list(check_case(empty)) == []


def test_a_case_may_live_anywhere(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.path.parent)
    assert read_case("case") == read_case(Path(folder.path))


@pytest.mark.parametrize(("home", "name"), [(home, name) for home, limits in LIMITS.items() for name in limits])
def test_every_limit_is_on_a_number_that_its_bounds_allow(home: str, name: str) -> None:
    about = {c.name: c for c in columns({**SECTIONS, **TABLES}[home])}[name]
    limit = LIMITS[home][name]
    assert about.kind == "number"
    check_bounds(about, limit.most * 1.01)  # else the limit could never be reached
    row = Row(home, 2, {name: limit.most * 1.01}, {})
    draft = Draft({home: row} if home in SECTIONS else {}, {home: (row,)} if home in TABLES else {}, frozenset())
    (problem,) = check_units(draft)
    assert problem.why.startswith(f"above {limit.most:,g} cannot be")
