"""Charts as pictures: inside a page in two widths, or as files of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree as ET

import vl_convert

from portfolio.report.html.page import Chart
from portfolio.report.html.theme import LIGHT, config, fixed

WIDE, SLIM = 800, 330
"""Widths in pixels on a laptop or paper, and on a telephone."""
VEGA_LITE = "v6.4"
"""Version of Vega-Lite that charts are written in."""
SCALE = 2.0
"""Pixels of a picture for each of a chart, for print and slides."""

SVG = "http://www.w3.org/2000/svg"
DROPPED = frozenset(
    {"style", "role", "aria-roledescription", "pointer-events", "stroke-miterlimit", "version", "font-family"}
)
"""Attributes that a page does not need, or whose place is the style of the page."""
KINDS = frozenset({"role-axis", "role-legend", "role-header"})
"""Classes that the script of a page looks for."""
INHERITED = (
    "fill",
    "stroke",
    "stroke-width",
    "fill-opacity",
    "stroke-opacity",
    "font-size",
    "font-weight",
    "text-anchor",
)
"""Attributes that parts of a group take from it."""
PLACED = frozenset({"d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height"})
"""Attributes that hold positions."""
DECIMALS = re.compile(r"\d+\.\d{2,}")

Format = Literal["png", "svg"]
"""Formats of static figures."""


@dataclass(frozen=True)
class Drawing:
    """A chart as SVG for a wide and for a slim page."""

    wide: str
    slim: str


def drawing(chart: Chart) -> Drawing:
    """Draw a chart for a page; colours are left to the page's style."""
    return Drawing(*(_svg(chart, width) for width in (WIDE, SLIM)))


def figure(chart: Chart, form: Format) -> bytes:
    """Draw a chart as a file that stands alone: light, with its title and unit."""
    # Words in lists are read as lines, never as expressions.
    title = {"text": _lines(chart.title, 72), "subtitle": _lines(chart.unit, 108)}
    spec = fixed(specification(chart, WIDE) | {"title": title, "background": LIGHT["ground"], "padding": 16})
    if form == "svg":
        return str(vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)).encode()
    return bytes(vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, scale=SCALE))


def specification(chart: Chart, width: int) -> dict[str, Any]:
    """Return the chart in the words of Vega-Lite, with the looks of the theme."""
    return chart.plot.draw(chart.data, width) | {"config": config()}


def _svg(chart: Chart, width: int) -> str:
    svg = str(vl_convert.vegalite_to_svg(specification(chart, width), vl_version=VEGA_LITE))
    return _plain(svg, f"{chart.name}-{width}")


def _plain(svg: str, name: str) -> str:
    """Make an SVG part of a page: one picture to assistive technology, names of its own, no styles in attributes.

    Positions are rounded to tenths of a pixel; text and the words behind marks stay as they are.
    """
    root = ET.fromstring(svg)  # noqa: S314  what was just drawn
    for part in root.iter():
        part.tag = part.tag.removeprefix(f"{{{SVG}}}")
        for key in DROPPED & part.attrib.keys():
            del part.attrib[key]
        if part.get("opacity") == "1":
            del part.attrib["opacity"]
        kinds = [kind for kind in part.attrib.pop("class", "").split() if kind in KINDS]
        if kinds:
            part.set("class", " ".join(kinds))
        for key in PLACED & part.attrib.keys():
            part.set(key, DECIMALS.sub(lambda found: f"{float(found[0]):.1f}", part.attrib[key]))
        for key, value in part.attrib.items():
            if key == "id":
                part.set(key, f"{name}-{value}")
            elif value.startswith("url(#"):
                part.set(key, f"url(#{name}-{value.removeprefix('url(#')}")
    for group in root.iter("g"):
        for mark in [mark for mark in group if _unseen(mark)]:
            group.remove(mark)
        _share(group)
    root.attrib |= {"xmlns": SVG, "aria-hidden": "true", "focusable": "false"}
    return ET.tostring(root, encoding="unicode")


def _unseen(mark: ET.Element) -> bool:
    """Whether nothing of a mark is drawn: it is not displayed, or has neither an area nor a line."""
    looks = mark.attrib.keys() & {"fill", "stroke"}
    return mark.get("display") == "none" or (mark.tag == "path" and "aria-hidden" in mark.attrib and not looks)


def _share(group: ET.Element) -> None:
    """Give a group of marks the looks that all of them have, in place of each."""
    if len(group) < 2 or any(mark.tag not in ("path", "text", "line") for mark in group):
        return
    for key in INHERITED:
        values = {mark.get(key) for mark in group}
        value = values.pop()
        if not values and value is not None:
            group.set(key, value)
            for mark in group:
                del mark.attrib[key]


def _lines(text: str, most: int) -> list[str]:
    """Break a text into lines at spaces."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
