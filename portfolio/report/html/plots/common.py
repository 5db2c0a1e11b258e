"""What plots share: charts in the words of Vega-Lite, frames with safe names, panels, legends, axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from portfolio.report.html.theme import tones

Spec = dict[str, Any]
"""A chart, or a part of one, in the words of Vega-Lite."""
NARROW = 500
"""Width in pixels below which a chart is laid out for a telephone."""
AXIS = 58
"""Pixels that the labels of a value axis take, about."""
GAP = 26
"""Pixels between panels."""
LETTER = 6.2
"""Width of a letter of a label in pixels, about."""
KEY = 34
"""Pixels that the mark of a name in a legend and the space after it take."""
LEGEND = 42
"""Letters of a name in a legend, at most."""


@dataclass(frozen=True)
class Layer:
    """Marks of one kind, one for each row."""

    mark: Spec
    encoding: Spec
    rows: pd.DataFrame


def layer(kind: str, rows: pd.DataFrame, encoding: Spec, **looks: Any) -> Layer:
    """Return marks of a kind; ``looks`` are properties of the mark."""
    return Layer({"type": kind} | looks, encoding, rows)


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


def number_of(field: str, **more: Any) -> Spec:
    """Return a channel for the numbers of a column."""
    return {"field": field, "type": "quantitative"} | more


def name_of(field: str, **more: Any) -> Spec:
    """Return a channel for the names in a column."""
    return {"field": field, "type": "nominal"} | more


def said() -> Spec:
    """Return what a mark stands for, in words."""
    return {"description": name_of("said")}


def shortened(letters: int) -> Spec:
    """Return how names of an axis or legend are cut: by letters, since measuring them takes longer than drawing."""
    return {"labelLimit": 0, "labelExpr": f"truncate(datum.label, {letters})"}


def category_labels(width: int, names: Sequence[str]) -> Spec:
    """Return how labels of categories beside a chart are cut: at a third of its width, or where they are told apart."""
    third, most = int(width * (0.4 if width < NARROW else 0.34) / LETTER), int(width * 0.6 / LETTER)
    apart = (n for n in range(third, most) if len({name[: n - 1] for name in names}) == len(set(names)))
    return shortened(next(apart, third))


def colour(
    series: list[str], muted: tuple[str, ...], width: int, *, legend: bool = True, labels: Sequence[str] = ()
) -> Spec:
    """Return the colour by series, with a legend above where there is more than one; ``labels`` stand beside it."""
    beside = min(max(map(len, labels), default=0), int(0.4 * width / LETTER)) * LETTER
    each = min(max(map(len, series), default=0), LEGEND) * LETTER + KEY
    fitting = int((width - max(beside, AXIS)) // each)
    shown = {"columns": max(1, min(fitting, 2 if width < NARROW else 5))} | shortened(LEGEND)
    return name_of(
        "series",
        title="",
        sort=series,
        scale={"domain": series, "range": tones(tuple(series), muted)},
        legend=shown if legend and len(series) > 1 else None,
    )


def value_axis(title: str, width: int, *, share: bool = False, ticks: int = 5) -> Spec:
    """Return the axis of values: few lines, thousands separated, shares as percentages."""
    return {
        "title": title or None,
        "format": "~%" if share else ",~f",
        "tickCount": 3 if width < NARROW else ticks,
        "labelLimit": 0,
    }


def panel_width(width: int, columns: int) -> int:
    """Return the width of one of the panels side by side."""
    return max(90, (width - AXIS - GAP * (columns - 1)) // columns - 8)


def laid_out(
    layers: Sequence[Layer],
    rows: pd.DataFrame,
    width: int,
    height: int,
    across: int,
    *,
    independent: tuple[str, ...] = (),
) -> Spec:
    """Lay layers over each other, in panels where ``rows`` have any, else over the whole width.

    ``independent`` names the axes (x, y) that each panel has of its own.
    """
    own = {"resolve": {"scale": dict.fromkeys(independent, "independent")}} if independent else {}
    frames = list({id(one.rows): one.rows for one in layers}.values())
    place = {id(one): n for n, one in enumerate(frames)}
    if "panel" not in rows:
        parts = [_part(one) | {"data": {"name": f"rows{place[id(one.rows)]}"}} for one in layers]
        size = {"width": width, "height": height, "autosize": {"type": "fit-x", "contains": "padding"}}
        return {"datasets": {f"rows{n}": records(one) for n, one in enumerate(frames)}, "layer": parts} | size | own
    panels = order_of(rows["panel"])
    columns = 1 if width < NARROW else min(across, len(panels))
    # Panels divide one table alone: rows of all layers in one, each layer taking its own.
    whole = [row for n, one in enumerate(frames) for row in records(one.assign(frame=float(n)))]
    parts = [_part(one) | {"transform": [{"filter": f"datum.frame === {place[id(one.rows)]}"}]} for one in layers]
    across_panel = panel_width(width, columns)
    header = {"title": None} | shortened(int(across_panel / LETTER))
    return {
        "data": {"values": whole},
        "facet": name_of("panel", sort=panels, title=None, header=header),
        "columns": columns,
        "spec": {"layer": parts, "width": across_panel, "height": height},
    } | own


def _part(one: Layer) -> Spec:
    return {"mark": one.mark, "encoding": one.encoding}


def records(rows: pd.DataFrame) -> list[Spec]:
    """Return rows as JSON has them; what is missing is null."""
    columns = [
        [
            value if there else None
            for value, there in zip(rows[name].tolist(), rows[name].notna().tolist(), strict=True)
        ]
        for name in rows.columns
    ]
    return [dict(zip(rows.columns, values, strict=True)) for values in zip(*columns, strict=True)]


def rows_of(rows: pd.DataFrame) -> list[Spec]:
    """Return rows by name of the column: as ``to_dict`` does, in a fraction of its time."""
    columns = [rows[name].tolist() for name in rows.columns]
    return [dict(zip(rows.columns, values, strict=True)) for values in zip(*columns, strict=True)]
