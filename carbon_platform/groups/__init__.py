"""Families, communities, schools and companies: sharing, gifts, ranking, statistics of ten and more."""
