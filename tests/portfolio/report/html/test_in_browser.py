"""Pages as a browser shows them."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.portfolio.report.html.conftest import NAMES, TITLE, Made

KINDS = ("run", "evaluation", "stress", "worth", "replications")


@contextmanager
def opened(browser: Any, folder: Path, **settings: Any) -> Iterator[Any]:
    """Open the page of a folder; fail where a script fails or anything is asked of a network."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | settings)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("request", lambda request: faults.append(f"request: {request.url}"))
    address = (folder / "report.html").resolve().as_uri()
    page.goto(address)
    yield page
    context.close()
    assert [f for f in faults if f != f"request: {address}" and not f.startswith("request: data:,")] == []


@pytest.mark.parametrize("kind", KINDS)
class TestEveryPage:
    def test_charts_have_marks_a_label_and_a_table(self, browser: Any, made: Made, kind: str) -> None:
        with opened(browser, getattr(made, kind)) as page:
            charts = page.eval_on_selector_all(
                "figure",
                """figures => figures.map(f => ({
                  label: f.querySelector('.chart').getAttribute('aria-label'),
                  heading: document.getElementById(f.getAttribute('aria-labelledby')).textContent,
                  unit: f.querySelector('.unit').textContent,
                  wide: f.querySelectorAll('.wide svg [aria-label]').length,
                  slim: f.querySelectorAll('.slim svg [aria-label]').length,
                  drawn: f.querySelector('.wide svg').getBoundingClientRect().height,
                  rows: f.querySelectorAll('details tbody tr').length }))""",
            )
        assert charts
        for chart in charts:
            assert all(chart[part] for part in ("label", "heading", "unit", "rows")), chart
            assert min(chart["wide"], chart["slim"]) > 0, chart
            assert chart["drawn"] > 50, chart

    @pytest.mark.parametrize("width", [390, 1280])
    def test_fits_the_screen(self, browser: Any, made: Made, kind: str, width: int) -> None:
        with opened(browser, getattr(made, kind), viewport={"width": width, "height": 800}) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            beyond = page.eval_on_selector_all(
                ".chart svg:not([hidden])",
                "(all, w) => all.filter(s => s.getBoundingClientRect().right > w + 1).length",
                width,
            )
            assert beyond == 0

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_text_is_readable(self, browser: Any, made: Made, kind: str, scheme: str) -> None:
        with opened(browser, getattr(made, kind), color_scheme=scheme) as page:
            found = page.eval_on_selector_all(
                "h1, h2, h3, p, li, dt, dd span, th, td, summary, svg text",
                """all => all.filter(e => e.getClientRects().length && e.textContent.trim()).map(e => {
                  const s = getComputedStyle(e);
                  return [e.namespaceURI.endsWith('svg') ? s.fill : s.color, e.textContent.slice(0, 40)]; })""",
            )
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        faint = [text for colour, text in found if contrast(colour, ground) < 4.5]
        assert len(found) > 20
        assert faint == []


