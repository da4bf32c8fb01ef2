"""账簿: the ledger over HTTP — own statements, the nightly reconciliation, what stands still."""
