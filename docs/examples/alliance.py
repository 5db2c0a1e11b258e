"""What each member gains by a joint fund, in its own interest, and the split of what it is worth to all.

Usage: python docs/examples/alliance.py [case [scenarios]]        without a case the tiny one, in seconds

The shipped case takes some minutes: python docs/examples/alliance.py inputs/eu_japan_ree 100
"""

import sys
from pathlib import Path

import portfolio

TINY = Path(__file__).resolve().parents[2] / "inputs" / "tiny"


def main() -> None:
    """Solve the coalitions of a case and print the tables that a negotiation begins with."""
    case = sys.argv[1] if len(sys.argv) > 1 else TINY
    scenarios = int(sys.argv[2]) if len(sys.argv) > 2 else None
    study = portfolio.alliance(case, scenarios=scenarios, fresh=1000, switches="none")
    members = study.tables["members"].query("interest == 'own'").drop(columns=["interest", "reliable"])
    tables = {"members": members} | {name: study.tables[name] for name in ("shapley", "core", "joining")}
    for name, table in tables.items():
        sys.stdout.write(f"{name}\n{table.to_string(index=False, na_rep='')}\n\n")
    sys.stdout.write("\n".join(study.caveats) + "\n")


if __name__ == "__main__":
    main()
