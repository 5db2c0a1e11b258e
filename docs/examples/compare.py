"""Compare instrument mixes: what each reaches, which cannot be told apart, what none can close without one of them.

Usage: python docs/examples/compare.py [case [scenarios]]        without a case the tiny one, in seconds

The shipped case takes some minutes: python docs/examples/compare.py inputs/eu_japan_ree 50
"""

import sys
from pathlib import Path

import portfolio

TINY = Path(__file__).resolve().parents[2] / "inputs" / "tiny"


def main() -> None:
    """Compare each instrument alone, and all together; stockpiles are left out."""
    case = sys.argv[1] if len(sys.argv) > 1 else TINY
    scenarios = int(sys.argv[2]) if len(sys.argv) > 2 else None
    found = portfolio.compare(
        case, ["all", "singles"], overrides=["policy.purchase_share=0"], scenarios=scenarios, fresh=1000, time_limit=300
    )
    mixes = found.tables["mixes"][["mix", "group", "reduction", "reduction_low", "reduction_high", "solver_gap"]]
    projects = found.tables["projects"]
    only = projects[projects["only_it"] == 1].groupby("mix")["project"].agg(" ".join)
    needs = "Closed by no mix without it: " + ("; ".join(f"{m}: {p}" for m, p in only.items()) or "nothing")
    sys.stdout.write("\n\n".join([mixes.to_string(index=False), needs, *found.caveats]) + "\n")


if __name__ == "__main__":
    main()
