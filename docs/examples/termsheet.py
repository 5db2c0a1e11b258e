"""The trade-off between strike, share, term and public money for one project.

Usage: python docs/examples/termsheet.py [RUN PROJECT [survival]]

Without a run the tiny case is solved, and its mine taken. Of the shipped case:
portfolio solve inputs/eu_japan_ree --out results/mine, then python docs/examples/termsheet.py results/mine PRE_LON 0.8
"""

import sys
from pathlib import Path

import portfolio

TINY = Path(__file__).resolve().parents[2] / "inputs" / "tiny"


def main() -> None:
    """Print what works, and what it asks of the members."""
    run, project = sys.argv[1:3] if len(sys.argv) > 2 else (portfolio.solve(TINY), "MINE")
    survival = float(sys.argv[3]) if len(sys.argv) > 3 else 0.9
    study = portfolio.termsheet(run, project, survival=survival)
    offers = study.table[study.table["frontier"] == 1].sort_values("public_money_usd_m")
    columns = ["debt", "share", "term_y", "aim", "strike_usd_kg", "public_money_usd_m", "survival", "low", "high"]
    sys.stdout.write(offers[columns].to_string(index=False) + "\n\n")
    sys.stdout.write(study.tables["members"].to_string(index=False) + "\n\n")
    sys.stdout.write("\n".join(study.caveats) + "\n")


if __name__ == "__main__":
    main()
