"""What the columns of result tables mean, and their units: what a workbook of results says at its headers."""

from __future__ import annotations

from dataclasses import dataclass, replace

TITLES = {
    "portfolio": "Every commitment: who funds what, with which instrument, how much, when",
    "projects": "What support changes for each project",
    "ledger": "Cash flows and charges, simulated contract by contract (receipts positive)",
    "shortfall": "Demand not met, by region, material and year",
    "supply": "Who supplies what",
    "balance": "Supply and need of every stage, over the scenarios",
    "benchmarks": "Domestic capacity and dependence beside their targets",
    "figures": "Figures on fresh scenarios, beside what the run claims",
    "by_region": "Shortfall by region, with intervals",
    "by_material": "Shortfall by material, with intervals",
    "by_stage": "Shortfall by stage, with intervals",
    "by_region_material": "Shortfall by region and material, with intervals",
    "by_region_material_year": "Shortfall by region, material and year, with intervals",
    "alone": "Every stress and start year, nothing else happening",
    "on_top": "Events added to every scenario of a sample",
    "places": "Where and when stresses leave demand unmet",
    "suppliers": "Largest third-country supplier by region, stage and material",
    "looks": "Gap to the best portfolio, by size of batch",
    "batches": "Fresh samples solved",
    "measures": "What stochastics are worth",
    "inputs": "Inputs in which the runs differ",
    "decisions": "Commitments of each run, side by side",
    "changes": "What is in one portfolio and not, or not so, in the other",
    "shortfalls": "Shortfall of each run",
    "costs": "Charges of each run under every budget convention",
}
"""Titles of the tables that are known, by the name of the CSV file."""


@dataclass(frozen=True)
class About:
    """Unit of a column and what it means; ``text`` where its values are names, whatever they look like."""

    unit: str = ""
    meaning: str = ""
    text: bool = False


def _name(meaning: str) -> About:
    return About("", meaning, text=True)


_COLUMNS = {
    "project": _name("Short name of the project"),
    "name": _name("Full name"),
    "country": _name("ISO code of the country"),
    "structure": _name("Financing structure: price protection and private debt"),
    "instrument": _name("Instrument of the commitment"),
    "kind": _name("Kind"),
    "member": _name("Public fund that commits"),
    "material": _name("Material"),
    "region": _name("Region of demand"),
    "stage": _name("Stage of the chain: the product form"),
    "source": _name("Supplier or project; all: sum of all"),
    "world": _name("Without the fund, with it, or the difference"),
    "line": _name("Line of the ledger"),
    "convention": _name("Budget convention of a charge; cash flows carry cash"),
    "benchmark": _name("Benchmark"),
    "figure": _name("What is measured"),
    "measure": _name("What is measured"),
    "sample": _name("Sample it is measured on"),
    "unit": _name("Unit of the figures in the row"),
    "method": _name("How it was found"),
    "note": _name("Why an interval is not to be relied on; empty where it is"),
    "stress": _name("Event or lost supplier"),
    "mode": _name("Alone, or on top of a sample"),
    "short_stage": _name("Stage that is short most"),
    "status": _name("How the search ended"),
    "run": _name("Run"),
    "window": About("year", "Year of the commitment"),
    "year": About("year", "Year"),
    "start_year": About("year", "Year in which it begins"),
    "advice": About("0 or 1", "1: to commit in the first window; 0: only a plan"),
    "share": About("fraction", "Share of uses for money kinds, of output for contracts"),
    "usd_m": About("USD M", "Money committed, or covered by guarantees"),
    "tpy": About("t/y", "Contracted output of the largest material; tonnes bought for the stockpile"),
    "charge_usd_m": About("USD M", "Charge to the member's budget"),
    "cost_usd_m": About("USD M", "Expected public cost, present value, at least 0"),
    "uses_usd_m": About("USD M", "All that has to be financed"),
    "support_usd_m": About("USD M", "Public money that closes the gap"),
    "private_debt_usd_m": About("USD M", "Private debt"),
    "closes_without": About("fraction", "Probability that it is ever built, without the fund"),
    "closes_with": About("fraction", "Probability that it is ever built, with the fund"),
    "runs_without": About("fraction", "Share of years from its planned start in which it runs, without the fund"),
    "runs_with": About("fraction", "Share of years from its planned start in which it runs, with the fund"),
    "output_without": About("fraction", "Mean output over nameplate in those years, without the fund"),
    "output_with": About("fraction", "Mean output over nameplate in those years, with the fund"),
    "simulated_usd_m": About("USD M", "As simulated contract by contract, real, undiscounted"),
    "linear_usd_m": About("USD M", "As the optimisation counts it"),
    "difference_usd_m": About("USD M", "Simulated less linear"),
    "need_t": About("t/y", "Mean need: demand, and feed of what is processed at the next stage"),
    "demand_t": About("t/y", "Mean demand, contained oxide"),
    "consumption_t": About("t/y", "Mean consumption, contained oxide"),
    "mean_t": About("t/y", "Mean, contained oxide"),
    "p05_t": About("t/y", "5 % quantile"),
    "p50_t": About("t/y", "Median"),
    "p95_t": About("t/y", "95 % quantile"),
    "cvar95_t": About("t/y", "Mean of the worst 5 %"),
    "shortfall_t": About("t/y", "Demand not met"),
    "added_t": About("t/y", "What the stress adds to it"),
    "tonnes": About("t", "Shortfall in tonnes of contained oxide"),
    "added_tonnes": About("t", "What the stress adds to it"),
    "weighted": About("weighted t", "Shortfall weighted by value at stake, discounted"),
    "added_weighted": About("weighted t", "What the stress adds to it"),
    "share_of_demand": About("fraction", "Mean shortfall over mean demand"),
    "coverage": About("fraction", "Share of demand that is met"),
    "probability": About("fraction", "Probability of any shortfall"),
    "target": About("fraction", "Target of the benchmark"),
    "level": About("fraction", "Level reached"),
    "estimate": About("as in unit", "Estimate"),
    "low": About("as in unit", "Lower confidence limit"),
    "high": About("as in unit", "Upper confidence limit"),
    "reliable": About("0 or 1", "1: the interval can be taken at its word"),
    "in_sample": About("as in unit", "The same on the scenarios the portfolio was chosen on"),
    "optimism": About("as in unit", "What the run claims less the true figure"),
    "n": About("scenarios", "Scenarios measured"),
    "effective": About("scenarios", "Effective number of scenarios"),
    "worst": About("0 or 1", "1: the worst start year of the stress"),
    "scenarios": About("scenarios", "Scenarios"),
    "batches": About("batches", "Fresh samples solved"),
    "seed": About("", "Seed of the scenarios"),
}

