"""Runs side by side: what differs in their inputs, what moved in the decision and in its figures, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from portfolio.evaluation.figures import DIFFERENCE
from portfolio.evaluation.intervals import Array, Interval, paired_difference
from portfolio.evaluation.measures import WITH, WITHOUT
from portfolio.report.case_differences import Difference, case_differences
from portfolio.report.compared_runs import ComparedRuns, write_compared_runs
from portfolio.report.errors import RunError, UsageError
from portfolio.report.folder import check_target
from portfolio.report.headline import records
from portfolio.report.saved import SavedRun, read_run

SOLVE_FIELDS = ("method", "asked_gap")
"""What is asked of a search."""
FIGURES = ("tonnes_per_year", "share_of_demand", "weighted", "weighted_cvar", "probability")
AMOUNTS = ("share", "usd_m", "tpy", "charge_usd_m")
SAME = 1e-6
"""Relative difference below which amounts are the same: the solver's tolerance."""
ROUNDING = 1e-9
"""Relative difference that is the computer's."""
AGREES = 1e-6
"""Relative difference above which scenarios contradict the headline of their run."""
TEXTS = dict.fromkeys(("project", "name", "country", "structure", "instrument", "kind", "member", "material"), str)
"""Columns of ``portfolio.csv`` that hold names, whatever they look like."""
INPUT_COLUMNS = ("run", "what", "where", "key", "column", "change", "before", "after", "counts")
OBJECTIVE_SECTIONS = frozenset({"horizon", "objective", "risk", "benchmarks", "alliance"})
"""Sections that say what is minimised; with others of the same sample, objectives are in the same units."""
OBJECTIVE_TABLES = frozenset({"materials", "regions", "stages"})


@dataclass(frozen=True)
class _Side:
    """A run as far as it is compared."""

    name: str
    saved: SavedRun
    record: Mapping[str, Any]
    portfolio: pd.DataFrame
    scenarios: pd.DataFrame

    @property
    def sample(self) -> tuple[object, ...]:
        """What two runs have to share for their scenarios to be the same draws."""
        sampling = self.saved.case.settings.sampling
        return sampling.seed, sampling.method, len(self.scenarios)


def compare_runs(runs: Sequence[str | PathLike[str]], *, level: float, out: str | PathLike[str] | None) -> ComparedRuns:
    """Put runs side by side; see :func:`portfolio.api.compare_runs`."""
    target = None if out is None else Path(out)
    if target is not None:
        check_target(target)
    if len(runs) < 2:
        raise UsageError("give two runs or more to compare")
    if not 0 < level < 1:
        raise UsageError("level is a share between 0 and 1, such as 0.95")
    sides = _named([Path(run) for run in runs])
    first, others = sides[0], sides[1:]
    inputs = {side.name: list(_inputs(first, side)) for side in others}
    differences = [row for side in others for row in _differences(first, side, inputs[side.name], level)]
    rows = [{"run": name, **asdict(d), "counts": int(d.counts)} for name, found in inputs.items() for d in found]
    found = ComparedRuns(
        runs=tuple(side.name for side in sides),
        paths={side.name: side.saved.path or Path() for side in sides},
        level=level,
        inputs=pd.DataFrame(rows, columns=list(INPUT_COLUMNS)),
        changes=pd.DataFrame([row for side in others for row in _changes(first, side)], columns=_change_columns()),
        differences=pd.DataFrame(differences),
        solves=pd.DataFrame([_solve(side) for side in sides]),
        decisions=pd.concat([_decision(side) for side in sides], ignore_index=True),
        shortfalls=pd.DataFrame([row for side in sides for row in _shortfalls(side)]),
        costs=pd.DataFrame([row for side in sides for row in _costs(side)]),
        moved={side.name: _moved(first, side) for side in others},
        caveats=tuple(_caveats(first, others)),
    )
    return found if target is None else write_compared_runs(found, target)


def _named(folders: Sequence[Path]) -> list[_Side]:
    """Read every run under the name of its folder; two of the same name are numbered."""
    sides: list[_Side] = []
    for folder in folders:
        saved = read_run(folder, any_version=True)
        name, again = saved.name, 2
        while name in {side.name for side in sides}:
            name, again = f"{saved.name} ({again})", again + 1
        sides.append(_side(folder, name, saved))
    return sides


