"""Pages of studies of tidy tables, and of those beside them: what they say is what the tables say, in a browser too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import portfolio
from portfolio.report.html.page import Chart, Facts, Notes, Page, Table, signed
from portfolio.report.html.tidy import MOST_ROWS, general, heading, shown
from portfolio.report.pages import page_of
from portfolio.report.study import Study, write_study
from tests.portfolio.report.html.conftest import OVERRIDES, TITLE, Made, hostile_case
from tests.portfolio.report.html.test_in_browser import opened

SMALL: dict[str, Any] = {"scenarios": 8, "fresh": 40, "gap": 0.0, "overrides": OVERRIDES}
VARIED = ["hazards.rate=0.2:0.8", "materials.volatility=0.1:0.4"]
CHARTS = {
    "stability": {"worse", "claims", "projects"},
    "sampling": {"distances"},
    "compared_runs": {"difference-weighted", "difference-weighted-cvar", "projects", "charges"},
    "regret": {"largest-regret", "matrix", "swings", "projects"},
    "pressure": {"shortfall", "prices", "projects", "money"},
    "foresight": {"optimism", "levels", "years"},
    "compare": {"differences", "reduction", "money", "projects"},
    "frontier": {"frontier", "marginal", "steps", "supported"},
    "sweep_oat": {f"tornado-{o}" for o in ("weighted", "reduction", "cvar", "public-cost-usd-m", "objective")},
    "sweep_grid": {"plane"},
    "sweep_one": {"along"},
    "alternatives": {"in-all-some-none", "above-best", "fresh-difference"},
    "explain": {"worth"},
    "frequency": {"frequency"},
    "alliance": {"together", "costs", "shapley", "shapley-budgets", "core", "joining", "switches", "effects"},
    "termsheet": {"offers", "payments"},
    "wait": {"values", "policies", "clusters"},
}
"""Charts of every page."""
ANSWERED = sorted(CHARTS.keys() - {"alliance", "compared_runs", "regret", "wait"})
"""Pages that begin with the answer in a sentence; the others have a note or figures of it."""


@pytest.fixture(scope="session")
def studies(made: Made, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folder of every study, on the case with hostile names."""
    home = tmp_path_factory.mktemp("studies")
    case, run = hostile_case(home / "case"), made.run
    portfolio.solve(case, scenarios=12, seed=4, gap=0.0, overrides=(*OVERRIDES, "hazards.rate=0.8"), out=home / "other")
    work: dict[str, Callable[[Path], Any]] = {
        "stability": lambda out: portfolio.stability(run, samples=2, scenarios=[6, 8], fresh=40, out=out),
        "sampling": lambda out: portfolio.sampling(case, scenarios=200, out=out),
        "compared_runs": lambda out: portfolio.compare_runs(run, home / "other", out=out),
        "regret": lambda out: portfolio.regret(run, quantiles=(0.05, 0.95), single=1, screen=20, fresh=40, out=out),
        "pressure": lambda out: portfolio.pressure(run, scenarios=40, out=out),
        "foresight": lambda out: portfolio.foresight(run, scenarios=40, out=out),
        "compare": lambda out: portfolio.compare(case, out=out, **SMALL),
        "frontier": lambda out: portfolio.frontier(case, at=(0.5, 1.0), out=out, **SMALL),
        "sweep_oat": lambda out: portfolio.sweep(case, vary=VARIED, design="oat", out=out, **SMALL),
        "sweep_grid": lambda out: portfolio.sweep(case, vary=VARIED, out=out, **SMALL),
        "sweep_one": lambda out: portfolio.sweep(case, vary=VARIED[:1], out=out, **SMALL),
        "alternatives": lambda out: portfolio.alternatives(run, within=0.2, fresh=40, out=out),
        "explain": lambda out: portfolio.explain(run, "INTEG", fresh=40, out=out),
        "frequency": lambda out: portfolio.selection_frequency(run, batches=3, scenarios=6, out=out),
        "alliance": lambda out: portfolio.alliance(case, switches="all", out=out, **SMALL),
        "termsheet": lambda out: portfolio.termsheet(run, "MINE", out=out),
        "wait": lambda out: portfolio.wait(two_windows(home / "two"), clusters=2, out=out, **SMALL),
    }
    for name, make in work.items():
        make(home / name)
    return {name: home / name for name in work}


