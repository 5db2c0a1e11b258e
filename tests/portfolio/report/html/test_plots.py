"""Plots: valid by the schema of Vega-Lite, and what they draw is what they were given."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import altair as alt
import numpy as np
import pandas as pd
import pytest

from portfolio.report.html import render
from portfolio.report.html.page import Chart, Column, Plot
from portfolio.report.html.plots import (
    Change,
    Frontier,
    Histogram,
    Intervals,
    Lines,
    Matrix,
    Stacked,
    Tornado,
    exceedance,
)
from portfolio.report.html.plots.lines import apart
from portfolio.report.html.theme import LIGHT, tones

ROWS = pd.DataFrame(
    {
        "a.b[c]": ["x", "x", "y", "y"],
        "s": ["one", "two", "one", "two"],
        "t": [2027, 2027, 2028, 2028],
        "v": [1.0, 2.5, 3.0, 4.25],
        "lo": [0.5, 2.0, 2.0, np.nan],
        "hi": [1.5, 3.0, 4.0, np.nan],
        "m": [5.0, 5.0, 6.0, 6.0],
        "p": ["left", "left", "right", "right"],
    }
)
ONCE = ROWS.loc[ROWS["s"] == "one"]
PLOTS: dict[str, tuple[Plot, pd.DataFrame, int]] = {
    "lines": (Lines("t", "v", "s", "lo", "hi"), ROWS, 4),
    "lines in panels": (Lines("t", "v", "s", panel="p"), ROWS, 4),
    "steps": (Lines("v", "lo", "s", years=False, share=True, step=True), ROWS.dropna(), 3),
    "stacked": (Stacked("a.b[c]", "v", "s", title="t"), ROWS, 4),
    "stacked, marks": (Stacked("a.b[c]", "v", "s", mark="m", mark_title="budget"), ROWS, 6),
    "stacked, upright panels": (Stacked("t", "v", "s", "p", mark="m", upright=True, years=True), ROWS, 6),
    "change": (Change("a.b[c]", "lo", "hi"), ONCE, 4),
    "change, target": (Change("a.b[c]", "lo", "hi", target="m", own_scale=True, panel="p"), ONCE, 6),
    "change, own rows": (Change("a.b[c]", "lo", "hi", panel="p", rows=1), ONCE, 4),
    "intervals": (Intervals("a.b[c]", "v", "lo", "hi", "s"), ROWS, 4),
    "intervals in panels": (Intervals("s", "v", "lo", "hi", panel="p", reference=1.0), ROWS, 4),
    "tornado": (Tornado("a.b[c]", "lo", "hi", base=1.2), ONCE, 4),
    "matrix": (Matrix("a.b[c]", "s", "v", "p"), ROWS, 4),
    "frontier": (Frontier("m", "v", "budget", "t/y", "lo", "hi", "p"), ONCE, 2),
    "frontier, series": (Frontier("m", "v", "budget", "t/y", series="s"), ROWS, 4),
    "histogram": (Histogram("lo", "hi", "v", "s", "weighted"), ROWS.dropna(), 3),
}


def chart(plot: Plot, data: pd.DataFrame, **more: Any) -> Chart:
    given = {"name": "c", "title": "A title", "unit": "t/y", "alt": "words", "columns": (Column("s", "S"),)}
    return Chart(data=data, plot=plot, **(given | more))


def marks(svg: str) -> list[str]:
    """What marks of a drawing stand for."""
    return [e.attrib["aria-label"] for e in ET.fromstring(svg).iter() if "aria-label" in e.attrib]  # noqa: S314


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("width", [render.SLIM, render.WIDE])
def test_valid_and_every_row_has_its_mark(name: str, width: int) -> None:
    plot, data, expected = PLOTS[name]
    alt.Chart.from_dict(plot.draw(data, width), validate=True)
    drawn = render.drawing(chart(plot, data))
    svg = drawn.slim if width == render.SLIM else drawn.wide
    own = [label for label in marks(svg) if not re.match(r"(X|Y)-axis|Symbol legend|Title text|Header", label)]
    assert len([label for label in own if re.search(r"\d|left|right", label)]) == expected
    assert "NaN" not in svg
    assert "undefined" not in svg
    size = float(ET.fromstring(svg).attrib["width"])  # noqa: S314
    assert size <= width + 25


def test_hostile_text_in_a_chart_is_text() -> None:
    data = ROWS.replace({"x": "<script>alert(1)</script>", "y": '" onload="1'})
    svg = render.drawing(chart(Stacked("a.b[c]", "v", "s"), data)).wide
    root = ET.fromstring(svg)  # noqa: S314
    assert not [e for e in root.iter() if e.tag.endswith("script")]
    assert not [key for e in root.iter() for key in e.attrib if key.startswith("on")]
    texts = {e.text for e in root.iter() if e.tag.endswith("text")}
    assert "<script>alert(1)</script>" in texts


def test_what_marks_stand_for_keeps_its_digits() -> None:
    data = ROWS.assign(s=['0.00125 style="x" d="1.2345"', "two"] * 2)
    svg = render.drawing(chart(Lines("t", "v", "s"), data)).wide
    assert any('0.00125 style="x" d="1.2345"' in label for label in marks(svg))
    assert any(label.endswith("4.25") for label in marks(svg))


@pytest.mark.parametrize("form", ["png", "svg"])
def test_figures_stand_alone(form: render.Format) -> None:
    content = render.figure(chart(Lines("t", "v", "s"), ROWS), form)
    if form == "png":
        assert content.startswith(b"\x89PNG\r\n")
        return
    text = content.decode()
    assert "var(--" not in text
    assert LIGHT["c1"] in text
    assert "A title" in text
    assert "t/y" in text


class TestExceedance:
    def test_by_hand(self) -> None:
        x, above = exceedance(np.array([3.0, 1.0, 1.0, 7.0]), np.array([0.25, 0.25, 0.25, 0.25]))
        assert x.tolist() == [0.0, 1.0, 3.0, 7.0]
        assert above.tolist() == pytest.approx([1.0, 0.5, 0.25, 0.0])

    def test_weights(self) -> None:
        x, above = exceedance(np.array([0.0, 4.0]), np.array([3.0, 1.0]))
        assert x.tolist() == [0.0, 4.0]
        assert above.tolist() == pytest.approx([0.25, 0.0])

    def test_thinned_curve_lies_on_the_whole_one(self) -> None:
        values = np.random.default_rng(1).lognormal(size=5000)
        weights = np.full(5000, 1 / 5000)
        x, above = exceedance(values, weights, points=50)
        assert len(x) <= 51
        assert x[-1] == values.max()
        for at, p in zip(x, above, strict=True):
            assert p == pytest.approx((values > at).mean(), abs=1e-9)


def test_labels_apart() -> None:
    assert apart(np.array([5.0, 1.0, 1.2]), 1.0).tolist() == [5.0, 1.0, 2.0]


def test_colours_by_series() -> None:
    assert tones(("a", "b", "c"), muted=("b",)) == ["var(--c1)", "var(--muted)", "var(--c2)"]
