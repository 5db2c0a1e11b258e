"""Results of a benchmark: tidy rows, JSON with the facts of the machine, and a table to read."""

from __future__ import annotations

import csv
import importlib.metadata
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.contenders import CONTENDERS, REFERENCE
from tests.benchmarks.measure import Measured
from tests.benchmarks.trajectory import seconds_to

LIBRARIES = ("highspy", "pyomo", "mpi-sppy", "mpi4py", "openmpi", "mpich", "numpy", "scipy", "pandas")

TOLERANCE = 1e-5
"""Relative amount by which a bound may exceed an objective, for the tolerances of the solvers."""

HEADER = ("case", "projects", "instruments", "scenarios", "contender", "quantity", "detail", "value", "unit", "note")


@dataclass(frozen=True)
class Entry:
    """One instance and what was measured on it; ``prepared``, ``whole`` and ``passes`` as their processes left them."""

    case: str
    projects: int
    instruments: str
    scenarios: int
    prepared: Mapping[str, Any]
    runs: tuple[Measured, ...]
    whole: Mapping[str, Any] = field(default_factory=dict)
    passes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def contradiction(self) -> float:
        """Largest relative excess of one contender's bound over another's objective: 0 where all agree."""
        bound = max((m.last.bound for m in self.runs), default=-float("inf"))
        objective = min((m.last.objective for m in self.runs), default=float("inf"))
        if abs(bound) == float("inf") or abs(objective) == float("inf"):
            return 0.0
        return max(0.0, bound - objective) / max(abs(objective), 1e-9)


def machine() -> dict[str, Any]:
    """Facts of the machine and versions, as far as they are known."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores,
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


Row = tuple[str, str, float | None, str, str]
"""Quantity, detail, value, unit, note."""


def tidy(entries: Sequence[Entry], gaps: Sequence[float]) -> Iterator[dict[str, Any]]:
    """One row per number."""
    for entry in entries:
        for contender, rows in _of(entry, gaps):
            for row in rows:
                about = (entry.case, entry.projects, entry.instruments, entry.scenarios, contender)
                yield dict(zip(HEADER, (*about, *row), strict=True))


def _of(entry: Entry, gaps: Sequence[float]) -> Iterator[tuple[str, Iterator[Row]]]:
    yield "preparation", _phases(entry.prepared)
    if entry.whole:
        yield "portfolio.solve", _phases(entry.whole)
    if entry.passes:
        unit = {"engine_s": "s", "prices_s": "s", "each_s": "s"}
        yield "pass", (("pass", k, float(v), unit.get(k, ""), "") for k, v in entry.passes.items())
    for measured in entry.runs:
        yield measured.contender, _rows(entry, measured, gaps)


def _phases(found: Mapping[str, Any]) -> Iterator[Row]:
    for name, seconds in found.get("phases", {}).items():
        yield "phase", name, seconds, "s", ""
    for name, count in found.get("size", {}).items():
        yield "size", name, count, "", ""
    if found.get("peak_mib") is not None:
        yield "peak memory", "", found["peak_mib"], "MiB", ""


def _rows(entry: Entry, measured: Measured, gaps: Sequence[float]) -> Iterator[Row]:
    last = measured.last
    for gap in gaps:
        reached = seconds_to(measured.points, gap)
        note = "" if reached is not None else stood(measured)
        yield "seconds to gap", f"{gap:g}", reached, "s", note
        ratio, least = ratio_to_reference(entry, measured, gap)
        yield "ratio of seconds", f"{gap:g}", ratio, "", "at least" if least else ""
    yield "gap at end", "", None if last.gap == float("inf") else last.gap, "fraction", measured.status
    yield "objective", "", None if last.objective == float("inf") else last.objective, "weighted t", ""
    yield "bound", "", None if last.bound == -float("inf") else last.bound, "weighted t", ""
    yield "seconds in all", "", measured.seconds, "s", ""
    yield from _phases({"phases": measured.phases, "size": measured.size, "peak_mib": measured.peak_mib})


def stood(measured: Measured) -> str:
    """What to say of a gap that was not reached."""
    if not measured.points:
        return measured.status
    gap = measured.last.gap
    if gap == float("inf"):
        lacking = "portfolio" if measured.last.objective == float("inf") else "bound"
        return f"not reached, no {lacking} after {measured.seconds:.0f} s"
    return f"not reached, stood at {100 * gap:.3g} % after {measured.seconds:.0f} s"


def ratio_to_reference(entry: Entry, measured: Measured, gap: float) -> tuple[float | None, bool]:
    """Seconds over those of the product's decomposition at the same gap; whether it is only a lower limit."""
    reference = next((m for m in entry.runs if m.contender == REFERENCE), None)
    base = None if reference is None else seconds_to(reference.points, gap)
    if base is None or not measured.points:
        return None, False
    reached = seconds_to(measured.points, gap)
    return (measured.seconds if reached is None else reached) / max(base, 1e-9), reached is None


