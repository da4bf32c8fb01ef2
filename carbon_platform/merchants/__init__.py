"""Shops and sponsors: offers, one-time codes verified offline, budgets, monthly settlement."""
