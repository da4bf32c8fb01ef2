"""Revenue: receipts, distribution to county level and below, targets."""
