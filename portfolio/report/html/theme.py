"""Colours and looks of charts. Charts name colours as CSS variables, so that one drawing serves light, dark and print.

Text and lines reach a contrast of 4.5 and 3 on the ground in both schemes, which a test recomputes. Hues are those of
Okabe and Ito (2008), told apart by colour-blind readers, darkened or lightened to reach it.
"""

from __future__ import annotations

import json
import re
from typing import Any

LIGHT = {
    "ground": "#ffffff",
    "ink": "#1c2126",
    "soft": "#565f69",
    "rule": "#dfe3e7",
    "muted": "#7f8a95",
    "c1": "#0067a5",
    "c2": "#cf5a00",
    "c3": "#008562",
    "c4": "#a8609a",
    "c5": "#3b8fc9",
    "c6": "#a87400",
    "c7": "#5c6fb5",
    "c8": "#7f8a95",
}
"""Colours on a light ground, and in print."""

DARK = {
    "ground": "#15191d",
    "ink": "#e8ebee",
    "soft": "#a6b0ba",
    "rule": "#333b43",
    "muted": "#86919c",
    "c1": "#58abe0",
    "c2": "#f08a3c",
    "c3": "#33b891",
    "c4": "#d894c6",
    "c5": "#93cdf2",
    "c6": "#e0b040",
    "c7": "#9aa8e6",
    "c8": "#86919c",
}
"""Colours on a dark ground."""

SERIES = tuple(f"c{n}" for n in range(1, 9))
"""Colours of series, in the order in which they are taken."""

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
"""Fonts of one width, since charts are laid out before it is known where they are read."""


def tone(name: str) -> str:
    """Return a colour of the theme as charts name it."""
    return f"var(--{name})"


def tones(series: tuple[str, ...], muted: tuple[str, ...] = ()) -> list[str]:
    """Return a colour for every series; those in ``muted`` are grey, others take colours in order."""
    free = iter(SERIES * (1 + len(series) // len(SERIES)))
    return [tone("muted") if name in muted else tone(next(free)) for name in series]


def fixed(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a chart with the light colours put in, for files that stand alone."""
    text = re.sub(r'"var\(--(\w+)\)"', lambda found: f'"{LIGHT[found[1]]}"', json.dumps(spec))
    made: dict[str, Any] = json.loads(text)
    return made


def config() -> dict[str, Any]:
    """Return the looks shared by all charts, in the words of Vega-Lite."""
    soft, rule, ink = tone("soft"), tone("rule"), tone("ink")
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": soft, "titleColor": soft, "labelFontSize": 12, "titleFontSize": 12,
            "titleFontWeight": "normal", "gridColor": rule, "domainColor": rule, "tickColor": rule, "ticks": False,
            "labelPadding": 6, "titlePadding": 8,
        },
        "axisX": {"grid": False, "labelAngle": 0},
        "axisY": {"domain": False},
        "legend": {
            "orient": "top", "title": None, "labelColor": ink, "labelFontSize": 12, "symbolType": "square",
            "symbolSize": 110, "symbolOpacity": 1, "labelLimit": 260, "columnPadding": 16, "offset": 10, "padding": 0,
        },
        "header": {
            "title": None, "labelColor": ink, "labelFontSize": 13, "labelFontWeight": "bold", "labelAnchor": "start",
            "labelPadding": 6,
        },
        "title": {
            "color": ink, "subtitleColor": soft, "fontSize": 16, "subtitleFontSize": 12, "anchor": "start",
            "frame": "group", "offset": 14,
        },
        "text": {"color": ink, "fontSize": 12},
        "facet": {"spacing": 26},
    }  # fmt: skip
