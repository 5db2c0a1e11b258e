"""Changes, intervals and tornados: horizontal marks by category."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from portfolio.report.html.plots.common import colour, frame, laid_out, limit, order_of, value_axis
from portfolio.report.html.theme import tone
from portfolio.report.words import number, percent

BAND = 28
"""Height of a category in pixels."""


def _written(value: float, *, share: bool) -> str:
    return (percent(value) if share else number(value)).replace("-", "−")


def _categories(rows: pd.DataFrame, width: int, order: alt.EncodingSortField | None = None) -> alt.Y:
    axis = alt.Axis(title=None, labelLimit=limit(width), domain=False, grid=True, gridDash=[1, 3])
    return alt.Y("category:N", sort=order if order is not None else order_of(rows["category"]), axis=axis)


@dataclass(frozen=True)
class Change:
    """From one value to another in each category: a grey ring, a dot, and the line between; a mark for a target.

    ``category``, ``before``, ``after``, ``target`` and ``panel`` name columns. ``own_scale`` gives each panel an axis
    of its own; ``rows``, where given, is the number of categories that each panel has of its own.
    """

    category: str
    before: str
    after: str
    before_title: str = "without the fund"
    after_title: str = "with the fund"
    target: str = ""
    target_title: str = "target"
    panel: str = ""
    share: bool = False
    title: str = ""
    own_scale: bool = False
    rows: int = 0
    across: int = 2

    def draw(self, data: pd.DataFrame, width: int) -> alt.TopLevelMixin:
        """Return the chart."""
        names = {"category": self.category, "before": self.before, "after": self.after, "target": self.target}
        rows = frame(data, names | {"panel": self.panel})
        rows["rank"] = np.arange(len(rows), dtype=float)
        series = [self.before_title, self.after_title, *([self.target_title] if self.target else [])]
        long = pd.concat([rows.assign(value=rows[n], series=t) for n, t in self._worlds()], ignore_index=True)
        long["said"] = [
            f"{row['category']}, {row['series']}: {_written(row['value'], share=self.share)}"
            for row in long.to_dict(orient="records")
        ]
        # Panels with rows of their own have an order of their own.
        own_order = alt.EncodingSortField("rank", op="min") if self.rows else None
        place = _categories(rows, width, own_order)
        values = alt.X("value:Q", axis=value_axis(self.title, width, share=self.share), title=self.title or "")
        # A ring that a dot fits into: both are seen where nothing changes.
        long["area"] = np.select([long["series"] == t for t in series[:2]], [150.0, 55.0], 260.0)
        long["turned"] = np.where(long["series"] == self.target_title, 90.0, 0.0)
        line = alt.Chart(long).mark_rule(strokeWidth=3, color=tone("c1"), opacity=0.3, aria=False)
        joined = line.encode(y=place, x=alt.X("before:Q", title=self.title or ""), x2="after:Q")
        dots = alt.Chart(long).mark_point(opacity=1, strokeWidth=2.2)
        drawn = dots.encode(
            y=place,
            x=values,
            **self._looks(series),
            size=alt.Size("area:Q", scale=None),
            angle=alt.Angle("turned:Q", scale=None),
            description=alt.Description("said:N"),
        )
        height = max(50, BAND * (self.rows or len(order_of(rows["category"]))))
        made = laid_out([joined, drawn], rows, width, height, self.across)
        if self.own_scale:
            made = made.resolve_scale(x="independent")
        return made.resolve_scale(y="independent") if self.rows else made

    @staticmethod
    def _looks(series: list[str]) -> dict[str, Any]:
        """Ring, dot and mark by series, with one legend for all."""
        looks = (
            (alt.Stroke, "stroke", [tone("muted"), tone("c1"), tone("ink")]),
            (alt.Fill, "fill", [tone("ground"), tone("c1"), tone("ink")]),
            (alt.Shape, "shape", ["circle", "circle", "stroke"]),
        )
        legend = alt.Legend(symbolStrokeWidth=2.2, symbolSize=90)
        return {
            name: channel("series:N", title="", sort=series, legend=legend,
                          scale=alt.Scale(domain=series, range=values[: len(series)]))
            for channel, name, values in looks
        }  # fmt: skip

    def _worlds(self) -> list[tuple[str, str]]:
        worlds = [("before", self.before_title), ("after", self.after_title)]
        return [*worlds, ("target", self.target_title)] if self.target else worlds


@dataclass(frozen=True)
class Intervals:
    """An estimate with its interval in each category, beside a line at ``reference``.

    ``category``, ``value``, ``low``, ``high``, ``series`` and ``panel`` name columns. A missing limit draws no
    interval. Series lie side by side unless ``beside`` is off, where each category has one alone. ``own_scale`` gives
    each panel an axis of its own.
    """

    category: str
    value: str
    low: str
    high: str
    series: str = ""
    panel: str = ""
    reference: float | None = 0.0
    muted: tuple[str, ...] = ()
    share: bool = False
    title: str = ""
    across: int = 2
    beside: bool = True
    own_scale: bool = False

    def draw(self, data: pd.DataFrame, width: int) -> alt.TopLevelMixin:
        """Return the chart."""
        names = {"category": self.category, "value": self.value, "low": self.low, "high": self.high}
        rows = frame(data, names | {"series": self.series, "panel": self.panel})
        if not self.series:
            rows["series"] = ""
        series = order_of(rows["series"])
        rows["said"] = [self._said(row) for row in rows.to_dict(orient="records")]
        place, hue = _categories(rows, width), colour(series, self.muted, width)
        side = {"yOffset": alt.YOffset("series:N", sort=series)} if self.beside and len(series) > 1 else {}
        values = alt.X("value:Q", axis=value_axis(self.title, width, share=self.share), title=self.title or "")
        span = alt.Chart(rows.dropna(subset=["low", "high"])).mark_rule(strokeWidth=2.4, opacity=0.65, aria=False)
        limits = span.encode(y=place, x=alt.X("low:Q", title=self.title or ""), x2="high:Q", color=hue, **side)
        dots = alt.Chart(rows).mark_point(filled=True, size=75, opacity=1)
        drawn = dots.encode(y=place, x=values, color=hue, description=alt.Description("said:N"), **side)
        layers = [limits, drawn]
        if self.reference is not None:
            layers.insert(0, _reference(rows, self.reference))
        each = 8 + 18 * len(series) if side else BAND
        height = max(50, each * len(order_of(rows["category"])))
        made = laid_out(layers, rows, width, height, self.across)
        return made.resolve_scale(x="independent") if self.own_scale else made

    def _said(self, row: dict[Hashable, Any]) -> str:
        value, low, high = (float(str(row[name])) for name in ("value", "low", "high"))
        name = ", ".join(str(row[part]) for part in ("category", "series") if row.get(part))
        text = f"{name}: {_written(value, share=self.share)}"
        if np.isnan(low) or np.isnan(high):
            return f"{text} (no interval)"
        return f"{text} ({_written(low, share=self.share)} to {_written(high, share=self.share)})"


def _reference(rows: pd.DataFrame, at: float) -> alt.Chart:
    """Line at a value, in every panel."""
    keys = ["panel"] if "panel" in rows else []
    lines = (rows[keys].drop_duplicates() if keys else pd.DataFrame({"one": [1.0]})).assign(reference=at)
    rule = alt.Chart(lines).mark_rule(color=tone("soft"), strokeWidth=1.2, aria=False)
    made: alt.Chart = rule.encode(x=alt.X("reference:Q", title=""))
    return made


@dataclass(frozen=True)
class Tornado:
    """What a figure becomes at the low and the high end of each input, from its value at the base.

    ``category``, ``low`` and ``high`` (the figure where the input is low, and high) name columns; the largest is best
    given first.
    """

    category: str
    low: str
    high: str
    base: float
    low_title: str = "input low"
    high_title: str = "input high"
    title: str = ""

    def draw(self, data: pd.DataFrame, width: int) -> alt.TopLevelMixin:
        """Return the chart."""
        rows = frame(data, {"category": self.category, "low": self.low, "high": self.high})
        sides = (("low", self.low_title), ("high", self.high_title))
        long = pd.concat([rows.assign(value=rows[n], series=t, base=self.base) for n, t in sides], ignore_index=True)
        long["said"] = [
            f"{row['category']}, {row['series']}: {_written(row['value'], share=False)}"
            for row in long.to_dict(orient="records")
        ]
        # Where both ends lie on one side of the base, one bar would hide part of the other.
        crossing = ((rows["low"] - self.base) * (rows["high"] - self.base) > 0).any()
        side = {"yOffset": alt.YOffset("series:N", sort=[self.low_title, self.high_title])} if crossing else {}
        bars = alt.Chart(long).mark_bar(height=9 if crossing else 16)
        values = alt.X(
            "value:Q", axis=value_axis(self.title, width), scale=alt.Scale(zero=False), title=self.title or ""
        )
        drawn = bars.encode(
            y=_categories(rows, width),
            x=values,
            x2="base:Q",
            **side,
            color=colour([self.low_title, self.high_title], (), width),
            description=alt.Description("said:N"),
        )
        return laid_out([drawn, _reference(rows, self.base)], rows, width, max(50, BAND * len(rows)), 1)
