"""Heat maps, and who is in all, some or none."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import pandas as pd

from portfolio.report.html.plots.common import frame, laid_out, limit, order_of
from portfolio.report.html.theme import tone

CELL = 28
"""Height of a row in pixels."""
LETTER = 6.5
"""Width of a letter in pixels, about."""
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

    def draw(self, data: pd.DataFrame, width: int) -> alt.TopLevelMixin:
        """Return the chart."""
        names = {"category": self.row, "column": self.column, "strength": self.strength, "text": self.text}
        rows = frame(data, names)
        rows["strength"] = rows["strength"].fillna(0.0).clip(0.0, 1.0)
        rows["said"] = [f"{row['category']}, {row['column']}: {row['text']}" for row in rows.to_dict(orient="records")]
        across, down = order_of(rows["column"]), order_of(rows["category"])
        axis = alt.Axis(title=None, labelLimit=limit(width), domain=False)
        place_y = alt.Y("category:N", sort=down, axis=axis, scale=alt.Scale(padding=0.06))
        # Headings stand where they would run into each other.
        lying = max(map(len, across), default=0) * LETTER < 0.7 * width / max(len(across), 1)
        angle = {"labelAngle": 0} if lying else {"labelAngle": -90, "labelAlign": "left", "labelBaseline": "middle"}
        top = alt.Axis(title=self.title or None, orient="top", domain=False, labelLimit=110, **angle)
        place_x = alt.X("column:N", sort=across, axis=top, scale=alt.Scale(padding=0.04))
        solid = alt.Scale(domain=[0, 1], range=[0.04, STRONGEST])
        cells = alt.Chart(rows).mark_rect(fill=tone("c1"), stroke=tone("rule"), strokeWidth=0.8, cornerRadius=2)
        opacity = alt.FillOpacity("strength:Q", scale=solid, legend=None)
        drawn = cells.encode(x=place_x, y=place_y, fillOpacity=opacity, description=alt.Description("said:N"))
        words = alt.Chart(rows).mark_text(aria=False, color=tone("ink"))
        written = words.encode(x=place_x, y=place_y, text="text:N")
        return laid_out([drawn, written], rows, width, max(50, CELL * len(down)), 1)