def write(folder: Path, entries: Sequence[Entry], gaps: Sequence[float], command: str) -> None:
    """Write ``results.csv``, ``results.json`` and ``table.txt``."""
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(tidy(entries, gaps))
    record = {"command": command, "machine": machine(), "gaps": list(gaps), "entries": [asdict(e) for e in entries]}
    (folder / "results.json").write_text(_json(record), encoding="utf-8")
    (folder / "table.txt").write_text(table(entries, gaps), encoding="utf-8")


def _json(record: Mapping[str, Any]) -> str:
    import json

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return None if isinstance(value, float) and abs(value) == float("inf") else value

    return json.dumps(plain(dict(record)), indent=1, allow_nan=False) + "\n"


def table(entries: Sequence[Entry], gaps: Sequence[float]) -> str:
    """Plain text: per instance a line for each contender."""
    parts = []
    for entry in entries:
        size = entry.prepared.get("size", {})
        parts.append(
            f"{entry.case}: {entry.projects} projects, {size.get('options', '?')} options, instruments "
            f"{entry.instruments}, {entry.scenarios} scenarios"
        )
        header = [
            "",
            *(f"to {100 * g:g} %" for g in gaps),
            "ratio",
            "gap at end",
            "objective",
            "bound",
            "MiB",
            "status",
        ]
        parts.append(_aligned([header, *(_line(entry, m, gaps) for m in entry.runs)]))
        parts.extend(_remarks(entry))
        parts.append("")
    return "\n".join(parts) + "\n"


def _line(entry: Entry, measured: Measured, gaps: Sequence[float]) -> list[str]:
    last = measured.last
    times = [seconds_to(measured.points, gap) for gap in gaps]
    ratio, least = next(
        (found for g in reversed(gaps) if (found := ratio_to_reference(entry, measured, g))[0] is not None),
        (None, False),
    )
    return [
        CONTENDERS[measured.contender].title,
        *("-" if t is None else f"{t:.2f} s" for t in times),
        "-" if ratio is None else f"{'> ' if least else ''}{ratio:.1f}",
        "-" if last.gap == float("inf") else f"{100 * last.gap:.3f} %",
        "-" if last.objective == float("inf") else f"{last.objective:.6g}",
        "-" if last.bound == -float("inf") else f"{last.bound:.6g}",
        "-" if measured.peak_mib is None else f"{measured.peak_mib:.0f}",
        f"{measured.status} ({measured.seconds:.0f} s)",
    ]


def _remarks(entry: Entry) -> Iterator[str]:
    for name, found in (("preparation", entry.prepared), ("portfolio.solve", entry.whole)):
        if found.get("phases"):
            memory = f"; {found['peak_mib']:.0f} MiB" if found.get("peak_mib") else ""
            yield f"  {name}: " + ", ".join(f"{k} {v:.2f} s" for k, v in found["phases"].items()) + memory
        elif found.get("fault"):
            yield f"  {name}: {found['fault']}"
    if entry.passes.get("fault"):
        yield f"  pass: {entry.passes['fault']}"
    elif entry.passes:
        p = entry.passes
        yield f"  pass: {p['engine_s']:.4f} s, solving each {p['each_s']:.4f} s, ratio {p['ratio']:.3f}"
        yield f"  pass at old prices: {p['prices_s']:.4f} s, ratio {p['prices_ratio']:.3f}"
    if entry.contradiction > TOLERANCE:
        yield f"  CONTRADICTION: a bound exceeds another's objective by {100 * entry.contradiction:.2g} %"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join(
        "  "
        + "  ".join(c.ljust(w) if n in (0, len(widths) - 1) else c.rjust(w) for n, (c, w) in enumerate(pairs)).rstrip()
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    )
