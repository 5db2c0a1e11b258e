"""The trade-off between strike, share, term and public money for one project.

Usage: python docs/examples/termsheet.py RUN PROJECT [survival]
"""

import sys

import portfolio


def main() -> None:
    """Print what works, and what it asks of the members."""
    run, project = sys.argv[1:3]
    survival = float(sys.argv[3]) if len(sys.argv) > 3 else 0.9
    study = portfolio.termsheet(run, project, survival=survival)
    offers = study.table[study.table["frontier"] == 1]
    columns = ["debt", "share", "term_y", "strike_usd_kg", "public_money_usd_m", "survival", "low", "high"]
    sys.stdout.write(offers[columns].to_string(index=False) + "\n\n")
    sys.stdout.write(study.tables["members"].to_string(index=False) + "\n")


if __name__ == "__main__":
    main()
