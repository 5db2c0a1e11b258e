"""The case format: schema, reading, validation, typed records."""

from portfolio.case.problems import CaseError, Problem
from portfolio.case.reading import read_case
from portfolio.case.records import Case
from portfolio.case.templates import init_case, init_workbook, shipped_case, shipped_cases
from portfolio.case.writing import case_hashes, write_case

__all__ = [
    "Case",
    "CaseError",
    "Problem",
    "case_hashes",
    "init_case",
    "init_workbook",
    "read_case",
    "shipped_case",
    "shipped_cases",
    "write_case",
]
