"""What a command that takes a case or a run was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from portfolio.case import Case, read_case
from portfolio.report.errors import UsageError
from portfolio.report.run import Run
from portfolio.report.saved import SavedRun, read_run


@dataclass(frozen=True)
class Subject:
    """A case, and the run it is the case of where there is one.

    Attributes
    ----------
    name : str
        Of the run, or of the case.
    case : Case
        The case, as solved where there is a run.
    run : SavedRun or None
        The run.
    path : Path or None
        The folder it was read from.
    """

    name: str
    case: Case
    run: SavedRun | None
    path: Path | None

    @staticmethod
    def of(given: str | PathLike[str] | Case | Run, overrides: Sequence[str] = ()) -> Subject:
        """Read a case folder or a run folder; records are taken as they are.

        Raises
        ------
        CaseError
            With every problem of the case.
        RunError
            If it is neither, or the run folder is incomplete, edited or of another version.
        UsageError
            If there are overrides for anything but a case folder.
        """
        if isinstance(given, Case | Run):
            if overrides:
                raise UsageError("overrides apply to the files of a case: give its folder, or change the record")
            if isinstance(given, Case):
                return Subject(given.settings.case.name, given, None, None)
            run = SavedRun.of(given)
            return Subject(run.name, run.case, run, run.path)
        folder = Path(given)
        if not (folder / "run.json").is_file() and not _looks_like_run(folder):
            case = read_case(folder, overrides)
            return Subject(case.settings.case.name, case, None, folder)
        run = read_run(folder)
        if overrides:
            raise UsageError(f"{folder} is a run, whose values are fixed: overrides go with a case")
        return Subject(run.name, run.case, run, folder)


def _looks_like_run(folder: Path) -> bool:
    """Whether it is a run folder that lost its record, so that the fault is named as such."""
    return (folder / "decision.json").is_file()
