"""Checks of a case as a whole: that demand can be reached, money is there and instruments can be used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from portfolio.case.draft import Draft, Row
from portfolio.case.problems import Problem
from portfolio.case.records import matches

_TOLERANCE = 1e-9
_PRICE_KINDS = ("cfd", "offtake")

Good = tuple[str, str, str]
"""Region, stage and material."""


def check_case(draft: Draft) -> Iterator[Problem]:
    """Yield what the tables of a case lack together."""
    yield from _check_demanded(draft)
    yield from _check_reach(draft)
    yield from _check_access(draft)
    yield from _check_shares(draft)
    yield from _check_budgets(draft)
    yield from _check_use(draft)
    yield from _check_structures(draft)


def _check_demanded(draft: Draft) -> Iterator[Problem]:
    """Materials and regions without demand have no place in a case."""
    if not draft.known("demand"):
        return
    for table, name in (("materials", "material"), ("regions", "region")):
        wanted = {row.get(name) for row in draft.each("demand", name, "high") if row.get("high") > 0}
        unread = {row.get(name) for row in draft.each("demand", name) if row.get("high") is None}
        for row in draft.each(table, name):
            if row.get(name) not in wanted | unread:
                what = "nobody demands it" if table == "materials" else "it demands nothing"
                yield row.problem(name, f"{what} in demand.csv", "add its demand or remove it")


def _check_reach(draft: Draft) -> Iterator[Problem]:
    if not draft.known("regions", "materials", "stages", "suppliers", "project_outputs"):
        return
    reached = _reached(draft)
    reported = set()
    for row in draft.each("demand", "region", "stage", "material", "base"):
        good: Good = (row.get("region"), row.get("stage"), row.get("material"))
        known = row.get("stage") in draft.names("stages")
        if not known or row.get("base") <= 0 or good in reached or good in reported:
            continue
        reported.add(good)
        why = (
            f"nothing can reach the demand of {good[0]} for {good[2]} at {good[1]}: no import, no captive output, "
            "no processing with feed"
        )
        yield row.problem("stage", why, "add a supplier or a project output there, or feed for its processors")


def _reached(draft: Draft) -> set[Good]:
    """Return the goods that imports, captive output, or processing with feed can supply."""
    imports: set[Good] = set()
    tolls: set[Good] = set()
    for row in draft.each("suppliers", "region", "stage", "material"):
        if row.get("capacity_tpy") == 0 or row.get("share") == 0:
            continue
        good = (row.get("region"), row.get("stage"), row.get("material"))
        (tolls if row.get("role") == "toll" else imports).add(good)
    made = {
        mode: {
            (row.get("stage"), row.get("material"))
            for row in draft.each("project_outputs", "stage", "material")
            if row.get("mode") == mode
        }
        for mode in ("captive", "process")
    }
    rows = sorted(draft.each("stages", "stage", "order"), key=lambda row: row.get("order"))
    reached: set[Good] = set()
    before = None
    for stage in (row.get("stage") for row in rows):
        for region in draft.names("regions"):
            for material in draft.names("materials"):
                good = (region, stage, material)
                fed = before is not None and (region, before, material) in reached
                direct = good in imports or (stage, material) in made["captive"]
                if direct or (fed and (good in tolls or (stage, material) in made["process"])):
                    reached.add(good)
        before = stage
    return reached


def _check_access(draft: Draft) -> Iterator[Problem]:
    rows = list(draft.each("regions", "region", "market_access"))
    total = sum(row.get("market_access") for row in rows)
    if total > 1 + _TOLERANCE:
        why = f"the regions together have access to {total:g} of open-market output"
        yield rows[-1].problem("market_access", why, "lower the shares to 1 or less in sum")
    count = len(draft.names("regions"))
    for row in draft.each("countries", "market_access"):
        if row.get("market_access") * count > 1 + _TOLERANCE:
            why = f"{count} regions with that access each have {row.get('market_access') * count:g} in sum"
            yield row.problem("market_access", why, f"write at most {1 / count:.4g}")


def _check_shares(draft: Draft) -> Iterator[Problem]:
    horizon = draft.horizon()
    groups: defaultdict[Good, list[Row]] = defaultdict(list)
    for row in draft.each("suppliers", "region", "stage", "material", "share"):
        if row.get("role") == "import":
            groups[row.get("region"), row.get("stage"), row.get("material")].append(row)
    for good, rows in groups.items():
        # The sum can only rise in a year in which a supplier starts.
        starts = {_first(row) for row in rows}
        if horizon:
            starts = {max(start, horizon[0]) for start in starts}
        totals = {start: sum(row.get("share") for row in rows if _supplies(row, start)) for start in starts}
        year = max(totals, key=lambda start: (totals[start], -start))
        if totals[year] > 1 + _TOLERANCE:
            when = f" in {year}" if year > 0 else ""
            why = f"import shares of {', '.join(good)} sum to {totals[year]:g}{when}"
            yield rows[-1].problem("share", why, "lower the shares to 1 or less in sum")


def _first(row: Row) -> int:
    return int(row.get("first_year") or 0)


def _supplies(row: Row, year: int) -> bool:
    last = row.get("last_year")
    return _first(row) <= year and (last is None or year <= last)


def _check_budgets(draft: Draft) -> Iterator[Problem]:
    if not draft.known("members", "budgets"):
        return
    given = {row.key() for row in draft.rows("budgets")}
    horizon = draft.horizon()
    windows = [w for w in draft.windows() if horizon is None or horizon[0] <= w <= horizon[1]]
    for row in draft.each("members", "member"):
        member = row.get("member")
        missing = [str(w) for w in windows if (member, w) not in given]
        if missing:
            why = f"no budget for {', '.join(missing)}"
            yield row.problem("member", why, "add the row to budgets.csv, with 0 where there is no money")


def _hosts(draft: Draft) -> dict[str, tuple[str | None, set[str]]]:
    """Return country (None where it could not be read) and materials of every project."""
    materials: defaultdict[str, set[str]] = defaultdict(set)
    for row in draft.each("project_outputs", "project", "material"):
        materials[row.get("project")].add(row.get("material"))
    return {
        row.get("project"): (row.get("country"), materials[row.get("project")])
        for row in draft.each("projects", "project")
    }


def _usable(draft: Draft, row: Row) -> bool:
    """Whether an eligibility row lets its member use its instrument in some project."""
    instruments = {item.get("instrument"): item for item in draft.each("instruments", "instrument")}
    instrument = instruments.get(row.get("instrument"))
    countries = row.get("countries")
    if instrument is None or countries is None or instrument.get("materials") is None:
        return True  # a problem of its own, reported elsewhere
    if row.get("max_share") == 0 or instrument.get("max_share") == 0:
        return False
    served = instrument.get("materials")
    known = set(draft.names("countries"))
    return any(
        (country is None or country not in known or matches(countries, country))
        and all(matches(served, material) for material in materials)
        for country, materials in _hosts(draft).values()
    )


def _check_use(draft: Draft) -> Iterator[Problem]:
    """Instruments nobody may use, and members that may use nothing."""
    if not draft.known("eligibility", "projects", "project_outputs", "instruments", "members"):
        return
    rows = list(draft.each("eligibility", "member", "instrument"))
    usable = [row for row in rows if _usable(draft, row)]
    for table, name, alone in (
        ("instruments", "instrument", "no member may use it"),
        ("members", "member", "it may use no instrument"),
    ):
        for row in draft.each(table, name):
            if row.get(name) in {item.get(name) for item in usable}:
                continue
            listed = row.get(name) in {item.get(name) for item in rows}
            why = f"{alone} in any project: countries, materials or shares exclude all" if listed else alone
            yield row.problem(name, why, f"add or widen a row in eligibility.csv, or remove the {name}")


def _check_structures(draft: Draft) -> Iterator[Problem]:
    """Structures that no eligible instrument can deliver."""
    if not draft.known("eligibility", "instruments", "projects", "project_outputs"):
        return
    kinds = {row.get("instrument"): row.get("kind") for row in draft.each("instruments", "instrument", "kind")}
    if len(kinds) < len(draft.rows("instruments")):
        return
    protect = _most_protected(draft, kinds)
    guaranteed = any(
        kinds.get(row.get("instrument")) == "guarantee" and _usable(draft, row) for row in draft.rows("eligibility")
    )
    for row in draft.each("structures", "structure", "tranche", "debt"):
        tranche = row.get("tranche")
        if tranche > protect + _TOLERANCE:
            why = (
                "no member may use a cfd or an offtake"
                if protect == 0
                else f"cfd and offtake reach {protect:g} at most"
            )
            yield row.problem("tranche", why, "make one eligible or raise its max_share, or lower the tranche")
        if row.get("debt") == "guaranteed" and not guaranteed:
            why = "guaranteed debt, but no member may use a guarantee"
            yield row.problem("debt", why, "make a guarantee eligible, or write patient or commercial")


def _most_protected(draft: Draft, kinds: dict[str, str]) -> float:
    """Return the largest share of output that price contracts of all members together can cover."""
    total = 0.0
    for instrument in draft.each("instruments", "instrument", "max_share"):
        name = instrument.get("instrument")
        if kinds[name] not in _PRICE_KINDS:
            continue
        members = sum(
            1.0 if row.get("max_share") is None else row.get("max_share")
            for row in draft.each("eligibility", "member")
            if row.get("instrument") == name and _usable(draft, row)
        )
        total += min(instrument.get("max_share"), members)
    return total
