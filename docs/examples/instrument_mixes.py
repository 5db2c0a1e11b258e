"""Solve the shipped case with one instrument alone, with all but one, and with all; print a table.

Usage: python docs/examples/instrument_mixes.py [scenarios] [seconds per run]
Purchases for the stockpile are switched off, so that the instruments alone differ.
"""

import sys
from dataclasses import replace

import pandas as pd

import portfolio
from portfolio.case import Case

KINDS = ("offtake", "cfd", "loan", "equity", "guarantee", "grant")
CONTRACTS = {"cfd", "offtake"}


def with_mix(case: Case, kinds: set[str]) -> Case:
    """Return the case with some kinds of instruments alone, and the structures they can deliver."""
    instruments = tuple(i for i in case.instruments if i.kind in kinds)
    names = {i.instrument for i in instruments}
    structures = tuple(
        s
        for s in case.structures
        if (s.tranche == 0 or kinds & CONTRACTS) and (s.debt != "guaranteed" or "guarantee" in kinds)
    )
    return replace(
        case,
        instruments=instruments,
        eligibility=tuple(e for e in case.eligibility if e.instrument in names),
        structures=structures,
    )


def main() -> None:
    """Solve every mix under two budget conventions and print what each does."""
    scenarios = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 90.0
    mixes = {kind: {kind} for kind in KINDS} | {"all": set(KINDS), "all but offtake": set(KINDS) - {"offtake"}}
    rows = []
    for convention in ("provisioning", "subsidy"):
        overrides = ["policy.purchase_share=0", f"eligibility.convention={convention}"]
        case = portfolio.validate("inputs/eu_japan_ree", overrides)
        for name, kinds in mixes.items():
            run = portfolio.solve(with_mix(case, kinds), scenarios=scenarios, gap=0.005, time_limit=seconds)
            solution = run.solution
            without, with_fund = (float(run.scenarios[f"{w}_weighted"].mean()) for w in ("without", "with"))
            rows.append(
                {
                    "convention": convention,
                    "instruments": name,
                    "without": round(without),
                    "with": round(with_fund),
                    "change_percent": round(100 * (with_fund / without - 1), 1),
                    "gap_percent": round(100 * solution.gap, 1),
                    "projects": len(run.decision.chosen),
                    "charged_usd_m": round(run.portfolio["charge_usd_m"].sum()),
                    "cost_usd_m": round(run.decision.public_cost(run.assembly.instance)),
                    "supported": " ".join(sorted(p for p, _, _ in run.decision.chosen)),
                }
            )
            sys.stdout.write(pd.DataFrame(rows[-1:]).to_csv(index=False, header=len(rows) == 1))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
