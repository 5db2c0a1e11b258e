"""Everything that must hold in a case beyond the kind and bounds of each value."""

from __future__ import annotations

from portfolio.case.checks_case import check_case
from portfolio.case.checks_rows import check_rows
from portfolio.case.checks_tables import check_tables
from portfolio.case.draft import Draft
from portfolio.case.plausibility import check_units
from portfolio.case.problems import Problem


def validate(draft: Draft) -> list[Problem]:
    """Return every problem of a draft; a check whose data could not be read is left out."""
    return [*check_tables(draft), *check_units(draft), *check_rows(draft), *check_case(draft)]