def two_windows(target: Path) -> Path:
    """Return the case with a second window, in which there is as much money again."""
    case = hostile_case(target)
    budgets = pd.read_csv(case / "budgets.csv")
    pd.concat([budgets, budgets.assign(window=2028)]).to_csv(case / "budgets.csv", index=False)
    settings = (case / "case.toml").read_text(encoding="utf-8")
    changed = settings.replace("windows = [2027]", "windows = [2027, 2028]")
    assert changed != settings
    (case / "case.toml").write_text(changed, encoding="utf-8")
    return case


def charts(page: Page) -> dict[str, Chart]:
    return {c.name: c for c in page.charts}


def blocks(page: Page, kind: type[Any]) -> list[Any]:
    return [b for section in page.sections for b in section.blocks if isinstance(b, kind)]


@pytest.mark.parametrize("kind", CHARTS)
class TestEveryPage:
    def test_written_with_the_folder_and_has_its_charts(self, studies: dict[str, Path], kind: str) -> None:
        assert (studies[kind] / "report.html").stat().st_size < 2.5e6
        page = page_of(studies[kind])
        assert set(charts(page)) == CHARTS[kind]
        record = next(studies[kind].glob("*.json"))
        said = json.loads(record.read_text(encoding="utf-8"))["caveats"]
        warned = [item for b in blocks(page, Notes) if b.warning for item in b.items]
        assert set(said) <= set(warned)

    @pytest.mark.parametrize("width", [390, 1280])
    def test_in_a_browser(self, browser: Any, studies: dict[str, Path], kind: str, width: int) -> None:
        with opened(browser, studies[kind], viewport={"width": width, "height": 800}) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator("img").count() == 0
            assert page.locator("script").count() == 1
            found = page.eval_on_selector_all(
                "figure",
                """figures => figures.map(f => ({
                  label: f.querySelector('.chart').getAttribute('aria-label'),
                  wide: f.querySelectorAll('.wide svg [aria-label]').length,
                  slim: f.querySelectorAll('.slim svg [aria-label]').length,
                  rows: f.querySelectorAll('details tbody tr').length }))""",
            )
            if kind not in ("compared_runs", "termsheet"):
                assert TITLE in page.evaluate("document.body.textContent")
        assert len(found) == len(CHARTS[kind])
        assert all(f["label"] and f["rows"] and min(f["wide"], f["slim"]) > 0 for f in found)


