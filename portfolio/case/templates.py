"""Starting a case, as a folder or a workbook: a copy of a shipped one, or empty templates made from the schema."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from os import PathLike
from pathlib import Path

from portfolio.case.problems import nearest
from portfolio.case.reading import read_case
from portfolio.case.schema import Column, columns
from portfolio.case.settings import SECTIONS
from portfolio.case.sheets import SETTINGS_FILE, table_file
from portfolio.case.tables import TABLES
from portfolio.case.workbook_writing import write_workbook
from portfolio.case.writing import format_setting, write_case

EMPTY = "empty"
"""Source that stands for templates without data."""

_EXAMPLES = {
    "name": '"my_case"',
    "currency_year": "2025",
    "first_year": "2027",
    "last_year": "2040",
    "windows": "[2027]",
}


def shipped_cases() -> tuple[str, ...]:
    """Return the names of the cases that come with the package."""
    home = _home()
    return tuple(sorted(item.name for item in home.iterdir() if (item / SETTINGS_FILE).is_file()))


@contextmanager
def shipped_case(name: str) -> Iterator[Path]:
    """Give the folder of a shipped case while the context lasts.

    Raises
    ------
    ValueError
        If no case of that name is shipped.
    """
    known = shipped_cases()
    if name not in known:
        close = nearest(name, (*known, EMPTY))
        hint = f"did you mean {close!r}?" if close else f"shipped are {', '.join(known)}, and {EMPTY!r}"
        raise ValueError(f"no shipped case {name!r}: {hint}")
    with as_file(_home() / name) as folder:
        yield folder


def init_case(target: str | PathLike[str], source: str = "eu_japan_ree") -> Path:
    """Start a case in a new or empty folder.

    The files are written to a temporary folder beside the target, which is renamed when whole.

    Parameters
    ----------
    target : path
        Folder to make; its parents are made too.
    source : str
        Name of a shipped case; the path of a workbook, to have it as a folder; or ``empty`` for templates: headers and
        a commented ``case.toml``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileExistsError
        If the target is a file or a folder that is not empty.
    ValueError
        If no case of that name is shipped.
    CaseError
        With every problem of the workbook.
    """
    folder = Path(target)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists and is not an empty folder: give another, or empty it")
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=parent) as made:
        draft = Path(made) / "case"
        if source == EMPTY:
            _write_templates(draft)
        elif source not in shipped_cases() and Path(source).is_file():
            write_case(read_case(source), draft)
        else:
            with shipped_case(source) as origin:
                shutil.copytree(origin, draft, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        if folder.exists():
            folder.rmdir()
        draft.rename(folder)
    return folder


def init_workbook(target: str | PathLike[str], source: str = "eu_japan_ree") -> Path:
    """Start a case as one workbook.

    Parameters
    ----------
    target : path
        File to make, ending in ``.xlsx``; its parents are made too.
    source : str
        Name of a shipped case; the path of a sound case, to have it as a workbook; or ``empty`` for templates.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileExistsError
        If the target exists.
    ValueError
        If there is no such case, or the target is no name of a workbook.
    CaseError
        With every problem of the case at that path.
    """
    if source == EMPTY:
        return write_workbook(None, target)
    if source not in shipped_cases() and Path(source).exists():
        return write_workbook(read_case(source), target)
    with shipped_case(source) as origin:
        return write_workbook(read_case(origin), target)


def _home() -> Traversable:
    """Return the folder of shipped cases: ``inputs`` of a checkout, else the copy in the installed package."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "inputs").is_dir():
        return checkout / "inputs"
    return files("portfolio") / "shipped"


def _write_templates(folder: Path) -> None:
    folder.mkdir()
    (folder / SETTINGS_FILE).write_text(_template_settings(), encoding="utf-8", newline="\n")
    for table, record in TABLES.items():
        header = ",".join(c.name for c in columns(record))
        (folder / table_file(table)).write_text(f"{header}\n", encoding="utf-8", newline="\n")


def _template_settings() -> str:
    parts = ["# Keys with a default are commented out: remove the # to change one."]
    for section, record in SECTIONS.items():
        parts.append("\n".join([f"[{section}]", *(_template_key(c) for c in columns(record))]))
    return "\n\n".join(parts) + "\n"


def _template_key(about: Column) -> str:
    note = about.meaning + (f", {about.unit}" if about.unit else "")
    if about.required:
        return f"{about.name} = {_EXAMPLES[about.name]}  # {note}"
    return f"# {about.name} = {format_setting(about, about.default)}  # {note}"
