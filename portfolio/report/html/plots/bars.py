"""Stacked bars and histograms."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from portfolio.report.html.plots.common import NARROW, colour, frame, laid_out, limit, order_of, value_axis
from portfolio.report.html.theme import tone
from portfolio.report.words import number, percent


@dataclass(frozen=True)
class Stacked:
    """Parts of a whole for each category, one bar each; ``mark`` is drawn across a bar, such as a budget or demand.

    ``category``, ``value``, ``series``, ``panel`` and ``mark`` name columns (``mark`` is one for
    each bar). Bars lie unless they are ``upright``; ``totals`` writes the sum at the end of each lying bar.
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
    title: str = ""
    across: int = 2
    height: int = 220
    bar: int = 30

    def draw(self, data: pd.DataFrame, width: int) -> alt.TopLevelMixin:
        """Return the chart."""
        names = {"category": self.category, "value": self.value, "series": self.series, "panel": self.panel}
        rows = frame(data, names | {"mark": self.mark})
        if pd.api.types.is_numeric_dtype(rows["category"]):
            rows["category"] = rows["category"].map("{:.0f}".format)
        series = order_of(rows["series"])
        rows["rank"] = rows["series"].map({name: float(n) for n, name in enumerate(series)})
        rows["said"] = [self._said(row) for row in rows.to_dict(orient="records")]
        places, values = self._axes(rows, width)
        hue = colour(series, self.muted, width)
        base = alt.Chart(rows)
        bars = base.mark_bar(stroke=tone("ground"), strokeWidth=1 if not self.upright else 0.4)
        said = alt.Description("said:N")
        layers = [bars.encode(**places, **values, color=hue, order="rank:Q", description=said)]
        layers += self._marks(rows)
        if self.totals and not self.upright and not self.mark:
            layers.append(self._totals(rows))
        bands = len(order_of(rows["category"]))
        height = self.height if self.upright else max(60, bands * self.bar)
        return laid_out(layers, rows, width, height, self.across)

    def _axes(self, rows: pd.DataFrame, width: int) -> tuple[dict[str, alt.SchemaBase], dict[str, alt.SchemaBase]]:
        order = order_of(rows["category"])
        values = value_axis(self.title, width, share=self.share)
        if not self.upright:
            names = alt.Axis(title=None, labelLimit=limit(width), domain=False)
            place = alt.Y("category:N", sort=order, axis=names, scale=alt.Scale(paddingInner=0.3))
            return {"y": place}, {"x": alt.X("value:Q", axis=value_axis(self.title, width, share=self.share))}
        shown = order[:: max(1, -(-len(order) // (4 if width < NARROW or self.panel else 10)))]
        names = alt.Axis(title=None, values=shown if self.years else order, labelLimit=90)
        place_x = alt.X("category:N", sort=order, axis=names, scale=alt.Scale(paddingInner=0.15))
        return {"x": place_x}, {"y": alt.Y("value:Q", axis=values, title="")}

    def _marks(self, rows: pd.DataFrame) -> list[alt.Chart]:
        """Marks across the bars, one each, with how they read."""
        if not self.mark:
            return []
        keys = [name for name in ("category", "panel") if name in rows]
        ticks = rows.drop_duplicates(keys).dropna(subset=["mark"]).copy()
        ticks["said"] = [f"{row['category']}: {self.mark_title} {number(row['mark'])}" for _, row in ticks.iterrows()]
        rule = alt.Chart(ticks).mark_rule(strokeWidth=2.2, color=tone("ink"))
        order, said = order_of(rows["category"]), alt.Description("said:N")
        if self.upright:
            start = alt.X("category:N", sort=order, bandPosition=0)
            return [rule.encode(x=start, x2=alt.X2("category:N", bandPosition=1), y=alt.Y("mark:Q"), description=said)]
        start_y = alt.Y("category:N", sort=order, bandPosition=0)
        return [rule.encode(y=start_y, y2=alt.Y2("category:N", bandPosition=1), x=alt.X("mark:Q"), description=said)]

    def _totals(self, rows: pd.DataFrame) -> alt.Chart:
        keys = [name for name in ("category", "panel") if name in rows]
        sums = rows.groupby(keys, sort=False, as_index=False)["value"].sum()
        sums["text"] = [percent(v) if self.share else number(v) for v in sums["value"]]
        text = alt.Chart(sums).mark_text(align="left", dx=6, color=tone("ink"), aria=False)
        order = order_of(rows["category"])
        made: alt.Chart = text.encode(y=alt.Y("category:N", sort=order), x="value:Q", text="text:N")
        return made

    def _said(self, row: dict[Hashable, Any]) -> str:
        value = float(str(row["value"]))
        text = f"{row['category']}, {row['series']}: {percent(value) if self.share else number(value)}"
        return f"{row['panel']}, {text}" if self.panel else text


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

    def draw(self, data: pd.DataFrame, width: int) -> alt.TopLevelMixin:
        """Return the chart."""
        rows = frame(data, {"start": self.start, "end": self.end, "value": self.value, "series": self.series})
        rows["panel"] = rows["series"]
        rows["said"] = [
            f"{row['series']}, {number(row['start'])} to {number(row['end'])}: {percent(row['value'])} of {self.of}"
            for row in rows.to_dict(orient="records")
        ]
        rows["ground"] = 0.0
        series = order_of(rows["series"])
        bars = alt.Chart(rows).mark_rect(stroke=tone("ground"), strokeWidth=0.6)
        chart = bars.encode(
            x=alt.X("start:Q", axis=value_axis(self.x_title, width)),
            x2="end:Q",
            y=alt.Y("value:Q", axis=value_axis("", width, share=True, ticks=3), title=""),
            y2="ground:Q",
            color=colour(series, self.muted, width, legend=False),
            description=alt.Description("said:N"),
        )
        return laid_out([chart], rows, width, self.height, 1)
