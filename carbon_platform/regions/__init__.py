"""Province → city → county → township → village, and the city's development batches."""
