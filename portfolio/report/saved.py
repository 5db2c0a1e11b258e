"""Reading a run back: the case as solved, the portfolio, and what the run says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from models import Decision
from portfolio import __version__
from portfolio.case import Case, CaseError, read_case
from portfolio.report.decision_file import FILE, parse_decision
from portfolio.report.errors import RunError
from portfolio.report.run import Run, sha256

AGAIN = "solve the case again"


@dataclass(frozen=True)
class SavedRun:
    """What later work needs of a run.

    Attributes
    ----------
    name : str
        Name of the run folder, or of the case where nothing was written.
    case : Case
        The case as solved, overrides and sample included.
    decision : Decision
        The portfolio.
    objective, bound : float
        Objective on the run's own scenarios, and the bound proven on every portfolio there.
    weighted : mapping
        Mean weighted shortfall on them, ``without`` and ``with`` the fund.
    missed : mapping
        Penalties for benchmarks missed in the objective (8a), by world like ``weighted``.
    path : Path or None
        The run folder, None where nothing was written.
    """

    name: str
    case: Case
    decision: Decision
    objective: float
    bound: float
    weighted: Mapping[str, float]
    missed: Mapping[str, float]
    path: Path | None = None

    @staticmethod
    def given(run: str | PathLike[str] | Run) -> SavedRun:
        """Read a run folder, or take a run in memory; see :func:`read_run` for what is raised."""
        return SavedRun.of(run) if isinstance(run, Run) else read_run(Path(run))

    @staticmethod
    def of(run: Run) -> SavedRun:
        """Take it from a run in memory."""
        said = run.headline["shortfall"]
        return SavedRun(
            name=run.case.settings.case.name if run.path is None else run.path.name,
            case=run.case,
            decision=run.decision,
            objective=float(run.solution.objective),
            bound=float(run.solution.bound),
            weighted={world: float(said[world]["weighted"]) for world in ("without", "with")},
            missed=dict(run.headline["benchmark_penalty"]),
            path=run.path,
        )


def read_run(folder: Path, *, any_version: bool = False) -> SavedRun:
    """Read a run folder; with ``any_version`` one that another version made, to look at and not to compute with.

    Raises
    ------
    RunError
        Where it is no run folder, or incomplete, edited, or of another version; the message says what to do.
    """
    record = _record(folder)
    if not any_version:
        _check_version(folder, record)
    said = _said(folder, record)
    _check_hashes(folder, Path(), {FILE: said.files.get(FILE)})
    _check_hashes(folder, Path("inputs"), said.inputs)
    _check_nothing_added(folder, said.inputs)
    try:
        case = read_case(folder / "inputs")
    except CaseError as fault:
        raise RunError(f"{folder / 'inputs'} is no sound case; {AGAIN}\n{fault}") from fault
    sampling = case.settings.sampling
    if (said.seed, said.scenarios) != (sampling.seed, sampling.scenarios):
        raise RunError(f"{folder / 'run.json'} and inputs/case.toml name different samples: one was edited; {AGAIN}")
    decision = parse_decision(_json(folder / FILE), case, str(folder / FILE))
    return SavedRun(
        folder.resolve().name, case, decision, said.objective, said.bound, said.weighted, said.missed, folder
    )


@dataclass(frozen=True)
class _Said:
    """What ``run.json`` says, as far as it is needed."""

    seed: int
    scenarios: int
    objective: float
    bound: float
    weighted: Mapping[str, float]
    missed: Mapping[str, float]
    files: Mapping[str, Any]
    inputs: Mapping[str, Any]


def _record(folder: Path) -> dict[str, Any]:
    """Content of ``run.json``."""
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder: give a run folder, such as one in results/")
    if not (folder / "run.json").is_file():
        if (folder / "case.toml").is_file():
            raise RunError(f"{folder} is a case, not a run: solve it first, and give the run folder that this makes")
        raise RunError(f"{folder} is not a run folder: it holds no run.json")
    record = _json(folder / "run.json")
    if not isinstance(record, dict):
        raise RunError(f"{folder / 'run.json'} is not the record of a run; {AGAIN}")
    return record


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise RunError(f"{path} cannot be read ({fault}); {AGAIN}") from fault


def _check_version(folder: Path, record: dict[str, Any]) -> None:
    """Refuse a run of another version, whose figures this one may not give."""
    versions = record.get("versions")
    made = versions.get("portfolio") if isinstance(versions, dict) else None
    if made != __version__:
        raise RunError(f"{folder} was made by version {made or 'unknown'}, this is {__version__}; {AGAIN}")


def _said(folder: Path, record: dict[str, Any]) -> _Said:
    try:
        said = record["headline"]["shortfall"]
        found = _Said(
            seed=int(record["seed"]),
            scenarios=int(record["scenarios"]),
            objective=float(record["objective"]),
            bound=float(record["bound"]),
            weighted={world: float(said[world]["weighted"]) for world in ("without", "with")},
            missed={world: float(record["headline"]["benchmark_penalty"][world]) for world in ("without", "with")},
            files=dict(record["files"]),
            inputs=dict(record["inputs"]["written"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as fault:
        raise RunError(
            f"{folder / 'run.json'} lacks what a run says of itself ({type(fault).__name__}: {fault}); {AGAIN}"
        ) from fault
    if not found.inputs or FILE not in found.files:
        raise RunError(f"{folder / 'run.json'} lacks the hashes of its files; {AGAIN}")
    return found


def _check_hashes(folder: Path, within: Path, expected: Mapping[str, Any]) -> None:
    """Refuse files that are missing or not those the run wrote."""
    for name, wanted in expected.items():
        path = folder / within / Path(name).name
        try:
            found = sha256(path)
        except FileNotFoundError:
            raise RunError(f"{path} is missing: the run folder is incomplete; {AGAIN}") from None
        except OSError as fault:
            raise RunError(f"{path} cannot be read ({fault}); {AGAIN}") from fault
        if found != wanted:
            raise RunError(
                f"{path} was changed after the run was written, so the run is not of it; {AGAIN} with what you changed"
            )


def _check_nothing_added(folder: Path, written: Mapping[str, Any]) -> None:
    """Refuse tables that the run did not write: they would change its case."""
    added = sorted({p.name for p in (folder / "inputs").iterdir()} - set(written))
    if added:
        raise RunError(f"{folder / 'inputs'} holds {', '.join(added)}, which the run did not write; move that away")
