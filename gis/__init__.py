"""Parcels as shapes: read, locate, measure, repair, compare. Frames in, frames out.

This package is pure: it knows no web, no database, no clock and no platform. Coordinates are
longitude, latitude in CGCS2000 (EPSG:4490) unless a name says ``plane`` (EPSG:4526, metres).
"""
