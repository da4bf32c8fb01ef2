"""Merchants (商家): who honours points, what they offer, for which budget, and how they are paid.

What a citizen does with points is in ``citizens.rewards``; here are the shops, their codes, their statements.
"""
