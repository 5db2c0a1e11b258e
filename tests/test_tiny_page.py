"""The page that works the tiny case out by hand says what the product finds."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

import portfolio
from models import Decision

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "tiny.md").read_text(encoding="utf-8")


def table(first: str) -> list[dict[str, str]]:
    """Rows of the table of the page whose first column has that header."""
    lines = PAGE.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"| {first} |"))
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[at:]]
    end = next((n for n, line in enumerate(lines[at:]) if not line.startswith("|")), len(split))
    return [dict(zip(split[0], row, strict=True)) for row in split[2:end]]


def digits(text: str) -> float:
    """Half a unit of the last digit given, for a comparison that is as sharp as the page."""
    decimals = len(text.partition(".")[2])
    return 0.5000001 * 10.0**-decimals if decimals else 1e-6


@cache
def solved(budget: str) -> portfolio.Run:
    return portfolio.solve(ROOT / "inputs" / "tiny", gap=0.0, overrides=[f"budgets.budget_usd_m={budget}"])


@cache
def shipped() -> portfolio.Run:
    return portfolio.solve(ROOT / "inputs" / "tiny", gap=0.0)


def agree(text: str, value: float) -> bool:
    return float(text) == pytest.approx(value, abs=digits(text))


@pytest.mark.parametrize("row", table("plant"), ids=lambda row: row["plant"])
def test_plants(row: dict[str, str]) -> None:
    case = shipped().assembly.case
    name = row["plant"].partition(" ")[0]
    project = next(p for p in case.projects if p.project == name)
    (output,) = case.outputs[name]
    assert agree(row["t/y"], output.capacity_tpy)
    assert agree(row["capex"], project.capex_usd_m)
    assert agree(row["opex a year"], project.opex_usd_m_y)
    revenue = row["revenue a year at 100 USD/kg"].rpartition("= ")[2]
    assert agree(revenue, output.capacity_tpy * output.payable * 100 / 1000)


@pytest.mark.parametrize("row", table("option"), ids=lambda row: row["option"])
def test_financing(row: dict[str, str]) -> None:
    """The page's own arithmetic, then the product's figures."""
    assembly = shipped().assembly
    project, structure = row["option"].split()
    option = assembly.instance.options[project, structure, 2027]
    equity = assembly.instance.shares["EUF", project, "equity", structure, 2027]
    uses, gap, margin = float(row["uses"]), float(row["gap"]), float(row["margin"])
    annuity = (1 - 1.03**-15) / 0.03
    service = gap * (0.5 * 1.015 * 1.03 + 0.5 * 1.015) / annuity
    assert agree(row["service"], service)
    assert agree(row["dividends"], 2 * (margin - service))
    assert agree(row["cost of equity"], uses * (1 - 2 * (margin - service) / (uses - gap)))
    assert agree(row["uses"], option.uses_usd_m)
    assert agree(row["gap"], option.gap * option.uses_usd_m)
    assert agree(row["cost of equity"], equity.cost_usd_m)
    assert set(assembly.instance.options) == {(*r["option"].split(), 2027) for r in table("option")}


@pytest.mark.parametrize("row", table("instrument"), ids=lambda row: f"{row['instrument']} {row['option']}")
def test_charges(row: dict[str, str]) -> None:
    project, structure = row["option"].split()
    shares = shipped().assembly.instance.shares
    found = [s for k, s in shares.items() if k[1:] == (project, row["instrument"], structure, 2027)]
    assert found
    for share in found:
        assert agree(row["charge"], share.charge_usd_m)
        assert agree(row["cost"], share.cost_usd_m)


def test_portfolio() -> None:
    rows = table("member")
    bought = shipped().portfolio.set_index(["member", "instrument"])
    assert set(bought.index) == {(r["member"], r["instrument"]) for r in rows}
    assert bought["project"].eq("INTEG").all()
    assert bought["structure"].eq("floor").all()
    for row in rows:
        found = bought.loc[(row["member"], row["instrument"])]
        assert float(row["share"]) == pytest.approx(found["share"], abs=1e-6)
        assert float(row["charge"]) == pytest.approx(found["charge_usd_m"], abs=1e-4)


def test_shortfall() -> None:
    run = shipped()
    short = run.headline["shortfall"]
    says = re.search(r"shortfall ([\d.]+) → ([\d.]+) t a year.*?([\d.]+) % → ([\d.]+) % of demand", PAGE)
    assert says is not None
    for n, world in enumerate(("without", "with")):
        assert agree(says[1 + n], short[world]["tonnes_per_year"])
        assert agree(says[3 + n], 100 * short[world]["share_of_demand"])
    after = run.shortfall.loc[run.shortfall["world"] == "with"].set_index(["region", "year"])["mean_t"]
    assert after["JP"].to_numpy() == pytest.approx(0.0, abs=1e-6)
    assert after["EU"].to_numpy() == pytest.approx([0.0, 0.0, 200.0, 200.0], abs=1e-6)


@pytest.mark.parametrize("row", table("budget each"), ids=lambda row: row["budget each"])
def test_budgets(row: dict[str, str]) -> None:
    run = solved(row["budget each"])
    chosen = sorted(f"{p} {a}" for p, a, _ in run.decision.chosen)
    wanted = [] if row["portfolio"] == "nothing" else row["portfolio"].split(", ")
    assert set(wanted) <= set(chosen)
    assert chosen == wanted
    assert agree(row["objective"], run.solution.objective)
    assert agree(row["public cost"], run.headline["public_cost_usd_m"])
    assert float(row["Z"]) == pytest.approx(run.headline["shortfall"]["with"]["weighted"], abs=1e-6)
    assert run.headline["shortfall"]["without"]["weighted"] == pytest.approx(1200.0)
    for instrument in ("offtake", "cfd"):
        taken = sum(x for key, x in run.decision.share.items() if key[2] == instrument)
        assert float(row[instrument]) == pytest.approx(taken, abs=digits(row[instrument]) + 1e-6)


def test_claims_of_the_text() -> None:
    """More money never hurts; the chain loses to a partly offtaken plant where the page says so."""
    objectives = [float(r["objective"]) for r in table("budget each")]
    assert objectives == sorted(objectives, reverse=True)
    assert {p for p, _, _ in solved("53.3").decision.chosen} == {"MINE", "SEPAR"}
    assert {p for p, _, _ in solved("53.4").decision.chosen} == {"INTEG"}
    assert solved("98").headline["shortfall"]["with"]["weighted"] == pytest.approx(0.0, abs=1e-6)
    assert solved("44").decision == Decision()
