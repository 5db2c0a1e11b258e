"""Project finance: sizing, survival, contract cash flows, budget conventions, ledger."""
