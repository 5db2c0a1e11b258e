"""Lines with bands, exceedance curves, frontiers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt
import pandas as pd

from portfolio.report.html.plots.common import colour, frame, laid_out, order_of, value_axis
from portfolio.report.html.theme import tone

LABEL_PIXELS = 15
"""Least distance between two labels at the ends of lines."""


@dataclass(frozen=True)
class Lines:
    """A line for each series, with a band from ``low`` to ``high`` where they are named.

    ``x``, ``y``, ``series``, ``low``, ``high``, ``panel`` name columns; ``muted`` names series in grey; ``years``
    writes x without separators; ``step`` draws steps without points, as of a distribution.
    """

    x: str
    y: str
    series: str
    low: str = ""
    high: str = ""
    panel: str = ""
    x_title: str = ""
    muted: tuple[str, ...] = ()
    years: bool = True
    share: bool = False
    step: bool = False
    across: int = 2
    height: int = 260

    def draw(self, data: pd.DataFrame, width: int) -> alt.TopLevelMixin:
        """Return the chart."""
        names = {"x": self.x, "y": self.y, "series": self.series, "low": self.low, "high": self.high}
        rows = frame(data, names | {"panel": self.panel})
        series = order_of(rows["series"])
        direct = not self.panel and not self.step and len(series) > 1
        ticks = {"format": "d", "tickMinStep": 1} if self.years else {"format": ",~f"}
        axis = alt.Axis(title=self.x_title or None, tickCount=6, **ticks)
        spread = alt.Scale(nice=not self.years, zero=not self.years)
        x = alt.X("x:Q", axis=axis, scale=spread)
        y = alt.Y("y:Q", axis=value_axis("", width, share=self.share), title="")
        hue = colour(series, self.muted, width, legend=not direct)
        base = alt.Chart(rows)
        layers: list[alt.Chart] = []
        if self.low:
            band = base.mark_area(opacity=0.16, aria=False)
            layers.append(band.encode(x=x, y=alt.Y("low:Q", title=""), y2="high:Q", color=hue))
        line = base.mark_line(strokeWidth=2.2, interpolate="step-after" if self.step else "linear", aria=False)
        layers.append(line.encode(x=x, y=y, color=hue))
        dots = base.mark_point(filled=True, size=1 if self.step else 22, opacity=1)
        layers.append(dots.encode(x=x, y=y, color=hue, description=alt.Description("said:N")))
        rows["said"] = [self._said(row) for row in rows.to_dict(orient="records")]
        if direct:
            layers.append(self._labels(rows, hue))
        return laid_out(layers, rows, width, self.height, self.across)

    def _said(self, row: dict[Hashable, Any]) -> str:
        x, y = float(str(row["x"])), float(str(row["y"]))
        at = f"{x:.0f}" if self.years else f"{x:,.4g}"
        text = f"{row['series']}, {at}: {_written(y, share=self.share)}"
        if self.low:
            low, high = (_written(float(str(row[name])), share=self.share) for name in ("low", "high"))
            text += f" ({low} to {high})"
        return f"{row['panel']}, {text}" if self.panel else text

    def _labels(self, rows: pd.DataFrame, hue: alt.Color) -> alt.Chart:
        """Names of the series at the ends of their lines, moved apart where they would meet."""
        known = rows.dropna(subset=["y"])
        ends = known.loc[known.groupby("series", sort=False)["x"].idxmax()].copy()
        top = float(np.nanmax(rows[["y", *(["high"] if self.high else [])]].to_numpy(dtype=float)))
        ends["y"] = apart(ends["y"].to_numpy(dtype=float), LABEL_PIXELS * max(top, 1e-12) / self.height)
        text = alt.Chart(ends).mark_text(align="left", dx=8, fontWeight="bold", aria=False)
        made: alt.Chart = text.encode(x="x:Q", y="y:Q", text="series:N", color=hue)
        return made


def _written(value: float, *, share: bool) -> str:
    return f"{100 * value:.3g} %" if share else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def apart(values: npt.NDArray[np.float64], least: float) -> npt.NDArray[np.float64]:
    """Move values apart, upwards, so that neighbours differ by at least ``least``; their order is kept."""
    found = values.copy()
    order = np.argsort(values, kind="stable")
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + least)
    return found


def exceedance(
    values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], points: int = 200
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the curve P(X > x): values in order, at most ``points`` of them, and the probability of more than each.

    The curve starts at 0 where all values are positive. Of more values than points, those are taken at which the
    probability falls by equal steps, and the largest.
    """
    order = np.argsort(values, kind="stable")
    x, p = values[order], weights[order] / weights.sum()
    above = np.clip(1.0 - np.cumsum(p), 0.0, 1.0)
    above[-1] = 0.0
    last = np.append(x[1:] != x[:-1], True)
    x, above = x[last], above[last]
    if len(x) > points:
        kept = np.unique(np.searchsorted(-above, -np.linspace(above[0], 0.0, points)).clip(0, len(x) - 1))
        x, above = x[kept], above[kept]
    if x[0] > 0:
        x, above = np.insert(x, 0, 0.0), np.insert(above, 0, 1.0)
    return x, above


@dataclass(frozen=True)
class Frontier:
    """Points of a trade-off joined in order, each with its interval and its label.

    ``x``, ``y``, ``low``, ``high`` (of y), ``label`` and ``series`` name columns.
    """

    x: str
    y: str
    x_title: str
    y_title: str
    low: str = ""
    high: str = ""
    label: str = ""
    series: str = ""
    height: int = 320

    def draw(self, data: pd.DataFrame, width: int) -> alt.TopLevelMixin:
        """Return the chart."""
        names = {"x": self.x, "y": self.y, "low": self.low, "high": self.high, "label": self.label}
        rows = frame(data, names | {"series": self.series})
        if not self.series:
            rows["series"] = ""
        series = order_of(rows["series"])
        rows["order"] = np.arange(len(rows), dtype=float)
        rows["said"] = [self._said(row) for row in rows.to_dict(orient="records")]
        x = alt.X("x:Q", axis=value_axis(self.x_title, width), scale=alt.Scale(zero=False, nice=True))
        y = alt.Y("y:Q", axis=value_axis("", width), title=self.y_title, scale=alt.Scale(zero=False, nice=True))
        hue = colour(series, (), width)
        base = alt.Chart(rows)
        layers: list[alt.Chart] = []
        if self.low:
            rule = base.mark_rule(strokeWidth=1.6, opacity=0.75, aria=False)
            layers.append(rule.encode(x=x, y=alt.Y("low:Q", title=self.y_title), y2="high:Q", color=hue))
        layers.append(base.mark_line(strokeWidth=1.6, aria=False).encode(x=x, y=y, color=hue, order="order:Q"))
        dots = base.mark_point(filled=True, size=60, opacity=1)
        layers.append(dots.encode(x=x, y=y, color=hue, description=alt.Description("said:N")))
        if self.label:
            text = base.mark_text(align="left", dx=8, dy=-9, fill=tone("ink"), aria=False)
            layers.append(text.encode(x=x, y=y, text="label:N"))
        return laid_out(layers, rows, width, self.height, 1)

    def _said(self, row: dict[Hashable, Any]) -> str:
        name = " ".join(str(row[part]) for part in ("series", "label") if row.get(part))
        text = f"{row['x']:,.4g} {self.x_title}, {row['y']:,.4g} {self.y_title}"
        if self.low:
            text += f" ({row['low']:,.4g} to {row['high']:,.4g})"
        return f"{name}: {text}" if name else text
