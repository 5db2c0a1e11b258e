"""What kept pieces depend on is told the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys

from portfolio.engine.variation import Changes
from portfolio.studies.marks import hash_of

MARK = """
from portfolio.engine.variation import Changes
from portfolio.studies.marks import hash_of
print(hash_of(Changes(must=frozenset({"mine", "plant", "refinery", "smelter"}), budget={("a", 1): 2.0, ("b", 1): 3.0})))
"""


def test_the_same_whatever_the_order_of_sets() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", MARK], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_what_is_held_counts_and_order_of_mappings_does_not() -> None:
    one = Changes(budget={("a", 1): 2.0, ("b", 1): 3.0})
    assert hash_of(one) == hash_of(Changes(budget={("b", 1): 3.0, ("a", 1): 2.0}))
    assert hash_of(one) != hash_of(Changes(budget={("a", 1): 3.0, ("b", 1): 2.0}))
    assert hash_of((1, 2)) != hash_of((2, 1))
    assert hash_of(Changes(must=frozenset({"a"}))) != hash_of(Changes(never=frozenset({"a"})))
