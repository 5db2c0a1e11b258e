"""What moves the answers of a case, and at which budgets its portfolio changes; prints tables.

Usage: python docs/examples/sweep.py [case folder [scenarios]]        without a case the tiny one, in seconds
"""

import sys
from pathlib import Path

import portfolio

TINY = Path(__file__).resolve().parents[2] / "inputs" / "tiny"


def main() -> None:
    """One number at a time, then budgets alone with the brackets of switching values halved."""
    case = sys.argv[1] if len(sys.argv) > 1 else TINY
    scenarios = int(sys.argv[2]) if len(sys.argv) > 2 else None
    tornado = portfolio.sweep(
        case,
        vary=["budgets.budget_usd_m*=0.8:1.2", "projects.capex_usd_m*=0.9:1.2", "materials.price_longrun*=0.8:1.25"],
        design="oat",
        outputs=["weighted"],
        scenarios=scenarios,
        fresh=100,
    )
    sys.stdout.write(
        tornado.tables["tornado"][["number", "value", "change", "change_low", "change_high", "told"]].to_string() + "\n"
    )
    budgets = portfolio.sweep(
        case, vary=["budgets.budget_usd_m*=0.5:1.5:5"], refine=3, scenarios=scenarios, fresh=0, gap=0.001
    )
    sys.stdout.write(budgets.table[["budgets.budget_usd_m*", "objective", "bound", "supported"]].to_string() + "\n")
    sys.stdout.write(budgets.tables["switches"][["low", "high", "enters", "leaves", "verdict"]].to_string() + "\n")


if __name__ == "__main__":
    main()
