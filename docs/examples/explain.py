"""Why projects are in the portfolio of a run, or are not: what each is worth there, and what would have to change.

Usage: python docs/examples/explain.py results/RUN PROJECT [PROJECT ...]
"""

import sys

import portfolio

if len(sys.argv) < 3:
    sys.exit("give a run folder and projects: python docs/examples/explain.py results/RUN PROJECT")
for project in sys.argv[2:]:
    study = portfolio.explain(sys.argv[1], project, moves=("capex",), fresh=500)
    said = study.figures
    sys.stdout.write(f"{project}: {said['verdict']}; worth {said['worth_low']} to {said['worth_high']}\n")
    for name in ("projects", "rules", "moves", "left_out"):
        if len(study.tables[name]):
            sys.stdout.write(f"{study.tables[name].to_string()}\n\n")
