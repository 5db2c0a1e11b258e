"""``python -m tests.benchmarks``: measure every contender side by side on the same instances."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from portfolio.case import read_case
from tests.benchmarks.contenders import CONTENDERS, REFERENCE, Job
from tests.benchmarks.generator import Recipe, write
from tests.benchmarks.measure import ROOT, Measured, run, watched
from tests.benchmarks.report import Entry, table
from tests.benchmarks.report import write as write_results

RESULTS = ROOT / "results" / "benchmarks"

QUICK = {"projects": [8], "scenarios": [5], "time_limit": 8.0}
"""What ``--quick`` sets where the command line does not."""


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    cases: tuple[Recipe | Path, ...]
    scenarios: tuple[int, ...]
    gaps: tuple[float, ...]
    contenders: tuple[str, ...]
    job: Job
    others_up_to: int
    passes: bool
    whole: bool


def parse(arguments: Sequence[str]) -> tuple[Plan, Path]:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="a small instance, in about a minute")
    add("--case", type=Path, action="append", default=[], help="a case folder in place of generated cases; repeatable")
    add("--scenarios", type=_list(int), help="comma-separated numbers of scenarios (default 20,200)")
    add("--projects", type=_list(int), help="comma-separated numbers of projects (default 32: the shipped case)")
    add("--instruments", type=_list(str), default=["all"], help="all, many, or names such as loan+cfd; commas between")
    add("--windows", type=int, help="only the first windows")
    add("--fixed-market", action="store_true", help="do not scale budgets and market with the number of projects")
    add(
        "--gaps", type=_list(float), default=[0.01, 0.005, 0.001], help="relative gaps to time; the least is solved for"
    )
    add("--time-limit", type=float, help="seconds for each contender (default 120)")
    add("--contenders", type=_list(str), default=list(CONTENDERS), help=f"of {', '.join(CONTENDERS)}")
    add("--others-up-to", type=int, default=1000, help="most scenarios at which the other contenders run")
    add("--threads", type=int, default=2)
    add("--bundle", type=int, default=0, help="scenarios a bundle of mpi-sppy's hubs (default: by their number)")
    add("--seed", type=int, default=1, help="seed of the generated projects")
    add("--no-passes", action="store_true", help="leave out the passes over all scenarios")
    add("--no-whole", action="store_true", help="leave out portfolio.solve from case folder to run folder")
    add("--out", type=Path, default=RESULTS, help="folder for the results")
    given = parser.parse_args(arguments)
    unknown = set(given.contenders) - set(CONTENDERS)
    if unknown:
        parser.error(f"no contender {', '.join(sorted(unknown))}")
    usual: dict[str, Any] = {"projects": [32], "scenarios": [20, 200], "time_limit": 120.0} | (
        QUICK if given.quick else {}
    )
    chosen = {name: value if getattr(given, name) is None else getattr(given, name) for name, value in usual.items()}
    gaps = tuple(sorted(given.gaps, reverse=True))
    recipes = tuple(
        Recipe(
            projects=projects,
            instruments=instruments,
            seed=given.seed,
            windows=given.windows,
            scale_budgets=not given.fixed_market,
            scale_market=not given.fixed_market,
        )
        for projects, instruments in product(chosen["projects"], given.instruments)
    )
    plan = Plan(
        cases=tuple(given.case) or recipes,
        scenarios=tuple(chosen["scenarios"]),
        gaps=gaps,
        contenders=tuple(c for c in CONTENDERS if c in given.contenders),
        job=Job(gap=gaps[-1], limit_s=chosen["time_limit"], threads=given.threads, bundle=given.bundle),
        others_up_to=given.others_up_to,
        passes=not given.no_passes,
        whole=not given.no_whole,
    )
    return plan, given.out


def _list(kind: type) -> Any:
    def read(text: str) -> list[Any]:
        return [kind(item) for item in text.split(",")]

    read.__name__ = f"list of {kind.__name__}"
    return read


def name_of(source: Recipe | Path) -> str:
    """Short name of a generated case or of a folder."""
    return source.name if isinstance(source, Recipe) else source.resolve().name


def measure(plan: Plan, source: Recipe | Path, scenarios: int, folder: Path) -> Entry:
    """Prepare an instance and run every contender on it, one after the other."""
    name, case = name_of(source), source
    if isinstance(source, Recipe):
        case = write(source, folder / "case")
    case = Path(case).resolve()
    _say(f"{name}, {scenarios} scenarios: preparing")
    prepared = _prepare("build", case, folder, {"scenarios": scenarios})
    runs: list[Measured] = []
    for contender in plan.contenders if not prepared.get("fault") else ():
        if contender != REFERENCE and scenarios > plan.others_up_to:
            runs.append(Measured(contender, f"not run above {plan.others_up_to} scenarios", 0.0))
            continue
        _say(f"{name}, {scenarios} scenarios: {CONTENDERS[contender].title}")
        runs.append(run(contender, plan.job, folder))
    passes = _passes(folder, plan.job.threads) if plan.passes and not prepared.get("fault") else {}
    settings = {
        "scenarios": scenarios,
        "gap": plan.job.gap,
        "time_limit": plan.job.limit_s,
        "threads": plan.job.threads,
    }
    if plan.whole:
        _say(f"{name}, {scenarios} scenarios: from folder to folder")
    whole = _prepare("whole", case, folder, settings) if plan.whole else {}
    record = read_case(case)
    instruments = source.instruments if isinstance(source, Recipe) else "its own"
    return Entry(name, len(record.projects), instruments, scenarios, prepared, tuple(runs), whole, passes)


def _prepare(task: str, case: Path, folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    limit = settings.get("time_limit", 0.0) + 900.0
    return _told("prepare", task, folder, limit, [task, str(case), str(folder), json.dumps(settings)])


def _passes(folder: Path, threads: int) -> dict[str, Any]:
    return _told("passes", "passes", folder, 900.0, [str(folder), str(threads)])


def _told(module: str, task: str, folder: Path, limit_s: float, arguments: list[str]) -> dict[str, Any]:
    """Run a module of this package and read what it left, or the last words of its log."""
    log = folder / f"{task}.log"
    _, peak = watched([sys.executable, "-m", f"tests.benchmarks.{module}", *arguments], log, limit_s)
    left = folder / f"{task}.json"
    if not left.is_file():
        words = log.read_text(encoding="utf-8", errors="replace").strip().split("\n")
        return {"fault": words[-1] or "ended without a word"}
    found: dict[str, Any] = json.loads(left.read_text(encoding="utf-8"))
    return found | ({} if module == "passes" else {"peak_mib": peak})


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main(arguments: Sequence[str]) -> int:
    """Measure, print and write; 1 where contenders contradict one another."""
    plan, out = parse(arguments)
    target = out / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    target.mkdir(parents=True)
    command = f"python -m tests.benchmarks {shlex.join(arguments)}".strip()
    entries: list[Entry] = []
    for source, scenarios in product(plan.cases, plan.scenarios):
        folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
        try:
            entries.append(measure(plan, source, scenarios, folder))
            write_results(target, entries, plan.gaps, command)  # after every instance: a long run may be stopped
            sys.stdout.write(table(entries[-1:], plan.gaps))
            sys.stdout.flush()
        finally:
            _keep_logs(folder, target / f"{name_of(source)}_{scenarios}")
    sys.stdout.write(f"{target}\n")
    return 1 if any(e.contradiction > 1e-5 for e in entries) else 0


def _keep_logs(folder: Path, target: Path) -> None:
    """Keep logs and trajectories, drop instance and case."""
    (folder / "instance.pkl").unlink(missing_ok=True)
    shutil.rmtree(folder / "run", ignore_errors=True)
    shutil.move(folder, target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
