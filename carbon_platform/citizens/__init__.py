"""Citizens: acts, carbon book, points, redemption."""
