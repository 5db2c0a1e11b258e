"""Lines with bands, exceedance curves, frontiers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from portfolio.report.html.plots.common import (
    Layer,
    Spec,
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

LABEL_PIXELS = 15
"""Least distance between two labels at the ends of lines."""
READ = 60
"""Points of a line of steps that say what they stand for, at most."""


@dataclass(frozen=True)
class Lines:
    """A line for each series, with a band from ``low`` to ``high`` where they are named.

    ``x``, ``y``, ``series``, ``low``, ``high``, ``panel`` name columns; ``muted`` names series in grey, ``dashed``
    those drawn in dashes; ``years`` writes x without separators; ``step`` draws steps without points, as of a
    distribution; ``own_scale`` gives each panel a scale of y of its own.
    """

    x: str
    y: str
    series: str
    low: str = ""
    high: str = ""
    panel: str = ""
    x_title: str = ""
    muted: tuple[str, ...] = ()
    dashed: tuple[str, ...] = ()
    years: bool = True
    share: bool = False
    step: bool = False
    own_scale: bool = False
    across: int = 2
    height: int = 260

    def draw(self, data: pd.DataFrame, width: int) -> Spec:
        """Return the chart."""
        names = {"x": self.x, "y": self.y, "series": self.series, "low": self.low, "high": self.high}
        rows = frame(data, names | {"panel": self.panel})
        rows["said"] = [self._said(row) for row in rows_of(rows)]
        series = order_of(rows["series"])
        direct = not self.panel and not self.step and len(series) > 1
        shade = colour(series, self.muted, width, legend=not direct)
        if shade["legend"]:
            shade["legend"] |= {"symbolType": "stroke", "symbolSize": 300, "symbolStrokeWidth": 2.4}
        hue = {"color": shade}
        axes = self._axes(width)
        layers: list[Layer] = []
        if self.low:
            ends = {"x": axes["x"], "y": number_of("low", title=""), "y2": {"field": "high"}}
            layers.append(layer("area", rows.dropna(subset=["low", "high"]), ends | hue, opacity=0.16, aria=False))
        turns = {"interpolate": "step-after"} if self.step else {}
        dashes = {"strokeDash": self._dashes(series)} if self.dashed else {}
        layers.append(layer("line", rows, axes | hue | dashes, strokeWidth=2.2, aria=False, **turns))
        read = rows if not self.step else _thinned(rows)
        size = 1 if self.step else 22
        layers.append(layer("point", read, axes | hue | said(), filled=True, size=size, opacity=1))
        if direct:
            layers.append(self._labels(rows, hue))
        own = ("y",) if self.own_scale else ()
        return laid_out(layers, rows, width, self.height, self.across, independent=own)

    def _axes(self, width: int) -> Spec:
        ticks: Spec = {"format": "d", "tickMinStep": 1} if self.years else {"format": ",~f"}
        axis = {"title": self.x_title or None, "tickCount": 4 if self.panel else 6, "labelLimit": 0} | ticks
        spread = {"nice": not self.years, "zero": not self.years}
        return {
            "x": number_of("x", axis=axis, scale=spread),
            "y": number_of("y", axis=value_axis("", width, share=self.share), title=""),
        }

    def _dashes(self, series: list[str]) -> Spec:
        looks = [[5, 3] if name in self.dashed else [1, 0] for name in series]
        return name_of("series", sort=series, scale={"domain": series, "range": looks}, legend=None)

    def _said(self, row: Spec) -> str:
        x, y = float(str(row["x"])), float(str(row["y"]))
        at = f"{x:.0f}" if self.years else f"{x:,.4g}"
        text = f"{row['series']}, {at}: {_written(y, share=self.share)}"
        limits = [float(str(row[name])) for name in ("low", "high") if self.low]
        if limits and not np.isnan(limits).any():
            low, high = (_written(limit, share=self.share) for limit in limits)
            text += f" ({low} to {high})"
        return f"{row['panel']}, {text}" if self.panel else text

    def _labels(self, rows: pd.DataFrame, hue: Spec) -> Layer:
        """Names of the series at the ends of their lines, moved apart where they would meet."""
        known = rows.dropna(subset=["y"])
        ends = known.loc[known.groupby("series", sort=False)["x"].idxmax()].copy()
        top = float(np.nanmax(rows[["y", *(["high"] if self.high else [])]].to_numpy(dtype=float)))
        ends["y"] = apart(ends["y"].to_numpy(dtype=float), LABEL_PIXELS * max(top, 1e-12) / self.height)
        places = {"x": number_of("x"), "y": number_of("y"), "text": name_of("series")}
        return layer("text", ends, places | hue, align="left", dx=8, fontWeight="bold", aria=False)


def _thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """Some points of each series, the last among them."""
    place, size = rows.groupby("series").cumcount(), rows.groupby("series")["x"].transform("size")
    every = np.ceil(size / READ)
    kept: pd.DataFrame = rows.loc[(place % every == 0) | (place == size - 1)]
    return kept


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

    def draw(self, data: pd.DataFrame, width: int) -> Spec:
        """Return the chart."""
        names = {"x": self.x, "y": self.y, "low": self.low, "high": self.high, "label": self.label}
        rows = frame(data, names | {"series": self.series})
        if not self.series:
            rows["series"] = ""
        rows["order"] = np.arange(len(rows), dtype=float)
        rows["said"] = [self._said(row) for row in rows_of(rows)]
        spread = {"zero": False, "nice": True}
        x = number_of("x", axis=value_axis(self.x_title, width), scale=spread)
        y = number_of("y", axis=value_axis("", width), title=self.y_title, scale=spread)
        places, hue = {"x": x, "y": y}, {"color": colour(order_of(rows["series"]), (), width)}
        layers: list[Layer] = []
        if self.low:
            ends = {"x": x, "y": number_of("low", title=self.y_title, scale=spread), "y2": {"field": "high"}}
            layers.append(layer("rule", rows, ends | hue, strokeWidth=1.6, opacity=0.75, aria=False))
        layers.append(layer("line", rows, places | hue | {"order": number_of("order")}, strokeWidth=1.6, aria=False))
        layers.append(layer("point", rows, places | hue | said(), filled=True, size=60, opacity=1))
        if self.label:
            looks = {"align": "left", "dx": 8, "dy": -9, "fill": tone("ink"), "aria": False}
            layers.append(layer("text", rows, places | {"text": name_of("label")}, **looks))
        return laid_out(layers, rows, width, self.height, 1)

    def _said(self, row: Spec) -> str:
        name = " ".join(str(row[part]) for part in ("series", "label") if row.get(part))
        text = f"{row['x']:,.4g} {self.x_title}, {row['y']:,.4g} {self.y_title}"
        if self.low:
            text += f" ({row['low']:,.4g} to {row['high']:,.4g})"
        return f"{name}: {text}" if name else text
