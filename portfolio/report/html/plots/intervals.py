"""Changes, intervals and tornados: horizontal marks by category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from portfolio.report.html.plots.common import (
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

BAND = 28
"""Height of a category in pixels."""


def _written(value: float, *, share: bool) -> str:
    return (percent(value) if share else number(value)).replace("-", "−")


def _categories(rows: pd.DataFrame, width: int, order: Spec | None = None) -> Spec:
    names = order_of(rows["category"])
    axis = {"title": None, "domain": False, "grid": True, "gridDash": [1, 3]} | category_labels(width, names)
    return name_of("category", sort=order if order is not None else names, axis=axis)


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

    def draw(self, data: pd.DataFrame, width: int) -> Spec:
        """Return the chart."""
        names = {"category": self.category, "before": self.before, "after": self.after, "target": self.target}
        rows = frame(data, names | {"panel": self.panel})
        rows["rank"] = np.arange(len(rows), dtype=float)
        # Panels with rows of their own have an order of their own.
        own_order = {"field": "rank", "op": "min"} if self.rows else None
        place = {"y": _categories(rows, width, own_order)}
        span = {"x": number_of("before", title=self.title), "x2": {"field": "after"}}
        joined = layer("rule", rows, place | span, strokeWidth=3, color=tone("c1"), opacity=0.3, aria=False)
        values = number_of("value", axis=value_axis(self.title, width, share=self.share), title=self.title)
        looks = {
            "size": number_of("area", scale=None),
            "angle": number_of("turned", scale=None),
        } | self._looks()
        dots = layer("point", self._long(rows), place | {"x": values} | looks | said(), opacity=1, strokeWidth=2.2)
        height = max(50, BAND * (self.rows or len(order_of(rows["category"]))))
        own = (*(("x",) if self.own_scale else ()), *(("y",) if self.rows else ()))
        return laid_out([joined, dots], rows, width, height, self.across, independent=own)

    def _long(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return a row for each mark: a ring that a dot fits into, so that both are seen where nothing changes."""
        long = pd.concat([rows.assign(value=rows[n], series=t) for n, t in self._worlds()], ignore_index=True)
        long["said"] = [
            f"{row['category']}, {row['series']}: {_written(row['value'], share=self.share)}" for row in rows_of(long)
        ]
        areas = {self.before_title: 150.0, self.after_title: 55.0}
        long["area"] = long["series"].map(lambda name: areas.get(name, 260.0))
        long["turned"] = np.where(long["series"] == self.target_title, 90.0, 0.0)
        return long

    def _looks(self) -> Spec:
        """Ring, dot and mark by series, with one legend for all."""
        series = [title for _, title in self._worlds()]
        looks = {
            "stroke": [tone("muted"), tone("c1"), tone("ink")],
            "fill": [tone("ground"), tone("c1"), tone("ink")],
            "shape": ["circle", "circle", "stroke"],
        }
        legend = {"symbolStrokeWidth": 2.2, "symbolSize": 90}
        return {
            name: name_of("series", title="", sort=series, legend=legend,
                          scale={"domain": series, "range": values[: len(series)]})
            for name, values in looks.items()
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

    def draw(self, data: pd.DataFrame, width: int) -> Spec:
        """Return the chart."""
        names = {"category": self.category, "value": self.value, "low": self.low, "high": self.high}
        rows = frame(data, names | {"series": self.series, "panel": self.panel})
        if not self.series:
            rows["series"] = ""
        series = order_of(rows["series"])
        rows["said"] = [self._said(row) for row in rows_of(rows)]
        several = self.beside and len(series) > 1
        side = {"yOffset": name_of("series", sort=series)} if several else {}
        place = {"y": _categories(rows, width), "color": self._hue(rows, series, width)} | side
        span = {"x": number_of("low", title=self.title), "x2": {"field": "high"}}
        known = rows.dropna(subset=["low", "high"])
        limits = layer("rule", known, place | span, strokeWidth=2.4, opacity=0.65, aria=False)
        values = number_of("value", axis=value_axis(self.title, width, share=self.share), title=self.title)
        dots = layer("point", rows, place | {"x": values} | said(), filled=True, size=75, opacity=1)
        line = [] if self.reference is None else [_reference(rows, self.reference)]
        height = max(50, (8 + 18 * len(series) if several else BAND) * len(order_of(rows["category"])))
        own = ("x",) if self.own_scale else ()
        return laid_out([*line, limits, dots], rows, width, height, self.across, independent=own)

    def _hue(self, rows: pd.DataFrame, series: list[str], width: int) -> Spec:
        return colour(series, self.muted, width, labels=order_of(rows["category"]))

    def _said(self, row: Spec) -> str:
        value, low, high = (float(str(row[name])) for name in ("value", "low", "high"))
        name = ", ".join(str(row[part]) for part in ("category", "series") if row.get(part))
        text = f"{name}: {_written(value, share=self.share)}"
        if np.isnan(low) or np.isnan(high):
            return f"{text} (no interval)"
        return f"{text} ({_written(low, share=self.share)} to {_written(high, share=self.share)})"


def _reference(rows: pd.DataFrame, at: float) -> Layer:
    """Line at a value, in every panel."""
    keys = ["panel"] if "panel" in rows else []
    lines = (rows[keys].drop_duplicates() if keys else pd.DataFrame({"one": [1.0]})).assign(reference=at)
    return layer(
        "rule", lines, {"x": number_of("reference", title="")}, color=tone("soft"), strokeWidth=1.2, aria=False
    )


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

    def draw(self, data: pd.DataFrame, width: int) -> Spec:
        """Return the chart."""
        rows = frame(data, {"category": self.category, "low": self.low, "high": self.high})
        titles = [self.low_title, self.high_title]
        sides = zip(("low", "high"), titles, strict=True)
        long = pd.concat([rows.assign(value=rows[n], series=t, base=self.base) for n, t in sides], ignore_index=True)
        long["said"] = [
            f"{row['category']}, {row['series']}: {_written(row['value'], share=False)}" for row in rows_of(long)
        ]
        # Where both ends lie on one side of the base, one bar would hide part of the other.
        crossing = ((rows["low"] - self.base) * (rows["high"] - self.base) > 0).any()
        side = {"yOffset": name_of("series", sort=titles)} if crossing else {}
        place = {
            "y": _categories(rows, width),
            "x": number_of("value", axis=value_axis(self.title, width), scale={"zero": False}, title=self.title),
            "x2": {"field": "base"},
            "color": colour(titles, (), width, labels=order_of(rows["category"])),
        }
        bars = layer("bar", long, place | side | said(), height=9 if crossing else 16)
        return laid_out([bars, _reference(rows, self.base)], rows, width, max(50, BAND * len(rows)), 1)
