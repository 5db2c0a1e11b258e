"""One contender in a process of its own: ``python -m tests.benchmarks.worker NAME JOB.json``."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import sys
import traceback
from pathlib import Path

from tests.benchmarks.contenders import CONTENDERS, Job, Outcome
from tests.benchmarks.trajectory import Recorder


def main(name: str, path: str) -> int:
    """Solve the pickled instance beside the job; write ``trajectory.jsonl`` and ``outcome.json`` there."""
    folder = Path(path).resolve().parent
    job = Job(**json.loads((folder / "job.json").read_text(encoding="utf-8")))
    with (folder.parent / "instance.pkl").open("rb") as file:
        instance = pickle.load(file)  # noqa: S301 - written by the parent process
    contender = CONTENDERS[name]
    if contender.ranks:
        os.chdir(folder)  # mpi-sppy writes logs where it is imported
    for module in contender.imports:
        importlib.import_module(module)
    leads = True
    if contender.ranks:
        from mpi4py import MPI

        leads = MPI.COMM_WORLD.Get_rank() == 0
        MPI.COMM_WORLD.Barrier()
    recorder = Recorder(folder / "trajectory.jsonl" if leads else Path(os.devnull))
    try:
        outcome = contender.run(instance, job, recorder)
    except Exception as fault:
        traceback.print_exc()
        outcome = Outcome(f"failed: {type(fault).__name__}: {fault}")
    if leads or outcome.status.startswith("failed"):
        found = {
            "status": outcome.status,
            "seconds": recorder.seconds,
            "phases": dict(outcome.phases),
            "size": dict(outcome.size),
        }
        (folder / "outcome.json").write_text(json.dumps(found), encoding="utf-8")
    if outcome.status.startswith("failed"):
        if contender.ranks:
            MPI.COMM_WORLD.Abort(1)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
