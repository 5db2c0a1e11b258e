"""Project finance: sizing of debt, simulation of plant cash, charges of commitments, the exact ledger."""

from portfolio.finance.charges import CashFlows, cash_flows, commitments, expected_repayment
from portfolio.finance.closing import assumed_public_loan
from portfolio.finance.ledger import Position, ledger
from portfolio.finance.simulate import simulate
from portfolio.finance.sizing import size
from portfolio.finance.types import CONVENTIONS, Commitment, Financing, PlantPath
from portfolio.finance.unaided import unaided

__all__ = [
    "CONVENTIONS",
    "CashFlows",
    "Commitment",
    "Financing",
    "PlantPath",
    "Position",
    "assumed_public_loan",
    "cash_flows",
    "commitments",
    "expected_repayment",
    "ledger",
    "simulate",
    "size",
    "unaided",
]