def _side(folder: Path, name: str, saved: SavedRun) -> _Side:
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        portfolio = pd.read_csv(folder / "portfolio.csv", keep_default_na=False, dtype=TEXTS)
        scenarios = pd.read_parquet(folder / "scenarios.parquet")
        mean = _mean(scenarios, WITH)
    except (OSError, ValueError, KeyError) as fault:
        raise RunError(f"{folder} cannot be read ({type(fault).__name__}: {fault}); solve the case again") from fault
    if abs(mean - saved.weighted[WITH]) > AGREES * max(1.0, abs(mean)):
        raise RunError(f"{folder}: scenarios.parquet and run.json tell different stories; solve the case again")
    return _Side(name, saved, record, portfolio, scenarios)


def _mean(scenarios: pd.DataFrame, world: str) -> float:
    p, values = (scenarios[name].to_numpy(dtype=float) for name in ("probability", f"{world}_weighted"))
    return float(p @ values)


def _inputs(first: _Side, other: _Side) -> Iterator[Difference]:
    """Every input, argument and version in which a run differs from the first."""
    yield from case_differences(first.saved.case, other.saved.case)
    for field in SOLVE_FIELDS:
        was, now = first.record.get(field), other.record.get(field)
        if was != now:
            yield Difference("solve", "", "", field, "changed", str(was), str(now))
    old, new = first.record.get("versions", {}), other.record.get("versions", {})
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield Difference("version", "", "", name, "changed", str(old.get(name, "")), str(new.get(name, "")))


def _commitments(side: _Side) -> pd.DataFrame:
    table = side.portfolio
    columns = ["project", "window", "structure", "instrument", "member", "material", *AMOUNTS]
    return table.loc[table["kind"] != "overhead", columns]


def _decision(side: _Side) -> pd.DataFrame:
    """Return the commitments of a run with its name before them."""
    table = _commitments(side).reset_index(drop=True)
    table.insert(0, "run", side.name)
    return table


def _keyed(side: _Side) -> dict[tuple[object, ...], dict[str, Any]]:
    """Commitments by what they are: project, instrument, member, material; purchases for the stockpile by year too."""
    return {
        (r["project"], r["instrument"], r["member"], r["material"], "" if r["project"] else r["window"]): r
        for r in records(_commitments(side))
    }


def _change_columns() -> list[str]:
    fields = ("window", "structure", *AMOUNTS)
    ends = [f"{field}_{end}" for field in fields for end in ("before", "after")]
    return ["run", "project", "instrument", "member", "material", "change", *ends]


def _changes(first: _Side, other: _Side) -> Iterator[dict[str, Any]]:
    """Commitments that are in one run alone, or not the same in both."""
    old, new = _keyed(first), _keyed(other)
    for key in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(key), new.get(key)
        if was is not None and now is not None and _alike(was, now):
            continue
        row: dict[str, Any] = {"run": other.name}
        row |= dict(zip(("project", "instrument", "member", "material"), key, strict=False))
        row["change"] = "in" if was is None else "out" if now is None else "changed"
        for field in ("window", "structure", *AMOUNTS):
            nothing = 0.0 if field in AMOUNTS else ""
            row[f"{field}_before"] = nothing if was is None else was[field]
            row[f"{field}_after"] = nothing if now is None else now[field]
        yield row


