"""The check of the sampler on a terminal: parameters beside what was seen, and what designs save."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from portfolio.report.replications_summary import notes
from portfolio.report.sampling import Sampling
from portfolio.report.summary import count, number, start_table
from portfolio.scenarios.quality.moments import FEW, Moment

FIGURES = {"weighted": "mean", "weighted_cvar": "CVaR"}
SHOWN = 12
"""Flagged rows that are named; the rest is in the table."""


def summary(found: Sampling) -> RenderableType:
    """Return the whole summary; fits 100 columns."""
    parts: list[RenderableType] = [_title(found), _drivers(found), _events(found)]
    if found.table.off:
        parts.append(_off(found))
    parts.append(Text(f"{found.verdict}\n"))
    if found.ratios:
        parts.append(_ratios(found))
    return Group(*parts, notes(found.caveats, None if found.path is None else f"Folder: {found.path}"))


def _title(found: Sampling) -> Text:
    title = found.case.settings.case
    return Text.assemble(
        (title.title or title.name, "bold"),
        "\n",
        f"{count(found.table.scenarios, 'scenario')} of {found.name} (seed {found.seed}, "
        f"{found.design.replace('_', ' ')}) beside the parameters they were drawn from\n",
    )


def _drivers(found: Sampling) -> Table:
    made = start_table(
        "What the parameters give and what was seen, in standard errors (z)",
        ("", "left"),
        ("rows", "right"),
        ("largest |z|", "right"),
        ("|z| above 1.96", "right"),
        ("flagged", "right"),
        ("too few to judge", "right"),
    )
    groups: dict[str, list[Moment]] = {}
    for moment in found.table.moments:
        groups.setdefault(moment.row.driver, []).append(moment)
    for driver, rows in (*groups.items(), ("all", list(found.table.moments))):
        judged = [abs(m.z) for m in rows if m.flag != FEW]
        made.add_row(
            driver,
            f"{len(rows):,}",
            f"{max(judged):.2f}" if judged else "-",
            f"{sum(z > 1.96 for z in judged) / len(judged):.1%}" if judged else "-",
            f"{sum(m in found.table.off for m in rows):,}",
            f"{len(rows) - len(judged):,}",
        )
    return made


def _events(found: Sampling) -> Table:
    made = start_table(
        "Events a year, and months of them a year",
        ("hazard", "left"),
        ("rate", "right"),
        ("seen", "right"),
        ("z", "right"),
        ("expected months", "right"),
        ("seen", "right"),
        ("z", "right"),
    )
    by_hazard: dict[str, dict[str, Moment]] = {}
    for moment in found.table.moments:
        if moment.row.driver == "hazard":
            by_hazard.setdefault(moment.row.entity, {})[moment.row.quantity] = moment
    for name, rows in by_hazard.items():
        if "events" in rows and "events under way" in rows:
            made.add_row(escape(name), *_cells(rows["events"], 3), *_cells(rows["events under way"], 2))
    return made


def _cells(moment: Moment, digits: int) -> tuple[str, str, str]:
    return (
        f"{moment.row.expected:.{digits}f}",
        f"{moment.estimate:.{digits}f} ± {moment.standard_error:.{digits}f}",
        f"{moment.z:+.1f}".replace("-", "−"),
    )


def _off(found: Sampling) -> Table:
    made = start_table(
        "Further from what the parameters give than luck explains",
        ("", "left"),
        ("parameter", "left"),
        ("expected", "right"),
        ("seen", "right"),
        ("z", "right"),
    )
    worst = sorted(found.table.off, key=lambda m: -abs(m.z))
    for m in worst[:SHOWN]:
        r = m.row
        made.add_row(
            escape(f"{r.driver} {r.entity}: {r.quantity}"),
            f"{r.parameter} {r.value:.4g}",
            f"{r.expected:.4g}",
            f"{m.estimate:.4g} ± {m.standard_error:.2g}",
            f"{m.z:+.1f}".replace("-", "−"),
        )
    if len(worst) > SHOWN:
        made.add_row(f"and {len(worst) - SHOWN} more", "", "", "", "")
    return made


def _ratios(found: Sampling) -> Table:
    one = found.ratios[0]
    made = start_table(
        f"Variance of plain Monte Carlo over that of a design, {one.randomisations} randomisations of "
        f"{count(one.points, 'scenario')}",
        ("design", "left"),
        ("weighted shortfall", "left"),
        ("plain", "right"),
        ("design", "right"),
        ("variance ratio", "right"),
        (f"{100 * one.variance.level:.3g} % interval", "right"),
    )
    for r in found.ratios:
        made.add_row(
            r.design.replace("_", " "),
            f"{FIGURES[r.figure]} {r.world} the fund",
            number(r.plain),
            number(r.under_design),
            f"{r.variance.ratio:.2f}",
            f"{r.variance.low:.2f} to {r.variance.high:.2f}",
        )
    return made
