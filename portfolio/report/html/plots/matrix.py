"""Heat maps, and who is in all, some or none."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from portfolio.report.html.plots.common import (
    LETTER,
    Spec,
    category_labels,
    frame,
    laid_out,
    layer,
    name_of,
    number_of,
    order_of,
    rows_of,
    said,
    shortened,
)
from portfolio.report.html.theme import tone

CELL = 28
"""Height of a row in pixels."""
HEADING = 18
"""Letters of the heading of a column, at most."""
STRONGEST = 0.6
"""Part of full colour of the strongest cell: its text stays readable, in the dark too."""


@dataclass(frozen=True)
class Matrix:
    """A cell for each row and column, the stronger in colour the larger its ``strength`` (0 to 1), with its text.

    ``row``, ``column``, ``strength`` and ``text`` name columns.
    """

    row: str
    column: str
    strength: str
    text: str
    title: str = ""

    def draw(self, data: pd.DataFrame, width: int) -> Spec:
        """Return the chart."""
        names = {"category": self.row, "column": self.column, "strength": self.strength, "text": self.text}
        rows = frame(data, names)
        rows["strength"] = rows["strength"].fillna(0.0).clip(0.0, 1.0)
        rows["said"] = [f"{row['category']}, {row['column']}: {row['text']}" for row in rows_of(rows)]
        across, down = order_of(rows["column"]), order_of(rows["category"])
        side = {"title": None, "domain": False} | category_labels(width, down)
        # Headings stand where they would run into each other.
        lying = max(map(len, across), default=0) * LETTER < 0.7 * width / max(len(across), 1)
        angle = {"labelAngle": 0} if lying else {"labelAngle": -90, "labelAlign": "left", "labelBaseline": "middle"}
        top = {"title": self.title or None, "orient": "top", "domain": False} | shortened(HEADING) | angle
        places = {
            "x": name_of("column", sort=across, axis=top, scale={"padding": 0.04}),
            "y": name_of("category", sort=down, axis=side, scale={"padding": 0.06}),
        }
        opacity = number_of("strength", scale={"domain": [0, 1], "range": [0.04, STRONGEST]}, legend=None)
        looks = {"fill": tone("c1"), "stroke": tone("rule"), "strokeWidth": 0.8, "cornerRadius": 2}
        cells = layer("rect", rows, places | {"fillOpacity": opacity} | said(), **looks)
        words = layer("text", rows, places | {"text": name_of("text")}, aria=False, color=tone("ink"))
        return laid_out([cells, words], rows, width, max(50, CELL * len(down)), 1)
