"""The demo: a seeded world, and one story told through the platform's own HTTP API.

Every organisation, person and parcel here is made up (演示); county boundaries, code lists, factors,
targets and equations are the real ones, with their sources.
"""
