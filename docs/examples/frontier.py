"""Budget against shortfall in the shipped case, what a million is worth to each member, the budget a target takes.

Usage: python docs/examples/frontier.py [scenarios] [part of the shortfall to be removed]
"""

import sys

import portfolio


def main() -> None:
    """Trace the frontier over all budgets and print its tables."""
    scenarios = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    target = float(sys.argv[2]) if len(sys.argv) > 2 else 0.2
    found = portfolio.frontier(
        "inputs/eu_japan_ree",
        at=(0.5, 1.0, 1.5),
        step=0.2,
        target=target,
        scenarios=scenarios,
        fresh=1000,
        time_limit=300,
    )
    columns = ["value", "budget_usd_m", "weighted", "weighted_low", "weighted_high", "reduction", "solver_gap"]
    parts = [found.table[columns], found.tables["marginal"], found.tables["target"]]
    sys.stdout.write("\n\n".join([*(part.to_string(index=False) for part in parts), *found.caveats]) + "\n")


if __name__ == "__main__":
    main()
