"""Work around the search, in a process of its own: build an instance, or solve a case from folder to folder.

``python -m tests.benchmarks.prepare build|whole CASE FOLDER SETTINGS`` with settings as JSON.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from portfolio import api
from portfolio.assemble import assemble
from portfolio.case import read_case
from portfolio.case.ordering import ordered
from portfolio.scenarios.sampling import sample


def build(case: Path, folder: Path, scenarios: int) -> dict[str, Any]:
    """Pickle the instance of a case; seconds to read, sample and assemble, and how large it is."""
    marks = [time.perf_counter()]
    record = ordered(read_case(case))
    marks.append(time.perf_counter())
    settings = record.settings.sampling
    drivers = sample(record, scenarios, settings.seed)
    costs = sample(record, settings.cost_scenarios, settings.cost_seed)
    marks.append(time.perf_counter())
    instance = assemble(record, drivers, costs).instance
    marks.append(time.perf_counter())
    with (folder / "instance.pkl").open("wb") as file:
        pickle.dump(instance, file, protocol=5)
    names = ("read", "sample", "assemble")
    size = {"options": len(instance.options), "shares": len(instance.shares), "scenarios": instance.scenarios.size}
    return {"phases": dict(zip(names, _spans(marks), strict=True)), "size": size}


def whole(case: Path, folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Solve a case from its folder to a run folder; seconds by phase, writing included, and the gap."""
    begin = time.perf_counter()
    writing: list[float] = []

    def listen(step: api.Step) -> None:
        if step.phase == "writing":
            writing.append(time.perf_counter())

    run = api.solve(case, method="benders", out=folder / "run", progress=listen, **settings)
    end = time.perf_counter()
    phases = dict(run.seconds) | {"writing": end - writing[0], "in all": end - begin}
    return {"phases": phases, "size": dict(run.solution.size), "gap": run.solution.gap}


def _spans(marks: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(marks)]


def main(task: str, case: str, folder: str, settings: str) -> None:
    """Do a task and leave ``TASK.json`` in the folder."""
    given, target = json.loads(settings), Path(folder)
    found = build(Path(case), target, **given) if task == "build" else whole(Path(case), target, given)
    (target / f"{task}.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
