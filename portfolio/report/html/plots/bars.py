"""Stacked bars and histograms."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from portfolio.report.html.plots.common import (
    NARROW,
    Layer,
    Spec,
    category_labels,
    colour,
    frame,
    laid_out,
    layer,
    name_of,
    number_of,
    order_of,
    rows_of,
    said,
    value_axis,
)
from portfolio.report.html.theme import tone
from portfolio.report.words import number, percent


@dataclass(frozen=True)
class Stacked:
    """Parts of a whole for each category, one bar each; ``mark`` is drawn across a bar, such as a budget or demand.

    ``category``, ``value``, ``series``, ``panel`` and ``mark`` name columns (``mark`` is one for
    each bar). Bars lie unless they are ``upright``; ``totals`` writes the sum at the end of each lying bar;
    ``own_scale`` gives each panel a scale of values of its own.
    """

    category: str
    value: str
    series: str
    panel: str = ""
    mark: str = ""
    mark_title: str = ""
    muted: tuple[str, ...] = ()
    upright: bool = False
    totals: bool = True
    years: bool = False
    share: bool = False
    own_scale: bool = False
    title: str = ""
    across: int = 2
    height: int = 220
    bar: int = 30

    def draw(self, data: pd.DataFrame, width: int) -> Spec:
        """Return the chart."""
        names = {"category": self.category, "value": self.value, "series": self.series, "panel": self.panel}
        rows = frame(data, names | {"mark": self.mark})
        if pd.api.types.is_numeric_dtype(rows["category"]):
            rows["category"] = rows["category"].map("{:.0f}".format)
        series = order_of(rows["series"])
        rows["rank"] = rows["series"].map({name: float(n) for n, name in enumerate(series)})
        rows["said"] = [self._said(row) for row in rows_of(rows)]
        # A part of nothing is no mark, yet its category keeps its place and its series its colour.
        drawn = rows.loc[(rows["value"] != 0) | ~rows.duplicated(["category", *_panel(rows)])]
        looks = {"stroke": tone("ground"), "strokeWidth": 0.4 if self.upright else 1}
        beside = [] if self.upright else order_of(rows["category"])
        parts = {"color": colour(series, self.muted, width, labels=beside), "order": number_of("rank")}
        layers = [layer("bar", drawn, self._places(rows, width) | parts | said(), **looks)]
        layers += self._marks(rows)
        if self.totals and not self.upright and not self.mark:
            layers.append(self._totals(rows))
        height = self.height if self.upright else max(60, len(order_of(rows["category"])) * self.bar)
        own = ("y" if self.upright else "x",) if self.own_scale else ()
        return laid_out(layers, rows, width, height, self.across, independent=own)

    def _places(self, rows: pd.DataFrame, width: int) -> Spec:
        """Axes of the categories and of the values."""
        order = order_of(rows["category"])
        values = number_of("value", axis=value_axis(self.title, width, share=self.share))
        if not self.upright:
            beside = {"title": None, "domain": False} | category_labels(width, order)
            return {"x": values, "y": name_of("category", sort=order, axis=beside, scale={"paddingInner": 0.3})}
        every = max(1, -(-len(order) // (4 if width < NARROW or self.panel else 10))) if self.years else 1
        names: Spec = {"title": None, "values": order[::every], "labelLimit": 0 if self.years else 90}
        place = name_of("category", sort=order, axis=names, scale={"paddingInner": 0.15})
        return {"x": place, "y": values | {"title": ""}}

    def _marks(self, rows: pd.DataFrame) -> list[Layer]:
        """Marks across the bars, one each, with how they read."""
        if not self.mark:
            return []
        ticks = rows.drop_duplicates(["category", *_panel(rows)]).dropna(subset=["mark"]).copy()
        ticks["said"] = [f"{row['category']}: {self.mark_title} {number(row['mark'])}" for row in rows_of(ticks)]
        bars, values = ("x", "y") if self.upright else ("y", "x")
        start = name_of("category", sort=order_of(rows["category"]), bandPosition=0)
        ends = {bars: start, f"{bars}2": {"field": "category", "bandPosition": 1}, values: number_of("mark")}
        return [layer("rule", ticks, ends | said(), strokeWidth=2.2, color=tone("ink"))]

    def _totals(self, rows: pd.DataFrame) -> Layer:
        sums = rows.groupby(["category", *_panel(rows)], sort=False)["value"].sum().reset_index()
        sums["text"] = [percent(v) if self.share else number(v) for v in sums["value"]]
        place = {"y": name_of("category", sort=order_of(rows["category"])), "x": number_of("value")}
        looks = {"align": "left", "dx": 6, "color": tone("ink"), "aria": False}
        return layer("text", sums, place | {"text": name_of("text")}, **looks)

    def _said(self, row: Spec) -> str:
        value = float(str(row["value"]))
        text = f"{row['category']}, {row['series']}: {percent(value) if self.share else number(value)}"
        return f"{row['panel']}, {text}" if self.panel else text


def _panel(rows: pd.DataFrame) -> list[str]:
    return [name for name in ("panel",) if name in rows]


@dataclass(frozen=True)
class Histogram:
    """How often a figure lies in which range, one panel above the other for each series.

    ``start``, ``end`` (of a range), ``value`` (a probability) and ``series`` name columns; ``of`` says what is counted.
    """

    start: str
    end: str
    value: str
    series: str
    x_title: str
    muted: tuple[str, ...] = ()
    height: int = 90
    of: str = "scenarios"

    def draw(self, data: pd.DataFrame, width: int) -> Spec:
        """Return the chart."""
        rows = frame(data, {"start": self.start, "end": self.end, "value": self.value, "series": self.series})
        rows["panel"] = rows["series"]
        rows["said"] = [
            f"{row['series']}, {number(row['start'])} to {number(row['end'])}: {percent(row['value'])} of {self.of}"
            for row in rows_of(rows)
        ]
        rows["ground"] = 0.0
        places = {
            "x": number_of("start", axis=value_axis(self.x_title, width), title=self.x_title),
            "x2": {"field": "end"},
            "y": number_of("value", axis=value_axis("", width, share=True, ticks=3), title=""),
            "y2": {"field": "ground"},
            "color": colour(order_of(rows["series"]), self.muted, width, legend=False),
        }
        bars = layer("rect", rows, places | said(), stroke=tone("ground"), strokeWidth=0.6)
        return laid_out([bars], rows, width, self.height, 1)
