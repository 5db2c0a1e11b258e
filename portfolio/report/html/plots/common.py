"""What plots share: frames with safe names, panels, legends, axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from portfolio.report.html.theme import tones

Laid = alt.LayerChart | alt.FacetChart
"""A chart as it is laid out."""
NARROW = 500
"""Width in pixels below which a chart is laid out for a telephone."""
AXIS = 58
"""Pixels that the labels of a value axis take, about."""
GAP = 26
"""Pixels between panels."""


def frame(data: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Take columns under the names that plots use, since those of inputs may mean something to Vega.

    ``names`` says which column becomes which; empty ones are left out. What is not finite becomes missing.
    """
    found = pd.DataFrame({new: data[old] for new, old in names.items() if old})
    for name in found.columns:
        if pd.api.types.is_numeric_dtype(found[name]):
            found[name] = found[name].astype(float).replace([np.inf, -np.inf], np.nan)
        else:
            found[name] = found[name].astype(str)
    return found.reset_index(drop=True)


def order_of(values: pd.Series) -> list[str]:
    """Return different values in the order in which they come."""
    return [str(value) for value in dict.fromkeys(values)]


def limit(width: int) -> int:
    """Return pixels that labels of categories may take."""
    return int(width * (0.36 if width < NARROW else 0.34))


def colour(series: list[str], muted: tuple[str, ...], width: int, *, legend: bool = True) -> alt.Color:
    """Return the colour by series, with a legend above where there is more than one."""
    across = 2 if width < NARROW else 5
    return alt.Color(
        "series:N",
        title="",
        sort=series,
        scale=alt.Scale(domain=series, range=tones(tuple(series), muted)),
        legend=alt.Legend(columns=across) if legend and len(series) > 1 else None,
    )


def panel_width(width: int, columns: int) -> int:
    """Return the width of one of the panels side by side."""
    return max(90, (width - AXIS - GAP * (columns - 1)) // columns - 8)


def laid_out(
    layers: Sequence[alt.Chart], rows: pd.DataFrame, width: int, height: int, across: int
) -> alt.TopLevelMixin:
    """Lay layers over each other, in panels where ``rows`` have any, else over the whole width."""
    if "panel" not in rows:
        fit = alt.AutoSizeParams(type="fit-x", contains="padding")
        return alt.layer(*layers).properties(width=width, height=height, autosize=fit)
    panels = order_of(rows["panel"])
    columns = 1 if width < NARROW else min(across, len(panels))
    # Panels divide one table alone: rows of all layers in one, each layer taking its own.
    frames = [layer.data.assign(layer=float(n)) for n, layer in enumerate(layers)]
    parts = []
    for n, layer in enumerate(layers):
        part = layer.transform_filter(f"datum.layer === {n}")
        part.data = alt.Undefined
        parts.append(part)
    whole = alt.layer(*parts, data=pd.concat(frames, ignore_index=True))
    sized = whole.properties(width=panel_width(width, columns), height=height)
    return sized.facet(facet=alt.Facet("panel:N", sort=panels, title=None), columns=columns)


def value_axis(title: str, width: int, *, share: bool = False, ticks: int = 5) -> alt.Axis:
    """Return the axis of values: few lines, thousands separated, shares as percentages."""
    return alt.Axis(title=title or None, format="~%" if share else ",~f", tickCount=3 if width < NARROW else ticks)
