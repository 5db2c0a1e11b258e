"""What a page consists of. A page says what is shown; how it looks is for templates and plots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pandas as pd

from portfolio.report.words import percent
from portfolio.report.words import signed as signed

Form = Callable[[float], str]
"""How a number is written."""


def year(value: float) -> str:
    """Write a year, or another whole number, without separators."""
    return f"{value:.0f}"


def signed_percent(value: float) -> str:
    """Write a difference of shares, or a relative one, with its sign."""
    text = percent(value).replace("-", "−")
    return text if value < 0 or text == "0 %" else f"+{text}"


@dataclass(frozen=True)
class Column:
    """A column of a table: its name in the data, its heading with the unit, and how its numbers are written.

    Without ``form`` the column is text.
    """

    name: str
    heading: str
    form: Form | None = None


class Plot(Protocol):
    """A declarative description of a chart; see :mod:`portfolio.report.html.plots`."""

    def draw(self, data: pd.DataFrame, width: int) -> dict[str, Any]:
        """Return the chart in the words of Vega-Lite, ``width`` pixels wide, with colours as names of the theme."""
        ...


@dataclass(frozen=True)
class Table:
    """A table that is shown; ``folded`` where a reader has to open it."""

    title: str
    data: pd.DataFrame
    columns: tuple[Column, ...]
    note: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart with the data behind it.

    Attributes
    ----------
    name : str
        Name of its file among the figures, and its anchor: letters, digits and hyphens; unique on a page.
    title : str
        What is seen, as a sentence or a heading.
    unit : str
        What is measured and in which unit, what bands and marks are.
    alt : str
        The chart in words, with its main figures, for who cannot see it.
    data : DataFrame
        What is drawn; nothing is drawn that is not in it.
    columns : tuple of Column
        Columns of the table behind the chart.
    plot : Plot
        How it is drawn.
    note : str
        How to read it, where that needs saying.
    """

    name: str
    title: str
    unit: str
    alt: str
    data: pd.DataFrame
    columns: tuple[Column, ...]
    plot: Plot
    note: str = ""

    def renamed(self, name: str) -> Chart:
        """Return the same chart under another name."""
        return replace(self, name=name)


@dataclass(frozen=True)
class Fact:
    """A figure that is read first: ``value`` as text with its unit, ``detail`` what it is measured on."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True)
class Facts:
    """Figures side by side."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Notes:
    """Sentences in a list; ``warning`` where a reader should not go on without them."""

    title: str
    items: tuple[str, ...]
    warning: bool = False


Block = Chart | Table | Facts | Notes
"""What a section holds."""


@dataclass(frozen=True)
class Section:
    """A part of a page; ``aside`` stands beside the blocks where there is room. One without any of it is left out."""

    heading: str
    blocks: tuple[Block, ...]
    prose: str = ""
    aside: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes
    ----------
    title : str
        What it is about, such as the title of the case.
    kind : str
        What it is: run, evaluation, stress test, ...
    about : str
        On what the figures rest: sample, seed, how the search ended.
    sections : tuple of Section
        In the order in which they are read: what to decide first, the evidence after.
    made : str
        How it was made: version, time, seeds.
    """

    title: str
    kind: str
    about: str
    sections: tuple[Section, ...]
    made: str = ""

    def answered(self, text: str) -> Page:
        """Return the page with an answer in words at its beginning, unless it has one."""
        first, *others = self.sections
        return self if first.prose or not text else replace(self, sections=(replace(first, prose=text), *others))

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every chart, in order."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Chart))
