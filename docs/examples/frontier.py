"""Budget against shortfall, what a million is worth to each member, the budget a target takes.

Usage: python docs/examples/frontier.py [case [scenarios [part of the shortfall to be removed]]]

Without a case the tiny one, in seconds. The shipped case takes some minutes:
python docs/examples/frontier.py inputs/eu_japan_ree 50 0.2
"""

import sys
from pathlib import Path

import portfolio

TINY = Path(__file__).resolve().parents[2] / "inputs" / "tiny"


def main() -> None:
    """Trace the frontier over all budgets and print its tables."""
    case = sys.argv[1] if len(sys.argv) > 1 else TINY
    scenarios = int(sys.argv[2]) if len(sys.argv) > 2 else None
    target = float(sys.argv[3]) if len(sys.argv) > 3 else 0.5
    found = portfolio.frontier(
        case, at=(0.5, 1.0, 1.5), step=0.2, target=target, scenarios=scenarios, fresh=1000, time_limit=300
    )
    columns = ["value", "budget_usd_m", "weighted", "weighted_low", "weighted_high", "told_apart", "solver_gap"]
    parts = [found.table[columns], found.tables["marginal"], found.tables["target"]]
    sys.stdout.write("\n\n".join([*(part.to_string(index=False) for part in parts), *found.caveats]) + "\n")


if __name__ == "__main__":
    main()