def _alike(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    if (was["window"], was["structure"]) != (now["window"], now["structure"]):
        return False
    return all(abs(was[f] - now[f]) <= SAME * max(1.0, abs(was[f]), abs(now[f])) for f in AMOUNTS)


def _moved(first: _Side, other: _Side) -> dict[str, list[str]]:
    """Projects that came in, went out, or are to close in another window."""
    old, new = ({p: v for p, _, v in side.saved.decision.chosen} for side in (first, other))
    return {
        "in": sorted(set(new) - set(old)),
        "out": sorted(set(old) - set(new)),
        "window": sorted(p for p in set(old) & set(new) if old[p] != new[p]),
    }


def _shortfalls(side: _Side) -> Iterator[dict[str, Any]]:
    for world in (WITHOUT, WITH):
        for figure in FIGURES:
            value = float(side.record["headline"]["shortfall"][world][figure])
            yield {"run": side.name, "world": world, "figure": figure, "value": value}


def _costs(side: _Side) -> Iterator[dict[str, Any]]:
    for member in side.record["headline"]["members"]:
        charges = {"as_budgeted": member["charge_usd_m"], **member["charge_by_convention_usd_m"]}
        for convention, amount in charges.items():
            yield {"run": side.name, "member": member["member"], "convention": convention, "usd_m": float(amount)}


def _solve(side: _Side) -> dict[str, Any]:
    fields = ("status", "method", "asked_gap", "gap", "objective", "bound", "scenarios", "seed")
    return {"run": side.name, **{field: side.record[field] for field in fields}}


def _differences(first: _Side, other: _Side, inputs: Sequence[Difference], level: float) -> Iterator[dict[str, Any]]:
    """Weighted shortfall of a run less that of the first, scenario by scenario where both have the same draws.

    In the world without the fund inputs alone move it; what the fund adds in both runs is compared too.
    """
    doubt, tails = _unpaired(first, other), [s.saved.case.settings.risk.cvar_level for s in (first, other)]
    by_solver = _solver_doubt(first, other, inputs)
    for world in (WITHOUT, WITH, DIFFERENCE):
        for figure in ("weighted",) if world == DIFFERENCE else ("weighted", "weighted_cvar"):
            tail = tails[0] if figure == "weighted_cvar" else None
            note = doubt or ("CVaRs of different levels" if tail is not None and tails[0] != tails[1] else "")
            found = None if note else _paired(first, other, world, tail, level)
            before, after = (_headline(side, world, figure) for side in (first, other))
            scale = max(1.0, abs(before), abs(after))
            verdict, why = _verdict(found, "" if world == WITHOUT else by_solver, scale=scale)
            told = found is not None and verdict != "same"
            yield {
                "run": other.name,
                "figure": figure,
                "world": world,
                "unit": "weighted t",
                "before": before,
                "after": after,
                "difference": after - before,
                "low": np.nan if found is None else found.low,
                "high": np.nan if found is None else found.high,
                "reliable": int(found is not None and (found.reliable or verdict == "same")),
                "verdict": verdict,
                "note": "; ".join(t for t in (note, why, found.note if found is not None and told else "") if t),
            }


def _headline(side: _Side, world: str, figure: str) -> float:
    said = side.record["headline"]["shortfall"]
    if world == DIFFERENCE:
        return float(said[WITH][figure]) - float(said[WITHOUT][figure])
    return float(said[world][figure])


def _paired(first: _Side, other: _Side, world: str, tail: float | None, level: float) -> Interval:
    """Interval of the difference of two runs, on common random numbers."""
    after, before = (_values(side.scenarios, world) for side in (other, first))
    return paired_difference(after, before, first.scenarios["probability"], tail=tail, level=level)


def _values(scenarios: pd.DataFrame, world: str) -> Array:
    with_fund, without = (scenarios[f"{w}_weighted"].to_numpy(dtype=float) for w in (WITH, WITHOUT))
    worlds: dict[str, Array] = {WITH: with_fund, WITHOUT: without, DIFFERENCE: with_fund - without}
    return worlds[world]


def _unpaired(first: _Side, other: _Side) -> str:
    """Why scenarios cannot be compared one by one ("" where they can)."""
    if first.sample != other.sample:
        return "other seeds, sizes or kinds of sample: the runs share no scenarios, so no interval is given"
    if first.saved.case.settings.sampling.method != "monte_carlo":
        return "scenarios are not independent draws, so no interval is given"
    if not np.allclose(first.scenarios["probability"], other.scenarios["probability"]):
        return "scenarios of other probabilities, so no interval is given"
    return ""


def _solver_doubt(first: _Side, other: _Side, inputs: Sequence[Difference]) -> str:
    """Why the searches do not tell the portfolios apart ("" where they do)."""
    aims = OBJECTIVE_SECTIONS | OBJECTIVE_TABLES
    if any(d.counts and d.where in aims for d in inputs):
        return "the runs do not minimise the same, so their solver gaps cannot be compared"
    (low, high), (least, most) = ((s.saved.bound, s.saved.objective) for s in (first, other))
    if low <= most and least <= high:
        return "the solver gaps overlap: the difference may be the search's"
    return ""


def _verdict(found: Interval | None, doubt: str, *, scale: float = 1.0) -> tuple[str, str]:
    """What can be claimed of a difference, and why nothing more can; ``scale`` is the size of what is compared."""
    if found is None:
        return "open", ""
    if max(abs(found.low), abs(found.high)) <= ROUNDING * scale:
        return "same", ""
    if found.low <= 0 <= found.high:
        return "open", "the interval holds zero"
    if doubt:
        return "open", doubt
    return ("lower" if found.high < 0 else "higher"), ""


def _caveats(first: _Side, others: Sequence[_Side]) -> Iterator[str]:
    yield (
        "Each portfolio is measured on the scenarios it was chosen on, which flatters it; `portfolio evaluate` "
        "measures on fresh ones."
    )
    if any(_unpaired(first, other) for other in others):
        yield f"Differences from {first.name} have an interval only where a run has the same sample."
    yield (
        "What moved in the inputs is all of it; which part of it moved the decision is not told apart. Nearly equal "
        "portfolios may differ in many commitments."
    )
    stopped = [side.name for side in (first, *others) if side.record.get("exit_code") != 0]
    if stopped:
        yield f"Stopped before the gap that was asked for: {', '.join(stopped)}."
