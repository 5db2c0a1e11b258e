"""The order in which a case is computed, whatever the order of the rows in its files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from portfolio.case.records import Case
from portfolio.case.schema import columns
from portfolio.case.tables import TABLES

DEBT_ORDER = ("patient", "commercial", "guaranteed")


def ordered(case: Case) -> Case:
    """Return the same case with the rows of every table sorted by their key.

    Sums, ties between equally good portfolios and the solver's path depend on order, so that results would otherwise
    depend on how somebody sorted a table. Stages keep the order of the chain; structures go from the least
    protection and debt to the most.
    """
    sorted_tables: dict[str, Any] = {}
    for table, record in TABLES.items():
        names = [c.name for c in columns(record) if c.key]
        sorted_tables[table] = tuple(
            sorted(getattr(case, table), key=lambda row, names=names: [getattr(row, n) for n in names])  # type: ignore[misc]
        )
    sorted_tables["stages"] = tuple(sorted(case.stages, key=lambda s: s.order))
    sorted_tables["structures"] = tuple(
        sorted(case.structures, key=lambda s: (s.tranche, DEBT_ORDER.index(s.debt), s.structure))
    )
    return replace(case, **sorted_tables)
