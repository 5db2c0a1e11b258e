"""Which projects are in every nearly optimal portfolio of a run, and what could be done instead.

Usage: python docs/examples/alternatives.py [results/RUN [within]]

Without arguments the tiny case is solved: some seconds. Its other projects are 43 % worse, hence the wide slack there.
"""

import sys
from pathlib import Path

import portfolio

TINY = Path(__file__).resolve().parents[2] / "inputs" / "tiny"


def main(given: list[str]) -> None:
    """Look for alternatives to the portfolio of a run, or of the tiny case."""
    run = given[0] if given else portfolio.solve(TINY, scenarios=5, gap=0.0)
    within = float(given[1]) if len(given) > 1 else 0.01 if given else 0.45
    for differ in ("projects", "money"):
        study = portfolio.alternatives(run, within=within, count=4, differ=differ, fresh=500 if given else 50)
        sys.stdout.write(f"Portfolios that differ in {differ}, within {within:.3g} of the best\n\n")
        for name, columns in (
            ("projects", ["project", "support", "alternatives_with", "with_at_least", "without_at_least"]),
            ("alternatives", ["alternative", "above_best", "reuse", "projects_differing", "money_moved_share"]),
            ("distances", ["alternative", "other", "projects_differing", "money_moved_share"]),
        ):
            sys.stdout.write(f"{study.tables[name][columns].to_string()}\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
