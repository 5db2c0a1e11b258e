"""Why projects are in the portfolio of a run, or are not: what each is worth there, and what would have to change.

Usage: python docs/examples/explain.py [results/RUN PROJECT ...]

Without arguments the tiny case is solved, and one project that is in and one that is not are explained: some seconds.
"""

import sys
from pathlib import Path

import portfolio

TINY = Path(__file__).resolve().parents[2] / "inputs" / "tiny"


def main(given: list[str]) -> None:
    """Explain projects of a run, or of the tiny case."""
    if len(given) == 1:
        sys.exit("give a run folder and projects: python docs/examples/explain.py results/RUN PROJECT")
    run = given[0] if given else portfolio.solve(TINY, scenarios=5, gap=0.0)
    names = given[1:] or [p.project for p in portfolio.validate(TINY).projects[:2]]
    for project in names:
        study = portfolio.explain(run, project, moves=("capex", "strike"), fresh=500 if given else 50)
        said = study.figures
        sys.stdout.write(f"{project}: {said['verdict']}; worth {said['worth_low']} to {said['worth_high']}\n")
        for name in ("projects", "rules", "moves", "left_out"):
            if len(study.tables[name]):
                sys.stdout.write(f"\n{name}\n{study.tables[name].to_string()}\n")
        sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
