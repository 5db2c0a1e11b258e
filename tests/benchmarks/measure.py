"""Run a contender in a process of its own, watch its memory, end it at the limit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.contenders import CONTENDERS, Contender, Job, mpiexec
from tests.benchmarks.trajectory import Point, read

ROOT = Path(__file__).resolve().parents[2]

GRACE_S = 15.0
"""Seconds after the limit in which a contender may end by itself."""

LOADING_S = 600.0
"""Most seconds in which a process may load its instance before its clock starts."""

MPI_SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMPI_MCA_osc": "^ucx",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}
"""Open MPI as in a container of few cores: no binding of a rank, and of its threads, to one core."""


@dataclass(frozen=True)
class Measured:
    """What was seen of a contender; ``peak_mib`` is None where the system does not tell."""

    contender: str
    status: str
    seconds: float
    points: tuple[Point, ...] = ()
    peak_mib: float | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    size: Mapping[str, int] = field(default_factory=dict)

    @property
    def last(self) -> Point:
        """Best objective and bound at the end."""
        return self.points[-1] if self.points else Point(self.seconds, float("inf"), -float("inf"))


def run(name: str, job: Job, folder: Path) -> Measured:
    """Run a contender on the instance pickled in ``folder``; what is not installed is not run."""
    contender = CONTENDERS[name]
    if contender.missing:
        return Measured(name, f"not installed: {', '.join(contender.missing)}", 0.0)
    own = folder / name
    own.mkdir()
    (own / "job.json").write_text(json.dumps(asdict(job)), encoding="utf-8")
    command = [*_launcher(contender), "tests.benchmarks.worker", name, str(own / "job.json")]
    seconds, peak = watched(command, own / "log.txt", job.limit_s, own / "trajectory.jsonl", contender.ranks > 0)
    return _collect(name, own, seconds, peak)


def _launcher(contender: Contender) -> list[str]:
    launcher = mpiexec() if contender.ranks else None
    ranks = [launcher, "-n", str(contender.ranks)] if launcher else []
    return [*ranks, sys.executable, "-m"]


def _collect(name: str, own: Path, seconds: float, peak: float | None) -> Measured:
    """Read what a contender left; one that was ended leaves its trajectory alone."""
    points = tuple(read(own / "trajectory.jsonl"))
    outcome: dict[str, Any] = {"status": "ended at the limit", "seconds": seconds, "phases": {}, "size": {}}
    if (own / "outcome.json").is_file():
        outcome |= json.loads((own / "outcome.json").read_text(encoding="utf-8"))
    elif not points:
        outcome["status"] = f"ended without a word: {_last_line(own / 'log.txt')}"
    return Measured(name, outcome["status"], outcome["seconds"], points, peak, outcome["phases"], outcome["size"])


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.is_file() else []
    return next((line for line in reversed(lines) if line.strip()), "no log")


def watched(
    command: Sequence[str], log: Path, limit_s: float, starts: Path | None = None, mpi: bool = False
) -> tuple[float, float | None]:
    """Run a command to its end or past the limit; wall seconds, and peak resident memory in MiB.

    The limit counts from when ``starts`` exists (at most :data:`LOADING_S` after the start), or from the start.
    Memory is the sum over its processes of each one's peak, the MPI launcher left out: exact for one process, an
    upper bound for several.
    """
    environment = os.environ | MPI_SETTINGS | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    peaks: dict[int, float] = {}
    begin = time.perf_counter()
    until = begin + limit_s + GRACE_S
    loading = starts is not None
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=ROOT, start_new_session=True
        )
        try:
            while process.poll() is None:
                now = time.perf_counter()
                if loading and starts is not None and (starts.exists() or now > begin + LOADING_S):
                    loading, until = False, now + limit_s + GRACE_S
                for pid in _tree(process.pid):
                    if not (mpi and pid == process.pid):
                        peaks[pid] = max(peaks.get(pid, 0.0), _peak_mib(pid))
                if not loading and now > until:
                    break
                time.sleep(0.05)
        finally:
            _end(process, list(peaks))
    total = sum(peaks.values())
    return time.perf_counter() - begin, total if total > 0 else None


def _end(process: subprocess.Popen[bytes], children: Sequence[int]) -> None:
    """End the process, and those it started where it does not do so itself."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        process.send_signal(sign)
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            continue
    for pid in children:
        if pid != process.pid and "tests.benchmarks" in _command(pid):
            os.kill(pid, signal.SIGKILL)


def _command(pid: int) -> str:
    """Command line of a process, empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _tree(pid: int) -> Iterator[int]:
    """A process and what it has started, as far as the system tells."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text(encoding="ascii").split()
        except OSError:
            continue
        for child in children:
            yield from _tree(int(child))


def _peak_mib(pid: int) -> float:
    """Peak resident memory of a process so far, 0 where it is not known."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024.0 for line in lines if line.startswith("VmHWM")), 0.0)
