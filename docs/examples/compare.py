"""Compare instrument mixes in the shipped case: what each reaches, which cannot be told apart, what only one can close.

Usage: python docs/examples/compare.py [scenarios] [fresh scenarios]
"""

import sys

import portfolio


def main() -> None:
    """Compare each instrument alone with all together and with price protection left out."""
    scenarios = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    fresh = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    found = portfolio.compare(
        "inputs/eu_japan_ree",
        ["all", "singles", "loan+equity+grant+guarantee"],
        overrides=["policy.purchase_share=0"],
        scenarios=scenarios,
        fresh=fresh,
        gap=0.02,
        time_limit=300,
    )
    mixes = found.tables["mixes"][["mix", "group", "reduction", "reduction_low", "reduction_high", "solver_gap"]]
    projects = found.tables["projects"]
    only = projects[projects["only_it"] == 1].groupby("mix")["project"].agg(" ".join)
    text = [mixes.to_string(index=False), only.to_string(), *found.caveats]
    sys.stdout.write("\n\n".join(text) + "\n")


if __name__ == "__main__":
    main()
