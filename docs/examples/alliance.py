"""What each member gains by a joint fund, and the split of the gain.

Usage: python docs/examples/alliance.py [case] [scenarios]
"""

import sys

import portfolio


def main() -> None:
    """Solve the coalitions of a case and print the tables that a negotiation begins with."""
    case = sys.argv[1] if len(sys.argv) > 1 else "inputs/eu_japan_ree"
    scenarios = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    study = portfolio.alliance(case, scenarios=scenarios, gap=0.02, fresh=1000, switches=False)
    for name in ("members", "shapley", "core", "joining"):
        sys.stdout.write(f"{name}\n{study.tables[name].to_string(index=False)}\n\n")


if __name__ == "__main__":
    main()
