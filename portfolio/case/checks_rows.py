"""Checks of values that must fit one another within a row, or within a small table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from portfolio.case.draft import Draft, Row
from portfolio.case.problems import Problem
from portfolio.case.records import matches
from portfolio.case.settings import BENCHMARKS

_ANY = ("*",)


def check_rows(draft: Draft) -> Iterator[Problem]:
    """Yield every row whose values contradict one another."""
    yield from _check_demand(draft)
    yield from _check_stages(draft)
    yield from _check_suppliers(draft)
    for table in ("hazards", "events"):
        for row in draft.rows(table):
            yield from _check_effect(row)
    yield from _check_projects(draft)
    yield from _check_outputs(draft)
    for row in draft.each("instruments", "min_share", "max_share"):
        if row.get("min_share") > row.get("max_share"):
            yield row.problem("min_share", f"above max_share, {row.get('max_share'):g}", "lower it or raise max_share")
    for row in draft.each("countries", "country"):
        if not re.fullmatch(r"[A-Z]{3}", row.get("country")):
            yield row.problem("country", "not an ISO 3166 code of three letters", "write it such as AUS or JPN")
    yield from _check_lists(draft)
    yield from _check_benchmarks(draft)


def _check_demand(draft: Draft) -> Iterator[Problem]:
    for row in draft.each("demand", "low", "base", "high"):
        low, base, high = row.get("low"), row.get("base"), row.get("high")
        if low > base:
            yield row.problem("low", f"above base, {base:g}", "order them low <= base <= high")
        if high < base:
            yield row.problem("high", f"below base, {base:g}", "order them low <= base <= high")


def _check_stages(draft: Draft) -> Iterator[Problem]:
    rows = list(draft.each("stages", "stage", "order"))
    if not rows or not draft.known("stages"):
        return
    orders = [row.get("order") for row in rows]
    wanted = list(range(1, len(rows) + 1))
    if len(rows) == len(draft.rows("stages")) and sorted(orders) != wanted:
        shown = ", ".join(str(o) for o in orders)
        remedy = f"number the {len(rows)} stages {', '.join(map(str, wanted))} along the chain"
        yield rows[0].problem("order", f"orders {shown} are not 1 to {len(rows)}, each once", remedy)
    for row in rows:
        if row.get("order") == 1 and row.get("recovery") not in (None, 1.0):
            yield row.problem("recovery", "the first stage has no stage before it to recover from", "write 1")
    held = [row for row in rows if row.get("stock")]
    for row in held[1:]:
        why = f"a stockpile at {held[0].get('stage')} already"
        yield row.problem("stock", why, "write 1 at one stage, 0 at all others")
    if not held and all(row.get("stock") is not None for row in rows):
        for row in draft.each("stocks", "opening_t"):
            if row.get("opening_t") > 0:
                why = "a stockpile, but no stage holds one"
                yield row.problem("opening_t", why, "write 1 in column stock of one stage, or remove the row")


def _first_stage(draft: Draft) -> str | None:
    first = [row.get("stage") for row in draft.each("stages", "stage", "order") if row.get("order") == 1]
    return first[0] if len(first) == 1 else None


def _check_suppliers(draft: Draft) -> Iterator[Problem]:
    first = _first_stage(draft)
    demanded = {
        (row.get("region"), row.get("stage"), row.get("material"))
        for row in draft.each("demand", "region", "stage", "material")
    }
    for row in draft.each("suppliers", "role"):
        toll = row.get("role") == "toll"
        if toll and row.get("stage") == first and first is not None:
            why = f"{first} is the first stage: there is no feed to process"
            yield row.problem("role", why, "write import, or the stage of the product")
        if row.get("share") is None:
            continue
        if toll:
            yield row.problem("share", "spare processing capacity has no share of demand", "leave it empty")
        elif draft.known("demand") and (row.get("region"), row.get("stage"), row.get("material")) not in demanded:
            why = "a share of a demand that is not in demand.csv, hence nothing"
            yield row.problem("share", why, "leave it empty to supply the capacity, or add the demand")


def _check_effect(row: Row) -> Iterator[Problem]:
    """Check a hazard or the effect of an event."""
    kind, factor = row.get("kind"), row.get("price_factor")
    name = "severity_mean" if row.home == "hazards" else "severity"
    severity = row.get(name)
    spread = row.get("severity_sd")
    if severity is not None and spread:
        widest = severity * (1 - severity)
        if spread**2 >= widest:
            why = f"no beta distribution with mean {severity:g} has it: sd^2 must be below mean (1 - mean) = {widest:g}"
            yield row.problem("severity_sd", why, f"write less than {widest**0.5:.3g}")
    if kind is None or factor is None or severity is None:
        return
    if kind == "price":
        if severity > 0:
            yield row.problem(name, "a price hazard cuts nothing", "write 0, or kind export or outage")
        if factor == 1:
            yield row.problem(
                "price_factor", "a price hazard without effect on the price", "write a factor other than 1"
            )
    elif severity == 0 and factor == 1:
        yield row.problem(
            name, "no effect on goods or price", "write a severity above 0 or a price_factor other than 1"
        )
    if kind != "export" and row.get("regions") not in (None, _ANY):
        yield row.problem("regions", f"only export hazards hit regions, and this is {kind}", "leave it empty")


def _check_projects(draft: Draft) -> Iterator[Problem]:
    have = {row.get("project") for row in draft.each("project_outputs", "project")}
    for row in draft.each("projects", "project"):
        if draft.known("project_outputs") and row.get("project") not in have:
            yield row.problem("project", "no output in project_outputs.csv", "add its outputs or remove it")
        if row.get("delay_sd_y") and row.get("delay_mean_y") == 0:
            why = "a spread, but no mean delay: delays cannot be negative"
            yield row.problem("delay_sd_y", why, "give delay_mean_y, or 0 here")


def _check_outputs(draft: Draft) -> Iterator[Problem]:
    first = _first_stage(draft)
    for row in draft.rows("project_outputs"):
        if row.get("mode") == "process" and row.get("stage") == first and first is not None:
            why = f"{first} is the first stage: there is no feed to process"
            yield row.problem("mode", why, "write captive, or the stage of the product")
        if row.get("precommitted") != 0:
            continue
        for name in ("precommitted_region", "precommitted_until"):
            if row.get(name):
                yield row.problem(
                    name, "given, but precommitted is 0 or empty", "give the share precommitted, or leave it empty"
                )


def _check_lists(draft: Draft) -> Iterator[Problem]:
    policy = draft.settings.get("policy")
    if policy is None or not policy.get("must") or not policy.get("never"):
        return
    must, never = policy.get("must"), policy.get("never")
    both = [p for p in draft.names("projects") if matches(must, p) and matches(never, p)]
    if both:
        yield policy.problem("never", f"{', '.join(both)} also in must", "remove it from one of the two lists")


def _check_benchmarks(draft: Draft) -> Iterator[Problem]:
    """Benchmarks need a region, a year of the horizon and stages in the order of the chain; each counts once."""
    section = draft.settings.get("benchmarks")
    if section is None:
        return
    if not section.get("region"):
        for key in ("require", "penalise"):
            if section.get(key):
                yield section.problem(key, "benchmarks without a region", "give benchmarks.region, or leave it empty")
        return
    lists = [section.get(key) or () for key in ("require", "penalise")]
    both = [name for name in BENCHMARKS if all(matches(named, name) for named in lists)]
    if both:
        yield section.problem("penalise", f"{', '.join(both)} also in require", "remove it from one of the two lists")
    horizon, year = draft.horizon(), section.get("year")
    if horizon and year is not None and not horizon[0] <= year <= horizon[1]:
        why = f"outside the horizon {horizon[0]}-{horizon[1]}"
        yield section.problem("year", why, "give a year of the horizon, or leave benchmarks.region empty")
    yield from _check_benchmark_stages(draft, section)


def _check_benchmark_stages(draft: Draft, section: Row) -> Iterator[Problem]:
    """Extraction comes before processing."""
    chain = [r.get("stage") for r in sorted(draft.each("stages", "stage", "order"), key=lambda r: int(r.get("order")))]
    if not draft.known("stages") or len(chain) < 2:
        return
    extraction = section.get("extraction_stage") or chain[0]
    processing = section.get("processing_stage") or chain[1]
    if extraction in chain and processing in chain and chain.index(extraction) >= chain.index(processing):
        why = f"{processing} does not come after {extraction}, the stage of extraction"
        yield section.problem("processing_stage", why, "name a later stage of the chain")