def luminance(colour: str) -> float:
    """Relative luminance of rgb(r, g, b), as WCAG 2 defines it."""
    parts = [int(float(p)) / 255 for p in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


class TestRun:
    def test_hostile_names_are_text(self, browser: Any, made: Made) -> None:
        with opened(browser, made.run) as page:
            assert page.title() == f"{TITLE}: Run"
            text = page.evaluate("document.body.textContent")
            assert page.locator("img").count() == 0
            assert page.locator("script").count() == 1
        used = set(pd.read_csv(made.run / "portfolio.csv")["name"])
        assert used & set(NAMES.values()), "no hostile name is in the portfolio"
        assert TITLE in text
        assert all(name in text for name in used & set(NAMES.values()))

    def test_table_of_commitments_is_the_file(self, browser: Any, made: Made) -> None:
        with opened(browser, made.run) as page:
            table = page.locator("details.block", has_text="All commitments").locator("table")
            rows = table.evaluate(
                """t => [...t.tBodies[0].rows].map(r => [...r.cells].map(c =>
                  c.querySelector('data') ? Number(c.querySelector('data').value) : c.textContent))"""
            )
            heads = table.evaluate("t => [...t.tHead.rows[0].cells].map(c => c.textContent)")
        file = pd.read_csv(made.run / "portfolio.csv", keep_default_na=False)
        columns = {
            "Project": "project", "Name": "name", "Year": "window", "Member": "member", "Instrument": "instrument",
            "Kind": "kind", "Share": "share", "Amount, USD M": "usd_m", "Contracted, t/y": "tpy",
            "Material": "material", "Charge, USD M": "charge_usd_m",
        }  # fmt: skip
        assert heads == list(columns)
        assert len(rows) == len(file)
        for row, (_, expected) in zip(rows, file.iterrows(), strict=True):
            for value, name in zip(row, columns.values(), strict=True):
                same = math.isclose(value, expected[name], rel_tol=1e-9) if isinstance(value, float | int) else None
                assert same if same is not None else value == expected[name]

    def test_table_of_shortfall_is_the_file(self, browser: Any, made: Made) -> None:
        with opened(browser, made.run) as page:
            values = page.locator("#shortfall-years details td:nth-child(6) data").evaluate_all(
                "all => all.map(d => Number(d.value))"
            )
        assert values == pytest.approx(pd.read_csv(made.run / "shortfall.csv")["mean_t"].tolist())

    def test_keyboard_reads_the_marks(self, browser: Any, made: Made) -> None:
        with opened(browser, made.run) as page:
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.className") == "skip"
            chart = page.locator("#shortfall-places .chart")
            chart.focus()
            page.keyboard.press("ArrowRight")
            first = page.locator("#tip").text_content()
            page.keyboard.press("ArrowRight")
            second = page.locator("#tip").text_content()
            assert "without the fund" in first
            assert first != second
            page.keyboard.press("Escape")
            assert page.locator("#tip").is_hidden()
            summary = page.locator("#shortfall-places summary")
            summary.focus()
            page.keyboard.press("Enter")
            assert page.locator("#shortfall-places table").is_visible()

    def test_tables_are_sorted_by_keyboard_and_searched(self, browser: Any, made: Made) -> None:
        """Numbers by their exact values, both ways; a search leaves the rows that hold the text."""
        with opened(browser, made.run) as page:
            page.locator("#shortfall-years summary").click()
            table = page.locator("#shortfall-years table")
            head = table.locator("th", has_text="Mean, t")
            place = head.evaluate("h => h.cellIndex")
            shown = "t => [...t.tBodies[0].rows].filter(r => !r.hidden)"
            column = f"{shown}.map(r => Number(r.cells[{place}].firstChild.value))"
            values = table.evaluate(column)
            head.locator("button").focus()
            page.keyboard.press("Enter")
            assert head.get_attribute("aria-sort") == "ascending"
            assert table.evaluate(column) == sorted(values)
            page.keyboard.press("Enter")
            assert table.evaluate(column) == sorted(values, reverse=True)
            assert len(set(values)) > 2
            page.locator("#shortfall-years input[type=search]").fill("without the fund")
            assert len(table.evaluate(column)) == len(values) / 2
            assert page.locator("#shortfall-years .find [role=status]").text_content().split()[0] == str(
                len(values) // 2
            )

    def test_bands_of_supply_are_drawn(self, browser: Any, made: Made) -> None:
        with opened(browser, made.run) as page:
            areas = page.locator("#supply .wide svg path[opacity='0.16']").count()
            labels = page.locator("#supply .wide svg path[aria-label]").evaluate_all(
                "all => all.map(mark => mark.getAttribute('aria-label'))"
            )
        assert areas >= 2
        assert any(" (" in label and "without the fund" in label for label in labels)

    def test_pointer_reads_a_mark(self, browser: Any, made: Made) -> None:
        with opened(browser, made.run) as page:
            mark = page.locator("#shortfall-places .wide svg path[aria-label]").last
            mark.scroll_into_view_if_needed()
            mark.hover(force=True)
            assert page.locator("#tip").text_content() == mark.get_attribute("aria-label")

    def test_print_is_light_and_whole(self, browser: Any, made: Made, tmp_path: Path) -> None:
        with opened(browser, made.run, color_scheme="dark") as page:
            page.emulate_media(media="print", color_scheme="dark")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
            assert page.locator("nav").is_hidden()
            breaks = page.eval_on_selector_all("figure", "all => all.map(f => getComputedStyle(f).breakInside)")
            assert set(breaks) == {"avoid"}
            page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
        assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
        if shutil.which("pdftotext"):
            text = subprocess.run(["pdftotext", tmp_path / "page.pdf", "-"], capture_output=True, text=True).stdout
            assert "The decision" in text
            assert "Before you act on it" in text

    def test_evaluation_and_stress_beside_the_run_are_shown(self, browser: Any, made: Made) -> None:
        with opened(browser, made.run) as page:
            headings = page.locator("h2").all_text_contents()
            first = page.locator("section").first.text_content()
        assert {"Out of sample", "Stress"} <= set(headings)
        assert "60 fresh scenarios" in first

    def test_size(self, made: Made) -> None:
        assert all((folder / "report.html").stat().st_size < 2.5e6 for folder in made.all)
