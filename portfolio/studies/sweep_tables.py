"""Tables, figures and caveats of a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from portfolio.case.records import Case
from portfolio.engine.protocol import Status
from portfolio.evaluation.intervals import Interval
from portfolio.finance.types import CONVENTIONS
from portfolio.report.study import Study
from portfolio.report.words import number, percent
from portfolio.studies.designs import Design, Row
from portfolio.studies.differences import interval
from portfolio.studies.indices import Index
from portfolio.studies.outputs import IN_OBJECTIVE, SAMPLED, Tried, estimate, parts, tail_parts, value
from portfolio.studies.switching import Switch, value_at
from portfolio.studies.varied import Varied, as_number

Cells = dict[str, Any]
NONE = float("nan")


@dataclass(frozen=True)
class Found:
    """All a sweep found.

    Attributes
    ----------
    case : Case
        As it is.
    varied : tuple of Varied
    base : Row
        Their values in the case; None where rows differ.
    design : Design
    outputs : tuple of str
    level, gap : float
        Of intervals, of searches.
    points : tuple of (Row, Tried)
        Every case once, the case itself first.
    at : tuple of str
        Point of every row of the design.
    switches : tuple of Switch
    indices : tuple of (str, Index)
        By output.
    """

    case: Case
    varied: tuple[Varied, ...]
    base: Row
    design: Design
    outputs: tuple[str, ...]
    level: float
    gap: float
    points: tuple[tuple[Row, Tried], ...]
    at: tuple[str, ...]
    switches: tuple[Switch, ...]
    indices: tuple[tuple[str, Index], ...]

    def point(self, name: str) -> Tried:
        """Return a point by name."""
        return next(t for _, t in self.points if t.name == name)


def study_of(found: Found) -> Study:
    """Put the record of a sweep together."""
    tables = {
        "points": pd.DataFrame([_point(found, row, tried) for row, tried in found.points]),
        "design": pd.DataFrame(list(_design(found))),
        "charges": pd.DataFrame(list(_charges(found)), columns=["point", "member", "budget", "exposure", *CONVENTIONS]),
    }
    tables["charges"] = tables["charges"].rename(
        columns={c: f"{c}_usd_m" for c in ("budget", "exposure", *CONVENTIONS)}
    )
    if found.design.kind == "oat":
        tables["tornado"] = pd.DataFrame(list(_tornado(found)))
    if found.design.kind in ("grid", "oat"):
        tables["switches"] = pd.DataFrame([_switch(found, s) for s in found.switches], columns=_SWITCH_COLUMNS)
    if found.indices:
        tables["indices"] = pd.DataFrame([_index(found, output, index) for output, index in found.indices])
    stopped = any(t.answer.status is Status.TIME_LIMIT for _, t in found.points)
    title = found.case.settings.case
    return Study(
        kind="sweep",
        title=title.title or title.name,
        tables=tables,
        figures=_figures(found, tables),
        caveats=tuple(_caveats(found)),
        exit_code=3 if stopped else 0,
    )


def _values(found: Found, row: Row) -> Cells:
    """Values of the varied numbers, those of the case where a row leaves them: numbers as numbers."""
    cells: Cells = {}
    for n, v in enumerate(found.varied):
        text = value_at(row, n, found.base)
        number = as_number(text)
        cells[v.name] = text if number is None or not v.numeric else number
    return cells


def _interval(name: str, interval: Interval | None) -> Cells:
    ends = (NONE, NONE, NONE) if interval is None else (interval.estimate, interval.low, interval.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))


def _point(found: Found, row: Row, tried: Tried) -> Cells:
    answer = tried.answer
    charges = answer.charges_usd_m.values()
    return {
        "point": tried.name,
        "role": tried.role,
        **_values(found, row),
        "status": answer.status.name.lower(),
        "objective": answer.objective if tried.found else NONE,
        "bound": answer.bound if tried.found else NONE,
        "gap": answer.gap if tried.found else NONE,
        "in_sample_weighted_without": NONE if tried.in_sample_without is None else tried.in_sample_without,
        "in_sample_weighted_with": NONE if answer.weighted is None else answer.weighted,
        **_measured(found, tried),
        "public_cost_usd_m": answer.public_cost_usd_m if tried.found else NONE,
        **{
            f"charge_{c}_usd_m": sum(mine[c] for mine in charges) if tried.found else NONE
            for c in ("budget", *CONVENTIONS)
        },
        "supported": ";".join(sorted(answer.supported)),
        "reasons": "; ".join(answer.reasons),
        "seconds": answer.seconds,
    }


def _measured(found: Found, tried: Tried) -> Cells:
    """What fresh scenarios say of a point."""
    years, fresh = len(found.case.years), tried.answer.fresh
    without = tried.weighted_without
    arrays = {
        "weighted_without": (without, 0.0),
        "weighted_with": (None if fresh is None else fresh.weighted, 0.0),
        "reduction": (None if fresh is None else without - fresh.weighted, 0.0),
        "cvar_without": (tail_parts(without, tried.tail) if without.size else None, tried.tail),
        "cvar_with": (None if fresh is None else tail_parts(fresh.weighted, tried.tail), tried.tail),
        "shortfall_without_tpy": (tried.tonnes_without / years, 0.0),
        "shortfall_with_tpy": (None if fresh is None else fresh.tonnes / years, 0.0),
    }
    cells: Cells = {}
    for name, (values, tail) in arrays.items():
        cells |= _interval(
            name, interval(values, found.level, tail) if values is not None and values.size > 1 else None
        )
    return cells


def _design(found: Found) -> Iterator[Cells]:
    for n, (row, name) in enumerate(zip(found.design.rows, found.at, strict=True)):
        yield {"row": n, "point": name, **_values(found, row)}


def _charges(found: Found) -> Iterator[Cells]:
    for _, tried in found.points:
        for member, mine in tried.answer.charges_usd_m.items():
            yield {"point": tried.name, "member": member, **mine}


def _tornado(found: Found) -> Iterator[Cells]:
    """The least and the greatest value of every number alone, against the case as it is."""
    base = found.points[0][1]
    names = dict(zip(found.design.rows, found.at, strict=True))
    for n, v in enumerate(found.varied):
        for end, text in zip(("low", "high"), v.ends_of(), strict=True):
            row = tuple(text if at == n else None for at in range(len(found.varied)))
            tried = found.point(names[row])
            for output in found.outputs:
                yield {
                    "number": v.name,
                    "end": end,
                    "value": text,
                    "output": output,
                    "at_base": value(output, base),
                    "at_value": value(output, tried),
                    **_difference(found, output, base, tried),
                }


def _difference(found: Found, output: str, base: Tried, tried: Tried) -> Cells:
    """Difference from the case, paired on the same scenarios, and whether it is told from sampling and from gaps."""
    if not (base.found and tried.found):
        return {**_interval("change", None), "told": 0}
    got, was = parts(output, tried), parts(output, base)
    change = estimate(output, got - was, tried, found.level)
    clear = change.low > 0 or change.high < 0
    if output in IN_OBJECTIVE:
        clear = clear and abs(change.estimate) > base.slack + tried.slack
    return {**_interval("change", change), "told": int(clear)}


_SWITCH_COLUMNS = (
    "number", "low", "high", "others", "enters", "leaves", "verdict", "low_point", "high_point", "low_at_high_worse_by",
    "high_at_low_worse_by",
)  # fmt: skip


def _switch(found: Found, switch: Switch) -> Cells:
    rows = {row: t.name for row, t in found.points} | dict(zip(found.design.rows, found.at, strict=True))
    others = _values(found, switch.low)
    others.pop(found.varied[switch.number].name)
    return {
        "number": found.varied[switch.number].name,
        "low": value_at(switch.low, switch.number, found.base),
        "high": value_at(switch.high, switch.number, found.base),
        "others": "; ".join(f"{name}={text}" for name, text in others.items()),
        "enters": ";".join(switch.enters),
        "leaves": ";".join(switch.leaves),
        "verdict": "tie" if switch.tie else "switch",
        "low_point": rows[switch.low],
        "high_point": rows[switch.high],
        "low_at_high_worse_by": switch.low_at_high,
        "high_at_low_worse_by": switch.high_at_low,
    }


def _index(found: Found, output: str, index: Index) -> Cells:
    return {
        "output": output,
        "number": found.varied[index.number].name,
        "index": index.name,
        "estimate": index.estimate,
        "low": index.low,
        "high": index.high,
    }


def _plain(table: pd.DataFrame) -> list[Cells]:
    """Rows of a table as JSON takes them: None for what is not a finite number."""
    return [
        {str(k): None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()}
        for row in table.to_dict(orient="records")
    ]


def _figures(found: Found, tables: dict[str, pd.DataFrame]) -> Cells:
    return {
        "design": found.design.kind,
        "rows": len(found.design.rows),
        "points": len(found.points),
        "numbers": [{"number": v.name, "values": list(v.values), "in_case": b} for v, b in
                    zip(found.varied, found.base, strict=True)],
        "outputs": list(found.outputs),
        "level": found.level,
        "gap": found.gap,
        "scenarios": found.case.settings.sampling.scenarios,
        "seed": found.case.settings.sampling.seed,
        **{name: _plain(tables[name]) for name in ("indices", "tornado", "switches") if name in tables},
        "spread": _plain(pd.DataFrame(list(_spread(found)))),
    }  # fmt: skip


def _spread(found: Found) -> Iterator[Cells]:
    """Of every output: the case itself, least, mean and most over the rows of the design."""
    base = found.points[0][1]
    by_name = {t.name: t for _, t in found.points}
    tried = [by_name[name] for name in found.at]
    for output in found.outputs:
        values = np.array([value(output, t) for t in tried if t.found])
        ends = (values.min(), values.mean(), values.max()) if values.size else (NONE, NONE, NONE)
        yield {
            "output": output,
            "base": value(output, base),
            **dict(zip(("least", "mean", "most"), map(float, ends), strict=True)),
        }


def _caveats(found: Found) -> Iterator[str]:
    """What to know before acting on it."""
    none = [t for _, t in found.points if not t.found]
    if none:
        yield f"{len(none)} of {len(found.points)} points have no portfolio; `points` says why. Indices are left out."
    solved = [t for _, t in found.points if t.found]
    open_ = max((t.answer.gap for t in solved), default=0.0)
    slack = max((t.slack for t in solved), default=0.0)
    objectives = [t.answer.objective for t in solved]
    spread = max(objectives, default=0.0) - min(objectives, default=0.0)
    yield (
        f"Each search stopped within a gap of {percent(open_)}: up to {number(slack)} of its objective, where points "
        f"differ by up to {number(spread)}. Portfolios, and what follows from them, may differ by that alone."
    )
    ties = sum(s.tie for s in found.switches)
    if ties:
        yield (
            f"{ties} of {len(found.switches)} changes of portfolio are ties: the projects of one point were not proven "
            "worse at the other. A smaller gap may tell them apart."
        )
    if found.indices and found.design.kind != "lhs":
        yield (
            "Intervals of indices are about the number of samples; solver gaps and the fresh scenarios, the same at "
            "all points, are not in them. Numbers are taken as independent and uniform between their ends."
        )
    if any(o in SAMPLED for o in found.outputs) and solved and solved[0].answer.fresh is not None:
        size = solved[0].answer.fresh.weighted.size
        yield f"Outputs are means over {size:,} fresh scenarios, the same at all points."
