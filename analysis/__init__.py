"""What the ledger means: curves, intervals, the report."""
