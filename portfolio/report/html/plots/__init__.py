"""Charts by what they show. Each is a frozen description whose ``draw`` returns it in Vega-Lite, of a given width.

======================  ==========================================================================================
:class:`Lines`          values over a continuous axis by series, with a band; steps make it an exceedance curve
:class:`Stacked`        parts of a whole by category or year, with a mark such as demand or a budget
:class:`Change`         from one value to another by category: without and with, before and after
:class:`Intervals`      estimates with intervals: paired differences, Sobol indices
:class:`Tornado`        what each input moves a figure to, from low to high
:class:`Matrix`         shares or words by row and column: a heat map, or in all, some, none
:class:`Frontier`       points of a trade-off, in order, with intervals
:class:`Histogram`      how often a figure lies where, by series
======================  ==========================================================================================
"""

from portfolio.report.html.plots.bars import Histogram, Stacked
from portfolio.report.html.plots.intervals import Change, Intervals, Tornado
from portfolio.report.html.plots.lines import Frontier, Lines, exceedance
from portfolio.report.html.plots.matrix import Matrix

__all__ = [
    "Change",
    "Frontier",
    "Histogram",
    "Intervals",
    "Lines",
    "Matrix",
    "Stacked",
    "Tornado",
    "exceedance",
]
