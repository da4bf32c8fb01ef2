"""Parcels (地块): staged import of the bureau's files, the register, and candidates for overlaps."""