_TABLES = {
    ("benchmarks", "tonnes"): About("t/y", "Capacity or supply that counts for the benchmark"),
    ("benchmarks", "probability"): About("fraction", "Probability of meeting the target"),
    ("suppliers", "share"): About("fraction", "Share of all that is imported there"),
    ("measures", "share"): About("fraction", "Measure over the objective of the run"),
    ("looks", "relative"): About("fraction", "Gap over the objective"),
    ("looks", "relative_upper"): About("fraction", "Upper confidence limit of the gap over the objective"),
    ("measures", "estimate"): About("weighted t", "Estimate"),
    ("measures", "low"): About("weighted t", "Lower confidence limit"),
    ("measures", "high"): About("weighted t", "Upper confidence limit"),
    ("measures", "least"): About("weighted t", "Least that the gaps of the searches allow"),
    ("measures", "most"): About("weighted t", "Most that the gaps of the searches allow"),
    **{
        (table, column): About("weighted t", meaning)
        for table, column, meaning in (
            ("looks", "gap", "Estimated gap of the portfolio to the best one"),
            ("looks", "upper", "Upper confidence limit of the gap"),
            ("looks", "sampling_gap", "Part of the gap from sampling"),
            ("looks", "solver_gap", "Part of the gap that the searches left open"),
            ("looks", "bound_low", "Lower confidence limit of the bound"),
            ("looks", "objective", "Objective of the portfolio"),
            ("looks", "bound", "Bound on every portfolio"),
            ("batches", "candidate", "Objective of the portfolio on the batch"),
            ("batches", "found", "Best objective found on the batch"),
            ("batches", "bound", "Bound on every portfolio on the batch"),
            ("batches", "gap", "Candidate less bound"),
            ("batches", "deviation", "Standard deviation over scenarios of what the portfolio costs more"),
            ("batches", "sampling_gap", "Candidate less the best found"),
            ("batches", "solver_gap", "Best found less bound"),
        )
    },
}

_SUFFIXES = (
    ("_usd_m", About("USD M")),
    ("_t_per_year", About("t/y")),
    ("_tpy", About("t/y")),
    ("_share", About("fraction")),
    ("_weighted", About("weighted t")),
    ("_probability", About("fraction")),
    ("_months", About("months")),
    ("_t", About("t/y")),
)
_LIMITS = (("_low", "Lower confidence limit of "), ("_high", "Upper confidence limit of "))


def about(table: str, column: str) -> About:
    """Return what a column of a table means; unknown ones by the unit their name ends with, else nothing."""
    known = _TABLES.get((table, column)) or _COLUMNS.get(column)
    if known is not None:
        return known
    for ending, words in _LIMITS:
        if column.endswith(ending):
            base = about(table, column.removesuffix(ending))
            return replace(base, meaning=f"{words}{column.removesuffix(ending)}", text=False)
    if column.startswith("rights_"):
        return About("fraction", f"Share of output that {column.removeprefix('rights_')} has a right to")
    for ending, found in _SUFFIXES:
        if column.endswith(ending):
            return found
    return About()
