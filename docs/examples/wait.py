"""What deciding now and what waiting is worth, for several numbers of clusters.

Usage: python docs/examples/wait.py [case [scenarios]]

Without a case the tiny one with a second window and uncertain embargoes and delays, in seconds. The shipped case takes
some minutes for each number of clusters: python docs/examples/wait.py inputs/eu_japan_ree 100
"""

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

import portfolio
from portfolio.case import read_case
from portfolio.case.records import Case

TINY = Path(__file__).resolve().parents[2] / "inputs" / "tiny"


def two_windows() -> Case:
    """The tiny case with half of its money a year later, and something to be seen until then."""
    case = read_case(TINY, ["hazards.rate=0.4", "projects.delay_mean_y=1.0", "projects.delay_sd_y=1.0"])
    now = [replace(b, budget_usd_m=0.5 * b.budget_usd_m) for b in case.budgets]
    horizon = replace(case.settings.horizon, windows=(2027, 2028))
    settings = replace(case.settings, horizon=horizon)
    return replace(case, settings=settings, budgets=(*now, *(replace(b, window=2028) for b in now)))


def main() -> None:
    """Print what fresh scenarios say: more clusters adapt better, until they are too small."""
    case = sys.argv[1] if len(sys.argv) > 1 else two_windows()
    scenarios = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    found = []
    for clusters in (1, 2, 4):
        study = portfolio.wait(case, clusters=clusters, scenarios=scenarios, fresh=1000)
        found.append(study.tables["differences"].assign(clusters=clusters))
    columns = ["clusters", "value_of", "fresh", "low", "high", "fresh_sign", "in_sample", "sample_sign"]
    sys.stdout.write(pd.concat(found)[columns].to_string(index=False) + "\n")


if __name__ == "__main__":
    main()