class TestWhatPagesSay:
    def test_differences_of_mixes(self, studies: dict[str, Path]) -> None:
        pairs = pd.read_csv(studies["compare"] / "pairs.csv")
        drawn = charts(page_of(studies["compare"]))["differences"].data.set_index("mix")
        for mix, row in drawn.iterrows():
            one = pairs.loc[(pairs["mix"] == mix) & (pairs["other"] == "all")]
            other = pairs.loc[(pairs["mix"] == "all") & (pairs["other"] == mix)]
            expected = one["difference"].iloc[0] if len(one) else -other["difference"].iloc[0]
            assert row["difference"] == pytest.approx(expected)
            told = bool(pd.concat([one, other])["better"].notna().iloc[0])
            assert row["told"] == ("told apart" if told else "not told apart")

    def test_tornado_is_two_points_and_the_case(self, studies: dict[str, Path]) -> None:
        points = pd.read_csv(studies["sweep_oat"] / "points.csv")
        chart = charts(page_of(studies["sweep_oat"]))["tornado-weighted"]
        base = points.loc[points["role"] == "base", "weighted_with"].iloc[0]
        assert getattr(chart.plot, "base") == pytest.approx(base)  # noqa: B009  a plot of this kind has one
        for number in ("hazards.rate", "materials.volatility"):
            row = chart.data.loc[chart.data["number"] == number].iloc[0]
            for end, value in (("low", row["low_value"]), ("high", row["high_value"])):
                own = points.loc[(points[number] == float(value)) & (points["role"] == "design"), "weighted_with"]
                assert row[end] == pytest.approx(own.iloc[0])

    def test_matrix_of_alternatives(self, studies: dict[str, Path]) -> None:
        data = charts(page_of(studies["alternatives"]))["in-all-some-none"].data
        rows = pd.read_csv(studies["alternatives"] / "alternatives.csv")
        for _, row in rows.iterrows():
            mine = data.loc[(data["column"] == f"no. {row['alternative']}") & (data["text"] != ""), "project"]
            assert set(mine) == set(row["projects"].split("; "))
        proven = data.loc[data["column"] == "proven of all"].set_index("project")["text"]
        support = pd.read_csv(studies["alternatives"] / "projects.csv").set_index("project")["support"]
        assert proven.to_dict() == support[proven.index].to_dict()

    def test_shapley_sums_to_the_gain(self, studies: dict[str, Path]) -> None:
        values = charts(page_of(studies["alliance"]))["shapley"].data["value"]
        points = pd.read_csv(studies["alliance"] / "points.csv").query("kind == 'coalition'").set_index("members")
        gain = points["fresh_objective"]["nobody"] - points["fresh_objective"]["EUF + JPF"]
        assert values.sum() == pytest.approx(gain)

    def test_money_under_pressure_leaves_balances_out(self, studies: dict[str, Path], tmp_path: Path) -> None:
        shutil.copytree(studies["pressure"], tmp_path / "out")
        flows = pd.read_csv(tmp_path / "out" / "flows.csv")
        owed = flows.head(1).assign(line="balance", usd_m=1000.0)
        pd.concat([flows, owed]).to_csv(tmp_path / "out" / "flows.csv", index=False)
        data = charts(page_of(tmp_path / "out"))["money"].data
        assert data["base"].sum() == pytest.approx(flows.loc[flows["prices"] == "base", "usd_m"].sum())

    def test_foresight_year_by_year(self, studies: dict[str, Path]) -> None:
        data = charts(page_of(studies["foresight"]))["years"].data
        years = pd.read_csv(studies["foresight"] / "years.csv")
        for world in ("without", "with"):
            own = years.loc[years["world"] == world]
            expected = own["shortfall_greedy_t"].sum() - own["shortfall_foresight_t"].sum()
            assert data.loc[data["world"] == world, "more_t"].sum() == pytest.approx(expected)

    def test_frequencies_are_counts_of_the_samples(self, studies: dict[str, Path]) -> None:
        data = charts(page_of(studies["frequency"]))["frequency"].data.set_index("project")
        samples = pd.read_csv(studies["frequency"] / "samples.csv")["projects"].fillna("").str.split("; ")
        for project in ("MINE", "SEPAR", "INTEG"):
            share = sum(project in held for held in samples) / len(samples)
            assert (data["share"][project] if project in data.index else 0.0) == pytest.approx(share)

    def test_distances_are_those_of_the_judged_rows(self, studies: dict[str, Path]) -> None:
        data = charts(page_of(studies["sampling"]))["distances"].data
        z = pd.read_csv(studies["sampling"] / "moments.csv").query("flag != 'few'")["z"]
        seen = data.loc[data["of"] == "rows"]
        assert data.groupby("of")["share"].sum()["rows"] == pytest.approx(1.0)
        for _, row in seen.iterrows():
            inside = ((z >= row["from"]) & (z < row["to"])).mean()
            assert row["share"] == pytest.approx(inside)

    @pytest.mark.parametrize("kind", ANSWERED)
    def test_begins_with_the_answer(self, studies: dict[str, Path], kind: str) -> None:
        text = page_of(studies[kind]).sections[0].prose
        assert text.endswith(".")
        assert "nan" not in text

    def test_answers_are_those_of_the_tables(self, studies: dict[str, Path]) -> None:
        projects = pd.read_csv(studies["alternatives"] / "projects.csv")
        said = page_of(studies["alternatives"]).sections[0].prose
        for name, n in projects["support"].value_counts().items():
            assert f"{n} {name}" in said
        mixes = pd.read_csv(studies["compare"] / "mixes.csv")
        best = mixes.loc[mixes["objective"].idxmin(), "mix"]
        assert f", {best} has the least objective" in page_of(studies["compare"]).sections[0].prose
        figures = pd.read_csv(studies["pressure"] / "figures.csv")
        row = figures.loc[
            (figures["what"] == "difference by pressure") & (figures["figure"] == "mean weighted shortfall")
        ]
        assert signed(float(row["estimate"].iloc[0])) in page_of(studies["pressure"]).sections[0].prose


