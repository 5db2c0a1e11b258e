"""What deciding now and what waiting is worth, for several numbers of clusters.

Usage: python docs/examples/wait.py [case] [scenarios]
"""

import sys

import pandas as pd

import portfolio


def main() -> None:
    """Print the values on fresh scenarios: more clusters adapt better, until they are too small."""
    case = sys.argv[1] if len(sys.argv) > 1 else "inputs/eu_japan_ree"
    scenarios = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    found = []
    for clusters in (1, 2, 4):
        study = portfolio.wait(case, clusters=clusters, scenarios=scenarios, gap=0.02, fresh=1000)
        found.append(study.tables["differences"].assign(clusters=clusters))
    columns = ["clusters", "value_of", "in_sample", "fresh", "low", "high", "clear"]
    sys.stdout.write(pd.concat(found)[columns].to_string(index=False) + "\n")


if __name__ == "__main__":
    main()
