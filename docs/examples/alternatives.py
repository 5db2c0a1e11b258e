"""Which projects are in every nearly optimal portfolio of a run, and what could be done instead.

Usage: python docs/examples/alternatives.py results/RUN [within]
"""

import sys

import portfolio

if len(sys.argv) < 2:
    sys.exit("give a run folder: python docs/examples/alternatives.py results/RUN")
within = float(sys.argv[2]) if len(sys.argv) > 2 else 0.01
study = portfolio.alternatives(sys.argv[1], within=within, count=4, fresh=500)

for name, columns in (
    ("projects", ["project", "support", "alternatives_with", "with_at_least", "without_at_least"]),
    ("alternatives", ["alternative", "above_best", "projects_differing", "money_moved_share"]),
    ("distances", ["alternative", "other", "projects_differing", "money_moved_share"]),
):
    sys.stdout.write(f"{study.tables[name][columns].to_string()}\n\n")
