"""Checks of keys, references and years: that the tables of a case speak of the same things."""

from __future__ import annotations

from collections.abc import Iterator

from portfolio.case.draft import Draft, Row
from portfolio.case.problems import Problem, advise
from portfolio.case.schema import Column, columns
from portfolio.case.settings import SECTIONS
from portfolio.case.sheets import key_columns, table_file
from portfolio.case.tables import TABLES


def check_tables(draft: Draft) -> Iterator[Problem]:
    """Yield every duplicate key, dangling reference and year out of place."""
    yield from _check_duplicates(draft)
    yield from _check_references(draft)
    yield from _check_horizon(draft)
    yield from _check_years(draft)


def _check_duplicates(draft: Draft) -> Iterator[Problem]:
    for table in TABLES:
        names = key_columns(table)
        seen: dict[tuple[object, ...], int | None] = {}
        for row in draft.each(table, *names):
            key = row.key()
            if key in seen:
                shown = ", ".join(str(part) for part in key)
                why = f"the same {', '.join(names)} ({shown}) as row {seen[key]}"
                yield row.problem(names[0], why, "keep one of the two rows")
            else:
                seen[key] = row.row


def _check_references(draft: Draft) -> Iterator[Problem]:
    homes = [(draft.rows(table), list(columns(record))) for table, record in TABLES.items()]
    homes += [((draft.settings[s],), list(columns(record))) for s, record in SECTIONS.items() if s in draft.settings]
    for rows, described in homes:
        for about in described:
            if about.refers == "windows":
                yield from _check_windows_of(draft, rows, about)
            elif about.refers and draft.known(about.refers):
                known = draft.names(about.refers)
                for row in rows:
                    yield from _check_names(row, about, known)


def _check_names(row: Row, about: Column, known: list[str]) -> Iterator[Problem]:
    value = row.get(about.name)
    if value is None or value == "":
        return
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if name in known or (name == "*" and about.kind == "list"):
            continue
        file = table_file(about.refers)
        missing = f"add it to {file}"
        advice = advise(name, known, missing)
        remedy = advice if advice == missing else f"{advice} Otherwise {missing}"
        yield row.problem(about.name, f"{name!r} is not in {file}", remedy)


def _check_windows_of(draft: Draft, rows: tuple[Row, ...], about: Column) -> Iterator[Problem]:
    windows = draft.windows()
    if not windows:
        return
    shown = ", ".join(str(w) for w in windows)
    for row in rows:
        value = row.get(about.name)
        if value is not None and value not in windows:
            yield row.problem(about.name, "not one of horizon.windows", f"write one of {shown}, or add the window")


def _check_horizon(draft: Draft) -> Iterator[Problem]:
    section = draft.settings.get("horizon")
    if section is None:
        return
    first, last, windows = (section.get(name) for name in ("first_year", "last_year", "windows"))
    if first is not None and last is not None and first > last:
        yield section.problem("last_year", f"before first_year, {first}", "give a last year not before the first")
    if windows is None:
        return
    if not windows:
        yield section.problem("windows", "no window", "give at least one year in which the fund may commit")
    if len(set(windows)) < len(windows):
        yield section.problem("windows", "a window twice", "give each year once")
    elif list(windows) != sorted(windows):
        yield section.problem("windows", "windows not in order of years", f"write {sorted(windows)}")
    horizon = draft.horizon()
    outside = [w for w in windows if horizon and not horizon[0] <= w <= horizon[1]]
    if outside and horizon:
        shown = ", ".join(str(w) for w in outside)
        why = f"{shown} outside the horizon {horizon[0]}-{horizon[1]}"
        yield section.problem("windows", why, "move the window into the horizon, or extend it")


def _check_years(draft: Draft) -> Iterator[Problem]:
    for row in draft.each("suppliers", "first_year", "last_year"):
        if row.get("first_year") > row.get("last_year"):
            why = f"before first_year, {row.get('first_year')}"
            yield row.problem("last_year", why, "give a last year not before the first")
    horizon = draft.horizon()
    if horizon is None:
        return
    first, last = horizon
    span = f"the horizon {first}-{last}"
    for row in draft.each("demand", "year"):
        if not first <= row.get("year") <= last:
            remedy = "give the year within the horizon; values are held before the first and after the last row"
            yield row.problem("year", f"outside {span}", remedy)
    for row in draft.each("suppliers", "last_year"):
        if row.get("last_year") < first:
            yield row.problem("last_year", f"before {span}: it never supplies", "correct the year or remove the row")
    for row in draft.each("suppliers", "first_year"):
        if row.get("first_year") > last:
            yield row.problem("first_year", f"after {span}: it never supplies", "correct the year or remove the row")
    for row in draft.each("projects", "first_production"):
        year = row.get("first_production")
        if year > last:
            remedy = "extend the horizon or remove the project"
            yield row.problem("first_production", f"after {span}: it never produces", remedy)
        elif year < 1950:
            yield row.problem(
                "first_production", "before 1950 cannot be", "write the first year in which it could produce"
            )
