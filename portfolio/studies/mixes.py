"""Instrument mixes: which instruments a fund may use, and on what terms."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import Any

from portfolio.assemble import Assembly
from portfolio.assemble.affordable import least_charges
from portfolio.assemble.options import choices
from portfolio.case.records import Case
from portfolio.engine.variation import Changes
from portfolio.report.errors import UsageError

SETS = ("singles", "pairs")
"""Names that stand for several mixes: every kind alone, every two kinds."""
WHOLE = "all"
"""Name of the mix of all instruments."""
TERM_TABLES = ("structures", "instruments", "eligibility", "members", "budgets")
"""Tables that a mix may have terms of its own in: what the fund offers. The world without the fund has none of them."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_TERM = re.compile(r"\s*([\w-]+)\s*\.")


@dataclass(frozen=True)
class Mix:
    """Some instruments of a case, and values in place of those of its files.

    Attributes
    ----------
    name : str
    instruments : tuple of str
        Names of instruments, in the order of the case.
    terms : tuple of str
        Overrides in the form of ``--set``.
    """

    name: str
    instruments: tuple[str, ...]
    terms: tuple[str, ...] = ()

    def within(self, other: Mix) -> bool:
        """Whether all that this mix allows the other one allows too."""
        return self.terms == other.terms and set(self.instruments) <= set(other.instruments)

    def changes(self, case: Case) -> Changes:
        """What takes the other instruments away: their most share (2) is 0."""
        bounds = {i.instrument: (i.min_share, i.max_share) for i in case.instruments}
        without = {name: limits if name in self.instruments else (limits[0], 0.0) for name, limits in bounds.items()}
        return Changes() if without == bounds else Changes(share_bounds=without)


def mixes_of(case: Case, given: Sequence[str], file: str | PathLike[str] | None = None) -> tuple[Mix, ...]:
    """Return the mixes named and those of a file, each once; every kind alone and all together where there are none.

    Parameters
    ----------
    case : Case
        Whose instruments they are made of.
    given : sequence of str
        ``cfd``, ``offtake+loan`` (kinds or names of instruments), ``all``, or a set of mixes: ``singles``, ``pairs``.
    file : path, optional
        TOML file with a table for each mix: ``instruments`` (kinds or names; all where left out) and ``set``.

    Raises
    ------
    UsageError
        Where a name is unknown, or the file cannot be used.
    """
    named = list(given) or ([] if file is not None else [*SETS[:1], WHOLE])
    found: dict[str, Mix] = {}
    for mix in (*(m for name in named for m in _named(case, name)), *(_in_file(case, file) if file else ())):
        known = found.setdefault(mix.name, mix)
        if known != mix:
            raise UsageError(f"two different mixes are called {mix.name}; give one of them another name")
    if len(found) < 2:
        raise UsageError("compare needs at least two mixes: name more with --mix, or use --mix singles")
    return tuple(found.values())


def _named(case: Case, text: str) -> Iterator[Mix]:
    kinds = tuple(dict.fromkeys(i.kind for i in case.instruments))
    if text == WHOLE:
        yield Mix(WHOLE, tuple(i.instrument for i in case.instruments))
    elif text in SETS:
        for together in combinations(kinds, 1 if text == "singles" else 2):
            yield Mix("+".join(together), _instruments(case, together, text))
    else:
        parts = [part.strip() for part in text.split("+")]
        yield Mix("+".join(parts), _instruments(case, parts, f"mix {text!r}"))


def _instruments(case: Case, parts: Sequence[str], where: str) -> tuple[str, ...]:
    """Instruments of some kinds or names."""
    known = {i.kind for i in case.instruments} | {i.instrument for i in case.instruments}
    for part in parts:
        if part not in known:
            raise UsageError(f"{where}: the case has no instrument {part!r}; it has {', '.join(sorted(known))}")
    return tuple(i.instrument for i in case.instruments if i.instrument in parts or i.kind in parts)


def _in_file(case: Case, file: str | PathLike[str]) -> Iterator[Mix]:
    try:
        parsed = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise UsageError(f"{file} cannot be read: {fault}") from fault
    for name, content in parsed.items():
        yield _from_table(case, name, content, f"{file}: {name}")


def _from_table(case: Case, name: str, content: Any, where: str) -> Mix:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{where}: a name of a mix has letters, digits, and _ . + - after the first")
    if not isinstance(content, dict) or not set(content) <= {"instruments", "set"}:
        raise UsageError(f'{where}: write [{name}] with instruments = ["loan", ...] and set = ["table.column=value"]')
    for key, value in content.items():
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UsageError(f"{where}: {key} is a list of words in quotes")
    for term in content.get("set", []):
        home = _TERM.match(term)
        if home is None or home[1] not in TERM_TABLES:
            raise UsageError(
                f"{where}: {term!r} is none of the fund's terms ({', '.join(TERM_TABLES)}): mixes are compared in one "
                "world; for another one use --set, which holds for all mixes"
            )
    parts = content.get("instruments", [i.instrument for i in case.instruments])
    if not parts:
        raise UsageError(f"{where}: a mix needs an instrument")
    return Mix(name, _instruments(case, parts, where), tuple(content.get("set", [])))


def with_mix(case: Case, instruments: Sequence[str]) -> Case:
    """Return the case with some instruments alone."""
    return replace(
        case,
        instruments=tuple(i for i in case.instruments if i.instrument in instruments),
        eligibility=tuple(e for e in case.eligibility if e.instrument in instruments),
    )


def closable(assembly: Assembly, mix: Mix) -> dict[str, str]:
    """Say for every project why no way to finance it is open to a mix; "" where one is.

    A way is open where shares of the mix meet (2) to (5), and the budgets, lines and concentration rules let it through
    were nothing else supported. Feed (4c) and what else is supported are left aside.
    """
    case = assembly.case
    instance = mix.changes(case).of(assembly.instance)
    had = {p for (p, _, _), charge in least_charges(instance).items() if charge < float("inf")}
    _, without = choices(with_mix(case, mix.instruments), assembly.price)
    why: dict[str, dict[str, None]] = {p: {} for p in case.project_names}
    for item in (*without, *assembly.left_out):
        why[item.project].setdefault(item.why)
    limits = "what is left exceeds budgets, liquidity lines or caps, or its shares do not fill the gap"
    return {p: "" if p in had else "; ".join(why[p]) or limits for p in case.project_names}
