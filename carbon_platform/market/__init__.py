"""Market: listings and trades; goods and money move in one ledger entry."""
