"""Measurements: ``make bench NAME=sandbox``."""
