"""Projects are found by what people call them."""

from __future__ import annotations

from pathlib import Path

import pytest

from portfolio.case import read_case
from portfolio.report.errors import UsageError
from portfolio.studies.named import project_named

SHIPPED = read_case(Path(__file__).resolve().parents[3] / "inputs" / "eu_japan_ree")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ILU_ENE", "ILU_ENE"),
        ("ilu_ene", "ILU_ENE"),
        ("Eneabba refinery", "ILU_ENE"),
        ("eneabba", "ILU_ENE"),
        (" Longonjo ", "PRE_LON"),
    ],
)
def test_by_identifier_name_or_part_of_it(text: str, found: str) -> None:
    assert project_named(SHIPPED, text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ILU_ENA", "did you mean ILU_ENE \\(Eneabba refinery\\)"),
        ("Lynas", "may be any of these projects(.|\n)*LYN_HRE   Lynas heavy(.|\n)*LYN_NDPR"),
        ("xyzzy", "give one of these:\n  ARA_CAR   "),
        ("", "give one of these"),
    ],
)
def test_otherwise_says_which_there_are(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        project_named(SHIPPED, text)