class TestGeneral:
    FOUND = Study(
        "novel",
        "A title",
        {
            "main": pd.DataFrame(
                {"name": ["NA", "b"], "x_usd_m": [1.5, 0.00123], "same": [1, 1], "flag": [True, False]}
            ),
            "empty": pd.DataFrame(columns=["a"]),
            "long": pd.DataFrame({"n": range(MOST_ROWS + 1)}),
        },
        {"scenarios": 7, "seed": 3, "most_tpy": 12345.6, "nested": {"a": 1}, "done": True},
        ("<b>Beware</b>",),
        3,
    )

    def test_unknown_kind(self, tmp_path: Path) -> None:
        folder = write_study(self.FOUND, tmp_path / "out").path
        assert folder is not None
        page = page_of(folder)
        assert page.kind == "Novel"
        assert "7 scenarios (seed 3)" in page.about
        facts = {f.label: f.value for b in blocks(page, Facts) for f in b.facts}
        assert facts == {"Most, t/y": "12,346", "Done": "yes"}
        main, *rest = blocks(page, Table)
        assert [c.name for c in main.columns] == ["name", "x_usd_m", "flag"], "what never differs is left out"
        assert [c.heading for c in main.columns] == ["Name", "X, USD M", "Flag"]
        assert list(main.data["name"]) == ["NA", "b"]
        assert [t.folded for t in rest] == [True] * 3
        assert len(rest[-1].data) == MOST_ROWS
        assert f"of {MOST_ROWS + 1}" in rest[-1].note
        warned = blocks(page, Notes)[0].items
        assert warned == ("A limit stopped part of it before it was finished.", "<b>Beware</b>")
        assert "&lt;b&gt;Beware" in (folder / "report.html").read_text(encoding="utf-8")

    @pytest.mark.parametrize("kind", ["compare", "frontier", "alternatives", "wait", "termsheet"])
    def test_tables_missing(self, studies: dict[str, Path], tmp_path: Path, kind: str) -> None:
        """The general page says what is left where a main table is not of this version."""
        shutil.copytree(studies[kind], tmp_path / "out")
        record = json.loads((tmp_path / "out" / "study.json").read_text(encoding="utf-8"))
        first = record["tables"][0]
        (tmp_path / "out" / "study.json").write_text(json.dumps(record | {"tables": record["tables"][1:]}))
        (tmp_path / "out" / f"{first}.csv").unlink()
        page = page_of(tmp_path / "out")
        assert page.kind.startswith(heading(kind)) or kind == "termsheet"
        tables = [t for t in blocks(page, Table) if t.folded]
        assert len(tables) >= len(record["tables"]) - 1

    def test_numbers_and_headings(self) -> None:
        assert [general(v) for v in (0.0, 0.00123, -0.05, 12.345, 12345.6)] == [
            "0",
            "0.0012",
            "-0.05",
            "12.3",
            "12,346",
        ]
        names = ["charge_usd_m", "strike_usd_kg", "shortfall_tpy", "term_y", "hazards.rate", "EUF"]
        assert [heading(n) for n in names] == [
            "Charge, USD M", "Strike, USD/kg", "Shortfall, t/y", "Term, years", "Hazards.rate", "EUF"
        ]  # fmt: skip
        assert shown("t", pd.DataFrame({"year": [2027], "v": [2.0]})).columns[0].form is not None
